//! Where one message ends and the next begins, found in a stream that arrives in pieces.
//!
//! In: bytes, in order. Out: [`Step`]s. Framings know nothing of parts, records or compression, and they never lose a
//! byte: what is no message is still told apart, so that the caller can keep it.

use std::str::FromStr;

/// How messages are separated in an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Framing {
    /// Lines. The newline belongs to the message that it ends; the last one may lack it.
    #[default]
    Newline,
    /// A big-endian `u32` with the payload's length in bytes, then the payload.
    LengthPrefixed,
    /// Elements of a JSON array. Brackets, commas and blanks between elements belong to no message.
    JsonArray,
}

/// A framing's name that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no framing: `newline`, `length-prefixed` or `json-array`")]
pub struct UnknownFraming(pub String);

impl FromStr for Framing {
    type Err = UnknownFraming;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "newline" => Ok(Self::Newline),
            "length-prefixed" => Ok(Self::LengthPrefixed),
            "json-array" => Ok(Self::JsonArray),
            other => Err(UnknownFraming(other.to_owned())),
        }
    }
}

impl Framing {
    /// The payload of a whole message of this framing: without the length in front, or the line's end behind.
    pub fn payload(self, message: &[u8]) -> &[u8] {
        match self {
            Self::Newline => {
                let line = message.strip_suffix(b"\n").unwrap_or(message);
                line.strip_suffix(b"\r").unwrap_or(line)
            }
            Self::LengthPrefixed => message.get(PREFIX..).unwrap_or_default(),
            Self::JsonArray => message.trim_ascii_end(),
        }
    }
}

/// Bytes of the length in front of a message.
const PREFIX: usize = 4;

/// What a scanner found next in the bytes it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// This many bytes are between messages; then a message begins.
    Begin(usize),
    /// This many bytes end the message.
    End(usize),
    /// All bytes were looked at and no message begins or ends among them.
    More,
}

/// The state of a scan. Between messages it asks for a [`Step::Begin`], within one for a [`Step::End`].
#[derive(Debug, Clone)]
pub enum Scanner {
    Newline { within: bool },
    LengthPrefixed(LengthScan),
    JsonArray(JsonScan),
}

impl Scanner {
    /// A scanner at the start of an object.
    pub fn new(framing: Framing) -> Self {
        match framing {
            Framing::Newline => Self::Newline { within: false },
            Framing::LengthPrefixed => Self::LengthPrefixed(LengthScan::Between),
            Framing::JsonArray => Self::JsonArray(JsonScan { bracket: Bracket::Expected, ..JsonScan::default() }),
        }
    }

    /// A scanner at the start of a message within an object: a part, or where an earlier run stopped.
    pub fn at_message(framing: Framing) -> Self {
        match framing {
            Framing::JsonArray => Self::JsonArray(JsonScan::default()),
            other => Self::new(other),
        }
    }

    /// Looks at `bytes`, which follow what earlier steps consumed.
    pub fn step(&mut self, bytes: &[u8]) -> Step {
        match self {
            Self::Newline { within } => newline_step(within, bytes),
            Self::LengthPrefixed(scan) => scan.step(bytes),
            Self::JsonArray(scan) => scan.step(bytes),
        }
    }

    /// Whether a message that the object's end cuts off is whole all the same.
    pub fn end_completes(&self) -> bool {
        match self {
            Self::Newline { .. } => true,
            Self::LengthPrefixed(_) => false,
            // A bare number or word is whole when the object ends; an open bracket or string is not.
            Self::JsonArray(scan) => scan.depth == 0 && !scan.in_string,
        }
    }
}

fn newline_step(within: &mut bool, bytes: &[u8]) -> Step {
    if bytes.is_empty() {
        return Step::More;
    }
    if !*within {
        *within = true;
        return Step::Begin(0);
    }
    match memchr::memchr(b'\n', bytes) {
        Some(at) => {
            *within = false;
            Step::End(at + 1)
        }
        None => Step::More,
    }
}

/// Scan of length-prefixed messages.
#[derive(Debug, Clone)]
pub enum LengthScan {
    Between,
    /// Within the prefix: its bytes so far.
    Prefix {
        length: u32,
        seen: usize,
    },
    /// Within the payload: bytes still to come.
    Payload {
        left: usize,
    },
}

impl LengthScan {
    fn step(&mut self, bytes: &[u8]) -> Step {
        if bytes.is_empty() {
            return Step::More;
        }
        if let Self::Between = self {
            *self = Self::Prefix { length: 0, seen: 0 };
            return Step::Begin(0);
        }
        let mut at = 0;
        if let Self::Prefix { length, seen } = self {
            while *seen < PREFIX {
                let Some(byte) = bytes.get(at) else { return Step::More };
                *length = *length << 8 | u32::from(*byte);
                *seen += 1;
                at += 1;
            }
            *self = Self::Payload { left: usize::try_from(*length).unwrap_or(usize::MAX) };
        }
        let Self::Payload { left } = self else { return Step::More };
        let here = bytes.len() - at;
        if *left <= here {
            let end = at + *left;
            *self = Self::Between;
            Step::End(end)
        } else {
            *left -= here;
            Step::More
        }
    }
}

/// Scan of a JSON array. It follows strings and brackets only; whether an element is sound JSON is for its reader.
#[derive(Debug, Clone, Default)]
pub struct JsonScan {
    bracket: Bracket,
    within: bool,
    /// Open brackets and braces of the element.
    depth: usize,
    in_string: bool,
    escaped: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Bracket {
    /// The array's own opening bracket may come.
    Expected,
    #[default]
    Passed,
}

impl JsonScan {
    fn step(&mut self, bytes: &[u8]) -> Step {
        if self.within { self.end(bytes) } else { self.begin(bytes) }
    }

    fn begin(&mut self, bytes: &[u8]) -> Step {
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b',' | b']' => {}
                // A byte order mark before the array.
                0xef | 0xbb | 0xbf if self.bracket == Bracket::Expected => {}
                b'[' if self.bracket == Bracket::Expected => self.bracket = Bracket::Passed,
                _ => {
                    self.bracket = Bracket::Passed;
                    self.within = true;
                    return Step::Begin(at);
                }
            }
        }
        Step::More
    }

    fn end(&mut self, bytes: &[u8]) -> Step {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if self.in_string {
                let Some(next) = self.leave_string(bytes, at) else { return Step::More };
                at = next;
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth > 0 => self.depth -= 1,
                b',' | b']' if self.depth == 0 => {
                    self.within = false;
                    return Step::End(at);
                }
                _ => {}
            }
            at += 1;
        }
        Step::More
    }

    /// Goes on within a string from `at` and says where it goes on behind it.
    fn leave_string(&mut self, bytes: &[u8], mut at: usize) -> Option<usize> {
        if self.escaped {
            self.escaped = false;
            at += 1;
        }
        while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
            at += found;
            if bytes.get(at) == Some(&b'"') {
                self.in_string = false;
                return Some(at + 1);
            }
            if at + 1 == bytes.len() {
                self.escaped = true;
                return None;
            }
            at += 2;
        }
        None
    }
}

/// The messages of a whole buffer, as ranges, and what is left behind the last whole one.
pub fn messages(framing: Framing, bytes: &[u8]) -> (Vec<std::ops::Range<usize>>, std::ops::Range<usize>) {
    let mut scanner = Scanner::at_message(framing);
    let (mut found, mut at, mut begun) = (Vec::new(), 0, None);
    loop {
        match scanner.step(bytes.get(at..).unwrap_or_default()) {
            Step::Begin(skip) => {
                at += skip;
                begun = Some(at);
            }
            Step::End(length) => {
                at += length;
                found.extend(begun.take().map(|start| start..at));
            }
            Step::More => break,
        }
    }
    match begun {
        Some(start) if scanner.end_completes() => {
            found.push(start..bytes.len());
            (found, bytes.len()..bytes.len())
        }
        Some(start) => (found, start..bytes.len()),
        None => (found, bytes.len()..bytes.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(framing: Framing, bytes: &[u8], expected: &[&[u8]], rest: &[u8]) {
        let (found, left) = messages(framing, bytes);
        let found: Vec<&[u8]> = found.into_iter().map(|range| &bytes[range]).collect();
        assert_eq!(found, expected, "{framing:?} {}", String::from_utf8_lossy(bytes));
        assert_eq!(&bytes[left], rest);
    }

    #[test]
    fn lines_keep_their_ends_and_the_last_may_lack_one() {
        check(Framing::Newline, b"a\r\n\nb", &[b"a\r\n", b"\n", b"b"], b"");
        check(Framing::Newline, b"", &[], b"");
        assert_eq!(Framing::Newline.payload(b"a\r\n"), b"a");
    }

    #[test]
    fn a_length_that_reaches_past_the_end_is_no_message() {
        check(
            Framing::LengthPrefixed,
            b"\0\0\0\x02ab\0\0\0\0\0\0\0\x05c",
            &[b"\0\0\0\x02ab", b"\0\0\0\0"],
            b"\0\0\0\x05c",
        );
        assert_eq!(Framing::LengthPrefixed.payload(b"\0\0\0\x02ab"), b"ab");
    }

    #[test]
    fn brackets_and_commas_in_strings_do_not_end_an_element() {
        let text = br#"[ {"a":"],\"{"} , [1,2], 3 ,"x" ]"#;
        let mut scanner = Scanner::new(Framing::JsonArray);
        assert_eq!(scanner.step(text), Step::Begin(2));
        check(
            Framing::JsonArray,
            br#"{"a":"],\"{"} , {"b":[1,2]}, 3 ,"x" ]"#,
            &[br#"{"a":"],\"{"} "#, br#"{"b":[1,2]}"#, b"3 ", br#""x" "#],
            b"",
        );
        check(Framing::JsonArray, br#"{"a":1},{"b":"#, &[br#"{"a":1}"#], br#"{"b":"#);
    }

    #[test]
    fn steps_are_the_same_however_the_bytes_are_cut() {
        let text = br#"[{"a":"\\"},{"b":"]\""} ,[[1],{"c":2}]]"#;
        for width in 1..text.len() {
            let mut scanner = Scanner::new(Framing::JsonArray);
            let (mut edges, mut base) = (Vec::new(), 0);
            for piece in text.chunks(width) {
                let mut at = 0;
                while let Step::Begin(n) | Step::End(n) = scanner.step(&piece[at..]) {
                    at += n;
                    edges.push(base + at);
                }
                base += piece.len();
            }
            assert_eq!(edges, [1, 11, 12, 24, 25, 38], "pieces of {width}");
        }
    }
}
