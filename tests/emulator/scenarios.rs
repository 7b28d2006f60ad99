//! What happens to stacks, step by step.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tenantry::cloud::change_sets::ChangeSetKind;
use tenantry::cloud::{Access, Cloud, Place};
use tenantry::deploy::apply::{Options, Outcomes, Refused, Tolerance, apply};
use tenantry::deploy::destroy::{self, DeletionPlan, look};
use tenantry::deploy::events::{Event, Outcome};
use tenantry::deploy::prepare::{Alarms, Pace, plan};
use tenantry::deploy::stacks::control_planes;
use tenantry::deploy::status::{SyncStatus, status};
use tenantry::deploy::{Action, Desired, Plan};
use tenantry::estate::spec::Fleet;
use tenantry::finding::Source;
use tenantry::render::{Renderer, TemplateSet};

use crate::faults::ESTATE_ID;

pub(super) const PACE: Pace =
    Pace { poll: Duration::from_millis(50), deadline: Duration::from_secs(60), alarms: Alarms::Ignored };

fn options(allow: &[&str]) -> Options {
    let allow_replace = allow.iter().map(|id| (*id).to_owned()).collect();
    Options { concurrency: 4, tolerance: Tolerance::Percent(100), pace: PACE, allow_replace }
}

/// A small stack with a bucket, a queue and the release record.
fn desired(tenant: &str, bucket: &str, digest: &str, release: &str) -> Desired {
    let record = json!({ "Type": "AWS::SSM::Parameter", "Properties": {
        "Name": format!("/tenantry/metanet/{tenant}/release"), "Type": "String", "Value": format!("{release} {digest}"),
    } });
    with_resources(
        tenant,
        digest,
        release,
        json!({
            "LandingBucket": { "Type": "AWS::S3::Bucket", "Properties": { "BucketName": bucket } },
            "Topic": { "Type": "AWS::SNS::Topic", "Properties": { "TopicName": format!("metanet-{tenant}") } },
            "ReleaseRecord": record,
        }),
    )
}

pub(crate) fn with_resources(tenant: &str, digest: &str, release: &str, resources: Value) -> Desired {
    let body = json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Resources": resources,
        "Outputs": { "TenantryRelease": { "Value": release }, "TenantryDigest": { "Value": digest } },
    });
    Desired {
        tenant: tenant.to_owned(),
        ring: None,
        place: Place { account: "123456789012".parse().unwrap(), region: "eu-west-1".parse().unwrap() },
        access: Access { role: Some("metanet-tenantry".to_owned()), external_id: None },
        stack: format!("metanet-{tenant}"),
        body: body.to_string(),
        digest: digest.to_owned(),
        release: release.to_owned(),
        tags: Desired::identity("metanet", ESTATE_ID, tenant),
        artifacts: None,
        uploads: Vec::new(),
        offboarded: false,
        control_plane: 0,
        rollback_triggers: Vec::new(),
    }
}

pub(crate) async fn planned(cloud: &Cloud, desired: &[Desired]) -> Plan {
    let plan = plan(cloud, &desired[0].release, desired, PACE, 4).await;
    // What is saved is what is executed.
    serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap()
}

pub(crate) async fn applied(
    cloud: &Cloud,
    plan: &Plan,
    desired: &[Desired],
    allow: &[&str],
) -> Result<Outcomes, Refused> {
    let events: Mutex<Vec<Event>> = Mutex::default();
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    apply(cloud, plan, desired, &options(allow), stopped, &|event| events.lock().unwrap().push(event)).await
}

pub(crate) fn all_done(outcomes: &Outcomes, count: usize) {
    assert_eq!(outcomes.len(), count);
    let others: Vec<_> = outcomes.iter().filter(|(_, outcome)| **outcome != Outcome::Done).collect();
    assert!(others.is_empty(), "{others:#?}");
}

pub(super) async fn deploy_then_nothing(cloud: Cloud) {
    let fleet: Vec<Desired> =
        ["acme", "bolt", "cube"].map(|name| desired(name, &format!("metanet-{name}-landing"), "d1", "v1")).into();
    assert!(status(&cloud, &fleet).await.iter().all(|line| line.verdict == SyncStatus::Missing));
    let first = planned(&cloud, &fleet).await;
    assert_eq!(first.unseen, []);
    for stack in &first.stacks {
        let Action::Apply { makes: ChangeSetKind::Create, changes, .. } = &stack.action else { panic!("{stack:#?}") };
        assert_eq!(changes.len(), 3);
    }
    assert_eq!(planned(&cloud, &fleet).await, first, "the change sets of the first plan are found again");
    all_done(&applied(&cloud, &first, &fleet, &[]).await.unwrap(), 3);
    assert!(planned(&cloud, &fleet).await.is_empty());
    assert!(status(&cloud, &fleet).await.iter().all(|line| line.verdict == SyncStatus::Current));
}

pub(super) async fn release_only(cloud: Cloud) {
    let before = [desired("released", "metanet-released-landing", "d1", "v1")];
    all_done(&applied(&cloud, &planned(&cloud, &before).await, &before, &[]).await.unwrap(), 1);
    let after = [desired("released", "metanet-released-landing", "d1", "v2")];
    assert_eq!(status(&cloud, &after).await[0].verdict, SyncStatus::Outdated);
    let plan = planned(&cloud, &after).await;
    let changes = plan.stacks[0].action.changes();
    assert_eq!(changes.len(), 1, "{changes:#?}");
    assert_eq!((changes[0].logical_id.as_str(), changes[0].action.as_str()), ("ReleaseRecord", "Modify"));
    all_done(&applied(&cloud, &plan, &after, &[]).await.unwrap(), 1);
    assert!(planned(&cloud, &after).await.is_empty());
}

pub(super) async fn state_is_kept(cloud: Cloud) {
    let before = [desired("stateful", "metanet-stateful-landing", "d1", "v1")];
    all_done(&applied(&cloud, &planned(&cloud, &before).await, &before, &[]).await.unwrap(), 1);
    let after = [desired("stateful", "metanet-stateful-other", "d2", "v1")];
    let plan = planned(&cloud, &after).await;
    let refused = applied(&cloud, &plan, &after, &[]).await.unwrap_err();
    assert!(matches!(&refused, Refused::State(named) if named == &["`LandingBucket` of `stateful`"]), "{refused}");
    all_done(&applied(&cloud, &plan, &after, &["LandingBucket"]).await.unwrap(), 1);
    assert!(planned(&cloud, &after).await.is_empty());
}

pub(super) async fn failure_and_recovery(cloud: Cloud) {
    let first = [desired("takes", "metanet-takes-landing", "d1", "v1")];
    let second = [desired("taker", "metanet-takes-landing", "d1", "v1")];
    // Validation sees no name in use while the plan is made.
    let plan = planned(&cloud, &second).await;
    all_done(&applied(&cloud, &planned(&cloud, &first).await, &first, &[]).await.unwrap(), 1);
    let outcomes = applied(&cloud, &plan, &second, &[]).await.unwrap();
    let Some(Outcome::Failed { status: ended, resource, remedy, .. }) = outcomes.values().next() else {
        panic!("{outcomes:#?}")
    };
    assert_eq!((ended.as_str(), resource.as_deref()), ("ROLLBACK_COMPLETE", Some("LandingBucket")));
    assert!(remedy.is_some(), "{outcomes:#?}");
    let corrected = [desired("taker", "metanet-taker-landing", "d1", "v1")];
    let plan = planned(&cloud, &corrected).await;
    // A plan shows everything that is done under it: what is left is deleted, and the creation is the next plan's.
    assert!(matches!(plan.stacks[0].action, Action::Clear { .. }), "{plan:#?}");
    let cleared = applied(&cloud, &plan, &corrected, &[]).await.unwrap();
    assert!(cleared.values().all(|outcome| *outcome == Outcome::Cleared), "{cleared:#?}");
    assert_eq!(status(&cloud, &corrected).await[0].verdict, SyncStatus::Missing, "nothing unplanned was made");
    let creation = planned(&cloud, &corrected).await;
    assert!(matches!(creation.stacks[0].action, Action::Apply { makes: ChangeSetKind::Create, .. }), "{creation:#?}");
    all_done(&applied(&cloud, &creation, &corrected, &[]).await.unwrap(), 1);
    assert!(planned(&cloud, &corrected).await.is_empty());
}

pub(super) async fn stale(cloud: Cloud) {
    let old = [desired("stale", "metanet-stale-landing", "d1", "v1")];
    let plan = planned(&cloud, &old).await;
    let newer = [desired("stale", "metanet-stale-landing", "d2", "v1")];
    assert!(matches!(applied(&cloud, &plan, &newer, &[]).await, Err(Refused::Stale(_))));
    all_done(&applied(&cloud, &plan, &old, &[]).await.unwrap(), 1);
    let again = applied(&cloud, &plan, &old, &[]).await.unwrap();
    assert!(again.values().all(|outcome| matches!(outcome, Outcome::Stale { .. })), "{again:#?}");
}

pub(super) async fn unseen(cloud: Cloud) {
    let mut elsewhere = desired("absent", "metanet-absent-landing", "d1", "v1");
    elsewhere.place.account = "999900001111".parse().unwrap();
    elsewhere.access = Access::default();
    let fleet = [elsewhere, desired("present", "metanet-present-landing", "d1", "v1")];
    let plan = planned(&cloud, &fleet).await;
    assert_eq!((plan.unseen.len(), plan.stacks.len()), (1, 1));
    assert!(plan.unseen[0].why.contains("123456789012"), "{:?}", plan.unseen);
    let lines = status(&cloud, &fleet).await;
    assert!(matches!(lines[0].verdict, SyncStatus::Unknown { .. }));
}

/// Starts a plan and drops the run at its first event, as a kill does.
async fn killed_after_start(cloud: &Cloud, plan: &Plan, desired: &[Desired]) {
    let (started, begun) = tokio::sync::watch::channel(false);
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let (options, mut begun) = (options(&[]), begun);
    let notice = |_| started.send(true).expect("the run is watched");
    tokio::select! {
        outcomes = apply(cloud, plan, desired, &options, stopped, &notice) => panic!("it ended: {outcomes:?}"),
        seen = begun.wait_for(|begun| *begun) => drop(seen.unwrap()),
    }
}

pub(super) async fn killed(cloud: Cloud) {
    let fleet = [desired("killed", "metanet-killed-landing", "d1", "v1")];
    killed_after_start(&cloud, &planned(&cloud, &fleet).await, &fleet).await;
    let next = planned(&cloud, &fleet).await;
    assert_eq!(next.stacks[0].action, Action::Follow, "{next:#?}");
    all_done(&applied(&cloud, &next, &fleet, &[]).await.unwrap(), 1);
    assert!(planned(&cloud, &fleet).await.is_empty());
}

pub(super) async fn somebody_else(cloud: Cloud) {
    let theirs = [desired("others", "metanet-others-landing", "d1", "v1")];
    killed_after_start(&cloud, &planned(&cloud, &theirs).await, &theirs).await;
    let ours = [desired("others", "metanet-others-landing", "d2", "v2")];
    let plan = planned(&cloud, &ours).await;
    assert!(matches!(plan.stacks[0].action, Action::Blocked { .. }), "{plan:#?}");
    assert!(!plan.is_empty());
    assert!(applied(&cloud, &plan, &ours, &[]).await.unwrap().is_empty());
}

/// Deletes a stack as `destroy` does.
async fn destroyed(cloud: &Cloud, deletion: &DeletionPlan, of: &Desired) {
    let (tenant, place) = ((of.tenant.as_str(), &of.tags), (&of.place, &of.access));
    let (plan, gone) = destroy::plan(deletion, tenant, place, &[]).unwrap();
    let goes: Vec<&str> = deletion.changes.iter().map(|change| change.logical_id.as_str()).collect();
    all_done(&applied(cloud, &plan, &[gone], &goes).await.unwrap(), 1);
}

pub(super) async fn destroy_retains(cloud: Cloud) {
    let fleet = [with_resources(
        "parted",
        "d1",
        "v1",
        json!({
            "LandingBucket": {
                "Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "Properties": { "BucketName": "metanet-parted-kept" },
            },
            "Topic": { "Type": "AWS::SNS::Topic", "Properties": { "TopicName": "metanet-parted" } },
        }),
    )];
    all_done(&applied(&cloud, &planned(&cloud, &fleet).await, &fleet, &[]).await.unwrap(), 1);
    let session = cloud.session(&fleet[0].place, &fleet[0].access).await.unwrap();
    let deletion =
        look(&session, "metanet-parted", &fleet[0].tags, std::time::SystemTime::now()).await.unwrap().unwrap();
    assert_eq!((deletion.retained.len(), deletion.deleted), (1, 1));
    assert_eq!(deletion.retained[0].physical_id.as_deref(), Some("metanet-parted-kept"));
    destroyed(&cloud, &deletion, &fleet[0]).await;
    assert_eq!(look(&session, "metanet-parted", &fleet[0].tags, std::time::SystemTime::now()).await.unwrap(), None);
    assert_eq!(status(&cloud, &fleet).await[0].verdict, SyncStatus::Missing);
    // The bucket is still there and has the tenant's tags: the next stack takes it.
    let plan = planned(&cloud, &fleet).await;
    assert!(matches!(plan.stacks[0].action, Action::Apply { makes: ChangeSetKind::Import, .. }), "{plan:#?}");
    // One that is not the tenant's is refused by CloudFormation's validation, and the plan says why.
    let other = [desired("second", "metanet-parted-kept", "d1", "v1")];
    let plan = planned(&cloud, &other).await;
    assert!(plan.unseen[0].why.contains("'metanet-parted-kept' already exists"), "{plan:#?}");
}

pub(super) async fn retained_is_imported(cloud: Cloud) {
    let kept =
        |kind: &str, properties: Value| json!({ "Type": kind, "DeletionPolicy": "Retain", "Properties": properties });
    let (vpc, group) = (json!({ "Ref": "Vpc" }), json!([{ "Ref": "Group" }]));
    let search = json!({ "DomainName": "metanet-returned", "VPCOptions": { "SubnetIds": [{ "Ref": "Subnet" }], "SecurityGroupIds": group } });
    let notified = json!({ "TopicConfigurations": [{ "Event": "s3:ObjectCreated:*", "Topic": { "Ref": "Topic" } }] });
    let fleet = [with_resources(
        "returned",
        "d1",
        "v1",
        json!({
            "Bucket": kept("AWS::S3::Bucket", json!({ "BucketName": "metanet-returned-kept", "NotificationConfiguration": notified })),
            "Group": kept("AWS::EC2::SecurityGroup", json!({ "GroupDescription": "search", "VpcId": vpc })),
            "Key": kept("AWS::KMS::Key", json!({ "Description": "data" })),
            "Queue": kept("AWS::SQS::Queue", json!({ "QueueName": "metanet-returned-parking", "KmsMasterKeyId": { "Ref": "Key" } })),
            "Search": kept("AWS::OpenSearchService::Domain", search),
            "Subnet": kept("AWS::EC2::Subnet", json!({ "VpcId": vpc, "CidrBlock": "10.0.0.0/24" })),
            "Vpc": kept("AWS::EC2::VPC", json!({ "CidrBlock": "10.0.0.0/16" })),
            "Topic": { "Type": "AWS::SNS::Topic" },
        }),
    )];
    all_done(&applied(&cloud, &planned(&cloud, &fleet).await, &fleet, &[]).await.unwrap(), 1);
    let session = cloud.session(&fleet[0].place, &fleet[0].access).await.unwrap();
    let before =
        look(&session, "metanet-returned", &fleet[0].tags, std::time::SystemTime::now()).await.unwrap().unwrap();
    assert_eq!(before.retained.len(), 7);
    destroyed(&cloud, &before, &fleet[0]).await;

    let plan = planned(&cloud, &fleet).await;
    let Action::Apply { makes: ChangeSetKind::Import, changes, .. } = &plan.stacks[0].action else {
        panic!("{plan:#?}")
    };
    let actions: Vec<(&str, &str)> = changes.iter().map(|c| (c.logical_id.as_str(), c.action.as_str())).collect();
    assert_eq!(actions.iter().filter(|(_, action)| *action == "Import").count(), 7, "{actions:?}");
    assert_eq!(actions.last(), Some(&("Topic", "Add")));
    let imported = applied(&cloud, &plan, &fleet, &[]).await.unwrap();
    assert!(imported.values().all(|outcome| *outcome == Outcome::Imported), "{imported:#?}");
    // The rest is another plan's, which shows it.
    all_done(&applied(&cloud, &planned(&cloud, &fleet).await, &fleet, &[]).await.unwrap(), 1);
    let after =
        look(&session, "metanet-returned", &fleet[0].tags, std::time::SystemTime::now()).await.unwrap().unwrap();
    // Of a queue the endpoint tells the port sometimes.
    let ids = |deletion: &DeletionPlan| -> BTreeMap<String, Option<String>> {
        let same = deletion.retained.iter().filter(|kept| kept.logical_id != "Queue");
        same.map(|kept| (kept.logical_id.clone(), kept.physical_id.clone())).collect()
    };
    assert_eq!((ids(&after), after.retained.len(), after.deleted), (ids(&before), 7, before.deleted));
    assert_eq!(after.status, "UPDATE_COMPLETE");
    assert!(planned(&cloud, &fleet).await.is_empty());
}

pub(crate) fn renderer() -> Renderer {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let mut sources = Vec::new();
    for folder in ["", "tenant", "control-plane"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "tera") {
                let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
                sources.push(Arc::new(Source { path: name.into(), text: std::fs::read_to_string(&path).unwrap() }));
            }
        }
    }
    Renderer::new(TemplateSet::parse(sources).unwrap())
}

pub(super) async fn control_planes_planned(cloud: Cloud) {
    let fleet: Fleet = serde_json::from_value(json!({
        "apiVersion": "tenantry/v1",
        "organisation": "second",
        "control_plane": { "account": "123456789012", "region": "eu-west-1" },
        "accounts": { "123456789012": {
            "name": "one", "role": "metanet-deploy", "external_id": "metanet",
            "dns": { "zone": "tenants.example.com", "hosted_zone_id": "Z111111111111" },
        } },
        "regions": {
            "eu-central-1": { "s3_prefix_list": "pl-6ea54007", "zones": ["euc1-az1", "euc1-az2"] },
            "eu-west-1": { "s3_prefix_list": "pl-6da54004", "zones": ["euw1-az1", "euw1-az2"] },
        },
        "pools": [], "rings": [],
    }))
    .unwrap();
    let stacks = control_planes(&renderer(), &fleet, &std::collections::BTreeMap::new(), "v1").unwrap();
    assert_eq!(stacks[0].place.region.as_str(), "eu-west-1", "the central one comes first");
    let plan = planned(&cloud, &stacks).await;
    assert_eq!((plan.stacks.len(), plan.unseen.as_slice()), (2, [].as_slice()));
    for stack in &plan.stacks {
        let changes = stack.action.changes();
        assert!(changes.iter().any(|change| change.resource_type == "AWS::S3::Bucket"), "{stack:#?}");
    }
}
