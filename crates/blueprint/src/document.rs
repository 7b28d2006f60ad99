//! A YAML file as a tree of JSON, with the place of every value, as the tool reads an estate's files.
//!
//! Routes name places: `derived.part_mib.value`, `shape[1]`, and `""` for the whole file.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;

use crate::finding::{Finding, Place, codes};

/// Limits of one file. Aliases save typing; a file that needs more of them than this is an attack.
const LARGEST_BYTES: usize = 1024 * 1024;
const DEEPEST: usize = 32;
const MOST_NODES: usize = 50_000;
const MOST_ALIASES: usize = 100;

/// A parsed file.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) file: Arc<str>,
    pub(crate) text: Arc<str>,
    pub(crate) value: Value,
    spans: BTreeMap<String, Spans>,
    /// Keys of every map in the order of the file: the order of tiers, formulas and sections means something.
    keys: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Clone, PartialEq)]
struct Spans {
    key: Option<Range<usize>>,
    value: Range<usize>,
}

impl Document {
    /// Parses a file's text; `file` is its path as the person would type it.
    ///
    /// # Errors
    /// One finding, at the place where the text stops being YAML or exceeds a limit.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, Finding> {
        let file: Arc<str> = file.into();
        if text.len() > LARGEST_BYTES {
            return Err(Finding::error(codes::SYNTAX, "", format!("the file has more than {LARGEST_BYTES} bytes")));
        }
        let budget = serde_saphyr::budget! {
            max_depth: DEEPEST,
            max_nodes: MOST_NODES,
            max_aliases: MOST_ALIASES,
            max_documents: 1,
        };
        let options = serde_saphyr::options! { budget: budget, strict_booleans: true };
        let tree: Spanned<Tree> = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
            let plain = error.without_snippet().to_string();
            let message = plain.split(" at line ").next().unwrap_or(&plain).trim().trim_end_matches('.').to_owned();
            let span = error.location().map_or(0..0, |location| span_of(&location, text));
            Finding::error(codes::SYNTAX, "", message).at(Some(Place::new(Arc::clone(&file), text, span)))
        })?;
        let (mut spans, mut keys) = (BTreeMap::new(), BTreeMap::new());
        let value = into_json(tree, String::new(), None, &mut spans, &mut keys);
        Ok(Self { file, text: text.into(), value, spans, keys })
    }

    /// The keys of the map at a route, in the order of the file.
    pub(crate) fn keys(&self, route: &str) -> &[String] {
        self.keys.get(route).map_or(&[], Vec::as_slice)
    }

    /// The place of the key of a route, or of the nearest thing around it that the file has.
    pub(crate) fn nearest(&self, route: &str) -> Place {
        let mut route = route;
        loop {
            if let Some(spans) = self.spans.get(route).filter(|_| !route.is_empty()) {
                return self.place(spans.key.clone().unwrap_or_else(|| spans.value.clone()));
            }
            match route.rfind(['.', '[']) {
                Some(at) => route = &route[..at],
                None if route.is_empty() => return self.place(0..0),
                None => route = "",
            }
        }
    }

    /// The place of a character inside the text at a route. The file may quote the text, fold it or break its lines, so
    /// the two are walked together, white space left out.
    pub(crate) fn place_inside(&self, route: &str, value: &str, character: usize) -> Place {
        let Some(spans) = self.spans.get(route) else { return self.nearest(route) };
        let raw = &self.text[spans.value.clone()];
        let mut written = raw.char_indices();
        let mut at = None;
        for wanted in value.chars().take(character + 1).filter(|wanted| !wanted.is_whitespace()) {
            match written.find(|(_, found)| *found == wanted) {
                Some((offset, found)) => at = Some((offset, found.len_utf8())),
                None => break,
            }
        }
        let (offset, length) = at.unwrap_or((0, 1));
        let start = spans.value.start + offset;
        self.place(start..start + length)
    }

    fn place(&self, span: Range<usize>) -> Place {
        Place::new(Arc::clone(&self.file), &self.text, span)
    }
}

/// The route of a key below a route.
pub(crate) fn below(route: &str, key: &str) -> String {
    if route.is_empty() { key.to_owned() } else { format!("{route}.{key}") }
}

/// The value at a dotted path.
pub(crate) fn lookup<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, key| value.get(key))
}

/// The value at a route of a document.
pub(crate) fn lookup_route<'v>(value: &'v Value, route: &str) -> Option<&'v Value> {
    let steps = route.split(['.', '[']).filter(|step| !step.is_empty());
    steps.into_iter().try_fold(value, |value, step| match step.strip_suffix(']') {
        Some(index) => value.get(index.parse::<usize>().ok()?),
        None => value.get(step),
    })
}

/// The text at a route of a document.
pub(crate) fn text_at<'v>(value: &'v Value, route: &str) -> Option<&'v str> {
    lookup_route(value, route).and_then(Value::as_str)
}

/// The bytes of a location of the parser.
fn span_of(location: &serde_saphyr::Location, text: &str) -> Range<usize> {
    if let Some(span) = bytes_of(location) {
        return span;
    }
    let number = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    let line = number(location.line()).saturating_sub(1);
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let inside = text[start..].char_indices().nth(number(location.column()).saturating_sub(1));
    let at = start + inside.map_or(0, |(at, _)| at);
    at..at + 1
}

fn bytes_of(location: &serde_saphyr::Location) -> Option<Range<usize>> {
    let (offset, length) = (location.span().byte_offset()?, location.span().byte_len()?);
    let start = usize::try_from(offset).ok()?;
    Some(start..start + usize::try_from(length).ok()?)
}

/// A YAML node before its places are taken out.
enum Tree {
    Scalar(Value),
    List(Vec<Spanned<Tree>>),
    Map(Vec<(Spanned<String>, Spanned<Tree>)>),
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, number, boolean, list or map")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Bool(value)))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::from(value)))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::from(value)))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Tree, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("a number must be finite"))?;
        Ok(Tree::Scalar(Value::Number(number)))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::from(value)))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Null))
    }

    fn visit_none<E: de::Error>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        Tree::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Tree, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Tree::Map(map))
    }
}

fn into_json(
    node: Spanned<Tree>,
    route: String,
    key: Option<Range<usize>>,
    spans: &mut BTreeMap<String, Spans>,
    keys: &mut BTreeMap<String, Vec<String>>,
) -> Value {
    let value = match node.value {
        Tree::Scalar(value) => value,
        Tree::List(items) => {
            let item = |(index, item)| into_json(item, format!("{route}[{index}]"), None, spans, keys);
            Value::Array(items.into_iter().enumerate().map(item).collect())
        }
        Tree::Map(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                let at = bytes_of(&key.referenced);
                let inside = into_json(value, below(&route, &key.value), at, spans, keys);
                keys.entry(route.clone()).or_default().push(key.value.clone());
                map.insert(key.value, inside);
            }
            Value::Object(map)
        }
    };
    let span = bytes_of(&node.referenced).unwrap_or(0..0);
    spans.insert(route, Spans { key, value: span });
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_of_a_text_has_its_place() {
        let text = "a: min(1, 2)\nb: \"size(\\\"x\\\") + y\"\nc: >-\n  first +\n  second\nd: |\n  one +\n  two\n";
        let document = Document::parse("t.yaml", text).unwrap();
        let at = |route: &str, word: &str| {
            let value = document.value[route].as_str().unwrap();
            let place = document.place_inside(route, value, value[..value.find(word).unwrap()].chars().count());
            (place.line, place.column)
        };
        assert_eq!(at("a", "2"), (1, 11));
        assert_eq!(at("b", "y"), (2, 19));
        assert_eq!(at("c", "second"), (5, 3));
        assert_eq!(at("d", "two"), (8, 3));
        assert_eq!(document.keys(""), ["a", "b", "c", "d"]);
    }

    #[test]
    fn a_file_that_is_not_yaml_has_one_finding_at_its_place() {
        let finding = Document::parse("t.yaml", "a: 1\nb: [1, 2\nc: 3\n").unwrap_err();
        assert!(finding.place.unwrap().line >= 2);
    }
}
