//! The functions' artifacts: which zip each function runs, named by its content.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use tenantry_base::finding::{Code, Finding};

/// What the lock file of a blueprint's artifacts says, for the architecture that the stacks run; nothing for a blueprint
/// without functions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Functions {
    /// Instruction set of the artifacts, as Lambda names it: `arm64` or `x86_64`.
    pub architecture: String,
    /// By the name of the function.
    pub artifacts: BTreeMap<String, Artifact>,
}

/// The lock file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lock {
    version: u32,
    /// What the stacks run.
    architecture: String,
    /// By architecture, then by function.
    artifacts: BTreeMap<String, BTreeMap<String, Artifact>>,
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
    /// Reads the text of the lock file at `path`, which must have every function of `wanted`.
    ///
    /// # Errors
    /// TN3010 when the text is not such a file, or lacks the artifacts of the architecture that it names or of a function.
    pub fn parse(path: &str, text: &str, wanted: &[String]) -> Result<Self, Finding> {
        let unusable = |cause: String| Finding::new(Code::TN3010, format!("`{path}` cannot be used: {cause}"));
        let Lock { version, architecture, mut artifacts } =
            serde_json::from_str(text).map_err(|error| unusable(error.to_string()))?;
        if version != VERSION {
            return Err(unusable(format!("it has version {version} of the format, not {VERSION}")));
        }
        let Some(artifacts) = artifacts.remove(&architecture) else {
            return Err(unusable(format!("it has no artifacts for its architecture `{architecture}`")));
        };
        match wanted.iter().find(|name| !artifacts.contains_key(*name)) {
            Some(name) => Err(unusable(format!("it has no artifact of the function `{name}`"))),
            None => Ok(Self { architecture, artifacts }),
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

    #[test]
    fn stacks_run_the_architecture_that_the_lock_names() {
        let pair = r#"{"splitter":{"sha256":"SPLIT","bytes":1},"ingest":{"sha256":"INGEST","bytes":2}}"#;
        let other = pair.replace("SPLIT", "other").replace("INGEST", "another");
        let lock = |named: &str| {
            format!(r#"{{"version":2,"architecture":"{named}","artifacts":{{"x86_64":{pair},"arm64":{other}}}}}"#)
        };
        let key = |named: &str, function: &str| {
            Functions::parse("lock", &lock(named), &[function.to_owned()]).unwrap().artifacts[function].key()
        };
        assert_eq!(key("x86_64", "splitter"), "functions/SPLIT.zip");
        assert_eq!(key("arm64", "ingest"), "functions/another.zip");
        let error = Functions::parse("lock", &lock("arm64"), &["report".to_owned()]).unwrap_err();
        assert_eq!(error.message, "`lock` cannot be used: it has no artifact of the function `report`");
    }

    #[test]
    fn a_lock_that_cannot_be_used_says_why() {
        let check = |text: &str, why: &str| {
            let message = Functions::parse("lock", text, &[]).unwrap_err().message;
            assert!(message.contains(why), "{message}");
        };
        check(r#"{"version":2,"architecture":"riscv","artifacts":{}}"#, "no artifacts for its architecture `riscv`");
        check(r#"{"version":1,"architecture":"x86_64","artifacts":{}}"#, "version 1");
        check("{}", "cannot be used");
    }
}
