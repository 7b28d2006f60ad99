//! `tenantry bootstrap`.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args as ClapArgs;

use super::opened::{self, Opened};
use super::pace::Pace;
use super::progress::Spinner;
use super::review::Reviewer;
use super::run::{self, Adoption, Execution, Site};
use super::{Exit, Failure, Global, Output, orphans};
use crate::report;
use crate::report::groups::counted;
use crate::report::screen::Screen;
use tenantry_aws::cloud::{Access, CallError, Cloud, Place, cloudformation, iam};
use tenantry_base::finding::Finding;
use tenantry_base::ids::Region;
use tenantry_checks::policy::{Owner, Stack};
use tenantry_checks::resources;
use tenantry_ops::deploy::{Desired, Plan, prepare, stacks};
use tenantry_ops::survey::orphans::of_fleet;
use tenantry_template::render::Template;

/// Deploy the control plane to every account and region of the fleet.
///
/// Creates the artifacts bucket, key, central logs and observability; the roles that read, deploy and execute stacks,
/// and the permissions boundary of the stacks' roles; and the service-linked roles without which an account's first
/// stack would fail. The central account comes first. The deploy role is only created here, so `--role` names the role
/// that has access to the accounts; without it, the caller's credentials are used for all of them.
///
/// Exit code 0: the control plane is current; 3: blocked, locked or not confirmed; 4: a stack is unknown or still in
/// progress.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry bootstrap --role OrganizationAccountAccessRole")]
pub(super) struct Args {
    /// Name of the release that is rendered.
    #[arg(long, value_name = "NAME", default_value = tenantry_ops::release::name::UNRELEASED, env = "TENANTRY_RELEASE",
        value_parser = crate::cli::release_name)]
    release: String,
    /// Role to assume in every account; in an AWS organisation often `OrganizationAccountAccessRole`.
    #[arg(long, value_name = "NAME")]
    role: Option<String>,
    #[command(flatten)]
    adoption: Adoption,
    #[command(flatten)]
    execution: Execution,
    #[command(flatten)]
    pace: Pace,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    args.execution.overrides.acceptances()?;
    let opened = Opened::open(global)?;
    let reviewer = Reviewer::open(&global.estate, &opened.estate.blueprint)?;
    // Before anything is printed.
    args.execution.stream.open()?;
    let output = Output::new(global.output);
    let site = Site { root: &global.estate, fleet: &opened.estate.fleet, command: "bootstrap" };
    super::wait(async {
        let cloud = Cloud::configure().await?;
        let central = opened.estate.fleet.control_plane.account.clone();
        let own = |(stack, _): &(Desired, Template)| stack.place.account == central;
        let access = Access { role: args.role.clone(), external_id: None };
        let rendered = |sinks: &_| desired(&opened, sinks, &access, &args.release);
        let (first, _): (Vec<_>, Vec<_>) = rendered(&BTreeMap::new())?.into_iter().partition(own);
        let (first, policies) = held(&reviewer, first);
        args.adoption.check(&first)?;
        let exit = step(&cloud, site, args, (&reviewer, &first, &policies), output).await?;
        if exit >= Exit::Incomplete {
            return Ok(exit);
        }
        let sinks = sinks(&cloud, &first).await?;
        let (_, rest): (Vec<_>, Vec<_>) = rendered(&sinks)?.into_iter().partition(own);
        let (rest, policies) = held(&reviewer, rest);
        let exit = exit.max(step(&cloud, site, args, (&reviewer, &rest, &policies), output).await?);
        if exit < Exit::Incomplete {
            orphans::record(&cloud, &opened.estate.fleet, &access, &of_fleet(&opened.estate)).await?;
        }
        Ok(exit)
    })?
}

/// The control plane's stacks with what the policies say of them, as a bootstrap would make those of `places` now.
pub(super) async fn planes(
    cloud: &Cloud,
    opened: &Opened,
    reviewer: &Reviewer,
    access: &Access,
    release: &str,
    places: impl Fn(&Place) -> bool,
) -> Result<(Vec<Desired>, Vec<Finding>), Failure> {
    let central = &opened.estate.fleet.control_plane.account;
    let first = desired(opened, &BTreeMap::new(), access, release)?.into_iter().map(|(stack, _)| stack);
    let (own, others): (Vec<_>, Vec<_>) = first.partition(|stack| stack.place.account == *central);
    // Only the other accounts' stacks name the central account's sinks.
    let sinks = match others.iter().any(|stack| places(&stack.place)) {
        true => sinks(cloud, &own).await?,
        false => BTreeMap::new(),
    };
    let mut stacks = desired(opened, &sinks, access, release)?;
    stacks.retain(|(stack, _)| places(&stack.place));
    Ok(held(reviewer, stacks))
}

fn desired(
    opened: &Opened,
    sinks: &BTreeMap<Region, String>,
    access: &Access,
    release: &str,
) -> Result<Vec<(Desired, Template)>, Failure> {
    let stacks = stacks::rendered_control_planes(&opened.renderer, &opened.estate.fleet, sinks, release)
        .map_err(|found| opened::refused(&found, "the control plane's template"))?;
    let own = |(stack, template)| (Desired { access: access.clone(), ..stack }, template);
    Ok(stacks.into_iter().map(own).collect())
}

/// What the policies say of control planes.
fn held(reviewer: &Reviewer, stacks: Vec<(Desired, Template)>) -> (Vec<Desired>, Vec<Finding>) {
    let seen = stacks.iter().map(|(desired, template)| {
        let (account, region) = (&desired.place.account, &desired.place.region);
        Stack { template, owner: Owner::ControlPlane { account, region } }
    });
    let policies = reviewer.policies(&seen.collect::<Vec<_>>());
    (stacks.into_iter().map(|(desired, _)| desired).collect(), policies)
}

/// What a failed creation left is deleted, what was retained is imported, and then the stack is created.
const MOST_PLANS: usize = 3;

async fn step(
    cloud: &Cloud,
    site: Site<'_>,
    args: &Args,
    (reviewer, desired, policies): (&Reviewer, &[Desired], &[Finding]),
    output: Output,
) -> Result<Exit, Failure> {
    if desired.is_empty() {
        return Ok(Exit::Clean);
    }
    let once = async || {
        let concurrency = args.pace.concurrency();
        let (wait, adopt) = (args.pace.wait(), args.adoption.stacks());
        let spinner = Spinner::start(&format!("planning {} of the control plane", counted(desired.len(), "stack")));
        let plan: Plan = prepare::plan_adopting(cloud, &args.release, desired, wait, concurrency, &adopt).await;
        let plan = reviewer.live(cloud, plan, desired, policies, concurrency).await;
        drop(spinner);
        if !output.is_json() {
            output.text(&Screen::current().wrapped(&report::plan::text(&plan, args.execution.full)))?;
        }
        let (exit, _) = run::execute(cloud, site, &plan, desired, &args.execution, &args.pace, output).await?;
        Ok::<_, Failure>((exit, plan.needs_another()))
    };
    let mut exit = Exit::Clean;
    for _ in 0..MOST_PLANS {
        let (ended, goes_on) = once().await?;
        exit = ended;
        if !goes_on || exit != Exit::Changes {
            break;
        }
    }
    let templates = tenantry_template::embedded::templates(site.root)?;
    let services: BTreeSet<&str> =
        templates.iter().flat_map(|source| resources::table().linked_services(&source.text)).collect();
    let mut accounts = BTreeSet::new();
    for stack in desired.iter().filter(|stack| accounts.insert(&stack.place.account)) {
        let session = cloud.session(&stack.place, &stack.access).await?;
        for service in &services {
            iam::ensure_service_linked_role(&session, service).await?;
        }
    }
    Ok(exit)
}

/// The observability sinks that the central account's stacks have made, by region.
async fn sinks(cloud: &Cloud, central: &[Desired]) -> Result<BTreeMap<Region, String>, CallError> {
    let mut sinks = BTreeMap::new();
    for stack in central {
        let session = cloud.session(&stack.place, &stack.access).await?;
        if let Some(live) = cloudformation::stack(&session, &stack.stack).await?
            && let Some(sink) = live.outputs.get("Sink")
        {
            sinks.insert(stack.place.region.clone(), sink.clone());
        }
    }
    Ok(sinks)
}
