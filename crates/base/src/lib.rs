//! What every part stands on: findings with their places, YAML files with the place of every value, names with rules.

pub mod atomic;
pub mod digest;
pub mod document;
pub mod edit;
pub mod files;
pub mod finding;
pub mod ids;
pub mod schema;
pub mod tree;

pub use document::Document;

/// How many cases a property test tries: a tenth of `most`, or the share of it in percent that `PROPERTY_PERCENT` says
/// (`make faults` tries all).
pub fn cases(most: u32) -> u32 {
    let percent = std::env::var("PROPERTY_PERCENT").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    most * percent / 100
}
