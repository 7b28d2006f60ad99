//! The local endpoint as a child process, for every test and bench that needs AWS.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running endpoint. It ends with its owner, and with this process whatever happens.
pub(crate) struct Endpoint {
    process: Child,
    pub(crate) url: String,
    _folder: tempfile::TempDir,
}

/// The endpoint's command, with a pause between the steps of a stack in milliseconds; arguments may follow.
pub(crate) fn command(step_ms: u32) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(root.join(".venv/bin/python"));
    command
        .args(["-m", "tenantry_endpoint", "--port", "0", "--step-ms", &step_ms.to_string()])
        .args(["--parent-pid", &std::process::id().to_string()])
        .env("PYTHONPATH", root.join("tests/endpoint"))
        .stdin(Stdio::null());
    command
}

impl Endpoint {
    /// Starts it and waits until it answers.
    pub(crate) fn start(command: &mut Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port_file = folder.path().join("port");
        let mut process =
            command.arg("--port-file").arg(&port_file).spawn().expect("`make test` makes the endpoint's Python");
        let port = loop {
            if let Some(status) = process.try_wait().unwrap() {
                panic!("the endpoint ended: {status}");
            }
            match std::fs::read_to_string(&port_file) {
                Ok(port) if !port.trim().is_empty() => break port.trim().to_owned(),
                _ => std::thread::park_timeout(Duration::from_millis(10)),
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
