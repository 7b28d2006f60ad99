//! What `quotas` and `capacity` share: the fleet of the places in question, and what stands there.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use rayon::prelude::*;

use super::opened::{self, Opened, Release};
use super::progress::Spinner;
use super::{Exit, Failure, Global, Selection};
use crate::report::groups::counted;
use tenantry_aws::cloud::{Access, Cloud, Place};
use tenantry_checks::capacity::{AccountRegion, Assessment, Outlines, Site, Tables, check};
use tenantry_ops::survey::{self, Wanted};
use tenantry_spec::estate::{Tenant, WhatIf, imagine};
use tenantry_template::render::RenderedTenant;

/// What is looked at, and what is imagined.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Evaluation")]
pub(super) struct Look {
    /// Without credentials and network: limits and zones come from the tables, and usage is unknown.
    #[arg(long)]
    pub(super) offline: bool,
    /// Evaluate with another value for the selected tenants (`web.requests_per_second=4`), or with more tenants
    /// (`tenants+=50:like=acme@eu-west-1`).
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) what_if: Vec<WhatIf>,
}

impl Look {
    pub(super) fn offline() -> Self {
        Self { offline: true, what_if: Vec::new() }
    }
}

/// A fleet held against its places.
pub(super) struct Fit {
    pub(super) opened: Opened,
    pub(super) tables: Tables,
    pub(super) sites: BTreeMap<AccountRegion, Site>,
    pub(super) assessments: Vec<Assessment>,
    /// How each place is entered.
    pub(super) places: BTreeMap<Place, Access>,
}

/// Renders every tenant of the places that the selection names (all without one), counts, and looks. The selected ones
/// are the plan; the others only count for the limiting quota.
pub(super) fn fit(global: &Global, selection: &Selection, release: &Release, look: &Look) -> Result<Fit, Failure> {
    let spinner = Spinner::start("reading the estate");
    of(global, Opened::selected(global, selection)?, selection, release, look, &spinner)
}

/// The same for an estate that is open, below a spinner that turns already.
pub(super) fn of(
    global: &Global,
    mut opened: Opened,
    selection: &Selection,
    release: &Release,
    look: &Look,
    spinner: &Spinner,
) -> Result<Fit, Failure> {
    let tables = opened::tables(&global.estate)?;
    let before = chosen(&opened, selection)?;
    let existing: BTreeSet<String> = opened.estate.tenants.keys().map(ToString::to_string).collect();
    opened.estate = imagine(&opened.estate, &look.what_if, |tenant| before.contains(tenant.name.as_str()))?;
    // Tenants that are imagined are part of the plan.
    let planned = |tenant: &Tenant| {
        let name = tenant.name.as_str();
        before.contains(name) || !existing.contains(name)
    };
    let place = |tenant: &Tenant| Place { account: tenant.spec.account.clone(), region: tenant.spec.region.clone() };
    let counts = |tenant: &&Tenant| selection.counts(&opened.estate, tenant);
    let tenants: Vec<&Tenant> = opened.estate.tenants.values().filter(counts).collect();
    let places: BTreeSet<Place> = tenants.iter().filter(|tenant| planned(tenant)).map(|tenant| place(tenant)).collect();
    let tenants: Vec<&Tenant> = tenants.into_iter().filter(|tenant| places.contains(&place(tenant))).collect();
    spinner.next(format!("rendering {}", counted(tenants.len(), "tenant")));
    let rendered = opened.render(&tenants, &release.release)?;
    let wanted = wanted(&opened, &tables, &rendered, planned);
    drop(rendered);
    spinner.next(format!("asking AWS about {}", counted(places.len(), "place")));
    let sites = if look.offline {
        survey::unseen(&wanted, survey::OFFLINE)
    } else {
        super::wait(async {
            let cloud = Cloud::configure().await?.reading();
            Ok::<_, Failure>(survey::look(&cloud, &tables, &wanted).await)
        })??
    };
    let assessments = check(&tables, &sites);
    let places = wanted.into_iter().map(|one| (one.place, one.access)).collect();
    Ok(Fit { opened, tables, sites, assessments, places })
}

/// What rendered tenants need of their accounts and Regions.
pub(super) fn wanted(
    opened: &Opened,
    tables: &Tables,
    rendered: &[RenderedTenant<'_>],
    planned: impl Fn(&Tenant) -> bool + Sync,
) -> Vec<Wanted> {
    let (outlines, singles) = (Outlines::default(), survey::adjustable(tables));
    let of = |rendered: &RenderedTenant<'_>| Wanted {
        planned: planned(rendered.tenant),
        ..Wanted::tenant(&opened.estate.fleet, rendered, &outlines).with_largest(singles.largest(&rendered.template))
    };
    rendered.par_iter().map(of).collect()
}

/// Names of the selected tenants.
fn chosen(opened: &Opened, selection: &Selection) -> Result<BTreeSet<String>, Failure> {
    Ok(selection.select(&opened.estate)?.into_iter().map(|tenant| tenant.name.to_string()).collect())
}

/// What assessments say to the shell: errors and warnings are findings; what nobody could look at makes the answer incomplete.
pub(super) fn exit(assessments: &[Assessment]) -> Exit {
    assessments.iter().flat_map(Assessment::levels).map(Exit::from).max().unwrap_or(Exit::Clean)
}
