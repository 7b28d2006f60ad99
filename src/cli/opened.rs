//! The estate with everything that renders it, opened for a command.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;

use super::review::Reviewer;
use super::{Exit, Failure, Global, Selection, selection};
use crate::report::findings;
use tenantry_base::finding::{Finding, Severity};
use tenantry_checks::capacity::Tables;
use tenantry_checks::cost::{self, Prices};
use tenantry_checks::policy::Stack;
use tenantry_checks::resources;
use tenantry_ops::deploy::{Desired, stacks, zips};
use tenantry_ops::release::Repository;
use tenantry_spec::estate::{self, Estate, Tenant};
use tenantry_template::embedded;
use tenantry_template::render::{Functions, RenderedTenant, Renderer, TemplateSet, render_fleet};

/// What a command renders, and from what.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Release")]
pub(super) struct Release {
    /// Name of the release that is rendered.
    #[arg(long, value_name = "NAME", default_value = tenantry_ops::release::name::UNRELEASED, env = "TENANTRY_RELEASE",
        value_parser = crate::cli::release_name)]
    pub(super) release: String,
    /// Directory of the functions' zips, each named by its SHA-256.
    #[arg(long, value_name = "DIR", default_value = "target/functions", env = "TENANTRY_FUNCTIONS")]
    pub(super) functions: PathBuf,
}

impl Release {
    /// What is rendered for the eye only: under no name, and without zips.
    pub(super) fn unreleased() -> Self {
        Self { release: tenantry_ops::release::name::UNRELEASED.to_owned(), functions: PathBuf::new() }
    }
}

/// An estate without errors, and its templates.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) estate: Estate,
    pub(super) renderer: Renderer,
    pub(super) functions: Functions,
    /// What loading found and does not stop.
    findings: Vec<Finding>,
    /// Tenants whose files have errors, of a command that goes on without them.
    left_out: BTreeSet<String>,
}

/// Loads an estate and all findings; an estate with errors is given too, as far as there is one.
pub(super) fn load(root: &Path) -> Result<(Option<Estate>, Vec<Finding>), Failure> {
    if !root.join("tenants").is_dir() {
        return Err(Failure::new(format!("`{}` is no estate: it has no directory `tenants`", root.display()))
            .with_hint("name the estate with `--estate DIR`, or make one with `tenantry init DIR`"));
    }
    let left_out = Repository::open(root).and_then(|repository| repository.left_out()).unwrap_or_default();
    if let Some(first) = left_out.first() {
        let count = left_out.len();
        return Err(Failure::new(format!(
            "a sparse checkout leaves {count} files of the estate out of the work tree, `{first}` first"
        ))
        .with_hint("`git sparse-checkout disable` brings them"));
    }
    let (estate, mut findings) = estate::load(root);
    findings.extend(resources::install(root).err().unwrap_or_default());
    Ok((estate, findings))
}

/// The templates of an estate.
pub(super) fn renderer(root: &Path) -> Result<Renderer, Failure> {
    let set = TemplateSet::parse(embedded::templates(root)?).map_err(|found| refused(&found, "the templates"))?;
    Ok(Renderer::new(set))
}

/// The tables of quotas and regions of an estate. Prints warnings about its own rows.
pub(super) fn tables(root: &Path) -> Result<Tables, Failure> {
    let (tables, found) = Tables::load(root).map_err(|found| refused(&found, "the tables of quotas and regions"))?;
    warn(&found);
    Ok(tables)
}

/// The prices of an estate. Prints warnings about its own rows.
pub(super) fn prices(root: &Path) -> Result<Prices, Failure> {
    let (prices, found) = cost::load(root).map_err(|found| refused(&found, "the table of prices"))?;
    warn(&found);
    Ok(prices)
}

impl Opened {
    /// Opens the estate for the tenants of a selection. A tenant that cannot be among them may have errors: it is left out
    /// with a warning. Which tenants a ring, an account or a Region has, only files without errors say.
    pub(super) fn selected(global: &Global, selection: &Selection) -> Result<Self, Failure> {
        match selection.names[..] {
            [] => Self::open(global),
            ref names => Self::without_broken(global, names),
        }
    }

    /// Opens the estate for a command that must work while another tenant's file has errors: those tenants are left out,
    /// with a warning. Errors of the fleet's own files, and of a tenant that is named (also by a glob), end the command.
    pub(super) fn without_broken(global: &Global, named: &[String]) -> Result<Self, Failure> {
        let (estate, findings) = load(&global.estate)?;
        let errors: Vec<Finding> = findings.iter().filter(|one| one.severity == Severity::Error).cloned().collect();
        let broken: BTreeSet<String> = errors.iter().filter_map(|error| error.tenant.clone()).collect();
        let named = selection::globs(named)?;
        let stops = |error: &Finding| error.tenant.as_ref().is_none_or(|tenant| named.is_match(tenant));
        let Some(mut estate) = estate.filter(|_| !errors.iter().any(stops)) else {
            return Err(refused(&findings, "the estate"));
        };
        if !broken.is_empty() {
            estate.tenants.retain(|name, _| !broken.contains(name.as_str()));
            let names: Vec<&str> = broken.iter().map(String::as_str).collect();
            anstream::eprint!("{}", findings::text(&errors));
            anstream::eprintln!("warning: left out, because their files have errors: {}", names.join(", "));
        }
        let functions = embedded::functions(&global.estate, &estate.blueprint)
            .map_err(|found| refused(&[found], "the functions' lock"))?;
        let renderer = renderer(&global.estate)?;
        let findings = findings.into_iter().filter(|one| one.severity != Severity::Error).collect();
        Ok(Self { estate, renderer, functions, findings, left_out: broken })
    }

    /// What a command about the whole fleet says to the shell of the tenants that were left out.
    pub(super) fn incomplete(&self, whole_fleet: bool) -> Exit {
        if whole_fleet && !self.left_out.is_empty() { Exit::Incomplete } else { Exit::Clean }
    }

    /// Opens the estate; errors in it are printed and end the command.
    pub(super) fn open(global: &Global) -> Result<Self, Failure> {
        let (estate, findings) = load(&global.estate)?;
        let estate = match estate {
            Some(estate) if !estate::has_errors(&findings) => estate,
            _ => return Err(refused(&findings, "the estate")),
        };
        Self::of(global, estate, findings)
    }

    /// Opens an estate that was read without errors.
    pub(super) fn of(global: &Global, estate: Estate, findings: Vec<Finding>) -> Result<Self, Failure> {
        let functions = embedded::functions(&global.estate, &estate.blueprint)
            .map_err(|found| refused(&[found], "the functions' lock"))?;
        let renderer = renderer(&global.estate)?;
        Ok(Self { estate, renderer, functions, findings, left_out: BTreeSet::new() })
    }

    /// Renders tenants; errors are printed and end the command.
    pub(super) fn render<'e>(
        &'e self,
        tenants: &[&'e Tenant],
        release: &str,
    ) -> Result<Vec<RenderedTenant<'e>>, Failure> {
        let mut rendered = Vec::new();
        let mut findings = Vec::new();
        for result in render_fleet(&self.renderer, &self.estate, &self.functions, release, tenants) {
            match result {
                Ok(tenant) => rendered.push(tenant),
                Err(found) => findings.extend(found),
            }
        }
        if findings.is_empty() { Ok(rendered) } else { Err(refused(&findings, "the rendering")) }
    }

    /// What the stacks of tenants should be, and what the policies say of them. Prints the warnings about these tenants.
    pub(super) fn held(
        &self,
        tenants: &[&Tenant],
        release: &Release,
        reviewer: &Reviewer,
    ) -> Result<(Vec<Desired>, Vec<Finding>), Failure> {
        let named: BTreeSet<&str> = tenants.iter().map(|tenant| tenant.name.as_str()).collect();
        let own = |finding: &&Finding| finding.tenant.as_deref().is_none_or(|tenant| named.contains(tenant));
        warn(&self.findings.iter().filter(own).cloned().collect::<Vec<_>>());
        let rendered = self.render(tenants, &release.release)?;
        let found: Vec<Finding> = rendered.iter().flat_map(|one| one.warnings.iter().cloned()).collect();
        warn(&found);
        let stacks: Vec<Stack<'_>> = rendered.iter().map(Stack::from).collect();
        let mut findings = reviewer.policies(&stacks);
        findings.extend(found.into_iter().filter(|finding| finding.severity == Severity::Error));
        Ok((rendered.iter().map(|one| self.stack(one, release)).collect(), findings))
    }

    /// Says before AWS is asked which functions have no zip here: a deploy uploads what the artifacts bucket lacks, and fails where
    /// it cannot.
    pub(super) fn warn_of_zips(&self, release: &Release) {
        let missing = zips::missing(&self.functions, &release.functions);
        if !missing.is_empty() {
            let (folder, names) = (release.functions.display(), missing.join(", "));
            anstream::eprintln!(
                "warning: `{folder}` has no zip of {names}: a deploy fails where the artifacts bucket has none either\n  \
                 help: `tenantry functions fetch`, or name their directory with `--functions`"
            );
        }
    }

    /// What the stacks of tenants should be.
    pub(super) fn desired(&self, tenants: &[&Tenant], release: &Release) -> Result<Vec<Desired>, Failure> {
        Ok(self.render(tenants, &release.release)?.iter().map(|one| self.stack(one, release)).collect())
    }

    /// What the stacks of tenants should be, where a person has named some of them: those are deployed although they were
    /// offboarded.
    pub(super) fn held_as_named(
        &self,
        tenants: &[&Tenant],
        release: &Release,
        reviewer: &Reviewer,
        named: &[String],
    ) -> Result<(Vec<Desired>, Vec<Finding>), Failure> {
        let (mut desired, findings) = self.held(tenants, release, reviewer)?;
        for one in desired.iter_mut().filter(|one| named.contains(&one.tenant)) {
            one.offboarded = false;
        }
        Ok((desired, findings))
    }

    /// What the stack of a rendered tenant should be.
    pub(super) fn stack(&self, rendered: &RenderedTenant<'_>, release: &Release) -> Desired {
        let (zips, name) = (&release.functions, &release.release);
        stacks::tenant(&self.estate, rendered.tenant, &rendered.template, &self.functions, zips, name)
    }
}

/// Prints the warnings among findings, which stop nothing.
pub(super) fn warn(found: &[Finding]) {
    let warnings: Vec<Finding> =
        found.iter().filter(|one| matches!(one.severity, Severity::Warning | Severity::Unknown)).cloned().collect();
    if !warnings.is_empty() {
        anstream::eprint!("{}", findings::text(&warnings));
    }
}

/// Prints findings and makes them the end of the command.
pub(super) fn refused(found: &[Finding], what: &str) -> Failure {
    anstream::eprint!("{}", findings::text(found));
    Failure::new(format!("{what} cannot be used: {}", findings::summary(found)))
        .with_findings(found)
        .with_hint("`tenantry explain CODE` says more about a code")
}
