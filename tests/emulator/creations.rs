//! A first creation fails at one resource; run again, it succeeds. One stack for each type of the tenant's template,
//! reduced to what the failing resource needs; with `FAULT_CREATIONS=all` (`make faults`) one whole stack for each of its
//! resources.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Map, Value, json};
use tenantry::cloud::{Cloud, Session, s3};
use tenantry::deploy::apply::Outcomes;
use tenantry::deploy::events::Outcome;
use tenantry::deploy::{Action, Desired};
use tenantry::network::lay_out;
use tenantry::render::{Artifact, Context, Functions, TenantStack};
use tenantry::sizing::size;

use crate::scenarios::{all_done, applied, planned, renderer, with_resources};

const BUCKET: &str = "metanet-artifacts-123456789012-eu-west-1";

/// The resources of the sample tenant acme, in the account that the endpoint gives to credentials it does not know.
fn resources() -> Map<String, Value> {
    let (estate, findings) = tenantry::estate::load(std::path::Path::new(env!("CARGO_MANIFEST_DIR")));
    assert_eq!(findings, []);
    let estate = estate.unwrap();
    let tenant = estate.tenants.values().find(|tenant| tenant.name.as_str() == "acme").unwrap();
    let zones = &estate.fleet.regions[&tenant.spec.region].zones;
    let sizing = size(&tenant.spec, zones.len());
    let network = lay_out(&tenant.spec, &sizing, zones).unwrap();
    let artifact = Artifact { sha256: "5f".repeat(32), bytes: 22 };
    let functions = Functions { architecture: "x86_64".to_owned(), splitter: artifact.clone(), ingest: artifact };
    let stack = TenantStack {
        estate: &estate,
        tenant,
        sizing: &sizing,
        network: &network,
        functions: &functions,
        release: "v1",
    };
    let body = renderer().render(&Context::tenant(stack)).unwrap().body();
    let template: Value = serde_json::from_str(&body.replace("111122223333", "123456789012")).unwrap();
    template["Resources"].as_object().unwrap().clone()
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

/// One stack for each failure: named after its number, which takes the place of acme in every name.
fn stacks(whole: bool) -> Vec<(Desired, String)> {
    let all = resources();
    let mut first = BTreeMap::new();
    for (logical, resource) in &all {
        first.entry(resource["Type"].to_string()).or_insert_with(|| logical.clone());
    }
    let failing: Vec<String> = if whole { all.keys().cloned().collect() } else { first.into_values().collect() };
    let one = |(number, logical): (usize, String)| {
        let tenant = format!("t{number:03}");
        let kept = if whole { all.keys().cloned().collect() } else { needed(&all, &logical) };
        let resources: Map<String, Value> = all.clone().into_iter().filter(|(id, _)| kept.contains(id)).collect();
        let body = Value::Object(resources).to_string().replace("acme", &tenant);
        let mut desired = with_resources(&tenant, "d1", "v1", serde_json::from_str(&body).unwrap());
        desired.artifacts = Some(BUCKET.to_owned());
        (desired, logical)
    };
    failing.into_iter().enumerate().map(one).collect()
}

/// What a control plane would have: the artifacts that the template names, and the destination of logs.
async fn control_plane(cloud: &Cloud) -> Session {
    let base = [with_resources(
        "base",
        "d1",
        "v1",
        json!({
            "Artifacts": { "Type": "AWS::S3::Bucket", "Properties": { "BucketName": BUCKET } },
            "Destination": { "Type": "AWS::Logs::Destination", "Properties": {
                "DestinationName": "metanet-central-logs", "DestinationPolicy": "{}",
                "RoleArn": "arn:aws:iam::123456789012:role/logs",
                "TargetArn": "arn:aws:firehose:eu-west-1:123456789012:deliverystream/metanet-central-logs" } },
        }),
    )];
    all_done(&applied(cloud, &planned(cloud, &base).await, &base, &[]).await.unwrap(), 1);
    let session = cloud.session(&base[0].place, &base[0].access).await.unwrap();
    let mut zip = b"PK\x05\x06".to_vec();
    zip.extend([0; 18]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("empty.zip");
    std::fs::write(&file, zip).unwrap();
    let text = resources().values().map(Value::to_string).collect::<String>();
    let keys = text.split('"').filter(|text| text.starts_with("functions/") || text.starts_with("trust/"));
    for key in keys.collect::<BTreeSet<_>>() {
        let zip = s3::Content::File(&file);
        let content = if key.starts_with("trust/") { s3::Content::Text("-----BEGIN CERTIFICATE-----") } else { zip };
        s3::put_if_absent(&session, BUCKET, key, content).await.unwrap();
    }
    session
}

async fn faults(rules: Value) {
    let url = format!("{}/_tenantry/faults", std::env::var("AWS_ENDPOINT_URL").unwrap());
    let request = Request::post(url).body(Full::new(Bytes::from(rules.to_string()))).unwrap();
    let answer = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
}

fn failed_at(outcomes: &Outcomes, tenant: &str) -> Option<String> {
    outcomes.iter().find(|((name, _), _)| name == tenant).and_then(|(_, outcome)| match outcome {
        Outcome::Failed { status, resource, .. } if status == "ROLLBACK_COMPLETE" => resource.clone(),
        _ => None,
    })
}

#[tokio::test]
#[ignore = "a scenario: run by a test that starts an endpoint"]
async fn fail_once_each() {
    let cloud = Cloud::configure().await;
    control_plane(&cloud).await;
    let whole = std::env::var("FAULT_CREATIONS").is_ok_and(|scale| scale == "all");
    let stacks = stacks(whole);
    let rule = |(desired, logical): &(Desired, String)| {
        json!({ "kind": "resource", "stack": desired.stack, "logical": logical, "times": 1 })
    };
    faults(stacks.iter().map(rule).collect()).await;
    let fleet: Vec<Desired> = stacks.iter().map(|(desired, _)| desired.clone()).collect();
    let first = planned(&cloud, &fleet).await;
    assert_eq!(first.unseen, []);
    let outcomes = applied(&cloud, &first, &fleet, &[]).await.unwrap();
    for (desired, logical) in &stacks {
        let failed = failed_at(&outcomes, &desired.tenant);
        assert_eq!(failed.as_deref(), Some(logical.as_str()), "{:#?}", outcomes.values().collect::<Vec<_>>());
    }
    let again = planned(&cloud, &fleet).await;
    assert!(again.stacks.iter().all(|stack| matches!(stack.action, Action::Recreate { .. })), "{again:#?}");
    let outcomes = applied(&cloud, &again, &fleet, &[]).await.unwrap();
    all_done(&outcomes, stacks.len());
    let what = if whole { "whole stacks, each at another resource" } else { "reduced stacks, one for each type" };
    eprintln!("{} first creations failed and were repeated: {what}", stacks.len());
}
