//! The record of a roll: what all of its runners know and agree on. Pure values and their transitions.
//!
//! Which tenant runs which release is never read from here: that is the stacks' to say. The record holds what no stack
//! can: who is rolling, since when a wave bakes, where its tenants came from, and whether somebody said stop.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Name and version of the stored format.
pub const SCHEMA: &str = "tenantry/roll/v2";
/// The version before, which lacks `asked` and `ran`; it is read, and written as the newer one.
pub const BEFORE: &str = "tenantry/roll/v1";

/// Steps that are kept; older ones are dropped.
const JOURNAL: usize = 400;
/// Releases that are kept of each tenant.
const RAN: usize = 20;

/// A rollout of a release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// Name and version of the format.
    pub schema: String,
    /// Git tag that is rolled out.
    pub release: String,
    /// Commit of the tag.
    pub commit: String,
    /// Start of the rollout.
    #[schemars(with = "tenantry_base::schema::Instant")]
    pub began: Timestamp,
    /// When the rollout was last approved with its plan shown; manual deploys after that are not part of it.
    #[serde(default)]
    #[schemars(with = "Option<tenantry_base::schema::Instant>")]
    pub asked: Option<Timestamp>,
    /// Number of shards.
    pub shards: u64,
    /// Null if the rollout is not paused.
    pub pause: Option<Pause>,
    /// Null if the rollout is not halted.
    pub halt: Option<Halt>,
    /// Runners by number of their shard, from 1.
    pub runners: BTreeMap<u64, Runner>,
    /// Tenants that this rollout changed, with their previous release and the stage in which they changed.
    pub came_from: BTreeMap<String, CameFrom>,
    /// Releases to which each tenant can be rolled back, oldest first, over all rollouts: those that it ran before, and
    /// the current one once its wave has passed.
    #[serde(default)]
    pub ran: BTreeMap<String, Vec<String>>,
    /// In chronological order.
    pub journal: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pause {
    /// Who paused the rollout.
    pub by: String,
    /// Reason for the pause.
    pub why: String,
    /// Start of the pause.
    #[schemars(with = "tenantry_base::schema::Instant")]
    pub at: Timestamp,
}

/// A halted rollout: no further stage starts, and each runner rolls back its part of this stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Halt {
    /// Number of the stage, from 0.
    pub stage: usize,
    /// Ring and wave, such as `ring early, wave 1 of 2`.
    pub title: String,
    /// What failed.
    pub why: String,
    /// Kind of failure.
    pub cause: HaltCause,
    /// Time of the halt.
    #[schemars(with = "tenantry_base::schema::Instant")]
    pub at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HaltCause {
    /// A gate failed.
    Gate,
    /// A stack could not be deployed.
    Deploy,
    /// Somebody rolled back by hand.
    Hand,
}

/// Progress of one runner.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Runner {
    /// The running process; null if there is none.
    pub holder: Option<Holder>,
    /// Number of the first stage that has not passed, from 0.
    pub stage: usize,
    /// When the last stack of the stage was deployed, which starts the bake time; null before that.
    #[schemars(with = "Option<tenantry_base::schema::Instant>")]
    pub landed: Option<Timestamp>,
    /// All stages passed.
    pub done: bool,
    /// After a halt: every stack of the stage that could be rolled back is.
    pub undone: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Holder {
    /// Unique ID of the run.
    pub id: String,
    /// Host and process, for display.
    pub who: String,
    /// Last renewal of the runner's lease.
    #[schemars(with = "tenantry_base::schema::Instant")]
    pub renewed: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CameFrom {
    /// Previous release; null if the tenant had no stack.
    pub release: Option<String>,
    /// Number of the stage, from 0.
    pub stage: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Time of the step.
    #[schemars(with = "tenantry_base::schema::Instant")]
    pub at: Timestamp,
    /// Runner that took the step: host and process.
    pub who: String,
    #[serde(flatten)]
    pub step: Step,
}

/// A step of a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "step")]
pub enum Step {
    Began {
        /// Git tag of the release.
        release: String,
    },
    Continued {
        /// Git tag of the release.
        release: String,
    },
    Deploying {
        /// Ring and wave, such as `ring early, wave 1 of 2`.
        stage: String,
        /// Tenants that the runner deploys in this stage.
        tenants: Vec<String>,
    },
    WindowsOverridden {
        /// Reason given for ignoring maintenance windows and freezes.
        why: String,
    },
    Waiting {
        /// Tenants that may not change yet.
        tenants: Vec<String>,
        /// When they may change.
        #[schemars(with = "tenantry_base::schema::Instant")]
        until: Timestamp,
        /// The maintenance window or freeze.
        why: String,
    },
    Deferred {
        /// Tenants that may not change before the run ends.
        tenants: Vec<String>,
        /// When they may change; null if not within a year.
        #[schemars(with = "Option<tenantry_base::schema::Instant>")]
        until: Option<Timestamp>,
        /// The maintenance window or freeze.
        why: String,
    },
    Baking {
        /// Ring and wave, such as `ring early, wave 1 of 2`.
        stage: String,
        /// End of the bake time.
        #[schemars(with = "tenantry_base::schema::Instant")]
        until: Timestamp,
    },
    Passed {
        /// Ring and wave, such as `ring early, wave 1 of 2`.
        stage: String,
    },
    /// The wave is on hold for a reason that is not the release's; the rollout waits for the operator.
    Held {
        /// Ring and wave, such as `ring early, wave 1 of 2`.
        stage: String,
        /// What is unknown, and so holds the wave.
        why: String,
    },
    /// A gate failed before the wave was deployed.
    Refused {
        /// Ring and wave, such as `ring early, wave 1 of 2`.
        stage: String,
        /// Gate that failed before the wave was deployed.
        why: String,
    },
    /// Gates that fail before a wave are ignored.
    GatesOverridden {
        /// Reason given for the override.
        why: String,
    },
    Halted {
        /// Ring and wave, such as `ring early, wave 1 of 2`.
        stage: String,
        /// What failed.
        why: String,
    },
    WentBack {
        /// Name of the tenant.
        tenant: String,
        /// Release to which the tenant was rolled back.
        to: String,
    },
    /// A tenant without a previous release, or whose rollback failed.
    Stayed {
        /// Name of the tenant.
        tenant: String,
        /// Why the tenant was not rolled back.
        why: String,
    },
    Paused {
        /// Reason for the pause.
        why: String,
    },
    Finished {
        /// Git tag of the release.
        release: String,
    },
}

/// Who asks, and what for.
#[derive(Debug, Clone)]
pub struct Ask {
    pub release: String,
    pub commit: String,
    pub shard: u64,
    pub shards: u64,
    pub id: String,
    pub who: String,
    /// Go on after a pause or a halt.
    pub resume: bool,
    /// Take the place of a runner whose lease has not ended.
    pub take_over: bool,
    /// Leave another release's roll unfinished.
    pub supersede: bool,
    /// Time after its last renewal for which a runner counts as alive.
    pub lease: SignedDuration,
}

/// Why a roll is not begun, or not gone on with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("release `{release}` is being rolled by {who}, last seen {seconds} s ago")]
    Busy { release: String, who: String, seconds: i64 },
    #[error("the roll of release `{release}` is unfinished: {state}")]
    Unfinished { release: String, state: String },
    #[error("tag `{release}` has moved: the roll began with commit {was}, the tag names {is}")]
    Moved { release: String, was: String, is: String },
    #[error("this roll has {was} shards, not {is}")]
    Shards { was: u64, is: u64 },
    #[error("the roll is paused by {by}: {why}")]
    Paused { by: String, why: String },
    #[error("the roll is halted in {title}: {why}")]
    Halted { title: String, why: String },
    #[error("another runner has taken over")]
    TakenOver,
    #[error("there is no roll{}", .0.as_ref().map(|release| format!(" of release `{release}`")).unwrap_or_default())]
    NoRoll(Option<String>),
}

impl Refusal {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Busy { .. } => Some("wait for it; if that runner is dead, `--take-over` does not wait for its lease"),
            Self::Unfinished { .. } => {
                Some("finish it, `tenantry release rollback` it, or leave it as it is with `--supersede`")
            }
            Self::Moved { .. } => Some("a released tag must not move: tag the new commit with a new name"),
            Self::Shards { .. } => Some("give every runner the same number of shards as when the roll began"),
            Self::Paused { .. } => Some("`tenantry release resume` goes on"),
            Self::Halted { .. } => Some("correct the cause, then `tenantry release resume` tries the wave again"),
            Self::TakenOver | Self::NoRoll(_) => None,
        }
    }
}

impl Record {
    /// The record with which a runner begins or goes on.
    pub fn begin(before: Option<Self>, ask: &Ask, now: Timestamp) -> Result<Self, Refusal> {
        let mut record = match before {
            Some(record) if record.release == ask.release && !record.is_done() => record.go_on(ask, now)?,
            Some(record) => {
                record.may_be_replaced(ask, now)?;
                Self::new(ask, now, record.ran)
            }
            None if ask.resume => return Err(Refusal::NoRoll(Some(ask.release.clone()))),
            None => Self::new(ask, now, BTreeMap::new()),
        };
        let holder = Holder { id: ask.id.clone(), who: ask.who.clone(), renewed: now };
        record.runners.entry(ask.shard).or_default().holder = Some(holder);
        Ok(record)
    }

    fn new(ask: &Ask, now: Timestamp, ran: BTreeMap<String, Vec<String>>) -> Self {
        let began = Entry { at: now, who: ask.who.clone(), step: Step::Began { release: ask.release.clone() } };
        Self {
            schema: SCHEMA.to_owned(),
            release: ask.release.clone(),
            commit: ask.commit.clone(),
            began: now,
            asked: Some(now),
            shards: ask.shards,
            pause: None,
            halt: None,
            runners: BTreeMap::new(),
            came_from: BTreeMap::new(),
            ran,
            journal: vec![began],
        }
    }

    fn go_on(mut self, ask: &Ask, now: Timestamp) -> Result<Self, Refusal> {
        if self.commit != ask.commit {
            let (was, is) = (self.commit, ask.commit.clone());
            return Err(Refusal::Moved { release: self.release, was, is });
        }
        if self.shards != ask.shards {
            return Err(Refusal::Shards { was: self.shards, is: ask.shards });
        }
        let other = self.runners.get(&ask.shard).and_then(|runner| runner.holder.as_ref());
        if let Some(busy) = other.filter(|_| !ask.take_over).and_then(|holder| self.busy(holder, ask, now)) {
            return Err(busy);
        }
        if ask.resume {
            self.clear();
            self.asked = Some(now);
        }
        if let Some(pause) = self.pause {
            return Err(Refusal::Paused { by: pause.by, why: pause.why });
        }
        // A runner that has not taken its part back yet goes on to do that.
        if let Some(halt) = self.halt.as_ref().filter(|_| self.runners.get(&ask.shard).is_none_or(|own| own.undone)) {
            return Err(Refusal::Halted { title: halt.title.clone(), why: halt.why.clone() });
        }
        self.note(now, &ask.who, Step::Continued { release: ask.release.clone() });
        Ok(self)
    }

    /// Forgets a pause and a halt; the halted stage is begun anew.
    fn clear(&mut self) {
        self.pause = None;
        if let Some(halt) = self.halt.take() {
            self.came_from.retain(|_, from| from.stage != halt.stage);
            for runner in self.runners.values_mut() {
                runner.stage = runner.stage.min(halt.stage);
                (runner.landed, runner.undone, runner.done) = (None, false, false);
            }
        }
    }

    fn busy(&self, holder: &Holder, ask: &Ask, now: Timestamp) -> Option<Refusal> {
        let age = now.duration_since(holder.renewed);
        (holder.id != ask.id && age < ask.lease).then(|| Refusal::Busy {
            release: self.release.clone(),
            who: holder.who.clone(),
            seconds: age.as_secs(),
        })
    }

    fn may_be_replaced(&self, ask: &Ask, now: Timestamp) -> Result<(), Refusal> {
        let holders = self.runners.values().filter_map(|runner| runner.holder.as_ref());
        if let Some(busy) = holders.filter_map(|holder| self.busy(holder, ask, now)).next() {
            return Err(busy);
        }
        if ask.resume && self.release != ask.release {
            return Err(Refusal::NoRoll(Some(ask.release.clone())));
        }
        if self.is_over() || ask.supersede {
            return Ok(());
        }
        Err(Refusal::Unfinished { release: self.release.clone(), state: self.state() })
    }

    /// Every runner has passed every stage.
    pub fn is_done(&self) -> bool {
        (1..=self.shards).all(|shard| self.runners.get(&shard).is_some_and(|runner| runner.done))
    }

    /// Nothing of it is under way or left to do: done, or halted and taken back.
    pub fn is_over(&self) -> bool {
        self.is_done() || (self.halt.is_some() && self.runners.values().all(|runner| runner.undone))
    }

    /// Where it stands, in words.
    pub fn state(&self) -> String {
        if self.is_done() {
            return "done".to_owned();
        }
        if let Some(halt) = &self.halt {
            let undone = if self.is_over() { "" } else { ", not yet taken back everywhere" };
            return format!("halted in {}{undone}: {}", halt.title, halt.why);
        }
        match &self.pause {
            Some(pause) => format!("paused by {}: {}", pause.by, pause.why),
            None => "under way".to_owned(),
        }
    }

    /// The stage that all runners have reached.
    pub fn reached(&self) -> usize {
        let of = |shard| self.runners.get(&shard).map_or(0, |own| if own.done { usize::MAX } else { own.stage });
        (1..=self.shards).map(of).min().unwrap_or(0)
    }

    /// A runner's own part, if it still is its own; gives a sign of life.
    pub fn own(&mut self, shard: u64, id: &str, now: Timestamp) -> Result<&mut Runner, Refusal> {
        let runner = self.runners.get_mut(&shard).ok_or(Refusal::TakenOver)?;
        match &mut runner.holder {
            Some(holder) if holder.id == id => holder.renewed = now,
            _ => return Err(Refusal::TakenOver),
        }
        Ok(runner)
    }

    /// Notes that a tenant is about to leave a release for this roll's.
    pub fn leaves(&mut self, tenant: &str, from: CameFrom) {
        if let Some(release) = &from.release {
            self.has_come_to(tenant, release);
        }
        self.came_from.entry(tenant.to_owned()).or_insert(from);
    }

    /// Notes that a tenant has a release: its wave has passed, or it went back. Later releases are forgotten, so that
    /// what it went back from is not a way back.
    pub fn has_come_to(&mut self, tenant: &str, release: &str) {
        let ran = self.ran.entry(tenant.to_owned()).or_default();
        match ran.iter().position(|one| one == release) {
            Some(at) => ran.truncate(at + 1),
            None => ran.push(release.to_owned()),
        }
        let old = ran.len().saturating_sub(RAN);
        ran.drain(..old);
    }

    /// Whether a tenant has run a release before, as far as rolls tell.
    pub fn has_run(&self, tenant: &str, release: &str) -> bool {
        let came_from = self.came_from.get(tenant).and_then(|from| from.release.as_deref());
        came_from == Some(release) || self.ran.get(tenant).is_some_and(|ran| ran.iter().any(|one| one == release))
    }

    /// Whether a stack was last changed, at `updated` by AWS's clock, by another than this roll since a person asked for
    /// it.
    pub fn is_by_hand(&self, tenant: &str, release: Option<&str>, updated: Option<i64>) -> bool {
        let Some((asked, updated)) = self.asked.zip(updated) else { return false };
        let ours = |from: &CameFrom| release == Some(self.release.as_str()) || release == from.release.as_deref();
        updated > asked.as_second() && !self.came_from.get(tenant).is_some_and(ours)
    }

    /// Keeps a step; the oldest give way.
    pub fn note(&mut self, at: Timestamp, who: &str, step: Step) {
        self.journal.push(Entry { at, who: who.to_owned(), step });
        if self.journal.len() > JOURNAL {
            self.journal.drain(..self.journal.len() - JOURNAL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn ask(release: &str, id: &str) -> Ask {
        Ask {
            release: release.to_owned(),
            commit: format!("commit of {release}"),
            shard: 1,
            shards: 1,
            id: id.to_owned(),
            who: format!("runner {id}"),
            resume: false,
            take_over: false,
            supersede: false,
            lease: SignedDuration::from_secs(120),
        }
    }

    fn begun() -> Record {
        Record::begin(None, &ask("v1", "a"), at(0)).unwrap()
    }

    fn halted() -> Record {
        let mut record = begun();
        let halt = |stage| Halt {
            stage,
            title: "ring early, wave 1 of 1".to_owned(),
            why: "failed".to_owned(),
            cause: HaltCause::Gate,
            at: at(5),
        };
        record.halt = Some(halt(1));
        record.came_from.insert("bolt".to_owned(), CameFrom { release: Some("v0".to_owned()), stage: 1 });
        record.came_from.insert("acme".to_owned(), CameFrom { release: Some("v0".to_owned()), stage: 0 });
        let runner = record.runners.get_mut(&1).unwrap();
        (runner.stage, runner.landed, runner.holder) = (1, Some(at(4)), None);
        record
    }

    #[test]
    fn two_rolls_at_once_are_refused_until_the_lease_of_the_first_has_ended() {
        for release in ["v1", "v2"] {
            let second = Record::begin(Some(begun()), &ask(release, "b"), at(100));
            assert!(matches!(second, Err(Refusal::Busy { seconds: 100, .. })), "{second:?}");
        }
        let same = Record::begin(Some(begun()), &ask("v1", "b"), at(121)).unwrap();
        assert_eq!(same.runners[&1].holder.as_ref().unwrap().id, "b");
        let other = Record::begin(Some(begun()), &ask("v2", "b"), at(121));
        assert!(matches!(other, Err(Refusal::Unfinished { .. })), "{other:?}");
        let superseded = Record::begin(Some(begun()), &Ask { supersede: true, ..ask("v2", "b") }, at(121)).unwrap();
        assert_eq!((superseded.release.as_str(), superseded.came_from.len()), ("v2", 0));
        assert!(Record::begin(Some(begun()), &Ask { take_over: true, ..ask("v1", "b") }, at(1)).is_ok());
    }

    #[test]
    fn a_runner_that_was_taken_over_may_not_go_on() {
        let mut record = Record::begin(Some(begun()), &Ask { take_over: true, ..ask("v1", "b") }, at(1)).unwrap();
        assert_eq!(record.own(1, "a", at(2)).unwrap_err(), Refusal::TakenOver);
        assert_eq!(record.own(1, "b", at(2)).unwrap().holder.as_ref().unwrap().renewed, at(2));
    }

    #[test]
    fn a_tag_that_moved_and_another_number_of_shards_are_refused() {
        let moved = Ask { commit: "other".to_owned(), ..ask("v1", "a") };
        assert!(matches!(Record::begin(Some(begun()), &moved, at(1)), Err(Refusal::Moved { .. })));
        let shards = Ask { shards: 2, ..ask("v1", "a") };
        assert_eq!(Record::begin(Some(begun()), &shards, at(1)), Err(Refusal::Shards { was: 1, is: 2 }));
    }

    #[test]
    fn a_pause_holds_until_it_is_resumed() {
        let mut record = begun();
        record.pause = Some(Pause { by: "ann".to_owned(), why: "incident".to_owned(), at: at(1) });
        let paused = Record::begin(Some(record.clone()), &ask("v1", "a"), at(2));
        assert!(matches!(paused, Err(Refusal::Paused { .. })));
        let resumed = Record::begin(Some(record), &Ask { resume: true, ..ask("v1", "a") }, at(2)).unwrap();
        assert_eq!(resumed.pause, None);
        assert!(matches!(Record::begin(None, &Ask { resume: true, ..ask("v1", "a") }, at(2)), Err(Refusal::NoRoll(_))));
    }

    #[test]
    fn a_halted_roll_is_over_only_when_its_wave_is_back_and_a_resume_begins_the_wave_anew() {
        let mut record = halted();
        assert!(!record.is_over() && record.state().contains("not yet taken back"), "{}", record.state());
        assert!(Record::begin(Some(record.clone()), &ask("v1", "b"), at(9)).is_ok(), "its part is to be taken back");
        assert!(matches!(Record::begin(Some(record.clone()), &ask("v2", "b"), at(9)), Err(Refusal::Unfinished { .. })));
        record.runners.get_mut(&1).unwrap().undone = true;
        assert!(record.is_over());
        assert!(matches!(Record::begin(Some(record.clone()), &ask("v1", "b"), at(9)), Err(Refusal::Halted { .. })));
        assert!(Record::begin(Some(record.clone()), &ask("v2", "b"), at(9)).is_ok());
        let again = Record::begin(Some(record), &Ask { resume: true, ..ask("v1", "b") }, at(9)).unwrap();
        assert_eq!((again.runners[&1].stage, again.runners[&1].landed), (1, None));
        assert_eq!(again.came_from.keys().collect::<Vec<_>>(), ["acme"]);
    }

    #[test]
    fn a_stage_is_reached_when_every_shard_has_reached_it() {
        let mut record = Record::begin(None, &Ask { shards: 2, ..ask("v1", "a") }, at(0)).unwrap();
        record.runners.get_mut(&1).unwrap().stage = 3;
        assert_eq!(record.reached(), 0, "the second shard has not begun");
        record.runners.insert(2, Runner { stage: 2, ..Runner::default() });
        assert_eq!(record.reached(), 2);
        record.runners.get_mut(&1).unwrap().done = true;
        assert!(!record.is_done());
    }

    #[test]
    fn a_tenant_has_run_what_it_came_from_and_what_passed_until_it_went_back_from_it() {
        let from = |release: &str| CameFrom { release: Some(release.to_owned()), stage: 0 };
        let mut record = begun();
        record.leaves("acme", from("v0"));
        assert!(record.has_run("acme", "v0") && !record.has_run("acme", "v1"), "v1 has not passed yet");
        record.has_come_to("acme", "v1");
        record.runners.get_mut(&1).unwrap().done = true;
        let mut next = Record::begin(Some(record), &ask("v2", "b"), at(500)).unwrap();
        assert!(next.has_run("acme", "v0") && next.has_run("acme", "v1"), "over all rolls");
        next.leaves("acme", from("v1"));
        next.has_come_to("acme", "v1");
        assert!(!next.has_run("acme", "v2"), "a halted release is none to go back to");
        next.has_come_to("acme", "v2");
        next.came_from.clear();
        next.has_come_to("acme", "v0");
        assert!(!next.has_run("acme", "v1") && !next.has_run("acme", "v2") && !next.has_run("bolt", "v0"));
        (0..99).for_each(|number| next.has_come_to("acme", &format!("r{number}")));
        assert_eq!(next.ran["acme"].len(), RAN);
    }

    #[test]
    fn what_was_deployed_after_the_roll_was_asked_for_is_by_hand_unless_the_roll_did_it() {
        let mut record = begun();
        let by_hand = |record: &Record, release: &str, seconds| {
            record.is_by_hand("acme", Some(release), Some(at(seconds).as_second()))
        };
        assert!(!by_hand(&record, "v0", -5) && by_hand(&record, "v9", 5) && by_hand(&record, "v1", 5));
        record.leaves("acme", CameFrom { release: Some("v0".to_owned()), stage: 0 });
        assert!(
            !by_hand(&record, "v1", 5) && !by_hand(&record, "v0", 5),
            "deployed, and rolled back by CloudFormation"
        );
        assert!(by_hand(&record, "v9", 5));
        record.runners.get_mut(&1).unwrap().holder = None;
        let resumed = Record::begin(Some(record), &Ask { resume: true, ..ask("v1", "a") }, at(9)).unwrap();
        assert!(!by_hand(&resumed, "v9", 5), "whoever resumes has seen it");
    }

    #[test]
    fn the_journal_does_not_grow_for_ever() {
        let mut record = begun();
        for _ in 0..JOURNAL * 2 {
            record.note(at(1), "a", Step::Passed { stage: "s".to_owned() });
        }
        assert_eq!(record.journal.len(), JOURNAL);
    }
}
