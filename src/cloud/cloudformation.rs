//! AWS CloudFormation: stacks, change sets and events.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types as sdk;
use serde::{Deserialize, Serialize};

use super::{CallError, Cause, Family, Session};

/// Largest template that fits into a request, in bytes.
/// Source: AWS CloudFormation User Guide, "Understand CloudFormation quotas".
pub const MOST_INLINE_BYTES: usize = 51_200;

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
}

/// Where a template is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateSource {
    Inline(String),
    Url(String),
}

/// Whether a change set makes a stack or changes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeSetKind {
    Create,
    Update,
}

/// What a change set is made of.
#[derive(Debug, Clone)]
pub struct ChangeSetRequest {
    pub stack: String,
    pub name: String,
    pub token: String,
    pub kind: ChangeSetKind,
    pub template: TemplateSource,
    pub tags: BTreeMap<String, String>,
    /// None leaves what the stack has.
    pub triggers: Option<RollbackTriggers>,
    /// ARN of the role with which CloudFormation makes the resources; without it, it acts as the caller.
    pub role: Option<String>,
    pub mode: DeploymentMode,
}

/// What a change set starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeploymentMode {
    /// What the stack was last deployed with.
    Standard,
    /// What is there, so that drift is undone.
    /// Source: AWS CloudFormation User Guide, "Using drift-aware change sets".
    RevertDrift,
}

/// Alarms that roll an update back when they go off during it, or in the time after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackTriggers {
    /// ARNs; each must exist, or the update fails.
    pub alarms: Vec<String>,
    pub monitor_minutes: u8,
}

/// Most rollback triggers of a stack. Source: AWS CloudFormation User Guide, "Roll back your CloudFormation stack on
/// alarm breach with rollback triggers".
pub const MOST_TRIGGERS: usize = 5;

/// A change set as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSet {
    pub id: String,
    pub stack_id: String,
    /// `CREATE_COMPLETE`, `FAILED`, …
    pub status: String,
    /// `AVAILABLE`, `UNAVAILABLE`, …
    pub execution_status: String,
    pub reason: Option<String>,
    pub changes: Vec<ResourceChange>,
}

/// What a change set does to one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceChange {
    /// `Add`, `Modify`, `Remove`, `Import`, `Dynamic`.
    pub action: String,
    pub logical_id: String,
    pub resource_type: String,
    pub physical_id: Option<String>,
    /// `True`, `False`, `Conditional`; only for `Modify`.
    pub replacement: Option<String>,
    /// What happens to the resource when it leaves the stack: `Delete`, `Retain`, `Snapshot`, …
    pub policy_action: Option<String>,
    pub properties: Vec<PropertyChange>,
}

/// What changes in one property.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PropertyChange {
    /// `/Properties/FunctionName`, or the name of the attribute.
    pub path: String,
    pub before: Option<String>,
    pub after: Option<String>,
    /// `Never`, `Conditionally`, `Always`.
    pub requires_recreation: Option<String>,
    /// `ResourceReference`, `DirectModification`, …: why the property changes.
    pub source: Option<String>,
    /// The resource or parameter behind the change.
    pub cause: Option<String>,
}

/// A remark of CloudFormation about a change set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validation {
    /// Name of the check.
    pub check: String,
    pub reason: String,
    pub logical_id: Option<String>,
    pub path: Option<String>,
}

/// Something that happened in a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub id: String,
    pub logical_id: String,
    pub physical_id: Option<String>,
    pub resource_type: String,
    pub status: String,
    pub reason: Option<String>,
    /// Seconds since 1970.
    pub time: i64,
    pub token: Option<String>,
}

/// A resource of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    pub logical_id: String,
    pub resource_type: String,
    pub physical_id: Option<String>,
    pub status: String,
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

/// One stack by name or id; a deleted one is found by its id only.
pub async fn stack(session: &Session, name: &str) -> Result<Option<Stack>, CallError> {
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
        name,
    })
}

/// Asks for a change set and gives its id; CloudFormation computes it afterwards.
pub async fn create_change_set(session: &Session, request: &ChangeSetRequest) -> Result<String, CallError> {
    const OPERATION: &str = "CreateChangeSet";
    let tags = request.tags.iter().map(|(key, value)| sdk::Tag::builder().key(key).value(value).build()).collect();
    let kind = match request.kind {
        ChangeSetKind::Create => sdk::ChangeSetType::Create,
        ChangeSetKind::Update => sdk::ChangeSetType::Update,
    };
    let call = session
        .cloudformation
        .create_change_set()
        .stack_name(&request.stack)
        .change_set_name(&request.name)
        .client_token(&request.token)
        .change_set_type(kind)
        .capabilities(sdk::Capability::CapabilityNamedIam)
        .set_tags(Some(tags));
    let call = call.set_role_arn(request.role.clone());
    let call = call.set_rollback_configuration(request.triggers.as_ref().map(rollback_configuration));
    let call = match request.mode {
        DeploymentMode::Standard => call,
        DeploymentMode::RevertDrift => call.deployment_mode(sdk::DeploymentMode::RevertDrift),
    };
    let call = match &request.template {
        TemplateSource::Inline(body) => call.template_body(body),
        TemplateSource::Url(url) => call.template_url(url),
    };
    session.turn(Family::CloudFormationWrite).await;
    let answer = call.send().await;
    let answer = answer.map_err(|error| CallError::of(&session.place, OPERATION, &request.stack, error))?;
    session.need(answer.id, OPERATION, &request.stack, "Id")
}

fn rollback_configuration(triggers: &RollbackTriggers) -> sdk::RollbackConfiguration {
    let trigger = |arn: &String| sdk::RollbackTrigger::builder().arn(arn).r#type("AWS::CloudWatch::Alarm").build();
    sdk::RollbackConfiguration::builder()
        .set_rollback_triggers(Some(triggers.alarms.iter().map(trigger).collect()))
        .monitoring_time_in_minutes(triggers.monitor_minutes.into())
        .build()
}

/// What CloudFormation's own validation says about a change set: quotas, names in use, properties. Nothing said is
/// nothing found. Source: AWS CloudFormation API Reference, DescribeEvents.
pub async fn validations(session: &Session, change_set: &str) -> Result<Vec<Validation>, CallError> {
    const OPERATION: &str = "DescribeEvents";
    let filter = sdk::EventFilter::builder().failed_events(true).build();
    let request = session.cloudformation.describe_events().change_set_name(change_set).filters(filter);
    let pages = request.into_paginator().send();
    let mut pages = session.pages(Family::CloudFormationRead, OPERATION, change_set, pages, |page| page.next_token());
    let mut found = Vec::new();
    while let Some(page) = pages.next().await? {
        let events = page.operation_events.unwrap_or_default().into_iter();
        found.extend(events.filter(|event| event.event_type == Some(sdk::EventType::ValidationError)).map(|event| {
            Validation {
                check: event.validation_name.unwrap_or_default(),
                reason: event.validation_status_reason.unwrap_or_default(),
                logical_id: event.logical_resource_id,
                path: event.validation_path,
            }
        }));
    }
    Ok(found)
}

/// A change set with all its pages, or nothing when there is none of that name.
pub async fn change_set(session: &Session, stack: &str, name: &str) -> Result<Option<ChangeSet>, CallError> {
    const OPERATION: &str = "DescribeChangeSet";
    let mut found: Option<ChangeSet> = None;
    let mut next = None;
    loop {
        session.turn(Family::CloudFormationRead).await;
        let call = session.cloudformation.describe_change_set().stack_name(stack).change_set_name(name);
        let answer = call.include_property_values(true).set_next_token(next).send().await;
        let page = match answer.map_err(|error| CallError::of(&session.place, OPERATION, stack, error)) {
            Ok(page) => page,
            Err(error) if change_set_does_not_exist(&error) || stack_does_not_exist(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let changes = page.changes.unwrap_or_default().into_iter().filter_map(|change| change.resource_change);
        let changes =
            changes.map(|change| resource_change_of(session, stack, change)).collect::<Result<Vec<_>, _>>()?;
        match &mut found {
            Some(found) => found.changes.extend(changes),
            None => {
                let status = session.need(page.status, OPERATION, stack, "Status")?;
                let execution = session.need(page.execution_status, OPERATION, stack, "ExecutionStatus")?;
                found = Some(ChangeSet {
                    id: session.need(page.change_set_id, OPERATION, stack, "ChangeSetId")?,
                    stack_id: session.need(page.stack_id, OPERATION, stack, "StackId")?,
                    status: status.as_str().to_owned(),
                    execution_status: execution.as_str().to_owned(),
                    reason: page.status_reason,
                    changes,
                });
            }
        }
        next = page.next_token;
        if next.is_none() {
            return Ok(found);
        }
    }
}

fn resource_change_of(
    session: &Session,
    stack: &str,
    change: sdk::ResourceChange,
) -> Result<ResourceChange, CallError> {
    const OPERATION: &str = "DescribeChangeSet";
    let properties = change.details.unwrap_or_default().into_iter().filter_map(property_change_of).collect();
    Ok(ResourceChange {
        action: session.need(change.action, OPERATION, stack, "ResourceChange.Action")?.as_str().to_owned(),
        logical_id: session.need(change.logical_resource_id, OPERATION, stack, "ResourceChange.LogicalResourceId")?,
        resource_type: session.need(change.resource_type, OPERATION, stack, "ResourceChange.ResourceType")?,
        physical_id: change.physical_resource_id,
        replacement: change.replacement.map(|replacement| replacement.as_str().to_owned()),
        policy_action: change.policy_action.map(|action| action.as_str().to_owned()),
        properties,
    })
}

fn property_change_of(detail: sdk::ResourceChangeDetail) -> Option<PropertyChange> {
    let target = detail.target?;
    let attribute = target.attribute.map(|attribute| attribute.as_str().to_owned());
    let path = target.path.or(target.name).or(attribute)?;
    Some(PropertyChange {
        path,
        before: target.before_value,
        after: target.after_value,
        requires_recreation: target.requires_recreation.map(|value| value.as_str().to_owned()),
        source: detail.change_source.map(|source| source.as_str().to_owned()),
        cause: detail.causing_entity,
    })
}

/// Starts what a change set says; the same token starts it once.
pub async fn execute_change_set(session: &Session, id: &str, token: &str) -> Result<(), CallError> {
    session.turn(Family::CloudFormationWrite).await;
    let call = session.cloudformation.execute_change_set().change_set_name(id).client_request_token(token);
    let answer = call.send().await;
    answer.map(drop).map_err(|error| CallError::of(&session.place, "ExecuteChangeSet", id, error))
}

/// Removes a change set.
pub async fn delete_change_set(session: &Session, id: &str) -> Result<(), CallError> {
    session.turn(Family::CloudFormationWrite).await;
    let answer = session.cloudformation.delete_change_set().change_set_name(id).send().await;
    answer.map(drop).map_err(|error| CallError::of(&session.place, "DeleteChangeSet", id, error))
}

/// Most pages of an operation's events, a hundred on each.
const MOST_PAGES: usize = 20;
/// Pages of later operations that are passed by in search of one's own.
const MOST_FOREIGN_PAGES: usize = 3;

/// The newest event of a stack, if it has any.
pub async fn newest_event(session: &Session, stack_id: &str) -> Result<Option<Event>, CallError> {
    const OPERATION: &str = "DescribeStackEvents";
    session.turn(Family::CloudFormationRead).await;
    let answer = session.cloudformation.describe_stack_events().stack_name(stack_id).send().await;
    let answer = answer.map_err(|error| CallError::of(&session.place, OPERATION, stack_id, error))?;
    let newest = answer.stack_events.unwrap_or_default().into_iter().next();
    newest.map(|event| event_of(session, stack_id, event)).transpose()
}

/// The events of one operation on a stack, newer than the one with the id `seen`, oldest first. All events of an
/// operation carry the token of the request that began it (`ours`).
/// Source: AWS CloudFormation API Reference, StackEvent.
pub async fn events_of(
    session: &Session,
    stack_id: &str,
    ours: impl Fn(&str) -> bool,
    seen: Option<&str>,
) -> Result<Vec<Event>, CallError> {
    const OPERATION: &str = "DescribeStackEvents";
    let pages = session.cloudformation.describe_stack_events().stack_name(stack_id).into_paginator().send();
    let mut pages = session.pages(Family::CloudFormationRead, OPERATION, stack_id, pages, |page| page.next_token());
    let mut found = Vec::new();
    'pages: for read in 1..=MOST_PAGES {
        let Some(page) = pages.next().await? else { break };
        for event in page.stack_events.unwrap_or_default() {
            let event = event_of(session, stack_id, event)?;
            if Some(event.id.as_str()) == seen {
                break 'pages;
            }
            match event.token.as_deref() {
                Some(token) if ours(token) => found.push(event),
                // Newer than ours: somebody went on afterwards.
                _ if found.is_empty() => {}
                _ => break 'pages,
            }
        }
        if found.is_empty() && read == MOST_FOREIGN_PAGES {
            break;
        }
    }
    found.reverse();
    Ok(found)
}

fn event_of(session: &Session, stack_id: &str, event: sdk::StackEvent) -> Result<Event, CallError> {
    const OPERATION: &str = "DescribeStackEvents";
    Ok(Event {
        id: session.need(event.event_id, OPERATION, stack_id, "EventId")?,
        logical_id: session.need(event.logical_resource_id, OPERATION, stack_id, "LogicalResourceId")?,
        physical_id: event.physical_resource_id,
        resource_type: session.need(event.resource_type, OPERATION, stack_id, "ResourceType")?,
        status: session.need(event.resource_status, OPERATION, stack_id, "ResourceStatus")?.as_str().to_owned(),
        reason: event.resource_status_reason,
        time: session.need(event.timestamp, OPERATION, stack_id, "Timestamp")?.secs(),
        token: event.client_request_token,
    })
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

/// Starts the deletion of a stack; the same token starts it once.
pub async fn delete_stack(session: &Session, stack: &str, token: &str) -> Result<(), CallError> {
    session.turn(Family::CloudFormationWrite).await;
    let answer = session.cloudformation.delete_stack().stack_name(stack).client_request_token(token).send().await;
    answer.map(drop).map_err(|error| CallError::of(&session.place, "DeleteStack", stack, error))
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

/// The change set was executed, or outrun by another one.
pub fn change_set_is_spent(error: &CallError) -> bool {
    matches!(error.code(), Some("InvalidChangeSetStatus" | "InvalidChangeSetStatusException"))
        || change_set_does_not_exist(error)
}

/// There is no change set of that name.
pub fn change_set_does_not_exist(error: &CallError) -> bool {
    matches!(error.code(), Some("ChangeSetNotFound" | "ChangeSetNotFoundException"))
}

/// A change set of that name exists.
pub fn already_exists(error: &CallError) -> bool {
    matches!(error.code(), Some("AlreadyExistsException"))
}

/// The change set failed because there is nothing to change.
pub fn no_changes(change_set: &ChangeSet) -> bool {
    let reason = change_set.reason.as_deref().unwrap_or("");
    change_set.status == "FAILED"
        && (reason.contains("didn't contain changes") || reason.contains("No updates are to be performed"))
}
