//! What another blueprint changes in the fields of tenants' files, and for whom.

use schemars::JsonSchema;
use serde::Serialize;

use super::Estate;
use tenantry_blueprint::{Blueprint, Changed};

/// A field that two blueprints do not have alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Field {
    /// Such as `web.size`.
    pub field: String,
    /// Such as ``default `small` -> `medium` ``.
    pub change: String,
    /// Tenants whose default is another one now, or whose value, or lack of one, is not allowed any more.
    pub tenants: Vec<String>,
}

/// The fields that `newer` changes for the tenants of an estate, in the order of their paths; `after` is the estate as it reads
/// with the newer blueprint, where it can be read.
pub fn field_changes(before: &Estate, newer: &Blueprint, after: Option<&Estate>) -> Vec<Field> {
    let changes = before.blueprint.field_changes(newer).into_iter();
    let changes = changes.map(|change| {
        let affected = before.tenants.values().filter(|tenant| {
            let value = tenant.spec.parameter(&change.field);
            let now = after.and_then(|estate| estate.tenants.get(&tenant.name));
            match &change.change {
                Changed::Word { word, before, .. } if word == "default" => match now {
                    Some(now) => now.spec.parameter(&change.field) != value,
                    // Its file does not fit the newer blueprint.
                    None => before.as_ref() == value,
                },
                _ => !newer.allows(&change.field, value),
            }
        });
        let tenants = affected.map(|tenant| tenant.name.to_string()).collect();
        let text = change.to_string();
        let said = text.split_once(": ").map_or(text.as_str(), |(_, said)| said).to_owned();
        Field { field: change.field, change: said, tenants }
    });
    changes.collect()
}
