//! One record of a sensor becomes one action of a bulk request: ECS names, enriched, under an id that is the same each
//! time the record is seen.

use std::net::IpAddr;

use super::community_id::{Flow, community_id, protocol_number};
use super::fields::{Fields, plain_text};
use super::networks::{Networks, direction};
use super::schema::{DATASETS, Dataset, OTHER, Treatment};
use super::timestamp::{Timestamp, write_date};

/// What holds for every record of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standard {
    pub tenant: String,
    pub index_prefix: String,
    pub networks: Networks,
}

/// Where a record comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin<'a> {
    /// Digest of the object that the sensor uploaded.
    pub identity: &'a str,
    pub sensor: Option<&'a str>,
    /// Records outside of these times are rejected: their index would be gone, or lie in the future.
    pub oldest: i64,
    pub newest: i64,
}

/// A record that cannot be indexed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    #[error("the record is no JSON object: {0}")]
    NotAnObject(String),
    #[error("the record has no `_path` that could name an index")]
    NoDataset,
    #[error("the record's `ts` is missing or no time")]
    NoTime,
    #[error("the record's time is outside of what is kept")]
    OutOfTime,
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
            Self::NoTime => "no-time",
            Self::OutOfTime => "out-of-time",
            Self::Refused { kind, .. } => kind,
        }
    }
}

impl Standard {
    /// Appends the two lines of the bulk action for `record`, which is at byte `offset` of its origin. On an error
    /// `body` is as it was.
    ///
    /// # Errors
    /// The record cannot be indexed.
    pub fn write(
        &self,
        record: &[u8],
        offset: u64,
        origin: &Origin<'_>,
        body: &mut Vec<u8>,
    ) -> Result<Timestamp, Reject> {
        let fields = Fields::parse(record).map_err(|error| Reject::NotAnObject(error.to_string()))?;
        let name = fields.text("_path").filter(|name| names_an_index(name)).ok_or(Reject::NoDataset)?;
        let time = fields.get("ts").and_then(Timestamp::parse).ok_or(Reject::NoTime)?;
        if time.seconds < origin.oldest || time.seconds > origin.newest {
            return Err(Reject::OutOfTime);
        }
        self.write_action(name, time, offset, origin, body);
        self.write_document(name, time, &fields, origin, body);
        Ok(time)
    }

    /// `create`: what is there already stays, and is told as 409, so a second run changes nothing.
    fn write_action(&self, name: &str, time: Timestamp, offset: u64, origin: &Origin<'_>, body: &mut Vec<u8>) {
        body.extend_from_slice(br#"{"create":{"_index":""#);
        body.extend_from_slice(self.index_prefix.as_bytes());
        body.push(b'-');
        body.extend_from_slice(name.as_bytes());
        body.push(b'-');
        write_date(time.day(), b'.', body);
        body.extend_from_slice(br#"","_id":""#);
        body.extend_from_slice(origin.identity.as_bytes());
        body.extend_from_slice(format!("-{offset:x}\"}}}}\n").as_bytes());
    }

    fn write_document(
        &self,
        name: &str,
        time: Timestamp,
        fields: &Fields<'_>,
        origin: &Origin<'_>,
        body: &mut Vec<u8>,
    ) {
        let dataset = DATASETS.iter().find(|dataset| dataset.name == name).unwrap_or(&OTHER);
        let mut document = Document { body, name };
        document.body.extend_from_slice(br#"{"@timestamp":""#);
        time.write_iso(document.body);
        document.body.extend_from_slice(br#"","ecs.version":"8.11.0","event.kind":"event","event.module":"zeek","#);
        document.body.extend_from_slice(dataset.event.as_bytes());
        document.text("event.dataset", &format!("zeek.{name}"));
        document.text("organization.id", &self.tenant);
        document.text("observer.vendor", "Zeek");
        if let Some(sensor) = fields.text("_system_name").or(origin.sensor) {
            document.text("observer.name", sensor);
        }
        self.write_flow(dataset, fields, &mut document);
        for (key, raw) in fields.iter() {
            document.field(dataset, key, raw);
        }
        document.body.extend_from_slice(b"}\n");
    }

    /// Who talked to whom: ends, direction, flow id.
    fn write_flow(&self, dataset: &Dataset, fields: &Fields<'_>, document: &mut Document<'_>) {
        let address = |name| fields.text(name).and_then(|text| text.parse::<IpAddr>().ok());
        let port = |name| fields.get(name).and_then(|raw| raw.parse::<u16>().ok());
        let (source, destination) = (address("id.orig_h"), address("id.resp_h"));
        let transport = fields.text("proto").or(dataset.transport);
        if let Some(transport) = transport {
            document.text("network.transport", transport);
        }
        if let Some(protocol) = dataset.protocol {
            document.text("network.protocol", protocol);
        }
        let (Some(source), Some(destination)) = (source, destination) else { return };
        let (from_inside, to_inside) = (self.networks.contain(source), self.networks.contain(destination));
        document.text("source.locality", locality(from_inside));
        document.text("destination.locality", locality(to_inside));
        document.text("network.direction", direction(from_inside, to_inside));
        document.text("network.type", if source.is_ipv6() { "ipv6" } else { "ipv4" });
        document.raw("related.ip", &format!("[\"{source}\",\"{destination}\"]"));
        if fields.get("community_id").is_some() {
            return;
        }
        let number = transport.and_then(|transport| protocol_number(transport, source.is_ipv6()));
        if let (Some(protocol), Some(source_port), Some(destination_port)) =
            (number, port("id.orig_p"), port("id.resp_p"))
        {
            let flow = Flow { source, source_port, destination, destination_port, protocol };
            document.text("network.community_id", &community_id(flow));
        }
    }
}

/// Index names are lower case and short of the characters that OpenSearch keeps for itself.
fn names_an_index(name: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    !name.is_empty() && name.len() <= 64 && name.bytes().all(sound)
}

fn locality(is_internal: bool) -> &'static str {
    if is_internal { "internal" } else { "external" }
}

/// A document under way: after its first member, before its closing brace.
struct Document<'a> {
    body: &'a mut Vec<u8>,
    /// Name of the dataset, for fields without a place in ECS.
    name: &'a str,
}

impl Document<'_> {
    fn raw(&mut self, name: &str, raw: &str) {
        self.body.push(b',');
        self.string(name);
        self.body.push(b':');
        let from = self.body.len();
        self.body.extend_from_slice(raw.as_bytes());
        // Between the tokens of a value JSON allows line ends, within strings it does not; a bulk line allows none.
        self.body.iter_mut().skip(from).filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
    }

    fn text(&mut self, name: &str, text: &str) {
        self.body.push(b',');
        self.string(name);
        self.body.push(b':');
        self.string(text);
    }

    fn string(&mut self, text: &str) {
        let plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
        if text.bytes().all(plain) {
            self.body.push(b'"');
            self.body.extend_from_slice(text.as_bytes());
            self.body.push(b'"');
        } else {
            self.body.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
        }
    }

    fn field(&mut self, dataset: &Dataset, key: &str, raw: &str) {
        match key {
            "_path" | "_system_name" | "_write_ts" | "ts" => {}
            "proto" if plain_text(raw).is_some() => {}
            "uid" => self.raw("event.id", raw),
            "community_id" => self.raw("network.community_id", raw),
            "id.orig_h" => self.raw("source.ip", raw),
            "id.orig_p" => self.raw("source.port", raw),
            "id.resp_h" => self.raw("destination.ip", raw),
            "id.resp_p" => self.raw("destination.port", raw),
            _ => match dataset.fields.iter().find(|(name, _)| *name == key) {
                Some((_, treatment)) => self.treated(*treatment, key, raw),
                None => self.kept(key, raw),
            },
        }
    }

    fn treated(&mut self, treatment: Treatment, key: &str, raw: &str) {
        match treatment {
            Treatment::To(place) => self.raw(place, raw),
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
            Treatment::ResolvedAddresses => {
                let answers: Vec<String> = serde_json::from_str(raw).unwrap_or_default();
                let addresses: Vec<&String> =
                    answers.iter().filter(|answer| answer.parse::<IpAddr>().is_ok()).collect();
                if !addresses.is_empty() {
                    self.raw("dns.resolved_ip", &serde_json::json!(addresses).to_string());
                }
                self.kept(key, raw);
            }
            Treatment::Secret => self.kept(key, "\"(kept out)\""),
        }
    }

    /// A field that ECS has no place for.
    fn kept(&mut self, key: &str, raw: &str) {
        self.raw(&["zeek.", self.name, ".", key].concat(), raw);
    }
}

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
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const ORIGIN: Origin<'static> = Origin {
        identity: "0123456789abcdef0123",
        sensor: Some("probe-1"),
        oldest: 1_600_000_000,
        newest: 1_800_000_000,
    };

    fn standard() -> Standard {
        Standard { tenant: "acme".to_owned(), index_prefix: "zeek".to_owned(), networks: Networks::default() }
    }

    fn write(record: &str) -> Result<(Value, Value), Reject> {
        let mut body = Vec::new();
        let outcome = standard().write(record.as_bytes(), 255, &ORIGIN, &mut body);
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
        assert_eq!(action, json!({ "create": { "_index": "zeek-conn-2023.11.14", "_id": "0123456789abcdef0123-ff" } }));
        let expected = json!({
            "@timestamp": "2023-11-14T22:13:20.123456Z", "ecs.version": "8.11.0",
            "event.kind": "event", "event.module": "zeek", "event.category": ["network"], "event.type": ["connection"],
            "event.dataset": "zeek.conn", "event.id": "CAcJ", "event.duration": 1_500_000_000u64,
            "organization.id": "acme", "observer.vendor": "Zeek", "observer.name": "probe-1",
            "source.ip": "10.0.0.5", "source.port": 51000, "source.bytes": 800, "source.packets": 8, "source.locality": "internal",
            "destination.ip": "192.0.2.9", "destination.port": 443, "destination.bytes": 5000, "destination.packets": 9,
            "destination.locality": "external", "network.transport": "tcp", "network.protocol": "ssl", "network.type": "ipv4",
            "network.direction": "outbound", "network.community_id": document["network.community_id"], "related.ip": ["10.0.0.5", "192.0.2.9"],
            "zeek.conn.conn_state": "SF", "zeek.conn.history": "ShADadfF",
        });
        assert_eq!(document, expected);
        assert!(document["network.community_id"].as_str().unwrap().starts_with("1:"));
    }

    fn check(record: &str, field: &str, expected: Value) {
        let (_, document) = write(record).unwrap();
        assert_eq!(document[field], expected, "{field} of {document}");
    }

    #[test]
    fn each_kind_of_record_has_its_own_places() {
        let record = |path: &str, more: &str| format!(r#"{{"_path":"{path}","ts":1700000000,{more}}}"#);
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
        check(&record("http", r#""password":"hunter2""#), "zeek.http.password", json!("(kept out)"));
        check(&record("ssl", r#""version":"TLSv13""#), "tls.version", json!("1.3"));
        check(&record("ssh", r#""auth_success":false"#), "event.outcome", json!("failure"));
        check(&record("files", r#""md5":"x""#), "file.hash.md5", json!("x"));
        check(&record("smb_files", r#""action":"SMB::FILE_OPEN""#), "event.action", json!("SMB::FILE_OPEN"));
        check(&record("unheard_of", r#""a\"b":[1,{"c":null}]"#), "zeek.unheard_of.a\"b", json!([1, { "c": null }]));
        check(
            &record("conn", r#""community_id":"1:given","id.orig_h":"::1","id.resp_h":"::2""#),
            "network.community_id",
            json!("1:given"),
        );
    }

    #[test]
    fn a_record_that_cannot_be_indexed_says_why() {
        let check = |record: &str, code: &str| assert_eq!(write(record).unwrap_err().code(), code, "{record}");
        check("[]", "not-an-object");
        check("{\"_path\":\"conn\",\"ts\":1700000000", "not-an-object");
        check(r#"{"ts":1700000000}"#, "no-dataset");
        check(r#"{"_path":"../x","ts":1700000000}"#, "no-dataset");
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
                    let kept = document.as_object().unwrap().values().any(|value| value == text);
                    prop_assert!(kept || name.starts_with('_') || name == "ts" || name == "duration", "{name}");
                }
            }
        }
    }
}
