//! Releases against checkouts: generated repositories with every kind of entry that git knows, at places that the
//! loader reads. A release reads the same bytes as a checkout, or names what it refuses.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Repository;
use tenantry_spec::estate;
use tenantry_template::embedded;

/// Runs git with no configuration of the person or the machine.
fn git(folder: &Path, arguments: &[&str]) {
    let output = Command::new("git")
        .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"])
        .args(["-c", "filter.shout.smudge=tr a-z A-Z", "-c", "filter.shout.clean=cat"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn write(root: &Path, path: &str, bytes: &[u8]) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn append(root: &Path, path: &str, text: &str) {
    let before = std::fs::read(root.join(path)).unwrap_or_default();
    write(root, path, &[&before, text.as_bytes()].concat());
}

/// What an estate is made of, as the loader and everything that renders reads it.
fn read(root: &Path) -> BTreeMap<String, String> {
    let mut read = BTreeMap::new();
    let (estate, findings) = estate::load(root);
    read.extend(findings.iter().enumerate().map(|(at, one)| (format!("finding {at}"), one.message.clone())));
    let blueprint = estate.as_ref().map(|estate| std::sync::Arc::clone(&estate.blueprint));
    if let Some(estate) = estate {
        read.insert("blueprint".to_owned(), estate.blueprint.text().to_owned());
        read.insert("fleet".to_owned(), estate.fleet_source().text.clone());
        read.insert("flags".to_owned(), serde_json::to_string(&estate.flags).unwrap());
        for tenant in estate.tenants.values() {
            read.insert(format!("tenant {}", tenant.name), tenant.source.text.clone());
            read.insert(format!("files of {}", tenant.name), format!("{:?}", tenant.files));
        }
    }
    for (folder, sources) in [("templates", embedded::templates(root)), ("rules", embedded::rules(root))] {
        match sources {
            Ok(sources) => read.extend(sources.iter().map(|one| (one.path.display().to_string(), one.text.clone()))),
            Err(error) => drop(read.insert(folder.to_owned(), error.kind().to_string())),
        }
    }
    for table in ["quotas.yaml", "regions.yaml", "prices.yaml"] {
        let own = embedded::own_table(root, table).map(|own| own.map(|own| own.text.clone()).unwrap_or_default());
        read.insert(table.to_owned(), own.unwrap_or_else(|error| error.kind().to_string()));
    }
    if let Some(blueprint) = blueprint {
        let flags = embedded::function_flags(root, &blueprint);
        let flags = flags.map_or_else(|error| error.kind().to_string(), |one| format!("{one:?}"));
        read.insert("function flags".to_owned(), flags);
        let functions = embedded::functions(root, &blueprint);
        let functions = functions.map_or_else(|found| found.message, |one| format!("{one:?}"));
        read.insert("functions".to_owned(), functions);
    }
    read
}

/// Something that an estate's repository may hold, and the path that a release refuses because of it.
type Oddity = (&'static str, fn(&Path), Option<&'static str>);

/// A submodule of a commit that nobody has, with the empty folder of one that is not checked out.
fn submodule(root: &Path, path: &str) {
    const ENTRY: &str = "160000,1111111111111111111111111111111111111111,";
    std::fs::create_dir_all(root.join(path)).unwrap();
    git(root, &["update-index", "--add", "--cacheinfo", &format!("{ENTRY}{}{path}", prefix(root))]);
}

#[cfg(unix)]
fn link(root: &Path, to: &str, from: &str) {
    let from = root.join(from);
    std::fs::create_dir_all(from.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(to, from).unwrap();
}

const ODDITIES: &[Oddity] = &[
    ("a tenant that is a link", |root| link(root, "acme.yaml", "tenants/bolt.yaml"), Some("tenants/bolt.yaml")),
    ("a bundle that is a link", |root| link(root, "acme.pem", "tenants/certs/b.pem"), Some("tenants/certs/b.pem")),
    ("a folder that is a link", |root| link(root, "../docs", "templates/deep"), Some("templates/deep")),
    (
        "functions' flags that are a link",
        |root| {
            std::fs::remove_file(root.join("pipeline/flags.json")).unwrap();
            link(root, "functions.lock.json", "pipeline/flags.json");
        },
        Some("pipeline/flags.json"),
    ),
    ("a link beside the estate", |root| link(root, "nowhere", "docs/link"), None),
    ("a submodule among tenants", |root| submodule(root, "tenants/sub"), Some("tenants/sub")),
    ("a submodule beside the estate", |root| submodule(root, "vendor"), None),
    (
        "a pointer of Git LFS",
        |root| {
            let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:12ab\nsize 9\n";
            write(root, "policies/large.guard", pointer.as_bytes());
        },
        Some("policies/large.guard"),
    ),
    (
        "line ends by attribute",
        |root| append(root, ".gitattributes", "policies/flags.yaml text eol=crlf\n"),
        Some("policies/flags.yaml"),
    ),
    (
        "line ends by an attribute in the folder",
        |root| append(root, "tenants/.gitattributes", "*.pem text eol=crlf\n"),
        Some("tenants/certs/acme.pem"),
    ),
    (
        "text found by git",
        // The last line that fits decides: what others say of a file stays true.
        |root| {
            let others = std::fs::read(root.join(".gitattributes")).unwrap_or_default();
            write(root, ".gitattributes", &[b"* text=auto\n", others.as_slice()].concat());
        },
        None,
    ),
    ("line ends of no text", |root| append(root, ".gitattributes", "pipeline/*.json -text eol=crlf\n"), None),
    (
        "a filter",
        |root| append(root, ".gitattributes", "tenants/fleet.yaml filter=shout\n"),
        Some("tenants/fleet.yaml"),
    ),
    ("a filter beside the estate", |root| append(root, ".gitattributes", "docs/* filter=shout\n"), None),
    (
        "an encoding",
        |root| {
            let wide: Vec<u8> = "# wide\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
            write(root, "policies/wide.guard", &wide);
            append(root, ".gitattributes", "policies/wide.guard working-tree-encoding=UTF-16LE\n");
        },
        Some("policies/wide.guard"),
    ),
    (
        "an id that is expanded",
        |root| {
            write(root, "policies/ident.guard", b"# $Id$\n");
            append(root, ".gitattributes", "*.guard ident\n");
        },
        Some("policies/ident.guard"),
    ),
    (
        "an attribute of archives",
        |root| append(root, ".gitattributes", "*.yaml export-ignore\n*.guard export-subst\n"),
        None,
    ),
    (
        "names that differ in case",
        |root| {
            write(root, "policies/Twin.guard", b"# one\n");
            write(root, "policies/twin.guard", b"# two\n");
        },
        Some("policies/twin.guard"),
    ),
    ("a folder in another case", |root| write(root, "Policies/x.guard", b"# x\n"), Some("Policies/x.guard")),
    (
        "a name that is not UTF-8",
        |root| {
            use std::os::unix::ffi::OsStrExt;
            let name = std::ffi::OsStr::from_bytes(b"policies/a\xff.guard");
            write(root, "policies/plain.guard", b"# plain\n");
            std::fs::write(root.join(name), b"# odd\n").unwrap();
        },
        Some("policies/a\\xff.guard"),
    ),
    ("a backslash in a name", |root| write(root, "policies/a\\b.guard", b"# odd\n"), Some("policies/a\\b.guard")),
    (
        "nested folders",
        |root| {
            write(root, "policies/deep/er/x.guard", b"# deep\n");
            write(root, "tenants/europe/zeta.yaml", b"not: read\n");
            write(root, "docs/deep/er/x.md", b"# deep\n");
        },
        None,
    ),
    (
        "a program",
        |root| {
            use std::os::unix::fs::PermissionsExt;
            let path = root.join("tenants/fleet.yaml");
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        },
        None,
    ),
    (
        "returns in the stored text",
        |root| {
            let text = std::fs::read_to_string(root.join("tenants/acme.yaml")).unwrap();
            write(root, "tenants/acme.yaml", text.replace('\n', "\r\n").as_bytes());
        },
        None,
    ),
    ("text in another encoding", |root| write(root, "tenants/latin.yaml", b"name: caf\xe9\n"), None),
    ("a mark before the text", |root| write(root, "policies/marked.guard", b"\xef\xbb\xbf# marked\n"), None),
    ("an empty file", |root| write(root, "policies/empty.guard", b""), None),
    ("no flags", |root| drop(std::fs::remove_file(root.join("policies/flags.yaml"))), None),
    (
        "a file that is ignored and added all the same",
        |root| {
            write(root, "policies/local.guard", b"# local\n");
            append(root, ".gitignore", "local.guard\n");
            git(root, &["add", "--force", "policies/local.guard"]);
        },
        None,
    ),
    ("tenants that are broken", |root| write(root, "tenants/Wrong Name.yaml", b"{"), None),
];

/// The path of an estate in its repository, with a slash at the end.
fn prefix(root: &Path) -> &'static str {
    if root.ends_with("est") { "est/" } else { "" }
}

struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }
}

fn base(root: &Path) {
    for (path, bytes) in embedded::sample(embedded::DEFAULT_BLUEPRINT) {
        write(root, path.to_str().unwrap(), &bytes);
    }
    for name in ["flags.yaml", "quotas.yaml"] {
        write(root, &format!("policies/{name}"), embedded::POLICIES.get_file(name).unwrap().contents());
    }
    write(root, "templates/tenant.yaml.tera", b"Resources: {}\n");
    write(root, "docs/README.md", b"# Beside\n");
}

/// Commits, tags and checks out anew, so that the work tree is what any checkout gives.
fn checked_out(top: &Path) {
    git(top, &["add", "--all"]);
    git(top, &["commit", "--quiet", "--message", "v1"]);
    git(top, &["tag", "v1"]);
    for entry in std::fs::read_dir(top).unwrap().map(|entry| entry.unwrap().path()) {
        match entry.file_name().is_some_and(|name| name == ".git") {
            true => {}
            false if entry.is_dir() && !entry.is_symlink() => std::fs::remove_dir_all(entry).unwrap(),
            false => std::fs::remove_file(entry).unwrap(),
        }
    }
    git(top, &["checkout-index", "--all", "--force"]);
}

fn compare(seed: u64) {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let folder = tempfile::tempdir().unwrap();
    let top = folder.path();
    let root: PathBuf = if random.below(3) == 0 { top.join("est") } else { top.to_owned() };
    std::fs::create_dir_all(&root).unwrap();
    git(top, &["init", "--quiet", "--template=", "--initial-branch", "main"]);
    base(&root);
    let mut chosen: Vec<&Oddity> = (0..random.below(4)).map(|_| &ODDITIES[random.below(ODDITIES.len())]).collect();
    // Each kind is met even in a short run.
    chosen.push(&ODDITIES[usize::try_from(seed).unwrap() % ODDITIES.len()]);
    chosen.sort_by_key(|(name, ..)| *name);
    chosen.dedup_by_key(|(name, ..)| *name);
    git(top, &["add", "--all"]);
    chosen.iter().for_each(|(_, make, _)| make(&root));
    let names: Vec<&str> = chosen.iter().map(|(name, ..)| *name).collect();
    checked_out(top);
    let repository = Repository::open(&root).unwrap();
    let tag = repository.tag("v1").unwrap();
    let mut refused: Vec<&str> = chosen.iter().filter_map(|(_, _, refused)| *refused).collect();
    // What is not there any more cannot be refused.
    refused.retain(|path| *path != "policies/flags.yaml" || !names.contains(&"no flags"));
    match repository.materialise(&tag) {
        Ok(released) => {
            assert_eq!(refused, Vec::<&str>::new(), "seed {seed}: {names:?} was not refused");
            assert_eq!(read(released.path()), read(&root), "seed {seed}: {names:?}");
            let unlike = repository.beside_commit(&tag, &root).unwrap();
            assert_eq!(unlike, Vec::<String>::new(), "seed {seed}: {names:?}");
        }
        Err(error) => {
            let text = error.to_string();
            assert!(!refused.is_empty(), "seed {seed}: {names:?}: {text}");
            for path in refused {
                assert!(text.contains(&format!("`{path}`")), "seed {seed}: {names:?}: no {path} in {text}");
            }
        }
    }
}

#[test]
fn a_release_reads_what_a_checkout_gives_or_names_what_it_refuses() {
    for seed in 0..u64::from(tenantry_base::cases(1000)) {
        compare(seed);
    }
}

/// A folder of the estate that is itself a link or a submodule, which a checkout follows.
#[test]
fn a_whole_folder_in_another_place_is_refused_by_name() {
    for folder in ["policies", "templates", "tenants", "pipeline"] {
        for is_submodule in [false, true] {
            let top = tempfile::tempdir().unwrap();
            let top = top.path();
            git(top, &["init", "--quiet", "--template=", "--initial-branch", "main"]);
            base(top);
            std::fs::rename(top.join(folder), top.join("moved")).unwrap();
            git(top, &["add", "--all"]);
            if is_submodule {
                submodule(top, folder);
            } else {
                link(top, "moved", folder);
                git(top, &["add", folder]);
            }
            git(top, &["commit", "--quiet", "--message", "v1"]);
            git(top, &["tag", "v1"]);
            let repository = Repository::open(top).unwrap();
            let error = repository.materialise(&repository.tag("v1").unwrap()).unwrap_err().to_string();
            assert!(error.contains(&format!("`{folder}`")), "{error}");
        }
    }
}

/// The work tree reads what git does not hold, or does not show.
#[test]
fn a_work_tree_that_is_unlike_its_commit_is_reported_file_by_file() {
    let top = tempfile::tempdir().unwrap();
    let top = top.path();
    git(top, &["init", "--quiet", "--template=", "--initial-branch", "main"]);
    base(top);
    append(top, ".gitignore", "local.guard\n");
    checked_out(top);
    write(top, "policies/local.guard", b"# ignored\n");
    git(top, &["update-index", "--assume-unchanged", "tenants/acme.yaml"]);
    append(top, "tenants/acme.yaml", "# more\n");
    git(top, &["update-index", "--skip-worktree", "policies/flags.yaml"]);
    std::fs::remove_file(top.join("policies/flags.yaml")).unwrap();
    let repository = Repository::open(top).unwrap();
    assert_eq!(repository.dirty().unwrap(), Vec::<String>::new(), "git sees none of it");
    let unlike = repository.beside_commit(&repository.head().unwrap(), top).unwrap().join("\n");
    for path in ["policies/local.guard", "tenants/acme.yaml", "policies/flags.yaml"] {
        assert!(unlike.contains(&format!("`{path}`")), "{unlike}");
    }
}

#[test]
fn sparse_partial_and_shallow_clones_say_what_they_lack() {
    let folder = tempfile::tempdir().unwrap();
    let origin = folder.path().join("origin");
    std::fs::create_dir(&origin).unwrap();
    git(&origin, &["init", "--quiet", "--template=", "--initial-branch", "main"]);
    git(&origin, &["config", "uploadpack.allowFilter", "true"]);
    base(&origin);
    checked_out(&origin);
    let url = format!("file://{}", origin.display());
    let clone = |name: &str, arguments: &[&str]| {
        git(folder.path(), &[&["clone", "--quiet"], arguments, &[url.as_str(), name]].concat());
        folder.path().join(name)
    };
    let partial = clone("partial", &["--filter=blob:none", "--no-checkout"]);
    let repository = Repository::open(&partial).unwrap();
    let error = repository.materialise(&repository.tag("v1").unwrap()).unwrap_err().to_string();
    assert!(error.contains("partial clone lacks") && error.contains("policies/flags.yaml"), "{error}");

    let sparse = clone("sparse", &[]);
    git(&sparse, &["sparse-checkout", "set", "--no-cone", "/tenants/"]);
    let repository = Repository::open(&sparse).unwrap();
    let left_out = repository.left_out().unwrap();
    assert!(left_out.contains(&"policies/flags.yaml".to_owned()), "{left_out:?}");
    assert!(repository.materialise(&repository.tag("v1").unwrap()).is_ok(), "its objects are all there");

    append(&origin, "tenants/acme.yaml", "# more\n");
    git(&origin, &["commit", "--quiet", "--all", "--message", "v2"]);
    git(&origin, &["tag", "v2"]);
    let shallow = clone("shallow", &["--depth", "1"]);
    let repository = Repository::open(&shallow).unwrap();
    let v2 = repository.tag("v2").unwrap();
    assert_eq!(repository.distance(&v2, &v2).unwrap().ahead, None, "it cannot count");
    assert!(repository.materialise(&v2).is_ok());
    let absent = repository.tag("v1").unwrap_err();
    assert!(absent.hint().unwrap().contains("shallow") || absent.to_string().contains("v1"), "{absent}");
}
