//! Records in, documents out.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::kinds::{self, Kind};
use super::super::schema::{searched, zeek::DATASETS};
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
    check(&record("kerberos", r#""till":1700000000.5"#), "zeek.kerberos.till", json!("2023-11-14T22:13:20.500000Z"));
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
