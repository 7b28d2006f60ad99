//! A blueprint's file: a document of the estate in which the order of the keys means something, and formulas stand.
//!
//! Routes name places: `derived.web_tasks.value`, `shape[1]`, and `""` for the whole file.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use serde_json::Value;

pub(crate) use tenantry_base::tree::below;

use crate::codes;
use tenantry_base::finding::{Finding, Location, Source};

/// A parsed file.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    document: tenantry_base::Document,
    /// Keys of every map in the order of the file: the order of tiers, formulas and sections means something.
    keys: BTreeMap<String, Vec<String>>,
}

impl Deref for Document {
    type Target = tenantry_base::Document;

    fn deref(&self) -> &tenantry_base::Document {
        &self.document
    }
}

impl Document {
    /// Parses a file's text.
    ///
    /// # Errors
    /// One finding, at the place where the text stops being YAML or exceeds a limit.
    pub(crate) fn parse(source: Arc<Source>) -> Result<Self, Finding> {
        let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut met = |route: &str, key: &str| keys.entry(route.to_owned()).or_default().push(key.to_owned());
        let document = tenantry_base::Document::parse_with(source, &mut met)
            .map_err(|finding| Finding { code: codes::SYNTAX, ..finding })?;
        Ok(Self { document, keys })
    }

    /// The keys of the map at a route, in the order of the file.
    pub(crate) fn keys(&self, route: &str) -> &[String] {
        self.keys.get(route).map_or(&[], Vec::as_slice)
    }

    /// The place of a character inside the text at a route. The file may quote the text, fold it or break its lines, so
    /// the two are walked together, white space left out.
    pub(crate) fn place_inside(&self, route: &str, value: &str, character: usize) -> Location {
        let Some(place) = self.place(route) else { return self.nearest(route) };
        let raw = &self.source.text[place.span.clone()];
        let mut written = raw.char_indices();
        let mut at = None;
        for wanted in value.chars().take(character + 1).filter(|wanted| !wanted.is_whitespace()) {
            match written.find(|(_, found)| *found == wanted) {
                Some((offset, found)) => at = Some((offset, found.len_utf8())),
                None => break,
            }
        }
        let (offset, length) = at.unwrap_or((0, 1));
        let start = place.span.start + offset;
        Location::new(Arc::clone(&self.source), start..start + length)
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

    fn parse(text: &str) -> Result<Document, Finding> {
        Document::parse(Arc::new(Source { path: "t.yaml".into(), text: text.to_owned() }))
    }

    #[test]
    fn every_character_of_a_text_has_its_place() {
        let text = "a: min(1, 2)\nb: \"size(\\\"x\\\") + y\"\nc: >-\n  first +\n  second\nd: |\n  one +\n  two\n";
        let document = parse(text).unwrap();
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
        let finding = parse("a: 1\nb: [1, 2\nc: 3\n").unwrap_err();
        assert!(finding.location.unwrap().line >= 2);
    }
}
