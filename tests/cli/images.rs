//! `tenantry images --pin` against a registry on loopback, whose tags move.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use wiremock::matchers::{header, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn tenantry(estate: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tenantry")).args(arguments).arg("--estate").arg(estate).output().unwrap()
}

fn answer(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Two images of a registry; it opens one of them with a token, and lacks the other.
async fn registry(manifest: &str) -> MockServer {
    let server = MockServer::start().await;
    let reported =
        format!(r#"Bearer realm="{}/token",service="here",scope="repository:team/signer:pull""#, server.uri());
    let tag = "/v2/team/signer/manifests/1.10";
    Mock::given(path(tag))
        .and(header("authorization", "Bearer opens"))
        .respond_with(ResponseTemplate::new(200).set_body_string(manifest))
        .with_priority(1)
        .mount(&server)
        .await;
    let refused = ResponseTemplate::new(401).insert_header("www-authenticate", reported);
    Mock::given(path(tag)).respond_with(refused).mount(&server).await;
    let token = ResponseTemplate::new(200).set_body_json(json!({ "token": "opens" }));
    Mock::given(path("/token")).respond_with(token).mount(&server).await;
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_pinned_to_the_digests_that_their_tags_have_today() {
    let folder = tempfile::tempdir().unwrap();
    let estate = folder.path().join("estate");
    let made = Command::new(env!("CARGO_BIN_EXE_tenantry")).arg("init").arg(&estate).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let manifest = r#"{"schemaVersion":2,"manifests":[]}"#;
    let server = registry(manifest).await;
    let host = server.uri().trim_start_matches("http://").to_owned();
    let file = estate.join("templates/blueprint.yaml");
    let before = fs::read_to_string(&file)
        .unwrap()
        .replace("public.ecr.aws/aws-observability/aws-sigv4-proxy", &format!("{host}/team/signer"));
    let before = before.replace("public.ecr.aws/docker/library/caddy", &format!("{host}/team/absent"));
    fs::write(&file, &before).unwrap();

    // One is written; the other keeps its digest, and is unknown.
    let output = tenantry(&estate, &["images", "--pin", "--output", "json"]);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let images = &answer(&output)["images"];
    let written = images["proxy_sign"]["digest"].as_str().unwrap().to_owned();
    assert_eq!(written, format!("sha256:{}", tenantry_base::digest::sha256(manifest)));
    assert_eq!(images["proxy_sign"]["changed"], true);
    let why = images["proxy_tls"]["unknown"].as_str().unwrap();
    assert!(why.contains("has no `team/absent:2.10-alpine`"), "{why}");
    let after = fs::read_to_string(&file).unwrap();
    assert_eq!(after, before.replace("team/signer:1.10", &format!("team/signer:1.10@{written}")));
    let rendered = tenantry(&estate, &["render", "acme"]);
    assert!(String::from_utf8_lossy(&rendered.stdout).contains(&format!("{host}/team/signer@{written}")));

    // What is pinned to today's digest stays; the warning is gone.
    let output = tenantry(&estate, &["images", "proxy_sign", "--pin"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), after);
    let output = tenantry(&estate, &["validate"]);
    assert!(!String::from_utf8_lossy(&output.stdout).contains("TN4007"), "{output:?}");
}
