//! `tenantry plan`.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use schemars::JsonSchema;
use serde::Serialize;

use super::opened::{Opened, Release};
use super::pace::Pace;
use super::progress::Spinner;
use super::review::Reviewer;
use super::run::Adoption;
use super::{Exit, Failure, Format, Global, Output, Selection, orphans, output};
use crate::report;
use crate::report::groups::counted;
use crate::report::screen::Screen;
use tenantry_aws::cloud::Cloud;
use tenantry_ops::deploy::{Plan, prepare};
use tenantry_ops::survey::orphans::Orphans;

/// Show what a deploy would do: per tenant the resources to create, update, replace and delete, capacity, policy
/// findings and the change of the monthly cost.
///
/// Creates a change set for each stack that differs and leaves it for `deploy`, which executes exactly that. Changes no
/// resource. A plan of all tenants also lists orphaned stacks.
///
/// Exit code 0: no changes; 2: there are changes or orphaned stacks; 4: something is unknown.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry plan acme
  tenantry plan --out plan.json
  tenantry list --affected=main --names-only | xargs -r tenantry plan")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) selection: Selection,
    #[command(flatten)]
    release: Release,
    #[command(flatten)]
    pace: Pace,
    #[command(flatten)]
    adoption: Adoption,
    /// Without credentials and network: every stack counts as new.
    #[arg(long)]
    offline: bool,
    /// Save the plan for `tenantry deploy --plan FILE`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// List every resource of a new stack.
    #[arg(long)]
    full: bool,
    /// Write a summary for pull requests into this file.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// The plan, and the stacks that git does not name; looked for when the whole fleet is planned.
#[derive(Serialize, JsonSchema)]
pub(super) struct Answer<'a> {
    #[serde(flatten)]
    plan: &'a Plan,
    /// Orphaned stacks; null if only some tenants were planned, or offline.
    #[serde(skip_serializing_if = "Option::is_none")]
    orphans: Option<&'a Orphans>,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let spinner = Spinner::start("reading the estate");
    let opened = Opened::selected(global, &args.selection)?;
    spinner.next("rendering and checking");
    let reviewer = Reviewer::open(&global.estate, &opened.estate.blueprint)?;
    let (desired, policies) = opened.held_as_named(
        &args.selection.select(&opened.estate)?,
        &args.release,
        &reviewer,
        &args.selection.names,
    )?;
    args.adoption.check(&desired)?;
    let release = &args.release.release;
    let mut unnamed = None;
    let plan = if args.offline {
        reviewer.offline(prepare::offline(release, &desired)?, &desired, &policies)
    } else {
        spinner.aside(|| opened.warn_of_zips(&args.release));
        let stacks = counted(desired.len(), "stack");
        super::wait(async {
            let cloud = Cloud::configure().await?.reading();
            if args.selection.is_whole_fleet() {
                spinner.next("looking for orphaned stacks");
                unnamed = Some(orphans::scan(&cloud, &opened.estate, &reviewer.prices).await);
            }
            let (wait, concurrency, adopt) = (args.pace.wait(), args.pace.concurrency(), args.adoption.stacks());
            spinner.next(format!("comparing {stacks} with AWS, creating change sets"));
            let plan = prepare::plan_adopting(&cloud, release, &desired, wait, concurrency, &adopt).await;
            spinner.next(format!("checking quotas, zones and cost of {stacks}"));
            Ok::<_, Failure>(reviewer.live(&cloud, plan, &desired, &policies, concurrency).await)
        })??
    };
    drop(spinner);
    if let Some(path) = &args.out {
        super::write_file(path, &output::document(&Answer { plan: &plan, orphans: None })?)?;
    }
    if let Some(path) = &args.markdown {
        super::write_file(path, &report::markdown::plan(&plan))?;
    }
    match global.output {
        Format::Markdown => {
            let orphans = unnamed.as_ref().map(report::orphans::text).unwrap_or_default();
            Output::new(global.output).text(&format!("{}{orphans}", report::markdown::plan(&plan)))?;
        }
        format => {
            let answer = Answer { plan: &plan, orphans: unnamed.as_ref().filter(|orphans| !orphans.is_empty()) };
            Output::new(format).show(&answer, |answer| {
                let orphans = answer.orphans.map(report::orphans::text).unwrap_or_default();
                Screen::current().wrapped(&format!("{orphans}{}", report::plan::text(answer.plan, args.full)))
            })?;
        }
    }
    Ok(exit(&plan).max(unnamed.as_ref().map_or(Exit::Clean, orphans::exit)))
}

/// What a plan says to the shell.
pub(super) fn exit(plan: &Plan) -> Exit {
    if plan.is_uncertain() {
        Exit::Incomplete
    } else if plan.is_empty() {
        Exit::Clean
    } else {
        Exit::Changes
    }
}
