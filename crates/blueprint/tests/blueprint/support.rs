//! Blueprints of this repository, and tenants of them.

use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value, json};
use tenantry_base::finding::Source;
use tenantry_blueprint::{Blueprint, Facts, Inputs};

/// Most characters of a type's name, as the table of resource types has it.
fn longest(resource_type: &str) -> Option<usize> {
    static TABLE: LazyLock<Value> = LazyLock::new(|| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/resources.yaml");
        serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    });
    let most = TABLE["types"][resource_type]["name"]["max"].as_u64()?;
    usize::try_from(most).ok()
}

pub(crate) fn read(path: &str) -> Blueprint {
    let text = std::fs::read_to_string(format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let (blueprint, findings) = Blueprint::read(&Arc::new(Source { path: path.into(), text }), &longest);
    assert!(findings.is_empty(), "{findings:#?}");
    blueprint.unwrap()
}

pub(crate) fn default_blueprint() -> Blueprint {
    read("templates/blueprint.yaml")
}

/// The network of a stack in so many zones.
pub(crate) struct Network {
    zones: usize,
    network_zones: usize,
    nat: String,
    eni_model: String,
    region_facts: Map<String, Value>,
}

pub(crate) fn facts(zones: usize, network: &Map<String, Value>) -> Network {
    let text = |name: &str, default: &str| network.get(name).and_then(Value::as_str).unwrap_or(default).to_owned();
    Network {
        zones,
        network_zones: zones,
        nat: text("nat", "per-zone"),
        eni_model: text("eni_model", "hyperplane"),
        region_facts: json!({ "s3_prefix_list": "pl-6da54004" }).as_object().unwrap().clone(),
    }
}

pub(crate) fn inputs(blueprint: &Blueprint, tenant: &Value, network: &Network) -> Inputs {
    let parameters = blueprint.parameters(tenant);
    let facts = Facts {
        zones: network.zones,
        network_zones: network.network_zones,
        nat: &network.nat,
        eni_model: &network.eni_model,
        region: "eu-west-1",
        partition: "aws",
        architecture: "x86_64",
        region_facts: &network.region_facts,
    };
    blueprint.inputs(parameters.sections(), &facts)
}
