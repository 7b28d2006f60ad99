//! Small formulas over the properties of a resource: `(NumNodeGroups ?? 1) * (1 + ReplicasPerNodeGroup)`.
//!
//! Whole numbers, paths of properties, `+`, `*`, parentheses, `a ?? b` (b where a is absent), `has(Path)` and
//! `is(Path, Text)` (1 or 0; absent where the property is). An absent property counts 0; true counts 1, a list its length;
//! a value that is known at deployment only, such as a reference to a parameter, makes the result unknown.

use std::collections::BTreeSet;
use std::fmt;
use std::iter::Peekable;
use std::str::{Chars, FromStr};

use serde_json::Value;

/// A path of properties, `ClusterConfig.InstanceCount`; `*` is every entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Vec<String>);

impl Path {
    /// The property that the path starts at.
    pub fn root(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    /// The values at the path; none where it is absent.
    pub fn values<'v>(&self, properties: &'v Value) -> Vec<&'v Value> {
        let mut found = vec![properties];
        for step in &self.0 {
            found = match step.as_str() {
                "*" => found.into_iter().flat_map(|value| value.as_array().into_iter().flatten()).collect(),
                step => found.into_iter().filter_map(|value| value.get(step)).collect(),
            };
        }
        found.retain(|value| !value.is_null());
        found
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

impl FromStr for Path {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let is_step = |step: &str| step == "*" || (!step.is_empty() && step.bytes().all(|b| b.is_ascii_alphanumeric()));
        let steps: Vec<String> = text.split('.').map(str::to_owned).collect();
        if steps.iter().all(|step| is_step(step)) && !text.starts_with('*') { Ok(Self(steps)) } else { Err(()) }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Term {
    Number(u64),
    At(Path),
    Has(Path),
    Is(Path, String),
    Sum(Box<Term>, Box<Term>),
    Product(Box<Term>, Box<Term>),
    Else(Box<Term>, Box<Term>),
}

/// A formula, with the text that it was written as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formula {
    text: String,
    term: Term,
}

/// What part of a formula comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Number(u64),
    Absent,
    Unknown,
}

impl Formula {
    /// The formula's value for a resource; None where it rests on a value that the template does not tell. Sums saturate.
    pub fn of(&self, properties: &Value) -> Option<u64> {
        match self.term.of(properties) {
            Found::Number(number) => Some(number),
            Found::Absent => Some(0),
            Found::Unknown => None,
        }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The paths that the formula reads.
    pub fn paths(&self) -> Vec<&Path> {
        let mut found = Vec::new();
        self.term.paths(&mut found);
        found
    }
}

impl Term {
    fn of(&self, properties: &Value) -> Found {
        match self {
            Self::Number(number) => Found::Number(*number),
            Self::At(path) => match path.values(properties)[..] {
                [] => Found::Absent,
                [value] => number(value),
                ref several => Found::Number(several.len() as u64),
            },
            Self::Has(path) => Found::Number(u64::from(!path.values(properties).is_empty())),
            Self::Is(path, text) => match path.values(properties)[..] {
                [] => Found::Absent,
                [Value::String(value)] => Found::Number(u64::from(value == text)),
                _ => Found::Unknown,
            },
            Self::Sum(a, b) => both(a.of(properties), b.of(properties), u64::saturating_add),
            Self::Product(a, b) => both(a.of(properties), b.of(properties), u64::saturating_mul),
            Self::Else(a, b) => match a.of(properties) {
                Found::Absent => b.of(properties),
                found => found,
            },
        }
    }

    fn paths<'t>(&'t self, found: &mut Vec<&'t Path>) {
        match self {
            Self::Number(_) => {}
            Self::At(path) | Self::Has(path) | Self::Is(path, _) => found.push(path),
            Self::Sum(a, b) | Self::Product(a, b) | Self::Else(a, b) => {
                a.paths(found);
                b.paths(found);
            }
        }
    }
}

fn both(a: Found, b: Found, combine: fn(u64, u64) -> u64) -> Found {
    match (a, b) {
        (Found::Unknown, _) | (_, Found::Unknown) => Found::Unknown,
        (Found::Absent, Found::Absent) => Found::Absent,
        (Found::Number(a), Found::Number(b)) => Found::Number(combine(a, b)),
        (Found::Number(a), Found::Absent) | (Found::Absent, Found::Number(a)) => Found::Number(combine(a, 0)),
    }
}

fn number(value: &Value) -> Found {
    match value {
        Value::Bool(is) => Found::Number(u64::from(*is)),
        Value::Array(items) => Found::Number(items.len() as u64),
        Value::String(text) if text == "true" || text == "false" => Found::Number(u64::from(text == "true")),
        Value::String(text) => text.parse().map_or(Found::Unknown, Found::Number),
        other => match (other.as_u64(), other.as_f64()) {
            (Some(number), _) => Found::Number(number),
            // A half counts as one.
            (None, Some(number)) if number >= 0.0 => Found::Number(number.ceil() as u64),
            _ => Found::Unknown,
        },
    }
}

impl FromStr for Formula {
    /// What is wrong, to follow "the formula …".
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parser = Parser { rest: text.chars().peekable() };
        let term = parser.sum(0)?;
        match parser.next() {
            None => Ok(Self { text: text.to_owned(), term }),
            Some(found) => Err(format!("ends before `{found}`")),
        }
    }
}

/// Brackets within brackets that a formula may have.
const DEPTH: usize = 16;

struct Parser<'t> {
    rest: Peekable<Chars<'t>>,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<char> {
        while self.rest.next_if(|next| next.is_whitespace()).is_some() {}
        self.rest.peek().copied()
    }

    fn takes(&mut self, wanted: char) -> bool {
        self.next() == Some(wanted) && self.rest.next().is_some()
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        if self.takes(wanted) { Ok(()) } else { Err(format!("lacks a `{wanted}`")) }
    }

    fn sum(&mut self, depth: usize) -> Result<Term, String> {
        let mut term = self.product(depth)?;
        while self.takes('+') {
            term = Term::Sum(Box::new(term), Box::new(self.product(depth)?));
        }
        Ok(term)
    }

    fn product(&mut self, depth: usize) -> Result<Term, String> {
        let mut term = self.choice(depth)?;
        while self.takes('*') {
            term = Term::Product(Box::new(term), Box::new(self.choice(depth)?));
        }
        Ok(term)
    }

    fn choice(&mut self, depth: usize) -> Result<Term, String> {
        let term = self.single(depth)?;
        if !self.takes('?') {
            return Ok(term);
        }
        self.expect('?')?;
        Ok(Term::Else(Box::new(term), Box::new(self.choice(depth)?)))
    }

    fn single(&mut self, depth: usize) -> Result<Term, String> {
        if depth > DEPTH {
            return Err("has too many brackets".to_owned());
        }
        if self.takes('(') {
            let term = self.sum(depth + 1)?;
            self.expect(')')?;
            return Ok(term);
        }
        let word = self.word();
        if let Ok(number) = word.parse() {
            return Ok(Term::Number(number));
        }
        if word == "has" || word == "is" {
            self.expect('(')?;
            let path = path(&self.word())?;
            let term = if word == "is" {
                self.expect(',')?;
                Term::Is(path, self.word())
            } else {
                Term::Has(path)
            };
            self.expect(')')?;
            return Ok(term);
        }
        path(&word).map(Term::At)
    }

    fn word(&mut self) -> String {
        self.next();
        let mut word = String::new();
        // A `*` belongs to a path after a dot only.
        while let Some(next) = self
            .rest
            .next_if(|next| next.is_alphanumeric() || "._-".contains(*next) || (*next == '*' && word.ends_with('.')))
        {
            word.push(next);
        }
        word
    }
}

fn path(word: &str) -> Result<Path, String> {
    word.parse().map_err(|()| format!("has `{word}` where a number or a property is expected"))
}

/// Text with properties in braces: `rds-{Engine}-hour-{DBInstanceClass}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    /// Literal text, and the path whose value follows it.
    parts: Vec<(String, Option<Path>)>,
}

impl Pattern {
    /// The text for a resource; `unknown` stands for what the template does not tell.
    pub fn of(&self, properties: &Value) -> String {
        let mut text = String::new();
        for (literal, path) in &self.parts {
            text.push_str(literal);
            if let Some(path) = path {
                text.push_str(path.values(properties).first().and_then(|value| value.as_str()).unwrap_or("unknown"));
            }
        }
        text
    }

    /// Whether the text may be one of the pattern's.
    pub fn covers(&self, text: &str) -> bool {
        let mut rest = text;
        let mut open = false;
        for (literal, path) in &self.parts {
            let at = if open {
                rest.find(literal.as_str()).filter(|at| *at > 0 || literal.is_empty())
            } else {
                rest.starts_with(literal.as_str()).then_some(0)
            };
            let Some(at) = at else { return false };
            rest = &rest[at + literal.len()..];
            open = path.is_some();
        }
        if open { !rest.is_empty() } else { rest.is_empty() }
    }

    pub fn text(&self) -> &str {
        &self.text
    }
}

impl FromStr for Pattern {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, more)) = rest.split_once('{') {
            let (path, more) = more.split_once('}').ok_or(())?;
            parts.push((literal.to_owned(), Some(path.parse()?)));
            rest = more;
        }
        if !rest.is_empty() {
            parts.push((rest.to_owned(), None));
        }
        let literal = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        let sound = !parts.is_empty() && parts.iter().all(|(text, _)| literal(text));
        if sound { Ok(Self { text: text.to_owned(), parts }) } else { Err(()) }
    }
}

/// The properties that paths start at.
pub fn roots<'p>(paths: impl IntoIterator<Item = &'p Path>) -> BTreeSet<&'p str> {
    paths.into_iter().map(Path::root).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(formula: &str, properties: &Value) -> Option<u64> {
        formula.parse::<Formula>().unwrap().of(properties)
    }

    #[test]
    fn formulas_count_nodes() {
        let redis = "NumCacheClusters ?? (NumNodeGroups ?? 1) * (1 + ReplicasPerNodeGroup)";
        assert_eq!(of(redis, &json!({ "NumNodeGroups": 80, "ReplicasPerNodeGroup": "2" })), Some(240));
        assert_eq!(of("(NumNodeGroups ?? 1) * (1 + ReplicasPerNodeGroup)", &json!({})), Some(1));
        assert_eq!(of("(NumCacheClusters ?? 1) * 2", &json!({ "NumCacheClusters": { "Ref": "Nodes" } })), None);
        assert_eq!(of("1 + MultiAZ", &json!({ "MultiAZ": true })), Some(2));
        assert_eq!(of("1 + MultiAZ", &json!({})), Some(1));
        assert_eq!(of("3 * has(Class)", &json!({ "Class": "db.r6g.large" })), Some(3));
        assert_eq!(of("is(Type, Gateway) ?? 1", &json!({})), Some(1));
        assert_eq!(of("is(Type, Gateway) ?? 1", &json!({ "Type": "Interface" })), Some(0));
        assert_eq!(of("A.*.Id", &json!({ "A": [{ "Id": 5 }, { "Id": 6 }] })), Some(2));
        assert_eq!(of("A", &json!({ "A": [1, 2, 3] })), Some(3));
        assert_eq!(of("A * B", &json!({ "A": u64::MAX, "B": 2 })), Some(u64::MAX));
        assert_eq!(of("2 * 3 + 4", &json!({})), Some(10));
    }

    #[test]
    fn faults_of_formulas_are_named() {
        for (text, fault) in [
            ("", "has `` where a number or a property is expected"),
            ("A +", "has `` where a number or a property is expected"),
            ("(A", "lacks a `)`"),
            ("A B", "ends before `B`"),
            ("A ? B", "lacks a `?`"),
            ("is(A)", "lacks a `,`"),
            ("A..B", "has `A..B` where a number or a property is expected"),
            ("*", "has `` where a number or a property is expected"),
        ] {
            assert_eq!(text.parse::<Formula>().unwrap_err(), fault, "{text}");
        }
        let deep = format!("{}1{}", "(".repeat(40), ")".repeat(40));
        assert_eq!(deep.parse::<Formula>().unwrap_err(), "has too many brackets");
    }

    #[test]
    fn patterns_fill_and_cover() {
        let pattern: Pattern = "rds-{Engine}-hour-{Class}".parse().unwrap();
        assert_eq!(
            pattern.of(&json!({ "Engine": "postgres", "Class": "db.t4g.small" })),
            "rds-postgres-hour-db.t4g.small"
        );
        assert_eq!(pattern.of(&json!({ "Engine": "postgres" })), "rds-postgres-hour-unknown");
        assert!(pattern.covers("rds-mysql-hour-db.r6g.large"));
        for other in ["rds-mysql-hour-", "rds-hour-x", "nat-hour", "rds--hour-x"] {
            assert!(!pattern.covers(other), "{other}");
        }
        let plain: Pattern = "secret-month".parse().unwrap();
        assert!(plain.covers("secret-month") && !plain.covers("secret-months"));
        assert!(
            "a{B".parse::<Pattern>().is_err() && "a b".parse::<Pattern>().is_err() && "".parse::<Pattern>().is_err()
        );
    }
}
