//! The invariants of ARCHITECTURE.md that no compiler checks.

#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Files of `src/` outside `home` whose text has one of the words.
fn files_with(words: &[&str], home: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&root, &mut found);
    assert!(found.len() > 20, "the sources were not found");
    found.retain(|path| {
        let text = fs::read_to_string(path).unwrap();
        (home.is_empty() || !path.starts_with(root.join(home))) && words.iter().any(|word| text.contains(word))
    });
    found
}

#[test]
fn only_cloud_knows_the_sdk() {
    assert_eq!(files_with(&["aws_sdk_", "aws_config", "aws_smithy", "aws_credential"], "cloud"), Vec::<PathBuf>::new());
}

#[test]
fn nothing_in_src_knows_a_local_endpoint() {
    assert_eq!(files_with(&["moto", "localstack", "tenantry_endpoint", "127.0.0.1"], ""), Vec::<PathBuf>::new());
}
