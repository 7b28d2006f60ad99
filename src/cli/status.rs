//! `tenantry status`.

use clap::Args as ClapArgs;
use comfy_table::{Table, presets};
use serde::Serialize;

use super::opened::{Opened, Release};
use super::{Exit, Failure, Global, Output, Selection};
use crate::cloud::Cloud;
use crate::deploy::status::{Line, Verdict, status};
use crate::estate::Tenant;

/// Show the fleet on one screen: each tenant's stack beside what git says.
///
/// Exit code 0: everything is as git says; 2: something differs; 4: an account or region could not be read.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    release: Release,
}

#[derive(Serialize)]
struct Answer {
    stacks: Vec<Line>,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let opened = Opened::open(global)?;
    let tenants: Vec<&Tenant> = if args.selection.is_empty() {
        opened.estate.tenants.values().collect()
    } else {
        args.selection.select(&opened.estate)?
    };
    let desired = opened.desired(&tenants, &args.release)?;
    let stacks = super::wait(async { status(&Cloud::configure().await, &desired).await })?;
    let worst = stacks.iter().map(|line| exit(&line.verdict)).max().unwrap_or(Exit::Clean);
    Output::new(global.output).show("tenantry/status/v1", &Answer { stacks }, |answer| table(&answer.stacks))?;
    Ok(worst)
}

fn exit(verdict: &Verdict) -> Exit {
    match verdict {
        Verdict::InSync => Exit::Clean,
        Verdict::Differs | Verdict::Missing | Verdict::InProgress | Verdict::Failed => Exit::Changes,
        Verdict::Unknown { .. } => Exit::Incomplete,
    }
}

fn table(lines: &[Line]) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["TENANT", "RING", "ACCOUNT", "REGION", "STACK", "RELEASE", "VERDICT"]);
    for line in lines {
        let dash = || "-".to_owned();
        table.add_row([
            line.tenant.clone(),
            line.ring.clone().unwrap_or_else(dash),
            line.place.account.to_string(),
            line.place.region.to_string(),
            line.status.clone().unwrap_or_else(dash),
            line.release.clone().unwrap_or_else(dash),
            said(&line.verdict),
        ]);
    }
    let rows: String = table.lines().map(|row| format!("{}\n", row.trim_end())).collect();
    rows
}

fn said(verdict: &Verdict) -> String {
    match verdict {
        Verdict::InSync => "in sync".to_owned(),
        Verdict::Differs => "differs from git".to_owned(),
        Verdict::Missing => "not deployed".to_owned(),
        Verdict::InProgress => "in progress".to_owned(),
        Verdict::Failed => "failed".to_owned(),
        Verdict::Unknown { why } => format!("unknown: {why}"),
    }
}
