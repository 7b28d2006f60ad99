//! One YAML file as a tree of JSON, with the place of every value.
//!
//! Routes name places: `network.cidr`, `web.allow_from[1]`, and `""` for the whole file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::files::reason;
use crate::finding::{Code, Finding, Location, Source};
use crate::tree::{self, DEEPEST, LARGEST_FILE, MOST_ALIASES, MOST_NODES, Spans, span_of};

/// A parsed file.
#[derive(Debug, Clone)]
pub struct Document {
    pub source: Arc<Source>,
    pub value: Value,
    spans: BTreeMap<String, Spans>,
}

impl Document {
    /// Reads and parses a file; `shown` is its path as the person would type it.
    ///
    /// # Errors
    /// One finding: the file cannot be read, is no UTF-8, is too large, or is no YAML.
    pub fn read(path: &Path, shown: PathBuf) -> Result<Self, Finding> {
        Self::parse(Arc::new(read_source(path, shown)?))
    }

    /// Parses a file's text.
    ///
    /// # Errors
    /// One finding, at the place where the text stops being YAML or exceeds a limit.
    pub fn parse(source: Arc<Source>) -> Result<Self, Finding> {
        Self::parse_with(source, &mut |_, _| {})
    }

    /// Parses a file's text and calls `met` with the route of each map and each of its keys, in the order of the file.
    ///
    /// # Errors
    /// As those of [`Self::parse`].
    pub fn parse_with(source: Arc<Source>, met: &mut impl FnMut(&str, &str)) -> Result<Self, Finding> {
        if source.text.len() as u64 > LARGEST_FILE {
            let message = format!("`{}` has more than {LARGEST_FILE} bytes", source.path.display());
            return Err(Finding::new(Code::TN1003, message));
        }
        let tree = tree::parse(&source.text).map_err(|error| syntax_finding(&error, &source))?;
        let mut spans = BTreeMap::new();
        let value = tree::into_json(tree, &mut spans, met);
        match spans.values().find_map(|span| misread(&source.text, &span.value)) {
            Some((at, message)) => Err(Finding::new(Code::TN1002, message).at(Location::new(source, at))),
            None => Ok(Self { source, value, spans }),
        }
    }

    /// The place of a route's value, if the file has it.
    pub fn place(&self, route: &str) -> Option<Location> {
        self.spans.get(route).map(|spans| Location::new(Arc::clone(&self.source), spans.value.clone()))
    }

    /// The place of a route's key, or of the value where it has none.
    pub fn place_of_key(&self, route: &str) -> Option<Location> {
        let spans = self.spans.get(route)?;
        let span = spans.key.clone().unwrap_or_else(|| spans.value.clone());
        Some(Location::new(Arc::clone(&self.source), span))
    }

    /// The place of a route's value, or of the nearest thing around it that the file has.
    pub fn locate(&self, route: &str) -> Location {
        self.place(route).unwrap_or_else(|| self.nearest(route))
    }

    /// The place of a route or of the nearest thing around it that the file has.
    pub fn nearest(&self, route: &str) -> Location {
        let mut route = route;
        loop {
            if let Some(place) = self.place_of_key(route).filter(|_| !route.is_empty()) {
                return place;
            }
            match parent(route) {
                Some(shorter) => route = shorter,
                None => return Location::new(Arc::clone(&self.source), 0..0),
            }
        }
    }
}

/// A value that readers of YAML understand differently: with a tag, which would be dropped, or a number that begins with a
/// zero, which YAML 1.1 reads as octal.
fn misread(text: &str, value: &Range<usize>) -> Option<(Range<usize>, String)> {
    let own = text.get(value.clone())?;
    let last = text[..value.start].trim_end().rsplit([' ', '\t', '\n']).next().unwrap_or_default();
    if last.starts_with(['|', '>']) {
        // The text of a block is taken letter by letter.
        return None;
    }
    let number = own.trim_start_matches(['-', '+']);
    if number.len() > 1 && number.starts_with('0') && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_') {
        let message =
            format!("`{own}` is octal for some readers of YAML and decimal for others: write it without the zero");
        return Some((value.clone(), format!("{message}, or as text in quotes")));
    }
    let tag = |start: usize| {
        let token = text[start..].split([' ', '\t', '\r', '\n', ',', '[', '{']).next().unwrap_or_default();
        (start..start + token.len(), format!("tag `{token}` has no meaning here"))
    };
    if own.starts_with('!') {
        return Some(tag(value.start));
    }
    // Properties stand before the value, perhaps on the line before; an anchor may stand between.
    let mut before = text[..value.start].trim_end();
    loop {
        let line = before.rfind('\n').map_or(0, |at| at + 1);
        let start = before.rfind([' ', '\t', '\n', '[', '{', ',']).map_or(0, |at| at + 1);
        let in_comment = before[line..start.max(line)].trim_start().starts_with('#') || before[line..].contains(" #");
        match before[start..].chars().next() {
            Some('!') if !in_comment => return Some(tag(start)),
            Some('&') if !in_comment => before = before[..start].trim_end(),
            _ => return None,
        }
    }
}

/// The route one level up; None for the root.
pub fn parent(route: &str) -> Option<&str> {
    if route.is_empty() {
        return None;
    }
    Some(route.rfind(['.', '[']).map_or("", |at| &route[..at]))
}

/// Reads a text file of the estate.
///
/// # Errors
/// TN1000 when it cannot be read, or is a link that leads out of the estate, TN1001 when it is no UTF-8, TN1003 when it is too
/// large.
pub fn read_source(path: &Path, shown: PathBuf) -> Result<Source, Finding> {
    let unreadable = |error: std::io::Error| {
        Finding::new(Code::TN1000, format!("`{}` cannot be read: {}", shown.display(), reason(&error)))
    };
    // Opening a pipe waits for its writer, and a device never ends.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(Finding::new(Code::TN1000, format!("`{}` is no file", shown.display())));
    }
    if leads_out(path, &shown).map_err(unreadable)? {
        let message = format!("`{}` is a link that leads out of the estate", shown.display());
        return Err(Finding::new(Code::TN1000, message));
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST_FILE {
        let message = format!("`{}` has more than {LARGEST_FILE} bytes", shown.display());
        return Err(Finding::new(Code::TN1003, message));
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => text,
        Ok(text) => return Err(encoding_finding(&shown, text.into_bytes(), "it has a NUL character")),
        Err(error) => {
            let what = match error.as_bytes() {
                [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it looks like UTF-16",
                _ => "it has bytes of another encoding",
            };
            return Err(encoding_finding(&shown, error.into_bytes(), what));
        }
    };
    let text = match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    };
    Ok(Source { path: shown, text })
}

/// Whether a file that is shown by its path in the estate lies elsewhere, because the path has a link.
fn leads_out(path: &Path, shown: &Path) -> std::io::Result<bool> {
    if !path.ends_with(shown) {
        return Ok(false);
    }
    let depth = shown.components().count();
    let parts: Vec<&Path> = path.ancestors().take(depth).collect();
    if !parts.iter().any(|part| part.is_symlink()) {
        return Ok(false);
    }
    let root = path.ancestors().nth(depth).filter(|root| !root.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(!path.canonicalize()?.starts_with(root.canonicalize()?))
}

/// A finding at the first byte that is not text.
fn encoding_finding(shown: &Path, bytes: Vec<u8>, what: &str) -> Finding {
    let good = match std::str::from_utf8(&bytes) {
        Ok(text) => text.find('\0').unwrap_or(0),
        Err(error) => error.valid_up_to(),
    };
    let text = String::from_utf8_lossy(&bytes).replace('\0', "\u{fffd}");
    let source = Arc::new(Source { path: shown.to_owned(), text });
    Finding::new(Code::TN1001, format!("`{}` is not UTF-8: {what}", shown.display()))
        .at(Location::new(source, good..good + 1))
}

fn syntax_finding(error: &serde_saphyr::Error, source: &Arc<Source>) -> Finding {
    let plain = error.without_snippet();
    let text = plain.to_string();
    // Inside an alias the breach is wrapped, so its kind shows in the text alone.
    let code = if text.starts_with(BREACH) { Code::TN1003 } else { Code::TN1002 };
    let text = text.split(" at line ").next().unwrap_or(&text).trim().trim_end_matches('.');
    let message = match breach(text) {
        Some(limit) => format!("the file has more than {limit}"),
        None if text.contains("merge key") => {
            "`<<` merges maps for some readers of YAML and is a key for others: write the keys out".to_owned()
        }
        // The rest of this message is for programmers.
        None => text.split(", set DuplicateKeyPolicy").next().unwrap_or(text).to_owned(),
    };
    let span = error.location().map_or(0..0, |location| span_of(&location, &source.text));
    Finding::new(code, message).at(Location::new(Arc::clone(source), span))
}

/// How the parser's messages about its budget begin.
const BREACH: &str = "budget breached: ";

/// The limit that a message about the parser's budget is about.
fn breach(text: &str) -> Option<String> {
    let kind = text.strip_prefix(BREACH)?;
    let limits = [
        ("Documents", "one document".to_owned()),
        ("Depth", format!("{DEEPEST} levels")),
        ("Nodes", format!("{MOST_NODES} values, aliases written out")),
        ("Aliases", format!("{MOST_ALIASES} aliases")),
    ];
    let limit = limits.into_iter().find(|(name, _)| kind.starts_with(name));
    Some(limit.map_or_else(|| "the parser allows".to_owned(), |(_, limit)| limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Document, Finding> {
        Document::parse(Arc::new(Source { path: "t.yaml".into(), text: text.to_owned() }))
    }

    #[test]
    fn a_merge_key_is_refused_at_its_place() {
        let finding = parse("a: &a { b: 1 }\nc:\n  <<: *a\n").unwrap_err();
        assert_eq!(finding.location.map(|at| (at.line, at.column)), Some((3, 3)));
        assert!(finding.message.contains("`<<` merges maps for some readers"), "{}", finding.message);
        assert!(parse("a: \"<<\"\nb: [\"<<\"]\n").is_ok());
    }

    #[test]
    fn every_value_has_its_place() {
        let document = parse("a: 1\nb:\n  c: [x, \"yé\", z]\n").unwrap();
        assert_eq!(document.value, serde_json::json!({ "a": 1, "b": { "c": ["x", "yé", "z"] } }));
        let at = |route: &str| {
            let place = document.place(route).unwrap();
            (place.line, place.column)
        };
        assert_eq!(at("a"), (1, 4));
        assert_eq!(at("b.c[1]"), (3, 10));
        assert_eq!(at("b.c[2]"), (3, 16));
        let key = document.place_of_key("b.c").unwrap();
        assert_eq!((key.line, key.column), (3, 3));
        let nearest = document.nearest("b.c[9].d");
        assert_eq!((nearest.line, nearest.column), (3, 3));
    }

    #[test]
    fn what_is_no_yaml_is_said_with_its_place() {
        for (text, code, line) in [
            ("a: 1\nb: [1, 2\nc: 3\n", "TN1002", 3),
            ("a: 1\na: 2\n", "TN1002", 2),
            ("a: *nobody\n", "TN1002", 1),
            ("a: \"open\n", "TN1002", 2),
        ] {
            let finding = parse(text).unwrap_err();
            assert_eq!(finding.code.as_str(), code, "{text}: {}", finding.message);
            let place = finding.location.unwrap();
            assert!(place.line.abs_diff(line) <= 1, "{text}: {}:{}", place.line, place.column);
        }
    }

    #[test]
    fn what_readers_understand_differently_is_refused_at_its_place() {
        for (text, place) in [
            ("a: 1\nring: !secret canary\n", (2, 7)),
            ("ring: !!binary Y2FuYXJ5\n", (1, 7)),
            ("a: [x, !b y]\n", (1, 8)),
            ("a: !b { c: 1 }\n", (1, 4)),
            ("a: !b\n  c: 1\n", (1, 4)),
            ("a: !b &c d\n", (1, 4)),
            ("a: [1, 030]\n", (1, 8)),
            ("a: -08\n", (1, 4)),
            ("a: 1_0\nb: 0_7\n", (2, 4)),
        ] {
            let finding = parse(text).unwrap_err();
            let at = finding.location.as_ref().map(|at| (at.line, at.column));
            assert_eq!((finding.code.as_str(), at), ("TN1002", Some(place)), "{text}: {}", finding.message);
        }
        for text in [
            "a: '!b c'\n",
            "a: b!c # !d\n",
            "# !x\na: 1\n",
            "a: # !x\n  b: 0.5\n",
            "a: '030'\nb: 0\nc: 10\n",
            "a: |\n  !b\n",
        ] {
            parse(text).unwrap();
        }
    }

    #[test]
    fn bombs_are_refused() {
        let bomb = (0..9).fold("a0: &a0 [x]\n".to_owned(), |text, n| {
            let next = n + 1;
            format!("{text}a{next}: &a{next} [{}]\n", vec![format!("*a{n}"); 9].join(", "))
        });
        let finding = parse(&bomb).unwrap_err();
        assert_eq!(finding.code.as_str(), "TN1003", "{}", finding.message);
        let deep: String = (0..60).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
        let finding = parse(&deep).unwrap_err();
        assert_eq!(finding.code.as_str(), "TN1003", "{}", finding.message);
    }
}
