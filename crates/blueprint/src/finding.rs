//! What is wrong with something that a person wrote: a stable code, a severity, a sentence, a route and a place.
//!
//! The tool turns these into its own findings, which know the sources that a report shows.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// How bad a finding is. Ordered: `Warning < Error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    Warning,
    Error,
}

/// A place in a file. Lines and columns count from 1, columns in characters; `span` is in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Path as the person would type it.
    pub file: Arc<str>,
    pub line: usize,
    pub column: usize,
    pub span: Range<usize>,
}

impl Place {
    /// The place of a byte range of `text`; a range past the end is clipped to the text.
    pub fn new(file: Arc<str>, text: &str, span: Range<usize>) -> Self {
        let start = boundary(text, span.start);
        let end = boundary(text, span.end).max(start);
        let before = &text[..start];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        Self { file, line, column, span: start..end }
    }
}

/// The nearest start of a character at or before a byte.
fn boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// One of [`crate::codes`], or the code that a blueprint gives to a check of its own.
    pub code: Cow<'static, str>,
    pub severity: Severity,
    /// Lower case, no trailing period, the thing named in backticks.
    pub message: String,
    /// Route of the value, such as `derived.web_tasks.value` or `web.allow_from[1]`.
    pub route: String,
    pub place: Option<Place>,
    pub help: Option<String>,
}

impl Finding {
    /// An error.
    pub fn error(code: &'static str, route: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: Cow::Borrowed(code),
            severity: Severity::Error,
            message: message.into(),
            route: route.into(),
            place: None,
            help: None,
        }
    }

    /// A warning.
    pub fn warning(code: &'static str, route: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, route, message) }
    }

    pub fn at(mut self, place: Option<Place>) -> Self {
        self.place = place;
        self
    }

    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(Place { file, line, column, .. }) = &self.place {
            write!(f, "{file}:{line}:{column}: ")?;
        }
        write!(f, "{}: {}", self.code, self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, " (help: {help})"))
    }
}

/// The codes of this crate; `tenantry_base::finding` explains them.
pub mod codes {
    /// The blueprint is not YAML.
    pub const SYNTAX: &str = "TN6001";
    /// A word of the blueprint is unknown.
    pub const UNKNOWN_WORD: &str = "TN6002";
    /// A value of the blueprint has the wrong form.
    pub const SHAPE: &str = "TN6003";
    /// A name is invalid or is used twice.
    pub const NAME: &str = "TN6004";
    /// A parameter's schema contradicts itself.
    pub const SCHEMA: &str = "TN6005";
    /// A formula is not CEL.
    pub const FORMULA: &str = "TN6010";
    /// A formula refers to an unknown name.
    pub const REFERENCE: &str = "TN6011";
    /// A formula has the wrong type.
    pub const TYPE: &str = "TN6012";
    /// Formulas refer to each other in a circle.
    pub const CIRCLE: &str = "TN6013";
    /// A formula exceeds the evaluation budget.
    pub const BUDGET: &str = "TN6014";
    /// A formula has no value for these inputs.
    pub const EVALUATION: &str = "TN6015";
    /// A derived value is outside its bounds.
    pub const BOUNDS: &str = "TN6016";
    /// The tiers of the network cannot fit.
    pub const TIER: &str = "TN6020";
    /// The shape names a value that is not finite.
    pub const FINITE: &str = "TN6021";
    /// A name that is referred to is not declared.
    pub const UNDECLARED: &str = "TN6022";
    /// A range is not declared.
    pub const UNCHECKED: &str = "TN6023";
    /// More workload gives a smaller subnet.
    pub const SHRINKS: &str = "TN6024";
}

/// `did you mean …?` where a known name is near, else the names that are known.
pub(crate) fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<String> {
    let known: Vec<&str> = known.collect();
    let best = known
        .iter()
        .map(|known| (likeness(name, known), known))
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .filter(|(score, _)| *score > 0.8);
    match best {
        Some((_, best)) => Some(format!("did you mean `{best}`?")),
        None if known.is_empty() || known.len() > 40 => None,
        None => Some(format!("known here: {}", known.join(", "))),
    }
}

/// From 0 to 1. Short words with one slip are far apart by Jaro and Winkler.
fn likeness(one: &str, two: &str) -> f64 {
    let slip = one.len().min(two.len()) > 2 && strsim::osa_distance(one, two) == 1;
    strsim::jaro_winkler(one, two).max(if slip { 0.9 } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_explained() {
        for code in [codes::SYNTAX, codes::SHAPE, codes::FORMULA, codes::BOUNDS, codes::TIER, codes::UNCHECKED] {
            assert!(tenantry_base::finding::explain(code).is_some(), "{code}");
        }
    }

    #[test]
    fn places_count_characters_from_one() {
        let place = Place::new("a.yaml".into(), "é: 1\nb: ü2\n", 11..12);
        assert_eq!((place.line, place.column), (2, 5));
    }
}
