//! What happens while a plan is made or executed; someone else draws it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use tenantry_aws::cloud::Place;

/// An event of one stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Event {
    pub tenant: String,
    pub place: Place,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum What {
    Uploaded {
        /// `function NAME`.
        name: String,
        key: String,
    },
    Started,
    /// The stack's status changed.
    Status {
        status: String,
    },
    /// A resource reached a status.
    Resource {
        logical_id: String,
        resource_type: String,
        status: String,
        reason: Option<String>,
        /// When, in seconds since 1970.
        time: i64,
    },
    /// The status could not be read this time; it will be asked again.
    NotSeen {
        why: String,
    },
    Ended {
        outcome: Outcome,
    },
}

/// How a stack's deploy ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Outcome {
    Done,
    /// What was left of a stack is deleted: the next plan creates it.
    Cleared,
    /// The stack takes change sets again: the next plan is an ordinary one.
    Recovered {
        status: String,
    },
    /// What an earlier stack retained is imported: the next plan creates the rest.
    Imported,
    /// The change failed and CloudFormation has undone it, or could not.
    Failed {
        status: String,
        resource: Option<String>,
        reason: String,
        remedy: Option<String>,
    },
    /// A call to AWS failed; what was started goes on there.
    Broken {
        why: String,
        hint: Option<String>,
    },
    /// Its baseline moved after the plan was made.
    Stale {
        why: String,
    },
    /// Not started: enough others failed, or the run was stopped.
    NotStarted,
    /// The run was stopped; AWS goes on.
    StillRunning,
}

impl Outcome {
    /// What the run set out to do with the stack is done.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Done | Self::Cleared | Self::Recovered { .. } | Self::Imported)
    }
}
