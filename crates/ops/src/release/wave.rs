//! One wave's deploy: each tenant when its window is open, until no stack of the wave has to change.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::back;
use super::gates::{self, When};
use super::itinerary::{Stage, calendar};
use super::record::{CameFrom, HaltCause, Record, Step};
use super::roll::{Break, Ending, Happened, MAX_INCONCLUSIVE, Roll, Staged, has_failed};
use super::store::StoreError;
use crate::deploy::events::Outcome;
use crate::deploy::{Action, Desired, Plan, StackPlan, State, apply, prepare};
use tenantry_base::ids::TenantName;
use tenantry_spec::estate::rings::Opening;

/// A stack that another run is changing.
fn busy(plan: &Plan) -> Option<String> {
    let mut busy = plan.blocked().filter(|stack| State::of(stack.baseline.status.as_deref()) == State::InProgress);
    busy.next().map(|stack| {
        let status = stack.baseline.status.as_deref().unwrap_or_default();
        format!("{}: the stack is {status} by another run", stack.tenant)
    })
}

/// Stacks that another than this roll has deployed since a person asked for it: it does not revert them unasked.
fn by_hand(plan: &Plan, record: &Record) -> Option<String> {
    let mut found = Vec::new();
    for stack in plan.work() {
        let (release, updated) = (stack.baseline.release.as_deref(), stack.baseline.updated);
        if record.is_by_hand(&stack.tenant, release, updated) {
            let release = release.unwrap_or("none");
            found.push(format!(
                "{} was deployed by hand since this roll was asked for (release `{release}`)",
                stack.tenant
            ));
        }
    }
    let by_hand = found.join("; ");
    (!found.is_empty()).then(|| format!("{by_hand}: `tenantry release resume` takes it to {}", record.release))
}

impl Roll<'_> {
    /// Deploys a wave, each tenant when its window is open. Gives the moment from which it bakes: one so long ago that
    /// the bake is over when no stack had to change.
    pub(super) async fn deploy(&self, index: usize, stage: &Stage<'_>, mine: &[&Desired]) -> Staged<Timestamp> {
        let mut unseen = 0;
        loop {
            let plan = self.plan(mine).await?;
            if let Some(first) = plan.unseen.first() {
                unseen += 1;
                if unseen > MAX_INCONCLUSIVE {
                    return Err(self.held(stage, format!("{}: {}", first.tenant, first.why)).await?);
                }
                self.rest(self.watch).await?;
                continue;
            }
            if let Some(why) = busy(&plan) {
                return Err(self.held(stage, why).await?);
            }
            self.refuse(&plan)?;
            if let Some(why) = by_hand(&plan, &self.alive().await?) {
                return Err(self.held(stage, why).await?);
            }
            let (open, closed) = self.by_window(&plan);
            if !open.is_empty() {
                self.change(index, stage, &plan, &open).await?;
            } else if closed.is_empty() {
                return Ok(self.landed(index, stage).await?);
            } else {
                self.wait_for_windows(&closed).await?;
            }
        }
    }

    async fn plan(&self, mine: &[&Desired]) -> Result<Plan, StoreError> {
        let desired: Vec<Desired> = mine.iter().map(|desired| (*desired).clone()).collect();
        let (cloud, options) = (self.means.cloud, &self.options);
        let plan = prepare::plan(cloud, &self.ask.release, &desired, options.pace, options.concurrency);
        self.while_alive(plan).await
    }

    /// A wave with a stack that cannot be changed, or would lose state, is bad before it has begun.
    fn refuse(&self, plan: &Plan) -> Staged<()> {
        let blocked = plan.blocked().next().map(|stack| match &stack.action {
            Action::Blocked { why, remedy } => format!("{}: {why}: {remedy}", stack.tenant),
            _ => stack.tenant.clone(),
        });
        let loses = plan.refused(&self.options.allow_replace).into_iter().next().map(|(tenant, change)| {
            format!("{tenant}: `{}` would be replaced or removed; `--allow-replace` allows it", change.logical_id)
        });
        match blocked.or(loses) {
            Some(why) => Err(Break::Halt { cause: HaltCause::Deploy, why }),
            None => Ok(()),
        }
    }

    /// Tenants that have to change: those that may now, and those that may not yet.
    fn by_window(&self, plan: &Plan) -> (BTreeSet<String>, Vec<(String, Opening)>) {
        let (mut open, mut closed) = (BTreeSet::new(), Vec::new());
        for stack in plan.stacks.iter().filter(|stack| stack.action != Action::Nothing) {
            let name = stack.tenant.parse::<TenantName>();
            let opening = match name {
                Ok(name) if self.override_windows.is_none() && stack.action != Action::Follow => {
                    calendar(&self.candidate.estate, &name).opening((self.now)())
                }
                _ => Opening::Open,
            };
            if opening == Opening::Open {
                open.insert(stack.tenant.clone());
            } else {
                closed.push((stack.tenant.clone(), opening));
            }
        }
        (open, closed)
    }

    /// Writes down where the open tenants come from, then deploys them.
    async fn change(&self, index: usize, stage: &Stage<'_>, plan: &Plan, open: &BTreeSet<String>) -> Staged<()> {
        let mut plan = plan.clone();
        plan.stacks.retain(|stack| open.contains(&stack.tenant));
        self.gates_before(stage, &plan).await?;
        self.record(|record| {
            for stack in &plan.stacks {
                record.leaves(&stack.tenant, CameFrom { release: stack.baseline.release.clone(), stage: index });
            }
        })
        .await?;
        let tenants = open.iter().cloned().collect();
        self.step(Step::Deploying { stage: stage.title(), tenants }).await?;
        let desired: Vec<Desired> = open.iter().filter_map(|tenant| self.desired.get(tenant)).cloned().collect();
        let events = |event| (self.events)(Happened::Stack(event));
        let work = apply::apply(self.means.cloud, &plan, &desired, &self.options, self.stop.clone(), &events);
        let outcomes = match self.while_alive(self.locked(&desired, work)).await? {
            Ok(outcomes) => outcomes,
            Err(error) => return Err(self.held(stage, error.to_string()).await?),
        };
        if *self.stop.borrow() {
            return Err(Break::Ended(Ending::Stopped));
        }
        let failed = match outcomes {
            Err(refused) => Some(refused.to_string()),
            Ok(outcomes) => {
                // A stack that moved since it was planned is planned again.
                let again = |outcome: &Outcome| matches!(outcome, Outcome::NotStarted | Outcome::Stale { .. });
                let started = outcomes.iter().filter(|(_, outcome)| !again(outcome));
                let failed = started
                    .filter_map(|((tenant, _), outcome)| back::failure(outcome).map(|why| format!("{tenant}: {why}")));
                let failed: Vec<String> = failed.collect();
                (!failed.is_empty()).then(|| failed.join("; "))
            }
        };
        failed.map_or(Ok(()), |why| Err(Break::Halt { cause: HaltCause::Deploy, why }))
    }

    /// A gate that fails before the wave is deployed says nothing about the release, but a wave that begins so cannot be
    /// watched.
    async fn gates_before(&self, stage: &Stage<'_>, plan: &Plan) -> Staged<()> {
        let exists =
            |stack: &&StackPlan| stack.baseline.status.is_some() && matches!(stack.action, Action::Apply { .. });
        let tenants = plan.stacks.iter().filter(exists);
        let tenants: Vec<&Desired> = tenants.filter_map(|stack| self.desired.get(&stack.tenant)).collect();
        let watched = self.watched(stage, &tenants, When::Before);
        let looks = self.while_alive(gates::look(self.means.cloud, &watched)).await?;
        let failed: Vec<String> = looks.iter().filter(|look| has_failed(look)).map(ToString::to_string).collect();
        if failed.is_empty() || self.override_gates.is_some() {
            return Ok(());
        }
        let (title, why) = (stage.title(), failed.join("; "));
        self.step(Step::Refused { stage: title.clone(), why: why.clone() }).await?;
        Err(Break::Ended(Ending::Refused { title, why }))
    }

    async fn wait_for_windows(&self, closed: &[(String, Opening)]) -> Staged<()> {
        let tenants = closed.iter().map(|(tenant, _)| tenant.clone()).collect();
        let next = closed.iter().filter_map(|(_, opening)| match opening {
            Opening::At { at, why } => Some((*at, why.clone())),
            _ => None,
        });
        let Some((at, why)) = next.min() else {
            let why = "no window of these tenants opens in the next year".to_owned();
            return Err(self.deferred(tenants, None, why).await?);
        };
        if self.defer {
            return Err(self.deferred(tenants, Some(at), why).await?);
        }
        self.step(Step::Waiting { tenants, until: at, why }).await?;
        while (self.now)() < at {
            self.rest(self.until(at)).await?;
        }
        Ok(())
    }

    async fn deferred(&self, tenants: Vec<String>, until: Option<Timestamp>, why: String) -> Result<Break, StoreError> {
        self.step(Step::Deferred { tenants: tenants.clone(), until, why: why.clone() }).await?;
        Ok(Break::Ended(Ending::Deferred { tenants, until, why }))
    }

    async fn landed(&self, index: usize, stage: &Stage<'_>) -> Result<Timestamp, StoreError> {
        let now = (self.now)();
        let record = self.alive().await?;
        let mine = |(tenant, from): (&String, &CameFrom)| from.stage == index && self.desired.contains_key(tenant);
        let changed = record.came_from.iter().any(mine);
        let landed = if changed { now } else { now.saturating_sub(stage.bake).unwrap_or(Timestamp::MIN) };
        self.own(|runner| runner.landed = Some(landed)).await?;
        if changed {
            let until = landed.saturating_add(stage.bake).unwrap_or(Timestamp::MAX);
            self.step(Step::Baking { stage: stage.title(), until }).await?;
        }
        Ok(landed)
    }
}
