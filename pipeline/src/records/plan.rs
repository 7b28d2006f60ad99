//! What becomes of each field of a kind of record, looked up once a field: the tables of schema, kinds and secrets made into
//! one, with the names as they stand in documents.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use foldhash::fast::FixedState;

use super::kinds::{self, Kind};
use super::schema::{COMMON, Dataset, ECS_VERSION, Role, Sensor, Treatment, suricata, zeek};
use super::secrets::{self, Secrecy};

/// A member of a document.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// `,"source.ip":`
    pub name: Vec<u8>,
    pub kind: Kind,
}

impl Place {
    fn new(name: &str, kind: Kind) -> Self {
        Self { name: format!(",\"{name}\":").into_bytes(), kind }
    }
}

/// What becomes of one field.
#[derive(Debug)]
pub(super) struct Row {
    /// What it is to the whole record.
    pub role: Option<Role>,
    pub treatment: Option<Treatment>,
    /// The field of ECS that takes its value as it is.
    pub to: Option<Place>,
    /// Among the fields of the kind itself.
    pub own: Option<Place>,
    pub secrecy: Secrecy,
}

/// What becomes of one kind of record.
#[derive(Debug)]
pub(super) struct Plan {
    pub sensor: &'static Sensor,
    pub dataset: &'static Dataset,
    /// Members that all documents of the kind have in common, behind the times.
    pub head: Vec<u8>,
    rows: Map<Row>,
}

impl Plan {
    fn new(sensor: &'static Sensor, dataset: &'static Dataset, name: &str) -> Self {
        let log: &[_] = if *sensor == zeek::SENSOR { kinds::zeek(name) } else { &[] };
        let module = sensor.module;
        let own_ends = dataset.ends.map_or(&[][..], |ends| ends.roles);
        let roles: BTreeMap<_, _> = sensor.roles().chain(own_ends.iter().copied()).collect();
        let treatments: BTreeMap<_, _> =
            dataset.fields.iter().chain(COMMON).copied().chain([(sensor.time, Treatment::Elsewhere)]).collect();
        let names = roles.keys().chain(treatments.keys()).copied().chain(log.iter().map(|(field, _)| *field));
        let row = |field: &'static str| {
            let (role, treatment) = (roles.get(field).copied(), treatments.get(field).copied());
            let to = treatment.and_then(Treatment::place).or_else(|| role?.place());
            Row {
                role,
                treatment,
                to: to.and_then(|place| Some(Place::new(place, kinds::ecs(place)?))),
                own: kinds::of(log, field).map(|kind| Place::new(&[module, ".", name, ".", field].concat(), kind)),
                secrecy: secrets::secrecy(name, field),
            }
        };
        let texts = |texts: &[&str]| serde_json::json!(texts).to_string();
        let head = format!(
            r#","ecs.version":"{ECS_VERSION}","event.kind":"{}","event.category":{},"event.module":"{module}""#,
            dataset.kind,
            texts(dataset.category)
        );
        Self { sensor, dataset, head: head.into_bytes(), rows: names.map(|field| (field, row(field))).collect() }
    }

    /// The row of a field that a table knows.
    pub(super) fn row(&self, field: &str) -> Option<&Row> {
        self.rows.get(field)
    }
}

static ZEEK: LazyLock<Map<Plan>> = LazyLock::new(|| {
    let tables = zeek::DATASETS.iter().map(|dataset| dataset.name);
    let names = tables.chain(kinds::datasets());
    let of = |name| zeek::DATASETS.iter().find(|dataset| dataset.name == name).unwrap_or(&zeek::OTHER);
    names.map(|name| (name, Plan::new(&zeek::SENSOR, of(name), name))).collect()
});

static UNKNOWN: LazyLock<Plan> = LazyLock::new(|| Plan::new(&zeek::SENSOR, &zeek::OTHER, ""));

static SURICATA: LazyLock<[Plan; 2]> =
    LazyLock::new(|| ["alert", ""].map(|name| Plan::new(&suricata::SENSOR, suricata::dataset(name), name)));

/// The plan for records of Zeek's log of this name.
pub(super) fn zeek(name: &str) -> &'static Plan {
    ZEEK.get(name).unwrap_or(&UNKNOWN)
}

/// The plan for Suricata's events of this type.
pub(super) fn of_suricata(event_type: &str) -> &'static Plan {
    let [alert, other] = &*SURICATA;
    if event_type == "alert" { alert } else { other }
}

static ECS: LazyLock<Map<Place>> =
    LazyLock::new(|| kinds::ecs_fields().map(|(name, kind)| (name, Place::new(name, kind))).collect());

/// The place of a field of the Elastic Common Schema.
pub(super) fn ecs(name: &str) -> Option<&'static Place> {
    ECS.get(name)
}

/// By name. The keys are ours: nobody can choose them so that they collide.
type Map<T> = HashMap<&'static str, T, FixedState>;
