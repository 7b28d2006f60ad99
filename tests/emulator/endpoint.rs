//! The local endpoint as a child process.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub(super) struct Endpoint {
    process: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Endpoint {
    pub(super) fn start() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = tempfile::tempdir().unwrap();
        let port_file: PathBuf = folder.path().join("port");
        let mut process = Command::new(root.join(".venv/bin/python"))
            .args(["-m", "tenantry_endpoint", "--port", "0", "--step-ms", "20", "--port-file"])
            .arg(&port_file)
            .args(["--parent-pid", &std::process::id().to_string()])
            .env("PYTHONPATH", root.join("tests/endpoint"))
            .stdin(Stdio::null())
            .spawn()
            .expect("`make .venv` makes the endpoint's Python");
        let port = loop {
            if let Some(status) = process.try_wait().unwrap() {
                panic!("the endpoint ended: {status}");
            }
            match std::fs::read_to_string(&port_file) {
                Ok(port) if !port.trim().is_empty() => break port.trim().to_owned(),
                _ => std::thread::yield_now(),
            }
        };
        Self { process, url: format!("http://127.0.0.1:{port}"), _folder: folder }
    }

    /// Where it answers.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Runs an ignored test of this binary with this endpoint as AWS.
    pub(super) fn run(&self, scenario: &str) {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", scenario])
            .env("AWS_ENDPOINT_URL", self.url())
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
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}
