//! `tenantry status`.

use std::collections::BTreeMap;

use clap::Args as ClapArgs;
use comfy_table::{Table, presets};
use jiff::Timestamp;
use rayon::prelude::*;
use serde::Serialize;

use super::opened::{self, Opened, Release};
use super::standing::{SAME_CHECK_SECONDS, Standing, age};
use super::{Exit, Failure, Global, Output, Selection, checks, orphans};
use crate::report;
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

/// Show the fleet on one screen: each tenant's stack beside git, its last drift check, its alarms, its fullest subnet,
/// the flags that are on for it, and one verdict from all of them; then the stacks of this estate that git does not name.
///
/// A stack that was last changed in EXPRESS mode says so: CloudFormation waited for no resource of it. A stack is in sync when its template is that of git, drift was checked since its last update and not too long ago, and
/// no alarm is in ALARM. Exit code 0: every stack is in sync; 2: one is not, or git does not name it; 4: something is
/// unknown or was never checked.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    release: Release,
    /// Hours after which a drift check no longer counts.
    #[arg(long, value_name = "HOURS", default_value_t = 36)]
    max_check_age: u32,
    /// Also compare each tenant's flags with what AppConfig has in force: a flag that was pushed differs.
    #[arg(long)]
    flags: bool,
}

#[derive(Serialize)]
struct Answer {
    stacks: Vec<Row>,
    /// By tenant; asked for with `--flags`.
    #[serde(skip_serializing_if = "Option::is_none")]
    flags: Option<BTreeMap<String, Delivery>>,
    /// Stacks that git does not name; looked for when the whole fleet is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    orphans: Option<Orphans>,
}

/// A stack with what this estate knows about it.
#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    line: Line,
    /// The subnet that is nearest to being used up at the template's worst moment.
    fullest_subnet: Option<Fullest>,
    /// This estate's own last drift check.
    checked: Option<Check>,
    /// Keys of the flags that are on.
    flags: Vec<String>,
    /// One verdict from all of it.
    standing: Standing,
}

/// Tenants whose flags are looked at at once.
const LOOKS: usize = 16;

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let opened = Opened::without_broken(global, &args.selection.names)?;
    let tenants: Vec<&Tenant> = if args.selection.is_empty() {
        opened.estate.tenants.values().collect()
    } else {
        args.selection.select(&opened.estate)?
    };
    let desired = opened.desired(&tenants, &args.release)?;
    let prices = opened::prices(&global.estate)?;
    let (lines, flags, orphans, shared) = super::wait(async {
        let cloud = Cloud::configure().await?.reading();
        let lines = status(&cloud, &desired).await;
        let flags =
            if args.flags { Some(delivery::survey(&cloud, &opened.estate, &tenants, LOOKS).await) } else { None };
        let orphans = match args.selection.is_whole_fleet() {
            true => Some(orphans::scan(&cloud, &opened.estate, &prices).await),
            false => None,
        };
        Ok::<_, Failure>((lines, flags, orphans, checks::shared(&cloud, &opened.estate.fleet).await))
    })??;
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
    Output::new(global.output).show("tenantry/status/v1", &answer, |answer| text(answer, now))?;
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

/// The table, each tenant whose flags are not as git says, and the stacks that git does not name.
fn text(answer: &Answer, now: i64) -> String {
    let flags = answer.flags.iter().flatten().filter(|(_, delivery)| super::flags::show::exit(delivery) != Exit::Clean);
    let lines = flags.flat_map(|(tenant, delivery)| {
        let text = report::flags::delivery(delivery);
        text.lines().map(|line| format!("{tenant}: {line}\n")).collect::<Vec<_>>()
    });
    let orphans = answer.orphans.as_ref().map(report::orphans::text).unwrap_or_default();
    format!("{}{}{orphans}", table(&answer.stacks, now), lines.collect::<String>())
}

/// Digits of a digest that tell two apart.
const DIGITS: usize = 10;

fn table(rows: &[Row], now: i64) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "TENANT",
        "RING",
        "ACCOUNT",
        "REGION",
        "STACK",
        "RELEASE",
        "DIGEST",
        "DRIFT",
        "ALARMS",
        "ADDRESSES",
        "FLAGS",
        "VERDICT",
    ]);
    for row in rows {
        let (line, dash) = (&row.line, || "-".to_owned());
        let express = if line.express { " (EXPRESS)" } else { "" };
        table.add_row([
            line.tenant.clone(),
            line.ring.clone().unwrap_or_else(dash),
            line.place.account.to_string(),
            line.place.region.to_string(),
            line.status.as_ref().map_or_else(dash, |status| format!("{status}{express}")),
            line.release.clone().unwrap_or_else(dash),
            line.digest.as_ref().map_or_else(dash, |digest| digest.chars().take(DIGITS).collect()),
            drift(row, now),
            line.alarms.map_or_else(|| "?".to_owned(), |alarms| format!("{} of {} firing", alarms.firing, alarms.all)),
            row.fullest_subnet
                .as_ref()
                .map_or_else(dash, |subnet| format!("{}% {}", subnet.percent, subnet.logical_id)),
            if row.flags.is_empty() { dash() } else { row.flags.join(",") },
            row.standing.text(),
        ]);
    }
    let rows: String = table.lines().map(|row| format!("{}\n", row.trim_end())).collect();
    rows
}

/// How the stack stood when it was last held against what is there, by whoever looked last.
fn drift(row: &Row, now: i64) -> String {
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
    let latest = match (own, detected) {
        (Some(own), Some(detected)) if detected.0 > own.0 + SAME_CHECK_SECONDS => Some(detected),
        (Some(own), _) => Some(own),
        (None, detected) => detected,
    };
    latest.map_or_else(|| "never checked".to_owned(), |(at, how)| format!("{how}, {} ago", age(now.saturating_sub(at))))
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
                verdict: SyncStatus::InSync,
            },
            checked: own.map(|(at, open)| Check { at, verdict: verdict(open), open, worst: None }),
            fullest_subnet: None,
            flags: Vec::new(),
            standing: Standing::InSync,
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
