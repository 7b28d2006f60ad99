//! Why a piece of work did not succeed, told apart by what helps: time, or a person.

use crate::split::decode::Undecodable;
use crate::storage::{StorageError, StorageErrorKind};

/// A piece of work that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It may succeed later as it is.
    #[error("{0}")]
    Transient(String),
    /// It was not begun, for a reason of its own: it waits, and no retry is spent.
    #[error("{0}")]
    NotNow(String),
    /// It will fail each time until the data or the code changes: retries are not spent on it.
    #[error("{0}")]
    Logic(String),
}

impl Failure {
    /// As in metrics, logs and message attributes.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Transient(_) | Self::NotNow(_) => "transient",
            Self::Logic(_) => "logic",
        }
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        match error.kind {
            StorageErrorKind::Missing => Self::Logic(format!("the object is missing, or must not be read: {error}")),
            // Overwritten while it was read: the new object has an event of its own, and a retry reads that one.
            StorageErrorKind::Changed | StorageErrorKind::Transient => Self::Transient(error.to_string()),
        }
    }
}

/// The error of work that was ended at [`crate::pace::Pace::end`].
pub fn of_time() -> Failure {
    Failure::Transient("the time was up before the work was done".to_owned())
}

impl From<Undecodable> for Failure {
    fn from(error: Undecodable) -> Self {
        Self::Logic(error.to_string())
    }
}

/// A task that this process runs for itself did not end.
pub fn of_task(error: &tokio::task::JoinError) -> Failure {
    Failure::Transient(format!("a task of this invocation ended early: {error}"))
}
