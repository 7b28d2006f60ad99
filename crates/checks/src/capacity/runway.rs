//! How many more average tenants a place can take, and what stops it first.

use schemars::JsonSchema;
use serde::Serialize;

use super::check::{AccountRegion, Site, asked};
use super::demand::{Demand, Within};
use super::tables::Tables;
use super::weigh::{Asked, QuotaUsage, weigh};
use tenantry_base::ids::{AccountId, Region};

/// How many more tenants fit in an account and Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Runway {
    /// Account ID, 12 digits.
    pub account: AccountId,
    /// Region code, such as `eu-west-1`.
    pub region: Region,
    /// Tenants of the estate there, deployed or not.
    pub tenants: u64,
    /// How many more average tenants fit; null if no counted quota limits them.
    pub more: Option<u64>,
    /// The limiting quota or subnet; null if there is none.
    pub binds: Option<String>,
    /// The usage of some quotas is unknown, so `more` is an upper bound.
    pub upper_bound: bool,
}

/// The runway of a place whose stacks are the tenants that git places there. `average` are the needs of all tenants of
/// the fleet, for a place that has none; `blocks` is how many more blocks of addresses the pools have for its region.
/// Quotas of the account are weighed with this region alone.
pub fn runway(
    tables: &Tables,
    ground: &AccountRegion,
    site: &Site,
    (average, of): (&Demand, u64),
    blocks: u64,
) -> Runway {
    let (_, fleet) = asked(site);
    let tenants = site.stacks.len() as u64;
    let (whole, of) = if tenants == 0 { (average, of) } else { (&fleet.whole, tenants) };
    // One tenant's demand makes the rows exist where nobody stands yet; what it adds is taken off again below.
    let asked = Asked { whole: fleet.whole.clone(), adds: with_rows(&fleet.adds, whole), unread: fleet.unread.clone() };
    let verdicts = weigh(&tables.quotas, &asked, &site.snapshot);
    let mut least: Option<(u64, String)> = Some((blocks, "the address pools of the fleet".to_owned()));
    let mut upper_bound = false;
    for verdict in verdicts.iter().filter(|verdict| verdict.within != Within::Stack) {
        let amount = amount(whole, verdict);
        if amount == 0 {
            continue;
        }
        upper_bound |= verdict.used.known().is_none();
        let left = u128::from(verdict.limit.saturating_sub(verdict.after));
        let more = u64::try_from(left * u128::from(of.max(1)) / u128::from(amount)).unwrap_or(u64::MAX);
        if least.as_ref().is_none_or(|(most, _)| more < *most) {
            least = Some((more, binding(verdict)));
        }
    }
    let (more, binds) = least.unzip();
    let (account, region) = (ground.account.clone(), ground.region.clone());
    Runway { account, region, tenants, more, binds, upper_bound }
}

/// A demand with a row for everything that another has, at 0 where it has none itself.
fn with_rows(demand: &Demand, other: &Demand) -> Demand {
    let mut rows = demand.clone();
    for (quota, places) in &other.amounts {
        for within in places.keys() {
            rows.amounts.entry(quota).or_default().entry(within.clone()).or_default();
        }
    }
    rows
}

fn amount(demand: &Demand, verdict: &QuotaUsage) -> u64 {
    let places = demand.amounts.get(verdict.quota.as_str());
    places.and_then(|places| places.get(&verdict.within)).copied().unwrap_or(0)
}

fn binding(verdict: &QuotaUsage) -> String {
    let QuotaUsage { name, after, limit, .. } = verdict;
    match &verdict.within {
        Within::Zone(zone) => format!("{name} in {zone} ({after} of {limit})"),
        _ => format!("{name} ({after} of {limit})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::check::Stack;
    use crate::capacity::needs::Needs;
    use crate::capacity::regions::Regions;
    use crate::capacity::snapshot::{Limit, Measured, Snapshot};
    use std::collections::BTreeMap;

    fn reach(limit: u64, used: u64, each: u64, blocks: u64) -> (Option<u64>, Option<String>) {
        let quotas = crate::capacity::parse(include_str!("../../../../policies/quotas.yaml")).unwrap();
        let regions = Regions::parse(include_str!("../../../../policies/regions.yaml")).unwrap();
        let mut demand = Demand::default();
        demand.amounts.insert("ec2-elastic-ips", [(Within::Region, each)].into_iter().collect());
        let needs = Needs { demand: demand.into(), ..Needs::default() };
        let stack = Stack { tenant: "acme".to_owned(), name: "acme".to_owned(), needs: needs.into(), planned: true };
        let mut snapshot = Snapshot { stacks: Measured::Known(BTreeMap::new()), ..Snapshot::default() };
        let id = "ec2-elastic-ips".to_owned();
        snapshot.limits.insert(id.clone(), Measured::Known(Limit { value: limit, applied: true }));
        snapshot.usage.insert(id, Measured::Known([(Within::Region, used)].into_iter().collect()));
        let site = Site { stacks: vec![stack], snapshot };
        let ground = AccountRegion { account: "111122223333".parse().unwrap(), region: "eu-west-1".parse().unwrap() };
        let found = runway(&Tables { quotas, regions }, &ground, &site, (&Demand::default(), 0), blocks);
        (found.more, found.binds)
    }

    #[test]
    fn the_first_thing_that_is_used_up_binds() {
        let (more, binds) = reach(20, 2, 3, 100);
        assert_eq!((more, binds.as_deref()), (Some(5), Some("EC2-VPC Elastic IPs (5 of 20)")));
        assert_eq!(reach(5, 2, 3, 100).0, Some(0));
        assert_eq!(reach(4, 2, 3, 100).0, Some(0));
        let (more, binds) = reach(1_000_000, 0, 1, 7);
        assert_eq!((more, binds.as_deref()), (Some(7), Some("the address pools of the fleet")));
    }
}
