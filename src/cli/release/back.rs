//! `tenantry release rollback`.

use std::collections::BTreeMap;

use clap::Args as ClapArgs;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::watch;

use super::super::guard;
use super::super::log::{self, Intent, Log};
use super::super::pace::Pace;
use super::super::run::{Consent, LockWait, confirmed};
use super::super::{Exit, Failure, Global, Output, opened, orphans};
use super::Zips;
use crate::report;
use tenantry_aws::cloud::Cloud;
use tenantry_ops::deploy::Desired;
use tenantry_ops::deploy::apply::{Options, Tolerance};
use tenantry_ops::deploy::events::Event;
use tenantry_ops::deploy::journal::Record as Line;
use tenantry_ops::release::back::{Means, Target, find, plan, take};
use tenantry_ops::release::record::{Halt, HaltCause, Record, Refusal, Step};
use tenantry_ops::release::roll::Happened;
use tenantry_ops::release::skew::{Running, running};
use tenantry_ops::release::store::{Store, StoreError};
use tenantry_ops::survey::orphans::{Orphan, Orphans, Reason};

/// Roll tenants back to an earlier release, at once and outside their maintenance windows.
///
/// Without a release, every tenant that the latest rollout changed returns to its former release; with one, every
/// tenant that has run it before. A release that a tenant has not run needs `release roll`. Every release is rendered
/// again from its tag and must match its manifest. If one tenant cannot be rolled back, nothing is changed, unless
/// `--keep-going`; a tenant that was added by a later release stays as it is. An unfinished rollout is halted first.
///
/// Exit code 0: every tenant is rolled back; 1: one failed; 3: a tenant cannot be rolled back, or not confirmed; 4: a
/// stack could not be read.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry release rollback
  tenantry release rollback v1.1.0 --ring canary --why \"latency doubled\"")]
pub(super) struct Args {
    /// The tag to roll back to.
    #[arg(value_parser = crate::cli::tag_name)]
    release: Option<String>,
    /// Only this tenant.
    #[arg(long, value_name = "NAME")]
    tenant: Vec<String>,
    /// Only tenants of this ring.
    #[arg(long, value_name = "RING")]
    ring: Vec<String>,
    /// Roll back the tenants that can be, although others cannot.
    #[arg(long)]
    keep_going: bool,
    #[command(flatten)]
    zips: Zips,
    /// Reason, recorded with the rollout and in the journal.
    #[arg(long, value_name = "REASON")]
    why: Option<String>,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    lock: LockWait,
    #[command(flatten)]
    pace: Pace,
}

#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct Answer {
    /// Tenants of the rollout, by name.
    tenants: BTreeMap<String, Tenant>,
}

#[derive(Serialize, JsonSchema)]
struct Tenant {
    /// Release before the rollback; null if the stack did not exist.
    from: Option<String>,
    /// Release after the rollback; null if the tenant was not rolled back.
    to: Option<String>,
    /// Why the tenant was not rolled back; null if it was.
    why: Option<String>,
    /// The tenant was added by a later release and is not rolled back.
    kept: bool,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let repository = super::repository(global)?;
    if let Some(release) = &args.release {
        repository.tag(release).map_err(super::of_git)?;
    }
    let (estate, found) = opened::load(&global.estate)?;
    let estate = estate.ok_or_else(|| opened::refused(&found, "the estate"))?;
    let (output, prices) = (Output::new(global.output), opened::prices(&global.estate)?);
    super::super::wait(async {
        let cloud = Cloud::configure().await?;
        let store = super::store(&cloud, &estate.fleet).await?;
        let live = running(&cloud, &estate).await;
        let record = store.record().await.map_err(super::of_store)?;
        let unnamed = orphans::scan(&cloud, &estate, &prices).await;
        anstream::eprint!("{}", report::orphans::text(&unnamed));
        let targets = targets(args, &live, record.as_ref())?;
        let means = Means { cloud: &cloud, repository: &repository, store: &store, zips: &args.zips.functions };
        let mut ways = find(means, &targets).await;
        ways.stuck.extend(moved(args, &unnamed, record.as_ref()));
        if !ways.stuck.is_empty() && !args.keep_going {
            let stuck: Vec<String> = ways.stuck.iter().map(|(tenant, why)| format!("{tenant}: {why}")).collect();
            return Err(Failure::new(format!("nothing was changed, there is no way back: {}", stuck.join("; ")))
                .with_exit(Exit::Refused)
                .with_hint("`--keep-going` takes back the others"));
        }
        let from = |tenant: &str| live.iter().find(|one| one.tenant == tenant).and_then(|one| one.release.clone());
        let stays = ways.kept.iter().map(|(tenant, why)| {
            (tenant.clone(), Tenant { from: from(tenant), to: None, why: Some(why.clone()), kept: true })
        });
        let mut answer = Answer { tenants: stays.collect() };
        let going: usize = ways.to.values().map(Vec::len).sum();
        if going == 0 && ways.stuck.is_empty() {
            output.show(&answer, |answer| {
                format!("{}every tenant that has a way back is where it should go\n", text(answer))
            })?;
            return Ok(Exit::Clean);
        }
        let options = Options {
            concurrency: args.pace.concurrency(),
            tolerance: Tolerance::Failures(usize::MAX),
            pace: args.pace.wait(),
            allow_replace: args.consent.allow_replace.clone(),
        };
        let plans = plan(&cloud, &ways, &options, None).await;
        if !output.is_json() {
            for (plan, _) in &plans.plans {
                output.text(&format!("back to {}:\n{}", plan.release, report::plan::text(plan, true)))?;
            }
            output.text(&text(&answer))?;
        }
        let question = format!("Take back {}?", report::release::count(going, "tenant"));
        if !args.consent.yes && !confirmed(&question, "yes")? {
            return Err(Failure::new("not confirmed, nothing was changed").with_exit(Exit::Refused));
        }
        halt(&store, args).await.map_err(super::of_store)?;
        let name = guard::run_name();
        let stacks = plans.plans.iter().flat_map(|(plan, _)| log::planned(plan)).collect();
        let release = args.release.as_deref().unwrap_or("-");
        let intent = Intent { command: "release rollback", release, plan: "-", stacks };
        let log = Log::open(&global.estate, &name, intent, &[])?;
        if let Some(reason) = &args.why {
            log.write(Line::Reason { option: "why".to_owned(), reason: reason.clone() });
        }
        let (stop, stopped) = watch::channel(false);
        let draw = |event: Event| {
            if !log.note(&event) {
                // Nothing more is begun that no journal tells of; nobody listening means that all has ended.
                let _ = stop.send(true);
            }
            if let Some(line) = report::release::happened(&Happened::Stack(event)) {
                anstream::eprintln!("{line}");
            }
        };
        let desired: Vec<Desired> = ways.to.values().flatten().cloned().collect();
        let claim = guard::claim(&name, "rollback".to_owned());
        let work = take(&cloud, plans, &options, &stopped, &draw);
        let locks = guard::take(&cloud, &estate.fleet, &desired, &claim, args.lock.wait_for_lock).await?;
        let results = locks.during(work).await.map_err(guard::failure)?;
        log.finish()?;
        note(&store, &results).await.map_err(super::of_store)?;
        for (tenant, result) in results {
            let (to, why) = match result {
                Ok(to) => (Some(to), None),
                Err(why) => (None, Some(why)),
            };
            answer.tenants.insert(tenant.clone(), Tenant { from: from(&tenant), to, why, kept: false });
        }
        output.show(&answer, text)?;
        let went = |tenant: &Tenant| tenant.to.is_some() || tenant.kept;
        Ok(if answer.tenants.values().all(went) { Exit::Clean } else { Exit::Error })
    })?
}

/// Where each tenant should go; those that are there are left out. Back is to a release that a tenant has run: anything
/// else is a roll, with its rings and gates.
fn targets(args: &Args, live: &[Running], record: Option<&Record>) -> Result<BTreeMap<String, Target>, Failure> {
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
    let target = |one: &Running, to: Option<String>, has_run| {
        (one.tenant.clone(), Target { to, at: one.place.clone(), has_run })
    };
    let Some(release) = &args.release else {
        let record = record.ok_or_else(|| super::of_store(StoreError::Refused(Refusal::NoRoll(None))))?;
        let back = |one: &Running| {
            let from = record.came_from.get(&one.tenant)?;
            (one.release.as_ref() == Some(&record.release)).then(|| target(one, from.release.clone(), true))
        };
        return Ok(live.filter_map(back).collect());
    };
    let away = live.filter(|one| one.release.as_ref() != Some(release));
    let has_run = |one: &Running| record.is_some_and(|record| record.has_run(&one.tenant, release));
    Ok(away.map(|one| target(one, Some(release.clone()), has_run(one))).collect())
}

/// Tenants with a stack where the estate does not have them: a rollback moves none.
fn moved(args: &Args, orphans: &Orphans, record: Option<&Record>) -> Vec<(String, String)> {
    let wanted = |one: &&Orphan| {
        let named = args.tenant.is_empty() || args.tenant.contains(&one.tenant);
        let has_moved = matches!(one.reason, Reason::Elsewhere { .. } | Reason::Moving { .. });
        let leaves = match &args.release {
            Some(release) => one.release.as_ref() != Some(release),
            None => record.is_some_and(|record| one.release.as_ref() == Some(&record.release)),
        };
        named && args.ring.is_empty() && has_moved && one.status != "REVIEW_IN_PROGRESS" && leaves
    };
    let why = |one: &Orphan| {
        let release = one.release.as_deref().unwrap_or("none");
        let (account, region) = (&one.place.account, &one.place.region);
        let why = format!("it has moved: its stack in account {account} in {region} has release `{release}`");
        (one.tenant.clone(), why)
    };
    orphans.stacks.iter().filter(wanted).map(why).collect()
}

/// Halts an unfinished roll: its runners find their places taken and end.
async fn halt(store: &Store, args: &Args) -> Result<(), StoreError> {
    if store.record().await?.is_none_or(|record| record.is_over()) {
        return Ok(());
    }
    let to = args.release.as_deref().unwrap_or("where it came from");
    let reason = args.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let why = format!("rolled back by hand to {to}{reason}");
    let change = |before: Option<Record>, now| {
        let mut record = before.ok_or(Refusal::NoRoll(None))?;
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
    let change = |before: Option<Record>, now| {
        let mut record = before.ok_or(Refusal::NoRoll(None))?;
        for (tenant, result) in results {
            let tenant = tenant.clone();
            let step = match result {
                Ok(to) => {
                    record.has_come_to(&tenant, to);
                    Step::WentBack { tenant, to: to.clone() }
                }
                Err(why) => Step::Stayed { tenant, why: why.clone() },
            };
            record.note(now, &guard::who(), step);
        }
        Ok(record)
    };
    store.update(change).await.map(drop)
}

fn text(answer: &Answer) -> String {
    let line = |(tenant, line): (&String, &Tenant)| {
        let from = line.from.as_deref().unwrap_or("nothing");
        match (&line.to, &line.why) {
            (Some(to), _) => format!("{tenant}: {from} -> {to}\n"),
            (None, why) => format!("{tenant}: stays at {from}: {}\n", why.as_deref().unwrap_or_default()),
        }
    };
    answer.tenants.iter().map(line).collect()
}
