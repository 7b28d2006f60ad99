//! The book in `docs/`: its console blocks are run, and what else it shows to type is checked as far as it can be without a
//! network. `tests/book` has its links and generated pages.

use clap::CommandFactory as _;
use clap::error::ErrorKind;
use rayon::prelude::*;
use tenantry::cli::Cli;

use super::transcript::{self, Room, Shown};
use super::{endpoint, root};
use crate::process::Endpoint;

/// One after the other, in one folder.
const TUTORIAL: [&str; 6] =
    ["1-onboard.md", "2-deploy.md", "3-drift.md", "4-release.md", "5-flags.md", "6-offboard.md"];

/// Each on its own, in an estate with an authority for devices and one for investigators.
const WITH_ESTATE: [&str; 1] = ["first-account.md"];

/// Each on its own, in such an estate with a deployed tenant.
const WITH_TENANT: [&str; 7] =
    ["add-region.md", "adopt.md", "end-of-trial.md", "eni.md", "recover.md", "rotate-authority.md", "scale.md"];

/// Those of `archive.rs`.
const ELSEWHERE: [&str; 2] = ["install.md", "upgrading.md"];

const ESTATE: [&str; 4] = [
    "tenantry init metanet",
    "export TENANTRY_ESTATE=metanet",
    "rm metanet/tenants/acme.yaml",
    "for ca in devices investigators; do openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
     -subj /O=globex/CN=$ca -keyout $ca.key -out $ca.pem; done",
];

const TENANT: [&str; 3] = [
    "tenantry new globex --account 111122223333 --region eu-west-1 --ring canary --set ingest.client_ca=devices.pem \
     --set dashboards.client_ca=investigators.pem --page https://pages.example.com/globex --offline",
    "tenantry bootstrap --role OrganizationAccountAccessRole --yes",
    "tenantry deploy globex --yes",
];

fn run(room: &Room, setup: &[&str]) {
    for command in setup {
        let (code, printed) = room.run(command);
        assert_eq!(code, 0, "{command}: {printed}");
    }
}

/// Holds a page against what it does in copies of a room and its endpoint.
fn check(page: &str, room: &Room, endpoint: &Endpoint) -> Option<String> {
    let copy = endpoint.copy();
    transcript::check(&root().join("docs").join(page), &room.copy(endpoint, &copy), Shown::WhatIsShown).err()
}

#[test]
fn the_tutorial_does_what_it_shows() {
    let endpoint = endpoint::start();
    let room = Room::with_account(&endpoint.url);
    for page in TUTORIAL {
        let checked = transcript::check(&root().join("docs/tutorial").join(page), &room, Shown::WhatIsShown);
        assert!(checked.is_ok(), "{}", checked.unwrap_err());
    }
}

#[test]
fn the_other_pages_do_what_they_show() {
    let endpoint = endpoint::start();
    let room = Room::with_account(&endpoint.url);
    run(&room, &ESTATE);
    let mut wrong: Vec<String> = WITH_ESTATE.iter().filter_map(|page| check(page, &room, &endpoint)).collect();
    run(&room, &TENANT);
    // Each waits for its endpoint most of the time.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    wrong.extend(
        pool.install(|| WITH_TENANT.par_iter().filter_map(|page| check(page, &room, &endpoint)).collect::<Vec<_>>()),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The pages whose console blocks are run.
pub(super) fn run_pages() -> impl Iterator<Item = std::path::PathBuf> {
    let tutorial = TUTORIAL.iter().map(|page| format!("tutorial/{page}"));
    let others = WITH_ESTATE.iter().chain(&WITH_TENANT).map(ToString::to_string);
    tutorial.chain(others).map(|page| root().join("docs").join(page))
}

/// Every page, by its path below `docs`.
fn pages() -> Vec<(String, String)> {
    let docs = root().join("docs");
    let files = [docs.clone(), docs.join("tutorial")].into_iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let files = files.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "md"));
    let name = |path: &std::path::Path| path.strip_prefix(&docs).unwrap().to_str().unwrap().to_owned();
    files.map(|path| (name(&path), std::fs::read_to_string(&path).unwrap())).collect()
}

/// The fenced blocks of a page: what they are of, and their lines.
fn blocks(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(kind) = lines.by_ref().find_map(|line| line.strip_prefix("```")) {
        blocks.push((kind, lines.by_ref().take_while(|line| *line != "```").collect()));
    }
    blocks
}

#[test]
fn a_page_with_console_blocks_is_run() {
    for (page, text) in pages() {
        let shows = blocks(&text).iter().any(|(kind, _)| *kind == "console");
        let tutorial = page.strip_prefix("tutorial/").is_some_and(|page| TUTORIAL.contains(&page));
        let others = WITH_ESTATE.into_iter().chain(WITH_TENANT).chain(ELSEWHERE).any(|other| other == page);
        assert_eq!(shows, tutorial || others, "{page}");
    }
}

/// What is only shown: a command of the tool parses, a target of make exists, and the rest wants a network. Options of the
/// AWS CLI are compared with its models by `tests/endpoint/tests/test_book.py`.
#[test]
fn what_no_test_runs_parses() {
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    for (page, text) in pages() {
        for (_, lines) in blocks(&text).into_iter().filter(|(kind, _)| *kind == "sh") {
            for line in lines.into_iter().filter(|line| !line.is_empty()) {
                let line = line.split("  #").next().unwrap_or_default();
                match line.split_once(' ').unwrap_or((line, "")) {
                    ("tenantry", _) => parse(&page, line),
                    ("make", targets) => {
                        let is_target = |name: &str| makefile.contains(&format!("\n{name}:"));
                        assert!(targets.split(' ').filter(|word| !word.contains('=')).all(is_target), "{page}: {line}");
                    }
                    (program, _) => {
                        assert!(
                            ["aws", "cargo", "curl", "export", "gh", "podman"].contains(&program),
                            "{page}: {line}"
                        );
                    }
                }
            }
        }
    }
}

/// A command in a sentence or a table names commands and options that exist; it may leave arguments out.
#[test]
fn a_command_that_is_mentioned_exists() {
    let mut seen = 0;
    for (page, text) in pages().into_iter().filter(|(page, _)| page != "commands.md") {
        let prose: String = text.split("```").step_by(2).collect();
        for code in prose.split('`').skip(1).step_by(2).filter(|code| code.starts_with("tenantry ")) {
            seen += 1;
            parse(&page, code);
        }
    }
    assert!(seen > 100, "{seen}");
}

fn parse(page: &str, line: &str) {
    let words = shlex::split(line).unwrap_or_else(|| panic!("{page}: {line}"));
    if let Err(error) = Cli::command().try_get_matches_from(words) {
        let known = [
            ErrorKind::MissingRequiredArgument,
            ErrorKind::InvalidValue,
            ErrorKind::ValueValidation,
            ErrorKind::MissingSubcommand,
            ErrorKind::DisplayHelp,
            ErrorKind::DisplayVersion,
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
        ];
        assert!(known.contains(&error.kind()), "{page}: `{line}`: {error}");
    }
}
