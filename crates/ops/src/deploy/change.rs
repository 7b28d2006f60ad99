//! What a change of a resource means for what it holds.

use std::collections::BTreeSet;

use serde_json::Value;

use tenantry_aws::cloud::change_sets::ResourceChange;
use tenantry_checks::resources;

/// Whether the loss of a resource of this type is the loss of data.
pub fn is_stateful(resource_type: &str) -> bool {
    resources::table().is_stateful(resource_type)
}

/// The change would, or might, replace or remove a stateful resource.
pub fn endangers_state(change: &ResourceChange) -> bool {
    is_stateful(&change.resource_type) && may_lose(change)
}

/// The change would, or might, replace or remove a resource. "Conditional" is not "no", and neither is a replacement
/// that CloudFormation left out.
pub fn may_lose(change: &ResourceChange) -> bool {
    match change.action.as_str() {
        "Add" | "Import" => false,
        "Modify" => change.replacement.as_deref() != Some("False"),
        _ => true,
    }
}

/// Logical id of the resource that holds a stack's release and digest.
const RELEASE_RECORD: &str = "ReleaseRecord";

/// Whether a change delivers flags and does nothing else: of the resources (logical id, type) some are AppConfig's, and
/// beside them only the release record changes, which holds the template's digest.
pub fn delivers_flags_only<'c>(resources: impl Iterator<Item = (&'c str, &'c str)>) -> bool {
    let mut delivers = false;
    for (logical_id, resource_type) in resources {
        match resource_type.starts_with("AWS::AppConfig::") {
            true => delivers = true,
            false if logical_id == RELEASE_RECORD => {}
            false => return false,
        }
    }
    delivers
}

/// Whether changes make AppConfig deliver flags.
pub fn delivers_flags(changes: &[ResourceChange]) -> bool {
    changes.iter().any(|change| change.action != "Remove" && change.resource_type.starts_with("AWS::AppConfig::"))
}

/// Everything of a template as new: what a plan shows without looking at AWS.
pub fn all_new(body: &str) -> Result<Vec<ResourceChange>, serde_json::Error> {
    let tree: Value = serde_json::from_str(body)?;
    let resources = tree.get("Resources").and_then(Value::as_object);
    let new = |(logical_id, resource): (&String, &Value)| ResourceChange {
        action: "Add".to_owned(),
        logical_id: logical_id.clone(),
        resource_type: resource.get("Type").and_then(Value::as_str).unwrap_or_default().to_owned(),
        physical_id: None,
        replacement: None,
        policy_action: None,
        properties: Vec::new(),
    };
    Ok(resources.into_iter().flatten().map(new).collect())
}

/// A resource that is deleted.
pub fn removed(logical_id: String, resource_type: String, physical_id: Option<String>) -> ResourceChange {
    ResourceChange {
        action: "Remove".to_owned(),
        logical_id,
        resource_type,
        physical_id,
        replacement: None,
        policy_action: Some("Delete".to_owned()),
        properties: Vec::new(),
    }
}

/// The policy of a stack with resources of these types: no update replaces or deletes a stateful resource but those
/// allowed by name. It denies every stateful type of the table, and those of `types` that have no row.
/// Source: AWS CloudFormation User Guide, "Prevent updates to stack resources".
pub fn stack_policy<'t>(allowed: &[String], types: impl Iterator<Item = &'t str>) -> String {
    let table = resources::table();
    let stateful = table.iter().filter(|(_, row)| row.stateful).map(|(kind, _)| kind);
    let denied: BTreeSet<&str> = stateful.chain(types.filter(|kind| table.get(kind).is_none())).collect();
    let mut statements = vec![
        serde_json::json!({ "Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*" }),
        serde_json::json!({
            "Effect": "Deny", "Action": ["Update:Replace", "Update:Delete"], "Principal": "*", "Resource": "*",
            "Condition": { "StringEquals": { "ResourceType": denied } },
        }),
    ];
    if !allowed.is_empty() {
        let except: Vec<String> = allowed.iter().map(|id| format!("LogicalResourceId/{id}")).collect();
        if let Some(deny) = statements[1].as_object_mut() {
            deny.remove("Resource");
            deny.insert("NotResource".to_owned(), except.into());
        }
    }
    serde_json::json!({ "Statement": statements }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(resource_type: &str, action: &str, replacement: Option<&str>) -> ResourceChange {
        ResourceChange {
            action: action.to_owned(),
            logical_id: "It".to_owned(),
            resource_type: resource_type.to_owned(),
            physical_id: None,
            replacement: replacement.map(str::to_owned),
            policy_action: None,
            properties: Vec::new(),
        }
    }

    #[test]
    fn conditional_or_unsaid_replacement_and_removal_endanger_state() {
        let cases = [
            ("AWS::S3::Bucket", "Modify", Some("True"), true),
            ("AWS::S3::Bucket", "Modify", Some("Conditional"), true),
            ("AWS::S3::Bucket", "Modify", None, true),
            ("AWS::S3::Bucket", "Modify", Some("False"), false),
            ("AWS::S3::Bucket", "Remove", None, true),
            ("AWS::S3::Bucket", "Dynamic", None, true),
            ("AWS::S3::Bucket", "Add", None, false),
            ("AWS::RDS::DBInstance", "Modify", Some("True"), true),
            ("AWS::ElastiCache::ReplicationGroup", "Modify", Some("Conditional"), true),
            ("AWS::DynamoDB::Table", "Remove", None, true),
            ("AWS::Unknown::Store", "Modify", Some("True"), true),
            ("Custom::Store", "Remove", None, true),
            ("AWS::SSM::Parameter", "Remove", None, false),
        ];
        for (kind, action, replacement, expected) in cases {
            assert_eq!(
                endangers_state(&change(kind, action, replacement)),
                expected,
                "{kind} {action} {replacement:?}"
            );
        }
    }

    #[test]
    fn a_change_of_appconfig_and_the_release_record_delivers_flags_only() {
        let flags = ("FlagVersion", "AWS::AppConfig::HostedConfigurationVersion");
        let record = ("ReleaseRecord", "AWS::SSM::Parameter");
        assert!(delivers_flags_only([flags, record].into_iter()));
        assert!(!delivers_flags_only([flags, ("Other", "AWS::SSM::Parameter")].into_iter()));
        assert!(!delivers_flags_only([record].into_iter()));
    }

    #[test]
    fn the_stack_policy_denies_all_stateful_types_but_the_allowed_resources() {
        let types = ["AWS::S3::Bucket", "AWS::IAM::Role", "Custom::Store"];
        let plain: Value = serde_json::from_str(&stack_policy(&[], types.into_iter())).unwrap();
        assert_eq!(plain["Statement"][1]["Resource"], "*");
        let denied = plain["Statement"][1]["Condition"]["StringEquals"]["ResourceType"].as_array().unwrap();
        for (kind, expected) in [
            ("AWS::S3::Bucket", true),
            ("AWS::RDS::DBInstance", true),
            ("Custom::Store", true),
            ("AWS::IAM::Role", false),
        ] {
            assert_eq!(denied.contains(&kind.into()), expected, "{kind}");
        }
        // CloudFormation takes a stack policy of at most 16,384 bytes.
        assert!(plain.to_string().len() < 8192, "{}", plain.to_string().len());
        let open: Value =
            serde_json::from_str(&stack_policy(&["LandingBucket".to_owned()], types.into_iter())).unwrap();
        assert_eq!(open["Statement"][1]["NotResource"][0], "LogicalResourceId/LandingBucket");
        assert!(open["Statement"][1].get("Resource").is_none());
    }

    #[test]
    fn offline_everything_is_new() {
        let changes = all_new(r#"{"Resources":{"A":{"Type":"T::A"},"B":{"Type":"T::B"}}}"#).unwrap();
        assert!(changes.iter().all(|change| change.action == "Add"));
        assert_eq!(changes[1].resource_type, "T::B");
    }
}
