//! A YAML file as a tree of JSON, with the place of every value, as the tool reads an estate's files.
//!
//! Routes name places: `derived.web_tasks.value`, `shape[1]`, and `""` for the whole file.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

pub(crate) use tenantry_base::tree::below;
use tenantry_base::tree::{self, LARGEST_FILE, Spans, span_of};

use crate::finding::{Finding, Place, codes};

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

impl Document {
    /// Parses a file's text; `file` is its path as the person would type it.
    ///
    /// # Errors
    /// One finding, at the place where the text stops being YAML or exceeds a limit.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, Finding> {
        let file: Arc<str> = file.into();
        if text.len() as u64 > LARGEST_FILE {
            return Err(Finding::error(codes::SYNTAX, "", format!("the file has more than {LARGEST_FILE} bytes")));
        }
        let tree = tree::parse(text).map_err(|error| {
            let plain = error.without_snippet().to_string();
            let message = plain.split(" at line ").next().unwrap_or(&plain).trim().trim_end_matches('.').to_owned();
            let span = error.location().map_or(0..0, |location| span_of(&location, text));
            Finding::error(codes::SYNTAX, "", message).at(Some(Place::new(Arc::clone(&file), text, span)))
        })?;
        let mut spans = BTreeMap::new();
        let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut met = |route: &str, key: &str| keys.entry(route.to_owned()).or_default().push(key.to_owned());
        let value = tree::into_json(tree, &mut spans, &mut met);
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
