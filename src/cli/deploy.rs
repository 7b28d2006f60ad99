//! `tenantry deploy`.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use super::opened::{Opened, Release};
use super::pace::Pace;
use super::run::{self, Execution};
use super::{Exit, Failure, Global, Output, Selection};
use crate::cloud::Cloud;
use crate::deploy::{Plan, prepare};
use crate::estate::Tenant;
use crate::report;

/// Deploy tenants: show the plan, ask, execute exactly its change sets and follow them to their end.
///
/// A run that was stopped or killed is simply run again. With `--plan` a saved plan is executed; it is refused when git
/// or a stack has moved since.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    release: Release,
    #[command(flatten)]
    execution: Execution,
    #[command(flatten)]
    pace: Pace,
    /// Execute a plan that `tenantry plan --out FILE` saved.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["names", "all", "ring", "account", "region"])]
    plan: Option<PathBuf>,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let opened = Opened::open(global)?;
    let output = Output::new(global.output);
    let saved = args.plan.as_deref().map(read).transpose()?;
    let tenants = match &saved {
        Some(plan) => of_plan(&opened, plan),
        None => args.selection.select(&opened.estate)?,
    };
    let release = match &saved {
        Some(plan) => Release { release: plan.release.clone(), ..args.release.clone() },
        None => args.release.clone(),
    };
    let desired = opened.desired(&tenants, &release)?;
    super::wait(async {
        let cloud = Cloud::configure().await;
        let plan = match saved {
            Some(plan) => plan,
            None => prepare::plan(&cloud, &release.release, &desired, args.pace.wait(), args.pace.concurrency()).await,
        };
        if !output.is_json() {
            output.text(&report::plan::text(&plan))?;
        }
        run::execute(&cloud, &plan, &desired, &args.execution, &args.pace, output).await
    })?
}

fn read(path: &Path) -> Result<Plan, Failure> {
    let shown = path.display();
    let text =
        std::fs::read_to_string(path).map_err(|error| Failure::new(format!("`{shown}` cannot be read: {error}")))?;
    let plan: Plan = serde_json::from_str(&text)
        .map_err(|error| Failure::new(format!("`{shown}` is no plan of this version: {error}")))?;
    if plan.offline {
        return Err(Failure::new(format!("`{shown}` was made offline and cannot be deployed"))
            .with_exit(Exit::Refused)
            .with_hint("make it again without `--offline`"));
    }
    Ok(plan)
}

fn of_plan<'e>(opened: &'e Opened, plan: &Plan) -> Vec<&'e Tenant> {
    let planned = |tenant: &&Tenant| {
        let name = tenant.name.as_str();
        plan.stacks.iter().any(|stack| stack.tenant == name) || plan.unseen.iter().any(|unseen| unseen.tenant == name)
    };
    opened.estate.tenants.values().filter(planned).collect()
}
