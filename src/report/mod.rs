//! What people read: text of findings, plans and events.

pub mod findings;
pub mod plan;
mod values;
