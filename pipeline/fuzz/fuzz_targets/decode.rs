//! Any bytes as plain, gzip or zstd: no panic, and the same bytes however the input arrives.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenantry_pipeline::split::decode::{Compression, Decoder};

/// What is decoded, up to a bound: a few bytes can ask for gigabytes.
fn decode(bytes: &[u8], width: usize) -> (Vec<u8>, bool) {
    let Ok(mut decoder) = Decoder::new(Compression::of(bytes)) else { return (Vec::new(), false) };
    let mut output = Vec::new();
    for piece in bytes.chunks(width) {
        let whole = decoder.push(piece, &mut |decoded| output.extend_from_slice(decoded)).is_ok();
        if !whole || output.len() > 1 << 22 {
            output.truncate(1 << 22);
            return (output, false);
        }
    }
    (output, decoder.finish().is_ok())
}

fuzz_target!(|input: (u8, &[u8])| {
    let (width, bytes) = input;
    let (one, sound) = decode(bytes, usize::from(width) + 1);
    let (other, other_sound) = decode(bytes, bytes.len().max(1));
    if sound && other_sound {
        assert_eq!(one, other);
    }
});
