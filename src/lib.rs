//! Tenantry: one isolated AWS stack per customer, rendered from a declarative spec by the same code for everybody.
//!
//! This crate is the command line and what it prints. Everything else is in `crates/`, in the order in which data passes
//! through them; each stage is one public function from values to a value.
//!
//! ```text
//! estate (YAML) ─load─▶ Estate ─derive─▶ Evaluation ─lay out─▶ Layout ─render─▶ Template ─check─▶ Findings
//!                                                                        │
//!                                                   live stacks ─────────┴─diff─▶ Plan ─apply─▶ CloudFormation
//! ```

// The futures of a command hold those of all that it waits for, through every crate.
#![recursion_limit = "256"]

pub mod cli;
pub mod report;

pub use tenantry_aws::cloud;
pub use tenantry_base::{atomic, digest, finding};
pub use tenantry_blueprint as blueprint;
pub use tenantry_checks::{capacity, cost, flow, handbook, permissions, policy, resources};
pub use tenantry_ops::{deploy, drift, release, survey};
pub use tenantry_spec::{estate, flags};
pub use tenantry_template::{embedded, render};
