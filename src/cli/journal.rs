//! `tenantry journal`.

use clap::Args as ClapArgs;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Exit, Failure, Global, Output};
use crate::report;
use tenantry_ops::deploy::journal::{self, Entry, Record, Run};

/// Show past runs: who, when, which plan, for which reasons, and the outcome of each stack.
///
/// Without a run, a line for each; the newest is last. The journal is in `.tenantry/journal` of the estate, which git
/// ignores. It is only a record: the source of truth is CloudFormation, and a deploy needs no journal.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry journal
  tenantry journal last")]
pub(super) struct Args {
    /// Show every entry of this run; `last` is the newest.
    #[arg(value_name = "RUN")]
    run: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Answer {
    /// Oldest first.
    runs: Vec<Run>,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let mut runs = journal::runs(&global.estate)?;
    if let Some(wanted) = &args.run {
        let newest = runs.last().map(|run| run.run.clone());
        let wanted = if wanted == "last" { newest.unwrap_or_default() } else { wanted.clone() };
        runs.retain(|run| run.run == wanted);
        if runs.is_empty() {
            return Err(Failure::new(format!("there is no run `{wanted}`")).with_hint("`tenantry journal` lists them"));
        }
    }
    let whole = args.run.is_some();
    Output::new(global.output).show(&Answer { runs }, |answer| {
        let text = |run: &Run| if whole { entries(run) } else { line(run) };
        answer.runs.iter().map(text).collect()
    })?;
    Ok(Exit::Clean)
}

fn line(run: &Run) -> String {
    let Some(Entry { at, record: Record::Begun { by, command, release, plan, stacks, .. } }) = run.begun() else {
        return format!("{}: nothing was written\n", run.run);
    };
    if let Some(Record::Checked { in_sync, drifted, incomplete }) = run.checked() {
        let (drifted, incomplete) = (drifted.len(), incomplete.len());
        return format!(
            "{} {at} {by}: {command} of release {release}: {in_sync} in sync, {drifted} drifted, {incomplete} incomplete\n",
            run.run
        );
    }
    if let Some(pushed) = run.pushed() {
        return format!("{} {at} {by}: {}\n", run.run, pushed_text(pushed));
    }
    let done = stacks.len() - run.left().len();
    let plan = plan.get(..12).unwrap_or(plan);
    let plan = if plan == "-" { String::new() } else { format!(", plan {plan}") };
    let end = if run.is_finished() { "" } else { ", did not come to its end" };
    format!(
        "{} {at} {by}: {command} of release {release}{plan}: {done} of {} stacks done{end}\n",
        run.run,
        stacks.len()
    )
}

fn entries(run: &Run) -> String {
    let entry = |entry: &Entry| {
        let what = match &entry.record {
            Record::Begun { .. } => return line(run),
            Record::Started { tenant, place } => format!("{tenant} ({} in {}): started", place.account, place.region),
            Record::Ended { tenant, place, outcome, .. } => {
                format!("{tenant} ({} in {}): {}", place.account, place.region, report::plan::outcome(outcome))
            }
            pushed @ Record::Pushed { .. } => pushed_text(pushed),
            Record::Accepted { accepted } => {
                format!("overridden {} ({} times): {}", accepted.code, accepted.verdicts.len(), accepted.reason)
            }
            Record::Reason { option, reason } => format!("--{option}: {reason}"),
            Record::Called { call, failed: None } => format!("{call}: done"),
            Record::Called { call, failed: Some(why) } => format!("{call}: {why}"),
            Record::Checked { in_sync, drifted, incomplete } => {
                let named = |tenants: &[String]| if tenants.is_empty() { "-".to_owned() } else { tenants.join(", ") };
                format!("{in_sync} in sync; drifted: {}; incomplete: {}", named(drifted), named(incomplete))
            }
            Record::Finished => "finished".to_owned(),
        };
        format!("  {} {what}\n", entry.at)
    };
    run.entries.iter().map(entry).collect()
}

/// `pushed verbose-logs false -> true to acme: parts pile up`.
fn pushed_text(record: &Record) -> String {
    let Record::Pushed { tenant, flag, before, after, reason, version, .. } = record else { return String::new() };
    let before = before.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
    format!("pushed {flag} {before} -> {after} to {tenant} as version {version}: {reason}")
}
