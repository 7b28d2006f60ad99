//! Placeholders: what stands in a form where a tenant's value will stand.
//!
//! A text's placeholder is one character of Unicode's private plane 15, a number's is a number that nobody writes, so
//! that each survives YAML with its type and is found again wherever it ends up.

use serde_json::{Number, Value};

use super::{Piece, Scalar};

/// First character of plane 15, which Unicode keeps for private use.
const FIRST: u32 = 0xF_0000;
/// Slots that plane 15 has characters for.
const MOST: usize = 0xFFFD;
/// Numbers from here on are placeholders: 15 digits, exact in every JSON and YAML reader.
const NUMBERS: u64 = 880_000_000_000_000;
/// What the digits of every placeholder begin with.
const NUMBER_PREFIX: &str = "8800000000";
const NUMBER_LENGTH: usize = 15;

/// Why a value cannot be replaced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsuitable {
    #[error("`{0}` is neither a text nor a whole number, so it must be part of `shape`")]
    Type(String),
    #[error("more than {MOST} values")]
    TooMany,
}

/// The values of a context in walking order, and a key that is equal for contexts of equal structure.
pub(super) struct Flat<'c> {
    pub(super) values: Vec<Scalar<'c>>,
    pub(super) structure: String,
}

/// Flattens a context's values.
pub(super) fn flatten(values: &Value) -> Result<Flat<'_>, Unsuitable> {
    let mut flat = Flat { values: Vec::new(), structure: String::new() };
    flat.walk(values, "")?;
    Ok(flat)
}

impl<'c> Flat<'c> {
    fn walk(&mut self, node: &'c Value, name: &str) -> Result<(), Unsuitable> {
        match node {
            Value::Object(map) => {
                self.structure.push('{');
                for (key, value) in map {
                    self.structure.push_str(key);
                    self.structure.push(':');
                    self.walk(value, key)?;
                }
                self.structure.push('}');
            }
            Value::Array(items) => {
                self.structure.push('[');
                for item in items {
                    self.walk(item, name)?;
                }
                self.structure.push(']');
            }
            scalar => {
                let value = Scalar::of(scalar).ok_or_else(|| Unsuitable::Type(name.to_owned()))?;
                self.structure.push(match value {
                    Scalar::Text(_) => 's',
                    Scalar::Number(_) => 'n',
                });
                self.values.push(value);
            }
        }
        Ok(())
    }
}

/// The same tree with a placeholder for every scalar, and the path of each slot (`functions.job.memory_mib`).
pub(super) fn replace(values: &Value) -> Result<(Value, Vec<String>), Unsuitable> {
    let mut paths = Vec::new();
    let tree = replace_node(values, "", &mut paths);
    if paths.len() > MOST { Err(Unsuitable::TooMany) } else { Ok((tree, paths)) }
}

fn replace_node(node: &Value, path: &str, paths: &mut Vec<String>) -> Value {
    match node {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                (key.clone(), replace_node(value, &path, paths))
            })
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| replace_node(item, &format!("{path}.{index}"), paths))
            .collect(),
        scalar => {
            let slot = paths.len();
            paths.push(path.to_owned());
            match scalar {
                Value::Number(_) => Value::from(NUMBERS + slot as u64),
                _ => Value::String(text_of(slot).to_string()),
            }
        }
    }
}

fn text_of(slot: usize) -> char {
    u32::try_from(slot).ok().and_then(|slot| char::from_u32(FIRST + slot)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn slot_of_char(c: char) -> Option<usize> {
    let slot = u32::from(c).checked_sub(FIRST)? as usize;
    (slot < MOST).then_some(slot)
}

/// The slot whose placeholder this number is.
pub(super) fn slot_of_number(number: &Number) -> Option<usize> {
    let slot = usize::try_from(number.as_u64()?.checked_sub(NUMBERS)?).ok()?;
    (slot < MOST).then_some(slot)
}

/// A text that holds a text's placeholder.
pub(super) fn holds_text(text: &str) -> bool {
    text.chars().any(|c| slot_of_char(c).is_some())
}

/// A text that holds any placeholder, or could be taken for one.
pub(super) fn holds_any(text: &str) -> bool {
    holds_text(text) || text.contains(NUMBER_PREFIX)
}

/// A text cut at its placeholders.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (slot, length) = match slot_of_char(c) {
            Some(slot) => (Some(slot), c.len_utf8()),
            None => match number_at(rest) {
                Some(slot) => (Some(slot), NUMBER_LENGTH),
                None => (None, c.len_utf8()),
            },
        };
        match slot {
            Some(slot) => {
                if !literal.is_empty() {
                    pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                }
                pieces.push(Piece::Slot(slot));
            }
            None => literal.push(c),
        }
        rest = &rest[length..];
    }
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    pieces
}

/// The slot of the number's placeholder that a text starts with.
fn number_at(text: &str) -> Option<usize> {
    if !text.starts_with(NUMBER_PREFIX) {
        return None;
    }
    slot_of_number(&Number::from(text.get(..NUMBER_LENGTH)?.parse::<u64>().ok()?))
}
