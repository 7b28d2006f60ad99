//! Every JSON answer of the command line with its name, version and JSON Schema. docs/json.md is the promise about them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde_json::{Map, Value, json};

use tenantry_ops::release::{manifest, record};

/// What a command can print as JSON.
pub trait Answer: Serialize + JsonSchema {
    /// Its name and version: `tenantry/plan/v4`.
    const SCHEMA: &'static str;
    /// A stored document, which has the field `schema` itself.
    const IS_STORED: bool = false;
}

/// An answer in the list of all.
#[derive(Debug)]
pub struct Described {
    /// Its name and version: `tenantry/plan/v4`.
    pub schema: &'static str,
    /// Which commands print it.
    pub about: &'static str,
    generate: fn() -> Schema,
}

macro_rules! answers {
    ($($(#[doc = $about:literal])+ $schema:expr $(, $stored:ident)? => $answer:ty;)+) => {
        $(
            impl Answer for $answer {
                const SCHEMA: &'static str = $schema;
                $(const IS_STORED: bool = answers!($stored);)?
            }
        )+

        /// All answers by name.
        pub const ALL: &[Described] = &[$(
            Described { schema: $schema, about: concat!($($about),+), generate: generated::<$answer> }
        ),+];
    };
    (stored) => { true };
}

answers! {
    /// `alarms`
    "tenantry/alarms/v1" => super::alarms::Answer;
    /// `schema answer`
    "tenantry/answers/v1" => super::schema::Answer;
    /// `capacity`
    "tenantry/capacity/v3" => super::capacity::Answer;
    /// `explain CODE`
    "tenantry/code/v2" => tenantry_base::finding::Explanation;
    /// `explain codes`
    "tenantry/codes/v2" => super::explain::Codes;
    /// `cost`, `explain cost`
    "tenantry/cost/v1" => crate::report::cost::Costs;
    /// `destroy`
    "tenantry/destroy/v1" => super::destroy::Answer;
    /// `diff`
    "tenantry/diff/v1" => super::diff::Answer;
    /// `doctor`
    "tenantry/doctor/v1" => super::doctor::Answer;
    /// `drift`
    "tenantry/drift/v2" => super::drift::Answer<'_>;
    /// every command that fails before it has an answer
    "tenantry/error/v2" => super::failure::ErrorAnswer;
    /// each line of `--events`
    "tenantry/event/v1" => super::events::Line<'_>;
    /// `validate`
    "tenantry/findings/v2" => super::validate::Checked;
    /// `flags why`
    "tenantry/flag/v1" => super::flags::why::Answer;
    /// `flags show`
    "tenantry/flag-values/v1" => super::flags::show::Answer;
    /// `flags list`
    "tenantry/flags/v1" => super::flags::list::Answer<'_>;
    /// `flags set`, `flags unset`, `flags rollout`, `flags retire`
    "tenantry/flags-change/v1" => super::flags::preview::Answer;
    /// `flags lint`
    "tenantry/flags-lint/v1" => super::flags::lint::Answer<'_>;
    /// `flags push`
    "tenantry/flags-push/v1" => super::flags::push::Answer;
    /// `functions fetch`, `functions verify`
    "tenantry/functions/v1" => super::functions::Answer;
    /// `graph`
    "tenantry/graph/v1" => super::graph::Answer;
    /// `images`
    "tenantry/images/v1" => super::images::Answer;
    /// `init`
    "tenantry/init/v1" => super::init::Answer;
    /// `list`
    "tenantry/list/v1" => super::list::Answer<'_>;
    /// `unlock`
    "tenantry/locks/v1" => super::unlock::Answer;
    /// `release cut`, which writes the same file
    manifest::SCHEMA, stored => manifest::Manifest;
    /// `move`
    "tenantry/move/v1" => super::moving::Answer;
    /// `explain network TENANT --draw`
    "tenantry/network/v1" => crate::report::site::Network;
    /// `new`
    "tenantry/new/v1" => super::new::Answer;
    /// `explain TENANT`, `explain sizing`, `explain network`
    "tenantry/numbers/v1" => super::explain::Numbers;
    /// `deploy`, `bootstrap`, `rescue`, `drift --fix`
    "tenantry/outcomes/v1" => super::run::Answer<'_>;
    /// `output`
    "tenantry/outputs/v1" => super::outputs::Answer;
    /// `permissions`
    "tenantry/permissions/v1" => super::permissions::Policies;
    /// `permissions --check`
    "tenantry/permissions-check/v1" => super::permissions::Comparison;
    /// `plan`, and the file that `plan --out` writes
    "tenantry/plan/v4" => super::plan::Answer<'_>;
    /// `destroy --purge`
    "tenantry/purge/v1" => super::purge::Answer<'_>;
    /// `quotas`
    "tenantry/quotas/v3" => super::quotas::Answer<'_>;
    /// `rejects`
    "tenantry/rejects/v1" => super::rejects::Answer<'_>;
    /// `release diff`
    "tenantry/release-diff/v1" => super::release::diff::Answer;
    /// `release plan`
    "tenantry/release-plan/v3" => super::release::plan::Itinerary;
    /// `release roll`, `release resume`
    "tenantry/release-roll/v1" => super::release::roll::Answer<'_>;
    /// `release status`
    "tenantry/release-status/v2" => super::release::status::Answer;
    /// `release verify`
    "tenantry/release-verify/v1" => super::release::verify::Answer<'_>;
    /// `replay`
    "tenantry/replay/v1" => super::replay::Answer<'_>;
    /// `report`
    "tenantry/report/v2" => crate::report::site::Report;
    /// each line of `--log`
    "tenantry/request/v1" => tenantry_aws::cloud::calls::Call;
    /// `incident new`, `incident close`
    "tenantry/retrospective/v1" => super::incident::Answer;
    /// `release pause`
    record::SCHEMA, stored => record::Record;
    /// `release rollback`
    "tenantry/rollback/v1" => super::release::back::Answer;
    /// `journal`
    "tenantry/runs/v1" => super::journal::Answer;
    /// `status`
    "tenantry/status/v2" => super::status::Answer;
    /// `render`
    "tenantry/templates/v1" => super::render::Answer;
    /// `init --upgrade`
    "tenantry/upgrade/v2" => super::upgrade::Answer;
    /// `watch`
    "tenantry/watch/v1" => super::watch::Answer;
}

impl Described {
    /// `plan` of `tenantry/plan/v4`.
    pub fn name(&self) -> &'static str {
        self.schema.split('/').nth(1).unwrap_or(self.schema)
    }

    /// Its JSON Schema.
    pub fn json_schema(&self) -> Value {
        let generated = (self.generate)();
        let field = |name: &str| generated.get(name).cloned().unwrap_or_default();
        let named = json!({ "description": "Name and version of the answer.", "const": self.schema });
        let mut properties = Map::from_iter([("schema".to_owned(), named)]);
        for (name, value) in field("properties").as_object().into_iter().flatten() {
            properties.entry(name).or_insert_with(|| value.clone());
        }
        let mut required = vec![json!("schema")];
        required.extend(field("required").as_array().into_iter().flatten().filter(|name| *name != "schema").cloned());
        let mut schema = Map::new();
        for (key, value) in [
            ("$schema", field("$schema")),
            ("$id", json!(self.schema)),
            ("title", json!(self.name())),
            ("description", json!(format!("The answer of {}.", self.about.trim()))),
            ("type", field("type")),
            ("properties", Value::Object(properties)),
            ("required", Value::Array(required)),
        ] {
            schema.insert(key.to_owned(), value);
        }
        for (key, value) in generated.as_object().into_iter().flatten() {
            schema.entry(key).or_insert_with(|| value.clone());
        }
        Value::Object(schema)
    }
}

fn generated<A: Answer>() -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize().with_transform(Plain);
    settings.into_generator().into_root_schema_for::<A>()
}

/// Leaves out what is Rust's or a writer's and no reader's: formats of numbers, defaults, links between doc comments. Fields
/// may be added within a version, so no object is closed.
#[derive(Debug, Clone)]
struct Plain;

impl Transform for Plain {
    fn transform(&mut self, schema: &mut Schema) {
        let is_text = schema.get("type").is_some_and(|kind| *kind == "string" || *kind == json!(["string", "null"]));
        if !is_text {
            schema.remove("format");
        }
        schema.remove("default");
        if schema.get("additionalProperties") == Some(&Value::Bool(false)) {
            schema.remove("additionalProperties");
        }
        // Keys that are numbers.
        if let Some(Value::Object(patterns)) = schema.remove("patternProperties")
            && let Some((_, values)) = patterns.into_iter().next()
        {
            schema.insert("additionalProperties".to_owned(), values);
        }
        if let Some(Value::String(text)) = schema.get_mut("description") {
            let words = text.replace("[`", "`").replace("`]", "`");
            *text = words.split_inclusive(|one: char| !one.is_alphanumeric()).map(plain_word).collect();
        }
        transform_subschemas(self, schema);
    }
}

/// A reader of JSON knows `null`.
fn plain_word(word: &str) -> String {
    match word.strip_prefix("None") {
        Some(rest) if !rest.starts_with(char::is_alphanumeric) => format!("null{rest}"),
        _ => word.to_owned(),
    }
}

/// Holds an answer against its schema, for debug builds.
///
/// # Panics
/// It is not what the schema says, or has a field that it does not name.
pub(super) fn hold<A: Answer>(answer: &Value) {
    type Held = Arc<(Value, jsonschema::Validator)>;
    static HELD: Mutex<BTreeMap<&str, Held>> = Mutex::new(BTreeMap::new());

    let mut all = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    let held = Arc::clone(all.entry(A::SCHEMA).or_insert_with(|| Arc::new(compiled(A::SCHEMA))));
    drop(all);
    let wrong = breaks(&held.0, &held.1, answer);
    assert!(wrong.is_empty(), "an answer is not what the schema of {} says:\n{}", A::SCHEMA, wrong.join("\n"));
}

/// The JSON Schema of an answer with its validator.
#[expect(clippy::expect_used, reason = "only tests and debug builds come here")]
fn compiled(schema: &str) -> (Value, jsonschema::Validator) {
    let described = ALL.iter().find(|one| one.schema == schema).expect("the list has every answer");
    let schema = described.json_schema();
    let validator = jsonschema::options().should_validate_formats(true).build(&schema);
    (schema, validator.expect("a generated schema can be used"))
}

/// What in a value breaks a schema, and the fields that it does not name.
fn breaks(schema: &Value, validator: &jsonschema::Validator, answer: &Value) -> Vec<String> {
    let broken = validator.iter_errors(answer).map(|error| format!("{}: {error}", error.instance_path()));
    let mut wrong: Vec<String> = broken.collect();
    unnamed(schema, vec![schema], answer, "", &mut wrong);
    wrong
}

/// Fields of a value that none of its schemas names.
fn unnamed<'s>(root: &'s Value, mut schemas: Vec<&'s Value>, value: &Value, route: &str, wrong: &mut Vec<String>) {
    let mut next = 0;
    while let Some(schema) = schemas.get(next).copied() {
        next += 1;
        let referred = schema["$ref"].as_str().and_then(|target| root.pointer(target.trim_start_matches('#')));
        schemas.extend(referred);
        let parts = ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|word| schema[word].as_array());
        schemas.extend(parts.flatten());
    }
    let below = |word: &str, name: &str| -> Vec<&'s Value> {
        schemas.iter().filter_map(|schema| schema.get(word)?.get(name)).collect()
    };
    // A schema that says nothing of an object says that it may be any.
    let is_any = |schema: &&Value| {
        **schema == Value::Bool(true)
            || schema.as_object().is_some_and(|all| all.keys().all(|key| key == "description"))
    };
    if schemas.iter().any(is_any) {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let route = format!("{route}/{name}");
                let mut known = below("properties", name);
                if known.is_empty() {
                    known = schemas.iter().filter_map(|schema| schema.get("additionalProperties")).collect();
                }
                match known.is_empty() {
                    true => wrong.push(format!("{route}: no schema names this field")),
                    false => unnamed(root, known, value, &route, wrong),
                }
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                let listed = schemas.iter().filter_map(|schema| schema.get("prefixItems")?.get(at));
                let known: Vec<&Value> =
                    listed.chain(schemas.iter().filter_map(|schema| schema.get("items"))).collect();
                unnamed(root, known, item, &format!("{route}/{at}"), wrong);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, JsonSchema)]
    struct Inner {
        kept: bool,
    }

    #[derive(Serialize, JsonSchema)]
    #[serde(rename_all = "kebab-case", tag = "kind")]
    enum Outcome {
        Done { after: u32 },
        Open,
    }

    #[derive(Serialize, JsonSchema)]
    struct Outer {
        by_number: BTreeMap<u64, Inner>,
        /// None where [`Inner`] is unknown.
        name: Option<String>,
        inner: Vec<Inner>,
        #[serde(flatten)]
        outcome: Outcome,
    }

    impl Answer for Outer {
        const SCHEMA: &'static str = "tenantry/outer/v1";
    }

    const OUTER: Described = Described { schema: Outer::SCHEMA, about: " `outer`", generate: generated::<Outer> };

    #[test]
    fn a_schema_has_the_name_and_version_and_the_fields_of_the_answer() {
        let schema = OUTER.json_schema();
        assert_eq!(schema["$id"], "tenantry/outer/v1");
        assert_eq!(schema["title"], "outer");
        assert_eq!(schema["properties"]["schema"]["const"], "tenantry/outer/v1");
        assert_eq!(schema["properties"]["name"]["description"], "null where `Inner` is unknown.");
        assert_eq!(schema["required"].as_array().map(|all| all.contains(&json!("schema"))), Some(true));
    }

    #[test]
    fn answers_are_sorted_by_name_and_have_one_version() {
        let names: Vec<&str> = ALL.iter().map(Described::name).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(names, sorted);
        for answer in ALL {
            let version = answer.schema.strip_prefix(&format!("tenantry/{}/v", answer.name()));
            assert!(version.is_some_and(|version| version.parse::<u32>().is_ok()), "{}", answer.schema);
        }
    }

    #[test]
    fn an_answer_that_is_not_what_its_schema_says_is_found() {
        let schema = OUTER.json_schema();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let answer = |outcome| Outer {
            by_number: [(1, Inner { kept: true })].into(),
            name: None,
            inner: vec![Inner { kept: true }],
            outcome,
        };
        for outcome in [Outcome::Open, Outcome::Done { after: 3 }] {
            let mut value = serde_json::to_value(answer(outcome)).unwrap();
            value["schema"] = json!("tenantry/outer/v1");
            assert_eq!(breaks(&schema, &validator, &value), Vec::<String>::new());
            value["inner"][0]["more"] = json!(1);
            assert_eq!(breaks(&schema, &validator, &value), ["/inner/0/more: no schema names this field"]);
            value["inner"][0] = json!({ "kept": "yes" });
            value["schema"] = json!("tenantry/outer/v2");
            assert_eq!(breaks(&schema, &validator, &value).len(), 2);
        }
    }
}
