//! Any text as a YAML file of an estate: every value has a place in it, and an edit of it says what was asked for, or is
//! refused.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use tenantry_base::Document;
use tenantry_base::edit;
use tenantry_base::finding::Source;

fn routes(value: &Value, above: &str, found: &mut Vec<String>) {
    let Value::Object(map) = value else { return };
    for (key, value) in map {
        if found.len() == 8 || key.is_empty() || key.contains(['.', '[']) {
            return;
        }
        let route = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        found.push(route.clone());
        routes(value, &route, found);
    }
}

fuzz_target!(|text: String| {
    let source = Arc::new(Source { path: "tenants/acme.yaml".into(), text });
    let document = match Document::parse(Arc::clone(&source)) {
        Ok(document) => document,
        Err(finding) => {
            let place = finding.location.expect("a place");
            let _line = place.line_text();
            return;
        }
    };
    let mut found = Vec::new();
    routes(&document.value, "", &mut found);
    for route in found {
        let _line = document.locate(&route).line_text();
        let edited = edit::set(&source, &route, &json!("changed")).or_else(|_| edit::unset(&source, &route));
        if let Ok(text) = edited {
            let again = Document::parse(Arc::new(Source { path: source.path.clone(), text }));
            assert!(again.is_ok(), "an edit of {route} leaves no YAML");
        }
    }
});
