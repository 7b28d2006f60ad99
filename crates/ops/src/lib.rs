//! Stacks in accounts: what a deploy would do and did, what has drifted, releases in rings, what accounts offer.

pub mod deploy;
pub mod drift;
pub mod release;
pub mod survey;
