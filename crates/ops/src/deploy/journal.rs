//! What runs did, for whoever asks later: a file of JSON lines for each run, every line on disk before the run goes on.
//!
//! Truth stays in CloudFormation: a journal that is lost costs its history and nothing else. The last line of a run
//! that was killed may be torn; it is left out and the run counts as unfinished.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::durations::Durations;
use super::events::Outcome;
use super::gate::Accepted;
use tenantry_aws::cloud::Place;
use tenantry_base::files;

/// Where journals lie in an estate.
pub const FOLDER: &str = ".tenantry/journal";
/// Name and version of the stored format.
pub const SCHEMA: &str = "tenantry/journal/v1";

/// A line of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// When, in UTC: `2026-11-24T12:00:00Z`.
    pub at: String,
    #[serde(flatten)]
    pub record: Record,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Record {
    /// First entry of a run.
    Begun {
        /// Name and version of the journal's format.
        schema: String,
        /// `user@host`.
        by: String,
        /// Command that started the run, such as `deploy`.
        command: String,
        /// Release that the run deploys.
        release: String,
        /// SHA-256 of the plan.
        plan: String,
        /// Stacks that the run sets out to change.
        stacks: Vec<Planned>,
    },
    /// A blocking finding was overridden.
    Accepted {
        /// The overridden finding and the reason.
        accepted: Accepted,
    },
    /// An option of the run that needs a reason.
    Reason {
        /// Name of the option, without dashes.
        option: String,
        /// Value of the option.
        reason: String,
    },
    /// A direct API call to restore a resource.
    Called {
        /// The API call and the resource.
        call: String,
        /// Error of the call; null if it succeeded.
        failed: Option<String>,
    },
    /// Result of a drift check.
    Checked {
        /// Number of stacks in sync.
        in_sync: usize,
        /// Tenants whose stack drifted.
        drifted: Vec<String>,
        /// Tenants whose stack could not be checked completely.
        incomplete: Vec<String>,
    },
    /// The change of a stack was started.
    Started {
        /// Name of the tenant.
        tenant: String,
        /// Account and Region.
        place: Place,
    },
    Ended {
        /// Name of the tenant.
        tenant: String,
        /// Account and Region.
        place: Place,
        /// How the change of the stack ended.
        outcome: Outcome,
        /// Durations in seconds, by kind of change.
        #[serde(default, skip_serializing_if = "Durations::is_empty")]
        seconds: Durations,
    },
    /// A flag was pushed to AppConfig without CloudFormation.
    Pushed {
        /// Name of the tenant.
        tenant: String,
        /// Account and Region.
        place: Place,
        /// Key of the flag.
        flag: String,
        /// Value in AppConfig before; null if it had none.
        before: Option<serde_json::Value>,
        /// Value in AppConfig since.
        after: serde_json::Value,
        /// Reason given with `--reason`.
        reason: String,
        /// Number of the hosted configuration version that is deployed since.
        version: String,
    },
    /// Last entry of a run that ended.
    Finished,
}

/// A stack of the run's plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Planned {
    /// Name of the tenant.
    pub tenant: String,
    /// Account and Region.
    pub place: Place,
    /// Name of the stack.
    pub stack: String,
    /// `apply`, `clear`, `follow`, `rollback`, `push` or `delete`.
    pub action: String,
}

/// Writes the journal of one run.
#[derive(Debug)]
pub struct Journal {
    file: File,
    pub path: PathBuf,
}

impl Journal {
    /// Makes the file of a run below the estate's root; git ignores the folder.
    ///
    /// # Errors
    /// The folder or the file cannot be made, or a run of that name exists.
    pub fn create(root: &Path, run: &str) -> io::Result<Self> {
        let folder = root.join(FOLDER);
        files::create_folder(&folder)?;
        if let Some(own) = folder.parent() {
            let ignore = own.join(".gitignore");
            if !ignore.exists() {
                files::write(&ignore, b"*\n")?;
            }
        }
        let path = folder.join(format!("{run}.jsonl"));
        let file = files::append_new(&path)?;
        files::sync_folder(&folder)?;
        Ok(Self { file, path })
    }

    /// Appends a line and waits until it is on disk.
    ///
    /// # Errors
    /// The line cannot be written.
    pub fn write(&mut self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.file.sync_data()
    }
}

/// A run, as its journal records it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Run {
    /// Identifier of the run: name of the journal file without its extension.
    pub run: String,
    /// In chronological order.
    pub entries: Vec<Entry>,
}

impl Run {
    /// The first line.
    pub fn begun(&self) -> Option<&Entry> {
        self.entries.first().filter(|entry| matches!(entry.record, Record::Begun { .. }))
    }

    /// The last outcome of each stack.
    pub fn outcomes(&self) -> BTreeMap<(&str, &Place), &Outcome> {
        let ended = self.entries.iter().filter_map(|entry| match &entry.record {
            Record::Ended { tenant, place, outcome, .. } => Some(((tenant.as_str(), place), outcome)),
            _ => None,
        });
        ended.collect()
    }

    /// Tenants that it set out to change and did not see done.
    pub fn left(&self) -> Vec<&str> {
        let outcomes = self.outcomes();
        let Some(Entry { record: Record::Begun { stacks, .. }, .. }) = self.begun() else { return Vec::new() };
        let done = |stack: &&Planned| outcomes.get(&(stack.tenant.as_str(), &stack.place)) != Some(&&Outcome::Done);
        stacks.iter().filter(done).map(|stack| stack.tenant.as_str()).collect()
    }

    /// What it turned past CloudFormation, if that is what the run was for.
    pub fn pushed(&self) -> Option<&Record> {
        self.entries.iter().map(|entry| &entry.record).find(|record| matches!(record, Record::Pushed { .. }))
    }

    /// What it found, if it was a drift check.
    pub fn checked(&self) -> Option<&Record> {
        self.entries.iter().map(|entry| &entry.record).find(|record| matches!(record, Record::Checked { .. }))
    }

    /// It came to its end, however that was.
    pub fn is_finished(&self) -> bool {
        self.entries.last().is_some_and(|entry| entry.record == Record::Finished)
    }
}

/// Every run of an estate, the oldest first; no folder, no runs.
///
/// # Errors
/// A file cannot be read, or a line that is not the last is none of this version.
pub fn runs(root: &Path) -> io::Result<Vec<Run>> {
    journals(root)?.iter().map(|path| read(path)).collect()
}

/// The journals of an estate, by name: the oldest first.
fn journals(root: &Path) -> io::Result<Vec<PathBuf>> {
    match files::list(&root.join(FOLDER)) {
        Ok(mut all) => {
            all.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
            Ok(all)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn read(path: &Path) -> io::Result<Run> {
    let torn =
        |error: serde_json::Error| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()));
    let run = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Run { run, entries: parse(&files::read_to_string(path)?).map_err(torn)? })
}

/// The newest `count` runs of an estate, the oldest of them first.
///
/// # Errors
/// As [`runs`], for these files.
pub fn newest(root: &Path, count: usize) -> io::Result<Vec<Run>> {
    let all = journals(root)?;
    all[all.len().saturating_sub(count)..].iter().map(|path| read(path)).collect()
}

fn parse(text: &str) -> Result<Vec<Entry>, serde_json::Error> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(serde_json::from_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place { account: "111122223333".parse().unwrap(), region: "eu-west-1".parse().unwrap() }
    }

    fn entry(record: Record) -> Entry {
        Entry { at: "2026-11-24T12:00:00Z".to_owned(), record }
    }

    fn begun(tenants: &[&str]) -> Entry {
        let stacks = tenants.iter().map(|tenant| Planned {
            tenant: (*tenant).to_owned(),
            place: place(),
            stack: format!("org-{tenant}"),
            action: "apply".to_owned(),
        });
        entry(Record::Begun {
            schema: SCHEMA.to_owned(),
            by: "ann@ci".to_owned(),
            command: "deploy".to_owned(),
            release: "v1".to_owned(),
            plan: "12ab".to_owned(),
            stacks: stacks.collect(),
        })
    }

    fn ended(tenant: &str, outcome: Outcome) -> Entry {
        entry(Record::Ended { tenant: tenant.to_owned(), place: place(), outcome, seconds: Durations::new() })
    }

    #[test]
    fn what_is_written_is_read_and_a_torn_line_is_left_out() {
        let root = tempfile::tempdir().unwrap();
        let written = [begun(&["acme", "bolt"]), ended("acme", Outcome::Done)];
        let mut journal = Journal::create(root.path(), "1-a").unwrap();
        for entry in &written {
            journal.write(entry).unwrap();
        }
        journal.file.write_all(br#"{"at":"2026"#).unwrap();
        let runs = runs(root.path()).unwrap();
        assert_eq!(runs, [Run { run: "1-a".to_owned(), entries: written.to_vec() }]);
        assert_eq!((runs[0].left(), runs[0].is_finished()), (vec!["bolt"], false));
        assert_eq!(std::fs::read_to_string(root.path().join(".tenantry/.gitignore")).unwrap(), "*\n");
        assert!(Journal::create(root.path(), "1-a").is_err(), "a run's journal is its own");
    }

    #[test]
    fn only_what_is_done_is_not_left() {
        let failed = Outcome::Broken { why: "no".to_owned(), hint: None };
        let entries =
            vec![begun(&["a", "b", "c"]), ended("a", Outcome::Done), ended("b", failed), entry(Record::Finished)];
        let run = Run { run: "r".to_owned(), entries };
        assert_eq!((run.left(), run.is_finished()), (vec!["b", "c"], true));
    }

    #[test]
    fn a_broken_line_in_the_middle_is_an_error_and_no_folder_is_no_run() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(runs(root.path()).unwrap(), []);
        let mut journal = Journal::create(root.path(), "r").unwrap();
        journal.file.write_all(b"{}\n").unwrap();
        assert!(runs(root.path()).unwrap_err().to_string().contains("r.jsonl"));
    }
}
