//! The fields of a file, from its JSON Schema, as rows of a table.

use serde_yaml::{Mapping, Value};

/// A row: the field's path, type with unit, default, limits and meaning.
pub(super) struct Field {
    path: String,
    kind: String,
    default: String,
    limits: String,
    meaning: String,
}

pub(super) const HEAD: &str = "| field | type | default | limits | meaning |\n|---|---|---|---|---|\n";

/// A cell of a table: in one line, no character that a table or HTML takes for its own.
pub(super) fn cell(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
    let outside = |(index, part): (usize, &str)| {
        if index % 2 == 1 { part.to_owned() } else { part.replace('<', "&lt;").replace('*', "\\*") }
    };
    text.split('`').enumerate().map(outside).collect::<Vec<_>>().join("`")
}

/// A value as a code, or nothing.
pub(super) fn code(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
    if text.is_empty() { text } else { format!("`{text}`") }
}

pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A scalar or a list in YAML's flow style.
pub(super) fn flow(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::String(value) => value.clone(),
        Value::Sequence(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Mapping(map) => {
            let entries = map.iter().map(|(key, value)| format!("{}: {}", flow(key), flow(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Tagged(tagged) => flow(&tagged.value),
    }
}

impl Field {
    pub(super) fn row(&self) -> String {
        let (kind, limits, meaning) = (cell(&self.kind), cell(&self.limits), cell(&self.meaning));
        format!("| {} | {kind} | {} | {limits} | {meaning} |\n", code(&self.path), self.default)
    }
}

/// The fields below a schema of type object, each at its path.
pub(super) struct Fields<'a> {
    definitions: &'a Value,
    found: Vec<Field>,
}

impl<'a> Fields<'a> {
    /// Of the properties that `wanted` takes.
    pub(super) fn of(schema: &Value, definitions: &'a Value, wanted: impl Fn(&str) -> bool) -> Vec<Field> {
        let mut fields = Self { definitions, found: Vec::new() };
        fields.properties(schema, "", wanted);
        fields.found
    }

    /// The schema with what it refers to; its own words win.
    fn resolved(&self, schema: &Value) -> Value {
        let chosen = schema.get("anyOf").and_then(Value::as_sequence).and_then(|any| any.first());
        let referred =
            text(chosen.unwrap_or(schema), "$ref").strip_prefix("#/$defs/").map(|name| &self.definitions[name]);
        let Some(referred) = referred else { return schema.clone() };
        let mut merged: Mapping = self.resolved(referred).as_mapping().cloned().unwrap_or_default();
        merged.extend(schema.as_mapping().cloned().unwrap_or_default());
        Value::Mapping(merged)
    }

    fn properties(&mut self, schema: &Value, path: &str, wanted: impl Fn(&str) -> bool) {
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Value::as_sequence)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        for (name, property) in schema.get("properties").and_then(Value::as_mapping).into_iter().flatten() {
            let name = name.as_str().unwrap();
            if wanted(name) && *property != Value::Bool(false) {
                let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
                self.field(&path, &self.resolved(property), required.contains(&name));
            }
        }
    }

    fn field(&mut self, path: &str, schema: &Value, required: bool) {
        let default = match schema.get("default") {
            _ if required => "required".to_owned(),
            None | Some(Value::Null) => String::new(),
            Some(value) => code(&flow(value)),
        };
        self.found.push(Field {
            path: path.to_owned(),
            kind: self.kind(schema),
            default,
            limits: limits(schema),
            meaning: text(schema, "description").to_owned(),
        });
        self.properties(schema, path, |_| true);
        let patterns = schema.get("patternProperties").and_then(Value::as_mapping).and_then(|map| map.values().next());
        let additional = schema.get("additionalProperties").filter(|value| value.is_mapping());
        for (below, suffix) in [(patterns.or(additional), ".KEY"), (schema.get("items"), "[]")] {
            let below = below.map(|below| self.resolved(below));
            if let Some(below) = below.filter(|below| below.get("properties").is_some()) {
                self.properties(&below, &format!("{path}{suffix}"), |_| true);
            }
        }
    }

    /// The type in words, with its unit.
    fn kind(&self, schema: &Value) -> String {
        let options = |values: &Value| {
            values
                .as_sequence()
                .into_iter()
                .flatten()
                .map(|value| format!("`{}`", flow(value)))
                .collect::<Vec<_>>()
                .join(", ")
        };
        if let Some(values) = schema.get("enum") {
            return options(values);
        }
        if let Some(any) = schema.get("oneOf").and_then(Value::as_sequence) {
            let one =
                |schema: &Value| schema.get("enum").map_or_else(|| format!("`{}`", flow(&schema["const"])), options);
            return any.iter().map(one).collect::<Vec<_>>().join(", ");
        }
        let unit = [text(schema, "x-unit"), text(schema, "unit")].concat();
        let kind = match (schema.get("type").map(flow).unwrap_or_default().as_str(), text(schema, "format")) {
            ("array", _) => {
                let items = schema.get("items").map(|items| self.kind(&self.resolved(items))).unwrap_or_default();
                return format!("list of: {items}");
            }
            ("object", _) if schema.get("properties").is_some() => "section".to_owned(),
            ("object", _) => "map".to_owned(),
            (_, "certificate-authority" | "revocation-list") => "path of a PEM file".to_owned(),
            (_, "ipv4-block") => "IPv4 block".to_owned(),
            (kind, _) => kind.trim_matches(['[', ']']).replace(", ", " or "),
        };
        if unit.is_empty() { kind } else { format!("{kind}, {unit}") }
    }
}

/// Bounds, counts, patterns.
fn limits(schema: &Value) -> String {
    let number = |key: &str| schema.get(key).map(flow);
    let range = |low: Option<String>, high: Option<String>, of: &str| match (low, high) {
        (Some(low), Some(high)) => Some(format!("{low} to {high}{of}")),
        (Some(low), None) => Some(format!("at least {low}{of}")),
        (None, Some(high)) => Some(format!("at most {high}{of}")),
        (None, None) => None,
    };
    let parts = [
        range(number("minimum"), number("maximum"), ""),
        range(number("minItems"), number("maxItems"), " items"),
        range(number("minLength"), number("maxLength"), " characters"),
        range(number("minProperties"), number("maxProperties"), " entries"),
        number("most_certificates").map(|count| format!("at most {count} certificates")),
        number("apart_from").map(|other| format!("not that of `{other}` in any tenant")),
        number("authority").map(|other| format!("of `{other}`")),
        schema.get("uniqueItems").map(|_| "no item twice".to_owned()),
        number("pattern").filter(|pattern| pattern.len() <= 60).map(|pattern| format!("`{pattern}`")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}
