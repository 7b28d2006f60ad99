//! The local endpoint as a child process, for the test binaries that need AWS.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running endpoint; ends with its owner, and with the test binary whatever happens.
pub(crate) struct Endpoint {
    process: Child,
    address: String,
    url: String,
    _folder: tempfile::TempDir,
}

impl Endpoint {
    pub(crate) fn start() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = tempfile::tempdir().unwrap();
        let port_file = folder.path().join("port");
        let mut process = Command::new(root.join(".venv/bin/python"))
            .args(["-m", "tenantry_endpoint", "--port", "0", "--step-ms", "20", "--grant-seconds", "1", "--port-file"])
            .arg(&port_file)
            .arg("--quotas")
            .arg(root.join("policies/quotas.yaml"))
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
        let address = format!("127.0.0.1:{port}");
        Self { process, url: format!("http://{address}"), address, _folder: folder }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Forgets everything that was made.
    pub(crate) fn reset(&self) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let request = "POST /_tenantry/reset HTTP/1.1\r\nHost: local\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        // Killing what has ended already is no error worth a second panic.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
