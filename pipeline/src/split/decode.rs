//! From an object's bytes to its messages' bytes: plain, gzip or zstd, told by the first bytes.
//!
//! In: the object's bytes in pieces. Out: decompressed bytes in pieces. Memory is bounded by the window of the format:
//! 32 KiB for gzip, [`WINDOW_LOG_MAX`] for zstd. What was decoded before an error has been handed on when it is reported.

use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{DParameter, Decoder as ZstdDecoder, InBuffer, Operation, OutBuffer};

/// How an object is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    Plain,
    Gzip,
    Zstd,
}

impl Compression {
    /// Told by the magic numbers of RFC 1952 and RFC 8878 (a skippable frame included).
    pub fn of(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [first, 0x2a, 0x4d, 0x18, ..] if first & 0xf0 == 0x50 => Self::Zstd,
            _ => Self::Plain,
        }
    }
}

/// The object cannot be decoded beyond this byte.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{format} cannot be decoded behind byte {at} of the object: {cause}")]
pub struct Undecodable {
    pub format: &'static str,
    /// Bytes of the object that were taken before the error.
    pub at: u64,
    pub cause: String,
}

/// Largest window that a zstd frame may ask for: 2^24 bytes, which covers levels up to 19 without `--long`.
pub const WINDOW_LOG_MAX: u32 = 24;

/// How much of an object can be relied on: whole gzip members and zstd frames, each with its checksum (where it has one)
/// found right.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sound {
    /// Decoded bytes.
    pub decoded: u64,
    /// Bytes of the object: behind the last sound member.
    pub encoded: u64,
}

/// Decoded bytes are handed on in pieces of at most this size, small enough for a core's cache.
const PIECE: usize = 128 * 1024;

/// A decompressor that is fed.
pub struct Decoder {
    state: State,
    buffer: Vec<u8>,
    taken: u64,
    given: u64,
    sound: Sound,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Decoder").field("taken", &self.taken).finish_non_exhaustive()
    }
}

enum State {
    Plain,
    Gzip { inflate: Box<Decompress>, member: Member },
    Zstd { decoder: Box<ZstdDecoder<'static>>, within_frame: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Member {
    Within,
    /// Between members: another may follow, or padding of zeros.
    Between,
    Padding,
}

/// RFC 1952 with a window of 2^15.
const GZIP_WINDOW_BITS: u8 = 15;

impl Decoder {
    /// A decoder for `compression`.
    ///
    /// # Errors
    /// The decompressor cannot be set up.
    pub fn new(compression: Compression) -> Result<Self, Undecodable> {
        let (state, buffer) = match compression {
            Compression::Plain => (State::Plain, Vec::new()),
            Compression::Gzip => {
                let inflate = Box::new(Decompress::new_gzip(GZIP_WINDOW_BITS));
                (State::Gzip { inflate, member: Member::Within }, vec![0; PIECE])
            }
            Compression::Zstd => {
                let set_up = |cause: std::io::Error| Undecodable { format: "zstd", at: 0, cause: cause.to_string() };
                let mut decoder = Box::new(ZstdDecoder::new().map_err(set_up)?);
                decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX)).map_err(set_up)?;
                (State::Zstd { decoder, within_frame: false }, vec![0; PIECE])
            }
        };
        Ok(Self { state, buffer, taken: 0, given: 0, sound: Sound::default() })
    }

    /// Decodes the next bytes of the object into `sink`.
    ///
    /// # Errors
    /// The bytes cannot be decoded. What could be has been given to `sink`.
    pub fn push(&mut self, input: &[u8], sink: &mut dyn FnMut(&[u8])) -> Result<(), Undecodable> {
        let (mut at, mut given, taken, sound) = (0, self.given, self.taken, &mut self.sound);
        let mut progress = Progress { at: &mut at, given: &mut given, taken, sound, sink };
        let outcome = match &mut self.state {
            State::Plain => {
                *progress.at = input.len();
                progress.give(input);
                progress.is_sound();
                Ok(())
            }
            State::Gzip { inflate, member } => {
                gunzip(inflate, member, &mut self.buffer, input, &mut progress).map_err(|cause| ("gzip", cause))
            }
            State::Zstd { decoder, within_frame } => {
                unzstd(decoder, within_frame, &mut self.buffer, input, &mut progress).map_err(|cause| ("zstd", cause))
            }
        };
        self.given = given;
        self.taken += at as u64;
        outcome.map_err(|(format, cause)| Undecodable { format, at: self.taken, cause })
    }

    /// What can be relied on of the bytes so far.
    pub fn sound(&self) -> &Sound {
        &self.sound
    }

    /// Ends the object.
    ///
    /// # Errors
    /// The object ends within a compressed stream.
    pub fn finish(&self) -> Result<(), Undecodable> {
        let cause = "the object ends too early".to_owned();
        match &self.state {
            State::Gzip { member: Member::Within, .. } => Err(Undecodable { format: "gzip", at: self.taken, cause }),
            State::Zstd { within_frame: true, .. } => Err(Undecodable { format: "zstd", at: self.taken, cause }),
            _ => Ok(()),
        }
    }
}

/// How far one call has come.
struct Progress<'a> {
    /// Bytes taken from the input.
    at: &'a mut usize,
    /// Bytes taken from the object before.
    taken: u64,
    /// Decoded bytes so far, over all calls.
    given: &'a mut u64,
    sound: &'a mut Sound,
    sink: &'a mut dyn FnMut(&[u8]),
}

impl Progress<'_> {
    fn give(&mut self, decoded: &[u8]) {
        *self.given += decoded.len() as u64;
        (self.sink)(decoded);
    }

    /// All until here is sound.
    fn is_sound(&mut self) {
        *self.sound = Sound { decoded: *self.given, encoded: self.taken + *self.at as u64 };
    }
}

fn gunzip(
    inflate: &mut Decompress,
    member: &mut Member,
    buffer: &mut [u8],
    input: &[u8],
    progress: &mut Progress<'_>,
) -> Result<(), String> {
    loop {
        let rest = input.get(*progress.at..).unwrap_or_default();
        match member {
            Member::Within => {}
            Member::Between if rest.first() == Some(&0x1f) => {
                *inflate = Decompress::new_gzip(GZIP_WINDOW_BITS);
                *member = Member::Within;
            }
            Member::Between | Member::Padding => {
                let Some(other) = rest.iter().position(|byte| *byte != 0) else {
                    *progress.at = input.len();
                    progress.is_sound();
                    if !rest.is_empty() {
                        *member = Member::Padding;
                    }
                    return Ok(());
                };
                *progress.at += other;
                return Err("bytes that are no gzip follow the last member".to_owned());
            }
        }
        let (in_before, out_before) = (inflate.total_in(), inflate.total_out());
        let outcome = inflate.decompress(rest, buffer, FlushDecompress::None);
        *progress.at += usize::try_from(inflate.total_in() - in_before).unwrap_or(rest.len());
        let produced = usize::try_from(inflate.total_out() - out_before).unwrap_or_default();
        progress.give(buffer.get(..produced).unwrap_or_default());
        match outcome {
            Ok(Status::StreamEnd) => {
                *member = Member::Between;
                progress.is_sound();
            }
            Ok(_) if *progress.at == input.len() && produced < buffer.len() => return Ok(()),
            Ok(_) if produced == 0 && inflate.total_in() == in_before => return Err("no progress".to_owned()),
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn unzstd(
    decoder: &mut ZstdDecoder<'static>,
    within_frame: &mut bool,
    buffer: &mut [u8],
    input: &[u8],
    progress: &mut Progress<'_>,
) -> Result<(), String> {
    loop {
        let mut source = InBuffer::around(input.get(*progress.at..).unwrap_or_default());
        let mut target = OutBuffer::around(&mut *buffer);
        let outcome = decoder.run(&mut source, &mut target);
        let (read, produced) = (source.pos(), target.pos());
        *progress.at += read;
        progress.give(buffer.get(..produced).unwrap_or_default());
        let hint = outcome.map_err(|error| error.to_string())?;
        if read > 0 || produced > 0 {
            *within_frame = hint != 0;
            if hint == 0 {
                progress.is_sound();
            }
        }
        if *progress.at == input.len() && produced < buffer.len() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn decode(input: &[u8], width: usize) -> (Vec<u8>, Result<(), Undecodable>) {
        let mut decoder = Decoder::new(Compression::of(input)).unwrap();
        let mut output = Vec::new();
        for piece in input.chunks(width.max(1)) {
            if let Err(error) = decoder.push(piece, &mut |bytes| output.extend_from_slice(bytes)) {
                return (output, Err(error));
            }
        }
        let end = decoder.finish();
        (output, end)
    }

    fn text() -> Vec<u8> {
        (0..40_000u32)
            .flat_map(|n| format!("{{\"n\":{n},\"x\":\"{:x}\"}}\n", n.wrapping_mul(2_654_435_761)).into_bytes())
            .collect()
    }

    #[test]
    fn members_and_frames_follow_each_other_and_padding_is_ignored() {
        let text = text();
        let twice = [text.as_slice(), text.as_slice()].concat();
        let mut two = [gzip(&text), gzip(&text)].concat();
        assert_eq!(decode(&two, 1000), (twice.clone(), Ok(())));
        two.extend([0; 100]);
        assert_eq!(decode(&two, 7), (twice.clone(), Ok(())));
        let frames = [zstd::encode_all(&*text, 3).unwrap(), zstd::encode_all(&*text, 1).unwrap()].concat();
        assert_eq!(decode(&frames, 1000), (twice, Ok(())));
    }

    #[test]
    fn what_precedes_an_error_is_handed_on_and_the_error_has_a_place() {
        let text = text();
        for whole in [gzip(&text), zstd::encode_all(&*text, 3).unwrap()] {
            let mut corrupt = whole.clone();
            let middle = corrupt.len() / 2;
            corrupt[middle..middle + 64].fill(0xff);
            let (output, end) = decode(&corrupt, 4096);
            let error = end.unwrap_err();
            assert!(error.at > 0 && output.len() >= text.len() / 8, "{error}");
            assert_eq!(output[..text.len() / 8], text[..text.len() / 8]);

            let (output, end) = decode(&whole[..middle], 4096);
            assert!(end.unwrap_err().cause.contains("too early"));
            assert!(!output.is_empty() && text.starts_with(&output));
        }
    }

    #[test]
    fn garbage_behind_the_last_member_is_an_error() {
        let mut bytes = gzip(b"a\n");
        let length = bytes.len() as u64;
        bytes.extend(b"garbage");
        let (output, end) = decode(&bytes, 1000);
        assert_eq!(output, b"a\n");
        assert_eq!(end.unwrap_err().at, length);
    }

    #[test]
    fn a_window_beyond_the_bound_is_refused() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(WINDOW_LOG_MAX + 1).unwrap();
        encoder.write_all(&text()).unwrap();
        let (_, end) = decode(&encoder.finish().unwrap(), 4096);
        assert!(end.is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_bytes_are_the_same_however_they_arrive(bytes in prop::collection::vec(any::<u8>(), 0..20_000), width in 1usize..3000) {
            prop_assert_eq!(decode(&gzip(&bytes), width), (bytes.clone(), Ok(())));
            prop_assert_eq!(decode(&zstd::encode_all(&*bytes, 1).unwrap(), width), (bytes, Ok(())));
        }
    }
}
