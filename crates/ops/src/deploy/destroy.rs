//! Takes a stack away: says first what stays, then deletes, and reports what is left.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use ipnetwork::Ipv4Network;
use serde::Serialize;
use serde_json::Value;

use super::contents::{Contents, contents};
use super::desired::{TENANT_TAG, hash};
use super::ownership::{self, Ownership, OwnershipError};
use super::prepare::Pace;
use super::{State, change, failure};
use tenantry_aws::cloud::cloudformation::{self, Protection, Resource};
use tenantry_aws::cloud::{CallError, Session, may_pass, stack_events, tagging};

/// What a deletion will leave behind, from the stack's own template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Farewell {
    pub stack_id: String,
    pub stack: String,
    pub status: String,
    /// Resources that stay, with their physical ids.
    pub retained: Vec<Retained>,
    /// How many resources are deleted.
    pub deleted: usize,
    /// Logical IDs of those.
    #[serde(skip)]
    pub goes: BTreeSet<String>,
    /// The stateful ones among them: their data is lost.
    pub lost: Vec<Lost>,
    /// The stack's own template.
    #[serde(skip)]
    pub template: Value,
}

/// A resource that outlives its stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Retained {
    pub logical_id: String,
    pub resource_type: String,
    pub physical_id: Option<String>,
}

/// A stateful resource that is deleted with its stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lost {
    pub logical_id: String,
    pub resource_type: String,
    pub physical_id: Option<String>,
    pub contents: Contents,
}

/// How a deletion ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Gone {
    Deleted,
    Failed {
        resource: Option<String>,
        reason: String,
    },
    /// The deadline passed; AWS goes on. Network interfaces of functions are released up to 40 minutes after them, and
    /// subnets and security groups wait for that.
    StillDeleting,
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
    #[error("stack `{stack}` is {status}: somebody else is changing it")]
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
) -> Result<Option<Farewell>, DestroyError> {
    let call = |source| DestroyError::Call { stack: stack.to_owned(), what: "looked at", source };
    let Some(live) = ownership::owned(session, stack, identity).await? else { return Ok(None) };
    if live.status == "REVIEW_IN_PROGRESS" {
        return Ok(Some(Farewell { status: live.status, ..Farewell::empty(live.id, live.name) }));
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
    Ok(Some(Farewell {
        stack_id: live.id,
        stack: live.name,
        status: live.status,
        retained: retained.collect(),
        deleted: deleted.len(),
        goes: deleted.into_iter().map(|resource| resource.logical_id).collect(),
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

impl Farewell {
    /// A stack without resources.
    fn empty(stack_id: String, stack: String) -> Self {
        let (retained, lost, goes) = (Vec::new(), Vec::new(), BTreeSet::new());
        Self { stack_id, stack, status: String::new(), retained, deleted: 0, goes, lost, template: Value::Null }
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

/// Deletes a stack and follows it to its end or to the deadline; run again, it goes on. `retain` names resources (logical
/// IDs) that a deletion which failed is to leave behind.
pub async fn destroy(
    session: &Session,
    farewell: &Farewell,
    retain: &[String],
    pace: Pace,
) -> Result<Gone, DestroyError> {
    check_retained(farewell, retain)?;
    let (stack, id) = (&farewell.stack, farewell.stack_id.as_str());
    let call = |source| DestroyError::Call { stack: stack.clone(), what: "deleted", source };
    if State::of(Some(&farewell.status)) == State::InProgress && farewell.status != "DELETE_IN_PROGRESS" {
        return Err(DestroyError::Busy { stack: stack.clone(), status: farewell.status.clone() });
    }
    let newest = stack_events::newest(session, id).await.map_err(call)?;
    let token = if farewell.status == "DELETE_IN_PROGRESS" {
        newest.and_then(|event| event.token).unwrap_or_default()
    } else {
        if farewell.status != "REVIEW_IN_PROGRESS" {
            cloudformation::set_termination_protection(session, id, Protection::Off).await.map_err(call)?;
        }
        // Another one after each failure, the same one for the same attempt.
        let seen = newest.map(|event| event.id).unwrap_or_default();
        let token = format!("tenantry-{}", hash(&[id, &seen], 20));
        cloudformation::delete_stack(session, id, retain, &token).await.map_err(call)?;
        token
    };
    let deadline = tokio::time::Instant::now() + pace.deadline;
    while tokio::time::Instant::now() < deadline {
        match cloudformation::stack(session, id).await {
            Ok(None) => return Ok(Gone::Deleted),
            Ok(Some(live)) if live.status == "DELETE_COMPLETE" => return Ok(Gone::Deleted),
            Ok(Some(live)) if live.status == "DELETE_FAILED" => {
                let events = stack_events::of_operation(session, id, |own| own == token, None).await.map_err(call)?;
                if let Some(first) = failure::first(&events) {
                    let reason = first.reason.clone().or(live.reason).unwrap_or_else(|| "no reason given".to_owned());
                    return Ok(Gone::Failed { resource: Some(first.logical_id.clone()), reason });
                }
            }
            Ok(Some(_)) => {}
            Err(error) if may_pass(&error) => {}
            Err(error) => return Err(call(error)),
        }
        tokio::time::sleep(pace.poll).await;
    }
    Ok(Gone::StillDeleting)
}

/// Whether CloudFormation would take these resources as retained.
fn check_retained(farewell: &Farewell, retain: &[String]) -> Result<(), DestroyError> {
    let stack = || farewell.stack.clone();
    if !retain.is_empty() && farewell.status != "DELETE_FAILED" {
        return Err(DestroyError::NotFailed { stack: stack(), status: farewell.status.clone() });
    }
    match retain.iter().find(|logical_id| !farewell.goes.contains(*logical_id)) {
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
            let farewell = Farewell {
                stack_id: "id".to_owned(),
                stack: "org-acme".to_owned(),
                status: status.to_owned(),
                retained: Vec::new(),
                deleted: 1,
                goes: ["Group".to_owned()].into(),
                lost: Vec::new(),
                template: Value::Null,
            };
            let retain: Vec<String> = retain.iter().map(|id| (*id).to_owned()).collect();
            check_retained(&farewell, &retain).map_err(|error| error.to_string())
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
