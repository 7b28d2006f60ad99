//! Any text as what runs leave behind and the next one reads: plans, manifests, journals, locks, records; and as an XML answer.
//! What is read can be written and read again.
#![no_main]

use std::fmt::Debug;
use std::fs;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;
use tenantry_aws::cloud::xml;
use tenantry_base::finding::Source;
use tenantry_ops::deploy::{Plan, journal, lock::Held};
use tenantry_ops::drift::{accepted, record::Record as Checks};
use tenantry_ops::release::{Manifest, record::Record as Roll};

thread_local! {
    static ESTATE: TempDir = {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join(journal::FOLDER)).unwrap();
        folder
    };
}

/// Reads a value, and holds what it is written as against it.
fn read<T: DeserializeOwned + Serialize + PartialEq + Debug>(text: &str) -> Option<T> {
    let value: T = serde_json::from_str(text).ok()?;
    let again: T = serde_json::from_str(&serde_json::to_string(&value).unwrap()).unwrap();
    assert_eq!(again, value);
    Some(value)
}

fuzz_target!(|input: (u8, i64, &str)| {
    let (which, now, text) = input;
    match which % 8 {
        0 => drop(read::<Plan>(text).map(|plan| plan.is_empty())),
        1 => {
            if let Ok(manifest) = Manifest::parse(text) {
                let again = Manifest::parse(&manifest.text().unwrap()).unwrap();
                assert_eq!(manifest.differences(&again), Vec::<String>::new());
            }
        }
        2 => ESTATE.with(|estate| {
            fs::write(estate.path().join(journal::FOLDER).join("run.jsonl"), text).unwrap();
            for run in journal::runs(estate.path()).unwrap_or_default() {
                let (_outcomes, _left, _finished) = (run.outcomes(), run.left(), run.is_finished());
            }
        }),
        3 => drop(Checks::parse(&Checks::parse(text).text().unwrap())),
        4 => {
            let source = Source { path: "policies/drift-accepted.yaml".into(), text: text.to_owned() };
            for finding in accepted::parse(Arc::new(source), "2026-11-29".parse().unwrap()).1 {
                assert!(!finding.message.is_empty());
            }
        }
        5 => drop(read::<Roll>(text).map(|roll| (roll.state(), roll.reached(), roll.is_over()))),
        6 => drop(read::<Held>(text).map(|held| (held.said(now), held.expires_in(now)))),
        _ => drop(xml::value(text)),
    }
});
