//! The estate's git repository, read in process: tags, the state of the work tree, and a commit's files.
//!
//! Objects are read as they are stored, so that the same commit gives the same bytes on any machine. What a checkout
//! would turn into something else at a place that the loader reads (a link, a submodule, a file that an attribute
//! converts) is refused by name: see [`super::tree`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use gix::bstr::{BString, ByteSlice};
use gix::object::tree::EntryKind;
use tempfile::TempDir;

use super::name::{self, InvalidRelease};
use super::tree::{self, Entry, is_beside, is_read};

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
    #[error("there is no tag or branch `{0}`")]
    NoReference(String),
    #[error(transparent)]
    Name(#[from] InvalidRelease),
    #[error("commit {commit} has no folder `{folder}`: the estate is not in it")]
    NoEstate { commit: String, folder: String },
    #[error("commit {commit} cannot be a release: {}", .problems.join("; "))]
    NotAsStored {
        commit: String,
        /// Each begins with the path.
        problems: Vec<String>,
    },
    #[error("this {kind} clone lacks {} of commit {commit}: {}", tree::counted(.paths.len()), tree::few(.paths))]
    Lacking { kind: &'static str, commit: String, paths: Vec<String> },
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
                Some(format!("`git tag {tag}` creates it; in a shallow clone, `git fetch --tags` fetches it"))
            }
            Self::NotAsStored { .. } => Some(
                "a release is read as git stores it: put files there that a checkout leaves as they are".to_owned(),
            ),
            Self::Lacking { .. } => Some("`git fetch --refetch --no-filter` brings what a clone left out".to_owned()),
            _ => None,
        }
    }
}

type Result<T> = std::result::Result<T, RepositoryError>;

fn while_doing(doing: impl Into<String>) -> impl FnOnce(gix::Error) -> RepositoryError {
    let doing = doing.into();
    move |source| RepositoryError::Git { doing, source }
}

/// Distance between two commits.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Distance {
    /// Commits of the second that the first lacks; null in a shallow clone.
    pub ahead: Option<usize>,
    /// Commits of the first that the second lacks; null in a shallow clone.
    pub behind: Option<usize>,
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
        name::tag(tag)?;
        let doing = || format!("reading tag `{tag}`");
        let reference = self.git.try_find_reference(&format!("refs/tags/{tag}")).map_err(while_doing(doing()))?;
        let Some(mut reference) = reference else {
            return Err(RepositoryError::NoTag { tag: tag.to_owned(), similar: self.similar(tag) });
        };
        let commit = reference.peel_to_commit().map_err(while_doing(doing()))?;
        Ok(Commit(commit.id))
    }

    /// The commit that a tag, a branch or `HEAD` names.
    pub fn commit(&self, reference: &str) -> Result<Commit> {
        let doing = || format!("reading `{reference}`");
        let found = self.git.try_find_reference(reference).map_err(while_doing(doing()))?;
        let mut found = found.ok_or_else(|| RepositoryError::NoReference(reference.to_owned()))?;
        Ok(Commit(found.peel_to_commit().map_err(while_doing(doing()))?.id))
    }

    fn similar(&self, tag: &str) -> Option<String> {
        let near = |name: &String| strsim::jaro_winkler(name, tag);
        self.tags().into_iter().filter(|name| near(name) > 0.8).max_by(|a, b| near(a).total_cmp(&near(b)))
    }

    /// The names of all tags; none where git cannot say.
    pub fn tags(&self) -> Vec<String> {
        let Ok(platform) = self.git.references() else { return Vec::new() };
        let tags = platform.tags().into_iter().flatten();
        tags.filter_map(|tag| Some(tag.ok()?.name().shorten().to_string())).collect()
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
            if inside.is_some_and(|inside| !is_beside(inside.as_bytes())) {
                dirty.push(path);
            }
        }
        dirty.sort();
        dirty.dedup();
        Ok(dirty)
    }

    /// A path of the work tree as one of the estate.
    fn inside<'p>(&self, path: &'p str) -> Option<&'p str> {
        self.inside_bytes(path.as_bytes()).and_then(|path| std::str::from_utf8(path).ok())
    }

    fn inside_bytes<'p>(&self, path: &'p [u8]) -> Option<&'p [u8]> {
        let prefix = slashed(&self.prefix);
        if prefix.is_empty() { Some(path) } else { path.strip_prefix(prefix.as_bytes())?.strip_prefix(b"/") }
    }

    /// A path of the estate as one of the work tree.
    fn outside(&self, path: &str) -> String {
        let prefix = slashed(&self.prefix);
        if prefix.is_empty() { path.to_owned() } else { format!("{prefix}/{path}") }
    }

    /// The estate's entries at a commit; what is beside an estate is left out.
    fn entries(&self, commit: &Commit) -> Result<Vec<Entry>> {
        let doing = || format!("reading commit {commit}");
        let lacking = |paths: Vec<String>| self.lacking(commit, paths);
        let Some(found) = self.git.try_find_object(commit.0).map_err(while_doing(doing()))? else {
            return Err(lacking(vec!["the commit itself".to_owned()]));
        };
        let tree = found.peel_to_tree().map_err(|error| match self.is_partial() {
            true => lacking(vec!["its folders".to_owned()]),
            false => while_doing(doing())(error),
        })?;
        let entries = tree.traverse().breadthfirst.files().map_err(|error| match self.is_partial() {
            true => lacking(vec!["its folders".to_owned()]),
            false => while_doing(doing())(error),
        })?;
        let mut inside = Vec::new();
        for entry in entries.into_iter().filter(|entry| !entry.mode.is_tree()) {
            if let Some(path) = self.inside_bytes(&entry.filepath).filter(|path| !is_beside(path)) {
                inside.push(Entry { path: path.into(), kind: entry.mode.kind(), id: entry.oid });
            }
        }
        inside.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(inside)
    }

    /// The estate's files at a commit, by path below the estate, with the ids of their content.
    fn files(&self, commit: &Commit) -> Result<BTreeMap<String, (EntryKind, gix::ObjectId)>> {
        let entries = self.entries(commit)?.into_iter();
        let files: BTreeMap<_, _> =
            entries.map(|one| (one.path.to_str_lossy().into_owned(), (one.kind, one.id))).collect();
        if !files.keys().any(|path| path == "tenants" || path.starts_with("tenants/")) {
            let folder = self.outside("tenants");
            return Err(RepositoryError::NoEstate { commit: commit.to_string(), folder });
        }
        Ok(files)
    }

    /// A clone that was made with a filter leaves objects out.
    fn is_partial(&self) -> bool {
        let config = self.git.config_snapshot();
        let promises = |name: &BString| config.boolean(format!("remote.{name}.promisor").as_str()) == Some(true);
        config.string("extensions.partialClone").is_some() || self.git.remote_names().iter().any(promises)
    }

    fn lacking(&self, commit: &Commit, paths: Vec<String>) -> RepositoryError {
        let kind = match (self.is_partial(), self.git.is_shallow()) {
            (true, _) => "partial",
            (_, Ok(true)) => "shallow",
            _ => "damaged",
        };
        RepositoryError::Lacking { kind, commit: commit.to_string(), paths }
    }

    /// Writes what an estate at a commit is made of into a folder of its own, which ends with the value.
    ///
    /// # Errors
    /// Every entry that a checkout would not leave as it is stored, and everything that this clone lacks, by name.
    pub fn materialise(&self, commit: &Commit) -> Result<TempDir> {
        let folder = tempfile::Builder::new().prefix("tenantry-").tempdir();
        let folder = folder.map_err(|source| RepositoryError::Write { path: std::env::temp_dir(), source })?;
        let entries = self.entries(commit)?;
        let mut problems = tree::problems(&entries);
        self.files(commit).map(drop).or_else(|error| if problems.is_empty() { Err(error) } else { Ok(()) })?;
        let mut attributes = self.attributes(commit)?;
        let mut lacking = Vec::new();
        for entry in entries.iter().filter(|entry| entry.is_file()) {
            let Some(path) = entry.path.to_str().ok().and_then(|path| Some((path, below(folder.path(), path)?))) else {
                continue;
            };
            let (path, target) = path;
            let doing = || format!("reading `{path}` of commit {commit}");
            let Some(blob) = self.git.try_find_object(entry.id).map_err(while_doing(doing()))? else {
                lacking.push(path.to_owned());
                continue;
            };
            if is_read(path.as_bytes()) {
                let outside = self.outside(path);
                let converted = attributes.conversion(&outside, &blob.data).map_err(while_doing(doing()))?;
                problems.extend(converted.map(|why| format!("`{path}`: {why}")));
            }
            write(&target, &blob.data, entry.kind == EntryKind::BlobExecutable)
                .map_err(|source| RepositoryError::Write { path: target.clone(), source })?;
        }
        if !lacking.is_empty() {
            return Err(self.lacking(commit, lacking));
        }
        if !problems.is_empty() {
            return Err(RepositoryError::NotAsStored { commit: commit.to_string(), problems });
        }
        Ok(folder)
    }

    /// The attributes that a commit's own files give.
    fn attributes(&self, commit: &Commit) -> Result<tree::Attributes<'_>> {
        let doing = || format!("reading the attributes of commit {commit}");
        let tree = self.git.find_commit(commit.0).and_then(|commit| Ok(commit.tree_id()?.detach()));
        let index = self.git.index_from_tree(&tree.map_err(while_doing(doing()))?).map_err(while_doing(doing()))?;
        let source = gix::worktree::stack::state::attributes::Source::IdMapping;
        let stack = self.git.attributes_only(&index, source).map_err(while_doing(doing()))?;
        Ok(tree::Attributes::new(stack))
    }

    /// Where the work tree gives the loader something else than a commit holds: a sentence for each, that begins with
    /// the path. Line ends are not compared: a machine may check text out with its own.
    pub fn beside_commit(&self, commit: &Commit, estate: &Path) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let mut held = BTreeSet::new();
        let entries = self.entries(commit)?;
        for entry in entries.iter().filter(|entry| entry.is_file() && is_read(&entry.path)) {
            let path = entry.path.to_str_lossy().into_owned();
            let blob = self.git.find_blob(entry.id);
            let blob = blob.map_err(while_doing(format!("reading `{path}` of commit {commit}")))?;
            match std::fs::read(estate.join(&path)) {
                Ok(bytes) if tree::without_returns(&bytes) == tree::without_returns(&blob.data) => {}
                Ok(_) => found.push(format!("`{path}` has another content in the work tree")),
                Err(error) => found.push(format!("`{path}` cannot be read in the work tree: {error}")),
            }
            held.insert(path);
        }
        for path in tree::read_by_loader(estate) {
            let folder = format!("{path}/");
            if !held.contains(&path) && !entries.iter().any(|entry| entry.path.starts_with(folder.as_bytes())) {
                found.push(format!("`{path}` is in the work tree only"));
            }
        }
        Ok(found)
    }

    /// Files of the estate that a sparse checkout leaves out of the work tree where the loader would read them.
    pub fn left_out(&self) -> Result<Vec<String>> {
        if self.git.config_snapshot().boolean("core.sparseCheckout") != Some(true) {
            return Ok(Vec::new());
        }
        let index = self.git.index_or_empty().map_err(while_doing("reading the index"))?;
        let mut left_out = Vec::new();
        for entry in index.entries() {
            let skipped = entry.flags.contains(gix::index::entry::Flags::SKIP_WORKTREE);
            let Some(path) = self.inside_bytes(entry.path(&index)).filter(|path| skipped && is_read(path)) else {
                continue;
            };
            left_out.push(path.to_str_lossy().into_owned());
        }
        Ok(left_out)
    }

    /// Distance between two commits.
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
        files.retain(|path| before.get(path) != after.get(path));
        let whole = !self.git.is_shallow().map_err(while_doing("reading the clone's depth"))?;
        let counted = |tip, hidden| -> Result<Option<usize>> { whole.then(|| count(tip, hidden)).transpose() };
        Ok(Distance { ahead: counted(to, from)?, behind: counted(from, to)?, files })
    }
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
    fn no_path_leaves_its_folder() {
        assert!(below(Path::new("/t"), "tenants/acme.yaml").is_some());
        assert!(below(Path::new("/t"), "../x").is_none() && below(Path::new("/t"), "/x").is_none());
    }
}
