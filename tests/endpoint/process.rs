//! The local endpoint for every test and bench that needs AWS, and Python scripts that call it: one process loads what they
//! need, and each is a fork of that one.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

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
        let step_ms = step_ms.to_string();
        Self::begun(|port_file| {
            let mut arguments = vec!["--step-ms", &step_ms, "--port-file", port_file];
            arguments.extend(options);
            ask(&serde_json::json!({ "start": arguments }))
        })
    }

    /// Another one that begins with all that this one has. Nothing may be under way here.
    pub(crate) fn copy(&self) -> Self {
        Self::begun(|port_file| control(&self.url, "/_tenantry/copies", port_file).parse().unwrap())
    }

    /// Waits until a process that is begun with a file for its port has written it.
    fn begun(begin: impl FnOnce(&str) -> u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port_file = folder.path().join("port");
        let process = begin(port_file.to_str().unwrap());
        let port = written(&port_file, process).expect("an endpoint that has not ended");
        Self { process, url: format!("http://127.0.0.1:{port}") }
    }
}

/// Copies a folder with everything in it.
pub(crate) fn copy_folder(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    assert!(Command::new("cp").arg("-a").arg(from.join(".")).arg(to.path()).status().unwrap().success());
    to
}

/// What a process writes into a file that it then moves there; `None` if it ends before.
fn written(path: &Path, process: u32) -> Option<String> {
    loop {
        let is_there = Path::new("/proc").join(process.to_string()).exists();
        match std::fs::read_to_string(path) {
            Ok(text) => return Some(text.trim().to_owned()),
            Err(_) if is_there => std::thread::park_timeout(Duration::from_millis(5)),
            Err(_) => return None,
        }
    }
}

/// Runs Python as `command` says, whose program may have any name: `-c` with a script or a file, arguments, variables.
pub(crate) fn python(command: &Command) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let arguments: Vec<_> = command.get_args().map(|text| text.to_str().unwrap()).collect();
    let variables =
        command.get_envs().map(|(name, value)| (name.to_str().unwrap(), value.map(|text| text.to_str().unwrap())));
    let process = ask(&serde_json::json!({
        "run": arguments,
        "environment": variables.collect::<BTreeMap<_, _>>(),
        "place": command.get_current_dir(),
        "folder": folder.path(),
    }));
    let code = written(&folder.path().join("code"), process).expect("a script's exit code");
    let printed = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    Output {
        status: ExitStatus::from_raw(code.parse::<i32>().unwrap() << 8),
        stdout: printed("out"),
        stderr: printed("err"),
    }
}

/// As [`python`], for what must succeed; gives what it prints.
pub(crate) fn printed_by_python(command: &Command) -> String {
    let output = python(command);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Posts to a control path of an endpoint; gives what it answers.
pub(crate) fn control(url: &str, path: &str, body: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let request = Request::post(format!("{url}{path}")).body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        let answer = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
        String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    })
}

/// The tool with an endpoint as AWS.
pub(crate) fn tenantry(url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenantry"));
    at_endpoint(&mut command, url);
    command
}

/// Gives a program an endpoint as AWS, and nothing of this process's own settings.
pub(crate) fn at_endpoint<'c>(command: &'c mut Command, url: &str) -> &'c mut Command {
    without_settings(command).envs(environment(url)).stdin(Stdio::null())
}

/// Gives a program nothing that this process's environment says to AWS's clients or to the tool.
pub(crate) fn without_settings(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("AWS_") || name.starts_with("TENANTRY_")) {
            command.env_remove(name);
        }
    }
    command
}

/// The variables of a program that has an endpoint as AWS. It answers DNS at the port where it answers HTTP, its stacks
/// change within a second, and it throttles only where a test says so.
pub(crate) fn environment(url: &str) -> [(&'static str, &str); 10] {
    [
        ("AWS_ENDPOINT_URL", url),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("TENANTRY_RESOLVER", url.trim_start_matches("http://")),
        ("TENANTRY_POLL_SECONDS", "0.2"),
        ("TENANTRY_RATE_FACTOR", "20"),
    ]
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
