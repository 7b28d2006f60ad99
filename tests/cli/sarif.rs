//! SARIF against the standard's own schema, which the crate `serde-sarif` brings with it.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// The schema of SARIF 2.1.0 in the sources of `serde-sarif`, as cargo has them.
fn schema() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // Only what this machine builds is sure to have been downloaded.
    let rustc = Command::new("rustc").arg("-vV").current_dir(super::root()).output().unwrap();
    let about = String::from_utf8(rustc.stdout).unwrap();
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let answer = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--offline", "--locked", "--filter-platform", host])
        .current_dir(super::root())
        .output()
        .unwrap();
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    let metadata: Value = serde_json::from_slice(&answer.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "serde-sarif").unwrap();
    let manifest = PathBuf::from(package["manifest_path"].as_str().unwrap());
    let text = std::fs::read_to_string(manifest.with_file_name("src").join("schema.json")).unwrap();
    // One pattern of the standard has a bracket that no regular expression of Rust takes unescaped.
    serde_json::from_str(&text.replace("{2}]?$", r"{2}\\]?$")).unwrap()
}

/// What `validate` says about an estate in which files, templates and policies have faults.
fn log() -> Value {
    let folder = tempfile::tempdir().unwrap();
    let tool = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_tenantry")).args(arguments).current_dir(folder.path()).output().unwrap()
    };
    assert!(tool(&["init", "estate"]).status.success());
    let tenants = folder.path().join("estate/tenants");
    let acme = std::fs::read_to_string(tenants.join("acme.yaml")).unwrap();
    let bolt = acme.replace("10.17.0.0/18", "10.18.0.0/18").replace("203.0.113.0/24", "0.0.0.0/0");
    std::fs::write(tenants.join("bolt.yaml"), bolt).unwrap();
    std::fs::write(tenants.join("cube d.yaml"), "ring: canry\n").unwrap();
    std::fs::write(tenants.join("duo.yaml"), acme.replace("canary", "canry").replace("region", "regoin")).unwrap();
    let answer = tool(&["-C", "estate", "validate", "--output", "sarif"]);
    assert_eq!(answer.status.code(), Some(2), "{}", String::from_utf8_lossy(&answer.stderr));
    serde_json::from_slice(&answer.stdout).unwrap()
}

#[test]
fn what_validate_says_is_sarif() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let log = log();
    let breaks: Vec<String> =
        validator.iter_errors(&log).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(breaks, Vec::<String>::new());
    let mut broken = log.clone();
    broken["runs"][0]["results"][0]["level"] = "bad".into();
    assert!(!validator.is_valid(&broken), "the schema refuses nothing");
    let run = &log["runs"][0];
    let results = run["results"].as_array().unwrap();
    assert!(results.len() > 3, "{results:#?}");
    for result in results {
        let rule = &run["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(rule["help"]["text"].is_string());
        let region = &result["locations"][0]["physicalLocation"]["region"];
        assert!(region["startLine"].as_u64() >= Some(1) && region["endColumn"].as_u64() >= Some(1), "{result:#}");
    }
    let mut fingerprints: Vec<&str> =
        results.iter().map(|result| result["partialFingerprints"]["tenantry/v1"].as_str().unwrap()).collect();
    fingerprints.sort_unstable();
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), results.len());
}
