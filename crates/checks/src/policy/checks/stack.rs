//! The resources of a template, by type and by what they refer to.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use tenantry_blueprint::{Routing, Tier};

/// The tiers of subnets that a blueprint declares.
#[derive(Debug, Default)]
pub(in crate::policy) struct Tiers {
    pub(super) all: BTreeSet<String>,
    /// Those without a way out of the VPC.
    pub(super) isolated: BTreeSet<String>,
    /// The types of resources that alone may stand in a tier.
    pub(super) only: BTreeMap<String, BTreeSet<String>>,
}

impl Tiers {
    pub(in crate::policy) fn of(tiers: &[Tier]) -> Self {
        let isolated = tiers.iter().filter(|tier| tier.routes == Routing::None).map(|tier| tier.name.clone());
        let only = tiers.iter().filter(|tier| !tier.only.is_empty());
        let only = only.map(|tier| (tier.name.clone(), tier.only.iter().cloned().collect()));
        let all = tiers.iter().map(|tier| tier.name.clone());
        Self { all: all.collect(), isolated: isolated.collect(), only: only.collect() }
    }

    /// The texts that checks compare a tier's tag with.
    pub(in crate::policy) fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(String::as_str)
    }
}

/// The resources of one template.
pub(in crate::policy) struct Stack<'t> {
    resources: Option<&'t Map<String, Value>>,
    pub(super) tiers: &'t Tiers,
}

impl<'t> Stack<'t> {
    pub(in crate::policy) fn of(tree: &'t Value, tiers: &'t Tiers) -> Self {
        Self { resources: tree.get("Resources").and_then(Value::as_object), tiers }
    }

    /// The tier of each subnet, as its tag says.
    pub(super) fn subnet_tiers(&self) -> BTreeMap<&'t str, &'t str> {
        let subnets = self.of_type("AWS::EC2::Subnet");
        subnets
            .filter_map(|(id, subnet)| {
                let tags = subnet["Tags"].as_array()?.as_slice();
                let tag = tags.iter().find(|tag| tag["Key"] == "tenantry:tier")?;
                Some((id, tag["Value"].as_str()?))
            })
            .collect()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&'t str, &'t Value)> {
        self.resources.into_iter().flatten().map(|(id, resource)| (id.as_str(), resource))
    }

    /// Logical id and properties of each resource of a type.
    pub(super) fn of_type(&self, wanted: &'static str) -> impl Iterator<Item = (&'t str, &'t Value)> {
        self.all()
            .filter(move |(_, resource)| resource["Type"] == wanted)
            .map(|(id, resource)| (id, &resource["Properties"]))
    }

    pub(super) fn type_of(&self, id: &str) -> Option<&'t str> {
        self.resources?.get(id)?["Type"].as_str()
    }

    pub(super) fn resource(&self, id: &str) -> Option<&'t Value> {
        self.resources?.get(id)
    }
}

/// Whether a resource outlives its stack.
pub(super) fn is_retained(resource: &Value) -> bool {
    matches!(resource["DeletionPolicy"].as_str(), Some("Retain" | "RetainExceptOnCreate"))
}

/// The logical id that a value refers to as a whole: by `Ref` or `Fn::GetAtt`.
pub(super) fn target(value: &Value) -> Option<&str> {
    let attribute = value.get("Fn::GetAtt");
    value.get("Ref").or_else(|| attribute.and_then(|parts| parts.get(0))).and_then(Value::as_str)
}

/// The logical ids that a list of values, or one value, refers to.
pub(super) fn targets(value: &Value) -> impl Iterator<Item = &str> {
    let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    items.iter().filter_map(target)
}
