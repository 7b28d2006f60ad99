//! `tenantry drift`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Args as ClapArgs;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::guard;
use super::log::{Intent, Log};
use super::opened::{self, Opened, Release, refused};
use super::output::Format;
use super::pace::Pace;
use super::progress::Spinner;
use super::restore::Restore;
use super::review::Reviewer;
use super::run::{Execution, Site};
use super::{Exit, Failure, Global, Output, Selection, checks, orphans};
use crate::report;
use crate::report::groups::counted;
use tenantry_aws::cloud::Cloud;
use tenantry_base::files;
use tenantry_base::finding::{Finding, Source};
use tenantry_ops::deploy::journal::Record;
use tenantry_ops::drift::accepted::{self, Accepted};
use tenantry_ops::drift::check::{Options, check};
use tenantry_ops::drift::record::Record as LastChecks;
use tenantry_ops::drift::{DriftStatus, StackDrift};
use tenantry_ops::survey::orphans::Orphans;
use tenantry_spec::estate::has_errors;
use tenantry_spec::estate::spec::Fleet;

/// Detect drift: compare the template, the network and all other resources of each stack with what exists, and list
/// unmanaged resources.
///
/// Changes nothing, except with `--fix`, after which the same check runs again and sets the exit code. Drift that is
/// accepted for a time is listed in `policies/drift-accepted.yaml`.
///
/// Exit code 0: in sync; 2: there is drift or an orphaned stack; 3: with `--fix`, blocked, locked or not confirmed; 4:
/// something could not be checked.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry drift
  tenantry drift acme --fix
  tenantry drift --shard 3/8 -o json")]
#[command(mut_args(only_with_fix))]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) selection: Selection,
    #[command(flatten)]
    release: Release,
    #[command(flatten)]
    pace: Pace,
    /// Maximum number of differences to look up in CloudTrail for their author, the worst first; about one a second.
    #[arg(long, value_name = "N", default_value_t = 20)]
    lookups: usize,
    /// Show what each source checked and what it cannot detect.
    #[arg(long)]
    sources: bool,
    /// Restore what differs: by drift-aware change sets, and by direct calls for what CloudFormation cannot detect.
    /// Every step is shown beforehand; unmanaged resources are left as they are.
    #[arg(long)]
    pub(super) fix: bool,
    #[command(flatten)]
    execution: Execution,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Answer<'a> {
    /// Release that the stacks are compared with.
    release: &'a str,
    /// Result per stack, by tenant.
    stacks: &'a [StackDrift],
    /// Findings about `policies/drift-accepted.yaml`.
    findings: &'a [Finding],
    /// Orphaned stacks; null if only some tenants were checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    orphans: Option<&'a Orphans>,
}

/// Options of an execution mean nothing without one.
fn only_with_fix(arg: clap::Arg) -> clap::Arg {
    if arg.get_help_heading() == Some("Execution") { arg.requires("fix") } else { arg }
}

const ACCEPTED: &str = "policies/drift-accepted.yaml";

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let spinner = Spinner::start("reading the estate");
    let opened = Opened::without_broken(global, &args.selection.names)?;
    let today = super::today();
    let accepted = accepted(&global.estate, today)?;
    let tenants = args.selection.select(&opened.estate)?;
    let reviewer = Reviewer::open(&global.estate, &opened.estate.blueprint)?;
    // The policies are asked only about what is going to be executed.
    let (desired, policies) = if args.fix {
        opened.held(&tenants, &args.release, &reviewer)?
    } else {
        (opened.desired(&tenants, &args.release)?, Vec::new())
    };
    let options = Options { pace: args.pace.wait(), concurrency: args.pace.concurrency(), lookups: args.lookups };
    args.execution.overrides.acceptances()?;
    if args.fix && global.output != Format::Text {
        return Err(Failure::new("`--fix` answers as text only"));
    }
    let prices = opened::prices(&global.estate)?;
    drop(spinner);
    let look = async |cloud: &Cloud, orphans: Option<&Orphans>| {
        let spinner = Spinner::start(&format!("checking {}", counted(desired.len(), "stack")));
        let checked = AtomicUsize::new(0);
        let done = |_: &StackDrift| {
            let count = checked.fetch_add(1, Ordering::Relaxed) + 1;
            spinner.next(format!("checked {count} of {}", counted(desired.len(), "stack")));
        };
        let mut drifts = check(cloud, &desired, &options, &done).await;
        drop(spinner);
        let findings = accepted.apply(&mut drifts, today);
        note(&opened.estate.fleet, &global.estate, &drifts).await;
        journal(&global.estate, "drift", &args.release.release, &drifts);
        show(args, global, &drifts, &findings, orphans)?;
        Ok::<_, Failure>(drifts)
    };
    super::wait(async {
        let cloud = Cloud::configure().await?;
        let cloud = if args.fix { cloud } else { cloud.reading() };
        let orphans = match args.selection.is_whole_fleet() {
            true => Some(orphans::scan(&cloud, &opened.estate, &prices).await),
            false => None,
        };
        let unnamed = orphans.as_ref().map_or(Exit::Clean, orphans::exit);
        let unnamed = unnamed.max(opened.incomplete(args.selection.is_whole_fleet()));
        let drifts = look(&cloud, orphans.as_ref()).await?;
        if !args.fix {
            return Ok(exit(&drifts).max(unnamed));
        }
        let restore = Restore {
            site: Site { root: &global.estate, fleet: &opened.estate.fleet, command: "drift" },
            release: &args.release.release,
            desired: &desired,
            reviewer: &reviewer,
            policies: &policies,
            execution: &args.execution,
            pace: &args.pace,
            output: Output::new(global.output),
        };
        let ended = restore.run(&cloud, &drifts).await?;
        // The same check says whether it is restored; a gate that refused restored nothing.
        let checked = exit(&look(&cloud, None).await?).max(unnamed);
        Ok(if ended == Exit::Refused { ended } else { checked })
    })?
}

/// The list of accepted drift; one with faults ends the command.
pub(super) fn accepted(estate: &Path, today: jiff::civil::Date) -> Result<Accepted, Failure> {
    let path = estate.join(ACCEPTED);
    if !path.exists() {
        return Ok(Accepted::default());
    }
    let text = files::read_to_string(&path)?;
    let (accepted, findings) = accepted::parse(Arc::new(Source { path: ACCEPTED.into(), text }), today);
    if has_errors(&findings) { Err(refused(&findings, "the list of accepted drift")) } else { Ok(accepted) }
}

/// Keeps when each stack was last checked, here and in the control plane. What cannot be kept is reported, and is no reason
/// to withhold what was found.
pub(super) async fn note(fleet: &Fleet, estate: &Path, drifts: &[StackDrift]) {
    let mut record = LastChecks::load(estate);
    record.note(drifts, Timestamp::now().as_second());
    if let Err(error) = record.save(estate) {
        anstream::eprintln!("warning: {error}");
    }
    if let Err(why) = checks::share(fleet, &record).await {
        anstream::eprintln!("warning: the check is not shared with other clones: {why}");
    }
}

/// Writes down what was found. A journal that cannot be written spoils no check.
pub(super) fn journal(estate: &Path, command: &str, release: &str, drifts: &[StackDrift]) {
    let named = |verdict: DriftStatus| drifts.iter().filter(move |drift| drift.verdict == verdict);
    let tenants = |verdict| named(verdict).map(|drift| drift.tenant.clone()).collect();
    let intent = Intent { command, release, plan: "-", stacks: Vec::new() };
    let written = Log::open(estate, &guard::run_name(), intent, &[]).map_err(Failure::from).and_then(|log| {
        log.write(Record::Checked {
            in_sync: named(DriftStatus::InSync).count(),
            drifted: tenants(DriftStatus::Drifted),
            incomplete: tenants(DriftStatus::Incomplete),
        });
        log.finish()
    });
    if let Err(failure) = written {
        anstream::eprintln!("the check is not in the journal: {}", failure.error);
    }
}

fn show(
    args: &Args,
    global: &Global,
    drifts: &[StackDrift],
    findings: &[Finding],
    orphans: Option<&Orphans>,
) -> Result<(), Failure> {
    let output = Output::new(global.output);
    match global.output {
        Format::Json => {
            let answer = Answer { release: &args.release.release, stacks: drifts, findings, orphans };
            output.json(&answer)
        }
        Format::Markdown => output.text(&format!("{}{}", report::drift::markdown(drifts), unnamed(orphans))),
        _ => {
            anstream::eprint!("{}", report::findings::text(findings));
            output.text(&format!("{}{}", unnamed(orphans), report::drift::text(drifts)))?;
            if args.sources { output.text(&report::drift::sources(drifts)) } else { Ok(()) }
        }
    }
}

fn unnamed(orphans: Option<&Orphans>) -> String {
    orphans.map(report::orphans::text).unwrap_or_default()
}

pub(super) fn exit(drifts: &[StackDrift]) -> Exit {
    let one = |drift: &StackDrift| match drift.verdict {
        DriftStatus::InSync => Exit::Clean,
        DriftStatus::Drifted => Exit::Changes,
        DriftStatus::Incomplete => Exit::Incomplete,
    };
    drifts.iter().map(one).max().unwrap_or(Exit::Clean)
}
