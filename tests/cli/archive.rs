//! A release's archive, as `dist/pack.py` packs it from this binary: everything is in it, and what installs it finds it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use clap::CommandFactory;
use serde_json::{Value, json};
use tenantry::cli::Cli;
use tenantry::digest::sha256;

use super::root;
use super::transcript::{self, Room, Shown};

/// The target whose archive is packed. The binary is the host's all the same.
pub(crate) const TARGET: &str = "x86_64-unknown-linux-musl";

/// Small files stand for the functions' zips, and a line for the SBOM.
struct Packed {
    folder: tempfile::TempDir,
    /// Name without `.tar.gz`, as that of the folder inside.
    name: String,
}

impl Packed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut artifacts = json!({});
        fs::create_dir(folder.path().join("zips")).unwrap();
        for (architecture, function) in
            [("x86_64", "splitter"), ("x86_64", "ingest"), ("arm64", "splitter"), ("arm64", "ingest")]
        {
            let zip = format!("{function} for {architecture}");
            let digest = sha256(zip.as_bytes());
            fs::write(folder.path().join("zips").join(format!("{digest}.zip")), &zip).unwrap();
            artifacts[architecture][function] = json!({ "sha256": digest, "bytes": zip.len() });
        }
        let lock = json!({ "version": 2, "architecture": "x86_64", "artifacts": artifacts });
        fs::write(folder.path().join("lock.json"), lock.to_string()).unwrap();
        fs::write(folder.path().join("sbom.json"), "{}").unwrap();
        let packed = Self { folder, name: format!("tenantry-{}-{TARGET}", env!("CARGO_PKG_VERSION")) };
        packed.pack("out", "zips").unwrap();
        packed
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn archive(&self, out: &str) -> PathBuf {
        self.path(out).join(format!("{}.tar.gz", self.name))
    }

    /// Runs the script; what it says where it fails.
    fn pack(&self, out: &str, zips: &str) -> Result<(), String> {
        let mut pack = Command::new("python3");
        pack.arg(root().join("dist/pack.py")).args(["--target", TARGET, "--level", "1"]);
        pack.args(["--binary", env!("CARGO_BIN_EXE_tenantry")]).env("SOURCE_DATE_EPOCH", "1700000000");
        for (option, name) in [("--functions", zips), ("--lock", "lock.json"), ("--sbom", "sbom.json"), ("--out", out)]
        {
            pack.arg(option).arg(self.path(name));
        }
        let output = pack.output().unwrap();
        if output.status.success() { Ok(()) } else { Err(String::from_utf8(output.stderr).unwrap()) }
    }

    /// The folder that the archive holds, unpacked.
    fn unpack(&self) -> PathBuf {
        let unpacked = self.path("unpacked");
        if !unpacked.exists() {
            fs::create_dir(&unpacked).unwrap();
            let mut tar = Command::new("tar");
            assert!(tar.arg("-xzf").arg(self.archive("out")).arg("-C").arg(&unpacked).status().unwrap().success());
        }
        unpacked.join(&self.name)
    }
}

/// Packing reads a large binary: once is enough.
static PACKED: LazyLock<Packed> = LazyLock::new(|| {
    let packed = Packed::new();
    packed.unpack();
    packed
});

fn files(folder: &Path, below: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(folder, &path, found),
            false => drop(found.insert(path.strip_prefix(folder).unwrap().display().to_string())),
        }
    }
}

/// The names of all commands with a dash between the words, as manual pages are called.
fn commands(command: &clap::Command, name: &str, found: &mut Vec<String>) {
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        commands(inner, &format!("{name}-{}", inner.get_name()), found);
    }
    found.push(name.to_owned());
}

#[test]
fn an_archive_holds_what_a_machine_without_rust_needs() {
    let unpacked = PACKED.unpack();
    let (mut found, mut expected) = (BTreeSet::new(), BTreeSet::new());
    files(&unpacked, &unpacked, &mut found);
    let mut all = Vec::new();
    commands(&Cli::command(), "tenantry", &mut all);
    assert!(all.len() > 50, "{all:?}");
    expected.extend(all.iter().map(|name| format!("man/man1/{name}.1")));
    for name in ["tenantry.bash", "_tenantry", "tenantry.fish", "tenantry.elv", "_tenantry.ps1"] {
        expected.insert(format!("completions/{name}"));
    }
    for zip in fs::read_dir(PACKED.path("zips")).unwrap() {
        expected.insert(format!("functions/{}", zip.unwrap().file_name().to_str().unwrap()));
    }
    let others = ["tenantry", "tenantry.cdx.json", "LICENSE-APACHE", "LICENSE-MIT", "README.md", "CHANGELOG.md"];
    expected.extend(others.map(str::to_owned));
    expected.insert("functions/functions.lock.json".to_owned());
    assert_eq!(found, expected);

    for name in all {
        let page = fs::read_to_string(unpacked.join(format!("man/man1/{name}.1"))).unwrap();
        let (title, summary) = (format!(".TH {name} 1"), format!("{} \\- ", name.replace('-', "\\-")));
        assert!(page.contains(&title) && page.contains(&summary), "{name}: {}", &page[..page.len().min(300)]);
    }
    for name in found.iter().filter(|name| name.starts_with("completions/")) {
        let script = fs::read_to_string(unpacked.join(name)).unwrap();
        assert!(script.contains("TENANTRY_COMPLETE") && script.contains("tenantry"), "{name}");
    }
}

#[test]
fn an_archive_is_the_same_bytes_each_time_and_as_its_checksums_say() {
    let bytes = fs::read(PACKED.archive("out")).unwrap();
    PACKED.pack("again", "zips").unwrap();
    assert!(fs::read(PACKED.archive("again")).unwrap() == bytes, "two archives of one binary differ");
    let mut check = Command::new("sha256sum");
    let said = check.current_dir(PACKED.path("out")).args(["--check", "--strict", "SHA256SUMS"]).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    assert_eq!(String::from_utf8_lossy(&said.stdout).lines().count(), 2);
    let listing = Command::new("tar").args(["--numeric-owner", "-tvzf"]).arg(PACKED.archive("out")).output().unwrap();
    for line in String::from_utf8(listing.stdout).unwrap().lines() {
        let is_open = ["-rw-r--r-- ", "drwxr-xr-x "].iter().any(|mode| line.starts_with(mode));
        assert!(is_open || line.starts_with("-rwxr-xr-x ") && line.ends_with("/tenantry"), "{line}");
        assert!(line.contains(" 0/0 ") && line.contains("2023-11-1"), "{line}");
    }
}

#[test]
fn an_archive_without_the_zips_that_the_lock_names_is_not_packed() {
    fs::create_dir(PACKED.path("other zips")).unwrap();
    for zip in fs::read_dir(PACKED.path("zips")).unwrap().skip(1) {
        let zip = zip.unwrap();
        fs::write(PACKED.path("other zips").join(zip.file_name()), "other").unwrap();
    }
    let said = PACKED.pack("none", "other zips").unwrap_err();
    assert_eq!((said.matches("has another SHA-256").count(), said.matches("no such file").count()), (3, 1), "{said}");
    assert!(!PACKED.path("none").exists());
}

/// Also where the program on the path is a link to that in the archive.
#[test]
fn the_program_of_an_archive_fetches_the_zips_that_are_beside_it() {
    let (room, unpacked) = (tempfile::tempdir().unwrap(), PACKED.unpack());
    let program = room.path().join("tenantry");
    std::os::unix::fs::symlink(unpacked.join("tenantry"), &program).unwrap();
    let run = |arguments: &[&str]| {
        let mut tenantry = Command::new(&program);
        let output = tenantry.current_dir(room.path()).args(arguments).env_remove("TENANTRY_ESTATE").output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["init", "estate"]);
    let lock = unpacked.join("functions/functions.lock.json");
    fs::copy(lock, room.path().join("estate/pipeline/functions.lock.json")).unwrap();
    let answer: Value =
        serde_json::from_str(&run(&["functions", "fetch", "-C", "estate", "--functions", "zips", "-o", "json"]))
            .unwrap();
    let states: Vec<&Value> = answer["functions"].as_array().unwrap().iter().map(|one| &one["state"]).collect();
    assert_eq!(states, ["fetched", "fetched"]);
}

/// Values of `[package.metadata.binstall]` in Cargo.toml.
fn binstall(key: &str) -> String {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let section = manifest.split("[package.metadata.binstall]\n").nth(1).unwrap();
    let line = section.lines().find_map(|line| line.strip_prefix(&format!("{key} = "))).unwrap();
    line.trim_matches('"').to_owned()
}

#[test]
fn cargo_binstall_finds_the_archive_and_the_binary_in_it() {
    let filled = |template: String| {
        let values = [("name", "tenantry"), ("version", env!("CARGO_PKG_VERSION")), ("target", TARGET)];
        let values = values.into_iter().chain([("bin", "tenantry"), ("binary-ext", ""), ("repo", "REPO")]);
        values.fold(template, |text, (name, value)| text.replace(&format!("{{ {name} }}"), value))
    };
    let url = filled(binstall("pkg-url"));
    assert_eq!(url, format!("REPO/releases/download/v{}/{}.tar.gz", env!("CARGO_PKG_VERSION"), PACKED.name));
    assert_eq!(url.rsplit('/').next(), PACKED.archive("out").file_name().unwrap().to_str());
    assert!(PACKED.unpack().parent().unwrap().join(filled(binstall("bin-dir"))).is_file());
    assert_eq!(binstall("pkg-fmt"), "tgz");
}

/// The archive's zips are small files, so an estate's lock is the archive's.
#[test]
fn the_page_on_installing_does_what_it_shows() {
    let init = format!(
        r#"() {{ command tenantry "$@" || return; [ "$1" != init ] || cp '{}' "$2/pipeline/functions.lock.json"; }}"#,
        PACKED.unpack().join("functions/functions.lock.json").display()
    );
    let room = Room::new().with("BASH_FUNC_tenantry%%", init);
    for file in ["SHA256SUMS".to_owned(), format!("{}.tar.gz", PACKED.name)] {
        fs::copy(PACKED.path("out").join(&file), room.work().join(&file)).unwrap();
    }
    let checked = transcript::check(&root().join("docs/install.md"), &room, Shown::Everything);
    assert!(checked.is_ok(), "{}", checked.unwrap_err());
}

#[test]
fn the_page_on_upgrading_does_what_it_shows() {
    let room = Room::new();
    let mut init = Command::new(env!("CARGO_BIN_EXE_tenantry"));
    assert!(init.args(["init", "metanet"]).current_dir(room.work()).output().unwrap().status.success());
    let checked = transcript::check(&root().join("docs/upgrading.md"), &room, Shown::WhatIsShown);
    assert!(checked.is_ok(), "{}", checked.unwrap_err());
    let fleet = fs::read_to_string(room.work().join("metanet/tenants/fleet.yaml")).unwrap();
    assert!(fleet.contains("required_version: \">="), "{fleet}");
}

fn document(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Blocks that no transcript runs only call what needs a network or a registry.
#[test]
fn the_page_on_installing_shows_nothing_unrun_that_could_run_here() {
    let text = document("docs/install.md");
    let blocks: Vec<&str> = text.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap()).collect();
    assert_eq!(blocks.len(), text.matches("```").count() / 2 - text.matches("```console").count());
    for line in blocks.iter().flat_map(|block| block.lines()) {
        let program = line.split(' ').next().unwrap();
        assert!(["curl", "gh", "cargo", "podman"].contains(&program), "{line}");
    }
}

#[test]
fn targets_are_those_that_the_release_workflow_builds() {
    let workflow = document(".github/workflows/release.yml");
    let built: BTreeSet<&str> = workflow.lines().filter_map(|line| line.trim().strip_prefix("- target: ")).collect();
    let page = document("docs/install.md");
    let table = page.split("## ").next().unwrap().lines().filter_map(|line| line.strip_prefix("| `"));
    let listed: BTreeSet<&str> = table.filter_map(|line| line.split('`').next()).collect();
    assert_eq!(built, listed);
    assert!(built.contains(TARGET) && built.len() == 4, "{built:?}");
}

/// Sections of a document by their titles.
fn sections(text: &str) -> Vec<(&str, &str)> {
    text.split("\n## ").skip(1).filter_map(|section| section.split_once('\n')).collect()
}

/// A command that the changelog prints bold is one to run after an upgrade.
#[test]
fn the_page_on_upgrading_names_each_command_that_the_changelog_asks_for() {
    let (changelog, page) = (document("CHANGELOG.md"), document("docs/upgrading.md"));
    let reported = sections(&page);
    let mut asked = BTreeSet::new();
    for (release, text) in sections(&changelog) {
        let bold = text.split("**").skip(1).step_by(2);
        for command in
            bold.flat_map(|bold| bold.split('`').skip(1).step_by(2)).filter(|code| code.starts_with("tenantry "))
        {
            let section = reported.iter().find(|(title, _)| *title == release);
            assert!(section.is_some_and(|(_, text)| text.contains(&format!("`{command}`"))), "{release}: {command}");
            asked.insert(command);
        }
    }
    assert!(asked.contains("tenantry bootstrap") && asked.contains("tenantry init --upgrade"), "{asked:?}");
}

/// `ci/install.sh` with a `curl` that copies a file.
fn install_in_ci(url: &str, download: &Path, digest: &str, bin: &Path) -> std::process::Output {
    let folder = tempfile::tempdir().unwrap();
    let curl = folder.path().join("curl");
    fs::write(&curl, format!("#!/bin/sh\nfor last; do :; done\ncp '{}' \"$last\"\n", download.display())).unwrap();
    fs::set_permissions(&curl, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut install = Command::new("bash");
    install.arg(root().join("ci/install.sh")).env("TENANTRY_URL", url).env("TENANTRY_SHA256", digest);
    install.env("TENANTRY_BIN", bin).env_remove("GITHUB_PATH");
    install.env("PATH", format!("{}:/usr/bin:/bin", folder.path().display())).output().unwrap()
}

#[test]
fn a_ci_job_installs_an_archive_or_a_binary_of_the_digest_that_it_names() {
    let (archive, binary) = (PACKED.archive("out"), PACKED.unpack().join("tenantry"));
    for (name, file) in [("tenantry.tar.gz", archive), ("tenantry", binary)] {
        let bin = tempfile::tempdir().unwrap();
        let digest = sha256(fs::read(&file).unwrap());
        let refused = install_in_ci(&format!("https://example.com/{name}"), &file, &"0".repeat(64), bin.path());
        assert!(!refused.status.success() && !bin.path().join("tenantry").exists(), "{refused:?}");
        let installed = install_in_ci(&format!("https://example.com/{name}"), &file, &digest, bin.path());
        let said = String::from_utf8_lossy(&installed.stdout);
        assert!(installed.status.success() && said.starts_with("tenantry "), "{installed:?}");
        assert_eq!(bin.path().join("functions").is_dir(), name.ends_with(".tar.gz"));
    }
}
