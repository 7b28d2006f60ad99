//! What Guard cannot express, in Rust: joins over the resources of one template, what a tenant's spec says about its
//! template, and names over the whole fleet. One file per check, named as its subject.
//!
//! Joins read logical ids and references, never a tenant's values, so one answer holds for all templates of a form.

mod dead_letters;
pub(super) mod ingress_as_specified;
mod isolated_tiers;
pub(super) mod queue_visibility;
pub(super) mod resource_limit;
pub(super) mod shared_names;
mod stack;
mod stateful_resource_retained;
mod tenants_own_key;
mod tier_members;
mod transport_policies;

use super::registry::Entry;
use crate::schemas::Kind;
pub(super) use stack::{Stack, Tiers};
use tenantry_base::finding::Code;

/// Something a check found, before it has a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Logical id of the resource.
    pub resource: String,
    /// Path inside the resource: `Properties/VpcConfig/SubnetIds`.
    pub path: String,
    pub message: String,
}

impl Fault {
    fn new(resource: &str, path: &str, message: impl Into<String>) -> Self {
        Self { resource: resource.to_owned(), path: path.to_owned(), message: message.into() }
    }
}

/// A check over the resources of one template.
pub(super) struct Join {
    pub(super) entry: Entry,
    pub(super) check: fn(&Stack<'_>) -> Vec<Fault>,
}

const fn entry(code: Code, name: &'static str) -> Entry {
    Entry { name, code }
}

/// Checks over one template.
pub(super) const JOINS: &[Join] = &[
    Join { entry: entry(Code::TN4108, "tenants_own_key"), check: tenants_own_key::check },
    Join { entry: entry(Code::TN4301, "isolated_tiers"), check: isolated_tiers::check },
    Join { entry: entry(Code::TN4405, "tier_members"), check: tier_members::check },
    Join { entry: entry(Code::TN4501, "dead_letters"), check: dead_letters::check },
    Join { entry: entry(Code::TN4701, "stateful_resource_retained"), check: stateful_resource_retained::check },
    Join { entry: entry(Code::TN4807, "transport_policies"), check: transport_policies::check },
];

/// A template against its tenant's spec.
pub(super) const INGRESS_AS_SPECIFIED: Entry = entry(Code::TN4208, "ingress_as_specified");
/// What a template's values say about queues and the functions that they feed.
pub(super) const QUEUE_VISIBILITY: Entry = entry(Code::TN4406, "queue_visibility");
/// Limits of single resources: those that are fixed, and defaults that AWS raises on request.
pub(super) const RESOURCE_LIMIT: Entry = entry(Code::TN4305, "resource_limit");
pub(super) const RESOURCE_DEFAULT_LIMIT: Entry = entry(Code::TN4306, "resource_default_limit");
/// The names of the whole fleet.
pub(super) const SHARED_NAMES: Entry = entry(Code::TN4302, "shared_names");

/// What the schemas of resource types say.
pub(super) const SCHEMAS: [(Kind, Entry); 6] = [
    (Kind::Type, entry(Code::TN4011, "schema_type")),
    (Kind::Property, entry(Code::TN4012, "schema_property")),
    (Kind::Required, entry(Code::TN4013, "schema_required")),
    (Kind::Value, entry(Code::TN4014, "schema_value")),
    (Kind::Attribute, entry(Code::TN4015, "schema_attribute")),
    (Kind::Region, entry(Code::TN4016, "schema_region")),
];

/// Every check of this folder.
pub fn entries() -> impl Iterator<Item = Entry> + Clone {
    let schemas = SCHEMAS.iter().map(|(_, entry)| *entry);
    JOINS.iter().map(|join| join.entry).chain(schemas).chain([
        INGRESS_AS_SPECIFIED,
        QUEUE_VISIBILITY,
        RESOURCE_LIMIT,
        RESOURCE_DEFAULT_LIMIT,
        SHARED_NAMES,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// A tier that leads out, one that does not, and one that is for functions only.
    fn tiers() -> Tiers {
        let only = ("functions".to_owned(), ["AWS::Lambda::Function".to_owned()].into());
        let all = ["data", "functions", "web"].map(str::to_owned).into();
        Tiers { all, isolated: ["data", "functions"].map(str::to_owned).into(), only: [only].into() }
    }

    /// Resources and what is said about them: `id: message`.
    pub(super) fn check(check: fn(&Stack<'_>) -> Vec<Fault>, resources: Value, expected: &[&str]) {
        let tree = json!({ "Resources": resources });
        let tiers = tiers();
        let found: Vec<String> = check(&Stack::of(&tree, &tiers))
            .iter()
            .inspect(|fault| {
                assert!(tree["Resources"].get(&fault.resource).is_some(), "{} is no resource", fault.resource)
            })
            .map(|fault| format!("{}: {}", fault.resource, fault.message))
            .collect();
        assert_eq!(found, expected);
    }
}
