//! The endpoint of these tests, and what is done on it beside the tool.

use std::process::{Command, Output};

use serde_json::Value;

use crate::drift::fleet::only_one_place;
use crate::process::{self, Endpoint, QUOTAS, control, python};

/// Starts an endpoint with the table of quotas.
pub(crate) fn start(step_ms: u32, options: &[&str]) -> Endpoint {
    Endpoint::start(step_ms, &[&QUOTAS[..], options].concat())
}

impl Endpoint {
    /// The real binary on an estate.
    pub(crate) fn tenantry(&self, estate: &Estate, arguments: &[&str]) -> Command {
        let mut command = process::tenantry(&self.url);
        command.args(arguments).arg("--estate").arg(estate.folder.path());
        command
    }

    /// Runs a command and gives its exit code with its JSON.
    pub(crate) fn json(&self, estate: &Estate, arguments: &[&str]) -> (i32, Value) {
        let output = self.tenantry(estate, arguments).args(["--output", "json"]).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let answer = serde_json::from_slice(&output.stdout);
        (output.status.code().unwrap(), answer.unwrap_or_else(|error| panic!("{error}: {errors}")))
    }

    /// Runs Python with clients of an account: `client("ec2")`.
    pub(crate) fn python(&self, account: &str, script: &str) -> Output {
        let prelude = format!(
            "import boto3, json\n\
             role = boto3.client('sts').assume_role(RoleArn='arn:aws:iam::{account}:role/OrganizationAccountAccessRole', RoleSessionName='tests')\n\
             keys = role['Credentials']\n\
             def client(service):\n\
             \x20   return boto3.client(service, aws_access_key_id=keys['AccessKeyId'],\n\
             \x20       aws_secret_access_key=keys['SecretAccessKey'], aws_session_token=keys['SessionToken'])\n"
        );
        let mut command = Command::new("python");
        process::at_endpoint(&mut command, &self.url);
        python(command.env("AWS_DEFAULT_REGION", "eu-west-1").args(["-c", &format!("{prelude}{script}")]))
    }

    /// As [`Self::python`], for a script that must succeed; gives what it prints.
    pub(crate) fn done(&self, account: &str, script: &str) -> String {
        let output = self.python(account, script);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Sends a document to one of the endpoint's control paths.
    pub(crate) fn control(&self, path: &str, document: &Value) {
        control(&self.url, path, &document.to_string());
    }
}

/// The sample estate with an account of its own, so that tests do not see each other on one endpoint.
pub(crate) struct Estate {
    folder: tempfile::TempDir,
    pub(crate) account: &'static str,
}

impl Estate {
    /// An estate in an account with a control plane, whose roles every later command takes.
    pub(crate) fn new(endpoint: &Endpoint, account: &'static str) -> Self {
        let estate = Self::without_control_plane(account);
        let bootstrap = ["bootstrap", "--role", "OrganizationAccountAccessRole", "--yes"];
        let made = endpoint.tenantry(&estate, &bootstrap).env("TENANTRY_POLL_SECONDS", "0.05").output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        estate
    }

    pub(crate) fn without_control_plane(account: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let init = Command::new(env!("CARGO_BIN_EXE_tenantry")).arg("init").arg(folder.path()).output().unwrap();
        assert!(init.status.success(), "{}", String::from_utf8_lossy(&init.stderr));
        let estate = Self { folder, account };
        let fleet = estate.folder.path().join("tenants/fleet.yaml");
        std::fs::write(&fleet, only_one_place(&std::fs::read_to_string(&fleet).unwrap())).unwrap();
        estate.edit("tenants/fleet.yaml", "111122223333", account);
        estate.edit("tenants/acme.yaml", "111122223333", account);
        estate
    }

    /// Replaces a text in one of its files, which must have it.
    pub(crate) fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.folder.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from}: {text}");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }

    /// A tenant's template.
    pub(crate) fn template(&self, endpoint: &Endpoint) -> Value {
        let (code, mut answer) = endpoint.json(self, &["render", "acme"]);
        assert_eq!(code, 0);
        answer["templates"][0]["template"].take()
    }
}
