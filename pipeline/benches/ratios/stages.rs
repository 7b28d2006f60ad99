//! Where the time of a record goes, by kind: `BENCH_RECORDS` names a folder of gzipped logs (`dns.log.gz`, …); without it
//! the bench's own records are taken.

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::path::Path;

use sha2::Digest as _;
use tenantry_pipeline::framing::Framing;
use tenantry_pipeline::records::dataset::Naming;
use tenantry_pipeline::records::identity::Identity;
use tenantry_pipeline::records::standardise::{Origin, Standard};
use tenantry_pipeline::split::cutter::Cutter;
use tenantry_pipeline::split::decode::Compression;

use super::{LIMITS, decode};

/// Bytes that each kind is repeated to.
const ENOUGH: usize = 32 << 20;

/// Seconds of each stage.
#[derive(Default, Clone, Copy)]
struct Stages {
    bytes: f64,
    body: f64,
    sent: f64,
    check: f64,
    split: f64,
    standardise: f64,
    compress: f64,
    digest: f64,
}

pub(crate) fn report(own: &[u8]) {
    println!("stages of the whole way, CPU of one core for 2 GB of records a minute; S3 and HTTP are left out");
    println!(
        "  {:<16} {:>8} {:>6} {:>6} {:>7} {:>7} {:>11} {:>8} {:>7} {:>7}",
        "kind", "MiB", "body", "sent", "check", "split", "standardise", "compress", "digest", "vCPU"
    );
    let mut all = Stages::default();
    for (kind, text) in logs(own) {
        let repeated = text.repeat(ENOUGH.div_ceil(text.len()).max(1));
        let stages = measure(&kind, &repeated);
        // As much of the sum as there was of the kind.
        let share = text.len() as f64 / stages.bytes;
        all = add(all, stages, share);
        row(&kind, stages);
    }
    row("together", all);
    println!();
}

pub(crate) fn whole_lines(text: &[u8]) -> &[u8] {
    &text[..text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)]
}

pub(crate) fn logs(own: &[u8]) -> Vec<(String, Vec<u8>)> {
    let Ok(folder) = std::env::var("BENCH_RECORDS") else {
        return vec![("conn".to_owned(), whole_lines(&own[..own.len().min(ENOUGH)]).to_vec())];
    };
    let mut paths: Vec<_> = std::fs::read_dir(Path::new(&folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: &Path| {
        let mut text = Vec::new();
        flate2::read::MultiGzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut text).unwrap();
        (path.file_name().unwrap().to_str().unwrap().split('.').next().unwrap().to_owned(), text)
    };
    paths.iter().map(|path| read(path)).collect()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Seconds that this thread was on a processor, whatever else the machine did (Linux, `proc(5)`, `schedstat`).
fn on_cpu(run: &mut dyn FnMut()) -> f64 {
    let now = || {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        text.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
    };
    let begun = now();
    run();
    now() - begun
}

fn measure(kind: &str, text: &[u8]) -> Stages {
    let packed = gzip(text);
    let seconds = |run: &mut dyn FnMut()| (0..3).map(|_| on_cpu(run)).fold(f64::MAX, f64::min);
    let check = seconds(&mut || {
        decode(Compression::Gzip, &packed, &mut |piece| {
            black_box(piece.len());
        })
    });
    let split = seconds(&mut || {
        let (mut cutter, mut cuts) = (Cutter::new(Framing::Newline, LIMITS, 0), Vec::new());
        decode(Compression::Gzip, &packed, &mut |piece| cutter.push(piece, &mut cuts));
        cutter.finish(false, &mut cuts);
        black_box(cuts.len());
    });
    let standard = Standard::new("acme");
    let origin = Origin {
        identity: Identity::of(kind),
        sensor: Some("probe-1"),
        names: Naming::default().of_key(kind),
        written: 0,
        ingested: 1_700_000_000,
        oldest: 0,
        newest: i64::MAX,
    };
    let mut body = Vec::new();
    let standardise = seconds(&mut || {
        body.clear();
        let mut begin = 0;
        for end in memchr::memchr_iter(b'\n', text) {
            let record = Framing::Newline.payload(&text[begin..=end]);
            standard.write(record, record, begin as u64, &origin, &mut body).unwrap();
            begin = end + 1;
        }
    });
    let mut sent = 0;
    let compress = seconds(&mut || sent = body.chunks(5 << 20).map(|chunk| gzip(chunk).len()).sum());
    let payload = body.get(..sent).unwrap_or_default();
    let digest = seconds(&mut || {
        black_box(sha2::Sha256::digest(payload));
    });
    Stages {
        bytes: text.len() as f64,
        body: body.len() as f64,
        sent: sent as f64,
        check,
        split,
        standardise,
        compress,
        digest,
    }
}

fn add(sum: Stages, one: Stages, share: f64) -> Stages {
    Stages {
        bytes: sum.bytes + one.bytes * share,
        body: sum.body + one.body * share,
        sent: sum.sent + one.sent * share,
        check: sum.check + one.check * share,
        split: sum.split + one.split * share,
        standardise: sum.standardise + one.standardise * share,
        compress: sum.compress + one.compress * share,
        digest: sum.digest + one.digest * share,
    }
}

fn row(kind: &str, stages: Stages) {
    // Seconds for 2 GB, by the 60 seconds that they may take.
    let cpu = |seconds: f64| seconds / stages.bytes * 2e9 / 60.0;
    let total = stages.check + stages.split + stages.standardise + stages.compress + stages.digest;
    println!(
        "  {kind:<16} {:>8.1} {:>6.2} {:>6.3} {:>7.3} {:>7.3} {:>11.3} {:>8.3} {:>7.3} {:>7.3}",
        stages.bytes / 1048576.0,
        stages.body / stages.bytes,
        stages.sent / stages.bytes,
        cpu(stages.check),
        cpu(stages.split),
        cpu(stages.standardise),
        cpu(stages.compress),
        cpu(stages.digest),
        cpu(total)
    );
}
