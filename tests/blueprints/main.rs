//! The other blueprints from `init` to `destroy`, under the roles of their own control planes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::drift::fits;
use crate::drift::fleet::{differences, stacks};
use crate::process::{Endpoint, QUOTAS, at_endpoint, printed_by_python};
use crate::release::git;

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
    /// Calls go through a proxy: the endpoint takes that part.
    behind_proxy: bool,
}

impl World {
    fn new(blueprint: &str) -> Self {
        let world = Self {
            endpoint: Endpoint::start(0, &[&QUOTAS[..], &["--enforce-iam"]].concat()),
            folder: tempfile::tempdir().unwrap(),
            behind_proxy: false,
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
        at_endpoint(&mut command, &self.endpoint.url);
        if self.behind_proxy {
            // Nothing listens there: without the proxy no call arrives.
            command.env("AWS_ENDPOINT_URL", "http://localhost:1").env("HTTP_PROXY", &self.endpoint.url);
        }
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
        let ended = output.status.code();
        assert!(ended == Some(code), "{arguments:?} ended with {ended:?}: {}", said(&output));
        said(&output)
    }

    fn json(&self, code: i32, arguments: &[&str]) -> Value {
        let output = self.tenantry(&[arguments, &["--output", "json"]].concat());
        let ended = output.status.code();
        assert!(ended == Some(code), "{arguments:?} ended with {ended:?}: {}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Replaces a text in a file of the estate that must have it.
    fn edit(&self, path: &str, from: &str, to: &str) {
        let path = self.estate().join(path);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{} has no `{from}`", path.display());
        std::fs::write(path, text.replacen(from, to, 1)).unwrap();
    }

    /// Commits the estate and tags it.
    fn release(&self, tag: &str) {
        if !self.estate().join(".git").exists() {
            git(&self.estate(), &["init", "--quiet", "--initial-branch", "main"]);
        }
        git(&self.estate(), &["add", "--all"]);
        git(&self.estate(), &["commit", "--quiet", "--message", tag]);
        git(&self.estate(), &["tag", tag]);
    }

    /// Runs Python with a session of the tenants' account, and gives what it prints.
    fn python(&self, script: &str) -> String {
        let before = "import os, sys\nsys.path.insert(0, os.environ['FOLDER'])\nfrom change import session_of\n\
                      session = session_of('111122223333', 'eu-west-1')\n\
                      def client(name):\n    return session.client(name, endpoint_url=os.environ['AWS_ENDPOINT_URL'])\n";
        let mut command = self.command("python");
        command.env("AWS_ENDPOINT_URL", &self.endpoint.url).env_remove("HTTP_PROXY");
        command.env("FOLDER", root().join("tests/drift")).args(["-c", &format!("{before}{script}")]);
        printed_by_python(&command)
    }

    /// Makes the changes of `changes.yaml` behind CloudFormation's back.
    fn change(&self) {
        let mut command = self.command("python");
        command.arg(root().join("tests/drift/change.py")).arg(root().join("tests/blueprints/changes.yaml"));
        printed_by_python(command.args(["metanet", "111122223333", "eu-west-1", "first"]));
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
    let world = World { behind_proxy: true, ..World::new("bare") };
    world.edit("tenants/fleet.yaml", "defaults:\n", "defaults:\n  tags: { cost-centre: \"4711\" }\n");
    world.ends(0, &["validate"]);
    world.ends(0, &["permissions", "--check"]);
    world.ends(0, &ADMINISTRATOR);

    // A bucket that exists under the name that the stack gives it becomes the stack's when it has the tenant's tags.
    let fleet = std::fs::read_to_string(world.estate().join("tenants/fleet.yaml")).unwrap();
    let id = fleet.lines().find_map(|line| line.strip_prefix("estate_id: \"")?.split('"').next()).unwrap();
    world.python(&format!(
        "s3 = client('s3')\nname = '{BUCKET}'\n\
         s3.create_bucket(Bucket=name, CreateBucketConfiguration={{'LocationConstraint': 'eu-west-1'}})\n\
         s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration={{k: True for k in ('BlockPublicAcls', \
         'BlockPublicPolicy', 'IgnorePublicAcls', 'RestrictPublicBuckets')}})\n\
         s3.put_object(Bucket=name, Key='of/before', Body=b'kept')\n\
         tags = {{'tenantry:estate': 'metanet', 'tenantry:estate-id': '{id}', 'tenantry:tenant': 'acme'}}\n\
         s3.put_bucket_tagging(Bucket=name, Tagging={{'TagSet': [{{'Key': k, 'Value': v}} for k, v in tags.items()]}})"
    ));
    let plan = world.ends(2, &["plan", "acme"]);
    assert!(plan.contains("Bucket AWS::S3::Bucket") && plan.contains("import"), "{plan}");
    world.ends(0, &["deploy", "--all", "--yes"]);
    let kept = format!("print(client('s3').get_object(Bucket='{BUCKET}', Key='of/before')['Body'].read())");
    assert_eq!(world.python(&kept).trim(), "b'kept'");
    // An import changes nothing of the bucket: what it lacks is drift, and is restored like any other.
    let drifted = world.ends(2, &["drift"]);
    assert!(drifted.contains("/LifecycleConfiguration"), "{drifted}");
    world.ends(0, &["drift", "--all", "--fix", "--yes"]);
    world.ends(0, &["drift"]);
    world.ends(0, &["status"]);

    // A tag of the company's own is on everything, and follows the estate.
    let tags = format!("print(client('s3').get_bucket_tagging(Bucket='{BUCKET}')['TagSet'])");
    assert!(world.python(&tags).contains("{'Key': 'cost-centre', 'Value': '4711'}"));
    world.edit("tenants/fleet.yaml", "4711", "4712");
    world.ends(2, &["plan", "acme"]);
    world.ends(0, &["deploy", "acme", "--yes"]);
    assert!(world.python(&tags).contains("{'Key': 'cost-centre', 'Value': '4712'}"));
    world.ends(0, &["drift"]);
    let gone = world.ends(0, &["destroy", "acme", "--confirm", "acme"]);
    assert!(gone.contains("2 resources stay"), "{gone}");
    // No VPC, and so no block that is retired: it is offboarded all the same, until it is named.
    assert!(world.ends(0, &["plan", "--all"]).contains("acme: offboarded: "));
    world.ends(0, &["deploy", "--all", "--yes"]);
    assert!(world.ends(0, &["drift"]).contains("offboarded"));
    assert!(world.ends(0, &["status"]).contains("offboarded"));
    world.ends(0, &["deploy", "acme", "--yes"]);
    world.ends(0, &["drift"]);
}

/// The bucket of the sample's tenant.
const BUCKET: &str = "metanet-acme-111122223333-eu-west-1";

/// What a place has used of a quota, of JSON of `quotas`.
fn used(answer: &Value, quota: &str) -> Option<u64> {
    let places = answer["places"].as_array().unwrap().iter();
    let mut verdicts = places.flat_map(|place| place["quotas"].as_array().unwrap());
    verdicts.find(|verdict| verdict["quota"] == quota).unwrap()["used"]["known"].as_u64()
}

/// The release of each tenant.
fn releases(world: &World) -> Vec<String> {
    let status = world.json(0, &["release", "status"]);
    let tenants = status["tenants"].as_array().unwrap().iter();
    tenants.map(|tenant| format!("{} {}", tenant["tenant"], tenant["release"]).replace('"', "")).collect()
}

#[test]
fn a_web_application_lives_from_init_to_destroy_under_the_shipped_roles() {
    let world = World::new("web-app");
    world.ends(0, &["validate"]);
    world.ends(0, &["permissions", "--check"]);
    // Everything has a price, and more requests cost more.
    let cost = |world: &World| {
        let answer = world.json(0, &["cost", "acme"]);
        assert_eq!(answer["total"]["missing"], serde_json::json!([]));
        answer["total"]["usd"]["expected"].as_f64().unwrap()
    };
    let before = cost(&world);
    world.edit("tenants/acme.yaml", "requests_per_second: 50", "requests_per_second: 500");
    assert!(cost(&world) > before + 100.0);
    world.edit("tenants/acme.yaml", "requests_per_second: 500", "requests_per_second: 50");

    world.ends(0, &ADMINISTRATOR);
    let quotas = world.json(2, &["quotas", "--all"]);
    assert_eq!((used(&quotas, "elasticache-nodes"), used(&quotas, "rds-instances")), (Some(0), Some(0)));
    world.ends(2, &["capacity", "--all"]);
    // What does not fit is said before it is deployed: ten times the requests do, four hundred times need a larger block.
    let more = world.ends(0, &["capacity", "acme", "--what-if", "web.requests_per_second=500", "--full"]);
    assert!(more.contains("tasks 21"), "{more}");
    let many = world.ends(1, &["capacity", "acme", "--what-if", "web.requests_per_second=20000"]);
    assert!(many.contains("TN1021") && many.contains("the subnets need a /18"), "{many}");

    // Two rings, one after the other.
    world.release("v1");
    let plan = world.ends(2, &["release", "plan", "v1"]);
    assert!(plan.contains("ring canary, wave 1 of 1") && plan.contains("ring general, wave 1 of 1"), "{plan}");
    let rolled = world.ends(0, &["release", "roll", "v1", "--yes", "--bake", "0s"]);
    assert!(rolled.contains("ring canary, wave 1 of 1: passed") && rolled.contains("release v1: done"), "{rolled}");
    assert_eq!(releases(&world), ["acme v1", "globex v1"]);
    let quotas = world.json(2, &["quotas", "--all"]);
    assert_eq!((used(&quotas, "elasticache-nodes"), used(&quotas, "rds-instances")), (Some(2), Some(2)));

    // A switch that was pushed and pushed back leaves another version of the same flags: no drift.
    let push = |value: &str| world.ends(0, &["flags", "push", "acme", "read-only", value, "--reason", "a mistake"]);
    push("on");
    let drifted = world.ends(2, &["drift", "acme", "--release", "v1", "--lookups", "0"]);
    assert!(drifted.contains("ConfigurationVersion"), "{drifted}");
    push("off");
    world.ends(0, &["drift", "acme", "--release", "v1", "--lookups", "0"]);
    // A switch that cannot wait; then the release that says so in git, with another that changes the template.
    world.ends(0, &["flags", "push", "acme", "read-only", "on", "--reason", "the database is moved"]);
    let shown = world.ends(2, &["flags", "show", "acme", "--live"]);
    assert!(shown.contains("~ read-only: AppConfig has `true`"), "{shown}");
    world.ends(0, &["flags", "set", "acme", "read-only", "on"]);
    world.ends(0, &["flags", "set", "acme", "slow-query-logs", "on"]);
    world.release("v2");
    world.ends(0, &["release", "roll", "v2", "--yes", "--bake", "0s"]);
    assert_eq!(releases(&world), ["acme v2", "globex v2"]);
    world.ends(0, &["flags", "show", "acme", "--live"]);
    // And back, where it came from.
    world.ends(0, &["release", "rollback", "--yes", "--why", "queries are slow"]);
    assert_eq!(releases(&world), ["acme v1", "globex v1"]);
    git(&world.estate(), &["checkout", "--quiet", "v1"]);
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
