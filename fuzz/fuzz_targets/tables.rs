//! Any text as a table or a lock file.
#![no_main]

#[path = "../sample.rs"]
mod sample;

use std::fs;

use libfuzzer_sys::fuzz_target;
use sample::{SAMPLE, seen};
use tenantry_checks::capacity::Tables;
use tenantry_checks::permissions::Registry;
use tenantry_checks::{cost, resources};
use tenantry_spec::flags;
use tenantry_template::embedded;

const FILES: [&str; 6] = ["regions.yaml", "quotas.yaml", "prices.yaml", "resources.yaml", "registry.json", "functions.lock.json"];

fuzz_target!(|input: (u8, &str)| {
    let (which, text) = input;
    let Some(name) = FILES.get(usize::from(which)) else { return };
    let source = || std::sync::Arc::new(tenantry_base::finding::Source { path: (*name).into(), text: text.to_owned() });
    let findings = |found: Result<(), Vec<_>>| seen(&found.err().unwrap_or_default());
    match which {
        0 | 1 | 2 => SAMPLE.with(|sample| {
            let path = sample.root().join("policies").join(name);
            fs::write(&path, text).unwrap();
            let read = if which == 2 { cost::load(sample.root()).map(|read| read.1) } else { Tables::load(sample.root()).map(|read| read.1) };
            fs::remove_file(path).unwrap();
            seen(&read.unwrap_or_else(|found| found));
        }),
        3 => findings(resources::parse(source(), resources::table()).map(drop)),
        4 => drop(Registry::parse(text)),
        _ => {
            findings(flags::functions_reads(&source()).map(drop).map_err(|finding| vec![finding]));
            SAMPLE.with(|sample| {
                let path = sample.root().join("pipeline/functions.lock.json");
                let before = fs::read(&path).unwrap();
                fs::write(&path, text).unwrap();
                findings(embedded::functions(sample.root(), &sample.estate.blueprint).map(drop).map_err(|finding| vec![finding]));
                fs::write(&path, before).unwrap();
            });
        }
    }
});
