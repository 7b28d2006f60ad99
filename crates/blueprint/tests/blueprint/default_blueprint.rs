//! The default blueprint's numbers for hundreds of workloads and all sample tenants are those that are recorded, so that
//! a change of a formula shows all that it changes. `UPDATE_EXPECTED=1 cargo test -p tenantry-blueprint recorded` records
//! them anew.

use crate::support::{default_blueprint, facts, inputs};
use serde_json::{Map, Value, json};
use tenantry_base::finding::{Finding, Severity};
use tenantry_blueprint::{Blueprint, Evaluation, Inputs, LayoutError, Owner};

/// Without the number of shards, of which an absurd retention has too many whatever else is tried.
fn errors_of(evaluation: &Evaluation<'_>) -> Vec<Finding> {
    let mut found = evaluation.checks(&|_| None);
    found.retain(|found| found.severity == Severity::Error && found.code.as_str() != "BP2003");
    found
}

fn recorded() -> Value {
    serde_json::from_str(include_str!("recorded/workloads.json")).unwrap()
}

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

fn updating() -> bool {
    std::env::var_os("UPDATE_EXPECTED").is_some()
}

/// The values of names, in their order.
fn values(evaluation: &Evaluation<'_>, names: &Value) -> Value {
    names.as_array().unwrap().iter().map(|name| value(evaluation, name.as_str().unwrap())).collect()
}

/// What a workload is recorded with: why it is refused, or its numbers and subnets.
fn outcome(blueprint: &Blueprint, recorded: &Value, case: &Value) -> Map<String, Value> {
    let (tenant, network) = tenant(&case["spec"]);
    let zones = usize::try_from(network.get("zones").and_then(Value::as_u64).unwrap_or(3)).unwrap();
    let facts = facts(zones, &network);
    let inputs = inputs(blueprint, &tenant, &facts);
    let evaluation = blueprint.evaluate(&inputs);
    assert_eq!(evaluation.findings(), [], "{}", case["spec"]);
    let block = format!("10.20.0.0/{}", case["block"]);
    let laid_out = subnets(blueprint, &evaluation, &inputs, &block, zones);
    for (index, tier) in blueprint.tiers.iter().enumerate() {
        let Some(pin) = inputs.get(&format!("overrides.{}_subnet_prefix", tier.name)) else { continue };
        for zone in laid_out.iter().flatten() {
            let cut = zone.split(' ').nth(index).unwrap();
            assert!(cut.ends_with(&format!("/{pin}")), "{cut} of {}", case["spec"]);
        }
    }
    let mut outcome: Map<_, _> =
        ["block", "spec"].map(|name| (name.to_owned(), case[name].clone())).into_iter().collect();
    let refusals = errors_of(&evaluation).into_iter().map(|found| json!([found.code.as_str(), found.message]));
    let refusals: Vec<Value> =
        refusals.chain(laid_out.as_ref().err().map(|error| json!(["layout", error.to_string()]))).collect();
    if !refusals.is_empty() {
        outcome.insert("errors".to_owned(), json!(refusals));
        return outcome;
    }
    outcome.insert("numbers".to_owned(), values(&evaluation, &recorded["names"]));
    let names = recorded["names"].as_array().unwrap().iter().filter_map(Value::as_str);
    let pinned: Vec<&str> = names.filter(|name| evaluation.is_pinned(name)).collect();
    if !pinned.is_empty() {
        outcome.insert("pinned".to_owned(), json!(pinned));
    }
    let short = |zone: String| zone.replace("10.20.", "");
    outcome.insert("subnets".to_owned(), laid_out.unwrap().into_iter().map(short).collect());
    outcome
}

/// Compares what is recorded with what is found, or records it.
fn hold(part: &str, found: &[Value]) {
    let recorded = recorded();
    if !updating() {
        let wanted = recorded[part].as_array().unwrap();
        assert_eq!(wanted.len(), found.len());
        wanted.iter().zip(found).for_each(|(wanted, found)| assert_eq!(wanted, found));
        return;
    }
    static FILE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _alone = FILE.lock().unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/blueprint/recorded/workloads.json");
    let now: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let lines = |name: &str| {
        let items = if name == part { found } else { now[name].as_array().unwrap() };
        let items: Vec<String> = items.iter().map(Value::to_string).collect();
        format!("\"{name}\": [\n{}\n]", items.join(",\n"))
    };
    let text = format!("{{\n\"names\": {},\n{},\n{}\n}}\n", now["names"], lines("cases"), lines("tenants"));
    std::fs::write(path, text).unwrap();
}

#[test]
fn every_recorded_workload_has_the_numbers_that_are_recorded() {
    let (blueprint, recorded) = (default_blueprint(), recorded());
    let cases = recorded["cases"].as_array().unwrap();
    let found: Vec<Value> = cases.iter().map(|case| outcome(&blueprint, &recorded, case).into()).collect();
    let refused = found.iter().filter(|case| case.get("errors").is_some()).count();
    assert!(refused > 100 && found.len() - refused > 350, "{refused} of {} are refused", found.len());
    hold("cases", &found);
}

#[test]
fn every_sample_tenant_has_the_numbers_subnets_and_names_that_are_recorded() {
    let (blueprint, recorded) = (default_blueprint(), recorded());
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tenants");
    let read = |name: &str| -> Value {
        let text = std::fs::read_to_string(format!("{root}/{name}.yaml")).unwrap();
        serde_saphyr::from_str(&text).unwrap()
    };
    let fleet = read("fleet");
    let found = |case: &Value| {
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
        assert_eq!(evaluation.checks(&|_| None), [], "{name}");
        let laid_out = subnets(&blueprint, &evaluation, &inputs, network["cidr"].as_str().unwrap(), zones).unwrap();
        let names = blueprint.names(Owner {
            organisation: fleet["organisation"].as_str().unwrap(),
            tenant: name,
            account: spec["account"].as_str().unwrap(),
            region: spec["region"].as_str().unwrap(),
        });
        json!({ "tenant": name, "numbers": values(&evaluation, &recorded["names"]), "subnets": laid_out, "names": names })
    };
    let found: Vec<Value> = recorded["tenants"].as_array().unwrap().iter().map(found).collect();
    hold("tenants", &found);
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
    assert_eq!(evaluation.values()["ingest_concurrency"], 7);
    for decision in &blueprint.shape {
        assert!(decision.values.contains(&wanted[&decision.name]), "{}", decision.name);
    }
}
