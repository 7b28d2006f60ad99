//! The schemas of parameters: JSON Schema 2020-12 with a type for every value, so that formulas know what they get.
//!
//! Beside the standard's words a parameter has `unit`, `workload: true` (more of it is more load) and, where it is an
//! object, `optional: true` (the tenant may leave the whole section out). Words that would leave the type of a value open
//! (`anyOf`, `$ref`, …) are refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::codes;
use crate::document::{Document, below};
use crate::nearest::nearest;
use crate::types::{Field, Type};
use tenantry_base::finding::{Code, Finding};

/// Words of a schema, each with the types it is for; empty for all.
const WORDS: &[(&str, &[&str])] = &[
    ("type", &[]),
    ("description", &[]),
    ("title", &[]),
    ("examples", &[]),
    ("deprecated", &[]),
    ("default", &[]),
    ("enum", &[]),
    ("unit", &["integer", "number"]),
    ("workload", &["integer", "number"]),
    ("minimum", &["integer", "number"]),
    ("maximum", &["integer", "number"]),
    ("exclusiveMinimum", &["integer", "number"]),
    ("exclusiveMaximum", &["integer", "number"]),
    ("multipleOf", &["integer", "number"]),
    ("minLength", &["string"]),
    ("maxLength", &["string"]),
    ("pattern", &["string"]),
    ("format", &["string"]),
    ("items", &["array"]),
    ("minItems", &["array"]),
    ("maxItems", &["array"]),
    ("uniqueItems", &["array"]),
    ("properties", &["object"]),
    ("additionalProperties", &["object"]),
    ("propertyNames", &["object"]),
    ("maxProperties", &["object"]),
    ("most_certificates", &["string"]),
    ("apart_from", &["string"]),
    ("own", &["string"]),
    ("authority", &["string"]),
    ("ingress", &["array"]),
    ("required", &["object"]),
    ("optional", &["object"]),
];
const TYPES: &[&str] = &["integer", "number", "string", "boolean", "array", "object"];
/// Formats that are checked. The last three name files beside the tenant's, which the tool reads.
const FORMATS: &[&str] = &[
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv4-block",
    "uri",
    "certificate-authority",
    "revocation-list",
    "file",
];

/// The format of address blocks, which JSON Schema does not have: it is checked by its pattern. A block always says its
/// length: an address alone would read as one of a single address.
const BLOCK: &str = "ipv4-block";
const BLOCK_PATTERN: &str = r"^((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3}(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])/(3[0-2]|[12]?[0-9])$";

/// A value below a section that is no object.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Such as `web.requests_per_second`.
    pub path: String,
    pub kind: Type,
    /// Its own schema.
    pub schema: Value,
    /// The outermost thing around it that a tenant may leave out, itself included.
    pub optional: Option<String>,
    /// The tenant may leave it out where what is around it is there.
    pub may_be_absent: bool,
    /// More of it is more load.
    pub workload: bool,
}

impl Parameter {
    /// The default of the blueprint.
    pub fn default(&self) -> Option<&Value> {
        self.schema.get("default")
    }

    /// Smallest and largest value, where both are declared.
    pub fn range(&self) -> Option<(f64, f64)> {
        let bound = |name: &str| self.schema.get(name).and_then(Value::as_f64);
        let low = bound("minimum").or(bound("exclusiveMinimum"))?;
        Some((low, bound("maximum").or(bound("exclusiveMaximum"))?))
    }

    /// What the file that it names must be.
    pub fn file(&self) -> Option<FileRule<'_>> {
        let text = |word: &str| self.schema.get(word).and_then(Value::as_str);
        Some(FileRule {
            path: &self.path,
            format: match text("format")? {
                "certificate-authority" => FileFormat::Authority {
                    most: self.schema.get("most_certificates").and_then(Value::as_u64),
                    apart_from: text("apart_from"),
                    own: self.schema.get("own").and_then(Value::as_bool).unwrap_or_default(),
                },
                "revocation-list" => FileFormat::Revocations { authority: text("authority") },
                "file" => FileFormat::Any,
                _ => return None,
            },
        })
    }

    /// Whether it is a block of addresses, or a list of them.
    pub fn is_blocks(&self) -> bool {
        let format = |schema: &Value| schema.get("format").is_some_and(|format| format == BLOCK);
        format(&self.schema) || self.schema.get("items").is_some_and(format)
    }

    /// Whether it lists blocks of addresses from which the stack's doors may be reached.
    pub fn is_ingress(&self) -> bool {
        self.schema.get("ingress").and_then(Value::as_bool).unwrap_or_default()
    }
}

/// A parameter that names a file beside the tenant's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileRule<'a> {
    /// Path of the parameter.
    pub path: &'a str,
    pub format: FileFormat<'a>,
}

/// What a file must be. Parameters are named by their paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat<'a> {
    /// A PEM bundle of certificate authorities.
    Authority {
        /// Most certificates.
        most: Option<u64>,
        /// The parameter whose authorities these may have nothing to do with, in the whole fleet.
        apart_from: Option<&'a str>,
        /// No other tenant should have the same.
        own: bool,
    },
    /// A PEM revocation list of the authority that a parameter names.
    Revocations { authority: Option<&'a str> },
    /// Anything.
    Any,
}

/// What a schema at a route says.
#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) kind: Type,
    /// As JSON Schema, without the words that are ours alone.
    pub(crate) json: Value,
    /// The tenant may leave it out.
    pub(crate) optional: bool,
    pub(crate) parameters: Vec<Parameter>,
}

/// Reads the schema of the value called `path` at a route of the blueprint.
pub(crate) fn read(document: &Document, route: &str, path: &str, findings: &mut Vec<Finding>) -> Option<Schema> {
    let value = crate::document::lookup_route(&document.value, route)?;
    let mut reader = Reader { document, findings };
    reader.schema(value, route, path, None, false)
}

struct Reader<'a> {
    document: &'a Document,
    findings: &'a mut Vec<Finding>,
}

impl Reader<'_> {
    fn report(&mut self, code: Code, route: &str, message: String, help: Option<String>) {
        let mut finding = Finding::new(code, message).at(self.document.nearest(route));
        finding.help = help;
        self.findings.push(finding);
    }

    fn schema(
        &mut self,
        value: &Value,
        route: &str,
        path: &str,
        optional_above: Option<&str>,
        may_be_absent: bool,
    ) -> Option<Schema> {
        let Some(map) = value.as_object() else {
            self.report(codes::SHAPE, route, format!("`{path}` needs a schema: a map with `type`"), None);
            return None;
        };
        let name = self.type_of(map, route, path)?;
        self.words(map, &name, route);
        let optional = map.get("optional").and_then(Value::as_bool).unwrap_or(may_be_absent);
        let around = optional_above.map(str::to_owned).or_else(|| optional.then(|| path.to_owned()));
        let mut json = Map::from_iter(
            map.iter()
                .filter(|(word, _)| !["optional", "workload", "unit"].contains(&word.as_str()))
                .map(|(word, value)| (word.clone(), value.clone())),
        );
        json.insert("type".to_owned(), json!(name));
        if map.get("format").is_some_and(|format| format == BLOCK) {
            json.entry("pattern").or_insert_with(|| json!(BLOCK_PATTERN));
            json.entry("description")
                .or_insert_with(|| json!("An IPv4 block in CIDR notation, such as `10.16.0.0/12`"));
        }
        if let Some(unit) = map.get("unit") {
            json.insert("x-unit".to_owned(), unit.clone());
        }
        let mut parameters = Vec::new();
        let kind = match name.as_str() {
            "object" if map.contains_key("additionalProperties") => self.map(map, route, path, &mut json)?,
            "object" => self.object(map, route, path, around.as_deref(), &mut json, &mut parameters)?,
            "array" => {
                let most = map.get("maxItems").and_then(Value::as_u64).and_then(|most| usize::try_from(most).ok());
                let route = below(route, "items");
                let Some(items) = map.get("items") else {
                    self.report(codes::SHAPE, &route, format!("the list `{path}` needs `items`"), None);
                    return None;
                };
                let inside = self.schema(items, &route, &format!("{path}[]"), None, false)?;
                json.insert("items".to_owned(), inside.json);
                Type::List(Box::new(inside.kind), most)
            }
            "integer" => Type::Int,
            "number" => Type::Double,
            "boolean" => Type::Bool,
            _ => Type::Text,
        };
        let json = Value::Object(json);
        self.contradictions(&json, route, path);
        if !matches!(kind, Type::Row(_)) {
            let workload = map.get("workload").and_then(Value::as_bool).unwrap_or_default();
            let schema = json.clone();
            let (path, kind) = (path.to_owned(), kind.clone());
            parameters.push(Parameter { path, kind, schema, optional: around, may_be_absent: optional, workload });
        }
        Some(Schema { kind, json, optional, parameters })
    }

    /// An object whose keys the tenant chooses: all values have one schema.
    fn map(
        &mut self,
        map: &Map<String, Value>,
        route: &str,
        path: &str,
        json: &mut Map<String, Value>,
    ) -> Option<Type> {
        if map.contains_key("properties") {
            let message = format!("`{path}` has fields or keys of the tenant's choice, not both");
            self.report(codes::SCHEMA, &below(route, "properties"), message, None);
        }
        let inside = below(route, "additionalProperties");
        let values = self.schema(map.get("additionalProperties")?, &inside, &format!("{path}.*"), None, false)?;
        json.insert("additionalProperties".to_owned(), values.json);
        let most = map.get("maxProperties").and_then(Value::as_u64).and_then(|most| usize::try_from(most).ok());
        Some(Type::Map(Box::new(values.kind), most))
    }

    fn type_of(&mut self, map: &Map<String, Value>, route: &str, path: &str) -> Option<String> {
        let given = map.get("type");
        let members = map.get("enum").and_then(Value::as_array);
        if let (None, Some(members)) = (given, members)
            && !members.is_empty()
            && members.iter().all(Value::is_string)
        {
            return Some("string".to_owned());
        }
        match given.and_then(Value::as_str) {
            Some(name) if TYPES.contains(&name) => Some(name.to_owned()),
            Some(name) => {
                let help = nearest(name, TYPES.iter().copied());
                self.report(
                    codes::SHAPE,
                    &below(route, "type"),
                    format!("`{name}` is not a type of a parameter"),
                    help,
                );
                None
            }
            None => {
                let help = Some(format!("one of {}", TYPES.join(", ")));
                self.report(codes::SHAPE, route, format!("`{path}` needs one `type`, so that formulas know it"), help);
                None
            }
        }
    }

    fn words(&mut self, map: &Map<String, Value>, name: &str, route: &str) {
        for word in map.keys() {
            match WORDS.iter().find(|(known, _)| known == word) {
                None => {
                    let help = nearest(word, WORDS.iter().map(|(known, _)| *known));
                    self.report(
                        codes::UNKNOWN_WORD,
                        &below(route, word),
                        format!("`{word}` is unknown in a schema"),
                        help,
                    );
                }
                Some((_, types)) if !types.is_empty() && !types.contains(&name) => {
                    let message = format!("`{word}` says nothing about a value of type {name}");
                    self.report(codes::SCHEMA, &below(route, word), message, None);
                }
                Some(_) => {}
            }
        }
        for flag in ["optional", "workload", "deprecated", "uniqueItems"] {
            if map.get(flag).is_some_and(|value| !value.is_boolean()) {
                self.report(codes::SHAPE, &below(route, flag), format!("`{flag}` must be true or false"), None);
            }
        }
        if let Some(format) = map.get("format").and_then(Value::as_str).filter(|format| !FORMATS.contains(format)) {
            let help = nearest(format, FORMATS.iter().copied());
            self.report(codes::UNKNOWN_WORD, &below(route, "format"), format!("`{format}` is not a format"), help);
        }
    }

    fn object(
        &mut self,
        map: &Map<String, Value>,
        route: &str,
        path: &str,
        optional_above: Option<&str>,
        json: &mut Map<String, Value>,
        parameters: &mut Vec<Parameter>,
    ) -> Option<Type> {
        let inside = below(route, "properties");
        let Some(properties) = map.get("properties").and_then(Value::as_object) else {
            self.report(codes::SHAPE, &inside, format!("the object `{path}` needs `properties`"), None);
            return None;
        };
        let required: Vec<&str> =
            map.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        for name in required.iter().filter(|name| !properties.contains_key(**name)) {
            // In the order of the file, whatever order the map keeps.
            let help = nearest(name, self.document.keys(&inside).iter().map(String::as_str));
            let message = format!("`{path}` requires `{name}`, which it does not declare");
            self.report(codes::SCHEMA, &below(route, "required"), message, help);
        }
        let (mut fields, mut schemas) = (BTreeMap::new(), Map::new());
        let mut whole = true;
        for name in self.document.keys(&inside).to_vec() {
            let Some(value) = properties.get(&name) else { continue };
            let (route, path) = (below(&inside, &name), below(path, &name));
            self.name(&name, &route);
            let given = required.contains(&name.as_str()) || value.get("default").is_some();
            if required.contains(&name.as_str()) && value.get("default").is_some() {
                let message = format!("`{path}` is required and has a default: the default would never be used");
                self.report(codes::SCHEMA, &below(&route, "default"), message, None);
            }
            let object = value.get("type").and_then(Value::as_str) == Some("object")
                && value.get("additionalProperties").is_none();
            match self.schema(value, &route, &path, optional_above, !given && !object) {
                Some(read) => {
                    fields.insert(name.clone(), Field { kind: read.kind, optional: read.optional });
                    schemas.insert(name, read.json);
                    parameters.extend(read.parameters);
                }
                None => whole = false,
            }
        }
        json.insert("properties".to_owned(), Value::Object(schemas));
        json.insert("additionalProperties".to_owned(), json!(false));
        whole.then(|| Type::Row(Arc::new(fields)))
    }

    fn name(&mut self, name: &str, route: &str) {
        if !is_name(name) {
            let message = format!("`{name}` is not a name: lower case letters, digits and `_`, starting with a letter");
            self.report(codes::NAME, route, message, None);
        }
    }

    /// Whether the schema can be met at all, and whether its default meets it.
    fn contradictions(&mut self, json: &Value, route: &str, path: &str) {
        let bound = |name: &str| json.get(name).and_then(Value::as_f64);
        for (low, high) in [("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems")] {
            if let (Some(least), Some(most)) = (bound(low), bound(high))
                && least > most
            {
                let message = format!("`{path}` has no value: `{low}` {least} is more than `{high}` {most}");
                self.report(codes::SCHEMA, &below(route, low), message, None);
            }
        }
        let validator = match validator(json) {
            Ok(validator) => validator,
            Err(error) => {
                self.report(codes::SCHEMA, route, format!("the schema of `{path}` is not JSON Schema: {error}"), None);
                return;
            }
        };
        for (word, values) in [
            ("default", json.get("default").map(std::slice::from_ref).unwrap_or_default()),
            ("examples", json.get("examples").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()),
            ("enum", json.get("enum").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()),
        ] {
            for value in values {
                if let Some(error) = validator.iter_errors(value).next() {
                    let message = format!("`{word}` of `{path}` contradicts its schema: {error}");
                    self.report(codes::SCHEMA, &below(route, word), message, None);
                }
            }
        }
    }
}

/// Whether a text can be the name of a parameter, a table or a derived value.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// A validator that checks formats too.
///
/// # Errors
/// The schema is not JSON Schema 2020-12.
pub(crate) fn validator(schema: &Value) -> Result<jsonschema::Validator, String> {
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(true)
        .build(schema)
        .map_err(|error| error.to_string())
}
