//! The splitter's memory: peak resident size of a process that splits one object, from 10 MiB to 10 GiB.

use std::collections::BTreeMap;
use std::ops::Range;
use std::process::Command;

use bytes::Bytes;
use tenantry_pipeline::framing::Framing;
use tenantry_pipeline::split::cutter::Limits;
use tenantry_pipeline::split::run::{SplitSettings, split};
use tenantry_pipeline::storage::{ObjectAt, ObjectInfo, Objects, StorageError, Target, Upload};

use crate::records;

/// An object that repeats a block as often as its size demands; what is written goes nowhere.
#[derive(Debug, Clone)]
struct Endless {
    block: Bytes,
    bytes: u64,
}

impl Endless {
    fn copy(&self, range: Range<u64>) -> Vec<u8> {
        let mut copied = Vec::with_capacity((range.end - range.start) as usize);
        let mut at = range.start;
        while at < range.end {
            let begin = (at % self.block.len() as u64) as usize;
            let length = (self.block.len() - begin).min((range.end - at) as usize);
            copied.extend_from_slice(&self.block[begin..begin + length]);
            at += length as u64;
        }
        copied
    }
}

impl Objects for Endless {
    async fn look_at(&self, _: &ObjectAt) -> Result<ObjectInfo, StorageError> {
        Ok(ObjectInfo { bytes: self.bytes, etag: String::new(), written: 0, metadata: BTreeMap::new() })
    }

    async fn read(&self, _: &ObjectAt, _: &str, range: Range<u64>) -> Result<Bytes, StorageError> {
        Ok(self.copy(range).into())
    }

    async fn put(&self, _: &Target, _: Bytes) -> Result<(), StorageError> {
        Ok(())
    }

    async fn copy(&self, _: &ObjectAt, _: &str, _: Range<u64>, _: &Target) -> Result<(), StorageError> {
        Ok(())
    }

    async fn begin(&self, target: &Target) -> Result<Upload, StorageError> {
        Ok(Upload { target: target.clone(), id: String::new(), pieces: Vec::new() })
    }

    async fn append(&self, mut upload: Upload, _: Bytes) -> Result<Upload, StorageError> {
        upload.pieces.push(String::new());
        Ok(upload)
    }

    async fn complete(&self, _: Upload) -> Result<(), StorageError> {
        Ok(())
    }

    async fn abort(&self, _: Upload) -> Result<(), StorageError> {
        Ok(())
    }
}

/// Splits one object and prints this process's peak resident size in KiB.
pub(crate) fn child(kind: &str, mib: u64) {
    let text = records::text(4 << 20);
    let decoded = text.len() as u64;
    let block: Bytes = if kind == "zstd" { zstd::encode_all(&*text, 3).unwrap().into() } else { text.into() };
    // As many whole blocks as make the size after decompression.
    let bytes = (mib << 20).div_ceil(decoded) * block.len() as u64;
    let settings = SplitSettings {
        framing: Framing::Newline,
        limits: Limits { part_bytes: 64 << 20, part_messages: None, message_bytes: 1 << 20 },
        source_prefix: "in/".to_owned(),
        parts_prefix: "parts/".to_owned(),
        aside_prefix: "aside/".to_owned(),
    };
    let at = ObjectAt { bucket: "b".to_owned(), key: "in/x".to_owned(), version: None };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let done = runtime.block_on(split(&Endless { block, bytes }, &settings, &at, 0, || false)).unwrap();
    assert!(done.bytes >= mib << 20);
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    println!("{}", peak.trim().trim_end_matches(" kB"));
}

/// One process for each size.
pub(crate) fn report() {
    println!("splitter: peak resident size of the process");
    for kind in ["plain", "zstd"] {
        let peaks = [10u64, 100, 1024, 10_240].map(|mib| {
            let own = std::env::current_exe().unwrap();
            let output = Command::new(own).args(["--memory", kind, &mib.to_string()]).output().unwrap();
            let kib: f64 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
            format!("{mib} MiB: {:.0} MiB", kib / 1024.0)
        });
        println!("  {kind:<6} {}", peaks.join(", "));
    }
}
