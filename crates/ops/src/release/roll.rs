//! Rolls a release: stage by stage, deploy, bake, look, go on; or halt and take the wave back.
//!
//! What has the release is read from the stacks every time; the shared record holds the rest, and is written before
//! what it announces is done. Killed at any point, the same command goes on where it was.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::watch;

use super::back::{self, Means, Target};
use super::candidate::Candidate;
use super::gates::{self, GateStatus, Look, Watched, When};
use super::itinerary::Stage;
use super::record::{Ask, CameFrom, Halt, HaltCause, Record, Refusal, Runner, Step};
use super::store::StoreError;
use crate::deploy::Desired;
use crate::deploy::apply::Options;
use crate::deploy::events::Event;
use crate::deploy::lock::Claim;
use crate::deploy::locks::{self, Locks, LocksError};
use crate::drift::accepted::Accepted;

/// Times that gates which cannot be read are looked at again once the bake time is over.
pub(super) const MAX_INCONCLUSIVE: u32 = 5;

/// A roll that one runner makes.
#[expect(missing_debug_implementations, reason = "it holds a function that draws events")]
pub struct Roll<'a> {
    pub means: Means<'a>,
    pub candidate: &'a Candidate,
    pub stages: &'a [Stage<'a>],
    /// What the stacks of this runner's shard should be, by tenant.
    pub desired: &'a BTreeMap<String, Desired>,
    pub ask: Ask,
    pub options: Options,
    /// What is written into the locks of accounts, and how long they are waited for.
    pub claim: Claim,
    pub wait: Duration,
    /// Between two looks at gates and at the record.
    pub watch: Duration,
    /// Leave tenants whose window is closed for a later run, instead of waiting.
    pub defer: bool,
    /// Drift that may stay, by the release's own list.
    pub accepted: Accepted,
    /// Why windows and freezes do not hold this time.
    pub override_windows: Option<String>,
    /// Why gates that fail before a wave do not stop it; they count at the end of its bake time only.
    pub override_gates: Option<String>,
    /// The store's clock.
    pub now: &'a (dyn Fn() -> Timestamp + Sync),
    pub stop: watch::Receiver<bool>,
    pub events: &'a (dyn Fn(Happened) + Sync),
}

/// What a roll says while it goes on.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Happened {
    Step(Step),
    Stack(Event),
    /// A gate that did not pass, when it is first seen so.
    #[serde(rename = "gate")]
    Look(Look),
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Every stage has passed; `changed` says whether this roll changed any stack.
    Done {
        changed: bool,
    },
    Paused {
        by: String,
        why: String,
    },
    /// Tenants whose window is closed are left for a later run.
    Deferred {
        tenants: Vec<String>,
        until: Option<Timestamp>,
        why: String,
    },
    /// A gate or a stack could not be read.
    Held {
        why: String,
    },
    /// A gate failed before the wave was deployed.
    Refused {
        title: String,
        why: String,
    },
    /// The wave was taken back, as far as its tenants have a release to go back to.
    Halted {
        cause: HaltCause,
        title: String,
        why: String,
        /// Tenants that could not go back, each with the reason.
        stuck: BTreeMap<String, String>,
        /// Tenants that the release added, which are not rolled back, each with the reason.
        kept: BTreeMap<String, String>,
    },
    Stopped,
}

/// What ends a stage before it has passed.
pub(super) enum Break {
    Ended(Ending),
    /// This runner says that the wave is bad.
    Halt {
        cause: HaltCause,
        why: String,
    },
    /// Another runner says so: look at the record again.
    Again,
    Failed(StoreError),
}

impl From<StoreError> for Break {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

pub(super) type Staged<T> = Result<T, Break>;

impl Roll<'_> {
    /// Begins, or goes on, and rolls to the end.
    ///
    /// # Errors
    /// [`Refusal`]s, and a record that cannot be read or written.
    pub async fn run(&self) -> Result<Ending, StoreError> {
        let record = self.means.store.update(|before, now| Record::begin(before, &self.ask, now)).await?;
        if let Some(begun) = record.journal.last() {
            (self.events)(Happened::Step(begun.step.clone()));
        }
        let ended = self.all_stages().await;
        // Whoever took over has the record now.
        if !matches!(ended, Err(StoreError::Refused(Refusal::TakenOver))) {
            self.own(|runner| runner.holder = None).await?;
        }
        ended
    }

    async fn all_stages(&self) -> Result<Ending, StoreError> {
        if let Some(why) = &self.override_windows {
            self.step(Step::WindowsOverridden { why: why.clone() }).await?;
        }
        if let Some(why) = &self.override_gates {
            self.step(Step::GatesOverridden { why: why.clone() }).await?;
        }
        loop {
            let record = self.alive().await?;
            let own = record.runners.get(&self.ask.shard).cloned().unwrap_or_default();
            if let Some(halt) = &record.halt {
                return self.take_back(&record, halt).await;
            }
            let Some(stage) = self.stages.get(own.stage) else {
                return self.finish(&record).await;
            };
            match self.stage(own.stage, stage, &own).await {
                Ok(()) => self.pass(own.stage, stage).await?,
                Err(Break::Again) => {}
                Err(Break::Ended(ending)) => return Ok(ending),
                Err(Break::Halt { cause, why }) => self.halt(own.stage, stage, cause, why).await?,
                Err(Break::Failed(error)) => return Err(error),
            }
        }
    }

    async fn finish(&self, record: &Record) -> Result<Ending, StoreError> {
        self.own(|runner| runner.done = true).await?;
        self.step(Step::Finished { release: self.ask.release.clone() }).await?;
        Ok(Ending::Done { changed: !record.came_from.is_empty() })
    }

    async fn pass(&self, index: usize, stage: &Stage<'_>) -> Result<(), StoreError> {
        let mine = stage.tenants.iter().filter(|tenant| self.desired.contains_key(tenant.as_str()));
        self.record(|record| {
            mine.clone().for_each(|tenant| record.has_come_to(tenant.as_str(), &self.ask.release));
        })
        .await?;
        self.own(|runner| (runner.stage, runner.landed) = (index + 1, None)).await?;
        self.step(Step::Passed { stage: stage.title() }).await
    }

    /// One stage of this runner's shard, once every other has reached it too.
    async fn stage(&self, index: usize, stage: &Stage<'_>, own: &Runner) -> Staged<()> {
        while self.alive().await?.reached() < index {
            self.rest(self.watch).await?;
        }
        let mine: Vec<&Desired> = stage.tenants.iter().filter_map(|tenant| self.desired.get(tenant.as_str())).collect();
        if mine.is_empty() {
            return Ok(());
        }
        let landed = match own.landed {
            Some(landed) => landed,
            None => self.deploy(index, stage, &mine).await?,
        };
        self.bake(stage, &mine, landed.saturating_add(stage.bake).unwrap_or(Timestamp::MAX)).await
    }

    /// Does work under the locks of the accounts that it touches.
    pub(super) async fn locked<T>(&self, desired: &[Desired], work: impl Future<Output = T>) -> Result<T, LocksError> {
        let fleet = &self.candidate.estate.fleet;
        let accounts = locks::accounts(desired);
        let locks = Locks::take(self.means.cloud, fleet, &accounts, &self.claim, self.wait).await?;
        locks.during(work).await
    }

    pub(super) async fn held(&self, stage: &Stage<'_>, why: String) -> Result<Break, StoreError> {
        self.step(Step::Held { stage: stage.title(), why: why.clone() }).await?;
        Ok(Break::Ended(Ending::Held { why }))
    }

    /// Watches a wave until `end`. A failed gate ends it at once; at the end all must pass.
    async fn bake(&self, stage: &Stage<'_>, mine: &[&Desired], end: Timestamp) -> Staged<()> {
        let mut reported: BTreeSet<String> = BTreeSet::new();
        let mut late = 0;
        loop {
            let over = (self.now)() >= end;
            let watched = self.watched(stage, mine, if over { When::Over } else { When::Baking });
            let looks = self.while_alive(gates::look(self.means.cloud, &watched)).await?;
            for look in looks.iter().filter(|look| look.verdict != GateStatus::Passed) {
                if reported.insert(look.to_string()) {
                    (self.events)(Happened::Look(look.clone()));
                }
            }
            // What failed before the wave needs its time to pass.
            let counts = over || self.override_gates.is_none();
            let failed = looks.iter().filter(|look| counts && has_failed(look));
            let failed: Vec<String> = failed.map(ToString::to_string).collect();
            if !failed.is_empty() {
                return Err(Break::Halt { cause: HaltCause::Gate, why: failed.join("; ") });
            }
            let unread = looks.iter().find(|look| matches!(look.verdict, GateStatus::Unknown { .. }));
            match unread {
                None if over => return Ok(()),
                Some(look) if late >= MAX_INCONCLUSIVE => return Err(self.held(stage, look.to_string()).await?),
                Some(_) if over => late += 1,
                _ => {}
            }
            self.rest(if over { self.watch } else { self.until(end) }).await?;
        }
    }

    /// What is looked at in tenants of a stage.
    pub(super) fn watched<'w>(&'w self, stage: &'w Stage<'_>, tenants: &'w [&'w Desired], when: When) -> Watched<'w> {
        Watched {
            ring: stage.ring,
            tenants,
            watch: &self.candidate.estate.blueprint.watch,
            root: self.candidate.root(),
            today: Offset::UTC.to_datetime((self.now)()).date(),
            accepted: &self.accepted,
            when,
            pace: self.options.pace,
            concurrency: self.options.concurrency,
        }
    }

    async fn halt(&self, index: usize, stage: &Stage<'_>, cause: HaltCause, why: String) -> Result<(), StoreError> {
        let halt = Halt { stage: index, title: stage.title(), why: why.clone(), cause, at: (self.now)() };
        self.record(|record| record.halt = Some(record.halt.take().unwrap_or_else(|| halt.clone()))).await?;
        self.step(Step::Halted { stage: stage.title(), why }).await
    }

    /// Takes this runner's part of the halted wave back to where it came from.
    async fn take_back(&self, record: &Record, halt: &Halt) -> Result<Ending, StoreError> {
        let mine =
            |(tenant, from): &(&String, &CameFrom)| from.stage == halt.stage && self.desired.contains_key(*tenant);
        let target = |(tenant, from): (&String, &CameFrom)| {
            let at = self.desired.get(tenant)?.place.clone();
            Some((tenant.clone(), Target { to: from.release.clone(), at, has_run: true }))
        };
        let targets = record.came_from.iter().filter(mine).filter_map(target).collect();
        let events = |event| (self.events)(Happened::Stack(event));
        let mut ways = self.while_alive(back::find(self.means, &targets)).await?;
        let kept = std::mem::take(&mut ways.kept);
        let desired: Vec<Desired> = ways.to.values().flatten().cloned().collect();
        let leaving = Some(self.ask.release.as_str());
        let plans = self.while_alive(back::plan(self.means.cloud, &ways, &self.options, leaving)).await?;
        let work = back::take(self.means.cloud, plans, &self.options, &self.stop, &events);
        let results = match self.while_alive(self.locked(&desired, work)).await? {
            Ok(results) => results,
            Err(error) => {
                let why = error.to_string();
                self.step(Step::Held { stage: halt.title.clone(), why: why.clone() }).await?;
                return Ok(Ending::Held { why });
            }
        };
        let mut stuck = BTreeMap::new();
        for (tenant, result) in results {
            match result {
                Ok(to) => {
                    self.record(|record| record.has_come_to(&tenant, &to)).await?;
                    self.step(Step::WentBack { tenant, to }).await?;
                }
                Err(why) => {
                    self.step(Step::Stayed { tenant: tenant.clone(), why: why.clone() }).await?;
                    stuck.insert(tenant, why);
                }
            }
        }
        for (tenant, why) in &kept {
            self.step(Step::Stayed { tenant: tenant.clone(), why: why.clone() }).await?;
        }
        if *self.stop.borrow() {
            return Ok(Ending::Stopped);
        }
        self.own(|runner| (runner.undone, runner.landed) = (true, None)).await?;
        Ok(Ending::Halted { cause: halt.cause, title: halt.title.clone(), why: halt.why.clone(), stuck, kept })
    }

    /// Rests for a while, and looks whether anybody said stop.
    pub(super) async fn rest(&self, time: Duration) -> Staged<()> {
        let mut stop = self.stop.clone();
        let stopped = async {
            if stop.wait_for(|stop| *stop).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = stopped => return Err(Break::Ended(Ending::Stopped)),
        }
        let record = self.alive().await?;
        if record.halt.is_some() {
            return Err(Break::Again);
        }
        match record.pause {
            Some(pause) => Err(Break::Ended(Ending::Paused { by: pause.by, why: pause.why })),
            None => Ok(()),
        }
    }

    /// The time to a moment, at most that between two looks.
    pub(super) fn until(&self, at: Timestamp) -> Duration {
        let left = at.duration_since((self.now)()).max(SignedDuration::ZERO);
        Duration::try_from(left).unwrap_or(self.watch).min(self.watch)
    }

    /// Gives signs of life while something takes its time.
    pub(super) async fn while_alive<T>(&self, work: impl Future<Output = T>) -> Result<T, StoreError> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                () = tokio::time::sleep(self.watch) => {
                    // What cannot be read now can be read later; the work goes on.
                    if let Err(StoreError::Refused(refusal)) = self.alive().await {
                        return Err(refusal.into());
                    }
                }
            }
        }
    }

    pub(super) async fn alive(&self) -> Result<Record, StoreError> {
        self.record(|_| ()).await
    }

    pub(super) async fn own(&self, change: impl Fn(&mut Runner)) -> Result<Record, StoreError> {
        self.record(|record| {
            if let Some(runner) = record.runners.get_mut(&self.ask.shard) {
                change(runner);
            }
        })
        .await
    }

    pub(super) async fn step(&self, step: Step) -> Result<(), StoreError> {
        self.record(|record| record.note((self.now)(), &self.ask.who, step.clone())).await?;
        (self.events)(Happened::Step(step));
        Ok(())
    }

    /// Changes the record, if this runner still is in its place.
    pub(super) async fn record(&self, change: impl Fn(&mut Record)) -> Result<Record, StoreError> {
        let change = |before: Option<Record>, now| {
            let mut record = before.filter(|record| record.release == self.ask.release).ok_or(Refusal::TakenOver)?;
            record.own(self.ask.shard, &self.ask.id, now)?;
            change(&mut record);
            Ok(record)
        };
        self.means.store.update(change).await
    }
}

pub(super) fn has_failed(look: &Look) -> bool {
    matches!(look.verdict, GateStatus::Failed { .. })
}
