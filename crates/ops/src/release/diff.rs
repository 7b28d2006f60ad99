//! What stands between two releases of one tenant: resources with their properties, flags, artifacts.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::candidate::{Candidate, CandidateError};
use tenantry_base::ids::TenantName;
use tenantry_spec::estate::Tenant;
use tenantry_spec::flags;
use tenantry_template::render::Functions;

/// Differences of a tenant's templates.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TenantDiff {
    /// Name of the tenant.
    pub tenant: String,
    /// Digest of the first side's template; null if that release does not have the tenant.
    pub before: Option<String>,
    /// Digest of the second side's template; null if that release does not have the tenant.
    pub after: Option<String>,
    /// Resources that differ, by logical ID.
    pub resources: Vec<ResourceDiff>,
    /// Flags with different values; `path` is the key.
    pub flags: Vec<Change>,
    /// Unified diff of the templates.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub unified: String,
}

/// One resource that differs.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ResourceDiff {
    /// Logical ID in the template.
    pub logical_id: String,
    /// CloudFormation resource type, such as `AWS::S3::Bucket`.
    pub resource_type: String,
    /// Whether the resource was added, changed or removed.
    pub action: Action,
    /// Properties and attributes that differ; empty for an added or removed resource.
    pub changes: Vec<Change>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    Add,
    Change,
    Remove,
}

/// A value that differs.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Change {
    /// Path below the resource, or the name of what differs.
    pub path: String,
    /// Value on the first side; null if there is none.
    pub before: Option<Value>,
    /// Value on the second side; null if there is none.
    pub after: Option<Value>,
}

/// The resource that names the release itself: it differs by definition.
const RELEASE_RECORD: &str = "ReleaseRecord";

/// What stands between two releases, for the tenants that are asked for; those in which nothing differs are left out.
pub fn between(
    before: &Candidate,
    after: &Candidate,
    wanted: impl Fn(&TenantName) -> bool,
) -> Result<Vec<TenantDiff>, CandidateError> {
    let trees = |candidate: &Candidate| -> Result<BTreeMap<String, (String, Value)>, CandidateError> {
        let tenants: Vec<&Tenant> = candidate.tenants().into_iter().filter(|tenant| wanted(&tenant.name)).collect();
        let rendered = candidate.render(&tenants)?;
        let one = rendered
            .iter()
            .map(|one| (one.tenant.name.to_string(), (one.template.digest.clone(), one.template.tree())));
        Ok(one.collect())
    };
    let (old, new) = (trees(before)?, trees(after)?);
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let one = |name: &&String| {
        let (old, new) = (old.get(*name), new.get(*name));
        let tree = |side: Option<&(String, Value)>| side.map(|(_, tree)| tree.clone()).unwrap_or_default();
        let (was, is) = (tree(old), tree(new));
        let digest = |side: Option<&(String, Value)>| side.map(|(digest, _)| digest.clone());
        let (digest_before, digest_after) = (digest(old), digest(new));
        if digest_before == digest_after {
            return None;
        }
        Some(TenantDiff {
            tenant: (*name).clone(),
            resources: resources(&was, &is),
            flags: flags_between(before, after, name),
            unified: unified(&was, &is, &before.name, &after.name),
            before: digest_before,
            after: digest_after,
        })
    };
    Ok(names.iter().filter_map(one).collect())
}

/// What stands between a tenant's deployed template and the one that git renders; None where they are the same. No flags:
/// those that templates read show as resources.
pub fn of_templates(tenant: &str, deployed: Option<&Value>, rendered: (&str, &Value)) -> Option<TenantDiff> {
    let (digest, tree) = rendered;
    let before = deployed.and_then(|tree| tree["Outputs"]["TenantryDigest"]["Value"].as_str());
    let none = Value::Null;
    let was = deployed.unwrap_or(&none);
    let resources = resources(was, tree);
    if deployed.is_some() && resources.is_empty() {
        return None;
    }
    Some(TenantDiff {
        tenant: tenant.to_owned(),
        unified: unified(was, tree, "deployed", "git"),
        // A stack that this tool did not make has no digest.
        before: deployed.map(|_| before.unwrap_or("-").to_owned()),
        after: Some(digest.to_owned()),
        resources,
        flags: Vec::new(),
    })
}

/// Functions whose artifact differs.
pub fn functions(before: &Functions, after: &Functions) -> Vec<Change> {
    let said = |functions: &Functions| {
        let zips = functions.artifacts.iter().map(|(name, artifact)| (name.clone(), artifact.sha256.clone()));
        let architecture = ("architecture".to_owned(), functions.architecture.clone());
        zips.chain([architecture]).collect::<BTreeMap<String, String>>()
    };
    let (was, is) = (said(before), said(after));
    let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let change = |name: &String| {
        let value = |said: &BTreeMap<String, String>| said.get(name).cloned().map(Value::String);
        let (before, after) = (value(&was), value(&is));
        (before != after).then(|| Change { path: name.clone(), before, after })
    };
    names.into_iter().filter_map(change).collect()
}

fn flags_between(before: &Candidate, after: &Candidate, tenant: &str) -> Vec<Change> {
    let values = |candidate: &Candidate| {
        let tenant = candidate.estate.tenants.values().find(|other| other.name.as_str() == tenant);
        tenant.map(|tenant| flags::values(&candidate.estate.flags, &tenant.subject())).unwrap_or_default()
    };
    let (was, is) = (values(before), values(after));
    let keys: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let change = |key: &String| {
        let (before, after) = (was.get(key).cloned(), is.get(key).cloned());
        (before != after).then(|| Change { path: key.clone(), before, after })
    };
    keys.into_iter().filter_map(change).collect()
}

/// Resources that were added, changed or removed, by logical id.
fn resources(before: &Value, after: &Value) -> Vec<ResourceDiff> {
    let of = |tree: &Value| tree.get("Resources").and_then(Value::as_object).cloned().unwrap_or_default();
    let (was, is) = (of(before), of(after));
    let ids: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let mut found = Vec::new();
    for id in ids {
        let (old, new) = (was.get(id), is.get(id));
        if old == new || id == RELEASE_RECORD {
            continue;
        }
        let mut changes = Vec::new();
        let action = match (old, new) {
            (Some(old), Some(new)) => {
                compare("", old, new, &mut changes);
                Action::Change
            }
            (None, _) => Action::Add,
            (_, None) => Action::Remove,
        };
        let kind = new.or(old).and_then(|resource| resource.get("Type")).and_then(Value::as_str);
        let resource_type = kind.unwrap_or_default().to_owned();
        found.push(ResourceDiff { logical_id: id.clone(), resource_type, action, changes });
    }
    found
}

/// Every leaf that differs; lists of another length differ as a whole.
fn compare(path: &str, before: &Value, after: &Value, changes: &mut Vec<Change>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (before, after) {
        (Value::Object(was), Value::Object(is)) => {
            let keys: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
            for key in keys {
                match (was.get(key), is.get(key)) {
                    (Some(was), Some(is)) => compare(&below(key), was, is, changes),
                    (was, is) => changes.push(Change { path: below(key), before: was.cloned(), after: is.cloned() }),
                }
            }
        }
        (Value::Array(was), Value::Array(is)) if was.len() == is.len() => {
            for (index, (was, is)) in was.iter().zip(is).enumerate() {
                compare(&format!("{path}[{index}]"), was, is, changes);
            }
        }
        _ if before != after => {
            changes.push(Change { path: path.to_owned(), before: Some(before.clone()), after: Some(after.clone()) });
        }
        _ => {}
    }
}

fn unified(before: &Value, after: &Value, from: &str, to: &str) -> String {
    let text = |tree: &Value| {
        if tree.is_null() { String::new() } else { serde_yaml::to_string(tree).unwrap_or_default() }
    };
    let (before, after) = (text(before), text(after));
    let diff = similar::TextDiff::from_lines(&before, &after);
    diff.unified_diff().context_radius(3).header(from, to).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn resources_are_reported_with_their_properties_before_and_after() {
        let tree = |resources: Value| json!({ "Resources": resources });
        let before = tree(json!({
            "Gone": { "Type": "T::Gone" },
            "Same": { "Type": "T::Same", "Properties": { "A": 1 } },
            "Queue": { "Type": "T::Queue", "Properties": { "Depth": 1, "Rules": [{ "To": "a" }, { "To": "b" }] } },
        }));
        let after = tree(json!({
            "New": { "Type": "T::New" },
            "Same": { "Type": "T::Same", "Properties": { "A": 1 } },
            "Queue": { "Type": "T::Queue", "Properties": { "Age": 2, "Rules": [{ "To": "a" }, { "To": "c" }] } },
        }));
        let found = resources(&before, &after);
        let reported: Vec<(&str, Action)> = found.iter().map(|one| (one.logical_id.as_str(), one.action)).collect();
        assert_eq!(reported, [("Gone", Action::Remove), ("New", Action::Add), ("Queue", Action::Change)]);
        let paths: Vec<&str> = found[2].changes.iter().map(|change| change.path.as_str()).collect();
        assert_eq!(paths, ["Properties.Age", "Properties.Depth", "Properties.Rules[1].To"]);
        assert_eq!((&found[2].changes[2].before, &found[2].changes[2].after), (&Some(json!("b")), &Some(json!("c"))));
    }

    #[test]
    fn the_readable_templates_are_compared_line_by_line() {
        let text = unified(&json!({ "A": 1, "B": 2 }), &json!({ "A": 1, "B": 3 }), "v1", "v2");
        assert!(text.starts_with("--- v1\n+++ v2\n") && text.contains("-B: 2\n+B: 3\n"), "{text}");
    }
}
