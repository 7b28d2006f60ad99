//! The fixtures of `policies/tests/`, in the format of `cfn-guard test`, in process.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use tenantry::policy::{Status, Verdict};

use super::{checker, root};

#[derive(Deserialize)]
struct Fixture {
    name: String,
    input: serde_json::Value,
    expectations: Expectations,
}

#[derive(Deserialize)]
struct Expectations {
    rules: BTreeMap<String, String>,
}

fn status(text: &str) -> Status {
    match text {
        "PASS" => Status::Pass,
        "FAIL" => Status::Fail,
        other => panic!("`{other}` is no expectation: a fixture on which its rule does not apply shows nothing"),
    }
}

fn fixtures() -> Vec<Fixture> {
    let mut paths: Vec<_> =
        std::fs::read_dir(root().join("policies/tests")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path| serde_yaml::from_str::<Vec<Fixture>>(&std::fs::read_to_string(path).unwrap()).unwrap();
    paths.iter().flat_map(read).collect()
}

#[test]
fn every_rule_answers_its_fixtures_as_expected() {
    let checker = checker();
    let mut answered: BTreeSet<(String, Status)> = BTreeSet::new();
    for fixture in fixtures() {
        let verdicts = checker.verdicts_plainly(&fixture.input.to_string()).unwrap();
        for (rule, expected) in &fixture.expectations.rules {
            let found = of_rule(&verdicts, rule);
            assert_eq!(found, status(expected), "{}", fixture.name);
            answered.insert((rule.clone(), found));
        }
    }
    for rule in checker.rules() {
        for status in [Status::Pass, Status::Fail] {
            assert!(answered.contains(&(rule.to_owned(), status)), "`{rule}` has no fixture for {status:?}");
        }
    }
}

#[test]
fn what_fails_names_the_resource_and_what_is_wrong() {
    let checker = checker();
    for fixture in fixtures() {
        let verdicts = checker.verdicts_plainly(&fixture.input.to_string()).unwrap();
        for (rule, _) in fixture.expectations.rules.iter().filter(|(_, expected)| *expected == "FAIL") {
            let breaches: Vec<_> =
                verdicts.iter().flat_map(|verdict| &verdict.breaches).filter(|breach| breach.rule == *rule).collect();
            assert!(!breaches.is_empty(), "{}", fixture.name);
            for breach in breaches {
                let missing = breach.path.matches('/').count() > 2;
                assert!(breach.message.is_some() || missing, "{}: {breach:?}", fixture.name);
                let whole = matches!(rule.as_str(), "no_alarm_on_logs" | "flow_log_records_everything");
                assert!(whole || breach.path.starts_with("/Resources/"), "{}: {breach:?}", fixture.name);
            }
        }
    }
}

fn of_rule(verdicts: &[Verdict], rule: &str) -> Status {
    let all = verdicts.iter().flat_map(|verdict| &verdict.rules);
    all.filter(|(name, _)| name == rule).map(|(_, status)| *status).next().unwrap_or_else(|| panic!("no rule `{rule}`"))
}
