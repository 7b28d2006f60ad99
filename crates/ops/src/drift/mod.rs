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
    /// Compares the stack's tags and template with what its release renders.
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
                "what docs/drift.md lists as not checked, and resources without tags that are attached to nothing in the stack"
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

/// One difference between the template and AWS.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Difference {
    /// Class of the drift, `TN55..`.
    pub code: Code,
    /// Rated by the type and property.
    pub severity: Severity,
    /// Whether the resource or property was modified, added, deleted or is unmanaged.
    pub kind: Kind,
    /// The check that found it.
    pub source: Source,
    /// Logical ID; for an unmanaged resource that is attached to a declared one, that resource's. Null for the stack itself,
    /// and for all other unmanaged resources.
    pub resource: Option<String>,
    /// CloudFormation resource type, such as `AWS::S3::Bucket`.
    pub resource_type: String,
    /// Null for a deleted resource whose ID is not known.
    pub physical_id: Option<String>,
    /// `/SecurityGroupIngress`, as in the template.
    pub path: String,
    /// Value in the template; null if the template has none.
    pub expected: Option<Value>,
    /// Value in AWS; null if there is none.
    pub actual: Option<Value>,
    /// How to restore it, or which decision it needs.
    pub remedy: String,
    /// ID under which CloudTrail lists changes of it: for a rule, that of its security group.
    #[serde(skip)]
    pub carrier: Option<String>,
    /// The last call that could have caused it; null if CloudTrail has none.
    pub by: Option<Deed>,
    /// Reason and end date if the difference is accepted; else null.
    pub accepted: Option<Acceptance>,
}

/// A resource that no source could check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unchecked {
    /// Logical ID; for an unmanaged resource that is attached to a declared one, that resource's.
    pub resource: String,
    /// CloudFormation resource type, such as `AWS::S3::Bucket`.
    pub resource_type: String,
    /// Why the resource could not be checked.
    pub why: String,
    /// Reason and end date if the resource may stay unchecked; else null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Acceptance>,
}

/// What one source checked of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SourceReport {
    /// The check.
    pub source: Source,
    /// Number of resources that it compared.
    pub checked: usize,
    /// Calls that were denied or failed.
    pub unseen: Vec<String>,
    /// What this check never compares.
    pub limits: &'static str,
}

/// Result of a stack's drift check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DriftStatus {
    InSync,
    Drifted,
    /// Part of the stack could not be checked, so it is unknown whether the stack is in sync.
    Incomplete,
}

/// Result of a stack's drift check.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StackDrift {
    /// Name of the tenant; `(control plane)` for a control plane's stack.
    pub tenant: String,
    /// Account and Region.
    pub place: Place,
    /// Name of the stack.
    pub stack: String,
    /// In sync only if every resource was checked.
    pub verdict: DriftStatus,
    /// Highest severity first.
    pub differences: Vec<Difference>,
    /// Number of the template's resources that at least one source could check.
    pub checked: usize,
    /// Resources that no source could check.
    pub unchecked: Vec<Unchecked>,
    /// What each source checked, and what it could not read.
    pub sources: Vec<SourceReport>,
    /// There is no stack because the tenant was offboarded.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub offboarded: bool,
    /// Why the authors of the differences are unknown; null if CloudTrail could be read.
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
