//! Verdicts of Guard that are kept from one run to the next, by the digest of what they were made of: the rules' text and what
//! the rules look at of the template.
//!
//! A file of them belongs to one build of the tool, whose stamp it bears; any other build starts anew. A verdict that cannot be
//! read is made again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::guard::Verdict;
use tenantry_base::digest::sha256;
use tenantry_base::{atomic, files};

/// Verdicts that a file holds. A sample estate has 42; what was used last stays.
const MOST: usize = 2_048;

/// Verdicts by digest.
#[derive(Debug)]
pub struct VerdictCache {
    path: PathBuf,
    stamp: String,
    known: BTreeMap<String, Verdict>,
    run: Mutex<Run>,
}

/// What a run asked for, and what it made.
#[derive(Debug, Default)]
struct Run {
    used: BTreeSet<String>,
    made: BTreeMap<String, Verdict>,
}

#[derive(Serialize, Deserialize)]
struct File<V> {
    stamp: String,
    verdicts: V,
}

impl VerdictCache {
    /// The verdicts of a file, if a build with the same stamp wrote it; else none. An unreadable file is as good as none.
    pub fn open(path: &Path, stamp: &str) -> Self {
        let read = files::read(path).ok().and_then(|bytes| serde_json::from_slice::<File<_>>(&bytes).ok());
        let known = read.filter(|file| file.stamp == stamp).map(|file| file.verdicts).unwrap_or_default();
        Self { path: path.to_owned(), stamp: stamp.to_owned(), known, run: Mutex::default() }
    }

    /// The verdict on what some rules look at, made if it is not known.
    pub(super) fn verdict<E>(
        &self,
        rules: &str,
        seen: &str,
        make: impl FnOnce() -> Result<Verdict, E>,
    ) -> Result<Verdict, E> {
        let digest = sha256(format!("{}\n{rules}\n{seen}", rules.len()));
        let run = || self.run.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = self.known.get(&digest) {
            run().used.insert(digest);
            return Ok(known.clone());
        }
        let verdict = make()?;
        run().made.insert(digest, verdict.clone());
        Ok(verdict)
    }

    /// Writes what this run used and made, then what was known before. Nothing is lost but time where that fails.
    pub fn save(&self) {
        let run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        if run.made.is_empty() {
            return;
        }
        let used = self.known.iter().filter(|(digest, _)| run.used.contains(*digest));
        let others = self.known.iter().filter(|(digest, _)| !run.used.contains(*digest));
        let verdicts: BTreeMap<&String, &Verdict> = run.made.iter().chain(used).chain(others).take(MOST).collect();
        let file = File { stamp: self.stamp.clone(), verdicts };
        let written = serde_json::to_vec(&file).map_err(std::io::Error::other).and_then(|bytes| {
            files::create_folder(self.path.parent().unwrap_or(Path::new(".")))?;
            atomic::replace(&self.path, &bytes)
        });
        drop(written);
    }
}

#[cfg(test)]
mod tests {
    use super::super::guard::Status;
    use super::*;

    fn ask(kept: &VerdictCache, rules: &str, seen: &str, status: Status) -> (Status, bool) {
        let mut was_made = false;
        let verdict = kept.verdict(rules, seen, || {
            was_made = true;
            Ok::<_, ()>(Verdict { rules: vec![("rule".to_owned(), status)], breaches: Vec::new() })
        });
        (verdict.unwrap().rules[0].1, was_made)
    }

    #[test]
    fn a_verdict_is_known_again_for_the_same_rules_template_and_build_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("below/verdicts.json");
        let first = VerdictCache::open(&path, "build 1");
        assert_eq!(ask(&first, "rules", "seen", Status::Fail), (Status::Fail, true));
        first.save();
        let same = VerdictCache::open(&path, "build 1");
        assert_eq!(ask(&same, "rules", "seen", Status::Pass), (Status::Fail, false));
        assert_eq!(ask(&same, "rules", "seen!", Status::Pass), (Status::Pass, true));
        assert_eq!(
            ask(&same, "rule", "s\nseen", Status::Pass),
            (Status::Pass, true),
            "the two texts do not run together"
        );
        same.save();
        assert_eq!(VerdictCache::open(&path, "build 1").known.len(), 3);
        let other = VerdictCache::open(&path, "build 2");
        assert_eq!(ask(&other, "rules", "seen", Status::Pass), (Status::Pass, true));
        std::fs::write(&path, "{").unwrap();
        assert_eq!(VerdictCache::open(&path, "build 1").known.len(), 0);
    }
}
