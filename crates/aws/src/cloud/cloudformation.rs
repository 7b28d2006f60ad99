//! AWS CloudFormation: stacks, their resources and templates.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types as sdk;

use super::{CallError, Cause, Family, Session};

/// A stack as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    pub id: String,
    pub name: String,
    /// As CloudFormation names it: `CREATE_COMPLETE`.
    pub status: String,
    pub reason: Option<String>,
    pub tags: BTreeMap<String, String>,
    pub outputs: BTreeMap<String, String>,
    /// Seconds since 1970: the last update, or the creation.
    pub updated: i64,
    /// Seconds since 1970: the last drift detection over the stack.
    pub drift_checked: Option<i64>,
    /// What it found: `IN_SYNC`, `DRIFTED`, `NOT_CHECKED`, …
    pub drift: Option<String>,
    pub termination_protection: bool,
    /// The last operation was made in EXPRESS mode, which waits for no resource and does not roll back unless it is told
    /// to. Source: AWS CloudFormation API Reference, DeploymentConfig.
    pub express: bool,
}

/// A resource of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    pub logical_id: String,
    pub resource_type: String,
    pub physical_id: Option<String>,
    pub status: String,
    pub reason: Option<String>,
}

impl Stack {
    /// Whether a name or an id is this stack's own: an alias leads to it, too.
    /// Source: AWS CloudFormation API Reference, SetAlias.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.id == name
    }
}

/// Every status that a stack can have, as the service's model names them.
pub fn statuses() -> &'static [&'static str] {
    sdk::StackStatus::values()
}

/// Every stack of the account in the region, by name: one paginated call for all of them. Deleted ones are not there.
pub async fn stacks(session: &Session) -> Result<BTreeMap<String, Stack>, CallError> {
    const OPERATION: &str = "DescribeStacks";
    let pages = session.cloudformation.describe_stacks().into_paginator().send();
    let mut pages =
        session.pages(Family::CloudFormationRead, OPERATION, "every stack", pages, |page| page.next_token());
    let mut found = BTreeMap::new();
    while let Some(page) = pages.next().await? {
        for stack in page.stacks.unwrap_or_default() {
            let stack = stack_of(session, stack)?;
            found.insert(stack.name.clone(), stack);
        }
    }
    Ok(found)
}

/// One stack by its own name or id; a deleted one is found by its id only. A name that is an alias is no stack's own.
pub async fn stack(session: &Session, name: &str) -> Result<Option<Stack>, CallError> {
    Ok(found(session, name).await?.filter(|stack| stack.is_called(name)))
}

/// The stack of which a name is the alias.
pub async fn behind_alias(session: &Session, name: &str) -> Result<Option<Stack>, CallError> {
    Ok(found(session, name).await?.filter(|stack| !stack.is_called(name)))
}

async fn found(session: &Session, name: &str) -> Result<Option<Stack>, CallError> {
    const OPERATION: &str = "DescribeStacks";
    session.turn(Family::CloudFormationRead).await;
    let answer = session.cloudformation.describe_stacks().stack_name(name).send().await;
    match answer.map_err(|error| CallError::of(&session.place, OPERATION, name, error)) {
        Ok(answer) => answer.stacks.unwrap_or_default().into_iter().next().map(|s| stack_of(session, s)).transpose(),
        Err(error) if stack_does_not_exist(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn stack_of(session: &Session, stack: sdk::Stack) -> Result<Stack, CallError> {
    const OPERATION: &str = "DescribeStacks";
    let name = session.need(stack.stack_name, OPERATION, "every stack", "StackName")?;
    let created = session.need(stack.creation_time, OPERATION, &name, "CreationTime")?;
    let tags = stack.tags.unwrap_or_default().into_iter();
    let outputs = stack.outputs.unwrap_or_default().into_iter();
    let drift = stack.drift_information;
    Ok(Stack {
        drift_checked: drift.as_ref().and_then(|drift| drift.last_check_timestamp).map(|time| time.secs()),
        drift: drift.and_then(|drift| drift.stack_drift_status).map(|status| status.as_str().to_owned()),
        id: session.need(stack.stack_id, OPERATION, &name, "StackId")?,
        status: session.need(stack.stack_status, OPERATION, &name, "StackStatus")?.as_str().to_owned(),
        reason: stack.stack_status_reason,
        tags: tags.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect(),
        outputs: outputs.filter_map(|output| Some((output.output_key?, output.output_value?))).collect(),
        updated: stack.last_updated_time.unwrap_or(created).secs(),
        termination_protection: stack.enable_termination_protection.unwrap_or(false),
        express: stack.deployment_config.is_some_and(|config| config.mode == Some(sdk::DeploymentConfigMode::Express)),
        name,
    })
}

/// The ids of the deleted stacks that had a name; CloudFormation remembers them for 90 days. Source: AWS CloudFormation API
/// Reference, ListStacks.
pub async fn deleted(session: &Session, name: &str) -> Result<Vec<String>, CallError> {
    const OPERATION: &str = "ListStacks";
    let request = session.cloudformation.list_stacks().stack_status_filter(sdk::StackStatus::DeleteComplete);
    let pages = request.into_paginator().send();
    let mut pages = session.pages(Family::CloudFormationRead, OPERATION, name, pages, |page| page.next_token());
    let mut found = Vec::new();
    while let Some(page) = pages.next().await? {
        let summaries = page.stack_summaries.unwrap_or_default().into_iter();
        found.extend(summaries.filter(|one| one.stack_name.as_deref() == Some(name)).filter_map(|one| one.stack_id));
    }
    Ok(found)
}

/// Every resource of a stack, as CloudFormation lists them.
pub async fn resources(session: &Session, stack: &str) -> Result<Vec<Resource>, CallError> {
    const OPERATION: &str = "ListStackResources";
    let pages = session.cloudformation.list_stack_resources().stack_name(stack).into_paginator().send();
    let mut pages = session.pages(Family::CloudFormationRead, OPERATION, stack, pages, |page| page.next_token());
    let mut found = Vec::new();
    while let Some(page) = pages.next().await? {
        for resource in page.stack_resource_summaries.unwrap_or_default() {
            found.push(Resource {
                logical_id: session.need(resource.logical_resource_id, OPERATION, stack, "LogicalResourceId")?,
                resource_type: session.need(resource.resource_type, OPERATION, stack, "ResourceType")?,
                physical_id: resource.physical_resource_id,
                status: session.need(resource.resource_status, OPERATION, stack, "ResourceStatus")?.as_str().to_owned(),
                reason: resource.resource_status_reason,
            });
        }
    }
    Ok(found)
}

/// The template that a stack was last deployed with, as it was sent.
pub async fn template(session: &Session, stack: &str) -> Result<String, CallError> {
    session.turn(Family::CloudFormationRead).await;
    let answer = session.cloudformation.get_template().stack_name(stack).send().await;
    let answer = answer.map_err(|error| CallError::of(&session.place, "GetTemplate", stack, error))?;
    session.need(answer.template_body, "GetTemplate", stack, "TemplateBody")
}

/// Sets the policy that guards a stack's resources during updates (JSON).
pub async fn set_stack_policy(session: &Session, stack: &str, policy: &str) -> Result<(), CallError> {
    session.turn(Family::CloudFormationWrite).await;
    let answer = session.cloudformation.set_stack_policy().stack_name(stack).stack_policy_body(policy).send().await;
    answer.map(drop).map_err(|error| CallError::of(&session.place, "SetStackPolicy", stack, error))
}

/// Whether a stack may be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    On,
    Off,
}

/// Turns termination protection on or off.
pub async fn set_termination_protection(session: &Session, stack: &str, to: Protection) -> Result<(), CallError> {
    session.turn(Family::CloudFormationWrite).await;
    let call = session.cloudformation.update_termination_protection().stack_name(stack);
    let answer = call.enable_termination_protection(to == Protection::On).send().await;
    answer.map(drop).map_err(|error| CallError::of(&session.place, "UpdateTerminationProtection", stack, error))
}

/// Starts the deletion of a stack; the same token starts it once. Resources can be left behind (`retain`, logical IDs)
/// only when an earlier deletion has failed. Source: AWS CloudFormation API Reference, DeleteStack.
pub async fn delete_stack(session: &Session, stack: &str, retain: &[String], token: &str) -> Result<(), CallError> {
    session.turn(Family::CloudFormationWrite).await;
    let call = session.cloudformation.delete_stack().stack_name(stack).client_request_token(token);
    let call = call.set_retain_resources((!retain.is_empty()).then(|| retain.to_vec()));
    let answer = call.send().await;
    answer.map(drop).map_err(|error| CallError::of(&session.place, "DeleteStack", stack, error))
}

/// What the continuation of a rollback leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skip<'s> {
    /// These resources, by logical id: the rollback has failed at each of them.
    Named(&'s [String]),
    /// Whatever it fails at.
    AllThatFail,
}

/// Continues the rollback of an update from UPDATE_ROLLBACK_FAILED; the same token starts it once. What is skipped is
/// called complete and stays as it is.
/// Source: AWS CloudFormation API Reference, ContinueUpdateRollback.
pub async fn continue_update_rollback(
    session: &Session,
    stack: &str,
    skip: Skip<'_>,
    token: &str,
) -> Result<(), CallError> {
    session.turn(Family::CloudFormationWrite).await;
    let call = session.cloudformation.continue_update_rollback().stack_name(stack).client_request_token(token);
    let call = match skip {
        Skip::Named([]) => call,
        Skip::Named(skipped) => call.set_resources_to_skip(Some(skipped.to_vec())),
        Skip::AllThatFail => call.force_rollback(true),
    };
    let answer = call.send().await;
    answer.map(drop).map_err(|error| CallError::of(&session.place, "ContinueUpdateRollback", stack, error))
}

/// Rolls a stack back from UPDATE_FAILED to its last stable state; the same token starts it once. It deletes what the
/// update has created, retained or not. Source: AWS CloudFormation API Reference, RollbackStack.
pub async fn rollback_stack(session: &Session, stack: &str, token: &str) -> Result<(), CallError> {
    session.turn(Family::CloudFormationWrite).await;
    let call = session.cloudformation.rollback_stack().stack_name(stack).client_request_token(token);
    let answer = call.retain_except_on_create(true).send().await;
    answer.map(drop).map_err(|error| CallError::of(&session.place, "RollbackStack", stack, error))
}

/// There is no stack of that name. CloudFormation has no code of its own for it.
pub fn stack_does_not_exist(error: &CallError) -> bool {
    match &error.cause {
        Cause::Refused { code, message, .. } => {
            code == "StackNotFoundException" || (code == "ValidationError" && message.contains("does not exist"))
        }
        _ => false,
    }
}

/// Something else is being done to the stack.
pub fn stack_is_busy(error: &CallError) -> bool {
    match &error.cause {
        Cause::Refused { code, message, .. } => {
            code == "OperationInProgressException" || (code == "ValidationError" && message.contains("_IN_PROGRESS"))
        }
        _ => false,
    }
}
