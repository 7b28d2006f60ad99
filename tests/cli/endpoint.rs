//! The endpoint of the transcripts.

use std::path::Path;

use crate::process::{Endpoint, command};

pub(crate) fn start() -> Endpoint {
    let quotas = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/quotas.yaml");
    Endpoint::start(command(20).args(["--grant-seconds", "1", "--quotas"]).arg(quotas))
}
