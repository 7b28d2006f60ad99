//! The catalogue: `policies/flags.yaml`.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Values of flags by key.
pub type Values = BTreeMap<String, Value>;

/// `policies/flags.yaml`: every flag there is, by key.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// Flags by key.
    pub flags: BTreeMap<String, Flag>,
}

/// One flag of the catalogue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flag {
    /// What it does when it is on.
    #[schemars(length(min = 1, max = 1024))]
    pub description: String,
    /// Owner of the flag.
    #[schemars(length(min = 1))]
    pub owner: String,
    /// What the flag is for; flags of kind `release` need `expires`.
    pub kind: Kind,
    /// Type of all variants.
    #[serde(rename = "type")]
    pub value_type: ValueType,
    /// Whether the functions read it at run time, or the templates.
    pub reads: Reads,
    /// A disabled flag has its default value for every tenant.
    #[serde(default, skip_serializing_if = "State::is_enabled")]
    pub state: State,
    /// Value if nothing else decides.
    #[schemars(schema_with = "scalar")]
    pub default: Value,
    /// Variants of a string or number flag; without them, any value. A boolean flag has `true` and `false`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "scalars")]
    pub values: Vec<Value>,
    /// Least value of a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<i64>,
    /// Greatest value of a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<i64>,
    /// When it was added, `YYYY-MM-DD`.
    #[schemars(extend("format" = "date"))]
    pub created: String,
    /// Date by which the flag must be removed, `YYYY-MM-DD`. Required for flags of kind `release`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date"))]
    pub expires: Option<String>,
    /// Flags that must be on where this one is on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
    /// Flags that must be off where this one is on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<String>,
    /// Targeting rules by ring, account and Region.
    #[serde(default, skip_serializing_if = "Rules::is_empty")]
    pub rules: Rules,
    /// Percentage rollout of another value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Rollout")]
    pub rollout: Option<Rollout>,
}

/// Release: hides what is not finished, and must be gone by its date. Operational: a switch for those who run the
/// system. Entitlement: what a customer has bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Release,
    Operational,
    Entitlement,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ValueType {
    Boolean,
    String,
    Number,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reads {
    Runtime,
    Structural,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    #[default]
    Enabled,
    Disabled,
}

/// Values for groups of tenants. A tenant's own value comes before its ring's, that before its account's, that before
/// its region's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// By name of the ring.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "map_of_scalars")]
    pub rings: Values,
    /// By 12-digit id of the account.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "map_of_scalars")]
    pub accounts: Values,
    /// By code of the region.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "map_of_scalars")]
    pub regions: Values,
}

/// Percentage rollout over all tenants, by a stable hash: a higher percentage never removes a tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// Share of the tenants, in percent.
    #[schemars(range(min = 0, max = 100))]
    pub percent: f64,
    /// Value for the tenants in the rollout.
    #[schemars(schema_with = "scalar")]
    pub value: Value,
}

fn scalar(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["boolean", "string", "number"] })
}

fn scalars(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": scalar(generator) })
}

fn map_of_scalars(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "additionalProperties": scalar(generator) })
}

impl State {
    fn is_enabled(&self) -> bool {
        *self == Self::Enabled
    }
}

impl Rules {
    pub fn is_empty(&self) -> bool {
        self.rings.is_empty() && self.accounts.is_empty() && self.regions.is_empty()
    }
}

/// Longest text that AppConfig takes as an attribute. Source: AWS AppConfig User Guide, "Understanding the type
/// reference for AWS.AppConfig.FeatureFlags".
const LONGEST_TEXT: usize = 1024;

impl Flag {
    /// What speaks against a value, as the rest of a sentence that names it.
    pub fn fault_of(&self, value: &Value) -> Option<String> {
        let listed = self.values.is_empty() || self.values.iter().any(|allowed| same(allowed, value));
        match (self.value_type, value) {
            (ValueType::Boolean, Value::Bool(_)) => None,
            (ValueType::String, Value::String(text)) if text.len() > LONGEST_TEXT => {
                Some(format!("has more than {LONGEST_TEXT} bytes"))
            }
            (ValueType::String, Value::String(_)) if listed => None,
            (ValueType::Number, Value::Number(number)) if listed => self.out_of_range(number.as_f64()?),
            (ValueType::String, Value::String(_)) | (ValueType::Number, Value::Number(_)) => {
                let allowed: Vec<String> = self.values.iter().map(|value| format!("`{}`", shown(value))).collect();
                Some(format!("is none of {}", allowed.join(", ")))
            }
            (ValueType::Boolean, _) => Some("is neither `true` nor `false`".to_owned()),
            (ValueType::String, _) => Some("is no text".to_owned()),
            (ValueType::Number, _) => Some("is no number".to_owned()),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "bounds are small numbers that people write")]
    fn out_of_range(&self, number: f64) -> Option<String> {
        match (self.minimum, self.maximum) {
            (Some(least), _) if number < least as f64 => Some(format!("is less than {least}")),
            (_, Some(most)) if number > most as f64 => Some(format!("is more than {most}")),
            _ => None,
        }
    }

    /// Whether a value counts as on: `true`, or for a text or number anything but the default.
    pub fn is_on(&self, value: &Value) -> bool {
        value.as_bool().unwrap_or_else(|| !same(value, &self.default))
    }

    /// Whether anything but its default and tenants' own values can decide.
    pub fn is_targeted(&self) -> bool {
        !self.rules.is_empty() || self.rollout.is_some()
    }

    /// The values to try when every value is to be tried: none for free texts and numbers.
    pub fn positions(&self) -> Vec<Value> {
        match self.value_type {
            ValueType::Boolean => vec![Value::Bool(false), Value::Bool(true)],
            ValueType::String | ValueType::Number => self.values.clone(),
        }
    }

    /// A value as a person types it: `on`, `25`, `gentle`.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        let value = match (self.value_type, text) {
            (ValueType::Boolean, "true" | "on") => Value::Bool(true),
            (ValueType::Boolean, "false" | "off") => Value::Bool(false),
            (ValueType::Number, text) => text.parse().map_or_else(|_| Value::from(text), Value::Number),
            (ValueType::Boolean | ValueType::String, text) => Value::from(text),
        };
        match self.fault_of(&value) {
            None => Ok(value),
            Some(fault) => Err(format!("`{text}` {fault}")),
        }
    }
}

/// A value's name among the variants of its flag, in the words of OpenFeature.
pub(super) fn variant(value: &Value) -> String {
    match value {
        Value::Bool(true) => "on".to_owned(),
        Value::Bool(false) => "off".to_owned(),
        other => shown(other),
    }
}

/// A value as people read it.
pub(super) fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Equality in which `1` is `1.0`.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        _ => one == other,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    /// A flag of the operational kind with these fields besides the ones that every flag has.
    pub(in crate::flags) fn flag(fields: Value) -> Flag {
        let mut whole = json!({
            "description": "d", "owner": "o", "kind": "operational", "type": "boolean", "reads": "runtime",
            "default": false, "created": "2026-11-01",
        });
        for (key, value) in fields.as_object().unwrap() {
            whole[key] = value.clone();
        }
        serde_json::from_value(whole).unwrap()
    }

    #[test]
    fn a_value_has_the_flags_type_and_is_one_of_those_listed() {
        let boolean = flag(json!({}));
        let text = flag(json!({ "type": "string", "default": "a", "values": ["a", "b"] }));
        let number = flag(json!({ "type": "number", "default": 1, "minimum": 1, "maximum": 10 }));
        for (flag, value, fault) in [
            (&boolean, json!(true), None),
            (&boolean, json!("true"), Some("is neither `true` nor `false`")),
            (&text, json!("b"), None),
            (&text, json!("c"), Some("is none of `a`, `b`")),
            (&text, json!(1), Some("is no text")),
            (&number, json!(10.0), None),
            (&number, json!(11), Some("is more than 10")),
            (&number, json!(0.5), Some("is less than 1")),
            (&number, json!(null), Some("is no number")),
        ] {
            assert_eq!(flag.fault_of(&value).as_deref(), fault, "{value}");
        }
    }

    #[test]
    fn a_typed_value_is_read_by_the_flags_type() {
        let boolean = flag(json!({}));
        let text = flag(json!({ "type": "string", "default": "on" }));
        let number = flag(json!({ "type": "number", "default": 1 }));
        assert_eq!(boolean.parse("on"), Ok(json!(true)));
        assert_eq!(text.parse("on"), Ok(json!("on")));
        assert_eq!(number.parse("25"), Ok(json!(25)));
        assert_eq!(boolean.parse("yes"), Err("`yes` is neither `true` nor `false`".to_owned()));
        assert_eq!(number.parse("many"), Err("`many` is no number".to_owned()));
    }
}
