//! Executing a plan in front of a person: the question, the progress, the summary, the exit code.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, IsTerminal};
use std::path::{Path, PathBuf};

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::watch;

use super::events::{Events, Stream};
use super::guard;
use super::log::{self, Intent, Log};
use super::pace::Pace;
use super::progress::Progress;
use super::{Exit, Failure, Output, offboarded, orphans};
use crate::report::{self, markdown};
use tenantry_aws::cloud::{Cloud, Place};
use tenantry_ops::deploy::apply::{self, Options, Outcomes, Tolerance};
use tenantry_ops::deploy::durations::{self, Durations};
use tenantry_ops::deploy::events::{Event, Outcome};
use tenantry_ops::deploy::gate::{self, Acceptance, Accepted};
use tenantry_ops::deploy::journal;
use tenantry_ops::deploy::locks::Locks;
use tenantry_ops::deploy::places::Places;
use tenantry_ops::deploy::{ByStack, Desired, Plan, stacks};
use tenantry_spec::estate::spec::Fleet;

/// How many earlier runs tell how long changes take.
const RECENT_RUNS: usize = 20;

/// Whether a person is asked first, and what may be lost.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Execution")]
pub(super) struct Consent {
    /// Do not ask for approval.
    #[arg(long, short)]
    pub(super) yes: bool,
    /// Allow this stateful resource, by logical ID, to be replaced or deleted.
    #[arg(long, value_name = "LOGICAL_ID")]
    pub(super) allow_replace: Vec<String>,
}

/// What is allowed to be wrong with a plan.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Execution")]
pub(super) struct Overrides {
    /// Override blocking findings of this code, with a reason: `TN2101="the increase is granted"`. Recorded in the
    /// journal.
    #[arg(long = "override", alias = "accept", value_name = "CODE=REASON")]
    overridden: Vec<String>,
}

/// When a run stops early.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Execution")]
pub(super) struct Limit {
    /// Start no more stacks after this many failures: a number, or a share of the stacks (`5%`).
    #[arg(long, value_name = "N|N%", default_value = "1")]
    pub(super) max_failures: Tolerance,
}

/// How long a run waits for the accounts.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Execution")]
pub(super) struct LockWait {
    /// Time to wait for another run's lock, instead of failing at once.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(super) wait_for_lock: u64,
}

/// How a plan is executed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Execution")]
pub(super) struct Execution {
    #[command(flatten)]
    pub(super) consent: Consent,
    #[command(flatten)]
    pub(super) overrides: Overrides,
    #[command(flatten)]
    pub(super) limit: Limit,
    #[command(flatten)]
    pub(super) lock: LockWait,
    #[command(flatten)]
    pub(super) stream: Stream,
    /// List every resource of a new stack.
    #[arg(long)]
    pub(super) full: bool,
    /// Write a summary for pull requests into this file.
    #[arg(long, value_name = "FILE")]
    pub(super) markdown: Option<PathBuf>,
}

/// Stacks that are taken over.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Ownership")]
pub(super) struct Adoption {
    /// Take ownership of this stack, by name, although this estate does not own it. Every resource that would be deleted
    /// must be named with `--allow-replace`.
    #[arg(long, value_name = "STACK")]
    adopt: Vec<String>,
}

impl Adoption {
    pub(super) fn stacks(&self) -> BTreeSet<String> {
        self.adopt.iter().cloned().collect()
    }

    /// The names must be those of stacks that the command is about.
    pub(super) fn check(&self, desired: &[Desired]) -> Result<(), Failure> {
        let known = || desired.iter().map(|desired| desired.stack.as_str());
        match self.adopt.iter().find(|name| known().all(|known| known != name.as_str())) {
            Some(unknown) => Err(Failure::absent("stack", unknown, known())),
            None => Ok(()),
        }
    }
}

impl Overrides {
    /// The overrides; a code that does not exist and a reason that is empty are errors.
    pub(super) fn acceptances(&self) -> Result<Vec<Acceptance>, Failure> {
        let parsed = self.overridden.iter().map(|text| {
            text.parse::<Acceptance>().map_err(|error| {
                Failure::new(error)
                    .with_hint("use `--override CODE=\"reason\"`; `tenantry explain codes` lists every code")
            })
        });
        parsed.collect()
    }
}

/// What is executed, where, and on whose command.
#[derive(Debug, Clone, Copy)]
pub(super) struct Site<'a> {
    /// The estate's root.
    pub(super) root: &'a Path,
    pub(super) fleet: &'a Fleet,
    /// Name of the subcommand.
    pub(super) command: &'a str,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Answer<'a> {
    /// One entry per stack of the plan.
    outcomes: Vec<Line<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct Line<'a> {
    /// Name of the tenant; `(control plane)` for a control plane's stack.
    tenant: &'a str,
    /// Account and Region.
    place: &'a Place,
    /// How the deploy of the stack ended.
    outcome: &'a Outcome,
}

/// Asks, takes the locks, executes and reports; gives what each stack ended in, too.
pub(super) async fn execute(
    cloud: &Cloud,
    site: Site<'_>,
    plan: &Plan,
    desired: &[Desired],
    how: &Execution,
    pace: &Pace,
    output: Output,
) -> Result<(Exit, Outcomes), Failure> {
    let events = how.stream.open()?;
    let refused = plan.refused(&how.consent.allow_replace);
    if !refused.is_empty() {
        let named = refused.iter().map(|(tenant, change)| format!("{} of {tenant}", change.logical_id));
        let named = named.collect::<Vec<_>>().join(", ");
        return Err(Failure::new(format!("resources would be replaced or removed: {named}"))
            .with_exit(Exit::Refused)
            .with_hint("name each with `--allow-replace LOGICAL_ID` to allow it"));
    }
    let work = plan.work().count();
    let blocked = if plan.blocked().next().is_some() { Exit::Refused } else { Exit::Clean };
    if work == 0 {
        return Ok((super::plan::exit(plan).max(blocked), Outcomes::new()));
    }
    let accepted = pass(plan, &how.overrides.acceptances()?)?;
    let (verb, done) = if site.command == "rescue" { ("Rescue", "changed") } else { ("Deploy", "deployed") };
    if !how.consent.yes && !confirmed(&format!("{verb} {work} stack{}?", if work == 1 { "" } else { "s" }), "yes")? {
        return Err(Failure::new(format!("not confirmed, nothing was {done}")).with_exit(Exit::Refused));
    }
    offboarded::unmark_those_of(site.root, site.fleet, plan)?;
    let (outcomes, lost) = guarded(cloud, site, plan, desired, how, pace, (&accepted, events)).await?;
    if let Some(path) = &how.markdown {
        super::write_file(path, &format!("{}{}", markdown::plan(plan), markdown::outcomes(&outcomes)))?;
    }
    let lines = outcomes.iter().map(|((tenant, place), outcome)| Line { tenant, place, outcome }).collect();
    output.show(&Answer { outcomes: lines }, summary)?;
    if let Some(lost) = lost {
        return Err(lost);
    }
    let rest = if plan.unseen.is_empty() { Exit::Clean } else { Exit::Incomplete };
    Ok((exit(&outcomes).max(blocked).max(rest), outcomes))
}

/// The gate: blocking findings that are not overridden stop the run before it starts.
pub(super) fn pass(plan: &Plan, acceptances: &[Acceptance]) -> Result<Vec<Accepted>, Failure> {
    let Some(review) = &plan.review else {
        return Err(Failure::new("the plan has not been evaluated")
            .with_exit(Exit::Refused)
            .with_hint("create it again with `tenantry plan --out`"));
    };
    let decision = gate::decide(&review.findings, acceptances);
    for code in &decision.idle {
        anstream::eprintln!("no blocking finding has the code {code}: the override has no effect");
    }
    for accepted in &decision.accepted {
        anstream::eprintln!("overridden {}: {} ({} times)", accepted.code, accepted.reason, accepted.verdicts.len());
    }
    if decision.refused.is_empty() {
        return Ok(decision.accepted);
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    decision.refused.iter().for_each(|verdict| *counts.entry(verdict.code.as_str()).or_default() += 1);
    let codes: Vec<String> = counts.iter().map(|(code, count)| format!("{code} ({count})")).collect();
    let hint: Vec<String> = counts.keys().map(|code| format!("--override {code}=\"REASON\"")).collect();
    Err(Failure::new(format!("blocking findings: {}", codes.join(", ")))
        .with_exit(Exit::Refused)
        .with_hint(format!("fix the findings, or override them: {}", hint.join(" "))))
}

/// Executes under the locks of every account concerned, with a journal. A lock that was lost is given beside the
/// outcomes.
async fn guarded(
    cloud: &Cloud,
    site: Site<'_>,
    plan: &Plan,
    desired: &[Desired],
    how: &Execution,
    pace: &Pace,
    (accepted, events): (&[Accepted], Events),
) -> Result<(Outcomes, Option<Failure>), Failure> {
    if let Some(before) = journal::newest(site.root, 1)?.pop().filter(|run| !run.is_finished()) {
        anstream::eprintln!("run {} did not finish; operations that it started are waited for", before.run);
    }
    let digest = plan.digest()?;
    let name = guard::run_name();
    let purpose = format!("{} of plan {}", site.command, digest.get(..12).unwrap_or_default());
    let by_stack = ByStack::of(desired);
    let concerned: Vec<&Desired> = plan.work().filter_map(|stack| by_stack.get(&stack.place, &stack.stack)).collect();
    let new = places(concerned.iter().copied());
    let claim = guard::claim(&name, purpose);
    let mut locks = guard::take(cloud, site.fleet, concerned, &claim, how.lock.wait_for_lock).await?;
    let options = Options {
        concurrency: pace.concurrency(),
        tolerance: how.limit.max_failures,
        pace: pace.wait(),
        allow_replace: how.consent.allow_replace.clone(),
    };
    if let Err(failure) = remember(cloud, site.fleet, &new).await {
        // What has not begun leaves no lock behind.
        let _released = guard::release(locks).await;
        return Err(failure);
    }
    let intent = Intent { command: site.command, release: &plan.release, plan: &digest, stacks: log::planned(plan) };
    let run = match Log::open(site.root, &name, intent, accepted) {
        Ok(log) => {
            let (log, earlier) = (log.streaming(events), earlier(site.root));
            under_locks(cloud, plan, desired, &options, &mut locks, log, earlier).await
        }
        Err(error) => Err(error.into()),
    };
    let lost = guard::release(locks).await.err();
    Ok((run?, lost))
}

/// How long changes took in the last runs of an estate. A journal that cannot be read is no reason to stop: without them,
/// the time left goes by the number of resources.
pub(super) fn earlier(root: &Path) -> Durations {
    journal::newest(root, RECENT_RUNS).map(|runs| durations::earlier(&runs)).unwrap_or_default()
}

/// Records where tenants' stacks are, so that they are found when git no longer names the account or region.
pub(super) async fn remember(cloud: &Cloud, fleet: &Fleet, new: &Places) -> Result<(), Failure> {
    if new.is_empty() {
        return Ok(());
    }
    orphans::record(cloud, fleet, &stacks::access(fleet, &fleet.control_plane.account), new).await
}

/// Where tenants' stacks are, and how their accounts are entered.
pub(super) fn places<'d>(concerned: impl Iterator<Item = &'d Desired>) -> Places {
    let tenants = concerned.filter(|desired| desired.artifacts.is_some());
    tenants.map(|desired| (desired.place.clone(), desired.access.clone())).collect()
}

pub(super) async fn under_locks(
    cloud: &Cloud,
    plan: &Plan,
    desired: &[Desired],
    options: &Options,
    locks: &mut Locks,
    log: Log,
    earlier: Durations,
) -> Result<Outcomes, Failure> {
    let (stop, stopped) = watch::channel(false);
    let progress = Progress::new(plan, earlier, options.concurrency);
    let seen = |event: Event| {
        progress.draw(&event);
        if !log.note(&event) {
            // Nothing more is begun that no journal tells of; nobody listening means that all has ended.
            let _ = stop.send(true);
        }
    };
    let (mut lost, mut signals) = (false, Signals::listen()?);
    let mut run = Box::pin(apply::apply(cloud, plan, desired, options, stopped, &seen));
    let mut hold = Box::pin(locks.hold());
    let outcomes = loop {
        tokio::select! {
            result = &mut run => break result,
            account = &mut hold, if !lost => {
                lost = true;
                progress.say(&format!("stopping: another run has taken the lock of account {account}"));
                let _ = stop.send(true);
            }
            () = signals.next() => {
                progress.say("stopping: operations in AWS continue; run the same command again to continue");
                let _ = stop.send(true);
            }
        }
    };
    drop((run, hold));
    progress.clear();
    let outcomes = outcomes.map_err(|refused| Failure::new(refused).with_exit(Exit::Refused))?;
    log.finish()?;
    Ok(outcomes)
}

/// The signals that ask a run to stop.
pub(super) struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?,
        })
    }

    pub(super) async fn next(&mut self) {
        let interrupted = async {
            // Where no handler can be set, the signal ends the process as ever.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        #[cfg(unix)]
        tokio::select! {
            () = interrupted => {}
            _ = self.terminate.recv() => {}
        }
        #[cfg(not(unix))]
        interrupted.await;
    }
}

/// What is not done, a line each, and how many are.
fn summary(answer: &Answer<'_>) -> String {
    let (done, rest): (Vec<_>, Vec<_>) = answer.outcomes.iter().partition(|line| *line.outcome == Outcome::Done);
    let text = |line: &&Line<'_>| {
        let Line { tenant, place, outcome } = line;
        format!("{tenant} ({} in {}): {}\n", place.account, place.region, report::plan::outcome(outcome))
    };
    format!("{}{} of {} done\n", rest.iter().map(text).collect::<String>(), done.len(), answer.outcomes.len())
}

/// What outcomes say to the shell.
fn exit(outcomes: &Outcomes) -> Exit {
    let one = |outcome: &Outcome| match outcome {
        Outcome::Done => Exit::Clean,
        Outcome::Cleared | Outcome::Recovered { .. } | Outcome::Imported => Exit::Changes,
        Outcome::Stale { .. } => Exit::Refused,
        Outcome::StillRunning => Exit::Incomplete,
        Outcome::Failed { .. } | Outcome::Broken { .. } | Outcome::NotStarted => Exit::Error,
    };
    outcomes.values().map(one).max().unwrap_or(Exit::Clean)
}

/// Whether the person types `word`. Without a terminal nobody can be asked.
pub(super) fn confirmed(question: &str, word: &str) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::new("cannot ask for approval: standard input is not a terminal")
            .with_exit(Exit::Refused)
            .with_hint("pass `--yes` (or `--confirm NAME` to destroy)"));
    }
    anstream::eprint!("{question} Type `{word}`: ");
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim() == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_that_cannot_be_read_costs_the_estimate_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join(journal::FOLDER);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("1.jsonl"), "{}\n").unwrap();
        assert!(journal::newest(root.path(), 1).is_err());
        assert_eq!(earlier(root.path()), Durations::new());
    }
}
