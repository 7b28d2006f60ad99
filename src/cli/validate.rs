//! `tenantry validate`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use clap::Args as ClapArgs;
use serde::Serialize;

use super::{Exit, Failure, Format, Global, Output, opened};
use crate::report::{findings, junit, sarif};
use tenantry_base::finding::{Finding, Severity};
use tenantry_checks::capacity::Tables;
use tenantry_checks::cost;
use tenantry_checks::policy::{Checker, Stack};
use tenantry_spec::estate::{self, Estate, Tenant};
use tenantry_template::embedded;
use tenantry_template::render::{Functions, Renderer, TemplateSet, render_fleet};

/// Check the estate, render every tenant and hold it against the policies.
///
/// Reads every file and reports everything that is wrong at once. Needs no credentials and no network. A tenant whose
/// own files have errors is not rendered; an error of the fleet, the templates or the policies stops there for all.
///
/// Exit code 0: nothing is wrong; 2: there are errors or warnings; 1: there is no estate, or it could not be read.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {}

/// What is wrong with an estate.
#[derive(Debug, Serialize)]
struct Checked {
    tenants: usize,
    /// Tenants that were not rendered and held against the policies, because something is wrong before.
    unchecked: Vec<String>,
    findings: Vec<Finding>,
    /// Rules that the blueprint switches off, each with its reason.
    rules_off: BTreeMap<String, String>,
    #[serde(skip)]
    cases: BTreeMap<String, bool>,
}

pub(super) fn run(_: &Args, global: &Global) -> Result<Exit, Failure> {
    let checked = check(&global.estate)?;
    let output = Output::new(global.output);
    match global.output {
        Format::Sarif => output.text(&sarif::text(&checked.findings)?)?,
        Format::Junit => output.text(&junit::text(&checked.cases, &checked.findings)?)?,
        Format::Text | Format::Json | Format::Markdown => output.show("tenantry/findings/v1", &checked, text)?,
    }
    let worst = checked.findings.iter().map(|finding| finding.severity).max();
    Ok(if worst > Some(Severity::Note) { Exit::Changes } else { Exit::Clean })
}

fn text(checked: &Checked) -> String {
    let off = checked.rules_off.iter().map(|(rule, why)| format!("rule `{rule}` is off: {why}\n")).collect::<String>();
    if checked.findings.is_empty() {
        let (count, s) = (checked.tenants, if checked.tenants == 1 { "" } else { "s" });
        return format!("{off}{count} tenant{s}: all well\n");
    }
    let (left, all) = (checked.unchecked.len(), checked.tenants);
    let rest = format!("{left} of {all} tenants could not be held against the policies because of these errors\n");
    format!("{}{off}{}", findings::text(&checked.findings), if left > 0 { rest.as_str() } else { "" })
}

fn check(root: &Path) -> Result<Checked, Failure> {
    let (estate, mut findings) = opened::load(root)?;
    let templates = embedded::templates(root)?;
    let rules = embedded::rules(root)?;
    let sound = estate.as_ref().map(|estate| sound(estate, &findings)).unwrap_or_default();
    let now = jiff::Timestamp::now().as_second();
    findings.extend(estate.iter().flat_map(|estate| estate::revocation_lists(estate, now)));
    findings.extend(estate.iter().flat_map(estate::shared_authorities));
    let renderer = kept(TemplateSet::parse(templates), &mut findings).map(Renderer::new);
    // Rules and locks are read where the estate itself cannot be, too.
    let blueprint = estate.as_ref().map(|estate| Arc::clone(&estate.blueprint)).or_else(estate::blueprint::built_in);
    let functions = blueprint.as_ref().and_then(|blueprint| {
        kept(embedded::functions(root, blueprint).map_err(|finding| vec![finding]), &mut findings)
    });
    let tables = said(Tables::load(root), &mut findings);
    said(cost::load(root), &mut findings);
    let checker = blueprint.as_ref().and_then(|blueprint| kept(Checker::new(rules, blueprint), &mut findings));
    let quotas = tables.iter().flat_map(|tables| &tables.quotas);
    let checker = checker.map(|checker| checker.with_limits(quotas));
    let mut held = BTreeSet::new();
    if let (Some(estate), Some(renderer), Some(functions)) = (&estate, renderer, functions) {
        held = hold(estate, &sound, &renderer, &functions, checker.as_ref(), &mut findings);
    }
    let named = findings.iter().filter_map(|finding| finding.tenant.as_deref());
    let all: BTreeSet<&str> =
        estate.iter().flat_map(|estate| estate.tenants.keys()).map(|name| name.as_str()).chain(named).collect();
    let cases: BTreeMap<String, bool> = all.into_iter().map(|name| (name.to_owned(), held.contains(name))).collect();
    let rules_off = checker.as_ref().map(|checker| checker.off().clone()).unwrap_or_default();
    let unchecked = cases.iter().filter(|(_, held)| !**held).map(|(name, _)| name.clone()).collect();
    Ok(Checked { tenants: cases.len(), unchecked, findings, rules_off, cases })
}

/// A value, or what is wrong with it among the findings.
fn kept<T>(result: Result<T, Vec<Finding>>, findings: &mut Vec<Finding>) -> Option<T> {
    result.map_err(|found| findings.extend(found)).ok()
}

/// A value, or none, with what reading it found among the findings.
fn said<T>(read: Result<(T, Vec<Finding>), Vec<Finding>>, findings: &mut Vec<Finding>) -> Option<T> {
    let (value, found) = kept(read, findings)?;
    findings.extend(found);
    Some(value)
}

/// The tenants that can be rendered: nothing is wrong with their own files, nor with what holds for all.
fn sound<'e>(estate: &'e Estate, findings: &[Finding]) -> Vec<&'e Tenant> {
    let errors = || findings.iter().filter(|finding| finding.severity == Severity::Error);
    if errors().any(|finding| finding.tenant.is_none()) {
        return Vec::new();
    }
    let broken: BTreeSet<&str> = errors().filter_map(|finding| finding.tenant.as_deref()).collect();
    estate.tenants.values().filter(|tenant| !broken.contains(tenant.name.as_str())).collect()
}

/// Renders tenants and holds them against the policies; gives the names of those for which that was done.
fn hold(
    estate: &Estate,
    tenants: &[&Tenant],
    renderer: &Renderer,
    functions: &Functions,
    checker: Option<&Checker>,
    findings: &mut Vec<Finding>,
) -> BTreeSet<String> {
    let mut rendered = Vec::new();
    for result in render_fleet(renderer, estate, functions, "unreleased", tenants) {
        rendered.extend(kept(result, findings));
    }
    findings.extend(rendered.iter().flat_map(|one| one.warnings.iter().cloned()));
    let Some(checker) = checker else { return BTreeSet::new() };
    let stacks: Vec<Stack<'_>> = rendered.iter().map(Stack::from).collect();
    findings.extend(checker.check(&stacks));
    rendered.iter().map(|one| one.tenant.name.to_string()).collect()
}
