//! `tenantry status`.

use std::collections::BTreeMap;

use clap::Args as ClapArgs;
use jiff::Timestamp;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;

use super::opened::{self, Opened, Release};
use super::progress::Spinner;
use super::standing::{self, SAME_CHECK_SECONDS, Standing};
use super::{Exit, Failure, Global, Output, Selection, checks, orphans};
use crate::report;
use crate::report::groups::counted;
use crate::report::release::ago;
use crate::report::screen::{Column, Screen, Tone, left, paint, right, toned};
use tenantry_aws::cloud::{Cloud, Place};
use tenantry_checks::capacity::{self, Fullest};
use tenantry_ops::deploy::Desired;
use tenantry_ops::deploy::flags::{self as delivery, Delivery};
use tenantry_ops::deploy::status::{Line, status};
use tenantry_ops::drift;
use tenantry_ops::drift::record::{Check, Record};
use tenantry_ops::survey::orphans::Orphans;
use tenantry_spec::estate::{Estate, Tenant};
use tenantry_spec::flags;

/// Show the fleet on one screen: counts by state, then a line for each tenant with its state from template, last drift
/// check and alarms, the worst first; then the orphaned stacks.
///
/// Of more than 30 tenants, current ones are only counted. A stack that was last changed in EXPRESS mode is marked:
/// CloudFormation did not wait for its resources. A stack is current when its template is that of git, drift was
/// checked since its last update and recently enough, and no alarm is in ALARM.
///
/// Exit code 0: every stack is current; 2: one is not, or is orphaned; 4: something is unknown or was never checked.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry status
  tenantry status acme --full")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) selection: Selection,
    #[command(flatten)]
    release: Release,
    /// Maximum age of a drift check that counts.
    #[arg(long, value_name = "HOURS", default_value_t = 36)]
    max_check_age: u32,
    /// Also compare each tenant's flags with the deployed configuration of AppConfig: a pushed flag differs.
    #[arg(long)]
    flags: bool,
    /// Show all details of each tenant, and every tenant of a large fleet.
    #[arg(long)]
    full: bool,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Answer {
    /// One entry per selected stack, by tenant.
    stacks: Vec<Row>,
    /// Flags in AppConfig by tenant; null without `--flags`.
    #[serde(skip_serializing_if = "Option::is_none")]
    flags: Option<BTreeMap<String, Delivery>>,
    /// Orphaned stacks; null if only some tenants were selected.
    #[serde(skip_serializing_if = "Option::is_none")]
    orphans: Option<Orphans>,
}

/// A stack, as this estate knows it.
#[derive(Serialize, JsonSchema)]
struct Row {
    #[serde(flatten)]
    line: Line,
    /// The subnet with the highest peak demand relative to its size; null without subnets.
    fullest_subnet: Option<Fullest>,
    /// Last drift check by this estate; null if there is none.
    checked: Option<Check>,
    /// Keys of the flags that are on for the tenant.
    flags: Vec<String>,
    /// State of the stack, from all checks.
    standing: Standing,
}

/// Tenants whose flags are looked at at once.
const LOOKS: usize = 16;

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let spinner = Spinner::start("reading the estate");
    let opened = Opened::without_broken(global, &args.selection.names)?;
    spinner.next("rendering");
    let tenants = args.selection.select(&opened.estate)?;
    let desired = opened.desired(&tenants, &args.release)?;
    let prices = opened::prices(&global.estate)?;
    let (lines, flags, orphans, shared) = super::wait(async {
        let cloud = Cloud::configure().await?.reading();
        spinner.next(format!("asking AWS about {}", counted(desired.len(), "stack")));
        let lines = status(&cloud, &desired).await;
        let flags =
            if args.flags { Some(delivery::survey(&cloud, &opened.estate, &tenants, LOOKS).await) } else { None };
        let orphans = match args.selection.is_whole_fleet() {
            true => Some(orphans::scan(&cloud, &opened.estate, &prices).await),
            false => None,
        };
        Ok::<_, Failure>((lines, flags, orphans, checks::shared(&cloud, &opened.estate.fleet).await))
    })??;
    drop(spinner);
    let record = Record::load(&global.estate).merged(shared.unwrap_or_default());
    let (now, most_age) = (Timestamp::now().as_second(), i64::from(args.max_check_age) * 3_600);
    let stacks: BTreeMap<_, &str> = desired.iter().map(|d| ((&d.tenant, &d.place), d.stack.as_str())).collect();
    let named: BTreeMap<&str, &Tenant> = tenants.iter().map(|tenant| (tenant.name.as_str(), *tenant)).collect();
    let fullest = fullest(&desired);
    let rows = lines.into_iter().map(|line| {
        let fullest_subnet = fullest.get(&(line.tenant.clone(), line.place.clone())).cloned();
        let stack = stacks.get(&(&line.tenant, &line.place));
        let checked = stack.and_then(|stack| record.of(&line.place, stack)).cloned();
        let tenant = named.get(line.tenant.as_str());
        let flags = tenant.map(|tenant| flags_on(&opened.estate, tenant)).unwrap_or_default();
        let standing = Standing::of(&line, checked.as_ref(), now, most_age);
        Row { line, fullest_subnet, checked, flags, standing }
    });
    let answer = Answer { stacks: rows.collect(), flags, orphans };
    let verdicts = answer.stacks.iter().map(|row| row.standing.exit());
    let flags = answer.flags.iter().flat_map(BTreeMap::values).map(super::flags::show::exit);
    let orphans = answer.orphans.iter().map(orphans::exit);
    let worst = verdicts.chain(flags).chain(orphans).max().unwrap_or(Exit::Clean);
    let worst = worst.max(opened.incomplete(args.selection.is_whole_fleet()));
    Output::new(global.output).show(&answer, |answer| text(answer, now, args.full, Screen::current()))?;
    Ok(worst)
}

/// The fullest subnet of every tenant.
fn fullest(desired: &[Desired]) -> BTreeMap<(String, Place), Fullest> {
    let of = |desired: &Desired| {
        let fullest = capacity::fullest(&serde_json::from_str(&desired.body).ok()?)?;
        Some(((desired.tenant.clone(), desired.place.clone()), fullest))
    };
    desired.par_iter().filter_map(of).collect()
}

fn flags_on(estate: &Estate, tenant: &Tenant) -> Vec<String> {
    let values = flags::values(&estate.flags, &tenant.subject());
    let on = |(key, value): (&String, _)| estate.flags.flags.get(key).is_some_and(|flag| flag.is_on(value));
    values.iter().filter(|entry| on(*entry)).map(|(key, _)| key.clone()).collect()
}

/// The verdict of the fleet, the tenants, each tenant whose flags are not as git says, and the stacks that git does not
/// name.
fn text(answer: &Answer, now: i64, full: bool, screen: Screen) -> String {
    let flags = answer.flags.iter().flatten().filter(|(_, delivery)| super::flags::show::exit(delivery) != Exit::Clean);
    let lines = flags.flat_map(|(tenant, delivery)| {
        let text = report::flags::delivery(delivery);
        text.lines().map(|line| format!("{tenant}: {line}\n")).collect::<Vec<_>>()
    });
    let orphans = answer.orphans.as_ref().map(report::orphans::text).unwrap_or_default();
    let mut rows: Vec<&Row> = answer.stacks.iter().collect();
    rows.sort_by_key(|row| (row.standing.order(), &row.line.tenant, &row.line.place));
    let tenants = if full { details(&rows, now) } else { overview(&rows, now, screen) };
    format!("{}{tenants}{}{orphans}", verdict(answer, &rows), lines.collect::<String>())
}

/// `60 tenants: 2 drifted, 1 unknown, 57 current`; the worst first.
fn verdict(answer: &Answer, rows: &[&Row]) -> String {
    let unnamed = answer.orphans.as_ref().map_or(0, |orphans| orphans.stacks.len());
    let unnamed = match unnamed {
        0 => String::new(),
        count => format!("; {} that git does not name", counted(count, "stack")),
    };
    format!("{}{unnamed}\n", standing::counted(rows.iter().map(|row| &row.standing)))
}

/// Tenants that have a line each; of more, those that are current are counted only.
const MOST_LINES: usize = 30;

const COLUMNS: [Column; 8] = [
    left("STATE"),
    left("TENANT"),
    left("RING").hidden(2),
    left("RELEASE").hidden(1),
    left("REGION").hidden(5),
    right("CHECKED").hidden(3),
    right("SUBNET").hidden(4),
    left("WHY").cut(),
];

fn overview(rows: &[&Row], now: i64, screen: Screen) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let is_quiet = |row: &&&Row| row.standing.exit() == Exit::Clean;
    let (quiet, loud): (Vec<&&Row>, Vec<&&Row>) = rows.iter().partition(is_quiet);
    let shown: Vec<&&Row> =
        if rows.len() <= MOST_LINES { rows.iter().collect() } else { loud.iter().take(MOST_LINES).copied().collect() };
    let left_out = rows.len() - shown.len();
    let cells = shown.into_iter().map(|row| {
        let (line, dash) = (&row.line, || "-".to_owned());
        let express = if line.express { " EXPRESS" } else { "" };
        vec![
            toned(row.standing.state(), row.standing.tone()),
            line.tenant.clone(),
            line.ring.clone().unwrap_or_else(dash),
            line.release.as_ref().map_or_else(dash, |release| format!("{release}{express}")),
            line.place.region.to_string(),
            latest(row).map_or_else(|| "never".to_owned(), |(at, _)| ago(now.saturating_sub(at))),
            row.fullest_subnet.as_ref().map_or_else(dash, |subnet| format!("{} %", subnet.percent)),
            row.standing.why(),
        ]
    });
    let table = screen.table(0, &COLUMNS, cells);
    let rest = match (left_out, loud.len().saturating_sub(MOST_LINES)) {
        (0, _) => String::new(),
        (_, 0) => format!("and {} that are well", counted(quiet.len(), "tenant")),
        (all, more) => format!("and {} more, {more} of them not well", counted(all, "tenant")),
    };
    let legend = "SUBNET: the fullest, at peak demand. `--full` shows all of each tenant";
    let rest = if rest.is_empty() { legend.to_owned() } else { format!("{rest}. {legend}") };
    format!("{table}{}\n", paint(&rest, Tone::Quiet))
}

/// Digits of a digest that tell two apart.
const DIGITS: usize = 10;

/// All that is known of each tenant, in a paragraph.
fn details(rows: &[&Row], now: i64) -> String {
    let one = |row: &&Row| {
        let line = &row.line;
        let why = row.standing.why();
        let why = if why.is_empty() { String::new() } else { format!(": {why}") };
        let mut text = format!(
            "{} {}{why}\n",
            paint(&line.tenant, Tone::Strong),
            paint(row.standing.state(), row.standing.tone())
        );
        let express = if line.express { " (EXPRESS)" } else { "" };
        let ring = line.ring.as_ref().map(|ring| format!(", ring {ring}")).unwrap_or_default();
        let updated =
            line.updated.map(|at| format!(", updated {} ago", ago(now.saturating_sub(at)))).unwrap_or_default();
        let status = line.status.as_deref().unwrap_or("no stack");
        let digest = line.digest.as_ref().map_or("-", |digest| digest.get(..DIGITS).unwrap_or(digest));
        let alarms = line.alarms.map_or_else(
            || "unknown".to_owned(),
            |alarms| format!("{} of {} in ALARM, {} without data", alarms.firing, alarms.all, alarms.insufficient),
        );
        let subnet = row.fullest_subnet.as_ref();
        let subnet =
            subnet.map_or_else(|| "-".to_owned(), |subnet| format!("{} % of {}", subnet.percent, subnet.logical_id));
        let flags = if row.flags.is_empty() { "-".to_owned() } else { row.flags.join(", ") };
        for (name, value) in [
            ("place", format!("{} in {}{ring}", line.place.account, line.place.region)),
            ("stack", format!("{status}{express}{updated}")),
            (
                "release",
                line.release.as_ref().map_or_else(|| "-".to_owned(), |name| format!("{name}, digest {digest}")),
            ),
            ("drift", drift(row, now)),
            ("alarms", alarms),
            ("fullest subnet", subnet),
            ("flags", flags),
        ] {
            text.push_str(&format!("  {name:<15}{value}\n"));
        }
        text
    };
    rows.iter().map(one).collect()
}

/// How the stack stood when it was last held against what is there, by whoever looked last, and when that was.
fn latest(row: &Row) -> Option<(i64, String)> {
    let own = row.checked.as_ref().map(|check| {
        let how = match check.verdict {
            drift::DriftStatus::InSync => "in sync".to_owned(),
            drift::DriftStatus::Drifted => format!("{} differ", check.open),
            drift::DriftStatus::Incomplete => "incomplete".to_owned(),
        };
        (check.at, how)
    });
    let detected = row.line.drift.as_ref().map(|found| (found.at, found.status.to_lowercase().replace('_', " ")));
    // Our own check makes CloudFormation look too, and tells more.
    match (own, detected) {
        (Some(own), Some(detected)) if detected.0 > own.0 + SAME_CHECK_SECONDS => Some(detected),
        (Some(own), _) => Some(own),
        (None, detected) => detected,
    }
}

fn drift(row: &Row, now: i64) -> String {
    latest(row)
        .map_or_else(|| "never checked".to_owned(), |(at, how)| format!("{how}, {} ago", ago(now.saturating_sub(at))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenantry_ops::deploy::status::{Detected, SyncStatus};

    fn row(own: Option<(i64, usize)>, detected: Option<i64>) -> Row {
        let verdict = |open| if open > 0 { drift::DriftStatus::Drifted } else { drift::DriftStatus::InSync };
        let place = serde_json::from_str(r#"{"account":"111122223333","region":"eu-west-1"}"#).unwrap();
        Row {
            line: Line {
                tenant: "acme".to_owned(),
                ring: None,
                place,
                status: None,
                release: None,
                digest: None,
                updated: None,
                express: false,
                drift: detected.map(|at| Detected { at, status: "IN_SYNC".to_owned() }),
                alarms: None,
                alarm_states: BTreeMap::new(),
                verdict: SyncStatus::Current,
            },
            checked: own.map(|(at, open)| Check {
                at,
                verdict: verdict(open),
                open,
                worst: None,
                differences: Vec::new(),
            }),
            fullest_subnet: None,
            flags: Vec::new(),
            standing: Standing::Current,
        }
    }

    #[test]
    fn the_latest_look_counts_and_our_own_before_the_detection_in_it() {
        for (own, detected, expected) in [
            (None, None, "never checked"),
            (Some((100, 2)), Some(110), "2 differ, 15 min ago"),
            (Some((100, 0)), None, "in sync, 15 min ago"),
            (Some((100, 2)), Some(940), "in sync, 1 min ago"),
            (None, Some(998), "in sync, 2 s ago"),
        ] {
            assert_eq!(drift(&row(own, detected), 1_000), expected);
        }
    }
}
