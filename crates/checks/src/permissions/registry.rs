//! `policies/registry.json`: the permissions that CloudFormation's registry lists for each type's handlers, and the ARN
//! formats that IAM restricts each action to.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::statements::covers;
use crate::resources::ResourceType;

/// Path of the table in an estate and in the binary.
pub const PATH: &str = "policies/registry.json";

/// Why the table cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("`{PATH}` cannot be read")]
pub struct RegistryError(#[source] serde_json::Error);

/// A handler of a resource type, as CloudFormation's registry names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Handler {
    Create,
    Read,
    Update,
    Delete,
    List,
}

impl Handler {
    pub const ALL: [Self; 5] = [Self::Create, Self::Read, Self::Update, Self::Delete, Self::List];

    /// Its key in a schema's `handlers`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::List => "list",
        }
    }
}

/// What the registry and IAM say.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    /// Type → handler → actions; None for a type whose schema has no handlers.
    types: BTreeMap<String, Option<BTreeMap<String, Vec<String>>>>,
    /// Action in lower case → its name and ARN formats.
    actions: BTreeMap<String, (String, Vec<String>)>,
}

#[derive(Deserialize)]
struct File {
    types: BTreeMap<String, Row>,
    actions: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    handlers: Option<BTreeMap<String, Vec<String>>>,
}

impl Registry {
    /// Reads the table.
    ///
    /// # Errors
    /// A text that is not such a table.
    pub fn parse(text: &str) -> Result<Self, RegistryError> {
        let file: File = serde_json::from_str(text).map_err(RegistryError)?;
        let handlers = |row: Row| row.handlers.filter(|handlers| !handlers.is_empty());
        let types = file.types.into_iter().map(|(kind, row)| (kind, handlers(row))).collect();
        let actions = file.actions.into_iter().map(|(name, formats)| (name.to_lowercase(), (name, formats))).collect();
        Ok(Self { types, actions })
    }

    /// The ARN formats that an action can be restricted to, empty for one that takes no resource; None for an action
    /// that IAM does not know.
    pub fn formats(&self, action: &str) -> Option<&[String]> {
        self.actions.get(&action.to_lowercase()).map(|(_, formats)| formats.as_slice())
    }

    /// Whether a policy can restrict an action to resources. Of a pattern of several actions this is not known, so it counts as
    /// one that takes no resource; an action that is not in the table counts as one that does.
    pub fn takes_resource(&self, action: &str) -> bool {
        !action.contains('*') && self.formats(action).is_none_or(|formats| !formats.is_empty())
    }

    /// An action as IAM writes it.
    fn name(&self, action: &str) -> String {
        self.actions.get(&action.to_lowercase()).map_or(action, |(name, _)| name).to_owned()
    }

    /// The known actions that a pattern covers.
    pub fn covered<'r>(&'r self, pattern: &str) -> impl Iterator<Item = &'r str> {
        let service = pattern.split(':').next().unwrap_or_default().to_lowercase() + ":";
        let of_service = self.actions.range(service.clone()..).take_while(move |(name, _)| name.starts_with(&service));
        of_service.map(|(_, (name, _))| name.as_str()).filter(move |name| covers(pattern, name))
    }

    /// The actions that a handler needs for a resource with these properties: what the registry lists, less what the
    /// type's row needs only with properties that are not set, and what the row adds. None for a type of which neither
    /// says anything.
    pub fn needed(
        &self,
        kind: &str,
        row: Option<&ResourceType>,
        properties: &Value,
        handler: Handler,
    ) -> Option<Vec<String>> {
        let listed = self.types.get(kind).and_then(Option::as_ref);
        let added = row.and_then(|row| row.permissions.as_ref());
        if listed.is_none() && added.is_none() {
            return None;
        }
        let text = properties.to_string();
        let unset = |property: &str| !text.contains(&format!("\"{property}\":"));
        let idle: Vec<&String> = row
            .into_iter()
            .flat_map(|row| &row.only_with)
            .filter(|(property, _)| unset(property))
            .flat_map(|(_, actions)| actions)
            .collect();
        // Some schemas name actions that IAM does not know, so that no policy could allow them.
        let real = |action: &&String| action.contains('*') || self.formats(action).is_some();
        let needed = |action: &&String| !idle.iter().any(|pattern| covers(pattern, action));
        let listed = listed.and_then(|handlers| handlers.get(handler.name())).into_iter().flatten();
        let added = added.and_then(|handlers| handlers.get(handler.name())).into_iter().flatten();
        let actions: BTreeSet<String> =
            listed.filter(real).filter(needed).chain(added).map(|action| self.name(action)).collect();
        Some(actions.into_iter().collect())
    }
}
