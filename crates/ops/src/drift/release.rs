//! Source 1: the stack itself against what its release renders.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::compare::{Case, Found};
use super::live::StackView;
use super::severity::{self, Severity};
use super::{Kind, Source};
use crate::deploy::ownership::{self, Ownership};
use crate::deploy::{Baseline, Desired, State};
use tenantry_aws::cloud::cloudformation::{Resource, Stack};
use tenantry_template::render;
use tenantry_template::render::canonical;

/// Whether there is a stack that the other sources can look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    Yes,
    No,
}

/// The template that the stack was deployed with, else the one that git renders.
pub(super) fn template(desired: &Desired, view: &StackView) -> Value {
    let live = view.template.as_ref().ok().and_then(|text| serde_json::from_str(text).ok());
    live.or_else(|| serde_json::from_str(&desired.body).ok()).unwrap_or(Value::Null)
}

pub(super) fn compare(case: &Case<'_>, found: &mut Found) -> Stands {
    let desired = case.desired;
    let Some(stacks) = found.read(Source::Release, &case.shared.stacks) else { return Stands::No };
    let stack = stacks.get(&desired.stack);
    let baseline = Baseline::of(stack);
    let status = baseline.status.clone().unwrap_or_else(|| "no stack".to_owned());
    let Some(stack) = stack else {
        if desired.offboarded {
            found.offboarded = true;
            return Stands::No;
        }
        gone(desired, found, &status);
        return Stands::No;
    };
    if ownership::has_owner(stack)
        && let Ownership::Other(why) = ownership::of_tags(&stack.tags, &desired.tags)
    {
        let rated = (severity::NOT_OURS, Severity::Critical);
        found.of_stack(desired, rated, "", Some("a stack of this estate".into()), Some(why.into()));
        return Stands::No;
    }
    match State::of(baseline.status.as_deref()) {
        // A change set that was not executed has left its shell.
        State::Absent if desired.offboarded => {
            found.offboarded = true;
            return Stands::No;
        }
        State::Absent | State::FailedCreation => {
            gone(desired, found, &status);
            leftovers(case, found);
            return Stands::No;
        }
        // Rolled back to nothing: the import was the stack's first operation.
        State::RolledBack if status.starts_with("IMPORT") && case.view.resources.as_ref().is_ok_and(Vec::is_empty) => {
            gone(desired, found, &status);
            return Stands::No;
        }
        State::InProgress => {
            found.unseen(Source::Release, format!("{status}: an operation is in progress"));
            return Stands::No;
        }
        State::Stuck => {
            let rated = (severity::STACK, Severity::High);
            // Of what was half made or half deleted, no comparison says anything that is true.
            let is_half = State::is_half(&status);
            let remedy = State::remedy(&status, desired);
            found.of_stack(desired, rated, "/StackStatus", Some("UPDATE_COMPLETE".into()), Some(status.into()));
            if let Some(last) = found.differences.last_mut() {
                last.remedy = remedy;
            }
            if is_half {
                found.unseen(Source::Release, "the resources are compared once the stack is in a good state");
                return Stands::No;
            }
        }
        State::Settled | State::RolledBack => {}
    }
    identity(desired, stack, found);
    let same_release = baseline.release.as_ref() == Some(&desired.release);
    if !same_release {
        let rated = (severity::RELEASE, Severity::High);
        let was = baseline.release.clone().map(Value::from);
        found.of_stack(desired, rated, "/Release", Some(desired.release.clone().into()), was);
    }
    live_template(case, found, &baseline, same_release);
    Stands::Yes
}

fn gone(desired: &Desired, found: &mut Found, status: &str) {
    let rated = (severity::NO_STACK, Severity::Critical);
    found.of_stack(desired, rated, "", Some("a stack".into()), Some(status.into()));
}

/// What a failed creation left: each resource that the rollback did not delete.
fn leftovers(case: &Case<'_>, found: &mut Found) {
    let Some(resources) = found.read(Source::Release, &case.view.resources) else { return };
    let is_left = |one: &&Resource| {
        one.status != "DELETE_COMPLETE" && one.physical_id.as_deref().is_some_and(|id| !id.is_empty())
    };
    for one in resources.iter().filter(is_left) {
        let (rated, status) = ((severity::UNMANAGED, Severity::Medium), Some(one.status.clone().into()));
        let shell = super::expected::Expected {
            resource_type: one.resource_type.clone(),
            physical_id: one.physical_id.clone(),
            properties: serde_json::Map::new(),
        };
        found.add(Source::Release, Kind::Unmanaged, rated, &one.logical_id, &shell, "", None, status);
        if let Some(last) = found.differences.last_mut() {
            let does =
                if one.status == "DELETE_SKIPPED" { "imports it, where its template retains it" } else { "deletes it" };
            last.remedy = format!("`tenantry deploy {}` {does}", case.desired.tenant);
        }
    }
}

/// Tags and protection.
fn identity(desired: &Desired, stack: &Stack, found: &mut Found) {
    let rated = (severity::STACK, Severity::Low);
    let keys = desired.tags.keys().chain(stack.tags.keys().filter(|key| !desired.tags.contains_key(*key)));
    for key in keys {
        let (wanted, actual) = (desired.tags.get(key), stack.tags.get(key));
        if wanted != actual {
            let value = |text: Option<&String>| text.map(|text| json!(text));
            found.of_stack(desired, rated, &format!("/Tags/{key}"), value(wanted), value(actual));
        }
    }
    if !stack.termination_protection {
        let rated = (severity::STACK, Severity::High);
        found.of_stack(desired, rated, "/EnableTerminationProtection", Some(true.into()), Some(false.into()));
    }
}

/// The template: of the same release held against git, of another against the digest that it was recorded with.
fn live_template(case: &Case<'_>, found: &mut Found, baseline: &Baseline, same_release: bool) {
    let desired = case.desired;
    let Some(text) = found.read(Source::Release, &case.view.template) else { return };
    let edited = (severity::TEMPLATE, Severity::High);
    let Ok(live) = serde_json::from_str::<Value>(text) else {
        found.of_stack(desired, edited, "/Template", Some("canonical JSON".into()), Some("another text".into()));
        return;
    };
    let digest = render::digest_of(&live);
    if baseline.digest.as_ref() == Some(&desired.digest) && same_release {
        if digest == desired.digest {
            case.expected.keys().for_each(|id| found.check(Source::Release, id));
        } else if let Ok(wanted) = serde_json::from_str::<Value>(&desired.body) {
            sections(desired, found, &wanted, &live);
            resources(found, &wanted, &live);
        }
    } else if baseline.digest.as_ref() != Some(&digest) {
        let recorded = baseline.digest.clone().map(Value::from);
        found.of_stack(desired, edited, "/Template", recorded, Some(digest.into()));
    } else if same_release {
        let rated = (severity::RELEASE, Severity::Medium);
        found.of_stack(desired, rated, "/Digest", Some(desired.digest.clone().into()), Some(digest.into()));
    }
}

/// Everything of a template beside its resources.
fn sections(desired: &Desired, found: &mut Found, wanted: &Value, live: &Value) {
    let entries = |tree: &Value| -> BTreeMap<String, Value> {
        tree.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    let (wanted, live) = (entries(wanted), entries(live));
    let mut keys: Vec<&String> = wanted.keys().chain(live.keys()).filter(|key| *key != "Resources").collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        let (a, b) = (wanted.get(key), live.get(key));
        if a.map(canonical::to_string) != b.map(canonical::to_string) {
            let rated = (severity::TEMPLATE, Severity::Medium);
            found.of_stack(desired, rated, &format!("/{key}"), a.cloned(), b.cloned());
        }
    }
}

/// Resources that were edited, added or removed in the template by hand.
fn resources(found: &mut Found, wanted: &Value, live: &Value) {
    let of = |tree: &Value| tree.get("Resources").and_then(Value::as_object).cloned().unwrap_or_default();
    let (wanted, live) = (of(wanted), of(live));
    let mut ids: Vec<&String> = wanted.keys().chain(live.keys()).collect();
    ids.sort();
    ids.dedup();
    for id in ids {
        let kind = |tree: &Value| tree.get("Type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let shell = |resource_type: String| super::expected::Expected {
            resource_type,
            physical_id: None,
            properties: serde_json::Map::new(),
        };
        match (wanted.get(id), live.get(id)) {
            (Some(a), Some(b)) => {
                for (path, a, b) in edits(a, b) {
                    let (code, severity) = severity::of_property(&kind(&live[id]), &path);
                    let code = if code == severity::MODIFIED { severity::TEMPLATE } else { code };
                    found.add(
                        Source::Release,
                        Kind::Modified,
                        (code, severity),
                        id,
                        &shell(kind(&live[id])),
                        &path,
                        a,
                        b,
                    );
                }
            }
            (Some(a), None) => {
                let (_, severity) = severity::of_deletion(&kind(a));
                let rated = (severity::TEMPLATE, severity);
                found.add(Source::Release, Kind::Deleted, rated, id, &shell(kind(a)), "", None, None);
            }
            (None, Some(b)) => {
                let rated = severity::of_addition(&kind(b));
                let actual = b.get("Properties").cloned();
                found.add(Source::Release, Kind::Added, rated, id, &shell(kind(b)), "", None, actual);
            }
            (None, None) => {}
        }
        found.check(Source::Release, id);
    }
}

/// Properties and other members of one resource that differ between two templates.
fn edits(wanted: &Value, live: &Value) -> Vec<(String, Option<Value>, Option<Value>)> {
    let mut found = Vec::new();
    for member in ["Properties", "DeletionPolicy", "UpdateReplacePolicy", "DependsOn", "Condition", "Type"] {
        let (a, b) = (wanted.get(member), live.get(member));
        if member != "Properties" {
            if a.map(canonical::to_string) != b.map(canonical::to_string) {
                found.push((format!("/{member}"), a.cloned(), b.cloned()));
            }
            continue;
        }
        let of = |tree: Option<&Value>| tree.and_then(Value::as_object).cloned().unwrap_or_default();
        let (a, b) = (of(a), of(b));
        let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
        keys.sort();
        keys.dedup();
        for key in keys {
            let (a, b) = (a.get(key), b.get(key));
            if a.map(canonical::to_string) != b.map(canonical::to_string) {
                found.push((format!("/{key}"), a.cloned(), b.cloned()));
            }
        }
    }
    found
}
