//! `tenantry deploy`.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use super::answers::Answer;
use super::opened::{Opened, Release};
use super::pace::Pace;
use super::progress::Spinner;
use super::review::Reviewer;
use super::run::{self, Adoption, Execution, Site};
use super::{Exit, Failure, Global, Output, Selection};
use crate::report;
use crate::report::groups::counted;
use crate::report::screen::Screen;
use tenantry_aws::cloud::Cloud;
use tenantry_ops::deploy::journal::{self, Record};
use tenantry_ops::deploy::{Plan, prepare};
use tenantry_spec::estate::Tenant;
use tenantry_spec::estate::spec::Fleet;

/// Deploy tenants: show the plan, ask for approval, execute exactly its change sets and wait for them.
///
/// A run that was stopped or killed is repeated, or continued with `--resume`. One deploy at a time holds the lock of
/// an account. `--plan` executes a saved plan; it is rejected if git or a stack has changed since. A blocking finding
/// blocks the deploy, unless its code is overridden with a reason. A stack whose creation failed is deleted first; its
/// creation is then planned and confirmed separately.
///
/// Exit code 0: every stack is deployed; 1: a stack failed or was not started; 2: a failed stack was removed or
/// recovered, and another deploy is needed; 3: blocked, locked, stale or not confirmed; 4: a stack is unknown or still
/// in progress.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry deploy acme
  tenantry deploy --plan plan.json --yes
  tenantry deploy --ring canary --max-failures 5%
  tenantry deploy --resume")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) selection: Selection,
    #[command(flatten)]
    release: Release,
    #[command(flatten)]
    adoption: Adoption,
    #[command(flatten)]
    execution: Execution,
    #[command(flatten)]
    pace: Pace,
    /// Execute a plan that `tenantry plan --out FILE` saved.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["names", "all", "ring", "account", "region", "shard"])]
    pub(super) plan: Option<PathBuf>,
    /// Continue with the stacks that the newest run of the journal did not complete, at its release.
    #[arg(long, conflicts_with_all = ["plan", "names", "all", "ring", "account", "region", "shard"])]
    pub(super) resume: bool,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    args.execution.overrides.acceptances()?;
    let spinner = Spinner::start("reading the estate");
    let saved = args.plan.as_deref().map(read).transpose()?;
    let left = if args.resume { Some(left(&global.estate)?) } else { None };
    let opened = match (&saved, &left) {
        (Some(plan), _) => {
            let stacks = plan.stacks.iter().map(|stack| stack.tenant.clone());
            let unseen = plan.unseen.iter().map(|unseen| unseen.tenant.clone());
            Opened::without_broken(global, &stacks.chain(unseen).collect::<Vec<_>>())?
        }
        (None, Some((_, tenants))) => Opened::without_broken(global, tenants)?,
        (None, None) => Opened::selected(global, &args.selection)?,
    };
    let reviewer = Reviewer::open(&global.estate, &opened.estate.blueprint)?;
    // Before anything is printed.
    args.execution.stream.open()?;
    let output = Output::new(global.output);
    let tenants = match (&saved, &left) {
        (Some(plan), _) => of_plan(&opened, plan),
        (None, Some((_, tenants))) if tenants.is_empty() => Vec::new(),
        (None, Some((_, tenants))) => Selection::named(tenants).select(&opened.estate)?,
        (None, None) => args.selection.select(&opened.estate)?,
    };
    // A saved plan and a run that is resumed were asked for before.
    let before = saved.is_some() || left.is_some();
    let named: Vec<String> = match before {
        true => tenants.iter().map(|tenant| tenant.name.to_string()).collect(),
        false => args.selection.names.clone(),
    };
    let release = match (&saved, left) {
        (Some(plan), _) => Release { release: plan.release.clone(), ..args.release.clone() },
        (None, Some((release, _))) => Release { release, ..args.release.clone() },
        (None, None) => args.release.clone(),
    };
    let (desired, policies) = opened.held_as_named(&tenants, &release, &reviewer, &named)?;
    args.adoption.check(&desired)?;
    drop(spinner);
    opened.warn_of_zips(&release);
    super::wait(async {
        let cloud = Cloud::configure().await?;
        let made = async || {
            let (wait, concurrency) = (args.pace.wait(), args.pace.concurrency());
            let adopt = args.adoption.stacks();
            let stacks = counted(desired.len(), "stack");
            let spinner = Spinner::start(&format!("comparing {stacks} with AWS, creating change sets"));
            let plan = prepare::plan_adopting(&cloud, &release.release, &desired, wait, concurrency, &adopt).await;
            spinner.next(format!("checking quotas, zones and cost of {stacks}"));
            reviewer.live(&cloud, plan, &desired, &policies, concurrency).await
        };
        let site = Site { root: &global.estate, fleet: &opened.estate.fleet, command: "deploy" };
        let execute = async |plan: &Plan| {
            if !output.is_json() {
                output.text(&Screen::current().wrapped(&report::plan::text(plan, args.execution.full)))?;
            }
            run::execute(&cloud, site, plan, &desired, &args.execution, &args.pace, output).await.map(|(exit, _)| exit)
        };
        let (plan, is_saved) = match saved {
            Some(plan) => (plan, true),
            None => (made().await, false),
        };
        if plan.work().next().is_some() {
            warn_of_roll(&cloud, &opened.estate.fleet).await;
        }
        let exit = execute(&plan).await?;
        // Answers for programs are one document, and a saved plan is executed as it was reviewed: both end here.
        if plan.needs_another() && exit == Exit::Changes && !is_saved && !output.is_json() {
            return execute(&made().await).await;
        }
        Ok(exit)
    })?
}

/// Says that a release is being rolled. A roll notices what is deployed beside it, and waits for a person.
async fn warn_of_roll(cloud: &Cloud, fleet: &Fleet) {
    let record = async { super::release::store(cloud, fleet).await?.record().await.map_err(Failure::from) };
    match record.await {
        Ok(Some(roll)) if !roll.is_over() => anstream::eprintln!(
            "warning: release {} is being rolled ({}); it waits for an operator at tenants that are deployed now",
            roll.release,
            roll.state()
        ),
        Ok(_) => {}
        Err(failure) => {
            anstream::eprintln!("warning: it is unknown whether a release is being rolled out: {}", failure.error)
        }
    }
}

/// The release of the newest deploy, and the tenants that it did not see done.
fn left(root: &Path) -> Result<(String, Vec<String>), Failure> {
    let runs = journal::runs(root)?;
    let deploys = runs.iter().rev().find_map(|run| match run.begun()?.record {
        Record::Begun { ref command, ref release, .. } if command == "deploy" => Some((run, release.clone())),
        _ => None,
    });
    let (run, release) = deploys.ok_or_else(|| Failure::new("the journal has no deploy to resume"))?;
    Ok((release, run.left().into_iter().map(str::to_owned).collect()))
}

fn read(path: &Path) -> Result<Plan, Failure> {
    let shown = path.display();
    let text = tenantry_base::files::read_to_string(path)?;
    let no_plan = |why: &dyn std::fmt::Display| Failure::new(format!("`{shown}` is not a plan: {why}"));
    let stored: serde_json::Value = serde_json::from_str(&text).map_err(|error| no_plan(&error))?;
    let saved = <super::plan::Answer<'_> as Answer>::SCHEMA;
    match stored["schema"].as_str() {
        Some(schema) if schema == saved => {}
        Some(other) => {
            return Err(no_plan(&format!("its schema is `{other}`, and this version of tenantry deploys `{}`", saved))
                .with_hint("create it again with `tenantry plan --out`"));
        }
        None => return Err(no_plan(&"it names no schema")),
    }
    let plan: Plan = serde_json::from_value(stored).map_err(|error| no_plan(&error))?;
    if plan.offline {
        return Err(Failure::new(format!("`{shown}` was made offline and cannot be deployed"))
            .with_exit(Exit::Refused)
            .with_hint("create it again without `--offline`"));
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
