//! `tenantry rescue`.

use clap::Args as ClapArgs;

use super::opened::{Opened, Release};
use super::pace::Pace;
use super::review::Reviewer;
use super::run::{self, Execution, Site};
use super::{Exit, Failure, Global, Output, bootstrap, drift, selection};
use crate::report;
use tenantry_aws::cloud::{Access, Cloud, Place};
use tenantry_base::finding::Finding;
use tenantry_base::ids::{AccountId, Region, TenantName};
use tenantry_ops::deploy::rescue::{self, Choice};
use tenantry_ops::deploy::{Action, Desired, Plan, Recovery, StackPlan};
use tenantry_ops::drift::check::{Options, check};

/// Recover a stack from a status that blocks deploys: show the plan, ask for approval, and execute it.
///
/// The plan follows from the status: delete what a failed creation or import left (the next deploy imports what was
/// retained), finish a failed deletion, continue a failed rollback, roll back an update that failed without a rollback,
/// delete a stack in REVIEW_IN_PROGRESS, or finish an update in EXPRESS mode. `docs/states.md` lists every status.
/// Ownership, locks, blocking findings and the journal are those of `deploy`; with `--control-plane`, those of
/// `bootstrap`, which is next then.
///
/// Exit code 0: the status does not block deploys; 1: the recovery failed; 2: the stack is changed, and a deploy is
/// next; 3: blocked, locked or not confirmed; 4: the stack is unknown or still in progress.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry rescue acme
  tenantry rescue acme --skip SearchDomain
  tenantry rescue --control-plane --role OrganizationAccountAccessRole")]
pub(super) struct Args {
    /// Name of the tenant.
    #[arg(required_unless_present = "control_plane")]
    tenant: Option<TenantName>,
    /// Rescue the control plane's stack instead of a tenant's.
    #[arg(long, conflicts_with = "tenant")]
    control_plane: bool,
    /// Account of the control plane's stack, where the fleet has several.
    #[arg(long, requires = "control_plane")]
    account: Option<AccountId>,
    /// Region of the control plane's stack, where the fleet has several.
    #[arg(long, requires = "control_plane")]
    region: Option<Region>,
    /// Role to assume for the control plane, as of `bootstrap`.
    #[arg(long, value_name = "NAME", requires = "control_plane")]
    role: Option<String>,
    /// Skip this resource, by logical ID, in the rollback that failed at it (repeatable). A drift check follows.
    #[arg(long, value_name = "LOGICAL_ID", conflicts_with = "force_rollback")]
    skip: Vec<String>,
    /// Skip every resource that the rollback fails at (ForceRollback). A drift check follows.
    #[arg(long)]
    force_rollback: bool,
    /// Retain this resource, by logical ID, in the deletion that failed at it (repeatable).
    #[arg(long, value_name = "LOGICAL_ID")]
    retain: Vec<String>,
    #[command(flatten)]
    release: Release,
    #[command(flatten)]
    execution: Execution,
    #[command(flatten)]
    pace: Pace,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    args.execution.overrides.acceptances()?;
    let named: Vec<String> = args.tenant.iter().map(ToString::to_string).collect();
    let opened = Opened::without_broken(global, &named)?;
    let reviewer = Reviewer::open(&global.estate, &opened.estate.blueprint)?;
    // Before anything is printed.
    args.execution.stream.open()?;
    let output = Output::new(global.output);
    let choice = Choice { skip: args.skip.clone(), force: args.force_rollback, retain: args.retain.clone() };
    super::wait(async {
        let cloud = Cloud::configure().await?;
        let (desired, policies) = match &args.tenant {
            Some(name) if !args.control_plane => {
                let tenant = selection::tenant(&opened.estate, name.as_str())?;
                opened.held_as_named(&[tenant], &args.release, &reviewer, &named)?
            }
            _ => control_plane(&cloud, &opened, &reviewer, args).await?,
        };
        let Some(one) = desired.first() else { return Ok(Exit::Clean) };
        let (wait, concurrency) = (args.pace.wait(), args.pace.concurrency());
        let plan = rescue::plan(&cloud, &args.release.release, one, &choice, wait).await;
        // Nothing of git's template is deployed by what rolls back or deletes.
        let deploys =
            |stack: &StackPlan| matches!(stack.action, Action::Apply { .. } | Action::Recover { by: Recovery::Replay });
        let policies = if plan.stacks.iter().any(deploys) { policies } else { Vec::new() };
        let plan = reviewer.live(&cloud, plan, &desired, &policies, concurrency).await;
        if !output.is_json() {
            output.text(&format!("{}{}", report::plan::text(&plan, args.execution.full), idle(&plan)))?;
        }
        let site = Site { root: &global.estate, fleet: &opened.estate.fleet, command: "rescue" };
        let (exit, _) = run::execute(&cloud, site, &plan, &desired, &args.execution, &args.pace, output).await?;
        if exit != Exit::Changes || !skips(&plan) {
            return Ok(exit);
        }
        // What was skipped is called complete, whatever it is.
        let options = Options { pace: wait, concurrency, lookups: 0 };
        let drifts = check(&cloud, &desired, &options, &|_| {}).await;
        drift::note(&opened.estate.fleet, &global.estate, &drifts).await;
        if !output.is_json() {
            output.text(&report::drift::text(&drifts))?;
        }
        Ok(exit.max(drift::exit(&drifts)))
    })?
}

/// The one control plane's stack that is asked for.
async fn control_plane(
    cloud: &Cloud,
    opened: &Opened,
    reviewer: &Reviewer,
    args: &Args,
) -> Result<(Vec<Desired>, Vec<Finding>), Failure> {
    let access = Access { role: args.role.clone(), external_id: None };
    let asked = |place: &Place| {
        args.account.as_ref().is_none_or(|account| *account == place.account)
            && args.region.as_ref().is_none_or(|region| *region == place.region)
    };
    let found = bootstrap::planes(cloud, opened, reviewer, &access, &args.release.release, asked).await?;
    let places: Vec<String> = found
        .0
        .iter()
        .map(|stack| format!("--account {} --region {}", stack.place.account, stack.place.region))
        .collect();
    match places.len() {
        1 => Ok(found),
        0 => Err(Failure::new("the fleet has no control plane in this account and region")
            .with_hint("`tenants/fleet.yaml` lists the fleet's accounts and regions")),
        count => Err(Failure::new(format!("the fleet has {count} control plane stacks, and one is rescued at a time"))
            .with_hint(format!("say which: {}", places.join(", or ")))),
    }
}

/// That a status needs no rescue.
fn idle(plan: &Plan) -> String {
    let good = plan.stacks.iter().filter(|stack| stack.action == Action::Nothing);
    let text = good.map(|stack| {
        let status = stack.baseline.status.as_deref().unwrap_or("not there");
        format!("{}: the stack is {status}: no recovery needed\n", stack.tenant)
    });
    text.collect()
}

fn skips(plan: &Plan) -> bool {
    plan.stacks.iter().any(|stack| matches!(&stack.action, Action::Recover { by } if by.skips()))
}
