//! Splits one object: reads it once, in order, and writes its parts.
//!
//! A plain object's parts are ranges of it, copied inside the store; its bytes pass through the function only to be
//! looked at. A compressed object's parts are written while it is decoded. Either way memory is bounded.

use bytes::Bytes;
use tokio::task::JoinSet;

use super::cutter::{Cut, Cutter, Kind, Limits, Open};
use super::decode::{Compression, Decoder, Undecodable};
use super::names::Source;
use super::uploads::Uploads;
use crate::failure::{Failure, of_task};
use crate::framing::Framing;
use crate::read_ahead::{RANGE, ReadAhead};
use crate::storage::{COPY_SOURCE_MIN, ObjectAt, ObjectInfo, Objects, StorageError, Target};

/// What a stack says about splitting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitSettings {
    pub framing: Framing,
    pub limits: Limits,
    pub source_prefix: String,
    pub parts_prefix: String,
    pub aside_prefix: String,
}

/// What came of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Split {
    /// Bytes after decompression that this run looked at.
    pub bytes: u64,
    pub messages: u64,
    pub parts: u64,
    pub set_aside: u64,
    /// The decoder stopped here; what follows is in no part. The object itself stays.
    pub undecodable: Option<Undecodable>,
    /// Time was up: the rest begins at this byte after decompression.
    pub remainder: Option<u64>,
}

/// Compressed bytes that are decoded at once: deflate makes at most about a thousand times as many of them.
const DECODE_AT_ONCE: usize = 16 * 1024;

/// Copies under way at once.
const COPIES: usize = 8;

/// Splits the object `at` from byte `from` of its decoded form on. `time_is_up` is asked between pieces.
///
/// # Errors
/// Logic: the object is gone, or no source. Transient: the store failed.
pub async fn split<O: Objects>(
    objects: &O,
    settings: &SplitSettings,
    at: &ObjectAt,
    from: u64,
    time_is_up: impl Fn() -> bool + Send,
) -> Result<Split, Failure> {
    let Some(rest) = at.key.strip_prefix(&settings.source_prefix) else {
        return Err(Failure::Logic(format!("`{at}` is not below `{}`", settings.source_prefix)));
    };
    let info = objects.look_at(at).await?;
    if info.bytes == 0 {
        return Ok(Split::default());
    }
    let first = objects.read(at, &info.etag, 0..info.bytes.min(RANGE)).await?;
    let source = Source::new(&at.key, rest, info.bytes, &first);
    let compression = Compression::of(&first);
    let job = Job { objects, settings, at, info: &info, source: &source, compression };
    if compression == Compression::Plain && info.bytes > COPY_SOURCE_MIN {
        job.by_copy(from, first, time_is_up).await
    } else {
        job.by_upload(from, first, time_is_up).await
    }
}

struct Job<'a, O: Objects> {
    objects: &'a O,
    settings: &'a SplitSettings,
    at: &'a ObjectAt,
    info: &'a ObjectInfo,
    source: &'a Source,
    compression: Compression,
}

impl<O: Objects> Job<'_, O> {
    fn read(&self, from: u64) -> ReadAhead<O> {
        ReadAhead::new(self.objects.clone(), self.at.clone(), self.info.etag.clone(), from..self.info.bytes)
    }

    async fn by_copy(&self, from: u64, first: Bytes, time_is_up: impl Fn() -> bool) -> Result<Split, Failure> {
        let mut reader = if from == 0 { self.read(0).with_first(first) } else { self.read(from) };
        let mut cutter = Cutter::new(self.settings.framing, self.settings.limits, from);
        let (mut cuts, mut copies, mut split) = (Vec::new(), JoinSet::new(), Split::default());
        while let Some(bytes) = reader.next().await? {
            cutter.push(&bytes, &mut cuts);
            split.bytes += bytes.len() as u64;
            self.start_copies(&mut cuts, &mut copies, &mut split).await?;
            if !reader.is_at_end() && time_is_up() {
                split.remainder = Some(progress(&cutter, from)?);
                break;
            }
        }
        if split.remainder.is_none() {
            cutter.finish(false, &mut cuts);
            self.start_copies(&mut cuts, &mut copies, &mut split).await?;
        }
        while let Some(copied) = copies.join_next().await {
            copied.map_err(|error| of_task(&error))??;
        }
        Ok(split)
    }

    async fn start_copies(
        &self,
        cuts: &mut Vec<Cut>,
        copies: &mut JoinSet<Result<(), StorageError>>,
        split: &mut Split,
    ) -> Result<(), Failure> {
        for cut in cuts.drain(..) {
            split.count(&cut);
            if copies.len() >= COPIES
                && let Some(copied) = copies.join_next().await
            {
                copied.map_err(|error| of_task(&error))??;
            }
            let target = self.target(cut.range.start, cut.kind);
            let (objects, at, etag) = (self.objects.clone(), self.at.clone(), self.info.etag.clone());
            copies.spawn(async move { objects.copy(&at, &etag, cut.range, &target).await });
        }
        Ok(())
    }

    async fn by_upload(&self, from: u64, first: Bytes, time_is_up: impl Fn() -> bool) -> Result<Split, Failure> {
        let mut flow = Flow {
            cutter: Cutter::new(self.settings.framing, self.settings.limits, from),
            uploads: Uploads::new(self.objects.clone(), from),
            skip: from,
            cuts: Vec::new(),
            split: Split::default(),
        };
        let mut decoder = Decoder::new(self.compression)?;
        let mut reader = self.read(0).with_first(first);
        let mut broken = None;
        while broken.is_none() {
            let Some(bytes) = reader.next().await? else {
                broken = decoder.finish().err();
                break;
            };
            broken = self.decode(&mut flow, &mut decoder, &bytes).await?;
            if broken.is_none() && !reader.is_at_end() && time_is_up() {
                flow.uploads.abandon().await?;
                flow.split.remainder = Some(progress(&flow.cutter, from)?);
                return Ok(flow.split);
            }
        }
        flow.cutter.finish(broken.is_some(), &mut flow.cuts);
        for cut in flow.cuts.drain(..) {
            flow.split.count(&cut);
            flow.uploads.finish(&cut, self.target(cut.range.start, cut.kind)).await?;
        }
        flow.split.undecodable = broken;
        Ok(flow.split)
    }

    /// Decodes `bytes` and writes what is decided. The error of the decoder is a result here: all before it is good.
    async fn decode(
        &self,
        flow: &mut Flow<O>,
        decoder: &mut Decoder,
        bytes: &[u8],
    ) -> Result<Option<Undecodable>, Failure> {
        for piece in bytes.chunks(DECODE_AT_ONCE) {
            let outcome = decoder.push(piece, &mut |decoded| flow.take(decoded));
            for cut in std::mem::take(&mut flow.cuts) {
                flow.split.count(&cut);
                flow.uploads.finish(&cut, self.target(cut.range.start, cut.kind)).await?;
            }
            let (open, position) = (flow.cutter.open(), flow.cutter.position());
            flow.uploads.advance(open, position, |start, kind| self.target(start, kind)).await?;
            if let Err(error) = outcome {
                return Ok(Some(error));
            }
        }
        Ok(None)
    }

    fn target(&self, start: u64, kind: Kind) -> Target {
        let key = match kind {
            Kind::Part { .. } => self.source.part_key(&self.settings.parts_prefix, start),
            Kind::Aside(reason) => self.source.aside_key(&self.settings.aside_prefix, start, reason),
        };
        let metadata = vec![
            ("tenantry-source-etag", self.info.etag.trim_matches('"').to_owned()),
            ("tenantry-offset", start.to_string()),
        ];
        Target { bucket: self.at.bucket.clone(), key, metadata }
    }
}

/// A stream on its way from the decoder to the store.
struct Flow<O: Objects> {
    cutter: Cutter,
    uploads: Uploads<O>,
    /// Decoded bytes that an earlier run has dealt with.
    skip: u64,
    cuts: Vec<Cut>,
    split: Split,
}

impl<O: Objects> Flow<O> {
    fn take(&mut self, decoded: &[u8]) {
        let skipped = decoded.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
        self.skip -= skipped as u64;
        let fresh = decoded.get(skipped..).unwrap_or_default();
        self.split.bytes += fresh.len() as u64;
        self.uploads.hold(fresh);
        self.cutter.push(fresh, &mut self.cuts);
    }
}

/// Where a later run goes on: the first byte that no finished cut covers.
///
/// # Errors
/// That is where this run began: another one would not get further.
fn progress(cutter: &Cutter, from: u64) -> Result<u64, Failure> {
    let reached = match cutter.open() {
        Open::Part { start, .. } | Open::Aside { start } => start,
        Open::Nothing => cutter.position(),
    };
    if reached > from {
        Ok(reached)
    } else {
        Err(Failure::Transient(format!("no part from byte {from} on could be finished before the time was up")))
    }
}

impl Split {
    fn count(&mut self, cut: &Cut) {
        match cut.kind {
            Kind::Part { messages } => {
                self.parts += 1;
                self.messages += messages;
            }
            Kind::Aside(_) => self.set_aside += 1,
        }
    }
}
