//! Quotas, subnets and runways as text.

use std::fmt::Write;

use comfy_table::{Table, presets};

use tenantry_aws::cloud::Place;
use tenantry_aws::cloud::servicequotas::IncreaseRequest;
use tenantry_checks::capacity::{Assessment, Level, LimitSource, QuotaUsage, Runway, Seen, SubnetVerdict, Within};
use tenantry_ops::survey::increases::{Outcome, Wish};

/// The subnets of so few stacks are always shown.
const FEW: usize = 2;
/// A quota below this share of its limit is left out of the short form, in percent.
const FAR: u64 = 50;

/// The quotas of one account and region, worst first.
pub fn quotas(assessment: &Assessment, full: bool) -> String {
    let shown = |verdict: &&QuotaUsage| full || verdict.percent >= FAR || !matches!(verdict.level, Level::Green);
    let (near, left): (Vec<&QuotaUsage>, Vec<&QuotaUsage>) = assessment.quotas.iter().partition(shown);
    let mut text = format!("{} ({})\n", assessment.ground(), stacks(assessment.stacks));
    if !assessment.deploying.is_empty() {
        let _ = writeln!(text, "  being deployed, and counted: {}", assessment.deploying.join(", "));
    }
    if !near.is_empty() {
        text += &rows(
            near.iter().map(|verdict| quota(verdict)),
            &["STATE", "QUOTA", "USED", "AFTER", "LIMIT", "%", "HARD?", "LIMIT FROM"],
        );
    }
    if !left.is_empty() {
        let _ = writeln!(text, "  and {} more below {FAR} %, all green (`--full` shows them)", left.len());
    }
    let mut reasons: Vec<&str> = near.iter().filter_map(|verdict| verdict.used.why()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    for reason in reasons {
        let _ = writeln!(text, "  use unknown: {reason}");
    }
    text + &wall(assessment).unwrap_or_default()
}

fn quota(verdict: &QuotaUsage) -> [String; 8] {
    let name = match (&verdict.within, &verdict.holder) {
        (_, Some(holder)) => format!("{}, {} of {}", verdict.name, holder.resource, holder.tenant),
        (Within::Zone(zone), _) => format!("{}, {zone}", verdict.name),
        (Within::Stack, _) => format!("{}, one stack", verdict.name),
        (Within::Account | Within::Region, _) => verdict.name.clone(),
    };
    [
        level(verdict.level).to_owned(),
        name,
        verdict.used.known().map_or_else(|| "?".to_owned(), ToString::to_string),
        match verdict.used {
            Seen::Known(_) => verdict.after.to_string(),
            Seen::Unknown(_) => format!("≥{}", verdict.after),
        },
        verdict.limit.to_string(),
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
    let wall = assessment.next_wall.as_ref()?;
    let at_least = if wall.used.known().is_some() { "" } else { "at least " };
    let way = match (wall.adjustable, wall.request) {
        (true, Some(request)) => format!("; `tenantry quotas --request` asks for {request}"),
        (true, None) => "; it can be raised".to_owned(),
        (false, _) => "; it cannot be raised".to_owned(),
    };
    Some(format!(
        "next wall in {}: {}, {at_least}{} of {} when every tenant of the estate stands here{way}\n",
        assessment.ground(),
        wall.name,
        wall.after,
        wall.limit
    ))
}

/// The subnets of the chosen tenants in one place, worst first.
pub fn subnets(assessment: &Assessment, full: bool) -> String {
    if assessment.subnets.is_empty() {
        return String::new();
    }
    let full = full || assessment.stacks <= FEW;
    let shown = |verdict: &&SubnetVerdict| full || verdict.percent >= FAR || !matches!(verdict.level, Level::Green);
    let (near, left): (Vec<&SubnetVerdict>, Vec<&SubnetVerdict>) = assessment.subnets.iter().partition(shown);
    let mut text = format!("{} ({})\n  {}\n", assessment.ground(), stacks(assessment.stacks), takes(assessment));
    const HEADER: [&str; 12] = [
        "STATE",
        "TENANT",
        "SUBNET",
        "USABLE",
        "NOW",
        "REST",
        "PEAK",
        "ZONE LOST",
        "DEPLOY",
        "WORST",
        "USED UP",
        "AT WORST",
    ];
    if !near.is_empty() {
        text += &rows(near.iter().map(|verdict| subnet(verdict)), &HEADER);
    }
    if !left.is_empty() {
        let fullest = left.iter().map(|verdict| verdict.percent).max().unwrap_or(0);
        let _ =
            writeln!(text, "  and {} more, all green, the fullest at {fullest} % (`--full` shows them)", left.len());
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

fn subnet(verdict: &SubnetVerdict) -> [String; 12] {
    let now = match &verdict.now {
        Seen::Known(now) => {
            let owners: Vec<String> = now.owners.iter().map(|(owner, number)| format!("{owner} {number}")).collect();
            if owners.is_empty() { now.used.to_string() } else { format!("{} ({})", now.used, owners.join(", ")) }
        }
        Seen::Unknown(_) => "?".to_owned(),
    };
    let total = &verdict.total;
    let owners = verdict.owners.iter().map(|(owner, addresses)| match addresses.per_execution {
        model if model == addresses.at_worst => format!("{owner} {}", addresses.at_worst),
        model => format!("{owner} {} (by the model of 2019: {model})", addresses.at_worst),
    });
    [
        level(verdict.level).to_owned(),
        verdict.tenant.clone(),
        verdict.logical_id.clone(),
        verdict.usable.to_string(),
        now,
        total.at_rest.to_string(),
        total.at_peak.to_string(),
        total.zone_lost.to_string(),
        total.deploying.to_string(),
        verdict.needed.to_string(),
        verdict.runs_out.map_or_else(|| "-".to_owned(), |day| day.to_string()),
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

fn rows<const N: usize>(cells: impl Iterator<Item = [String; N]>, header: &[&str; N]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.map(str::to_owned));
    for row in cells {
        table.add_row(row);
    }
    table.lines().map(|row| format!(" {}\n", row.trim_end())).collect()
}

fn stacks(number: usize) -> String {
    format!("{number} stack{}", if number == 1 { "" } else { "s" })
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Green => "green",
        Level::Amber => "amber",
        Level::Unknown => "unknown",
        Level::Red => "RED",
    }
}
