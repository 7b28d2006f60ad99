//! What each function does with one object, with the numbers and lines that it leaves.

use serde_json::json;

use crate::bulk::run::{IngestSettings, ingest};
use crate::bulk::send::Search;
use crate::event::Job;
use crate::failure::Failure;
use crate::invoke::{Done, Work};
use crate::journal::{Journal, Level};
use crate::metrics::{Metric, Metrics};
use crate::pace::{Pace, seconds_since_1970};
use crate::split::run::{SplitSettings, split};
use crate::storage::Objects;

/// Splits objects.
#[derive(Debug, Clone)]
pub struct Splitter<O> {
    pub objects: O,
    pub settings: SplitSettings,
}

impl<O: Objects> Work for Splitter<O> {
    async fn run(&self, job: &Job, pace: Pace, metrics: &mut Metrics, journal: &Journal) -> Result<Done, Failure> {
        let split = split(&self.objects, &self.settings, &job.at, job.from, || pace.is_over()).await?;
        for (metric, value) in [
            (Metric::Bytes, split.bytes),
            (Metric::Messages, split.messages),
            (Metric::Parts, split.parts),
            (Metric::SetAside, split.set_aside),
        ] {
            metrics.add(metric, value);
        }
        if let Some(undecodable) = &split.undecodable {
            let fields = json!({ "object": job.at.to_string(), "error": undecodable.to_string() });
            journal.line(Level::Error, "undecodable", fields);
        }
        let fields = json!({ "object": job.at.to_string(), "parts": split.parts, "messages": split.messages, "bytes": split.bytes });
        journal.line(Level::Info, "split", fields);
        let complaint =
            split.undecodable.map(|damage| format!("the object is damaged, its rest is set aside: {damage}"));
        Ok(Done { remainder: split.remainder, complaint })
    }
}

/// Ingests parts.
#[derive(Debug, Clone)]
pub struct Ingest<O, S> {
    pub objects: O,
    pub domain: S,
    pub settings: IngestSettings,
}

impl<O: Objects, S: Search> Work for Ingest<O, S> {
    async fn run(&self, job: &Job, pace: Pace, metrics: &mut Metrics, journal: &Journal) -> Result<Done, Failure> {
        let now = seconds_since_1970();
        let done = ingest(&self.objects, &self.domain, &self.settings, &job.at, job.from, now, pace).await?;
        if let Some(newest) = done.newest {
            metrics.add(Metric::Lag, u64::try_from(seconds_since_1970() - newest).unwrap_or_default());
        }
        for (metric, value) in [
            (Metric::Bytes, done.bytes),
            (Metric::Records, done.records),
            (Metric::Indexed, done.indexed),
            (Metric::Repeated, done.repeated),
            (Metric::Rejected, done.rejected),
            (Metric::BulkRequests, done.requests),
            (Metric::BulkRetries, done.retries),
            (Metric::Waited, u64::try_from(done.waited.as_millis()).unwrap_or(u64::MAX)),
        ] {
            metrics.add(metric, value);
        }
        if let Some(warning) = &done.warning {
            journal.line(Level::Error, "policy-not-set-up", json!({ "error": warning }));
        }
        let level = if done.rejected > 0 { Level::Warn } else { Level::Info };
        let reasons: serde_json::Map<_, _> =
            done.reasons.iter().map(|(code, (count, _))| (code.clone(), (*count).into())).collect();
        let fields = json!({ "object": job.at.to_string(), "records": done.records, "indexed": done.indexed,
            "repeated": done.repeated, "rejected": done.rejected, "reasons": reasons });
        journal.line(level, "ingested", fields);
        Ok(Done { remainder: done.remainder, complaint: done.complaint(self.settings.park_percent) })
    }
}
