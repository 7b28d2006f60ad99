//! Who stands in the subnets of a rendered template, and how many addresses each takes: at rest, at the workload's peak,
//! with a zone lost, during a deployment.

use std::collections::BTreeMap;
use std::fmt;

use ipnetwork::Ipv4Network;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::template::{number, resources, target, targets};
use crate::network::addresses::{self, each, surviving};

/// Whose network interface an address belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Owner {
    Functions,
    Search,
    Endpoints,
    LoadBalancer,
    Nat,
    /// Tasks that run in the subnet.
    Proxy,
    /// Interfaces that nobody can say who owns.
    Unknown,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Functions => "functions",
            Self::Search => "search",
            Self::Endpoints => "endpoints",
            Self::LoadBalancer => "load balancer",
            Self::Nat => "NAT",
            Self::Proxy => "proxy",
            Self::Unknown => "unknown",
        })
    }
}

/// Addresses in one subnet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Addresses {
    /// Deployed, without load.
    pub at_rest: u64,
    /// At the workload's peak.
    pub at_peak: u64,
    /// At the peak with a zone lost: the others serve its share.
    pub zone_lost: u64,
    /// At the peak with a deployment under way: old beside new.
    pub deploying: u64,
    /// With a zone lost and a deployment under way.
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
}

/// Something that takes addresses in some subnets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Standing {
    owner: Owner,
    /// Over all its subnets: executions of functions, nodes of a domain, tasks; else not used.
    amount: u64,
    /// Memory of all executions together, in MiB.
    mib: u64,
    /// In how many subnets it stands.
    subnets: u64,
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

    /// The same at every moment.
    fn constant(addresses: u64) -> Self {
        Self::of(addresses, addresses, addresses, 1)
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
        match self.owner {
            Owner::Functions => {
                let executions = grown(self.amount, growth);
                let at = |subnets| addresses::hyperplane(each(executions, subnets));
                Addresses {
                    per_execution: each(addresses::per_execution(grown(self.mib, growth)), left),
                    ..Addresses::of(1, at(subnets), at(left), addresses::REPLACEMENT_FACTOR)
                }
            }
            Owner::Search => {
                let nodes = grown(self.amount, growth);
                let here = each(nodes, subnets);
                Addresses::of(here, here, each(nodes, left), addresses::SEARCH_FACTOR)
            }
            Owner::LoadBalancer => {
                let at = |subnets| each(addresses::LOAD_BALANCER, subnets).max(addresses::LOAD_BALANCER_FREE);
                Addresses::of(1, at(subnets), at(left), 1)
            }
            Owner::Proxy => {
                let at = |tasks: u64, subnets| each(tasks, subnets);
                let both = self.amount.saturating_mul(addresses::TASKS_FACTOR);
                let here = at(self.amount, subnets);
                Addresses {
                    deploying: at(both, subnets),
                    at_worst: at(both, left),
                    per_execution: at(both, left),
                    ..Addresses::of(here, here, at(self.amount, left), 1)
                }
            }
            Owner::Endpoints => Addresses::constant(addresses::ENDPOINT),
            Owner::Nat => Addresses::constant(addresses::NAT),
            Owner::Unknown => Addresses::default(),
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
        .filter(|(_, kind, _)| *kind == "AWS::EC2::Subnet")
        .filter_map(|(id, _, properties)| {
            let cidr: Ipv4Network = properties["CidrBlock"].as_str()?.parse().ok()?;
            let zone = properties["AvailabilityZoneId"].as_str().map(str::to_owned);
            let usable = addresses::usable(cidr.prefix());
            Some((id.to_owned(), SubnetDemand { cidr, zone, usable, standing: Vec::new() }))
        })
        .collect();
    for (places, standing) in standing(template) {
        for place in places {
            if let Some(subnet) = found.get_mut(place) {
                subnet.standing.push(standing);
            }
        }
    }
    found
}

/// Everything with addresses, and the subnets in which it stands. Functions that share subnets and security groups
/// share interfaces, so they are one.
fn standing(template: &Value) -> Vec<(Vec<&str>, Standing)> {
    let mut all = Vec::new();
    let mut functions: BTreeMap<(Vec<&str>, String), (u64, u64)> = BTreeMap::new();
    for (_, kind, properties) in resources(template) {
        if kind == "AWS::Lambda::Function" {
            let places = targets(&properties["VpcConfig"]["SubnetIds"]);
            let groups = properties["VpcConfig"]["SecurityGroupIds"].to_string();
            let executions = number(&properties["ReservedConcurrentExecutions"]);
            let mib = executions.saturating_mul(number(&properties["MemorySize"]));
            let sum = functions.entry((places, groups)).or_default();
            *sum = (sum.0.saturating_add(executions), sum.1.saturating_add(mib));
        } else if let Some((owner, places, amount)) = fixed(kind, properties) {
            let subnets = places.len() as u64;
            all.push((places, Standing { owner, amount, mib: 0, subnets }));
        }
    }
    all.extend(functions.into_iter().map(|((places, _), (amount, mib))| {
        let subnets = places.len() as u64;
        (places, Standing { owner: Owner::Functions, amount, mib, subnets })
    }));
    all
}

/// Who a resource that is no function is, its subnets, and its nodes or tasks.
fn fixed<'t>(kind: &str, properties: &'t Value) -> Option<(Owner, Vec<&'t str>, u64)> {
    Some(match kind {
        "AWS::EC2::NatGateway" => (Owner::Nat, target(&properties["SubnetId"]).into_iter().collect(), 0),
        "AWS::EC2::VPCEndpoint" => (Owner::Endpoints, targets(&properties["SubnetIds"]), 0),
        "AWS::ElasticLoadBalancingV2::LoadBalancer" => (Owner::LoadBalancer, targets(&properties["Subnets"]), 0),
        "AWS::ECS::Service" => {
            let places = targets(&properties["NetworkConfiguration"]["AwsvpcConfiguration"]["Subnets"]);
            (Owner::Proxy, places, number(&properties["DesiredCount"]))
        }
        "AWS::OpenSearchService::Domain" => {
            let cluster = &properties["ClusterConfig"];
            let nodes = number(&cluster["InstanceCount"]).saturating_add(number(&cluster["DedicatedMasterCount"]));
            (Owner::Search, targets(&properties["VPCOptions"]["SubnetIds"]), nodes)
        }
        _ => return None,
    })
}
