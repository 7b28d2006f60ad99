//! From a tenant's spec to the CloudFormation template of its stack: sizes, addresses, rendering.

pub mod embedded;
pub mod network;
pub mod render;
pub mod sizing;
