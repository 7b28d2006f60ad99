//! Takes back what an offboarded tenant has retained: its next stack imports those resources instead of creating them.
//!
//! In: what a stack should be, and the account and Region. Out: which of the template's retained resources exist and
//! belong to the tenant, each with the identifier by which CloudFormation imports it, and the template of that import. An
//! import may do nothing else, so the stack is completed by an update afterwards.
//! Source: AWS CloudFormation User Guide, "Import AWS resources into a CloudFormation stack".

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::desired::TENANT_TAG;
use super::ownership::{self, Ownership};
use super::prepare::{self, Making, Pace, PrepareError};
use super::{Action, Baseline, Desired, change};
use tenantry_aws::cloud::change_sets::{ChangeSetKind, DeploymentMode, Import};
use tenantry_aws::cloud::tagging::{self, Bearer};
use tenantry_aws::cloud::{CallError, Session, cloudcontrol, ec2, is_access_denied, network, not_implemented, sqs};
use tenantry_checks::resources::{self, Tagged};
use tenantry_template::render::references::references;

/// What an import leaves of a resource: an import needs the type, the policies and the required properties.
const KEPT: [&str; 4] = ["DeletionPolicy", "Properties", "Type", "UpdateReplacePolicy"];

/// The import with which a stack that does not exist begins; None when nothing of the tenant was retained.
///
/// # Errors
/// A call that was refused, or a change set that CloudFormation did not make.
pub(super) async fn action(
    session: &Session,
    desired: &Desired,
    baseline: &Baseline,
    pace: Pace,
) -> Result<Option<Action>, PrepareError> {
    let call = |source| PrepareError::Call { stack: desired.stack.clone(), source };
    let unreadable = |source| PrepareError::Template { stack: desired.stack.clone(), source };
    let template: Value = serde_json::from_str(&desired.body).map_err(unreadable)?;
    let imports = match retained(session, desired, &template).await {
        Ok(imports) => imports,
        // Without tags nothing is known to be the tenant's; a name in use fails the change set with its reason.
        Err(error) if is_access_denied(&error) || not_implemented(&error) => Vec::new(),
        Err(error) => return Err(call(error)),
    };
    if imports.is_empty() {
        return Ok(None);
    }
    let taken: BTreeSet<&str> = imports.iter().map(|import| import.logical_id.as_str()).collect();
    let reduced = Desired { body: reduced(&template, &taken).to_string(), ..desired.clone() };
    let how = Making {
        kind: ChangeSetKind::Import,
        triggers: None,
        mode: DeploymentMode::Standard,
        express: false,
        imports: imports.clone(),
    };
    let name = desired.change_set_name(baseline, "import");
    let Some(set) = prepare::change_set_named(session, &reduced, &name, how, pace).await? else { return Ok(None) };
    let rest = change::all_new(&desired.body).map_err(unreadable)?;
    let rest = rest.into_iter().filter(|change| !taken.contains(change.logical_id.as_str()));
    let changes = set.changes.into_iter().chain(rest).collect();
    Ok(Some(Action::Apply { change_set: Some(set.id), makes: ChangeSetKind::Import, changes }))
}

/// The template's retained resources that exist and have the tenant's tags.
async fn retained(session: &Session, desired: &Desired, template: &Value) -> Result<Vec<Import>, CallError> {
    let resources = template.get("Resources").and_then(Value::as_object);
    let kept: Vec<(&str, &str, &Value)> = resources
        .into_iter()
        .flatten()
        .filter(|(_, resource)| resource["DeletionPolicy"].as_str().is_some_and(|policy| policy.starts_with("Retain")))
        .filter_map(|(id, resource)| Some((id.as_str(), resource["Type"].as_str()?, &resource["Properties"])))
        .collect();
    if kept.is_empty() {
        return Ok(Vec::new());
    }
    let Some(owner) = desired.tags.get(TENANT_TAG) else { return Ok(Vec::new()) };
    let bearers = tagging::bearers_of(session, TENANT_TAG, owner).await?;
    let named = named(&kept, &bearers, desired);
    let mut found = network_of(session, desired, &kept).await?;
    for (logical_id, resource_type, mut identifier) in named {
        if let Some(name) = identifier.remove("QueueName") {
            let Some(url) = sqs::queue_url(session, &name).await? else { continue };
            identifier.insert("QueueUrl", url);
        }
        let import = import(&logical_id, &resource_type, identifier);
        if still_exists(session, &import).await? {
            found.push(import);
        }
    }
    found.sort_by(|a, b| a.logical_id.cmp(&b.logical_id));
    Ok(found)
}

/// Whether a resource can still be imported: tags outlive it, as those of a key that waits for its deletion.
async fn still_exists(session: &Session, import: &Import) -> Result<bool, CallError> {
    for id in import.identifier.values() {
        match cloudcontrol::properties(session, None, &import.resource_type, id).await {
            Ok(None) => return Ok(false),
            Ok(Some(_)) => {}
            // Then the change set tells.
            Err(error)
                if cloudcontrol::type_is_not_offered(&error) || is_access_denied(&error) || not_implemented(&error) => {
            }
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

fn import(logical_id: &str, resource_type: &str, identifier: BTreeMap<&'static str, String>) -> Import {
    Import {
        logical_id: logical_id.to_owned(),
        resource_type: resource_type.to_owned(),
        identifier: identifier.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
    }
}

fn is_ours(tags: &BTreeMap<String, String>, desired: &Desired) -> bool {
    !matches!(ownership::of_tags(tags, &desired.tags), Ownership::Other(_))
}

/// The identifier by which CloudFormation imports the types that are found among what has the tenant's tags.
/// Source: the CloudFormation registry's schemas, `primaryIdentifier`.
const IDENTIFIERS: [(&str, &str); 5] = [
    ("AWS::KMS::Key", "KeyId"),
    ("AWS::Logs::LogGroup", "LogGroupName"),
    ("AWS::OpenSearchService::Domain", "DomainName"),
    ("AWS::S3::Bucket", "BucketName"),
    ("AWS::SQS::Queue", "QueueName"),
];

type Found = (String, String, BTreeMap<&'static str, String>);

fn named(kept: &[(&str, &str, &Value)], bearers: &[Bearer], desired: &Desired) -> Vec<Found> {
    let ours: Vec<Vec<&str>> = bearers
        .iter()
        .filter(|bearer| is_ours(&bearer.tags, desired))
        .map(|bearer| bearer.arn.splitn(6, ':').collect())
        .collect();
    let mut found = Vec::new();
    for (logical_id, resource_type, properties) in kept {
        let Some((_, identifier)) = IDENTIFIERS.iter().find(|row| row.0 == *resource_type) else { continue };
        let row = resources::table().get(resource_type).map(|(_, row)| row);
        let Some(Tagged::As { service, start }) = row.and_then(|row| row.tags.as_ref()) else { continue };
        let ids = ours.iter().filter(|arn| arn.len() == 6 && arn[2] == service).filter_map(|arn| {
            let id = arn[5].strip_prefix(start.as_str())?;
            Some(id.strip_suffix(":*").unwrap_or(id))
        });
        // What has no name of its own is the one resource of its type in a stack.
        let property = row.and_then(|row| row.name.as_ref()).map(|name| name.property.as_str());
        let name = property.map(|property| properties[property].as_str().unwrap_or_default());
        let candidates: Vec<&str> = ids.filter(|id| name.is_none_or(|name| name == *id)).collect();
        // More than one key: which of them the data is encrypted with is not known here.
        if let [id] = candidates[..] {
            found.push(((*logical_id).to_owned(), (*resource_type).to_owned(), [(*identifier, id.to_owned())].into()));
        }
    }
    found
}

/// The VPC with the tenant's tags and block, and in it the subnets by block and the group that is left.
async fn network_of(
    session: &Session,
    desired: &Desired,
    kept: &[(&str, &str, &Value)],
) -> Result<Vec<Import>, CallError> {
    let of_type = |kind: &'static str| kept.iter().filter(move |(_, resource_type, _)| *resource_type == kind);
    let Some((logical_id, kind, properties)) = of_type("AWS::EC2::VPC").next() else { return Ok(Vec::new()) };
    let block = properties["CidrBlock"].as_str().unwrap_or_default();
    let vpcs = ec2::vpcs(session).await?.into_iter();
    let vpcs = vpcs.filter(|vpc| is_ours(&vpc.tags, desired) && vpc.cidrs.iter().any(|cidr| cidr.to_string() == block));
    let vpcs: Vec<String> = vpcs.map(|vpc| vpc.id).collect();
    let [vpc] = &vpcs[..] else { return Ok(Vec::new()) };
    let mut found = vec![import(logical_id, kind, [("VpcId", vpc.clone())].into())];
    let subnets = network::subnets(session, &vpcs).await?;
    for (logical_id, kind, properties) in of_type("AWS::EC2::Subnet") {
        let same = subnets.iter().find(|live| live.properties.get("CidrBlock") == properties.get("CidrBlock"));
        found.extend(same.map(|live| import(logical_id, kind, [("SubnetId", live.id.clone())].into())));
    }
    let groups: Vec<&(&str, &str, &Value)> = of_type("AWS::EC2::SecurityGroup").collect();
    if let [(logical_id, kind, _)] = groups[..] {
        let live = network::groups(session, &vpcs).await?;
        let live: Vec<_> = live.into_iter().filter(|group| is_ours(&group.tags, desired)).collect();
        if let [group] = &live[..] {
            found.push(import(logical_id, kind, [("Id", group.id.clone())].into()));
        }
    }
    Ok(found)
}

/// The template of an import: the resources that exist, without the properties that name others.
fn reduced(template: &Value, taken: &BTreeSet<&str>) -> Value {
    let resources = template.get("Resources").and_then(Value::as_object).into_iter().flatten();
    let all: BTreeSet<&String> = resources.clone().map(|(id, _)| id).collect();
    let one = |resource: &Value| {
        let mut resource: Map<String, Value> = resource.as_object().cloned().unwrap_or_default();
        resource.retain(|key, _| KEPT.contains(&key.as_str()));
        if let Some(properties) = resource.get_mut("Properties").and_then(Value::as_object_mut) {
            properties.retain(|_, value| {
                references(value).iter().all(|name| !all.contains(name) || taken.contains(name.as_str()))
            });
        }
        Value::Object(resource)
    };
    let resources: Map<String, Value> = resources
        .filter(|(id, _)| taken.contains(id.as_str()))
        .map(|(id, resource)| (id.clone(), one(resource)))
        .collect();
    json!({ "AWSTemplateFormatVersion": "2010-09-09", "Resources": resources })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desired() -> Desired {
        Desired {
            tenant: "acme".to_owned(),
            ring: None,
            place: tenantry_aws::cloud::Place {
                account: "111122223333".parse().unwrap(),
                region: "eu-west-1".parse().unwrap(),
            },
            access: tenantry_aws::cloud::Access::default(),
            stack: "org-acme".to_owned(),
            body: String::new(),
            digest: String::new(),
            release: String::new(),
            tags: Desired::identity("org", "test-estate", "acme"),
            artifacts: None,
            uploads: Vec::new(),
            offboarded: false,
            control_plane: 0,
            rollback_triggers: Vec::new(),
        }
    }

    #[test]
    fn resources_are_found_by_tag_and_name_and_an_ambiguous_key_is_left() {
        let bearer = |arn: &str, tenant: &str| Bearer {
            arn: arn.to_owned(),
            tags: Desired::identity("org", "test-estate", tenant),
        };
        let (bucket, group) = (json!({ "BucketName": "org-acme" }), json!({ "LogGroupName": "/org/acme" }));
        let empty = json!({});
        let kept = [
            ("Bucket", "AWS::S3::Bucket", &bucket),
            ("Logs", "AWS::Logs::LogGroup", &group),
            ("Key", "AWS::KMS::Key", &empty),
        ];
        let mut bearers = vec![
            bearer("arn:aws:s3:::org-acme", "acme"),
            bearer("arn:aws:s3:::org-other", "acme"),
            bearer("arn:aws:logs:eu-west-1:111122223333:log-group:/org/acme", "acme"),
            bearer("arn:aws:kms:eu-west-1:111122223333:key/one", "acme"),
            bearer("arn:aws:kms:eu-west-1:111122223333:key/two", "bolt"),
        ];
        let ids = |bearers: &[Bearer]| -> Vec<String> {
            named(&kept, bearers, &desired())
                .into_iter()
                .map(|(id, _, identifier)| format!("{id} {identifier:?}"))
                .collect()
        };
        let expected = [
            r#"Bucket {"BucketName": "org-acme"}"#,
            r#"Logs {"LogGroupName": "/org/acme"}"#,
            r#"Key {"KeyId": "one"}"#,
        ];
        assert_eq!(ids(&bearers), expected);
        bearers.push(bearer("arn:aws:kms:eu-west-1:111122223333:key/three", "acme"));
        assert_eq!(ids(&bearers), expected[..2]);
    }

    #[test]
    fn an_import_names_nothing_that_it_does_not_take() {
        let template = json!({
            "Resources": {
                "Vpc": { "Type": "V", "DeletionPolicy": "Retain", "Properties": { "CidrBlock": "10.0.0.0/16" } },
                "Subnet": { "Type": "S", "DeletionPolicy": "Retain", "DependsOn": "Role",
                    "Properties": { "VpcId": { "Ref": "Vpc" }, "Tags": [{ "Fn::GetAtt": ["Role", "Arn"] }] } },
                "Role": { "Type": "R" },
            },
            "Outputs": { "Vpc": { "Value": { "Ref": "Vpc" } } },
        });
        let made = reduced(&template, &["Subnet", "Vpc"].into());
        assert_eq!(made["Resources"]["Subnet"]["Properties"], json!({ "VpcId": { "Ref": "Vpc" } }));
        assert!(made["Resources"]["Subnet"].get("DependsOn").is_none() && made["Resources"].get("Role").is_none());
        assert!(made.get("Outputs").is_none());
    }
}
