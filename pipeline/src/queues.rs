//! Queues, as the functions use them.

use std::future::Future;

/// The function's own retry queue, and the parking queue.
pub trait Queues: Send + Sync {
    /// Hides a message that was received for so many seconds from now.
    fn extend(&self, receipt: &str, seconds: u32) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Puts a message where a person will see it.
    fn park(&self, parked: &Parked) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Puts a message into the retry queue, to be received in `seconds` at the earliest (at most
    /// [`DELAY_MAX_SECONDS`]).
    fn send(&self, body: &str, seconds: u32) -> impl Future<Output = Result<(), QueueError>> + Send;
}

/// Longest delay of a message (Amazon SQS API Reference, SendMessage, `DelaySeconds`).
pub const DELAY_MAX_SECONDS: u32 = 900;

/// Longest time that a message can be hidden: 12 hours (Amazon SQS API Reference, ChangeMessageVisibility), less an hour
/// for the run itself.
pub const HIDDEN_MAX_SECONDS: u32 = 39_600;

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
