//! Executes a plan. It decides nothing: it refuses stacks whose ground has moved, starts the others, and follows them.
//!
//! Within each account and region a bounded number is in flight, and one poll of all stacks serves all of them. Once
//! enough have failed no more are started. Truth stays in CloudFormation: killed at any point, the same run is made
//! again and goes on.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{StreamExt, stream};
use tokio::sync::watch;

use super::events::{Event, Outcome, What};
use super::flight::{Flight, Step};
use super::prepare::Pace;
use super::{Action, Desired, Ground, Plan, StackPlan, stale};
use crate::cloud::cloudformation::{self, Stack};
use crate::cloud::{CallError, Cloud, Place, Session, is_throttled};

/// How a plan is executed.
#[derive(Debug, Clone)]
pub struct Options {
    /// Stacks in flight in one account and region.
    pub concurrency: usize,
    /// Failures after which nothing more is started.
    pub max_failures: usize,
    pub pace: Pace,
    /// Logical ids whose replacement or deletion is allowed.
    pub allow_replace: Vec<String>,
}

/// Why nothing was executed.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("the plan is stale: {}", .0.join("; "))]
    Stale(Vec<String>),
    #[error("the plan would replace or remove stateful resources: {}", .0.join(", "))]
    State(Vec<String>),
}

/// The outcome for each tenant of a plan, sorted.
pub type Outcomes = BTreeMap<(String, Place), Outcome>;

/// What the execution of all stacks shares.
pub(super) struct Run<'a> {
    pub options: &'a Options,
    pub stop: watch::Receiver<bool>,
    pub events: &'a (dyn Fn(Event) + Sync),
    failures: AtomicUsize,
}

impl Run<'_> {
    pub(super) fn emit(&self, stack: &StackPlan, what: What) {
        (self.events)(Event { tenant: stack.tenant.clone(), what });
    }

    fn is_over(&self) -> bool {
        *self.stop.borrow() || self.failures.load(Ordering::Relaxed) >= self.options.max_failures.max(1)
    }

    fn end(&self, outcomes: &mut Outcomes, stack: &StackPlan, outcome: Outcome) {
        if matches!(outcome, Outcome::Failed { .. } | Outcome::Broken { .. } | Outcome::Stale { .. }) {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        self.emit(stack, What::Ended { outcome: outcome.clone() });
        outcomes.insert((stack.tenant.clone(), stack.place.clone()), outcome);
    }
}

/// Executes a plan; `stop` ends the waiting, not what AWS has begun.
///
/// # Errors
/// A plan that git has outrun, or that loses state without leave: nothing is started.
pub async fn apply(
    cloud: &Cloud,
    plan: &Plan,
    desired: &[Desired],
    options: &Options,
    stop: watch::Receiver<bool>,
    events: &(dyn Fn(Event) + Sync),
) -> Result<Outcomes, Refused> {
    let reasons = stale::against_estate(plan, desired);
    if !reasons.is_empty() {
        return Err(Refused::Stale(reasons));
    }
    let refused = plan.refused(&options.allow_replace);
    if !refused.is_empty() {
        let named = refused.iter().map(|(tenant, change)| format!("`{}` of `{tenant}`", change.logical_id));
        return Err(Refused::State(named.collect()));
    }
    let mut places: BTreeMap<&Place, VecDeque<(&StackPlan, &Desired)>> = BTreeMap::new();
    for stack in &plan.stacks {
        let Some(desired) = desired.iter().find(|d| d.stack == stack.stack && d.place == stack.place) else { continue };
        if matches!(stack.action, Action::Apply { .. } | Action::Recreate { .. } | Action::Follow) {
            places.entry(&stack.place).or_default().push_back((stack, desired));
        }
    }
    let run = Run { options, stop, events, failures: AtomicUsize::new(0) };
    let run = &run;
    let all: Vec<_> = places.into_values().map(|queue| in_place(cloud, run, queue)).collect();
    let width = all.len().max(1);
    let outcomes: Vec<Outcomes> = stream::iter(all).buffer_unordered(width).collect().await;
    Ok(outcomes.into_iter().flatten().collect())
}

/// Everything in one account and region.
async fn in_place(cloud: &Cloud, run: &Run<'_>, mut queue: VecDeque<(&StackPlan, &Desired)>) -> Outcomes {
    let mut outcomes = Outcomes::new();
    let Some((first, access)) = queue.front().map(|(stack, desired)| (*stack, &desired.access)) else {
        return outcomes;
    };
    let opened = async {
        let session = cloud.session(&first.place, access).await?;
        let live = cloudformation::stacks(&session).await?;
        Ok::<_, CallError>((session, live))
    };
    let (session, mut live) = match opened.await {
        Ok(opened) => opened,
        Err(error) => {
            for (stack, _) in queue {
                run.end(&mut outcomes, stack, broken(&error));
            }
            return outcomes;
        }
    };
    let mut flying: Vec<Flight<'_>> = Vec::new();
    loop {
        while flying.len() < run.options.concurrency.max(1) && !run.is_over() {
            let Some((stack, desired)) = queue.pop_front() else { break };
            match start(&session, run, stack, desired, live.get(&stack.stack)).await {
                Ok(flight) => flying.push(flight),
                Err(outcome) => run.end(&mut outcomes, stack, outcome),
            }
        }
        if flying.is_empty() || *run.stop.borrow() {
            break;
        }
        pause(run).await;
        match cloudformation::stacks(&session).await {
            Ok(seen) => live = seen,
            Err(error) if may_pass(&error) => {
                for flight in &flying {
                    run.emit(flight.stack, What::NotSeen { why: error.to_string() });
                }
                continue;
            }
            Err(error) => {
                for flight in flying.drain(..) {
                    run.end(&mut outcomes, flight.stack, broken(&error));
                }
                break;
            }
        }
        let mut still = Vec::new();
        for mut flight in flying {
            match flight.look(&session, run, live.get(&flight.stack.stack)).await {
                Ok(Step::Flying) => still.push(flight),
                Ok(Step::Landed(outcome)) => run.end(&mut outcomes, flight.stack, outcome),
                Err(error) if may_pass(&error) => {
                    run.emit(flight.stack, What::NotSeen { why: error.to_string() });
                    still.push(flight);
                }
                Err(error) => run.end(&mut outcomes, flight.stack, broken(&error)),
            }
        }
        flying = still;
    }
    for flight in flying {
        run.end(&mut outcomes, flight.stack, Outcome::StillRunning);
    }
    for (stack, _) in queue {
        run.end(&mut outcomes, stack, Outcome::NotStarted);
    }
    outcomes
}

/// Waits for the next poll, or for the end of the run.
async fn pause(run: &Run<'_>) {
    let mut stop = run.stop.clone();
    let stopped = async {
        // A sender that is gone will never stop the run.
        if stop.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = tokio::time::sleep(run.options.pace.poll) => {}
        () = stopped => {}
    }
}

async fn start<'a>(
    session: &Session,
    run: &Run<'_>,
    stack: &'a StackPlan,
    desired: &'a Desired,
    live: Option<&Stack>,
) -> Result<Flight<'a>, Outcome> {
    if stack.action != Action::Follow
        && let Some(why) = stale::moved(stack, &Ground::of(live))
    {
        return Err(Outcome::Stale { why });
    }
    Flight::start(session, run, stack, desired, live).await.map_err(|error| broken(&error))
}

/// A failure to look that says nothing about the stacks.
fn may_pass(error: &CallError) -> bool {
    use crate::cloud::Cause;
    is_throttled(error)
        || match &error.cause {
            Cause::TimedOut | Cause::Unreachable | Cause::Unreadable { .. } => true,
            Cause::Refused { http_status, .. } => *http_status >= 500 && *http_status != 501,
            _ => false,
        }
}

pub(super) fn broken(error: &CallError) -> Outcome {
    Outcome::Broken { why: error.to_string(), hint: error.hint() }
}
