//! Any JSON as the template of a stack that CloudFormation answers with: what reads live templates gives an answer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tenantry_checks::capacity::{self, Quota, Singles};
use tenantry_checks::cost;
use tenantry_checks::permissions;
use tenantry_template::embedded;
use tenantry_template::render::references::references;

thread_local! {
    static PRICES: cost::Prices = cost::shipped().expect("the table is sound");
    static QUOTAS: Vec<Quota> = capacity::parse(embedded::shipped_table("quotas.yaml")).expect("the table is sound");
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(template) = serde_json::from_slice::<Value>(bytes) else { return };
    let _demand = capacity::count(&template);
    let _needs = capacity::needs(&template);
    let _fullest = capacity::fullest(&template);
    let _largest = QUOTAS.with(|quotas| Singles::new(quotas).largest_of(&template));
    PRICES.with(|prices| cost::bill(&template, "eu-west-1", prices)).findings();
    let _resources = permissions::resources(&template).count();
    for resource in template.get("Resources").and_then(Value::as_object).into_iter().flatten() {
        let _references = references(resource.1);
    }
});
