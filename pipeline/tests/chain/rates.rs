//! What the functions' processes take for records, end to end: S3, SQS and the search domain over HTTP, without TLS.

use std::io::{Read as _, Write as _};
use std::path::Path;

use serde_json::Value;

use crate::{Stack, bucket_event, records};

/// Bytes that each kind is repeated to: those of a part, which a sensor of this rate fills in two seconds.
const ENOUGH: usize = 64 << 20;

/// Milliseconds of an invocation: what takes the time here are the store and the domain.
const PATIENT: u64 = 600_000;

/// Warm runs of gzipped objects by kind: of the folder that `CHAIN_RECORDS` names, and of all its logs together; else of
/// records made here. `make functions` and `CHAIN_FUNCTIONS=target/lambda` give the functions as Lambda has them.
///
/// Counted is what the kernel says that the two processes were on a processor, in user and in system mode. The store, the queues,
/// the domain and this test are other processes.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures"]
async fn what_the_functions_take_for_two_gigabytes_a_minute() {
    let settings =
        [("PART_MIB", "64"), ("MESSAGE_MAX_KIB", "1024"), ("BULK_RECORDS", "5000"), ("RETENTION_DAYS", "3650")];
    let stack = Stack::start_with("sigv4", &settings).await;
    stack.domain.state.lock().unwrap().counted = Some(0);
    println!(
        "CPU of one core for 2 GB of records a minute\n{:<24} {:>8} {:>8} {:>8}",
        "kind", "splitter", "ingest", "vCPU"
    );
    for (name, text) in std::iter::once(("warm.log".to_owned(), records(1..2000).0)).chain(kinds()) {
        let lines = memchr::memchr_iter(b'\n', &text).count();
        let key = format!("in/probe-1/{name}.gz");
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&text).unwrap();
        stack.endpoint.put(&key, encoder.finish().unwrap()).await;
        let before = (stack.splitter.cpu_seconds(), stack.ingest.cpu_seconds());
        assert_eq!(stack.splitter.invoke(&bucket_event(&key), PATIENT), Ok(Value::Null));
        for part in stack.endpoint.keys(&format!("parts/probe-1/{name}")).await {
            assert_eq!(stack.ingest.invoke(&bucket_event(&part), PATIENT), Ok(Value::Null), "{part}");
        }
        let share = |after: f64, before: f64| (after - before) / text.len() as f64 * 2e9 / 60.0;
        let splitter = share(stack.splitter.cpu_seconds(), before.0);
        let ingest = share(stack.ingest.cpu_seconds(), before.1);
        let documents = stack.domain.state.lock().unwrap().counted.replace(0).unwrap_or_default();
        println!("{name:<24} {splitter:>8.3} {ingest:>8.3} {:>8.3}  {documents} of {lines} records", splitter + ingest);
    }
    println!("peak memory: splitter {} MiB, ingest {} MiB", stack.splitter.peak_mib(), stack.ingest.peak_mib());
}

fn kinds() -> Vec<(String, Vec<u8>)> {
    let Ok(folder) = std::env::var("CHAIN_RECORDS") else { return vec![("conn.log".to_owned(), records(1..20_000).0)] };
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: &Path| {
        let mut text = Vec::new();
        flate2::read::MultiGzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut text).unwrap();
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), text)
    };
    let logs: Vec<_> = paths.iter().map(|path| read(path)).collect();
    let together = logs.iter().flat_map(|(_, text)| text.iter().copied()).collect();
    let wanted = std::env::var("CHAIN_KINDS").unwrap_or_default();
    let all = logs.into_iter().chain([("together.log".to_owned(), together)]);
    all.filter(|(name, _)| wanted.is_empty() || wanted.split(',').any(|one| name.starts_with(one)))
        .map(|(name, text)| (name, repeated(&text)))
        .collect()
}

/// Whole lines, as often as they fit.
fn repeated(text: &[u8]) -> Vec<u8> {
    let mut whole = text.repeat((ENOUGH / text.len()).max(1));
    whole.truncate(ENOUGH);
    let end = memchr::memrchr(b'\n', &whole).map_or(0, |at| at + 1);
    whole.truncate(end);
    whole
}
