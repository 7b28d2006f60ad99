//! Any bytes in any framing, cut in any pieces: the cuts are in order, cover every message once, and keep the limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenantry_pipeline::framing::Framing;
use tenantry_pipeline::split::cutter::{Cut, Cutter, Kind, Limits};

fn cut(framing: Framing, limits: Limits, bytes: &[u8], width: usize) -> Vec<Cut> {
    let (mut cutter, mut cuts) = (Cutter::new(framing, limits, 0), Vec::new());
    for piece in bytes.chunks(width) {
        cutter.push(piece, &mut cuts);
    }
    cutter.finish(false, &mut cuts);
    cuts
}

fuzz_target!(|input: (u8, u16, u8, u8, u8, &[u8])| {
    let (which, part_bytes, part_messages, message_bytes, width, bytes) = input;
    let framing = [Framing::Newline, Framing::LengthPrefixed, Framing::JsonArray][usize::from(which % 3)];
    let limits = Limits {
        part_bytes: u64::from(part_bytes) + 1,
        part_messages: (part_messages > 0).then_some(u64::from(part_messages)),
        message_bytes: u64::from(message_bytes) + 1,
    };
    let cuts = cut(framing, limits, bytes, usize::from(width) + 1);
    assert_eq!(cuts, cut(framing, limits, bytes, bytes.len().max(1)), "the pieces decide");
    let mut end = 0;
    for Cut { range, kind } in &cuts {
        assert!(range.start >= end && range.end > range.start && range.end <= bytes.len() as u64);
        if framing != Framing::JsonArray {
            assert_eq!(range.start, end, "bytes between the cuts");
        }
        if let Kind::Part { messages } = kind {
            assert!(*messages >= 1 && limits.part_messages.is_none_or(|most| *messages <= most));
            assert!(range.end - range.start <= limits.part_bytes || *messages == 1);
        }
        end = range.end;
    }
    if framing != Framing::JsonArray {
        assert_eq!(end, bytes.len() as u64, "bytes behind the last cut");
    }
});
