//! Records: from a sensor's JSON to documents of the Elastic Common Schema. Pure; knows nothing of stores or requests.

pub mod community_id;
pub mod dataset;
mod fields;
pub mod identity;
mod json;
pub mod kinds;
mod names;
pub mod networks;
mod plan;
pub mod schema;
pub mod secrets;
pub mod standardise;
pub mod tabular;
pub mod timestamp;

/// UTF-8's byte order mark.
pub const BOM: &[u8] = b"\xef\xbb\xbf";
