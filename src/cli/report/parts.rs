//! What the pages of a report are made of, each part from what the estate says and what AWS answered.

use std::collections::{BTreeMap, BTreeSet};

use ipnetwork::Ipv4Network;
use serde::Serialize;

use crate::cli::capacity;
use crate::cli::fit::Fit;
use crate::cli::standing::Standing;
use crate::report::plan;
use crate::report::screen::Tone;
use crate::report::site::{self, Mark};
use tenantry_blueprint::Routing;
use tenantry_checks::capacity::{AccountRegion, Assessment, Level, Measured, QuotaUsage, SubnetVerdict};
use tenantry_checks::handbook;
use tenantry_ops::deploy::journal::{Entry, Record, Run};
use tenantry_ops::deploy::status::Line;
use tenantry_ops::drift::DriftStatus;
use tenantry_ops::drift::record::{Check, Noted};
use tenantry_ops::release::{self, itinerary::stages};
use tenantry_ops::survey::orphans::Orphans;
use tenantry_spec::estate::{self, Estate, Tenant};
use tenantry_spec::flags;
use tenantry_template::render::RenderedTenant;

/// Steps of a roll that are shown.
const MOST_STEPS: usize = 50;

/// The subnets of the layout in their tiers and zones; others that the template has, in a tier of their own.
pub(in crate::cli) fn network(fit: &Fit, rendered: &RenderedTenant<'_>) -> site::Network {
    let (estate, tenant) = (&fit.opened.estate, rendered.tenant);
    let ground = AccountRegion { account: tenant.spec.account.clone(), region: tenant.spec.region.clone() };
    let is_ground = |one: &&Assessment| one.account == ground.account && one.region.as_ref() == Some(&ground.region);
    let found = fit.assessments.iter().find(is_ground);
    let mut verdicts: Vec<&SubnetVerdict> =
        found.into_iter().flat_map(|one| &one.subnets).filter(|subnet| subnet.tenant == tenant.name.as_str()).collect();
    let zones = estate.fleet.regions.get(&ground.region).map(|region| region.zones.as_slice()).unwrap_or_default();
    let mut zones: Vec<String> = zones.iter().take(rendered.layout.zones.len()).map(ToString::to_string).collect();
    let mut take = |block: Ipv4Network| {
        let index = verdicts.iter().position(|verdict| verdict.cidr == block)?;
        Some(subnet(verdicts.swap_remove(index)))
    };
    let mut tiers: Vec<site::Tier> = Vec::new();
    for (index, tier) in estate.blueprint.tiers.iter().enumerate() {
        let blocks = rendered.layout.zones.iter().map(|zone| zone.get(index).map(|subnet| subnet.block));
        tiers.push(site::Tier {
            name: tier.name.clone(),
            routes: match tier.routes {
                Routing::Internet => "internet",
                Routing::Nat => "NAT gateway",
                Routing::None => "VPC only",
            }
            .to_owned(),
            subnets: blocks.map(|block| take(block?)).collect(),
        });
    }
    // Where the template names zones of its own, they are columns too.
    verdicts.sort_by_key(|verdict| verdict.cidr.network());
    let mut others: Vec<Vec<Option<site::Subnet>>> = Vec::new();
    for verdict in verdicts {
        let zone = verdict.zone.clone().unwrap_or_else(|| "not named".to_owned());
        let column = zones.iter().position(|known| *known == zone).unwrap_or_else(|| {
            zones.push(zone);
            zones.len() - 1
        });
        let free = others.iter().position(|row| row.get(column).is_none_or(Option::is_none));
        let row = free.unwrap_or(others.len());
        if row == others.len() {
            others.push(Vec::new());
        }
        if others[row].len() <= column {
            others[row].resize_with(column + 1, || None);
        }
        others[row][column] = Some(subnet(verdict));
    }
    let other = |subnets| site::Tier { name: "other".to_owned(), routes: "as the template says".to_owned(), subnets };
    tiers.extend(others.into_iter().map(other));
    for tier in &mut tiers {
        tier.subnets.resize_with(zones.len(), || None);
    }
    tiers.retain(|tier| tier.subnets.iter().any(Option::is_some));
    site::Network { cidr: tenant.spec.network.cidr, zones, tiers }
}

pub(super) fn state(standing: Option<&Standing>, offboarded: bool) -> site::State {
    let Some(standing) = standing else {
        let word = if offboarded { "offboarded in git" } else { "not asked" };
        return site::State { word: word.to_owned(), why: String::new(), mark: Mark::Unknown };
    };
    let mark = match standing.tone() {
        Tone::Good => Mark::Good,
        Tone::Warning => Mark::Warning,
        Tone::Bad | Tone::Danger => Mark::Bad,
        Tone::Unknown => Mark::Unknown,
        Tone::Quiet | Tone::Strong => Mark::Quiet,
    };
    site::State { word: standing.state().to_owned(), why: standing.why(), mark }
}

/// What the last drift check found.
pub(super) fn checked(check: &Check) -> site::Checked {
    let (verdict, mark) = match check.verdict {
        DriftStatus::InSync => ("in sync", Mark::Good),
        DriftStatus::Drifted => ("drifted", Mark::Bad),
        DriftStatus::Incomplete => ("incomplete", Mark::Unknown),
    };
    let difference = |noted: &Noted| site::Difference {
        severity: word(&noted.severity).unwrap_or_default(),
        code: noted.code.clone(),
        kind: word(&noted.kind).unwrap_or_default(),
        resource: noted.resource.as_ref().or(noted.physical_id.as_ref()).cloned().unwrap_or_default(),
        resource_type: noted.resource_type.clone(),
        path: noted.path.clone(),
        by: noted.by.clone(),
    };
    site::Checked {
        at: check.at,
        verdict: verdict.to_owned(),
        open: check.open,
        worst: check.worst.and_then(|worst| word(&worst)),
        mark,
        differences: check.differences.iter().map(difference).collect(),
    }
}

pub(super) fn live(line: Option<&Line>) -> Measured<site::Live> {
    use tenantry_ops::deploy::status::SyncStatus;
    match line {
        None => Measured::Unknown("AWS was not asked".to_owned()),
        Some(Line { verdict: SyncStatus::Unknown { why }, .. }) => Measured::Unknown(why.clone()),
        Some(line) => Measured::Known(site::Live {
            status: line.status.clone(),
            release: line.release.clone(),
            digest: line.digest.clone(),
            updated: line.updated,
        }),
    }
}

fn mark(level: Level) -> Mark {
    match level {
        Level::Ok => Mark::Good,
        Level::Warning => Mark::Warning,
        Level::Unknown => Mark::Unknown,
        Level::Error => Mark::Bad,
    }
}

fn subnet(verdict: &SubnetVerdict) -> site::Subnet {
    let owners = verdict.owners.iter().map(|(owner, addresses)| (owner.to_string(), addresses.at_worst));
    site::Subnet {
        logical_id: verdict.logical_id.clone(),
        cidr: verdict.cidr,
        usable: verdict.usable,
        now: verdict.now.as_ref().map(|now| now.used),
        at_peak: verdict.total.at_peak,
        zone_lost: verdict.total.zone_lost,
        deploying: verdict.total.deploying,
        needed: verdict.needed,
        percent: verdict.percent,
        mark: mark(verdict.level),
        owners: owners.collect(),
    }
}

/// The type of each resource.
pub(super) fn types(tree: &serde_json::Value) -> impl Iterator<Item = &str> {
    let resources = tree["Resources"].as_object().into_iter().flat_map(serde_json::Map::values);
    resources.filter_map(|resource| resource["Type"].as_str())
}

pub(super) fn alarms(
    described: Vec<handbook::Described>,
    watched: &BTreeMap<String, BTreeSet<String>>,
    line: Option<&Line>,
) -> Vec<site::Alarm> {
    let state = |id: &str| match line {
        None => Measured::Unknown("AWS was not asked".to_owned()),
        Some(line) => match line.alarm_states.get(id) {
            Some(state) => Measured::Known(state.clone()),
            None => Measured::Unknown("CloudWatch has no state".to_owned()),
        },
    };
    let alarm = |one: handbook::Described| site::Alarm {
        state: state(&one.alarm.logical_id),
        watches: watched.get(&one.alarm.logical_id).into_iter().flatten().cloned().collect(),
        means: one.entry.map(|entry| entry.means),
        logical_id: one.alarm.logical_id,
        name: one.alarm.name,
        reason: one.alarm.reason,
        condition: one.alarm.condition,
    };
    described.into_iter().map(alarm).collect()
}

pub(super) fn cost(bill: &tenantry_checks::cost::Bill) -> site::Cost {
    let total = bill.total();
    let lines = bill.lines.iter();
    let mut lines: Vec<site::CostLine> = lines
        .map(|line| site::CostLine { service: line.service.clone(), what: line.what.clone(), usd: line.usd })
        .collect();
    let size = |line: &site::CostLine| line.usd.map_or(f64::INFINITY, |usd| usd.expected);
    lines.sort_by(|a, b| size(b).total_cmp(&size(a)));
    site::Cost { total: total.usd, missing: total.missing, lines }
}

pub(super) fn flags_of(estate: &Estate, tenant: &Tenant) -> Vec<site::Flag> {
    let flag = |(key, flag): (&String, &flags::Flag)| {
        let found = flags::evaluate(&estate.flags, key, &tenant.subject());
        let value = found.value.as_str().map_or_else(|| found.value.to_string(), str::to_owned);
        let description = flag.description.clone();
        site::Flag { key: key.clone(), value, reason: word(&found.reason).unwrap_or_default(), description }
    };
    estate.flags.flags.iter().map(flag).collect()
}

/// What something is called where it is written.
pub(super) fn word<T: Serialize>(value: &T) -> Option<String> {
    serde_json::to_value(value).ok()?.as_str().map(str::to_owned)
}

/// What a run did to a tenant.
pub(super) fn events(run: &Run, tenant: &str) -> Vec<site::Event> {
    let Some(Entry { at, record: Record::Begun { by, command, release, stacks, .. } }) = run.begun() else {
        return Vec::new();
    };
    let event = |at: &str, outcome: String| site::Event {
        at: at.to_owned(),
        by: by.clone(),
        command: command.clone(),
        release: release.clone(),
        outcome,
    };
    let mut found = Vec::new();
    for entry in &run.entries {
        let outcome = match &entry.record {
            Record::Ended { tenant: of, outcome, .. } if of == tenant => plan::outcome(outcome),
            Record::Pushed { tenant: of, flag, after, reason, .. } if of == tenant => {
                format!("pushed {flag} = {after}: {reason}")
            }
            Record::Checked { drifted, .. } if drifted.iter().any(|of| of == tenant) => "drifted".to_owned(),
            Record::Checked { incomplete, .. } if incomplete.iter().any(|of| of == tenant) => "incomplete".to_owned(),
            _ => continue,
        };
        found.push(event(&entry.at, outcome));
    }
    if found.is_empty() && stacks.iter().any(|stack| stack.tenant == tenant) {
        found.push(event(at, "did not come to its end".to_owned()));
    }
    found.reverse();
    found
}

/// The latest roll with its last steps.
pub(super) fn roll(record: &release::record::Record) -> site::Roll {
    let step = |entry: &release::record::Entry| site::Step {
        at: entry.at.as_second(),
        what: crate::report::release::step(&entry.step),
    };
    site::Roll {
        release: record.release.clone(),
        began: record.began.as_second(),
        state: record.state(),
        mark: match (record.is_done(), &record.halt, &record.pause) {
            (true, ..) => Mark::Good,
            (_, Some(_), _) => Mark::Bad,
            (_, None, Some(_)) => Mark::Warning,
            (_, None, None) => Mark::Quiet,
        },
        steps: record.journal.iter().rev().take(MOST_STEPS).map(step).collect(),
    }
}

pub(super) fn rings(estate: &Estate) -> Vec<site::Ring> {
    let stages = stages(estate, None);
    let ring = |ring: &tenantry_spec::estate::rings::Ring| {
        let own = stages.iter().filter(|stage| stage.ring.name == ring.name);
        let waves = own.scan(0, |reached, stage| {
            *reached += stage.tenants.len();
            Some(*reached)
        });
        let commands = ring.commands.iter().map(|command| command.name.clone());
        site::Ring {
            name: ring.name.to_string(),
            waves: waves.collect(),
            bake: ring.bake.clone(),
            gates: ring.gates.iter().filter_map(word).chain(commands).collect(),
        }
    };
    estate.fleet.rings.iter().map(ring).collect()
}

/// Every pool with what is taken of it: of a block that several pools have a part of, each shows its own.
pub(super) fn pools(estate: &Estate) -> Vec<site::Pool> {
    let fleet = &estate.fleet;
    let mut blocks = taken(estate);
    blocks.sort_by_key(|block| (block.cidr.network(), block.cidr.prefix(), block.name.clone()));
    let all: Vec<Ipv4Network> = blocks.iter().map(|block| block.cidr).collect();
    let pool = |pool: &tenantry_spec::estate::spec::Pool| {
        let touches = |block: &&site::Block| pool.cidr.overlaps(block.cidr);
        site::Pool {
            name: pool.name.clone(),
            cidr: pool.cidr,
            tenant_prefix: pool.tenant_prefix,
            regions: pool.regions.iter().map(ToString::to_string).collect(),
            free: estate::room_in(fleet, &all, pool),
            blocks: blocks.iter().filter(touches).cloned().collect(),
        }
    };
    fleet.pools.iter().map(pool).collect()
}

/// Every block that `new` gives to no other tenant.
fn taken(estate: &Estate) -> Vec<site::Block> {
    use site::{Block, Holder};
    let block = |cidr, holder, name: &str| Block { cidr, holder, name: name.to_owned() };
    let mut found: Vec<Block> = Vec::new();
    for tenant in estate.tenants.values() {
        let name = tenant.name.as_str();
        found.push(block(tenant.spec.network.cidr, Holder::Tenant, name));
        found.extend(tenant.spec.moved_from.iter().map(|old| block(old.cidr, Holder::Moving, name)));
    }
    found.extend(estate.fleet.retired.values().map(|retired| block(retired.cidr, Holder::Retired, &retired.tenant)));
    found.extend(estate.fleet.reserved.iter().map(|own| block(own.cidr, Holder::Reserved, &own.reason)));
    found
}

/// How far each place reaches, and its quotas; then what counts over all Regions of an account.
pub(super) fn places(fit: &Fit) -> Vec<site::Headroom> {
    let runways = capacity::runways(fit);
    let mut found: Vec<site::Headroom> = Vec::new();
    let mut accounts: BTreeSet<String> = BTreeSet::new();
    for assessment in &fit.assessments {
        let runway = runways
            .iter()
            .find(|one| one.account == assessment.account && Some(&one.region) == assessment.region.as_ref());
        accounts.insert(assessment.account.to_string());
        found.push(site::Headroom {
            account: assessment.account.to_string(),
            region: assessment.region.as_ref().map(ToString::to_string),
            tenants: runway.map_or(assessment.stacks as u64, |runway| runway.tenants),
            more: runway.and_then(|runway| runway.more),
            binds: runway.and_then(|runway| runway.binds.clone()),
            upper_bound: runway.is_some_and(|runway| runway.upper_bound),
            limiting: assessment.limiting_quota.as_ref().map(quota),
            quotas: assessment.quotas.iter().filter(|quota| quota.holder.is_none()).map(quota).collect(),
        });
    }
    found.sort_by(|a, b| (&a.account, a.region.is_none(), &a.region).cmp(&(&b.account, b.region.is_none(), &b.region)));
    found
}

fn quota(usage: &QuotaUsage) -> site::Quota {
    site::Quota {
        id: usage.quota.clone(),
        name: usage.name.clone(),
        within: usage.within.clone(),
        used: usage.used.clone(),
        after: usage.after,
        limit: usage.limit,
        percent: usage.percent,
        adjustable: usage.adjustable,
        mark: mark(usage.level),
    }
}

pub(super) fn unnamed(found: &Orphans) -> Vec<site::Orphan> {
    use tenantry_ops::survey::orphans::Monthly;
    let orphan = |one: &tenantry_ops::survey::orphans::Orphan| site::Orphan {
        stack: one.stack.clone(),
        tenant: one.tenant.clone(),
        account: one.place.account.to_string(),
        region: one.place.region.to_string(),
        status: one.status.clone(),
        why: crate::report::orphans::reason(one, "git"),
        usd: match &one.monthly {
            Monthly::Known { total } if total.missing.is_empty() => Some(total.usd.expected),
            _ => None,
        },
    };
    found.stacks.iter().map(orphan).collect()
}

pub(super) fn unread(unread: &tenantry_ops::survey::orphans::Unread) -> String {
    match &unread.place {
        Some(place) => format!("stacks of {} in {}: {}", place.account, place.region, unread.why),
        None => unread.why.clone(),
    }
}
