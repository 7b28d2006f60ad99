//! What people and their CI read: findings, plans and events.

pub mod cost;
pub mod findings;
pub mod junit;
pub mod plan;
pub mod sarif;
mod values;
