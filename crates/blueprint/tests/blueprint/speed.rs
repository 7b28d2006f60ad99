//! What evaluating costs for each tenant, in fleets in which every tenant has a workload of its own.
//!
//! `cargo test --release -p tenantry-blueprint speed -- --nocapture` measures it. Other builds try a small part, and
//! only that every tenant is evaluated: a machine that is busy says nothing about speed.

#[expect(clippy::disallowed_types, reason = "a measurement")]
use std::time::Instant;

use crate::support::{default_blueprint, facts, inputs};
use serde_json::{Map, Value, json};

fn tenant(number: u32) -> Value {
    json!({
        "ingest": {
            "peak_gib_per_minute": 0.01 + f64::from(number) * 1e-4,
            "files_per_minute": 1.0 + f64::from(number % 977),
            "client_ca": "certs/acme.pem",
        },
        "search": { "retention_days": 1 + number % 365 },
    })
}

#[test]
#[expect(clippy::disallowed_types, reason = "a measurement")]
fn evaluating_takes_the_same_time_per_tenant_in_small_and_large_fleets() {
    let network = facts(3, &Map::new());
    let mut per_tenant = Vec::new();
    for fleet in [1_000_u32, 10_000, 100_000] {
        let tried = if cfg!(debug_assertions) { fleet / 100 } else { fleet };
        let blueprint = default_blueprint();
        let (mut validating, mut evaluating, mut again) = (0.0, 0.0, 0.0);
        for number in 0..tried {
            let tenant = tenant(number);
            let start = Instant::now();
            let inputs = inputs(&blueprint, &tenant, &network);
            validating += start.elapsed().as_secs_f64();
            let start = Instant::now();
            assert!(blueprint.evaluate(&inputs).value("lambda_addresses").is_some());
            evaluating += start.elapsed().as_secs_f64();
            let start = Instant::now();
            assert!(blueprint.evaluate(&inputs).value("lambda_addresses").is_some());
            again += start.elapsed().as_secs_f64();
        }
        let microseconds = |seconds: f64| seconds * 1e6 / f64::from(tried);
        println!(
            "{tried} tenants with as many workloads: validate {:.0} µs, evaluate {:.0} µs, evaluate once more {:.0} µs each",
            microseconds(validating),
            microseconds(evaluating),
            microseconds(again)
        );
        per_tenant.push(evaluating / f64::from(tried));
    }
    let (small, large) = (per_tenant[0], per_tenant[per_tenant.len() - 1]);
    assert!(
        cfg!(debug_assertions) || large < small * 4.0,
        "evaluating takes {small} s in a small fleet and {large} s in a large one"
    );
}
