//! `tenantry status`.

use std::collections::BTreeMap;

use clap::Args as ClapArgs;
use comfy_table::{Table, presets};
use serde::Serialize;

use super::opened::{Opened, Release};
use super::{Exit, Failure, Global, Output, Selection};
use crate::cloud::Cloud;
use crate::deploy::flags::{Delivery, survey};
use crate::deploy::status::{Line, Verdict, status};
use crate::estate::Tenant;
use crate::report;

/// Show the fleet on one screen: each tenant's stack beside what git says.
///
/// Exit code 0: everything is as git says; 2: something differs; 4: an account or region could not be read.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    release: Release,
    /// Also compare each tenant's flags with what AppConfig has in force: a flag that was pushed differs.
    #[arg(long)]
    flags: bool,
}

#[derive(Serialize)]
struct Answer {
    stacks: Vec<Line>,
    /// By tenant; asked for with `--flags`.
    #[serde(skip_serializing_if = "Option::is_none")]
    flags: Option<BTreeMap<String, Delivery>>,
}

/// Tenants whose flags are looked at at once.
const LOOKS: usize = 16;

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let opened = Opened::open(global)?;
    let tenants: Vec<&Tenant> = if args.selection.is_empty() {
        opened.estate.tenants.values().collect()
    } else {
        args.selection.select(&opened.estate)?
    };
    let desired = opened.desired(&tenants, &args.release)?;
    let answer = super::wait(async {
        let cloud = Cloud::configure().await;
        let stacks = status(&cloud, &desired).await;
        let flags = if args.flags { Some(survey(&cloud, &opened.estate, &tenants, LOOKS).await) } else { None };
        Answer { stacks, flags }
    })?;
    let stacks = answer.stacks.iter().map(|line| exit(&line.verdict));
    let flags = answer.flags.iter().flat_map(BTreeMap::values).map(super::flags::show::exit);
    let worst = stacks.chain(flags).max().unwrap_or(Exit::Clean);
    Output::new(global.output).show("tenantry/status/v1", &answer, text)?;
    Ok(worst)
}

fn exit(verdict: &Verdict) -> Exit {
    match verdict {
        Verdict::InSync => Exit::Clean,
        Verdict::Differs | Verdict::Missing | Verdict::InProgress | Verdict::Failed => Exit::Changes,
        Verdict::Unknown { .. } => Exit::Incomplete,
    }
}

/// The table, then each tenant whose flags are not as git says.
fn text(answer: &Answer) -> String {
    let flags = answer.flags.iter().flatten().filter(|(_, delivery)| super::flags::show::exit(delivery) != Exit::Clean);
    let lines = flags.flat_map(|(tenant, delivery)| {
        let text = report::flags::delivery(delivery);
        text.lines().map(|line| format!("{tenant}: {line}\n")).collect::<Vec<_>>()
    });
    format!("{}{}", table(&answer.stacks), lines.collect::<String>())
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
