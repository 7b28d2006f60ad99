//! Any text as a blueprint: it is read or refused, and formulas of one that is read end for the sample tenant.
#![no_main]

#[path = "../sample.rs"]
mod sample;

use std::fs;

use libfuzzer_sys::fuzz_target;
use sample::{SAMPLE, seen};
use tenantry_spec::estate;
use tenantry_template::render::render_fleet;

fuzz_target!(|text: &str| {
    let (blueprint, findings) = estate::blueprint::parse(text.to_owned());
    seen(&findings);
    if blueprint.is_none() {
        assert!(!findings.is_empty(), "no blueprint, and no finding");
        return;
    }
    SAMPLE.with(|sample| {
        fs::write(sample.root().join("templates/blueprint.yaml"), text).unwrap();
        let (estate, findings) = estate::load(sample.root());
        seen(&findings);
        let Some(estate) = estate else { return };
        let tenants: Vec<_> = estate.tenants.values().take(1).collect();
        for rendered in render_fleet(&sample.renderer, &estate, &sample.functions, "v1", &tenants) {
            if let Err(findings) = rendered {
                seen(&findings);
            }
        }
    });
});
