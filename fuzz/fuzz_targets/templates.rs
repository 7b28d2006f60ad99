//! Any text as a partial, in the place of the one that ingest has: rendering ends within its limits, and what is rendered can be
//! checked against the schemas, counted and priced.
#![no_main]

#[path = "../sample.rs"]
mod sample;

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use sample::{SAMPLE, seen};
use tenantry_base::finding::Source;
use tenantry_checks::schemas::Found;
use tenantry_template::embedded;
use tenantry_template::render::{Renderer, TemplateSet, render_fleet};

const REPLACED: &str = "templates/tenant/ingest.yaml.tera";

fuzz_target!(|text: &str| {
    SAMPLE.with(|sample| {
        let mut sources = embedded::templates(sample.root()).unwrap();
        let place = sources.iter_mut().find(|source| source.path.as_os_str() == REPLACED).expect("the partial");
        *place = Arc::new(Source { path: REPLACED.into(), text: text.to_owned() });
        let set = match TemplateSet::parse(sources) {
            Ok(set) => set,
            Err(findings) => return seen(&findings),
        };
        let renderer = Renderer::new(set);
        let tenants: Vec<_> = sample.estate.tenants.values().take(1).collect();
        for rendered in render_fleet(&renderer, &sample.estate, &sample.functions, "v1", &tenants) {
            match rendered {
                Ok(rendered) => {
                    let _faults = Found::of(&rendered.template.form);
                    let _body = rendered.template.body();
                }
                Err(findings) => seen(&findings),
            }
        }
    });
});
