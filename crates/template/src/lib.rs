//! From a tenant's spec to the CloudFormation template of its stack.

pub mod embedded;
pub mod render;
