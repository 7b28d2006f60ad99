//! What one stack takes of every quota, and what deploying it asks of AWS: counted in the rendered template alone.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::owners::{Groups, SubnetDemand, subnets};
use super::template::resources;
use crate::resources::{self, Over, Owner};

/// What an amount or quota applies to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Within {
    Account,
    Region,
    /// One Availability Zone, by AZ ID.
    Zone(String),
    /// One stack: of several stacks, the largest amount counts.
    Stack,
}

/// What stacks take.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Demand {
    /// By id of the quota and place.
    pub amounts: BTreeMap<&'static str, BTreeMap<Within, u64>>,
    /// Storage of search domains, in GiB.
    pub search_gib: u64,
    /// Calls that deploying takes at least, by service as CloudFormation names it: one for each resource, and our own to
    /// CloudFormation.
    pub api_calls: BTreeMap<&'static str, u64>,
    /// Types of which the table does not say what they take, or whose resources do not: it is not in `amounts`.
    pub unknown_types: BTreeSet<String>,
}

impl Demand {
    fn take(&mut self, quota: &'static str, within: Within, amount: u64) {
        let entry = self.amounts.entry(quota).or_default().entry(within.clone()).or_default();
        *entry = if within == Within::Stack { (*entry).max(amount) } else { entry.saturating_add(amount) };
    }

    /// Adds another stack's demand.
    pub fn add(&mut self, other: &Self) {
        self.add_times(other, 1);
    }

    /// Adds the demand of so many stacks alike.
    pub fn add_times(&mut self, other: &Self, times: u64) {
        if times == 0 {
            return;
        }
        for (quota, places) in &other.amounts {
            for (within, amount) in places {
                let times = if *within == Within::Stack { 1 } else { times };
                self.take(quota, within.clone(), amount.saturating_mul(times));
            }
        }
        self.search_gib = self.search_gib.saturating_add(other.search_gib.saturating_mul(times));
        for (service, calls) in &other.api_calls {
            let sum = self.api_calls.entry(service).or_default();
            *sum = sum.saturating_add(calls.saturating_mul(times));
        }
        self.unknown_types.extend(other.unknown_types.iter().cloned());
    }

    /// What this takes beyond what `before` has taken already. What one stack holds is weighed whole.
    pub fn beyond(&self, before: &Self) -> Self {
        let mut left = self.clone();
        for (quota, places) in &mut left.amounts {
            for (within, amount) in places.iter_mut().filter(|(within, _)| **within != Within::Stack) {
                let taken = before.amounts.get(quota).and_then(|places| places.get(within)).copied();
                *amount = amount.saturating_sub(taken.unwrap_or(0));
            }
        }
        left
    }

    /// What adds up over an account, and the rest.
    pub fn split(&self) -> (Self, Self) {
        let (mut account, mut region) = (Self::default(), Self { amounts: BTreeMap::new(), ..self.clone() });
        for (quota, places) in &self.amounts {
            for (within, amount) in places {
                let side = if *within == Within::Account { &mut account } else { &mut region };
                side.take(quota, within.clone(), *amount);
            }
        }
        (account, region)
    }
}

/// Our calls to CloudFormation for one stack: make, read and execute a change set, set its policy and protection.
const OWN_CALLS: u64 = 6;

/// Counts what a rendered template takes.
pub fn count(template: &Value) -> Demand {
    count_with(template, &subnets(template))
}

/// As [`count`], with the template's subnets.
pub(super) fn count_with(template: &Value, addresses: &BTreeMap<String, SubnetDemand>) -> Demand {
    let mut demand = Demand::default();
    let mut per_stack: BTreeMap<&'static str, u64> = BTreeMap::new();
    let groups = Groups::of(template);
    for (_, kind, properties) in resources(template) {
        let Some((kind, row)) = resources::table().get(kind) else {
            demand.unknown_types.insert(kind.to_owned());
            continue;
        };
        *demand.api_calls.entry(service(kind)).or_default() += 1;
        if let Some(gib) = &row.search_gib {
            match gib.of(properties) {
                Some(gib) => demand.search_gib = demand.search_gib.saturating_add(gib),
                None => drop(demand.unknown_types.insert(kind.to_owned())),
            }
        }
        let Some(quotas) = &row.quotas else {
            demand.unknown_types.insert(kind.to_owned());
            continue;
        };
        for taken in quotas {
            let Some(amount) = taken.amount.as_ref().map_or(Some(1), |amount| amount.of(properties)) else {
                demand.unknown_types.insert(kind.to_owned());
                continue;
            };
            let quota = taken.quota.as_str();
            match &taken.over {
                _ if amount == 0 => {}
                Over::Account => demand.take(quota, Within::Account, amount),
                Over::Region => demand.take(quota, Within::Region, amount),
                Over::Resource => demand.take(quota, Within::Stack, amount),
                Over::Stack => *per_stack.entry(quota).or_default() += amount,
                Over::Zone => {
                    let within = row.addresses.as_ref().map_or(&[][..], |addresses| &addresses.within);
                    let place = groups.places(within, properties).into_iter().next();
                    let zone = place.and_then(|place| addresses.get(place)?.zone.clone());
                    demand.take(quota, Within::Zone(zone.unwrap_or_else(|| "unknown".to_owned())), amount);
                }
            }
        }
    }
    let entries = |section: &str| template[section].as_object().map_or(0, |section| section.len() as u64);
    per_stack.insert("cloudformation-resources", entries("Resources"));
    per_stack.insert("cloudformation-outputs", entries("Outputs"));
    per_stack.insert("cloudformation-parameters", entries("Parameters"));
    per_stack.into_iter().for_each(|(quota, amount)| demand.take(quota, Within::Stack, amount));
    demand.take("cloudformation-stacks", Within::Region, 1);
    *demand.api_calls.entry("CloudFormation").or_default() += OWN_CALLS;
    let at_rest = addresses.values().map(|subnet| subnet.total(1.0).at_rest).fold(0, u64::saturating_add);
    demand.take("vpc-network-interfaces", Within::Region, at_rest);
    let functions = addresses.values().filter_map(|subnet| subnet.owners(1.0).get(&Owner::Functions).copied());
    let interfaces = functions.map(|functions| functions.at_worst).fold(0, u64::saturating_add);
    demand.take("lambda-interfaces-per-vpc", Within::Stack, interfaces);
    demand
}

/// The service in a type's name: `EC2` of `AWS::EC2::VPC`.
fn service(kind: &'static str) -> &'static str {
    kind.split("::").nth(1).unwrap_or(kind)
}
