//! The endpoint of the transcripts.

use crate::process::{Endpoint, QUOTAS};

pub(crate) fn start() -> Endpoint {
    start_with(&[])
}

/// The same, under which every call may do what the roles of the control plane allow.
pub(crate) fn start_under_roles() -> Endpoint {
    start_with(&["--enforce-iam"])
}

fn start_with(options: &[&str]) -> Endpoint {
    Endpoint::start(20, &[&QUOTAS[..], &["--grant-seconds", "1"], options].concat())
}
