//! Ingests one part: reads it, standardises its records and sends them, several requests at once.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::BytesMut;
use tokio::task::JoinSet;

use super::batch::{Batch, BatchLimits, Item, Rejected};
use super::send::{Search, Sent, send};
use crate::failure::{Failure, of_task};
use crate::framing::{Framing, Scanner, Step};
use crate::pace::Pace;
use crate::read_ahead::ReadAhead;
use crate::records::standardise::{Origin, Reject, Standard};
use crate::split::names::PartName;
use crate::storage::{ObjectAt, Objects, Target};

/// What a stack says about ingesting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestSettings {
    pub framing: Framing,
    pub standard: Standard,
    pub limits: BatchLimits,
    /// Requests under way at once.
    pub parallel: usize,
    pub retention_days: u32,
    pub parts_prefix: String,
    pub rejects_prefix: String,
}

/// What came of a part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ingested {
    pub bytes: u64,
    pub records: u64,
    pub indexed: u64,
    pub rejected: u64,
    pub requests: u64,
    pub retries: u64,
    pub waited: Duration,
    /// Seconds since 1970 of the newest record.
    pub newest: Option<i64>,
    /// Time was up: the rest begins at this byte of the part's source.
    pub remainder: Option<u64>,
}

/// A message that is longer than the splitter lets through.
const MESSAGE_MAX: usize = 16 << 20;

/// Clocks of sensors may be ahead by this many seconds.
const AHEAD_SECONDS: i64 = 86_400;

/// Ingests the part `at` from byte `from` of its source on (0: from its start). `now`: seconds since 1970.
///
/// # Errors
/// Logic: the part is gone or none, or the domain refuses. Transient: store or domain failed before anything was done.
pub async fn ingest<O: Objects, S: Search>(
    objects: &O,
    search: &S,
    settings: &IngestSettings,
    at: &ObjectAt,
    from: u64,
    now: i64,
    pace: Pace,
) -> Result<Ingested, Failure> {
    let Some(name) = PartName::parse(&settings.parts_prefix, &at.key) else {
        return Err(Failure::Logic(format!("`{at}` is not the name of a part below `{}`", settings.parts_prefix)));
    };
    let info = objects.look_at(at).await?;
    let begin = from.saturating_sub(name.start).min(info.bytes);
    let origin = Origin {
        identity: &name.identity,
        sensor: name.sensor(),
        oldest: now - i64::from(settings.retention_days) * 86_400,
        newest: now + AHEAD_SECONDS,
    };
    let mut reader = ReadAhead::new(objects.clone(), at.clone(), info.etag, begin..info.bytes);
    let start = name.start + begin;
    let mut records = Records::new(settings.framing, start);
    let mut out = Outgoing {
        objects,
        search,
        settings,
        at,
        name: &name,
        pace,
        under_way: JoinSet::new(),
        open: BTreeSet::new(),
        done: Ingested::default(),
        failed: None,
    };
    let mut batch = Batch::default();
    while let Some(bytes) = reader.next().await? {
        records.push(&bytes);
        out.done.bytes += bytes.len() as u64;
        while let Some((offset, record)) = records.next_record() {
            add(&mut batch, &settings.standard, &origin, offset, record, &mut out.done);
            if batch.is_full(settings.limits) {
                out.dispatch(std::mem::take(&mut batch)).await?;
            }
            if out.failed.is_some() {
                let next = if batch.records() == 0 { records.position() } else { batch.start };
                return out.hand_back(start, next).await;
            }
        }
        records.check_length()?;
        if pace.is_over() {
            let next = if batch.records() == 0 { records.position() } else { batch.start };
            return out.hand_back(start, next).await;
        }
    }
    if let Some((offset, rest)) = records.rest() {
        match rest {
            Rest::Whole(record) => add(&mut batch, &settings.standard, &origin, offset, record, &mut out.done),
            Rest::CutOff(record) => {
                out.done.records += 1;
                let reject = Reject::NotAnObject("the part ends within the message".to_owned());
                batch.start_at(offset);
                batch.refuse(Rejected { offset, record: record.to_vec(), reject });
            }
        }
    }
    out.dispatch(batch).await?;
    out.hand_back(start, u64::MAX).await
}

/// Adds a record to the batch: as an action, or as a reject. Empty messages are no records.
fn add(batch: &mut Batch, standard: &Standard, origin: &Origin<'_>, offset: u64, record: &[u8], done: &mut Ingested) {
    if record.trim_ascii().is_empty() {
        return;
    }
    done.records += 1;
    batch.start_at(offset);
    let lines = batch.body.len();
    match standard.write(record, offset, origin, &mut batch.body) {
        Ok(time) => {
            done.newest = done.newest.max(Some(time.seconds));
            let text = batch.text.len();
            batch.text.extend_from_slice(record);
            batch.items.push(Item { lines: lines..batch.body.len(), record: text..batch.text.len(), offset });
        }
        Err(reject) => batch.refuse(Rejected { offset, record: record.to_vec(), reject }),
    }
}

/// The last bytes of a part.
enum Rest<'a> {
    Whole(&'a [u8]),
    CutOff(&'a [u8]),
}

/// Messages out of a stream of pieces.
struct Records {
    framing: Framing,
    scanner: Scanner,
    held: BytesMut,
    /// Place in the source of the first held byte.
    from: u64,
    /// Held bytes that were scanned, and where in them the message under way begins.
    scanned: usize,
    begun: Option<usize>,
}

impl Records {
    fn new(framing: Framing, from: u64) -> Self {
        Self { framing, scanner: Scanner::at_message(framing), held: BytesMut::new(), from, scanned: 0, begun: None }
    }

    fn push(&mut self, bytes: &[u8]) {
        let dealt_with = self.begun.unwrap_or(self.scanned);
        bytes::Buf::advance(&mut self.held, dealt_with);
        self.from += dealt_with as u64;
        self.scanned -= dealt_with;
        self.begun = self.begun.map(|_| 0);
        self.held.extend_from_slice(bytes);
    }

    /// Place in the source behind the messages that were given.
    fn position(&self) -> u64 {
        self.from + self.begun.unwrap_or(self.scanned) as u64
    }

    fn next_record(&mut self) -> Option<(u64, &[u8])> {
        loop {
            let rest = self.held.get(self.scanned..).unwrap_or_default();
            match self.scanner.step(rest) {
                Step::Begin(skip) => {
                    self.scanned += skip;
                    self.begun = Some(self.scanned);
                }
                Step::End(length) => {
                    self.scanned += length;
                    let start = self.begun.take()?;
                    let message = self.held.get(start..self.scanned)?;
                    return Some((self.from + start as u64, self.framing.payload(message)));
                }
                Step::More => {
                    self.scanned = self.held.len();
                    return None;
                }
            }
        }
    }

    fn check_length(&self) -> Result<(), Failure> {
        match self.begun {
            Some(start) if self.held.len() - start > MESSAGE_MAX => Err(Failure::Logic(format!(
                "a message longer than {MESSAGE_MAX} bytes begins at byte {}",
                self.position()
            ))),
            _ => Ok(()),
        }
    }

    /// The message at the end: whole, or cut off.
    fn rest(&self) -> Option<(u64, Rest<'_>)> {
        let message = self.held.get(self.begun?..)?;
        let whole = self.scanner.end_completes();
        let rest = if whole { Rest::Whole(self.framing.payload(message)) } else { Rest::CutOff(message) };
        Some((self.position(), rest))
    }
}

/// Batches under way.
struct Outgoing<'a, O, S> {
    objects: &'a O,
    search: &'a S,
    settings: &'a IngestSettings,
    at: &'a ObjectAt,
    name: &'a PartName,
    pace: Pace,
    under_way: JoinSet<Result<(u64, Sent), Failure>>,
    /// Starts of the batches that are not done.
    open: BTreeSet<u64>,
    done: Ingested,
    failed: Option<Failure>,
}

impl<O: Objects, S: Search> Outgoing<'_, O, S> {
    async fn dispatch(&mut self, batch: Batch) -> Result<(), Failure> {
        if batch.records() == 0 {
            return Ok(());
        }
        while self.under_way.len() >= self.settings.parallel {
            self.collect().await?;
        }
        self.open.insert(batch.start);
        let (objects, search, pace) = (self.objects.clone(), self.search.clone(), self.pace);
        let target = Target {
            bucket: self.at.bucket.clone(),
            key: format!(
                "{}{}/{}-{:012x}.jsonl",
                self.settings.rejects_prefix, self.name.rest, self.name.identity, batch.start
            ),
            metadata: Vec::new(),
        };
        let tenant = self.settings.standard.tenant.clone();
        self.under_way.spawn(async move {
            let sent = send(&search, &batch, pace).await;
            if sent.unfinished.is_none() && !sent.rejected.is_empty() {
                objects.put(&target, reject_lines(&tenant, &sent.rejected).into()).await?;
            }
            Ok((batch.start, sent))
        });
        Ok(())
    }

    async fn collect(&mut self) -> Result<(), Failure> {
        let Some(joined) = self.under_way.join_next().await else { return Ok(()) };
        match joined.map_err(|error| of_task(&error))? {
            Ok((start, sent)) => self.count(start, sent),
            Err(failure) => self.failed = Some(failure),
        }
        Ok(())
    }

    fn count(&mut self, start: u64, sent: Sent) {
        self.done.indexed += sent.indexed;
        self.done.requests += sent.requests;
        self.done.retries += sent.retries;
        self.done.waited += sent.waited;
        match sent.unfinished {
            None => {
                self.done.rejected += sent.rejected.len() as u64;
                self.open.remove(&start);
            }
            Some(failure) => self.failed = Some(failure),
        }
    }

    /// Waits for what is under way and says from where on another run is needed: `next`, unless an earlier batch failed.
    async fn hand_back(mut self, start: u64, next: u64) -> Result<Ingested, Failure> {
        while !self.under_way.is_empty() {
            self.collect().await?;
        }
        let first = self.open.first().copied().unwrap_or(next);
        match self.failed.take() {
            Some(failure @ Failure::Logic(_)) => return Err(failure),
            // Nothing before the first byte was done: this is a failure, not progress.
            Some(failure) if first <= start => return Err(failure),
            _ => {}
        }
        if first <= start && first != u64::MAX {
            return Err(Failure::Transient(format!(
                "no record from byte {start} on could be sent before the time was up"
            )));
        }
        self.done.remainder = (first != u64::MAX).then_some(first);
        Ok(self.done)
    }
}

/// Rejected records, one JSON object a line.
fn reject_lines(tenant: &str, rejected: &[Rejected]) -> Vec<u8> {
    let mut lines = Vec::new();
    for Rejected { offset, record, reject } in rejected {
        let line = serde_json::json!({
            "tenant": tenant,
            "code": reject.code(),
            "reason": reject.to_string(),
            "offset": offset,
            "record": String::from_utf8_lossy(record),
        });
        lines.extend_from_slice(line.to_string().as_bytes());
        lines.push(b'\n');
    }
    lines
}
