//! What an offboarding deletes and what stays, and the plan of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use ipnetwork::Ipv4Network;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::contents::{Contents, contents};
use super::desired::TENANT_TAG;
use super::ownership::{self, Ownership, OwnershipError};
use super::{Action, Baseline, Desired, Left, Plan, State, change, prepare};
use tenantry_aws::cloud::change_sets::ResourceChange;
use tenantry_aws::cloud::cloudformation::{self, Resource, Stack};
use tenantry_aws::cloud::{Access, CallError, Place, Session, tagging};

/// What a deletion will leave behind, from the stack's own template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeletionPlan {
    pub stack_id: String,
    pub stack: String,
    pub status: String,
    /// The stack as a plan remembers it.
    #[serde(skip)]
    pub baseline: Baseline,
    /// Resources that stay, with their physical ids.
    pub retained: Vec<Retained>,
    /// How many resources are deleted.
    pub deleted: usize,
    /// Those.
    #[serde(skip)]
    pub changes: Vec<ResourceChange>,
    /// The stateful ones among them: their data is lost.
    pub lost: Vec<Lost>,
    /// The stack's own template.
    #[serde(skip)]
    pub template: Value,
}

/// A resource that outlives its stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Retained {
    /// Logical ID in the template.
    pub logical_id: String,
    /// CloudFormation resource type, such as `AWS::S3::Bucket`.
    pub resource_type: String,
    /// Null if the resource was never created.
    pub physical_id: Option<String>,
}

/// A stateful resource that is deleted with its stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Lost {
    /// Logical ID in the template.
    pub logical_id: String,
    /// CloudFormation resource type, such as `AWS::S3::Bucket`.
    pub resource_type: String,
    /// Null if the resource was never created.
    pub physical_id: Option<String>,
    /// What the resource contained before the deletion.
    pub contents: Contents,
}

/// Why a stack could not be looked at or deleted.
#[derive(Debug, thiserror::Error)]
pub enum DestroyError {
    #[error("stack `{stack}` cannot be {what}")]
    Call {
        stack: String,
        what: &'static str,
        #[source]
        source: CallError,
    },
    #[error(transparent)]
    Ownership(#[from] OwnershipError),
    #[error("the live template of stack `{stack}` cannot be read")]
    Template {
        stack: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("stack `{stack}` is {status}: another operation is in progress")]
    Busy { stack: String, status: String },
    #[error(
        "stack `{stack}` is {status}: CloudFormation retains resources that the template does not only in a deletion that \
         has failed before (DELETE_FAILED)"
    )]
    NotFailed { stack: String, status: String },
    #[error("stack `{stack}` has no resource {logical_id} that a deletion could retain")]
    Unknown { stack: String, logical_id: String },
}

/// What the deletion of a stack will leave; nothing when there is no stack.
///
/// # Errors
/// The tags of the stack are not of this identity, or a call failed.
pub async fn look(
    session: &Session,
    stack: &str,
    identity: &BTreeMap<String, String>,
    now: SystemTime,
) -> Result<Option<DeletionPlan>, DestroyError> {
    let call = |source| DestroyError::Call { stack: stack.to_owned(), what: "looked at", source };
    let Some(live) = ownership::owned(session, stack, identity).await? else { return Ok(None) };
    if live.status == "REVIEW_IN_PROGRESS" {
        return Ok(Some(DeletionPlan::empty(live)));
    }
    let body = cloudformation::template(session, &live.id).await.map_err(call)?;
    let resources = cloudformation::resources(session, &live.id).await.map_err(call)?;
    let template: Value =
        serde_json::from_str(&body).map_err(|source| DestroyError::Template { stack: stack.to_owned(), source })?;
    let kept = kept_ids(&template);
    let (retained, deleted): (Vec<Resource>, Vec<Resource>) =
        resources.into_iter().filter(exists).partition(|resource| kept.contains(&resource.logical_id));
    let is_stateful = |resource: &&Resource| change::is_stateful(&resource.resource_type);
    let stateful: Vec<Resource> = deleted.iter().filter(is_stateful).cloned().collect();
    let held = contents(session, &stateful, now).await;
    let lost = stateful.into_iter().zip(held).map(|(resource, contents)| Lost {
        logical_id: resource.logical_id,
        resource_type: resource.resource_type,
        physical_id: resource.physical_id,
        contents,
    });
    let retained = retained.into_iter().map(|resource| Retained {
        logical_id: resource.logical_id,
        resource_type: resource.resource_type,
        physical_id: resource.physical_id,
    });
    Ok(Some(DeletionPlan {
        baseline: Baseline::of(Some(&live)),
        stack_id: live.id,
        stack: live.name,
        status: live.status,
        retained: retained.collect(),
        deleted: deleted.len(),
        changes: deleted
            .into_iter()
            .map(|resource| change::removed(resource.logical_id, resource.resource_type, resource.physical_id))
            .collect(),
        lost: lost.collect(),
        template,
    }))
}

/// The ARNs of what bears the tags of a tenant: what is left when its stack is gone. Tags may outlive their resource for
/// a while.
///
/// # Errors
/// The call failed.
pub async fn remains(session: &Session, identity: &BTreeMap<String, String>) -> Result<Vec<String>, CallError> {
    let Some(tenant) = identity.get(TENANT_TAG) else { return Ok(Vec::new()) };
    let bearers = tagging::bearers_of(session, TENANT_TAG, tenant).await?;
    let ours =
        bearers.into_iter().filter(|one| !matches!(ownership::of_tags(&one.tags, identity), Ownership::Other(_)));
    let mut arns: Vec<String> = ours.map(|one| one.arn).collect();
    arns.sort();
    Ok(arns)
}

impl DeletionPlan {
    /// A stack without resources.
    fn empty(live: Stack) -> Self {
        Self {
            baseline: Baseline::of(Some(&live)),
            stack_id: live.id,
            stack: live.name,
            status: live.status,
            retained: Vec::new(),
            deleted: 0,
            changes: Vec::new(),
            lost: Vec::new(),
            template: Value::Null,
        }
    }

    /// Stateful resources whose deletion must be allowed by name: those that may hold more than their template says.
    pub fn refused<'f>(&'f self, allowed: &[String]) -> Vec<&'f Lost> {
        let full = self.lost.iter().filter(|lost| !matches!(lost.contents, Contents::Empty | Contents::Definition));
        full.filter(|lost| !allowed.contains(&lost.logical_id)).collect()
    }

    /// Blocks of addresses that stay taken: those of the retained VPCs.
    pub fn blocks(&self) -> Vec<Ipv4Network> {
        let vpcs = self.retained.iter().filter(|kept| kept.resource_type == "AWS::EC2::VPC");
        let block = |kept: &Retained| {
            let properties = &self.template["Resources"][&kept.logical_id]["Properties"];
            properties["CidrBlock"].as_str()?.parse().ok()
        };
        vpcs.filter_map(block).collect()
    }
}

fn exists(resource: &Resource) -> bool {
    resource.status != "DELETE_COMPLETE"
}

/// Logical ids of the resources that a template keeps.
pub(super) fn kept_ids(template: &Value) -> BTreeSet<String> {
    let resources = template.get("Resources").and_then(Value::as_object).into_iter().flatten();
    let keeps = |resource: &Value| match resource.get("DeletionPolicy").and_then(Value::as_str) {
        Some(policy) => policy.starts_with("Retain"),
        None => false,
    };
    resources.filter(|(_, resource)| keeps(resource)).map(|(id, _)| id.clone()).collect()
}

/// The plan that deletes a stack, and the stack as its execution takes it. `retain` names resources (logical IDs) that a
/// deletion which failed is to leave behind.
///
/// # Errors
/// Another operation is in progress, or CloudFormation retains none of these resources now.
pub fn plan(
    deletion: &DeletionPlan,
    (tenant, identity): (&str, &BTreeMap<String, String>),
    (place, access): (&Place, &Access),
    retain: &[String],
) -> Result<(Plan, Desired), DestroyError> {
    check_retained(deletion, retain)?;
    if State::of(Some(&deletion.status)) == State::InProgress && deletion.status != "DELETE_IN_PROGRESS" {
        return Err(DestroyError::Busy { stack: deletion.stack.clone(), status: deletion.status.clone() });
    }
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let desired = Desired {
        tenant: tenant.to_owned(),
        ring: None,
        place: place.clone(),
        access: access.clone(),
        stack: deletion.stack.clone(),
        body: String::new(),
        digest: or_none(&deletion.baseline.digest),
        release: or_none(&deletion.baseline.release),
        tags: identity.clone(),
        artifacts: None,
        uploads: Vec::new(),
        offboarded: false,
        control_plane: 0,
        rollback_triggers: Vec::new(),
    };
    let changes = deletion.changes.iter().filter(|change| !retain.contains(&change.logical_id)).cloned().collect();
    let action = Action::Clear { what: Left::Offboarding, changes, retain: retain.to_vec() };
    let stack = prepare::planned(&desired, deletion.baseline.clone(), action);
    let plan = prepare::assemble(&desired.release, std::slice::from_ref(&desired), false, vec![stack], Vec::new());
    Ok((plan, desired))
}

/// Whether CloudFormation would take these resources as retained.
fn check_retained(deletion: &DeletionPlan, retain: &[String]) -> Result<(), DestroyError> {
    let stack = || deletion.stack.clone();
    if !retain.is_empty() && deletion.status != "DELETE_FAILED" {
        return Err(DestroyError::NotFailed { stack: stack(), status: deletion.status.clone() });
    }
    let goes = |logical_id: &String| deletion.changes.iter().any(|change| change.logical_id == *logical_id);
    match retain.iter().find(|logical_id| !goes(logical_id)) {
        Some(logical_id) => Err(DestroyError::Unknown { stack: stack(), logical_id: logical_id.clone() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_left_behind_only_after_a_deletion_that_failed() {
        let check = |status: &str, retain: &[&str]| {
            let deletion = DeletionPlan {
                stack_id: "id".to_owned(),
                stack: "org-acme".to_owned(),
                status: status.to_owned(),
                baseline: Baseline::default(),
                retained: Vec::new(),
                deleted: 1,
                changes: vec![change::removed("Group".to_owned(), "AWS::EC2::SecurityGroup".to_owned(), None)],
                lost: Vec::new(),
                template: Value::Null,
            };
            let retain: Vec<String> = retain.iter().map(|id| (*id).to_owned()).collect();
            check_retained(&deletion, &retain).map_err(|error| error.to_string())
        };
        assert_eq!(check("UPDATE_COMPLETE", &[]), Ok(()));
        assert_eq!(check("DELETE_FAILED", &["Group"]), Ok(()));
        assert!(check("UPDATE_COMPLETE", &["Group"]).unwrap_err().contains("DELETE_FAILED"));
        assert!(check("DELETE_FAILED", &["Grop"]).unwrap_err().contains("no resource Grop"));
    }

    #[test]
    fn what_a_template_retains_is_kept_and_nothing_else() {
        let body = r#"{"Resources":{"A":{"Type":"T","DeletionPolicy":"Retain"},"B":{"Type":"T"},
            "C":{"Type":"T","DeletionPolicy":"RetainExceptOnCreate"},"D":{"Type":"T","DeletionPolicy":"Delete"}}}"#;
        assert_eq!(kept_ids(&serde_json::from_str(body).unwrap()).into_iter().collect::<Vec<_>>(), ["A", "C"]);
    }
}
