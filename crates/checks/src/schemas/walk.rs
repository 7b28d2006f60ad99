//! One value against a schema. What cannot be known before CloudFormation puts it together holds.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use fancy_regex::Regex;
use serde_json::{Map, Value};

use super::Kind;
use tenantry_base::finding::nearest;

/// How deep schemas may refer to each other without a step into the value.
const DEEPEST: usize = 200;
/// Characters of a value that a message shows.
const SHOWN: usize = 60;

/// A fault inside one resource.
#[derive(Debug)]
pub(super) struct Inside {
    kind: Kind,
    path: String,
    message: String,
}

impl Inside {
    pub(super) fn of(self, resource: &str) -> super::Fault {
        let Self { kind, path, message } = self;
        super::Fault { kind, resource: resource.to_owned(), path, message }
    }
}

/// A walk through one resource.
pub(super) struct Walker<'f> {
    root: &'static Value,
    /// Leaves that tenants' values fill, by path.
    leaves: &'f HashMap<String, usize>,
    path: String,
    pub(super) faults: Vec<Inside>,
    pub(super) open: Vec<(usize, String, &'static Value)>,
    /// Something could not be known, so that no fault does not mean that the schema holds.
    unknown: bool,
}

impl<'f> Walker<'f> {
    pub(super) fn new(root: &'static Value, leaves: &'f HashMap<String, usize>, path: String) -> Self {
        Self { root, leaves, path, faults: Vec::new(), open: Vec::new(), unknown: false }
    }

    /// Holds a value against a schema.
    pub(super) fn value(&mut self, schema: &'static Value, value: &Value, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        let Some(words) = schema.as_object() else { return };
        if let Some(target) = words.get("$ref").and_then(Value::as_str) {
            if let Some(target) = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer)) {
                self.value(target, value, depth + 1);
            }
            return;
        }
        if let Some(function) = function(value) {
            match (function, branches(value)) {
                ("Fn::If", Some(branches)) => branches
                    .iter()
                    .filter(|branch| !is_absent(branch))
                    .for_each(|one| self.value(schema, one, depth + 1)),
                _ => self.unknown = true,
            }
            return;
        }
        if let Some(leaf) = self.leaves.get(&self.path) {
            self.unknown = true;
            if decides(schema, self.root, 0) {
                self.open.push((*leaf, self.path.clone(), schema));
            }
            return;
        }
        if value.is_null() {
            return self.say(Kind::Value, format!("{} is null, which CloudFormation refuses", self.shown()));
        }
        if value.as_str().is_some_and(|text| text.contains("{{resolve:")) {
            self.unknown = true;
            return;
        }
        let types = types(words);
        if !types.is_empty() && !types.iter().any(|kind| is_of(value, kind)) {
            let wanted = types.iter().map(|kind| noun(kind)).collect::<Vec<_>>().join(" or ");
            return self.say(Kind::Value, format!("{} is {}, expected {wanted}", self.shown(), short(value)));
        }
        match value {
            Value::Object(map) => self.object(words, map, depth),
            Value::Array(items) => self.array(words, items, depth),
            scalar => self.scalar(words, &types, scalar),
        }
        self.composed(words, value, depth);
    }

    fn object(&mut self, words: &'static Map<String, Value>, map: &Map<String, Value>, depth: usize) {
        if map.keys().any(|key| key.starts_with("Fn::")) {
            self.unknown = true;
            return;
        }
        let own = words.get("properties").and_then(Value::as_object);
        let patterns = words.get("patternProperties").and_then(Value::as_object);
        let others = words.get("additionalProperties");
        for (key, value) in map.iter().filter(|(_, value)| !is_absent(value)) {
            let length = self.path.len();
            self.path.push('/');
            self.path.push_str(key);
            let matching = || patterns?.iter().find(|(pattern, _)| matches(pattern, key)).map(|(_, schema)| schema);
            match own.and_then(|own| own.get(key)).or_else(matching) {
                Some(_) if self.is_read_only() => self.say(Kind::Property, format!("{} is read-only", self.shown())),
                Some(schema) => self.value(schema, value, depth + 1),
                None if others == Some(&Value::Bool(false)) => {
                    let known = own.into_iter().flatten().map(|(name, _)| name.as_str());
                    let near = nearest(key, known);
                    let holder = self.holder(length);
                    self.say(Kind::Property, format!("{holder} has no property `{key}`{near}"));
                }
                None => others.into_iter().for_each(|schema| self.value(schema, value, depth + 1)),
            }
            self.path.truncate(length);
        }
        self.presence(words, map);
    }

    /// Which properties must be there, or must not be there together.
    fn presence(&mut self, words: &Map<String, Value>, map: &Map<String, Value>) {
        let is_there = |name: &str| map.get(name).is_some_and(|value| !is_absent(value));
        let holder = self.holder(self.path.len());
        let mut lacks = |name: &str, why: String| {
            self.faults.push(Inside {
                kind: Kind::Required,
                path: self.path.clone(),
                message: format!("{holder} lacks the property `{name}`{why}"),
            });
        };
        for name in names(words.get("required")).filter(|name| !is_there(name)) {
            lacks(name, String::new());
        }
        for (having, wanted) in by_name(words.get("dependentRequired")).filter(|(having, _)| is_there(having)) {
            for name in names(Some(wanted)).filter(|name| !is_there(name)) {
                lacks(name, format!(", which `{having}` needs"));
            }
        }
        let mut say = |message: String| {
            self.faults.push(Inside { kind: Kind::Value, path: self.path.clone(), message });
        };
        for (having, excluded) in by_name(words.get("dependentExcluded")).filter(|(having, _)| is_there(having)) {
            for name in names(Some(excluded)).filter(|name| is_there(name)) {
                say(format!("{holder} has both `{having}` and `{name}`, which exclude each other"));
            }
        }
        for (word, most) in [("requiredXor", 1), ("requiredOr", usize::MAX)] {
            let wanted: Vec<&str> = names(words.get(word)).collect();
            let count = wanted.iter().filter(|name| is_there(name)).count();
            let listed = || wanted.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            if !wanted.is_empty() && count == 0 {
                say(format!("{holder} lacks all of {}, of which one is needed", listed()));
            } else if count > most {
                say(format!("{holder} has more than one of {}", listed()));
            }
        }
        let present = map.values().filter(|value| !is_absent(value)).count() as u64;
        if words.get("minProperties").and_then(Value::as_u64).is_some_and(|least| present < least) {
            say(format!("{holder} has too few properties"));
        }
        if words.get("maxProperties").and_then(Value::as_u64).is_some_and(|most| present > most) {
            say(format!("{holder} has too many properties"));
        }
    }

    fn array(&mut self, words: &'static Map<String, Value>, items: &[Value], depth: usize) {
        let first = words.get("prefixItems").and_then(Value::as_array);
        for (index, item) in items.iter().enumerate().filter(|(_, item)| !is_absent(item)) {
            let own = first.and_then(|first| first.get(index)).or_else(|| words.get("items"));
            if let Some(schema) = own {
                let length = self.path.len();
                self.path.push_str(&format!("/{index}"));
                self.value(schema, item, depth + 1);
                self.path.truncate(length);
            }
        }
        // A function may give several items, or none.
        if items.iter().any(|item| function(item).is_some()) {
            return;
        }
        let count = items.len() as u64;
        if let Some(least) = words.get("minItems").and_then(Value::as_u64).filter(|least| count < *least) {
            self.say(Kind::Value, format!("{} has {count} items, at least {least} are needed", self.shown()));
        }
        if let Some(most) = words.get("maxItems").and_then(Value::as_u64).filter(|most| count > *most) {
            self.say(Kind::Value, format!("{} has {count} items, at most {most} are taken", self.shown()));
        }
        let is_unique = words.get("uniqueItems") == Some(&Value::Bool(true));
        let twice = items.iter().enumerate().find(|(index, item)| is_unique && items[..*index].contains(item));
        if let Some((_, item)) = twice {
            self.say(Kind::Value, format!("{} has {} twice", self.shown(), short(item)));
        }
    }

    fn scalar(&mut self, words: &Map<String, Value>, types: &[&str], value: &Value) {
        let text = plain(value);
        let is_number = types.iter().any(|kind| matches!(*kind, "integer" | "number")) && !value.is_string()
            || !types.is_empty() && types.iter().all(|kind| matches!(*kind, "integer" | "number"));
        let fold = |text: &str| text.to_lowercase();
        for (word, same) in [
            ("enum", (&|one: &Value| plain(one) == text) as &dyn Fn(&Value) -> bool),
            ("enumCaseInsensitive", &|one: &Value| fold(&plain(one)) == fold(&text)),
        ] {
            if let Some(taken) = words.get(word).and_then(Value::as_array).filter(|taken| !taken.iter().any(same)) {
                let near = nearest(&text, taken.iter().filter_map(Value::as_str));
                let listed = taken.iter().take(12).map(plain).collect::<Vec<_>>().join(", ");
                let more = if taken.len() > 12 { ", …" } else { "" };
                let message = format!("{} is {}, taken are {listed}{more}{near}", self.shown(), short(value));
                self.say(Kind::Value, message);
            }
        }
        if let Some(only) = words.get("const").filter(|only| plain(only) != text) {
            self.say(Kind::Value, format!("{} is {}, only {} is taken", self.shown(), short(value), plain(only)));
        }
        if is_number {
            return self.number(words, &text);
        }
        if value.is_boolean() {
            return;
        }
        let length = text.chars().count() as u64;
        if let Some(least) = words.get("minLength").and_then(Value::as_u64).filter(|least| length < *least) {
            self.say(Kind::Value, format!("{} has {length} characters, at least {least} are taken", self.shown()));
        } else if let Some(most) = words.get("maxLength").and_then(Value::as_u64).filter(|most| length > *most) {
            self.say(Kind::Value, format!("{} has {length} characters, at most {most} are taken", self.shown()));
        } else if let Some(pattern) = words.get("pattern").and_then(Value::as_str).filter(|one| !matches(one, &text)) {
            let message = format!("{} is {}, which does not match `{pattern}`", self.shown(), short(value));
            self.say(Kind::Value, message);
        }
    }

    fn number(&mut self, words: &Map<String, Value>, text: &str) {
        let Ok(number) = text.trim().parse::<f64>() else { return };
        let bound = |word: &str| words.get(word).and_then(Value::as_f64);
        let shown = |bound: f64| Value::from(bound).to_string().trim_end_matches(".0").to_owned();
        if let Some(least) = bound("minimum").filter(|least| number < *least) {
            self.say(Kind::Value, format!("{} is {text}, at least {} is taken", self.shown(), shown(least)));
        }
        if let Some(most) = bound("maximum").filter(|most| number > *most) {
            self.say(Kind::Value, format!("{} is {text}, at most {} is taken", self.shown(), shown(most)));
        }
        if let Some(bound) = bound("exclusiveMinimum").filter(|bound| number <= *bound) {
            self.say(Kind::Value, format!("{} is {text}, more than {} is needed", self.shown(), shown(bound)));
        }
        if let Some(bound) = bound("exclusiveMaximum").filter(|bound| number >= *bound) {
            self.say(Kind::Value, format!("{} is {text}, less than {} is needed", self.shown(), shown(bound)));
        }
        if let Some(of) = bound("multipleOf").filter(|of| *of > 0.0 && (number / of).fract() != 0.0) {
            self.say(Kind::Value, format!("{} is {text}, a multiple of {} is taken", self.shown(), shown(of)));
        }
    }

    /// `allOf`, `anyOf`, `oneOf`, `if` and `not`.
    fn composed(&mut self, words: &'static Map<String, Value>, value: &Value, depth: usize) {
        let list = |word: &str| words.get(word).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for schema in list("allOf") {
            self.value(schema, value, depth + 1);
        }
        for (word, is_one) in [("anyOf", false), ("oneOf", true)] {
            let branches = list(word);
            let tried: Vec<Self> = branches.iter().map(|schema| self.tried(schema, value, depth)).collect();
            let held = tried.iter().filter(|branch| branch.faults.is_empty()).count();
            if held == 0 {
                let nearest = tried.into_iter().min_by_key(|branch| branch.faults.len());
                self.faults.extend(nearest.into_iter().flat_map(|branch| branch.faults));
            } else if is_one && held > 1 && branches.iter().all(only_requires) {
                let of = branches.iter().flat_map(|branch| names(branch.get("required")));
                let of = of.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                self.say(Kind::Value, format!("{} has more than one of {of}", self.holder(self.path.len())));
            }
        }
        if let Some(condition) = words.get("if") {
            let tried = self.tried(condition, value, depth);
            let next = match (tried.faults.is_empty(), tried.unknown) {
                (true, false) => words.get("then"),
                (false, _) => words.get("else"),
                (true, true) => None,
            };
            next.into_iter().for_each(|schema| self.value(schema, value, depth + 1));
        }
        if let Some(refused) = words.get("not") {
            let tried = self.tried(refused, value, depth);
            if tried.faults.is_empty() && !tried.unknown {
                self.say(Kind::Value, format!("{} is {}, which is not taken", self.shown(), short(value)));
            }
        }
        for (having, schema) in by_name(words.get("dependentSchemas")) {
            if value.get(having).is_some_and(|value| !is_absent(value)) {
                self.value(schema, value, depth + 1);
            }
        }
    }

    /// What a schema would say.
    fn tried(&self, schema: &'static Value, value: &Value, depth: usize) -> Self {
        let mut branch = Self::new(self.root, self.leaves, self.path.clone());
        branch.value(schema, value, depth + 1);
        branch
    }

    fn is_read_only(&self) -> bool {
        let inside = self.path.strip_prefix("Properties/").unwrap_or(&self.path);
        let same = |pointer: &str| {
            pointer.split('/').count() == inside.split('/').count()
                && pointer.split('/').zip(inside.split('/')).all(|(one, two)| one == "*" || one == two)
        };
        names(self.root.get("readOnly")).any(same)
    }

    fn say(&mut self, kind: Kind, message: String) {
        self.faults.push(Inside { kind, path: self.path.clone(), message });
    }

    /// The value at the path, as a person would write it: `` `Tags[0].Key` ``.
    fn shown(&self) -> String {
        format!("`{}`", dotted(&self.path))
    }

    /// What a property is of: the type itself, or one of its properties.
    fn holder(&self, length: usize) -> String {
        match dotted(&self.path[..length]) {
            inside if inside.is_empty() => format!("`{}`", self.root["typeName"].as_str().unwrap_or_default()),
            inside => format!("`{inside}`"),
        }
    }
}

fn dotted(path: &str) -> String {
    let mut shown = String::new();
    for part in path.split('/').skip(1) {
        match part.parse::<usize>() {
            Ok(index) => shown.push_str(&format!("[{index}]")),
            Err(_) if shown.is_empty() => shown.push_str(part),
            Err(_) => shown.push_str(&format!(".{part}")),
        }
    }
    shown
}

/// The name of the function that a value is.
fn function(value: &Value) -> Option<&str> {
    let map = value.as_object().filter(|map| map.len() == 1)?;
    let key = map.keys().next()?;
    (key == "Ref" || key.starts_with("Fn::")).then_some(key)
}

/// The two values of `Fn::If`.
fn branches(value: &Value) -> Option<&[Value]> {
    value.get("Fn::If")?.as_array().filter(|parts| parts.len() == 3).map(|parts| &parts[1..])
}

/// A property that is not there: `!Ref AWS::NoValue`.
fn is_absent(value: &Value) -> bool {
    value.get("Ref").is_some_and(|name| name == "AWS::NoValue")
}

/// Whether a schema refuses any scalar.
fn decides(schema: &'static Value, root: &'static Value, depth: usize) -> bool {
    const WORDS: [&str; 16] = [
        "enum",
        "enumCaseInsensitive",
        "const",
        "pattern",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "allOf",
        "anyOf",
        "oneOf",
        "if",
        "not",
    ];
    let Some(words) = schema.as_object().filter(|_| depth < DEEPEST) else { return false };
    match words.get("$ref").and_then(Value::as_str).and_then(|target| root.pointer(target.strip_prefix('#')?)) {
        Some(target) => decides(target, root, depth + 1),
        None => {
            let types = types(words);
            !types.is_empty() && !types.contains(&"string") || WORDS.iter().any(|word| words.contains_key(*word))
        }
    }
}

fn types(words: &Map<String, Value>) -> Vec<&str> {
    match words.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is_of(value: &Value, kind: &str) -> bool {
    match (kind, value) {
        ("object", value) => value.is_object(),
        ("array", value) => value.is_array(),
        ("string", value) => value.is_string() || value.is_number() || value.is_boolean(),
        ("boolean", Value::Bool(_)) => true,
        ("boolean", Value::String(text)) => matches!(text.to_lowercase().as_str(), "true" | "false"),
        ("integer", Value::Number(number)) => {
            number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
        ("integer", Value::String(text)) => text.trim().parse::<i64>().is_ok(),
        ("number", Value::Number(_)) => true,
        ("number", Value::String(text)) => text.trim().parse::<f64>().is_ok_and(f64::is_finite),
        ("null", value) => value.is_null(),
        _ => false,
    }
}

fn noun(kind: &str) -> &str {
    match kind {
        "object" => "a map",
        "array" => "a list",
        "string" => "a text",
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        other => other,
    }
}

/// A scalar as CloudFormation reads it where a text is wanted.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A value for a message: not the whole of a long one.
fn short(value: &Value) -> String {
    match value {
        Value::Object(_) => "a map".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::String(text) if text.chars().count() > SHOWN => {
            format!("{:?}…", text.chars().take(SHOWN).collect::<String>())
        }
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}

fn names(list: Option<&Value>) -> impl Iterator<Item = &str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn by_name(map: Option<&Value>) -> impl Iterator<Item = (&str, &Value)> {
    map.and_then(Value::as_object).into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

/// A branch that says nothing but what must be there.
fn only_requires(schema: &Value) -> bool {
    schema.as_object().is_some_and(|words| !words.is_empty() && words.keys().all(|word| word == "required"))
}

/// Whether an expression is found in a text; one that cannot be read or takes too long refuses nothing.
fn matches(pattern: &str, text: &str) -> bool {
    expression(pattern).is_none_or(|expression| expression.is_match(text).unwrap_or(true))
}

/// An expression, compiled once.
pub(super) fn expression(pattern: &str) -> Option<Arc<Regex>> {
    static KNOWN: OnceLock<RwLock<HashMap<String, Option<Arc<Regex>>>>> = OnceLock::new();
    let known = KNOWN.get_or_init(RwLock::default);
    if let Some(known) = known.read().unwrap_or_else(PoisonError::into_inner).get(pattern) {
        return known.clone();
    }
    let made = Regex::new(pattern).ok().map(Arc::new);
    known.write().unwrap_or_else(PoisonError::into_inner).insert(pattern.to_owned(), made.clone());
    made
}
