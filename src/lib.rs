//! Tenantry: one isolated AWS stack per customer, rendered from a declarative spec by the same code for everybody.
//!
//! The modules stand in the order in which data passes through them. Each stage is one public function from values to
//! a value; only [`cloud`] talks to AWS and only [`cli`] prints.
//!
//! ```text
//! estate (YAML) ─load─▶ Estate ─size─▶ Sizing ─lay out─▶ NetworkPlan ─render─▶ Template ─check─▶ Findings
//!                                                                        │
//!                                                   live stacks ─────────┴─diff─▶ Plan ─apply─▶ CloudFormation
//! ```

pub mod atomic;
pub mod digest;
pub mod embedded;
pub mod finding;
pub mod resources;

pub mod estate;
pub mod flags;

pub mod sizing;

pub mod network;

pub mod render;

pub mod policy;

pub mod capacity;

pub mod cost;

pub mod permissions;

pub mod deploy;

pub mod drift;

pub mod release;

pub mod cloud;

pub mod survey;

pub mod report;

pub mod cli;

/// How many cases a property test tries: a tenth of `most`, or the share of it in percent that `PROPERTY_PERCENT` says
/// (`make faults` tries all).
#[cfg(test)]
pub(crate) fn cases(most: u32) -> u32 {
    let percent = std::env::var("PROPERTY_PERCENT").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    most * percent / 100
}
