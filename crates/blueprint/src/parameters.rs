//! A tenant's file × the blueprint's schemas → its parameters, with defaults filled in; and what is generated from the
//! same schemas: JSON Schema for editors, and the reference of all fields.

use std::fmt::Write as _;

use jsonschema::ValidationError;
use serde_json::{Map, Value, json};

use tenantry_base::tree::route_of;

use crate::evaluate::Inputs;
use crate::model::Blueprint;
use crate::schema::{FileRule, Parameter};

/// The section of what a tenant pins.
const OVERRIDES: &str = "overrides";

/// The sections of one tenant, with defaults filled in; `overrides` is one of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters(Map<String, Value>);

impl Parameters {
    /// The value at a path, such as `web.requests_per_second`.
    pub fn get(&self, path: &str) -> Option<&Value> {
        let (section, rest) = path.split_once('.').map_or((path, None), |(section, rest)| (section, Some(rest)));
        let section = self.0.get(section)?;
        rest.map_or(Some(section), |rest| crate::document::lookup(section, rest))
    }

    /// The sections alone.
    pub fn into_sections(self) -> Map<String, Value> {
        self.0
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
    /// Of the functions' zips; empty where the blueprint has none.
    pub architecture: &'a str,
    /// What the fleet's file says about the Region, checked by [`Blueprint::region_facts`].
    pub region_facts: &'a Map<String, Value>,
}

impl Blueprint {
    /// The parameters of a tenant that keeps [`Blueprint::schema`], whose file with the fleet's defaults merged in is
    /// `tenant`: with the blueprint's defaults filled in.
    pub fn parameters(&self, tenant: &Value) -> Parameters {
        let mut values = Map::new();
        for section in self.sections.iter().chain([&self.overrides]) {
            match tenant.get(&section.name) {
                None if section.optional && section.name != OVERRIDES => {}
                given => {
                    let empty = json!({});
                    values.insert(section.name.clone(), filled(given.unwrap_or(&empty), &section.schema));
                }
            }
        }
        Parameters(values)
    }

    /// What the sections of a tenant break of their schemas: route and message.
    pub(crate) fn refused(&self, tenant: &Value) -> Vec<(String, String)> {
        let empty = json!({});
        let sections = self.sections.iter().chain([&self.overrides]);
        let given = sections.filter_map(|section| match tenant.get(&section.name) {
            None if section.optional => None,
            given => Some((section, given.unwrap_or(&empty))),
        });
        let broken = given.flat_map(|(section, value)| {
            let reported = |error: ValidationError<'_>| {
                (route_of(&section.name, error.instance_path().as_str()), error.to_string())
            };
            section.validator.iter_errors(value).map(reported).collect::<Vec<_>>()
        });
        broken.collect()
    }

    /// The facts of a Region with the blueprint's defaults filled in.
    pub fn region_facts(&self, given: &Map<String, Value>) -> Map<String, Value> {
        match filled(&Value::Object(given.clone()), &self.region.schema) {
            Value::Object(facts) => facts,
            _ => Map::new(),
        }
    }

    /// What formulas see of one stack, whose sections are `parameters`.
    pub fn inputs(&self, parameters: &Map<String, Value>, facts: &Facts<'_>) -> Inputs {
        let mut root = parameters.clone();
        let mut region = facts.region_facts.clone();
        region.insert("name".to_owned(), json!(facts.region));
        region.insert("partition".to_owned(), json!(facts.partition));
        root.insert("region".to_owned(), Value::Object(region));
        root.insert("zones".to_owned(), json!(facts.zones));
        root.insert("architecture".to_owned(), json!(facts.architecture));
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
            if !section.optional && !section.validator.is_valid(&json!({})) {
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

    /// Every parameter of every section.
    pub fn declared(&self) -> impl Iterator<Item = &Parameter> {
        self.sections.iter().flat_map(|section| &section.parameters)
    }

    /// Parameters that name files beside the tenant's.
    pub fn files(&self) -> impl Iterator<Item = FileRule<'_>> {
        self.declared().filter_map(Parameter::file)
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

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}
