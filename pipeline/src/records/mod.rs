//! Records: from a sensor's JSON to documents of the Elastic Common Schema. Pure; knows nothing of stores or requests.

pub mod community_id;
mod fields;
pub mod networks;
pub mod schema;
pub mod standardise;
pub mod timestamp;
