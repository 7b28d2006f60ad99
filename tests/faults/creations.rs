//! A first creation fails at one resource; run again, it succeeds. One stack for each type of the tenant's template,
//! reduced to what the failing resource needs; `FAULT_CREATIONS` whole stacks, each failing at another resource.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tenantry::cloud::{Cloud, s3};
use tenantry::deploy::apply::Outcomes;
use tenantry::deploy::events::Outcome;
use tenantry::deploy::{Action, Desired};
use tenantry::render::{Artifact, Functions, prepare};

use super::{Estate, bootstrapped, number};
use crate::emulator::scenarios::{all_done, applied, planned, renderer, with_resources};
use crate::process::{Endpoint, control};

/// Whole stacks that one account gets at a time.
const AT_ONCE: usize = 20;
const BUCKET: &str = "metanet-artifacts-123456789012-eu-west-1";

/// The resources of the sample tenant acme, in the account that the endpoint gives to credentials it does not know.
fn resources() -> Map<String, Value> {
    let (estate, findings) = tenantry::estate::load(std::path::Path::new(env!("CARGO_MANIFEST_DIR")));
    assert_eq!(findings, []);
    let estate = estate.unwrap();
    let tenant = estate.tenants.values().find(|tenant| tenant.name.as_str() == "acme").unwrap();
    let digest = Sha256::digest(empty_zip());
    let artifact = Artifact { sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(), bytes: 22 };
    let artifacts = ["splitter", "ingest"].map(|name| (name.to_owned(), artifact.clone())).into();
    let functions = Functions { architecture: "x86_64".to_owned(), artifacts };
    let body = renderer().render(&prepare(&estate, &functions, "v1", tenant).unwrap().context).unwrap().body();
    let template: Value = serde_json::from_str(&body.replace("111122223333", "123456789012")).unwrap();
    template["Resources"].as_object().unwrap().clone()
}

/// The functions of these stacks: a zip with nothing in it.
fn empty_zip() -> Vec<u8> {
    [b"PK\x05\x06".as_slice(), &[0; 18]].concat()
}

/// The resource and all that it names, directly or through others.
fn needed(all: &Map<String, Value>, logical: &str) -> BTreeSet<String> {
    let (mut found, mut next) = (BTreeSet::new(), vec![logical.to_owned()]);
    while let Some(one) = next.pop() {
        if found.insert(one.clone()) {
            let mut named = Vec::new();
            references(&all[&one], &mut named);
            next.extend(named.into_iter().filter(|name| all.contains_key(name)));
        }
    }
    found
}

/// What a template's value names: in `Ref`, `Fn::GetAtt`, `Fn::Sub` and `DependsOn`.
fn references(value: &Value, found: &mut Vec<String>) {
    let first = |value: &Value| value.as_str().or(value[0].as_str()).unwrap_or_default().to_owned();
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Object(members) => {
            for (key, inner) in members {
                match key.as_str() {
                    "Ref" => found.push(first(inner)),
                    "Fn::GetAtt" => found.extend(first(inner).split('.').next().map(str::to_owned)),
                    "Fn::Sub" => {
                        let text = first(inner);
                        let names = text.split("${").skip(1).filter_map(|part| part.split(['.', '}']).next());
                        found.extend(names.map(str::to_owned));
                    }
                    "DependsOn" if inner.is_array() => {
                        found.extend(inner.as_array().unwrap().iter().map(first));
                    }
                    "DependsOn" => found.push(first(inner)),
                    _ => {}
                }
                references(inner, found);
            }
        }
        _ => {}
    }
}

/// A stack, and the resource at which its first creation fails.
type Failing = (Desired, String);

/// One stack for each type, with the first resource of that type and what it needs.
fn reduced() -> Vec<Failing> {
    let all = resources();
    let mut first = BTreeMap::new();
    for (logical, resource) in &all {
        first.entry(resource["Type"].to_string()).or_insert_with(|| logical.clone());
    }
    stacks(&all, first.into_values().collect(), |logical| needed(&all, logical))
}

/// Whole stacks, each failing at another resource; at most so many.
fn whole(most: usize) -> Vec<Failing> {
    let all = resources();
    stacks(&all, all.keys().take(most).cloned().collect(), |_| all.keys().cloned().collect())
}

/// Stacks named after their numbers, which take the place of acme in every name.
fn stacks(all: &Map<String, Value>, failing: Vec<String>, parts: impl Fn(&str) -> BTreeSet<String>) -> Vec<Failing> {
    let one = |(number, logical): (usize, String)| {
        let tenant = format!("t{number:03}");
        let kept = parts(&logical);
        let resources: Map<String, Value> = all.clone().into_iter().filter(|(id, _)| kept.contains(id)).collect();
        let body = Value::Object(resources).to_string().replace("acme", &tenant);
        let mut desired = with_resources(&tenant, "d1", "v1", serde_json::from_str(&body).unwrap());
        desired.artifacts = Some(BUCKET.to_owned());
        (desired, logical)
    };
    failing.into_iter().enumerate().map(one).collect()
}

/// Puts the artifacts that the templates name into the account, as a deploy does.
async fn upload(cloud: &Cloud, of: &Desired) {
    let session = cloud.session(&of.place, &of.access).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("empty.zip");
    std::fs::write(&file, empty_zip()).unwrap();
    let text = resources().values().map(Value::to_string).collect::<String>();
    let keys = text.split('"').filter(|text| text.starts_with("functions/") || text.starts_with("trust/"));
    for key in keys.collect::<BTreeSet<_>>() {
        let zip = s3::Content::File(&file);
        let content = if key.starts_with("trust/") { s3::Content::Text("-----BEGIN CERTIFICATE-----") } else { zip };
        s3::put_if_absent(&session, BUCKET, key, content).await.unwrap();
    }
}

fn failed_at(outcomes: &Outcomes, tenant: &str) -> Option<String> {
    outcomes.iter().find(|((name, _), _)| name == tenant).and_then(|(_, outcome)| match outcome {
        Outcome::Failed { status, resource, .. } if status == "ROLLBACK_COMPLETE" => resource.clone(),
        _ => None,
    })
}

/// Creates all, each failing once, then again.
fn check(failing: &[Failing]) {
    let endpoint = Endpoint::start(1, &["--enforce-iam"]);
    bootstrapped(&endpoint, &Estate::new(1).with_shipped_template());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let cloud = runtime.block_on(Cloud::at(&endpoint.url, "test", "test"));
    runtime.block_on(upload(&cloud, &failing[0].0));
    let rule = |(desired, logical): &Failing| json!({ "kind": "resource", "stack": desired.stack, "logical": logical, "times": 1 });
    let rules: Value = failing.iter().map(rule).collect();
    control(&endpoint.url, "/_tenantry/faults", &rules.to_string());
    let fleet: Vec<Desired> = failing.iter().map(|(desired, _)| desired.clone()).collect();
    let apply = || {
        let plan = runtime.block_on(planned(&cloud, &fleet));
        assert_eq!(plan.unseen, []);
        let outcomes = runtime.block_on(applied(&cloud, &plan, &fleet, &[])).unwrap();
        (plan, outcomes)
    };
    let (plan, outcomes) = apply();
    assert_eq!(outcomes.len(), failing.len(), "{:#?}", plan.stacks.first().map(|stack| &stack.action));
    for (desired, logical) in failing {
        let failed = failed_at(&outcomes, &desired.tenant);
        assert_eq!(failed.as_deref(), Some(logical.as_str()), "{:#?}", outcomes.values().collect::<Vec<_>>());
    }
    let (plan, outcomes) = apply();
    assert!(plan.stacks.iter().all(|stack| matches!(stack.action, Action::Clear { .. })), "{plan:#?}");
    assert!(outcomes.values().all(|outcome| *outcome == Outcome::Cleared), "{outcomes:#?}");
    let (_, outcomes) = apply();
    all_done(&outcomes, failing.len());
    eprintln!("{} first creations failed, each at another resource, and were repeated", failing.len());
}

#[test]
fn a_first_creation_that_failed_at_any_type_of_resource_is_repeated_and_succeeds() {
    check(&reduced());
}

#[test]
fn a_whole_stack_whose_first_creation_failed_is_repeated_and_succeeds() {
    whole(number("FAULT_CREATIONS", 2).try_into().unwrap()).chunks(AT_ONCE).for_each(check);
}
