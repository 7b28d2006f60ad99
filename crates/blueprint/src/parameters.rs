//! A tenant's file × the blueprint's schemas → its parameters, with defaults filled in; and what is generated from the
//! same schemas: JSON Schema for editors, and the reference of all fields.

use std::fmt::Write as _;

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::{Map, Value, json};

use tenantry_base::tree::route_of;

use crate::document::{below, lookup_route};
use crate::evaluate::Inputs;
use crate::finding::{Finding, Place, codes, nearest};
use crate::model::{Blueprint, Section};
use crate::read::CORE_FIELDS;
use crate::schema::Parameter;

/// The sections of one tenant, checked and with defaults filled in; `overrides` is one of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters(Map<String, Value>);

impl Parameters {
    /// The value at a path, such as `ingest.files_per_minute`.
    pub fn get(&self, path: &str) -> Option<&Value> {
        let (section, rest) = path.split_once('.').map_or((path, None), |(section, rest)| (section, Some(rest)));
        let section = self.0.get(section)?;
        rest.map_or(Some(section), |rest| crate::document::lookup(section, rest))
    }

    /// All sections, as templates see them.
    pub fn sections(&self) -> &Map<String, Value> {
        &self.0
    }
}

/// What the tool knows of a stack beside its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts<'a> {
    /// Zones that the stack stands in.
    pub zones: usize,
    /// `network` of the tenant.
    pub network_zones: usize,
    pub nat: &'a str,
    pub eni_model: &'a str,
    pub region: &'a str,
    pub partition: &'a str,
    /// What the fleet's file says about the Region, checked by [`Blueprint::region_facts`].
    pub region_facts: &'a Map<String, Value>,
}

impl Blueprint {
    /// The parameters of a tenant, whose file with the fleet's defaults merged in is `tenant`. `place` gives the place of a
    /// route in the tenant's file.
    ///
    /// The parameters are there where nothing was found.
    pub fn parameters(
        &self,
        tenant: &Value,
        place: &dyn Fn(&str) -> Option<Place>,
    ) -> (Option<Parameters>, Vec<Finding>) {
        let mut findings = Vec::new();
        let fields = tenant.as_object();
        let sections = || self.sections.iter().map(|section| section.name.as_str());
        for field in fields.into_iter().flat_map(Map::keys) {
            if !CORE_FIELDS.contains(&field.as_str()) && !sections().any(|section| section == field) {
                let mut finding = Finding::error(codes::FIELD_UNKNOWN, field, format!("`{field}` is unknown"));
                finding.help = nearest(field, sections().chain(CORE_FIELDS.iter().copied()));
                findings.push(finding);
            }
        }
        let mut values = Map::new();
        for section in self.sections.iter().chain([&self.overrides]) {
            match tenant.get(&section.name) {
                None if section.optional => {}
                given => {
                    let empty = json!({});
                    let given = given.unwrap_or(&empty);
                    findings.extend(broken(section, given));
                    values.insert(section.name.clone(), filled(given, &section.schema));
                }
            }
        }
        for finding in &mut findings {
            finding.place = place(&finding.route);
        }
        findings.sort_by_key(|found| found.place.as_ref().map_or((0, 0), |place| (place.line, place.column)));
        (findings.is_empty().then_some(Parameters(values)), findings)
    }

    /// The facts of a Region, checked and with defaults filled in. Routes begin with `region`.
    ///
    /// # Errors
    /// Every break of the schema of `region_facts`.
    pub fn region_facts(&self, given: &Map<String, Value>) -> Result<Map<String, Value>, Vec<Finding>> {
        let given = Value::Object(given.clone());
        let findings = broken(&self.region, &given);
        match filled(&given, &self.region.schema) {
            Value::Object(facts) if findings.is_empty() => Ok(facts),
            _ => Err(findings),
        }
    }

    /// What formulas see of one stack.
    pub fn inputs(&self, parameters: &Parameters, facts: &Facts<'_>) -> Inputs {
        let mut root = parameters.0.clone();
        let mut region = facts.region_facts.clone();
        region.insert("name".to_owned(), json!(facts.region));
        region.insert("partition".to_owned(), json!(facts.partition));
        root.insert("region".to_owned(), Value::Object(region));
        root.insert("zones".to_owned(), json!(facts.zones));
        let network = json!({ "zones": facts.network_zones, "nat": facts.nat, "eni_model": facts.eni_model });
        root.insert("network".to_owned(), network);
        Inputs(Value::Object(root))
    }

    /// JSON Schema of the sections: what a tenant's file has beside the tool's own fields.
    pub fn schema(&self) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for section in self.sections.iter().chain([&self.overrides]) {
            properties.insert(section.name.clone(), section.schema.clone());
            if !section.optional && broken(section, &json!({})).iter().any(|found| found.code == codes::FIELD_MISSING) {
                required.push(section.name.clone());
            }
        }
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": format!("parameters of {} {}", self.name, self.version),
            "type": "object",
            "properties": properties,
            "required": required,
        })
    }

    /// The reference of all fields as Markdown: one table for each section.
    pub fn field_reference(&self) -> String {
        let mut text = String::new();
        for section in self.sections.iter().chain([&self.overrides]) {
            if section.parameters.is_empty() {
                continue;
            }
            let optional = if section.optional { " (optional)" } else { "" };
            let _ = writeln!(text, "## `{}`{optional}\n", section.name);
            if !section.description.is_empty() {
                let _ = writeln!(text, "{}\n", section.description);
            }
            text.push_str("| field | type | default | values | meaning |\n|---|---|---|---|---|\n");
            for parameter in &section.parameters {
                let _ = writeln!(text, "{}", row(parameter));
            }
            text.push('\n');
        }
        text
    }

    /// Parameters that name files beside the tenant's: path and format.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        let parameters = self.sections.iter().flat_map(|section| &section.parameters);
        parameters.filter_map(|parameter| Some((parameter.path.as_str(), parameter.file()?)))
    }
}

/// A row of the reference.
fn row(parameter: &Parameter) -> String {
    let schema = &parameter.schema;
    let text =
        |word: &str| schema.get(word).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    let values = match (schema.get("enum").and_then(Value::as_array), text("minimum"), text("maximum")) {
        (Some(members), ..) => members.iter().map(shown).collect::<Vec<_>>().join(", "),
        (None, Some(low), Some(high)) => format!("{low} to {high}"),
        (None, Some(low), None) => format!("{low} or more"),
        (None, None, Some(high)) => format!("{high} or less"),
        (None, None, None) => {
            text("format").or(text("pattern").map(|pattern| format!("`{pattern}`"))).unwrap_or_default()
        }
    };
    let unit = text("x-unit").map(|unit| format!(" {unit}")).unwrap_or_default();
    let default = match schema.get("default") {
        Some(default) => shown(default),
        None if parameter.may_be_absent => "none".to_owned(),
        None => "required".to_owned(),
    };
    let meaning = text("description").unwrap_or_default().replace('\n', " ").replace('|', "\\|");
    format!("| `{}` | {} | {default} | {values}{unit} | {} |", parameter.path, parameter.kind, meaning.trim())
}

/// The value with the defaults of a schema filled in.
fn filled(value: &Value, schema: &Value) -> Value {
    let (Some(map), Some(properties)) = (value.as_object(), schema.get("properties").and_then(Value::as_object)) else {
        return value.clone();
    };
    let mut map = map.clone();
    for (name, inner) in properties {
        match map.get_mut(name) {
            Some(given) if inner.get("properties").is_some() => *given = filled(given, inner),
            Some(_) => {}
            None => {
                let default = inner.get("default").cloned();
                let nested = || inner.get("properties").map(|_| filled(&json!({}), inner)).filter(|_| is_given(inner));
                if let Some(default) = default.or_else(nested) {
                    map.insert(name.clone(), default);
                }
            }
        }
    }
    Value::Object(map)
}

/// Whether an object below a section is always there: it is filled in where nothing of it is required.
fn is_given(schema: &Value) -> bool {
    schema.get("required").and_then(Value::as_array).is_none_or(Vec::is_empty)
}

/// Every break of a section's schema.
fn broken(section: &Section, value: &Value) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        section.validator.iter_errors(value).flat_map(|error| explain(section, &error)).collect();
    findings.dedup();
    findings
}

fn explain(section: &Section, error: &ValidationError<'_>) -> Vec<Finding> {
    let route = route_of(&section.name, error.instance_path().as_str());
    let one = |message: String| vec![Finding::error(codes::FIELD_VALUE, route.clone(), message)];
    let shown = || shown(error.instance());
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            unexpected.iter().map(|field| unknown(section, &route, field)).collect()
        }
        ValidationErrorKind::Required { property } => {
            let field = below(&route, property.as_str().unwrap_or_default());
            vec![Finding::error(codes::FIELD_MISSING, route.clone(), format!("`{field}` is missing"))]
        }
        ValidationErrorKind::Type { kind } => {
            let wanted = match kind {
                TypeKind::Single(one) => type_named(&one.to_string()),
                TypeKind::Multiple(many) => {
                    many.iter().map(|one| type_named(&one.to_string())).collect::<Vec<_>>().join(" or ")
                }
            };
            one(format!("`{route}` must be {wanted}, not {}", type_of(error.instance())))
        }
        ValidationErrorKind::Enum { options } => {
            let options: Vec<String> = options.as_array().into_iter().flatten().map(self::shown).collect();
            one(format!("`{route}` is {}, must be one of {}", shown(), options.join(", ")))
        }
        ValidationErrorKind::Minimum { limit } => one(format!("`{route}` is {}, must be at least {limit}", shown())),
        ValidationErrorKind::Maximum { limit } => one(format!("`{route}` is {}, must be at most {limit}", shown())),
        ValidationErrorKind::Format { format } => one(format!("`{route}` is {}, which is not a {format}", shown())),
        ValidationErrorKind::Pattern { pattern } => one(format!("`{route}` is {}, must match `{pattern}`", shown())),
        _ => one(format!("`{route}` is not allowed: {error}")),
    }
}

fn unknown(section: &Section, route: &str, field: &str) -> Finding {
    let full = below(route, field);
    let inside = route.strip_prefix(section.name.as_str()).unwrap_or_default().trim_start_matches('.');
    let mut steps = inside.split('.').filter(|step| !step.is_empty());
    let at = steps.try_fold(&section.schema, |at, step| lookup_route(at, &format!("properties.{step}")));
    let known = at.and_then(|at| at.get("properties")).and_then(Value::as_object);
    let mut finding = Finding::error(codes::FIELD_UNKNOWN, full.clone(), format!("`{full}` is unknown"));
    finding.help = nearest(field, known.into_iter().flat_map(Map::keys).map(String::as_str));
    finding
}

fn type_named(kind: &str) -> String {
    match kind {
        "null" => "empty".to_owned(),
        "boolean" => "true or false".to_owned(),
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
        Value::Bool(_) => "true or false",
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
