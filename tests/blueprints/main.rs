//! The other blueprints from `init` to `destroy`, under the roles of their own control planes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::drift::fits;
use crate::drift::fleet::{differences, stacks};
use crate::process::{Endpoint, QUOTAS};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// An estate of a blueprint, and an endpoint on which every call may do what its role allows.
struct World {
    endpoint: Endpoint,
    folder: tempfile::TempDir,
}

impl World {
    fn new(blueprint: &str) -> Self {
        let world = Self {
            endpoint: Endpoint::start(0, &[&QUOTAS[..], &["--enforce-iam"]].concat()),
            folder: tempfile::tempdir().unwrap(),
        };
        let mut init = world.command(env!("CARGO_BIN_EXE_tenantry"));
        let output = init.args(["init", "--blueprint", blueprint]).arg(world.estate()).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        world
    }

    fn estate(&self) -> PathBuf {
        self.folder.path().join("estate")
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env("AWS_ENDPOINT_URL", &self.endpoint.url)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("TENANTRY_POLL_SECONDS", "0.05")
            .env_remove("AWS_PROFILE");
        command
    }

    fn tenantry(&self, arguments: &[&str]) -> Output {
        self.command(env!("CARGO_BIN_EXE_tenantry"))
            .args(arguments)
            .arg("--estate")
            .arg(self.estate())
            .output()
            .unwrap()
    }

    /// Runs the tool, which must end with this exit code.
    fn ends(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.tenantry(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
        said(&output)
    }

    fn json(&self, code: i32, arguments: &[&str]) -> Value {
        let output = self.tenantry(&[arguments, &["--output", "json"]].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Makes the changes of `changes.yaml` behind CloudFormation's back.
    fn change(&self) {
        let mut command = self.command(root().join(".venv/bin/python"));
        command.arg(root().join("tests/drift/change.py")).arg(root().join("tests/blueprints/changes.yaml"));
        let output = command.args(["metanet", "111122223333", "eu-west-1", "first"]).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
    }
}

/// What drift has to say about the changes of `changes.yaml`, and nothing else.
fn expected() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("tests/blueprints/changes.yaml")).unwrap();
    let file: Value = serde_yaml::from_str(&text).unwrap();
    let changes = file["changes"].as_array().unwrap().iter();
    let lines = changes.flat_map(|change| change["expect"].as_array().unwrap());
    lines.map(|line| line.as_str().unwrap().to_owned()).collect()
}

const ADMINISTRATOR: [&str; 4] = ["bootstrap", "--role", "OrganizationAccountAccessRole", "--yes"];

#[test]
fn the_smallest_blueprint_lives_from_init_to_destroy_under_the_shipped_roles() {
    let world = World::new("bare");
    world.ends(0, &["validate"]);
    world.ends(0, &["permissions", "--check"]);
    world.ends(0, &ADMINISTRATOR);
    world.ends(0, &["deploy", "--all", "--yes"]);
    world.ends(0, &["drift"]);
    world.ends(0, &["status"]);
    let gone = world.ends(0, &["destroy", "acme", "--confirm", "acme"]);
    assert!(gone.contains("2 resources stay"), "{gone}");
}

#[test]
fn a_web_application_lives_from_init_to_destroy_under_the_shipped_roles() {
    let world = World::new("web-app");
    world.ends(0, &["validate"]);
    world.ends(0, &["permissions", "--check"]);
    world.ends(0, &ADMINISTRATOR);
    world.ends(0, &["deploy", "--all", "--yes"]);
    let answer = world.json(0, &["drift"]);
    let checked: Vec<u64> = stacks(&answer).map(|stack| stack["checked"].as_u64().unwrap()).collect();
    assert!(checked.len() == 2 && checked.iter().all(|checked| *checked > 80), "{answer:#}");

    world.change();
    let answer = world.json(2, &["drift", "acme", "--lookups", "0"]);
    let mut found: Vec<String> = stacks(&answer).flat_map(differences).collect();
    let expected = expected();
    assert!(expected.len() >= 20);
    let missing: Vec<&String> = expected
        .iter()
        .filter(|line| match found.iter().position(|difference| fits(line, difference)) {
            Some(index) => {
                found.remove(index);
                false
            }
            None => true,
        })
        .collect();
    assert!(missing.is_empty() && found.is_empty(), "missing: {missing:#?}\nnot expected: {found:#?}");

    let gone = world.ends(0, &["destroy", "acme", "--confirm", "acme"]);
    assert!(gone.contains("metanet-acme-sessions") && gone.contains("AWS::RDS::DBInstance"), "{gone}");
}
