//! One size of fleet, measured in a process of its own so that its peak memory is its own.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tenantry_base::finding::Finding;
use tenantry_checks::policy::{Checker, Stack};
use tenantry_spec::estate::{self, Tenant};
use tenantry_template::embedded;
use tenantry_template::render::{RenderedTenant, Renderer, TemplateSet, render_fleet};

use super::estate::{self as made, Workloads};

pub(super) const RELEASE: &str = "v1.0.0";

/// What one size took.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Measured {
    pub(super) tenants: usize,
    /// Distinct forms that the fleet's templates share.
    pub(super) forms: usize,
    /// Bytes of all bodies.
    pub(super) bytes: usize,
    pub(super) load: Duration,
    /// Sizing, layout, filling and writing every body.
    pub(super) render: Duration,
    /// Every policy held against every template.
    pub(super) check: Duration,
    pub(super) peak_mib: f64,
}

/// Measures a fleet of `tenants` in a process of its own.
pub(super) fn apart(tenants: usize, workloads: Workloads) -> Measured {
    let mode = if workloads == Workloads::Few { "--fleet" } else { "--different" };
    let output = Command::new(std::env::current_exe().unwrap()).arg(mode).arg(tenants.to_string()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Measures a fleet here.
pub(super) fn here(tenants: usize, workloads: Workloads) -> Measured {
    let folder = tempfile::tempdir().unwrap();
    made::write(folder.path(), tenants, workloads).unwrap();
    let begun = Instant::now();
    let (estate, findings) = estate::load(folder.path());
    assert!(findings.is_empty(), "{}", texts(&findings));
    let estate = estate.unwrap();
    let load = begun.elapsed();
    assert_eq!(estate.tenants.len(), tenants);

    let (renderer, checker) = (renderer(folder.path()), checker(folder.path()));
    let functions = embedded::functions(folder.path(), &estate.blueprint).unwrap();
    let all: Vec<&Tenant> = estate.tenants.values().collect();
    let begun = Instant::now();
    let rendered = render_fleet(&renderer, &estate, &functions, RELEASE, &all);
    let rendered: Vec<RenderedTenant<'_>> = rendered.into_iter().map(Result::unwrap).collect();
    let bytes = bodies(&rendered);
    let render = begun.elapsed();

    let begun = Instant::now();
    let stacks: Vec<Stack<'_>> = rendered.iter().map(Stack::from).collect();
    let found = checker.check(&stacks);
    let check = begun.elapsed();
    assert!(found.is_empty(), "{}", texts(&found));
    Measured { tenants, forms: renderer.forms(), bytes, load, render, check, peak_mib: peak_mib() }
}

fn texts(findings: &[Finding]) -> String {
    findings.iter().map(|finding| format!("{} {}\n", finding.code.as_str(), finding.message)).collect()
}

fn bodies(rendered: &[RenderedTenant<'_>]) -> usize {
    use rayon::prelude::*;
    rendered.par_iter().map(|tenant| tenant.template.body().len()).sum()
}

pub(super) fn renderer(root: &Path) -> Renderer {
    Renderer::new(TemplateSet::parse(embedded::templates(root).unwrap()).unwrap())
}

pub(super) fn checker(root: &Path) -> Checker {
    Checker::new(embedded::rules(root).unwrap(), &estate::blueprint::built_in().unwrap()).unwrap()
}

/// Peak resident size of this process.
fn peak_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}
