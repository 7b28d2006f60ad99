//! Calls to AWS, to DNS about its zones, and to registries about images. The only crate that knows the SDK.

pub mod cloud;
pub mod dns;
pub mod registry;
