//! What the status of a stack means for a deploy.

use serde::Serialize;

/// The states that a deploy tells apart.
/// Source: AWS CloudFormation User Guide, "Understand stack creation events" and "Stack status codes".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// There is no stack, or only an empty shell for a change set.
    Absent,
    /// Every resource is as the last deploy left it.
    Settled,
    /// As before, because an update was rolled back.
    RolledBack,
    InProgress,
    /// The creation failed and nothing is left but the name: the stack must be deleted before it can be made.
    FailedCreation,
    /// Needs a person.
    Stuck,
}

impl State {
    /// The state behind a status (`CREATE_COMPLETE`); no status means no stack. What is unknown needs a person.
    pub fn of(status: Option<&str>) -> Self {
        let Some(status) = status else { return Self::Absent };
        match status {
            "REVIEW_IN_PROGRESS" | "DELETE_COMPLETE" => Self::Absent,
            "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE" => Self::Settled,
            "UPDATE_ROLLBACK_COMPLETE" | "IMPORT_ROLLBACK_COMPLETE" => Self::RolledBack,
            "ROLLBACK_COMPLETE" => Self::FailedCreation,
            status if status.ends_with("_IN_PROGRESS") => Self::InProgress,
            _ => Self::Stuck,
        }
    }

    /// What a person can do about a stack that is stuck.
    pub fn remedy(status: &str) -> &'static str {
        match status {
            "UPDATE_ROLLBACK_FAILED" => {
                "correct what the rollback failed on, then `aws cloudformation continue-update-rollback`"
            }
            "DELETE_FAILED" => {
                "correct what could not be deleted and run `tenantry destroy` again, or leave it behind with `--retain`"
            }
            "ROLLBACK_FAILED" | "CREATE_FAILED" => "delete the stack with `tenantry destroy`, then deploy again",
            _ => "look at the stack's events in the CloudFormation console",
        }
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
        ];
        for (status, state) in cases {
            assert_eq!(State::of(status), state, "{status:?}");
        }
    }
}
