//! Queues, as the functions use them.

use std::future::Future;

/// The function's own retry queue, and the parking queue.
pub trait Queues: Send + Sync {
    /// Hides a message that was received for so many seconds from now.
    fn extend(&self, receipt: &str, seconds: u32) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Puts a message where a person will see it.
    fn park(&self, parked: &Parked) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Puts what is left of a piece of work into the retry queue.
    fn hand_back(&self, body: &str) -> impl Future<Output = Result<(), QueueError>> + Send;
}

/// A message for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    pub body: String,
    /// Names and values of string attributes.
    pub attributes: Vec<(&'static str, String)>,
}

/// A queue did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation} on `{queue}`: {cause}")]
pub struct QueueError {
    pub operation: &'static str,
    pub queue: String,
    pub cause: String,
}
