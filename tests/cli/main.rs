//! What a person types and sees. Each Markdown file of `offline/` and `aws/` is a transcript: its console blocks are run
//! command by command in a folder of their own, and must print what they show. The tour of README.md is one, too, and
//! `docs/commands.md` is what the options say. `UPDATE_EXPECTED=1` writes what is seen into the files.
//!
//! `TRANSCRIPT=status` runs that one only.
//!
//! `? 2` below a command is its exit code (else 0); `...` stands for any lines, `[..]` for anything in a line.

mod archive;
mod book;
mod endpoint;
mod images;
mod obstacles;
mod reference;
mod sarif;
mod transcript;

use std::path::{Path, PathBuf};

use transcript::{Room, Shown};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The transcripts of a folder.
fn transcripts(folder: &str) -> Vec<PathBuf> {
    let folder = root().join("tests/cli").join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

/// Those that `TRANSCRIPT` names, by the stem of their file; else all.
fn chosen(folder: &str) -> Vec<PathBuf> {
    let mut files = transcripts(folder);
    if let Some(name) = std::env::var_os("TRANSCRIPT") {
        let named = |file: &PathBuf| file.file_stem() == Some(&name);
        assert!(
            ["offline", "aws"].into_iter().flat_map(transcripts).any(|file| named(&file)),
            "no transcript {name:?}"
        );
        files.retain(named);
    }
    files
}

#[test]
fn every_command_has_a_transcript() {
    let files = ["offline", "aws"].into_iter().flat_map(transcripts);
    let text: String = files.map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let command = <tenantry::cli::Cli as clap::CommandFactory>::command();
    for name in command.get_subcommands().map(|inner| inner.get_name()) {
        let run = format!("\n$ tenantry {name} ");
        assert!(text.contains(&run) || text.contains(&format!("\n$ tenantry {name}\n")), "no transcript runs {name}");
    }
}

/// A release is cut only where the functions' zips are.
fn room(file: &Path) -> Room {
    if file.ends_with("release.md") { Room::with_functions() } else { Room::new() }
}

#[test]
fn commands_without_an_account_print_what_their_transcripts_show() {
    use rayon::prelude::*;
    let wrong: Vec<String> = chosen("offline")
        .par_iter()
        .filter_map(|file| transcript::check(file, &room(file), Shown::Everything).err())
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn commands_with_an_account_print_what_their_transcripts_show() {
    use rayon::prelude::*;
    let check = |file: &PathBuf| {
        let endpoint = endpoint::start();
        transcript::check(file, &Room::with_account(&endpoint.url), Shown::Everything).err()
    };
    // Each waits for its endpoint most of the time.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
    let wrong: Vec<String> = pool.install(|| chosen("aws").par_iter().filter_map(check).collect());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_tour_of_the_readme_does_what_it_shows() {
    let endpoint = endpoint::start();
    let checked = transcript::check(&root().join("README.md"), &Room::with_account(&endpoint.url), Shown::WhatIsShown);
    assert!(checked.is_ok(), "{}", checked.unwrap_err());
}
