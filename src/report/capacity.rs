//! Quotas, subnets and runways as text.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::groups::counted;
use super::screen::{Column, Screen, Tone, bar, left, paint, right, toned};
use tenantry_aws::cloud::Place;
use tenantry_aws::cloud::servicequotas::IncreaseRequest;
use tenantry_checks::capacity::{Assessment, Level, LimitSource, Measured, QuotaUsage, Runway, SubnetVerdict, Within};
use tenantry_ops::survey::increases::{Outcome, Wish};

/// A quota below this share of its limit is left out of the short form, in percent.
const FAR: u64 = 50;

const QUOTAS: [Column; 9] = [
    left("STATE"),
    left("QUOTA").broken(),
    right("USED").hidden(1),
    right("AFTER"),
    right("LIMIT"),
    left("").hidden(3),
    right("%"),
    left("HARD?").hidden(2),
    left("LIMIT FROM").hidden(4),
];

/// The quotas of one account and region, worst first.
pub fn quotas(assessment: &Assessment, full: bool, screen: Screen) -> String {
    let shown = |verdict: &&QuotaUsage| full || verdict.percent >= FAR || !matches!(verdict.level, Level::Ok);
    let (near, left): (Vec<&QuotaUsage>, Vec<&QuotaUsage>) = assessment.quotas.iter().partition(shown);
    let mut text = heading(assessment);
    if !assessment.deploying.is_empty() {
        let _ = writeln!(text, "  being deployed, and counted: {}", assessment.deploying.join(", "));
    }
    text += &screen.table(2, &QUOTAS, near.iter().map(|verdict| quota(verdict)));
    if !left.is_empty() {
        let _ = writeln!(text, "  and {} more below {FAR} %, all ok (`--full` shows them)", left.len());
    }
    let mut reasons: Vec<&str> = near.iter().filter_map(|verdict| verdict.used.why()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    for reason in reasons {
        let _ = writeln!(text, "  use unknown: {reason}");
    }
    text + &wall(assessment).unwrap_or_default()
}

fn quota(verdict: &QuotaUsage) -> Vec<String> {
    let name = match (&verdict.within, &verdict.holder) {
        (_, Some(holder)) => format!("{}, {} of {}", verdict.name, holder.resource, holder.tenant),
        (Within::Zone(zone), _) => format!("{}, {zone}", verdict.name),
        (Within::Stack, _) => format!("{}, one stack", verdict.name),
        (Within::Account | Within::Region, _) => verdict.name.clone(),
    };
    vec![
        level(verdict.level),
        name,
        verdict.used.known().map_or_else(|| "?".to_owned(), ToString::to_string),
        match verdict.used {
            Measured::Known(_) => verdict.after.to_string(),
            Measured::Unknown(_) => format!("≥{}", verdict.after),
        },
        verdict.limit.to_string(),
        bar(verdict.percent),
        verdict.percent.to_string(),
        if verdict.adjustable { "soft" } else { "hard" }.to_owned(),
        match &verdict.limit_source {
            LimitSource::Applied => "this account".to_owned(),
            LimitSource::AwsDefault => "AWS's default".to_owned(),
            LimitSource::Table { date, .. } => format!("table of {date}"),
        },
    ]
}

/// The quota that stops the fleet next.
pub fn wall(assessment: &Assessment) -> Option<String> {
    let wall = assessment.limiting_quota.as_ref()?;
    let at_least = if wall.used.known().is_some() { "" } else { "at least " };
    let way = match (wall.adjustable, wall.request) {
        (true, Some(request)) => format!("; `tenantry quotas --all --request` asks for {request}"),
        (true, None) => "; it can be raised".to_owned(),
        (false, _) => "; it cannot be raised".to_owned(),
    };
    Some(format!(
        "limiting quota of {}: {}, {at_least}{} of {} with every tenant of the estate here{way}\n",
        assessment.ground(),
        wall.name,
        wall.after,
        wall.limit
    ))
}

const SUBNETS: [Column; 7] = [
    left("STATE"),
    left("TENANT"),
    left("SUBNET").hidden(2),
    left("").hidden(3),
    right("%"),
    left("PEAK MOMENT").hidden(1),
    left("EXHAUSTED ON").hidden(4),
];

const ALL_OF_SUBNETS: [Column; 13] = [
    left("STATE"),
    left("TENANT"),
    left("SUBNET"),
    right("USABLE"),
    left("NOW").hidden(5),
    right("REST").hidden(7),
    right("PEAK").hidden(4),
    right("ZONE LOST").hidden(3),
    right("DEPLOY").hidden(2),
    right("WORST"),
    right("%"),
    left("EXHAUSTED ON").hidden(8),
    left("AT PEAK").broken(),
];

/// The subnets of the chosen tenants in one place, worst first: in full with who takes how much of them and when; else those
/// that are half used up or not ok, and the fullest of each tenant.
pub fn subnets(assessment: &Assessment, full: bool, screen: Screen) -> String {
    if assessment.subnets.is_empty() {
        return String::new();
    }
    let mut text = format!("{}  {}\n", heading(assessment), takes(assessment));
    if full {
        return text + &screen.table(2, &ALL_OF_SUBNETS, assessment.subnets.iter().map(subnet));
    }
    let mut tenants: BTreeSet<&str> = BTreeSet::new();
    let mut shown: Vec<&SubnetVerdict> = Vec::new();
    let mut left: Vec<&SubnetVerdict> = Vec::new();
    // They come with the worst first, but the fullest may be one that is ok.
    let mut subnets: Vec<&SubnetVerdict> = assessment.subnets.iter().collect();
    subnets.sort_by_key(|subnet| std::cmp::Reverse((subnet.level, subnet.percent)));
    for subnet in subnets {
        let is_first = tenants.insert(&subnet.tenant);
        let near = subnet.percent >= FAR || matches!(subnet.level, Level::Warning | Level::Error);
        if near || is_first { shown.push(subnet) } else { left.push(subnet) }
    }
    let cells = shown.into_iter().map(|subnet| {
        let worst = [
            ("at the peak", subnet.total.at_peak),
            ("with a zone lost", subnet.total.zone_lost),
            ("in a deployment", subnet.total.deploying),
        ];
        let moment = worst.into_iter().find(|(_, addresses)| *addresses >= subnet.needed);
        let moment = moment.map_or(String::new(), |(moment, _)| format!(" {moment}"));
        vec![
            level(subnet.level),
            subnet.tenant.clone(),
            subnet.logical_id.clone(),
            bar(subnet.percent),
            subnet.percent.to_string(),
            format!("{} of {}{moment}", subnet.needed, subnet.usable),
            subnet.runs_out.map_or_else(String::new, |day| day.to_string()),
        ]
    });
    text += &screen.table(2, &SUBNETS, cells);
    if let Some(fullest) = left.iter().map(|verdict| verdict.percent).max() {
        let unknown = left.iter().filter(|verdict| verdict.level == Level::Unknown).count();
        let state = match unknown {
            0 => "all ok".to_owned(),
            unknown => format!("{unknown} of them unknown"),
        };
        let _ = writeln!(text, "  and {} more, {state}, the fullest at {fullest} % (`--full` shows them)", left.len());
    }
    text
}

/// What deploying takes, in one line.
fn takes(assessment: &Assessment) -> String {
    let calls: u64 = assessment.api_calls.values().fold(0, |sum: u64, calls| sum.saturating_add(*calls));
    let most = assessment.api_calls.iter().max_by_key(|(_, calls)| **calls);
    let most = most.map(|(service, calls)| format!(", {calls} of them to {service}")).unwrap_or_default();
    format!("deploying takes at least {calls} API calls{most}; search storage {} GiB", assessment.search_gib)
}

fn subnet(verdict: &SubnetVerdict) -> Vec<String> {
    let now = match &verdict.now {
        Measured::Known(now) => {
            let owners: Vec<String> = now.owners.iter().map(|(owner, number)| format!("{owner} {number}")).collect();
            if owners.is_empty() { now.used.to_string() } else { format!("{} ({})", now.used, owners.join(", ")) }
        }
        Measured::Unknown(_) => "?".to_owned(),
    };
    let total = &verdict.total;
    let owners = verdict.owners.iter().map(|(owner, addresses)| match addresses.per_execution {
        model if model == addresses.at_worst => format!("{owner} {}", addresses.at_worst),
        model => format!("{owner} {} (by the model of 2019: {model})", addresses.at_worst),
    });
    vec![
        level(verdict.level),
        verdict.tenant.clone(),
        verdict.logical_id.clone(),
        verdict.usable.to_string(),
        now,
        total.at_rest.to_string(),
        total.at_peak.to_string(),
        total.zone_lost.to_string(),
        total.deploying.to_string(),
        verdict.needed.to_string(),
        verdict.percent.to_string(),
        verdict.runs_out.map_or_else(String::new, |day| day.to_string()),
        owners.collect::<Vec<_>>().join(", "),
    ]
}

/// How far each place reaches.
pub fn runways(runways: &[Runway]) -> String {
    let line = |runway: &Runway| {
        let most = if runway.upper_bound { "at most " } else { "" };
        let more = runway.more.map_or_else(|| "without end".to_owned(), |more| format!("{most}{more} more"));
        let binds = runway.binds.as_deref().unwrap_or("nothing");
        let Runway { account, region, tenants, .. } = runway;
        format!("runway of {account} {region}: {tenants} tenants, {more} average ones fit; {binds} binds first\n")
    };
    runways.iter().map(line).collect()
}

/// What became of wishes for higher limits.
pub fn wishes(wishes: &[Wish]) -> String {
    let line = |wish: &Wish| {
        let (place, what) = (&wish.place, format!("{} to {}", wish.name, wish.desired));
        let outcome = match &wish.outcome {
            Outcome::Filed { request } => format!("asked for, {} ({})", request.status, request.id),
            Outcome::Open { request } => {
                format!("a request for {} is open already, {} ({})", request.desired, request.status, request.id)
            }
            Outcome::ByHand => "Service Quotas does not know this quota: ask AWS Support".to_owned(),
            Outcome::Failed { why } => format!("could not be asked for: {why}"),
        };
        format!("{} {}: {what}: {outcome}\n", place.account, place.region)
    };
    wishes.iter().map(line).collect()
}

/// One request for a higher limit.
pub fn request(place: &Place, request: &IncreaseRequest) -> String {
    let case = request.case.as_ref().map(|case| format!(", case {case}")).unwrap_or_default();
    let IncreaseRequest { name, desired, status, id, .. } = request;
    format!("{} {}: {name} to {desired}: {status}{case} ({id})\n", place.account, place.region)
}

/// The account and region, and how many stacks it has.
fn heading(assessment: &Assessment) -> String {
    let title = format!("{} ({})", assessment.ground(), counted(assessment.stacks, "stack"));
    format!("{}\n", paint(&title, Tone::Strong))
}

/// The words of severities, as findings have them.
fn level(level: Level) -> String {
    match level {
        Level::Ok => toned("ok", Tone::Good),
        Level::Warning => toned("warning", Tone::Warning),
        Level::Unknown => toned("unknown", Tone::Unknown),
        Level::Error => toned("error", Tone::Bad),
    }
}
