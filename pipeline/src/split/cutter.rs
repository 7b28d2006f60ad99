//! Where an object is cut into parts: between messages, at a size in bytes or in messages, whichever comes first.
//!
//! In: the object's bytes after decompression, in order, in pieces of any size. Out: [`Cut`]s, which are ranges of those
//! bytes, in order. The same bytes give the same cuts however the pieces fall, and a cutter that starts at a part's first
//! byte goes on as the one that made the part would have: so a run that stopped is continued, not begun anew.

use std::ops::Range;

use crate::framing::{Framing, Scanner, Step};

/// How large parts may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest part in bytes, unless a single message is longer.
    pub part_bytes: u64,
    /// Most messages in a part; `None` is no limit. With lines, empty ones count.
    pub part_messages: Option<u64>,
    /// Longest message in bytes; a longer one is set aside.
    pub message_bytes: u64,
}

/// A finished range of the object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Bytes after decompression.
    pub range: Range<u64>,
    pub kind: Kind,
}

/// What a range is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Part { messages: u64 },
    Aside(Reason),
}

/// Why bytes are in no part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The message is longer than the limit.
    Overlong,
    /// The object ends within the message.
    Truncated,
    /// The decompressor stopped within the message.
    Undecodable,
}

impl Reason {
    /// As in the names of objects.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Overlong => "overlong",
            Self::Truncated => "truncated",
            Self::Undecodable => "undecodable",
        }
    }
}

/// What the bytes that are not cut yet will become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// Nothing is open.
    Nothing,
    /// These bytes belong to the next part for sure. It may grow.
    Part { start: u64, settled: u64 },
    /// All bytes from here belong to a message that is too long. It may grow.
    Aside { start: u64 },
}

/// Lines are looked at in blocks of this many bytes where a whole block fits into the open part.
const BLOCK: usize = 64 * 1024;

/// The state of the cutting.
#[derive(Debug, Clone)]
pub struct Cutter {
    scanner: Scanner,
    limits: Limits,
    position: u64,
    /// The part that is being filled: its whole messages so far.
    part: Option<Filling>,
    /// Start of the message that the position is in.
    message: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Filling {
    start: u64,
    end: u64,
    messages: u64,
}

impl Cutter {
    /// A cutter at byte `from`: 0, or the start of a message within the object.
    pub fn new(framing: Framing, limits: Limits, from: u64) -> Self {
        let scanner = if from == 0 { Scanner::new(framing) } else { Scanner::at_message(framing) };
        Self { scanner, limits, position: from, part: None, message: None }
    }

    /// Bytes seen so far, counted from the object's start.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// What is not cut yet.
    pub fn open(&self) -> Open {
        match (self.part, self.message) {
            (_, Some(start)) if self.position - start > self.limits.message_bytes => Open::Aside { start },
            (Some(part), _) => Open::Part { start: part.start, settled: part.end },
            (None, Some(start)) => Open::Part { start, settled: start },
            (None, None) => Open::Nothing,
        }
    }

    /// Takes the next bytes and appends the cuts that they decide.
    pub fn push(&mut self, mut bytes: &[u8], cuts: &mut Vec<Cut>) {
        while !bytes.is_empty() {
            let taken = match self.scanner {
                Scanner::Newline { .. } => self.take_lines(bytes, cuts),
                _ => self.take_messages(bytes, cuts),
            };
            bytes = bytes.get(taken..).unwrap_or_default();
        }
    }

    /// Ends the object. `broken`: the decompressor could not go on, so the message that is under way is not whole.
    pub fn finish(mut self, broken: bool, cuts: &mut Vec<Cut>) {
        if let Some(start) = self.message.take() {
            let whole = !broken && self.scanner.end_completes();
            let overlong = self.position - start > self.limits.message_bytes;
            match (whole, overlong) {
                (_, true) => self.set_aside(start, Reason::Overlong, cuts),
                (true, false) => self.add_message(start, cuts),
                (false, false) if broken => self.set_aside(start, Reason::Undecodable, cuts),
                (false, false) => self.set_aside(start, Reason::Truncated, cuts),
            }
        }
        self.close_part(cuts);
    }

    /// One block of lines at once if all of it goes into the open part, else line by line.
    fn take_lines(&mut self, bytes: &[u8], cuts: &mut Vec<Cut>) -> usize {
        let limit = usize::try_from(self.limits.message_bytes).unwrap_or(usize::MAX);
        let block = bytes.get(..BLOCK.min(limit).max(1)).unwrap_or(bytes);
        if self.take_block(block).is_none() {
            self.take_messages(block, cuts);
        }
        block.len()
    }

    /// `None` if the block must be looked at line by line.
    fn take_block(&mut self, block: &[u8]) -> Option<()> {
        let first = memchr::memchr(b'\n', block)?;
        let last = memchr::memrchr(b'\n', block)?;
        let start = self.message.unwrap_or(self.position);
        if self.position - start + first as u64 + 1 > self.limits.message_bytes {
            return None;
        }
        let lines = memchr::memchr_iter(b'\n', block).count() as u64;
        let end = self.position + last as u64 + 1;
        let mut part = self.part.unwrap_or(Filling { start, end: start, messages: 0 });
        let room = self.limits.part_messages.is_none_or(|most| part.messages + lines <= most);
        if end - part.start > self.limits.part_bytes || !room {
            return None;
        }
        part.end = end;
        part.messages += lines;
        self.part = Some(part);
        self.position += block.len() as u64;
        let rest = last + 1 < block.len();
        self.message = rest.then_some(end);
        self.scanner = Scanner::Newline { within: rest };
        Some(())
    }

    /// Message by message.
    fn take_messages(&mut self, bytes: &[u8], cuts: &mut Vec<Cut>) -> usize {
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            match self.scanner.step(rest) {
                Step::Begin(skip) => {
                    self.advance(skip, &mut at);
                    self.message = Some(self.position);
                }
                Step::End(length) => {
                    self.advance(length, &mut at);
                    if let Some(start) = self.message.take() {
                        self.end_message(start, cuts);
                    }
                }
                Step::More => {
                    self.advance(rest.len(), &mut at);
                    self.close_before_overlong(cuts);
                    return at;
                }
            }
        }
    }

    fn advance(&mut self, bytes: usize, at: &mut usize) {
        *at += bytes;
        self.position += bytes as u64;
    }

    fn end_message(&mut self, start: u64, cuts: &mut Vec<Cut>) {
        if self.position - start > self.limits.message_bytes {
            self.set_aside(start, Reason::Overlong, cuts);
        } else {
            self.add_message(start, cuts);
        }
    }

    fn add_message(&mut self, start: u64, cuts: &mut Vec<Cut>) {
        if let Some(part) = self.part {
            let full = self.position - part.start > self.limits.part_bytes
                || self.limits.part_messages.is_some_and(|most| part.messages >= most);
            if full {
                self.close_part(cuts);
            }
        }
        let part = self.part.get_or_insert(Filling { start, end: start, messages: 0 });
        part.end = self.position;
        part.messages += 1;
    }

    fn set_aside(&mut self, start: u64, reason: Reason, cuts: &mut Vec<Cut>) {
        self.close_part(cuts);
        cuts.push(Cut { range: start..self.position, kind: Kind::Aside(reason) });
    }

    /// A message that has become too long ends the part before it, so that its own bytes can be passed on.
    fn close_before_overlong(&mut self, cuts: &mut Vec<Cut>) {
        if matches!(self.open(), Open::Aside { .. }) {
            self.close_part(cuts);
        }
    }

    fn close_part(&mut self, cuts: &mut Vec<Cut>) {
        if let Some(part) = self.part.take() {
            cuts.push(Cut { range: part.start..part.end, kind: Kind::Part { messages: part.messages } });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limits(part_bytes: u64, part_messages: Option<u64>, message_bytes: u64) -> Limits {
        Limits { part_bytes, part_messages, message_bytes }
    }

    fn cut(framing: Framing, limits: Limits, bytes: &[u8], width: usize) -> Vec<Cut> {
        let (mut cutter, mut cuts) = (Cutter::new(framing, limits, 0), Vec::new());
        for piece in bytes.chunks(width.max(1)) {
            cutter.push(piece, &mut cuts);
        }
        cutter.finish(false, &mut cuts);
        cuts
    }

    fn shown(bytes: &[u8], cuts: &[Cut]) -> Vec<String> {
        let text =
            |range: &Range<u64>| String::from_utf8_lossy(&bytes[range.start as usize..range.end as usize]).into_owned();
        cuts.iter()
            .map(|cut| match cut.kind {
                Kind::Part { messages } => format!("{messages}:{}", text(&cut.range)),
                Kind::Aside(reason) => format!("{}:{}", reason.as_str(), text(&cut.range)),
            })
            .collect()
    }

    fn check(framing: Framing, limits: Limits, text: &str, expected: &[&str]) {
        for width in 1..=text.len().max(1) {
            let cuts = cut(framing, limits, text.as_bytes(), width);
            assert_eq!(shown(text.as_bytes(), &cuts), expected, "{text:?} in pieces of {width}");
        }
    }

    #[test]
    fn parts_end_between_lines_at_bytes_or_messages_whichever_is_first() {
        check(Framing::Newline, limits(4, None, 100), "a\nb\nc\n", &["2:a\nb\n", "1:c\n"]);
        check(Framing::Newline, limits(100, Some(1), 100), "a\n\r\nc", &["1:a\n", "1:\r\n", "1:c"]);
        check(Framing::Newline, limits(100, None, 100), "no newline", &["1:no newline"]);
        check(Framing::Newline, limits(100, None, 100), "", &[]);
    }

    #[test]
    fn a_message_longer_than_a_part_goes_alone() {
        check(Framing::Newline, limits(4, None, 100), "a\nlonger\nb\n", &["1:a\n", "1:longer\n", "1:b\n"]);
    }

    #[test]
    fn a_message_over_the_limit_is_set_aside_and_its_neighbours_are_not() {
        check(
            Framing::Newline,
            limits(50, None, 4),
            "a\nlonger\nb\nlonger",
            &["1:a\n", "overlong:longer\n", "1:b\n", "overlong:longer"],
        );
        check(
            Framing::LengthPrefixed,
            limits(50, None, 6),
            "\0\0\0\u{1}a\0\0\0\u{5}bbbbb\0\0\0\0",
            &["1:\0\0\0\u{1}a", "overlong:\0\0\0\u{5}bbbbb", "1:\0\0\0\0"],
        );
    }

    #[test]
    fn an_object_that_ends_within_a_message_sets_it_aside() {
        check(
            Framing::JsonArray,
            limits(9, None, 99),
            r#"[{"a":1},{"b":2}, {"c":"#,
            &[r#"1:{"a":1}"#, r#"1:{"b":2}"#, r#"truncated:{"c":"#],
        );
        check(Framing::LengthPrefixed, limits(50, None, 99), "\0\0\0\u{1}a\0\0", &["1:\0\0\0\u{1}a", "truncated:\0\0"]);
    }

    #[test]
    fn elements_are_cut_without_brackets_and_commas() {
        check(
            Framing::JsonArray,
            limits(14, None, 99),
            r#"[{"a":1},{"b":2},{"c":3}]"#,
            &[r#"1:{"a":1}"#, r#"1:{"b":2}"#, r#"1:{"c":3}"#],
        );
        check(Framing::JsonArray, limits(15, None, 99), r#"[1,[2,3],"4,5"]"#, &[r#"3:1,[2,3],"4,5""#]);
    }

    /// Cuts by the book: all messages first, then one after another into parts.
    fn oracle(limits: Limits, bytes: &[u8]) -> Vec<Cut> {
        let (mut cuts, mut part): (Vec<Cut>, Option<(u64, u64, u64)>) = (Vec::new(), None);
        let close = |part: &mut Option<(u64, u64, u64)>, cuts: &mut Vec<Cut>| {
            cuts.extend(
                part.take().map(|(start, end, messages)| Cut { range: start..end, kind: Kind::Part { messages } }),
            );
        };
        let mut start = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let end = start + line.len() as u64;
            if line.len() as u64 > limits.message_bytes {
                close(&mut part, &mut cuts);
                cuts.push(Cut { range: start..end, kind: Kind::Aside(Reason::Overlong) });
            } else {
                if part.is_some_and(|(first, _, n)| {
                    end - first > limits.part_bytes || limits.part_messages.is_some_and(|most| n >= most)
                }) {
                    close(&mut part, &mut cuts);
                }
                let (first, _, n) = part.unwrap_or((start, start, 0));
                part = Some((first, end, n + 1));
            }
            start = end;
        }
        close(&mut part, &mut cuts);
        cuts
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn lines_are_cut_as_by_the_book(
            lines in prop::collection::vec(0usize..300, 0..400),
            ended in any::<bool>(),
            part_bytes in 1u64..3000,
            part_messages in prop::option::of(1u64..40),
            message_bytes in 1u64..260,
            width in 1usize..5000,
        ) {
            let mut bytes: Vec<u8> = lines.iter().flat_map(|n| std::iter::repeat_n(b'x', *n).chain([b'\n'])).collect();
            if !ended { bytes.pop(); }
            let limits = limits(part_bytes, part_messages, message_bytes);
            prop_assert_eq!(cut(Framing::Newline, limits, &bytes, width), oracle(limits, &bytes));
        }

        #[test]
        fn a_run_that_stops_at_a_part_goes_on_with_the_same_cuts(
            lines in prop::collection::vec(0usize..60, 1..200),
            stop in any::<prop::sample::Index>(),
        ) {
            let bytes: Vec<u8> = lines.iter().flat_map(|n| std::iter::repeat_n(b'x', *n).chain([b'\n'])).collect();
            let limits = limits(300, Some(20), 50);
            let whole = cut(Framing::Newline, limits, &bytes, 97);
            let at = stop.index(whole.len());
            let from = whole[at].range.start;
            let (mut cutter, mut cuts) = (Cutter::new(Framing::Newline, limits, from), Vec::new());
            cutter.push(&bytes[from as usize..], &mut cuts);
            cutter.finish(false, &mut cuts);
            prop_assert_eq!(&cuts[..], &whole[at..]);
        }
    }
}
