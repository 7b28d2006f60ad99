//! The functions' artifacts: which zip each function runs, named by its content.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::finding::{Code, Finding};

/// What the lock file of the pipeline's artifacts (`pipeline/functions.lock.json`) says, for the architecture that the
/// stacks run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Functions {
    /// Instruction set of the artifacts, as Lambda names it: `arm64` or `x86_64`.
    pub architecture: String,
    pub splitter: Artifact,
    pub ingest: Artifact,
}

/// The lock file, written by `make functions-lock`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lock {
    version: u32,
    /// What the stacks run.
    architecture: String,
    artifacts: BTreeMap<String, Pair>,
}

/// The functions of one architecture.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    splitter: Artifact,
    ingest: Artifact,
}

/// Version of the lock file's format.
const VERSION: u32 = 2;

/// One function's zip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// SHA-256 of the zip, lower case hex.
    pub sha256: String,
    /// Length of the zip.
    pub bytes: u64,
}

impl Functions {
    /// Reads the lock file's text.
    ///
    /// # Errors
    /// TN3010 when the text is not such a file, or has no artifacts of the architecture that it names.
    pub fn parse(text: &str) -> Result<Self, Finding> {
        let unusable = |cause: String| {
            Finding::new(Code("TN3010"), format!("`pipeline/functions.lock.json` cannot be used: {cause}"))
        };
        let Lock { version, architecture, mut artifacts } =
            serde_json::from_str(text).map_err(|error| unusable(error.to_string()))?;
        if version != VERSION {
            return Err(unusable(format!("it has version {version} of the format, not {VERSION}")));
        }
        match artifacts.remove(&architecture) {
            Some(Pair { splitter, ingest }) => Ok(Self { architecture, splitter, ingest }),
            None => Err(unusable(format!("it has no artifacts for its architecture `{architecture}`"))),
        }
    }
}

impl Artifact {
    /// Key of the artifact in the artifacts bucket.
    pub fn key(&self) -> String {
        format!("functions/{}.zip", self.sha256)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = include_str!("../../pipeline/functions.lock.json");

    #[test]
    fn the_lock_has_both_architectures_and_stacks_run_the_one_it_names() {
        let usual = Functions::parse(LOCK).unwrap();
        assert_eq!(usual.architecture, "x86_64");
        let other = LOCK.replace("\"architecture\": \"x86_64\"", "\"architecture\": \"arm64\"");
        let other = Functions::parse(&other).unwrap();
        assert_eq!(other.architecture, "arm64");
        assert!(other.splitter != usual.splitter && other.ingest != usual.ingest);
    }

    #[test]
    fn a_lock_that_cannot_be_used_says_why() {
        let check = |text: &str, why: &str| {
            let message = Functions::parse(text).unwrap_err().message;
            assert!(message.contains(why), "{message}");
        };
        check(r#"{"version":2,"architecture":"riscv","artifacts":{}}"#, "no artifacts for its architecture `riscv`");
        check(r#"{"version":1,"architecture":"x86_64","artifacts":{}}"#, "version 1");
        check("{}", "cannot be used");
    }
}
