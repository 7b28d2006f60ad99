//! Lambda's Runtime API (AWS Lambda Developer Guide, "Using the Lambda runtime API"), and one function behind it.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;
use tenantry_pipeline::pace::seconds_since_1970;

use crate::http::{Reply, Request, serve};

/// A function in a process of its own.
pub(crate) struct Function {
    process: Child,
    events: Sender<(String, u64)>,
    outcomes: Receiver<Result<Value, Value>>,
    /// Reads what it writes, lest it wait for a reader.
    written: Option<JoinHandle<String>>,
}

impl Function {
    /// Starts the function `program` with this environment.
    pub(crate) fn start(program: &str, environment: &[(&str, String)]) -> Self {
        let (events, waiting) = channel::<(String, u64)>();
        let (done, outcomes) = channel();
        let (waiting, done) = (Arc::new(Mutex::new(waiting)), Mutex::new(done));
        let port = serve(move |request| answer(&request, &waiting.lock().unwrap(), &done.lock().unwrap()));
        let mut process = command(program)
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (*name, value.as_str())))
            .env("AWS_LAMBDA_RUNTIME_API", format!("127.0.0.1:{port}"))
            .env("AWS_LAMBDA_FUNCTION_NAME", "function")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = process.stdout.take().unwrap();
        let written = thread::spawn(move || {
            let mut text = String::new();
            output.read_to_string(&mut text).unwrap();
            text
        });
        Self { process, events, outcomes, written: Some(written) }
    }

    /// Invokes it, with so many milliseconds until its deadline.
    pub(crate) fn invoke(&self, event: &Value, milliseconds: u64) -> Result<Value, Value> {
        self.events.send((event.to_string(), milliseconds)).unwrap();
        self.outcomes.recv_timeout(Duration::from_millis(milliseconds.max(60_000))).expect("the function answers")
    }

    /// Seconds that its threads were on a processor (Linux, `proc(5)`, `schedstat`).
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap();
        let of = |path: std::path::PathBuf| {
            let text = std::fs::read_to_string(path.join("schedstat")).unwrap_or_default();
            text.split_whitespace().next().and_then(|first| first.parse::<f64>().ok()).unwrap_or_default()
        };
        threads.map(|thread| of(thread.unwrap().path())).sum::<f64>() / 1e9
    }

    /// MiB that it had in memory at most (Linux, `proc(5)`, `VmHWM`).
    pub(crate) fn peak_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        peak.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() / 1024
    }

    /// Ends it; all that it wrote.
    pub(crate) fn stop(mut self) -> String {
        self.process.kill().unwrap();
        self.written.take().unwrap().join().unwrap()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.process.kill().unwrap_or_default();
        self.process.wait().unwrap();
    }
}

/// What runs a function: this build's binary, or another build below `CHAIN_FUNCTIONS` (as cargo-lambda lays it out),
/// by `CHAIN_RUNNER` if that is set. So are the functions for arm64 run on another machine.
fn command(program: &str) -> Command {
    let set = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    let program = match set("CHAIN_FUNCTIONS") {
        Some(folder) => Path::new(&folder).join(Path::new(program).file_name().unwrap()).join("bootstrap"),
        None => PathBuf::from(program),
    };
    let runner = set("CHAIN_RUNNER").unwrap_or_default();
    let mut words = runner.split_whitespace();
    match words.next() {
        Some(first) => {
            let mut command = Command::new(first);
            command.args(words).arg(program);
            command
        }
        None => Command::new(program),
    }
}

fn answer(request: &Request, waiting: &Receiver<(String, u64)>, done: &Sender<Result<Value, Value>>) -> Option<Reply> {
    let path = request.path.rsplit_once("/runtime/")?.1;
    let document = || serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    if path == "invocation/next" {
        let (event, milliseconds) = waiting.recv().ok()?;
        let deadline = u64::try_from(seconds_since_1970()).unwrap() * 1000 + milliseconds;
        let mut reply = Reply::new(200, event);
        reply.headers = vec![
            ("content-type", "application/json".to_owned()),
            ("lambda-runtime-aws-request-id", "00000000-0000-0000-0000-000000000001".to_owned()),
            ("lambda-runtime-deadline-ms", deadline.to_string()),
            ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-west-1:111122223333:function:f".to_owned()),
        ];
        return Some(reply);
    }
    let outcome = if path.ends_with("/response") { Ok(document()) } else { Err(document()) };
    done.send(outcome).ok()?;
    Some(Reply::new(202, "{}"))
}
