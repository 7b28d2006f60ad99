//! What one stack takes of every quota, and of the addresses of its subnets: counted in the rendered template alone.

use std::collections::{BTreeMap, BTreeSet};

use ipnetwork::Ipv4Network;
use serde::Serialize;
use serde_json::Value;

use super::consumption::{self, Over};

/// Over what an amount adds up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    Account,
    Region,
    /// One availability zone, by id.
    Zone(String),
    /// Within one stack: of several stacks the largest counts.
    Stack,
}

/// What stacks take.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Demand {
    /// By id of the quota and place.
    pub amounts: BTreeMap<&'static str, BTreeMap<Place, u64>>,
    /// Storage of search domains, in GiB.
    pub search_gib: u64,
    /// Types that the table of consumption does not know: what they take is not in `amounts`.
    pub unknown_types: BTreeSet<String>,
}

/// Addresses of one subnet of a template.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SubnetDemand {
    pub cidr: Ipv4Network,
    /// Addresses that resources can take: all but AWS's five.
    pub usable: u64,
    /// In use at rest, at the worst (a zone lost and a deployment under way), by owner.
    pub owners: BTreeMap<&'static str, Addresses>,
}

/// Addresses of one owner in one subnet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Addresses {
    pub at_rest: u64,
    pub at_worst: u64,
    /// For functions, the worst by the model of one interface per 3 GiB of executions; else as `at_worst`.
    pub per_execution: u64,
}

impl SubnetDemand {
    /// Over all owners.
    pub fn total(&self) -> Addresses {
        self.owners.values().fold(Addresses::default(), |sum, one| Addresses {
            at_rest: sum.at_rest.saturating_add(one.at_rest),
            at_worst: sum.at_worst.saturating_add(one.at_worst),
            per_execution: sum.per_execution.saturating_add(one.per_execution),
        })
    }
}

impl Demand {
    fn take(&mut self, quota: &'static str, place: Place, amount: u64) {
        let entry = self.amounts.entry(quota).or_default().entry(place.clone()).or_default();
        *entry = if place == Place::Stack { (*entry).max(amount) } else { entry.saturating_add(amount) };
    }

    /// Adds another stack's demand.
    pub fn add(&mut self, other: &Self) {
        for (quota, places) in &other.amounts {
            places.iter().for_each(|(place, amount)| self.take(quota, place.clone(), *amount));
        }
        self.search_gib = self.search_gib.saturating_add(other.search_gib);
        self.unknown_types.extend(other.unknown_types.iter().cloned());
    }

    /// What adds up over an account, and the rest.
    pub fn split(&self) -> (Self, Self) {
        let (mut account, mut region) = (Self::default(), Self { amounts: BTreeMap::new(), ..self.clone() });
        for (quota, places) in &self.amounts {
            for (place, amount) in places {
                let side = if *place == Place::Account { &mut account } else { &mut region };
                side.take(quota, place.clone(), *amount);
            }
        }
        (account, region)
    }
}

/// Counts what a rendered template takes.
pub fn count(template: &Value) -> Demand {
    let mut demand = Demand::default();
    let mut per_stack: BTreeMap<&'static str, u64> = BTreeMap::new();
    for (_, kind, properties) in resources(template) {
        match consumption::of(kind) {
            None => drop(demand.unknown_types.insert(kind.to_owned())),
            Some(quotas) => {
                for (quota, over) in quotas {
                    match over {
                        Over::Account => demand.take(quota, Place::Account, 1),
                        Over::Region => demand.take(quota, Place::Region, 1),
                        Over::Stack => *per_stack.entry(quota).or_default() += 1,
                    }
                }
            }
        }
        count_properties(template, kind, properties, &mut demand, &mut per_stack);
    }
    let entries = |section: &str| template[section].as_object().map_or(0, |section| section.len() as u64);
    per_stack.insert("cloudformation-resources", entries("Resources"));
    per_stack.insert("cloudformation-outputs", entries("Outputs"));
    per_stack.insert("cloudformation-parameters", entries("Parameters"));
    per_stack.insert("vpc-routes-per-table", fullest(template, &["AWS::EC2::Route"], "RouteTableId"));
    per_stack.insert("vpc-rules-per-network-acl", fullest(template, &["AWS::EC2::NetworkAclEntry"], "NetworkAclId"));
    per_stack.into_iter().for_each(|(quota, amount)| demand.take(quota, Place::Stack, amount));
    demand.take("cloudformation-stacks", Place::Region, 1);
    let addresses = subnets(template);
    let interfaces = addresses.values().map(|subnet| subnet.total().at_rest).fold(0, u64::saturating_add);
    demand.take("vpc-network-interfaces", Place::Region, interfaces);
    let functions = addresses.values().filter_map(|subnet| subnet.owners.get(FUNCTIONS)).map(|one| one.at_worst);
    demand.take("lambda-interfaces-per-vpc", Place::Stack, functions.fold(0, u64::saturating_add));
    demand
}

/// What depends on a resource's properties.
fn count_properties(
    template: &Value,
    kind: &str,
    properties: &Value,
    demand: &mut Demand,
    per_stack: &mut BTreeMap<&'static str, u64>,
) {
    match kind {
        "AWS::EC2::NatGateway" => {
            let subnet = target(&properties["SubnetId"]).unwrap_or_default();
            let zone = &template["Resources"][subnet]["Properties"]["AvailabilityZoneId"];
            demand.take("vpc-nat-gateways", Place::Zone(zone.as_str().unwrap_or("unknown").to_owned()), 1);
        }
        "AWS::EC2::VPCEndpoint" if properties["VpcEndpointType"] == "Interface" => {
            *per_stack.entry("vpc-interface-endpoints-per-vpc").or_default() += 1;
        }
        "AWS::EC2::VPCEndpoint" => demand.take("vpc-gateway-endpoints", Place::Region, 1),
        "AWS::Lambda::Function" => {
            demand.take("lambda-concurrency", Place::Region, number(&properties["ReservedConcurrentExecutions"]));
        }
        "AWS::OpenSearchService::Domain" => {
            let nodes = number(&properties["ClusterConfig"]["InstanceCount"]);
            demand.take("es-instances-per-domain", Place::Stack, nodes);
            let each = number(&properties["EBSOptions"]["VolumeSize"]);
            demand.search_gib = demand.search_gib.saturating_add(nodes.saturating_mul(each));
        }
        _ => {}
    }
}

const FUNCTIONS: &str = "functions";
/// Addresses over all its subnets to which a load balancer may grow, and what each of its subnets must have free.
/// Source: Elastic Load Balancing, Application Load Balancers guide, "Subnets for your load balancer".
const LOAD_BALANCER_ADDRESSES: u64 = 100;
const LOAD_BALANCER_FREE: u64 = 8;
/// Source: Amazon OpenSearch Service Developer Guide, "Launching your domains within a VPC".
const SEARCH_FACTOR: u64 = 3;
/// Old and new side by side: tasks in a rolling deployment, interfaces while security groups are replaced.
const REPLACEMENT_FACTOR: u64 = 2;
/// Memory that shared one interface before September 2019, in MiB.
const MIB_PER_INTERFACE: u64 = 3 * 1024;
const RESERVED: u64 = 5;

/// The addresses that a template's resources take in each of its subnets, by the subnet's logical id.
pub fn subnets(template: &Value) -> BTreeMap<String, SubnetDemand> {
    let mut found: BTreeMap<String, SubnetDemand> = resources(template)
        .filter(|(_, kind, _)| *kind == "AWS::EC2::Subnet")
        .filter_map(|(id, _, properties)| {
            let cidr: Ipv4Network = properties["CidrBlock"].as_str()?.parse().ok()?;
            let usable = (1_u64 << (32 - u32::from(cidr.prefix()))).saturating_sub(RESERVED);
            Some((id.to_owned(), SubnetDemand { cidr, usable, owners: BTreeMap::new() }))
        })
        .collect();
    let mut sets: BTreeSet<(String, String)> = BTreeSet::new();
    for (_, kind, properties) in resources(template) {
        let Some((owner, places, total)) = standing(kind, properties) else { continue };
        let each = |total: u64, places: usize| total.div_ceil(places.max(1) as u64);
        let left = places.len().saturating_sub(1).max(1);
        for place in &places {
            let Some(subnet) = found.get_mut(*place) else { continue };
            let mut here = Addresses {
                at_rest: each(total.at_rest, places.len()),
                at_worst: each(total.at_worst, left),
                per_execution: each(total.per_execution, left),
            };
            match owner {
                FUNCTIONS
                    if !sets.insert(((*place).to_owned(), properties["VpcConfig"]["SecurityGroupIds"].to_string())) =>
                {
                    (here.at_rest, here.at_worst) = (0, 0);
                }
                FUNCTIONS => (here.at_rest, here.at_worst) = (1, REPLACEMENT_FACTOR),
                "load balancer" => here.at_worst = here.at_worst.max(LOAD_BALANCER_FREE),
                "endpoints" | "NAT" => here = Addresses { at_rest: 1, at_worst: 1, per_execution: 1 },
                _ => {}
            }
            let sum = subnet.owners.entry(owner).or_default();
            sum.at_rest = sum.at_rest.saturating_add(here.at_rest);
            sum.at_worst = sum.at_worst.saturating_add(here.at_worst);
            sum.per_execution = sum.per_execution.saturating_add(here.per_execution);
        }
    }
    found
}

/// Who a resource with addresses is, its subnets, and its addresses over all of them.
fn standing<'t>(kind: &str, properties: &'t Value) -> Option<(&'static str, Vec<&'t str>, Addresses)> {
    let same = |at_rest, at_worst| Addresses { at_rest, at_worst, per_execution: at_worst };
    Some(match kind {
        "AWS::EC2::NatGateway" => ("NAT", target(&properties["SubnetId"]).into_iter().collect(), same(1, 1)),
        "AWS::EC2::VPCEndpoint" => ("endpoints", targets(&properties["SubnetIds"]), same(1, 1)),
        "AWS::ElasticLoadBalancingV2::LoadBalancer" => {
            let places = targets(&properties["Subnets"]);
            let at_rest = places.len() as u64;
            ("load balancer", places, same(at_rest, LOAD_BALANCER_ADDRESSES))
        }
        "AWS::ECS::Service" => {
            let tasks = number(&properties["DesiredCount"]);
            let places = targets(&properties["NetworkConfiguration"]["AwsvpcConfiguration"]["Subnets"]);
            ("proxy", places, same(tasks, tasks.saturating_mul(REPLACEMENT_FACTOR)))
        }
        "AWS::OpenSearchService::Domain" => {
            let cluster = &properties["ClusterConfig"];
            let nodes = number(&cluster["InstanceCount"]).saturating_add(number(&cluster["DedicatedMasterCount"]));
            let places = targets(&properties["VPCOptions"]["SubnetIds"]);
            ("search", places, same(nodes, nodes.saturating_mul(SEARCH_FACTOR)))
        }
        "AWS::Lambda::Function" => {
            let executions = number(&properties["ReservedConcurrentExecutions"]);
            let memory = executions.saturating_mul(number(&properties["MemorySize"]));
            let all = Addresses { at_rest: 1, at_worst: 1, per_execution: memory.div_ceil(MIB_PER_INTERFACE) };
            (FUNCTIONS, targets(&properties["VpcConfig"]["SubnetIds"]), all)
        }
        _ => return None,
    })
}

fn resources(template: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    template["Resources"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(id, resource)| Some((id.as_str(), resource["Type"].as_str()?, &resource["Properties"])))
}

/// The most entries of the types that name one parent.
fn fullest(template: &Value, kinds: &[&str], parent: &str) -> u64 {
    let mut counts: BTreeMap<(&str, bool), u64> = BTreeMap::new();
    for (_, _, properties) in resources(template).filter(|(_, kind, _)| kinds.contains(kind)) {
        let egress = properties["Egress"].as_bool().unwrap_or(false);
        *counts.entry((target(&properties[parent]).unwrap_or_default(), egress)).or_default() += 1;
    }
    counts.into_values().max().unwrap_or(0)
}

/// The logical id that a `Ref` or `Fn::GetAtt` names.
fn target(value: &Value) -> Option<&str> {
    value["Ref"].as_str().or_else(|| value["Fn::GetAtt"][0].as_str())
}

fn targets(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(target).collect()
}

/// A whole number, also where it is written as text; 0 where there is none.
fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(0)
}
