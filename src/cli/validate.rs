//! `tenantry validate`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args as ClapArgs;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Exit, Failure, Format, Global, Output, opened};
use crate::report::findings::{self, Group};
use crate::report::{junit, sarif};
use tenantry_base::finding::{Code, Finding, Severity};
use tenantry_checks::capacity::{self, Demand, Outlines, Quota, Tables};
use tenantry_checks::cost;
use tenantry_checks::handbook::{self, Handbook};
use tenantry_checks::named;
use tenantry_checks::policy::{Checker, Stack, VerdictCache};
use tenantry_checks::schemas;
use tenantry_ops::release::name::UNRELEASED;
use tenantry_spec::estate::spec::ControlPlane;
use tenantry_spec::estate::{self, Estate, Tenant};
use tenantry_spec::flags::{self, lint};
use tenantry_template::embedded;
use tenantry_template::render::{Context, Functions, RenderedTenant, Renderer, TemplateSet, prepare, render_fleet};

/// Check the estate, render every tenant and check the templates against the rules and AWS's resource schemas.
///
/// Reads every file and reports all findings at once, and what it checked against. Needs no credentials and no network.
/// Results of rules are cached in `$XDG_CACHE_HOME/tenantry`, for the same build of the tool and the same content. A
/// tenant whose own files have errors is not rendered; an error of the fleet, the templates or the policies stops there
/// for all.
///
/// Exit code 0: no errors or warnings; 1: the estate could not be read; 2: there are errors or warnings; 4: something
/// could not be checked.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry validate
  tenantry validate -o sarif > findings.sarif")]
pub(super) struct Args {}

/// Findings about an estate.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Checked {
    /// Number of tenants in the estate.
    tenants: usize,
    /// Tenants that were not rendered and checked against the policies, because of earlier errors.
    unchecked: Vec<String>,
    /// Equal findings of several tenants are grouped.
    findings: Vec<Group>,
    /// Rules that the blueprint turns off, each with its reason.
    rules_off: BTreeMap<String, String>,
    /// Rules, templates and schemas that were used.
    against: Against,
    #[serde(skip)]
    cases: BTreeMap<String, bool>,
    #[serde(skip)]
    all: Vec<Finding>,
}

/// What the estate was checked against.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct Against {
    /// Rules by file; a file may have none.
    rules: BTreeMap<String, Vec<String>>,
    /// Whether the rules are the estate's or built in.
    rules_origin: Origin,
    /// Paths of the templates.
    templates: Vec<String>,
    /// Whether the templates are the estate's or built in.
    templates_origin: Origin,
    /// Source and date of the resource type schemas.
    schemas: Schemas,
    /// Files in these folders that are ignored, each with the reason.
    ignored: BTreeMap<String, String>,
}

#[derive(Debug, Default, Serialize, JsonSchema)]
struct Schemas {
    /// Source of the schemas.
    source: &'static str,
    /// Date of the schemas, `YYYY-MM-DD`.
    date: &'static str,
}

/// Whose files they are.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Origin {
    Estate,
    #[default]
    BuiltIn,
}

impl Origin {
    fn of(root: &Path, folder: &str) -> Self {
        if root.join(folder).is_dir() { Self::Estate } else { Self::BuiltIn }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Estate => "the estate's",
            Self::BuiltIn => "built in",
        }
    }
}

impl Against {
    /// `36 rules in 7 files (the estate's), 19 templates (the estate's), resource schemas of 2026-10-20`, and what is ignored.
    fn text(&self) -> String {
        let rules: usize = self.rules.values().map(Vec::len).sum();
        let count = |number: usize, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
        let mut text = format!(
            "checked against {} in {} ({}), {} ({}), resource schemas of {}\n",
            count(rules, "rule"),
            count(self.rules.len(), "file"),
            self.rules_origin.text(),
            count(self.templates.len(), "template"),
            self.templates_origin.text(),
            self.schemas.date,
        );
        for (path, why) in &self.ignored {
            text.push_str(&format!("ignored: `{path}`: {why}\n"));
        }
        text
    }
}

pub(super) fn run(_: &Args, global: &Global) -> Result<Exit, Failure> {
    let checked = check(&global.estate, verdicts_file())?;
    let output = Output::new(global.output);
    match global.output {
        Format::Sarif => output.text(&sarif::text(&checked.all)?)?,
        Format::Junit => output.text(&junit::text(&checked.cases, &checked.all)?)?,
        Format::Text | Format::Json | Format::Markdown => output.show(&checked, text)?,
    }
    Ok(checked.all.iter().map(|finding| finding.severity.into()).max().unwrap_or(Exit::Clean))
}

fn text(checked: &Checked) -> String {
    let off = checked.rules_off.iter().map(|(rule, why)| format!("rule `{rule}` is off: {why}\n")).collect::<String>();
    if checked.all.iter().all(|finding| finding.severity == Severity::Info) {
        let (count, s) = (checked.tenants, if checked.tenants == 1 { "" } else { "s" });
        let notes = if checked.all.is_empty() { String::new() } else { findings::text_of(&checked.findings) };
        return format!("{notes}{off}{count} tenant{s}: no findings\n{}", checked.against.text());
    }
    let (left, all) = (checked.unchecked.len(), checked.tenants);
    let rest = format!("{left} of {all} tenants were not checked against the policies because of these errors\n");
    let rest = if left > 0 { rest.as_str() } else { "" };
    format!("{}{off}{rest}{}", findings::text_of(&checked.findings), checked.against.text())
}

/// Every finding of the estate below `root`, with a file of kept verdicts of rules and the stamp of who may read it.
///
/// # Errors
/// There is no estate, or a file of it cannot be read.
pub fn validated(root: &Path, verdicts: Option<(PathBuf, String)>) -> Result<Vec<Finding>, Failure> {
    Ok(check(root, verdicts)?.all)
}

fn check(root: &Path, verdicts: Option<(PathBuf, String)>) -> Result<Checked, Failure> {
    let (estate, mut findings) = opened::load(root)?;
    let templates = embedded::templates(root)?;
    let rules = embedded::rules(root)?;
    let mut against = Against {
        rules_origin: Origin::of(root, "policies"),
        templates: templates.iter().map(|source| source.path.display().to_string()).collect(),
        templates_origin: Origin::of(root, "templates"),
        schemas: Schemas { source: schemas::source(), date: schemas::date() },
        ignored: embedded::unread(root)?,
        ..Against::default()
    };
    if rules.is_empty() {
        let message = "`policies` has no file of rules, so no rule was evaluated";
        let help = "`tenantry init --upgrade` restores them; a file `policies/none.guard` with a comment says that there are none";
        findings.push(Finding::new(Code::TN4005, message).with_help(help));
    }
    let sound = estate.as_ref().map(|estate| sound(estate, &findings)).unwrap_or_default();
    findings.extend(estate.iter().flat_map(|estate| estate::dated(estate, jiff::Timestamp::now())));
    findings.extend(estate.iter().flat_map(estate::shared_authorities));
    let sources = templates.clone();
    let renderer = kept(TemplateSet::parse(templates), &mut findings).map(Renderer::new);
    // Rules and locks are read where the estate itself cannot be, too.
    let blueprint = estate.as_ref().map(|estate| Arc::clone(&estate.blueprint)).or_else(estate::blueprint::built_in);
    // What was made before blueprints names no image of theirs.
    let named = estate.as_ref().filter(|estate| !estate.has_old_templates);
    findings.extend(named.into_iter().flat_map(|estate| estate::blueprint::loose_images(root, &estate.blueprint)));
    let functions = blueprint.as_ref().and_then(|blueprint| {
        kept(embedded::functions(root, blueprint).map_err(|finding| vec![finding]), &mut findings)
    });
    if let Some(estate) = estate.as_ref().filter(|estate| !estate.flags.flags.is_empty())
        && let Some(read) = embedded::function_flags(root, &estate.blueprint)?
    {
        let reads = kept(flags::functions_reads(&read).map_err(|finding| vec![finding]), &mut findings);
        findings.extend(lint::undeclared(&estate.flags, &reads.unwrap_or_default()));
    }
    let tables = said(Tables::load(root), &mut findings);
    said(cost::load(root), &mut findings);
    if let (Some(estate), Some(tables)) = (&estate, &tables) {
        findings.extend(tables.regions.check(estate));
    }
    let checker = blueprint.as_ref().and_then(|blueprint| kept(Checker::new(rules, blueprint), &mut findings));
    let quotas = tables.iter().flat_map(|tables| &tables.quotas);
    let checker = checker.map(|checker| checker.with_limits(quotas));
    let checker = checker.map(|checker| match verdicts {
        Some((path, stamp)) => checker.with_kept(VerdictCache::open(&path, &stamp)),
        None => checker,
    });
    let files = checker.iter().flat_map(Checker::rule_files);
    against.rules = files
        .map(|(path, rules)| (path.display().to_string(), rules.into_iter().map(str::to_owned).collect()))
        .collect();
    let mut held = BTreeSet::new();
    if let (Some(estate), Some(renderer), Some(functions)) = (&estate, renderer, functions) {
        let quotas = tables.as_ref().map(|tables| tables.quotas.as_slice()).unwrap_or_default();
        let first = sound.first().and_then(|first| prepare(estate, &functions, "unreleased", first).ok());
        let context = first.map(|prepared| prepared.context);
        let rendered = rendered(estate, &sound, &renderer, &functions, &mut findings);
        findings.extend(context.iter().flat_map(|context| context.documented(root)));
        // What was made before blueprints is kept by nobody.
        if !estate.has_old_templates
            && let Some(handbook) = kept(Handbook::load(root), &mut findings)
        {
            // The context is the first tenant's.
            let context = context.as_ref().filter(|_| rendered.len() == sound.len());
            findings.extend(handbook::check(handbook.as_ref(), &sources, &rendered, context));
            findings.extend(handbook.iter().flat_map(|handbook| of_control_plane(handbook, estate, &renderer)));
        }
        findings.extend(named::check(&estate.blueprint, &sources, &rendered));
        held = hold(&rendered, checker.as_ref(), quotas, &mut findings);
    }
    findings.extend(checker.iter().flat_map(|checker| checker.run_tests(root)));
    findings.extend(estate.iter().flat_map(estate::stale_schemas));
    checker.iter().for_each(Checker::keep);
    let named = findings.iter().filter_map(|finding| finding.tenant.as_deref());
    let all: BTreeSet<&str> =
        estate.iter().flat_map(|estate| estate.tenants.keys()).map(|name| name.as_str()).chain(named).collect();
    let cases: BTreeMap<String, bool> = all.into_iter().map(|name| (name.to_owned(), held.contains(name))).collect();
    let rules_off = checker.as_ref().map(|checker| checker.off().clone()).unwrap_or_default();
    let unchecked = cases.iter().filter(|(_, held)| !**held).map(|(name, _)| name.clone()).collect();
    let groups = findings::grouped(&findings);
    Ok(Checked { tenants: cases.len(), unchecked, findings: groups, rules_off, against, cases, all: findings })
}

/// What is wrong in the handbook's entries for the control plane's alarms, in its own account and Region. An estate with a handbook
/// of its own need not describe alarms that are not its own; a template that cannot be rendered is what `bootstrap` names.
fn of_control_plane(handbook: &Handbook, estate: &Estate, renderer: &Renderer) -> Vec<Finding> {
    let fleet = &estate.fleet;
    let ControlPlane { account, region } = &fleet.control_plane;
    let context = Context::control_plane(fleet, account, region, None, UNRELEASED);
    let template = renderer.render(&context);
    let mut found =
        template.map(|template| handbook::check_control_plane(handbook, &template, &context)).unwrap_or_default();
    found.retain(|finding| finding.code != Code::TN4017);
    found
}

/// Where verdicts are kept, in the user's folder for such files, and what this build of the tool is known by. None where the
/// user has no such folder or the build cannot be distinguished from another.
fn verdicts_file() -> Option<(PathBuf, String)> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?;
    let build = std::env::current_exe().and_then(std::fs::metadata).ok()?;
    let written = build.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    let stamp = format!("{} {} {}", env!("CARGO_PKG_VERSION"), build.len(), written.as_nanos());
    Some((caches.join("tenantry/verdicts.json"), stamp))
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

/// Renders tenants, as far as nothing is wrong with them.
fn rendered<'e>(
    estate: &'e Estate,
    tenants: &[&'e Tenant],
    renderer: &Renderer,
    functions: &Functions,
    findings: &mut Vec<Finding>,
) -> Vec<RenderedTenant<'e>> {
    let mut rendered = Vec::new();
    for result in render_fleet(renderer, estate, functions, "unreleased", tenants) {
        rendered.extend(kept(result, findings));
    }
    findings.extend(rendered.iter().flat_map(|one| one.warnings.iter().cloned()));
    rendered
}

/// Holds rendered tenants against the policies; gives the names of those for which that was done.
fn hold(
    rendered: &[RenderedTenant<'_>],
    checker: Option<&Checker>,
    quotas: &[Quota],
    findings: &mut Vec<Finding>,
) -> BTreeSet<String> {
    findings.extend(alone(quotas, rendered));
    let Some(checker) = checker else { return BTreeSet::new() };
    let stacks: Vec<Stack<'_>> = rendered.iter().map(Stack::from).collect();
    findings.extend(checker.check(&stacks));
    rendered.iter().map(|one| one.tenant.name.to_string()).collect()
}

/// What a tenant's stack needs beyond quotas by itself.
fn alone(quotas: &[Quota], rendered: &[RenderedTenant<'_>]) -> Vec<Finding> {
    let outlines = Outlines::default();
    // Tenants of one size share their demand.
    let mut known: HashMap<*const Demand, (Arc<Demand>, Vec<Finding>)> = HashMap::new();
    let mut found = Vec::new();
    for one in rendered {
        let demand = outlines.needs(&one.template).demand;
        let of_demand = || (Arc::clone(&demand), capacity::alone(quotas, &demand));
        let (_, beyond) = known.entry(Arc::as_ptr(&demand)).or_insert_with(of_demand);
        let named = |finding: &Finding| finding.clone().with_tenant(one.tenant.name.as_str()).at(one.tenant.locate(""));
        found.extend(beyond.iter().map(named));
    }
    found
}
