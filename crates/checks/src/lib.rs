//! What is known of templates before any account is asked: rules, capacity, cost, permissions; and the table of AWS
//! resource types that they share.

pub mod capacity;
pub mod cost;
pub mod flow;
pub mod handbook;
pub mod named;
pub mod permissions;
pub mod policy;
pub mod resources;
mod rows;
pub mod schemas;
