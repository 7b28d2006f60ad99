//! `tenantry release roll` and `tenantry release resume`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use clap::Args as ClapArgs;
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::watch;

use super::super::drift::accepted;
use super::super::events::Stream;
use super::super::guard;
use super::super::log::{self, Intent, Log};
use super::super::pace::Pace;
use super::super::review::Reviewer;
use super::super::run::{Consent, Limit, Overrides, Signals, confirmed, pass};
use super::super::selection::Shard;
use super::super::{Exit, Failure, Global, Output, opened, orphans, run};
use super::Zips;
use super::plan::{self, Itinerary};
use crate::report::release as text;
use tenantry_aws::cloud::Cloud;
use tenantry_base::files;
use tenantry_checks::policy::Stack;
use tenantry_ops::deploy::apply::Options as Deploying;
use tenantry_ops::deploy::gate::Accepted as Passed;
use tenantry_ops::deploy::journal::Record as Line;
use tenantry_ops::deploy::{Desired, Plan};
use tenantry_ops::release::back::{Means, gone};
use tenantry_ops::release::itinerary::stages;
use tenantry_ops::release::record::{Ask, HaltCause, Record};
use tenantry_ops::release::roll::{Ending, Happened, Roll};
use tenantry_ops::release::{Candidate, Manifest, Repository};

/// Roll a release out: ring by ring, wave by wave, checked by its gates.
///
/// A run that was stopped or killed is repeated. When a gate or a stack fails, the rollout halts, the wave is rolled
/// back to its former release, and later waves keep theirs. A wave whose gates fail beforehand is not deployed, and a
/// tenant that was deployed outside the rollout is left as it is until the rollout is resumed.
///
/// Exit code 0: the release is everywhere; 1: a stack failed; 3: a gate failed and the wave was rolled back or not
/// deployed, or the rollout was refused or not confirmed; 4: paused, waiting for a window, or waiting for an operator.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry release roll v1.2.0
  tenantry release roll v1.2.0 --shard 1/4 --defer --yes")]
pub(super) struct Args {
    /// The tag. Default: that of the latest rollout, if it is unfinished.
    #[arg(value_parser = crate::cli::tag_name)]
    release: Option<String>,
    /// Start although the rollout of another release is unfinished.
    #[arg(long)]
    supersede: bool,
    #[command(flatten)]
    how: How,
}

/// Resume a rollout that is paused or halted; a halted wave is tried again.
///
/// Exit codes are those of `tenantry release roll`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry release resume
  tenantry release resume --override-gates \"v1.2.1 fixes what the gate measures\"")]
pub(super) struct ResumeArgs {
    /// The tag. Default: that of the latest rollout.
    #[arg(value_parser = crate::cli::tag_name)]
    release: Option<String>,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, ClapArgs)]
struct How {
    #[command(flatten)]
    zips: Zips,
    /// Deploy only this shard of every wave; other runners deploy the others. All wait for each other after each wave.
    #[arg(long, value_name = "PART/PARTS", default_value = "1/1")]
    shard: Shard,
    /// Bake time of every ring, in place of the fleet's.
    #[arg(long, value_name = "TIME", value_parser = super::length_of_time)]
    bake: Option<SignedDuration>,
    /// Exit with code 4 where a window is closed or a freeze is in effect, instead of waiting.
    #[arg(long)]
    defer: bool,
    /// Deploy outside maintenance windows and during freezes; the reason is recorded.
    #[arg(long, value_name = "REASON")]
    override_windows: Option<String>,
    /// Deploy waves although gates fail beforehand, as for a release that fixes the cause; the reason is recorded. They
    /// count again at the end of the wave's bake time.
    #[arg(long, value_name = "REASON")]
    override_gates: Option<String>,
    /// Allow a ring without tenants.
    #[arg(long)]
    allow_empty_rings: bool,
    /// Take over from a dead runner without waiting for its lease to expire.
    #[arg(long)]
    take_over: bool,
    /// Time after its last renewal for which a runner counts as alive.
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = super::length_of_time)]
    lease: SignedDuration,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    overrides: Overrides,
    #[command(flatten)]
    limit: Limit,
    #[command(flatten)]
    stream: Stream,
    #[command(flatten)]
    pace: Pace,
}

#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct Answer<'a> {
    /// Git tag that is rolled out.
    release: &'a str,
    /// `done`, `up to date`, `paused`, `deferred`, `held`, `stopped`, `refused` or `halted`.
    ending: &'a str,
    /// Reason for any ending except `done`, `up to date` and `stopped`.
    why: Option<String>,
    /// Tenants that could not be rolled back, each with the reason.
    stuck: BTreeMap<String, String>,
    /// Tenants that the release added, which are not rolled back, each with the reason.
    kept: BTreeMap<String, String>,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let release = match &args.release {
        Some(release) => release.clone(),
        None => match latest(global)? {
            Some(record) if !record.is_done() => record.release,
            _ => {
                Output::new(global.output).text("no roll is unfinished\n")?;
                return Ok(Exit::Clean);
            }
        },
    };
    roll(&release, &args.how, global, false, args.supersede)
}

pub(super) fn resume(args: &ResumeArgs, global: &Global) -> Result<Exit, Failure> {
    let release = match &args.release {
        Some(release) => release.clone(),
        None => {
            let record = latest(global)?;
            record.map(|record| record.release).ok_or_else(|| Failure::new("nothing has been rolled yet"))?
        }
    };
    roll(&release, &args.how, global, true, false)
}

/// The record of the latest roll.
fn latest(global: &Global) -> Result<Option<Record>, Failure> {
    let fleet = super::pause::fleet(global)?;
    super::super::wait(async {
        let store = super::store(&Cloud::configure().await?, &fleet).await?;
        store.record().await.map_err(super::of_store)
    })?
}

fn roll(release: &str, how: &How, global: &Global, resume: bool, supersede: bool) -> Result<Exit, Failure> {
    let repository = super::repository(global)?;
    let candidate = super::candidate_of_today(global, &repository, release)?;
    super::no_empty_ring(&candidate, how.allow_empty_rings)?;
    let manifest = Manifest::of(&candidate).map_err(super::of_candidate)?;
    let path = super::manifest_path(global, release);
    match files::read_to_string(&path) {
        Ok(cut) => same(&cut, &manifest, &path.display().to_string())?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let mine: Vec<_> = candidate.tenants().into_iter().filter(|tenant| how.shard.has(tenant.name.as_str())).collect();
    let desired = candidate.desired(&mine, &how.zips.functions).map_err(super::of_candidate)?;
    let (shard, shards) = how.shard.numbers();
    let ask = Ask {
        release: release.to_owned(),
        commit: manifest.commit.clone(),
        shard,
        shards,
        id: guard::run_name(),
        who: guard::who(),
        resume,
        take_over: how.take_over,
        supersede,
        lease: how.lease,
    };
    // Before anything is printed.
    how.stream.open()?;
    let opened = (&repository, &candidate, &manifest, &desired);
    super::super::wait(go(&global.estate, opened, ask, how, Output::new(global.output)))?
}

async fn go(
    root: &Path,
    (repository, candidate, manifest, desired): (&Repository, &Candidate, &Manifest, &BTreeMap<String, Desired>),
    ask: Ask,
    how: &How,
    output: Output,
) -> Result<Exit, Failure> {
    let cloud = Cloud::configure().await?;
    let store = super::store(&cloud, &candidate.estate.fleet).await?;
    if let Some(kept) = store.manifest(&candidate.name).await.map_err(super::of_store)? {
        same(&kept, manifest, "the manifest with which it was first rolled")?;
    }
    functions_are_there(&cloud, desired).await?;
    let stages = stages(&candidate.estate, how.bake);
    let plan = plan::look(&cloud, candidate, desired, &how.pace).await;
    let unnamed = orphans::scan(&cloud, &candidate.estate, &opened::prices(root)?).await;
    let itinerary = Itinerary::of(repository, candidate, &stages, &plan, unnamed, store.now());
    if !output.is_json() {
        output.text(&itinerary.text())?;
    }
    let (plan, passed) = reviewed(&cloud, candidate, plan, desired, how).await?;
    let question = format!("Roll {} to {}?", candidate.name, text::count(itinerary.work(), "stack"));
    if itinerary.work() > 0 && !how.consent.yes && !confirmed(&question, "yes")? {
        return Err(Failure::new("not confirmed, nothing was rolled").with_exit(Exit::Refused));
    }
    store.keep_manifest(&candidate.name, &manifest.text()?).await.map_err(super::of_store)?;
    run::remember(
        &cloud,
        &candidate.estate.fleet,
        &run::places(plan.work().filter_map(|one| desired.get(&one.tenant))),
    )
    .await?;
    let (stop, stopped) = watch::channel(false);
    let digest = plan.digest()?;
    let intent = Intent {
        command: if ask.resume { "release resume" } else { "release roll" },
        release: &candidate.name,
        plan: &digest,
        stacks: log::planned(&plan),
    };
    let log = Log::open(root, &ask.id, intent, &passed)?.streaming(how.stream.open()?);
    for (option, reason) in [("override-windows", &how.override_windows), ("override-gates", &how.override_gates)] {
        if let Some(reason) = reason {
            log.write(Line::Reason { option: option.to_owned(), reason: reason.clone() });
        }
    }
    let draw = |happened: Happened| {
        if let Some(line) = text::happened(&happened) {
            anstream::eprintln!("{line}");
        }
        match &happened {
            // Nothing more is begun that no journal tells of; nobody listening means that all has ended.
            Happened::Stack(event) if !log.note(event) => {
                let _ = stop.send(true);
            }
            Happened::Stack(_) => {}
            others => log.tell(others),
        }
    };
    let (ask_id, now) = (ask.id.clone(), || store.now());
    let accepted = accepted(candidate.root(), crate::cli::today())?;
    let roll = Roll {
        means: Means { cloud: &cloud, repository, store: &store, zips: &how.zips.functions },
        candidate,
        stages: &stages,
        desired,
        ask,
        options: Deploying {
            concurrency: how.pace.concurrency(),
            tolerance: how.limit.max_failures,
            pace: how.pace.wait(),
            allow_replace: how.consent.allow_replace.clone(),
        },
        claim: guard::claim(&ask_id, format!("roll of {}", candidate.name)),
        wait: how.pace.wait().deadline,
        watch: how.pace.wait().poll.saturating_mul(LOOKS).max(Duration::from_millis(200)),
        defer: how.defer,
        accepted,
        override_windows: how.override_windows.clone(),
        override_gates: how.override_gates.clone(),
        now: &now,
        stop: stopped,
        events: &draw,
    };
    let mut run = Box::pin(roll.run());
    let mut signals = Signals::listen()?;
    let ending = loop {
        tokio::select! {
            ending = &mut run => break ending,
            () = signals.next() => {
                anstream::eprintln!("stopping: what AWS has begun goes on there; run the same command again to go on");
                let _ = stop.send(true);
            }
        }
    };
    drop(run);
    let ending = ending.map_err(super::of_store)?;
    log.finish()?;
    report(&candidate.name, &ending, output)
}

/// Refuses a release with blocking findings, as a deploy does: that does not fit, breaks a rule, or costs too much.
async fn reviewed(
    cloud: &Cloud,
    candidate: &Candidate,
    plan: Plan,
    desired: &BTreeMap<String, Desired>,
    how: &How,
) -> Result<(Plan, Vec<Passed>), Failure> {
    let reviewer = Reviewer::open(candidate.root(), &candidate.estate.blueprint)?;
    let rendered = candidate.render(&candidate.tenants()).map_err(super::of_candidate)?;
    let stacks: Vec<Stack<'_>> = rendered.iter().map(Stack::from).collect();
    let (policies, desired) = (reviewer.policies(&stacks), desired.values().cloned().collect::<Vec<_>>());
    let plan = reviewer.live(cloud, plan, &desired, &policies, how.pace.concurrency()).await;
    let acceptances = how.overrides.acceptances()?;
    let passed = if plan.work().next().is_none() { Vec::new() } else { pass(&plan, &acceptances)? };
    Ok((plan, passed))
}

/// Polls of stacks between two looks at gates and at what other runners say.
const LOOKS: u32 = 5;

/// Refuses a release that does not render as it was cut.
fn same(text: &str, now: &Manifest, what: &str) -> Result<(), Failure> {
    let refused = |why: String| {
        Failure::new(format!("release `{}` is not what {what} says: {why}", now.release))
            .with_exit(Exit::Refused)
            .with_hint("a released tag must not move, and a release is rolled by the tool that cut it")
    };
    let was = Manifest::parse(text).map_err(refused)?;
    let differences = was.differences(now);
    if differences.is_empty() { Ok(()) } else { Err(refused(differences.join("; "))) }
}

/// Refuses a release whose functions are neither here nor in the artifacts buckets.
async fn functions_are_there(cloud: &Cloud, desired: &BTreeMap<String, Desired>) -> Result<(), Failure> {
    let mut places = std::collections::BTreeSet::new();
    for one in desired.values().filter(|one| places.insert(&one.place)) {
        gone(cloud, one).await.map_err(|why| {
            Failure::new(why)
                .with_exit(Exit::Refused)
                .with_hint("`make functions` at the tag's commit makes them, or name their folder with `--functions`")
        })?;
    }
    Ok(())
}

fn report(release: &str, ending: &Ending, output: Output) -> Result<Exit, Failure> {
    let (mut stuck, mut kept) = (BTreeMap::new(), BTreeMap::new());
    let (name, why, exit) = match ending {
        Ending::Done { changed: true } => ("done", None, Exit::Clean),
        Ending::Done { changed: false } => ("up to date", None, Exit::Clean),
        Ending::Paused { by, why } => ("paused", Some(format!("by {by}: {why}")), Exit::Incomplete),
        Ending::Deferred { why, tenants, .. } => {
            ("deferred", Some(format!("{}: {why}", tenants.join(", "))), Exit::Incomplete)
        }
        Ending::Held { why } => ("held", Some(why.clone()), Exit::Incomplete),
        Ending::Stopped => ("stopped", None, Exit::Incomplete),
        Ending::Refused { title, why } => ("refused", Some(format!("before {title}: {why}")), Exit::Refused),
        Ending::Halted { cause, title, why, stuck: left, kept: new } => {
            stuck.clone_from(left);
            kept.clone_from(new);
            let exit = if *cause == HaltCause::Gate && left.is_empty() { Exit::Refused } else { Exit::Error };
            ("halted", Some(format!("in {title}: {why}")), exit)
        }
    };
    let answer = Answer { release, ending: name, why, stuck, kept };
    output.show(&answer, |answer| {
        let why = answer.why.as_ref().map(|why| format!(" {why}")).unwrap_or_default();
        let stuck = answer.stuck.iter().map(|(tenant, why)| format!("{tenant} could not go back: {why}\n"));
        let kept = answer.kept.iter().map(|(tenant, why)| format!("{tenant}: {why}\n"));
        format!("release {}: {}{why}\n{}", answer.release, answer.ending, stuck.chain(kept).collect::<String>())
    })?;
    Ok(exit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_says_how_a_roll_ended() {
        let output = Output::new(super::super::super::Format::Json);
        let halted = |cause, stuck: &[&str]| Ending::Halted {
            cause,
            title: "ring early, wave 1 of 1".to_owned(),
            why: "failed".to_owned(),
            stuck: stuck.iter().map(|tenant| ((*tenant).to_owned(), "gone".to_owned())).collect(),
            kept: [("dora".to_owned(), "it is new".to_owned())].into(),
        };
        for (ending, exit) in [
            (Ending::Done { changed: true }, Exit::Clean),
            (Ending::Held { why: "denied".to_owned() }, Exit::Incomplete),
            (Ending::Refused { title: "ring early".to_owned(), why: "failed".to_owned() }, Exit::Refused),
            (halted(HaltCause::Gate, &[]), Exit::Refused),
            (halted(HaltCause::Gate, &["bolt"]), Exit::Error),
            (halted(HaltCause::Deploy, &[]), Exit::Error),
        ] {
            assert_eq!(report("v1", &ending, output).unwrap(), exit, "{ending:?}");
        }
    }
}
