//! What people and their CI read: findings, plans and events.

pub(crate) mod alarms;
pub mod capacity;
pub mod cost;
pub mod doctor;
pub mod drawing;
pub mod drift;
pub mod fields;
pub mod findings;
pub mod flags;
pub mod groups;
pub mod junit;
pub mod markdown;
pub mod orphans;
pub mod permissions;
pub mod plan;
pub mod release;
mod review;
pub mod sarif;
pub mod screen;
pub mod site;
mod values;
pub(crate) mod watch;
