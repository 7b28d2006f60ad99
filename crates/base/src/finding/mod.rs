//! What a stage says about something a person wrote: a stable code, a severity, a sentence, a place, a remedy.
//!
//! A [`Finding`] is for what a person wrote; an error type is for what the world did. Stages return every finding they
//! have, beside whatever value they could still make.

mod code;

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

pub use code::{Code, Explanation, codes, explain};

/// The severity of a finding. Ordered: `Info < Warning < Unknown < Error`. The aliases are those of older journals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    #[serde(alias = "note")]
    Info,
    #[serde(alias = "amber")]
    Warning,
    /// Something could not be checked, which never counts as passed.
    Unknown,
    /// Blocks a deploy unless it is overridden.
    #[serde(alias = "red")]
    Error,
}

/// The text of one file, kept so that a report can show the lines a finding points at.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// Path as the person would type it: relative to the estate's root or to the template set.
    pub path: PathBuf,
    pub text: String,
}

/// A place in a file. Lines and columns count from 1, columns in characters; `span` is in bytes of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    pub source: Arc<Source>,
    pub line: usize,
    pub column: usize,
    pub span: std::ops::Range<usize>,
}

impl Location {
    /// The location of a byte range of `source`. A range past the end is clipped to the text.
    pub fn new(source: Arc<Source>, span: std::ops::Range<usize>) -> Self {
        let len = source.text.len();
        let mut start = span.start.min(len);
        while !source.text.is_char_boundary(start) {
            start -= 1;
        }
        let mut end = span.end.clamp(start, len);
        while !source.text.is_char_boundary(end) {
            end += 1;
        }
        let before = &source.text[..start];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        Self { source, line, column, span: start..end }
    }

    /// Line and column just behind the place.
    pub fn end(&self) -> (usize, usize) {
        let inside = &self.source.text[self.span.clone()];
        let last = inside.rsplit('\n').next().unwrap_or("").chars().count();
        match inside.matches('\n').count() {
            0 => (self.line, self.column + last),
            lines => (self.line + lines, last + 1),
        }
    }

    /// The line that the place begins on, without white space around it.
    pub fn line_text(&self) -> &str {
        self.source.text.lines().nth(self.line - 1).unwrap_or("").trim()
    }
}

impl Serialize for Location {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut out = serializer.serialize_struct("Location", 3)?;
        out.serialize_field("file", &self.source.path)?;
        out.serialize_field("line", &self.line)?;
        out.serialize_field("column", &self.column)?;
        out.end()
    }
}

impl JsonSchema for Location {
    fn schema_name() -> Cow<'static, str> {
        "Location".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A place in a file of the estate.",
            "type": "object",
            "properties": {
                "file": { "type": "string", "description": "Path, relative to the estate." },
                "line": { "type": "integer", "minimum": 1, "description": "From 1." },
                "column": { "type": "integer", "minimum": 1, "description": "In characters, from 1." }
            },
            "required": ["file", "line", "column"]
        })
    }
}

/// One diagnostic of a stage. Built with [`Finding::new`] and the `with_*`/`at` methods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// Explained by `tenantry explain CODE`.
    pub code: Code,
    /// `unknown` means that something could not be checked, which never counts as passed.
    pub severity: Severity,
    /// Lower case, without a trailing period; names are in backticks.
    pub message: String,
    /// Name of the tenant; null if the finding is about the estate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Logical ID of the resource in the rendered template; null if the finding is not about one resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Place in a user-written file; null if the finding is not about one place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// Related places, each with a short label.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<(String, Location)>,
    /// How to fix it; null if the message says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Finding {
    /// A finding with the severity that the registry gives to `code`.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.explanation().severity,
            message: message.into(),
            tenant: None,
            resource: None,
            location: None,
            related: Vec::new(),
            help: None,
        }
    }

    pub fn at(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }

    pub fn with_related(mut self, label: impl Into<String>, location: Location) -> Self {
        self.related.push((label.into(), location));
        self
    }

    pub fn with_tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    pub fn with_resource(mut self, resource: impl Into<String>) -> Self {
        self.resource = Some(resource.into());
        self
    }

    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// `, did you mean …?` where a known name is near.
pub fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> String {
    let best = known
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .filter(|(score, _)| *score > 0.8);
    best.map(|(_, known)| format!(", did you mean `{known}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_ends_behind_its_last_character() {
        let source = Arc::new(Source { path: "t.yaml".into(), text: "a: é\nb: [x,\n  y]\n".to_owned() });
        let place = |text: &str| {
            let start = source.text.find(text).unwrap();
            Location::new(Arc::clone(&source), start..start + text.len())
        };
        let (one, two) = (place("é"), place("[x,\n  y]"));
        assert_eq!(((one.line, one.column), one.end()), ((1, 4), (1, 5)));
        assert_eq!(((two.line, two.column), two.end()), ((2, 4), (3, 5)));
        assert_eq!(two.line_text(), "b: [x,");
        assert_eq!(Location::new(source, 99..100).end(), (4, 1));
    }
}
