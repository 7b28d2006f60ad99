//! Changing one value of a tenant's file: comments, order and everything else stay as people wrote them.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};
use yamlpatch::{Op, Patch, apply_yaml_patches};
use yamlpath::{Component, FeatureKind, Route};

use crate::document::Document;
use crate::finding::{Finding, Source};

/// Why a file was not changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The file is no YAML, before or after the change.
    #[error("`{}` cannot be changed: {}", .0.display(), .1.message)]
    Unreadable(Box<Path>, Box<Finding>),
    #[error("`{}` has no `{route}`", file.display())]
    Absent { file: Box<Path>, route: String },
    #[error("`{route}` cannot be written into `{}`: `{at}` is there and is no map", file.display())]
    NoMap { file: Box<Path>, route: String, at: String },
    #[error("`{route}` cannot be changed in `{}`", file.display())]
    Patch { file: Box<Path>, route: String, source: yamlpatch::Error },
    /// The changed text would say something else than was asked for.
    #[error("`{route}` cannot be changed in `{}` and leave the rest as it is; change it by hand", file.display())]
    Unfaithful { file: Box<Path>, route: String },
}

/// The text of a file with `route` (keys joined by dots, such as `flags.extended-retry`) set to `value`. Maps that the
/// route needs are made. One liberty: a comment on the line of an empty map goes with it.
///
/// # Errors
/// The file is no YAML, something on the way is no map, or the file is written so that the rest would change.
pub fn set(source: &Arc<Source>, route: &str, value: &Value) -> Result<String, EditError> {
    let document = read(source)?;
    let keys: Vec<&str> = route.split('.').collect();
    let (depth, found) = deepest(&document.value, &keys);
    let no_map = || EditError::NoMap {
        file: source.path.as_path().into(),
        route: route.to_owned(),
        at: keys[..depth].join("."),
    };
    let (above, rest) = keys.split_at(depth);
    let add = |at: &[&str], key: &str, value: &Value| addition(source, route, at, key, value);
    let whole = nested(rest.get(1..).unwrap_or_default(), value);
    let mut wanted = document.value.clone();
    put(&mut wanted, &keys, value);
    let texts = if rest.is_empty() { replacements(source, &keys, value) } else { Vec::new() };
    if let Some(text) = texts.into_iter().find_map(|text| faithful(source, route, text, &wanted).ok()) {
        return Ok(text);
    }
    let operations = match (rest, found, above) {
        ([], ..) => vec![(depth, Op::Replace(yaml(source, route, value)?))],
        // A map with nothing in it has no form that could be added to; it is written anew.
        (_, empty, [on @ .., key]) if is_empty(empty) => vec![(depth, Op::Remove), add(on, key, &nested(rest, value))?],
        ([key, ..], Value::Object(_), _) => match insertion(source, above, key, &whole) {
            Some(text) => return faithful(source, route, text, &wanted),
            None => vec![add(above, key, &whole)?],
        },
        _ => return Err(no_map()),
    };
    let text = patched(source, route, &keys, operations)?;
    // What was added as a word stands there as itself now.
    let as_itself = if is_empty(found) { nested(rest, value) } else { whole };
    faithful(source, route, text.replace(WORD, &between_braces(&as_itself)), &wanted)
}

/// The texts with another value in the place of the one at `at`, as it stands there without quotes and with them; none
/// if that is a map.
fn replacements(source: &Source, at: &[&str], value: &Value) -> Vec<String> {
    let there = || {
        yamlpath::Document::new(source.text.as_str()).ok()?.query_exact(&path(at)).ok()?.map(|there| {
            (!matches!(there.kind(), FeatureKind::FlowMapping | FeatureKind::BlockMapping))
                .then_some(there.location.byte_span)
        })?
    };
    let Some((before, old, after)) = there().and_then(|(start, end)| {
        Some((source.text.get(..start)?, source.text.get(start..end)?, source.text.get(end..)?))
    }) else {
        return Vec::new();
    };
    let bare = value.as_str().filter(|_| !old.starts_with(['"', '\'']));
    let written = bare.map(str::to_owned).into_iter().chain([between_braces(value)]);
    written.map(|written| format!("{before}{written}{after}")).collect()
}

/// The text with a key added before the closing brace of the map at `at`; None if that is not between braces.
fn insertion(source: &Source, at: &[&str], key: &str, value: &Value) -> Option<String> {
    let text = source.text.as_str();
    let document = yamlpath::Document::new(text).ok()?;
    let (start, end) = braces(&document, at)?;
    let inside = text.get(start..end)?.strip_prefix('{')?.strip_suffix('}')?.trim_end();
    let comma = if inside.trim().is_empty() || inside.ends_with(',') { "" } else { "," };
    let (before, after) = text.split_at(start + 1 + inside.len());
    let closing = after.trim_start();
    Some(format!("{before}{comma} {}: {} {closing}", written_key(key), between_braces(value)))
}

/// The text without the key at `at` and one comma beside it; None if that is not between braces.
fn removal(source: &Source, at: &[&str]) -> Option<String> {
    let document = yamlpath::Document::new(source.text.as_str()).ok()?;
    let map = braces(&document, &at[..at.len() - 1])?;
    let value = document.query_exact(&path(at)).ok()??;
    // The key stands between the value and the comma or brace before it.
    let end = value.location.byte_span.1;
    let head = source.text.get(map.0 + 1..value.location.byte_span.0)?;
    let start = map.0 + 1 + head.rfind([',', '{']).map_or(0, |comma| comma + 1);
    let (before, after) = (source.text.get(..start)?.trim_end(), source.text.get(end..)?.trim_start());
    Some(match (before.strip_suffix(','), after.strip_prefix(',')) {
        (Some(before), _) => format!("{before}{}", &source.text[end..]),
        (None, Some(after)) => format!("{} {}", before, after.trim_start()),
        (None, None) => format!("{before}{after}"),
    })
}

/// The bytes of the map at a place if it stands between braces.
fn braces(document: &yamlpath::Document, at: &[&str]) -> Option<(usize, usize)> {
    let map = document.query_exact(&path(at)).ok()??;
    (map.kind() == FeatureKind::FlowMapping).then_some(map.location.byte_span)
}

fn path<'k>(keys: &[&'k str]) -> Route<'k> {
    Route::from(keys.iter().map(|key| Component::from(*key)).collect::<Vec<_>>())
}

/// A word that stands for a map while it is added.
const WORD: &str = "tenantry-writes-a-map-here";

/// The operation that adds a key below `at`. A map in a map is not written faithfully between lines: there a word is
/// added, and becomes the map between braces afterwards.
fn addition(
    source: &Source,
    route: &str,
    at: &[&str],
    key: &str,
    value: &Value,
) -> Result<(usize, Op<'static>), EditError> {
    let simple = |map: &Map<String, Value>| map.iter().all(|(key, inside)| is_plain(key) && !inside.is_object());
    let as_word = value.as_object().is_some_and(|map| !simple(map));
    let value = if as_word { yaml_serde::Value::from(WORD) } else { yaml(source, route, value)? };
    Ok((at.len(), Op::Add { key: written_key(key), value }))
}

fn written_key(key: &str) -> String {
    if is_plain(key) { key.to_owned() } else { Value::from(key).to_string() }
}

/// A key that is a text in YAML without quotes.
fn is_plain(key: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let word = matches!(key, "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n");
    key.starts_with(|first: char| first.is_ascii_alphabetic()) && key.bytes().all(good) && !word
}

/// A value on one line.
fn between_braces(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let entries: Vec<String> =
                map.iter().map(|(key, value)| format!("{}: {}", written_key(key), between_braces(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(between_braces).collect::<Vec<_>>().join(", ")),
        scalar => scalar.to_string(),
    }
}

/// The text of a file without `route`, and without the maps that it leaves empty.
///
/// # Errors
/// The file is no YAML or has no such route, or is written so that the rest would change.
pub fn unset(source: &Arc<Source>, route: &str) -> Result<String, EditError> {
    let document = read(source)?;
    let keys: Vec<&str> = route.split('.').collect();
    let (depth, _) = deepest(&document.value, &keys);
    if depth < keys.len() {
        return Err(EditError::Absent { file: source.path.as_path().into(), route: route.to_owned() });
    }
    let alone =
        |depth: &usize| deepest(&document.value, &keys[..*depth]).1.as_object().is_some_and(|map| map.len() == 1);
    let above = (1..keys.len()).rev().take_while(alone).last();
    let gone = &keys[..above.unwrap_or(keys.len())];
    let mut wanted = document.value.clone();
    remove(&mut wanted, gone);
    let text = match removal(source, gone) {
        Some(text) => text,
        None => patched(source, route, gone, vec![(gone.len(), Op::Remove)])?,
    };
    faithful(source, route, text, &wanted)
}

fn read(source: &Arc<Source>) -> Result<Document, EditError> {
    let unreadable = |finding| EditError::Unreadable(source.path.as_path().into(), Box::new(finding));
    Document::parse(Arc::clone(source)).map_err(unreadable)
}

/// How many of `keys` lead somewhere, and where.
fn deepest<'v>(value: &'v Value, keys: &[&str]) -> (usize, &'v Value) {
    let mut at = value;
    for (depth, key) in keys.iter().enumerate() {
        match at.get(key) {
            Some(inside) => at = inside,
            None => return (depth, at),
        }
    }
    (keys.len(), at)
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(Map::is_empty)
}

/// `value` below `keys`.
fn nested(keys: &[&str], value: &Value) -> Value {
    keys.iter().rev().fold(value.clone(), |value, key| Value::Object(Map::from_iter([((*key).to_owned(), value)])))
}

fn put(at: &mut Value, keys: &[&str], value: &Value) {
    match keys {
        [] => *at = value.clone(),
        [key, rest @ ..] => {
            if at.is_null() {
                *at = Value::Object(Map::new());
            }
            if let Value::Object(map) = at {
                put(map.entry(*key).or_insert(Value::Null), rest, value);
            }
        }
    }
}

fn remove(at: &mut Value, keys: &[&str]) {
    match (keys, at) {
        ([key], Value::Object(map)) => drop(map.remove(*key)),
        ([key, rest @ ..], Value::Object(map)) => map.get_mut(*key).into_iter().for_each(|inside| remove(inside, rest)),
        _ => {}
    }
}

fn yaml(source: &Source, route: &str, value: &Value) -> Result<yaml_serde::Value, EditError> {
    yaml_serde::to_value(value).map_err(|error| patch_error(source, route, yamlpatch::Error::Serialization(error)))
}

fn patch_error(file: &Source, route: &str, source: yamlpatch::Error) -> EditError {
    EditError::Patch { file: file.path.as_path().into(), route: route.to_owned(), source }
}

/// Applies operations, each at the first so many of `keys`.
fn patched(source: &Source, route: &str, keys: &[&str], operations: Vec<(usize, Op<'_>)>) -> Result<String, EditError> {
    let fault = |error| patch_error(source, route, error);
    let document = yamlpath::Document::new(source.text.as_str()).map_err(|error| fault(error.into()))?;
    let patch = |(depth, operation): (usize, _)| Patch { route: path(&keys[..depth]), operation };
    let patches: Vec<Patch<'_>> = operations.into_iter().map(patch).collect();
    Ok(apply_yaml_patches(&document, &patches).map_err(fault)?.source().to_owned())
}

/// A text, read back: it must say `wanted`, neither more nor less.
fn faithful(source: &Source, route: &str, text: String, wanted: &Value) -> Result<String, EditError> {
    let changed = read(&Arc::new(Source { path: source.path.clone(), text: text.clone() }))?;
    if changed.value == *wanted {
        Ok(text)
    } else {
        Err(EditError::Unfaithful { file: source.path.as_path().into(), route: route.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const FILE: &str = "\
# a customer
account: \"111122223333\" # ours
network: { cidr: 10.17.0.0/18 } # fixed

ingest:
  # agreed in May
  peak_gib_per_minute: 2.0
  allow_from: [203.0.113.0/24] # office
";

    fn source(text: &str) -> Arc<Source> {
        Arc::new(Source { path: "tenants/acme.yaml".into(), text: text.to_owned() })
    }

    #[test]
    fn a_value_changes_alone() {
        let text = set(&source(FILE), "ingest.peak_gib_per_minute", &json!(3.5)).unwrap();
        assert_eq!(text, FILE.replace("2.0", "3.5"));
        let text = set(&source(FILE), "network.cidr", &json!("10.18.0.0/18")).unwrap();
        assert_eq!(text, FILE.replace("10.17", "10.18"));
    }

    #[test]
    fn a_value_between_braces_changes_alone() {
        let file = "contact: { timezone: Europe/Zagreb, page: \"https://a.example/x\" } # them\nfrom:\n  - 10.0.0.0/8 # office\n";
        let text = set(&source(file), "contact.page", &json!("https://b.example/y")).unwrap();
        assert_eq!(text, file.replace("a.example/x", "b.example/y"));
        let text = set(&source(file), "contact.timezone", &json!("a, b: c")).unwrap();
        assert_eq!(text, file.replace("Europe/Zagreb", "\"a, b: c\""));
        let text = set(&source(file), "from", &json!([])).unwrap();
        assert!(text.starts_with(&file[..60]) && text.contains("[]"), "{text}");
    }

    #[test]
    fn a_value_is_added_where_it_belongs() {
        let text = set(&source(FILE), "network.zones", &json!(2)).unwrap();
        assert_eq!(text, FILE.replace("/18 }", "/18, zones: 2 }"));
        let text = set(&source(FILE), "ingest.framing", &json!("newline")).unwrap();
        assert_eq!(text, format!("{FILE}  framing: newline\n"));
        let text = set(&source(FILE), "flags.extended-retry", &json!(false)).unwrap();
        assert_eq!(text, format!("{FILE}flags:\n  extended-retry: false\n"));
    }

    #[test]
    fn maps_in_maps_come_and_go() {
        let file = "flags:\n  # switch\n  one: { default: true }\n  two:\n    default: true # on\n\nlast: 1\n";
        let early = set(&source(file), "flags.two.rules.rings.early", &json!(true)).unwrap();
        assert_eq!(early, file.replace("# on\n", "# on\n    rules: { rings: { early: true } }\n"));
        let account = set(&source(&early), "flags.two.rules.accounts.444455556666", &json!("x")).unwrap();
        let canary = set(&source(&account), "flags.two.rules.rings.canary", &json!(false)).unwrap();
        let more = set(&source(&canary), "flags.two.rules.accounts.111122223333", &json!("x")).unwrap();
        // Whoever reads keys as numbers would not find the account.
        let plain: serde_yaml::Value = serde_yaml::from_str(&more).unwrap();
        let accounts = plain["flags"]["two"]["rules"]["accounts"].as_mapping().unwrap();
        assert!(accounts.len() == 2 && accounts.keys().all(serde_yaml::Value::is_string), "{more}");
        assert_eq!(unset(&source(&more), "flags.two.rules.accounts.111122223333").unwrap(), canary);
        let back = unset(&source(&canary), "flags.two.rules.accounts.444455556666").unwrap();
        let back = unset(&source(&back), "flags.two.rules.rings.early").unwrap();
        assert_eq!(unset(&source(&back), "flags.two.rules.rings.canary").unwrap(), file);
        let inside = set(&source(file), "flags.one.rules.rings.early", &json!(true)).unwrap();
        assert_eq!(unset(&source(&inside), "flags.one.rules.rings.early").unwrap(), file);
        let block = "accounts:\n  \"111122223333\": 1\n";
        let more = set(&source(block), "accounts.444455556666", &json!(2)).unwrap();
        assert_eq!(more, format!("{block}  \"444455556666\": 2\n"));
        assert_eq!(unset(&source(&more), "accounts.444455556666").unwrap(), block);
    }

    #[test]
    fn an_empty_place_is_filled() {
        for empty in ["flags:", "flags: {}"] {
            let text = set(&source(&format!("{FILE}{empty}\n")), "flags.a", &json!(true)).unwrap();
            let said = read(&source(&text)).unwrap().value;
            assert_eq!(said["flags"], json!({ "a": true }), "{text}");
            assert!(text.starts_with(FILE), "{text}");
        }
    }

    #[test]
    fn what_was_set_can_be_taken_back() {
        let with = set(&source(FILE), "flags.extended-retry", &json!(false)).unwrap();
        let two = set(&source(&with), "flags.verbose-logs", &json!(true)).unwrap();
        assert_eq!(unset(&source(&two), "flags.verbose-logs").unwrap(), with);
        assert_eq!(unset(&source(&with), "flags.extended-retry").unwrap(), FILE);
        let error = unset(&source(FILE), "flags.extended-retry").unwrap_err();
        assert_eq!(error.to_string(), "`tenants/acme.yaml` has no `flags.extended-retry`");
    }

    #[test]
    fn what_is_no_map_is_left_alone() {
        let error = set(&source(FILE), "account.name", &json!(1)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`account.name` cannot be written into `tenants/acme.yaml`: `account` is there and is no map"
        );
    }

    proptest! {
        /// Whatever is set is read back, and no comment is lost.
        #[test]
        fn a_text_comes_back_as_it_was_set(text in "[ -~äß日]{0,24}", key in "[a-z][a-z-]{0,8}[a-z]") {
            let route = format!("flags.{key}");
            let changed = set(&source(FILE), &route, &json!(text)).unwrap();
            prop_assert!(changed.starts_with(FILE));
            let back = unset(&source(&changed), &route).unwrap();
            prop_assert_eq!(back, FILE);
        }
    }
}
