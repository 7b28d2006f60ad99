//! AWS CloudFormation: change sets, from their making to their end.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types as sdk;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cloudformation::stack_does_not_exist;
use super::{CallError, Family, Session};

/// Largest template that fits into a request, in bytes.
/// Source: AWS CloudFormation User Guide, "Understand CloudFormation quotas".
pub const MOST_INLINE_BYTES: usize = 51_200;

/// Where a template is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateSource {
    Inline(String),
    Url(String),
}

/// Whether a change set makes a stack, changes one, or lets one take resources that exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeSetKind {
    Create,
    Update,
    Import,
}

/// A resource that exists and that a stack takes instead of creating it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    pub logical_id: String,
    pub resource_type: String,
    /// The properties that identify a resource of the type, such as `VpcId`.
    pub identifier: BTreeMap<String, String>,
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
    /// Deploy in EXPRESS mode without a rollback: what a stack takes that has failed in it.
    pub express: bool,
    /// What a change set of kind Import takes.
    pub imports: Vec<Import>,
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
    /// Each must exist, or the update fails.
    pub alarms: Vec<Trigger>,
    pub monitor_minutes: u8,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    pub arn: String,
    /// CloudFormation's type of the alarm.
    pub kind: &'static str,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResourceChange {
    /// `Add`, `Modify`, `Remove`, `Import`, `Dynamic`.
    pub action: String,
    /// Logical ID in the template.
    pub logical_id: String,
    /// CloudFormation resource type, such as `AWS::S3::Bucket`.
    pub resource_type: String,
    /// Null for a resource that does not exist yet, and in offline plans.
    pub physical_id: Option<String>,
    /// `True`, `False`, `Conditional`; only for `Modify`.
    pub replacement: Option<String>,
    /// What happens to the physical resource when it is removed or replaced: `Delete`, `Retain`, `Snapshot`, …
    pub policy_action: Option<String>,
    /// Properties and attributes (`Tags`, `DeletionPolicy`) that change. Empty for `Add` and `Remove`.
    pub properties: Vec<PropertyChange>,
}

/// What changes in one property.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PropertyChange {
    /// `/Properties/FunctionName`, or the name of the attribute.
    pub path: String,
    /// Value as text, JSON for lists and objects. Null if the property is added, or CloudFormation does not return it.
    pub before: Option<String>,
    /// Value as text, JSON for lists and objects. Null if the property is removed, or only known after deployment.
    pub after: Option<String>,
    /// `Never`, `Conditionally`, `Always`.
    pub requires_recreation: Option<String>,
    /// `ResourceReference`, `DirectModification`, …: why the property changes.
    pub source: Option<String>,
    /// Resource or parameter that causes the change; null if it is a direct modification.
    pub cause: Option<String>,
}

/// A change set in the list of a stack's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub id: String,
    pub name: String,
    /// `CREATE_COMPLETE`, `FAILED`, …
    pub status: String,
    /// `AVAILABLE`, `OBSOLETE`, …
    pub execution_status: String,
    /// Seconds since 1970.
    pub created: i64,
}

/// A remark of CloudFormation about a change set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validation {
    /// Name of the check.
    pub check: String,
    pub reason: String,
    pub logical_id: Option<String>,
    pub path: Option<String>,
    pub outcome: Outcome,
    /// A Hook of the organisation says it, under its name; its results tell more ([`super::hooks`]).
    pub by_hook: bool,
}

/// What became of a check. Source: AWS CloudFormation API Reference, OperationEvent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It failed, and a failure stops the operation.
    Failed,
    /// It failed, and a failure is a warning.
    Warned,
    /// CloudFormation did not make it.
    Skipped,
}

/// Asks for a change set and gives its id; CloudFormation computes it afterwards.
pub async fn create(session: &Session, request: &ChangeSetRequest) -> Result<String, CallError> {
    const OPERATION: &str = "CreateChangeSet";
    let tags = request.tags.iter().map(|(key, value)| sdk::Tag::builder().key(key).value(value).build()).collect();
    let kind = match request.kind {
        ChangeSetKind::Create => sdk::ChangeSetType::Create,
        ChangeSetKind::Update => sdk::ChangeSetType::Update,
        ChangeSetKind::Import => sdk::ChangeSetType::Import,
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
    let imports: Vec<_> = request.imports.iter().map(resource_to_import).collect();
    let call = call.set_resources_to_import((!imports.is_empty()).then_some(imports));
    let call = call.set_rollback_configuration(request.triggers.as_ref().map(rollback_configuration));
    let call = match request.mode {
        DeploymentMode::Standard => call,
        DeploymentMode::RevertDrift => call.deployment_mode(sdk::DeploymentMode::RevertDrift),
    };
    let call = call.set_deployment_config(request.express.then(express));
    let call = match &request.template {
        TemplateSource::Inline(body) => call.template_body(body),
        TemplateSource::Url(url) => call.template_url(url),
    };
    session.turn(Family::CloudFormationWrite).await;
    let answer = call.send().await;
    let answer = answer.map_err(|error| CallError::of(&session.place, OPERATION, &request.stack, error))?;
    session.need(answer.id, OPERATION, &request.stack, "Id")
}

/// EXPRESS mode as a stack needs it that has failed in it.
fn express() -> sdk::DeploymentConfig {
    sdk::DeploymentConfig::builder().mode(sdk::DeploymentConfigMode::Express).disable_rollback(true).build()
}

/// What an update in EXPRESS mode is made of.
#[derive(Debug)]
pub struct ExpressUpdate<'u> {
    pub template: &'u TemplateSource,
    pub tags: &'u BTreeMap<String, String>,
    pub role: Option<String>,
    pub token: &'u str,
}

/// Updates a stack that has failed in EXPRESS mode to a template, without a change set: one without changes cannot be
/// executed, and is what brings such a stack to an end. The same token starts it once.
/// Sources: AWS CloudFormation API Reference, UpdateStack; aws/aws-cdk-cli#1970.
pub async fn replay(session: &Session, stack: &str, update: ExpressUpdate<'_>) -> Result<(), CallError> {
    let tags = update.tags.iter().map(|(key, value)| sdk::Tag::builder().key(key).value(value).build()).collect();
    let call = session.cloudformation.update_stack().stack_name(stack).client_request_token(update.token);
    let call = call.capabilities(sdk::Capability::CapabilityNamedIam).set_tags(Some(tags));
    let call = call.set_role_arn(update.role).deployment_config(express());
    let call = match update.template {
        TemplateSource::Inline(body) => call.template_body(body),
        TemplateSource::Url(url) => call.template_url(url),
    };
    session.turn(Family::CloudFormationWrite).await;
    let answer = call.send().await;
    answer.map(drop).map_err(|error| CallError::of(&session.place, "UpdateStack", stack, error))
}

fn resource_to_import(import: &Import) -> sdk::ResourceToImport {
    sdk::ResourceToImport::builder()
        .logical_resource_id(&import.logical_id)
        .resource_type(&import.resource_type)
        .set_resource_identifier(Some(import.identifier.clone().into_iter().collect()))
        .build()
}

fn rollback_configuration(triggers: &RollbackTriggers) -> sdk::RollbackConfiguration {
    let trigger = |one: &Trigger| sdk::RollbackTrigger::builder().arn(&one.arn).r#type(one.kind).build();
    sdk::RollbackConfiguration::builder()
        .set_rollback_triggers(Some(triggers.alarms.iter().map(trigger).collect()))
        .monitoring_time_in_minutes(triggers.monitor_minutes.into())
        .build()
}

/// What CloudFormation's own validation says about a change set: quotas, names in use, properties. Nothing said is
/// nothing found. Source: AWS CloudFormation API Reference, DescribeEvents.
pub async fn validations(session: &Session, change_set: &str) -> Result<Vec<Validation>, CallError> {
    const OPERATION: &str = "DescribeEvents";
    // Unfiltered: a check that was skipped is no failed event.
    let request = session.cloudformation.describe_events().change_set_name(change_set);
    let pages = request.into_paginator().send();
    let mut pages = session.pages(Family::CloudFormationRead, OPERATION, change_set, pages, |page| page.next_token());
    let mut found = Vec::new();
    while let Some(page) = pages.next().await? {
        let events = page.operation_events.unwrap_or_default().into_iter();
        found.extend(events.filter_map(|event| {
            if event.event_type == Some(sdk::EventType::HookInvocationError) {
                let warns = event.hook_failure_mode == Some(sdk::HookFailureMode::Warn);
                return Some(Validation {
                    outcome: if warns { Outcome::Warned } else { Outcome::Failed },
                    check: event.hook_type.unwrap_or_default(),
                    reason: event.hook_status_reason.unwrap_or_default(),
                    logical_id: event.logical_resource_id,
                    path: None,
                    by_hook: true,
                });
            }
            if event.event_type != Some(sdk::EventType::ValidationError) {
                return None;
            }
            let outcome = match (&event.validation_status, &event.validation_failure_mode) {
                (Some(sdk::ValidationStatus::Skipped), _) => Outcome::Skipped,
                (_, Some(sdk::HookFailureMode::Warn)) => Outcome::Warned,
                _ => Outcome::Failed,
            };
            Some(Validation {
                by_hook: false,
                outcome,
                check: event.validation_name.unwrap_or_default(),
                reason: event.validation_status_reason.unwrap_or_default(),
                logical_id: event.logical_resource_id,
                path: event.validation_path,
            })
        }));
    }
    Ok(found)
}

/// The change sets of a stack: those that wait, failed or are outrun.
pub async fn list(session: &Session, stack: &str) -> Result<Vec<Listed>, CallError> {
    const OPERATION: &str = "ListChangeSets";
    let pages = session.cloudformation.list_change_sets().stack_name(stack).into_paginator().send();
    let mut pages = session.pages(Family::CloudFormationRead, OPERATION, stack, pages, |page| page.next_token());
    let mut found = Vec::new();
    while let Some(page) = pages.next().await? {
        for set in page.summaries.unwrap_or_default() {
            let text = |status: Option<&str>| status.unwrap_or_default().to_owned();
            found.push(Listed {
                id: session.need(set.change_set_id, OPERATION, stack, "ChangeSetId")?,
                name: session.need(set.change_set_name, OPERATION, stack, "ChangeSetName")?,
                status: text(set.status.as_ref().map(|status| status.as_str())),
                execution_status: text(set.execution_status.as_ref().map(|status| status.as_str())),
                created: session.need(set.creation_time, OPERATION, stack, "CreationTime")?.secs(),
            });
        }
    }
    Ok(found)
}

/// A change set with all its pages, or nothing when there is none of that name.
pub async fn find(session: &Session, stack: &str, name: &str) -> Result<Option<ChangeSet>, CallError> {
    const OPERATION: &str = "DescribeChangeSet";
    let mut found: Option<ChangeSet> = None;
    let mut next = None;
    loop {
        session.turn(Family::CloudFormationRead).await;
        let call = session.cloudformation.describe_change_set().stack_name(stack).change_set_name(name);
        let answer = call.include_property_values(true).set_next_token(next).send().await;
        let page = match answer.map_err(|error| CallError::of(&session.place, OPERATION, stack, error)) {
            Ok(page) => page,
            Err(error) if does_not_exist(&error) || stack_does_not_exist(&error) => return Ok(None),
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
///
/// What the operation itself creates is deleted when it rolls back, also where the template retains it: a resource of a
/// stack that was never complete holds nothing, and its name would be in the way of the next attempt. The option does
/// this for every blueprint, the control plane's included, and changes no template and no digest; `RetainExceptOnCreate`
/// in the templates would change each stack once and would leave an estate's own blueprints as they are.
/// Source: AWS CloudFormation API Reference, ExecuteChangeSet; User Guide, "DeletionPolicy attribute".
pub async fn execute(session: &Session, id: &str, token: &str) -> Result<(), CallError> {
    session.turn(Family::CloudFormationWrite).await;
    let call = session.cloudformation.execute_change_set().change_set_name(id).client_request_token(token);
    let call = call.retain_except_on_create(true);
    let answer = call.send().await;
    answer.map(drop).map_err(|error| CallError::of(&session.place, "ExecuteChangeSet", id, error))
}

/// Removes a change set.
pub async fn delete(session: &Session, id: &str) -> Result<(), CallError> {
    session.turn(Family::CloudFormationWrite).await;
    let answer = session.cloudformation.delete_change_set().change_set_name(id).send().await;
    answer.map(drop).map_err(|error| CallError::of(&session.place, "DeleteChangeSet", id, error))
}

/// The change set was executed, or outrun by another one.
pub fn is_spent(error: &CallError) -> bool {
    matches!(error.code(), Some("InvalidChangeSetStatus" | "InvalidChangeSetStatusException")) || does_not_exist(error)
}

/// There is no change set of that name.
pub fn does_not_exist(error: &CallError) -> bool {
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
