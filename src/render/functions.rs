//! The functions' artifacts: which zip each function runs, named by its content.

use serde::{Deserialize, Serialize};

use crate::finding::{Code, Finding};

/// The lock file of the pipeline's artifacts (`pipeline/functions.lock.json`), written by `make functions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Functions {
    /// Version of this file's format: 1.
    pub version: u32,
    /// Instruction set of the artifacts, as Lambda names it: `arm64` or `x86_64`.
    pub architecture: String,
    pub splitter: Artifact,
    pub ingest: Artifact,
}

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
    /// TN3010 when the text is not such a file.
    pub fn parse(text: &str) -> Result<Self, Finding> {
        serde_json::from_str(text).map_err(|error| {
            Finding::new(Code("TN3010"), format!("`pipeline/functions.lock.json` cannot be read: {error}"))
        })
    }
}

impl Artifact {
    /// Key of the artifact in the artifacts bucket.
    pub fn key(&self) -> String {
        format!("functions/{}.zip", self.sha256)
    }
}
