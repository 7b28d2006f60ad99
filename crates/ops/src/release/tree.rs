//! What may be in a commit at the places of an estate that the loader reads, so that a release gives the same bytes as a
//! checkout on any machine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use gix::attrs::StateRef;
use gix::bstr::{BStr, BString, ByteSlice};
use gix::object::tree::EntryKind;

/// Places of an estate that are read when it is rendered: folders with everything below them, and files. Each is written
/// in lower case.
const READ: [&[u8]; 5] =
    [b"tenants", b"templates", b"policies", b"pipeline/functions.lock.json", b"pipeline/flags.json"];

/// What is written about an estate and is no part of it: manifests of releases, journals of runs.
const BESIDE: [&[u8]; 2] = [b"releases/", b".tenantry/"];

/// One entry of a commit that is not a folder.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Below the estate.
    pub path: BString,
    pub kind: EntryKind,
    pub id: gix::ObjectId,
}

impl Entry {
    pub(super) fn is_file(&self) -> bool {
        matches!(self.kind, EntryKind::Blob | EntryKind::BlobExecutable)
    }
}

/// Whether a path is beside the estate.
pub(super) fn is_beside(path: &[u8]) -> bool {
    BESIDE.iter().any(|folder| path.starts_with(folder))
}

/// Whether an entry is at, below or above a place that is read, on a file system that may ignore case.
pub(super) fn is_read(path: &[u8]) -> bool {
    let path = path.to_lowercase();
    let below = |inner: &[u8], outer: &[u8]| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with(b"/"));
    READ.iter().any(|place| path == *place || below(&path, place) || below(place, &path))
}

/// Why entries are not what a checkout gives on any machine: a sentence for each, that begins with the path.
pub(super) fn problems(entries: &[Entry]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut by_lower: BTreeMap<Vec<u8>, &BStr> = BTreeMap::new();
    let mut reported = BTreeSet::new();
    for entry in entries.iter().filter(|entry| is_read(&entry.path)) {
        let path = entry.path.as_bstr();
        let mut say = |why: &str| problems.push(format!("`{}`: {why}", shown(path)));
        match entry.kind {
            EntryKind::Link => say("it is a symbolic link, which may lead out of the release"),
            EntryKind::Commit => say("it is a submodule, whose files are in another repository"),
            EntryKind::Blob | EntryKind::BlobExecutable | EntryKind::Tree => {}
        }
        if path.to_str().is_err() {
            say("its name is not UTF-8");
        }
        if path.contains(&b'\\') {
            say("its name has a backslash, which separates folders on some systems");
        }
        if path.split_str("/").any(|part| part.is_empty() || part == b"." || part == b"..") {
            say("its name leaves its folder");
        }
        let lower = path.to_lowercase();
        let place = READ.iter().find(|place| lower.starts_with(place));
        if let Some(place) = place.filter(|place| !path.starts_with(place)) {
            let place = place.as_bstr();
            say(&format!("a file system that ignores case reads it as part of `{place}`"));
        }
        for end in path.find_iter("/").chain([path.len()]) {
            let exact = path[..end].as_bstr();
            let other = *by_lower.entry(exact.to_lowercase()).or_insert(exact);
            if other != exact && reported.insert(exact) {
                say(&format!("a file system that ignores case takes it for `{}`", shown(other)));
            }
        }
    }
    problems
}

fn shown(path: &BStr) -> String {
    path.to_str().map_or_else(|_| path.escape_ascii().to_string(), str::to_owned)
}

/// The attributes of paths, as a commit's own `.gitattributes` give them.
pub(super) struct Attributes<'repo> {
    stack: gix::AttributeStack<'repo>,
    outcome: gix::attrs::search::Outcome,
}

/// Attributes by which a checkout converts content. Source: gitattributes(5).
const CONVERTING: [&str; 5] = ["filter", "working-tree-encoding", "ident", "eol", "text"];

impl<'repo> Attributes<'repo> {
    pub(super) fn new(stack: gix::AttributeStack<'repo>) -> Self {
        let outcome = stack.selected_attribute_matches(CONVERTING);
        Self { stack, outcome }
    }

    /// Why a checkout gives a file of the repository another content than the stored one; None when it does not.
    pub(super) fn conversion(&mut self, path: &str, stored: &[u8]) -> Result<Option<String>, gix::Error> {
        if stored.starts_with(b"version https://git-lfs.github.com/spec/") {
            return Ok(Some("it is a pointer of Git LFS, whose content is not in the repository".to_owned()));
        }
        self.stack.at_entry(path, None)?.matching_attributes(&mut self.outcome);
        let mut states = BTreeMap::new();
        for found in self.outcome.iter_selected() {
            states.insert(found.assignment.name.as_str().to_owned(), text(found.assignment.state));
        }
        let state = |name: &str| states.get(name).and_then(Option::as_deref);
        for name in ["filter", "working-tree-encoding"] {
            if let Some(value) = state(name).filter(|value| *value != "unset") {
                return Ok(Some(format!("attribute `{name}={value}` converts it on checkout")));
            }
        }
        if state("ident").is_some_and(|value| value != "unset") && stored.contains_str("$Id") {
            return Ok(Some("attribute `ident` expands its `$Id$` on checkout".to_owned()));
        }
        let ends_in_returns = state("eol") == Some("crlf") && state("text") != Some("unset");
        if ends_in_returns && stored.contains(&b'\n') && without_returns(stored) == stored {
            return Ok(Some("attribute `eol=crlf` converts its line ends on checkout".to_owned()));
        }
        Ok(None)
    }
}

fn text(state: StateRef<'_>) -> Option<String> {
    match state {
        StateRef::Set => Some("set".to_owned()),
        StateRef::Unset => Some("unset".to_owned()),
        StateRef::Value(value) => Some(value.as_bstr().to_string()),
        StateRef::Unspecified => None,
    }
}

/// Text with every CRLF as LF.
pub(super) fn without_returns(bytes: &[u8]) -> Vec<u8> {
    bytes.replace("\r\n", "\n")
}

/// Files that the loader reads in a work tree, by path; a folder that it would take although nothing in it is read
/// stands for itself.
pub(super) fn read_by_loader(estate: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for (folder, endings, deep) in [
        ("tenants", &["yaml", "yml"][..], false),
        ("templates", &["tera"][..], true),
        ("policies", &["guard", "yaml"][..], true),
    ] {
        let before = found.len();
        collect(estate, Path::new(folder), endings, deep, &mut found);
        if found.len() == before && estate.join(folder).is_dir() {
            found.push(folder.to_owned());
        }
    }
    let files = ["pipeline/functions.lock.json", "pipeline/flags.json"];
    found.extend(files.into_iter().filter(|file| estate.join(file).exists()).map(str::to_owned));
    found
}

fn collect(estate: &Path, folder: &Path, endings: &[&str], deep: bool, found: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(estate.join(folder)) else { return };
    for entry in entries.flatten() {
        let path = folder.join(entry.file_name());
        let is_folder = estate.join(&path).is_dir();
        if is_folder && deep {
            collect(estate, &path, endings, deep, found);
        } else if !is_folder && path.extension().is_some_and(|ending| endings.iter().any(|one| ending == *one)) {
            found.push(path.to_string_lossy().replace('\\', "/"));
        }
    }
}

/// `1 file`, `3 files`.
pub(super) fn counted(number: usize) -> String {
    format!("{number} file{}", if number == 1 { "" } else { "s" })
}

/// The first five paths, and how many more there are.
pub(super) fn few(paths: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<String> = paths.iter().take(SHOWN).map(|path| format!("`{path}`")).collect();
    let more = paths.len().saturating_sub(SHOWN);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &[u8], kind: EntryKind) -> Entry {
        Entry { path: path.into(), kind, id: gix::ObjectId::null(gix::hash::Kind::Sha1) }
    }

    #[test]
    fn what_is_at_below_or_above_a_place_is_read_and_nothing_else() {
        for path in ["tenants", "tenants/a.yaml", "policies", "Policies/x", "pipeline", "pipeline/flags.json"] {
            assert!(is_read(path.as_bytes()), "{path}");
        }
        for path in ["README.md", "tenants.md", "pipeline/src/main.rs", "docs/tenants/a.yaml", "releases/v1.json"] {
            assert!(!is_read(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn each_kind_of_entry_that_a_checkout_changes_is_refused_by_name() {
        let blob = EntryKind::Blob;
        for (path, kind, why) in [
            (&b"policies"[..], EntryKind::Link, "symbolic link"),
            (b"tenants/acme.yaml", EntryKind::Link, "symbolic link"),
            (b"pipeline", EntryKind::Commit, "submodule"),
            (b"policies/a\xff.guard", blob, "not UTF-8"),
            (b"policies/a\\b.guard", blob, "backslash"),
            (b"policies/../x", blob, "leaves its folder"),
            (b"Policies/flags.yaml", blob, "ignores case"),
        ] {
            let problems = problems(&[entry(path, kind)]);
            assert!(problems.len() == 1 && problems[0].contains(why), "{problems:?}");
        }
        let twins = [entry(b"templates/a/x.tera", blob), entry(b"templates/A/y.tera", blob)];
        assert!(problems(&twins)[0].contains("ignores case"));
        let plain = [entry(b"tenants/a.yaml", blob), entry(b"templates/run.tera", EntryKind::BlobExecutable)];
        assert_eq!(problems(&plain), Vec::<String>::new());
        assert_eq!(problems(&[entry(b"docs/link", EntryKind::Link)]), Vec::<String>::new());
    }
}
