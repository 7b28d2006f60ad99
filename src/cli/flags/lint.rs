//! `tenantry flags lint`.

use clap::Args as ClapArgs;
use serde::Serialize;

use super::{Exit, Failure, Global, Output, retire};
use crate::cli::Format;
use crate::cli::opened::Opened;
use crate::report::{findings, junit, sarif};
use tenantry_base::finding::{Finding, Severity};
use tenantry_spec::estate;
use tenantry_spec::flags::{lint, values};

/// Find flags that are past their date, read by nothing, read but not there, or the same for every tenant.
///
/// Exit code 2 where one has expired or one is read that is not there; the rest is for a quiet hour.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// The day to judge by, `YYYY-MM-DD`; without it today (UTC).
    #[arg(long, value_name = "DATE")]
    today: Option<jiff::civil::Date>,
}

#[derive(Serialize)]
struct Answer<'a> {
    flags: usize,
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
        _ => output.show("tenantry/findings/v1", &answer, |answer| {
            let well = format!("{} flags: all well\n", answer.flags);
            if answer.findings.is_empty() { well } else { findings::text(answer.findings) }
        })?,
    }
    let fails = found.iter().any(|finding| finding.severity == Severity::Error);
    Ok(if fails { Exit::Changes } else { Exit::Clean })
}
