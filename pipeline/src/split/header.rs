//! Headers of tab-separated logs on their way through the splitter: each part needs the one that its lines were written
//! under. Objects may be several logs, one behind the other, each with a header of its own.

use std::collections::VecDeque;

use crate::records::tabular::begins_header;

/// Longest header that is carried; Zeek's are below 2 KiB.
pub(crate) const HEADER_MAX: usize = 64 * 1024;

/// Headers by where they begin, in one object that is read in order.
#[derive(Debug, Default)]
pub(super) struct Headers {
    /// `None`: the object is not a tab-separated log.
    state: Option<State>,
}

#[derive(Debug, Default)]
struct State {
    position: u64,
    /// The line under way, as far as it may be one of a header.
    line: Vec<u8>,
    within_other_line: bool,
    /// The block of `#` lines under way: where it begins, and its bytes.
    block: Option<(u64, Vec<u8>)>,
    found: VecDeque<(u64, Vec<u8>)>,
}

impl Headers {
    /// For an object whose decoded form begins with these bytes.
    pub(super) fn new(start: &[u8]) -> Self {
        let start = start.strip_prefix(crate::records::BOM).unwrap_or(start);
        Self { state: begins_header(start).then(State::default) }
    }

    /// Whether there are headers to carry.
    pub(super) fn are_carried(&self) -> bool {
        self.state.is_some()
    }

    /// Takes the next decoded bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if let Some(state) = &mut self.state {
            state.push(bytes);
        }
    }

    /// The header that a part beginning at byte `start` has to carry; empty if it holds its own, or needs none.
    pub(super) fn before(&mut self, start: u64) -> Vec<u8> {
        let Some(state) = &mut self.state else { return Vec::new() };
        state.end_block_before(start);
        while state.found.get(1).is_some_and(|(at, _)| *at < start) {
            state.found.pop_front();
        }
        // A part may also begin within a header.
        let Some((at, header)) = state.found.front() else { return Vec::new() };
        let carried = usize::try_from(start.saturating_sub(*at)).unwrap_or(usize::MAX).min(header.len());
        header.get(..carried).unwrap_or_default().to_vec()
    }
}

impl State {
    fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let end = memchr::memchr(b'\n', bytes).map(|at| at + 1);
            let (piece, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            let fresh = self.line.is_empty() && !self.within_other_line;
            self.position += piece.len() as u64;
            let of_header = if fresh {
                let first = if self.position == piece.len() as u64 {
                    piece.strip_prefix(crate::records::BOM).unwrap_or(piece)
                } else {
                    piece
                };
                first.first() == Some(&b'#')
            } else {
                !self.within_other_line
            };
            if of_header && self.line.len() + piece.len() <= HEADER_MAX {
                self.line.extend_from_slice(piece);
            } else {
                self.within_other_line = true;
                self.line.clear();
                self.end_block();
            }
            if end.is_some() {
                self.end_line();
            }
            bytes = rest;
        }
    }

    fn end_line(&mut self) {
        self.within_other_line = false;
        if self.line.is_empty() {
            return;
        }
        let line = std::mem::take(&mut self.line);
        let start = self.position - line.len() as u64;
        let (_, block) = self.block.get_or_insert_with(|| (start, Vec::new()));
        if block.len() + line.len() <= HEADER_MAX {
            block.extend_from_slice(&line);
        }
    }

    /// A line of another kind ends the block. Only one that names columns is a header: a log also ends with `#close`.
    fn end_block(&mut self) {
        let Some((at, block)) = self.block.take() else { return };
        let text = block.strip_prefix(crate::records::BOM).unwrap_or(&block);
        if text.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"#fields")) {
            self.found.push_back((at, block));
        }
    }

    /// A block that is whole before byte `start` is known even if what follows it was not looked at.
    fn end_block_before(&mut self, start: u64) {
        if self.block.as_ref().is_some_and(|(at, block)| at + block.len() as u64 <= start) && self.line.is_empty() {
            self.end_block();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &[u8] = b"#separator \\x09\n#fields\ta\n1\n2\n#close\t1\n#separator \\x09\n#fields\tb\n3\n";

    #[test]
    fn each_part_gets_the_header_that_its_lines_were_written_under() {
        let header = |start: u64, width: usize| {
            let mut headers = Headers::new(LOG);
            LOG.chunks(width).for_each(|piece| headers.push(piece));
            String::from_utf8(headers.before(start)).unwrap()
        };
        let at = |text: &str| LOG.windows(text.len()).position(|window| window == text.as_bytes()).unwrap() as u64;
        for width in [1, 3, 7, 1000] {
            assert_eq!(header(0, width), "");
            assert_eq!(header(at("#fields"), width), "#separator \\x09\n");
            for line in ["1\n", "2\n", "#close"] {
                assert_eq!(header(at(line), width), "#separator \\x09\n#fields\ta\n", "{line:?} {width}");
            }
            assert_eq!(header(at("3\n"), width), "#close\t1\n#separator \\x09\n#fields\tb\n", "{width}");
        }
        assert!(!Headers::new(b"{\"a\":1}").are_carried());
    }
}
