//! Drift: what the templates say against what is there.
//!
//! In: what every stack should be ([`Desired`](crate::deploy::Desired)) and a snapshot of what AWS tells ([`live`]).
//! [`compare`] is pure and gives a [`StackDrift`] per stack: every difference with its severity, what no source could
//! check, and what each source could not see. [`check`] takes the snapshots and compares; [`restore`] makes plans of
//! what was found. Nothing here knows the SDK, and only [`check`] and [`restore`] wait for anything.

pub mod accepted;
mod asked;
mod author;
pub mod check;
mod compare;
mod differ;
mod expected;
pub mod live;
pub mod neighbours;
mod network;
mod paths;
pub mod record;
mod release;
pub mod restore;

mod rules;
mod services;
mod severity;
mod snapshot;
mod unmanaged;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use tenantry_aws::cloud::Place;
use tenantry_aws::cloud::cloudtrail::Deed;
use tenantry_base::finding::Code;

pub use accepted::Acceptance;
pub use compare::compare;
pub use severity::Severity;

/// Where a difference was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The stack's tags and template against what its release renders.
    Release,
    /// The network, by the EC2 API.
    Network,
    /// Everything else: drift detection, Cloud Control, and the services' own APIs.
    Services,
    /// What lives in a tenant's VPC or bears its tag, and is in no template.
    Unmanaged,
}

impl Source {
    pub const ALL: [Self; 4] = [Self::Release, Self::Network, Self::Services, Self::Unmanaged];

    /// What this source can never see, whatever the permissions.
    pub fn limits(self) -> &'static str {
        match self {
            Self::Release => "an older release is not rendered again: of it, only the digest is compared",
            Self::Network => "descriptions of rules; DNS attributes of the VPC (drift detection sees them)",
            Self::Services => "properties that the template does not give; secrets and code inside an artifact",
            Self::Unmanaged => {
                "what docs/drift.md lists as not looked for, and what bears no tag and is attached to nothing of the stack"
            }
        }
    }
}

/// How something differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A property has another value.
    Modified,
    /// The resource is gone, or a rule, route or entry of it is.
    Deleted,
    /// A rule, route, entry or tag that no template gives.
    Added,
    /// A resource that is in no template.
    Unmanaged,
}

/// One thing that is not as git says.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Difference {
    pub code: Code,
    pub severity: Severity,
    pub kind: Kind,
    pub source: Source,
    /// Logical id; of what stands beside a resource, that resource's. Nothing for the stack itself, and for what is in no
    /// template and beside none of its resources.
    pub resource: Option<String>,
    pub resource_type: String,
    pub physical_id: Option<String>,
    /// `/SecurityGroupIngress`, as in the template.
    pub path: String,
    pub expected: Option<Value>,
    pub actual: Option<Value>,
    pub remedy: String,
    /// The id under which CloudTrail knows what changed: a rule is its group's.
    #[serde(skip)]
    pub carrier: Option<String>,
    /// The last call that could have done it, if CloudTrail says.
    pub by: Option<Deed>,
    /// Why it is accepted, and until when.
    pub accepted: Option<Acceptance>,
}

/// A resource that no source could check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unchecked {
    /// Logical id; of what stands beside a resource, that resource's.
    pub resource: String,
    pub resource_type: String,
    pub why: String,
    /// Why it may stay unchecked, and until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Acceptance>,
}

/// What a source could do for one stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SourceReport {
    pub source: Source,
    /// Resources that it looked at.
    pub checked: usize,
    /// What was refused or gave no answer.
    pub unseen: Vec<String>,
    pub limits: &'static str,
}

/// How one stack stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DriftStatus {
    InSync,
    Drifted,
    /// Something could not be checked, so that nobody can say that it is in sync.
    Incomplete,
}

/// Everything found about one stack.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StackDrift {
    pub tenant: String,
    pub place: Place,
    pub stack: String,
    pub verdict: DriftStatus,
    /// Worst first.
    pub differences: Vec<Difference>,
    /// Resources of the template that at least one source could check.
    pub checked: usize,
    pub unchecked: Vec<Unchecked>,
    pub sources: Vec<SourceReport>,
    /// There is no stack, as there should be none: the tenant was offboarded.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub offboarded: bool,
    /// Why CloudTrail could not say who made the differences.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trail: Option<String>,
}

impl StackDrift {
    /// Differences that nobody has accepted.
    pub fn open(&self) -> impl Iterator<Item = &Difference> {
        self.differences.iter().filter(|difference| difference.accepted.is_none())
    }

    /// The verdict that follows from what was found and what was not seen.
    pub fn rate(&mut self) {
        let seen = self.unchecked.iter().all(|one| one.accepted.is_some())
            && self.sources.iter().all(|source| source.unseen.is_empty());
        let drifted = self.open().next().is_some();
        self.verdict = match (seen, drifted) {
            (false, _) => DriftStatus::Incomplete,
            (true, true) => DriftStatus::Drifted,
            (true, false) => DriftStatus::InSync,
        };
    }
}
