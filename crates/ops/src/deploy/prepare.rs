//! Makes a plan: looks at every stack, and asks CloudFormation for a change set where something may differ.
//!
//! A stack whose digest, release and tags are as they should be costs no call of its own. What an account does not
//! show becomes part of the plan ([`Unseen`]), not the end of it.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};

use super::desired::hash;
use super::ownership::{self, Claim, Decision};
pub use super::pace::{Alarms, Pace};
use super::plan::{Action, Baseline, Left, Plan, StackPlan, Unseen, Warning};
use super::retry::{enter, with_retries};
use super::{Desired, State, adopt, change, destroy, guards, rescue, state, superseded, teardown};
use tenantry_aws::cloud::change_sets::{
    self, ChangeSet, ChangeSetKind, ChangeSetRequest, DeploymentMode, Import, RollbackTriggers, TemplateSource,
    Validation,
};
use tenantry_aws::cloud::cloudformation::{self, Resource, Stack};
use tenantry_aws::cloud::{Access, CallError, Cloud, Place, Session, is_access_denied, may_pass, not_implemented, s3};
use tenantry_aws::cloud::{hooks, stack_events};

/// Why no change set could be made.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    #[error("stack `{stack}` cannot be planned")]
    Call {
        stack: String,
        #[source]
        source: CallError,
    },
    #[error("change set for stack `{stack}` failed: {reason}")]
    ChangeSet { stack: String, reason: String },
    #[error("change set for stack `{stack}` was not ready in {seconds} s")]
    Late { stack: String, seconds: u64 },
    #[error(
        "the template of stack `{stack}` has {bytes} bytes and there is no artifacts bucket: run `tenantry bootstrap`"
    )]
    TooLarge { stack: String, bytes: usize },
    #[error("the template of stack `{stack}` cannot be read")]
    Template {
        stack: String,
        #[source]
        source: serde_json::Error,
    },
}

/// The plan without looking at AWS: everything as new.
pub fn offline(release: &str, desired: &[Desired]) -> Result<Plan, PrepareError> {
    let stacks = desired.iter().map(|desired| {
        let changes = all_new(desired)?;
        Ok(planned(
            desired,
            Baseline::default(),
            Action::Apply { change_set: None, makes: ChangeSetKind::Create, changes },
        ))
    });
    Ok(assemble(release, desired, true, stacks.collect::<Result<_, _>>()?, Vec::new()))
}

/// The plan from what is there; at most `concurrency` stacks are looked at at once.
pub async fn plan(cloud: &Cloud, release: &str, desired: &[Desired], pace: Pace, concurrency: usize) -> Plan {
    plan_adopting(cloud, release, desired, pace, concurrency, &BTreeSet::new()).await
}

/// As [`plan`], but stacks that `adopt` names are planned although they are not owned by this estate.
pub async fn plan_adopting(
    cloud: &Cloud,
    release: &str,
    desired: &[Desired],
    pace: Pace,
    concurrency: usize,
    adopt: &BTreeSet<String>,
) -> Plan {
    let mut places: BTreeMap<&Place, (&Access, Vec<&Desired>)> = BTreeMap::new();
    for desired in desired {
        places.entry(&desired.place).or_insert_with(|| (&desired.access, Vec::new())).1.push(desired);
    }
    let looks = places.into_iter().map(|(place, (access, desired))| async move {
        match enter(cloud, place, access, pace.poll).await {
            Err(error) => desired.into_iter().map(|desired| Err(unseen(desired, &error))).collect(),
            Ok((session, live)) => {
                let plans = desired.into_iter().map(|desired| {
                    let decision = ownership::decide(desired, &live, adopt);
                    let (session, live) = (&session, live.get(&desired.stack));
                    async move {
                        let claim = match decision {
                            Decision::Go => None,
                            Decision::Claim(claim) => Some(claim),
                            Decision::Blocked { why, remedy } => {
                                return Ok(planned(desired, Baseline::of(live), Action::Blocked { why, remedy }));
                            }
                        };
                        let plan =
                            with_retries(pace.poll, passes, async || one(session, desired, live, pace).await).await;
                        let plan = plan.map(|plan| claimed(plan, claim));
                        plan.map_err(|error| unseen(desired, &error))
                    }
                });
                stream::iter(plans).buffer_unordered(concurrency.max(1)).collect::<Vec<_>>().await
            }
        }
    });
    let results: Vec<Vec<_>> = stream::iter(looks).buffer_unordered(concurrency.max(1)).collect().await;
    let (mut stacks, mut unseen) = (Vec::new(), Vec::new());
    for result in results.into_iter().flatten() {
        match result {
            Ok(stack) => stacks.push(stack),
            Err(reason) => unseen.push(reason),
        }
    }
    assemble(release, desired, false, stacks, unseen)
}

pub(super) fn passes(error: &PrepareError) -> bool {
    matches!(error, PrepareError::Call { source, .. } if may_pass(source))
}

pub(super) fn assemble(
    release: &str,
    desired: &[Desired],
    offline: bool,
    mut stacks: Vec<StackPlan>,
    mut unseen: Vec<Unseen>,
) -> Plan {
    stacks.sort_by(|a, b| (&a.tenant, &a.place).cmp(&(&b.tenant, &b.place)));
    unseen.sort_by(|a, b| a.tenant.cmp(&b.tenant));
    let mut digests: Vec<&str> = desired.iter().flat_map(|d| [d.stack.as_str(), d.digest.as_str()]).collect();
    digests.sort_unstable();
    Plan { release: release.to_owned(), estate_digest: hash(&digests, 64), offline, stacks, unseen, review: None }
}

/// A plan of a stack that the deploy makes this estate's. What a failed creation of somebody's left is not deleted, and
/// what somebody has under way is not followed.
fn claimed(plan: StackPlan, claim: Option<Claim>) -> StackPlan {
    match (&claim, &plan.action) {
        (Some(Claim::Adopted { why }), Action::Clear { .. } | Action::Follow) => {
            let status = plan.baseline.status.as_deref().unwrap_or("not there");
            let why = format!("stack `{}` is {status} and not owned by this estate: {why}", plan.stack);
            let remedy = "adopt a stack that is complete, or delete it by hand".to_owned();
            StackPlan { action: Action::Blocked { why, remedy }, ..plan }
        }
        (_, Action::Apply { .. }) => StackPlan { claim, ..plan },
        _ => plan,
    }
}

pub(super) fn planned(desired: &Desired, baseline: Baseline, action: Action) -> StackPlan {
    StackPlan {
        tenant: desired.tenant.clone(),
        ring: desired.ring.clone(),
        place: desired.place.clone(),
        stack: desired.stack.clone(),
        digest: desired.digest.clone(),
        baseline,
        action,
        claim: None,
        warnings: Vec::new(),
    }
}

pub(super) fn unseen(desired: &Desired, error: &(dyn std::error::Error + 'static)) -> Unseen {
    let (mut why, mut hint) = (error.to_string(), hint_of(error));
    let mut source = error.source();
    while let Some(cause) = source {
        why = format!("{why}: {cause}");
        hint = hint.or_else(|| hint_of(cause));
        source = cause.source();
    }
    Unseen { tenant: desired.tenant.clone(), why, hint }
}

fn hint_of(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    error.downcast_ref::<CallError>().and_then(CallError::hint)
}

pub(super) async fn one(
    session: &Session,
    desired: &Desired,
    live: Option<&Stack>,
    pace: Pace,
) -> Result<StackPlan, PrepareError> {
    let baseline = Baseline::of(live);
    let status = live.map_or("", |stack| stack.status.as_str());
    let mut warnings = Vec::new();
    let action = match State::of(baseline.status.as_deref()) {
        State::Settled | State::RolledBack if is_as_desired(desired, &baseline, live) => {
            // A run that was killed at its very end has left the stack unprotected.
            if live.is_some_and(|stack| stack.termination_protection) { Action::Nothing } else { Action::Follow }
        }
        State::Absent if desired.offboarded => {
            warnings.push(offboarded(desired));
            Action::Nothing
        }
        State::Absent => match aliased(session, desired, live).await? {
            Some(blocked) => blocked,
            None => match adopt::action(session, desired, &baseline, pace).await? {
                Some(import) => import,
                None => {
                    change_set_action(session, desired, &baseline, ChangeSetKind::Create, pace, &mut warnings).await?
                }
            },
        },
        // An import that was the stack's first operation has left nothing that could be updated.
        State::RolledBack if status == "IMPORT_ROLLBACK_COMPLETE" && is_empty(session, desired, live).await? => {
            clear(session, desired, live, Left::FailedImport).await?
        }
        State::Settled | State::RolledBack => {
            change_set_action(session, desired, &baseline, ChangeSetKind::Update, pace, &mut warnings).await?
        }
        State::FailedCreation => clear(session, desired, live, Left::FailedCreation).await?,
        State::InProgress if started_by_us(session, desired, live).await? => Action::Follow,
        State::InProgress => Action::Blocked {
            why: format!("{status}: another operation is in progress"),
            remedy: State::remedy(status, desired),
        },
        State::Stuck => stuck(desired, status),
    };
    warnings.extend(rescue::expressed(live));
    let mut stack = StackPlan { warnings, ..planned(desired, baseline, action) };
    if !stack.action.changes().is_empty() {
        let unreadable = |source| PrepareError::Template { stack: desired.stack.clone(), source };
        let template = serde_json::from_str(&desired.body).map_err(unreadable)?;
        let found = teardown::findings(&stack, &template);
        stack.warnings.extend(found.into_iter().map(Warning::from));
    }
    Ok(stack)
}

/// The check of the warning that a tenant is offboarded.
pub const OFFBOARDED: &str = "offboarded";

/// That a tenant is offboarded, and what brings it back.
fn offboarded(desired: &Desired) -> Warning {
    let name = &desired.tenant;
    Warning {
        check: OFFBOARDED.to_owned(),
        reason: format!("its stack was destroyed; `tenantry deploy {name}` brings it back"),
        unchecked: false,
    }
}

/// A name that is the alias of another stack: every call by that name would reach the other one.
async fn aliased(session: &Session, desired: &Desired, live: Option<&Stack>) -> Result<Option<Action>, PrepareError> {
    if live.is_some() {
        return Ok(None);
    }
    let other = cloudformation::behind_alias(session, &desired.stack).await;
    let other = other.map_err(|source| PrepareError::Call { stack: desired.stack.clone(), source })?;
    Ok(other.map(|other| Action::Blocked {
        why: format!("`{}` is an alias of stack `{}` ({})", desired.stack, other.name, other.id),
        remedy: format!("remove the alias: `aws cloudformation remove-alias --alias-name {}`", desired.stack),
    }))
}

/// A stack that no deploy changes before it is rescued.
pub(super) fn stuck(desired: &Desired, status: &str) -> Action {
    let why = match state::of_name(status) {
        Some(row) => format!("{status}: {}", row.meaning),
        None => format!("{status}: this version does not know the status"),
    };
    Action::Blocked { why, remedy: State::remedy(status, desired) }
}

/// Deletes a stack with everything that is left in it and that its template does not retain.
pub(super) async fn clear(
    session: &Session,
    desired: &Desired,
    live: Option<&Stack>,
    what: Left,
) -> Result<Action, PrepareError> {
    Ok(Action::Clear { what, changes: leftovers(session, desired, live).await?, retain: Vec::new() })
}

async fn is_empty(session: &Session, desired: &Desired, live: Option<&Stack>) -> Result<bool, PrepareError> {
    let Some(live) = live else { return Ok(true) };
    let resources = cloudformation::resources(session, &live.id).await;
    let resources = resources.map_err(|source| PrepareError::Call { stack: desired.stack.clone(), source })?;
    Ok(!resources.iter().any(is_there))
}

fn is_there(resource: &Resource) -> bool {
    !matches!(resource.status.as_str(), "DELETE_COMPLETE" | "DELETE_SKIPPED")
}

fn is_as_desired(desired: &Desired, baseline: &Baseline, live: Option<&Stack>) -> bool {
    baseline.digest.as_ref() == Some(&desired.digest)
        && baseline.release.as_ref() == Some(&desired.release)
        && live.is_some_and(|stack| stack.tags == desired.tags)
}

/// What is deleted with a stack; resources that its template retains stay.
async fn leftovers(
    session: &Session,
    desired: &Desired,
    live: Option<&Stack>,
) -> Result<Vec<change_sets::ResourceChange>, PrepareError> {
    let Some(live) = live else { return Ok(Vec::new()) };
    let call = |source| PrepareError::Call { stack: desired.stack.clone(), source };
    let resources = cloudformation::resources(session, &live.id).await.map_err(call)?;
    // What was never made has no physical id.
    let is_there =
        |resource: &Resource| is_there(resource) && resource.physical_id.as_deref().is_some_and(|id| !id.is_empty());
    if !resources.iter().any(is_there) {
        return Ok(Vec::new());
    }
    let body = cloudformation::template(session, &live.id).await.map_err(call)?;
    let unreadable = |source| PrepareError::Template { stack: desired.stack.clone(), source };
    let kept = destroy::kept_ids(&serde_json::from_str(&body).map_err(unreadable)?);
    let left = resources.into_iter().filter(|resource| is_there(resource) && !kept.contains(&resource.logical_id));
    Ok(left
        .map(|resource| change::removed(resource.logical_id, resource.resource_type, resource.physical_id))
        .collect())
}

fn all_new(desired: &Desired) -> Result<Vec<change_sets::ResourceChange>, PrepareError> {
    change::all_new(&desired.body).map_err(|source| PrepareError::Template { stack: desired.stack.clone(), source })
}

/// Whether the operation in progress is the one that this very change would start.
async fn started_by_us(session: &Session, desired: &Desired, live: Option<&Stack>) -> Result<bool, PrepareError> {
    let Some(stack) = live else { return Ok(false) };
    let newest = stack_events::newest(session, &stack.id).await;
    let newest = newest.map_err(|source| PrepareError::Call { stack: desired.stack.clone(), source })?;
    let token = newest.and_then(|event| event.token);
    Ok(token.is_some_and(|token| token.starts_with(&desired.change_set_prefix())))
}

async fn change_set_action(
    session: &Session,
    desired: &Desired,
    baseline: &Baseline,
    makes: ChangeSetKind,
    pace: Pace,
    warnings: &mut Vec<Warning>,
) -> Result<Action, PrepareError> {
    let call = |source| PrepareError::Call { stack: desired.stack.clone(), source };
    let triggers = match makes {
        // The alarms of a stack that does not exist do not exist either.
        ChangeSetKind::Create | ChangeSetKind::Import => None,
        ChangeSetKind::Update => guards::triggers(session, desired, pace.alarms, warnings).await.map_err(call)?,
    };
    let Some(set) = change_set(session, desired, baseline, makes, triggers, pace).await? else {
        return Ok(Action::Nothing);
    };
    if makes == ChangeSetKind::Update {
        guards::flag_monitors(session, desired, &set.changes, warnings).await.map_err(call)?;
    }
    match remarks(session, &set.id).await {
        Ok(found) => warnings.extend(found),
        Err(error) if is_access_denied(&error) || not_implemented(&error) => warnings.push(Warning {
            check: "validation".to_owned(),
            reason: format!("CloudFormation's own checks are not known: {}", error.cause),
            unchecked: false,
        }),
        Err(error) => return Err(call(error)),
    }
    match superseded::clear(session, &desired.stack, &set.id).await {
        Ok(waiting) => warnings.extend(waiting),
        Err(error) if is_access_denied(&error) || not_implemented(&error) => warnings.push(Warning {
            check: "change sets".to_owned(),
            reason: format!("those of earlier plans cannot be listed or deleted: {}", error.cause),
            unchecked: false,
        }),
        Err(error) => return Err(call(error)),
    }
    Ok(Action::Apply { change_set: Some(set.id), makes, changes: set.changes })
}

/// The change set from `baseline` to `desired`: one left by an earlier run, or a new one. Nothing if nothing would
/// change.
async fn change_set(
    session: &Session,
    desired: &Desired,
    baseline: &Baseline,
    kind: ChangeSetKind,
    triggers: Option<RollbackTriggers>,
    pace: Pace,
) -> Result<Option<ChangeSet>, PrepareError> {
    let name = desired.change_set_name(baseline, &guards::named(triggers.as_ref()));
    change_set_named(
        session,
        desired,
        &name,
        Making { kind, triggers, mode: DeploymentMode::Standard, express: false, imports: Vec::new() },
        pace,
    )
    .await
}

/// How a change set is made.
pub(super) struct Making {
    pub kind: ChangeSetKind,
    pub triggers: Option<RollbackTriggers>,
    pub mode: DeploymentMode,
    pub express: bool,
    pub imports: Vec<Import>,
}

/// The change set of this name: one left by an earlier run, or a new one. Nothing if nothing would change.
pub(super) async fn change_set_named(
    session: &Session,
    desired: &Desired,
    name: &str,
    how: Making,
    pace: Pace,
) -> Result<Option<ChangeSet>, PrepareError> {
    let call = |source| PrepareError::Call { stack: desired.stack.clone(), source };
    let left = change_sets::find(session, &desired.stack, name).await.map_err(call)?;
    if let Some(left) = left {
        if left.execution_status == "AVAILABLE" || is_pending(&left) {
            return settle(session, desired, left, pace).await;
        }
        change_sets::delete(session, &left.id).await.map_err(call)?;
    }
    let template = template(session, desired).await?;
    let request = ChangeSetRequest {
        stack: desired.stack.clone(),
        token: name.to_owned(),
        name: name.to_owned(),
        kind: how.kind,
        template,
        tags: desired.tags.clone(),
        triggers: how.triggers,
        role: desired.service_role(),
        mode: how.mode,
        express: how.express,
        imports: how.imports,
    };
    match change_sets::create(session, &request).await {
        Ok(_) => {}
        Err(error) if change_sets::already_exists(&error) => {}
        Err(error) => return Err(call(error)),
    }
    let made = change_sets::find(session, &desired.stack, name).await.map_err(call)?;
    let gone = || PrepareError::ChangeSet { stack: desired.stack.clone(), reason: "it is gone".to_owned() };
    settle(session, desired, made.ok_or_else(gone)?, pace).await
}

fn is_pending(set: &ChangeSet) -> bool {
    matches!(set.status.as_str(), "CREATE_PENDING" | "CREATE_IN_PROGRESS")
}

/// Waits until a change set is computed.
async fn settle(
    session: &Session,
    desired: &Desired,
    mut set: ChangeSet,
    pace: Pace,
) -> Result<Option<ChangeSet>, PrepareError> {
    let stack = || desired.stack.clone();
    let call = |source| PrepareError::Call { stack: stack(), source };
    let deadline = tokio::time::Instant::now() + pace.deadline;
    while is_pending(&set) {
        if tokio::time::Instant::now() >= deadline {
            return Err(PrepareError::Late { stack: stack(), seconds: pace.deadline.as_secs() });
        }
        tokio::time::sleep(pace.poll).await;
        let next = change_sets::find(session, &desired.stack, &set.id).await.map_err(call)?;
        set = next.ok_or_else(|| PrepareError::ChangeSet { stack: stack(), reason: "it is gone".to_owned() })?;
    }
    if set.status == "CREATE_COMPLETE" {
        return Ok(Some(set));
    }
    let nothing = change_sets::no_changes(&set);
    let why = if nothing { String::new() } else { said_by_validation(session, &set.id).await };
    change_sets::delete(session, &set.id).await.map_err(call)?;
    if nothing {
        return Ok(None);
    }
    // The role that reads may not delete a stack; what the change set failed on is what must be reported.
    match superseded::clear_shell(session, &desired.stack).await {
        Err(error) if !is_access_denied(&error) => return Err(call(error)),
        Ok(()) | Err(_) => {}
    }
    let reason = format!("{}{why}", set.reason.unwrap_or_else(|| set.status.clone()));
    Err(PrepareError::ChangeSet { stack: stack(), reason })
}

/// What CloudFormation's validation and the organisation's Hooks add to the failure of a change set: first what fails it,
/// then what only warns.
async fn said_by_validation(session: &Session, id: &str) -> String {
    match remarks(session, id).await {
        Ok(found) => {
            let (warns, fails): (Vec<Warning>, Vec<Warning>) = found.into_iter().partition(Warning::only_warns);
            fails.into_iter().chain(warns).map(|one| format!("; {}", one.reason)).collect()
        }
        Err(error) => format!("; what CloudFormation's checks say of it is not known: {}", error.cause),
    }
}

/// What CloudFormation's validation and the organisation's Hooks say of a change set.
async fn remarks(session: &Session, id: &str) -> Result<Vec<Warning>, CallError> {
    let (by_hooks, validations): (Vec<Validation>, Vec<Validation>) =
        change_sets::validations(session, id).await?.into_iter().partition(|one| one.by_hook);
    let mut found: Vec<Warning> = validations.into_iter().map(Warning::from).collect();
    if by_hooks.is_empty() {
        return Ok(found);
    }
    // The events name the Hook, its results the rule and the remedy.
    match hooks::objections(session, id).await {
        Ok(objections) if !objections.is_empty() => found.extend(objections.into_iter().map(Warning::from)),
        Ok(_) => found.extend(by_hooks.into_iter().map(Warning::from)),
        Err(error) => {
            found.extend(by_hooks.into_iter().map(Warning::from));
            found.push(Warning {
                check: "Hooks".to_owned(),
                reason: format!("their rules and remedies are not known: {}", error.cause),
                unchecked: false,
            });
        }
    }
    Ok(found)
}

/// The template in the request where it fits, else in the artifacts bucket.
async fn template(session: &Session, desired: &Desired) -> Result<TemplateSource, PrepareError> {
    let bytes = desired.body.len();
    if bytes <= change_sets::MOST_INLINE_BYTES {
        return Ok(TemplateSource::Inline(desired.body.clone()));
    }
    let Some(bucket) = &desired.artifacts else {
        return Err(PrepareError::TooLarge { stack: desired.stack.clone(), bytes });
    };
    let key = desired.template_key(session.purpose);
    match s3::put_if_absent(session, bucket, &key, s3::Content::Text(&desired.body)).await {
        Ok(_) => Ok(TemplateSource::Url(s3::template_url(session, bucket, &key))),
        Err(error) if s3::is_absent(&error) => Err(PrepareError::TooLarge { stack: desired.stack.clone(), bytes }),
        Err(source) => Err(PrepareError::Call { stack: desired.stack.clone(), source }),
    }
}
