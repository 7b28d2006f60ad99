//! The default blueprint derives what the tool derived in Rust before it was data: recorded once, number by number.

use crate::support::{default_blueprint, facts, inputs};
use serde_json::{Map, Value, json};
use tenantry_base::finding::{Finding, Severity};
use tenantry_blueprint::{Blueprint, Evaluation, Inputs, LayoutError, Owner};

/// The number of shards was not checked when the workloads were recorded.
fn errors_of(evaluation: &Evaluation<'_>) -> Vec<Finding> {
    let mut found = evaluation.checks(&|_| None);
    found.retain(|found| found.severity == Severity::Error && found.code.0 != "BP2003");
    found
}

fn recorded() -> Value {
    serde_json::from_str(include_str!("recorded/workloads.json")).unwrap()
}

/// Values that are recorded under other names than the blueprint has.
fn value(evaluation: &Evaluation<'_>, name: &str) -> Value {
    evaluation.value(name).unwrap_or_else(|| panic!("`{name}` has no value: {:?}", evaluation.findings())).to_json()
}

fn subnets(
    blueprint: &Blueprint,
    evaluation: &Evaluation<'_>,
    inputs: &Inputs,
    block: &str,
    zones: usize,
) -> Result<Vec<String>, LayoutError> {
    let layout = blueprint.lay_out(evaluation, inputs, block.parse().unwrap(), zones)?;
    let line = |zone: &Vec<tenantry_blueprint::Subnet>| {
        zone.iter().map(|subnet| subnet.block.to_string()).collect::<Vec<_>>().join(" ")
    };
    Ok(layout.zones.iter().map(line).collect())
}

/// The tenant's sections, and what the tool knows of its network.
fn tenant(spec: &Value) -> (Value, Map<String, Value>) {
    let mut spec = spec.clone();
    spec["ingest"]["client_ca"] = json!("certs/acme.pem");
    let network = spec.as_object_mut().unwrap().remove("network").unwrap_or(json!({}));
    (spec, network.as_object().unwrap().clone())
}

#[test]
fn every_recorded_workload_has_the_numbers_it_had_before() {
    let (blueprint, recorded) = (default_blueprint(), recorded());
    let (mut numbers, mut errors, mut kept_pins) = (0, 0, 0);
    for case in recorded["cases"].as_array().unwrap() {
        let (tenant, network) = tenant(&case["spec"]);
        let zones = usize::try_from(network.get("zones").and_then(Value::as_u64).unwrap_or(3)).unwrap();
        let facts = facts(zones, &network);
        let inputs = inputs(&blueprint, &tenant, &facts);
        let evaluation = blueprint.evaluate(&inputs);
        assert_eq!(evaluation.findings(), [], "{}", case["spec"]);
        let block = format!("10.20.0.0/{}", case["block"]);
        let laid_out = subnets(&blueprint, &evaluation, &inputs, &block, zones);
        // A pinned prefix length was recorded where the tier's share was larger: the subnets had the share's.
        let pins: Vec<(usize, u64)> = blueprint
            .tiers
            .iter()
            .enumerate()
            .filter_map(|(index, tier)| {
                let path = format!("overrides.{}_subnet_prefix", tier.name);
                Some((index, inputs.get(&path)?.as_u64()?))
            })
            .collect();
        if !pins.is_empty() {
            for zone in laid_out.iter().flatten() {
                let prefixes: Vec<u64> =
                    zone.split(' ').map(|cut| cut.split_once('/').unwrap().1.parse().unwrap()).collect();
                pins.iter().for_each(|(tier, prefix)| assert_eq!(prefixes[*tier], *prefix, "{}", case["spec"]));
                kept_pins += 1;
            }
            assert!(laid_out.is_ok() || case.get("errors").is_some(), "{}", case["spec"]);
            continue;
        }
        if case.get("errors").is_some() {
            errors += 1;
            refused(&evaluation, laid_out.as_ref().err(), case);
            continue;
        }
        for (names, values) in [("names", "numbers"), ("more", "more")] {
            for (name, wanted) in recorded[names].as_array().unwrap().iter().zip(case[values].as_array().unwrap()) {
                let name = name.as_str().unwrap();
                assert_eq!(value(&evaluation, name), *wanted, "{name} of {}", case["spec"]);
                numbers += 1;
            }
        }
        let pinned: Vec<&str> = case["pinned"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for name in recorded["names"].as_array().unwrap().iter().filter_map(Value::as_str) {
            // Pinning a prefix length was told of the tier's addresses, which it does not change.
            let by_prefix = name.strip_suffix("_addresses").map(|tier| format!("overrides.{tier}_subnet_prefix"));
            let is_pinned = evaluation.is_pinned(name) || by_prefix.is_some_and(|path| inputs.get(&path).is_some());
            assert_eq!(is_pinned, pinned.contains(&name), "{name} of {}", case["spec"]);
        }
        let wanted: Vec<String> = case["subnets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|zone| {
                zone.as_str().unwrap().split(' ').map(|cut| format!("10.20.{cut}")).collect::<Vec<_>>().join(" ")
            })
            .collect();
        assert_eq!(laid_out.unwrap(), wanted, "{}", case["spec"]);
        assert_eq!(errors_of(&evaluation), [], "{}", case["spec"]);
    }
    assert!(kept_pins > 20, "{kept_pins} zones with a pinned prefix length are few");
    assert!(numbers > 15_000 && errors > 100, "{numbers} numbers and {errors} errors are few");
}

/// What was refused before is refused for the same reason, with the same numbers in its message.
fn refused(evaluation: &Evaluation<'_>, error: Option<&LayoutError>, case: &Value) {
    let digits = |text: &str| {
        let parts = text.split(|found: char| !found.is_ascii_digit());
        parts.filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let checks = errors_of(evaluation);
    for wanted in case["errors"].as_array().unwrap() {
        let (code, message) = (wanted[0].as_str().unwrap(), wanted[1].as_str().unwrap());
        let found = match code {
            "TN2001" => checks.iter().map(|found| found.message.clone()).find(|found| found == message),
            _ => error.map(ToString::to_string),
        };
        let found = found.unwrap_or_else(|| panic!("{message}\n{checks:?}\n{error:?}\n{}", case["spec"]));
        assert_eq!(digits(&found), digits(message), "{}", case["spec"]);
    }
    let overruns = case["errors"].as_array().unwrap().iter().filter(|wanted| wanted[0] == "TN2001").count();
    assert_eq!(checks.len(), overruns, "{}", case["spec"]);
}

#[test]
fn every_sample_tenant_has_the_numbers_subnets_and_names_it_had_before() {
    let (blueprint, recorded) = (default_blueprint(), recorded());
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tenants");
    let read = |name: &str| -> Value {
        let text = std::fs::read_to_string(format!("{root}/{name}.yaml")).unwrap();
        serde_saphyr::from_str(&text).unwrap()
    };
    let fleet = read("fleet");
    for case in recorded["tenants"].as_array().unwrap() {
        let name = case["tenant"].as_str().unwrap();
        let spec = read(name);
        let mut tenant = spec.clone();
        let search = tenant.as_object_mut().unwrap().entry("search").or_insert(json!({}));
        for (field, default) in fleet["defaults"]["search"].as_object().unwrap() {
            search.as_object_mut().unwrap().entry(field.clone()).or_insert(default.clone());
        }
        let region = &fleet["regions"][spec["region"].as_str().unwrap()];
        let network = spec["network"].as_object().unwrap().clone();
        let zones = usize::try_from(network.get("zones").and_then(Value::as_u64).unwrap_or(3)).unwrap();
        let zones = zones.min(region["zones"].as_array().unwrap().len());
        let inputs = inputs(&blueprint, &tenant, &facts(zones, &network));
        let evaluation = blueprint.evaluate(&inputs);
        for (number, wanted) in recorded["names"].as_array().unwrap().iter().zip(case["numbers"].as_array().unwrap()) {
            assert_eq!(value(&evaluation, number.as_str().unwrap()), *wanted, "{number} of {name}");
        }
        let laid_out = subnets(&blueprint, &evaluation, &inputs, network["cidr"].as_str().unwrap(), zones).unwrap();
        assert_eq!(json!(laid_out), case["subnets"], "{name}");
        let owner = Owner {
            organisation: fleet["organisation"].as_str().unwrap(),
            tenant: name,
            account: spec["account"].as_str().unwrap(),
            region: spec["region"].as_str().unwrap(),
        };
        let names = blueprint.names(owner);
        let given = case["names"].as_object().unwrap();
        for (kind, wanted) in given.iter().filter(|(kind, _)| !["stack", "parameter"].contains(&kind.as_str())) {
            assert_eq!(json!(names[kind]), *wanted, "{kind} of {name}");
        }
    }
}

#[test]
fn a_tenant_has_the_shape_that_its_fields_give_it() {
    let blueprint = default_blueprint();
    let tenant = json!({
        "ingest": { "peak_gib_per_minute": 2, "client_ca": "certs/acme.pem", "allow_from": ["203.0.113.0/24"] },
        "dashboards": { "client_ca": "certs/acme-investigators.pem" },
    });
    let inputs = inputs(&blueprint, &tenant, &facts(3, &Map::new()));
    let evaluation = blueprint.evaluate(&inputs);
    let wanted = json!({
        "has(dashboards)": true,
        "has(dashboards.client_crl)": false,
        "has(ingest.client_crl)": false,
        "has(region.appconfig_extension)": false,
        "has_allow_from": true,
        "network.nat": "per-zone",
        "search_dedicated_masters": true,
        "search_zones": 3,
        "zones": 3,
    });
    assert_eq!(json!(evaluation.shape()), wanted);
    assert_eq!(evaluation.values()["ingest_concurrency"], 10);
    for decision in &blueprint.shape {
        assert!(decision.values.contains(&wanted[&decision.name]), "{}", decision.name);
    }
}
