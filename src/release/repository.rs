//! The estate's git repository, read in process: tags, the state of the work tree, and a commit's files.
//!
//! Objects are read as they are stored: no filter, no line-end conversion, no submodule, so that the same commit gives
//! the same bytes on any machine.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use gix::bstr::{BString, ByteSlice};
use gix::object::tree::EntryKind;
use tempfile::TempDir;

/// A repository and where the estate is in it.
pub struct Repository {
    git: gix::Repository,
    /// The estate's folder below the work tree; empty for the work tree itself.
    prefix: PathBuf,
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repository").field("git_dir", &self.git.git_dir()).field("prefix", &self.prefix).finish()
    }
}

/// The id of a commit, in lower case hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit(gix::ObjectId);

impl std::fmt::Display for Commit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.to_hex().fmt(f)
    }
}

/// Why git did not give what was asked.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    #[error("`{0}` is in no git repository: a release is a tag")]
    NoRepository(PathBuf),
    #[error("`{0}` is not in a work tree")]
    NoWorkTree(PathBuf),
    #[error("there is no tag `{tag}`")]
    NoTag { tag: String, similar: Option<String> },
    #[error("`{0}` is no name of a release: letters, digits, `.`, `-`, `_` and `+`, a letter or digit first")]
    BadName(String),
    #[error("commit {commit} has no folder `{folder}`: the estate is not in it")]
    NoEstate { commit: String, folder: String },
    #[error("`{path}` of commit {commit} is no file that can be written: links and submodules are not released")]
    NotAFile { path: String, commit: String },
    #[error("{doing} failed")]
    Git {
        doing: String,
        #[source]
        source: gix::Error,
    },
    #[error("`{path}` cannot be written")]
    Write {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

impl RepositoryError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoRepository(_) | Self::NoWorkTree(_) => {
                Some("keep the estate in git: `git init`, commit, and tag what you want to release".to_owned())
            }
            Self::NoTag { similar: Some(similar), .. } => Some(format!("did you mean `{similar}`?")),
            Self::NoTag { tag, .. } => {
                Some(format!("`git tag {tag}` makes it; in a shallow clone, `git fetch --tags` brings it"))
            }
            _ => None,
        }
    }
}

type Result<T> = std::result::Result<T, RepositoryError>;

fn while_doing(doing: impl Into<String>) -> impl FnOnce(gix::Error) -> RepositoryError {
    let doing = doing.into();
    move |source| RepositoryError::Git { doing, source }
}

/// What lies between two commits.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Distance {
    /// Commits of the second that the first lacks, and the other way round.
    pub ahead: usize,
    pub behind: usize,
    /// Files of the estate that differ.
    pub files: Vec<String>,
}

impl Repository {
    /// The repository around an estate.
    pub fn open(estate: &Path) -> Result<Self> {
        let git = gix::discover(estate).map_err(|_| RepositoryError::NoRepository(estate.to_owned()))?;
        let whole = |path: &Path| path.canonicalize().map_err(|_| RepositoryError::NoWorkTree(estate.to_owned()));
        let root = whole(git.workdir().ok_or_else(|| RepositoryError::NoWorkTree(estate.to_owned()))?)?;
        let inside = whole(estate)?;
        let prefix = inside.strip_prefix(&root).map_err(|_| RepositoryError::NoWorkTree(estate.to_owned()))?;
        Ok(Self { prefix: prefix.to_owned(), git })
    }

    /// The commit that a tag names, lightweight or annotated.
    pub fn tag(&self, tag: &str) -> Result<Commit> {
        if !is_release_name(tag) {
            return Err(RepositoryError::BadName(tag.to_owned()));
        }
        let doing = || format!("reading tag `{tag}`");
        let reference = self.git.try_find_reference(&format!("refs/tags/{tag}")).map_err(while_doing(doing()))?;
        let Some(mut reference) = reference else {
            return Err(RepositoryError::NoTag { tag: tag.to_owned(), similar: self.similar(tag) });
        };
        let commit = reference.peel_to_commit().map_err(while_doing(doing()))?;
        Ok(Commit(commit.id))
    }

    fn similar(&self, tag: &str) -> Option<String> {
        let platform = self.git.references().ok()?;
        let names = platform.tags().ok()?.filter_map(|tag| Some(tag.ok()?.name().shorten().to_string()));
        let near = |name: &String| strsim::jaro_winkler(name, tag);
        names.filter(|name| near(name) > 0.8).max_by(|a, b| near(a).total_cmp(&near(b)))
    }

    /// The commit that is checked out.
    pub fn head(&self) -> Result<Commit> {
        Ok(Commit(self.git.head_id().map_err(while_doing("reading HEAD"))?.detach()))
    }

    /// Files of the estate that differ from the commit that is checked out, those that git does not know included.
    pub fn dirty(&self) -> Result<Vec<String>> {
        let doing = "comparing the work tree with HEAD";
        let status = self.git.status(gix::progress::Discard).map_err(while_doing(doing))?;
        let status = status.untracked_files(gix::status::UntrackedFiles::Files);
        let changes = status.into_iter(Vec::<BString>::new()).map_err(while_doing(doing))?;
        let mut dirty = Vec::new();
        for change in changes {
            let path = change.map_err(while_doing(doing))?.location().to_str_lossy().into_owned();
            let inside = self.inside(&path);
            if inside.is_some_and(|inside| !is_beside(inside)) {
                dirty.push(path);
            }
        }
        dirty.sort();
        dirty.dedup();
        Ok(dirty)
    }

    /// A path of the work tree as one of the estate.
    fn inside<'p>(&self, path: &'p str) -> Option<&'p str> {
        let prefix = slashed(&self.prefix);
        if prefix.is_empty() { Some(path) } else { path.strip_prefix(&prefix)?.strip_prefix('/') }
    }

    /// The estate's files at a commit, by path below the estate, with the ids of their content.
    fn files(&self, commit: &Commit) -> Result<BTreeMap<String, (EntryKind, gix::ObjectId)>> {
        let doing = || format!("reading commit {commit}");
        let tree = self.git.find_commit(commit.0).map_err(while_doing(doing()))?;
        let tree = tree.tree().map_err(while_doing(doing()))?;
        let entries = tree.traverse().breadthfirst.files().map_err(while_doing(doing()))?;
        let mut files = BTreeMap::new();
        for entry in entries {
            let path = entry.filepath.to_str_lossy().into_owned();
            if let Some(inside) = self.inside(&path).filter(|_| !entry.mode.is_tree()) {
                files.insert(inside.to_owned(), (entry.mode.kind(), entry.oid));
            }
        }
        if !files.keys().any(|path| path.starts_with("tenants/")) {
            let folder = slashed(&self.prefix.join("tenants"));
            return Err(RepositoryError::NoEstate { commit: commit.to_string(), folder });
        }
        Ok(files)
    }

    /// Writes what an estate at a commit is made of into a folder of its own, which ends with the value.
    pub fn materialise(&self, commit: &Commit) -> Result<TempDir> {
        let folder = tempfile::Builder::new().prefix("tenantry-").tempdir();
        let folder = folder.map_err(|source| RepositoryError::Write { path: std::env::temp_dir(), source })?;
        for (path, (kind, id)) in self.files(commit)? {
            if is_beside(&path) {
                continue;
            }
            let refuse = || RepositoryError::NotAFile { path: path.clone(), commit: commit.to_string() };
            let target = below(folder.path(), &path).ok_or_else(refuse)?;
            match kind {
                EntryKind::Blob | EntryKind::BlobExecutable => {}
                // A link could point out of the release; a submodule is not in this repository.
                _ if is_read(&path) => return Err(refuse()),
                _ => continue,
            }
            let blob = self.git.find_blob(id).map_err(while_doing(format!("reading `{path}` of commit {commit}")))?;
            write(&target, &blob.data, kind == EntryKind::BlobExecutable)
                .map_err(|source| RepositoryError::Write { path: target.clone(), source })?;
        }
        Ok(folder)
    }

    /// What lies between two commits.
    pub fn distance(&self, from: &Commit, to: &Commit) -> Result<Distance> {
        let count = |tip: &Commit, hidden: &Commit| {
            let doing = || format!("counting commits from {hidden} to {tip}");
            let walk = self.git.rev_walk([tip.0]).with_hidden([hidden.0]).all().map_err(while_doing(doing()))?;
            let mut commits = 0;
            for commit in walk {
                commit.map_err(while_doing(doing()))?;
                commits += 1;
            }
            Ok(commits)
        };
        let (before, after) = (self.files(from)?, self.files(to)?);
        let mut files: Vec<String> = before.keys().chain(after.keys()).cloned().collect();
        files.sort();
        files.dedup();
        files.retain(|path| before.get(path) != after.get(path) && !is_beside(path));
        Ok(Distance { ahead: count(to, from)?, behind: count(from, to)?, files })
    }
}

/// Names that a release may have: they become part of file names, keys and outputs of stacks.
pub fn is_release_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte);
    name.len() <= 64
        && name.bytes().all(allowed)
        && name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
        && !name.contains("..")
}

/// What is written about an estate and is no part of it: manifests of releases, journals of runs.
fn is_beside(path: &str) -> bool {
    ["releases/", ".tenantry/"].iter().any(|folder| path.starts_with(folder))
}

/// Folders of an estate that are read when it is rendered.
fn is_read(path: &str) -> bool {
    ["tenants/", "templates/", "policies/", "pipeline/functions.lock.json"]
        .iter()
        .any(|folder| path.starts_with(folder))
}

/// A relative path below a folder; None if it would leave the folder.
fn below(folder: &Path, path: &str) -> Option<PathBuf> {
    let path = Path::new(path);
    path.components().all(|part| matches!(part, Component::Normal(_))).then(|| folder.join(path))
}

fn write(path: &Path, bytes: &[u8], executable: bool) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(path, bytes)?;
    #[cfg(unix)]
    if executable {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

fn slashed(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_no_file_names_are_no_releases() {
        assert!(["v1.4.0", "2026-11-24", "v1.0.0-rc.1+build"].iter().all(|name| is_release_name(name)));
        assert!(["", "-v1", "../v1", "v1/2", "v1..2", "v 1", ".v1"].iter().all(|name| !is_release_name(name)));
    }

    #[test]
    fn no_path_leaves_its_folder() {
        assert!(below(Path::new("/t"), "tenants/acme.yaml").is_some());
        assert!(below(Path::new("/t"), "../x").is_none() && below(Path::new("/t"), "/x").is_none());
    }
}
