//! `tenantry rescue`.

use clap::Args as ClapArgs;

use super::judge::Judge;
use super::opened::{Opened, Release};
use super::pace::Pace;
use super::run::{self, Execution, Site};
use super::{Exit, Failure, Global, Output, drift, selection};
use crate::report;
use tenantry_aws::cloud::Cloud;
use tenantry_base::ids::TenantName;
use tenantry_ops::deploy::rescue::{self, Choice};
use tenantry_ops::deploy::{Action, Plan, Recovery, StackPlan};
use tenantry_ops::drift::check::{Options, check};

/// Lead a tenant's stack out of a status in which deploys are blocked: show one plan for it, ask, and execute it.
///
/// What the plan does follows from the status: delete what a failed creation or import left (the next deploy imports what
/// was retained), finish a failed deletion, continue a failed rollback, roll an update back that failed without a rollback,
/// delete the empty shell of a change set, or bring an update in EXPRESS mode to an end. `docs/states.md` lists every status.
/// Ownership, locks, blocking findings and the journal are those of `deploy`. Exit code 0: the status is good; 2: the stack
/// is changed, and a deploy is next; 3: refused.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Name of the tenant.
    tenant: TenantName,
    /// Leave this resource, by logical ID, as it is: the rollback has failed at it (repeatable). A drift check follows.
    #[arg(long, value_name = "LOGICAL_ID", conflicts_with = "force_rollback")]
    skip: Vec<String>,
    /// Leave whatever the rollback fails at as it is (ForceRollback). A drift check follows.
    #[arg(long)]
    force_rollback: bool,
    /// Leave this resource, by logical ID, behind: the deletion has failed at it (repeatable).
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
    let opened = Opened::without_broken(global, &[args.tenant.to_string()])?;
    let judge = Judge::open(&global.estate, &opened.estate.blueprint)?;
    let tenant = selection::tenant(&opened.estate, args.tenant.as_str())?;
    let (desired, policies) = opened.held_as_named(&[tenant], &args.release, &judge, &[args.tenant.to_string()])?;
    let Some(one) = desired.first() else { return Ok(Exit::Clean) };
    let output = Output::new(global.output);
    let choice = Choice { skip: args.skip.clone(), force: args.force_rollback, retain: args.retain.clone() };
    super::wait(async {
        let cloud = Cloud::configure().await;
        let (wait, concurrency) = (args.pace.wait(), args.pace.concurrency());
        let plan = rescue::plan(&cloud, &args.release.release, one, &choice, wait).await;
        // Nothing of git's template is deployed by what rolls back or deletes.
        let deploys =
            |stack: &StackPlan| matches!(stack.action, Action::Apply { .. } | Action::Recover { by: Recovery::Replay });
        let policies = if plan.stacks.iter().any(deploys) { policies } else { Vec::new() };
        let plan = judge.live(&cloud, plan, &desired, &policies, concurrency).await;
        if !output.is_json() {
            output.text(&format!("{}{}", report::plan::text(&plan), idle(&plan)))?;
        }
        let site = Site { root: &global.estate, fleet: &opened.estate.fleet, command: "rescue" };
        let exit = run::execute(&cloud, site, &plan, &desired, &args.execution, &args.pace, output).await?;
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

/// That a status needs no rescue.
fn idle(plan: &Plan) -> String {
    let good = plan.stacks.iter().filter(|stack| stack.action == Action::Nothing);
    let text = good.map(|stack| {
        let status = stack.ground.status.as_deref().unwrap_or("not there");
        format!("{}: the stack is {status}: nothing to rescue\n", stack.tenant)
    });
    text.collect()
}

fn skips(plan: &Plan) -> bool {
    plan.stacks.iter().any(|stack| matches!(&stack.action, Action::Recover { by } if by.skips()))
}
