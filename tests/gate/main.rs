//! The gate, through the binary and against an endpoint on loopback: a blocking finding stops a deploy before anything is
//! started, unless its code is accepted with a reason; then it goes, and the journal keeps who let it.

mod ownership;
mod purge;

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::artifacts;
use crate::process::{Endpoint, QUOTAS, printed_by_python, tenantry};
use serde_json::{Value, json};

/// The account that the endpoint gives to credentials it does not know.
const ACCOUNT: &str = "123456789012";

/// A queue without a dead-letter queue, which the policies forbid, and a workload.
const TENANT: &str = r#"AWSTemplateFormatVersion: "2010-09-09"
Metadata:
  TenantryWorkload: { MeanKibPerMinute: 0, PeakKibPerMinute: 0, Functions: {} }
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: "{{ names.prefix }}-queue"
  Key:
    Type: AWS::KMS::Key
    Properties:
      EnableKeyRotation: true
      KeyPolicy:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: { AWS: !Sub "arn:${AWS::Partition}:iam::${AWS::AccountId}:root" }
            Action: "kms:*"
            Resource: "*"
{% include "tenant/release.yaml.tera" %}
Outputs:
  TenantryRelease:
    Value: "{{ release.name }}"
  TenantryDigest:
    Value: "{{ release.digest }}"
"#;

struct World {
    endpoint: Endpoint,
    estate: tempfile::TempDir,
}

struct Said {
    code: i32,
    out: String,
    err: String,
}

impl World {
    fn new() -> Self {
        let world = Self {
            endpoint: Endpoint::start(1, &[&QUOTAS[..], &["--enforce-iam"]].concat()),
            estate: tempfile::tempdir().unwrap(),
        };
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = world.estate.path();
        for folder in ["tenants/certs", "templates/tenant", "templates/control-plane", "policies"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        for file in fs::read_dir(repository.join("templates/control-plane")).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), root.join("templates/control-plane").join(file.file_name())).unwrap();
        }
        for file in ["templates/control-plane.yaml.tera", "templates/tenant/release.yaml.tera"] {
            fs::copy(repository.join(file), root.join(file)).unwrap();
        }
        fs::copy(repository.join("tenants/certs/acme.pem"), root.join("tenants/certs/ca.pem")).unwrap();
        let investigators = "tenants/certs/acme-investigators.pem";
        fs::copy(repository.join(investigators), root.join(investigators)).unwrap();
        artifacts::write(root, &root.join("zips"), "gate");
        let fleet = json!({
            "apiVersion": "tenantry/v1",
            "organisation": "metanet",
            "control_plane": { "account": ACCOUNT, "region": "eu-west-1" },
            "accounts": { ACCOUNT: {
                "name": "one", "role": "metanet-tenantry", "dns": { "zone": "one.example.com", "hosted_zone_id": "Z0111111111EXAMPLE" },
            } },
            "regions": { "eu-west-1": {
                "zones": ["euw1-az1", "euw1-az2", "euw1-az3"], "s3_prefix_list": "pl-6da54004",
            } },
            "pools": [{ "name": "all", "cidr": "10.16.0.0/12", "tenant_prefix": 22 }],
            "rings": [{ "name": "general", "bake": "30m" }],
        });
        let tenant = json!({
            "apiVersion": "tenantry/v1", "account": ACCOUNT, "region": "eu-west-1", "ring": "general",
            "contact": { "timezone": "Europe/Zagreb", "page": "https://pages.example.com/x" },
            "network": { "cidr": "10.16.0.0/22", "zones": 2 },
            "ingest": { "peak_gib_per_minute": 0.01, "client_ca": "certs/ca.pem" },
            "dashboards": { "client_ca": "certs/acme-investigators.pem" },
        });
        world.write("tenants/fleet.yaml", &fleet.to_string());
        world.write("tenants/acme.yaml", &tenant.to_string());
        world.write("templates/tenant.yaml.tera", TENANT);
        world
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.estate.path().join(path), text).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Said {
        self.run_in(&[], arguments)
    }

    /// Runs with more in the environment.
    fn run_in(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Said {
        let output = tenantry(&self.endpoint.url)
            .args(arguments)
            .current_dir(self.estate.path())
            .env("TENANTRY_FUNCTIONS", "zips")
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { code: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Makes a queue that no stack has.
    fn someone_elses_queue(&self, name: &str) {
        let script = "import boto3, sys\n\
                      sqs = boto3.client('sqs', endpoint_url=sys.argv[1], region_name='eu-west-1', \
                      aws_access_key_id='test', aws_secret_access_key='test')\n\
                      sqs.create_queue(QueueName=sys.argv[2])";
        printed_by_python(Command::new("python").args(["-c", script, &self.endpoint.url, name]));
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let said = self.run(&[arguments, &["--output", "json"]].concat());
        serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", said.out, said.err))
    }

    fn blocking(&self) -> Vec<String> {
        let plan = self.json(&["plan", "acme"]);
        let verdicts = plan["review"]["findings"].as_array().unwrap().clone();
        let errors = verdicts.iter().filter(|verdict| verdict["level"] == "error");
        let mut codes: Vec<String> = errors.map(|verdict| verdict["code"].as_str().unwrap().to_owned()).collect();
        codes.dedup();
        codes
    }

    fn verdict_of_status(&self) -> String {
        self.run(&["status", "acme"]).out
    }

    fn journal(&self) -> String {
        let folder = self.estate.path().join(".tenantry/journal");
        let files = fs::read_dir(folder).map(|files| files.map(|file| file.unwrap().path()).collect::<Vec<_>>());
        files.unwrap_or_default().iter().map(|path| fs::read_to_string(path).unwrap()).collect()
    }
}

#[test]
fn red_stops_a_deploy_until_every_code_is_accepted_with_a_reason() {
    let world = World::new();
    let said = world.run(&["bootstrap", "--yes"]);
    assert_eq!(said.code, 0, "{}\n{}", said.out, said.err);

    let blocking = world.blocking();
    assert!(blocking.iter().any(|code| code.starts_with("TN4")), "{blocking:?}");
    let refused = world.run(&["deploy", "acme", "--yes"]);
    assert_eq!(refused.code, 3, "{}\n{}", refused.out, refused.err);
    for code in &blocking {
        assert!(refused.err.contains(&format!("--override {code}=")), "{code}: {}", refused.err);
    }
    assert!(world.verdict_of_status().contains("not deployed"), "{}", world.verdict_of_status());
    assert!(!world.journal().contains("\"command\":\"deploy\""), "a run that was refused has begun");

    for (text, code, sentence) in [
        (format!("{}=", blocking[0]), 1, "needs a reason"),
        ("TN9999=why".to_owned(), 1, "there is no code `TN9999`"),
        ("because".to_owned(), 1, "is not of the form CODE=REASON"),
        ("TN2103=soon".to_owned(), 3, "no blocking finding has the code TN2103"),
    ] {
        let said = world.run(&["deploy", "acme", "--yes", "--override", &text]);
        assert!(said.code == code && said.err.contains(sentence), "{text}: {} {}", said.code, said.err);
    }
    assert!(world.verdict_of_status().contains("not deployed"));

    let plan = world.run(&["plan", "acme", "--out", "plan.json"]);
    assert!(plan.out.contains("cost change: acme") && plan.out.contains("+1.00 USD a month"), "{}", plan.out);
    let accepted: Vec<String> = blocking.iter().map(|code| format!("{code}=a test says so")).collect();
    let mut arguments = vec!["deploy", "--plan", "plan.json", "--yes"];
    accepted.iter().for_each(|text| arguments.extend(["--override", text.as_str()]));
    let said = world.run(&arguments);
    assert_eq!(said.code, 0, "{}\n{}", said.out, said.err);
    let journal = world.journal();
    for code in &blocking {
        assert!(journal.contains(&format!("\"code\":\"{code}\",\"reason\":\"a test says so\"")), "{journal}");
    }
    assert!(!world.verdict_of_status().contains("not deployed"), "{}", world.verdict_of_status());
    let said = world.run(&["plan", "acme"]);
    assert_eq!(said.code, 0, "{}\n{}", said.out, said.err);

    // A plan that nobody judged is refused; so is one of an older version.
    world.write("templates/tenant.yaml.tera", &TENANT.replace("EnableKeyRotation: true", "EnableKeyRotation: false"));
    world.run(&["plan", "acme", "--out", "plan.json"]);
    let text = fs::read_to_string(world.estate.path().join("plan.json")).unwrap();
    let mut plan: Value = serde_json::from_str(&text).unwrap();
    plan.as_object_mut().unwrap().remove("review");
    world.write("plan.json", &plan.to_string());
    let said = world.run(&["deploy", "--plan", "plan.json", "--yes"]);
    assert!(said.code == 3 && said.err.contains("the plan has not been evaluated"), "{} {}", said.code, said.err);
}

#[test]
fn a_certificate_in_a_zone_that_dns_does_not_find_stops_a_deploy() {
    let world = World::new();
    let said = world.run(&["bootstrap", "--yes"]);
    assert_eq!(said.code, 0, "{}\n{}", said.out, said.err);
    let certificate = "  Certificate:\n    Type: AWS::CertificateManager::Certificate\n    Properties:\n      \
        DomainName: \"{{ dns.host }}\"\n      ValidationMethod: DNS\n      DomainValidationOptions:\n        \
        - { DomainName: \"{{ dns.host }}\", HostedZoneId: \"{{ dns.hosted_zone_id }}\" }\n";
    world.write("templates/tenant.yaml.tera", &TENANT.replace("  Key:\n", &format!("{certificate}  Key:\n")));
    let zone = |more: Value| {
        let mut document = json!({ "account": ACCOUNT, "id": "Z0111111111EXAMPLE" });
        document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        world.endpoint.control("/_tenantry/zones", &document);
    };
    let not = "hosted zone `one.example.com` (Z0111111111EXAMPLE) is not delegated: DNS answers";
    for (more, sentence) in [
        (json!({ "name": "one.example.com", "servers": [] }), format!("{not} no name servers")),
        (json!({ "name": "one.example.com", "servers": ["ns.former.example"] }), format!("{not} ns.former.example")),
        (json!({}), format!("account {ACCOUNT} has no hosted zone `Z0111111111EXAMPLE`")),
    ] {
        zone(more);
        let said = world.run(&["plan", "acme"]);
        assert!(said.out.contains("TN2405") && said.out.contains(&sentence), "{}\n{}", said.out, said.err);
    }
    let refused = world.run(&["deploy", "acme", "--yes"]);
    assert!(refused.code == 3 && refused.err.contains("--override TN2405="), "{} {}", refused.code, refused.err);

    zone(json!({ "name": "one.example.com" }));
    assert!(!world.blocking().iter().any(|code| code == "TN2405"), "{:?}", world.blocking());
    // Nothing answers there: the delegation is unknown, and the plan incomplete.
    let said = world.run_in(&[("TENANTRY_RESOLVER", "127.0.0.1:1")], &["plan", "acme"]);
    let sentence = "the delegation of hosted zone `one.example.com` is unknown: cannot ask the resolver 127.0.0.1:1";
    assert!(said.code == 4 && said.out.contains(sentence), "{}: {}\n{}", said.code, said.out, said.err);
}

#[test]
fn what_cloudformation_says_about_quotas_stands_beside_our_own_verdict() {
    let world = World::new();
    let said = world.run(&["bootstrap", "--yes"]);
    assert_eq!(said.code, 0, "{}\n{}", said.out, said.err);
    // One address more than an account has.
    let address = |n| format!("  Address{n}:\n    Type: AWS::EC2::EIP\n    Properties: {{ Domain: vpc }}\n");
    let addresses: String = (0..6).map(address).collect();
    world.write("templates/tenant.yaml.tera", &TENANT.replace("  Key:\n", &format!("{addresses}  Key:\n")));
    let said = world.run(&["plan", "acme"]);
    let theirs =
        "warning: SERVICE_QUOTA: Address0: AWS::EC2::EIP: 0 in use and 6 more exceed the quota L-0263D0A3 of 5";
    assert!(said.out.contains(theirs), "{}\n{}", said.out, said.err);
    assert!(world.blocking().iter().any(|code| code == "TN2103" || code == "TN2101"), "{:?}", world.blocking());
}

#[test]
fn a_change_set_that_cloudformation_refuses_is_no_plan_and_the_name_in_use_is_said() {
    let world = World::new();
    let said = world.run(&["bootstrap", "--yes"]);
    assert_eq!(said.code, 0, "{}\n{}", said.out, said.err);
    world.someone_elses_queue("metanet-acme-queue");
    let theirs = "; Queue: Resource of type 'AWS::SQS::Queue' with identifier 'metanet-acme-queue' already exists.";
    for arguments in [&["plan", "acme"][..], &["deploy", "acme", "--yes"][..]] {
        let said = world.run(arguments);
        assert_eq!(said.code, 4, "{}\n{}", said.out, said.err);
        assert!(said.out.contains(theirs), "{}\n{}", said.out, said.err);
    }
    assert!(world.verdict_of_status().contains("not deployed"), "{}", world.verdict_of_status());
}

#[test]
fn offline_what_nobody_could_check_is_said_and_the_plan_is_incomplete() {
    let world = World::new();
    let said = world.run(&["plan", "acme", "--offline"]);
    assert_eq!(said.code, 4, "{}\n{}", said.out, said.err);
    assert!(said.out.contains("? TN2104"), "{}", said.out);
    assert!(said.out.contains("cost change in total: +1.00 USD a month"), "{}", said.out);
    let markdown = world.run(&["plan", "acme", "--offline", "--output", "markdown"]);
    assert!(markdown.out.contains("### Findings") && markdown.out.contains("### Cost change"), "{}", markdown.out);
}
