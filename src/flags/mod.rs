//! Soft-release flags: the catalogue and what a tenant's flags evaluate to.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// `policies/flags.yaml`: every flag there is, by key.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    pub flags: BTreeMap<String, Flag>,
}

/// One flag of the catalogue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flag {
    pub description: String,
    /// Who answers for it.
    pub owner: String,
    pub kind: Kind,
    /// Where it is read: by the functions at run time, or by the templates.
    pub reads: Reads,
    pub default: Value,
    /// Values it may take; for a boolean flag `true` and `false` when not given.
    #[serde(default)]
    pub values: Vec<Value>,
    /// When it was added, `YYYY-MM-DD`.
    pub created: String,
    /// When it must be gone, `YYYY-MM-DD`; entitlements may live for ever.
    #[serde(default)]
    pub expires: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Release,
    Operational,
    Entitlement,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reads {
    Runtime,
    Structural,
}

/// Evaluated flags by key.
pub type Values = BTreeMap<String, Value>;

/// The value of every flag of `catalogue` for a tenant with `overrides`.
pub fn evaluate(catalogue: &Catalogue, overrides: &Values) -> Values {
    catalogue
        .flags
        .iter()
        .map(|(key, flag)| (key.clone(), overrides.get(key).unwrap_or(&flag.default).clone()))
        .collect()
}

/// Values as an AppConfig feature-flag document. A flag that is no boolean is enabled and has the attribute `value`.
/// Source: AWS AppConfig User Guide, "Understanding the type reference for AWS.AppConfig.FeatureFlags".
pub fn app_config(catalogue: &Catalogue, values: &Values) -> Value {
    let mut definitions = Map::new();
    let mut states = Map::new();
    for (key, value) in values {
        let description = catalogue.flags.get(key).map_or("", |flag| &flag.description);
        let mut definition = json!({ "name": key, "description": description });
        let state = match value {
            Value::Bool(enabled) => json!({ "enabled": enabled }),
            other => {
                let kind = if other.is_number() { "number" } else { "string" };
                definition["attributes"] = json!({ "value": { "constraints": { "type": kind } } });
                json!({ "enabled": true, "value": other })
            }
        };
        definitions.insert(key.clone(), definition);
        states.insert(key.clone(), state);
    }
    json!({ "version": "1", "flags": definitions, "values": states })
}
