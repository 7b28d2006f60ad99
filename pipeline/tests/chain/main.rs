//! The functions as Lambda runs them: in their own processes, behind the Runtime API, over HTTP to S3, SQS and a search
//! domain.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "the slow search domain sleeps in a thread of its own")]

mod endpoint;
mod http;
mod lambda;
mod objects;
mod rates;
mod search;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use serde_json::{Value, json};
use tenantry_pipeline::pace::seconds_since_1970;

use endpoint::Endpoint;
use lambda::Function;
use search::{Mood, SearchDomain};

/// Milliseconds of an invocation that has time, and of one that has not.
const AMPLE: u64 = 60_000;
const SHORT: u64 = 2_000;

struct Stack {
    endpoint: Endpoint,
    domain: SearchDomain,
    splitter: Function,
    ingest: Function,
    retry_url: String,
    parking_url: String,
}

impl Stack {
    async fn start(auth: &str) -> Self {
        Self::start_with(auth, &[]).await
    }

    /// With these variables instead of the tests' own.
    async fn start_with(auth: &str, settings: &[(&str, &str)]) -> Self {
        let endpoint = Endpoint::start().await;
        let domain = SearchDomain::default();
        let port = domain.start();
        let (retry_url, parking_url) = (endpoint.queue("retry").await, endpoint.queue("parking").await);
        let mut environment = vec![
            ("TENANT", "acme".to_owned()),
            ("RETRY_QUEUE_URL", retry_url.clone()),
            ("PARKING_QUEUE_URL", parking_url.clone()),
            ("RETRY_DELAYS_SECONDS", "1,1,1".to_owned()),
            ("RETRY_JITTER_PERCENT", "0".to_owned()),
            ("SEARCH_ENDPOINT", format!("http://127.0.0.1:{port}")),
            ("SEARCH_AUTH", auth.to_owned()),
            ("PART_MIB", "1".to_owned()),
            ("MESSAGE_MAX_KIB", "1".to_owned()),
            ("BULK_RECORDS", "500".to_owned()),
            ("AWS_ENDPOINT_URL", endpoint.url.clone()),
            ("AWS_REGION", "eu-west-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ];
        for (name, value) in settings {
            environment.retain(|(known, _)| known != name);
            environment.push((*name, (*value).to_owned()));
        }
        let splitter = Function::start(env!("CARGO_BIN_EXE_splitter"), &environment);
        let ingest = Function::start(env!("CARGO_BIN_EXE_ingest"), &environment);
        Self { endpoint, domain, splitter, ingest, retry_url, parking_url }
    }

    /// The next message of a queue, as Lambda's event source mapping hands it on.
    async fn receive(&self, url: &str) -> Option<aws_sdk_sqs::types::Message> {
        let attributes = aws_sdk_sqs::types::MessageSystemAttributeName::All;
        let request = self.endpoint.sqs.receive_message().queue_url(url).message_system_attribute_names(attributes);
        let received = request.message_attribute_names("All").wait_time_seconds(3).send().await.unwrap();
        received.messages().first().cloned()
    }

    async fn delete(&self, url: &str, message: &aws_sdk_sqs::types::Message) {
        self.endpoint
            .sqs
            .delete_message()
            .queue_url(url)
            .receipt_handle(message.receipt_handle().unwrap())
            .send()
            .await
            .unwrap();
    }

    /// Receives once and invokes ingest; whether the message stays. `None`: there was none.
    async fn feed(&self, milliseconds: u64) -> Option<(u32, bool)> {
        let message = self.receive(&self.retry_url).await?;
        let attribute = |name| message.attributes().unwrap()[&name].clone();
        let count = attribute(aws_sdk_sqs::types::MessageSystemAttributeName::ApproximateReceiveCount);
        let event = json!({ "Records": [{
            "eventSource": "aws:sqs", "messageId": message.message_id(), "receiptHandle": message.receipt_handle(), "body": message.body(),
            "attributes": { "ApproximateReceiveCount": count,
                "SentTimestamp": attribute(aws_sdk_sqs::types::MessageSystemAttributeName::SentTimestamp) } }] });
        let answer = self.ingest.invoke(&event, milliseconds).unwrap();
        let stays = !answer["batchItemFailures"].as_array().unwrap().is_empty();
        if !stays {
            self.delete(&self.retry_url, &message).await;
        }
        Some((count.parse().unwrap(), stays))
    }

    /// How often each message is in the index, and in the rejects.
    async fn count(&self) -> BTreeMap<String, (usize, usize)> {
        let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for document in self.domain.state.lock().unwrap().documents.values() {
            counts.entry(document["event.id"].as_str().unwrap().to_owned()).or_default().0 += 1;
        }
        for key in self.endpoint.keys("rejects/").await {
            let mut text = String::new();
            flate2::read::GzDecoder::new(&*self.endpoint.get(&key).await).read_to_string(&mut text).unwrap();
            for line in text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
                let record: Value = serde_json::from_str(line["record"].as_str().unwrap()).unwrap();
                counts.entry(record["uid"].as_str().unwrap().to_owned()).or_default().1 += 1;
            }
        }
        counts
    }
}

fn bucket_event(key: &str) -> Value {
    json!({ "Records": [{ "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": { "bucket": { "name": "landing" }, "object": { "key": key } } }] })
}

/// Records with these numbers; each hundredth cannot be mapped.
fn records(numbers: std::ops::Range<usize>) -> (Vec<u8>, BTreeMap<String, (usize, usize)>) {
    let (mut text, mut expected) = (Vec::new(), BTreeMap::new());
    for n in numbers {
        let uid = format!("C{n}");
        let poison = n % 100 == 0;
        expected.insert(uid.clone(), if poison { (0, 1) } else { (1, 0) });
        let mut record = json!({ "_path": "conn", "ts": seconds_since_1970(), "uid": uid, "proto": "tcp", "history": "ShADadFf",
            "id.orig_h": "10.0.0.1", "id.orig_p": 40_000, "id.resp_h": "192.0.2.1", "id.resp_p": 443, "note": "x".repeat(200) });
        if poison {
            record["poison"] = json!(true);
        }
        text.extend(format!("{record}\n").bytes());
    }
    (text, expected)
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_bucket_to_the_index_through_faults_parking_and_replay() {
    let stack = Stack::start("sigv4").await;
    let (mut text, mut expected) = records(0..6000);
    text.extend([vec![b'x'; 3000], b"\n".to_vec()].concat());
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&text).unwrap();
    stack.endpoint.put("in/probe-1/conn.log.gz", encoder.finish().unwrap()).await;

    // Split; the message that is too long is set aside.
    assert_eq!(stack.splitter.invoke(&bucket_event("in/probe-1/conn.log.gz"), AMPLE), Ok(Value::Null));
    let parts = stack.endpoint.keys("parts/").await;
    assert!(parts.len() >= 2, "{parts:?}");
    let aside = stack.endpoint.keys("aside/").await;
    assert_eq!(stack.endpoint.get(&aside[0]).await.len(), 3001);

    // Ingest while the domain is busy, half busy, slow and silent; and once more, as events come at least once.
    stack.domain.state.lock().unwrap().moods = vec![Mood::Silent, Mood::Slow, Mood::HalfBusy, Mood::Busy];
    for part in &parts {
        assert_eq!(stack.ingest.invoke(&bucket_event(part), AMPLE), Ok(Value::Null), "{part}");
    }
    stack.ingest.invoke(&bucket_event(&parts[0]), AMPLE).unwrap();
    assert_eq!(stack.count().await, expected);
    assert!(stack.domain.state.lock().unwrap().conflicts > 0);

    // The domain goes down: the event fails three times and becomes a dead letter.
    stack.domain.state.lock().unwrap().down = true;
    let (text, more) = records(6001..6050);
    stack.endpoint.put("in/probe-1/later.log", text).await;
    stack.splitter.invoke(&bucket_event("in/probe-1/later.log"), AMPLE).unwrap();
    let part = stack.endpoint.keys("parts/probe-1/later.log/").await.remove(0);
    for _ in 0..3 {
        let error = stack.ingest.invoke(&bucket_event(&part), SHORT).unwrap_err();
        assert!(error["errorMessage"].as_str().unwrap().contains("503"), "{error}");
    }
    stack
        .endpoint
        .sqs
        .send_message()
        .queue_url(&stack.retry_url)
        .message_body(bucket_event(&part).to_string())
        .send()
        .await
        .unwrap();

    // Three more tries, each a message of its own, then parked.
    for _ in 0..4 {
        let fed = loop {
            if let Some(fed) = stack.feed(SHORT).await {
                break fed;
            }
        };
        assert_eq!(fed, (1, false));
    }
    let parked = stack.receive(&stack.parking_url).await.expect("a parked message");
    let attribute = |name: &str| parked.message_attributes().unwrap()[name].string_value().unwrap().to_owned();
    assert_eq!(
        (attribute("Kind").as_str(), attribute("Function").as_str(), attribute("Attempts").as_str()),
        ("transient", "ingest", "4")
    );
    assert!(attribute("Reason").contains("503"));

    // The fix, and the replay.
    stack.domain.state.lock().unwrap().down = false;
    stack
        .endpoint
        .sqs
        .send_message()
        .queue_url(attribute("Queue"))
        .message_body(parked.body().unwrap())
        .send()
        .await
        .unwrap();
    stack.delete(&stack.parking_url, &parked).await;
    assert_eq!(stack.feed(AMPLE).await, Some((1, false)));
    expected.extend(more);
    assert_eq!(stack.count().await, expected);

    let state = stack.domain.state.lock().unwrap();
    assert!(state.signed.iter().all(|signed| *signed));
    assert_eq!(state.settings["/_index_template/tenantry"]["index_patterns"], json!(["zeek-*"]));
    assert_eq!(state.settings["/_plugins/_ism/policies/tenantry"]["policy"]["default_state"], json!("kept"));
    drop(state);
    let written = stack.ingest.stop();
    let metrics: Vec<Value> = written
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line.get("_aws").is_some())
        .collect();
    let sum = |name: &str| metrics.iter().filter_map(|line| line[name].as_f64()).sum::<f64>();
    assert_eq!((sum("Parked"), sum("Extended"), sum("Failures")), (1.0, 3.0, 7.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_retry_helps_is_parked_at_once() {
    let stack = Stack::start("none").await;
    assert_eq!(
        stack.ingest.invoke(&bucket_event("parts/gone/0123456789abcdef0123-000000000000"), AMPLE),
        Ok(Value::Null)
    );
    assert_eq!(stack.splitter.invoke(&bucket_event("elsewhere/x"), AMPLE), Ok(Value::Null));
    assert_eq!(stack.splitter.invoke(&json!({ "what": "is this" }), AMPLE), Ok(Value::Null));
    let mut reasons = Vec::new();
    for _ in 0..3 {
        let parked = stack.receive(&stack.parking_url).await.expect("a parked message");
        assert_eq!(parked.message_attributes().unwrap()["Kind"].string_value(), Some("logic"));
        reasons.push(parked.message_attributes().unwrap()["Reason"].string_value().unwrap().to_owned());
        stack.delete(&stack.parking_url, &parked).await;
    }
    reasons.sort();
    assert!(reasons[0].contains("is not below `in/`") && reasons[1].contains("no known shape"), "{reasons:?}");
    assert!(reasons[2].starts_with("the object is missing") && reasons[2].contains("parts/gone"), "{reasons:?}");
}
