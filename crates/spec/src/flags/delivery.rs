//! What the functions see: an AppConfig feature-flag document, and back.
//!
//! Source of the format: AWS AppConfig User Guide, "Understanding the type reference for AWS.AppConfig.FeatureFlags".
//! A boolean flag is AppConfig's `enabled`. AppConfig tells the attributes of enabled flags only, so a text or a number
//! is always enabled and stands in the attribute `value`.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::catalogue::same;
use super::{Catalogue, Flag, ValueType, Values};

/// The attribute that holds a text or a number.
const ATTRIBUTE: &str = "value";

/// A flag whose value in AppConfig differs from git's.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Difference {
    /// Key of the flag.
    pub flag: String,
    /// Value in git; null if git does not deliver the flag.
    pub git: Option<Value>,
    /// Value in AppConfig; null if it does not have the flag.
    pub live: Option<Value>,
}

/// Values as a document. Those that are not in the catalogue are left out.
pub fn app_config(catalogue: &Catalogue, values: &Values) -> Value {
    let (mut definitions, mut states) = (Map::new(), Map::new());
    for (key, value) in values {
        if let Some(flag) = catalogue.flags.get(key) {
            definitions.insert(key.clone(), definition(key, flag));
            states.insert(key.clone(), state(value));
        }
    }
    json!({ "version": "1", "flags": definitions, "values": states })
}

fn definition(key: &str, flag: &Flag) -> Value {
    let mut definition = json!({ "name": key, "description": flag.description });
    let mut constraints = match flag.value_type {
        ValueType::Boolean => return definition,
        ValueType::String => json!({ "type": "string", "required": true }),
        ValueType::Number => json!({ "type": "number", "required": true }),
    };
    // AppConfig lists the values of texts only.
    if flag.value_type == ValueType::String && !flag.values.is_empty() {
        constraints["enum"] = json!(flag.values);
    }
    for (name, bound) in [("minimum", flag.minimum), ("maximum", flag.maximum)] {
        if let Some(bound) = bound {
            constraints[name] = json!(bound);
        }
    }
    definition["attributes"] = json!({ ATTRIBUTE: { "constraints": constraints } });
    definition
}

fn state(value: &Value) -> Value {
    match value {
        Value::Bool(enabled) => json!({ "enabled": enabled }),
        other => json!({ "enabled": true, ATTRIBUTE: other }),
    }
}

/// The values that a document delivers, as the functions read them.
pub fn values_of(document: &Value) -> Values {
    let states = document.get("values").and_then(Value::as_object).into_iter().flatten();
    let value = |state: &Value| match (state.get("enabled").and_then(Value::as_bool), state.get(ATTRIBUTE)) {
        (Some(true), Some(value)) => value.clone(),
        (enabled, _) => Value::Bool(enabled.unwrap_or(false)),
    };
    states.map(|(key, state)| (key.clone(), value(state))).collect()
}

/// The flags in which what AppConfig has is not what git says.
pub fn differences(git: &Values, live: &Values) -> Vec<Difference> {
    let mut keys: Vec<&String> = git.keys().chain(live.keys()).collect();
    keys.sort();
    keys.dedup();
    let differ = |key: &String| match (git.get(key), live.get(key)) {
        (Some(git), Some(live)) if same(git, live) => None,
        (git, live) => Some(Difference { flag: key.clone(), git: git.cloned(), live: live.cloned() }),
    };
    keys.into_iter().filter_map(differ).collect()
}

/// A live document with one flag set to a value, everything else as it is. What AppConfig notes beside each flag (times
/// of creation and change) is AppConfig's own and left out.
pub fn with_value(document: &Value, key: &str, flag: &Flag, value: &Value) -> Value {
    let part = |name: &str, own: Value| {
        let mut part = document.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        for entry in part.values_mut().filter_map(Value::as_object_mut) {
            entry.retain(|field, _| !matches!(field.as_str(), "_createdAt" | "_updatedAt"));
        }
        part.insert(key.to_owned(), own);
        part
    };
    json!({ "version": "1", "flags": part("flags", definition(key, flag)), "values": part("values", state(value)) })
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::tests::flag;
    use super::*;
    use proptest::prelude::*;

    fn catalogue() -> Catalogue {
        Catalogue {
            flags: [
                ("paused", flag(json!({}))),
                ("level", flag(json!({ "type": "string", "default": "info", "values": ["info", "debug"] }))),
                ("batch", flag(json!({ "type": "number", "default": 5, "minimum": 1, "maximum": 9 }))),
            ]
            .map(|(key, flag)| (key.to_owned(), flag))
            .into(),
        }
    }

    fn values(batch: f64) -> Values {
        [("paused", json!(false)), ("level", json!("debug")), ("batch", json!(batch))]
            .map(|(key, value)| (key.to_owned(), value))
            .into()
    }

    /// The rules of AppConfig's own schema for feature flags, as its user guide has them.
    fn schema() -> jsonschema::Validator {
        let key = r"^[a-z][a-zA-Z\d_-]{0,63}$";
        let constraint = |kind: &str, more: Value| {
            let mut properties = json!({ "type": { "const": kind }, "required": { "type": "boolean" } });
            properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({ "type": "object", "properties": properties, "required": ["type"], "additionalProperties": false })
        };
        let whole = json!({ "type": "integer" });
        let text = json!({ "type": "string", "maxLength": 1024 });
        let attribute = json!({
            "type": "object", "additionalProperties": false,
            "properties": { "description": text, "constraints": { "oneOf": [
                constraint("string", json!({ "enum": { "type": "array", "maxItems": 100, "items": text } })),
                constraint("number", json!({ "minimum": whole, "maximum": whole })),
            ] } },
        });
        let map = |of: Value, most: usize| {
            json!({ "type": "object", "patternProperties": { key: of }, "maxProperties": most,
                "additionalProperties": false })
        };
        let definition = json!({
            "type": "object", "additionalProperties": false,
            "properties": {
                "name": { "type": "string", "pattern": "^[^\\n]{1,64}$" }, "description": text,
                "attributes": map(attribute, 25),
            },
        });
        let state = json!({
            "type": "object", "properties": { "enabled": { "type": "boolean" } }, "required": ["enabled"],
            "patternProperties": { key: { "oneOf": [text, { "type": "number" }, { "type": "boolean" }] } },
            "additionalProperties": false,
        });
        jsonschema::validator_for(&json!({
            "type": "object", "required": ["version"], "additionalProperties": false,
            "properties": {
                "version": { "const": "1" }, "flags": map(definition, 1000), "values": map(state, 1000),
            },
        }))
        .unwrap()
    }

    #[test]
    fn the_document_follows_app_configs_schema() {
        let document = app_config(&catalogue(), &values(5.0));
        let faults: Vec<String> = schema().iter_errors(&document).map(|error| error.to_string()).collect();
        assert_eq!(faults, Vec::<String>::new());
        assert_eq!(document["values"]["paused"], json!({ "enabled": false }));
        assert_eq!(document["values"]["level"], json!({ "enabled": true, "value": "debug" }));
        let constraints = |key: &str| &document["flags"][key]["attributes"]["value"]["constraints"];
        assert_eq!(constraints("level")["enum"], json!(["info", "debug"]));
        assert_eq!(constraints("batch")["maximum"], json!(9));
    }

    #[test]
    fn a_document_with_a_wrong_key_breaks_the_schema() {
        let mut document = app_config(&catalogue(), &values(5.0));
        document["values"]["Paused"] = json!({ "enabled": true });
        assert!(!schema().is_valid(&document));
    }

    #[test]
    fn what_was_pushed_differs_in_that_flag_alone() {
        let catalogue = catalogue();
        let git = values(5.0);
        let mut live = app_config(&catalogue, &git);
        live["values"]["level"]["_updatedAt"] = json!("2026-11-01T00:00:00Z");
        assert_eq!(differences(&git, &values_of(&live)), []);
        let pushed = with_value(&live, "paused", &catalogue.flags["paused"], &json!(true));
        assert!(schema().is_valid(&pushed));
        let expected = Difference { flag: "paused".to_owned(), git: Some(json!(false)), live: Some(json!(true)) };
        assert_eq!(differences(&git, &values_of(&pushed)), [expected]);
        assert_eq!(
            with_value(&pushed, "paused", &catalogue.flags["paused"], &json!(false)),
            app_config(&catalogue, &git)
        );
    }

    #[test]
    fn a_flag_on_one_side_only_is_a_difference() {
        let git = Values::from([("a".to_owned(), json!(true))]);
        let live = Values::from([("b".to_owned(), json!(true))]);
        let reported: Vec<String> = differences(&git, &live).into_iter().map(|difference| difference.flag).collect();
        assert_eq!(reported, ["a", "b"]);
    }

    proptest! {
        /// What is delivered is read back as it was evaluated.
        #[test]
        fn values_come_back(batch in 1.0..9.0_f64, paused: bool) {
            let mut values = values(batch);
            values.insert("paused".to_owned(), json!(paused));
            prop_assert_eq!(values_of(&app_config(&catalogue(), &values)), values);
        }
    }
}
