//! Flags in AppConfig: delivered by a stack, pushed past it, and brought together again.

use serde_json::{Value, json};
use tenantry::cloud::Cloud;
use tenantry::cloud::appconfig;
use tenantry::deploy::change::delivers_flags_only;
use tenantry::deploy::flags::{PushError, in_force, push, pushed};
use tenantry::deploy::{Action, Desired};
use tenantry::flags::{Catalogue, Difference, Values, app_config, values_of, with_value};

use super::scenarios::{PACE, all_done, applied, planned, with_resources};

fn catalogue() -> Catalogue {
    let flag = json!({ "description": "d", "owner": "o", "kind": "operational", "type": "boolean", "reads": "runtime",
        "default": false, "created": "2026-11-01" });
    let level = json!({ "description": "d", "owner": "o", "kind": "operational", "type": "string", "reads": "runtime",
        "default": "info", "values": ["info", "debug"], "created": "2026-11-01" });
    serde_json::from_value(json!({ "flags": { "paused": flag, "level": level } })).unwrap()
}

fn values(paused: bool) -> Values {
    [("paused", json!(paused)), ("level", json!("debug"))].map(|(key, value)| (key.to_owned(), value)).into()
}

/// The flags of the tenant stack (without the alarm that takes a deployment back) and the release record.
fn desired(paused: bool, digest: &str) -> Vec<Desired> {
    let reference = |id: &str| json!({ "Ref": id });
    let content = app_config(&catalogue(), &values(paused)).to_string();
    let resource = |kind: &str, properties: Value| json!({ "Type": kind, "Properties": properties });
    let strategy = json!({ "Name": "metanet-flagged", "GrowthType": "LINEAR", "GrowthFactor": 50,
        "DeploymentDurationInMinutes": 4, "FinalBakeTimeInMinutes": 2, "ReplicateTo": "NONE" });
    vec![with_resources(
        "flagged",
        digest,
        "v1",
        json!({
            "FlagApplication": resource("AWS::AppConfig::Application", json!({ "Name": "metanet-flagged" })),
            "FlagEnvironment": resource("AWS::AppConfig::Environment", json!({
                "ApplicationId": reference("FlagApplication"), "Name": "tenant" })),
            "FlagProfile": resource("AWS::AppConfig::ConfigurationProfile", json!({
                "ApplicationId": reference("FlagApplication"), "Name": "flags", "LocationUri": "hosted",
                "Type": "AWS.AppConfig.FeatureFlags" })),
            "FlagVersion": resource("AWS::AppConfig::HostedConfigurationVersion", json!({
                "ApplicationId": reference("FlagApplication"), "ConfigurationProfileId": reference("FlagProfile"),
                "ContentType": "application/json", "Content": content })),
            "FlagStrategy": resource("AWS::AppConfig::DeploymentStrategy", strategy),
            "FlagDeployment": resource("AWS::AppConfig::Deployment", json!({
                "ApplicationId": reference("FlagApplication"), "EnvironmentId": reference("FlagEnvironment"),
                "ConfigurationProfileId": reference("FlagProfile"), "ConfigurationVersion": reference("FlagVersion"),
                "DeploymentStrategyId": reference("FlagStrategy") })),
            "ReleaseRecord": resource("AWS::SSM::Parameter", json!({
                "Name": "/tenantry/metanet/flagged/release", "Type": "String", "Value": format!("v1 {digest}") })),
        }),
    )]
}

pub(super) async fn pushed_and_brought_together(cloud: Cloud) {
    let before = desired(false, "d1");
    let session = cloud.session(&before[0].place, &before[0].access).await.unwrap();
    assert_eq!(in_force(&session, "metanet-flagged").await.unwrap(), None, "there is no stack yet");
    all_done(&applied(&cloud, &planned(&cloud, &before).await, &before, &[]).await.unwrap(), 1);
    let delivered = in_force(&session, "metanet-flagged").await.unwrap().unwrap();
    assert_eq!(values_of(&delivered.document), values(false), "functions see what was evaluated");
    assert_eq!(pushed(&delivered, &values(false)).differences, []);

    let (catalogue, reason) = (catalogue(), "parts pile up");
    let document = with_value(&delivered.document, "paused", &catalogue.flags["paused"], &json!(true));
    let deployment = push(&session, "metanet-flagged", &delivered, &document, reason, PACE).await.unwrap();
    assert_eq!((deployment.version.as_str(), deployment.number), ("2", 2));
    let now = in_force(&session, "metanet-flagged").await.unwrap().unwrap();
    assert_eq!(now.latest, 2);
    let expected = Difference { flag: "paused".to_owned(), git: Some(json!(false)), live: Some(json!(true)) };
    assert_eq!(pushed(&now, &values(false)).differences, [expected], "it is drift");
    assert!(planned(&cloud, &before).await.is_empty(), "the stack knows nothing of it");

    let error = push(&session, "metanet-flagged", &delivered, &document, reason, PACE).await.unwrap_err();
    assert!(matches!(&error, PushError::UnderWay { .. }), "somebody was first: {error:?}");

    let broken = json!({ "version": "1", "values": { "paused": { "enabled": "perhaps" } } });
    let error = push(&session, "metanet-flagged", &now, &broken, reason, PACE).await.unwrap_err();
    assert!(matches!(&error, PushError::Call { .. }), "{error:?}");
    let listed = appconfig::deployments(&session, &now.ids).await.unwrap();
    assert_eq!(listed.len(), 2, "what AppConfig refuses is not deployed");

    let after = desired(true, "d2");
    let plan = planned(&cloud, &after).await;
    assert!(matches!(plan.stacks[0].action, Action::Apply { .. }), "{plan:#?}");
    let changes = plan.stacks[0].action.changes();
    assert!(delivers_flags_only(changes.iter().map(|c| (c.logical_id.as_str(), c.resource_type.as_str()))));
    assert!(tenantry::report::plan::text(&plan, false).contains("flags only"), "the plan says so");
    all_done(&applied(&cloud, &plan, &after, &[]).await.unwrap(), 1);
    let together = in_force(&session, "metanet-flagged").await.unwrap().unwrap();
    assert_eq!(together.deployment.number, 3);
    assert_eq!(pushed(&together, &values(true)).differences, []);
}
