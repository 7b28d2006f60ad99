//! What people and programs read: text of plans and events.

pub mod plan;
