//! A git repository with a small estate, the command run in it, and the endpoint that it calls.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use super::small;
use crate::artifacts;
use crate::process::{Endpoint, environment, python, without_settings};
use serde_json::Value;

/// Four tenants in three rings of one account: acme, then bolt and cube, then dora.
pub(super) struct Estate {
    folder: tempfile::TempDir,
    pub(super) organisation: String,
    endpoint: LazyLock<Endpoint>,
}

const TENANTS: [(&str, &str, u8); 4] =
    [("acme", "canary", 1), ("bolt", "early", 2), ("cube", "early", 3), ("dora", "general", 4)];

/// Arguments that accept what the small templates break.
pub(super) fn accepted() -> Vec<String> {
    small::BROKEN.iter().map(|code| format!("--override={code}=small templates")).collect()
}

impl Estate {
    /// The estate of an organisation, committed; `rings` is YAML.
    pub(super) fn new(organisation: &str, rings: &str) -> Self {
        let estate = Self {
            folder: tempfile::tempdir().unwrap(),
            organisation: organisation.to_owned(),
            endpoint: LazyLock::new(|| Endpoint::start(0, &["--enforce-iam"])),
        };
        let fleet = format!(
            "apiVersion: tenantry/v1
organisation: {organisation}
control_plane: {{ account: \"123456789012\", region: eu-west-1 }}
accounts:
  \"123456789012\": {{ name: one, role: {organisation}-tenantry, dns: {{ zone: one.example.com, hosted_zone_id: Z0111111111EXAMPLE }} }}
regions:
  eu-west-1: {{ zones: [euw1-az1, euw1-az2], s3_prefix_list: pl-6da54004 }}
pools:
  - {{ name: europe, cidr: 10.16.0.0/12 }}
rings:
{rings}
defaults:
  apiVersion: tenantry/v1
  network: {{ zones: 2 }}
"
        );
        estate.write("tenants/fleet.yaml", &fleet);
        let ca = include_str!("../../tenants/certs/acme.pem");
        estate.write("tenants/certs/ca.pem", ca);
        let investigators = include_str!("../../tenants/certs/acme-investigators.pem");
        estate.write("tenants/certs/investigators.pem", investigators);
        for (name, ring, number) in TENANTS {
            estate.tenant(name, ring, number, 0.5);
        }
        artifacts::write(estate.root(), &estate.path("zips"), organisation);
        estate.write(".gitignore", "zips/\n");
        estate.git(&["init", "--quiet", "--initial-branch", "main"]);
        estate.commit("begin");
        estate
    }

    /// The same with templates that make little, so that rolling them takes little.
    pub(super) fn small(organisation: &str, rings: &str) -> Self {
        let estate = Self::new(organisation, rings);
        for (file, text) in small::TEMPLATES {
            estate.write(&format!("templates/{file}"), text);
        }
        estate.commit("small templates");
        estate
    }

    /// One tenant's file.
    pub(super) fn tenant(&self, name: &str, ring: &str, number: u8, gib: f64) {
        let text = format!(
            "account: \"123456789012\"\nregion: eu-west-1\nring: {ring}\n\
             contact: {{ timezone: Europe/Zagreb, page: \"https://pages.example.com/{name}\" }}\n\
             network: {{ cidr: 10.{}.0.0/18 }}\n\
             ingest: {{ peak_gib_per_minute: {gib}, client_ca: certs/ca.pem, allow_from: [203.0.113.0/24] }}\n\
             dashboards: {{ client_ca: certs/investigators.pem }}\n",
            16 + number
        );
        self.write(&format!("tenants/{name}.yaml"), &text);
    }

    pub(super) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    pub(super) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap()
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Replaces a text in a file that must have it.
    pub(super) fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "{path} has no `{from}`");
        self.write(path, &text.replace(from, to));
    }

    pub(super) fn git(&self, arguments: &[&str]) -> String {
        git(self.root(), arguments)
    }

    pub(super) fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    /// Commits and tags.
    pub(super) fn release(&self, tag: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", tag]);
        self.git(&["tag", tag]);
    }

    /// The command, not yet run.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        command(self.root(), &self.path("zips"), arguments)
    }

    /// Runs `tenantry ARGUMENTS`.
    pub(super) fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments).output().unwrap())
    }

    /// Runs with a local endpoint as AWS.
    pub(super) fn online(&self, arguments: &[&str]) -> Run {
        Run::of(self.online_command(arguments).output().unwrap())
    }

    pub(super) fn online_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command.envs(environment(&self.endpoint.url));
        command
    }

    /// Rolls a release with short bake times.
    pub(super) fn roll(&self, arguments: &[&str]) -> Run {
        let accepted = accepted();
        let accepted: Vec<&str> = accepted.iter().map(String::as_str).collect();
        self.online(&[&["release"], arguments, &["--yes", "--bake", "0s"], &accepted].concat())
    }

    /// The release of each tenant, by name; `-` for none.
    pub(super) fn releases(&self) -> Vec<(String, String)> {
        let status = self.status();
        let tenants = status["tenants"].as_array().unwrap().iter();
        let release = |tenant: &Value| tenant["release"].as_str().unwrap_or("-").to_owned();
        let mut all: Vec<_> = tenants.map(|one| (one["tenant"].as_str().unwrap().to_owned(), release(one))).collect();
        all.sort();
        all
    }

    pub(super) fn status(&self) -> Value {
        let run = self.online(&["release", "status", "--output", "json"]);
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"))
    }

    /// Makes the control plane.
    pub(super) fn bootstrap(&self) {
        let accepted = accepted();
        let accepted: Vec<&str> = accepted.iter().map(String::as_str).collect();
        let run = self.online(&[&["bootstrap", "--yes"], &accepted[..]].concat());
        assert_eq!(run.code, 0, "{run:?}");
    }

    /// Calls AWS behind the command's back, with the endpoint's own client.
    pub(super) fn aws(&self, script: &str) {
        let script = format!(
            "import boto3\norganisation = '{}'\ndef client(name):\n    return boto3.client(name, endpoint_url='{}', \
             region_name='eu-west-1', aws_access_key_id='test', aws_secret_access_key='test')\n{script}\n",
            self.organisation, self.endpoint.url
        );
        let run = Run::of(python(Command::new("python").args(["-c", &script])));
        assert_eq!(run.code, 0, "{run:?}");
    }

    /// Denies an operation in a Region to every caller.
    pub(super) fn deny(&self, operation: &str, region: &str) {
        let rules = serde_json::json!([{ "kind": "denied", "operation": operation, "region": region }]);
        self.endpoint.control("/_tenantry/faults", &rules);
    }

    /// Parks a message of a tenant.
    pub(super) fn park(&self, tenant: &str) {
        self.aws(&format!(
            "sqs = client('sqs')\n\
             url = sqs.get_queue_url(QueueName=f'{{organisation}}-{tenant}-parking')['QueueUrl']\n\
             sqs.send_message(QueueUrl=url, MessageBody='parked')"
        ));
    }

    /// Puts an alarm of a tenant into a state.
    pub(super) fn alarm(&self, tenant: &str, state: &str) {
        let name = format!("{}-{tenant}-Ingest-throttles", self.organisation);
        self.aws(&format!(
            "client('cloudwatch').set_alarm_state(AlarmName='{name}', StateValue='{state}', StateReason='tested')"
        ));
    }
}

/// `tenantry` in a folder, without settings from the environment.
pub(super) fn command(folder: &Path, zips: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenantry"));
    without_settings(&mut command).args(arguments).current_dir(folder);
    command.env("TENANTRY_FUNCTIONS", zips).stdin(Stdio::null());
    command
}

/// Git with an author, and with no configuration of the person or the machine.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What a run said.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) code: i32,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Run {
    pub(super) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The exit code is this, and the output has these texts.
    #[track_caller]
    pub(super) fn expect(&self, code: i32, texts: &[&str]) {
        assert_eq!(self.code, code, "{self:#?}");
        for text in texts {
            assert!(self.stdout.contains(text) || self.stderr.contains(text), "no `{text}` in {self:#?}");
        }
    }
}
