//! Ingests one part: reads it, standardises its records and sends them, several requests at once.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::time::Duration;

use base64::Engine as _;
use bytes::BytesMut;
use tokio::task::{JoinError, JoinSet};

use super::batch::{Batch, BatchLimits, Item, Rejected};
use super::send::{Search, Sent, send};
use crate::failure::{Failure, of_task};
use crate::framing::{Framing, Scanner, Step};
use crate::pace::Pace;
use crate::read_ahead::ReadAhead;
use crate::records::dataset::KeyNames;
use crate::records::identity::Identity;
use crate::records::secrets;
use crate::records::standardise::{Origin, Reject, Standard};
use crate::records::tabular::{Tabular, begins_header};
use crate::split::header::HEADER_MAX;
use crate::split::names::PartName;
use crate::storage::{HEADER_BYTES, ObjectAt, Objects, SOURCE_WRITTEN, Target};

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
    /// A part of whose records at least this share is rejected is parked, in percent.
    pub park_percent: u32,
}

/// What came of a part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ingested {
    pub bytes: u64,
    pub records: u64,
    pub indexed: u64,
    /// Of the indexed ones, those that an earlier run or upload had indexed.
    pub repeated: u64,
    pub rejected: u64,
    /// What the search domain lacks meanwhile.
    pub warning: Option<String>,
    /// Rejected records by code, with the first reason of each.
    pub reasons: BTreeMap<String, (u64, String)>,
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
    let warning = search.prepare(pace).await?;
    let info = objects.look_at(at).await?;
    let header = info.number(HEADER_BYTES).unwrap_or_default().min(info.bytes);
    let begin = header + from.saturating_sub(name.start).min(info.bytes - header);
    let origin = Origin {
        identity: Identity::of(name.source()),
        sensor: name.sensor(),
        names: settings.standard.naming.of_key(name.source()),
        written: info.number(SOURCE_WRITTEN).and_then(|at| i64::try_from(at).ok()).unwrap_or(info.written),
        ingested: now,
        oldest: now - i64::from(settings.retention_days) * 86_400,
        newest: now + AHEAD_SECONDS,
    };
    let mut reading =
        Reading { standard: &settings.standard, origin: &origin, tabular: None, hidden: Vec::new(), line: Vec::new() };
    if settings.framing == Framing::Newline && begin > 0 {
        // Lines in the middle of a tab-separated log are nothing without the header.
        let head = objects.read(at, &info.etag, 0..begin.min(header.max(HEADER_MAX as u64))).await?;
        reading.header(&head);
    }
    let mut reader = ReadAhead::new(objects.clone(), at.clone(), info.etag, begin..info.bytes);
    let start = name.start + begin - header;
    let mut records = Records::new(settings.framing, start);
    let mut out = Outgoing {
        objects,
        search,
        settings,
        at,
        name: &name,
        names: &origin.names,
        pace,
        under_way: JoinSet::new(),
        spare: Vec::new(),
        open: BTreeSet::new(),
        done: Ingested { warning, ..Ingested::default() },
        failed: None,
    };
    let mut batch = Batch::default();
    while let Some(bytes) = reader.next().await? {
        records.push(&bytes);
        out.done.bytes += bytes.len() as u64;
        while let Some((offset, record)) = records.next_record() {
            reading.add(&mut batch, offset, record, &mut out.done);
            if batch.is_full(settings.limits) {
                batch = out.dispatch(batch).await?;
            }
            if out.failed.is_some() || pace.is_over() {
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
            Rest::Whole(record) => reading.add(&mut batch, offset, record, &mut out.done),
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

/// What records are read with.
struct Reading<'a> {
    standard: &'a Standard,
    origin: &'a Origin<'a>,
    /// The header of a tab-separated log.
    tabular: Option<Tabular>,
    /// Columns of it that hold secrets.
    hidden: Vec<usize>,
    /// The line under way, as JSON.
    line: Vec<u8>,
}

impl Reading<'_> {
    /// Takes the `#` lines at the start of a part; nothing if it does not begin with a header.
    fn header(&mut self, bytes: &[u8]) {
        let bytes = bytes.strip_prefix(crate::records::BOM).unwrap_or(bytes);
        for line in bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
            if !self.is_directive(Framing::Newline.payload(line)) {
                return;
            }
        }
    }

    /// Whether a line is one of a header; if so, it is taken.
    fn is_directive(&mut self, line: &[u8]) -> bool {
        let line = line.strip_prefix(crate::records::BOM).unwrap_or(line);
        let of_header = line.first() == Some(&b'#') && (self.tabular.is_some() || begins_header(line));
        if of_header {
            let tabular = self.tabular.get_or_insert_default();
            tabular.directive(line);
            if line.starts_with(b"#fields") {
                self.hidden = tabular.hidden(|dataset, field| secrets::hides(dataset, field, "\"x\"", &|_| None));
            }
        }
        of_header
    }

    /// Adds a record to the batch: as an action, or as a reject. Empty messages and headers are no records.
    fn add(&mut self, batch: &mut Batch, offset: u64, record: &[u8], done: &mut Ingested) {
        if record.trim_ascii().is_empty() || self.is_directive(record) {
            return;
        }
        done.records += 1;
        batch.start_at(offset);
        let lines = batch.body.len();
        let tabular = self.tabular.as_ref().filter(|tabular| tabular.has_fields() && record.first() != Some(&b'{'));
        let outcome = match tabular {
            Some(tabular) => {
                self.line.clear();
                let written = tabular.write(record, &mut self.line).map_err(Reject::NotAnObject);
                written.and_then(|()| self.standard.write(&self.line, record, offset, self.origin, &mut batch.body))
            }
            None => self.standard.write(record, record, offset, self.origin, &mut batch.body),
        };
        // Secrets of a JSON record are masked when it is written as a reject.
        let as_it_came = tabular.map_or(Cow::Borrowed(record), |tabular| tabular.masked(record, &self.hidden));
        match outcome {
            Ok(time) => {
                done.newest = done.newest.max(Some(time.seconds));
                let text = batch.text.len();
                batch.text.extend_from_slice(&as_it_came);
                batch.items.push(Item { lines: lines..batch.body.len(), record: text..batch.text.len(), offset });
            }
            Err(reject) => batch.refuse(Rejected { offset, record: as_it_came.into_owned(), reject }),
        }
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
    names: &'a KeyNames,
    pace: Pace,
    under_way: JoinSet<Result<(Batch, Sent), Failure>>,
    /// Batches that are done: their memory serves the next ones, since pages that are given back and asked for again cost more
    /// than what is written into them.
    spare: Vec<Batch>,
    /// Starts of the batches that are not done.
    open: BTreeSet<u64>,
    done: Ingested,
    failed: Option<Failure>,
}

impl<O: Objects, S: Search> Outgoing<'_, O, S> {
    /// Has a batch sent, as soon as there is room. An empty one for the next records.
    async fn dispatch(&mut self, batch: Batch) -> Result<Batch, Failure> {
        if batch.records() == 0 {
            return Ok(batch);
        }
        self.open.insert(batch.start);
        while let Some(joined) = self.under_way.try_join_next() {
            self.collect(joined)?;
        }
        while self.under_way.len() >= self.settings.parallel {
            self.wait().await?;
        }
        // Its start stays open: it is where the next run goes on.
        if self.pace.is_over() {
            return Ok(Batch::default());
        }
        let (objects, search, pace) = (self.objects.clone(), self.search.clone(), self.pace);
        let target = Target {
            bucket: self.at.bucket.clone(),
            key: format!(
                "{}{}/{}-{:012x}.jsonl.gz",
                self.settings.rejects_prefix, self.name.rest, self.name.identity, batch.start
            ),
            metadata: Vec::new(),
        };
        let (standard, names) = (self.settings.standard.clone(), self.names.clone());
        self.under_way.spawn(async move {
            let sent = send(&search, &batch, pace).await;
            if sent.unfinished.is_none() && !sent.rejected.is_empty() {
                objects.put(&target, reject_lines(&standard, &names, &sent.rejected)?.into()).await?;
            }
            Ok((batch, sent))
        });
        Ok(self.spare.pop().unwrap_or_default())
    }

    async fn wait(&mut self) -> Result<(), Failure> {
        match self.under_way.join_next().await {
            Some(joined) => self.collect(joined),
            None => Ok(()),
        }
    }

    fn collect(&mut self, joined: Result<Result<(Batch, Sent), Failure>, JoinError>) -> Result<(), Failure> {
        match joined.map_err(|error| of_task(&error))? {
            Ok((mut batch, sent)) => {
                self.count(batch.start, sent);
                batch.clear();
                self.spare.push(batch);
            }
            Err(failure) => self.failed = Some(failure),
        }
        Ok(())
    }

    fn count(&mut self, start: u64, sent: Sent) {
        self.done.indexed += sent.indexed;
        self.done.requests += sent.requests;
        self.done.repeated += sent.repeated;
        self.done.retries += sent.retries;
        self.done.waited += sent.waited;
        match sent.unfinished {
            None => {
                self.done.rejected += sent.rejected.len() as u64;
                for Rejected { reject, .. } in &sent.rejected {
                    let reason = self.done.reasons.entry(reject.code().to_owned());
                    reason.or_insert_with(|| (0, reject.to_string())).0 += 1;
                }
                self.open.remove(&start);
            }
            Some(failure) => self.failed = Some(failure),
        }
    }

    /// Waits for what is under way and says from where on another run is needed: `next`, unless an earlier batch failed.
    async fn hand_back(mut self, start: u64, next: u64) -> Result<Ingested, Failure> {
        while !self.under_way.is_empty() {
            self.wait().await?;
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

/// Rejected records, one JSON object a line, compressed: a part of nothing but rejects takes no more room than itself.
/// A record that is text is under `record`, any other as base64 under `record_base64`.
fn reject_lines(standard: &Standard, names: &KeyNames, rejected: &[Rejected]) -> Result<Vec<u8>, Failure> {
    let mut lines = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for Rejected { offset, record, reject } in rejected {
        let mut line = serde_json::json!({ "code": reject.code(), "reason": reject.to_string(), "offset": offset });
        let record = standard.masked(record, names);
        match std::str::from_utf8(&record) {
            Ok(text) => line["record"] = text.into(),
            Err(_) => line["record_base64"] = base64::engine::general_purpose::STANDARD.encode(&record).into(),
        }
        writeln!(lines, "{line}").map_err(|error| Failure::Transient(error.to_string()))?;
    }
    lines.finish().map_err(|error| Failure::Transient(error.to_string()))
}

impl Ingested {
    /// Why a person has to see this part although all of its records were dealt with: a share of at least `percent` was
    /// rejected.
    pub fn complaint(&self, percent: u32) -> Option<String> {
        let is_great = self.rejected > 0 && self.rejected * 100 >= (self.indexed + self.rejected) * u64::from(percent);
        is_great.then(|| {
            let mut reasons: Vec<_> = self.reasons.iter().collect();
            reasons.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
            let told: Vec<String> =
                reasons.iter().take(3).map(|(code, (count, first))| format!("{count} {code} ({first})")).collect();
            format!("{} of {} records were rejected: {}", self.rejected, self.indexed + self.rejected, told.join("; "))
        })
    }
}
