//! Does it fit: everything that stacks need of their accounts and regions, held against what is known of these.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use super::demand::Demand;
use super::names;
use super::needs::Needs;
use super::offer;
use super::snapshot::{Snapshot, Standing};
use super::starve::{self, SubnetVerdict};
use super::tables::Tables;
use super::weigh::{Asked, Holder, Level, QuotaUsage, Singled, limiting_quota, sort, weigh, weigh_singles};
use tenantry_base::finding::{Code, Finding};
use tenantry_base::ids::{AccountId, Region};

/// Where stacks stand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct AccountRegion {
    pub account: AccountId,
    pub region: Region,
}

impl fmt::Display for AccountRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.account, self.region)
    }
}

/// A stack that git places somewhere.
#[derive(Debug, Clone)]
pub struct Stack {
    pub tenant: String,
    /// Name of the stack.
    pub name: String,
    pub needs: Arc<Needs>,
    /// It is part of the plan; the others only count for the limiting quota.
    pub planned: bool,
}

/// One account and region: what should stand there and what is known of it.
#[derive(Debug, Clone, Default)]
pub struct Site {
    pub stacks: Vec<Stack>,
    pub snapshot: Snapshot,
}

/// Quotas and addresses of an account and Region after the plan, or of an account over all its Regions.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Assessment {
    /// Account ID, 12 digits.
    pub account: AccountId,
    /// Null for quotas that apply to all Regions of the account.
    pub region: Option<Region>,
    /// Number of planned stacks there.
    pub stacks: usize,
    /// Highest severity first.
    pub quotas: Vec<QuotaUsage>,
    /// The quota that is exceeded first if every tenant of the estate is deployed here; null if no quota is counted.
    pub limiting_quota: Option<QuotaUsage>,
    /// Highest severity first.
    pub subnets: Vec<SubnetVerdict>,
    /// Names of stacks with a deployment in progress.
    pub deploying: Vec<String>,
    /// Findings on Regions, Availability Zones, services and instance types.
    pub offer: Vec<Finding>,
    /// Findings on names that are already in use.
    pub names: Vec<Finding>,
    /// Resource types whose quota demand is unknown.
    pub uncounted: BTreeSet<String>,
    /// Minimum number of API calls that the plan's deploys need, by service.
    pub api_calls: BTreeMap<&'static str, u64>,
    /// Storage of the plan's search domains, in GiB.
    pub search_gib: u64,
}

/// Holds what stacks need against what is known. One assessment for each place, and one for each account.
pub fn check(tables: &Tables, sites: &BTreeMap<AccountRegion, Site>) -> Vec<Assessment> {
    let mut accounts: BTreeMap<&AccountId, (Asked, Asked, &Snapshot, usize)> = BTreeMap::new();
    let mut found = Vec::new();
    for (ground, site) in sites {
        let (plan, fleet) = asked(site);
        let planned = site.stacks.iter().filter(|stack| stack.planned).count();
        let (plan_account, plan_region) = plan.split();
        let (fleet_account, fleet_region) = fleet.split();
        let account =
            accounts.entry(&ground.account).or_insert_with(|| (Asked::default(), Asked::default(), &site.snapshot, 0));
        account.0.add(&plan_account);
        account.1.add(&fleet_account);
        account.3 += planned;
        found.push(Assessment {
            account: ground.account.clone(),
            region: Some(ground.region.clone()),
            stacks: planned,
            quotas: weighed(tables, &plan_region, site),
            limiting_quota: limiting_quota(&weigh(&tables.quotas, &fleet_region, &site.snapshot)).cloned(),
            subnets: starve::subnets(site),
            deploying: site.snapshot.deploying.clone(),
            offer: offer::check(ground, site, &tables.regions),
            names: names::check(site),
            uncounted: plan.whole.unknown_types,
            api_calls: plan.whole.api_calls,
            search_gib: plan.whole.search_gib,
        });
    }
    for (account, (plan, fleet, snapshot, stacks)) in accounts {
        found.push(Assessment {
            account: account.clone(),
            region: None,
            stacks,
            quotas: weigh(&tables.quotas, &plan, snapshot),
            limiting_quota: limiting_quota(&weigh(&tables.quotas, &fleet, snapshot)).cloned(),
            subnets: Vec::new(),
            deploying: Vec::new(),
            offer: Vec::new(),
            names: Vec::new(),
            uncounted: BTreeSet::new(),
            api_calls: BTreeMap::new(),
            search_gib: 0,
        });
    }
    found
}

/// What the plan takes of a place's quotas, and what the largest of its resources hold of those of single resources.
fn weighed(tables: &Tables, plan: &Asked, site: &Site) -> Vec<QuotaUsage> {
    let mut largest: Singled<'_> = BTreeMap::new();
    for stack in site.stacks.iter().filter(|stack| stack.planned) {
        for (quota, (amount, resource)) in stack.needs.largest.iter() {
            if largest.get(quota.as_str()).is_none_or(|(known, _)| known < amount) {
                let holder = Holder { tenant: stack.tenant.clone(), resource: resource.clone() };
                largest.insert(quota, (*amount, holder));
            }
        }
    }
    let mut verdicts = weigh(&tables.quotas, plan, &site.snapshot);
    verdicts.extend(weigh_singles(&tables.quotas, &largest, &site.snapshot));
    sort(&mut verdicts);
    verdicts
}

/// What the plan asks of a place, and what every tenant of the estate does.
pub(super) fn asked(site: &Site) -> (Asked, Asked) {
    let (mut plan, mut fleet) = (Asked::default(), Asked::default());
    // Stacks that need the same, and of which nothing stands or everything does, are added up as one.
    let mut alike: BTreeMap<(*const Demand, bool), (&Demand, [u64; 2])> = BTreeMap::new();
    for stack in &site.stacks {
        let demand = stack.needs.demand.as_ref();
        let standing = site.snapshot.stacks.known().map(|stacks| stacks.get(&stack.name));
        let unread = match standing {
            Some(Some(Standing::Unknown(why))) => Some(format!("stack `{}` could not be read: {why}", stack.name)),
            None => site.snapshot.stacks.why().map(str::to_owned),
            _ => None,
        };
        for asked in [Some(&mut fleet), stack.planned.then_some(&mut plan)].into_iter().flatten() {
            asked.unread = asked.unread.take().or_else(|| unread.clone());
            if let Some(Some(Standing::Otherwise(before))) = standing {
                asked.whole.add(demand);
                asked.adds.add(&demand.beyond(before));
            }
        }
        if !matches!(standing, Some(Some(Standing::Otherwise(_)))) {
            let stands = matches!(standing, Some(Some(Standing::AsDesired)));
            let (_, [of_fleet, of_plan]) = alike.entry((demand, stands)).or_insert((demand, [0, 0]));
            *of_fleet += 1;
            *of_plan += u64::from(stack.planned);
        }
    }
    for ((_, stands), (demand, [of_fleet, of_plan])) in alike {
        let adds = if stands { demand.beyond(demand) } else { demand.clone() };
        for (asked, times) in [(&mut fleet, of_fleet), (&mut plan, of_plan)] {
            asked.whole.add_times(demand, times);
            asked.adds.add_times(&adds, times);
        }
    }
    // A deployment under way ends whoever else does something.
    for asked in [&mut plan, &mut fleet] {
        asked.unread = asked.unread.take().or_else(|| site.snapshot.unread.clone());
        asked.adds.add(&site.snapshot.in_flight);
    }
    (plan, fleet)
}

impl Assessment {
    /// The account, and the region where there is one.
    pub fn ground(&self) -> String {
        match &self.region {
            Some(region) => format!("{} {region}", self.account),
            None => format!("{} (all regions)", self.account),
        }
    }

    /// Everything that is not ok, worst first.
    pub fn findings(&self) -> Vec<Finding> {
        let ground = self.ground();
        let mut found: Vec<Finding> = self.quotas.iter().filter_map(|verdict| verdict.finding(&ground)).collect();
        found.extend(self.uncounted.iter().map(|kind| {
            let path = crate::resources::PATH;
            let (why, help) = match crate::resources::table().get(kind) {
                None => (
                    format!("it has no row in {path}"),
                    format!("add the row `{kind}: {{ stateful: …, quotas: {{}} }}`"),
                ),
                Some((_, row)) if row.quotas.is_none() => (
                    format!("its row in {path} has no column `quotas`"),
                    "`quotas: {}` says that it takes of none".to_owned(),
                ),
                Some(_) => {
                    let why = "a property that counts is not a number in the template".to_owned();
                    (why, "write the number into the template, or override the type's `quotas`".to_owned())
                }
            };
            let message = format!("the quota demand of resource type `{kind}` is unknown: {why}");
            Finding::new(Code::TN2105, message).with_help(help)
        }));
        found.extend(starve::findings(&self.subnets));
        found.extend(self.offer.iter().chain(&self.names).cloned());
        found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        collapse(found)
    }

    /// The levels of everything that was weighed.
    pub fn levels(&self) -> impl Iterator<Item = Level> {
        let quotas = self.quotas.iter().map(|verdict| verdict.level);
        let subnets = self.subnets.iter().map(|verdict| verdict.level);
        let others = self.offer.iter().chain(&self.names).map(|finding| Level::from(finding.severity));
        let uncounted = self.uncounted.iter().map(|_| Level::Unknown);
        quotas.chain(subnets).chain(others).chain(uncounted)
    }
}

/// Unknown for one reason is one finding: what nobody could look at would else be as many as there are quotas.
fn collapse(found: Vec<Finding>) -> Vec<Finding> {
    let mut unknown: BTreeMap<Code, usize> = BTreeMap::new();
    found.iter().for_each(|finding| *unknown.entry(finding.code).or_default() += 1);
    let mut reported: BTreeSet<Code> = BTreeSet::new();
    let once = |finding: Finding| {
        let code = finding.code;
        let count = unknown.get(&code).copied().unwrap_or(0);
        if !matches!(code, Code::TN2104 | Code::TN2203) || count < 4 {
            return Some(finding);
        }
        reported.insert(code).then(|| {
            let message = format!("{}; and {} more like it", finding.message, count - 1);
            Finding { message, ..finding }
        })
    };
    found.into_iter().filter_map(once).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::demand::Within;
    use crate::capacity::regions::Regions;
    use crate::capacity::snapshot::{Limit, Measured};

    fn one(amount: u64) -> Demand {
        let mut demand = Demand::default();
        demand.amounts.insert("vpc-vpcs", [(Within::Region, amount)].into_iter().collect());
        demand.amounts.insert("iam-roles", [(Within::Account, 10 * amount)].into_iter().collect());
        demand
    }

    fn stack(name: &str, planned: bool) -> Stack {
        let needs = Needs { demand: one(1).into(), ..Needs::default() };
        Stack { tenant: name.to_owned(), name: name.to_owned(), needs: needs.into(), planned }
    }

    fn ground(region: &str) -> AccountRegion {
        AccountRegion { account: "111122223333".parse().unwrap(), region: region.parse().unwrap() }
    }

    fn seen(vpcs: u64, roles: u64, stacks: &[(&str, Standing)]) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let counted = |within, used| Measured::Known([(within, used)].into_iter().collect());
        snapshot.usage.insert("vpc-vpcs".to_owned(), counted(Within::Region, vpcs));
        snapshot.usage.insert("iam-roles".to_owned(), counted(Within::Account, roles));
        snapshot.stacks =
            Measured::Known(stacks.iter().map(|(name, seen)| ((*name).to_owned(), seen.clone())).collect());
        snapshot
    }

    fn tables() -> Tables {
        let quotas = crate::capacity::parse(include_str!("../../../../policies/quotas.yaml")).unwrap();
        let regions = Regions::parse(include_str!("../../../../policies/regions.yaml")).unwrap();
        Tables { quotas, regions }
    }

    fn after(assessments: &[Assessment], region: Option<&str>, quota: &str) -> u64 {
        let of = |one: &&Assessment| one.region.as_ref().map(|region| region.as_str()) == region;
        let assessment = assessments.iter().find(of).unwrap();
        assessment.quotas.iter().find(|verdict| verdict.quota == quota).unwrap().after
    }

    #[test]
    fn what_stands_is_not_counted_again_and_what_is_under_way_is() {
        let stacks = vec![stack("there", true), stack("other", true), stack("new", true), stack("later", false)];
        let standing = [("there", Standing::AsDesired), ("other", Standing::Otherwise(Box::default()))];
        let mut snapshot = seen(2, 20, &standing);
        snapshot.in_flight = one(1);
        let sites = [(ground("eu-west-1"), Site { stacks, snapshot })].into_iter().collect();
        let found = check(&tables(), &sites);
        // 2 used; `other` becomes one with a VPC, `new` is made, and one is under way.
        assert_eq!(after(&found, Some("eu-west-1"), "vpc-vpcs"), 5);
        assert_eq!(after(&found, None, "iam-roles"), 50);
        assert_eq!(
            found[0].limiting_quota.as_ref().map(|wall| (wall.quota.as_str(), wall.after)),
            Some(("vpc-vpcs", 6))
        );
    }

    #[test]
    fn an_accounts_quota_counts_over_its_regions() {
        let site = || Site { stacks: vec![stack("one", true)], snapshot: seen(0, 3, &[]) };
        let sites = [(ground("eu-west-1"), site()), (ground("us-east-1"), site())].into_iter().collect();
        let found = check(&tables(), &sites);
        assert_eq!(after(&found, None, "iam-roles"), 23);
        assert_eq!(
            (after(&found, Some("eu-west-1"), "vpc-vpcs"), after(&found, Some("us-east-1"), "vpc-vpcs")),
            (1, 1)
        );
    }

    #[test]
    fn a_type_that_no_table_knows_is_reported_and_never_green() {
        let mut stack = stack("one", true);
        Arc::make_mut(&mut Arc::make_mut(&mut stack.needs).demand).unknown_types.insert("AWS::New::Thing".to_owned());
        let site = Site { stacks: vec![stack], snapshot: seen(0, 0, &[]) };
        let found = check(&tables(), &[(ground("eu-west-1"), site)].into_iter().collect());
        assert!(found[0].findings().iter().any(|finding| finding.code.as_str() == "TN2105"));
        assert!(found[0].levels().any(|level| level == Level::Unknown));
    }

    #[test]
    fn the_largest_resource_is_weighed_against_the_accounts_own_limit() {
        let rules = |name: &str, amount: u64| {
            let mut stack = stack(name, true);
            let largest = [("vpc-rules-per-security-group".to_owned(), (amount, "Group".to_owned()))];
            Arc::make_mut(&mut stack.needs).largest = Arc::new(largest.into_iter().collect());
            stack
        };
        let found = |applied: Option<u64>| {
            let mut snapshot = seen(0, 0, &[]);
            let limit =
                |value| ("vpc-rules-per-security-group".to_owned(), Measured::Known(Limit { value, applied: true }));
            snapshot.limits.extend(applied.map(limit));
            let site = Site { stacks: vec![rules("small", 5), rules("large", 61)], snapshot };
            let found = check(&tables(), &[(ground("eu-west-1"), site)].into_iter().collect());
            let findings = found[0].findings().into_iter().filter(|finding| finding.message.contains("security group"));
            findings.map(|one| (one.code.as_str(), one.tenant, one.resource, one.message)).collect::<Vec<_>>()
        };
        let message = "`Inbound or outbound rules per security group` in 111122223333 eu-west-1, `Group` of `large`: 61 of 60 used after this";
        let of = |text: &str| Some(text.to_owned());
        assert_eq!(found(None), [("TN2101", of("large"), of("Group"), message.to_owned())]);
        assert_eq!(found(Some(200)), []);
    }

    #[test]
    fn a_stack_that_cannot_be_read_is_never_green() {
        let standing = [("there", Standing::Unknown("AccessDenied".to_owned()))];
        let mut snapshot = seen(1, 1, &standing);
        let limit = Measured::Known(Limit { value: 100, applied: true });
        snapshot.limits.insert("vpc-vpcs".to_owned(), limit);
        let sites =
            [(ground("eu-west-1"), Site { stacks: vec![stack("there", true)], snapshot })].into_iter().collect();
        let found = check(&tables(), &sites);
        let verdict = found[0].quotas.iter().find(|verdict| verdict.quota == "vpc-vpcs").unwrap();
        assert_eq!(verdict.level, Level::Unknown);
        assert!(verdict.used.why().is_some_and(|why| why.contains("AccessDenied")), "{:?}", verdict.used);
    }
}
