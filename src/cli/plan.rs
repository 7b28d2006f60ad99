//! `tenantry plan`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::judge::Judge;
use super::opened::{Opened, Release};
use super::pace::Pace;
use super::{Exit, Failure, Format, Global, Output, Selection};
use crate::atomic;
use crate::cloud::Cloud;
use crate::deploy::plan::SCHEMA;
use crate::deploy::{Plan, prepare};
use crate::report;

/// Show what a deploy would do: per tenant what CloudFormation adds, changes and deletes, whether it fits, whether it
/// keeps the rules, and what it does to the monthly bill.
///
/// Makes a change set for each stack that differs and leaves it for `deploy`, which executes exactly that. Changes no
/// resource. Exit code 0: nothing to do; 2: there are changes; 4: something could not be seen or
/// checked.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    release: Release,
    #[command(flatten)]
    pace: Pace,
    /// Without credentials and network: everything counts as new.
    #[arg(long)]
    offline: bool,
    /// Save the plan for `tenantry deploy --plan FILE`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write a summary for pull requests into this file.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let opened = Opened::open(global)?;
    let judge = Judge::open(&global.estate)?;
    let (desired, policies) = opened.held(&args.selection.select(&opened.estate)?, &args.release, &judge)?;
    let release = &args.release.release;
    let plan = if args.offline {
        judge.offline(prepare::offline(release, &desired)?, &desired, &policies)
    } else {
        super::wait(async {
            let cloud = Cloud::configure().await.reading();
            let plan = prepare::plan(&cloud, release, &desired, args.pace.wait(), args.pace.concurrency()).await;
            judge.live(&cloud, plan, &desired, &policies, args.pace.concurrency()).await
        })?
    };
    if let Some(path) = &args.out {
        atomic::replace(path, &serde_json::to_vec_pretty(&plan)?)
            .map_err(|error| Failure::new(format!("`{}` cannot be written: {error}", path.display())))?;
    }
    if let Some(path) = &args.markdown {
        super::write_file(path, &report::markdown::plan(&plan))?;
    }
    match global.output {
        Format::Markdown => Output::new(global.output).text(&report::markdown::plan(&plan))?,
        format => Output::new(format).show(SCHEMA, &plan, report::plan::text)?,
    }
    Ok(exit(&plan))
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
