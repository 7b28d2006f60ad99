//! JSON Schemas of the estate's files, generated from the types of [`super::spec`], and what breaks them.

use std::sync::LazyLock;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{ValidationError, Validator};
use serde_json::{Map, Value, json};

use super::spec::{Fleet, TenantSpec};
use crate::flags::Catalogue;
use tenantry_base::finding::Code;
use tenantry_base::tree::{below, route_of};

/// The files of an estate that have a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Fleet,
    Tenant,
    Flags,
}

/// A break of a schema: where, and what about it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Break {
    pub(super) code: Code,
    /// The value, or for a missing one what it is missing from.
    pub(super) route: String,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

/// The schema of a whole file.
pub fn schema(kind: Kind) -> Value {
    let schema = match kind {
        Kind::Fleet => schemars::schema_for!(Fleet),
        Kind::Tenant => schemars::schema_for!(TenantSpec),
        Kind::Flags => schemars::schema_for!(Catalogue),
    };
    schema.to_value()
}

/// The schema of a tenant's file when a fleet gives `defaults`: what they give may be left out.
pub fn tenant_schema(defaults: &Map<String, Value>) -> Value {
    let mut schema = schema(Kind::Tenant);
    for (field, value) in defaults {
        let definition =
            schema.pointer(&format!("/properties/{field}/$ref")).and_then(Value::as_str).map(str::to_owned);
        let still_required = match (definition, value) {
            (Some(path), Value::Object(given)) => {
                let pointer = path.trim_start_matches('#').to_owned();
                let required = schema.pointer_mut(&pointer).and_then(|inner| inner.get_mut("required"));
                let Some(Value::Array(required)) = required else { continue };
                required.retain(|name| !name.as_str().is_some_and(|name| given.contains_key(name)));
                !required.is_empty()
            }
            _ => false,
        };
        if let Some(Value::Array(required)) = schema.get_mut("required").filter(|_| !still_required) {
            required.retain(|name| name != field);
        }
    }
    schema
}

/// A validator, or why its schema cannot be used.
type Built = Result<Validator, String>;

static FLEET: LazyLock<Built> = LazyLock::new(|| build(&schema(Kind::Fleet)));
static TENANT: LazyLock<Built> = LazyLock::new(|| build(&schema(Kind::Tenant)));
static FLAGS: LazyLock<Built> = LazyLock::new(|| build(&schema(Kind::Flags)));

fn build(schema: &Value) -> Built {
    jsonschema::validator_for(schema).map_err(|error| error.to_string())
}

/// Every break of a file's schema.
pub(super) fn breaks(kind: Kind, value: &Value) -> Vec<Break> {
    let validator = match kind {
        Kind::Fleet => &FLEET,
        Kind::Tenant => &TENANT,
        Kind::Flags => &FLAGS,
    };
    held(kind, validator, value)
}

/// A file that cannot be checked is not well.
fn held(kind: Kind, validator: &Built, value: &Value) -> Vec<Break> {
    let validator = match validator {
        Ok(validator) => validator,
        Err(error) => {
            let message = format!("the file cannot be checked, because its schema cannot be used: {error}");
            return vec![Break { code: Code("TN1000"), route: String::new(), message, help: None }];
        }
    };
    let mut breaks: Vec<Break> = validator.iter_errors(value).flat_map(|error| explain(kind, &error)).collect();
    breaks.dedup();
    breaks
}

fn explain(kind: Kind, error: &ValidationError<'_>) -> Vec<Break> {
    let route = route_of("", error.instance_path().as_str());
    let called = if route.is_empty() { "the file".to_owned() } else { format!("`{route}`") };
    let one = |code, message: String| vec![Break { code: Code(code), route: route.clone(), message, help: None }];
    let shown = || shown(error.instance());
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            unexpected.iter().map(|field| unknown(kind, &route, field)).collect()
        }
        ValidationErrorKind::Required { property } => {
            let field = property.as_str().unwrap_or_default();
            one("TN1006", format!("`{}` is missing", below(&route, field)))
        }
        ValidationErrorKind::Type { kind } => {
            let wanted = match kind {
                TypeKind::Single(one) => type_named(&one.to_string()),
                TypeKind::Multiple(many) => {
                    many.iter().map(|one| type_named(&one.to_string())).collect::<Vec<_>>().join(" or ")
                }
            };
            one("TN1005", format!("{called} must be {wanted}, not {}", type_of(error.instance())))
        }
        ValidationErrorKind::Enum { options } => {
            let options: Vec<String> = options.as_array().into_iter().flatten().map(self::shown).collect();
            one("TN1007", format!("{called} is {}, must be one of {}", shown(), options.join(", ")))
        }
        ValidationErrorKind::Pattern { pattern } => {
            let rule = rule_of(kind, error).unwrap_or_else(|| format!("it must match `{pattern}`"));
            one("TN1007", format!("{called} is {}: {rule}", shown()))
        }
        _ => one("TN1007", format!("{called} is not allowed: {error}")),
    }
}

/// The description of the definition that an error's schema path ends in.
fn rule_of(kind: Kind, error: &ValidationError<'_>) -> Option<String> {
    let schema = schema(kind);
    let path = error.schema_path().as_str().to_owned();
    let mut at = &schema;
    let mut rule = None;
    for part in path.split('/').skip(1) {
        if let Some(reference) = at.get("$ref").and_then(Value::as_str) {
            at = schema.pointer(reference.trim_start_matches('#'))?;
        }
        if part == "$ref" {
            continue;
        }
        at = at.get(part).or_else(|| at.get(part.parse::<usize>().ok()?))?;
        rule = at.get("description").and_then(Value::as_str).or(rule);
    }
    rule.map(|rule| rule.lines().next().unwrap_or(rule).trim_end_matches('.').to_owned())
}

/// An unknown field, with the known one that it may stand for.
fn unknown(kind: Kind, route: &str, field: &str) -> Break {
    let full = below(route, field);
    let known = fields_at(kind, route);
    let close = |name: &&String| strsim::jaro_winkler(name, field) > 0.75;
    let nearest = known
        .iter()
        .filter(close)
        .max_by(|a, b| strsim::jaro_winkler(a, field).total_cmp(&strsim::jaro_winkler(b, field)));
    let help = match nearest {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known here: {}", known.join(", ")),
    };
    Break { code: Code("TN1004"), message: format!("`{full}` is unknown"), route: full, help: Some(help) }
}

/// The fields that a schema has at a route.
fn fields_at(kind: Kind, route: &str) -> Vec<String> {
    let schema = schema(kind);
    let resolve = |mut part: Value| {
        while let Some(reference) = part.get("$ref").and_then(Value::as_str) {
            part = schema.pointer(reference.trim_start_matches('#')).cloned().unwrap_or_default();
        }
        part
    };
    let mut at = resolve(schema.clone());
    for step in route.split(['.', '[']).filter(|step| !step.is_empty()) {
        let inside = if step.ends_with(']') { at.get("items") } else { at.pointer(&format!("/properties/{step}")) };
        let inside = inside
            .or_else(|| at.get("additionalProperties"))
            .or_else(|| at["patternProperties"].as_object()?.values().next());
        at = resolve(inside.cloned().unwrap_or(json!({})));
    }
    at.get("properties").and_then(Value::as_object).map(|map| map.keys().cloned().collect()).unwrap_or_default()
}

/// A type of JSON Schema in the words of [`type_of`].
fn type_named(kind: &str) -> String {
    match kind {
        "null" => "empty".to_owned(),
        "boolean" => "a boolean".to_owned(),
        "number" => "a number".to_owned(),
        "integer" => "a whole number".to_owned(),
        "string" => "a text".to_owned(),
        "array" => "a list".to_owned(),
        "object" => "a map".to_owned(),
        other => format!("a {other}"),
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "empty",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_field_is_told_its_name() {
        let breaks =
            breaks(Kind::Tenant, &json!({ "apiVersion": "tenantry/v1", "ingest": { "peak_gib_per_minut": 1 } }));
        let unknown = breaks.iter().find(|found| found.code.0 == "TN1004").unwrap();
        assert_eq!(unknown.route, "ingest.peak_gib_per_minut");
        assert_eq!(unknown.help.as_deref(), Some("did you mean `peak_gib_per_minute`?"));
        assert!(breaks.iter().any(|found| found.message == "`account` is missing"));
    }

    #[test]
    fn a_file_without_a_usable_schema_is_not_well() {
        let breaks = held(Kind::Tenant, &build(&json!({ "type": 7 })), &json!({}));
        assert_eq!(breaks.len(), 1);
        assert_eq!((breaks[0].code.0, breaks[0].route.as_str()), ("TN1000", ""));
    }

    #[test]
    fn what_defaults_give_may_be_left_out() {
        let defaults = json!({ "ring": "general", "contact": { "timezone": "UTC" } });
        let schema = tenant_schema(defaults.as_object().unwrap());
        let required = |part: &Value| part["required"].as_array().cloned().unwrap_or_default();
        assert!(!required(&schema).contains(&json!("ring")));
        assert!(required(&schema).contains(&json!("contact")), "contact.page is still needed");
        assert_eq!(required(&schema["$defs"]["Contact"]), [json!("page")]);
    }
}
