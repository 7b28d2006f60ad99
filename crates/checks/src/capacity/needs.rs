//! Everything that one rendered template asks of its place: quotas, addresses, zones, types, services.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::demand::{Demand, count_with};
use super::owners::{Groups, SubnetDemand, subnets};
use super::single::Largest;
use super::template::resources;
use super::weigh::percent_of;
use crate::resources::{self, Scope};

/// What one stack needs. Stacks of one form and size share everything but their blocks and names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Needs {
    pub demand: Arc<Demand>,
    /// By logical id.
    pub subnets: BTreeMap<String, SubnetDemand>,
    /// Types of its resources, as CloudFormation names them.
    pub types: Arc<BTreeSet<String>>,
    pub instances: Arc<BTreeSet<Instance>>,
    /// Names that nothing else in the account may bear.
    pub names: BTreeSet<Name>,
    /// What single resources hold of quotas that an account may have raised. [`needs`] leaves it empty.
    pub largest: Arc<Largest>,
}

/// A name that the template fixes, of a type whose resources may outlive their stack.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    pub resource_type: &'static str,
    pub logical_id: String,
    pub name: String,
}

/// A type's own name and the property that names its resources, of the types whose resources a stack may leave behind.
pub(super) fn naming(kind: &str) -> Option<(&'static str, &'static str)> {
    let (kind, row) = resources::table().get(kind)?;
    let naming = row.name.as_ref().filter(|naming| row.stateful && !naming.shared)?;
    (!matches!(naming.scope, Scope::Parent(_))).then_some((kind, naming.property.as_str()))
}

/// A type of machine that must be had in some zones.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instance {
    /// `r6g.large.search`, `m6g.large`.
    pub kind: String,
    /// Version of the engine that it runs, for a search domain.
    pub engine: Option<String>,
    pub zones: BTreeSet<String>,
}

/// The subnet with the highest demand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Fullest {
    /// Logical ID of the subnet.
    pub logical_id: String,
    /// Peak demand in percent of the usable addresses.
    pub percent: u64,
}

/// The subnet that the template's own resources come nearest to using up, at the peak, with a zone lost or in a
/// deployment, whichever is worst. What else stands there is not known here.
pub fn fullest(template: &Value) -> Option<Fullest> {
    let subnets = subnets(template).into_iter();
    let percents = subnets.map(|(id, subnet)| (percent_of(subnet.needed(1.0), subnet.usable), id));
    percents.max().map(|(percent, logical_id)| Fullest { logical_id, percent })
}

/// Counts what a rendered template, or its outline, needs.
pub fn needs(template: &Value) -> Needs {
    let subnets = subnets(template);
    let demand = count_with(template, &subnets);
    let types: BTreeSet<String> = resources(template).map(|(_, kind, _)| kind.to_owned()).collect();
    let groups = Groups::of(template);
    let instances: BTreeSet<Instance> =
        resources(template).flat_map(|(_, kind, properties)| instances(kind, properties, &groups, &subnets)).collect();
    let names = resources(template).filter_map(name).collect();
    Needs {
        demand: Arc::new(demand),
        subnets,
        types: Arc::new(types),
        instances: Arc::new(instances),
        names,
        largest: Arc::default(),
    }
}

fn name((logical_id, kind, properties): (&str, &str, &Value)) -> Option<Name> {
    let (resource_type, property) = naming(kind)?;
    let name = properties[property].as_str()?.to_owned();
    Some(Name { resource_type, logical_id: logical_id.to_owned(), name })
}

fn instances(
    kind: &str,
    properties: &Value,
    groups: &Groups<'_>,
    subnets: &BTreeMap<String, SubnetDemand>,
) -> Vec<Instance> {
    let row = resources::table().get(kind).map(|(_, row)| row);
    let Some((row, needed)) = row.and_then(|row| Some((row, row.instances.as_ref()?))) else { return Vec::new() };
    let within = row.addresses.as_ref().map_or(&[][..], |addresses| &addresses.within);
    let places = groups.places(within, properties);
    let zones: BTreeSet<String> = places.into_iter().filter_map(|place| subnets.get(place)?.zone.clone()).collect();
    let engine = needed.engine.as_ref().and_then(|property| properties[property.as_str()].as_str()).map(str::to_owned);
    let kinds = needed.types.iter().flat_map(|path| path.values(properties)).filter_map(Value::as_str);
    kinds.map(|kind| Instance { kind: kind.to_owned(), engine: engine.clone(), zones: zones.clone() }).collect()
}
