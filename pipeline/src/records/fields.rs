//! The members of one JSON object, names read, values left as they are written.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::json;

/// Names and raw JSON values in the order of the text.
#[derive(Debug)]
pub(super) struct Fields<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Fields<'a> {
    /// Reads one JSON object.
    ///
    /// # Errors
    /// The text is no JSON object in UTF-8.
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, serde_json::Error> {
        // Read as text, each string is not looked at again.
        match std::str::from_utf8(text) {
            Ok(text) => flat(text).map_or_else(|| serde_json::from_str(text), Ok),
            Err(_) => serde_json::from_slice(text),
        }
    }

    /// The members of nested objects beside the others, under their paths: `alert.signature`.
    pub(super) fn flattened(self) -> Self {
        let mut flat = Vec::with_capacity(self.0.len() * 2);
        for (key, raw) in self.0 {
            flatten(key, raw, DEPTH_MAX, &mut flat);
        }
        Self(flat)
    }

    /// The raw value of the first member with this name.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, raw)| *raw)
    }

    /// The text of a string member that needs no unescaping.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        plain_text(self.get(name)?)
    }

    /// How many members there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Every member.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.0.iter().map(|(key, raw)| (key.as_ref(), *raw))
    }
}

/// The members of an object as sensors write most of them: no blanks between tokens, no escapes, no objects within. `None`: it is
/// another, or none at all, and serde_json has to say.
fn flat(text: &str) -> Option<Fields<'_>> {
    let bytes = text.as_bytes();
    // Looked for in the whole at once, neither has to be looked for in each string.
    let is_plain = bytes.iter().fold(true, |plain, byte| plain & (*byte >= b' ') & (*byte != b'\\'));
    if !is_plain || bytes.first() != Some(&b'{') {
        return None;
    }
    let (mut fields, mut at) = (Vec::with_capacity(USUAL), 1);
    loop {
        let colon = string_end(bytes, at)?;
        let end = value_end(bytes, colon + 1).filter(|_| bytes.get(colon) == Some(&b':'))?;
        fields.push((Cow::Borrowed(text.get(at + 1..colon - 1)?), text.get(colon + 1..end)?));
        match bytes.get(end)? {
            b',' => at = end + 1,
            b'}' if end + 1 == bytes.len() => return Some(Fields(fields)),
            _ => return None,
        }
    }
}

/// Behind the value that begins at `at`: a string, a number, a word of JSON's, or a list of these.
fn value_end(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&b'[') {
        return scalar_end(bytes, at);
    }
    if bytes.get(at + 1) == Some(&b']') {
        return Some(at + 2);
    }
    let mut end = at;
    loop {
        end = scalar_end(bytes, end + 1)?;
        match bytes.get(end)? {
            b',' => {}
            b']' => return Some(end + 1),
            _ => return None,
        }
    }
}

fn scalar_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let word = |word: &[u8]| rest.starts_with(word).then_some(at + word.len());
    match rest.first()? {
        b'"' => string_end(bytes, at),
        b't' => word(b"true"),
        b'f' => word(b"false"),
        b'n' => word(b"null"),
        _ => {
            let is_numbers = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E');
            let length = rest.iter().take_while(|byte| is_numbers(byte)).count();
            json::is_number(rest.get(..length)?).then_some(at + length)
        }
    }
}

/// Behind the string without escapes that begins at `at`. Eight bytes at once: most strings are too short for more.
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const QUOTES: u64 = u64::from_le_bytes([b'"'; 8]);
    let mut rest = bytes.get(at..)?.strip_prefix(b"\"")?;
    while let Some((eight, behind)) = rest.split_first_chunk::<8>() {
        // The lowest bit that is left is that of the first byte that is a quotation mark.
        let differing = u64::from_le_bytes(*eight) ^ QUOTES;
        let quotes = differing.wrapping_sub(ONES) & !differing & (ONES << 7);
        if quotes != 0 {
            return Some(bytes.len() - rest.len() + quotes.trailing_zeros() as usize / 8 + 1);
        }
        rest = behind;
    }
    let quote = rest.iter().position(|byte| *byte == b'"')?;
    Some(bytes.len() - rest.len() + quote + 1)
}

/// Objects within objects that are looked into.
const DEPTH_MAX: u8 = 8;

fn flatten<'a>(key: Cow<'a, str>, raw: &'a str, depth: u8, flat: &mut Vec<(Cow<'a, str>, &'a str)>) {
    let nested = (depth > 0 && raw.starts_with('{')).then(|| serde_json::from_str::<Fields<'a>>(raw).ok()).flatten();
    match nested {
        Some(Fields(members)) if !members.is_empty() => {
            for (name, raw) in members {
                flatten(Cow::Owned(format!("{key}.{name}")), raw, depth - 1, flat);
            }
        }
        _ => flat.push((key, raw)),
    }
}

/// The content of a raw JSON string without escapes.
pub(super) fn plain_text(raw: &str) -> Option<&str> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    memchr::memchr(b'\\', inner.as_bytes()).is_none().then_some(inner)
}

/// Room for the members of most records, in as much memory as malloc's fastest bins give.
const USUAL: usize = 24;

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::with_capacity(USUAL);
                while let Some((Key(key), raw)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
                    // Some writers nest the connection's four names, Zeek's own does not.
                    if key == "id" && raw.get().starts_with('{') {
                        flatten(key, raw.get(), 1, &mut fields);
                    } else {
                        fields.push((key, raw.get()));
                    }
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_sensors_own_lines_are_read_without_serde_json() {
        let line = r#"{"ts":1.5,"uid":"C1","id.orig_p":0,"a":[],"b":["x",-2e3],"c":true,"d":null,"é":"long enough for two steps"}"#;
        let fields = flat(line).unwrap();
        assert_eq!(fields.0, serde_json::from_str::<Fields<'_>>(line).unwrap().0);
        assert_eq!((fields.len(), fields.text("é")), (8, Some("long enough for two steps")));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        /// Whatever the short way reads, serde_json reads, and in the same way.
        #[test]
        fn the_short_way_is_serde_jsons(
            tokens in prop::collection::vec(
                prop::sample::select(vec![
                    "{", "}", "[", "]", ",", ":", "\"a\"", "\"\"", "\"12345678\"", "\"id\"", "\"\\\"", "\"é", "\"", "1", "-0.5e+7", "01", "1.",
                    "-", "true", "nul", "null", " ", "\n", "\u{1}", "\"b\":2", "\"c\":[\"x\",null]", ",\"d\":\"12345678901234567\"",
                ]),
                0..12,
            ),
            is_closed in any::<bool>(),
        ) {
            let inner = tokens.concat();
            let text = if is_closed { format!("{{{inner}}}") } else { inner };
            if let Some(fields) = flat(&text) {
                prop_assert_eq!(fields.0, serde_json::from_str::<Fields<'_>>(&text).unwrap().0, "{}", text);
            }
        }

        #[test]
        fn lines_of_plain_members_are_read_the_short_way(
            members in prop::collection::vec(("[a-zé_.]{0,20}", "\"[ -!#-~é]{0,20}\"|-?[1-9][0-9]{0,5}(\\.[0-9]{1,4})?|true|false|null|\\[\\]"), 1..12),
        ) {
            let members: Vec<String> = members
                .into_iter()
                .map(|(name, value)| format!("\"{name}\":{}", value.replace('\\', "")))
                .collect();
            let text = format!("{{{}}}", members.join(","));
            let fields = flat(&text).unwrap();
            prop_assert_eq!(fields.0, serde_json::from_str::<Fields<'_>>(&text).unwrap().0);
        }
    }
}
