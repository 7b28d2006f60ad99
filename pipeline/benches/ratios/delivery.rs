//! From a gzipped file to a receiver on the loopback, in processes of their own: the functions' code without S3 and TLS, and
//! the OpenTelemetry collector.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sha2::Digest as _;
use tenantry_pipeline::bulk::batch::BatchLimits;
use tenantry_pipeline::bulk::run::{IngestSettings, ingest};
use tenantry_pipeline::bulk::send::{NoAnswer, Search};
use tenantry_pipeline::framing::Framing;
use tenantry_pipeline::pace::{Pace, seconds_since_1970};
use tenantry_pipeline::records::standardise::Standard;
use tenantry_pipeline::split::run::{SplitSettings, split};
use tenantry_pipeline::storage::{ObjectAt, ObjectInfo, Objects, StorageError, Target, Upload};

use super::receiver::Receiver;
use super::{LIMITS, stages};

/// Bytes of records that are delivered.
const BYTES: usize = 64 << 20;

/// Longest that a delivery may take.
const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) fn report(own: &[u8], folder: &Path) {
    println!("delivery: a gzipped file, decoded, mapped, compressed and sent to a receiver on the loopback");
    let mut text: Vec<u8> = stages::logs(own).into_iter().flat_map(|(_, text)| text).collect();
    text.truncate(BYTES);
    let text = stages::whole_lines(&text);
    let records = text.iter().filter(|byte| **byte == b'\n').count();
    let file = folder.join("delivered.log.gz");
    std::fs::write(&file, stages::gzip(text)).unwrap();
    let ours = deliver(own_process, &file, text, records);
    let show = |name: &str, (seconds, sent): (f64, usize)| {
        let (rate, ratio) = (seconds / text.len() as f64 * 1e9, seconds / ours.0);
        let sent = sent as f64 / text.len() as f64;
        println!(
            "  {name:<48} {rate:>6.1} CPU s/GB {:>6.3} vCPU at 2 GB/min {sent:>6.3} sent {ratio:>6.2} of ours",
            rate / 30.0
        );
    };
    show("ours: both functions, without S3 and TLS", ours);
    match collector() {
        Some(_) => show("OpenTelemetry collector", deliver(collector_process, &file, text, records)),
        None => println!("  OpenTelemetry collector: not measured, `make target/tools/otelcol` builds it with Go"),
    }
    println!();
}

fn collector() -> Option<std::path::PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/otelcol");
    path.exists().then_some(path)
}

/// CPU seconds of the process that delivers the file, and bytes that it sent.
fn deliver(start: fn(&Path, &[u8], u16) -> Child, file: &Path, text: &[u8], records: usize) -> (f64, usize) {
    let receiver = Receiver::start();
    let begun = Instant::now();
    let mut process = start(file, text, receiver.port);
    while receiver.records() < records && begun.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(20));
    }
    // The last answer is read, too.
    std::thread::sleep(Duration::from_millis(200));
    let seconds = cpu_seconds(process.id());
    process.kill().unwrap();
    process.wait().unwrap();
    assert_eq!(receiver.records(), records, "records that arrived");
    (seconds, receiver.bytes())
}

/// Seconds that a process was on a processor, in user's and in the kernel's mode (Linux, `proc(5)`, `stat`: hundredths).
fn cpu_seconds(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<f64> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse().unwrap())
        .collect();
    fields.iter().sum::<f64>() / 100.0
}

fn collector_process(file: &Path, text: &[u8], port: u16) -> Child {
    let template = include_str!("../peer/collector.yaml");
    let is_iso = memchr::memmem::find(&text[..text.len().min(1000)], b"\"ts\":\"").is_some();
    let time = if is_iso {
        "{ parse_from: body.ts, layout: '%Y-%m-%dT%H:%M:%S.%fZ' }"
    } else {
        "{ parse_from: body.ts, layout_type: epoch, layout: s.us }"
    };
    let filled = template
        .replace("PORT", &port.to_string())
        .replace("TIME", time)
        .replace("FILE]", &format!("{}]", file.display()));
    let configuration = file.with_extension("yaml");
    std::fs::write(&configuration, filled).unwrap();
    let mut command = Command::new(collector().unwrap());
    command.arg("--config").arg(configuration).stdout(Stdio::null()).spawn().unwrap()
}

fn own_process(file: &Path, _: &[u8], port: u16) -> Child {
    let own = std::env::current_exe().unwrap();
    Command::new(own).arg("--deliver").arg(file).arg(port.to_string()).spawn().unwrap()
}

/// The process that delivers as the functions do; waits for its end afterwards.
pub(crate) fn child(file: &str, port: u16) {
    let store = Store::default();
    let source = ObjectAt { bucket: "b".to_owned(), key: "in/probe-1/mixed.log.gz".to_owned(), version: None };
    store.objects.lock().unwrap().insert(source.key.clone(), (std::fs::read(file).unwrap().into(), BTreeMap::new()));
    let prefix = |name: &str| format!("{name}/");
    let split_settings = SplitSettings {
        framing: Framing::Newline,
        limits: LIMITS,
        source_prefix: prefix("in"),
        parts_prefix: prefix("parts"),
        aside_prefix: prefix("aside"),
    };
    let settings = IngestSettings {
        framing: Framing::Newline,
        standard: Standard::new("acme"),
        limits: BatchLimits { bytes: 5 << 20, records: 5000 },
        parallel: 4,
        retention_days: 100_000,
        parts_prefix: prefix("parts"),
        rejects_prefix: prefix("rejects"),
        park_percent: 50,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        split(&store, &split_settings, &source, 0, || false).await.unwrap();
        let keys: Vec<String> = store.objects.lock().unwrap().keys().cloned().collect();
        for key in keys.into_iter().filter(|key| key.starts_with("parts/")) {
            let end = tokio::time::Instant::now() + PATIENCE;
            let pace = Pace { until: end, end, random: || 0.5 };
            let at = ObjectAt { key, ..source.clone() };
            ingest(&store, &Domain { port, idle: Arc::default() }, &settings, &at, 0, seconds_since_1970(), pace)
                .await
                .unwrap();
        }
    });
    std::thread::sleep(PATIENCE);
}

/// Bulk requests over plain HTTP, gzipped, with the digest that a signature takes.
#[derive(Debug, Clone)]
struct Domain {
    port: u16,
    /// Connections without a request.
    idle: Arc<Mutex<Vec<TcpStream>>>,
}

impl Domain {
    fn exchange(&self, body: &[u8]) -> std::io::Result<Vec<u8>> {
        let idle = self.idle.lock().unwrap().pop();
        let mut stream = idle.map_or_else(|| TcpStream::connect(("127.0.0.1", self.port)), Ok)?;
        let digest = sha2::Sha256::digest(body);
        let head = format!(
            "POST /_bulk HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-encoding: gzip\r\nx-amz-content-sha256: {digest:02x?}"
        );
        stream.write_all(format!("{head}\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes())?;
        stream.write_all(body)?;
        let mut reader = BufReader::new(stream);
        let (mut line, mut length) = (String::new(), 0);
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line)?;
            length = line.strip_prefix("content-length: ").map_or(length, |length| length.trim().parse().unwrap());
        }
        let mut answer = vec![0; length];
        reader.read_exact(&mut answer)?;
        self.idle.lock().unwrap().push(reader.into_inner());
        Ok(answer)
    }
}

impl Search for Domain {
    async fn bulk(&self, body: &[&[u8]]) -> Result<(u16, Bytes), NoAnswer> {
        let bytes: usize = body.iter().map(|part| part.len()).sum();
        let mut encoder = flate2::write::GzEncoder::new(Vec::with_capacity(bytes / 6), flate2::Compression::fast());
        body.iter().try_for_each(|part| encoder.write_all(part)).unwrap();
        let compressed = encoder.finish().unwrap();
        self.exchange(&compressed).map(|answer| (200, answer.into())).map_err(|error| NoAnswer(error.to_string()))
    }
}

/// Bytes of an object, and its metadata.
type Object = (Bytes, BTreeMap<String, String>);

/// Objects in memory.
#[derive(Debug, Clone, Default)]
struct Store {
    objects: Arc<Mutex<BTreeMap<String, Object>>>,
    uploads: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

impl Objects for Store {
    async fn look_at(&self, at: &ObjectAt) -> Result<ObjectInfo, StorageError> {
        let (content, metadata) = self.objects.lock().unwrap()[&at.key].clone();
        Ok(ObjectInfo { bytes: content.len() as u64, etag: String::new(), written: 0, metadata })
    }

    async fn read(&self, at: &ObjectAt, _: &str, range: Range<u64>) -> Result<Bytes, StorageError> {
        let content = self.objects.lock().unwrap()[&at.key].0.clone();
        Ok(content.slice(range.start as usize..range.end as usize))
    }

    async fn put(&self, target: &Target, body: Bytes) -> Result<(), StorageError> {
        let metadata = target.metadata.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        self.objects.lock().unwrap().insert(target.key.clone(), (body, metadata));
        Ok(())
    }

    async fn copy(&self, at: &ObjectAt, etag: &str, range: Range<u64>, target: &Target) -> Result<(), StorageError> {
        self.put(target, self.read(at, etag, range).await?).await
    }

    async fn begin(&self, target: &Target) -> Result<Upload, StorageError> {
        Ok(Upload { target: target.clone(), id: target.key.clone(), pieces: Vec::new() })
    }

    async fn append(&self, mut upload: Upload, piece: Bytes) -> Result<Upload, StorageError> {
        self.uploads.lock().unwrap().entry(upload.id.clone()).or_default().extend_from_slice(&piece);
        upload.pieces.push(String::new());
        Ok(upload)
    }

    async fn complete(&self, upload: Upload) -> Result<(), StorageError> {
        let content = self.uploads.lock().unwrap().remove(&upload.id).unwrap();
        self.put(&upload.target, content.into()).await
    }

    async fn abort(&self, upload: Upload) -> Result<(), StorageError> {
        self.uploads.lock().unwrap().remove(&upload.id);
        Ok(())
    }
}
