//! The table of CloudFormation resource types, `policies/resources.yaml`: what a type is to every check.
//!
//! In: the table that this version ships with and the rows of an estate. Out: [`ResourceType`]s by name. The table states
//! facts about AWS, so a process has one; [`install`] adds an estate's rows before any check runs. A type without a row is
//! unknown, and a check treats it as stateful.

mod load;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

pub use load::parse;

use crate::embedded;
use crate::finding::{Code, Finding, Source};

/// Path of the table in an estate and in the binary.
pub const PATH: &str = "policies/resources.yaml";

/// One type's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceType {
    /// A replacement or removal loses data, the access to it, or an address that others depend on.
    pub stateful: bool,
    /// A template must retain it when its stack is deleted or the resource is replaced.
    pub retain: bool,
    /// How a resource of the type is named; None where CloudFormation or the service generates the name.
    pub name: Option<Naming>,
    /// Actions that the handlers of the type need only where a property is set, by that property.
    pub only_with: BTreeMap<String, Vec<String>>,
    /// Actions that the handlers of the type need beside those that the registry lists, by handler.
    pub permissions: Option<BTreeMap<String, Vec<String>>>,
}

/// The name of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    pub property: String,
    pub scope: Scope,
    /// The most characters that AWS accepts.
    pub max: Option<u64>,
    /// AWS accepts the name twice in its scope: revisions of one family, or names that are labels.
    pub shared: bool,
}

/// Within what a name is taken.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    Global,
    Account,
    Region,
    /// The resource that this property refers to.
    Parent(String),
}

/// All rows by type name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    rows: BTreeMap<String, ResourceType>,
}

impl Table {
    /// A type's name and row; None for a type without one.
    pub fn get(&self, kind: &str) -> Option<(&str, &ResourceType)> {
        self.rows.get_key_value(kind).map(|(kind, row)| (kind.as_str(), row))
    }

    /// Whether losing a resource of this type loses state. True for a type without a row.
    pub fn is_stateful(&self, kind: &str) -> bool {
        self.rows.get(kind).is_none_or(|row| row.stateful)
    }

    /// Every row, by type name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ResourceType)> {
        self.rows.iter().map(|(kind, row)| (kind.as_str(), row))
    }
}

static INSTALLED: RwLock<Option<&'static Table>> = RwLock::new(None);

/// The table of this process: the shipped one, with the rows of the estate that [`install`] was called for.
pub fn table() -> &'static Table {
    if let Some(table) = *INSTALLED.read().unwrap_or_else(PoisonError::into_inner) {
        return table;
    }
    let mut installed = INSTALLED.write().unwrap_or_else(PoisonError::into_inner);
    // A test keeps the shipped table free of errors; without it every type would be unknown, which is safe.
    installed.get_or_insert_with(|| Box::leak(Box::new(shipped().unwrap_or_default())))
}

/// Adds the rows of the estate below `root` to the table of this process.
///
/// # Errors
/// TN2601 for each faulty row, and for a file that cannot be read; the table stays as it was.
pub fn install(root: &Path) -> Result<(), Vec<Finding>> {
    let text = match std::fs::read_to_string(root.join(PATH)) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(vec![Finding::new(Code("TN2601"), format!("`{PATH}` cannot be read: {error}"))]),
    };
    let table = parse(Arc::new(Source { path: PATH.into(), text }), &shipped()?)?;
    *INSTALLED.write().unwrap_or_else(PoisonError::into_inner) = Some(Box::leak(Box::new(table)));
    Ok(())
}

/// The table that this version ships with.
fn shipped() -> Result<Table, Vec<Finding>> {
    let file = embedded::POLICIES.get_file("resources.yaml").and_then(|file| file.contents_utf8());
    let text = file.unwrap_or_default().to_owned();
    parse(Arc::new(Source { path: PATH.into(), text }), &Table::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_table_is_sound() {
        let table = shipped().unwrap_or_else(|found| panic!("{found:#?}"));
        assert!(table.rows.len() > 200, "{}", table.rows.len());
        for (kind, row) in table.iter() {
            assert!(row.stateful || !row.retain, "{kind} is retained without state");
        }
    }

    #[test]
    fn stores_of_data_are_stateful_and_so_is_what_has_no_row() {
        for kind in [
            "AWS::Cognito::UserPool",
            "AWS::DynamoDB::Table",
            "AWS::EC2::Volume",
            "AWS::EFS::FileSystem",
            "AWS::ElastiCache::ReplicationGroup",
            "AWS::RDS::DBInstance",
            "AWS::S3::Bucket",
            "AWS::SecretsManager::Secret",
            "AWS::New::Thing",
            "Custom::Thing",
        ] {
            assert!(table().is_stateful(kind), "{kind}");
        }
        for kind in ["AWS::IAM::Role", "AWS::Lambda::Function", "AWS::SSM::Parameter", "AWS::EC2::Route"] {
            assert!(!table().is_stateful(kind), "{kind}");
        }
    }
}
