//! The functions' artifacts: which zip each function runs, named by its content.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use tenantry_base::finding::{Code, Finding};

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

    const LOCK: &str = include_str!("../../../../pipeline/functions.lock.json");

    #[test]
    fn stacks_run_the_architecture_that_the_lock_names() {
        let pair = r#"{"splitter":{"sha256":"SPLIT","bytes":1},"ingest":{"sha256":"INGEST","bytes":2}}"#;
        let other = pair.replace("SPLIT", "other").replace("INGEST", "another");
        let lock = |named: &str| {
            format!(r#"{{"version":2,"architecture":"{named}","artifacts":{{"x86_64":{pair},"arm64":{other}}}}}"#)
        };
        assert_eq!(Functions::parse(&lock("x86_64")).unwrap().splitter.key(), "functions/SPLIT.zip");
        assert_eq!(Functions::parse(&lock("arm64")).unwrap().ingest.key(), "functions/another.zip");
    }

    #[test]
    fn the_lock_of_this_version_can_be_used() {
        assert_eq!(Functions::parse(LOCK).unwrap().architecture, "x86_64");
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
