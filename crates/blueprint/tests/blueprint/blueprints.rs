//! The other blueprints of this repository: they load, hold over their declared ranges, and derive what they say.

use std::cell::RefCell;

use crate::support::{default_blueprint, facts, inputs, read};
use serde_json::{Map, Value, json};
use tenantry_base::finding::Finding;
use tenantry_blueprint::{Blueprint, CheckOptions, Evaluation, Owner, fit};

const ALL: [&str; 3] = [
    "templates/blueprint.yaml",
    "blueprints/web-app/templates/blueprint.yaml",
    "blueprints/bare/templates/blueprint.yaml",
];

fn whole(evaluation: &Evaluation<'_>, name: &str) -> i64 {
    evaluation.value(name).and_then(tenantry_blueprint::Value::as_int).unwrap()
}

/// `blueprint check` of each: total over the declared ranges, within bounds, no shrinking subnet, fits a pool's block.
#[test]
fn every_blueprint_holds_over_its_declared_ranges() {
    for path in ALL {
        let findings = read(path).check(&CheckOptions { cases: 200, ..CheckOptions::default() });
        assert_eq!(findings, [], "{path}");
    }
}

#[test]
fn every_parameter_is_described_in_the_reference_and_the_schema() {
    for path in ALL {
        let blueprint = read(path);
        let reference = blueprint.field_reference();
        for section in &blueprint.sections {
            assert!(reference.contains(&format!("## `{}`", section.name)), "{path}: {}", section.name);
            for parameter in &section.parameters {
                assert!(parameter.schema.get("description").is_some(), "{path}: {}", parameter.path);
            }
        }
        assert!(jsonschema::meta::is_valid(&blueprint.schema()), "{path}");
    }
}

fn web_app(change: impl FnOnce(&mut Map<String, Value>), check: impl FnOnce(&Blueprint, &Evaluation<'_>)) {
    let blueprint = read("blueprints/web-app/templates/blueprint.yaml");
    let image = format!("registry.example.com/web@sha256:{}", "0f".repeat(32));
    let mut tenant = json!({
        "account": "111122223333",
        "web": { "requests_per_second": 100, "image": image },
        "database": { "storage_gib": 100 },
    });
    change(tenant.as_object_mut().unwrap());
    let inputs = inputs(&blueprint, &tenant, &facts(3, &Map::new()));
    let evaluation = blueprint.evaluate(&inputs);
    assert_eq!(evaluation.findings(), []);
    check(&blueprint, &evaluation);
}

#[test]
fn a_web_app_is_sized_by_its_requests() {
    // 100 requests per second × 0.1 s = 10 at work; 4 workers at 60 % = 4.17 → 5 tasks.
    web_app(
        |_| {},
        |_, evaluation| {
            assert_eq!(whole(evaluation, "web_tasks"), 5);
            assert_eq!(evaluation.value("database_class").unwrap().to_json(), "db.m7g.large");
            assert_eq!((whole(evaluation, "cache_nodes"), whole(evaluation, "database_instances")), (0, 2));
            assert_eq!(evaluation.checks(&|_| None), []);
        },
    );
    web_app(
        |tenant| {
            tenant.insert("cache".to_owned(), json!({ "working_set_mib": 40_000 }));
            tenant.insert("overrides".to_owned(), json!({ "web_tasks": 80 }));
        },
        |_, evaluation| {
            // 40,000 MiB / 0.75 = 52.1 GiB: three shards of 26.04 GiB, each with a replica.
            assert_eq!((whole(evaluation, "cache_shards"), whole(evaluation, "cache_nodes")), (3, 6));
            assert!(evaluation.is_pinned("web_tasks"));
            assert_eq!(whole(evaluation, "database_connections"), 320);
            assert_eq!(whole(evaluation, "data_addresses"), 16);
        },
    );
}

#[test]
fn a_check_of_a_blueprint_blames_the_field_that_the_tenant_sets() {
    let check = |overrides: Value, route: &str| {
        web_app(
            |tenant| {
                tenant["web"]["requests_per_second"] = json!(20_000.0);
                tenant.insert("overrides".to_owned(), overrides);
            },
            |_, evaluation| {
                let blamed = RefCell::new(Vec::new());
                let found: Vec<Finding> = evaluation.checks(&|field| {
                    blamed.borrow_mut().push(field.to_owned());
                    None
                });
                assert_eq!(found.len(), 1, "{found:?}");
                assert_eq!((found[0].code.as_str(), blamed.into_inner()), ("WA2001", vec![route.to_owned()]));
                assert!(found[0].message.starts_with("the service opens "), "{}", found[0].message);
            },
        );
    };
    check(json!({ "database_class": "db.t4g.medium" }), "overrides.database_class");
    check(json!({ "web_tasks": 5000 }), "overrides.web_tasks");
}

#[test]
fn explaining_a_value_shows_the_formula_that_was_evaluated_and_its_inputs() {
    web_app(
        |_| {},
        |_, evaluation| {
            let tasks = evaluation.explain().into_iter().find(|row| row.name == "web_tasks").unwrap();
            assert_eq!(tasks.value, "5");
            assert!(
                tasks.formula.starts_with("ceil(clamp(requests_at_work / double(task.workers) / 0.6"),
                "{}",
                tasks.formula
            );
            let read = [("zones", "3"), ("requests_at_work", "10"), ("task.workers", "4")];
            assert_eq!(tasks.inputs, read.map(|(name, value)| (name.to_owned(), value.to_owned())));
            let depends_on =
                ["overrides.web_tasks", "web.requests_per_second", "web.seconds_per_request", "web.size", "zones"];
            assert_eq!(tasks.depends_on, depends_on);
        },
    );
}

#[test]
fn names_are_fitted_to_the_limit_of_their_type() {
    let blueprint = default_blueprint();
    let long = "a-customer-with-a-very-long-name";
    let names =
        blueprint.names(Owner { organisation: "metanet", tenant: long, account: "111122223333", region: "eu-west-1" });
    assert!((20..=28).contains(&names["domain"].len()) && !names["domain"].contains("--"));
    assert_eq!(names["domain"], fit(&format!("metanet-{long}"), 28));
    assert!(names["landing_bucket"].len() <= 63 && names["landing_bucket"].starts_with("metanet-a-customer"));
    assert_eq!(names["log_prefix"], format!("/tenantry/metanet/{long}"));
}
