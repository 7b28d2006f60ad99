//! `tenantry status`.

use std::collections::BTreeMap;

use clap::Args as ClapArgs;
use comfy_table::{Table, presets};
use jiff::Timestamp;
use rayon::prelude::*;
use serde::Serialize;

use super::opened::{Opened, Release};
use super::{Exit, Failure, Global, Output, Selection};
use crate::capacity::{self, Fullest};
use crate::cloud::{Cloud, Place};
use crate::deploy::Desired;
use crate::deploy::flags::{self as delivery, Delivery};
use crate::deploy::status::{Line, Verdict, status};
use crate::drift;
use crate::drift::record::{Check, Record};
use crate::estate::{Estate, Tenant};
use crate::flags;
use crate::report;

/// Show the fleet on one screen: each tenant's stack beside what git says, when it was last held against what is there,
/// its alarms, how much its fullest subnet must give at the worst moment, and the flags that are on for it.
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
    stacks: Vec<Row>,
    /// By tenant; asked for with `--flags`.
    #[serde(skip_serializing_if = "Option::is_none")]
    flags: Option<BTreeMap<String, Delivery>>,
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
    let (lines, flags) = super::wait(async {
        let cloud = Cloud::configure().await.reading();
        let lines = status(&cloud, &desired).await;
        let flags =
            if args.flags { Some(delivery::survey(&cloud, &opened.estate, &tenants, LOOKS).await) } else { None };
        (lines, flags)
    })?;
    let record = Record::load(&global.estate);
    let stacks: BTreeMap<_, &str> = desired.iter().map(|d| ((&d.tenant, &d.place), d.stack.as_str())).collect();
    let named: BTreeMap<&str, &Tenant> = tenants.iter().map(|tenant| (tenant.name.as_str(), *tenant)).collect();
    let fullest = fullest(&desired);
    let rows = lines.into_iter().map(|line| {
        let fullest_subnet = fullest.get(&(line.tenant.clone(), line.place.clone())).cloned();
        let stack = stacks.get(&(&line.tenant, &line.place));
        let checked = stack.and_then(|stack| record.of(&line.place, stack)).cloned();
        let tenant = named.get(line.tenant.as_str());
        let flags = tenant.map(|tenant| flags_on(&opened.estate, tenant)).unwrap_or_default();
        Row { line, fullest_subnet, checked, flags }
    });
    let answer = Answer { stacks: rows.collect(), flags };
    let verdicts = answer.stacks.iter().map(|row| exit(&row.line.verdict));
    let flags = answer.flags.iter().flat_map(BTreeMap::values).map(super::flags::show::exit);
    let worst = verdicts.chain(flags).max().unwrap_or(Exit::Clean);
    let now = Timestamp::now().as_second();
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

fn exit(verdict: &Verdict) -> Exit {
    match verdict {
        Verdict::InSync => Exit::Clean,
        Verdict::Differs | Verdict::Missing | Verdict::InProgress | Verdict::Failed => Exit::Changes,
        Verdict::Unknown { .. } => Exit::Incomplete,
    }
}

/// The table, then each tenant whose flags are not as git says.
fn text(answer: &Answer, now: i64) -> String {
    let flags = answer.flags.iter().flatten().filter(|(_, delivery)| super::flags::show::exit(delivery) != Exit::Clean);
    let lines = flags.flat_map(|(tenant, delivery)| {
        let text = report::flags::delivery(delivery);
        text.lines().map(|line| format!("{tenant}: {line}\n")).collect::<Vec<_>>()
    });
    format!("{}{}", table(&answer.stacks, now), lines.collect::<String>())
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
        table.add_row([
            line.tenant.clone(),
            line.ring.clone().unwrap_or_else(dash),
            line.place.account.to_string(),
            line.place.region.to_string(),
            line.status.clone().unwrap_or_else(dash),
            line.release.clone().unwrap_or_else(dash),
            line.digest.as_ref().map_or_else(dash, |digest| digest.chars().take(DIGITS).collect()),
            drift(row, now),
            line.alarms.map_or_else(|| "?".to_owned(), |alarms| format!("{} of {} firing", alarms.firing, alarms.all)),
            row.fullest_subnet
                .as_ref()
                .map_or_else(dash, |subnet| format!("{}% {}", subnet.percent, subnet.logical_id)),
            if row.flags.is_empty() { dash() } else { row.flags.join(",") },
            said(&line.verdict),
        ]);
    }
    let rows: String = table.lines().map(|row| format!("{}\n", row.trim_end())).collect();
    rows
}

/// How the stack stood when it was last held against what is there, by whoever looked last.
fn drift(row: &Row, now: i64) -> String {
    let own = row.checked.as_ref().map(|check| {
        let how = match check.verdict {
            drift::Verdict::InSync => "in sync".to_owned(),
            drift::Verdict::Drifted => format!("{} differ", check.open),
            drift::Verdict::Incomplete => "incomplete".to_owned(),
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

/// Within it, CloudFormation's detection was part of our own check.
const SAME_CHECK_SECONDS: i64 = 600;

/// `42 s`, `17 min`, `5 h`, `3 d`.
fn age(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} min", seconds / 60),
        seconds @ 3_600..86_400 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::status::Detected;

    fn row(own: Option<(i64, usize)>, detected: Option<i64>) -> Row {
        let verdict = |open| if open > 0 { drift::Verdict::Drifted } else { drift::Verdict::InSync };
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
                drift: detected.map(|at| Detected { at, status: "IN_SYNC".to_owned() }),
                alarms: None,
                verdict: Verdict::InSync,
            },
            checked: own.map(|(at, open)| Check { at, verdict: verdict(open), open, worst: None }),
            fullest_subnet: None,
            flags: Vec::new(),
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
        assert_eq!((age(7_300), age(200_000)), ("2 h".to_owned(), "2 d".to_owned()));
    }
}
