//! Subnets that run out of addresses: what stands in each now, at the peak, with a zone lost, in a deployment, and when
//! growth uses it up.

use std::collections::BTreeMap;

use ipnetwork::Ipv4Network;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Serialize;

use super::check::{Site, Stack};
use super::growth::Growth;
use super::owners::{Addresses, SubnetDemand};
use super::snapshot::{LiveSubnet, Measured};
use super::weigh::{Level, WARNING_PERCENT, percent_of};
use crate::resources::Owner;
use tenantry_base::finding::{Code, Finding};

/// A subnet that growth uses up within so many days is a warning: a subnet cannot be enlarged, tenants must be moved.
const WARNING_DAYS: i32 = 90;

/// Addresses of one subnet.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SubnetVerdict {
    /// Name of the tenant.
    pub tenant: String,
    /// Logical ID in the template.
    pub logical_id: String,
    /// IPv4 CIDR block of the subnet.
    #[schemars(with = "String")]
    pub cidr: Ipv4Network,
    /// AZ ID, such as `euw1-az1`; null if the template does not name it.
    pub zone: Option<String>,
    /// Usable addresses: those of the block without the five that AWS reserves.
    pub usable: u64,
    /// Addresses in use now; none if the subnet does not exist yet.
    pub now: Measured<Now>,
    /// Address demand by kind of resource.
    pub owners: BTreeMap<Owner, Addresses>,
    /// Address demand of all resources in the subnet.
    pub total: Addresses,
    /// Peak demand: addresses at the peak, with a zone lost and a deployment in progress.
    pub needed: u64,
    /// Functions share the subnet with other resources, which could run out of addresses.
    pub shared_with_functions: bool,
    /// `needed` in percent of `usable`.
    pub percent: u64,
    /// Resources that take an unknown number of addresses, each with the reason.
    pub uncounted: Vec<String>,
    /// `error` if `needed` exceeds `usable`.
    pub level: Level,
    /// Day on which growth exhausts the subnet; null if that is unknown or never.
    #[schemars(with = "Option<tenantry_base::schema::Day>")]
    pub runs_out: Option<Date>,
    #[serde(skip)]
    demand: SubnetDemand,
}

/// Addresses of a subnet in use now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Now {
    /// Addresses in use.
    pub used: u64,
    /// Addresses in use, by kind of resource.
    pub owners: BTreeMap<Owner, u64>,
}

/// The subnets of a place's planned stacks, worst first.
pub(super) fn subnets(site: &Site) -> Vec<SubnetVerdict> {
    let live = site.snapshot.subnets.known();
    let live: BTreeMap<(&str, &str), &LiveSubnet> = live
        .into_iter()
        .flatten()
        .filter_map(|subnet| Some(((subnet.stack.as_deref()?, subnet.logical_id.as_deref()?), subnet)))
        .collect();
    let planned = site.stacks.iter().filter(|stack| stack.planned);
    let mut verdicts: Vec<SubnetVerdict> = planned
        .flat_map(|stack| stack.needs.subnets.iter().map(move |(id, demand)| (stack, id, demand)))
        .map(|(stack, id, demand)| verdict(stack, id, demand, now(site, stack, id, &live)))
        .collect();
    verdicts.sort_by(|a, b| {
        (b.level, b.percent)
            .cmp(&(a.level, a.percent))
            .then_with(|| (&a.tenant, &a.logical_id).cmp(&(&b.tenant, &b.logical_id)))
    });
    verdicts
}

/// What stands in a stack's subnet: nothing in one that does not exist.
fn now(site: &Site, stack: &Stack, id: &str, live: &BTreeMap<(&str, &str), &LiveSubnet>) -> Measured<Now> {
    if let Some(why) = site.snapshot.subnets.why() {
        return Measured::Unknown(why.to_owned());
    }
    match live.get(&(stack.name.as_str(), id)) {
        Some(subnet) => match &subnet.owners {
            Measured::Known(owners) => {
                let used = stack.needs.subnets.get(id).map_or(0, |demand| demand.usable.saturating_sub(subnet.free));
                Measured::Known(Now { used, owners: owners.clone() })
            }
            Measured::Unknown(why) => Measured::Unknown(why.clone()),
        },
        None => match &site.snapshot.stacks {
            Measured::Known(stacks) if stacks.contains_key(&stack.name) => {
                Measured::Unknown("the stack stands, but none of the subnets seen says that it is this one".to_owned())
            }
            Measured::Known(_) => Measured::Known(Now::default()),
            Measured::Unknown(why) => Measured::Unknown(why.clone()),
        },
    }
}

fn verdict(stack: &Stack, id: &str, demand: &SubnetDemand, now: Measured<Now>) -> SubnetVerdict {
    let needed = needed(demand, &now, 1.0);
    let percent = percent_of(needed, demand.usable);
    let level = match &now {
        _ if needed > demand.usable => Level::Error,
        _ if !demand.uncounted.is_empty() => Level::Unknown,
        Measured::Unknown(_) => Level::Unknown,
        Measured::Known(_) if percent >= WARNING_PERCENT => Level::Warning,
        Measured::Known(_) => Level::Ok,
    };
    SubnetVerdict {
        tenant: stack.tenant.clone(),
        logical_id: id.to_owned(),
        cidr: demand.cidr,
        zone: demand.zone.clone(),
        usable: demand.usable,
        owners: demand.owners(1.0),
        total: demand.total(1.0),
        shared_with_functions: demand.is_shared_with_functions(),
        now,
        needed,
        percent,
        uncounted: demand.uncounted.iter().cloned().collect(),
        level,
        runs_out: None,
        demand: demand.clone(),
    }
}

/// What the template's resources need at the worst moment, and on top of it whatever stands there beyond that: more of an
/// owner than was counted, owners that the template does not know, addresses without an interface.
fn needed(demand: &SubnetDemand, now: &Measured<Now>, growth: f64) -> u64 {
    let needed = demand.needed(growth);
    let Measured::Known(now) = now else { return needed };
    let counted = demand.owners(growth);
    let most = |owner: &Owner| {
        counted.get(owner).map_or(0, |addresses: &Addresses| addresses.at_worst.max(addresses.per_execution))
    };
    // Their interfaces do not say whose they are, so they are among the unknown ones.
    let nameless_owners: u64 = [Owner::Instances, Owner::Other]
        .iter()
        .map(|owner| most(owner).saturating_sub(now.owners.get(owner).copied().unwrap_or(0)))
        .fold(0, u64::saturating_add);
    let beyond = |(owner, live): (&Owner, &u64)| {
        live.saturating_sub(if *owner == Owner::Unknown { nameless_owners } else { most(owner) })
    };
    let named: u64 = now.owners.values().fold(0, |sum: u64, live| sum.saturating_add(*live));
    let nameless = now.used.saturating_sub(named);
    now.owners.iter().map(beyond).fold(needed.saturating_add(nameless), u64::saturating_add)
}

impl SubnetVerdict {
    /// Finds the day on which growth has used the subnet up, and warns when that is near.
    pub fn grow(&mut self, growth: Growth, today: Date) {
        let starves = |factor: f64| needed(&self.demand, &self.now, factor) > self.usable;
        let Some(days) = growth.days_until(starves) else { return };
        self.runs_out = today.checked_add(jiff::Span::new().days(days)).ok();
        if days <= WARNING_DAYS && self.level == Level::Ok {
            self.level = Level::Warning;
        }
    }
}

/// What to tell about subnets that are not green.
pub(super) fn findings(verdicts: &[SubnetVerdict]) -> Vec<Finding> {
    verdicts.iter().filter_map(finding).collect()
}

fn finding(verdict: &SubnetVerdict) -> Option<Finding> {
    let SubnetVerdict { logical_id, cidr, needed, usable, .. } = verdict;
    let code = match verdict.level {
        Level::Ok => return None,
        Level::Warning => Code::TN2202,
        Level::Unknown => Code::TN2203,
        Level::Error if verdict.shared_with_functions => Code::TN2204,
        Level::Error => Code::TN2201,
    };
    let parts: Vec<String> = verdict.owners.iter().map(|(owner, addresses)| part(*owner, addresses, verdict)).collect();
    let why = verdict.now.why().map(|why| format!("; its current usage is unknown: {why}")).unwrap_or_default();
    let out = verdict.runs_out.map(|day| format!("; exhausted on {day} at this growth")).unwrap_or_default();
    let uncounted = match &verdict.uncounted[..] {
        [] => String::new(),
        some => format!("; an unknown number is taken by {}", some.join(", ")),
    };
    let message = format!(
        "subnet `{logical_id}` ({cidr}) needs {needed} of {usable} addresses at peak demand: {}{uncounted}{why}{out}",
        parts.join(", ")
    );
    let finding = Finding::new(code, message).with_tenant(&verdict.tenant).with_resource(logical_id);
    Some(match code {
        Code::TN2204 => finding.with_help("give functions subnets of their own"),
        Code::TN2201 | Code::TN2202 => {
            finding.with_help("a larger subnet (`overrides`), a larger block for a new tenant, or less concurrency")
        }
        _ if !verdict.uncounted.is_empty() => {
            finding.with_help(format!("say in `{}` how many addresses the type takes", crate::resources::PATH))
        }
        _ => finding,
    })
}

fn part(owner: Owner, addresses: &Addresses, verdict: &SubnetVerdict) -> String {
    let most = if verdict.shared_with_functions {
        addresses.at_worst.max(addresses.per_execution)
    } else {
        addresses.at_worst
    };
    format!("{owner} {most}")
}
