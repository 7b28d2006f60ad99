//! The local endpoint for every test and bench that needs AWS: one process loads it, and each endpoint is a fork of that one.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

/// The option that gives the endpoint the service quotas.
pub(crate) const QUOTAS: [&str; 2] = ["--quotas", concat!(env!("CARGO_MANIFEST_DIR"), "/policies/quotas.yaml")];

/// A running endpoint. It ends with its owner, and with this process whatever happens.
pub(crate) struct Endpoint {
    process: u32,
    pub(crate) url: String,
}

impl Endpoint {
    /// Starts it with a pause between the steps of a stack in milliseconds, and waits until it answers.
    pub(crate) fn start(step_ms: u32, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port_file = folder.path().join("port");
        let step_ms = step_ms.to_string();
        let mut arguments = vec!["--step-ms", &step_ms, "--port-file", port_file.to_str().unwrap()];
        arguments.extend(options);
        let process = ask(&serde_json::json!({ "start": arguments }));
        let port = loop {
            match std::fs::read_to_string(&port_file) {
                Ok(port) if !port.trim().is_empty() => break port.trim().to_owned(),
                _ => std::thread::park_timeout(Duration::from_millis(5)),
            }
            assert!(Path::new("/proc").join(process.to_string()).exists(), "the endpoint ended: {options:?}");
        };
        Self { process, url: format!("http://127.0.0.1:{port}") }
    }
}

/// The resolver of an endpoint: it answers DNS at the port where it answers HTTP.
pub(crate) fn resolver(url: &str) -> &str {
    url.trim_start_matches("http://")
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        ask(&serde_json::json!({ "stop": self.process }));
    }
}

/// The process that is forked. It ends when its input does: with this process.
struct Server {
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    _process: Child,
}

/// Asks the server, and reads the process id that it answers.
fn ask(request: &serde_json::Value) -> u32 {
    static SERVER: OnceLock<Mutex<Server>> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut process = Command::new(root.join(".venv/bin/python"))
            .args(["-m", "tenantry_endpoint.forkserver"])
            .env("PYTHONPATH", root.join("tests/endpoint"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("`make test` makes the endpoint's Python");
        let (requests, answers) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        Mutex::new(Server { requests, answers, _process: process })
    });
    let mut server = server.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    writeln!(server.requests, "{request}").unwrap();
    let mut answer = String::new();
    server.answers.read_line(&mut answer).unwrap();
    answer.trim().parse().expect("the endpoints' parent answers")
}
