//! JSON Schemas of the estate's files, generated from the types of [`super::spec`] and a blueprint's declarations, and what
//! breaks them.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{ValidationError, Validator};
use serde_json::{Map, Value, json};

use super::spec::{Fleet, TenantSpec};
use crate::flags::Catalogue;
use tenantry_base::document::read_source;
use tenantry_base::finding::{Code, Finding, Location};
use tenantry_base::tree::{below, route_of};
use tenantry_blueprint::Blueprint;

/// The files of an estate that have a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Fleet,
    Tenant,
    Flags,
    /// `defaults` of `fleet.yaml`, in a map with this one key: what a tenant's file has, and nothing is required.
    Defaults,
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

impl Break {
    /// Whether it is about a key rather than its value.
    pub(super) fn is_on_key(&self) -> bool {
        matches!(self.code, Code::TN1004 | Code::TN1006)
    }

    /// The finding, at the place that is found for it.
    pub(super) fn finding(self, place: impl Fn(&Self) -> Location) -> Finding {
        let at = place(&self);
        let finding = Finding::new(self.code, self.message).at(at);
        match self.help {
            Some(help) => finding.with_help(help),
            None => finding,
        }
    }
}

/// The schemas of an estate's files: those of the tool, with what a blueprint declares.
#[derive(Debug)]
pub struct Schemas {
    fleet: Checked,
    tenant: Checked,
    flags: Checked,
    defaults: Checked,
}

/// A schema and its validator, which is built when a file is first checked against it.
#[derive(Debug)]
struct Checked {
    schema: Value,
    /// What is checked, where that is not the schema itself.
    open: Option<Value>,
    formats: bool,
    validator: OnceLock<Result<Validator, String>>,
}

impl Checked {
    /// Formats are checked where they are a blueprint's; what the tool's own types say of dates, checks of their own tell.
    fn new(schema: Value, formats: bool) -> Self {
        Self { schema, open: None, formats, validator: OnceLock::new() }
    }

    /// The validator, or why the schema cannot be used.
    fn validator(&self) -> Result<&Validator, &String> {
        let build = || {
            let options = jsonschema::options().should_validate_formats(self.formats);
            options.build(self.open.as_ref().unwrap_or(&self.schema)).map_err(|error| error.to_string())
        };
        self.validator.get_or_init(build).as_ref()
    }

    /// The schema of `fleet.yaml`, whose defaults are held against [`Kind::Defaults`] apart.
    fn with_open_defaults(schema: Value) -> Self {
        let mut open = schema.clone();
        open["properties"]["defaults"] = json!({ "type": "object" });
        Self { open: Some(open), ..Self::new(schema, false) }
    }
}

impl Schemas {
    /// The schemas of estates of a blueprint.
    pub fn of(blueprint: &Blueprint) -> Self {
        let mut tenant = schemars::schema_for!(TenantSpec).to_value();
        let sections = blueprint.schema();
        extend(&mut tenant, "", "properties", &sections["properties"]);
        extend(&mut tenant, "", "required", &sections["required"]);
        let mut fleet = schemars::schema_for!(Fleet).to_value();
        let region = "/$defs/RegionSpec";
        extend(&mut fleet, region, "properties", &blueprint.region.schema["properties"]);
        extend(&mut fleet, region, "required", &blueprint.region.schema["required"]);
        let defaults = defaults(&tenant);
        extend(&mut fleet, "", "properties", &defaults["properties"]);
        extend(&mut fleet, "", "$defs", &defaults["$defs"]);
        Self {
            defaults: Checked::new(defaults, true),
            // What is wrong with the defaults does not keep the tenants from being read.
            fleet: Checked::with_open_defaults(fleet),
            tenant: Checked::new(tenant, true),
            flags: Checked::new(schemars::schema_for!(Catalogue).to_value(), false),
        }
    }

    /// Copies of the schemas in the folder `schemas` of the estate below `root` that are not those of today: the fleet's defaults
    /// or the blueprint have changed since, and an editor would check against what no longer holds.
    pub fn stale(&self, root: &Path, defaults: &Map<String, Value>) -> Vec<Finding> {
        let current = [
            ("fleet", self.fleet.schema.clone()),
            ("tenant", self.tenant_schema(defaults)),
            ("flags", self.flags.schema.clone()),
        ];
        let stale = current.into_iter().filter_map(|(name, schema)| {
            let path = Path::new("schemas").join(name).with_extension("json");
            root.join(&path).symlink_metadata().ok()?;
            let source = match read_source(&root.join(&path), path) {
                Ok(source) => Arc::new(source),
                Err(finding) => return Some(finding),
            };
            if serde_json::from_str::<Value>(&source.text).is_ok_and(|copy| copy == schema) {
                return None;
            }
            let message = format!("`{}` is not the schema of today", source.path.display());
            let help = format!("`tenantry schema {name} > {}` writes it", source.path.display());
            Some(Finding::new(Code::TN1050, message).at(Location::new(source, 0..0)).with_help(help))
        });
        stale.collect()
    }

    /// The schema of a whole file.
    pub fn schema(&self, kind: Kind) -> &Value {
        &self.checked(kind).schema
    }

    fn checked(&self, kind: Kind) -> &Checked {
        match kind {
            Kind::Fleet => &self.fleet,
            Kind::Tenant => &self.tenant,
            Kind::Flags => &self.flags,
            Kind::Defaults => &self.defaults,
        }
    }

    /// The schema of a tenant's file when a fleet gives `defaults`: what they give may be left out.
    pub fn tenant_schema(&self, defaults: &Map<String, Value>) -> Value {
        let mut schema = self.tenant.schema.clone();
        if let Some(Value::Array(required)) = schema.get_mut("required") {
            // That of the fleet holds.
            required.retain(|name| name != "apiVersion");
        }
        for (field, value) in defaults {
            let inside = format!("/properties/{field}");
            let definition = schema.pointer(&format!("{inside}/$ref")).and_then(Value::as_str);
            let pointer = definition.map_or(inside, |path| path.trim_start_matches('#').to_owned());
            let still_required = match value {
                Value::Object(given) => {
                    let required = schema.pointer_mut(&pointer).and_then(|inner| inner.get_mut("required"));
                    match required {
                        Some(Value::Array(required)) => {
                            required.retain(|name| !name.as_str().is_some_and(|name| given.contains_key(name)));
                            !required.is_empty()
                        }
                        _ => false,
                    }
                }
                _ => false,
            };
            if let Some(Value::Array(required)) = schema.get_mut("required").filter(|_| !still_required) {
                required.retain(|name| name != field);
            }
        }
        schema
    }

    /// Every break of a file's schema.
    pub(super) fn breaks(&self, kind: Kind, value: &Value) -> Vec<Break> {
        held(self.checked(kind), value)
    }
}

/// Fields that every tenant has for itself.
const NO_DEFAULT: [&str; 2] = ["/properties/moved_from", "/$defs/Network/properties/cidr"];

/// The schema of `{ "defaults": … }`: as that of a tenant's file, but nothing is required, and what each tenant has for
/// itself may not be given. Its definitions are called otherwise, so that they fit beside those of `fleet.yaml`.
fn defaults(tenant: &Value) -> Value {
    let mut inner = tenant.clone();
    for pointer in NO_DEFAULT {
        if let Some(field) = inner.pointer_mut(pointer) {
            *field = json!(false);
        }
    }
    loosen(&mut inner);
    let definitions = inner["$defs"].take();
    let renamed = definitions.as_object().into_iter().flatten();
    let renamed: Map<String, Value> = renamed.map(|(name, value)| (format!("Default{name}"), value.clone())).collect();
    if let Value::Object(inner) = &mut inner {
        inner.retain(|word, _| !matches!(word.as_str(), "$defs" | "$schema" | "title"));
        inner
            .insert("description".to_owned(), json!("Defaults for every field of a tenant; a tenant's own file wins."));
        inner.insert("default".to_owned(), json!({}));
    }
    json!({ "properties": { "defaults": inner }, "$defs": renamed })
}

/// Takes out what is required, and points references at the renamed definitions.
fn loosen(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if map.get("required").is_some_and(Value::is_array) {
                map.remove("required");
            }
            if let Some(Value::String(reference)) = map.get_mut("$ref") {
                *reference = reference.replace("#/$defs/", "#/$defs/Default");
            }
            map.values_mut().for_each(loosen);
        }
        Value::Array(list) => list.iter_mut().for_each(loosen),
        _ => {}
    }
}

/// Adds entries of a map or a list to those that a schema has at a place.
fn extend(schema: &mut Value, place: &str, word: &str, more: &Value) {
    let Some(Value::Object(schema)) = schema.pointer_mut(place) else { return };
    match (schema.entry(word).or_insert_with(|| more.clone()), more) {
        (Value::Object(map), Value::Object(more)) => {
            map.extend(more.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        (Value::Array(list), Value::Array(more)) => {
            let new: Vec<Value> = more.iter().filter(|item| !list.contains(item)).cloned().collect();
            list.extend(new);
        }
        _ => {}
    }
}

/// A file that cannot be checked is not well.
fn held(checked: &Checked, value: &Value) -> Vec<Break> {
    let validator = match checked.validator() {
        Ok(validator) => validator,
        Err(error) => {
            let message = format!("the file cannot be checked, because its schema cannot be used: {error}");
            return vec![Break { code: Code::TN1000, route: String::new(), message, help: None }];
        }
    };
    let mut breaks: Vec<Break> =
        validator.iter_errors(value).flat_map(|error| explain(&checked.schema, &error)).collect();
    breaks.dedup();
    breaks
}

fn explain(schema: &Value, error: &ValidationError<'_>) -> Vec<Break> {
    let route = route_of("", error.instance_path().as_str());
    let called = if route.is_empty() { "the file".to_owned() } else { format!("`{route}`") };
    let one = |code, message: String| vec![Break { code, route: route.clone(), message, help: None }];
    let shown = || shown(error.instance());
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            unexpected.iter().map(|field| unknown(schema, &route, field)).collect()
        }
        ValidationErrorKind::Required { property } => {
            let field = property.as_str().unwrap_or_default();
            one(Code::TN1006, format!("`{}` is missing", below(&route, field)))
        }
        ValidationErrorKind::Type { kind } => {
            let wanted = match kind {
                TypeKind::Single(one) => type_named(&one.to_string()),
                TypeKind::Multiple(many) => {
                    many.iter().map(|one| type_named(&one.to_string())).collect::<Vec<_>>().join(" or ")
                }
            };
            one(Code::TN1005, format!("{called} must be {wanted}, not {}", type_of(error.instance())))
        }
        ValidationErrorKind::Enum { options } => {
            let options: Vec<String> = options.as_array().into_iter().flatten().map(self::shown).collect();
            one(Code::TN1007, format!("{called} is {}, must be one of {}", shown(), options.join(", ")))
        }
        ValidationErrorKind::Pattern { pattern } => {
            let rule = rule_of(schema, error).unwrap_or_else(|| format!("it must match `{pattern}`"));
            one(Code::TN1007, format!("{called} is {}: {rule}", shown()))
        }
        ValidationErrorKind::PropertyNames { error: key } => {
            // The path may end in the word that the key breaks.
            let names = along(schema, error).into_iter().rev().find(|at| at.is_object());
            let rule = names.and_then(described);
            let rule = rule.unwrap_or_else(|| key.to_string());
            one(Code::TN1007, format!("{called} cannot have the key {}: {rule}", self::shown(key.instance())))
        }
        ValidationErrorKind::FalseSchema => {
            one(Code::TN1007, format!("{called} cannot be given here: every tenant has its own"))
        }
        _ => one(Code::TN1007, format!("{called} is not allowed: {error}")),
    }
}

/// The schemas along an error's path, the one that it breaks last; none where the path leads nowhere.
fn along<'s>(schema: &'s Value, error: &ValidationError<'_>) -> Vec<&'s Value> {
    let path = error.schema_path().as_str().to_owned();
    let mut at = vec![schema];
    for part in path.split('/').skip(1) {
        let last = at.last().copied().unwrap_or(schema);
        let reference = last.get("$ref").and_then(Value::as_str);
        let last = reference.map_or(Some(last), |path| schema.pointer(path.trim_start_matches('#')));
        let inside = match part {
            "$ref" => last,
            _ => last.and_then(|last| last.get(part).or_else(|| last.get(part.parse::<usize>().ok()?))),
        };
        match inside {
            Some(inside) => at.push(inside),
            None => return Vec::new(),
        }
    }
    at
}

/// The first line of a schema's description.
fn described(schema: &Value) -> Option<String> {
    let text = schema.get("description")?.as_str()?;
    text.lines().next().map(|line| line.trim_end_matches('.').to_owned())
}

/// The description that is nearest to what an error breaks.
fn rule_of(schema: &Value, error: &ValidationError<'_>) -> Option<String> {
    along(schema, error).into_iter().rev().find_map(described)
}

/// An unknown field, with the known one that it may stand for.
fn unknown(schema: &Value, route: &str, field: &str) -> Break {
    let full = below(route, field);
    let known = fields_at(schema, route);
    let close = |name: &&String| strsim::jaro_winkler(name, field) > 0.75;
    let nearest = known
        .iter()
        .filter(close)
        .max_by(|a, b| strsim::jaro_winkler(a, field).total_cmp(&strsim::jaro_winkler(b, field)));
    let help = match nearest {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known here: {}", known.join(", ")),
    };
    Break { code: Code::TN1004, message: format!("`{full}` is unknown"), route: full, help: Some(help) }
}

/// The fields that a schema has at a route.
fn fields_at(schema: &Value, route: &str) -> Vec<String> {
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

/// A value in a message; the user and the password of a URL are left out.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => match text.split_once("://").zip(text.rsplit_once('@')) {
            Some(((scheme, _), (_, host))) => format!("`{scheme}://***@{host}`"),
            None => format!("`{text}`"),
        },
        other => format!("`{other}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::blueprint::built_in;

    #[test]
    fn a_misspelt_field_is_answered_with_its_name() {
        let tenant = json!({ "apiVersion": "tenantry/v1", "ingest": { "peak_gib_per_minut": 1 } });
        let breaks = Schemas::of(&built_in().unwrap()).breaks(Kind::Tenant, &tenant);
        let unknown = breaks.iter().find(|found| found.code.as_str() == "TN1004").unwrap();
        assert_eq!(unknown.route, "ingest.peak_gib_per_minut");
        assert_eq!(unknown.help.as_deref(), Some("did you mean `peak_gib_per_minute`?"));
        assert!(breaks.iter().any(|found| found.message == "`account` is missing"));
    }

    #[test]
    fn a_file_without_a_usable_schema_is_not_well() {
        let breaks = held(&Checked::new(json!({ "type": 7 }), false), &json!({}));
        assert_eq!(breaks.len(), 1);
        assert_eq!((breaks[0].code.as_str(), breaks[0].route.as_str()), ("TN1000", ""));
    }

    #[test]
    fn what_defaults_give_may_be_left_out() {
        let defaults = json!({ "ring": "general", "contact": { "timezone": "UTC" } });
        let schema = Schemas::of(&built_in().unwrap()).tenant_schema(defaults.as_object().unwrap());
        let required = |part: &Value| part["required"].as_array().cloned().unwrap_or_default();
        assert!(!required(&schema).contains(&json!("ring")));
        assert!(required(&schema).contains(&json!("contact")), "contact.page is still needed");
        assert_eq!(required(&schema["$defs"]["Contact"]), [json!("page")]);
    }
}
