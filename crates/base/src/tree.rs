//! YAML as a tree whose every node knows its bytes, and that tree as JSON beside the places.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;

/// Largest file of an estate, in bytes: a spec is a page, a fleet of a thousand accounts is 200 KB.
pub const LARGEST_FILE: u64 = 1024 * 1024;
/// Limits of one file's structure. Aliases save typing; a file that needs more of them than this is an attack.
pub const DEEPEST: usize = 32;
pub const MOST_NODES: usize = 50_000;
pub const MOST_ALIASES: usize = 100;

/// Bytes of a value, and of its key where it has one.
#[derive(Debug, Clone, PartialEq)]
pub struct Spans {
    pub key: Option<Range<usize>>,
    pub value: Range<usize>,
}

/// Parses a text within the limits of a file.
///
/// # Errors
/// The parser's own: the text is no YAML, exceeds a limit, or has a merge key, which YAML 1.2 does not know.
pub fn parse(text: &str) -> Result<Spanned<Tree>, serde_saphyr::Error> {
    let budget = serde_saphyr::budget! {
        max_depth: DEEPEST,
        max_nodes: MOST_NODES,
        max_aliases: MOST_ALIASES,
        max_documents: 1,
    };
    serde_saphyr::from_str_with_options(
        text,
        serde_saphyr::options! { budget: budget, strict_booleans: true, merge_keys: serde_saphyr::MergeKeyPolicy::Error },
    )
}

/// A tree as JSON; the places of every route go into `spans`, and `met` gets each map's route with each of its keys, in
/// the order of the file.
pub fn into_json(tree: Spanned<Tree>, spans: &mut BTreeMap<String, Spans>, met: &mut impl FnMut(&str, &str)) -> Value {
    inner(tree, String::new(), None, spans, met)
}

/// The route of a key below a route.
pub fn below(route: &str, key: &str) -> String {
    if route.is_empty() { key.to_owned() } else { format!("{route}.{key}") }
}

/// `/allow_from/1` below `web` as `web.allow_from[1]`: the route of a JSON pointer.
pub fn route_of(above: &str, pointer: &str) -> String {
    pointer.split('/').skip(1).fold(above.to_owned(), |route, part| {
        let part = part.replace("~1", "/").replace("~0", "~");
        if part.bytes().all(|byte| byte.is_ascii_digit()) && part.len() < 12 {
            format!("{route}[{part}]")
        } else {
            below(&route, &part)
        }
    })
}

fn bytes_of(location: &serde_saphyr::Location) -> Option<Range<usize>> {
    let (offset, length) = (location.span().byte_offset()?, location.span().byte_len()?);
    let start = usize::try_from(offset).ok()?;
    Some(start..start + usize::try_from(length).ok()?)
}

/// The bytes of a location of the parser.
pub fn span_of(location: &serde_saphyr::Location, text: &str) -> Range<usize> {
    let span = location.span();
    let number = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    match (span.byte_offset(), span.byte_len()) {
        (Some(offset), Some(length)) => number(offset)..number(offset).saturating_add(number(length)),
        _ => {
            let line = number(location.line()).saturating_sub(1);
            let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
            let inside = text[start..].char_indices().nth(number(location.column()).saturating_sub(1));
            let at = start + inside.map_or(0, |(at, _)| at);
            at..at + 1
        }
    }
}

/// A YAML node before its places are taken out.
#[derive(Debug)]
pub enum Tree {
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

fn inner(
    node: Spanned<Tree>,
    route: String,
    key: Option<Range<usize>>,
    spans: &mut BTreeMap<String, Spans>,
    met: &mut impl FnMut(&str, &str),
) -> Value {
    let value = match node.value {
        Tree::Scalar(value) => value,
        Tree::List(items) => {
            let item = |(index, item)| inner(item, format!("{route}[{index}]"), None, spans, met);
            Value::Array(items.into_iter().enumerate().map(item).collect())
        }
        Tree::Map(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                let at = bytes_of(&key.referenced);
                let inside = inner(value, below(&route, &key.value), at, spans, met);
                met(&route, &key.value);
                map.insert(key.value, inside);
            }
            Value::Object(map)
        }
    };
    let span = bytes_of(&node.referenced).unwrap_or(0..0);
    spans.insert(route, Spans { key, value: span });
    value
}
