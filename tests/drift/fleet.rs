//! A deployed fleet on an endpoint of its own, and the tool as a person runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::Value;

use crate::artifacts;
use crate::process::{Endpoint, QUOTAS, at_endpoint, control, copy_folder, printed_by_python};

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const REGION: &str = "eu-west-1";
pub(crate) const RELEASE: &str = "v1";

/// The endpoint, the estate and the functions' zips.
pub(crate) struct Fleet {
    endpoint: Endpoint,
    folder: tempfile::TempDir,
    tenants: usize,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

impl Fleet {
    /// Starts an endpoint, and deploys tenants of these names.
    pub(crate) fn deploy(tenants: &[&str]) -> Self {
        Self::deploy_with(tenants, &[])
    }

    /// A copy of a fleet of which the tenant `ash` is deployed.
    pub(crate) fn of_ash() -> Self {
        static FLEET: LazyLock<Fleet> = LazyLock::new(|| Fleet::deploy(&["ash"]));
        Self { endpoint: FLEET.endpoint.copy(), folder: copy_folder(FLEET.folder.path()), tenants: FLEET.tenants }
    }

    /// As [`Self::deploy`], with more options of the endpoint.
    pub(crate) fn deploy_with(tenants: &[&str], options: &[&str]) -> Self {
        let fleet = Self::start(tenants, options);
        fleet.deploy_all(&[]);
        fleet
    }

    /// Starts an endpoint, and writes the estate of tenants of these names.
    pub(crate) fn start(tenants: &[&str], options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let endpoint = Endpoint::start(0, &[&QUOTAS[..], &["--enforce-iam"], options].concat());
        let fleet = Self { endpoint, folder, tenants: tenants.len() };
        fleet.write_estate(tenants);
        fleet
    }

    /// Deploys the control plane and every tenant; the quotas of the account, and what these codes say, stop nobody.
    pub(crate) fn deploy_all(&self, accepted: &[&str]) {
        let accepted: Vec<String> =
            accepted.iter().chain(&["TN2101"]).map(|code| format!("--override={code}=nothing real")).collect();
        let accepted: Vec<&str> = accepted.iter().map(String::as_str).collect();
        self.done(&[&["bootstrap", "--role", "OrganizationAccountAccessRole", "--yes"], &accepted[..]].concat());
        // A poll tells of every stack: the endpoint has more to do than that when they are many.
        let poll = Duration::from_millis(5) * u32::try_from(self.tenants.min(100)).unwrap();
        let mut deploy = self.command(env!("CARGO_BIN_EXE_tenantry"));
        deploy.env("TENANTRY_RELEASE", RELEASE).env("TENANTRY_RATE_FACTOR", "100");
        deploy.env("TENANTRY_POLL_SECONDS", poll.as_secs_f64().to_string());
        let output = deploy.args(["deploy", "--all", "--yes"]).args(&accepted).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
    }

    pub(crate) fn estate(&self) -> PathBuf {
        self.folder.path().join("estate")
    }

    fn write_estate(&self, tenants: &[&str]) {
        let (estate, functions) = (self.estate(), self.folder.path().join("functions"));
        std::fs::create_dir_all(estate.join("tenants/certs")).unwrap();
        let fleet = std::fs::read_to_string(root().join("tenants/fleet.yaml")).unwrap();
        std::fs::write(estate.join("tenants/fleet.yaml"), only_one_place(&fleet)).unwrap();
        for file in ["tenants/certs/acme.pem", "tenants/certs/acme-investigators.pem"] {
            std::fs::copy(root().join(file), estate.join(file)).unwrap();
        }
        for (index, tenant) in tenants.iter().enumerate() {
            // An endpoint of that name never confirms a subscription.
            let unconfirmed = if tenants.contains(&"cedar") { "cedar" } else { "birch" };
            let pages = if *tenant == unconfirmed { "unconfirmed" } else { "pages" };
            let text = format!(
                "account: \"{ACCOUNT}\"\nregion: {REGION}\nring: canary\n\
                 contact: {{ timezone: Europe/Zagreb, page: \"https://{pages}.example.com/{tenant}\" }}\n\
                 network: {{ cidr: 10.{}.{}.0/18 }}\n\
                 ingest: {{ peak_gib_per_minute: 0.5, client_ca: certs/acme.pem, allow_from: [203.0.113.0/24] }}\n\
                 dashboards: {{ client_ca: certs/acme-investigators.pem }}\n",
                17 + index / 4,
                index % 4 * 64
            );
            std::fs::write(estate.join(format!("tenants/{tenant}.yaml")), text).unwrap();
        }
        artifacts::write(&estate, &functions, "drift");
    }

    /// The endpoint's address.
    pub(crate) fn url(&self) -> &str {
        &self.endpoint.url
    }

    /// A program with this endpoint as AWS.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        at_endpoint(&mut command, &self.endpoint.url)
            .env("TENANTRY_ESTATE", self.estate())
            .env("TENANTRY_FUNCTIONS", self.folder.path().join("functions"));
        command
    }

    /// Runs the tool at [`RELEASE`].
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.run_at(RELEASE, arguments)
    }

    pub(crate) fn run_at(&self, release: &str, arguments: &[&str]) -> Output {
        let mut command = self.command(env!("CARGO_BIN_EXE_tenantry"));
        command.env("TENANTRY_RELEASE", release).args(arguments).output().unwrap()
    }

    /// Runs the tool, which must succeed.
    pub(crate) fn done(&self, arguments: &[&str]) {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    }

    /// The answer of `tenantry drift` with its exit code.
    pub(crate) fn drift(&self, arguments: &[&str]) -> (Value, i32) {
        self.drift_at(RELEASE, arguments)
    }

    pub(crate) fn drift_at(&self, release: &str, arguments: &[&str]) -> (Value, i32) {
        let all = [&["drift", "--output", "json"], arguments].concat();
        let output = self.run_at(release, &all);
        let answer =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(&output)));
        (answer, output.status.code().unwrap())
    }

    /// Nothing differs, and everything was checked.
    pub(crate) fn in_sync_at(&self, release: &str) {
        let (answer, code) = self.drift_at(release, &[]);
        for stack in stacks(&answer) {
            assert_eq!(stack["differences"], serde_json::json!([]), "{}", stack["tenant"]);
            assert_eq!(stack["unchecked"], serde_json::json!([]), "{}", stack["tenant"]);
            assert!(stack["checked"].as_u64().unwrap() > 100, "{stack}");
            assert_eq!(stack["verdict"], "in-sync", "{stack:#}");
        }
        assert_eq!(code, 0);
    }

    /// Makes the changes of a round of `changes.yaml`, as somebody called mallory.
    pub(crate) fn change(&self, round: &str) {
        self.change_some(round, None);
    }

    /// As [`Self::change`], of a sample only.
    pub(crate) fn change_some(&self, round: &str, sample: Option<&Value>) {
        let folder = root().join("tests/drift");
        let mut command = self.command("python");
        command.arg(folder.join("change.py")).arg(folder.join("changes.yaml"));
        command.args(["metanet", ACCOUNT, REGION, round]).args(sample.map(Value::to_string));
        printed_by_python(&command);
    }

    /// Lets the endpoint refuse these operations of a service from now on; with none, everything works again.
    pub(crate) fn refuse(&self, operations: &[(&str, &str)]) {
        let rule = |(service, operation): &(&str, &str)| serde_json::json!({ "kind": "denied", "service": service, "operation": operation });
        self.faults(operations.iter().map(rule).collect());
    }

    /// Lets the endpoint follow these rules of its faults from now on.
    pub(crate) fn faults(&self, rules: Vec<Value>) {
        control(self.url(), "/_tenantry/faults", &serde_json::json!({ "rules": rules }).to_string());
    }
}

/// A fleet of one account and one region, so that its control plane is made quickly.
pub(crate) fn only_one_place(fleet: &str) -> String {
    let mut kept = Vec::new();
    let mut skipping = None;
    for line in fleet.lines() {
        let indent = line.len() - line.trim_start().len();
        if skipping.is_some_and(|at| indent <= at) {
            skipping = None;
        }
        let other = ["\"444455556666\":", "us-east-1:", "us-west-1:"];
        if other.iter().any(|name| line.trim_start().starts_with(name)) {
            skipping = Some(indent);
        }
        if skipping.is_none() && !line.contains("america") {
            kept.push(line);
        }
    }
    kept.join("\n").replace("10.16.0.0/12", "10.0.0.0/8") + "\n"
}

pub(crate) fn said(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

pub(crate) fn stacks(answer: &Value) -> impl Iterator<Item = &Value> {
    answer["stacks"].as_array().unwrap().iter()
}

/// Every difference of a stack as `severity kind code resource path`.
pub(crate) fn differences(stack: &Value) -> Vec<String> {
    let text = |difference: &Value, key: &str| difference[key].as_str().unwrap_or("").to_owned();
    let each = stack["differences"].as_array().unwrap().iter().map(|difference| {
        let kind = text(difference, "resource_type").replace(' ', "_");
        let what = difference["resource"].as_str().map_or(kind, str::to_owned);
        let path = Some(text(difference, "path")).filter(|path| !path.is_empty()).unwrap_or_else(|| "-".to_owned());
        let first = ["severity", "kind", "code"].map(|key| text(difference, key)).join(" ");
        format!("{first} {what} {path}")
    });
    each.collect()
}
