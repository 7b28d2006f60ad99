//! The book in `docs/`: its links, its table of contents, and the pages that are written from data
//! (`UPDATE_EXPECTED=1 cargo test --test offline book::` writes them). Its commands are run by `tests/cli`.

mod fields;
mod links;
mod permissions;
mod reference;

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The book's Markdown files, by their path below `docs`.
fn pages() -> Vec<PathBuf> {
    fn add(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                add(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    let docs = root().join("docs");
    let mut found = Vec::new();
    add(&docs, &mut found);
    found.sort();
    found.into_iter().map(|path| path.strip_prefix(&docs).unwrap().to_owned()).collect()
}

/// Pages that are written from data, by their name in `docs`.
#[test]
fn the_reference_says_what_its_data_say() {
    let mut wrong = Vec::new();
    for (page, text) in reference::pages().into_iter().chain([("permissions.md", permissions::page())]) {
        let file = root().join("docs").join(page);
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(&file, &text).unwrap();
        }
        if fs::read_to_string(&file).unwrap_or_default() != text {
            wrong.push(page);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?} are not what their data say; UPDATE_EXPECTED=1 writes them");
}
