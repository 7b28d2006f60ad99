//! What differs between two templates: per resource what came, went or changed.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// A resource that differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Difference {
    /// Logical ID in the template.
    pub logical_id: String,
    /// CloudFormation resource type, such as `AWS::S3::Bucket`.
    pub resource_type: String,
    /// Whether the resource was added, changed or removed.
    pub kind: Kind,
    /// Paths that differ, below the resource (`Properties.Content`), sorted; empty for an added or removed resource.
    pub paths: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Added,
    Removed,
    Changed,
}

/// Every resource that differs between two templates in long form, sorted by logical id.
pub fn difference(before: &Value, after: &Value) -> Vec<Difference> {
    let resource = |template: &'_ Value, id: &str| template.get("Resources").and_then(|all| all.get(id)).cloned();
    let ids = |template: &Value| -> BTreeSet<String> {
        template.get("Resources").and_then(Value::as_object).into_iter().flatten().map(|(id, _)| id.clone()).collect()
    };
    let all: BTreeSet<String> = ids(before).union(&ids(after)).cloned().collect();
    let one = |id: String| {
        let (old, new) = (resource(before, &id), resource(after, &id));
        let kind = match (&old, &new) {
            (old, new) if old == new => return None,
            (None, _) => Kind::Added,
            (_, None) => Kind::Removed,
            _ => Kind::Changed,
        };
        let mut paths = Vec::new();
        if let (Some(old), Some(new)) = (&old, &new) {
            walk(old, new, String::new(), &mut paths);
        }
        let resource_type = new.or(old)?.get("Type").and_then(Value::as_str).unwrap_or_default().to_owned();
        Some(Difference { logical_id: id, resource_type, kind, paths })
    };
    all.into_iter().filter_map(one).collect()
}

/// Paths at which two values differ; a list differs as a whole where its length does.
fn walk(old: &Value, new: &Value, path: String, paths: &mut Vec<String>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (old, new) {
        (old, new) if old == new => {}
        (Value::Object(one), Value::Object(other)) => {
            let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for key in keys {
                let (old, new) = (one.get(key).unwrap_or(&Value::Null), other.get(key).unwrap_or(&Value::Null));
                walk(old, new, below(key), paths);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (old, new)) in one.iter().zip(other).enumerate() {
                walk(old, new, below(&index.to_string()), paths);
            }
        }
        _ => paths.push(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_came_went_and_changed_is_reported_with_its_paths() {
        let before = json!({ "Resources": {
            "A": { "Type": "T", "Properties": { "x": 1, "list": [1, { "y": 2 }] } },
            "B": { "Type": "U" }, "C": { "Type": "V" },
        } });
        let after = json!({ "Resources": {
            "A": { "Type": "T", "Properties": { "z": 1, "list": [1, { "y": 3 }] } },
            "C": { "Type": "V" }, "D": { "Type": "W" },
        } });
        let reported: Vec<(String, Kind, Vec<String>)> =
            difference(&before, &after).into_iter().map(|one| (one.logical_id, one.kind, one.paths)).collect();
        let paths = ["Properties.list.1.y", "Properties.x", "Properties.z"].map(str::to_owned).into();
        let said = |id: &str, kind, paths| (id.to_owned(), kind, paths);
        let expected =
            [said("A", Kind::Changed, paths), said("B", Kind::Removed, vec![]), said("D", Kind::Added, vec![])];
        assert_eq!(reported, expected);
        assert_eq!(difference(&before, &before), []);
    }
}
