//! The local endpoint as a child process.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub(super) struct Endpoint {
    process: Child,
    pub(super) url: String,
    _folder: tempfile::TempDir,
}

impl Endpoint {
    /// Starts it with a pause between the steps of a stack, in milliseconds.
    pub(super) fn start(step_ms: u32) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = tempfile::tempdir().unwrap();
        let port_file: PathBuf = folder.path().join("port");
        let mut process = Command::new(root.join(".venv/bin/python"))
            .args(["-m", "tenantry_endpoint", "--port", "0", "--step-ms", &step_ms.to_string(), "--port-file"])
            .arg(&port_file)
            .args(["--parent-pid", &std::process::id().to_string()])
            .env("PYTHONPATH", root.join("tests/endpoint"))
            .stdin(Stdio::null())
            .spawn()
            .expect("`make test` makes the endpoint's Python");
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
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}
