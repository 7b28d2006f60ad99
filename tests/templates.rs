//! The templates, rendered for every shape, against the plain way and against what a stack must keep.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use tenantry::estate::{CaBundle, Estate, Tenant};
use tenantry::finding::Source;
use tenantry::network::{NetworkPlan, SubnetPlan, Tier, ZonePlan};
use tenantry::render::{Context, Functions, Renderer, TemplateSet, TenantStack};
use tenantry::sizing::{Derived, Sizing};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn source(path: &Path) -> Arc<Source> {
    let text = std::fs::read_to_string(root().join(path)).unwrap();
    Arc::new(Source { path: path.to_owned(), text })
}

fn renderer() -> Renderer {
    let mut sources: Vec<_> = ["templates/tenant.yaml.tera", "templates/control-plane.yaml.tera"]
        .iter()
        .map(|path| source(Path::new(path)))
        .collect();
    let mut partials: Vec<_> =
        std::fs::read_dir(root().join("templates/tenant")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    partials.sort();
    sources.extend(partials.iter().map(|name| source(&Path::new("templates/tenant").join(name))));
    Renderer::new(TemplateSet::parse(sources).unwrap())
}

/// What makes one shape.
#[derive(Clone, Copy)]
struct Shape {
    region: &'static str,
    zones: u8,
    nat: &'static str,
    masters: u32,
    allow_from: &'static [&'static str],
    flag: bool,
}

const SHAPES: [Shape; 4] = [
    Shape { region: "eu-west-1", zones: 3, nat: "per-zone", masters: 3, allow_from: &["203.0.113.0/24"], flag: true },
    Shape { region: "us-west-1", zones: 2, nat: "single", masters: 0, allow_from: &[], flag: false },
    Shape { region: "us-east-1", zones: 4, nat: "per-zone", masters: 3, allow_from: &[], flag: true },
    Shape { region: "cn-north-1", zones: 2, nat: "single", masters: 3, allow_from: &["198.51.100.0/24"], flag: false },
];

fn derived<T>(value: T) -> Derived<T> {
    let (name, unit, formula, source) = ("", "", "", "");
    Derived { name, value, unit, formula, inputs: vec![], source, depends_on: vec![], overridden: false }
}

fn sizing(shape: Shape) -> Sizing {
    Sizing {
        part_mib: derived(64),
        splitter_memory_mib: derived(1769),
        splitter_timeout_seconds: derived(300),
        splitter_concurrency: derived(4),
        ingest_memory_mib: derived(1769),
        ingest_timeout_seconds: derived(300),
        ingest_concurrency: derived(40),
        queue_visibility_seconds: derived(1800),
        search_instance_type: derived("r6g.large.search".to_owned()),
        search_data_nodes: derived(6),
        search_master_instance_type: derived("m6g.large.search".to_owned()),
        search_master_nodes: derived(shape.masters),
        search_volume_gib: derived(512),
        search_zones: derived(u32::from(shape.zones.min(3))),
        proxy_tasks: derived(2),
        retry_depth_alarm: derived(40),
        landing_gib: derived(100),
    }
}

fn network(shape: Shape) -> NetworkPlan {
    let subnet = |tier, block: u8, zone: u8| SubnetPlan {
        tier,
        cidr: format!("10.20.{}.0/24", block + zone).parse().unwrap(),
        demand: 8,
    };
    let zone = |index: u8| ZonePlan {
        id: format!("euw1-az{}", index + 1).parse().unwrap(),
        red: subnet(Tier::Red, 0, index),
        amber: subnet(Tier::Amber, 8, index),
        green: subnet(Tier::Green, 16, index),
        lambda: subnet(Tier::Lambda, 24, index),
    };
    NetworkPlan { vpc: "10.20.0.0/18".parse().unwrap(), zones: (0..shape.zones).map(zone).collect() }
}

fn context(shape: Shape, release: &str) -> Context {
    let fleet = serde_json::from_value(json!({
        "apiVersion": "tenantry/v1", "organisation": "metanet",
        "control_plane": { "account": "111122223333", "region": shape.region },
        "accounts": { "111122223333": {
            "name": "one", "dns": { "zone": "tenants.example.com", "hosted_zone_id": "Z0123456789EXAMPLE" } } },
        "regions": { shape.region: { "zones": ["euw1-az1"] } },
        "pools": [], "rings": [{ "name": "canary", "bake": "1h" }],
    }))
    .unwrap();
    let spec = serde_json::from_value(json!({
        "apiVersion": "tenantry/v1", "account": "111122223333", "region": shape.region, "ring": "canary",
        "contact": { "timezone": "Europe/Zagreb", "page": "https://pages.example.com/acme" },
        "network": { "cidr": "10.20.0.0/18", "zones": shape.zones, "nat": shape.nat },
        "ingest": { "peak_gib_per_minute": 2.0, "client_ca": "certs/acme.pem", "allow_from": shape.allow_from },
        "flags": { "extended-retry": shape.flag, "deep-storage": shape.flag, "search-slow-logs": shape.flag },
    }))
    .unwrap();
    let tenant = Tenant {
        name: "acme".parse().unwrap(),
        spec,
        source: source(Path::new("templates/context.yaml")),
        client_ca: CaBundle { pem: "-----BEGIN CERTIFICATE-----\nMIIB\n".to_owned(), sha256: "0f".repeat(32) },
    };
    let flags = serde_yaml::from_str(&source(Path::new("policies/flags.yaml")).text).unwrap();
    let estate = Estate {
        root: root().to_owned(),
        fleet,
        fleet_source: source(Path::new("templates/context.yaml")),
        tenants: BTreeMap::new(),
        flags,
    };
    let functions = Functions::parse(&source(Path::new("pipeline/functions.lock.json")).text).unwrap();
    let (sizing, network) = (sizing(shape), network(shape));
    let (estate, tenant, sizing, network, functions) = (&estate, &tenant, &sizing, &network, &functions);
    Context::tenant(TenantStack { estate, tenant, sizing, network, functions, release })
}

#[test]
fn every_shape_renders_as_the_plain_way_does() {
    let renderer = renderer();
    for shape in SHAPES {
        let context = context(shape, "v1");
        let template = renderer.render(&context).unwrap();
        // The plain way knows no digest of its own, so the one that was found is taken out of the comparison.
        let body = template.body().replace(&template.digest, "");
        assert_eq!(body, renderer.render_plainly(&context).unwrap(), "{}", shape.region);
        assert_eq!(serde_json::from_str::<Value>(&template.body()).unwrap(), template.tree());
        let count = template.tree()["Resources"].as_object().unwrap().len();
        assert!(count < 300, "{count} resources");
        if let Some(folder) = std::env::var_os("TENANTRY_WRITE_TEMPLATES") {
            std::fs::write(Path::new(&folder).join(format!("{}.json", shape.region)), template.body()).unwrap();
        }
    }
    assert_eq!(renderer.forms(), SHAPES.len());
}

#[test]
fn a_release_changes_the_release_record_and_nothing_else() {
    let renderer = renderer();
    let [old, new] = ["v1", "v2"].map(|release| renderer.render(&context(SHAPES[0], release)).unwrap());
    assert_eq!(old.digest, new.digest);
    let (old, new) = (old.tree(), new.tree());
    let resources = old["Resources"].as_object().unwrap();
    let changed: Vec<_> = resources.iter().filter(|(id, old)| new["Resources"][id.as_str()] != **old).collect();
    assert_eq!(changed.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["ReleaseRecord"]);
}

#[test]
fn every_resource_has_its_origin() {
    let renderer = renderer();
    let template = renderer.render(&context(SHAPES[0], "v1")).unwrap();
    for id in template.tree()["Resources"].as_object().unwrap().keys() {
        assert!(template.form.provenance.resources.contains_key(id), "{id}");
    }
}

/// cfn-lint's verdict on one template for one region: its exit code and what it printed.
fn lint(region: &str, body: &str) -> (Option<i32>, String) {
    let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    std::fs::write(file.path(), body).unwrap();
    let output = std::process::Command::new(root().join(".venv/bin/cfn-lint"))
        .args(["--regions", region, "-t"])
        .arg(file.path())
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn cfn_lint_finds_nothing_and_does_find_a_fault() {
    let renderer = renderer();
    for shape in SHAPES {
        let body = renderer.render(&context(shape, "v1")).unwrap().body();
        assert_eq!(lint(shape.region, &body), (Some(0), String::new()), "{}", shape.region);
    }
    let body = renderer.render(&context(SHAPES[0], "v1")).unwrap().body().replace("AWS::EC2::VPC\"", "AWS::EC2::VPX\"");
    assert!(lint("eu-west-1", &body).1.contains("E3006"));
}

#[test]
fn the_control_plane_renders_and_is_clean_at_the_hub_and_elsewhere() {
    let renderer = renderer();
    let fleet = serde_json::from_value(json!({
        "apiVersion": "tenantry/v1", "organisation": "metanet",
        "control_plane": { "account": "111122223333", "region": "eu-west-1" },
        "accounts": {
            "111122223333": { "name": "one", "dns": { "zone": "a.example.com", "hosted_zone_id": "Z1" } },
            "444455556666": { "name": "two", "dns": { "zone": "b.example.com", "hosted_zone_id": "Z2" } } },
        "regions": { "eu-west-1": { "zones": ["euw1-az1"] }, "us-west-1": { "zones": ["usw1-az1"] } },
        "pools": [], "rings": [{ "name": "canary", "bake": "1h" }],
    }))
    .unwrap();
    for (account, region) in
        [("111122223333", "eu-west-1"), ("111122223333", "us-west-1"), ("444455556666", "us-west-1")]
    {
        let context = Context::control_plane(&fleet, &account.parse().unwrap(), &region.parse().unwrap(), "v1");
        let template = renderer.render(&context).unwrap();
        assert_eq!(template.body().replace(&template.digest, ""), renderer.render_plainly(&context).unwrap());
        assert_eq!(template.tree()["Resources"].get("Sink").is_some(), account == "111122223333");
        assert_eq!(lint(region, &template.body()), (Some(0), String::new()), "{account} {region}");
    }
}

/// Every path to a scalar, with an index for each item of a list.
fn paths(node: &Value, path: &str, found: &mut std::collections::BTreeSet<String>) {
    match node {
        Value::Object(map) => map.iter().for_each(|(key, value)| paths(value, &format!("{path}.{key}"), found)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| paths(item, &format!("{path}.{i}"), found))
        }
        _ => drop(found.insert(path.to_owned())),
    }
}

#[test]
fn the_shown_context_has_what_the_code_makes() {
    let shown: Value = serde_yaml::from_str(&source(Path::new("templates/context.yaml")).text).unwrap();
    let made = context(SHAPES[0], "v1").seen();
    let [shown_paths, made_paths] = [&shown, &made].map(|tree| {
        let mut found = Default::default();
        paths(tree, "", &mut found);
        found
    });
    assert_eq!(shown_paths, made_paths);
    assert_eq!(shown["names"], made["names"]);
    assert_eq!(shown["control"], made["control"]);
}
