//! Into the search domain: batches, the verdict over each answer, and one part's way through them.

pub mod batch;
#[cfg(feature = "aws")]
pub mod indices;
pub mod run;
pub mod send;
pub mod verdict;
