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
    /// Route of the value, such as `derived.part_mib.value` or `ingest.allow_from[1]`.
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

/// A code of this crate with its long form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explanation {
    pub code: &'static str,
    pub title: &'static str,
    pub why: &'static str,
    pub remedy: &'static str,
}

macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal, $why:literal, $remedy:literal;)*) => {
        $(#[doc = $title] pub const $name: &str = $code;)*
        /// Every code of this crate, with its explanation.
        pub const CODES: &[Explanation] =
            &[$(Explanation { code: $code, title: $title, why: $why, remedy: $remedy }),*];
    };
}

/// The codes of this crate.
pub mod codes {
    use super::Explanation;

    codes! {
        SYNTAX = "TN6001", "the blueprint is not YAML",
            "Nothing can be read from a file that is not YAML or that exceeds the limits of a file.",
            "Correct the syntax at the place shown.";
        UNKNOWN_WORD = "TN6002", "a word of the blueprint is unknown",
            "A misspelt word would be ignored without a message, and what it should do would not happen.",
            "Use the word that is suggested, or remove it.";
        SHAPE = "TN6003", "a value of the blueprint has the wrong form",
            "The word needs a value of another type, or a word that must be present is missing.",
            "Write the value as the message says.";
        NAME = "TN6004", "a name is invalid or is used twice",
            "Parameters, tables, derived values and functions share one set of names in formulas.",
            "Rename one of the two.";
        SCHEMA = "TN6005", "a parameter's schema contradicts itself",
            "A default that its own schema refuses, or bounds that exclude every value, would fail for each tenant.",
            "Correct the default or the bounds.";
        FORMULA = "TN6010", "a formula is not CEL",
            "The formula cannot be parsed.",
            "Correct the expression at the place shown; the language is described at https://cel.dev.";
        REFERENCE = "TN6011", "a formula refers to an unknown name",
            "The name is not a parameter, a table, a fact, a derived value or a function.",
            "Use the name that is suggested, or declare it.";
        TYPE = "TN6012", "a formula has the wrong type",
            "CEL does not convert between whole numbers, doubles and texts.",
            "Convert with `double()`, `int()`, `ceil()` or `string()`, or write `2.0` for `2`.";
        CIRCLE = "TN6013", "formulas refer to each other in a circle",
            "A value cannot be derived from itself.",
            "Break the circle at one of the formulas named.";
        BUDGET = "TN6014", "a formula exceeds the evaluation budget",
            "A formula is evaluated for each tenant of the fleet, so its steps are bounded before it is evaluated.",
            "Loop over a smaller table, or give the list `maxItems`.";
        EVALUATION = "TN6015", "a formula has no value for these inputs",
            "A division by zero, an overflow, a number that is not finite, or a table without a row that satisfies.",
            "Correct the formula or the range of the parameters it refers to.";
        BOUNDS = "TN6016", "a derived value is outside its bounds",
            "The value would be refused by the service that it is for.",
            "Clamp the formula, or correct the bounds.";
        TIER = "TN6020", "the tiers of the network cannot fit",
            "The shares of a zone add up to more than the zone has, or the demand does not fit into a block.",
            "Give smaller shares, or a larger block.";
        FINITE = "TN6021", "the shape names a value that is not finite",
            "Each combination of the shape's values is a form of its own: only booleans, enumerations and small ranges may decide.",
            "Name a boolean, an enumeration or a whole number with narrow bounds, or derive one.";
        UNDECLARED = "TN6022", "a name that is referred to is not declared",
            "The shape, the workload, a watch or a check names something that the blueprint does not declare.",
            "Declare it, or correct the name.";
        UNCHECKED = "TN6023", "a range is not declared",
            "Without a minimum and a maximum it cannot be checked that every formula has a value.",
            "Give the parameter `minimum` and `maximum`.";
        SHRINKS = "TN6024", "more workload gives a smaller subnet",
            "A subnet that exists cannot change its size, so a growing tenant would not fit the subnets that it has.",
            "Make the tier's formula grow with its parameters.";
        FIELD_UNKNOWN = "TN6030", "a field of the tenant is unknown to the blueprint",
            "A misspelt field would be ignored without a message.",
            "Use the field that is suggested, or remove it.";
        FIELD_MISSING = "TN6031", "a field of the tenant is missing",
            "The blueprint requires the field and gives no default.",
            "Add the field to the tenant's file, or to the fleet's defaults.";
        FIELD_VALUE = "TN6032", "a field of the tenant has a value that is not allowed",
            "The blueprint's schema refuses the value.",
            "Write a value as the message says.";
        LAYOUT = "TN6040", "the tenant's subnets do not fit",
            "The block is too small for the demand of its tiers, or a prefix length that the tenant pins is.",
            "Take a larger block, or lower the demand.";
    }
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
    fn every_code_is_distinct_and_explained() {
        let mut seen = std::collections::BTreeSet::new();
        for Explanation { code, title, why, remedy } in codes::CODES {
            assert!(seen.insert(code), "{code} twice");
            assert!(!title.is_empty() && !why.is_empty() && remedy.ends_with('.'), "{code}");
        }
    }

    #[test]
    fn places_count_characters_from_one() {
        let place = Place::new("a.yaml".into(), "é: 1\nb: ü2\n", 11..12);
        assert_eq!((place.line, place.column), (2, 5));
    }
}
