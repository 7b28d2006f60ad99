//! `tenantry flags lint`.

use clap::Args as ClapArgs;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Exit, Failure, Global, Output, retire};
use crate::cli::Format;
use crate::cli::opened::Opened;
use crate::report::{findings, junit, sarif};
use tenantry_base::finding::{Finding, Severity};
use tenantry_spec::estate;
use tenantry_spec::flags::{lint, values};

/// Find flags that have expired, are unused, are read but not defined, or have the same value for every tenant.
///
/// Unused and uniform flags are only listed.
///
/// Exit code 0: no errors; 2: a flag has expired, or an undefined one is read.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry flags lint")]
pub(super) struct Args {
    /// The day that flags expire by, `YYYY-MM-DD`. Default: today (UTC).
    #[arg(long, value_name = "DATE")]
    today: Option<jiff::civil::Date>,
}

#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct Answer<'a> {
    /// Number of flags in the catalogue.
    flags: usize,
    /// Findings about the catalogue and its use.
    findings: &'a [Finding],
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let opened = Opened::open(global)?;
    let catalogue = &opened.estate.flags;
    let document = estate::flags_document(&global.estate).map_err(|finding| Failure::new(finding.message))?;
    let tenants = opened.estate.tenants.values();
    let fleet = tenants.map(|tenant| (tenant.name.to_string(), values(catalogue, &tenant.subject()))).collect();
    let reads = retire::reads(global, &opened.estate.blueprint)?;
    let today = args.today.unwrap_or_else(crate::cli::today);
    let found = lint::lint(lint::Linted { catalogue, document: &document, reads: &reads, fleet: &fleet, today });
    let answer = Answer { flags: catalogue.flags.len(), findings: &found };
    let output = Output::new(global.output);
    match global.output {
        Format::Sarif => output.text(&sarif::text(&found)?)?,
        Format::Junit => output.text(&junit::text(&std::collections::BTreeMap::new(), &found)?)?,
        _ => output.show(&answer, |answer| {
            let well = format!("{} flags: no findings\n", answer.flags);
            if answer.findings.is_empty() { well } else { findings::text(answer.findings) }
        })?,
    }
    let fails = found.iter().any(|finding| finding.severity == Severity::Error);
    Ok(if fails { Exit::Changes } else { Exit::Clean })
}
