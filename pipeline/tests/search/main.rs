//! Ingest against a real OpenSearch node: its mapping, its answers to each fault, and that records are there once after it.
//! `make test-search` starts the node and runs these.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../model/store.rs"]
#[expect(dead_code, reason = "the model asks more of it")]
mod store;
#[path = "../model/tally.rs"]
#[expect(dead_code, reason = "the model tells more")]
mod tally;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tenantry_pipeline::bulk::batch::BatchLimits;
use tenantry_pipeline::bulk::indices::Wanted;
use tenantry_pipeline::bulk::run::{IngestSettings, Ingested, ingest};
use tenantry_pipeline::bulk::send::Search as _;
use tenantry_pipeline::cloud::search::{Domain, Indices};
use tenantry_pipeline::failure::Failure;
use tenantry_pipeline::framing::Framing;
use tenantry_pipeline::pace::Pace;
use tenantry_pipeline::records::standardise::Standard;
use tenantry_pipeline::settings::SearchSettings;
use tenantry_pipeline::storage::ObjectAt;
use tokio::time::Instant;

use store::Store;

/// A little after the records of the inputs.
const NOW: i64 = 1_700_000_100;

/// The node, with indices of one prefix.
struct Node {
    domain: Domain,
    indices: Indices,
    prefix: &'static str,
    store: Store,
}

impl Node {
    fn new(prefix: &'static str) -> Self {
        let endpoint = std::env::var("SEARCH_URL").expect("`make test-search` sets SEARCH_URL");
        let domain = Domain::new(&endpoint, None);
        let settings = SearchSettings { endpoint, signed: false, replicas: 0, shards: 1, shards_of: BTreeMap::new() };
        let wanted = Wanted::new(&settings, prefix, 30);
        Self { indices: Indices::new(domain.clone(), wanted), domain, prefix, store: Store::new(1, 0) }
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let (headers, body): (&[_], _) = match body {
            Value::Null => (&[], Vec::new()),
            body => (&[("content-type", "application/json")], body.to_string().into_bytes()),
        };
        let (status, answer) = self.domain.call(method, path, headers, body).await.unwrap();
        (status, serde_json::from_slice(&answer).unwrap_or(Value::Null))
    }

    async fn must(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// Ingests records as one part, with so many milliseconds.
    async fn ingest(&self, name: &str, records: &[u8], milliseconds: u64) -> Result<Ingested, Failure> {
        let key = format!("parts/s/{name}/0123456789abcdef0123-000000000000");
        self.store.insert(&key, records.to_vec());
        let mut standard = Standard::new("acme");
        standard.index_prefix = self.prefix.to_owned();
        let settings = IngestSettings {
            framing: Framing::Newline,
            standard,
            limits: BatchLimits { bytes: 1 << 20, records: 500 },
            parallel: 2,
            retention_days: 30,
            parts_prefix: "parts/".to_owned(),
            rejects_prefix: "rejects/".to_owned(),
            park_percent: 50,
        };
        let at = ObjectAt { bucket: "landing".to_owned(), key, version: None };
        let until = Instant::now() + Duration::from_millis(milliseconds);
        let pace = Pace { until, end: until + Duration::from_secs(5), random: || 0.5 };
        ingest(&self.store, &self.indices, &settings, &at, 0, NOW, pace).await
    }

    async fn count(&self) -> u64 {
        self.must("POST", &format!("/{}-*/_refresh", self.prefix), Value::Null).await;
        self.must("GET", &format!("/{}-*/_count", self.prefix), Value::Null).await["count"].as_u64().unwrap()
    }

    async fn found(&self, query: Value) -> u64 {
        self.must("POST", &format!("/{}-*/_refresh", self.prefix), Value::Null).await;
        let answer = self.must("POST", &format!("/{}-*/_count", self.prefix), json!({ "query": query })).await;
        answer["count"].as_u64().unwrap()
    }
}

fn records(numbers: std::ops::Range<usize>) -> Vec<u8> {
    let line = |n| {
        let record = json!({ "_path": "conn", "ts": 1_700_000_000, "uid": format!("C{n}"), "proto": "tcp", "conn_state": "SF",
            "id.orig_h": "10.0.0.1", "id.orig_p": 40_000, "id.resp_h": "192.0.2.1", "id.resp_p": 443, "note": { "n": n } });
        format!("{record}\n").into_bytes()
    };
    numbers.flat_map(line).collect()
}

fn case(file: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(file)).unwrap()
}

/// Nothing is indexed or rejected while the fault lasts, and all of it once afterwards.
async fn outlasts(node: &Node, name: &str, records_sent: std::ops::Range<usize>) -> String {
    let before = node.count().await;
    let failure = node.ingest(name, &records(records_sent.clone()), 1500).await.unwrap_err();
    assert!(matches!(failure, Failure::Transient(_)), "{failure}");
    assert!(node.store.below("rejects/").is_empty());
    assert_eq!(node.count().await, before);
    failure.to_string()
}

async fn recovers(node: &Node, name: &str, records_sent: std::ops::Range<usize>) {
    let before = node.count().await;
    let done = node.ingest(name, &records(records_sent.clone()), 60_000).await.unwrap();
    assert_eq!((done.indexed as usize, done.rejected, done.remainder), (records_sent.len(), 0, None));
    assert_eq!(node.count().await, before + records_sent.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "wants the node of `make test-search`"]
async fn records_are_indexed_once_and_found_by_every_kind_of_field() {
    let node = Node::new("once");
    let done = node.ingest("a", &records(0..1000), 60_000).await.unwrap();
    assert_eq!((done.indexed, done.repeated, done.rejected), (1000, 0, 0));
    let done = node.ingest("a", &records(0..1200), 60_000).await.unwrap();
    assert_eq!((done.indexed, done.repeated, done.rejected), (1200, 1000, 0));
    for (query, count) in [
        (json!({ "term": { "source.ip": "10.0.0.0/8" } }), 1200),
        // Another name and copies: in no document, found as if they were.
        (json!({ "term": { "source.address": "10.0.0.1" } }), 1200),
        (json!({ "term": { "related.ip": "192.0.2.0/24" } }), 1200),
        (json!({ "range": { "destination.port": { "gte": 443, "lte": 443 } } }), 1200),
        (json!({ "term": { "zeek.conn.conn_state": "SF" } }), 1200),
        (json!({ "term": { "unmapped.note.n": "17" } }), 1),
        (json!({ "range": { "@timestamp": { "gte": "2023-11-14", "lt": "2023-11-15" } } }), 1200),
    ] {
        assert_eq!(node.found(query.clone()).await, count, "{query}");
    }
    let terms = |field: &str| {
        json!({ "size": 1, "aggs": { "all": { "terms": { "field": field } } }, "_source": false,
        "docvalue_fields": [field] })
    };
    for (field, first) in [("related.ip", json!(["10.0.0.1", "192.0.2.1"])), ("source.address", json!(["10.0.0.1"]))] {
        let answer = node.must("POST", "/once-conn-*/_search", terms(field)).await;
        assert_eq!(answer.pointer("/aggregations/all/buckets/0/doc_count"), Some(&json!(1200)), "{field}");
        assert_eq!(answer["hits"]["hits"][0]["fields"][field], first, "{field}");
    }
    let settings = node.must("GET", "/once-conn-2023.11.14/_settings", Value::Null).await;
    let index = &settings["once-conn-2023.11.14"]["settings"]["index"];
    assert_eq!((&index["number_of_shards"], &index["codec"]), (&json!("1"), &json!("best_compression")));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "wants the node of `make test-search`"]
async fn no_record_decides_a_type_or_is_refused_for_an_odd_value() {
    let node = Node::new("odd");
    for file in [
        "poison-first.json",
        "bad-ip.json",
        "ip-dash.json",
        "ipv6-zone.json",
        "port-string.json",
        "nested-id.json",
        "suricata-eve.json",
        "path-upper.json",
        "bom.bin",
    ] {
        let done = node.ingest(file, &case(file), 60_000).await.unwrap();
        assert!(done.indexed > 0 && done.rejected == 0, "{file}: {:?}", done.reasons);
    }
    assert_eq!(node.found(json!({ "term": { "dns.question.name": "2023-11-15" } })).await, 1);
    assert_eq!(node.found(json!({ "term": { "dns.question.name": "evil-c2.example" } })).await, 1);
    // One name, many kinds of values; names that no table knows; what is long, deep or empty.
    let long = "x".repeat(40_000);
    let deep = format!("{}1{}", "{\"a\":".repeat(60), "}".repeat(60));
    let values =
        ["1", "1.5", "true", "null", "\"2023-11-15\"", "[1,\"a\",{\"b\":[]}]", "{\"a\":{\"b\":1}}", "\"\"", "[]", "{}"];
    let values = values.map(str::to_owned).into_iter().chain([format!("\"{long}\""), deep]);
    let mut records = Vec::new();
    for value in values {
        for field in [
            "strange",
            "conn_state",
            "local_orig",
            "orig_bytes",
            "tunnel_parents",
            "id.orig_h",
            "id.orig_p",
            "uid",
            "duration",
            "a.b",
            "proto",
        ] {
            records.extend(format!("{{\"_path\":\"conn\",\"ts\":1700000000,\"{field}\":{value}}}\n").bytes());
        }
    }
    let count = records.iter().filter(|byte| **byte == b'\n').count() as u64;
    let done = node.ingest("values", &records, 60_000).await.unwrap();
    assert_eq!((done.indexed, done.rejected), (count, 0), "{:?}", done.reasons);
    // The mapping is what the template says, whatever came.
    let wanted = node.must("GET", "/_index_template/tenantry", Value::Null).await;
    let wanted = wanted.pointer("/index_templates/0/index_template/template/mappings/properties").unwrap().clone();
    for (index, found) in node.must("GET", "/odd-*/_mapping", Value::Null).await.as_object().unwrap() {
        let found = &found["mappings"]["properties"];
        assert_eq!(found.as_object().unwrap().len(), wanted.as_object().unwrap().len(), "{index}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "wants the node of `make test-search`"]
async fn what_the_domain_refuses_for_now_is_neither_rejected_nor_lost() {
    let node = Node::new("fault");
    recovers(&node, "first", 0..500).await;
    let index = "/fault-conn-2023.11.14";

    // As the service does when disks are full or the heap is.
    node.must("PUT", &format!("{index}/_settings"), json!({ "index.blocks.write": true })).await;
    assert!(outlasts(&node, "blocked", 1000..1600).await.contains("cluster_block_exception"));
    node.must("PUT", &format!("{index}/_settings"), json!({ "index.blocks.write": false })).await;
    recovers(&node, "blocked", 1000..1600).await;

    node.must("POST", &format!("{index}/_close"), Value::Null).await;
    let before = node.store.below("rejects/").len();
    let failure = node.ingest("closed", &records(2000..2600), 1500).await.unwrap_err();
    assert!(failure.to_string().contains("index_closed_exception"), "{failure}");
    assert_eq!(node.store.below("rejects/").len(), before);
    node.must("POST", &format!("{index}/_open"), Value::Null).await;
    node.must("GET", "/_cluster/health?wait_for_status=yellow&timeout=30s", Value::Null).await;
    recovers(&node, "closed", 2000..2600).await;

    // No room for the shards of a new day's index.
    let persistent = |name: &str, value: Value| json!({ "persistent": { name: value } });
    let health = node.must("GET", "/_cluster/health", Value::Null).await;
    let limit = health["active_shards"].as_u64().unwrap().max(1);
    node.must("PUT", "/_cluster/settings", persistent("cluster.max_shards_per_node", json!(limit))).await;
    let late = |range: std::ops::Range<usize>| {
        let text = String::from_utf8(records(range)).unwrap();
        text.replace("\"ts\":1700000000", "\"ts\":1699900000").into_bytes()
    };
    let failure = node.ingest("shards", &late(3000..3300), 1500).await.unwrap_err();
    assert!(failure.to_string().contains("maximum shards open"), "{failure}");
    node.must("PUT", "/_cluster/settings", persistent("cluster.max_shards_per_node", Value::Null)).await;

    // No index may be made.
    node.must("PUT", "/_cluster/settings", persistent("action.auto_create_index", json!("false"))).await;
    let failure = node.ingest("missing", &late(3000..3300), 1500).await.unwrap_err();
    assert!(failure.to_string().contains("index_not_found_exception"), "{failure}");
    node.must("PUT", "/_cluster/settings", persistent("action.auto_create_index", Value::Null)).await;
    let done = node.ingest("missing", &late(3000..3300), 60_000).await.unwrap();
    assert_eq!((done.indexed, done.rejected), (300, 0));
    assert!(node.store.below("rejects/").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "wants the node of `make test-search`"]
async fn only_a_records_own_fault_is_a_reject() {
    let node = Node::new("own");
    // The same name twice in one object: the domain's parser refuses that.
    let mut text = records(0..3);
    text.extend(b"{\"_path\":\"conn\",\"ts\":1700000000,\"uid\":\"X\",\"uid\":\"Y\"}\n");
    let done = node.ingest("own", &text, 60_000).await.unwrap();
    assert_eq!((done.indexed, done.rejected), (3, 1), "{:?}", done.reasons);
    assert_eq!(done.complaint(50), None);
    assert!(done.complaint(25).is_some_and(|complaint| complaint.contains("1 of 4 records were rejected")));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "wants the node of `make test-search`"]
async fn the_template_is_set_once_and_put_back_when_it_was_changed() {
    let node = Node::new("template");
    node.call("DELETE", "/_index_template/tenantry", Value::Null).await;
    let pace = || {
        let until = Instant::now() + Duration::from_secs(30);
        Pace { until, end: until, random: || 0.5 }
    };
    // ISM is a plugin that this node lacks: that is said, and indexing goes on.
    let warning = node.indices.prepare(pace()).await.unwrap();
    assert!(warning.is_some_and(|warning| warning.contains("/_plugins/_ism/policies/tenantry")));
    let read = async || node.must("GET", "/_index_template/tenantry", Value::Null).await;
    let first = read().await;
    let versions = async || node.must("GET", "/_cluster/state/version", Value::Null).await["version"].clone();
    let version = versions().await;
    let again = Node::new("template");
    again.indices.prepare(pace()).await.unwrap();
    assert_eq!(versions().await, version, "nothing differs, so nothing is written");
    node.must("PUT", "/_index_template/tenantry", json!({ "index_patterns": ["template-*"], "priority": 1 })).await;
    Node::new("template").indices.prepare(pace()).await.unwrap();
    assert_eq!(read().await, first);
}

/// Bytes that records take on disk for each of theirs, one segment, no copy: by kind, of a folder of gzipped logs that
/// `SEARCH_RECORDS` names, and of records made here.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "wants the node of `make test-search`"]
async fn records_take_no_more_disk_than_they_did() {
    let made = varied(20_000);
    let ratio = disk("made", "conn.log", &made).await;
    // As measured, and some more for another version of the node.
    assert!((0.4..DISK_MAX).contains(&ratio), "{ratio}");
    let Ok(folder) = std::env::var("SEARCH_RECORDS") else { return };
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    println!("made here: {ratio:.2}");
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut text = Vec::new();
        let file = std::fs::File::open(&path).unwrap();
        std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(file), &mut text).unwrap();
        let records = text.iter().filter(|byte| **byte == b'\n').count();
        println!("{name}: {records} records, {:.2}", disk("kinds", &name, &text).await);
    }
}

const DISK_MAX: f64 = 1.2;

async fn disk(prefix: &'static str, name: &str, text: &[u8]) -> f64 {
    let node = Node::new(prefix);
    node.call("DELETE", &format!("/{prefix}-*"), Value::Null).await;
    let done = node.ingest(name, text, 300_000).await.unwrap();
    assert_eq!((done.rejected, done.remainder), (0, None), "{name}: {:?}", done.reasons);
    node.must("POST", &format!("/{prefix}-*/_forcemerge?max_num_segments=1&flush=true"), Value::Null).await;
    // Until its readers are renewed, the node keeps what was merged.
    node.must("POST", &format!("/{prefix}-*/_refresh"), Value::Null).await;
    node.must("POST", &format!("/{prefix}-*/_flush?force=true"), Value::Null).await;
    let stats = node.must("GET", &format!("/{prefix}-*/_stats/store"), Value::Null).await;
    stats.pointer("/_all/primaries/store/size_in_bytes").and_then(Value::as_f64).unwrap() / text.len() as f64
}

/// Connections that differ as a network's do.
fn varied(count: u64) -> Vec<u8> {
    let mut text = Vec::new();
    for n in 0..count {
        let odd = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (service, state) =
            (["dns", "ssl", "http"][(odd >> 61) as usize % 3], ["SF", "S0", "RSTO"][(odd >> 57) as usize % 3]);
        let record = json!({ "_path": "conn", "ts": 1_700_000_000.0 + n as f64 / 100.0, "uid": format!("C{odd:016x}"), "proto": "tcp",
            "id.orig_h": format!("10.0.{}.{}", odd >> 40 & 7, odd >> 32 & 255), "id.orig_p": odd >> 16 & 0xffff,
            "id.resp_h": format!("192.0.2.{}", odd >> 24 & 255), "id.resp_p": 443, "service": service, "conn_state": state,
            "duration": (odd >> 20 & 0xffff) as f64 / 1000.0, "orig_bytes": odd & 0xffff, "resp_bytes": odd >> 8 & 0xf_ffff,
            "orig_pkts": odd & 0xff, "orig_ip_bytes": odd & 0xffff, "resp_pkts": odd >> 8 & 0xff, "resp_ip_bytes": odd >> 8 & 0xf_ffff,
            "local_orig": true, "local_resp": false, "missed_bytes": 0, "history": "ShADadFf" });
        text.extend(format!("{record}\n").bytes());
    }
    text
}
