//! Drift of whole tenants' stacks on an endpoint on loopback: what is changed behind CloudFormation's back is found,
//! named and rated, and nothing else is.

pub(crate) mod fleet;

use std::collections::{BTreeMap, BTreeSet};

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
    /// Service, operation, parameters.
    calls: Vec<Vec<Value>>,
    expect: Vec<String>,
}

impl Change {
    /// What it is an example of: the types of what differs and of what stands beside it, the codes, the services called.
    fn shows(&self, types: &BTreeMap<String, String>) -> BTreeSet<String> {
        let mut shown: BTreeSet<String> =
            self.calls.iter().filter_map(|call| call[0].as_str()).map(str::to_owned).collect();
        for line in &self.expect {
            let parts: Vec<&str> = line.splitn(5, ' ').collect();
            let beside = parts[4].split('/').nth(1).filter(|part| part.contains("::"));
            shown.extend([parts[2], types.get(parts[3]).map_or(parts[3], String::as_str)].map(str::to_owned));
            shown.extend(beside.map(str::to_owned));
        }
        if self.expect.is_empty() {
            shown.insert("nothing differs".to_owned());
        }
        shown
    }
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

/// The results, change by change, of which every day's run makes a sample; `DRIFT_FIX=1` makes the whole run, with `UPDATE_EXPECTED=1` it writes them.
const TABLE: &str = "tests/drift/expected/changes.md";

const HEAD: &str = "# What a drift check says about each change of `changes.yaml`, and what `--fix` does

Written by `DRIFT_FIX=1 UPDATE_EXPECTED=1 cargo test --test aws drift::every_change`; `make faults` compares it with a run. All
changes are made at once to three tenants. None is missed, and nothing is reported that was not made. By: whom CloudTrail
names. After `--fix`: of what was found, what the same check no longer finds (restored), and what is left to a person.

| tenant | change | found as | by | after `--fix` |
|---|---|---|---|---|
";

/// What became of one change: the lines that were expected, each with whether it was restored, and who was named.
struct Row {
    change: Change,
    by: BTreeSet<String>,
    restored: Vec<bool>,
}

impl Row {
    fn text(&self) -> String {
        let found = match self.change.expect.join("<br>") {
            none if none.is_empty() => "nothing differs".to_owned(),
            found => found.replace('|', "\\|"),
        };
        let fixed = match (self.restored.iter().any(|one| *one), self.restored.iter().any(|one| !one)) {
            (true, true) => "restored in part",
            (true, false) => "restored",
            (false, true) => "left",
            (false, false) => "",
        };
        let by = self.by.iter().cloned().collect::<Vec<_>>().join(", ");
        format!("| {} | {} | {found} | {by} | {fixed} |\n", self.change.tenant, self.change.name)
    }
}

fn first_round() -> Vec<Change> {
    changes().into_iter().filter(|change| change.round == "first").collect()
}

/// The tenant that stands for another where only a sample is made.
const INSTEAD: (&str, &str) = ("cedar", "birch");

/// A sample of the first round: the first example of each type, code and service, of two tenants.
fn sample(fleet: &Fleet) -> Vec<Change> {
    let rendered = fleet.run(&["render", "ash", "--output", "json"]);
    let rendered: Value = serde_json::from_slice(&rendered.stdout).unwrap();
    let resources = rendered["templates"][0]["template"]["Resources"].as_object().unwrap();
    let types = resources.iter().map(|(id, one)| (id.clone(), one["Type"].as_str().unwrap().to_owned())).collect();
    let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
    let mut all = first_round();
    // Changes of the tenant that is not there come last.
    all.sort_by_key(|change| change.tenant == INSTEAD.0);
    for mut change in all {
        let shown = change.shows(&types);
        if !shown.is_subset(&seen) {
            seen.extend(shown);
            if change.tenant == INSTEAD.0 {
                change.tenant = INSTEAD.1.to_owned();
                change.expect.iter_mut().for_each(|line| *line = line.replace(INSTEAD.0, INSTEAD.1));
            }
            found.push(change);
        }
    }
    assert!(found.len() >= 50, "{}", found.len());
    found
}

#[test]
fn the_table_of_results_speaks_of_every_change() {
    let table = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(TABLE)).unwrap();
    let rows: Vec<&str> =
        table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| tenant")).collect();
    let changes = first_round();
    assert!(changes.len() >= 150, "{}", changes.len());
    assert_eq!(rows.len(), changes.len(), "DRIFT_FIX=1 UPDATE_EXPECTED=1 writes {TABLE}");
    for (change, row) in changes.into_iter().zip(rows) {
        let whole = Row { change, by: BTreeSet::new(), restored: Vec::new() }.text();
        let known = whole.split_once(" |  |").unwrap().0;
        assert!(row.starts_with(known), "{known}\n{row}");
    }
}

#[test]
fn every_change_is_found_named_and_rated_and_nothing_else_is() {
    let whole = std::env::var_os("DRIFT_FIX").is_some();
    let fleet = Fleet::deploy(if whole { &["ash", "birch", "cedar"] } else { &["ash", "birch"] });
    unconfirmed_until_somebody_confirms(&fleet, whole);
    fleet.in_sync_at(RELEASE);
    let made = if whole { first_round() } else { sample(&fleet) };
    let names: Vec<&str> = made.iter().map(|change| change.name.as_str()).collect();
    let sampled = serde_json::json!({ "names": names, "instead": { INSTEAD.0: INSTEAD.1 } });
    fleet.change_some("first", (!whole).then_some(&sampled));
    let (answer, code) = fleet.drift(&["--lookups", if whole { "1000" } else { "0" }]);
    assert_eq!(code, 2);
    let mut found: BTreeMap<&str, Vec<(String, &Value)>> = stacks(&answer)
        .map(|stack| {
            let all = differences(stack).into_iter().zip(stack["differences"].as_array().unwrap());
            (stack["tenant"].as_str().unwrap(), all.collect())
        })
        .collect();
    let (mut missing, mut rows) = (Vec::new(), Vec::new());
    for change in made {
        let here = found.get_mut(change.tenant.as_str()).unwrap();
        let mut by = BTreeSet::new();
        for line in &change.expect {
            match here.iter().position(|(difference, _)| fits(line, difference)) {
                Some(index) => by.extend(here.remove(index).1["by"]["user"].as_str().map(str::to_owned)),
                None => missing.push(format!("{} ({}): {line}", change.name, change.tenant)),
            }
        }
        rows.push(Row { change, by, restored: Vec::new() });
    }
    let extra: Vec<_> = found.iter().filter(|(_, left)| !left.is_empty()).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing: {missing:#?}\nnobody made: {extra:#?}");
    if whole { everything_is_fixed_or_left(&fleet, rows) } else { names_who_did_it(&fleet) }
}

/// What a change set says to restore and does not, so that the check after it finds it again: who replaced the association of
/// a route table gave it another id, of which the stack knows nothing.
const AGAIN: [(&str, &str); 1] = [("birch", "GreenRoutesA")];

/// Restores what can be restored of all changes at once, and holds the table of results against it.
fn everything_is_fixed_or_left(fleet: &Fleet, mut rows: Vec<Row>) {
    let fix = fleet.run(&["drift", "--all", "--fix", "--yes", "--lookups", "0", "--override", "TN2101=nothing real"]);
    let said = said(&fix);
    let (answer, _) = fleet.drift(&["--lookups", "0"]);
    let mut still: BTreeMap<&str, Vec<String>> =
        stacks(&answer).map(|stack| (stack["tenant"].as_str().unwrap(), differences(stack))).collect();
    for row in &mut rows {
        let here = still.get_mut(row.change.tenant.as_str()).unwrap();
        let gone = |line: &String| match here.iter().position(|difference| fits(line, difference)) {
            Some(index) => {
                here.remove(index);
                false
            }
            None => true,
        };
        row.restored = row.change.expect.iter().map(gone).collect();
    }
    let text = rows.iter().fold(HEAD.to_owned(), |text, row| text + &row.text());
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(TABLE);
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "{said}");
    for row in &rows {
        for (line, restored) in row.change.expect.iter().zip(&row.restored) {
            let what = line.split(' ').nth(3).unwrap();
            let left = format!("left to a person: {what} of {}", row.change.tenant);
            let all_else = format!("left to a person: all else of {}", row.change.tenant);
            // What is in no template is named by its id.
            let by_id = line.contains(" unmanaged ") && line.ends_with(" -");
            let is_reported = by_id || what.contains('*') || said.contains(&left) || said.contains(&all_else);
            assert!(
                *restored || is_reported || AGAIN.contains(&(row.change.tenant.as_str(), what)),
                "{}: {line} is neither restored nor left to a person\n{said}",
                row.change.name
            );
        }
    }
    let statuses: Vec<&Value> = stacks(&answer).flat_map(|stack| stack["differences"].as_array().unwrap()).collect();
    assert!(statuses.iter().all(|one| one["path"] != "/StackStatus"), "{said}");
}

/// A page subscription that nobody has confirmed is the one difference of a fleet that was just deployed.
fn unconfirmed_until_somebody_confirms(fleet: &Fleet, whole: bool) {
    let (answer, code) = fleet.drift(&["--lookups", "0"]);
    let found: Vec<String> = stacks(&answer).flat_map(differences).collect();
    let expected: Vec<String> =
        changes().into_iter().filter(|change| change.round == "confirmed").flat_map(|change| change.expect).collect();
    assert!(found.len() == 1 && fits(&expected[0], &found[0]), "{found:?}");
    assert_eq!(code, 2);
    let instead = serde_json::json!({ "instead": { INSTEAD.0: INSTEAD.1 } });
    fleet.change_some("confirmed", (!whole).then_some(&instead));
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
    let fleet = Fleet::of_ash();
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
    let fleet = Fleet::of_ash();
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
    what_stays_unchecked_can_be_accepted(&fleet);
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

/// Neither a journal nor the record of checks can be written: a file has the name of their folder.
fn what_was_found_is_told_where_it_cannot_be_kept(fleet: &Fleet) {
    let own = fleet.estate().join(".tenantry");
    std::fs::remove_dir_all(&own).unwrap();
    std::fs::write(&own, "").unwrap();
    let drift = fleet.run(&["drift", "ash", "--lookups", "0"]);
    let text = said(&drift);
    assert_eq!(drift.status.code(), Some(2), "{text}");
    assert!(text.contains("RedSubnetB"), "{text}");
    for file in [".tenantry/drift.json` cannot be written: ", ".tenantry/journal` cannot be made: "] {
        assert!(text.contains(file), "{file}: {text}");
    }
    std::fs::remove_file(own).unwrap();
}

/// The file of a tenant does not load: what is asked about the others goes on, and says who was left out.
fn one_typo_disarms_no_other_tenant(fleet: &Fleet) {
    let typo = fleet.estate().join("tenants/typo.yaml");
    std::fs::write(&typo, "account: [\n").unwrap();
    let left_out = "left out, because their files have errors: typo";
    for (arguments, code) in [
        (&["drift", "ash", "--lookups", "0"][..], 2),
        (&["status", "ash"], 2),
        // Of the whole fleet, part is missing.
        (&["drift", "--lookups", "0"], 4),
        (&["status"], 4),
        (&["cost", "ash"], 0),
    ] {
        let output = fleet.run(arguments);
        let text = said(&output);
        assert!(text.contains(left_out), "{arguments:?}: {text}");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    }
    // Who is named is not left out.
    let named = fleet.run(&["status", "typo"]);
    assert_eq!(named.status.code(), Some(1), "{}", said(&named));
    // Locks are the accounts'.
    let unlock = fleet.run(&["unlock"]);
    assert_eq!(unlock.status.code(), Some(0), "{}", said(&unlock));
    let gone = fleet.run(&["destroy", "ash", "--confirm", "ash"]);
    assert_eq!(gone.status.code(), Some(0), "{}", said(&gone));
    assert!(said(&gone).contains(left_out), "{}", said(&gone));
}

/// The estate's folder of policies: one that is there has the rules that the blueprint requires.
fn own_policies(fleet: &Fleet) -> std::path::PathBuf {
    let folder = fleet.estate().join("policies");
    copy(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"), &folder);
    // An estate without flags stays one.
    std::fs::remove_file(folder.join("flags.yaml")).unwrap();
    folder
}

/// A service that tells nothing about a key; with a reason, and until its last day, that is no gap.
fn what_stays_unchecked_can_be_accepted(fleet: &Fleet) {
    fleet.refuse(&[("kms", "ListGrants")]);
    let list = own_policies(fleet).join("drift-accepted.yaml");
    for (path, until, wanted) in [
        ("/unchecked/grant", "2027-06-01", ("in-sync", 0)),
        ("/unchecked/grant", "2020-01-01", ("incomplete", 4)),
        ("/unchecked/AWS::KMS::Key", "2027-06-01", ("incomplete", 4)),
    ] {
        let entry = format!(
            "tenant: ash, resource: Key, path: '{path}', reason: grants are watched by security, until: {until}"
        );
        std::fs::write(&list, format!("accepted:\n- {{ {entry} }}\n")).unwrap();
        let (answer, code) = fleet.drift(&[]);
        let stack = stacks(&answer).next().unwrap();
        assert_eq!((stack["verdict"].as_str().unwrap(), code), wanted, "{entry}: {stack:#}");
        let unchecked = &stack["unchecked"][0];
        assert_eq!((unchecked["resource"].as_str(), unchecked["resource_type"].as_str()), (Some("Key"), Some("grant")));
        assert_eq!(unchecked["accepted"].is_object(), code == 0, "{entry}");
    }
    std::fs::remove_file(list).unwrap();
}

/// Changes of the round `restorable`, and then everything is as it was.
fn restored(fleet: &Fleet, shown: &[&str]) {
    fleet.change("restorable");
    let (answer, code) = fleet.drift(&[]);
    let stack = stacks(&answer).next().unwrap();
    let wanted: usize = changes().iter().filter(|c| c.round == "restorable").map(|c| c.expect.len()).sum();
    assert_eq!((differences(stack).len(), code), (wanted, 2), "{:#?}", differences(stack));
    let fix = fleet.run(&["drift", "--all", "--fix", "--yes", "--lookups", "0"]);
    let text = said(&fix);
    for call in shown {
        assert!(text.contains(call), "{call} is shown: {text}");
    }
    assert_eq!(fix.status.code(), Some(0), "{text}");
    fleet.in_sync_at(RELEASE);
}

#[test]
fn fix_restores_by_drift_aware_change_sets_and_shows_direct_calls_first() {
    let fleet = Fleet::of_ash();
    let asked = fleet.run(&["drift", "--all", "--fix"]);
    assert_eq!(asked.status.code(), Some(0), "there is nothing to restore: {}", said(&asked));
    // CloudFormation sees rules and tags by itself.
    restored(&fleet, &["delete-route ", "delete-network-acl-entry"]);
    // Deleted resources come back too.
    fleet.change("deletions");
    let (_, code) = fleet.drift(&["--lookups", "0"]);
    assert_eq!(code, 2);
    let refused = fleet.run(&["drift", "--all", "--fix", "--lookups", "0"]);
    assert_eq!(refused.status.code(), Some(3), "nobody was asked: {}", said(&refused));
    let fix = fleet.run(&["drift", "--all", "--fix", "--yes", "--lookups", "0"]);
    assert_eq!(fix.status.code(), Some(0), "{}", said(&fix));
    fleet.in_sync_at(RELEASE);
}

#[test]
fn a_resource_that_cannot_be_restored_undoes_no_other_and_is_left_by_name() {
    let fleet = Fleet::of_ash();
    fleet.change("restorable");
    fleet.faults(vec![serde_json::json!({ "kind": "resource", "stack": "metanet-ash", "logical": "Splitter",
        "phase": "update" })]);
    let fix = fleet.run(&["drift", "--all", "--fix", "--yes", "--lookups", "0"]);
    let text = said(&fix);
    assert!(text.contains("left to a person: Splitter of ash: it cannot be restored: "), "{text}");
    let (answer, code) = fleet.drift(&["--lookups", "0"]);
    let left = differences(stacks(&answer).next().unwrap());
    assert_eq!(code, 2, "{text}");
    assert_eq!(fix.status.code(), Some(2), "{text}");
    // Of the rest nothing is left; the stack says of itself that it is not what git says.
    assert!(
        !left.is_empty() && left.iter().all(|one| one.contains(" TN5502 ") || one.contains(" Splitter ")),
        "{left:#?}"
    );
    // What stood in its way is gone: the next time it is restored, too.
    fleet.refuse(&[]);
    let fix = fleet.run(&["drift", "--all", "--fix", "--yes", "--lookups", "0"]);
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
    let fleet = Fleet::of_ash();
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
    let fix = fleet.run(&["drift", "--all", "--fix", "--yes", "--lookups", "0"]);
    assert_eq!(fix.status.code(), Some(0), "{}", said(&fix));
    fleet.in_sync_at(RELEASE);
}

#[test]
fn accepted_drift_does_not_count_until_it_expires_and_a_bad_list_is_refused() {
    let fleet = Fleet::of_ash();
    fleet.change("accepted");
    let list = |until: &str| {
        let folder = own_policies(&fleet);
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
    what_was_found_is_told_where_it_cannot_be_kept(&fleet);
    list("never");
    let refused = fleet.run(&["drift"]);
    let text = said(&refused);
    assert!(text.contains("TN5533") && text.contains("drift-accepted.yaml:6"), "{text}");
    assert_eq!(refused.status.code(), Some(1));
    list("2020-01-01");
    one_typo_disarms_no_other_tenant(&fleet);
}
