//! Where two property values differ in meaning.
//!
//! The order of a list means nothing, `"443"` is 443, one value is a list of one, and a policy is compared as IAM reads
//! it. What the template does not give may be anything, except inside a policy.

use serde_json::{Map, Value};

use super::expected::{UNKNOWN, is_unknown};

/// One place in which a property differs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spot {
    pub path: String,
    pub expected: Value,
    pub actual: Value,
}

/// Every spot in which `actual` is not what `expected` says, among the properties that `actual` tells.
pub(super) fn properties(expected: &Map<String, Value>, actual: &Map<String, Value>) -> Vec<Spot> {
    let mut spots = Vec::new();
    for (key, wanted) in expected {
        if let Some(reported) = actual.get(key) {
            compare(wanted, reported, &format!("/{key}"), &mut spots);
        }
    }
    spots
}

fn compare(expected: &Value, actual: &Value, path: &str, spots: &mut Vec<Spot>) {
    if is_policy(expected) {
        if !fits(&policy(expected), &policy(actual)) {
            spots.push(spot(path, expected, actual));
        }
        return;
    }
    match (expected, actual) {
        (Value::Object(wanted), Value::Object(reported)) => {
            for (key, value) in wanted {
                compare(value, reported.get(key).unwrap_or(&Value::Null), &format!("{path}/{key}"), spots);
            }
            // An environment is given as a whole.
            if path.ends_with("/Variables") {
                let extra = reported.iter().filter(|(key, _)| !wanted.contains_key(*key));
                spots.extend(extra.map(|(key, value)| spot(&format!("{path}/{key}"), &Value::Null, value)));
            }
        }
        (Value::Array(wanted), Value::Array(reported)) => {
            if wanted.len() != reported.len() || !wanted.iter().all(|item| reported.iter().any(|o| same(item, o))) {
                spots.push(spot(path, expected, actual));
            }
        }
        (Value::String(pattern), _) if is_unknown(expected) && fits_text(pattern, actual) => {}
        _ if !is_unknown(expected) && same_scalar(expected, actual) => {}
        _ => spots.push(spot(path, expected, actual)),
    }
}

fn spot(path: &str, expected: &Value, actual: &Value) -> Spot {
    Spot { path: path.to_owned(), expected: expected.clone(), actual: actual.clone() }
}

pub(super) fn same(expected: &Value, actual: &Value) -> bool {
    let mut spots = Vec::new();
    compare(expected, actual, "", &mut spots);
    spots.is_empty()
}

/// Scalars as CloudFormation reads them: `true` is "true" and 443.0 is "443"; nothing is an empty text or list.
fn same_scalar(expected: &Value, actual: &Value) -> bool {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => {
            let whole = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 1e15);
            Some(whole.map_or_else(|| number.to_string(), |float| format!("{float:.0}")))
        }
        Value::Null => Some(String::new()),
        Value::Array(items) if items.is_empty() => Some(String::new()),
        Value::Object(map) if map.is_empty() => Some(String::new()),
        _ => None,
    };
    match (text(expected), text(actual)) {
        (Some(a), Some(b)) => a == b || a.parse::<f64>().ok().zip(b.parse::<f64>().ok()).is_some_and(|(a, b)| a == b),
        _ => false,
    }
}

/// A policy document: it has statements.
pub(super) fn is_policy(value: &Value) -> bool {
    value.get("Statement").is_some()
}

/// Whether a policy is the expected one wherever that is known: what is unknown in it is any text.
fn fits(expected: &Value, actual: &Value) -> bool {
    match (expected, actual) {
        (Value::Object(wanted), Value::Object(reported)) => {
            wanted.len() == reported.len()
                && wanted.iter().all(|(key, value)| reported.get(key).is_some_and(|reported| fits(value, reported)))
        }
        (Value::Array(wanted), Value::Array(reported)) => {
            let mut left: Vec<&Value> = reported.iter().collect();
            // What is known first, so that the unknown takes what is left.
            let (unknown, known): (Vec<&Value>, Vec<&Value>) = wanted.iter().partition(|item| is_unknown(item));
            wanted.len() == reported.len()
                && known.into_iter().chain(unknown).all(|item| {
                    let found = left.iter().position(|reported| fits(item, reported));
                    found.map(|at| left.remove(at)).is_some()
                })
        }
        (Value::String(pattern), reported) if is_unknown(expected) => fits_text(pattern, reported),
        _ => expected == actual,
    }
}

/// Whether a text has the known parts of another one in their places.
fn fits_text(pattern: &str, actual: &Value) -> bool {
    let Some(mut left) = actual.as_str() else { return !actual.is_null() && pattern == UNKNOWN };
    let mut parts = pattern.split(UNKNOWN);
    let Some(rest) = left.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    left = rest;
    let mut parts: Vec<&str> = parts.collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(last)
}

/// A policy with every list sorted, one value as a list of one, and scalars as text.
pub(super) fn policy(value: &Value) -> Value {
    match value {
        Value::Object(map) => map.iter().map(|(key, inner)| (key.clone(), listed(key, policy(inner)))).collect(),
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(policy).collect();
            items.sort_by_key(Value::to_string);
            items.dedup();
            Value::Array(items)
        }
        Value::String(text) => text.clone().into(),
        Value::Null => Value::Null,
        other => other.to_string().into(),
    }
}

/// One value where IAM takes a list.
fn listed(key: &str, value: Value) -> Value {
    match (key, value) {
        ("Version" | "Id" | "Sid" | "Effect", value) => value,
        // Everybody, however it is written.
        ("Principal", Value::Object(map)) if map.len() == 1 && map.get("AWS") == Some(&serde_json::json!(["*"])) => {
            serde_json::json!(["*"])
        }
        (_, value @ (Value::Array(_) | Value::Object(_))) => value,
        (_, value) => Value::Array(vec![value]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(expected: Value, actual: Value) -> Vec<String> {
        let (Value::Object(expected), Value::Object(actual)) = (expected, actual) else { panic!("maps") };
        properties(&expected, &actual).into_iter().map(|spot| spot.path).collect()
    }

    #[test]
    fn what_means_the_same_does_not_differ() {
        let none: [String; 0] = [];
        for (expected, actual) in [
            (json!({ "A": "443" }), json!({ "A": 443 })),
            (json!({ "A": true }), json!({ "A": "true" })),
            (json!({ "A": 0 }), json!({ "A": 0.0 })),
            (json!({ "A": [1, 2] }), json!({ "A": ["2", "1"] })),
            (json!({ "A": "" }), json!({ "A": null })),
            (json!({ "A": { "B": 1 } }), json!({ "A": { "B": 1, "Default": 2 } })),
            (json!({ "A": format!("arn:{UNKNOWN}") }), json!({ "A": "arn:x" })),
            (json!({ "A": 1 }), json!({})),
            (
                json!({ "P": { "Statement": [{ "Action": "a", "Principal": "*" }, { "Action": ["b", "c"] }] } }),
                json!({ "P": { "Statement": [{ "Action": ["c", "b"] }, { "Action": ["a"], "Principal": { "AWS": "*" } }] } }),
            ),
        ] {
            assert_eq!(paths(expected.clone(), actual.clone()), none, "{expected} {actual}");
        }
    }

    #[test]
    fn what_is_unknown_in_a_policy_hides_nothing_else() {
        let anchor = format!("arn:aws:rolesanywhere:{UNKNOWN}");
        let trust = |condition: Value| json!({ "P": { "Statement": [{ "Effect": "Allow", "Condition": condition }] } });
        let wanted = trust(json!({ "ArnEquals": { "aws:SourceArn": anchor } }));
        let none: [String; 0] = [];
        let held = trust(json!({ "ArnEquals": { "aws:SourceArn": "arn:aws:rolesanywhere:eu-west-1:1:a" } }));
        assert_eq!(paths(wanted.clone(), held), none);
        for other in [json!({}), json!({ "ArnEquals": { "aws:SourceArn": "*" } }), json!({ "ArnLike": {} })] {
            assert_eq!(paths(wanted.clone(), trust(other)), ["/P"]);
        }
        let list = json!({ "A": [format!("{UNKNOWN}"), "b"] });
        assert_eq!(paths(list.clone(), json!({ "A": ["x", "b"] })), none);
        assert_eq!(paths(list, json!({ "A": ["x", "b", "c"] })), ["/A"]);
    }

    #[test]
    fn what_differs_is_found_where_it_is() {
        for (expected, actual, path) in [
            (json!({ "A": { "B": { "C": 1 } } }), json!({ "A": { "B": { "C": 2 } } }), "/A/B/C"),
            (json!({ "A": { "B": 1 } }), json!({ "A": null }), "/A"),
            (json!({ "A": [1, 2] }), json!({ "A": [1, 3] }), "/A"),
            (json!({ "A": [1] }), json!({ "A": [1, 1] }), "/A"),
            (
                json!({ "P": { "Statement": [{ "Effect": "Deny", "Action": "a" }] } }),
                json!({ "P": { "Statement": [{ "Effect": "Deny", "Action": "a" }, { "Effect": "Allow", "Action": "*" }] } }),
                "/P",
            ),
        ] {
            assert_eq!(paths(expected.clone(), actual.clone()), [path], "{expected} {actual}");
        }
    }
}
