//! What a file of Guard rules can see of a template, so that a verdict serves every template that looks the same to it.
//!
//! Templates of one form differ in their leaves only. A rule learns about a leaf in two steps, and the [`Footprint`] of its
//! file, made from Guard's own parse tree, bounds both:
//!
//! 1. *Reaching it.* A query goes down through a map by a key that stands in the rules (or one of the cases in which
//!    Guard tries a key), or through any key below a map on which the rules say `.*` or filter. A leaf with another key
//!    on its path is never reached.
//! 2. *Testing it.* What is reached is only ever tested: against texts (equal, or one within the other), regular
//!    expressions and numbers that stand in the rules, and for its type and emptiness. Two values that answer all of
//!    these tests alike cannot be distinguished.
//!
//! [`Footprint::look`] gives the answers for all leaves in reach; equal answers on equal forms mean equal verdicts. Rules
//! that compare values with each other, call functions, order texts or compare with maps see more than that: for their
//! file there is no footprint, and it is evaluated for every template. tests/policies/ holds this against plain evaluation.

use std::collections::{BTreeMap, BTreeSet};

use fancy_regex::Regex;
use serde_json::{Number, Value};

use tenantry_template::render::Leaf;

/// Whole numbers up to here are exact as floating point, too; larger ones are distinguished by their digits.
const MOST_EXACT: u64 = 1 << 53;

/// The keys, texts, expressions and numbers of a file of rules.
#[derive(Debug, Default)]
pub(super) struct Footprint {
    keys: BTreeSet<String>,
    /// Keys of maps through which the rules go by any key.
    open: BTreeSet<String>,
    texts: BTreeSet<String>,
    patterns: Vec<Regex>,
    numbers: Vec<Number>,
}

/// The rules see more than a [`Footprint`] can describe.
struct Unbounded;

impl Footprint {
    /// The footprint of a file, from its parse tree in JSON; none if the rules see more than tests can tell.
    pub(super) fn of(parse_tree: &Value) -> Option<Self> {
        let mut footprint = Self::default();
        let variables = Variables::of(parse_tree);
        let plain = parse_tree["parameterized_rules"].as_array().is_none_or(Vec::is_empty);
        (plain && footprint.walk(parse_tree, &variables).is_ok()).then(|| footprint.in_every_case())
    }

    /// With each key in every case, worked out once for a key: it takes far longer than a look.
    fn in_every_case(self) -> Self {
        let all = |keys: BTreeSet<String>| keys.iter().flat_map(|key| cases(key)).collect();
        Self { keys: all(self.keys), open: all(self.open), ..self }
    }

    /// The rules can reach this leaf.
    pub(super) fn reaches(&self, leaf: &Leaf) -> bool {
        let mut open = false;
        leaf.path.iter().all(|key| {
            if key.bytes().all(|byte| byte.is_ascii_digit()) {
                return true;
            }
            let passes = open || self.keys.contains(key);
            open = self.open.contains(key);
            passes
        })
    }

    /// Appends what the rules learn about a value.
    pub(super) fn look(&self, value: &Value, seen: &mut Vec<u8>) {
        match value {
            Value::String(text) => self.look_at_text(text, seen),
            Value::Number(number) => self.look_at_number(number, seen),
            other => {
                seen.push(b'v');
                seen.extend(other.to_string().bytes());
            }
        }
    }

    fn look_at_text(&self, text: &str, seen: &mut Vec<u8>) {
        seen.extend([b't', u8::from(text.is_empty())]);
        for literal in &self.texts {
            let equal = u8::from(text == literal);
            let within = u8::from(literal.contains(text));
            let around = u8::from(text.contains(literal.as_str()));
            seen.push(equal | within << 1 | around << 2);
        }
        for pattern in &self.patterns {
            seen.push(pattern.is_match(text).map_or(2, u8::from));
        }
    }

    fn look_at_number(&self, number: &Number, seen: &mut Vec<u8>) {
        match number.as_u64() {
            Some(small) if small < MOST_EXACT => {
                let value = small as f64;
                seen.push(b'n');
                seen.extend(self.numbers.iter().map(|literal| match literal.as_f64() {
                    Some(literal) => value.total_cmp(&literal) as u8,
                    None => 3,
                }));
            }
            _ => {
                seen.push(b'v');
                seen.extend(number.to_string().bytes());
            }
        }
    }

    fn walk(&mut self, node: &Value, variables: &Variables) -> Result<(), Unbounded> {
        match node {
            Value::Array(items) => items.iter().try_for_each(|item| self.walk(item, variables)),
            Value::Object(map) => {
                if map.contains_key("FunctionCall") || map.contains_key("ParameterizedNamedRule") {
                    return Err(Unbounded);
                }
                if let Some(comparator) = map.get("comparator") {
                    self.comparison(comparator, map.get("compare_with").unwrap_or(&Value::Null), variables)?;
                }
                if let Some(Value::Array(parts)) = map.get("query") {
                    self.query(parts)?;
                }
                if let Some(value) = map.get("Value").and_then(|literal| literal.get("value")) {
                    self.literal(value)?;
                }
                map.iter()
                    .filter(|(key, _)| !matches!(key.as_str(), "compare_with" | "Value"))
                    .try_for_each(|(_, value)| self.walk(value, variables))
            }
            _ => Ok(()),
        }
    }

    /// A comparison: with a literal, or with a variable that holds one.
    fn comparison(&mut self, comparator: &Value, with: &Value, variables: &Variables) -> Result<(), Unbounded> {
        let ordering = matches!(comparator[0].as_str(), Some("Lt" | "Le" | "Gt" | "Ge"));
        let literal = match with {
            Value::Null => return Ok(()),
            with => match with.get("Value") {
                Some(literal) => &literal["value"],
                None => variables.literal(&with["AccessClause"]["query"]).ok_or(Unbounded)?,
            },
        };
        if ordering && !literal.is_number() { Err(Unbounded) } else { self.literal(literal) }
    }

    fn query(&mut self, parts: &[Value]) -> Result<(), Unbounded> {
        let mut previous: Option<&str> = None;
        for (index, part) in parts.iter().enumerate() {
            let kind = part.as_object().and_then(|part| part.keys().next()).map_or("", String::as_str);
            let before = index.checked_sub(1).map_or(&Value::Null, |before| &parts[before]);
            let picked = before.get("AllIndices").is_some() || before.get("AllValues").is_some();
            match (kind, part.get("Key").and_then(Value::as_str)) {
                ("Key", Some(key)) if key.starts_with('%') && index == 0 => previous = None,
                ("Key", Some(key)) if !key.starts_with('%') => {
                    self.keys.insert(key.to_owned());
                    previous = Some(key);
                }
                ("AllIndices", _) if part["AllIndices"].is_null() => {}
                // A filter on what is already picked looks at each and opens no map.
                ("Filter", _) if picked => {}
                ("AllValues" | "Filter" | "MapKeyFilter", _) => match previous {
                    Some(key) => {
                        self.open.insert(key.to_owned());
                        previous = None;
                    }
                    None => return Err(Unbounded),
                },
                ("Index", _) => previous = None,
                _ if part == "This" && parts.len() == 1 => {}
                _ => return Err(Unbounded),
            }
        }
        Ok(())
    }

    fn literal(&mut self, literal: &Value) -> Result<(), Unbounded> {
        match literal {
            Value::Array(items) => items.iter().try_for_each(|item| self.literal(item)),
            Value::Object(_) => Err(Unbounded),
            Value::String(text) => self.text(text),
            Value::Number(number) => {
                self.numbers.push(number.clone());
                Ok(())
            }
            Value::Null | Value::Bool(_) => Ok(()),
        }
    }

    /// A text, or what the parse tree writes as one: a range `[1,300]` or an expression between slashes.
    fn text(&mut self, text: &str) -> Result<(), Unbounded> {
        self.texts.insert(text.to_owned());
        if let Some(pattern) = text.strip_prefix('/').and_then(|text| text.strip_suffix('/')) {
            self.patterns.push(Regex::new(pattern).map_err(|_| Unbounded)?);
        }
        if text.starts_with(['[', '(']) && text.ends_with([']', ')']) && text.contains(',') {
            for end in text[1..text.len() - 1].split(',') {
                self.numbers.push(serde_json::from_str(end).map_err(|_| Unbounded)?);
            }
        }
        Ok(())
    }
}

/// A key in every case in which Guard looks for it.
fn cases(key: &str) -> [String; 8] {
    [
        key.to_owned(),
        cruet::to_camel_case(key),
        cruet::to_class_case(key),
        cruet::to_kebab_case(key),
        cruet::to_pascal_case(key),
        cruet::to_snake_case(key),
        cruet::to_title_case(key),
        cruet::to_train_case(key),
    ]
}

/// Variables of a file: the literals of those that are nothing else.
struct Variables(BTreeMap<String, Option<Value>>);

impl Variables {
    fn of(parse_tree: &Value) -> Self {
        let mut found = Self(BTreeMap::new());
        found.collect(parse_tree);
        found
    }

    fn collect(&mut self, node: &Value) {
        match node {
            Value::Array(items) => items.iter().for_each(|item| self.collect(item)),
            Value::Object(map) => {
                if let (Some(Value::String(name)), Some(value)) = (map.get("var"), map.get("value")) {
                    let literal = value.get("Value").map(|literal| literal["value"].clone());
                    self.0.entry(name.clone()).and_modify(|known| *known = None).or_insert(literal);
                }
                map.values().for_each(|value| self.collect(value));
            }
            _ => {}
        }
    }

    /// The literal of a query that is one variable.
    fn literal(&self, query: &Value) -> Option<&Value> {
        let [part] = query.as_array()?.as_slice() else { return None };
        self.0.get(part.get("Key")?.as_str()?.strip_prefix('%')?)?.as_ref()
    }
}
