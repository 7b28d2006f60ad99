//! `tenantry cost`.

use clap::Args as ClapArgs;

use super::opened::{self, Opened};
use super::{Exit, Failure, Global, Output, Selection, selection};
use crate::report::cost::{Costs, text};
use crate::report::screen::Screen;
use tenantry_checks::cost::bill;
use tenantry_spec::estate::Tenant;

/// Show the monthly cost of tenants: idle, at the mean rate and at the peak.
///
/// One tenant is shown line by line, each with its formula, its inputs and the price; several tenants have a line each.
/// The most expensive come first, each with its share. The cost of waiting functions is shown separately. Needs no
/// credentials and no network.
///
/// Exit code 0: everything has a price; 4: something has no price, or tenants with errors are left out.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry cost
  tenantry cost acme
  tenantry cost --ring canary -o json")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) selection: Selection,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let opened = Opened::without_broken(global, &args.selection.names)?;
    let mut tenants = args.selection.select(&opened.estate)?;
    tenants.retain(|tenant| args.selection.counts(&opened.estate, tenant));
    let shown = show(&opened, &tenants, Output::new(global.output), global)?;
    Ok(shown.max(opened.incomplete(args.selection.is_whole_fleet())))
}

/// `tenantry explain cost TENANT`: the bill of one tenant.
pub(super) fn one(output: Output, global: &Global, name: &str) -> Result<Exit, Failure> {
    let opened = Opened::without_broken(global, &[name.to_owned()])?;
    let tenant = selection::tenant(&opened.estate, name)?;
    show(&opened, &[tenant], output, global)
}

fn show(opened: &Opened, tenants: &[&Tenant], output: Output, global: &Global) -> Result<Exit, Failure> {
    let prices = opened::prices(&global.estate)?;
    let rendered = opened.render(tenants, "unreleased")?;
    let bills = rendered.iter().map(|one| {
        let spec = &one.tenant.spec;
        let bill = bill(&one.template.tree(), spec.region.as_str(), &prices);
        (one.tenant.name.to_string(), spec.account.to_string(), bill)
    });
    let costs = Costs::of(&prices.date, bills.collect());
    output.show(&costs, |costs| Screen::current().wrapped(&text(costs, Screen::current())))?;
    Ok(if costs.total.missing.is_empty() { Exit::Clean } else { Exit::Incomplete })
}
