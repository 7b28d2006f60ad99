//! One record of a sensor becomes one action of a bulk request: ECS names, enriched, under an id that is the same each
//! time the record is seen.

use std::net::IpAddr;

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::community_id::{Flow, community_id, protocol_number};
use super::dataset::{KeyNames, Naming};
use super::fields::{Fields, plain_text};
use super::identity::Identity;
use super::json;
use super::kinds::Kind;
use super::names::{self, SipUri};
use super::networks::{Networks, direction};
use super::plan::{self, Place, Plan, Row};
use super::schema::{Dataset, Ends, Treatment};
use super::secrets::{self, MASK};
use super::timestamp::{Timestamp, write_date};

/// What holds for every record of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standard {
    pub tenant: String,
    pub index_prefix: String,
    pub networks: Networks,
    pub naming: Naming,
    pub indices: IndexNames,
}

/// Which index a record goes to. Few datasets make almost all records: they have indices of their own, and all others share
/// one, so that the number of indices is bounded whatever names a sensor sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexNames {
    /// Datasets with indices of their own.
    pub own: BTreeSet<String>,
    /// Datasets whose indices are for less than a day: hours of one, a divisor of 24.
    pub hours: std::collections::BTreeMap<String, u8>,
}

/// Name of the index that other datasets share; no dataset has it as its own.
pub const SHARED: &str = "other";

impl Default for IndexNames {
    fn default() -> Self {
        let own = ["conn", "dns", "http", "ssl", "files"].map(str::to_owned);
        Self { own: own.into(), hours: std::collections::BTreeMap::new() }
    }
}

impl IndexNames {
    /// The name in the index's: the dataset's own or the shared one.
    fn of<'a>(&self, dataset: &'a str) -> &'a str {
        if self.own.contains(dataset) { dataset } else { SHARED }
    }
}

/// Where a record comes from.
#[derive(Debug, Clone)]
pub struct Origin<'a> {
    /// Of the key of the object that the sensor uploaded.
    pub identity: Identity,
    pub sensor: Option<&'a str>,
    /// Datasets that the key names.
    pub names: KeyNames,
    /// When the sensor's object was written: the time of records of kinds that have none.
    pub written: i64,
    /// When its records are ingested.
    pub ingested: i64,
    /// Records outside of these times are rejected: their index would be gone, or lie in the future.
    pub oldest: i64,
    pub newest: i64,
}

/// A record that cannot be indexed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    #[error("the record is not a JSON object: {0}")]
    NotAnObject(String),
    #[error("neither the record (`_path`), nor the settings' patterns, nor the key name a dataset")]
    NoDataset,
    #[error("{0}")]
    NoTime(String),
    #[error("the record's time {0} is outside of what is kept: {1}")]
    OutOfTime(String, &'static str),
    /// The search domain's own words.
    #[error("{kind}: {reason}")]
    Refused { kind: String, reason: String },
}

impl Reject {
    /// As in rejected records and metrics.
    pub fn code(&self) -> &str {
        match self {
            Self::NotAnObject(_) => "not-an-object",
            Self::NoDataset => "no-dataset",
            Self::NoTime(_) => "no-time",
            Self::OutOfTime(..) => "out-of-time",
            Self::Refused { kind, .. } => kind,
        }
    }
}

impl Standard {
    /// With everything but the tenant's name as it is by default.
    pub fn new(tenant: &str) -> Self {
        Self {
            tenant: tenant.to_owned(),
            index_prefix: "zeek".to_owned(),
            networks: Networks::default(),
            naming: Naming::default(),
            indices: IndexNames::default(),
        }
    }

    /// Appends the two lines of the bulk action for `record`. `text`: the record as it came, at byte `offset` of its
    /// origin, which gives it its id. On an error `body` is as it was.
    ///
    /// # Errors
    /// The record cannot be indexed.
    pub fn write(
        &self,
        record: &[u8],
        text: &[u8],
        offset: u64,
        origin: &Origin<'_>,
        body: &mut Vec<u8>,
    ) -> Result<Timestamp, Reject> {
        let record = record.strip_prefix(super::BOM).unwrap_or(record);
        let fields = Fields::parse(record).map_err(|error| not_an_object(record, &error))?;
        let (fields, sensor) = if Sensor::of(&fields) == Sensor::Suricata {
            (fields.flattened(), Sensor::Suricata)
        } else {
            (fields, Sensor::Zeek)
        };
        let name = match sensor {
            Sensor::Suricata => fields.text("event_type").and_then(super::dataset::legal),
            Sensor::Zeek => self.naming.choose(fields.text("_path"), &origin.names),
        };
        let name = name.ok_or(Reject::NoDataset)?;
        let time = time(&fields, sensor, &name, origin)?;
        if time.seconds < origin.oldest || time.seconds > origin.newest {
            let side =
                if time.seconds < origin.oldest { "it is older than the retention" } else { "it is in the future" };
            return Err(Reject::OutOfTime(time.to_string(), side));
        }
        self.write_action(sensor, &name, time, offset, text, origin, body);
        self.write_document(sensor, &name, time, &fields, origin, body);
        Ok(time)
    }

    /// A record with its secrets masked, as far as it can be read.
    pub fn masked<'r>(&self, record: &'r [u8], names: &KeyNames) -> Cow<'r, [u8]> {
        let Ok(fields) = Fields::parse(record.strip_prefix(super::BOM).unwrap_or(record)) else {
            return Cow::Borrowed(record);
        };
        let sensor = Sensor::of(&fields);
        let name = self.naming.choose(fields.text("_path"), names).unwrap_or_default();
        let fields = if sensor == Sensor::Suricata { fields.flattened() } else { fields };
        let text = |field: &str| fields.text(field);
        let secrets = fields.iter().filter(|(field, raw)| secrets::hides(&name, field, raw, &text));
        let mut ranges: Vec<_> = secrets
            .map(|(_, raw)| {
                // Raw values are slices of the record.
                let start = (raw.as_ptr() as usize).saturating_sub(record.as_ptr() as usize);
                start..start + raw.len()
            })
            .collect();
        if ranges.is_empty() {
            return Cow::Borrowed(record);
        }
        ranges.sort_by_key(|range| range.start);
        let (mut masked, mut at) = (Vec::with_capacity(record.len()), 0);
        for range in ranges {
            masked.extend_from_slice(record.get(at..range.start).unwrap_or_default());
            masked.extend_from_slice(MASK.as_bytes());
            at = range.end;
        }
        masked.extend_from_slice(record.get(at..).unwrap_or_default());
        Cow::Owned(masked)
    }

    /// `create`: what is there already stays, and is told as 409, so a second run changes nothing.
    #[expect(clippy::too_many_arguments, reason = "what an action is made of")]
    fn write_action(
        &self,
        sensor: Sensor,
        name: &str,
        time: Timestamp,
        offset: u64,
        text: &[u8],
        origin: &Origin<'_>,
        body: &mut Vec<u8>,
    ) {
        let name = if sensor == Sensor::Zeek { self.indices.of(name) } else { SHARED };
        body.extend_from_slice(br#"{"create":{"_index":""#);
        body.extend_from_slice(self.index_prefix.as_bytes());
        body.push(b'-');
        body.extend_from_slice(name.as_bytes());
        body.push(b'-');
        write_date(time.day(), b'.', body);
        if let Some(hours) = self.indices.hours.get(name).filter(|hours| **hours > 0) {
            let hours = i64::from(*hours);
            body.extend_from_slice(format!("-{:02}", time.hour() / hours * hours).as_bytes());
        }
        body.extend_from_slice(br#"","_id":""#);
        origin.identity.write(offset, text, body);
        body.extend_from_slice(b"\"}}\n");
    }

    fn write_document(
        &self,
        sensor: Sensor,
        name: &str,
        time: Timestamp,
        fields: &Fields<'_>,
        origin: &Origin<'_>,
        body: &mut Vec<u8>,
    ) {
        let plan = match sensor {
            Sensor::Zeek => plan::zeek(name),
            Sensor::Suricata => plan::of_suricata(name),
        };
        let dataset = plan.dataset;
        let mut document = Document {
            body,
            name,
            record: fields,
            sensor,
            ends: ends(sensor, dataset, fields),
            is_icmp: false,
            types: dataset.types.to_vec(),
            header_flags: Vec::new(),
            plan,
            unmapped: Vec::new(),
            overlong: Vec::new(),
        };
        document.body.extend_from_slice(br#"{"@timestamp":""#);
        time.write_iso(document.body);
        document.body.extend_from_slice(br#"","event.ingested":""#);
        Timestamp { seconds: origin.ingested, micros: 0 }.write_iso(document.body);
        document.body.push(b'"');
        document.body.extend_from_slice(&plan.head);
        document.name("event.dataset");
        document.body.push(b'"');
        for part in [sensor.module(), ".", name, "\""] {
            document.body.extend_from_slice(part.as_bytes());
        }
        document.text("organization.id", &self.tenant);
        if let Some(observer) = fields.text("_system_name").or(origin.sensor) {
            document.text("observer.name", observer);
        }
        self.write_flow(dataset, fields, &mut document);
        let text = |field: &str| fields.text(field);
        for (key, raw) in fields.iter() {
            let row = plan.row(key);
            let secrecy = row.map_or_else(|| secrets::secrecy(name, key), |row| row.secrecy);
            if secrets::hides_by(secrecy, name, key, raw, &text) {
                document.kept(key, MASK);
            } else {
                document.field(row, key, raw);
            }
        }
        let types = std::mem::take(&mut document.types);
        document.texts("event.type", &types);
        let header_flags = std::mem::take(&mut document.header_flags);
        if !header_flags.is_empty() {
            document.texts("dns.header_flags", &header_flags);
        }
        for (name, members) in [("unmapped", &document.unmapped), ("overlong", &document.overlong)] {
            if !members.is_empty() {
                document.body.extend_from_slice(&[b",\"", name.as_bytes(), b"\":{", members, b"}"].concat());
            }
        }
        document.body.extend_from_slice(b"}\n");
    }

    /// Who talked to whom: ends, direction, flow id.
    fn write_flow(&self, dataset: &Dataset, fields: &Fields<'_>, document: &mut Document<'_>) {
        let address = |name| fields.text(name).and_then(|text| without_zone(text).parse::<IpAddr>().ok());
        let ends = document.ends;
        let (source, destination) = (address(ends.source), address(ends.destination));
        let transport = fields.text("proto").map(str::to_ascii_lowercase);
        let named = || super::schema::transport(document.name);
        let is_dtls = fields.text("version").is_some_and(|version| version.starts_with("DTLS"));
        let transport = transport.as_deref().or(is_dtls.then_some("udp")).or(dataset.transport).or_else(named);
        if let Some(transport) = transport {
            document.text("network.transport", transport);
            document.is_icmp = transport.starts_with("icmp");
        }
        if let Some(protocol) = dataset.protocol {
            document.text("network.protocol", protocol);
        }
        for (total, one, other) in document.sensor.totals() {
            let number = |name| fields.get(name).and_then(|raw| raw.parse::<u64>().ok());
            let sum = number(one).and_then(|one| one.checked_add(number(other)?));
            if let Some(sum) = sum {
                document.raw(total, &sum.to_string());
            }
        }
        let ports = document.ports(fields);
        let roles = [("client.ip", source), ("server.ip", destination)].into_iter().filter(|_| dataset.has_roles);
        for (place, address) in roles.filter_map(|(place, address)| Some((place, address?))) {
            document.text(place, &address.to_string());
        }
        let (Some(source), Some(destination)) = (source, destination) else { return };
        document.text("network.direction", self.direction(source, destination, fields));
        document.text("network.type", if source.is_ipv6() { "ipv6" } else { "ipv4" });
        if fields.get("community_id").is_some() {
            return;
        }
        let number = transport.and_then(|transport| protocol_number(transport, source.is_ipv6()));
        if let (Some(protocol), (Some(source_port), Some(destination_port))) = (number, ports) {
            let flow = Flow { source, source_port, destination, destination_port, protocol };
            document.text("network.community_id", &community_id(flow));
        }
    }

    /// By the tenant's own networks; where the settings name none, a sensor that says what is local knows better than the
    /// private blocks.
    fn direction(&self, source: IpAddr, destination: IpAddr, fields: &Fields<'_>) -> &'static str {
        let said = |name| fields.get(name).and_then(|raw| raw.parse::<bool>().ok());
        match said("local_orig").zip(said("local_resp")).filter(|_| !self.networks.are_given()) {
            Some((source, destination)) => direction(source, destination),
            None => direction(self.networks.contain(source), self.networks.contain(destination)),
        }
    }
}

/// Names of the two ends: the connection's if the record has one, else the kind's own.
fn ends(sensor: Sensor, dataset: &Dataset, fields: &Fields<'_>) -> Ends {
    let connection = sensor.ends();
    let has_connection = fields.get(connection.source).is_some() || fields.get(connection.destination).is_some();
    dataset.ends.filter(|_| !has_connection).unwrap_or(connection)
}

/// Why a record cannot be read, as far as its first bytes say it.
fn not_an_object(record: &[u8], error: &serde_json::Error) -> Reject {
    let hint = match record {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("it begins with UTF-16's byte order mark, UTF-8 is expected"),
        _ if record.contains(&0) => Some("it holds zero bytes: it is UTF-16 or no text, UTF-8 is expected"),
        _ if std::str::from_utf8(record).is_err() => Some("it is not UTF-8"),
        _ if record.contains(&b'\t') && record.first() != Some(&b'{') => {
            Some("it looks like a line of a tab-separated log, whose `#fields` header is missing")
        }
        _ => None,
    };
    Reject::NotAnObject(hint.map_or_else(|| error.to_string(), str::to_owned))
}

/// The record's time.
fn time(fields: &Fields<'_>, sensor: Sensor, name: &str, origin: &Origin<'_>) -> Result<Timestamp, Reject> {
    let field = sensor.time();
    match fields.get(field).or_else(|| fields.get("_write_ts")) {
        Some(raw) => Timestamp::parse(raw).ok_or_else(|| {
            let mut shown = raw.to_owned();
            crate::bulk::verdict::truncate(&mut shown, 64);
            Reject::NoTime(format!(
                "the record's `{field}` is {shown}: expected seconds since 1970 or an ISO 8601 time"
            ))
        }),
        None if super::schema::has_no_time(name) => Ok(Timestamp { seconds: origin.written, micros: 0 }),
        None => Err(Reject::NoTime(format!("the record has no `{field}`"))),
    }
}

/// What wrote the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sensor {
    Zeek,
    /// Its `eve.json`.
    Suricata,
}

impl Sensor {
    fn of(fields: &Fields<'_>) -> Self {
        let is_eve =
            fields.get("_path").is_none() && fields.get("event_type").is_some() && fields.get("timestamp").is_some();
        if is_eve { Self::Suricata } else { Self::Zeek }
    }

    fn module(self) -> &'static str {
        match self {
            Self::Zeek => "zeek",
            Self::Suricata => "suricata",
        }
    }

    fn time(self) -> &'static str {
        match self {
            Self::Zeek => "ts",
            Self::Suricata => "timestamp",
        }
    }

    /// Totals of both directions, and what they are of.
    fn totals(self) -> [(&'static str, &'static str, &'static str); 2] {
        match self {
            Self::Zeek => {
                [("network.bytes", "orig_ip_bytes", "resp_ip_bytes"), ("network.packets", "orig_pkts", "resp_pkts")]
            }
            Self::Suricata => [
                ("network.bytes", "flow.bytes_toserver", "flow.bytes_toclient"),
                ("network.packets", "flow.pkts_toserver", "flow.pkts_toclient"),
            ],
        }
    }

    fn ends(self) -> Ends {
        match self {
            Self::Zeek => Ends {
                source: "id.orig_h",
                source_port: "id.orig_p",
                destination: "id.resp_h",
                destination_port: "id.resp_p",
                ports: None,
            },
            Self::Suricata => Ends {
                source: "src_ip",
                source_port: "src_port",
                destination: "dest_ip",
                destination_port: "dest_port",
                ports: None,
            },
        }
    }
}

/// An address without the zone that a link-local one may have (RFC 4007): `fe80::1%eth0`.
fn without_zone(text: &str) -> &str {
    text.split('%').next().unwrap_or(text)
}

/// A document under way: after its first member, before its closing brace.
struct Document<'a> {
    body: &'a mut Vec<u8>,
    /// Name of the dataset, for fields without a place in ECS.
    name: &'a str,
    record: &'a Fields<'a>,
    sensor: Sensor,
    ends: Ends,
    /// Instead of ports there are a type and a code.
    is_icmp: bool,
    /// ECS `event.type`.
    types: Vec<&'static str>,
    /// ECS `dns.header_flags`.
    header_flags: Vec<&'static str>,
    plan: &'static Plan,
    /// Members of `unmapped`: fields that no table knows, or whose value is not of the field's kind.
    unmapped: Vec<u8>,
    /// Members of `overlong`: what is too large or too deep to be searched for.
    overlong: Vec<u8>,
}

impl Document<'_> {
    /// The name of a member: one of ours, in which nothing needs an escape.
    fn name(&mut self, name: &str) {
        self.body.extend_from_slice(b",\"");
        self.body.extend_from_slice(name.as_bytes());
        self.body.extend_from_slice(b"\":");
    }

    fn raw(&mut self, name: &str, raw: &str) {
        self.name(name);
        self.value(raw);
    }

    /// A value as it came. Between its tokens JSON allows line ends, within strings it does not; a bulk line allows none.
    fn value(&mut self, raw: &str) {
        match memchr::memchr2(b'\n', b'\r', raw.as_bytes()) {
            None => self.body.extend_from_slice(raw.as_bytes()),
            Some(_) => self.body.extend(without_line_ends(raw)),
        }
    }

    fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        json::string(text, self.body);
    }

    /// The texts as a list, if there are any.
    fn texts(&mut self, name: &str, texts: &[&str]) {
        let Some((first, rest)) = texts.split_first() else { return };
        self.name(name);
        self.body.push(b'[');
        json::string(first, self.body);
        for text in rest {
            self.body.push(b',');
            json::string(text, self.body);
        }
        self.body.push(b']');
    }

    /// The ports of both ends; where the protocol has fixed ones and the record names none, they are written.
    fn ports(&mut self, fields: &Fields<'_>) -> (Option<u16>, Option<u16>) {
        let ends = self.ends;
        let mut port = |end: &str, address: &str, name: &str, fixed: Option<u16>| {
            if let Some(raw) = fields.get(name) {
                return raw.parse::<u16>().ok();
            }
            let fixed = fixed.filter(|_| fields.get(address).is_some())?;
            self.raw(end, &fixed.to_string());
            Some(fixed)
        };
        let (source, destination) = (ends.ports.map(|ports| ports.0), ends.ports.map(|ports| ports.1));
        (
            port("source.port", ends.source, ends.source_port, source),
            port("destination.port", ends.destination, ends.destination_port, destination),
        )
    }

    fn field(&mut self, row: Option<&Row>, key: &str, raw: &str) {
        let ends = self.ends;
        match key {
            "_path" | "_system_name" | "_write_ts" => {}
            key if key == self.sensor.time() => {}
            "proto" if plain_text(raw).is_some() => {}
            "uid" => self.placed("event.id", key, raw),
            "community_id" => self.placed("network.community_id", key, raw),
            key if key == ends.source => self.address("source", raw),
            key if key == ends.destination => self.address("destination", raw),
            key if key == ends.source_port && self.is_icmp => self.kept("icmp.type", raw),
            key if key == ends.destination_port && self.is_icmp => self.kept("icmp.code", raw),
            key if key == ends.source_port => self.placed("source.port", key, raw),
            key if key == ends.destination_port => self.placed("destination.port", key, raw),
            _ => match row {
                Some(Row { to: Some(place), .. }) => self.at(place, key, raw),
                Some(Row { treatment: Some(treatment), .. }) => self.treated(*treatment, key, raw),
                Some(Row { own: Some(place), .. }) => self.at(place, key, raw),
                _ => self.unmapped(key, raw),
            },
        }
    }

    /// One end of a flow: its address. What else a sensor has in its place, such as a zone, is below `unmapped`.
    fn address(&mut self, end: &str, raw: &str) {
        let text = plain_text(raw).unwrap_or_default();
        let address = without_zone(text);
        let is_address = address.parse::<IpAddr>().is_ok();
        if is_address {
            self.text(&[end, ".ip"].concat(), address);
        }
        if !is_address || address.len() < text.len() {
            self.unmapped(&[end, ".address"].concat(), raw);
        }
    }

    fn treated(&mut self, treatment: Treatment, key: &str, raw: &str) {
        match treatment {
            Treatment::To(place) => self.placed(place, key, raw),
            Treatment::LowerTo(place) => {
                if let Some(text) = plain_text(raw) {
                    self.text(place, &text.to_ascii_lowercase());
                }
                self.kept(key, raw);
            }
            Treatment::Query => {
                if self.record.get("rcode_name").is_none() {
                    self.text("dns.type", "query");
                }
                self.placed("dns.question.name", key, raw);
            }
            Treatment::Id if self.record.get("uid").is_some() => self.kept(key, raw),
            Treatment::Id => self.placed("event.id", key, raw),
            Treatment::Nanoseconds(place) => match nanoseconds(raw) {
                Some(nanoseconds) => self.raw(place, &nanoseconds.to_string()),
                None => self.kept(key, raw),
            },
            Treatment::TlsVersion => match plain_text(raw).and_then(tls_version) {
                Some((protocol, version)) => {
                    self.text("tls.version_protocol", protocol);
                    self.text("tls.version", version);
                }
                None => self.kept(key, raw),
            },
            Treatment::Outcome => match raw {
                "true" => self.text("event.outcome", "success"),
                "false" => self.text("event.outcome", "failure"),
                _ => self.kept(key, raw),
            },
            Treatment::OutcomeBelow(limit, place) => {
                if let Ok(number) = raw.parse::<u64>() {
                    self.text("event.outcome", outcome(number < limit));
                }
                match place {
                    Some(place) => self.placed(place, key, raw),
                    None => self.kept(key, raw),
                }
            }
            Treatment::ResponseCode => {
                if let Some(name) = plain_text(raw) {
                    self.text("dns.type", "answer");
                    self.text("event.outcome", outcome(name == "NOERROR"));
                }
                self.placed("dns.response_code", key, raw);
            }
            Treatment::OutcomeOf(successes) => {
                if let Some(text) = plain_text(raw).map(str::to_ascii_lowercase) {
                    self.text("event.outcome", outcome(successes.contains(&text.as_str())));
                }
                self.kept(key, raw);
            }
            Treatment::ModbusFunction => {
                self.text("event.outcome", outcome(self.record.get("exception").is_none()));
                self.placed("event.action", key, raw);
            }
            Treatment::RequestMethod => {
                if let Some(method) = plain_text(raw) {
                    self.text("event.action", &method.to_ascii_lowercase());
                }
                self.placed("http.request.method", key, raw);
            }
            Treatment::RequestHost => match plain_text(raw).map(names::host_and_port) {
                Some((host, port)) => {
                    self.text("url.domain", host);
                    let port = port.or_else(|| self.record.get(self.ends.destination_port)?.parse().ok());
                    if let Some(port) = port {
                        self.raw("url.port", &port.to_string());
                    }
                }
                None => self.placed("url.domain", key, raw),
            },
            Treatment::ConnectionState => {
                self.types.extend(plain_text(raw).map_or(&[][..], connection_types));
                self.kept(key, raw);
            }
            Treatment::Dropped => {
                match raw {
                    "true" => self.types.push("denied"),
                    "false" => self.types.push("allowed"),
                    _ => {}
                }
                self.kept(key, raw);
            }
            Treatment::FileAction => {
                self.types.push(plain_text(raw).map_or("info", file_type));
                self.placed("event.action", key, raw);
            }
            Treatment::Share => {
                let name = self.record.get("name").and_then(|raw| serde_json::from_str::<String>(raw).ok());
                let share = serde_json::from_str::<String>(raw).ok();
                if let (Some(share), Some(name)) = (share, name) {
                    self.text("file.path", &[&share, "\\", &name].concat());
                }
                self.placed("file.directory", key, raw);
            }
            Treatment::QuestionClass => {
                if let Some(class) = names::dns_class(raw) {
                    self.text("dns.question.class", class);
                }
                self.kept(key, raw);
            }
            Treatment::HeaderFlag(flag) => match raw {
                "true" => self.header_flags.push(flag),
                // What is not listed is not set.
                "false" => {}
                _ => self.kept(key, raw),
            },
            Treatment::Answers => {
                let answers: Vec<String> = serde_json::from_str(raw).unwrap_or_default();
                let addresses: Vec<&String> =
                    answers.iter().filter(|answer| answer.parse::<IpAddr>().is_ok()).collect();
                if !addresses.is_empty() {
                    self.raw("dns.resolved_ip", &serde_json::json!(addresses).to_string());
                }
                self.placed("dns.answers.data", key, raw);
            }
            Treatment::Sequence => {
                if let Some((_, method)) = plain_text(raw).and_then(|text| text.split_once(' ')) {
                    self.text("event.action", method);
                }
                self.kept(key, raw);
            }
            Treatment::SipUri => {
                if let Some(uri) = plain_text(raw).and_then(SipUri::parse) {
                    self.text("url.scheme", uri.scheme);
                    self.text("url.domain", uri.host);
                    if let Some(user) = uri.user {
                        self.text("url.username", user);
                    }
                    if let Some(port) = uri.port {
                        self.raw("url.port", &port.to_string());
                    }
                }
                self.placed("url.full", key, raw);
            }
            Treatment::Principal => {
                match plain_text(raw).map(|text| text.rsplit_once('/').unwrap_or((text, ""))) {
                    Some((user, realm)) if !user.is_empty() => {
                        self.text("user.name", user);
                        if !realm.is_empty() {
                            self.text("user.domain", realm);
                        }
                    }
                    _ => {}
                }
                self.kept(key, raw);
            }
            Treatment::DistinguishedName(whole, parts) => {
                let text = serde_json::from_str::<String>(raw).unwrap_or_default();
                for (part, values) in names::distinguished(&text) {
                    let values: Vec<&str> = values.iter().map(String::as_str).collect();
                    self.texts(&[parts, ".", part].concat(), &values);
                }
                match whole {
                    Some(whole) => self.placed(whole, key, raw),
                    None => self.kept(key, raw),
                }
            }
            Treatment::SignatureAlgorithm => {
                let known = plain_text(raw).and_then(names::signature_algorithm);
                match known {
                    Some(name) => {
                        self.text("file.x509.signature_algorithm", name);
                        self.kept(key, raw);
                    }
                    None => self.placed("file.x509.signature_algorithm", key, raw),
                }
            }
            Treatment::IndicatorKind => {
                let indicator = self.record.get("seen.indicator");
                let is_ipv6 = indicator.is_some_and(|raw| raw.contains(':'));
                if let Some((kind, place)) = plain_text(raw).and_then(|text| names::indicator(text, is_ipv6)) {
                    self.text("threat.indicator.type", kind);
                    if let Some((place, indicator)) = place.zip(indicator) {
                        self.placed(place, "seen.indicator", indicator);
                    }
                }
                self.kept(key, raw);
            }
        }
    }

    /// A field that has a place in ECS, if its value is of that place's kind.
    fn placed(&mut self, place: &str, key: &str, raw: &str) {
        match plan::ecs(place) {
            Some(place) => self.at(place, key, raw),
            None => self.unmapped(key, raw),
        }
    }

    /// A field that ECS has no place for.
    fn kept(&mut self, key: &str, raw: &str) {
        match self.plan.row(key).and_then(|row| row.own.as_ref()) {
            Some(place) => self.at(place, key, raw),
            None => self.unmapped(key, raw),
        }
    }

    /// Writes a value if a field of this kind can take it; the domain ignores a malformed address or number by itself.
    fn at(&mut self, place: &Place, key: &str, raw: &str) {
        let has_objects = raw.starts_with('{') || raw.starts_with('[') && raw.contains('{');
        let time = (place.kind == Kind::Time).then(|| Timestamp::parse(raw)).flatten();
        let fits = !has_objects
            && match place.kind {
                Kind::Text | Kind::Count | Kind::Double | Kind::Address => true,
                Kind::Bool => matches!(raw, "true" | "false" | "null"),
                Kind::Time => raw == "null" || time.is_some(),
            };
        if !fits {
            self.unmapped(key, raw);
            return;
        }
        self.body.extend_from_slice(&place.name);
        match time {
            Some(time) => {
                self.body.push(b'"');
                time.write_iso(self.body);
                self.body.push(b'"');
            }
            None => self.value(raw),
        }
    }

    fn unmapped(&mut self, key: &str, raw: &str) {
        let depth = raw.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count();
        let is_overlong = key.len() + raw.len() > UNMAPPED_MAX || depth > UNMAPPED_DEPTH_MAX;
        let members = if is_overlong { &mut self.overlong } else { &mut self.unmapped };
        if !members.is_empty() {
            members.push(b',');
        }
        json::string(key, members);
        members.push(b':');
        members.extend(without_line_ends(raw));
    }
}

/// ECS `event.outcome`.
fn outcome(is_success: bool) -> &'static str {
    if is_success { "success" } else { "failure" }
}

/// What Zeek's state of a connection says of its life, as values of ECS `event.type`.
fn connection_types(state: &str) -> &'static [&'static str] {
    match state {
        "S0" | "S1" => &["start"],
        "SF" => &["start", "end"],
        "REJ" => &["start", "denied"],
        _ => &["info"],
    }
}

/// What Zeek's action on a file is among the values of ECS `event.type`.
fn file_type(action: &str) -> &'static str {
    match action {
        "SMB::FILE_DELETE" => "deletion",
        "SMB::FILE_RENAME" | "SMB::FILE_SET_ATTRIBUTE" => "change",
        _ => "info",
    }
}

fn without_line_ends(raw: &str) -> impl Iterator<Item = u8> {
    raw.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte })
}

/// Longest name and value below `unmapped`: each of its texts is one term of the index, and Lucene takes 32,766 bytes.
const UNMAPPED_MAX: usize = 8_000;

/// Most brackets in a value below `unmapped`.
const UNMAPPED_DEPTH_MAX: usize = 32;

/// Seconds as whole nanoseconds.
fn nanoseconds(raw: &str) -> Option<u64> {
    let seconds: f64 = raw.parse().ok()?;
    let nanoseconds = (seconds * 1e9).round();
    if !(0.0..9.0e18).contains(&nanoseconds) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded just above")]
    Some(nanoseconds as u64)
}

/// ECS `tls.version_protocol` and `tls.version` of Zeek's version.
fn tls_version(zeek: &str) -> Option<(&'static str, &'static str)> {
    match zeek {
        "SSLv2" => Some(("ssl", "2.0")),
        "SSLv3" => Some(("ssl", "3.0")),
        "TLSv10" => Some(("tls", "1.0")),
        "TLSv11" => Some(("tls", "1.1")),
        "TLSv12" => Some(("tls", "1.2")),
        "TLSv13" => Some(("tls", "1.3")),
        "DTLSv10" => Some(("dtls", "1.0")),
        "DTLSv12" => Some(("dtls", "1.2")),
        "DTLSv13" => Some(("dtls", "1.3")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::kinds;
    use super::super::schema::{DATASETS, searched};
    use super::*;

    fn origin() -> Origin<'static> {
        Origin {
            identity: Identity::of("probe-1/x.log"),
            sensor: Some("probe-1"),
            names: KeyNames::default(),
            written: 1_700_000_000,
            ingested: 1_700_000_060,
            oldest: 1_600_000_000,
            newest: 1_800_000_000,
        }
    }

    fn standard() -> Standard {
        Standard::new("acme")
    }

    fn write(record: &str) -> Result<(Value, Value), Reject> {
        let mut body = Vec::new();
        let outcome = standard().write(record.as_bytes(), record.as_bytes(), 255, &origin(), &mut body);
        if let Err(reject) = outcome {
            assert!(body.is_empty());
            return Err(reject);
        }
        let lines: Vec<&[u8]> = body.split_inclusive(|byte| *byte == b'\n').collect();
        assert_eq!(lines.len(), 2, "{}", String::from_utf8_lossy(&body));
        Ok((serde_json::from_slice(lines[0]).unwrap(), serde_json::from_slice(lines[1]).unwrap()))
    }

    #[test]
    fn a_connection_becomes_ecs() {
        let (action, document) = write(
            r#"{"_path":"conn","ts":1700000000.123456,"uid":"CAcJ","id.orig_h":"10.0.0.5","id.orig_p":51000,
                "id.resp_h":"192.0.2.9","id.resp_p":443,"proto":"tcp","service":"ssl","duration":1.5,"orig_ip_bytes":800,
                "resp_ip_bytes":5000,"orig_pkts":8,"resp_pkts":9,"conn_state":"SF","history":"ShADadfF"}"#,
        )
        .unwrap();
        assert_eq!(action["create"]["_index"], "zeek-conn-2023.11.14");
        assert_eq!(action["create"]["_id"].as_str().unwrap().len(), 22);
        let expected = json!({
            "@timestamp": "2023-11-14T22:13:20.123456Z", "event.ingested": "2023-11-14T22:14:20.000000Z",
            "ecs.version": "8.11.0", "organization.id": "acme",
            "event.kind": "event", "event.module": "zeek", "event.category": ["network"],
            "event.type": ["connection", "start", "end"],
            "event.dataset": "zeek.conn", "event.id": "CAcJ", "event.duration": 1_500_000_000u64,
            "observer.name": "probe-1",
            "source.ip": "10.0.0.5", "source.port": 51000, "source.bytes": 800, "source.packets": 8,
            "destination.ip": "192.0.2.9", "destination.port": 443, "destination.bytes": 5000, "destination.packets": 9,
            "network.transport": "tcp", "network.protocol": "ssl", "network.type": "ipv4",
            "network.bytes": 5800, "network.packets": 17, "network.direction": "outbound",
            "network.community_id": document["network.community_id"],
            "zeek.conn.conn_state": "SF", "zeek.conn.history": "ShADadfF",
        });
        assert_eq!(document, expected);
        assert!(document["network.community_id"].as_str().unwrap().starts_with("1:"));
    }

    fn check(record: &str, field: &str, expected: Value) {
        let (_, document) = write(record).unwrap();
        let members = serde_json::from_value(document.clone()).unwrap();
        let found = searched(members).remove(field).unwrap_or_default();
        assert_eq!(found, expected, "{field} of {document}");
    }

    #[test]
    fn each_kind_of_record_has_its_own_places() {
        let record = |path: &str, more: &str| format!(r#"{{"_path":"{path}","ts":1700000000,{more}}}"#);
        let flow = r#""id.orig_h":"10.0.0.1","id.orig_p":1,"id.resp_h":"10.0.0.2","id.resp_p":2"#;
        check(
            &record("dns", r#""query":"a.example","answers":["b.example","192.0.2.1"]"#),
            "dns.question.name",
            json!("a.example"),
        );
        check(
            &record("dns", r#""query":"a.example","answers":["b.example","192.0.2.1"]"#),
            "dns.resolved_ip",
            json!(["192.0.2.1"]),
        );
        check(&record("http", r#""password":"hunter2""#), "zeek.http.password", json!("(masked)"));
        check(&record("ssl", r#""version":"TLSv13""#), "tls.version", json!("1.3"));
        check(&record("ssh", r#""auth_success":false"#), "event.outcome", json!("failure"));
        check(&record("files", r#""md5":"x""#), "file.hash.md5", json!("x"));
        check(&record("files", r#""md5":"x","sha1":"y""#), "related.hash", json!(["x", "y"]));
        check(&record("http", r#""status_code":404"#), "event.outcome", json!("failure"));
        check(&record("dns", r#""rcode_name":"NOERROR""#), "event.outcome", json!("success"));
        check(&record("notice", r#""note":"Scan::Port_Scan""#), "event.kind", json!("alert"));
        check(&record("notice", r#""src":"10.0.0.9","dst":"10.0.0.8""#), "source.ip", json!("10.0.0.9"));
        check(&record("ssl", &format!(r#""version":"DTLSv12",{flow}"#)), "network.transport", json!("udp"));
        for dataset in ["ftp", "mysql", "quic", "snmp", "ssl", "dce_rpc", "ntp", "kerberos", "sip"] {
            let (_, document) = write(&record(dataset, flow)).unwrap();
            assert!(document["network.community_id"].is_string(), "{dataset}");
        }
        check(&record("kerberos", &format!(r#""client":"a/EXAMPLE",{flow}"#)), "related.user", json!(["a"]));
        check(&record("kerberos", &format!(r#""client":"a/EXAMPLE",{flow}"#)), "client.address", json!("10.0.0.1"));
        check(&record("dns", r#""query":"a.example","AA":true,"RD":false"#), "dns.header_flags", json!(["AA"]));
        check(&record("dns", r#""query":"a.example""#), "dns.type", json!("query"));
        check(&record("conn", r#""conn_state":"REJ""#), "event.type", json!(["connection", "start", "denied"]));
        check(
            &record("conn", &format!(r#""local_orig":true,"local_resp":false,{flow}"#)),
            "network.direction",
            json!("outbound"),
        );
        check(&record("http", &format!(r#""host":"a.example:81",{flow}"#)), "url.port", json!(81));
        check(&record("http", &format!(r#""host":"a.example",{flow}"#)), "url.port", json!(2));
        check(&record("http", r#""username":"u""#), "user.name", json!(["u"]));
        check(&record("ssl", r#""subject":"CN=a,O=B\\, C""#), "tls.server.x509.subject.organization", json!(["B, C"]));
        check(&record("ssl", r#""version":"DTLSv12""#), "tls.version_protocol", json!("dtls"));
        check(&record("dhcp", r#""client_addr":"10.0.0.9","uids":["C1"]"#), "source.port", json!(68));
        check(&record("dhcp", r#""client_addr":"10.0.0.9","uids":["C1"]"#), "event.id", json!(["C1"]));
        check(&record("files", r#""uid":"C","conn_uids":["D"],"tx_hosts":["10.0.0.9"]"#), "event.id", json!("C"));
        check(&record("files", r#""tx_hosts":["10.0.0.9"]"#), "related.ip", json!(["10.0.0.9"]));
        check(&record("socks", r#""status":"general SOCKS server failure""#), "event.outcome", json!("failure"));
        check(&record("modbus", r#""func":"READ_COILS""#), "event.outcome", json!("success"));
        check(&record("sip", r#""seq":"1 INVITE""#), "event.action", json!("INVITE"));
        check(&record("sip", r#""uri":"sip:a@b.example""#), "url.domain", json!("b.example"));
        check(
            &record("intel", r#""seen.indicator":"::1","seen.indicator_type":"Intel::ADDR""#),
            "threat.indicator.ip",
            json!("::1"),
        );
        check(&record("notice", r#""dropped":true"#), "event.type", json!(["info", "denied"]));
        check(&record("signatures", r#""src_addr":"10.0.0.9","sig_id":"x""#), "source.address", json!("10.0.0.9"));
        check(
            &record("x509", r#""certificate.sig_alg":"sha256WithRSAEncryption""#),
            "file.x509.signature_algorithm",
            json!("SHA256-RSA"),
        );
        check(
            &record("x509", r#""san.dns":["a"],"san.ip":["10.0.0.1"]"#),
            "file.x509.alternative_names",
            json!(["a", "10.0.0.1"]),
        );
        check(&record("stats", r#""mem":1"#), "event.kind", json!("metric"));
        let (_, document) =
            write(&record("smb_files", r#""action":"SMB::FILE_DELETE","path":"\\\\a\\b","name":"c""#)).unwrap();
        assert_eq!((&document["file.path"], &document["event.type"][2]), (&json!(r"\\a\b\c"), &json!("deletion")));
        check(&record("smb_files", r#""action":"SMB::FILE_OPEN""#), "event.action", json!("SMB::FILE_OPEN"));
        check(&record("unheard_of", r#""a\"b":[1,{"c":null}]"#), "unmapped", json!({ "a\"b": [1, { "c": null }] }));
        check(
            &record("conn", r#""conn_state":{"a":1},"local_orig":"x","note":1"#),
            "unmapped",
            json!({ "conn_state": { "a": 1 }, "local_orig": "x", "note": 1 }),
        );
        check(
            &record("kerberos", r#""till":1700000000.5"#),
            "zeek.kerberos.till",
            json!("2023-11-14T22:13:20.500000Z"),
        );
        let long = "x".repeat(9000);
        check(&record("conn", &format!(r#""note":"{long}""#)), "overlong", json!({ "note": long }));
        check(
            &record("conn", r#""community_id":"1:given","id.orig_h":"::1","id.resp_h":"::2""#),
            "network.community_id",
            json!("1:given"),
        );
    }

    /// A record with every field that its kind of log has, twice the same name in none.
    #[test]
    fn no_document_names_a_field_twice() {
        let mut datasets: Vec<&str> = DATASETS.iter().map(|dataset| dataset.name).collect();
        datasets.extend(["mqtt_publish", "unheard_of"]);
        for dataset in datasets {
            let mut record = json!({ "_path": dataset, "ts": 1_700_000_000, "uid": "C", "proto": "tcp", "id.orig_h": "10.0.0.1",
                "id.orig_p": 1, "id.resp_h": "10.0.0.2", "id.resp_p": 2 });
            for (field, kind) in kinds::zeek(dataset) {
                let value = match kind {
                    Kind::Text => json!("x"),
                    Kind::Count | Kind::Double | Kind::Time => json!(1_700_000_000),
                    Kind::Bool => json!(true),
                    Kind::Address => json!("10.0.0.3"),
                };
                record.as_object_mut().unwrap().entry(*field).or_insert(value);
            }
            for with_ends in [true, false] {
                if !with_ends {
                    record.as_object_mut().unwrap().retain(|name, _| !name.starts_with("id."));
                }
                let mut body = Vec::new();
                let text = record.to_string();
                standard().write(text.as_bytes(), text.as_bytes(), 0, &origin(), &mut body).unwrap();
                let document = body.split(|byte| *byte == b'\n').nth(1).unwrap();
                let fields = Fields::parse(document).unwrap();
                let mut names: Vec<&str> = fields.iter().map(|(name, _)| name).collect();
                names.sort_unstable();
                assert!(names.is_sorted_by(|one, other| one < other), "{dataset}: {names:?}");
            }
        }
    }

    #[test]
    fn a_record_that_cannot_be_indexed_says_why() {
        let check = |record: &str, code: &str| assert_eq!(write(record).unwrap_err().code(), code, "{record}");
        check("[]", "not-an-object");
        check("{\"_path\":\"conn\",\"ts\":1700000000", "not-an-object");
        check(r#"{"ts":1700000000}"#, "no-dataset");
        check(r#"{"_path":"../","ts":1700000000}"#, "no-dataset");
        check(r#"{"_path":"conn"}"#, "no-time");
        check(r#"{"_path":"conn","ts":"yesterday"}"#, "no-time");
        check(r#"{"_path":"conn","ts":1}"#, "out-of-time");
    }

    proptest! {
        #[test]
        fn whatever_a_record_holds_the_body_stays_lines_of_json(
            fields in prop::collection::btree_map("[ -~é\n\"\\\\]{0,12}", "[ -~é\n\"\\\\]{0,20}", 0..8),
        ) {
            let mut record = json!({ "_path": "conn", "ts": 1_700_000_000, "uid": "C" });
            for (name, text) in &fields {
                record[name.as_str()] = json!(text);
            }
            if let Ok((_, document)) = write(&record.to_string()) {
                for (name, text) in &fields {
                    let places = [Some(&document), document.get("unmapped")];
                    let mut values = places.into_iter().flatten().filter_map(Value::as_object).flat_map(|map| map.values());
                    let kept = values.any(|value| value == text);
                    prop_assert!(kept || name.starts_with('_') || name == "ts" || name == "duration", "{name}");
                }
            }
        }
    }
}
