//! The endpoint of the transcripts.

use crate::process::{Endpoint, QUOTAS};

pub(crate) fn start() -> Endpoint {
    Endpoint::start(20, &[&QUOTAS[..], &["--grant-seconds", "1", "--enforce-iam"]].concat())
}
