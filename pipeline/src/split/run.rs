//! Splits one object: reads it once, in order, and writes its parts.
//!
//! A plain object's parts are ranges of it, copied inside the store; its bytes pass through the function only to be
//! looked at. A compressed object's parts are written while it is decoded, once all of it was decoded to see how much of
//! it is sound: a checksum comes at the end of what it is about. A tab-separated log's parts are written, too, since each
//! gets its header in front. Either way memory is bounded.

use bytes::Bytes;
use tokio::task::JoinSet;

use super::cutter::{Cut, Cutter, Kind, Limits, Open, Reason};
use super::decode::{Compression, Decoder, Sound, Undecodable};
use super::header::Headers;
use super::names::Source;
use super::uploads::Uploads;
use crate::failure::{Failure, of_task};
use crate::framing::Framing;
use crate::read_ahead::{RANGE, ReadAhead};
use crate::storage::{
    COPY_SOURCE_MIN, HEADER_BYTES, ObjectAt, ObjectInfo, Objects, SOURCE_WRITTEN, StorageError, Target,
};

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
    /// The object is damaged: what is not sound is in no part, but set aside as it came.
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
    let source = Source::new(&at.key, rest, &info.etag);
    let compression = Compression::of(&first);
    let job = Job { objects, settings, at, info: &info, source: &source, compression };
    let headers = match settings.framing {
        Framing::Newline => Headers::new(&start_of(compression, &first)),
        Framing::LengthPrefixed | Framing::JsonArray => Headers::default(),
    };
    if compression == Compression::Plain && info.bytes > COPY_SOURCE_MIN && !headers.are_carried() {
        job.by_copy(from, first, time_is_up).await
    } else {
        job.by_upload(from, first, headers, time_is_up).await
    }
}

/// The first decoded bytes.
fn start_of(compression: Compression, first: &[u8]) -> Vec<u8> {
    const ENOUGH: usize = 1024;
    let mut start = Vec::new();
    let Ok(mut decoder) = Decoder::new(compression) else { return start };
    for piece in first.chunks(ENOUGH) {
        let outcome = decoder.push(piece, &mut |decoded| start.extend_from_slice(decoded));
        if outcome.is_err() || start.len() >= ENOUGH {
            break;
        }
    }
    start
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
            let target = self.target(cut.range.start, cut.kind, 0);
            let (objects, at, etag) = (self.objects.clone(), self.at.clone(), self.info.etag.clone());
            copies.spawn(async move { objects.copy(&at, &etag, cut.range, &target).await });
        }
        Ok(())
    }

    /// How much of the object is sound, and what is wrong with the rest.
    async fn check(
        &self,
        first: Bytes,
        time_is_up: impl Fn() -> bool,
    ) -> Result<(Sound, Option<Undecodable>), Failure> {
        let mut decoder = Decoder::new(self.compression)?;
        let mut reader = self.read(0).with_first(first);
        while let Some(bytes) = reader.next().await? {
            if let Err(error) = decoder.push(&bytes, &mut |_| {}) {
                return Ok((decoder.sound().clone(), Some(error)));
            }
            if !reader.is_at_end() && time_is_up() {
                return Err(Failure::Transient("the time was up before the object's checksums were known".to_owned()));
            }
        }
        let end = decoder.finish().err();
        Ok((decoder.sound().clone(), end))
    }

    async fn by_upload(
        &self,
        from: u64,
        first: Bytes,
        headers: Headers,
        time_is_up: impl Fn() -> bool,
    ) -> Result<Split, Failure> {
        let (sound, damage) = match self.compression {
            // Nothing says what plain bytes should be.
            Compression::Plain => (Sound { decoded: self.info.bytes, encoded: self.info.bytes }, None),
            Compression::Gzip | Compression::Zstd => self.check(first.clone(), &time_is_up).await?,
        };
        let mut flow = Flow {
            cutter: Cutter::new(self.settings.framing, self.settings.limits, from),
            uploads: Uploads::new(self.objects.clone(), from),
            headers,
            skip: from,
            left: sound.decoded,
            cuts: Vec::new(),
            split: Split::default(),
        };
        let mut decoder = Decoder::new(self.compression)?;
        let mut reader = self.read(0).with_first(first);
        while flow.left > 0 {
            let Some(bytes) = reader.next().await? else { break };
            self.decode(&mut flow, &mut decoder, &bytes).await?;
            if flow.left > 0 && time_is_up() {
                flow.uploads.abandon().await?;
                flow.split.remainder = Some(progress(&flow.cutter, from)?);
                return Ok(flow.split);
            }
        }
        flow.cutter.finish(damage.is_some(), &mut flow.cuts);
        self.write_cuts(&mut flow.cuts, &mut flow.headers, &mut flow.uploads, &mut flow.split).await?;
        if let Some(damage) = damage {
            self.keep_damaged(&sound).await?;
            flow.split.set_aside += 1;
            flow.split.undecodable = Some(damage);
        }
        Ok(flow.split)
    }

    /// Decodes `bytes` as far as they are sound, and writes what is decided.
    async fn decode(&self, flow: &mut Flow<O>, decoder: &mut Decoder, bytes: &[u8]) -> Result<(), Failure> {
        for piece in bytes.chunks(DECODE_AT_ONCE) {
            let outcome = decoder.push(piece, &mut |decoded| flow.take(decoded));
            let Flow { cutter, uploads, headers, cuts, split, .. } = flow;
            self.write_cuts(cuts, headers, uploads, split).await?;
            let (open, position) = (cutter.open(), cutter.position());
            uploads.advance(open, position, |start, kind| self.target_with_header(start, kind, headers)).await?;
            match outcome {
                Ok(()) => {}
                Err(_) if flow.left == 0 => return Ok(()),
                Err(error) => {
                    return Err(Failure::Transient(format!("`{}` changed while it was read: {error}", self.at)));
                }
            }
        }
        Ok(())
    }

    async fn write_cuts(
        &self,
        cuts: &mut Vec<Cut>,
        headers: &mut Headers,
        uploads: &mut Uploads<O>,
        split: &mut Split,
    ) -> Result<(), Failure> {
        for cut in cuts.drain(..) {
            split.count(&cut);
            let (target, header) = self.target_with_header(cut.range.start, cut.kind, headers);
            uploads.finish(&cut, target, &header).await?;
        }
        Ok(())
    }

    /// Sets the bytes aside that are behind the sound ones, as they came.
    async fn keep_damaged(&self, sound: &Sound) -> Result<(), Failure> {
        let target = self.target(sound.decoded, Kind::Aside(Reason::Undecodable), 0);
        let range = sound.encoded..self.info.bytes;
        if range.is_empty() {
            return Ok(());
        }
        if self.info.bytes > COPY_SOURCE_MIN {
            self.objects.copy(self.at, &self.info.etag, range, &target).await?;
        } else {
            let bytes = self.objects.read(self.at, &self.info.etag, range).await?;
            self.objects.put(&target, bytes).await?;
        }
        Ok(())
    }

    fn target_with_header(&self, start: u64, kind: Kind, headers: &mut Headers) -> (Target, Vec<u8>) {
        let header = if let Kind::Part { .. } = kind { headers.before(start) } else { Vec::new() };
        (self.target(start, kind, header.len()), header)
    }

    fn target(&self, start: u64, kind: Kind, header_bytes: usize) -> Target {
        let key = match kind {
            Kind::Part { .. } => self.source.part_key(&self.settings.parts_prefix, start),
            Kind::Aside(reason) => self.source.aside_key(&self.settings.aside_prefix, start, reason),
        };
        let mut metadata = vec![
            ("tenantry-source-etag", self.info.etag.trim_matches('"').to_owned()),
            ("tenantry-offset", start.to_string()),
            (SOURCE_WRITTEN, self.info.written.to_string()),
        ];
        if header_bytes > 0 {
            metadata.push((HEADER_BYTES, header_bytes.to_string()));
        }
        Target { bucket: self.at.bucket.clone(), key, metadata }
    }
}

/// A stream on its way from the decoder to the store.
struct Flow<O: Objects> {
    cutter: Cutter,
    uploads: Uploads<O>,
    headers: Headers,
    /// Decoded bytes that an earlier run has dealt with.
    skip: u64,
    /// Sound bytes that are still to come.
    left: u64,
    cuts: Vec<Cut>,
    split: Split,
}

impl<O: Objects> Flow<O> {
    fn take(&mut self, decoded: &[u8]) {
        let sound = decoded.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= sound as u64;
        let decoded = decoded.get(..sound).unwrap_or_default();
        self.headers.push(decoded);
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
