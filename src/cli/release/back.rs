//! `tenantry release rollback`.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args as ClapArgs;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;

use super::super::guard;
use super::super::pace::Pace;
use super::super::run::{Execution, confirmed};
use super::super::{Exit, Failure, Global, Output, opened};
use super::Zips;
use crate::cloud::Cloud;
use crate::deploy::Desired;
use crate::deploy::apply::Options;
use crate::release::back::{Means, find, take};
use crate::release::locks::{LocksError, under};
use crate::release::record::{Halt, HaltCause, Record, Refusal, Step};
use crate::release::roll::Happened;
use crate::release::skew::{Running, running};
use crate::release::store::{Store, StoreError};
use crate::report;

/// Take tenants back to an earlier release, at once and whatever their windows say.
///
/// Without a name every tenant that the latest roll changed goes back to the release it came from. Every release is
/// rendered again from its tag and must render as it was rolled. If one tenant has no way back nothing is changed,
/// unless `--keep-going`. An unfinished roll is halted first.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// The tag to go back to.
    release: Option<String>,
    /// Only this tenant.
    #[arg(long, value_name = "NAME")]
    tenant: Vec<String>,
    /// Only tenants of this ring.
    #[arg(long, value_name = "RING")]
    ring: Vec<String>,
    /// Take back those that can go, if others cannot.
    #[arg(long)]
    keep_going: bool,
    #[command(flatten)]
    zips: Zips,
    #[command(flatten)]
    execution: Execution,
    #[command(flatten)]
    pace: Pace,
}

#[derive(Serialize)]
struct Answer {
    tenants: BTreeMap<String, Line>,
}

#[derive(Serialize)]
struct Line {
    from: Option<String>,
    to: Option<String>,
    why: Option<String>,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let repository = super::repository(global)?;
    if let Some(release) = &args.release {
        repository.tag(release).map_err(super::of_git)?;
    }
    let (estate, found) = opened::load(&global.estate)?;
    let estate = estate.ok_or_else(|| opened::refused(&found, "the estate"))?;
    let output = Output::new(global.output);
    super::super::wait(async {
        let cloud = Cloud::configure().await;
        let store = Store::open(&cloud, &estate.fleet).await?;
        let live = running(&cloud, &estate).await;
        let record = store.record().await.map_err(super::of_store)?;
        let targets = targets(args, &live, record.as_ref())?;
        if targets.is_empty() {
            output.show("tenantry/rollback/v1", &Answer { tenants: BTreeMap::new() }, |_| {
                "every tenant is where it should go\n".to_owned()
            })?;
            return Ok(Exit::Clean);
        }
        let means = Means { cloud: &cloud, repository: &repository, store: &store, zips: &args.zips.functions };
        let ways = find(means, &targets).await;
        if !ways.stuck.is_empty() && !args.keep_going {
            let stuck: Vec<String> = ways.stuck.iter().map(|(tenant, why)| format!("{tenant}: {why}")).collect();
            return Err(Failure::new(format!("nothing was changed, there is no way back: {}", stuck.join("; ")))
                .with_exit(Exit::Refused)
                .with_hint("`--keep-going` takes back the others"));
        }
        let going: usize = ways.to.values().map(Vec::len).sum();
        let question = format!("Take back {}?", report::release::count(going, "tenant"));
        if !args.execution.yes && !confirmed(&question, "yes")? {
            return Err(Failure::new("not confirmed, nothing was changed").with_exit(Exit::Refused));
        }
        halt(&store, args.release.as_deref()).await.map_err(super::of_store)?;
        let options = Options {
            concurrency: args.pace.concurrency(),
            tolerance: args.execution.max_failures,
            pace: args.pace.wait(),
            allow_replace: args.execution.allow_replace.clone(),
        };
        let (_stop, stopped) = watch::channel(false);
        let draw = |event| {
            if let Some(line) = report::release::happened(&Happened::Stack(event)) {
                anstream::eprintln!("{line}");
            }
        };
        let desired: Vec<Desired> = ways.to.values().flatten().cloned().collect();
        let claim = guard::claim(&guard::run_name(), "rollback".to_owned());
        let work = take(&cloud, ways, &options, &stopped, &draw);
        let patience = Duration::from_secs(args.execution.wait_for_lock);
        let results = under(&cloud, &estate.fleet, &desired, (&claim, patience), work).await;
        let results = results.map_err(|error| match error {
            LocksError::Lock(error) => guard::failure(error),
            error => Failure::new(error),
        })?;
        note(&store, &results).await.map_err(super::of_store)?;
        let from = |tenant: &str| live.iter().find(|one| one.tenant == tenant).and_then(|one| one.release.clone());
        let line = |(tenant, result): (String, Result<String, String>)| {
            let (to, why) = match result {
                Ok(to) => (Some(to), None),
                Err(why) => (None, Some(why)),
            };
            (tenant.clone(), Line { from: from(&tenant), to, why })
        };
        let answer = Answer { tenants: results.into_iter().map(line).collect() };
        output.show("tenantry/rollback/v1", &answer, text)?;
        Ok(if answer.tenants.values().all(|line| line.to.is_some()) { Exit::Clean } else { Exit::Error })
    })?
}

/// Where each tenant should go; those that are there are left out.
fn targets(
    args: &Args,
    live: &[Running],
    record: Option<&Record>,
) -> Result<BTreeMap<String, Option<String>>, Failure> {
    if let Some(unknown) = args.tenant.iter().find(|name| live.iter().all(|one| one.tenant != **name)) {
        return Err(Failure::absent("tenant", unknown, live.iter().map(|one| one.tenant.as_str())));
    }
    if let Some(unread) = live.iter().find(|one| one.unread.is_some()) {
        let why = unread.unread.clone().unwrap_or_default();
        return Err(
            Failure::new(format!("the stack of `{}` cannot be read: {why}", unread.tenant)).with_exit(Exit::Incomplete)
        );
    }
    let wanted = |one: &&Running| {
        (args.tenant.is_empty() || args.tenant.contains(&one.tenant))
            && (args.ring.is_empty() || args.ring.contains(&one.ring))
    };
    let live = live.iter().filter(wanted).filter(|one| one.status.is_some());
    match &args.release {
        Some(release) => Ok(live
            .filter(|one| one.release.as_ref() != Some(release))
            .map(|one| (one.tenant.clone(), Some(release.clone())))
            .collect()),
        None => {
            let record = record.ok_or_else(|| super::of_store(StoreError::Refused(Refusal::NoRoll(None))))?;
            let target = |one: &Running| {
                let from = record.came_from.get(&one.tenant)?;
                (one.release.as_ref() == Some(&record.release)).then(|| (one.tenant.clone(), from.release.clone()))
            };
            Ok(live.filter_map(target).collect())
        }
    }
}

/// Halts an unfinished roll: its runners find their places taken and end.
async fn halt(store: &Store, to: Option<&str>) -> Result<(), StoreError> {
    if store.record().await?.is_none_or(|record| record.is_over()) {
        return Ok(());
    }
    let why = format!("rolled back by hand to {}", to.unwrap_or("where it came from"));
    let change = |before: Option<Record>| {
        let mut record = before.ok_or(Refusal::NoRoll(None))?;
        let now = Timestamp::now();
        let (stage, title) = (record.reached(), "every wave".to_owned());
        record.halt = Some(Halt { stage, title: title.clone(), why: why.clone(), cause: HaltCause::Hand, at: now });
        for runner in record.runners.values_mut() {
            (runner.holder, runner.undone, runner.landed) = (None, true, None);
        }
        record.note(now, &guard::who(), Step::Halted { stage: title, why: why.clone() });
        Ok(record)
    };
    store.update(change).await.map(drop)
}

/// Adds to the roll's story what was taken back.
async fn note(store: &Store, results: &BTreeMap<String, Result<String, String>>) -> Result<(), StoreError> {
    if store.record().await?.is_none() {
        return Ok(());
    }
    let change = |before: Option<Record>| {
        let mut record = before.ok_or(Refusal::NoRoll(None))?;
        for (tenant, result) in results {
            let tenant = tenant.clone();
            let step = match result {
                Ok(to) => Step::WentBack { tenant, to: to.clone() },
                Err(why) => Step::Stayed { tenant, why: why.clone() },
            };
            record.note(Timestamp::now(), &guard::who(), step);
        }
        Ok(record)
    };
    store.update(change).await.map(drop)
}

fn text(answer: &Answer) -> String {
    let line = |(tenant, line): (&String, &Line)| {
        let from = line.from.as_deref().unwrap_or("nothing");
        match (&line.to, &line.why) {
            (Some(to), _) => format!("{tenant}: {from} -> {to}\n"),
            (None, why) => format!("{tenant}: stays at {from}: {}\n", why.as_deref().unwrap_or_default()),
        }
    };
    answer.tenants.iter().map(line).collect()
}
