//! Drift of whole tenants' stacks on an endpoint on loopback: what is changed behind CloudFormation's back is found,
//! named and rated, and nothing else is.

pub(crate) mod fleet;

use std::collections::BTreeMap;

use fleet::{Fleet, RELEASE, differences, said, stacks};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct File {
    changes: Vec<Change>,
}

#[derive(Deserialize)]
struct Change {
    name: String,
    tenant: String,
    #[serde(default = "first")]
    round: String,
    expect: Vec<String>,
}

fn first() -> String {
    "first".to_owned()
}

fn changes() -> Vec<Change> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/drift/changes.yaml");
    let file: File = serde_yaml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    file.changes
}

#[test]
fn there_are_changes_in_every_layer_with_deletions_and_additions() {
    let changes = changes();
    let found = changes.iter().filter(|change| !change.expect.is_empty()).count();
    assert!(found >= 60, "{found}");
    let all: String = changes.iter().flat_map(|change| &change.expect).map(|line| format!("{line}\n")).collect();
    for part in ["critical ", "low ", " deleted ", " added ", " unmanaged ", " modified "] {
        assert!(all.contains(part), "{part}");
    }
}

#[test]
fn every_change_is_found_named_and_rated_and_nothing_else_is() {
    let fleet = Fleet::deploy(&["ash", "birch", "cedar"]);
    unconfirmed_until_somebody_confirms(&fleet);
    fleet.in_sync_at(RELEASE);
    fleet.change("first");
    let (answer, code) = fleet.drift(&["--lookups", "0"]);
    assert_eq!(code, 2);
    let mut found: BTreeMap<&str, Vec<String>> =
        stacks(&answer).map(|stack| (stack["tenant"].as_str().unwrap(), differences(stack))).collect();
    let mut missing = Vec::new();
    for change in changes().into_iter().filter(|change| change.round == "first") {
        let here = found.get_mut(change.tenant.as_str()).unwrap();
        for line in change.expect {
            match here.iter().position(|difference| fits(&line, difference)) {
                Some(index) => drop(here.remove(index)),
                None => missing.push(format!("{} ({}): {line}", change.name, change.tenant)),
            }
        }
    }
    let extra: Vec<_> = found.iter().filter(|(_, left)| !left.is_empty()).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing: {missing:#?}\nnobody made: {extra:#?}");
    names_who_did_it(&fleet);
}

/// A page subscription that nobody has confirmed is the one difference of a fleet that was just deployed.
fn unconfirmed_until_somebody_confirms(fleet: &Fleet) {
    let (answer, code) = fleet.drift(&["--lookups", "0"]);
    let found: Vec<String> = stacks(&answer).flat_map(|stack| differences(stack)).collect();
    let expected: Vec<String> =
        changes().into_iter().filter(|change| change.round == "confirmed").flat_map(|change| change.expect).collect();
    assert!(found.len() == 1 && fits(&expected[0], &found[0]), "{found:?}");
    assert_eq!(code, 2);
    fleet.change("confirmed");
}

/// Whether a difference is the expected line, in which `*` is any text.
pub(crate) fn fits(line: &str, difference: &str) -> bool {
    let mut parts = line.split('*');
    let Some(mut left) = difference.strip_prefix(parts.next().unwrap()) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let last = parts.pop();
    for part in parts {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    last.map_or(left.is_empty(), |last| left.ends_with(last))
}

/// CloudTrail says who opened the search domain.
fn names_who_did_it(fleet: &Fleet) {
    let (answer, _) = fleet.drift(&["ash", "--lookups", "3"]);
    let stack = stacks(&answer).next().unwrap();
    let named: Vec<&Value> =
        stack["differences"].as_array().unwrap().iter().filter(|difference| !difference["by"].is_null()).collect();
    assert!(!named.is_empty() && named.iter().all(|difference| difference["by"]["user"] == "mallory"), "{named:#?}");
    assert_eq!(named[0]["severity"], "critical", "the worst first: {named:#?}");
}

#[test]
fn an_untouched_fleet_is_in_sync_after_a_deploy_an_update_and_a_rollback() {
    let fleet = Fleet::deploy(&["ash"]);
    fleet.in_sync_at(RELEASE);
    let path = fleet.estate().join("tenants/ash.yaml");
    let spec = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, spec.replace("203.0.113.0/24", "203.0.113.0/25") + "search: { retention_days: 31 }\n")
        .unwrap();
    let update = fleet.run_at("v2", &["deploy", "ash", "--yes"]);
    assert!(update.status.success(), "{}", said(&update));
    fleet.in_sync_at("v2");
    // A template of the estate's own that cannot be made: the update fails and is rolled back.
    let broken = fleet.estate().join("templates");
    copy(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates"), &broken);
    // Names that start so are AWS's own.
    let parameter = "  Unmakeable:\n    Type: AWS::SSM::Parameter\n    DependsOn: Splitter\n    \
                 Properties: { Name: /aws/mine, Type: String, Value: mine }\n";
    let release = broken.join("tenant/release.yaml.tera");
    let text = std::fs::read_to_string(&release).unwrap();
    std::fs::write(&release, text + "\n" + parameter).unwrap();
    let update = fleet.run_at("v3", &["deploy", "ash", "--yes"]);
    assert_eq!(update.status.code(), Some(1), "{}", said(&update));
    std::fs::remove_dir_all(&broken).unwrap();
    fleet.in_sync_at("v2");
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn what_may_not_be_read_is_unchecked_and_never_in_sync() {
    let fleet = Fleet::deploy(&["ash"]);
    // Nobody tells anything about what only drift detection and Cloud Control can read.
    fleet.refuse(&[("cloudformation", "DetectStackDrift"), ("cloudcontrol", "*")]);
    let (answer, code) = fleet.drift(&[]);
    let stack = stacks(&answer).next().unwrap();
    let unchecked = stack["unchecked"].as_array().unwrap();
    assert!(unchecked.iter().any(|one| one["resource"] == "Search"), "{stack:#}");
    // A function's environment names the search domain, whose address only the service knows.
    let partly = |why: &str| why.contains("AccessDenied") || why.starts_with("compared in part: `Environment`");
    assert!(unchecked.iter().all(|one| partly(one["why"].as_str().unwrap())), "{stack:#}");
    assert_eq!((stack["verdict"].as_str(), code), (Some("incomplete"), 4));
    assert_eq!(stack["differences"], serde_json::json!([]));
    // What lives in the VPC beside the stack could not be seen, although drift detection checks what is in it.
    fleet.refuse(&[("ec2", "DescribeSecurityGroups")]);
    let (answer, code) = fleet.drift(&[]);
    let stack = stacks(&answer).next().unwrap();
    assert_eq!((stack["verdict"].as_str(), code), (Some("incomplete"), 4));
    let unseen = |name: &str| {
        let source = stack["sources"].as_array().unwrap().iter().find(|source| source["source"] == name).unwrap();
        source["unseen"].as_array().unwrap().len()
    };
    assert_eq!((unseen("network"), unseen("unmanaged")), (1, 1), "{stack:#}");
    assert_eq!(stack["unchecked"], serde_json::json!([]), "drift detection checks the groups instead");
    // Nothing of the account can be seen.
    fleet.refuse(&[("cloudformation", "*"), ("ec2", "*")]);
    let (answer, code) = fleet.drift(&[]);
    let stack = stacks(&answer).next().unwrap();
    assert_eq!((stack["checked"].as_u64(), code), (Some(0), 4), "{stack:#}");
    assert!(stack["unchecked"].as_array().unwrap().len() > 100);
    fleet.refuse(&[]);
    fleet.in_sync_at(RELEASE);
}

/// Changes of the round `restorable`, and then everything is as it was.
fn restored(fleet: &Fleet, shown: &[&str]) {
    fleet.change("restorable");
    let (answer, code) = fleet.drift(&[]);
    let stack = stacks(&answer).next().unwrap();
    let wanted: usize = changes().iter().filter(|c| c.round == "restorable").map(|c| c.expect.len()).sum();
    assert_eq!((differences(stack).len(), code), (wanted, 2), "{:#?}", differences(stack));
    let fix = fleet.run(&["drift", "--fix", "--yes", "--lookups", "0"]);
    let text = said(&fix);
    for call in shown {
        assert!(text.contains(call), "{call} is shown: {text}");
    }
    assert_eq!(fix.status.code(), Some(0), "{text}");
    fleet.in_sync_at(RELEASE);
}

#[test]
fn fix_restores_by_drift_aware_change_sets_and_shows_direct_calls_first() {
    let fleet = Fleet::deploy(&["ash"]);
    let asked = fleet.run(&["drift", "--fix"]);
    assert_eq!(asked.status.code(), Some(0), "there is nothing to restore: {}", said(&asked));
    // CloudFormation sees rules and tags by itself.
    restored(&fleet, &["delete-route ", "delete-network-acl-entry"]);
    // Deleted resources come back too.
    fleet.change("deletions");
    let (_, code) = fleet.drift(&["--lookups", "0"]);
    assert_eq!(code, 2);
    let refused = fleet.run(&["drift", "--fix", "--lookups", "0"]);
    assert_eq!(refused.status.code(), Some(3), "nobody was asked: {}", said(&refused));
    let fix = fleet.run(&["drift", "--fix", "--yes", "--lookups", "0"]);
    assert_eq!(fix.status.code(), Some(0), "{}", said(&fix));
    fleet.in_sync_at(RELEASE);
}

#[test]
fn fix_restores_in_two_steps_where_there_are_no_drift_aware_change_sets() {
    let fleet = Fleet::deploy_with(&["ash"], &["--no-reverts"]);
    restored(&fleet, &["revoke-security-group-ingress", "delete-route ", "delete-network-acl-entry", "delete-tags"]);
}

#[test]
fn the_stack_itself_is_held_against_its_release() {
    let fleet = Fleet::deploy(&["ash"]);
    let (answer, code) = fleet.drift_at("v2", &[]);
    let found = differences(stacks(&answer).next().unwrap());
    assert_eq!((found, code), (vec!["high modified TN5501 AWS::CloudFormation::Stack /Release".to_owned()], 2));
    fleet.change("template");
    let (answer, code) = fleet.drift(&["--lookups", "0"]);
    let found = differences(stacks(&answer).next().unwrap());
    let wanted: Vec<String> =
        changes().into_iter().filter(|change| change.round == "template").flat_map(|change| change.expect).collect();
    for line in &wanted {
        assert!(found.contains(line), "{line}: {found:#?}");
    }
    assert_eq!(code, 2);
    let fix = fleet.run(&["drift", "--fix", "--yes", "--lookups", "0"]);
    assert_eq!(fix.status.code(), Some(0), "{}", said(&fix));
    fleet.in_sync_at(RELEASE);
}

#[test]
fn accepted_drift_does_not_count_until_it_expires_and_a_bad_list_is_refused() {
    let fleet = Fleet::deploy(&["ash"]);
    fleet.change("accepted");
    let list = |until: &str| {
        let folder = fleet.estate().join("policies");
        std::fs::create_dir_all(&folder).unwrap();
        let text = format!(
            "accepted:\n- tenant: ash\n  resource: RedSubnetB\n  path: /Tags/*\n  reason: they were asked\n  until: {until}\n"
        );
        std::fs::write(folder.join("drift-accepted.yaml"), text).unwrap();
    };
    assert_eq!(fleet.drift(&[]).1, 2);
    let soon = "2027-06-01";
    list(soon);
    let (answer, code) = fleet.drift(&[]);
    assert_eq!(code, 0, "{answer:#}");
    assert_eq!(stacks(&answer).next().unwrap()["differences"][0]["accepted"]["reason"], "they were asked");
    list("2020-01-01");
    let (answer, code) = fleet.drift(&[]);
    assert_eq!((code, answer["findings"][0]["code"].as_str()), (2, Some("TN5531")));
    let status = fleet.run(&["status", "--output", "json"]);
    let answer: Value = serde_json::from_slice(&status.stdout).unwrap_or_else(|_| panic!("{}", said(&status)));
    let row = stacks(&answer).next().unwrap();
    assert_eq!((row["checked"]["open"].as_u64(), row["checked"]["worst"].as_str()), (Some(1), Some("low")), "{row:#}");
    assert!(row["alarms"]["all"].as_u64().unwrap() > 5 && row["drift"]["at"].as_i64().is_some(), "{row:#}");
    list("never");
    let refused = fleet.run(&["drift"]);
    let text = said(&refused);
    assert!(text.contains("TN5533") && text.contains("drift-accepted.yaml:6"), "{text}");
    assert_eq!(refused.status.code(), Some(1));
}
