//! No two stacks of the fleet give one name to two resources.

use std::collections::HashMap;

use serde_json::Value;

use super::stack::{Stack, Tiers};
use crate::resources::{self, Scope};

/// A resource of a form that has a name of its own.
#[derive(Debug, Clone)]
pub(in crate::policy) struct Named {
    pub(in crate::policy) resource: String,
    pub(in crate::policy) kind: &'static str,
    /// Property that holds the name.
    pub(in crate::policy) property: &'static str,
    /// Within what the name must be unique.
    pub(in crate::policy) scope: &'static Scope,
}

/// The named resources of a template. A name that is unique within a parent only cannot be taken by another stack.
pub(in crate::policy) fn named(tree: &Value) -> Vec<Named> {
    let named = |(id, resource): (&str, &Value)| {
        let (kind, row) = resources::table().get(resource["Type"].as_str()?)?;
        let naming = row.name.as_ref().filter(|naming| !matches!(naming.scope, Scope::Parent(_)))?;
        resource["Properties"].get(&naming.property)?;
        Some(Named { resource: id.to_owned(), kind, property: &naming.property, scope: &naming.scope })
    };
    Stack::of(tree, &Tiers::default()).all().filter_map(named).collect()
}

/// One name in use.
#[derive(Debug)]
pub(in crate::policy) struct Use<'a> {
    pub(in crate::policy) owner: usize,
    pub(in crate::policy) account: &'a str,
    pub(in crate::policy) region: &'a str,
    pub(in crate::policy) named: &'a Named,
    pub(in crate::policy) name: String,
}

/// Pairs of uses of one name by two owners: the first use, and each other one.
pub(in crate::policy) fn clashes<'a>(uses: &'a [Use<'a>]) -> Vec<(&'a Use<'a>, &'a Use<'a>)> {
    let mut first: HashMap<(&str, &str, &str, &str), &Use<'_>> = HashMap::with_capacity(uses.len());
    let mut clashes = Vec::new();
    for used in uses {
        let (account, region) = match used.named.scope {
            Scope::Global => ("", ""),
            Scope::Account => (used.account, ""),
            Scope::Region | Scope::Parent(_) => (used.account, used.region),
        };
        match first.entry((used.named.kind, account, region, &used.name)) {
            std::collections::hash_map::Entry::Vacant(place) => drop(place.insert(used)),
            std::collections::hash_map::Entry::Occupied(known) => {
                let other = known.get();
                if (other.owner, &other.named.resource) != (used.owner, &used.named.resource) {
                    clashes.push((*other, used));
                }
            }
        }
    }
    clashes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clash(kind: &'static str, scope: &'static Scope, second: (&str, &str, &str)) -> usize {
        let named = Named { resource: "A".to_owned(), kind, property: "Name", scope };
        let one =
            |owner, account, region, name: &str| Use { owner, account, region, named: &named, name: name.to_owned() };
        let uses = [one(0, "1", "eu-west-1", "x"), one(1, second.0, second.1, second.2)];
        clashes(&uses).len()
    }

    #[test]
    fn a_name_is_taken_within_its_scope() {
        for (scope, account, region, expected) in [
            (&Scope::Global, "2", "us-east-1", 1),
            (&Scope::Account, "1", "us-east-1", 1),
            (&Scope::Account, "2", "eu-west-1", 0),
            (&Scope::Region, "1", "eu-west-1", 1),
            (&Scope::Region, "1", "us-east-1", 0),
        ] {
            assert_eq!(clash("T", scope, (account, region, "x")), expected, "{scope:?} {account} {region}");
        }
        assert_eq!(clash("T", &Scope::Global, ("1", "eu-west-1", "y")), 0);
    }
}
