//! The table of CloudFormation resource types, `policies/resources.yaml`: what a type is to every check.
//!
//! In: the table that this version ships with and the rows of an estate. Out: [`ResourceType`]s by name. The table states
//! facts about AWS, so a process has one; [`install`] adds an estate's rows before any check runs. A type without a row is
//! unknown, and a check treats it as stateful.

pub mod formula;
mod load;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

pub use load::parse;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use tenantry_base::finding::{Code, Finding, Source};
use tenantry_template::embedded;

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
    /// Addresses that a resource takes in subnets; None where the table does not say.
    pub addresses: Option<Addresses>,
    /// What a resource takes of quotas; None where the table does not say.
    pub quotas: Option<Vec<Taken>>,
    /// The service-linked role without which an account has no resource of the type.
    pub linked_role: Option<LinkedRole>,
    /// How a resource is billed; None where the table does not say.
    pub billing: Option<Billing>,
    /// What a difference from the template means.
    pub drift: Drift,
    /// Instance types that a resource needs in the zones of its subnets.
    pub instances: Option<Instances>,
    /// Storage of a search domain's nodes, in GiB.
    pub search_gib: Option<formula::Formula>,
    /// What tools that search by tags see of it; None where the table does not say.
    pub tags: Option<Tagged>,
    /// How messages, objects and requests pass through it; None for what nothing passes through.
    pub flow: Option<Flow>,
}

/// The properties that say where messages, objects and requests come from and go to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flow {
    pub from: Vec<formula::Path>,
    pub to: Vec<formula::Path>,
    /// Where those go that could not be processed.
    pub failed: Vec<formula::Path>,
}

impl Flow {
    /// Whether a resource only connects two others, such as an event source mapping.
    pub fn is_connection(&self) -> bool {
        let leads_on = !self.to.is_empty() || !self.failed.is_empty();
        leads_on && !self.from.is_empty()
    }
}

/// What the Resource Groups Tagging API, and tools over it, list of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tagged {
    /// Nothing: it takes no tags, or is not listed by them.
    Nothing,
    /// ARNs of this service whose resource part starts so: `kms` and `key/`.
    As { service: String, start: String },
}

/// Addresses that a resource takes in subnets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// Properties that name subnets, or resources that stand in subnets (subnet groups, clusters); empty for a type without
    /// network interfaces.
    pub within: Vec<formula::Path>,
    /// None for what only names subnets for others.
    pub amount: Option<Amount>,
}

/// How many addresses a resource takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount {
    pub owner: Owner,
    pub model: Model,
}

/// How addresses are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Model {
    /// The same number in each of its subnets.
    Each(u64),
    /// So many over all its subnets.
    Nodes {
        count: formula::Formula,
        /// In a deployment so many times as many, in the same subnets.
        overlap: u64,
        /// In a deployment so many times as many, spread anew over the subnets.
        surge: u64,
        /// Their number grows with the workload.
        grows: bool,
    },
    /// Interfaces that executions share: concurrent executions, and the memory of each in MiB.
    Functions { executions: formula::Formula, mib: formula::Formula },
    /// Of a load balancer that grows.
    LoadBalancer,
    /// AWS documents no number.
    Unknown,
}

/// Whose network interface an address belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Owner {
    Functions,
    Search,
    Endpoints,
    LoadBalancer,
    Nat,
    /// Of ECS.
    Tasks,
    Database,
    Cache,
    FileSystem,
    /// EC2 instances.
    Instances,
    /// Any other service.
    Other,
    /// Interfaces whose owner cannot be read.
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
            Self::Tasks => "tasks",
            Self::Database => "database",
            Self::Cache => "cache",
            Self::FileSystem => "file system",
            Self::Instances => "instances",
            Self::Other => "other services",
            Self::Unknown => "unknown",
        })
    }
}

/// What a resource takes of one quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Id in `policies/quotas.yaml`.
    pub quota: String,
    pub over: Over,
    /// One where there is none.
    pub amount: Option<formula::Formula>,
}

/// Over what the amounts of a quota add up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Over {
    Account,
    Region,
    /// The Availability Zone of the resource's subnet.
    Zone,
    /// Within one stack: the stack with the most counts.
    Stack,
    /// Within one resource: the resource with the most counts.
    Resource,
}

/// A service-linked role that the first resource of a type needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedRole {
    /// `ecs.amazonaws.com`.
    pub service: String,
    pub role: String,
    /// The property without which a resource does not need it.
    pub only_with: Option<String>,
    /// The service makes it in the name of a caller who may `iam:CreateServiceLinkedRole`.
    pub on_first_use: bool,
}

/// How a resource is billed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Billing {
    /// The calculation of [`BILLED_BY`] that its lines come from.
    pub by: Option<String>,
    pub items: Vec<BilledItem>,
    /// How it is billed, for what is billed by another resource.
    pub elsewhere: Option<String>,
}

/// The calculations of [`crate::cost`].
pub const BILLED_BY: [&str; 16] = [
    "alarm",
    "bucket",
    "dashboard",
    "elastic-address",
    "endpoint",
    "event-source-mapping",
    "flow-log",
    "function",
    "key",
    "load-balancer",
    "log-filter",
    "log-group",
    "nat-gateway",
    "search-domain",
    "task-service",
    "trust-store",
];

/// Something that is paid as long as the resource exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BilledItem {
    /// Id in `policies/prices.yaml`.
    pub item: formula::Pattern,
    /// Units of it.
    pub count: formula::Formula,
    /// The price is that of an hour, else of a month.
    pub hourly: bool,
}

/// What a difference of a resource from its template means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drift {
    pub concern: Option<Concern>,
    /// Its deletion is easily made good and harms little.
    pub is_minor: bool,
}

/// What all properties of a type are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concern {
    /// Who may do what.
    Permissions,
    /// Whether anyone learns that something is wrong.
    Monitoring,
    /// Which packets go where.
    Routing,
}

/// Instance types that a resource needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instances {
    pub types: Vec<formula::Path>,
    /// The property with the engine's version.
    pub engine: Option<String>,
}

impl ResourceType {
    /// The properties that counting addresses, quotas and instances looks at.
    pub fn counted(&self) -> BTreeSet<&str> {
        let addresses = self.addresses.iter().flat_map(|addresses| {
            let formulas = match addresses.amount.as_ref().map(|amount| &amount.model) {
                Some(Model::Nodes { count, .. }) => vec![count],
                Some(Model::Functions { executions, mib }) => vec![executions, mib],
                _ => Vec::new(),
            };
            addresses.within.iter().chain(formulas.into_iter().flat_map(formula::Formula::paths))
        });
        let quotas =
            self.quotas.iter().flatten().flat_map(|taken| taken.amount.iter().flat_map(formula::Formula::paths));
        let instances = self.instances.iter();
        let storage = self.search_gib.iter().flat_map(formula::Formula::paths);
        let types = instances.clone().flat_map(|one| &one.types);
        let mut found = formula::roots(addresses.chain(quotas).chain(storage).chain(types));
        found.extend(instances.filter_map(|one| one.engine.as_deref()));
        found
    }
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
    groups: Vec<Group>,
}

/// Types that reports name together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub name: String,
    /// Starts of the types' names, in whole parts: `AWS::EC2`, `AWS::EC2::Instance`.
    starts: Vec<String>,
}

impl Table {
    /// A type's name and row; None for a type without one.
    pub fn get(&self, kind: &str) -> Option<(&str, &ResourceType)> {
        self.rows.get_key_value(kind).map(|(kind, row)| (kind.as_str(), row))
    }

    /// The group in which reports name a type, and its place in their order: by the longest start that fits, else the type's
    /// service in lower case, behind all others.
    pub fn group(&self, kind: &str) -> (usize, String) {
        let fits = |start: &str| kind.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
        let of = |(index, group): (usize, &Group)| {
            let longest = group.starts.iter().filter(|start| fits(start)).map(String::len).max()?;
            // Of two starts of the same length the first counts.
            Some((longest, std::cmp::Reverse(index), group.name.clone()))
        };
        match self.groups.iter().enumerate().filter_map(of).max() {
            Some((_, std::cmp::Reverse(index), name)) => (index, name),
            None => (self.groups.len(), kind.split("::").nth(1).unwrap_or(kind).to_lowercase()),
        }
    }

    /// Whether losing a resource of this type loses state. True for a type without a row.
    pub fn is_stateful(&self, kind: &str) -> bool {
        self.rows.get(kind).is_none_or(|row| row.stateful)
    }

    /// Services that need their service-linked role for types that a text names.
    pub fn linked_services(&self, text: &str) -> BTreeSet<&str> {
        let needed = self.rows.iter().filter_map(|(kind, row)| Some((kind, row.linked_role.as_ref()?)));
        needed.filter(|(kind, _)| text.contains(family(kind))).map(|(_, role)| role.service.as_str()).collect()
    }

    /// Whether the service of a type has a service-linked role, which exists where [`Self::linked_services`] are given theirs.
    pub fn has_linked_role(&self, kind: &str) -> bool {
        self.rows.iter().any(|(other, row)| row.linked_role.is_some() && family(other) == family(kind))
    }

    /// The type behind service and resource part of an ARN, by the longest start; None where several types have the same.
    pub fn of_arn(&self, service: &str, resource: &str) -> Option<&str> {
        let starts = self.rows.iter().filter_map(|(kind, row)| match &row.tags {
            Some(Tagged::As { service: own, start }) if own == service && resource.starts_with(start) => {
                Some((start.len(), kind.as_str()))
            }
            _ => None,
        });
        let mut found: Vec<(usize, &str)> = starts.collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        match found[..] {
            [(longest, _), (next, _), ..] if longest == next => None,
            [(_, kind), ..] => Some(kind),
            [] => None,
        }
    }

    /// Every row, by type name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ResourceType)> {
        self.rows.iter().map(|(kind, row)| (kind.as_str(), row))
    }
}

/// The start of the type names of one service: `AWS::ECS::`.
fn family(kind: &str) -> &str {
    kind.rfind("::").map_or(kind, |at| &kind[..at + 2])
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
    let text = match tenantry_base::files::read_to_string(&root.join(PATH)) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(vec![Finding::new(Code::TN2601, error.to_string())]),
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

    #[test]
    fn every_shipped_type_of_aws_has_a_group_and_the_longest_start_counts() {
        let without = |(kind, _): &(&str, &ResourceType)| {
            kind.starts_with("AWS::") && table().group(kind).0 == table().groups.len()
        };
        let without: Vec<&str> = table().iter().filter(without).map(|(kind, _)| kind).collect();
        assert!(without.is_empty(), "{without:?}");
        for (kind, group) in [
            ("AWS::EC2::Subnet", "network"),
            ("AWS::EC2::Instance", "instances"),
            ("AWS::EC2::Volume", "storage"),
            ("AWS::Transfer::Server", "transfer"),
            ("Custom::Thing", "thing"),
        ] {
            assert_eq!(table().group(kind).1, group, "{kind}");
        }
    }

    #[test]
    fn service_linked_roles_are_those_of_the_services_that_templates_name() {
        let templates = "Type: AWS::ECS::Cluster\nType: AWS::RDS::DBProxy\nType: AWS::S3::Bucket\n";
        let services: Vec<&str> = table().linked_services(templates).into_iter().collect();
        assert_eq!(services, ["ecs.amazonaws.com", "rds.amazonaws.com"]);
        assert!(table().has_linked_role("AWS::ECS::Service") && !table().has_linked_role("AWS::S3::Bucket"));
    }
}
