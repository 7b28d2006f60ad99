//! Stacks in accounts: what a deploy would do and did, what has drifted, releases in rings, what accounts offer, whether pages
//! arrive.

pub mod deploy;
pub mod drift;
pub mod incident;
pub mod paging;
pub mod release;
pub mod survey;
