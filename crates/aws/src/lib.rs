//! Calls to AWS, to DNS about its zones, to registries about images, and to the paging service. The only crate that knows the SDK.

pub mod cloud;
pub mod dns;
mod http;
pub mod pager;
pub mod registry;
