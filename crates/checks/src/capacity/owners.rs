//! Who stands in the subnets of a rendered template, and how many addresses each takes: at rest, at the workload's peak,
//! with a zone lost, during a deployment.

use std::collections::{BTreeMap, BTreeSet};

use ipnetwork::Ipv4Network;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::template::{SUBNET, resources};
use crate::resources::{self, Model, Owner};
use tenantry_blueprint::addresses::{self, each, surviving};
use tenantry_template::render::references::references;

/// Addresses in one subnet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Addresses {
    /// Deployed, without load.
    pub at_rest: u64,
    /// At the workload's peak.
    pub at_peak: u64,
    /// At the peak with a zone lost: the others serve its share.
    pub zone_lost: u64,
    /// At the peak, during a deployment: old and new resources coexist.
    pub deploying: u64,
    /// With a zone lost, during a deployment.
    pub at_worst: u64,
    /// As `at_worst`, with functions by the model of one interface per 3 GiB of executions.
    pub per_execution: u64,
}

/// One subnet of a template.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SubnetDemand {
    pub cidr: Ipv4Network,
    /// Id of its availability zone, where the template says it.
    pub zone: Option<String>,
    /// Addresses that resources can take: all but AWS's five.
    pub usable: u64,
    /// What stands in it; [`Self::owners`] counts its addresses.
    #[serde(skip)]
    standing: Vec<Standing>,
    /// Why its addresses are not all counted: resources that take an unknown number of them.
    pub uncounted: BTreeSet<String>,
}

/// Something that takes addresses in some subnets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Standing {
    owner: Owner,
    takes: Takes,
    /// In how many subnets it stands.
    subnets: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// In each subnet.
    Each(u64),
    /// Over all subnets.
    Nodes {
        count: u64,
        overlap: u64,
        surge: u64,
        grows: bool,
    },
    /// Executions, and the memory of all of them together in MiB.
    Functions {
        executions: u64,
        mib: u64,
    },
    LoadBalancer,
}

impl SubnetDemand {
    /// Addresses by owner when the workload has grown to `growth` times what the template is for.
    pub fn owners(&self, growth: f64) -> BTreeMap<Owner, Addresses> {
        let mut owners: BTreeMap<Owner, Addresses> = BTreeMap::new();
        for standing in &self.standing {
            owners.entry(standing.owner).or_default().add(standing.addresses(growth));
        }
        owners
    }

    /// Addresses of all owners.
    pub fn total(&self, growth: f64) -> Addresses {
        let mut total = Addresses::default();
        self.standing.iter().for_each(|standing| total.add(standing.addresses(growth)));
        total
    }

    /// Functions stand beside somebody who starves with them.
    pub fn is_shared_with_functions(&self) -> bool {
        let functions = |standing: &Standing| standing.owner == Owner::Functions;
        self.standing.iter().any(functions) && !self.standing.iter().all(functions)
    }

    /// The addresses that the subnet must be able to give: where functions share it, by the model that starves the
    /// others; else by the interfaces that Lambda makes today.
    pub fn needed(&self, growth: f64) -> u64 {
        let total = self.total(growth);
        if self.is_shared_with_functions() { total.at_worst.max(total.per_execution) } else { total.at_worst }
    }
}

impl Addresses {
    fn add(&mut self, other: Self) {
        self.at_rest = self.at_rest.saturating_add(other.at_rest);
        self.at_peak = self.at_peak.saturating_add(other.at_peak);
        self.zone_lost = self.zone_lost.saturating_add(other.zone_lost);
        self.deploying = self.deploying.saturating_add(other.deploying);
        self.at_worst = self.at_worst.saturating_add(other.at_worst);
        self.per_execution = self.per_execution.saturating_add(other.per_execution);
    }

    /// A deployment takes `overlap` times as many.
    fn of(at_rest: u64, at_peak: u64, zone_lost: u64, overlap: u64) -> Self {
        let at_worst = zone_lost.saturating_mul(overlap);
        let deploying = at_peak.saturating_mul(overlap);
        Self { at_rest, at_peak, zone_lost, deploying, at_worst, per_execution: at_worst }
    }
}

impl Standing {
    fn addresses(&self, growth: f64) -> Addresses {
        let (subnets, left) = (self.subnets, surviving(self.subnets));
        match self.takes {
            Takes::Functions { executions, mib } => {
                let executions = grown(executions, growth);
                let at = |subnets| addresses::hyperplane(each(executions, subnets));
                Addresses {
                    per_execution: each(addresses::per_execution(grown(mib, growth)), left),
                    ..Addresses::of(1, at(subnets), at(left), addresses::REPLACEMENT_FACTOR)
                }
            }
            Takes::LoadBalancer => {
                let at = |subnets| each(addresses::LOAD_BALANCER, subnets).max(addresses::LOAD_BALANCER_FREE);
                Addresses::of(1, at(subnets), at(left), 1)
            }
            Takes::Nodes { count, overlap, surge, grows } => {
                let count = if grows { grown(count, growth) } else { count };
                let both = count.saturating_mul(surge);
                let here = each(count, subnets);
                let at_worst = each(both, left).saturating_mul(overlap);
                Addresses {
                    at_rest: here,
                    at_peak: here,
                    zone_lost: each(count, left),
                    deploying: each(both, subnets).saturating_mul(overlap),
                    at_worst,
                    per_execution: at_worst,
                }
            }
            Takes::Each(addresses) => Addresses::of(addresses, addresses, addresses, 1),
        }
    }
}

/// An amount after growth, rounded up; growth that is no number counts as none.
fn grown(amount: u64, growth: f64) -> u64 {
    if growth == 1.0 || growth.is_nan() { amount } else { (amount as f64 * growth.max(0.0)).ceil() as u64 }
}

/// The subnets of a template by logical id. `resources` are those of the template that the function sees.
pub fn subnets(template: &Value) -> BTreeMap<String, SubnetDemand> {
    let mut found: BTreeMap<String, SubnetDemand> = resources(template)
        .filter(|(_, kind, _)| *kind == SUBNET)
        .filter_map(|(id, _, properties)| {
            let cidr: Ipv4Network = properties["CidrBlock"].as_str()?.parse().ok()?;
            let zone = properties["AvailabilityZoneId"].as_str().map(str::to_owned);
            let usable = addresses::usable(cidr.prefix());
            let (standing, uncounted) = (Vec::new(), BTreeSet::new());
            Some((id.to_owned(), SubnetDemand { cidr, zone, usable, standing, uncounted }))
        })
        .collect();
    let groups = Groups::of(template);
    let mut functions: BTreeMap<(BTreeSet<&str>, String), (u64, u64)> = BTreeMap::new();
    for (id, kind, properties) in resources(template) {
        let row = resources::table().get(kind).map(|(_, row)| row);
        let addresses = row.and_then(|row| row.addresses.as_ref());
        let Some(addresses) = addresses else {
            // Every subnet that it refers to, by itself or through a group of subnets.
            let lacks = if row.is_some() { "column `addresses`" } else { "row" };
            let why = format!("`{id}` (no {lacks} for {kind} in {})", resources::PATH);
            let named = references(properties);
            let named = named.iter().map(String::as_str).filter(|name| groups.only_lead.contains(name));
            leave_open(&mut found, &groups.follow(named), &why);
            continue;
        };
        let Some(amount) = &addresses.amount else { continue };
        let places = groups.places(&addresses.within, properties);
        let takes = match &amount.model {
            Model::Each(number) => Some(Takes::Each(*number)),
            Model::LoadBalancer => Some(Takes::LoadBalancer),
            Model::Nodes { count, overlap, surge, grows } => count.of(properties).map(|count| Takes::Nodes {
                count,
                overlap: *overlap,
                surge: *surge,
                grows: *grows,
            }),
            Model::Functions { executions, mib } => executions
                .of(properties)
                .zip(mib.of(properties))
                .map(|(executions, mib)| Takes::Functions { executions, mib: executions.saturating_mul(mib) }),
            Model::Unknown => None,
        };
        match takes {
            // Functions that share subnets and security groups share interfaces, so they are one.
            Some(Takes::Functions { executions, mib }) => {
                let beside = properties["VpcConfig"]["SecurityGroupIds"].to_string();
                let sum = functions.entry((places, beside)).or_default();
                *sum = (sum.0.saturating_add(executions), sum.1.saturating_add(mib));
            }
            Some(takes) => stand(&mut found, &places, amount.owner, takes),
            None => {
                let why = match &amount.model {
                    Model::Nodes { count, .. } => {
                        format!("`{id}` (`{}` is not a number in the template)", count.text())
                    }
                    _ => format!("`{id}` (AWS documents no number of addresses for {kind})"),
                };
                leave_open(&mut found, &places, &why);
            }
        }
    }
    for ((places, _), (executions, mib)) in functions {
        stand(&mut found, &places, Owner::Functions, Takes::Functions { executions, mib });
    }
    found
}

fn stand(subnets: &mut BTreeMap<String, SubnetDemand>, places: &BTreeSet<&str>, owner: Owner, takes: Takes) {
    for place in places {
        if let Some(subnet) = subnets.get_mut(*place) {
            subnet.standing.push(Standing { owner, takes, subnets: places.len() as u64 });
        }
    }
}

fn leave_open(subnets: &mut BTreeMap<String, SubnetDemand>, places: &BTreeSet<&str>, why: &str) {
    for place in places {
        if let Some(subnet) = subnets.get_mut(*place) {
            subnet.uncounted.insert(why.to_owned());
        }
    }
}

/// What leads to subnets: the subnets themselves, groups of them, and clusters whose instances stand in them.
pub(super) struct Groups<'t> {
    /// The subnets that a resource names, and the other resources.
    places: BTreeMap<&'t str, BTreeSet<String>>,
    /// Those that take no address themselves.
    only_lead: BTreeSet<&'t str>,
    /// Resources by the name that the template gives them.
    names: BTreeMap<&'t str, &'t str>,
}

/// Groups within groups that are followed.
const DEEPEST: usize = 4;

impl<'t> Groups<'t> {
    pub(super) fn of(template: &'t Value) -> Self {
        let (mut places, mut only_lead, mut names) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        for (id, kind, properties) in resources(template) {
            if kind == SUBNET {
                places.insert(id, BTreeSet::new());
                only_lead.insert(id);
                continue;
            }
            let Some((_, row)) = resources::table().get(kind) else { continue };
            let Some(addresses) = row.addresses.as_ref().filter(|addresses| !addresses.within.is_empty()) else {
                continue;
            };
            let values = addresses.within.iter().flat_map(|path| path.values(properties));
            places.insert(id, values.flat_map(mentions).collect());
            if addresses.amount.is_none() {
                only_lead.insert(id);
            }
            if let Some(name) = row.name.as_ref().and_then(|name| properties[name.property.as_str()].as_str()) {
                names.insert(name, id);
            }
        }
        Self { places, only_lead, names }
    }

    /// The subnets that some properties lead to.
    pub(super) fn places(&self, within: &[resources::formula::Path], properties: &Value) -> BTreeSet<&str> {
        let named: BTreeSet<String> =
            within.iter().flat_map(|path| path.values(properties)).flat_map(mentions).collect();
        self.follow(named.iter().map(String::as_str))
    }

    /// The subnets behind some logical ids and names.
    fn follow<'n>(&self, named: impl Iterator<Item = &'n str>) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut open: BTreeSet<&str> = named.filter_map(|name| self.known(name)).collect();
        for _ in 0..=DEEPEST {
            let mut next = BTreeSet::new();
            for id in open {
                let within = self.places.get(id);
                match within.filter(|within| !within.is_empty()) {
                    None => found.extend([id]),
                    Some(within) => next.extend(within.iter().filter_map(|name| self.known(name))),
                }
            }
            open = next;
        }
        found
    }

    fn known(&self, name: &str) -> Option<&str> {
        let id = self.names.get(name).copied().unwrap_or(name);
        self.places.get_key_value(id).map(|(id, _)| *id)
    }
}

/// Logical ids that a value refers to, and the names that it is.
fn mentions(value: &Value) -> BTreeSet<String> {
    let mut found = references(value);
    let texts = match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect::<Vec<_>>(),
    };
    found.extend(texts.into_iter().map(str::to_owned));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn stack(extra: &Value) -> BTreeMap<String, SubnetDemand> {
        let mut all = json!({
            "DataA": { "Type": SUBNET, "Properties": { "CidrBlock": "10.0.0.0/27", "AvailabilityZoneId": "euw1-az1" } },
            "DataB": { "Type": SUBNET, "Properties": { "CidrBlock": "10.0.0.32/27", "AvailabilityZoneId": "euw1-az2" } },
            "Apart": { "Type": SUBNET, "Properties": { "CidrBlock": "10.0.0.64/27" } },
        });
        all.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        subnets(&json!({ "Resources": all }))
    }

    const IN_BOTH: fn() -> Value = || json!([{ "Ref": "DataA" }, { "Ref": "DataB" }]);

    #[test]
    fn nodes_of_caches_and_databases_take_addresses_through_their_subnet_group() {
        let found = stack(&json!({
            "Caches": { "Type": "AWS::ElastiCache::SubnetGroup", "Properties": { "SubnetIds": IN_BOTH() } },
            "Redis": { "Type": "AWS::ElastiCache::ReplicationGroup", "Properties": {
                "CacheSubnetGroupName": { "Ref": "Caches" }, "NumNodeGroups": 80, "ReplicasPerNodeGroup": 2 } },
            "Databases": { "Type": "AWS::RDS::DBSubnetGroup", "Properties": {
                "DBSubnetGroupName": "acme-data", "SubnetIds": IN_BOTH() } },
            "Cluster": { "Type": "AWS::RDS::DBCluster", "Properties": { "DBSubnetGroupName": "acme-data" } },
            "Writer": { "Type": "AWS::RDS::DBInstance", "Properties": { "DBClusterIdentifier": { "Ref": "Cluster" } } },
        }));
        let cache = found["DataA"].owners(1.0)[&Owner::Cache];
        assert_eq!((cache.at_rest, cache.zone_lost), (120, 240));
        assert_eq!(found["DataB"].owners(1.0)[&Owner::Database].at_rest, 1);
        assert!(found["DataA"].needed(1.0) > found["DataA"].usable);
        assert!(found.values().all(|subnet| subnet.uncounted.is_empty()), "{found:#?}");
        assert_eq!(found["Apart"].total(1.0), Addresses::default());
    }

    #[test]
    fn what_such_companies_hold_is_counted() {
        for (kind, properties, at_rest) in [
            ("AWS::EC2::Instance", json!({ "SubnetId": { "Ref": "DataA" } }), 1),
            ("AWS::EC2::Instance", json!({ "NetworkInterfaces": [{ "SubnetId": { "Ref": "DataA" } }] }), 1),
            ("AWS::AutoScaling::AutoScalingGroup", json!({ "VPCZoneIdentifier": IN_BOTH(), "MaxSize": "9" }), 5),
            (
                "AWS::MSK::Cluster",
                json!({ "NumberOfBrokerNodes": 4,
                "BrokerNodeGroupInfo": { "ClientSubnets": IN_BOTH() } }),
                2,
            ),
            ("AWS::EFS::MountTarget", json!({ "SubnetId": { "Ref": "DataA" } }), 1),
            (
                "AWS::ECS::Service",
                json!({ "DesiredCount": 4,
                "NetworkConfiguration": { "AwsvpcConfiguration": { "Subnets": IN_BOTH() } } }),
                2,
            ),
            ("AWS::RDS::DBInstance", json!({ "DBSubnetGroupName": { "Ref": "Group" }, "MultiAZ": true }), 1),
        ] {
            let found = stack(&json!({
                "Group": { "Type": "AWS::RDS::DBSubnetGroup", "Properties": { "SubnetIds": IN_BOTH() } },
                "It": { "Type": kind, "Properties": properties },
            }));
            assert_eq!(found["DataA"].total(1.0).at_rest, at_rest, "{kind}");
            assert!(found["DataA"].uncounted.is_empty(), "{kind}: {:?}", found["DataA"].uncounted);
        }
    }

    #[test]
    fn an_unknown_number_of_addresses_is_said() {
        let uncounted = |kind: &str, properties: Value| {
            let group = json!({ "Type": "AWS::RDS::DBSubnetGroup", "Properties": { "SubnetIds": IN_BOTH() } });
            let found = stack(&json!({ "Group": group, "It": { "Type": kind, "Properties": properties } }));
            assert!(found["Apart"].uncounted.is_empty());
            found["DataA"].uncounted.iter().cloned().collect::<Vec<_>>()
        };
        let joined = json!({ "Places": { "Fn::Join": [",", IN_BOTH()] } });
        assert_eq!(
            uncounted("AWS::New::Thing", joined),
            ["`It` (no row for AWS::New::Thing in policies/resources.yaml)"]
        );
        let by_group = json!({ "Group": { "Ref": "Group" } });
        assert_eq!(
            uncounted("Custom::Thing", by_group),
            ["`It` (no row for Custom::Thing in policies/resources.yaml)"]
        );
        let tasks = json!({ "DesiredCount": { "Ref": "Tasks" },
            "NetworkConfiguration": { "AwsvpcConfiguration": { "Subnets": IN_BOTH() } } });
        assert_eq!(
            uncounted("AWS::ECS::Service", tasks),
            ["`It` (`DesiredCount ?? 1` is not a number in the template)"]
        );
        let group = json!({ "ScalingConfig": { "MaxSize": 3 }, "Subnets": IN_BOTH() });
        let said = uncounted("AWS::EKS::Nodegroup", group);
        assert_eq!(said, ["`It` (AWS documents no number of addresses for AWS::EKS::Nodegroup)"]);
    }

    /// The table states the factors that sizing a subnet has as constants.
    #[test]
    fn the_table_and_sizing_count_alike() {
        let nodes = |kind: &str| match &resources::table().get(kind).unwrap().1.addresses.clone().unwrap().amount {
            Some(resources::Amount { model: Model::Nodes { overlap, surge, .. }, .. }) => (*overlap, *surge),
            other => panic!("{other:?}"),
        };
        assert_eq!(nodes("AWS::OpenSearchService::Domain"), (addresses::SEARCH_FACTOR, 1));
        assert_eq!(nodes("AWS::ECS::Service"), (1, addresses::TASKS_FACTOR));
        for kind in ["AWS::EC2::NatGateway", "AWS::EC2::VPCEndpoint"] {
            let row = resources::table().get(kind).unwrap().1.addresses.clone().unwrap();
            assert_eq!(row.amount.unwrap().model, Model::Each(addresses::NAT), "{kind}");
        }
    }
}
