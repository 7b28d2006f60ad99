//! What a blueprint says, as typed values.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::Image;
use crate::document::Document;
use crate::evaluate;
use crate::formula::{Formula, Scope};
use crate::schema::Parameter;
use crate::types::{Type, Value};
use tenantry_base::finding::Severity;

/// What every tenant of a fleet gets, read and checked: see [`Blueprint::read`].
#[derive(Debug)]
pub struct Blueprint {
    pub name: String,
    pub version: String,
    /// It is not a file of the estate: the estate has no blueprint, and gets the tool's default one.
    pub is_default: bool,
    /// Sections of the tenant's file, in the order of the blueprint.
    pub sections: Vec<Section>,
    /// Facts of a Region that the fleet's file gives, as one section called `region`.
    pub region: Section,
    pub tables: Vec<Table>,
    /// Derived values, each after those that it refers to.
    pub derived: Vec<Derived>,
    pub checks: Vec<Check>,
    pub network: NetworkRules,
    /// Subnet tiers, from the outside in.
    pub tiers: Vec<Tier>,
    /// What a template may decide on.
    pub shape: Vec<Decision>,
    pub names: Vec<Name>,
    pub artifacts: Artifacts,
    pub watch: Watch,
    /// Queues whose messages can be redriven, by name: the dead-letter queue, and where its messages go.
    pub redrive: BTreeMap<String, Redrive>,
    /// Where the records are that functions could not use.
    pub rejects: Option<Rejects>,
    pub rules: Rules,
    /// Derived values and prefix lengths that a tenant may pin.
    pub overrides: Section,
    pub(crate) scope: Scope,
    pub(crate) document: Document,
    pub(crate) memo: evaluate::Memo,
}

/// A section of the tenant's file.
#[derive(Debug)]
pub struct Section {
    pub name: String,
    pub description: String,
    /// The tenant may leave it out.
    pub optional: bool,
    /// Its JSON Schema.
    pub schema: Json,
    pub parameters: Vec<Parameter>,
    pub(crate) kind: Type,
    pub(crate) validator: jsonschema::Validator,
}

/// Facts that formulas look up.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    pub name: String,
    pub source: String,
    /// The day on which the source said so, as in ISO 8601.
    pub date: String,
    pub rows: Value,
    pub(crate) kind: Type,
}

/// A value that is derived by a formula.
#[derive(Debug)]
pub struct Derived {
    pub name: String,
    pub formula: Formula,
    pub unit: String,
    /// Smallest and largest value of a number.
    pub bounds: (Option<f64>, Option<f64>),
    /// A tenant may pin it in `overrides`.
    pub overridable: bool,
    /// Why the formula is what it is, for `explain`.
    pub why: String,
    pub source: String,
    /// Paths of the tenant's values that it depends on, through all formulas between, its overrides included.
    pub inputs: Vec<String>,
}

/// A condition that no tenant may meet.
#[derive(Debug)]
pub struct Check {
    pub code: String,
    pub severity: Severity,
    pub fails: Formula,
    pub message: Message,
    pub help: String,
    /// Routes of the tenant's file: the first that the tenant sets is to blame, else the last.
    pub blame: Vec<String>,
}

/// A text with values inside: `${web_tasks} tasks`.
#[derive(Debug)]
pub struct Message {
    pub(crate) parts: Vec<Part>,
}

#[derive(Debug)]
pub(crate) enum Part {
    Text(String),
    Formula(Box<Formula>),
}

/// How subnets are cut from a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkRules {
    /// Room to grow, in percent of the demand.
    pub headroom_percent: u64,
    /// Prefix length of the smallest subnet.
    pub smallest_prefix: u8,
}

/// Where the route table of a tier leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Routing {
    /// To an internet gateway.
    Internet,
    /// To a NAT gateway.
    Nat,
    /// Nowhere outside the VPC.
    None,
}

/// A tier of subnets, one in each zone.
#[derive(Debug, Clone, PartialEq)]
pub struct Tier {
    pub name: String,
    pub routes: Routing,
    /// Its part of a zone is 1 / 2^`share_bits`.
    pub share_bits: u8,
    /// Types of resources that may stand in it; empty for any.
    pub only: Vec<String>,
    /// A tenant may pin `<tier>_subnet_prefix` in `overrides`.
    pub overridable: bool,
    /// Index in [`Blueprint::derived`] of the addresses that one subnet must hold.
    pub addresses: usize,
    /// Whether its addresses depend on parameters.
    pub depends_on_workload: bool,
}

/// A value that a template may decide on.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// A parameter, a fact or a derived value; or `has(section)` for whether an optional one is there.
    pub name: String,
    /// Every value that it can have.
    pub values: Vec<Json>,
}

/// A name that a stack gives to something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    pub name: String,
    /// With `${organisation}`, `${tenant}`, `${account}`, `${region}` and earlier names inside.
    pub value: String,
    /// The type of what bears the name, whose limit it is fitted to.
    pub resource_type: Option<String>,
    /// Most characters.
    pub longest: Option<usize>,
}

/// What stacks run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Artifacts {
    /// The file with the digest of each function's zip, per architecture.
    pub lock: Option<String>,
    /// The file with the keys of the flags that the functions read.
    pub flags: Option<String>,
    /// The fact of a Region without which the functions do not see flags.
    pub flags_need: Option<String>,
    /// Functions that the lock must have.
    pub functions: Vec<String>,
    /// Images of containers by name.
    pub images: BTreeMap<String, Image>,
}

/// What deploys and releases look at, by logical ID.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watch {
    /// Alarms that roll an update back, at most five; empty for those that react fastest.
    pub rollback_triggers: Vec<String>,
    /// Queues that the gate on queue depth reads: empty is passed.
    pub queues: BTreeMap<String, String>,
    /// The composite alarm that stands for the tenant; it rolls an update back where `rollback_triggers` names none.
    pub composite: Option<String>,
    /// Alarms that the gate on alarms leaves out.
    pub ignored_alarms: Vec<String>,
}

impl Watch {
    /// Alarms that roll an update back; empty for those that react fastest.
    pub fn triggers(&self) -> &[String] {
        if self.rollback_triggers.is_empty() { self.composite.as_slice() } else { &self.rollback_triggers }
    }
}

/// What the blueprint says of rules, those of Guard files and the tool's own, each by its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Rules, and files of rules, that must find something to check.
    pub require: Vec<String>,
    /// Rules of those files that need not.
    pub optional: Vec<String>,
    /// Rules that are switched off, each with the reason.
    pub off: BTreeMap<String, String>,
    /// Codes of the findings of the estate's own rules.
    pub codes: BTreeMap<String, String>,
}

/// Where rejected records are, and how they are processed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejects {
    /// Logical id of the bucket.
    pub bucket: String,
    /// Beginning of the keys of files of rejects. Behind it stands the key of the object that the records came from, without
    /// its own beginning, and a name.
    pub prefix: String,
    /// Beginning of the keys of the objects that records come from.
    pub source: String,
    /// Logical id of the queue that takes an event of the bucket about such an object.
    pub queue: String,
}

/// How messages leave a dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// Logical id of the dead-letter queue.
    pub queue: String,
    /// Logical ids of the queues that its messages may go back to.
    pub targets: Vec<String>,
    /// The target of a message that names none, by the beginning of the key of the object that it is about.
    pub by_key: BTreeMap<String, String>,
}
