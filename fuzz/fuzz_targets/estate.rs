//! Any text as one file of the sample estate: a tenant, the fleet, the flags, a certificate, the blueprint. Loading ends, and
//! every finding has a place that exists. A tenant that is left is rendered.
#![no_main]

#[path = "../sample.rs"]
mod sample;

use std::fs;

use libfuzzer_sys::fuzz_target;
use sample::{SAMPLE, seen};
use tenantry_spec::estate;
use tenantry_template::render::render_fleet;

const FILES: [&str; 4] = ["tenants/acme.yaml", "tenants/fleet.yaml", "policies/flags.yaml", "tenants/certs/acme.pem"];

fuzz_target!(|input: (u8, &[u8])| {
    let (which, bytes) = input;
    let Some(file) = FILES.get(usize::from(which)) else { return };
    SAMPLE.with(|sample| {
        let path = sample.root().join(file);
        let before = fs::read(&path).unwrap();
        fs::write(&path, bytes).unwrap();
        let (estate, findings) = estate::load(sample.root());
        fs::write(&path, before).unwrap();
        seen(&findings);
        let Some(estate) = estate else {
            assert!(!findings.is_empty(), "no estate, and no finding");
            return;
        };
        seen(&estate::shared_authorities(&estate));
        if estate::has_errors(&findings) {
            return;
        }
        let tenants: Vec<_> = estate.tenants.values().collect();
        for rendered in render_fleet(&sample.renderer, &estate, &sample.functions, "v1", &tenants) {
            match rendered {
                Ok(rendered) => drop(rendered.template.body()),
                Err(findings) => seen(&findings),
            }
        }
    });
});
