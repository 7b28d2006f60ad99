//! What the binary carries: templates, policies and a sample estate. An estate's own folders come first.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use include_dir::{Dir, include_dir};

use crate::render::Functions;
use tenantry_base::document::read_source;
use tenantry_base::files;
use tenantry_base::finding::{Code, Finding, Source};
use tenantry_blueprint::Blueprint;

/// The templates that this version of the tool came with.
pub static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../templates");
/// The rules, flags, quotas and prices that it came with.
pub static POLICIES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../policies");
/// The other blueprints: each a folder with templates, rules and a sample of tenants.
static BLUEPRINTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../blueprints");
/// The templates with which estates were made before there were blueprints.
static OLD_TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../compat/v1/templates");
/// Scripts and workflows that run the commands in CI.
pub static CI: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../ci");
const FLEET: &str = include_str!("../../../tenants/fleet.yaml");
/// The smallest tenant, so that a first deploy is cheap; the `acme` of this repository's fleet is a large one.
const TENANT: &str = include_str!("../sample/acme.yaml");
static CERTIFICATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../tenants/certs");
const FUNCTIONS: &str = include_str!("../../../pipeline/functions.lock.json");
const FUNCTION_FLAGS: &str = include_str!("../../../pipeline/flags.json");

/// Text files of a folder of the estate, else of the binary, in the order of their paths.
fn sources(root: &Path, folder: &str, embedded: &Dir<'_>, ending: &str) -> io::Result<Vec<Arc<Source>>> {
    let mut sources = Vec::new();
    let own = root.join(folder);
    if own.is_dir() {
        collect(&own, root, ending, 0, &mut sources)?;
    } else {
        collect_embedded(embedded, Path::new(folder), ending, &mut sources);
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

/// The template set of an estate.
///
/// # Errors
/// A file that cannot be read.
pub fn templates(root: &Path) -> io::Result<Vec<Arc<Source>>> {
    sources(root, "templates", &TEMPLATES, ".tera")
}

/// The Guard rules of an estate.
///
/// # Errors
/// A file that cannot be read.
pub fn rules(root: &Path) -> io::Result<Vec<Arc<Source>>> {
    sources(root, "policies", &POLICIES, ".guard")
}

/// The handbook of an estate's templates, else that of this version where the estate has no templates of its own.
///
/// # Errors
/// A file that cannot be read.
pub fn handbook(root: &Path) -> io::Result<Option<Arc<Source>>> {
    let path = Path::new("templates").join(HANDBOOK);
    if !root.join("templates").is_dir() {
        let text = TEMPLATES.get_file(HANDBOOK).and_then(|file| file.contents_utf8());
        return Ok(text.map(|text| Arc::new(Source { path, text: text.to_owned() })));
    }
    match own_file(root, &path) {
        Ok(source) => Ok(Some(Arc::new(source))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Files in the folders of templates and rules that nothing reads, by their path, with the reason.
///
/// # Errors
/// A folder that cannot be read.
pub fn unread(root: &Path) -> io::Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for folder in ["templates", "policies"] {
        if root.join(folder).is_dir() {
            unread_below(&root.join(folder), root, folder, 0, &mut found)?;
        }
    }
    Ok(found)
}

fn unread_below(
    folder: &Path,
    root: &Path,
    kind: &str,
    depth: usize,
    found: &mut BTreeMap<String, String>,
) -> io::Result<()> {
    for path in files::list(folder)? {
        let shown = path.strip_prefix(root).unwrap_or(&path).to_owned();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Tests of rules are those of `cfn-guard test`.
        if name.starts_with('.') || kind == "policies" && shown == Path::new("policies/tests") {
            continue;
        }
        if path.is_dir() {
            if depth < DEEPEST {
                unread_below(&path, root, kind, depth + 1, found)?;
            }
            continue;
        }
        let ending = if kind == "templates" { ".tera" } else { ".guard" };
        let is_table = shown.parent() == Some(Path::new("policies")) && TABLES.contains(&name.as_str());
        let is_blueprint = shown.parent() == Some(Path::new("templates")) && BESIDE.contains(&name.as_str());
        if !(name.ends_with(ending) || is_table || is_blueprint) {
            let why = format!("{} end in `{ending}`", if kind == "templates" { "templates" } else { "rules" });
            found.insert(shown.display().to_string(), why);
        }
    }
    Ok(())
}

/// What to do when an alarm fires.
const HANDBOOK: &str = "handbook.yaml";
/// What stands beside the templates.
const BESIDE: [&str; 3] = ["blueprint.yaml", "context.yaml", HANDBOOK];
/// The tables of the folder of rules.
const TABLES: [&str; 7] =
    ["flags.yaml", "neighbours.yaml", "prices.yaml", "quotas.yaml", "regions.yaml", "registry.json", "resources.yaml"];
/// How deep folders of an estate are looked through: links may lead in a circle.
const DEEPEST: usize = 16;

/// The digests of the artifacts that a blueprint's functions run: the estate's own lock file, else that of this version. None
/// for a blueprint without functions.
///
/// # Errors
/// TN3010.
pub fn functions(root: &Path, blueprint: &Blueprint) -> Result<Functions, Finding> {
    let Some(lock) = &blueprint.artifacts.lock else { return Ok(Functions::default()) };
    let text = shipped_or_own(root, lock).map_err(|error| Finding::new(Code::TN3010, error.to_string()))?;
    Functions::parse(lock, &text, &blueprint.artifacts.functions)
}

/// The keys of the flags that a blueprint's functions read, by the file that it names.
///
/// # Errors
/// A file that cannot be read.
pub fn function_flags(root: &Path, blueprint: &Blueprint) -> io::Result<Option<Arc<Source>>> {
    let Some(path) = &blueprint.artifacts.flags else { return Ok(None) };
    let text = shipped_or_own(root, path)?;
    Ok(Some(Arc::new(Source { path: PathBuf::from(path), text })))
}

/// Files of the default blueprint's functions, which an estate need not have.
const SHIPPED: [(&str, &str); 2] =
    [("pipeline/functions.lock.json", FUNCTIONS), ("pipeline/flags.json", FUNCTION_FLAGS)];

fn shipped_or_own(root: &Path, path: &str) -> io::Result<String> {
    match (own_file(root, Path::new(path)).map(|file| file.text), SHIPPED.iter().find(|(shipped, _)| *shipped == path))
    {
        (Err(error), Some((_, text))) if error.kind() == io::ErrorKind::NotFound => Ok((*text).to_owned()),
        (read, _) => read,
    }
}

/// A table of an estate's policies, else of this version: `quotas.yaml`.
///
/// # Errors
/// A file that cannot be read.
pub fn table(root: &Path, name: &str) -> io::Result<String> {
    let own = Path::new("policies").join(name);
    if root.join(&own).symlink_metadata().is_ok() {
        return own_file(root, &own).map(|file| file.text);
    }
    let embedded = POLICIES.get_file(name).and_then(|file| file.contents_utf8());
    embedded.map(str::to_owned).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no table `{name}`")))
}

/// Whether a file of an estate's rules is one that a blueprint of this version came with, unchanged.
pub fn is_shipped(source: &Source) -> bool {
    let same = |file: Option<&include_dir::File<'_>>| {
        file.is_some_and(|file| file.contents_utf8() == Some(source.text.as_str()))
    };
    let inside = source.path.strip_prefix("policies");
    inside.is_ok_and(|inside| same(POLICIES.get_file(inside)))
        || BLUEPRINTS.dirs().any(|blueprint| same(BLUEPRINTS.get_file(blueprint.path().join(&source.path))))
}

/// A table of this version: `quotas.yaml`.
pub fn shipped_table(name: &str) -> &'static str {
    POLICIES.get_file(name).and_then(|file| file.contents_utf8()).unwrap_or_default()
}

/// The rows that an estate has of a table, to be laid over those of this version. None where it has none.
///
/// # Errors
/// A file that cannot be read.
pub fn own_table(root: &Path, name: &str) -> io::Result<Option<Arc<Source>>> {
    let path = Path::new("policies").join(name);
    match own_file(root, &path) {
        Ok(source) => Ok(Some(Arc::new(source))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn collect(folder: &Path, root: &Path, ending: &str, depth: usize, found: &mut Vec<Arc<Source>>) -> io::Result<()> {
    for path in files::list(folder)? {
        if path.is_dir() {
            if depth < DEEPEST {
                collect(&path, root, ending, depth + 1, found)?;
            }
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(Arc::new(own_file(root, path.strip_prefix(root).unwrap_or(&path))?));
        }
    }
    Ok(())
}

/// A text file of the estate, by its path inside.
fn own_file(root: &Path, shown: &Path) -> io::Result<Source> {
    let path = root.join(shown);
    // What is not there is for the caller to tell.
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            files::read_to_string(&path).map(|text| Source { path, text })
        }
        _ => read_source(&path, shown.to_owned())
            .map_err(|finding| io::Error::new(io::ErrorKind::InvalidData, finding.message)),
    }
}

fn collect_embedded(dir: &Dir<'_>, below: &Path, ending: &str, found: &mut Vec<Arc<Source>>) {
    for file in dir.files().filter(|file| file.path().to_string_lossy().ends_with(ending)) {
        if let Some(text) = file.contents_utf8() {
            let path: PathBuf = below.join(file.path());
            found.push(Arc::new(Source { path, text: text.to_owned() }));
        }
    }
    dir.dirs().for_each(|inner| collect_embedded(inner, below, ending, found));
}

/// Name of the default blueprint.
pub const DEFAULT_BLUEPRINT: &str = "network-metadata";

/// The names of the blueprints that the binary carries, the default one first.
pub fn blueprints() -> Vec<String> {
    let others = BLUEPRINTS.dirs().filter_map(|dir| Some(dir.path().file_name()?.to_str()?.to_owned()));
    [DEFAULT_BLUEPRINT.to_owned()].into_iter().chain(others).collect()
}

/// A file of an estate: its path, and what is in it.
pub type File = (PathBuf, Vec<u8>);

/// Tables of facts about AWS. An estate may have rows of its own of some.
const FACTS: [&str; 6] =
    ["neighbours.yaml", "prices.yaml", "quotas.yaml", "regions.yaml", "registry.json", "resources.yaml"];

/// What a blueprint gives to an estate and keeps up to date: templates, rules, tables. None for a name that there is not.
pub fn blueprint_files(name: &str) -> Option<Vec<File>> {
    let mut files = Vec::new();
    if name == DEFAULT_BLUEPRINT {
        copy(&TEMPLATES, Path::new("templates"), &mut files);
        copy(&POLICIES, Path::new("policies"), &mut files);
    } else {
        let own = BLUEPRINTS.get_dir(name)?;
        for folder in ["templates", "policies"] {
            if let Some(dir) = own.get_dir(own.path().join(folder)) {
                copy(dir, Path::new(folder), &mut files);
            }
        }
        // The control plane and the tables are the same for every blueprint; rules and flags are a blueprint's own.
        let mut shared = Vec::new();
        copy(&TEMPLATES, Path::new("templates"), &mut shared);
        shared.retain(|(path, _)| path.to_string_lossy().starts_with("templates/control-plane"));
        copy(&POLICIES, Path::new("policies"), &mut shared);
        let own_kind =
            |path: &Path| path.extension().is_some_and(|kind| kind == "guard") || path.ends_with("flags.yaml");
        shared.retain(|(path, _)| !own_kind(path) && files.iter().all(|(own, _)| own != path));
        files.extend(shared);
    }
    // An estate's rows override the shipped ones, so a copy would keep an estate on old facts.
    files.retain(|(path, _)| !FACTS.iter().any(|name| path == &Path::new("policies").join(name)));
    Some(files)
}

/// The templates that an estate without a blueprint was made with.
pub fn old_templates() -> Vec<File> {
    let mut files = Vec::new();
    copy(&OLD_TEMPLATES, Path::new("templates"), &mut files);
    files
}

/// The fleet and tenants with which an estate of a blueprint begins.
pub fn sample(name: &str) -> Vec<File> {
    let file = |path: &str, bytes: &[u8]| (PathBuf::from(path), bytes.to_vec());
    let mut files = vec![file(".gitignore", b"/reports/\nplan.json\n")];
    if name == DEFAULT_BLUEPRINT {
        let mut certificates = Vec::new();
        copy(&CERTIFICATES, Path::new("tenants/certs"), &mut certificates);
        // Those of the one tenant that the sample has.
        certificates.retain(|(path, _)| path.to_string_lossy().starts_with("tenants/certs/acme"));
        files.extend(certificates);
        files.extend([
            file("pipeline/functions.lock.json", FUNCTIONS.as_bytes()),
            file("pipeline/flags.json", FUNCTION_FLAGS.as_bytes()),
            file("tenants/acme.yaml", TENANT.as_bytes()),
            file("tenants/fleet.yaml", FLEET.as_bytes()),
        ]);
    } else if let Some(own) = BLUEPRINTS.get_dir(name) {
        let mut all = Vec::new();
        copy(own, Path::new(""), &mut all);
        let is_ours = |path: &Path| !path.starts_with("templates") && !path.starts_with("policies");
        files.extend(all.into_iter().filter(|(path, _)| is_ours(path)));
        // What makes it an estate to other commands comes last.
        files.sort_by_key(|(path, _)| path.ends_with("fleet.yaml"));
    }
    files
}

fn copy(dir: &Dir<'_>, below: &Path, files: &mut Vec<File>) {
    let name = |path: &Path| below.join(path.file_name().unwrap_or_default());
    files.extend(dir.files().map(|file| (name(file.path()), file.contents().to_vec())));
    for inner in dir.dirs() {
        copy(inner, &name(inner.path()), files);
    }
}
