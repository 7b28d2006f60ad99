//! Calls to AWS, to DNS about its zones, to registries about images, to the paging service, and downloads. The only crate that knows
//! the SDK.

pub mod cloud;
pub mod dns;
pub mod http;
pub mod pager;
pub mod registry;
