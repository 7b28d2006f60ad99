//! What the status of a stack means for a deploy, and what leads out of it.

use schemars::JsonSchema;
use serde::Serialize;

use super::Desired;

/// The states that a deploy tells apart.
/// Source: AWS CloudFormation User Guide, "Understand stack creation events" and "Stack status codes".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// There is no stack, or only an empty shell for a change set.
    Absent,
    /// Every resource is as the last deploy left it.
    Settled,
    /// As before, because an update or an import was rolled back.
    RolledBack,
    InProgress,
    /// The creation failed and nothing is left but the name: the stack must be deleted before it can be made.
    FailedCreation,
    /// CloudFormation takes no change set; `tenantry rescue` leads out of it.
    Stuck,
}

/// What leads out of a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// A good state: deploys change the stack.
    Deploy,
    /// The operation ends by itself.
    Wait,
    /// Delete the empty shell.
    Discard,
    /// Delete what a creation or an import that failed has left; the next deploy creates the stack and imports what its
    /// template retains.
    Clear,
    /// Finish the deletion, leaving behind the resources that a person names.
    Delete,
    /// Continue the rollback, without the resources that a person names, or without all that fail.
    ContinueRollback,
    /// Roll the update back, or in EXPRESS mode bring it to an end.
    RollBack,
}

/// One status of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Status {
    /// As CloudFormation names it.
    pub name: &'static str,
    /// What the status means for a stack.
    pub state: State,
    /// What a deploy does with a stack in this status.
    pub way: Way,
    /// One sentence.
    pub meaning: &'static str,
}

const fn status(name: &'static str, state: State, way: Way, meaning: &'static str) -> Status {
    Status { name, state, way, meaning }
}

/// Every status of a stack, in the order of its life.
/// Sources: AWS CloudFormation API Reference, Stack, `StackStatus`; User Guide, "Understand stack creation events";
/// API Reference, ContinueUpdateRollback, RollbackStack, DeleteStack for what each allows.
pub const STATUSES: [Status; 23] = [
    status("REVIEW_IN_PROGRESS", State::Absent, Way::Discard, "an empty shell for a change set that was not executed"),
    status("CREATE_IN_PROGRESS", State::InProgress, Way::Wait, "being created"),
    status("CREATE_COMPLETE", State::Settled, Way::Deploy, "created"),
    status("CREATE_FAILED", State::Stuck, Way::Clear, "the creation failed and was not rolled back"),
    status("ROLLBACK_IN_PROGRESS", State::InProgress, Way::Wait, "the creation failed and is being rolled back"),
    status("ROLLBACK_COMPLETE", State::FailedCreation, Way::Clear, "the creation failed and was rolled back"),
    status("ROLLBACK_FAILED", State::Stuck, Way::Clear, "the creation failed, and so did its rollback"),
    status("UPDATE_IN_PROGRESS", State::InProgress, Way::Wait, "being updated"),
    status(
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        State::InProgress,
        Way::Wait,
        "updated; what it replaced is being deleted",
    ),
    status("UPDATE_COMPLETE", State::Settled, Way::Deploy, "updated"),
    status("UPDATE_FAILED", State::Stuck, Way::RollBack, "the update failed and was not rolled back"),
    status("UPDATE_ROLLBACK_IN_PROGRESS", State::InProgress, Way::Wait, "the update failed and is being rolled back"),
    status(
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        State::InProgress,
        Way::Wait,
        "rolled back; what the update created is being deleted",
    ),
    status("UPDATE_ROLLBACK_COMPLETE", State::RolledBack, Way::Deploy, "the update failed and was rolled back"),
    status("UPDATE_ROLLBACK_FAILED", State::Stuck, Way::ContinueRollback, "the update failed, and so did its rollback"),
    status("IMPORT_IN_PROGRESS", State::InProgress, Way::Wait, "importing resources"),
    status("IMPORT_COMPLETE", State::Settled, Way::Deploy, "resources are imported; a deploy creates the rest"),
    status("IMPORT_ROLLBACK_IN_PROGRESS", State::InProgress, Way::Wait, "the import failed and is being rolled back"),
    status("IMPORT_ROLLBACK_COMPLETE", State::RolledBack, Way::Deploy, "the import failed and was rolled back"),
    status("IMPORT_ROLLBACK_FAILED", State::Stuck, Way::Clear, "the import failed, and so did its rollback"),
    status("DELETE_IN_PROGRESS", State::InProgress, Way::Wait, "being deleted"),
    status("DELETE_FAILED", State::Stuck, Way::Delete, "the deletion failed"),
    status("DELETE_COMPLETE", State::Absent, Way::Deploy, "deleted"),
];

/// The row of a status; None for one that CloudFormation has added since.
pub fn of_name(name: &str) -> Option<&'static Status> {
    STATUSES.iter().find(|status| status.name == name)
}

impl State {
    /// The state behind a status (`CREATE_COMPLETE`); no status means no stack. One that is not in the table is in
    /// progress where it says so, else stuck.
    pub fn of(status: Option<&str>) -> Self {
        let Some(status) = status else { return Self::Absent };
        match of_name(status) {
            Some(row) => row.state,
            None if status.ends_with("_IN_PROGRESS") => Self::InProgress,
            None => Self::Stuck,
        }
    }

    /// What a person can do about a stack whose status no deploy changes.
    pub fn remedy(status: &str, desired: &Desired) -> String {
        match Self::of(Some(status)) {
            Self::InProgress => "wait until it has ended, then run the command again".to_owned(),
            _ => format!("`{}` shows what leads out of {status}, and does it", desired.rescue()),
        }
    }

    /// Whether a stack of this status holds a part of its resources only: they are compared with nothing.
    pub fn is_half(status: &str) -> bool {
        of_name(status).is_some_and(|row| row.state == Self::Stuck && matches!(row.way, Way::Clear | Way::Delete))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_meaning_and_an_unknown_one_needs_a_person() {
        let cases = [
            (None, State::Absent),
            (Some("REVIEW_IN_PROGRESS"), State::Absent),
            (Some("UPDATE_COMPLETE"), State::Settled),
            (Some("UPDATE_ROLLBACK_COMPLETE"), State::RolledBack),
            (Some("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"), State::InProgress),
            (Some("ROLLBACK_COMPLETE"), State::FailedCreation),
            (Some("UPDATE_ROLLBACK_FAILED"), State::Stuck),
            (Some("DELETE_FAILED"), State::Stuck),
            (Some("SOMETHING_NEW"), State::Stuck),
            (Some("SOMETHING_IN_PROGRESS"), State::InProgress),
        ];
        for (status, state) in cases {
            assert_eq!(State::of(status), state, "{status:?}");
        }
    }

    #[test]
    fn the_table_has_every_status_of_cloudformation_once() {
        let mut ours: Vec<&str> = STATUSES.iter().map(|status| status.name).collect();
        let mut theirs = tenantry_aws::cloud::cloudformation::statuses().to_vec();
        ours.sort_unstable();
        theirs.sort_unstable();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn what_is_in_progress_is_waited_for_and_what_is_stuck_has_a_way_out() {
        for status in &STATUSES {
            assert_eq!(status.state == State::InProgress, status.way == Way::Wait, "{}", status.name);
            assert!(status.state != State::Stuck || !matches!(status.way, Way::Deploy | Way::Wait), "{}", status.name);
        }
    }
}
