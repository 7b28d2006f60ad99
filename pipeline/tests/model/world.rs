//! What AWS does around the functions: events, two retries, the dead-letter queue, receives; and the count of it all.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::time::Duration;

use tokio::time::Instant;

use serde_json::{Value, json};
use tenantry_pipeline::bulk::batch::BatchLimits;
use tenantry_pipeline::bulk::run::IngestSettings;
use tenantry_pipeline::framing::Framing;
use tenantry_pipeline::invoke::{Invocation, Work, invoke};
use tenantry_pipeline::journal::{Journal, Level};
use tenantry_pipeline::metrics::Metrics;
use tenantry_pipeline::pace::{Pace, milliseconds_since_1970, seconds_since_1970};
use tenantry_pipeline::queues::Parked;
use tenantry_pipeline::records::standardise::Standard;
use tenantry_pipeline::retry::Schedule;
use tenantry_pipeline::split::cutter::Limits;
use tenantry_pipeline::split::run::SplitSettings;
use tenantry_pipeline::work::{Ingest, Splitter};

use crate::domain::Domain;
use crate::queues::{QueuePair, Waiting};
use crate::store::Store;
use crate::tally::TALLY;

/// What must become of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Indexed,
    Rejected,
    Aside,
}

pub(crate) struct World {
    seed: u64,
    random: fastrand::Rng,
    store: Store,
    pub(crate) domain: Domain,
    splitter: Splitter<Store>,
    ingest: Ingest<Store, Domain>,
    split_queues: QueuePair,
    ingest_queues: QueuePair,
    /// Asynchronous events under way: key, and how often it was tried.
    events: Vec<(String, u32)>,
    expected: BTreeMap<String, Fate>,
    /// A quarter of the invocations ends too early.
    hurried: bool,
    /// Milliseconds that the queues' clock is ahead: a minute for each invocation.
    clock: i64,
}

const SCHEDULE_STEPS: usize = 3;

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let faults = [0, 20, 200][random.usize(0..3)];
        let (store, domain) = (Store::new(seed, faults / 4), Domain::new(seed, faults));
        let framing = [Framing::Newline, Framing::LengthPrefixed, Framing::JsonArray][random.usize(0..3)];
        let split = SplitSettings {
            framing,
            limits: Limits {
                part_bytes: random.u64(200..6000),
                part_messages: random.bool().then(|| random.u64(1..30)),
                message_bytes: 400,
            },
            source_prefix: "in/".to_owned(),
            parts_prefix: "parts/".to_owned(),
            aside_prefix: "aside/".to_owned(),
        };
        let standard = Standard::new("acme");
        let ingest = IngestSettings {
            framing,
            standard,
            limits: BatchLimits { bytes: random.usize(500..5000), records: random.usize(1..20) },
            parallel: random.usize(1..4),
            retention_days: 30,
            parts_prefix: "parts/".to_owned(),
            rejects_prefix: "rejects/".to_owned(),
            park_percent: 100,
        };
        let queues = |seed| {
            let pair = QueuePair::default();
            let mut inner = pair.inner.lock().unwrap();
            (inner.faults, inner.random) = (faults / 4, fastrand::Rng::with_seed(seed));
            drop(inner);
            pair
        };
        Self {
            seed,
            splitter: Splitter { objects: store.clone(), settings: split },
            ingest: Ingest { objects: store.clone(), domain: domain.clone(), settings: ingest },
            split_queues: queues(seed),
            ingest_queues: queues(seed + 1),
            store,
            domain,
            random,
            events: Vec::new(),
            expected: BTreeMap::new(),
            hurried: true,
            clock: 0,
        }
    }

    /// Uploads one object of random messages.
    pub(crate) fn upload(&mut self) {
        let framing = self.splitter.settings.framing;
        let mut body: Vec<u8> = if framing == Framing::JsonArray { b"[".to_vec() } else { Vec::new() };
        let count = self.random.usize(0..120);
        for n in 0..count {
            let message = self.message(n);
            match framing {
                Framing::Newline => {
                    body.extend(&message);
                    let ends: &[&[u8]] = &[b"\n", b"\r\n", b"\n\n", b"\n\r\n"];
                    let last = n + 1 == count && self.random.bool();
                    body.extend(if last { b"" } else { ends[self.random.usize(0..ends.len())] });
                }
                Framing::LengthPrefixed => {
                    body.extend((message.len() as u32).to_be_bytes());
                    body.extend(&message);
                }
                Framing::JsonArray => {
                    body.extend(if n > 0 { b" ,\n".as_slice() } else { b" " });
                    body.extend(&message);
                }
            }
        }
        if framing == Framing::JsonArray {
            body.extend(b"]\n");
        }
        // Now and then large enough to be split by copying inside the store.
        if framing == Framing::Newline && count > 0 && self.random.u32(0..100) == 0 {
            body.push(b'\n');
            body.extend(std::iter::repeat_n(b'\n', 6 << 20));
            self.splitter.settings.limits = Limits { part_bytes: 2 << 20, part_messages: None, message_bytes: 400 };
        }
        let body = match self.random.u32(0..3) {
            0 => body,
            1 => zstd::encode_all(&*body, 1).unwrap(),
            _ => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(&body).unwrap();
                encoder.finish().unwrap()
            }
        };
        let key = format!("in/probe/{}.log", self.seed);
        self.store.insert(&key, body);
        self.events.push((key, 0));
    }

    /// One message with a unique `uid`, and what must become of it.
    fn message(&mut self, n: usize) -> Vec<u8> {
        let uid = format!("C{n:05}");
        let now = seconds_since_1970();
        let (fate, text) = match self.random.u32(0..20) {
            0 => (Fate::Rejected, json!({ "_path": "conn", "ts": now, "uid": uid, "poison": 1 }).to_string()),
            1 => (Fate::Rejected, json!({ "_path": "conn", "ts": 7, "uid": uid }).to_string()),
            2 => (Fate::Rejected, json!({ "_path": "conn", "uid": uid }).to_string()),
            3 => (Fate::Aside, json!({ "_path": "conn", "ts": now, "uid": uid, "long": "x".repeat(400) }).to_string()),
            4 => (Fate::Rejected, format!("\"not a record {uid}\"")),
            _ => {
                let more = "y".repeat(self.random.usize(0..200));
                (
                    Fate::Indexed,
                    json!({ "_path": "conn", "ts": now, "uid": uid, "more": more, "id.orig_h": "10.0.0.1" })
                        .to_string(),
                )
            }
        };
        self.expected.insert(uid, fate);
        TALLY.message();
        text.into_bytes()
    }

    pub(crate) fn records(&self) -> usize {
        self.expected.values().filter(|fate| **fate != Fate::Aside).count()
    }

    pub(crate) fn parked(&self) -> usize {
        self.split_queues.inner.lock().unwrap().parked.len() + self.ingest_queues.inner.lock().unwrap().parked.len()
    }

    /// Runs until nothing moves; then everything is healed, what is parked is replayed, and it runs again.
    pub(crate) async fn run(&mut self) {
        self.run_until_parked().await;
        self.store.heal();
        self.domain.heal();
        self.hurried = false;
        for queues in [&self.split_queues, &self.ingest_queues] {
            queues.inner.lock().unwrap().faults = 0;
        }
        for round in 0..2 {
            for queues in [&self.split_queues, &self.ingest_queues] {
                let mut inner = queues.inner.lock().unwrap();
                let parked = std::mem::take(&mut inner.parked);
                // Parts of which all was rejected are parked each time, and each time nothing else comes of them.
                let (rejects, others): (Vec<_>, Vec<_>) = parked.into_iter().partition(is_about_rejects);
                others.iter().chain(rejects.iter().filter(|_| round == 0)).for_each(|parked| inner.send(&parked.body));
            }
            self.run_until_parked().await;
        }
        for queues in [&self.split_queues, &self.ingest_queues] {
            queues.inner.lock().unwrap().parked.retain(|parked| !is_about_rejects(parked));
        }
        assert_eq!(self.parked(), 0, "seed {}: healed, and still parked", self.seed);
    }

    pub(crate) async fn run_until_parked(&mut self) {
        for _ in 0..100_000 {
            if !self.step().await {
                return;
            }
        }
        panic!("seed {}: it never ends", self.seed);
    }

    /// One event or one receive, drawn at random. Whether there was any.
    async fn step(&mut self) -> bool {
        for key in self.store.take_written() {
            if key.starts_with("parts/") {
                TALLY.part();
                // Events come at least once.
                let times = if self.random.u32(0..20) == 0 { 2 } else { 1 };
                self.events.extend(std::iter::repeat_n((key, 0), times));
            }
        }
        let waiting = |queues: &QueuePair| queues.inner.lock().unwrap().waiting.len();
        let (split, ingest) = (waiting(&self.split_queues), waiting(&self.ingest_queues));
        let all = self.events.len() + split + ingest;
        if all == 0 {
            return false;
        }
        let drawn = self.random.usize(0..all);
        if drawn < self.events.len() {
            let (key, tried) = self.events.swap_remove(drawn);
            self.deliver(key, tried).await;
        } else if drawn < self.events.len() + split {
            self.receive(true, drawn - self.events.len()).await;
        } else {
            self.receive(false, drawn - self.events.len() - split).await;
        }
        true
    }

    async fn deliver(&mut self, key: String, tried: u32) {
        let event = bucket_event(&key);
        let splits = key.starts_with("in/");
        if self.call(splits, &event).await.is_ok() {
            return;
        }
        if tried < 2 {
            self.events.push((key, tried + 1));
        } else {
            let queues = if splits { &self.split_queues } else { &self.ingest_queues };
            queues.inner.lock().unwrap().send(&event.to_string());
        }
    }

    async fn receive(&mut self, splits: bool, index: usize) {
        let queues = if splits { self.split_queues.clone() } else { self.ingest_queues.clone() };
        let Waiting { id, body } = queues.inner.lock().unwrap().waiting[index].clone();
        let record = json!({ "eventSource": "aws:sqs", "messageId": id.to_string(), "receiptHandle": "r", "body": body,
            "attributes": { "ApproximateReceiveCount": "1" } });
        let answer = self.call(splits, &json!({ "Records": [record] })).await;
        let stays = answer.is_none_or_failed();
        let mut inner = queues.inner.lock().unwrap();
        if !stays {
            inner.waiting.retain(|waiting| waiting.id != id);
        }
    }

    async fn call(&mut self, splits: bool, event: &Value) -> Result<Value, String> {
        if splits {
            self.call_with(&self.splitter.clone(), &self.split_queues.clone(), event).await
        } else {
            self.call_with(&self.ingest.clone(), &self.ingest_queues.clone(), event).await
        }
    }

    async fn call_with<W: Work>(&mut self, work: &W, queues: &QueuePair, event: &Value) -> Result<Value, String> {
        TALLY.invocation();
        self.clock += 60_000;
        let schedule = Schedule { delays: vec![1; SCHEDULE_STEPS], jitter_percent: 20 };
        let micros = match (self.hurried, self.random.u32(0..4)) {
            (true, 0) => self.random.u64(0..300),
            (true, _) => 5_000,
            (false, _) => 60_000_000,
        };
        let until = Instant::now() + Duration::from_micros(micros);
        let end = until + Duration::from_secs(60);
        let invocation = Invocation {
            tenant: "acme",
            function: "x",
            retry_queue_url: "q",
            schedule: &schedule,
            // Delays are over by the next receive.
            now: milliseconds_since_1970() + self.clock,
            pace: Pace { until, end, random: || 0.0 },
            refusal: None,
        };
        let journal = Journal::new(Level::Error, 10, serde_json::Map::new(), |_| {});
        let outcome = invoke(event, work, queues, invocation, &mut Metrics::default(), &journal).await;
        outcome.map_err(|failed| failed.to_string())
    }

    /// Every message once, where it belongs.
    pub(crate) fn check(&self) {
        let mut found: BTreeMap<String, Vec<Fate>> = BTreeMap::new();
        for document in self.domain.documents() {
            found.entry(document["event.id"].as_str().unwrap().to_owned()).or_default().push(Fate::Indexed);
        }
        for (key, body) in self.store.below("rejects/") {
            let mut text = String::new();
            flate2::read::GzDecoder::new(&*body).read_to_string(&mut text).unwrap();
            for line in text.lines() {
                let line: Value = serde_json::from_str(line).unwrap();
                let uid = uid_in(line["record"].as_str().unwrap()).unwrap_or_else(|| panic!("{key}: {line}"));
                found.entry(uid).or_default().push(Fate::Rejected);
            }
        }
        for (key, body) in self.store.below("aside/") {
            let uid = uid_in(&String::from_utf8_lossy(&body)).unwrap_or_else(|| panic!("{key}"));
            found.entry(uid).or_default().push(Fate::Aside);
        }
        let expected: BTreeMap<String, Vec<Fate>> =
            self.expected.iter().map(|(uid, fate)| (uid.clone(), vec![*fate])).collect();
        let differing: BTreeSet<&String> =
            expected.keys().chain(found.keys()).filter(|uid| expected.get(*uid) != found.get(*uid)).collect();
        let shown: Vec<_> = differing.iter().map(|uid| (uid, expected.get(*uid), found.get(*uid))).collect();
        assert!(shown.is_empty(), "seed {}: (message, expected, found): {shown:?}", self.seed);
    }
}

fn is_about_rejects(parked: &Parked) -> bool {
    parked.attributes.iter().any(|(name, value)| *name == "Reason" && value.contains("records were rejected"))
}

trait Answer {
    fn is_none_or_failed(&self) -> bool;
}

impl Answer for Result<Value, String> {
    fn is_none_or_failed(&self) -> bool {
        match self {
            Ok(answer) => answer["batchItemFailures"].as_array().is_none_or(|failures| !failures.is_empty()),
            Err(_) => true,
        }
    }
}

fn bucket_event(key: &str) -> Value {
    json!({ "Records": [{ "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": { "bucket": { "name": "landing" }, "object": { "key": key } } }] })
}

fn uid_in(text: &str) -> Option<String> {
    let at = text.find("C0")?;
    text.get(at..at + 6).map(str::to_owned)
}
