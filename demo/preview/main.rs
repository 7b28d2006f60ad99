//! The sample estate loaded, rendered, checked and planned as nothing but git knows it: with the libraries alone, without
//! the command line and without the AWS SDK. It compiles in a third of the time of the whole tool, so that `make demo` has
//! something to show early, and shows how a program of one's own uses them.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use tenantry_base::finding::{Finding, Severity};
use tenantry_checks::capacity::{AccountRegion, Outlines, Site, Snapshot, Stack, Tables, check};
use tenantry_checks::policy::{self, Checker};
use tenantry_checks::{cost, resources};
use tenantry_spec::estate::{self, Estate, Tenant};
use tenantry_template::embedded;
use tenantry_template::render::{RenderedTenant, Renderer, TemplateSet, render_fleet};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let root = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let root = Path::new(&root);
    let (estate, mut findings) = estate::load(root);
    findings.extend(resources::install(root).err().unwrap_or_default());
    let text = match estate.filter(|_| !estate::has_errors(&findings)) {
        Some(estate) => plan(root, &estate, &mut findings)?,
        None => String::new(),
    };
    let mut out = std::io::stdout().lock();
    for finding in &findings {
        writeln!(out, "{}: {}", finding.code.as_str(), finding.message)?;
    }
    write!(out, "{text}")?;
    let good = findings.iter().all(|finding| finding.severity < Severity::Error);
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Renders every tenant and holds it against the rules; says what a deploy into empty accounts would make, need and cost.
fn plan(root: &Path, estate: &Estate, findings: &mut Vec<Finding>) -> Result<String, Box<dyn Error>> {
    let all = |found: Vec<Finding>| found.into_iter().map(|one| one.message).collect::<Vec<_>>().join("\n");
    let renderer = Renderer::new(TemplateSet::parse(embedded::templates(root)?).map_err(all)?);
    let functions = embedded::functions(root, &estate.blueprint).map_err(|found| found.message)?;
    let checker = Checker::new(embedded::rules(root)?, &estate.blueprint).map_err(all)?;
    let (prices, _) = cost::load(root).map_err(all)?;
    let (tables, _) = Tables::load(root).map_err(all)?;
    let tenants: Vec<&Tenant> = estate.tenants.values().collect();
    let mut rendered = Vec::new();
    for result in render_fleet(&renderer, estate, &functions, "unreleased", &tenants) {
        rendered.push(result.map_err(all)?);
    }
    let stacks: Vec<policy::Stack<'_>> = rendered.iter().map(policy::Stack::from).collect();
    findings.extend(checker.check(&stacks));

    let mut text = String::new();
    for one in &rendered {
        let (tree, spec) = (one.template.tree(), &one.tenant.spec);
        let resources = tree["Resources"].as_object().map_or(0, serde_json::Map::len);
        let month = cost::bill(&tree, spec.region.as_str(), &prices).total().usd;
        text += &format!(
            "+ {:<9} {} in {:<10} {resources} resources, USD {:.0} to {:.0} a month\n",
            one.tenant.name, spec.account, spec.region, month.low, month.peak
        );
    }
    let mut fullest: Option<(u64, String)> = None;
    for assessment in check(&tables, &sites(&rendered)) {
        for subnet in assessment.subnets {
            if fullest.as_ref().is_none_or(|(percent, _)| *percent < subnet.percent) {
                let at = format!("{} of {}: {} of {}", subnet.logical_id, subnet.tenant, subnet.needed, subnet.usable);
                fullest = Some((subnet.percent, at));
            }
        }
    }
    let (percent, subnet) = fullest.unwrap_or_default();
    text += &format!(
        "{} to deploy, {} findings; fullest subnet at peak: {subnet} addresses ({percent} %)\n",
        rendered.len(),
        findings.len()
    );
    Ok(text)
}

/// The stacks by account and Region. Nobody has looked at AWS: what is there already is unknown.
fn sites(rendered: &[RenderedTenant<'_>]) -> BTreeMap<AccountRegion, Site> {
    let outlines = Outlines::default();
    let mut sites: BTreeMap<AccountRegion, Site> = BTreeMap::new();
    for one in rendered {
        let spec = &one.tenant.spec;
        let ground = AccountRegion { account: spec.account.clone(), region: spec.region.clone() };
        let name = one.tenant.name.to_string();
        let needs = outlines.needs(&one.template).into();
        let site = sites.entry(ground).or_default();
        site.snapshot = Snapshot::unknown("AWS was not asked");
        site.stacks.push(Stack { tenant: name.clone(), name, needs, planned: true });
    }
    sites
}
