//! Canonical JSON: keys sorted by code point, no white space, escapes as serde_json writes them.
//!
//! [`Segments`] is canonical JSON with gaps: everything that is the same for all tenants of a shape is one literal, and
//! only the gaps are written per tenant.

use serde_json::{Number, Value};

use super::placeholder;
use super::{Piece, Scalar};

/// Canonical JSON of a tree.
pub fn to_string(tree: &Value) -> String {
    let mut out = Segments::default();
    out.value(tree, &|_| false);
    out.write(|_| Scalar::Text(""))
}

/// Canonical JSON with gaps.
#[derive(Debug, Default)]
pub(super) struct Segments {
    segments: Vec<Segment>,
}

#[derive(Debug)]
enum Segment {
    Literal(String),
    /// A slot's number as it is.
    Number(usize),
    /// A slot's text, escaped, inside quotes that belong to the literals around it.
    Text(usize),
}

impl Segments {
    /// Canonical JSON of a tree with placeholders, which become gaps; entries that `skip` names by their path from
    /// the root (at most two keys) are left out.
    pub(super) fn of(tree: &Value, skip: &dyn Fn(&[&str]) -> bool) -> Self {
        let mut out = Self::default();
        out.value(tree, skip);
        out
    }

    /// Fills the gaps with the slots' values.
    pub(super) fn write<'v>(&self, value: impl Fn(usize) -> Scalar<'v>) -> String {
        let mut out = String::with_capacity(self.segments.iter().map(Segment::length).sum());
        self.visit(value, |text| out.push_str(text));
        out
    }

    /// Fills the gaps and hands the text over piece by piece.
    pub(super) fn visit<'v>(&self, value: impl Fn(usize) -> Scalar<'v>, mut take: impl FnMut(&str)) {
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => take(text),
                Segment::Number(slot) => take(&value(*slot).to_string()),
                Segment::Text(slot) => match value(*slot) {
                    Scalar::Text(text) if is_plain(text) => take(text),
                    Scalar::Text(text) => take(inside_quotes(&quoted(text))),
                    number @ Scalar::Number(_) => take(&number.to_string()),
                },
            }
        }
    }

    fn value(&mut self, tree: &Value, skip: &dyn Fn(&[&str]) -> bool) {
        self.node(tree, &mut Vec::new(), skip);
    }

    fn node<'t>(&mut self, node: &'t Value, path: &mut Vec<&'t str>, skip: &dyn Fn(&[&str]) -> bool) {
        match node {
            Value::Object(map) => {
                let mut entries: Vec<(&String, &Value)> = map.iter().collect();
                entries.sort_unstable_by_key(|(key, _)| *key);
                self.literal("{");
                let mut separator = "";
                for (key, value) in entries {
                    path.push(key);
                    if path.len() > 2 || !skip(path) {
                        self.literal(separator);
                        self.literal(&quoted(key));
                        self.literal(":");
                        self.node(value, path, skip);
                        separator = ",";
                    }
                    path.pop();
                }
                self.literal("}");
            }
            Value::Array(items) => {
                self.literal("[");
                for (index, item) in items.iter().enumerate() {
                    self.literal(if index == 0 { "" } else { "," });
                    path.push("");
                    self.node(item, path, skip);
                    path.pop();
                }
                self.literal("]");
            }
            Value::String(text) => self.text(text),
            Value::Number(number) => self.number(number),
            other => self.literal(&other.to_string()),
        }
    }

    fn text(&mut self, text: &str) {
        self.literal("\"");
        for piece in placeholder::pieces(text) {
            match piece {
                Piece::Literal(text) => self.literal(inside_quotes(&quoted(&text))),
                Piece::Slot(slot) => self.segments.push(Segment::Text(slot)),
            }
        }
        self.literal("\"");
    }

    fn number(&mut self, number: &Number) {
        match placeholder::slot_of_number(number) {
            Some(slot) => self.segments.push(Segment::Number(slot)),
            None => self.literal(&number.to_string()),
        }
    }

    fn literal(&mut self, text: &str) {
        match self.segments.last_mut() {
            Some(Segment::Literal(last)) => last.push_str(text),
            _ => self.segments.push(Segment::Literal(text.to_owned())),
        }
    }
}

impl Segment {
    /// About how long the segment will be.
    fn length(&self) -> usize {
        match self {
            Self::Literal(text) => text.len(),
            Self::Number(_) | Self::Text(_) => 32,
        }
    }
}

/// Nothing in the text needs an escape in JSON.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\')
}

fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

fn inside_quotes(quoted: &str) -> &str {
    &quoted[1..quoted.len() - 1]
}
