//! Secrets stay where they are: a canary is planted wherever one may be, commands run well and badly, and nothing that they
//! print, write or store has one in it.
//!
//! An external id is needed where roles are assumed, so two places have it: the trust policy of the deploy role, and the record
//! of the accounts that the estate ever had, in the control plane's bucket.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::bare_account;
use super::binary::{Ran, ask, ask_s3, each, tenantry};
use super::estate::{ACCOUNT, Estate};
use super::proxy::{Fault, Proxy, Weather};
use crate::process::Endpoint;

const SECRET_KEY: &str = "canary-of-the-secret-access-key";
const TOKEN: &str = "canary-of-the-session-token";
const EXTERNAL_ID: &str = "canary-of-the-external-id";
const ENVIRONMENT: &str = "canary-of-the-environment";
const PROXY: &str = "canary-of-the-proxy";
const ENDPOINT: &str = "canary-of-the-endpoint";
const TENANT: &str = "canary-of-the-tenant";
const FLEET: &str = "canary-of-the-fleet";
const FLAGS: &str = "canary-of-the-flags";
/// Within the text of a private key, in base64.
const PRIVATE_KEY: &str = "CanaryOfThePrivateKey";
const ALL: [&str; 10] =
    [SECRET_KEY, TOKEN, EXTERNAL_ID, ENVIRONMENT, PROXY, ENDPOINT, TENANT, FLEET, FLAGS, PRIVATE_KEY];

const CATALOGUE: &str = "\
# canary-of-the-flags
flags:
  verbose-logs:
    description: the functions log at level debug
    owner: pipeline
    kind: operational
    type: boolean
    reads: runtime
    default: false
    created: \"2026-11-01\"
";

fn plant(estate: &Estate) {
    let certificate = estate.root().join("tenants/certs/ca.pem");
    let text = fs::read_to_string(&certificate).unwrap();
    let key = format!("-----BEGIN PRIVATE KEY-----\n{PRIVATE_KEY}AA\n-----END PRIVATE KEY-----\n");
    fs::write(&certificate, format!("{text}{key}")).unwrap();
    let read = |path: &str| fs::read_to_string(estate.root().join(path)).unwrap();
    let fleet = read("tenants/fleet.yaml")
        .replace(r#""name":"one""#, &format!(r#""name":"one","role":"deployer","external_id":"{EXTERNAL_ID}""#));
    assert!(fleet.contains(EXTERNAL_ID));
    estate.write("tenants/fleet.yaml", &format!("# {FLEET}\n{fleet}\n"));
    let tenant = read("tenants/t00.yaml");
    estate.write("tenants/t00.yaml", &format!("# {TENANT}\n{tenant}\n"));
}

fn command(estate: &Estate, endpoint: &str, arguments: &[&str]) -> Command {
    let mut command = tenantry(estate, endpoint, arguments);
    command
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .env("AWS_SESSION_TOKEN", TOKEN)
        .env("DATABASE_PASSWORD", ENVIRONMENT)
        .env("HTTPS_PROXY", format!("http://ann:{PROXY}@127.0.0.1:9"));
    command
}

/// Fails the test where a text has one of the canaries.
fn clean(what: &str, text: &str, canaries: &[&str]) {
    for canary in canaries {
        let at = text.find(canary);
        let around = at.map(|at| text[..at].lines().last().unwrap_or_default().to_owned() + canary);
        assert!(at.is_none(), "{what} has {canary}: {}", around.unwrap_or_default());
    }
}

/// Every file below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[test]
fn no_secret_is_printed_written_or_stored() {
    let endpoint = Endpoint::start(5, &[]);
    bare_account(&endpoint);
    let estate = Estate::new(1);
    fs::write(estate.root().join("policies/flags.yaml"), CATALOGUE).unwrap();
    plant(&estate);
    let mut planted = Vec::new();
    files(estate.root(), &mut planted);
    let ran = |endpoint: &str, arguments: &[&str]| {
        let ran = Ran::of(command(&estate, endpoint, arguments).output().unwrap());
        clean(&format!("{arguments:?}"), &format!("{}{}", ran.out, ran.err), &ALL);
        ran
    };
    // A certificate's file with a key in it is refused, whatever the form of the answer.
    for format in ["text", "json", "sarif", "junit"] {
        let said = ran("", &["validate", "-o", format]).must(2);
        assert!(said.out.contains("private key"), "{}", said.out);
    }
    let certificate = fs::read_to_string(estate.root().join("tenants/certs/ca.pem")).unwrap();
    estate.write("tenants/certs/ca.pem", certificate.split_once("-----BEGIN PRIVATE").unwrap().0);

    // Without an account, with one, after failures, and as JSON.
    let out = estate.root().join("rendered");
    let commands: [&[&str]; 22] = [
        &["render", "t00"],
        &["render", "t00", "--format", "json", "--out", out.to_str().unwrap()],
        &["explain", "t00"],
        &["plan", "--offline", "--all", "-o", "json"],
        &["cost", "--all", "-o", "json"],
        &["capacity", "--offline", "-o", "json"],
        &["flags", "list", "-o", "json"],
        &["flags", "why", "t00", "verbose-logs"],
        &["permissions", "-o", "json"],
        &["plan", "--all"],
        &["plan", "--all", "-o", "json", "--out", "PLAN"],
        &["plan", "--all", "-o", "markdown"],
        &["deploy", "--all", "--yes"],
        &["status", "-o", "json"],
        &["drift", "-o", "json"],
        &["quotas", "-o", "json"],
        &["journal", "-o", "json"],
        &["unlock"],
        &["bootstrap", "--yes", "--role", "deployer"],
        &["status"],
        &["destroy", "t00", "--confirm", "t00", "-o", "json"],
        &["journal"],
    ];
    let plan = estate.root().join("plan.json").display().to_string();
    for arguments in commands {
        let arguments: Vec<&str> =
            arguments.iter().map(|one| if *one == "PLAN" { plan.as_str() } else { one }).collect();
        let ended = ran(&endpoint.url, &arguments);
        if ["deploy", "render", "explain"].contains(&arguments[0]) {
            ended.must(0);
        }
    }
    let proxy = Proxy::start(&endpoint.url);
    let faults = [
        (Fault::Refused(403, "AccessDenied"), "AssumeRole"),
        (Fault::Expired, ""),
        (Fault::Cut, ""),
        (Fault::Refused(400, "ValidationError"), "cloudformation"),
    ];
    for (fault, operation) in faults {
        proxy.set(Weather { seed: 0, share: 1000, faults: vec![fault], spared: 0, operation });
        ran(&proxy.url, &["plan", "--all", "-o", "json"]);
    }
    let urls = ["http://127.0.0.1:1", "http://", "http://ex ample"];
    for url in urls.map(str::to_owned).into_iter().chain([format!("http://ann:{ENDPOINT}@127.0.0.1:1")]) {
        ran(&url, &["plan", "--all"]);
    }

    let mut written = Vec::new();
    files(estate.root(), &mut written);
    written.retain(|path| !planted.contains(path));
    assert!(written.iter().any(|path| path.starts_with(estate.root().join(".tenantry/journal"))), "{written:?}");
    for path in written {
        clean(&path.display().to_string(), &String::from_utf8_lossy(&fs::read(&path).unwrap()), &ALL);
    }
    stored(&endpoint.url);
}

/// What AWS has: templates and objects.
fn stored(endpoint: &str) {
    let not_the_external_id: Vec<&str> = ALL.into_iter().filter(|canary| *canary != EXTERNAL_ID).collect();
    let form = |action: &str, stack: &str| {
        ask(endpoint, "cloudformation", &[("Action", action), ("Version", "2010-05-15"), ("StackName", stack)])
    };
    let listed = ask(endpoint, "cloudformation", &[("Action", "ListStacks"), ("Version", "2010-05-15")]);
    let ids: Vec<&str> = each(&listed, "StackId");
    assert!(!ids.is_empty(), "{listed}");
    for id in ids {
        let allowed = if id.contains("control-plane") { &not_the_external_id[..] } else { &ALL[..] };
        for action in ["GetTemplate", "DescribeStacks", "DescribeStackEvents"] {
            clean(&format!("{action} of {id}"), &form(action, id), allowed);
        }
    }
    let bucket = format!("{}-artifacts-{ACCOUNT}-eu-west-1", super::estate::ORGANISATION);
    let listed = ask_s3(endpoint, "GET", &format!("/{bucket}?list-type=2"));
    let keys = each(&listed, "Key");
    assert!(!keys.is_empty(), "{listed}");
    for key in keys {
        let is_allowed = key == "estate/places.json" || key.contains("control-plane");
        let canaries = if is_allowed { &not_the_external_id[..] } else { &ALL[..] };
        clean(key, &ask_s3(endpoint, "GET", &format!("/{bucket}/{key}")), canaries);
    }
}
