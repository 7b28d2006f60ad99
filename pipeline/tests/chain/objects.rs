//! Splitting over real HTTP: what S3 holds afterwards.

use std::sync::atomic::{AtomicUsize, Ordering};

use tenantry_pipeline::framing::Framing;
use tenantry_pipeline::split::cutter::Limits;
use tenantry_pipeline::split::run::{Split, SplitSettings, split};
use tenantry_pipeline::storage::{ObjectAt, Objects as _, StorageErrorKind, Target};

use crate::endpoint::Endpoint;

fn settings(part_mib: u64) -> SplitSettings {
    SplitSettings {
        framing: Framing::Newline,
        limits: Limits { part_bytes: part_mib << 20, part_messages: None, message_bytes: 1 << 20 },
        source_prefix: "in/".to_owned(),
        parts_prefix: "parts/".to_owned(),
        aside_prefix: "aside/".to_owned(),
    }
}

fn at(key: &str) -> ObjectAt {
    ObjectAt { bucket: "landing".to_owned(), key: key.to_owned(), version: None }
}

fn lines(mib: usize) -> Vec<u8> {
    let mut text = Vec::new();
    let mut n = 0u64;
    while text.len() < mib << 20 {
        n += 1;
        text.extend(format!("{{\"n\":{n},\"x\":\"{:016x}\"}}\n", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).bytes());
    }
    text
}

async fn check(endpoint: &Endpoint, key: &str, body: Vec<u8>, text: &[u8], part_mib: u64) -> Split {
    endpoint.put(key, body).await;
    let done = split(&endpoint.objects(), &settings(part_mib), &at(key), 0, || false).await.unwrap();
    let mut joined = Vec::new();
    let parts = endpoint.keys(&key.replace("in/", "parts/")).await;
    for part in &parts {
        let bytes = endpoint.get(part).await;
        assert!(bytes.len() as u64 <= part_mib << 20 && bytes.ends_with(b"\n"), "{part}");
        joined.extend(bytes);
    }
    assert_eq!((done.parts as usize, joined.len()), (parts.len(), text.len()));
    assert!(joined == text, "the parts of {key} are not the object");
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn the_parts_together_are_the_object() {
    let endpoint = Endpoint::start().await;
    let text = lines(21);
    let plain = check(&endpoint, "in/probe/a b+é.log", text.clone(), &text, 8).await;
    assert_eq!((plain.parts, plain.messages), (3, text.iter().filter(|byte| **byte == b'\n').count() as u64));
    // More than one piece of an upload in each part.
    check(&endpoint, "in/probe/b.log.zst", zstd::encode_all(&*text, 1).unwrap(), &text, 12).await;
    let small = lines(1);
    check(&endpoint, "in/probe/c.log", small.clone(), &small, 8).await;
    endpoint.put("in/probe/empty.log", Vec::new()).await;
    assert_eq!(
        split(&endpoint.objects(), &settings(8), &at("in/probe/empty.log"), 0, || false).await,
        Ok(Split::default())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_stops_is_continued_and_the_parts_are_the_same() {
    let endpoint = Endpoint::start().await;
    let text = lines(24);
    for (key, body) in [("in/p/a.log", text.clone()), ("in/p/b.log.zst", zstd::encode_all(&*text, 1).unwrap())] {
        endpoint.put(key, body).await;
        let (mut from, mut runs) = (0, 0);
        loop {
            // Decoding begins anew each time, so each run must get a little further.
            let asked = AtomicUsize::new(0);
            let time_is_up = || asked.fetch_add(1, Ordering::Relaxed) >= runs;
            let done = split(&endpoint.objects(), &settings(1), &at(key), from, time_is_up).await;
            runs += 1;
            // What is compressed is checked before any of it is written: that, too, takes its time.
            let Ok(done) = done else { continue };
            match done.remainder {
                Some(next) => from = next,
                None => break,
            }
        }
        let mut joined = Vec::new();
        for part in endpoint.keys(&key.replace("in/", "parts/")).await {
            joined.extend(endpoint.get(&part).await);
        }
        assert!(joined == text && runs > 1, "{key} after {runs} runs");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_and_a_changed_object_are_told_apart() {
    let endpoint = Endpoint::start().await;
    let objects = endpoint.objects();
    assert_eq!(objects.look_at(&at("in/none")).await.unwrap_err().kind, StorageErrorKind::Missing);
    endpoint.put("in/a", lines(6)).await;
    let before = objects.look_at(&at("in/a")).await.unwrap();
    endpoint.put("in/a", lines(7)).await;
    assert_eq!(objects.read(&at("in/a"), &before.etag, 0..10).await.unwrap_err().kind, StorageErrorKind::Changed);
    let target = Target { bucket: "landing".to_owned(), key: "parts/x".to_owned(), metadata: Vec::new() };
    objects.copy(&at("in/none"), "\"x\"", 0..10, &target).await.unwrap_err();
    assert!(endpoint.keys("parts/").await.is_empty());
}
