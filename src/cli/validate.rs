//! `tenantry validate`.

use clap::Args as ClapArgs;
use serde::Serialize;

use super::opened::{self, Opened};
use super::{Exit, Failure, Global, Output};
use crate::estate::{self, Tenant};
use crate::finding::{Finding, Severity};
use crate::policy::Stack;
use crate::render::render_fleet;
use crate::report::findings;

/// Check the estate, render every tenant and hold it against the policies.
///
/// Reads every file and reports everything that is wrong at once. Needs no credentials and no network.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {}

#[derive(Serialize)]
struct Answer<'a> {
    tenants: usize,
    findings: &'a [Finding],
}

pub(super) fn run(_: &Args, global: &Global) -> Result<Exit, Failure> {
    let output = Output::new(global.output);
    let (estate, mut found) = opened::load(&global.estate)?;
    let mut tenants = 0;
    if let Some(estate) = estate.filter(|_| !estate::has_errors(&found)) {
        let opened = Opened::open(global)?;
        let all: Vec<&Tenant> = estate.tenants.values().collect();
        tenants = all.len();
        let mut rendered = Vec::new();
        for result in render_fleet(&opened.renderer, &estate, &opened.functions, "unreleased", &all) {
            match result {
                Ok(tenant) => rendered.push(tenant),
                Err(findings) => found.extend(findings),
            }
        }
        let checker = opened::checker(&global.estate)?;
        let stacks: Vec<Stack<'_>> = rendered.iter().map(Stack::from).collect();
        found.extend(checker.check(&stacks));
    }
    output.show("tenantry/findings/v1", &Answer { tenants, findings: &found }, |answer| {
        let verdict =
            if answer.findings.is_empty() { format!("{} tenants: all well\n", answer.tenants) } else { String::new() };
        format!("{}{verdict}", findings::text(answer.findings))
    })?;
    Ok(match found.iter().map(|finding| finding.severity).max() {
        Some(Severity::Error) => Exit::Error,
        Some(Severity::Warning) => Exit::Changes,
        _ => Exit::Clean,
    })
}
