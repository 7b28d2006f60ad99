//! A message's whole way: into the bucket, split, refused by a search domain that is down, retried, extended, parked,
//! shown and put back by the real `tenantry replay`, and indexed; with nothing lost and nothing twice.
//!
//! The functions' own code runs here over HTTP to S3 and SQS of the local endpoint. What AWS does between them (events,
//! retries, dead letters, receives) is done by [`stack::Stack`].

mod search;
mod stack;

use std::process::Output;

use serde_json::{Value, json};
use stack::{Stack, bucket_event, records};
use tenantry_pipeline::records::dataset::Naming;

use crate::process::tenantry;

fn replay(stack: &Stack, arguments: &[&str]) -> Output {
    command("replay", stack, arguments)
}

/// Runs a command of tenant acme as a person would, against the endpoint, under the shipped roles.
fn command(name: &str, stack: &Stack, arguments: &[&str]) -> Output {
    let mut command = tenantry(&stack.endpoint.url);
    command.args([name, "acme", "--estate"]).arg(stack.estate.path()).args(arguments).output().unwrap()
}

fn check(output: &Output, code: i32) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_bucket_through_every_retry_and_a_replay_to_the_index() {
    let stack = Stack::start().await;
    let text = check(&replay(&stack, &[]), 0);
    assert_eq!(text, "no message of acme is parked\n");

    stack.put("in/probe-1/conn.log", records(0..40)).await;
    stack.split("in/probe-1/conn.log").await.unwrap();
    let parts = stack.keys("parts/").await;
    assert_eq!(parts.len(), 1, "{parts:?}");

    // The domain is down: three failed invocations, a dead letter, three extended retries, parked.
    stack.domain.set_down(true);
    for _ in 0..3 {
        stack.ingest(&bucket_event(&parts[0])).await.unwrap_err();
    }
    stack.send(&stack.ingest_queue, &bucket_event(&parts[0]).to_string()).await;
    for _ in 0..4 {
        // Each try is a message of its own: its tries are counted in it, not by the queue.
        assert_eq!(stack.feed(&stack.ingest_queue).await, (1, false));
    }
    assert_eq!(stack.depth(&stack.parking_queue).await, 1);

    // Shown first, and nothing moves without a yes.
    let shown = check(&replay(&stack, &[]), 2);
    assert!(shown.contains("ingest (transient, 4 attempts)") && shown.contains(&parts[0]), "{shown}");
    assert!(shown.contains("503") && shown.contains("to: metanet-acme-ingest-retry"), "{shown}");
    assert!(shown.ends_with("1 parked messages of acme, 0 put back; `--yes` puts them back\n"), "{shown}");
    assert_eq!(stack.depths().await, (0, 0, 1));

    // The fix, and the replay.
    stack.domain.set_down(false);
    let shown = check(&replay(&stack, &["--yes"]), 0);
    assert!(shown.contains(&parts[0]) && shown.ends_with("1 parked messages of acme, 1 put back\n"), "{shown}");
    assert_eq!(stack.depths().await, (0, 1, 0));
    assert_eq!(stack.feed(&stack.ingest_queue).await, (1, false));
    assert_eq!(stack.depths().await, (0, 0, 0));
    assert_eq!(stack.domain.counts(), (0..40).map(|n| (format!("C{n}"), 1)).collect());
    assert_eq!(check(&replay(&stack, &["--yes"]), 0), "no message of acme is parked\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn since_leaves_the_older_ones_parked_and_each_goes_back_to_its_own_function() {
    let stack = Stack::start().await;
    // One that was parked long ago, one whose function died before it could say anything, one that nobody can place.
    let old = [("ParkedAt", "2020-01-01T00:00:00Z"), ("Function", "splitter"), ("Reason", "long ago")];
    stack.park("in/old.log", &old).await;
    stack.park("in/new.log", &[]).await;
    stack.send(&stack.parking_queue, "no event at all").await;
    // What is logically wrong is parked at once, by the function itself.
    stack.ingest(&bucket_event("parts/gone/0123456789abcdef0123-000000000000")).await.unwrap();
    assert_eq!(stack.depths().await, (0, 0, 4));

    let output = replay(&stack, &["--since", "1h", "--output", "json"]);
    let answer: Value = serde_json::from_str(&check(&output, 2)).unwrap();
    let objects: Vec<&str> = rows(&answer).map(|row| row["object"].as_str().unwrap()).collect();
    assert_eq!(objects.len(), 3, "{answer:#}");
    assert!(!objects.contains(&"in/old.log"), "{answer:#}");
    assert_eq!(answer["replayed"], json!(0));

    // Two go back, each to its own queue; the third stays, and the run says that it is not done.
    let shown = check(&replay(&stack, &["--since", "1h", "--yes"]), 4);
    assert!(shown.contains("the function died before it could say why"), "{shown}");
    assert!(shown.contains("to: unknown: stays parked") && shown.contains("3 parked messages"), "{shown}");
    assert_eq!(stack.depths().await, (1, 1, 2));
    assert_eq!(stack.body(&stack.splitter_queue).await, bucket_event("in/new.log"));

    // A limit is kept, and a moment that nobody can read moves nothing.
    let unreadable = replay(&stack, &["--since", "soon", "--yes"]);
    check(&unreadable, 1);
    assert!(String::from_utf8_lossy(&unreadable.stderr).contains("`soon` is no moment"));
    let output = replay(&stack, &["--limit", "1", "--output", "json"]);
    let answer: Value = serde_json::from_str(&check(&output, 2)).unwrap();
    assert_eq!(rows(&answer).count(), 1, "{answer:#}");
    assert_eq!(stack.depth(&stack.parking_queue).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_records_are_shown_by_reason_and_put_back_after_the_fix() {
    let stack = Stack::start().await;
    let rejects = |arguments: &[&str]| command("rejects", &stack, arguments);
    assert_eq!(check(&rejects(&[]), 0), "no record of acme is rejected\n");

    // Records of a kind that nothing names, among good ones: half of the part. And an object that is gone by then.
    let unnamed = |range| String::from_utf8(records(range)).unwrap().replace("\"_path\":\"conn\",", "").into_bytes();
    let mixed = [records(0..20), unnamed(20..35), b"no json\n".to_vec()].concat();
    for (key, body) in [("in/probe 1/2026-11-28", mixed), ("in/probe 1/2026-11-27", unnamed(100..105))] {
        stack.put(key, body).await;
        stack.split(key).await.unwrap();
    }
    for part in stack.keys("parts/").await {
        stack.ingest(&bucket_event(&part)).await.unwrap();
    }
    stack.delete("in/probe 1/2026-11-27").await;
    let files = stack.keys("rejects/").await;
    assert!(files.len() >= 3, "{files:?}");

    let shown = check(&rejects(&[]), 2);
    assert!(shown.starts_with("       20  no-dataset\n           neither the record"), "{shown}");
    assert!(shown.contains("        1  not-an-object\n"), "{shown}");
    assert!(shown.contains("in/probe 1/2026-11-28  15 no-dataset, 1 not-an-object\n"), "{shown}");
    assert!(shown.contains("in/probe 1/2026-11-27  5 no-dataset; the object is gone"), "{shown}");
    let end = "21 rejected records of acme in 2 objects, 0 put back; `--replay` puts them back\n";
    assert!(shown.ends_with(end), "{shown}");
    assert_eq!(check(&rejects(&["--replay"]), 2), shown, "without a terminal nobody can say yes");
    assert_eq!(stack.keys("rejects/").await, files);
    let answer: Value = serde_json::from_str(&check(&rejects(&["--output", "json", "--limit", "1"]), 2)).unwrap();
    assert!(answer["unread"].as_u64().is_some_and(|unread| unread > 0), "{answer:#}");
    assert_eq!(check(&rejects(&["--since", "2100-01-01T00:00:00Z"]), 0), "no record of acme is rejected\n");

    // The fix, and the replay: what was indexed before is there once, what is still wrong is rejected again.
    stack.naming.lock().unwrap().patterns = Naming::parse_patterns("probe*=conn").unwrap();
    let shown = check(&rejects(&["--replay", "--yes"]), 4);
    assert!(shown.contains("15 no-dataset, 1 not-an-object; put back\n"), "{shown}");
    assert!(shown.ends_with("21 rejected records of acme in 2 objects, 16 put back\n"), "{shown}");
    // The part of which nothing could be used was parked as well, by ingest.
    assert_eq!(stack.depths().await, (1, 0, 1));
    assert!(stack.keys("rejects/").await.iter().all(|key| key.contains("2026-11-27")));
    stack.feed_splitter().await;
    for part in stack.keys("parts/probe 1/2026-11-28").await {
        stack.ingest(&bucket_event(&part)).await.unwrap();
    }
    let wanted: std::collections::BTreeMap<String, usize> = (0..35).map(|n| (format!("C{n}"), 1)).collect();
    assert_eq!(stack.domain.counts(), wanted);
    let shown = check(&rejects(&[]), 2);
    assert!(shown.contains("in/probe 1/2026-11-28  1 not-an-object\n"), "{shown}");
}

fn rows(answer: &Value) -> impl Iterator<Item = &Value> {
    answer["messages"].as_array().into_iter().flatten()
}
