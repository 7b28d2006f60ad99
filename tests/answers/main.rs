//! The JSON Schemas of answers, `docs/schemas`, and the promise about them, `docs/json.md`. That answers are what their
//! schemas say, debug builds check themselves whenever a test lets the tool answer.

mod compatible;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tenantry::cli::answers::{ALL, Described};

use compatible::breaks;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn is_updating() -> bool {
    std::env::var_os("UPDATE_EXPECTED").is_some()
}

/// The number behind the last `v`.
fn version(schema: &str) -> u32 {
    schema.rsplit("/v").next().unwrap().parse().unwrap()
}

/// What is wrong with the committed schema of an answer, given the one that the source gives.
fn wrong(answer: &Described, committed: Option<&str>, generated: &Value) -> Option<String> {
    let name = answer.name();
    let Some(text) = committed else { return Some(format!("{name}: docs/schemas has no schema of it")) };
    let earlier: Value = serde_json::from_str(text).unwrap();
    let before = version(earlier["$id"].as_str().unwrap());
    let found = breaks(&earlier, generated);
    match version(answer.schema) {
        now if now < before => Some(format!("{name}: version {now} comes after version {before}")),
        now if now == before && !found.is_empty() => Some(format!(
            "{name}: raise its version in src/cli/answers.rs, because it changed:\n  {}",
            found.join("\n  ")
        )),
        _ => None,
    }
}

#[test]
fn answers_change_incompatibly_with_their_version_only() {
    let folder = root().join("docs/schemas");
    let mut found = Vec::new();
    for answer in ALL {
        let (file, generated) = (folder.join(answer.name()).with_extension("json"), answer.json_schema());
        let text = serde_json::to_string_pretty(&generated).unwrap() + "\n";
        let committed = fs::read_to_string(&file).ok();
        if committed.as_ref() == Some(&text) {
            continue;
        }
        match wrong(answer, committed.as_deref(), &generated) {
            Some(why) if !(is_updating() && committed.is_none()) => found.push(why),
            _ if is_updating() => {
                fs::create_dir_all(&folder).unwrap();
                fs::write(&file, text).unwrap();
            }
            _ => found.push(format!("{}: docs/schemas has another; UPDATE_EXPECTED=1 writes it", answer.name())),
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    let names: BTreeSet<String> = ALL.iter().map(|answer| format!("{}.json", answer.name())).collect();
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(files.collect::<BTreeSet<String>>(), names, "docs/schemas has schemas of no answer");
}

const PAGE: &str = include_str!("promise.md");

#[test]
fn the_page_of_answers_lists_them_all() {
    let mut text = format!("{PAGE}\n| answer | version | printed by |\n|---|---|---|\n");
    for answer in ALL {
        let (name, version) = (answer.name(), version(answer.schema));
        text += &format!("| [`{name}`](schemas/{name}.json) | {version} | {} |\n", answer.about.trim());
    }
    let file = root().join("docs/json.md");
    if is_updating() {
        fs::write(&file, &text).unwrap();
    }
    let written = fs::read_to_string(&file).unwrap_or_default();
    assert!(written == text, "docs/json.md is not what the source says; UPDATE_EXPECTED=1 writes it");
}

/// Every description of an answer names commands that there are.
#[test]
fn answers_are_of_commands_that_there_are() {
    let command = <tenantry::cli::Cli as clap::CommandFactory>::command();
    for answer in ALL {
        for quoted in answer.about.split('`').skip(1).step_by(2).filter(|quoted| !quoted.starts_with('-')) {
            let mut words = quoted.split(' ');
            let found = command.find_subcommand(words.next().unwrap());
            let found = found.unwrap_or_else(|| panic!("`{quoted}`"));
            if let Some(inner) = words.next().filter(|_| found.has_subcommands()) {
                assert!(found.find_subcommand(inner).is_some(), "`{quoted}`");
            }
        }
    }
}

#[test]
fn what_programs_rely_on_may_not_change_and_more_may_come() {
    let object = |properties: Value, required: Value| json!({ "type": "object", "properties": properties, "required": required });
    let text = || json!({ "type": "string" });
    let tagged = |kinds: &[&str]| -> Value {
        let one = |kind: &&str| {
            object(json!({ "kind": { "type": "string", "const": kind }, "why": text() }), json!(["kind"]))
        };
        json!({ "oneOf": kinds.iter().map(one).collect::<Vec<_>>() })
    };
    let maybe = |schema: Value| json!({ "anyOf": [schema, { "type": "null" }] });
    let inner = || object(json!({ "a": text() }), json!(["a"]));
    for (earlier, later, expected) in [
        // fields
        (
            object(json!({ "a": text() }), json!(["a"])),
            object(json!({ "a": text(), "b": text() }), json!(["a", "b"])),
            None,
        ),
        (object(json!({ "a": text() }), json!([])), object(json!({ "a": text() }), json!(["a"])), None),
        (object(json!({ "a": text() }), json!(["a"])), object(json!({}), json!([])), Some("/a: the field is gone")),
        (object(json!({ "a": text() }), json!([])), object(json!({}), json!([])), Some("/a: the field is gone")),
        (inner(), object(json!({ "a": text() }), json!([])), Some("/a: the field may be missing")),
        (inner(), object(json!({ "a": { "type": "integer" } }), json!(["a"])), Some("/a: was of the types")),
        // types
        (json!({ "type": "number" }), json!({ "type": "integer" }), None),
        (json!({ "type": "integer" }), json!({ "type": "number" }), Some(": was of the types")),
        (json!({ "type": ["string", "null"] }), text(), None),
        (text(), json!({ "type": ["string", "null"] }), Some(": was of the types")),
        (text(), json!({}), Some(": was of the types")),
        (json!({}), text(), None),
        (maybe(inner()), inner(), None),
        (inner(), maybe(inner()), Some(": was of the types")),
        (maybe(inner()), maybe(object(json!({}), json!([]))), Some("/a: the field is gone")),
        (json!({ "type": "string", "format": "date" }), text(), Some(": `format` was")),
        (text(), json!({ "type": "string", "format": "date" }), None),
        // lists and maps
        (json!({ "type": "array", "items": text() }), json!({ "type": "array", "items": inner() }), Some("/*: was of")),
        (json!({ "type": "array", "items": text() }), json!({ "type": "array" }), Some(": its items may be anything")),
        (
            json!({ "type": "array", "prefixItems": [text()] }),
            json!({ "type": "array", "prefixItems": [] }),
            Some(": had 1"),
        ),
        (
            json!({ "type": "object", "additionalProperties": text() }),
            json!({ "type": "object", "additionalProperties": inner() }),
            Some("/*: was of"),
        ),
        // enumerations, in both forms that they have
        (json!({ "type": "string", "enum": ["a"] }), json!({ "type": "string", "enum": ["b", "a"] }), None),
        (
            json!({ "type": "string", "enum": ["a", "b"] }),
            json!({ "type": "string", "enum": ["a"] }),
            Some("\"b\" is gone"),
        ),
        (json!({ "type": "string", "enum": ["a"] }), text(), Some("\"a\" is gone")),
        (
            json!({ "type": "string", "enum": ["a", "b"] }),
            json!({ "oneOf": [{ "type": "string", "enum": ["a"] }, { "type": "string", "const": "b" }] }),
            None,
        ),
        // alternatives
        (tagged(&["a", "b"]), tagged(&["c", "b", "a"]), None),
        (tagged(&["a", "b"]), tagged(&["a"]), Some("/kind: the value \"b\" is gone")),
        (tagged(&["a", "b"]), tagged(&["a", "c"]), Some("/kind: the value \"b\" is gone")),
        // what is named elsewhere, and contains itself
        (
            json!({ "$defs": { "T": object(json!({ "a": text(), "t": { "$ref": "#/$defs/T" } }), json!(["a"])) }, "$ref": "#/$defs/T" }),
            json!({ "$defs": { "U": object(json!({ "t": { "$ref": "#/$defs/U" } }), json!([])) }, "$ref": "#/$defs/U" }),
            Some("/a: the field is gone"),
        ),
    ] {
        let found = breaks(&earlier, &later);
        match expected {
            None => assert_eq!(found, Vec::<String>::new(), "{earlier} {later}"),
            Some(expected) => {
                assert!(found.iter().any(|one| one.contains(expected)), "{earlier} {later}: {found:?}");
            }
        }
        assert_eq!(breaks(&earlier, &earlier), Vec::<String>::new());
    }
}

/// No update accepts what breaks programs, and no version goes back.
#[test]
fn a_changed_answer_needs_a_new_version() {
    let answer = ALL.iter().find(|answer| answer.name() == "plan").unwrap();
    let (now, generated) = (version(answer.schema), answer.json_schema());
    let committed = |version: u32, extra: bool| {
        let mut earlier = generated.clone();
        earlier["$id"] = json!(format!("tenantry/plan/v{version}"));
        earlier["properties"]["schema"]["const"] = earlier["$id"].clone();
        if extra {
            earlier["properties"]["extra"] = json!({ "type": "string" });
        }
        earlier.to_string()
    };
    let wrong = |text: &str| wrong(answer, Some(text), &generated);
    assert_eq!(wrong(&committed(now, false)), None);
    assert!(wrong(&committed(now, true)).unwrap().contains("/extra: the field is gone"));
    assert_eq!(wrong(&committed(now - 1, true)), None);
    assert!(wrong(&committed(now + 1, false)).unwrap().contains("comes after"));
}

/// Paths of properties without a description: neither their own, nor that of the type that they refer to.
fn undescribed(schema: &Value, definitions: &Value, path: &str, found: &mut Vec<String>) {
    let Some(keywords) = schema.as_object() else { return };
    let refers = |to: &Value| {
        let name = to["$ref"].as_str().and_then(|target| target.strip_prefix("#/$defs/"));
        name.is_some_and(|name| definitions[name]["description"].is_string())
    };
    let is_described = |property: &Value| {
        let choices = property["anyOf"].as_array();
        property.get("description").or(property.get("const")).is_some()
            || refers(property)
            || refers(&property["items"])
            || choices.is_some_and(|choices| choices.iter().any(refers))
    };
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}/{name}");
        if !is_described(property) {
            found.push(path.clone());
        }
        undescribed(property, definitions, &path, found);
    }
    for inner in ["items", "additionalProperties"].into_iter().filter_map(|keyword| keywords.get(keyword)) {
        undescribed(inner, definitions, &format!("{path}/*"), found);
    }
    for choice in
        ["oneOf", "anyOf", "allOf"].into_iter().filter_map(|keyword| keywords.get(keyword)?.as_array()).flatten()
    {
        // A variant with one value is an object with one property, and its description is that of the value.
        let is_variant = choice["properties"].as_object().is_some_and(|properties| properties.len() == 1);
        match choice["properties"].as_object().and_then(|properties| properties.values().next()) {
            Some(value) if is_variant && choice["description"].is_string() => {
                undescribed(value, definitions, path, found);
            }
            _ => undescribed(choice, definitions, path, found),
        }
    }
}

#[test]
fn every_field_of_an_answer_has_a_description() {
    let mut found = BTreeSet::new();
    for answer in ALL {
        let schema = answer.json_schema();
        let (definitions, mut paths) = (&schema["$defs"], Vec::new());
        undescribed(&schema, definitions, answer.name(), &mut paths);
        for (name, definition) in definitions.as_object().into_iter().flatten() {
            undescribed(definition, definitions, &format!("{}#{name}", answer.name()), &mut paths);
        }
        found.extend(paths);
    }
    assert_eq!(found, BTreeSet::new(), "describe these in the source: unit, meaning, when null or absent");
}

#[test]
fn a_field_without_a_description_is_found() {
    let schema = json!({
        "properties": {
            "plain": { "type": "string" },
            "described": { "type": "string", "description": "Name of the stack." },
            "constant": { "const": "deleted" },
            "typed": { "$ref": "#/$defs/Place" },
            "maybe": { "anyOf": [{ "$ref": "#/$defs/Place" }, { "type": "null" }] },
            "bare": { "$ref": "#/$defs/Bare" },
            "list": { "description": "Rows.", "items": { "oneOf": [
                { "properties": { "why": { "type": "string" } } },
                { "properties": { "zone": { "type": "string" } }, "description": "An Availability Zone." },
            ] } },
        }
    });
    let definitions = json!({ "Place": { "description": "Account and Region." }, "Bare": {} });
    let mut found = Vec::new();
    undescribed(&schema, &definitions, "a", &mut found);
    found.sort();
    assert_eq!(found, ["a/bare", "a/list/*/why", "a/plain"]);
}
