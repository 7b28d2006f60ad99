//! The members of one JSON object, names read, values left as they are written.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

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
            Ok(text) => serde_json::from_str(text),
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
    (!inner.contains('\\')).then_some(inner)
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
