//! `tenantry capacity`.

use clap::Args as ClapArgs;
use ipnetwork::Ipv4Network;
use schemars::JsonSchema;
use serde::Serialize;

use super::fit::{self, Fit, Look};
use super::opened::Release;
use super::{Exit, Failure, Format, Global, Output, Selection};
use crate::report::screen::Screen;
use crate::report::{capacity as report, findings, sarif};
use tenantry_base::finding::Finding;
use tenantry_checks::capacity::{AccountRegion, Assessment, Demand, Growth, Runway, Site, runway};
use tenantry_spec::estate;

/// Show whether the selected tenants fit: addresses of each subnet by owner, now, at peak demand, with a zone lost and
/// in a deployment; Availability Zones, services and instance types of their Regions; and the limiting quota.
///
/// Exit code 0: everything fits; 2: a limit is near or exceeded; 4: something is unknown.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry capacity acme
  tenantry capacity --runway --growth 5%/month")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) selection: Selection,
    #[command(flatten)]
    release: Release,
    #[command(flatten)]
    look: Look,
    /// Growth of the workload, such as `5%/month`: shows the day on which each subnet is exhausted.
    #[arg(long, value_name = "RATE/PERIOD")]
    growth: Option<Growth>,
    /// Show for each account and region how many more average tenants fit, and the limiting quota.
    #[arg(long)]
    runway: bool,
    /// Show every subnet, also those far from exhausted, with what uses its addresses in each case.
    #[arg(long)]
    full: bool,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Answer {
    /// Changes of `--what-if`, as given.
    what_if: Vec<String>,
    /// One assessment per account and Region, and one per account for global quotas.
    places: Vec<Assessment>,
    /// How many more tenants fit; only with `--runway`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    runway: Vec<Runway>,
    /// Findings of all assessments (`TN2...`).
    findings: Vec<Finding>,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let mut fit = fit::fit(global, &args.selection, &args.release, &args.look)?;
    if let Some(growth) = args.growth {
        let today = super::today();
        for subnet in fit.assessments.iter_mut().flat_map(|assessment| &mut assessment.subnets) {
            subnet.grow(growth, today);
        }
    }
    let exit = fit::exit(&fit.assessments);
    let runway = if args.runway { runways(&fit) } else { Vec::new() };
    let answer = Answer {
        what_if: args.look.what_if.iter().map(ToString::to_string).collect(),
        findings: fit.assessments.iter().flat_map(Assessment::findings).collect(),
        places: fit.assessments,
        runway,
    };
    let output = Output::new(global.output);
    if global.output == Format::Sarif {
        output.text(&sarif::text(&answer.findings)?)?;
        return Ok(exit);
    }
    output.show(&answer, |answer| {
        let places = answer.places.iter().map(|place| report::subnets(place, args.full, Screen::current()));
        let mut text: String = places.collect();
        text += &answer.places.iter().filter_map(report::wall).collect::<String>();
        text += &report::runways(&answer.runway);
        Screen::current().wrapped(&text) + &findings::text(&answer.findings)
    })?;
    Ok(exit)
}

/// The runway of every place.
pub(super) fn runways(fit: &Fit) -> Vec<Runway> {
    let fleet = &fit.opened.estate.fleet;
    let taken: Vec<Ipv4Network> = fit.opened.estate.tenants.values().map(|tenant| tenant.spec.network.cidr).collect();
    let mut all = Demand::default();
    let stacks = fit.sites.values().flat_map(|site| &site.stacks);
    let number = stacks.map(|stack| all.add(&stack.needs.demand)).count() as u64;
    let of = |(ground, site): (&AccountRegion, &Site)| {
        let blocks = estate::room(fleet, &taken, &ground.region);
        runway(&fit.tables, ground, site, (&all, number), blocks)
    };
    fit.sites.iter().map(of).collect()
}
