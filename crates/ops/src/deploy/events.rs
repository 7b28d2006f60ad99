//! What happens while a plan is made or executed; someone else draws it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use tenantry_aws::cloud::Place;

/// An event of one stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Event {
    /// Name of the tenant.
    pub tenant: String,
    /// Account and Region.
    pub place: Place,
    /// The event.
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum What {
    Uploaded {
        /// `function NAME`.
        name: String,
        /// Object key in the artifacts bucket.
        key: String,
    },
    Started,
    /// The stack's status changed.
    Status {
        /// CloudFormation stack status, such as `UPDATE_IN_PROGRESS`.
        status: String,
    },
    /// A resource reached a status.
    Resource {
        /// Logical ID in the template.
        logical_id: String,
        /// CloudFormation resource type, such as `AWS::S3::Bucket`.
        resource_type: String,
        /// CloudFormation resource status, such as `CREATE_COMPLETE`.
        status: String,
        /// CloudFormation's status reason; null if it gives none.
        reason: Option<String>,
        /// Time of the event, in seconds since 1970 (UTC).
        time: i64,
    },
    /// The status could not be read this time; it is read again.
    NotSeen {
        /// Error of the call; the status is read again.
        why: String,
    },
    Ended {
        /// How the deploy of the stack ended.
        outcome: Outcome,
    },
}

/// How a stack's deploy ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Outcome {
    Done,
    /// The remains of a stack were deleted; the next plan creates it.
    Cleared,
    /// The stack accepts change sets again; the next plan is an ordinary one.
    Recovered {
        /// CloudFormation stack status after the recovery.
        status: String,
    },
    /// The resources that an earlier stack retained were imported; the next plan creates the rest.
    Imported,
    /// The change failed; `status` shows whether CloudFormation rolled it back.
    Failed {
        /// CloudFormation stack status after the failure, such as `UPDATE_ROLLBACK_COMPLETE`.
        status: String,
        /// Logical ID of the resource that failed first; null if none did.
        resource: Option<String>,
        /// CloudFormation's status reason.
        reason: String,
        /// How to fix it; null if that is not known.
        remedy: Option<String>,
    },
    /// An API call failed; an operation that was started continues in AWS.
    Broken {
        /// The error, with its causes.
        why: String,
        /// How to fix it; null if that is not known.
        hint: Option<String>,
    },
    /// The stack changed after the plan was created.
    Stale {
        /// What changed since the plan was created.
        why: String,
    },
    /// Not started: the maximum number of failures was reached, or the run was stopped.
    NotStarted,
    /// The run was stopped; the operation continues in AWS.
    StillRunning,
}

impl Outcome {
    /// What the run set out to do with the stack is done.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Done | Self::Cleared | Self::Recovered { .. } | Self::Imported)
    }
}
