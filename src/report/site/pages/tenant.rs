//! The page of a tenant: its facts, network, pipeline, alarms, quotas, costs, drift and history.

use serde::Serialize;

use super::cost::{self, Service};
use super::{Marked, NOTHING, UNKNOWN, fullest, subnets};
use crate::report::cost::usd;
use crate::report::groups::counted;
use crate::report::release::ago;
use crate::report::site::{
    Block, CostLine, Difference, Event, Flag, Holder, Mark, Quota, Report, Tenant, blocks, network, pipeline,
};
use tenantry_checks::capacity::{Measured, Within};
use tenantry_checks::cost::Load;
use tenantry_checks::flow::Edge;

/// Quotas of a tenant that are shown at once.
const MOST_QUOTAS: usize = 10;

#[derive(Serialize)]
pub(super) struct View {
    name: String,
    cidr: String,
    state: Marked,
    facts: Vec<Fact>,
    network: network::Drawing,
    network_text: String,
    subnets: Vec<SubnetView>,
    map: blocks::Map,
    map_text: String,
    pipeline: Option<pipeline::Drawing>,
    pipeline_text: String,
    alarms: Vec<AlarmView>,
    quotas: Vec<QuotaView>,
    /// Those that are far from their limits.
    more_quotas: Vec<QuotaView>,
    quotas_text: &'static str,
    cost: String,
    services: Vec<Service>,
    lines: Vec<LineView>,
    flags: Vec<Flag>,
    resources_text: String,
    drift: Vec<Difference>,
    more_drift: usize,
    history: Vec<Event>,
}

#[derive(Serialize)]
struct Fact {
    name: &'static str,
    text: String,
    class: &'static str,
}

#[derive(Serialize)]
struct SubnetView {
    id: String,
    tier: String,
    zone: String,
    cidr: String,
    usable: u64,
    moments: Vec<String>,
    needed: u64,
    percent: u64,
    filled: u64,
    class: &'static str,
    owners: String,
}

#[derive(Serialize)]
struct AlarmView {
    class: &'static str,
    sign: &'static str,
    state: String,
    id: String,
    reason: String,
    condition: String,
    means: String,
}

#[derive(Serialize)]
struct QuotaView {
    name: String,
    takes: u64,
    used: String,
    after: String,
    limit: u64,
    percent: u64,
    filled: u64,
    class: &'static str,
}

#[derive(Serialize)]
struct LineView {
    service: String,
    what: String,
    low: String,
    expected: String,
    peak: String,
}

pub(super) fn view(report: &Report, tenant: &Tenant, quotas: &[&Quota]) -> View {
    let blocks: Vec<Block> = subnets(tenant)
        .map(|subnet| Block { cidr: subnet.cidr, holder: Holder::Subnet, name: subnet.logical_id.clone() })
        .collect();
    let network = &tenant.network;
    let free = 100.0
        - 100.0 * blocks.iter().map(|block| f64::from(block.cidr.size())).sum::<f64>() / f64::from(network.cidr.size());
    let longest = blocks.iter().map(|block| block.cidr.prefix()).max().unwrap_or_else(|| network.cidr.prefix());
    let map = blocks::map(network.cidr, longest, &blocks);
    let map_text = format!(
        "{} in {}; {free:.0} % of it is free. A cell is a /{}.",
        counted(blocks.len(), "subnet"),
        network.cidr,
        map.prefix
    );
    let mut quotas = quota_views(tenant, quotas);
    let more_quotas = quotas.split_off(quotas.len().min(MOST_QUOTAS));
    let groups: Vec<String> = tenant.resources.iter().map(|(group, count)| format!("{group} {count}")).collect();
    let all: usize = tenant.resources.iter().map(|(_, count)| count).sum();
    View {
        name: tenant.name.to_string(),
        cidr: network.cidr.to_string(),
        state: Marked::of(tenant),
        facts: facts(report, tenant),
        network: network::draw(network),
        network_text: network_text(tenant),
        subnets: subnet_views(tenant),
        map,
        map_text,
        pipeline: pipeline::draw(&tenant.flow, &tenant.alarms),
        pipeline_text: pipeline_text(tenant),
        alarms: alarms(tenant),
        quotas,
        more_quotas,
        quotas_text: "What this stack takes of the quotas of its account and Region, the fullest first. After: with every \
                      tenant of this report deployed there.",
        cost: cost::total(tenant.cost.total, !tenant.cost.missing.is_empty(), &report.prices_of),
        services: cost::services(tenant.cost.lines.iter(), tenant.cost.total.expected),
        lines: tenant.cost.lines.iter().map(line).collect(),
        flags: tenant.flags.clone(),
        resources_text: format!("{}: {}.", counted(all, "resource"), groups.join(", ")),
        drift: tenant.checked.iter().flat_map(|checked| &checked.differences).cloned().collect(),
        more_drift: tenant.checked.as_ref().map_or(0, |checked| checked.open.saturating_sub(checked.differences.len())),
        history: tenant.history.clone(),
    }
}

fn facts(report: &Report, tenant: &Tenant) -> Vec<Fact> {
    let ago_of = |at: i64| format!("{} ago", ago(report.made_at.saturating_sub(at)));
    let plain = |name: &'static str, text: String| Fact { name, text, class: "" };
    let short = |digest: &str| digest.get(..12).unwrap_or(digest).to_owned();
    let mut facts = vec![
        plain("Account and Region", format!("{} in {}", tenant.account, tenant.region)),
        plain("Ring", tenant.ring.clone()),
        plain("Time zone", tenant.timezone.clone()),
        plain("Maintenance", tenant.opening.clone()),
        plain("Template in git", short(&tenant.digest)),
    ];
    match &tenant.live {
        Measured::Known(live) => {
            let status = live.status.clone().unwrap_or_else(|| "no stack".to_owned());
            let updated = live.updated.map(|at| format!(", updated {}", ago_of(at))).unwrap_or_default();
            facts.push(plain("Stack", format!("{}: {status}{updated}", tenant.stack)));
            facts.push(plain("Release", live.release.clone().unwrap_or_else(|| NOTHING.to_owned())));
            let digest = live.digest.as_deref().map_or_else(|| NOTHING.to_owned(), short);
            facts.push(plain("Template of the stack", digest));
        }
        Measured::Unknown(why) => {
            facts.push(Fact { name: "Stack", text: format!("{}: unknown: {why}", tenant.stack), class: "unknown" });
        }
    }
    facts.push(match &tenant.checked {
        Some(checked) => {
            let open =
                if checked.open > 0 { format!(", {}", counted(checked.open, "difference")) } else { String::new() };
            let worst = checked.worst.as_ref().map(|worst| format!(", the worst {worst}")).unwrap_or_default();
            Fact {
                name: "Drift",
                text: format!("{}{open}{worst}, checked {}", checked.verdict, ago_of(checked.at)),
                class: checked.mark.class(),
            }
        }
        None => Fact { name: "Drift", text: "never checked".to_owned(), class: "unknown" },
    });
    if let Some(subnet) = fullest(tenant) {
        let text = format!("{} at {} %", subnet.logical_id, subnet.percent);
        facts.push(Fact { name: "Fullest subnet at peak demand", text, class: subnet.mark.class() });
    }
    facts
}

pub(super) fn network_text(tenant: &Tenant) -> String {
    let network = &tenant.network;
    let tiers: Vec<String> =
        network.tiers.iter().map(|tier| format!("{} (routes: {})", tier.name, tier.routes)).collect();
    let fullest = fullest(tenant)
        .map(|subnet| {
            format!(
                " The fullest subnet, {}, takes {} of {} addresses at peak demand.",
                subnet.logical_id, subnet.needed, subnet.usable
            )
        })
        .unwrap_or_default();
    let now = subnets(tenant).find_map(|subnet| subnet.now.why());
    let now = now.map(|why| format!(" Addresses in use now are unknown: {why}.")).unwrap_or_default();
    format!(
        "{} in {} with {}: {}.{fullest}{now}",
        network.cidr,
        counted(network.zones.len(), "zone"),
        counted(network.tiers.len(), "tier"),
        tiers.join(", ")
    )
}

pub(super) fn pipeline_text(tenant: &Tenant) -> String {
    let edge = |edge: &Edge| format!("{} to {}{}", edge.from, edge.to, if edge.failed { ", what failed" } else { "" });
    let edges: Vec<String> = tenant.flow.edges.iter().map(edge).collect();
    format!("Arrows: {}.", edges.join("; "))
}

fn subnet_views(tenant: &Tenant) -> Vec<SubnetView> {
    let mut views = Vec::new();
    for tier in &tenant.network.tiers {
        for (subnet, zone) in tier.subnets.iter().zip(&tenant.network.zones) {
            let Some(subnet) = subnet else { continue };
            let moments = network::moments(subnet)
                .map(|(_, addresses)| addresses.map_or_else(|| "?".to_owned(), |number| number.to_string()));
            let owners: Vec<String> = subnet.owners.iter().map(|(owner, number)| format!("{owner} {number}")).collect();
            views.push(SubnetView {
                id: subnet.logical_id.clone(),
                tier: tier.name.clone(),
                zone: zone.clone(),
                cidr: subnet.cidr.to_string(),
                usable: subnet.usable,
                moments: moments.to_vec(),
                needed: subnet.needed,
                percent: subnet.percent,
                filled: subnet.percent.min(100),
                class: subnet.mark.class(),
                owners: owners.join(", "),
            });
        }
    }
    views
}

fn alarms(tenant: &Tenant) -> Vec<AlarmView> {
    let mark = |state: &Measured<String>| match state.known().map(String::as_str) {
        Some("ALARM") => Mark::Bad,
        Some("OK") => Mark::Good,
        _ => Mark::Unknown,
    };
    let mut found: Vec<(Mark, AlarmView)> = Vec::new();
    for alarm in &tenant.alarms {
        let mark = mark(&alarm.state);
        let view = AlarmView {
            class: mark.class(),
            sign: mark.sign(),
            state: alarm.state.known().cloned().unwrap_or_else(|| UNKNOWN.to_owned()),
            id: alarm.logical_id.clone(),
            reason: alarm.reason.clone(),
            condition: alarm.condition.clone(),
            means: alarm.means.clone().unwrap_or_default(),
        };
        found.push((mark, view));
    }
    found.sort_by_key(|(mark, _)| *mark);
    found.into_iter().map(|(_, view)| view).collect()
}

/// Quotas of which the stack takes something, the fullest first.
fn quota_views(tenant: &Tenant, quotas: &[&Quota]) -> Vec<QuotaView> {
    let takes = |quota: &Quota| {
        let takes = tenant.takes.get(&quota.id)?;
        takes.iter().find(|(within, amount)| *within == quota.within && *amount > 0).map(|(_, amount)| *amount)
    };
    let mut found: Vec<(&Quota, u64)> = quotas.iter().filter_map(|quota| Some((*quota, takes(quota)?))).collect();
    found.sort_by_key(|(quota, _)| std::cmp::Reverse(quota.percent));
    let view = |(quota, takes): (&Quota, u64)| QuotaView {
        name: match &quota.within {
            Within::Zone(zone) => format!("{}, {zone}", quota.name),
            Within::Stack => format!("{}, one stack", quota.name),
            Within::Account | Within::Region => quota.name.clone(),
        },
        takes,
        used: quota.used.known().map_or_else(|| "?".to_owned(), u64::to_string),
        after: match quota.used {
            Measured::Known(_) => quota.after.to_string(),
            Measured::Unknown(_) => format!("≥ {}", quota.after),
        },
        limit: quota.limit,
        percent: quota.percent,
        filled: quota.percent.min(100),
        class: quota.mark.class(),
    };
    found.into_iter().map(view).collect()
}

fn line(line: &CostLine) -> LineView {
    let amount = |of: fn(&Load) -> f64| line.usd.as_ref().map_or_else(|| UNKNOWN.to_owned(), |load| usd(of(load)));
    LineView {
        service: line.service.clone(),
        what: line.what.clone(),
        low: amount(|load| load.low),
        expected: amount(|load| load.expected),
        peak: amount(|load| load.peak),
    }
}
