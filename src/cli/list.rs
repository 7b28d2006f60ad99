//! `tenantry list`.

use std::collections::BTreeSet;

use clap::Args as ClapArgs;
use ipnetwork::Ipv4Network;
use schemars::JsonSchema;
use serde::Serialize;

use super::opened::Opened;
use super::release::{of_candidate, of_git};
use super::{Exit, Failure, Global, Output, Selection};
use crate::report::screen::{Column, Screen, left};
use tenantry_base::ids::{AccountId, Region, RingName, TenantName};
use tenantry_ops::deploy::{flags, stacks};
use tenantry_ops::release::diff::between;
use tenantry_ops::release::{Candidate, Repository};
use tenantry_spec::estate::{Estate, Tenant};

/// List the tenants that git has: ring, account, Region, stack and address block.
///
/// Needs neither credentials nor a network.
///
/// Exit code 0: every selected tenant is listed; 4: tenants with errors are left out.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry list --ring canary
  tenantry list --affected=main --names-only | xargs -r tenantry plan")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) selection: Selection,
    /// Only tenants whose template differs from that of a commit: `HEAD`, or a tag or branch.
    #[arg(long, value_name = "REF", num_args = 0..=1, require_equals = true, default_missing_value = "HEAD")]
    affected: Option<String>,
    /// Print names only, one on each line.
    #[arg(long)]
    names_only: bool,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Answer<'e> {
    /// By name.
    tenants: Vec<Row<'e>>,
}

#[derive(Serialize, JsonSchema)]
struct Row<'e> {
    /// Name of the tenant.
    tenant: &'e TenantName,
    /// Name of the release ring.
    ring: &'e RingName,
    /// Account ID, 12 digits.
    account: &'e AccountId,
    /// Region code, such as `eu-west-1`.
    region: &'e Region,
    /// Name of the stack.
    stack: String,
    /// IPv4 CIDR block of the tenant's VPC.
    #[schemars(with = "String")]
    cidr: Ipv4Network,
    /// Whether `destroy` deleted the stack.
    offboarded: bool,
}

impl<'e> Row<'e> {
    fn of(estate: &Estate, tenant: &'e Tenant) -> Self {
        Self {
            tenant: &tenant.name,
            ring: &tenant.spec.ring,
            account: &tenant.spec.account,
            region: &tenant.spec.region,
            stack: flags::stack(estate, tenant),
            cidr: tenant.spec.network.cidr,
            offboarded: stacks::is_offboarded(&estate.fleet, tenant),
        }
    }
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let opened = Opened::without_broken(global, &args.selection.names)?;
    let estate = &opened.estate;
    let affected = args.affected.as_deref().map(|reference| affected(global, reference)).transpose()?;
    let chosen = args.selection.select(estate)?;
    let is_affected =
        |tenant: &&Tenant| affected.as_ref().is_none_or(|affected| affected.contains(tenant.name.as_str()));
    let answer =
        Answer { tenants: chosen.into_iter().filter(is_affected).map(|tenant| Row::of(estate, tenant)).collect() };
    Output::new(global.output).show(&answer, |answer| text(answer, args.names_only))?;
    Ok(opened.incomplete(args.selection.is_whole_fleet()))
}

/// Tenants that the work tree renders otherwise than a commit. One that only the commit has is no tenant any more.
fn affected(global: &Global, reference: &str) -> Result<BTreeSet<String>, Failure> {
    let repository = Repository::open(&global.estate).map_err(of_git)?;
    let commit = repository.commit(reference).map_err(of_git)?;
    let before = Candidate::of_commit(&repository, commit, reference).map_err(of_candidate)?;
    let now = Candidate::of_work_tree(&global.estate, reference).map_err(of_candidate)?;
    let found = between(&before, &now, |_| true).map_err(of_candidate)?;
    Ok(found.into_iter().map(|one| one.tenant).collect())
}

fn text(answer: &Answer<'_>, names_only: bool) -> String {
    if names_only {
        return answer.tenants.iter().map(|row| format!("{}\n", row.tenant)).collect();
    }
    const COLUMNS: [Column; 7] = [
        left("TENANT"),
        left("RING"),
        left("ACCOUNT"),
        left("REGION"),
        left("STACK").hidden(2),
        left("CIDR").hidden(1),
        left(""),
    ];
    let rows = answer.tenants.iter().map(|row| {
        let offboarded = if row.offboarded { "offboarded" } else { "" };
        vec![
            row.tenant.to_string(),
            row.ring.to_string(),
            row.account.to_string(),
            row.region.to_string(),
            row.stack.clone(),
            row.cidr.to_string(),
            offboarded.to_owned(),
        ]
    });
    Screen::current().table(0, &COLUMNS, rows)
}
