//! Executes a plan. It decides nothing: it refuses stacks whose baseline has moved, starts the others, and follows them.
//!
//! Within each account and region a bounded number is in flight, and one poll of all stacks serves all of them. Once
//! enough have failed no more are started. Truth stays in CloudFormation: killed at any point, the same run is made
//! again and goes on.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use futures::{StreamExt, stream};
use tokio::sync::watch;

use super::events::{Event, Outcome, What};
use super::flight::{Flight, Step};
use super::pace::Pace;
use super::retry::enter;
use super::{ByStack, Desired, Plan, StackPlan, stale};
use tenantry_aws::cloud::{CallError, Cloud, Place, cloudformation, is_expired, may_pass};

/// How a plan is executed.
#[derive(Debug, Clone)]
pub struct Options {
    /// Stacks in flight in one account and region.
    pub concurrency: usize,
    pub tolerance: Tolerance,
    pub pace: Pace,
    /// Logical ids whose replacement or deletion is allowed.
    pub allow_replace: Vec<String>,
}

/// Failures after which no more stacks are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tolerance {
    Failures(usize),
    /// Of the stacks that the plan changes, 0 to 100.
    Percent(u8),
}

impl Tolerance {
    /// The number of failures that ends a run over so many stacks; at least one.
    pub fn of(self, stacks: usize) -> usize {
        match self {
            Self::Failures(count) => count.max(1),
            Self::Percent(percent) => (stacks * usize::from(percent) / 100).max(1),
        }
    }
}

impl std::str::FromStr for Tolerance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, is_percent) = match text.strip_suffix('%') {
            Some(number) => (number, true),
            None => (text, false),
        };
        match number.parse::<usize>() {
            Ok(percent) if is_percent && percent <= 100 => Ok(Self::Percent(percent as u8)),
            Ok(count) if !is_percent => Ok(Self::Failures(count)),
            _ => Err("a number of failures (`2`) or a share of the stacks (`5%`)".to_owned()),
        }
    }
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
    most_failures: usize,
}

impl Run<'_> {
    pub(super) fn emit(&self, stack: &StackPlan, what: What) {
        (self.events)(Event { tenant: stack.tenant.clone(), place: stack.place.clone(), what });
    }

    fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    fn is_over(&self) -> bool {
        self.is_stopped() || self.failures.load(Ordering::Relaxed) >= self.most_failures
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
    let desired = ByStack::of(desired);
    for stack in plan.work() {
        let Some(desired) = desired.get(&stack.place, &stack.stack) else { continue };
        places.entry(&stack.place).or_default().push_back((stack, desired));
    }
    let most_failures = options.tolerance.of(places.values().map(VecDeque::len).sum());
    let run = Run { options, stop, events, failures: AtomicUsize::new(0), most_failures };
    let run = &run;
    let all: Vec<_> = places.into_values().map(|queue| in_place(cloud, run, queue)).collect();
    let width = all.len().max(1);
    let outcomes: Vec<Outcomes> = stream::iter(all).buffer_unordered(width).collect().await;
    Ok(outcomes.into_iter().flatten().collect())
}

/// Polls of one place that may fail in a row because its credentials are over.
const MOST_EXPIRED: usize = 5;

/// Everything in one account and region.
async fn in_place(cloud: &Cloud, run: &Run<'_>, mut queue: VecDeque<(&StackPlan, &Desired)>) -> Outcomes {
    let mut outcomes = Outcomes::new();
    let Some((first, access)) = queue.front().map(|(stack, desired)| (*stack, &desired.access)) else {
        return outcomes;
    };
    let (session, mut live) = match enter(cloud, &first.place, access, run.options.pace.poll).await {
        Ok(entered) => entered,
        Err(error) => {
            for (stack, _) in queue {
                run.end(&mut outcomes, stack, broken(&error));
            }
            return outcomes;
        }
    };
    let (mut flying, mut expired): (Vec<Flight<'_>>, Vec<CallError>) = Default::default();
    loop {
        while flying.len() < run.options.concurrency.max(1) && !run.is_over() {
            let Some((stack, desired)) = queue.pop_front() else { break };
            flying.push(Flight::new(stack, desired));
        }
        let steps = flying.iter_mut().map(|flight| {
            let live = live.get(&flight.stack.stack);
            flight.step(&session, run, live)
        });
        let steps = join_all(steps).await;
        let mut still = Vec::new();
        for (flight, step) in flying.into_iter().zip(steps) {
            match step {
                Ok(Step::Flying) if flight.is_late(run.options.pace.deadline) => {
                    run.end(&mut outcomes, flight.stack, flight.left());
                }
                Ok(Step::Flying) => still.push(flight),
                Ok(Step::Landed(outcome)) => run.end(&mut outcomes, flight.stack, outcome),
                Err(error) if may_pass(&error) && !flight.is_late(run.options.pace.deadline) => {
                    run.emit(flight.stack, What::NotSeen { why: error.to_string() });
                    still.push(flight);
                }
                Err(error) => run.end(&mut outcomes, flight.stack, broken(&error)),
            }
        }
        flying = still;
        if (flying.is_empty() && (queue.is_empty() || run.is_over())) || run.is_stopped() {
            break;
        }
        pause(run).await;
        match cloudformation::stacks(&session).await {
            Ok(seen) => {
                live = seen;
                expired.clear();
            }
            Err(error) if may_pass(&error) => {
                for flight in &flying {
                    run.emit(flight.stack, What::NotSeen { why: error.to_string() });
                }
                expired.extend(is_expired(&error).then_some(error));
            }
            Err(error) => {
                flying.drain(..).for_each(|flight| run.end(&mut outcomes, flight.stack, broken(&error)));
                break;
            }
        }
        if expired.len() >= MOST_EXPIRED {
            break;
        }
    }
    for flight in flying {
        let outcome = match expired.last() {
            Some(over) if expired.len() >= MOST_EXPIRED => broken(over),
            _ => flight.left(),
        };
        run.end(&mut outcomes, flight.stack, outcome);
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

pub(super) fn broken(error: &CallError) -> Outcome {
    Outcome::Broken { why: error.to_string(), hint: error.hint() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tolerance_is_a_number_or_a_share_and_at_least_one() {
        let cases = [("2", 50, 2), ("0", 50, 1), ("5%", 50, 2), ("5%", 10, 1), ("100%", 7, 7)];
        for (text, stacks, expected) in cases {
            assert_eq!(text.parse::<Tolerance>().unwrap().of(stacks), expected, "{text} of {stacks}");
        }
        for text in ["", "%", "101%", "-1", "two", "5.5%"] {
            assert!(text.parse::<Tolerance>().is_err(), "{text}");
        }
    }
}
