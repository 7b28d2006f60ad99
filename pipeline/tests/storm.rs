//! Logs never hide a fire: a storm of a million errors is sampled, capped and counted, and the numbers count every one.

use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tenantry_pipeline::event::Job;
use tenantry_pipeline::failure::Failure;
use tenantry_pipeline::invoke::{Done, Invocation, Work, invoke};
use tenantry_pipeline::journal::{Journal, Level};
use tenantry_pipeline::metrics::{Metric, Metrics};
use tenantry_pipeline::pace::Pace;
use tenantry_pipeline::queues::{Parked, QueueError, Queues};
use tenantry_pipeline::retry::Schedule;
use tokio::time::Instant;

const INVOCATIONS: u64 = 10;
/// Messages of an invocation, as SQS gives them at once, objects that each names, and errors of each object.
const MESSAGES: u64 = 10;
const OBJECTS: u64 = 10;
const ERRORS: u64 = 1_000;
const STORM: u64 = INVOCATIONS * MESSAGES * OBJECTS * ERRORS;
/// `LOG_LINES_MAX` where nothing else is set.
const LINES_MAX: usize = 200;

/// The search domain refuses every record, and says so for each.
struct Burning;

impl Work for Burning {
    async fn run(&self, job: &Job, _: Pace, metrics: &mut Metrics, journal: &Journal) -> Result<Done, Failure> {
        for record in 0..ERRORS {
            journal.line(Level::Error, "refused", json!({ "object": job.at.to_string(), "record": record }));
            metrics.add(Metric::Rejected, 1);
        }
        Err(Failure::Transient("the search domain answers 503".to_owned()))
    }
}

/// Takes everything.
struct Open;

impl Queues for Open {
    async fn extend(&self, _: &str, _: u32) -> Result<(), QueueError> {
        Ok(())
    }

    async fn park(&self, _: &Parked) -> Result<(), QueueError> {
        Ok(())
    }

    async fn send(&self, _: &str, _: u32) -> Result<(), QueueError> {
        Ok(())
    }
}

static WRITTEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn write(line: &str) {
    if let Ok(mut written) = WRITTEN.lock() {
        written.push(line.to_owned());
    }
}

fn event() -> Value {
    let object = |n| json!({ "eventName": "ObjectCreated:Put", "s3": { "bucket": { "name": "b" }, "object": { "key": format!("in/{n}") } } });
    let body = json!({ "Records": (0..OBJECTS).map(object).collect::<Vec<_>>() }).to_string();
    let message = |n| {
        json!({ "eventSource": "aws:sqs", "messageId": format!("m{n}"), "receiptHandle": "r", "body": body,
            "attributes": { "ApproximateReceiveCount": "1", "SentTimestamp": "1699999999000" } })
    };
    json!({ "Records": (0..MESSAGES).map(message).collect::<Vec<_>>() })
}

#[tokio::test]
async fn a_million_errors_are_sampled_capped_and_counted() {
    let (event, schedule) = (event(), Schedule { delays: vec![300], jitter_percent: 0 });
    let mut all = Metrics::default();
    let (mut lines, mut bytes, mut counted) = (0, 0, 0);
    for _ in 0..INVOCATIONS {
        let now = Instant::now();
        let pace = Pace { until: now + Duration::from_secs(900), end: now + Duration::from_secs(900), random: || 0.5 };
        let invocation = Invocation {
            tenant: "acme",
            function: "ingest",
            retry_queue_url: "q",
            schedule: &schedule,
            now: 1_700_000_000_000,
            pace,
            refusal: None,
        };
        let journal = Journal::new(Level::Info, LINES_MAX, Map::new(), write);
        let mut metrics = Metrics::default();
        invoke(&event, &Burning, &Open, invocation, &mut metrics, &journal).await.unwrap();
        journal.close();
        all.merge(&metrics);
        let written = std::mem::take(&mut *WRITTEN.lock().unwrap());
        // The cap, and the line that counts what was left out.
        assert_eq!(written.len(), LINES_MAX + 1);
        let last: Value = serde_json::from_str(&written[LINES_MAX]).unwrap();
        assert_eq!((&last["kind"], &last["level"]), (&json!("lines-left-out"), &json!("warn")));
        counted += last["lines"].as_u64().unwrap();
        lines += written.len() - 1;
        bytes += written.iter().map(String::len).sum::<usize>();
        // What is written shows each kind of error, not the first only.
        for kind in ["refused", "failed"] {
            assert!(written.iter().any(|line| line.contains(&format!("\"kind\":\"{kind}\""))), "{kind}");
        }
        let numbers: Value = serde_json::from_str(&metrics.line("Tenantry", "acme", "ingest", 0)).unwrap();
        assert_eq!(numbers["Rejected"].as_f64(), Some((MESSAGES * OBJECTS * ERRORS) as f64));
    }
    // A line for each error, each object that failed and each message that goes back: none is lost without being counted.
    assert_eq!(lines as u64 + counted, STORM + INVOCATIONS * MESSAGES * (OBJECTS + 1));
    assert_eq!(all.get(Metric::Rejected), STORM as f64);
    assert_eq!(all.get(Metric::Failures), (INVOCATIONS * MESSAGES * OBJECTS) as f64);
    // Uncapped it would be about 70 MB.
    assert!(bytes < 400_000, "{bytes} bytes of logs");
}
