//! What every tenant's functions do.
//!
//! ```text
//! object ──decode, cut──▶ parts ──scan, standardise──▶ bulk body ──send, decide──▶ indexed, rejected, left
//! event ──read──▶ jobs ──work──▶ done, or a failure ──decide──▶ fail, extend, park
//! ```
//!
//! Framing, cutting, decoding, standardising, verdicts and retries are pure. Only `cloud` knows the SDK, only `function`
//! knows Lambda, the environment and the clock.

pub mod bulk;
#[cfg(feature = "aws")]
pub mod cloud;
pub mod event;
pub mod failure;
#[cfg(feature = "aws")]
pub mod flags;
pub mod framing;
#[cfg(feature = "aws")]
pub mod function;
pub mod invoke;
pub mod journal;
pub mod metrics;
pub mod pace;
pub mod queues;
mod read_ahead;
pub mod records;
pub mod retry;
pub mod settings;
pub mod split;
pub mod storage;
pub mod work;
