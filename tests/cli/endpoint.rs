//! The endpoint of the transcripts.

use crate::process::{Endpoint, QUOTAS};

/// Every call may do what the roles of the control plane allow, and no more.
pub(crate) fn start() -> Endpoint {
    Endpoint::start(20, &[&QUOTAS[..], &["--grant-seconds", "1", "--enforce-iam"]].concat())
}
