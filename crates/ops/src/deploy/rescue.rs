//! The way out of every status in which a deploy changes nothing: one plan for the status and cause at hand.
//!
//! In: what the stack should be, and what a person gives up (resources that are skipped or left behind). Out: a plan of one
//! stack, executed as any other. What a deploy does by itself (deleting what a failed creation left, importing what was
//! retained, trying an update again) is the same action here.

use super::ownership::{self, Decision};
use super::plan::{Action, Baseline, Left, Plan, Recovery, StackPlan, Unseen, Warning};
use super::prepare::{self, Making, Pace, PrepareError};
use super::retry::{enter, with_retries};
use super::state::{self, Way};
use super::{Desired, State};
use std::collections::BTreeSet;
use tenantry_aws::cloud::change_sets::{ChangeSetKind, DeploymentMode};
use tenantry_aws::cloud::cloudformation::{self, Resource, Stack};
use tenantry_aws::cloud::{CallError, Cloud, Session, stack_events};

/// What a person gives up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Resources, by logical ID, that a rollback leaves as they are.
    pub skip: Vec<String>,
    /// Leave whatever the rollback fails at.
    pub force: bool,
    /// Resources, by logical ID, that a deletion leaves behind.
    pub retain: Vec<String>,
}

impl Choice {
    /// The option that makes no sense for a status that is left in this way.
    fn foreign(&self, way: Way) -> Option<(&'static str, &'static str)> {
        let rolls = way == Way::ContinueRollback;
        if !self.skip.is_empty() && !rolls {
            return Some(("--skip", "UPDATE_ROLLBACK_FAILED"));
        }
        if self.force && !rolls {
            return Some(("--force-rollback", "UPDATE_ROLLBACK_FAILED"));
        }
        (!self.retain.is_empty() && way != Way::Delete).then_some(("--retain", "DELETE_FAILED"))
    }
}

/// The plan that leads out of the stack's status; nothing to do where the status is good.
pub async fn plan(cloud: &Cloud, release: &str, desired: &Desired, choice: &Choice, pace: Pace) -> Plan {
    let looked = async {
        let (session, live) = enter(cloud, &desired.place, &desired.access, pace.poll)
            .await
            .map_err(|error| prepare::unseen(desired, &error))?;
        let stack = live.get(&desired.stack);
        if let Decision::Blocked { why, remedy } = ownership::decide(desired, &live, &BTreeSet::new()) {
            return Ok(prepare::planned(desired, Baseline::of(stack), Action::Blocked { why, remedy }));
        }
        let look = async || one(&session, desired, stack, choice, pace).await;
        with_retries(pace.poll, prepare::passes, look).await.map_err(|error| prepare::unseen(desired, &error))
    };
    let looked: Result<StackPlan, Unseen> = looked.await;
    let (stacks, unseen) = match looked {
        Ok(stack) => (vec![stack], Vec::new()),
        Err(unseen) => (Vec::new(), vec![unseen]),
    };
    prepare::assemble(release, std::slice::from_ref(desired), false, stacks, unseen)
}

async fn one(
    session: &Session,
    desired: &Desired,
    live: Option<&Stack>,
    choice: &Choice,
    pace: Pace,
) -> Result<StackPlan, PrepareError> {
    let baseline = Baseline::of(live);
    let Some(stack) = live else { return prepare::one(session, desired, None, pace).await };
    let Some(row) = state::of_name(&stack.status) else {
        return Ok(prepare::planned(desired, baseline, prepare::stuck(desired, &stack.status)));
    };
    let blocked =
        |why: String, remedy: String| Ok(prepare::planned(desired, baseline.clone(), Action::Blocked { why, remedy }));
    if let Some((option, status)) = choice.foreign(row.way) {
        return blocked(
            format!("the stack is {}: `{option}` is for {status}", row.name),
            format!("`{}` without it", desired.rescue()),
        );
    }
    let mut warnings = Vec::new();
    let action = match (row.way, row.state) {
        // What is good, and what a deploy does by itself.
        (Way::Deploy, State::Settled) => Action::Nothing,
        (Way::Deploy, _) | (Way::Wait, _) => return prepare::one(session, desired, live, pace).await,
        (Way::Discard, _) => Action::Clear { what: Left::Shell, changes: Vec::new(), retain: Vec::new() },
        (Way::Clear, _) => {
            let import = row.name.starts_with("IMPORT");
            let what = if import { Left::FailedImport } else { Left::FailedCreation };
            warnings = failures(&resources(session, desired, stack).await?, |_| true);
            prepare::clear(session, desired, live, what).await?
        }
        (Way::Delete, _) => {
            let found = resources(session, desired, stack).await?;
            if let Some(unknown) = choice.retain.iter().find(|id| !fails_to_go(&found, id)) {
                return blocked(
                    format!("`--retain {unknown}`: the deletion did not fail at a resource of this logical ID"),
                    format!("name some of: {}", named(&found, |one| one.status == "DELETE_FAILED")),
                );
            }
            warnings = failures(&found, |one| !choice.retain.contains(&one.logical_id));
            match prepare::clear(session, desired, live, Left::FailedDeletion).await? {
                Action::Clear { what, mut changes, .. } => {
                    changes.retain(|change| !choice.retain.contains(&change.logical_id));
                    Action::Clear { what, changes, retain: choice.retain.clone() }
                }
                other => other,
            }
        }
        (Way::ContinueRollback, _) => {
            let failed = failed_in_rollback(session, desired, stack).await?;
            if choice.force && !choice.skip.is_empty() {
                return blocked(
                    "`--force-rollback` skips whatever fails, `--skip` what it names".to_owned(),
                    "give one of them".to_owned(),
                );
            }
            if let Some(unknown) = choice.skip.iter().find(|id| !failed.iter().any(|one| one.logical_id == **id)) {
                return blocked(
                    format!("`--skip {unknown}`: the rollback did not fail at a resource of this logical ID"),
                    format!("name some of: {}", named(&failed, |_| true)),
                );
            }
            warnings = failures(&failed, |one| !choice.force && !choice.skip.contains(&one.logical_id));
            let by = match choice.force {
                true => Recovery::ForceRollback,
                false => Recovery::ContinueRollback { skip: choice.skip.clone() },
            };
            Action::Recover { by }
        }
        (Way::RollBack, _) if stack.express => match express(session, desired, &baseline, pace).await? {
            Some(action) => {
                warnings.push(Warning {
                    check: "EXPRESS mode".to_owned(),
                    reason: "this change set is in EXPRESS mode: a stack that has failed in it takes no other"
                        .to_owned(),
                    unchecked: false,
                });
                action
            }
            None => Action::Recover { by: Recovery::Replay },
        },
        (Way::RollBack, _) => {
            warnings = failures(&resources(session, desired, stack).await?, |_| true);
            Action::Recover { by: Recovery::RollBack }
        }
    };
    warnings.extend(expressed(live));
    Ok(StackPlan { warnings, ..prepare::planned(desired, baseline, action) })
}

/// That a stack was last changed in EXPRESS mode.
pub(super) fn expressed(live: Option<&Stack>) -> Option<Warning> {
    live.filter(|stack| stack.express).map(|_| Warning {
        check: "EXPRESS mode".to_owned(),
        reason: "the last operation did not wait for resources, and rolls back only if that was requested; the next \
                 deployed change ends EXPRESS mode"
            .to_owned(),
        unchecked: false,
    })
}

/// The change set in EXPRESS mode to what the stack should be; None where nothing would change.
async fn express(
    session: &Session,
    desired: &Desired,
    baseline: &Baseline,
    pace: Pace,
) -> Result<Option<Action>, PrepareError> {
    let makes = ChangeSetKind::Update;
    let name = desired.change_set_name(baseline, "express");
    let set = prepare::change_set_named(session, desired, &name, making(), pace).await?;
    Ok(set.map(|set| Action::Apply { change_set: Some(set.id), makes, changes: set.changes }))
}

fn making() -> Making {
    Making {
        kind: ChangeSetKind::Update,
        triggers: None,
        mode: DeploymentMode::Standard,
        express: true,
        imports: Vec::new(),
    }
}

async fn resources(session: &Session, desired: &Desired, stack: &Stack) -> Result<Vec<Resource>, PrepareError> {
    cloudformation::resources(session, &stack.id).await.map_err(|source| call(desired, source))
}

/// The resources at which the rollback has failed: only those may be skipped. Others have the same status because the
/// update failed at them.
async fn failed_in_rollback(
    session: &Session,
    desired: &Desired,
    stack: &Stack,
) -> Result<Vec<Resource>, PrepareError> {
    let events = stack_events::since(session, &stack.id, "UPDATE_ROLLBACK_IN_PROGRESS").await;
    let events = events.map_err(|source| call(desired, source))?;
    let mut failed = resources(session, desired, stack).await?;
    failed.retain(|one| {
        let of_it =
            |event: &&stack_events::Event| event.logical_id == one.logical_id && event.status.ends_with("_FAILED");
        one.status.ends_with("_FAILED") && events.iter().any(|event| of_it(&event))
    });
    Ok(failed)
}

fn call(desired: &Desired, source: CallError) -> PrepareError {
    PrepareError::Call { stack: desired.stack.clone(), source }
}

fn fails_to_go(resources: &[Resource], logical_id: &str) -> bool {
    resources.iter().any(|one| one.logical_id == logical_id && one.status == "DELETE_FAILED")
}

fn named(resources: &[Resource], which: impl Fn(&Resource) -> bool) -> String {
    let names: Vec<&str> = resources.iter().filter(|one| which(one)).map(|one| one.logical_id.as_str()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Why each of the resources is where it is, with what a person can do where the operation would fail at it again.
fn failures(resources: &[Resource], stands: impl Fn(&Resource) -> bool) -> Vec<Warning> {
    let failed = resources.iter().filter(|one| one.status.ends_with("_FAILED") && stands(one));
    let warning = |one: &Resource| {
        let reason = one.reason.as_deref().unwrap_or("CloudFormation gave no reason");
        let otherwise = match one.status.as_str() {
            "DELETE_FAILED" => format!("; if that is not corrected: `--retain {}` leaves it behind", one.logical_id),
            "UPDATE_FAILED" => format!("; if that is not corrected: `--skip {}` leaves it as it is", one.logical_id),
            _ => String::new(),
        };
        Warning {
            check: one.status.clone(),
            reason: format!("{} ({}): {reason}{otherwise}", one.logical_id, one.resource_type),
            unchecked: false,
        }
    };
    failed.map(warning).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_for_the_status_that_it_leads_out_of() {
        let skip = Choice { skip: vec!["A".to_owned()], ..Choice::default() };
        let retain = Choice { retain: vec!["A".to_owned()], ..Choice::default() };
        let force = Choice { force: true, ..Choice::default() };
        assert_eq!(skip.foreign(Way::ContinueRollback), None);
        assert_eq!(force.foreign(Way::ContinueRollback), None);
        assert_eq!(retain.foreign(Way::Delete), None);
        assert_eq!(skip.foreign(Way::Delete), Some(("--skip", "UPDATE_ROLLBACK_FAILED")));
        assert_eq!(force.foreign(Way::RollBack), Some(("--force-rollback", "UPDATE_ROLLBACK_FAILED")));
        assert_eq!(retain.foreign(Way::Clear), Some(("--retain", "DELETE_FAILED")));
    }
}
