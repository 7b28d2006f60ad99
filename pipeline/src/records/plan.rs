//! What becomes of each field of a kind of record, looked up once a field: the tables of schema, kinds and secrets made into
//! one, with the names as they stand in documents.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

use super::kinds::{self, Kind};
use super::schema::{DATASETS, Dataset, ECS_VERSION, OTHER, Treatment, suricata};
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
    pub treatment: Option<Treatment>,
    /// Where [`Treatment::To`] leads.
    pub to: Option<Place>,
    /// Among the fields of the kind itself.
    pub own: Option<Place>,
    pub secrecy: Secrecy,
}

/// Fields of records of most kinds.
const COMMON: [&str; 11] = [
    "_path",
    "_system_name",
    "_write_ts",
    "community_id",
    "id.orig_h",
    "id.orig_p",
    "id.resp_h",
    "id.resp_p",
    "proto",
    "ts",
    "uid",
];

/// What becomes of one kind of record.
#[derive(Debug)]
pub(super) struct Plan {
    pub dataset: &'static Dataset,
    /// Members that all documents of the kind have in common, behind the times.
    pub head: Vec<u8>,
    rows: Map<Row>,
}

impl Plan {
    fn new(module: &str, dataset: &'static Dataset, log: &'static [(&'static str, Kind)], name: &str) -> Self {
        let mut rows = Map::default();
        let names = dataset.fields.iter().map(|(field, _)| *field).chain(log.iter().map(|(field, _)| *field));
        for field in names {
            let treatment = dataset.fields.iter().find(|(known, _)| *known == field).map(|(_, treatment)| *treatment);
            let to = match treatment {
                Some(Treatment::To(place)) => kinds::ecs(place).map(|kind| Place::new(place, kind)),
                _ => None,
            };
            let own = kinds::of(log, field).map(|kind| Place::new(&[module, ".", name, ".", field].concat(), kind));
            rows.insert(field, Row { treatment, to, own, secrecy: secrets::secrecy(name, field) });
        }
        // What every record has, and what is dealt with by name, hides nothing.
        for field in COMMON {
            let row = || Row { treatment: None, to: None, own: None, secrecy: Secrecy::None };
            rows.entry(field).or_insert_with(row);
        }
        let texts = |texts: &[&str]| serde_json::json!(texts).to_string();
        let head = format!(
            r#","ecs.version":"{ECS_VERSION}","event.kind":"{}","event.category":{},"event.module":"{module}""#,
            dataset.kind,
            texts(dataset.category)
        );
        Self { dataset, head: head.into_bytes(), rows }
    }

    /// The row of a field that a table knows.
    pub(super) fn row(&self, field: &str) -> Option<&Row> {
        self.rows.get(field)
    }
}

static ZEEK: LazyLock<Map<Plan>> = LazyLock::new(|| {
    let tables = DATASETS.iter().map(|dataset| dataset.name);
    let names = tables.chain(kinds::datasets());
    let of = |name| DATASETS.iter().find(|dataset| dataset.name == name).unwrap_or(&OTHER);
    names.map(|name| (name, Plan::new("zeek", of(name), kinds::zeek(name), name))).collect()
});

static UNKNOWN: LazyLock<Plan> = LazyLock::new(|| Plan::new("zeek", &OTHER, &[], ""));

static SURICATA: LazyLock<[Plan; 2]> =
    LazyLock::new(|| ["alert", ""].map(|name| Plan::new("suricata", suricata(name), &[], name)));

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
type Map<T> = HashMap<&'static str, T, BuildHasherDefault<Fnv>>;

/// Fowler, Noll and Vo's hash 1a: for short keys as fast as any.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
