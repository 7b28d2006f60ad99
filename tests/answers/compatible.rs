//! Whether programs that read what one JSON Schema describes can read what another one does.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// What of the earlier schema does not hold of the later one, each with where. Fields, values of an enumeration and
/// alternatives may be added.
pub(super) fn breaks(earlier: &Value, later: &Value) -> Vec<String> {
    let mut comparison = Comparison { earlier, later, seen: BTreeSet::new(), found: Vec::new() };
    comparison.compare(&[earlier], &[later], "");
    comparison.found
}

/// Keywords whose value must stay where there is one.
const KEPT: [&str; 9] =
    ["format", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems"];

/// Schemas that all hold of one value, put together.
#[derive(Default)]
struct Form<'s> {
    /// None: any.
    types: Option<BTreeSet<&'s str>>,
    /// What an enumeration lists, as JSON.
    values: BTreeSet<String>,
    properties: BTreeMap<&'s str, Vec<&'s Value>>,
    required: BTreeSet<&'s str>,
    items: Vec<&'s Value>,
    places: Vec<&'s Value>,
    additional: Vec<&'s Value>,
    /// Of which one holds; null and the values of an enumeration are not among them.
    alternatives: Vec<&'s Value>,
    kept: BTreeMap<&'static str, &'s Value>,
}

fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

impl<'s> Form<'s> {
    fn of(root: &'s Value, schemas: &[&'s Value]) -> Self {
        let mut form = Self::default();
        schemas.iter().for_each(|schema| form.add(root, schema));
        form
    }

    fn add(&mut self, root: &'s Value, schema: &'s Value) {
        let Some(schema) = schema.as_object() else { return };
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            self.add(root, root.pointer(target.trim_start_matches('#')).unwrap());
        }
        schema.get("allOf").and_then(Value::as_array).into_iter().flatten().for_each(|part| self.add(root, part));
        self.narrow(types(schema));
        let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten().chain(schema.get("const"));
        self.values.extend(listed.map(Value::to_string));
        for (name, value) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            self.properties.entry(name).or_default().push(value);
        }
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        self.required.extend(required.filter_map(Value::as_str));
        self.items.extend(schema.get("items"));
        self.places.extend(schema.get("prefixItems").and_then(Value::as_array).into_iter().flatten());
        self.additional.extend(schema.get("additionalProperties"));
        self.kept.extend(KEPT.iter().filter_map(|word| Some((*word, schema.get(*word)?))));
        for word in ["anyOf", "oneOf"] {
            if let Some(parts) = schema.get(word).and_then(Value::as_array) {
                self.choose(root, parts);
            }
        }
    }

    fn narrow(&mut self, types: Option<BTreeSet<&'s str>>) {
        self.types = match (self.types.take(), types) {
            (Some(own), Some(types)) => Some(own.into_iter().filter(|one| permits(&types, one)).collect()),
            (own, types) => own.or(types),
        };
    }

    fn choose(&mut self, root: &'s Value, parts: &'s [Value]) {
        let mut alternatives = Vec::new();
        let mut all = Some(BTreeSet::new());
        for part in parts {
            let form = Form::of(root, &[part]);
            let is_null = form.types.as_ref().is_some_and(|types| types.iter().eq(["null"].iter()));
            all = all.zip(form.types).map(|(all, types)| &all | &types);
            if !form.values.is_empty() {
                self.values.extend(form.values);
            } else if !is_null {
                alternatives.push(part);
            }
        }
        self.narrow(all);
        match alternatives[..] {
            // What may be null, or something else as well.
            [one] => {
                let types = self.types.take();
                self.add(root, one);
                self.types = types;
            }
            _ => self.alternatives.extend(alternatives),
        }
    }
}

/// The types that a schema itself allows.
fn types(schema: &Map<String, Value>) -> Option<BTreeSet<&str>> {
    match (schema.get("type"), schema.get("const"), schema.get("enum")) {
        (Some(Value::String(one)), ..) => Some([one.as_str()].into()),
        (Some(Value::Array(all)), ..) => Some(all.iter().filter_map(Value::as_str).collect()),
        (None, Some(one), _) => Some([name_of(one)].into()),
        (None, None, Some(Value::Array(all))) => Some(all.iter().map(name_of).collect()),
        _ => None,
    }
}

fn permits(types: &BTreeSet<&str>, one: &str) -> bool {
    types.contains(one) || one == "integer" && types.contains("number")
}

struct Comparison<'s> {
    earlier: &'s Value,
    later: &'s Value,
    /// Pairs that are compared already: types may contain themselves.
    seen: BTreeSet<(Vec<*const Value>, Vec<*const Value>)>,
    found: Vec<String>,
}

impl<'s> Comparison<'s> {
    fn compare(&mut self, earlier: &[&'s Value], later: &[&'s Value], route: &str) {
        let pointers = |all: &[&'s Value]| all.iter().map(|one| &raw const **one).collect::<Vec<_>>();
        if !self.seen.insert((pointers(earlier), pointers(later))) {
            return;
        }
        let (before, after) = (Form::of(self.earlier, earlier), Form::of(self.later, later));
        if let Some(allowed) = &before.types {
            let wider = after.types.as_ref().is_none_or(|types| types.iter().any(|one| !permits(allowed, one)));
            if wider {
                let after = after.types.iter().flatten().collect::<Vec<_>>();
                self.found.push(format!("{route}: was of the types {allowed:?}, is of {after:?}"));
                return;
            }
        }
        for value in before.values.difference(&after.values) {
            self.found.push(format!("{route}: the value {value} is gone"));
        }
        for (word, value) in &before.kept {
            if after.kept.get(word) != Some(value) {
                self.found.push(format!("{route}: `{word}` was {value}"));
            }
        }
        for (name, schemas) in &before.properties {
            let route = format!("{route}/{name}");
            match after.properties.get(name) {
                Some(later) => self.compare(schemas, later, &route),
                None => self.found.push(format!("{route}: the field is gone")),
            }
            if before.required.contains(name) && !after.required.contains(name) {
                self.found.push(format!("{route}: the field may be missing"));
            }
        }
        for (before, after, what) in
            [(&before.items, &after.items, "items"), (&before.additional, &after.additional, "values")]
        {
            match (before.is_empty(), after.is_empty()) {
                (false, false) => self.compare(before, after, &format!("{route}/*")),
                (false, true) => self.found.push(format!("{route}: its {what} may be anything")),
                (true, _) => {}
            }
        }
        if before.places.len() != after.places.len() {
            self.found.push(format!("{route}: had {} places, has {}", before.places.len(), after.places.len()));
        }
        for (at, (before, after)) in before.places.iter().zip(&after.places).enumerate() {
            self.compare(&[before], &[after], &format!("{route}/{at}"));
        }
        let others = if after.alternatives.is_empty() { later } else { &after.alternatives[..] };
        for alternative in &before.alternatives {
            self.among(alternative, others, route);
        }
    }

    /// An alternative must still be among the others; of several that break it, the nearest tells how.
    fn among(&mut self, alternative: &'s Value, others: &[&'s Value], route: &str) {
        let tried = others.iter().map(|other| {
            let mut trial = Comparison { seen: BTreeSet::new(), found: Vec::new(), ..*self };
            trial.compare(&[alternative], &[other], route);
            trial.found
        });
        let nearest = tried.min_by_key(Vec::len);
        self.found.extend(nearest.unwrap_or_else(|| vec![format!("{route}: an alternative is gone")]));
    }
}
