//! Calls to AWS. The only crate that knows the SDK.

pub mod cloud;
