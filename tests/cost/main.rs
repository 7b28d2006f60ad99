//! What the sample estate costs: against bills computed by hand, and how bills move with the workload.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};
use tenantry::cost::{Bill, Kind, Load, Prices, bill, bill_of_the_rest, load, parse};
use tenantry::embedded;
use tenantry::estate::{self, Estate, Tenant};
use tenantry::finding::Source;
use tenantry::render::{Context, Functions, Renderer, TemplateSet, render_tenant};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn prices() -> Prices {
    load(&root()).unwrap().0
}

struct Rendering {
    estate: Estate,
    renderer: Renderer,
    functions: Functions,
}

impl Rendering {
    fn new() -> Self {
        let (estate, findings) = estate::load(&root());
        assert!(!estate::has_errors(&findings), "{findings:?}");
        let set = TemplateSet::parse(embedded::templates(&root()).unwrap()).unwrap();
        let estate = estate.unwrap();
        let functions = embedded::functions(&root(), &estate.blueprint).unwrap();
        Self { estate, renderer: Renderer::new(set), functions }
    }

    fn tenant(&self, name: &str) -> Tenant {
        self.estate.tenants.values().find(|tenant| tenant.name.as_str() == name).unwrap().clone()
    }

    fn tree(&self, tenant: &Tenant) -> Value {
        let rendered = render_tenant(&self.renderer, &self.estate, &self.functions, "v1", tenant);
        rendered.unwrap_or_else(|findings| panic!("{findings:#?}")).template.tree()
    }

    fn bill(&self, tenant: &Tenant) -> Bill {
        bill(&self.tree(tenant), tenant.spec.region.as_str(), &prices())
    }
}

/// The lines of a bill computed by hand, by service and what.
fn expected(name: &str) -> (BTreeMap<(String, String), Load>, Load) {
    let text = std::fs::read_to_string(root().join("tests/cost/expected").join(format!("{name}.txt"))).unwrap();
    let mut lines = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        let number = |index: usize| columns[index].parse::<f64>().unwrap();
        let load = Load { low: number(2), expected: number(3), peak: number(4) };
        lines.insert((columns[0].to_owned(), columns[1].to_owned()), load);
    }
    let total = lines.remove(&("total".to_owned(), String::new())).unwrap();
    (lines, total)
}

fn near(a: Load, b: Load, within: f64) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() <= within;
    near(a.low, b.low) && near(a.expected, b.expected) && near(a.peak, b.peak)
}

#[test]
fn bills_are_those_computed_by_hand() {
    let rendering = Rendering::new();
    for name in ["initech", "hooli"] {
        let bill = rendering.bill(&rendering.tenant(name));
        let (mut by_hand, total) = expected(name);
        for line in &bill.lines {
            let hand = by_hand.remove(&(line.service.to_owned(), line.what.clone()));
            let (hand, usd) = (hand.unwrap_or_else(|| panic!("{name}: {line:#?}")), line.usd.unwrap());
            assert!(near(usd, hand, 0.0002), "{name}: {}: {usd:?}, by hand {hand:?}", line.what);
        }
        assert!(by_hand.is_empty(), "{name}: not on the bill: {by_hand:#?}");
        assert_eq!(bill.total().missing, Vec::<String>::new());
        assert!(near(bill.total().usd, total, 0.01), "{name}: {:?}", bill.total());
    }
}

#[test]
fn every_type_of_every_template_is_priced_or_said_to_be_free() {
    let rendering = Rendering::new();
    let mut trees: Vec<Value> = rendering.estate.tenants.values().map(|tenant| rendering.tree(tenant)).collect();
    let fleet = &rendering.estate.fleet;
    for account in fleet.accounts.keys() {
        for region in fleet.regions.keys() {
            for sink in [None, Some("arn:aws:oam:eu-west-1:111122223333:sink/0a")] {
                let context = Context::control_plane(fleet, account, region, sink, "v1");
                trees.push(rendering.renderer.render(&context).unwrap().tree());
            }
        }
    }
    for tree in &trees {
        let bill = bill(tree, "eu-west-1", &prices());
        assert!(bill.unknown_types.is_empty(), "{:?}", bill.unknown_types);
        assert_eq!(bill.findings(), []);
    }
}

#[test]
fn a_type_that_nobody_thought_about_makes_the_bill_a_lower_bound() {
    let tree = json!({ "Resources": { "New": { "Type": "AWS::New::Thing" }, "Key": { "Type": "AWS::KMS::Key" } } });
    let bill = bill(&tree, "eu-west-1", &prices());
    assert_eq!(bill.total().missing, ["resources of type AWS::New::Thing"]);
    assert_eq!(bill.total().usd.low, 1.0);
    let codes: Vec<&str> = bill.findings().iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, ["TN2502"]);
}

#[test]
fn a_region_without_prices_is_unknown_and_not_free() {
    let rendering = Rendering::new();
    let bill = bill(&rendering.tree(&rendering.tenant("acme")), "us-gov-west-1", &prices());
    assert!(bill.lines.len() > 30 && bill.lines.iter().all(|line| line.usd.is_none()));
    assert_eq!(bill.total().missing.len(), bill.lines.len());
    assert_eq!(bill.findings()[0].code.as_str(), "TN2503");
}

#[test]
fn a_template_without_its_workload_is_priced_as_far_as_it_stands() {
    let rendering = Rendering::new();
    let mut tree = rendering.tree(&rendering.tenant("acme"));
    let whole = bill(&tree, "eu-west-1", &prices());
    tree.as_object_mut().unwrap().remove("Metadata");
    let bill = bill(&tree, "eu-west-1", &prices());
    // Uploads, downloads and bulk requests are in the template alone.
    assert_eq!(bill.lines.len(), whole.lines.len() - 3);
    assert!(bill.lines.iter().all(|line| line.usd.is_some() == (line.kind == Kind::Standing)), "{bill:#?}");
    assert_eq!(bill.findings()[0].code.as_str(), "TN2504");
}

#[test]
fn more_workload_never_costs_less() {
    let rendering = Rendering::new();
    let mut tenant = rendering.tenant("acme");
    let mut last = Load::default();
    for step in 0..60 {
        tenant.spec.set_parameter("ingest.peak_gib_per_minute", 0.01 * 1.15_f64.powi(step));
        let usd = rendering.bill(&tenant).total().usd;
        assert!(usd.expected >= last.expected && usd.peak >= last.peak, "{step}: {usd:?} after {last:?}");
        assert!(usd.low <= usd.expected && usd.expected <= usd.peak, "{step}: {usd:?}");
        last = usd;
    }
}

#[test]
fn twice_the_waiting_costs_twice_and_nothing_else_but_flags_moves() {
    let rendering = Rendering::new();
    let mut tree = rendering.tree(&rendering.tenant("acme"));
    let before = bill(&tree, "eu-west-1", &prices());
    let waiting = &mut tree["Metadata"]["TenantryWorkload"]["Functions"]["Ingest"]["WaitingMilliseconds"];
    *waiting = json!(waiting.as_u64().unwrap() * 2);
    let after = bill(&tree, "eu-west-1", &prices());
    for (old, new) in before.lines.iter().zip(&after.lines) {
        if old.what == "asking for flags" {
            continue;
        }
        let factor = if old.what == "Ingest waiting" { 2.0 } else { 1.0 };
        let (old_usd, new_usd) = (old.usd.unwrap(), new.usd.unwrap());
        assert!(near(new_usd, old_usd * factor, 1e-9), "{}: {old_usd:?} {new_usd:?}", old.what);
    }
    let waits = |bill: &Bill| bill.total_of(Kind::Waiting).usd.expected;
    assert!(waits(&before) > 0.0 && waits(&after) > waits(&before));
}

#[test]
fn what_stays_of_a_stack_costs_what_stands_and_nothing_for_work() {
    let rendering = Rendering::new();
    let tree = rendering.tree(&rendering.tenant("initech"));
    let rest = bill_of_the_rest(&tree, ["Search", "Key", "LandingBucket", "Vpc"], "eu-west-1", &prices());
    let whats: Vec<&str> = rest.lines.iter().map(|line| line.what.as_str()).collect();
    assert_eq!(whats, ["m6g.large.search nodes", "r6g.large.search nodes", "storage", "keys"]);
    // 3 masters, 6 nodes and 6 volumes of 344 GiB, by hand, and a key.
    let by_hand = 3.0 * 730.0 * 0.1430 + 6.0 * 730.0 * 0.1869 + 6.0 * 344.0 * 0.1342 + 1.0;
    assert!(near(rest.total().usd, Load::flat(by_hand), 0.001), "{:?}", rest.total());
}

#[test]
fn a_bill_of_nothing_and_of_no_template_is_empty() {
    for tree in [json!({}), json!(null), json!([1]), json!({ "Resources": { "A": 3 } })] {
        let bill = bill(&tree, "eu-west-1", &prices());
        assert!(bill.lines.is_empty(), "{tree}");
    }
}

fn tenantry(estate: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tenantry"))
        .arg("-C")
        .arg(estate)
        .args(arguments)
        .current_dir(estate)
        .env_clear()
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_command_shows_one_tenant_by_lines_and_several_by_totals() {
    let (code, text, _) = tenantry(&root(), &["cost", "initech"]);
    assert_eq!(code, 0);
    for word in
        ["Ingest waiting", "of it for functions that wait", "1,665.40", "1,720.52", "1,769.65", "prices of 2026-11-24"]
    {
        assert!(text.contains(word), "{word} in\n{text}");
    }
    assert_eq!(tenantry(&root(), &["explain", "cost", "initech"]).1, text);
    let (code, text, _) = tenantry(&root(), &["cost", "--all"]);
    assert!(code == 0 && text.contains("21,254.52") && text.contains("functions that wait"), "{text}");
    let (_, text, _) = tenantry(&root(), &["cost", "--all", "--output", "json"]);
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["schema"], "tenantry/cost/v1");
    let sum: f64 =
        answer["tenants"].as_array().unwrap().iter().filter_map(|t| t["total"]["usd"]["expected"].as_f64()).sum();
    assert!((sum - answer["total"]["usd"]["expected"].as_f64().unwrap()).abs() < 0.001);
}

#[test]
fn a_bad_table_of_prices_is_told_at_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, errors) = tenantry(folder.path(), &["init", "estate"]);
    let estate = folder.path().join("estate");
    let estate = if estate.exists() { estate } else { panic!("{code} {errors}") };
    let path = estate.join("policies/prices.yaml");
    let own =
        "date: \"2026-11-29\"\nprices:\n  nat-hour: { regions: { eu-west-1: { usd: nil, source: ec2-eu-west-1 } } }\n";
    std::fs::write(&path, own).unwrap();
    for command in [&["cost", "--all"][..], &["validate"]] {
        let (code, text, errors) = tenantry(&estate, command);
        assert_eq!(code, if command[0] == "cost" { 1 } else { 2 });
        let said = format!("{text}{errors}");
        assert!(said.contains("TN2501") && said.contains("policies/prices.yaml:3:39"), "{said}");
    }
    let source = Arc::new(Source { path: PathBuf::from("p"), text: "date: 3".to_owned() });
    assert!(parse(source).is_err());
}
