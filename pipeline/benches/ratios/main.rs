//! The pipeline against what one would use instead, in one run on the same machine and data; ratios, best of three.
//!
//! `make bench-pipeline` runs it on one core. Sizes: `BENCH_MIB` (default 256) of records. With `BENCH_STAGES` only the
//! stages and the delivery are measured.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a bench measures and prints"
)]

mod delivery;
mod memory;
mod peer;
mod receiver;
mod records;
mod stages;

use std::fs;
use std::hint::black_box;
use std::io::{Read, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tenantry_pipeline::framing::Framing;
use tenantry_pipeline::records::dataset::KeyNames;
use tenantry_pipeline::records::identity::Identity;
use tenantry_pipeline::records::networks::Networks;
use tenantry_pipeline::records::standardise::{Origin, Standard};
use tenantry_pipeline::split::cutter::{Cutter, Limits};
use tenantry_pipeline::split::decode::{Compression, Decoder};

const LIMITS: Limits = Limits { part_bytes: 64 << 20, part_messages: None, message_bytes: 1 << 20 };

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, mode, kind, mib] = arguments.as_slice()
        && mode == "--memory"
    {
        return memory::child(kind, mib.parse().unwrap());
    }
    if let [_, mode, file, port] = arguments.as_slice()
        && mode == "--deliver"
    {
        return delivery::child(file, port.parse().unwrap());
    }
    let mib = std::env::var("BENCH_MIB").ok().and_then(|mib| mib.parse().ok()).unwrap_or(256);
    let folder = tempfile::tempdir().unwrap();
    let text = records::text(mib << 20);
    let plain = folder.path().join("records.log");
    fs::write(&plain, &text).unwrap();
    println!(
        "{mib} MiB of records of {} bytes on average\n",
        text.len() / text.iter().filter(|byte| **byte == b'\n').count()
    );
    stages::report(&text);
    delivery::report(&text, folder.path());
    if std::env::var_os("BENCH_STAGES").is_some() {
        return;
    }
    split_plain(&text, &plain);
    split_compressed(&text, folder.path());
    ingest(&text, &plain);
    memory::report();
}

/// The best of three runs.
fn best(mut run: impl FnMut()) -> Duration {
    let timed = |run: &mut dyn FnMut()| {
        let begun = Instant::now();
        run();
        begun.elapsed()
    };
    (0..3).map(|_| timed(&mut run)).min().unwrap()
}

fn row(name: &str, time: Duration, bytes: usize, ours: Duration) {
    let rate = bytes as f64 / time.as_secs_f64() / f64::from(1 << 30);
    println!(
        "  {name:<58} {:>8.1} ms {rate:>7.2} GiB/s {:>7.2} of ours",
        time.as_secs_f64() * 1e3,
        time.as_secs_f64() / ours.as_secs_f64()
    );
}

fn shell(script: &str) {
    let status = Command::new("sh").args(["-c", script]).stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "{script}");
}

fn cut(text: &[u8]) -> usize {
    let (mut cutter, mut cuts) = (Cutter::new(Framing::Newline, LIMITS, 0), Vec::new());
    for piece in text.chunks(4 << 20) {
        cutter.push(piece, &mut cuts);
    }
    cutter.finish(false, &mut cuts);
    cuts.len()
}

fn split_plain(text: &[u8], plain: &Path) {
    println!("splitting plain data (64 MiB parts)");
    let ours = best(|| {
        black_box(cut(text));
    });
    row("ours, in memory", ours, text.len(), ours);
    let bare = best(|| {
        black_box(memchr::memchr_iter(b'\n', text).map(black_box).count());
    });
    row("bare memchr, every newline (the bound)", bare, text.len(), ours);
    let counted = best(|| {
        black_box(memchr::memchr_iter(b'\n', text).count());
    });
    row("bare memchr, newlines only counted (memory bandwidth)", counted, text.len(), ours);
    let from_file = best(|| {
        let (mut cutter, mut cuts) = (Cutter::new(Framing::Newline, LIMITS, 0), Vec::new());
        let (mut file, mut buffer) = (fs::File::open(plain).unwrap(), vec![0; 4 << 20]);
        loop {
            let read = file.read(&mut buffer).unwrap();
            if read == 0 {
                break;
            }
            cutter.push(&buffer[..read], &mut cuts);
        }
        cutter.finish(false, &mut cuts);
        black_box(cuts.len());
    });
    row("ours, from a file (parts are copied inside S3)", from_file, text.len(), from_file);
    let folder = plain.parent().unwrap().display();
    let coreutils = best(|| shell(&format!("split --line-bytes=64M {} {folder}/part-", plain.display())));
    row("split --line-bytes=64M, to files", coreutils, text.len(), from_file);
    let piped = best(|| shell(&format!("split --line-bytes=64M --filter='cat >/dev/null' {}", plain.display())));
    row("split --line-bytes=64M, to cat >/dev/null", piped, text.len(), from_file);
    println!("  vCPU for 2 GB/min: {:.4}\n", 2e9 / 60.0 * from_file.as_secs_f64() / text.len() as f64);
    shell(&format!("rm -f {folder}/part-*"));
}

fn split_compressed(text: &[u8], folder: &Path) {
    let packed = [
        ("gzip", Compression::Gzip, "gzip -1 -c", "zcat"),
        ("zstd", Compression::Zstd, "zstd -q -3 -c", "zstd -q -d -c"),
    ];
    for (name, compression, pack, unpack) in packed {
        let file = folder.join(format!("records.{name}"));
        shell(&format!("{pack} {}/records.log > {}", folder.display(), file.display()));
        let bytes = fs::read(&file).unwrap();
        println!("splitting {name} ({:.1} to 1)", text.len() as f64 / bytes.len() as f64);
        let ours = best(|| {
            let (mut cutter, mut cuts) = (Cutter::new(Framing::Newline, LIMITS, 0), Vec::new());
            decode(compression, &bytes, &mut |piece| cutter.push(piece, &mut cuts));
            cutter.finish(false, &mut cuts);
            black_box(cuts.len());
        });
        row("ours: decode and cut", ours, text.len(), ours);
        let bare = best(|| {
            let copied = match compression {
                Compression::Zstd => zstd::stream::copy_decode(&*bytes, std::io::sink()).map(|()| text.len() as u64),
                _ => read_away(flate2::bufread::MultiGzDecoder::new(&*bytes)),
            };
            assert_eq!(copied.unwrap(), text.len() as u64);
        });
        row("the bare decompressor, bytes thrown away (the bound)", bare, text.len(), ours);
        let piped =
            best(|| shell(&format!("{unpack} {} | split --line-bytes=64M --filter='cat >/dev/null'", file.display())));
        row(&format!("{unpack} | split --line-bytes=64M, to cat >/dev/null"), piped, text.len(), ours);
        println!("  vCPU for 2 GB/min: {:.4}\n", 2e9 / 60.0 * ours.as_secs_f64() / text.len() as f64);
    }
}

/// Reads to the end, in pieces as large as ours.
fn read_away(mut reader: impl Read) -> std::io::Result<u64> {
    let (mut buffer, mut total) = (vec![0; 64 << 10], 0);
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(total),
            read => total += read as u64,
        }
    }
}

fn decode(compression: Compression, bytes: &[u8], sink: &mut dyn FnMut(&[u8])) {
    let mut decoder = Decoder::new(compression).unwrap();
    for piece in bytes.chunks(16 << 10) {
        decoder.push(piece, sink).unwrap();
    }
    decoder.finish().unwrap();
}

fn ingest(text: &[u8], plain: &Path) {
    let part = &text[..text.len().min(64 << 20)];
    let lines = || part.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
    let records = lines().count();
    println!("ingest: parse, standardise, enrich, bulk body; one core");
    let (ours, body) = ingest_ours(lines);
    let rate = records as f64 / ours.as_secs_f64();
    let shown =
        |name: &str, peer: f64| println!("  {name:<48} {peer:>10.0} records/s {:>7.1} ours / theirs", rate / peer);
    shown("ours", rate);
    println!(
        "  ours, MiB of records per second                  {:>10.0}",
        part.len() as f64 / ours.as_secs_f64() / 1048576.0
    );
    let gzip = best(|| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&body).unwrap();
        black_box(encoder.finish().unwrap());
    });
    println!(
        "  gzip of a bulk body, MiB per second              {:>10.0}",
        body.len() as f64 / gzip.as_secs_f64() / 1048576.0
    );
    let networks = Networks::default();
    let first = best(|| {
        let (mut body, mut offset) = (String::new(), 0);
        for line in lines() {
            body.push_str(&peer::action(line, offset, &networks).unwrap());
            offset += line.len();
            if body.len() >= 5 << 20 {
                black_box(&body);
                body.clear();
            }
        }
    });
    shown("serde_json forwarder (each record a Value)", records as f64 / first.as_secs_f64());
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/forwarder.py");
    let output = Command::new("python3").arg(python).arg(plain).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let mut words = printed.split_whitespace().map(|word| word.parse::<f64>().unwrap());
    let (peer_records, seconds) = (words.next().unwrap(), words.next().unwrap());
    shown("Python forwarder (json, standard library)", peer_records / seconds);
    println!();
}

/// The best time over all lines, and the last bulk body.
fn ingest_ours<'t, L: Iterator<Item = &'t [u8]>>(lines: impl Fn() -> L) -> (Duration, Vec<u8>) {
    let standard = Standard::new("acme");
    let origin = Origin {
        identity: Identity::of("probe-1/conn.log"),
        sensor: Some("probe-1"),
        names: KeyNames::default(),
        written: 0,
        ingested: 0,
        oldest: 0,
        newest: i64::MAX,
    };
    let mut kept = Vec::with_capacity(6 << 20);
    let time = best(|| {
        let (mut body, mut offset) = (Vec::with_capacity(6 << 20), 0);
        for line in lines() {
            let record = Framing::Newline.payload(line);
            standard.write(record, record, offset, &origin, &mut body).unwrap();
            offset += line.len() as u64;
            if body.len() >= 5 << 20 {
                std::mem::swap(&mut body, &mut kept);
                body.clear();
            }
        }
    });
    (time, kept)
}
