//! What is wrong with the caller's own configuration and way to AWS, each reported as what it is, before or instead of everything
//! else; as JSON where that is asked for.

use std::fs;
use std::net::TcpListener;

use serde_json::Value;

use super::binary::{Ran, tenantry};
use super::estate::Estate;

const CONFIG: &str = "\
[profile ended]
sso_start_url = https://example.awsapps.com/start
sso_region = eu-west-1
sso_account_id = 111122223333
sso_role_name = Admin
region = eu-west-1
[profile failing]
credential_process = sh -c 'echo vault is sealed >&2; exit 1'
[profile unfounded]
role_arn = arn:aws:iam::111122223333:role/admin
source_profile = missing
[profile web]
role_arn = arn:aws:iam::111122223333:role/admin
web_identity_token_file = /nonexistent/token
[profile odd]
endpoint_url = localhost
";

/// Where AWS's clients find credentials and profiles before they look into the home folder.
const CREDENTIALS: [&str; 4] =
    ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"];

/// A port that nothing listens at.
fn closed() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn every_reason_why_nothing_could_be_done_is_named_and_ends_with_an_error() {
    let estate = Estate::new(2);
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".aws")).unwrap();
    fs::write(home.path().join(".aws/config"), CONFIG).unwrap();
    let broken = home.path().join("broken");
    fs::write(&broken, "[profile x\n").unwrap();
    // TLS is expected, and something else answers.
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let plain_port = plain.local_addr().unwrap().port();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = plain.accept() {
            let _written =
                std::io::Write::write_all(&mut stream, b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
        }
    });
    let port = closed();
    let at = |host: &str| host.replace("PORT", &port.to_string()).replace("PLAIN", &plain_port.to_string());
    let keys = [("AWS_ACCESS_KEY_ID", "AKIACANARY"), ("AWS_SECRET_ACCESS_KEY", "canary-secret")];
    let of_profile = |name: &'static str| vec![("AWS_PROFILE", name.to_owned())];
    let with_keys = |name: &'static str, value: &str| {
        let keys = keys.iter().map(|(name, value)| (*name, (*value).to_owned()));
        keys.chain([(name, at(value))]).collect::<Vec<_>>()
    };
    // A label that is too long for any name server to be asked.
    let unresolvable = format!("http://{}.example", "a".repeat(64));
    let cases: Vec<(Vec<(&str, String)>, &str)> = vec![
        (vec![], "no credentials could be loaded: none in the environment"),
        (of_profile("nowhere"), "profile `nowhere` does not exist\n  help: set AWS_PROFILE to one of ended, failing"),
        (of_profile("ended"), "help: sign in: `aws sso login --profile ended`"),
        (of_profile("failing"), "profile `failing` gives no credentials"),
        (of_profile("failing"), "vault is sealed"),
        (of_profile("unfounded"), "could not find source profile missing"),
        (of_profile("web"), "web_identity_token_file` names does not exist"),
        (of_profile("odd"), "`endpoint_url` of the profile cannot be used: it is not an absolute URL"),
        (vec![("AWS_PROFILE", "x".to_owned()), ("AWS_CONFIG_FILE", broken.display().to_string())], "on line 1"),
        (with_keys("AWS_PROFILE", "nowhere"), "profile `nowhere` does not exist"),
        (with_keys("AWS_ENDPOINT_URL", "http://127.0.0.1:PORT"), "the endpoint cannot be reached: connection refused"),
        (with_keys("AWS_ENDPOINT_URL", &unresolvable), "its host name cannot be resolved"),
        (with_keys("AWS_ENDPOINT_URL", "https://127.0.0.1:PLAIN"), "it does not speak TLS"),
        (with_keys("AWS_ENDPOINT_URL", ""), "AWS_ENDPOINT_URL cannot be used: it is empty"),
        (with_keys("AWS_ENDPOINT_URL", "http://"), "AWS_ENDPOINT_URL cannot be used: it has no host"),
        (with_keys("AWS_ENDPOINT_URL", "http://x y"), "AWS_ENDPOINT_URL cannot be used: it has a blank in it"),
        (with_keys("AWS_ENDPOINT_URL", "ftp://x"), "its scheme is neither"),
        (
            with_keys("AWS_ENDPOINT_URL_STS", "http://ann:canary-secret@127.0.0.1"),
            "AWS_ENDPOINT_URL_STS cannot be used",
        ),
        (with_keys("AWS_ENDPOINT_URL_SERVICE_QUOTAS", "sq"), "AWS_ENDPOINT_URL_SERVICE_QUOTAS cannot be used"),
        (
            with_keys("HTTPS_PROXY", "http://ann:canary-secret@127.0.0.1:PORT"),
            "the proxy cannot be reached: connection refused",
        ),
        (with_keys("HTTPS_PROXY", "http://127.0.0.1:PLAIN"), "the proxy asks for a user name and a password"),
    ];
    for (number, (variables, part)) in cases.iter().enumerate() {
        let is_json = number % 2 == 1;
        let arguments = if is_json { &["deploy", "--all", "--yes", "-ojson"][..] } else { &["plan", "--all"] };
        let mut command = tenantry(&estate, "", arguments);
        for name in CREDENTIALS.into_iter().chain(["AWS_ENDPOINT_URL", "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"]) {
            command.env_remove(name);
        }
        command.env("HOME", home.path()).envs(variables.iter().map(|(name, value)| (*name, value)));
        let ran = Ran::of(command.output().unwrap()).must(1);
        let said = format!("{}{}", ran.out, ran.err);
        assert!(said.contains(part), "{variables:?}: `{part}` is not in:\n{said}");
        assert!(!said.contains("canary-secret") && !said.contains("Request {"), "{said}");
        if is_json {
            let answer: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", ran.out));
            assert!(answer["schema"].as_str().is_some_and(|schema| schema.starts_with("tenantry/")), "{answer}");
        }
    }
}

#[test]
fn errors_that_stop_a_command_come_as_json_with_their_places() {
    let estate = Estate::new(1);
    let failed = |arguments: &[&str]| {
        let ran = Ran::of(tenantry(&estate, "http://127.0.0.1:1", arguments).output().unwrap()).must(1);
        let answer: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", ran.out));
        assert_eq!(
            (answer["schema"].as_str(), answer["exit"].as_u64()),
            (Some("tenantry/error/v2"), Some(1)),
            "{answer}"
        );
        assert!(ran.err.contains(answer["error"].as_str().unwrap()), "{}", ran.err);
        answer
    };
    assert!(failed(&["status", "--nope", "-o", "json"])["error"].as_str().unwrap().contains("--nope"));
    assert!(failed(&["render", "t99", "--output=json"])["help"].as_str().unwrap().contains("t00"));
    assert!(
        failed(&["deploy", "--plan", "no/plan.json", "-ojson"])["error"].as_str().unwrap().contains("no/plan.json")
    );
    estate.write("tenants/t00.yaml", "account: [\n");
    let answer = failed(&["plan", "--offline", "--all", "-o", "json"]);
    let place = &answer["findings"][0]["location"];
    assert_eq!(place["file"], "tenants/t00.yaml", "{answer}");
    assert!(place["line"].as_u64().is_some(), "{answer}");
}
