//! Objects as sensors send them, and what has to come of each: indexed, rejected with the true reason, or set aside and
//! parked; never nothing.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tenantry_pipeline::bulk::batch::BatchLimits;
use tenantry_pipeline::bulk::run::{IngestSettings, ingest};
use tenantry_pipeline::framing::Framing;
use tenantry_pipeline::pace::Pace;
use tenantry_pipeline::records::standardise::Standard;
use tenantry_pipeline::split::cutter::Limits;
use tenantry_pipeline::split::run::{SplitSettings, split};
use tenantry_pipeline::storage::ObjectAt;
use tokio::time::Instant;

use crate::domain::Domain;
use crate::store::Store;

/// A little after the records of most inputs, and of those from 2026.
const IN_2023: i64 = 1_700_000_100;
pub(crate) const IN_2026: i64 = 1_795_860_000;

#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub documents: Vec<Value>,
    pub rejects: Vec<Value>,
    aside: Vec<(String, Vec<u8>)>,
    /// Why a person is called.
    complaints: Vec<String>,
    parts: usize,
}

pub(crate) struct Stack {
    store: Store,
    domain: Domain,
    part_messages: Option<u64>,
    pub retention_days: u32,
}

impl Stack {
    pub(crate) fn new() -> Self {
        Self { store: Store::new(1, 0), domain: Domain::new(1, 0), part_messages: None, retention_days: 30 }
    }

    pub(crate) async fn put(&self, key: &str, body: Vec<u8>, now: i64) -> Outcome {
        let key = format!("in/{key}");
        self.store.insert(&key, body);
        let at = |key: &str| ObjectAt { bucket: "landing".to_owned(), key: key.to_owned(), version: None };
        let splitting = SplitSettings {
            framing: Framing::Newline,
            limits: Limits { part_bytes: 64 << 20, part_messages: self.part_messages, message_bytes: 1 << 20 },
            source_prefix: "in/".to_owned(),
            parts_prefix: "parts/".to_owned(),
            aside_prefix: "aside/".to_owned(),
        };
        let ingesting = IngestSettings {
            framing: Framing::Newline,
            standard: Standard::new("acme"),
            limits: BatchLimits { bytes: 1 << 20, records: 1000 },
            parallel: 2,
            retention_days: self.retention_days,
            parts_prefix: "parts/".to_owned(),
            rejects_prefix: "rejects/".to_owned(),
            park_percent: 50,
        };
        let done = split(&self.store, &splitting, &at(&key), 0, || false).await.unwrap();
        let mut outcome = Outcome::default();
        outcome.complaints.extend(done.undecodable.map(|damage| damage.to_string()));
        let parts: Vec<String> =
            self.store.take_written().into_iter().filter(|key| key.starts_with("parts/")).collect();
        outcome.parts = parts.len();
        for part in parts {
            let until = Instant::now() + Duration::from_secs(60);
            let pace = Pace { until, end: until, random: || 0.0 };
            let done = ingest(&self.store, &self.domain, &ingesting, &at(&part), 0, now, pace).await.unwrap();
            assert_eq!((done.records, done.remainder), (done.indexed + done.rejected, None), "{part}");
            outcome.complaints.extend(done.complaint(ingesting.park_percent));
        }
        outcome.documents = self.domain.documents();
        for (_, body) in self.store.below("rejects/") {
            let mut text = String::new();
            flate2::read::GzDecoder::new(&*body).read_to_string(&mut text).unwrap();
            outcome.rejects.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        }
        outcome.aside = self.store.below("aside/").into_iter().map(|(key, body)| (key, body.to_vec())).collect();
        outcome
    }
}

fn case(file: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(file)).unwrap()
}

async fn put(key: &str, file: &str, now: i64) -> Outcome {
    Stack::new().put(key, case(file), now).await
}

/// All records are indexed, nothing else happens.
async fn indexed(key: &str, file: &str, now: i64, count: usize) -> Vec<Value> {
    let outcome = put(key, file, now).await;
    assert_eq!(
        (outcome.documents.len(), outcome.rejects.len(), outcome.aside.len(), outcome.complaints.len()),
        (count, 0, 0, 0),
        "{file}: {outcome:#?}"
    );
    outcome.documents
}

#[tokio::test]
async fn a_stock_sensor_is_read_by_the_names_of_its_objects() {
    for key in ["sensor1/2026-11-28/conn.10:00:00-11:00:00.log.gz", "conn.log"] {
        let documents = indexed(key, "conn.log.json", IN_2026, 2).await;
        assert!(documents.iter().all(|document| document["event.dataset"] == "zeek.conn"), "{documents:#?}");
        let icmp = documents.iter().find(|document| document["network.transport"] == "icmp").unwrap();
        assert_eq!((icmp.get("source.port"), icmp.get("destination.port")), (None, None));
        assert!(icmp["zeek.conn.icmp.type"].is_u64() && icmp["zeek.conn.icmp.code"].is_u64(), "{icmp:#}");
        assert!(icmp["network.community_id"].as_str().unwrap().starts_with("1:"));
    }
}

#[tokio::test]
async fn a_tab_separated_log_is_read_in_one_part_and_in_many() {
    let whole = indexed("s/dns.log", "dns.log.tsv", IN_2026, 2).await;
    assert!(whole.iter().all(|document| document["event.dataset"] == "zeek.dns"), "{whole:#?}");
    assert!(whole.iter().any(|document| document["dns.answers.ttl"].is_array()), "{whole:#?}");
    let mut text = Vec::new();
    let log = case("dns.log.tsv");
    let lines: Vec<&[u8]> = log.split_inclusive(|byte| *byte == b'\n').collect();
    let header: Vec<&[u8]> = lines.iter().copied().filter(|line| line.starts_with(b"#")).collect();
    let record = lines.iter().find(|line| !line.starts_with(b"#")).unwrap();
    text.extend(header.concat());
    for _ in 0..50 {
        text.extend(*record);
    }
    let stack = Stack { part_messages: Some(7), ..Stack::new() };
    let outcome = stack.put("s/x.log", text, IN_2026).await;
    assert!(outcome.parts > 5 && outcome.documents.len() == 50 && outcome.rejects.is_empty(), "{outcome:#?}");
    assert!(outcome.documents.iter().all(|document| document["event.dataset"] == "zeek.dns"));
}

#[tokio::test]
async fn suricatas_events_are_read_by_their_type() {
    let documents = indexed("s/eve.json", "suricata-eve.json", IN_2023, 1).await;
    let alert = &documents[0];
    assert_eq!(
        (&alert["event.kind"], &alert["event.dataset"], &alert["rule.name"], &alert["source.ip"]),
        (&json!("alert"), &json!("suricata.alert"), &json!("X"), &json!("10.0.0.1"))
    );
    assert_eq!((&alert["network.transport"], &alert["destination.port"]), (&json!("udp"), &json!(53)));
}

#[tokio::test]
async fn marks_nested_names_and_times_of_other_forms_are_understood() {
    indexed("s/x.log", "bom.bin", IN_2023, 2).await;
    let nested = indexed("s/x.log", "nested-id.json", IN_2023, 1).await;
    assert_eq!((&nested[0]["source.ip"], &nested[0]["destination.port"]), (&json!("10.0.0.1"), &json!(53)));
    assert!(nested[0]["network.community_id"].is_string());
    let times = indexed("s/x.log", "ts-ms-int.json", IN_2023, 1).await;
    assert_eq!(times[0]["@timestamp"], "2023-11-14T22:13:20.123000Z");
    let times = indexed("s/x.log", "ts-iso-noz.json", IN_2023, 1).await;
    assert_eq!(times[0]["@timestamp"], "2023-11-14T22:13:20.123456Z");
    let upper = indexed("s/x.log", "path-upper.json", IN_2023, 1).await;
    assert_eq!(upper[0]["event.dataset"], "zeek.conn");
}

#[tokio::test]
async fn odd_values_stay_in_the_document() {
    for (file, field, value) in [
        ("bad-ip.json", "/unmapped/source.address", "host.example"),
        ("ip-dash.json", "/unmapped/source.address", "-"),
        ("ipv6-zone.json", "/unmapped/source.address", "fe80::1%eth0"),
        ("port-string.json", "/destination.port", "53/tcp"),
    ] {
        let documents = indexed("s/x.log", file, IN_2023, 1).await;
        assert_eq!(documents[0].pointer(field), Some(&json!(value)), "{file}: {:#}", documents[0]);
    }
    indexed("s/x.log", "poison-first.json", IN_2023, 2).await;
}

#[tokio::test]
async fn what_is_not_utf8_is_rejected_with_its_bytes() {
    let outcome = put("s/x.log", "latin1.json", IN_2023).await;
    assert_eq!((outcome.documents.len(), outcome.rejects.len(), outcome.complaints.len()), (2, 1, 0));
    let reject = &outcome.rejects[0];
    assert!(reject["reason"].as_str().unwrap().contains("not UTF-8"), "{reject}");
    let bytes =
        base64::Engine::decode(&base64::engine::general_purpose::STANDARD, reject["record_base64"].as_str().unwrap());
    assert!(case("latin1.json").windows(10).any(|window| bytes.as_ref().unwrap().starts_with(window)));

    let outcome = put("s/x.log", "utf16.bin", IN_2023).await;
    assert_eq!(outcome.documents.len(), 0);
    assert!(outcome.complaints[0].contains("UTF-16"), "{:?}", outcome.complaints);
}

#[tokio::test]
async fn of_a_damaged_object_only_what_its_checksums_vouch_for_is_indexed() {
    for (file, documents) in
        [("gzip-truncated.bin", 0), ("gzip-then-plain.bin", 20), ("gzip-trailing-garbage.bin", 20), ("bitflip.gz", 0)]
    {
        let body = case(file);
        let outcome = put("s/x.log", file, IN_2023).await;
        assert_eq!(
            (outcome.documents.len(), outcome.rejects.len()),
            (documents, 0),
            "{file}: {:?}",
            outcome.complaints
        );
        assert!(outcome.complaints[0].contains("cannot be decoded"), "{file}: {:?}", outcome.complaints);
        let (key, aside) = &outcome.aside[0];
        assert!(key.ends_with("-undecodable") && body.ends_with(aside), "{file}: {key}");
        assert_eq!(aside.len() == body.len(), documents == 0, "{file}");
    }
}

#[tokio::test]
async fn an_object_of_which_everything_is_rejected_is_parked_and_its_rejects_are_small() {
    let body = b"not json\n".repeat(30_000);
    let outcome = Stack::new().put("s/x.log", body.clone(), IN_2023).await;
    assert_eq!(outcome.rejects.len(), 30_000);
    assert!(outcome.complaints[0].contains("30000 of 30000 records were rejected: 30000 not-an-object"));

    let stack = Stack::new();
    stack.put("s/x.log", body.clone(), IN_2023).await;
    let written: usize = stack.store.below("rejects/").iter().map(|(_, body)| body.len()).sum();
    assert!(written < body.len() * 2, "{written} bytes of rejects for {}", body.len());
}

#[tokio::test]
async fn a_growing_upload_adds_what_is_new_and_another_content_under_one_key_is_not_lost() {
    let line = |n: usize| format!("{{\"_path\":\"conn\",\"ts\":1700000000,\"uid\":\"C{n:06}\"}}\n").into_bytes();
    let lines = |numbers: std::ops::Range<usize>| numbers.flat_map(line).collect::<Vec<u8>>();
    let stack = Stack::new();
    stack.put("s/conn.log", lines(0..2000), IN_2023).await;
    let grown = stack.put("s/conn.log", lines(0..3000), IN_2023).await;
    assert_eq!(grown.documents.len(), 3000);
    // The same first 64 KiB, the same length, another end.
    let other = [lines(0..2500), lines(7000..7500)].concat();
    assert_eq!(stack.put("s/conn.log", other, IN_2023).await.documents.len(), 3500);
}

#[tokio::test]
async fn secrets_are_masked_in_documents_and_in_rejects() {
    let good = r#"{"_path":"ftp","ts":1700000000,"uid":"C1","user":"u","password":"hunter2"}"#;
    let old = r#"{"_path":"snmp","ts":7,"uid":"C2","community":"hunter2"}"#;
    let tsv = "#fields\tts\tuid\tpassword\n#types\ttime\tstring\tstring\n7\tC3\thunter2\n1700000000\tC4\thunter2\n";
    for (key, text, documents) in [("s/x.log", format!("{good}\n{old}\n"), 1), ("s/socks.log", tsv.to_owned(), 1)] {
        let outcome = Stack::new().put(key, text.into_bytes(), IN_2023).await;
        assert_eq!((outcome.documents.len(), outcome.rejects.len()), (documents, 1), "{outcome:#?}");
        let shown = format!("{:?}{:?}", outcome.documents, outcome.rejects);
        assert!(!shown.contains("hunter2") && shown.matches("(masked)").count() == 2, "{shown}");
    }
}

#[tokio::test]
async fn records_of_a_kind_without_time_get_their_objects() {
    let documents =
        Stack::new().put("s/loaded_scripts.log", b"{\"name\":\"x.zeek\"}\n".to_vec(), IN_2023).await.documents;
    assert_eq!(documents[0]["@timestamp"], "2023-11-14T22:13:20.000000Z");
}
