//! A scenario in a process of its own, which has an endpoint.

use std::process::Command;

use super::process::{Endpoint, command};

/// Runs an ignored test of this binary with an endpoint of its own as AWS.
pub(super) fn run(scenario: &str) {
    let endpoint = Endpoint::start(&mut command(20));
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", scenario])
        .env("AWS_ENDPOINT_URL", &endpoint.url)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env_remove("AWS_PROFILE")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&child.stdout);
    let errors = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success() && text.contains("1 passed"), "{text}\n{errors}");
}
