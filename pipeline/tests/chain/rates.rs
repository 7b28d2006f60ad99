//! What the functions' processes take for records, end to end: S3, SQS and the search domain over HTTP, without TLS.

use std::io::{Read as _, Write as _};
use std::path::Path;

use serde_json::Value;

use crate::{AMPLE, Stack, bucket_event, records};

/// Bytes of each kind that are sent.
const ENOUGH: usize = 8 << 20;

/// A warm run of gzipped objects by kind: of the folder that `CHAIN_RECORDS` names, else of records made here. `make
/// functions` and `CHAIN_FUNCTIONS=target/lambda` give the functions as Lambda has them.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures"]
async fn what_the_functions_take_for_two_gigabytes_a_minute() {
    let settings = [("PART_MIB", "64"), ("BULK_RECORDS", "5000"), ("RETENTION_DAYS", "3650")];
    let stack = Stack::start_with("sigv4", &settings).await;
    println!(
        "CPU of one core for 2 GB of records a minute\n{:<24} {:>8} {:>8} {:>8}",
        "kind", "splitter", "ingest", "vCPU"
    );
    for (name, text) in std::iter::once(("warm.log".to_owned(), records(1..2000).0)).chain(kinds()) {
        let lines = text.iter().filter(|byte| **byte == b'\n').count();
        let key = format!("in/probe-1/{name}.gz");
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&text).unwrap();
        stack.endpoint.put(&key, encoder.finish().unwrap()).await;
        let before = (stack.splitter.cpu_seconds(), stack.ingest.cpu_seconds());
        assert_eq!(stack.splitter.invoke(&bucket_event(&key), AMPLE), Ok(Value::Null));
        for part in stack.endpoint.keys(&format!("parts/probe-1/{name}")).await {
            assert_eq!(stack.ingest.invoke(&bucket_event(&part), AMPLE), Ok(Value::Null), "{part}");
        }
        let share = |after: f64, before: f64| (after - before) / text.len() as f64 * 2e9 / 60.0;
        let splitter = share(stack.splitter.cpu_seconds(), before.0);
        let ingest = share(stack.ingest.cpu_seconds(), before.1);
        let documents = std::mem::take(&mut stack.domain.state.lock().unwrap().documents);
        println!(
            "{name:<24} {splitter:>8.3} {ingest:>8.3} {:>8.3}  {} of {lines} records",
            splitter + ingest,
            documents.len()
        );
    }
}

fn kinds() -> Vec<(String, Vec<u8>)> {
    let Ok(folder) = std::env::var("CHAIN_RECORDS") else { return vec![("conn.log".to_owned(), records(1..20_000).0)] };
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: &Path| {
        let mut text = Vec::new();
        flate2::read::MultiGzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut text).unwrap();
        let cut = text.iter().take(ENOUGH).rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        text.truncate(cut);
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), text)
    };
    paths.iter().map(|path| read(path)).collect()
}
