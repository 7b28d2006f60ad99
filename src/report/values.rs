//! Two values of a property as lines: where they differ, and only there.

use serde_json::Value;

/// The places at which two values differ, each as `path: before -> after`, `path: + added` or `path: - removed`. The
/// values are JSON text as CloudFormation gives it; text that is no JSON is compared whole. `None` is a value that
/// was not shown.
pub(super) fn differences(path: &str, before: Option<&str>, after: Option<&str>) -> Vec<String> {
    let read = |text: Option<&str>| text.and_then(|text| serde_json::from_str::<Value>(text).ok());
    let mut lines = Vec::new();
    match (read(before), read(after)) {
        (Some(before), Some(after)) if before.is_object() || before.is_array() => {
            walk(path, &before, &after, &mut lines);
        }
        _ => {
            let said = |value: Option<&str>| value.unwrap_or("(not shown)").to_owned();
            lines.push(format!("{path}: {} -> {}", said(before), said(after)));
        }
    }
    lines
}

fn walk(path: &str, before: &Value, after: &Value, lines: &mut Vec<String>) {
    match (before, after) {
        (before, after) if before == after => {}
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in old {
                match new.get(key) {
                    Some(other) => walk(&format!("{path}/{key}"), value, other, lines),
                    None => lines.push(format!("{path}/{key}: - {}", plain(value))),
                }
            }
            for (key, value) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
                lines.push(format!("{path}/{key}: + {}", plain(value)));
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() && differing(old, new) == 1 => {
            for (index, (one, other)) in old.iter().zip(new).enumerate() {
                walk(&format!("{path}/{index}"), one, other, lines);
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            let gone = old.iter().filter(|item| !new.contains(item));
            let come = new.iter().filter(|item| !old.contains(item));
            let before = lines.len();
            lines.extend(gone.map(|item| format!("{path}: - {}", plain(item))));
            lines.extend(come.map(|item| format!("{path}: + {}", plain(item))));
            if lines.len() == before {
                lines.push(format!("{path}: the same items in another order or number"));
            }
        }
        (before, after) => lines.push(format!("{path}: {} -> {}", plain(before), plain(after))),
    }
}

fn differing(old: &[Value], new: &[Value]) -> usize {
    old.iter().zip(new).filter(|(one, other)| one != other).count()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(before: &str, after: &str) -> Vec<String> {
        differences("/P", Some(before), Some(after))
    }

    #[test]
    fn only_the_leaf_that_differs_is_shown() {
        let before = r#"{"Rules":[{"Status":"Enabled","Days":30},{"Status":"Enabled"}],"Name":"a"}"#;
        let after = r#"{"Rules":[{"Status":"Enabled","Days":90},{"Status":"Enabled"}],"Name":"a","More":1}"#;
        assert_eq!(between(before, after), ["/P/Rules/0/Days: 30 -> 90", "/P/More: + 1"]);
        assert_eq!(between(r#"{"A":1,"B":[2]}"#, r#"{"A":1}"#), ["/P/B: - [2]"]);
    }

    #[test]
    fn items_of_lists_come_and_go() {
        assert_eq!(between(r#"["a","b"]"#, r#"["b","c","d"]"#), ["/P: - a", "/P: + c", "/P: + d"]);
        assert_eq!(between(r#"["a","b"]"#, r#"["b","a"]"#), ["/P: the same items in another order or number"]);
    }

    #[test]
    fn plain_text_and_what_is_not_shown_are_given_whole() {
        assert_eq!(between("a", "b"), ["/P: a -> b"]);
        assert_eq!(between("1", "2"), ["/P: 1 -> 2"]);
        assert_eq!(differences("/P", None, Some("x")), ["/P: (not shown) -> x"]);
        assert_eq!(between("[1]", "text"), ["/P: [1] -> text"]);
    }
}
