//! Small functions for an estate in a test: two zips, and the lock that names them.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

/// Writes the zips into a folder and the lock into the estate; another `mark` gives other digests.
pub(crate) fn write(estate: &Path, zips: &Path, mark: &str) {
    fs::create_dir_all(estate.join("pipeline")).unwrap();
    fs::create_dir_all(zips).unwrap();
    let artifact = |function: &str| {
        // An empty zip with a comment that tells it from others.
        let comment = format!("{function} {mark}");
        let mut zip = b"PK\x05\x06".to_vec();
        zip.extend([0; 16]);
        zip.extend(u16::try_from(comment.len()).unwrap().to_le_bytes());
        zip.extend(comment.as_bytes());
        let sha256: String = Sha256::digest(&zip).iter().map(|byte| format!("{byte:02x}")).collect();
        fs::write(zips.join(format!("{sha256}.zip")), &zip).unwrap();
        serde_json::json!({ "sha256": sha256, "bytes": zip.len() })
    };
    let artifacts = serde_json::json!({ "x86_64": { "splitter": artifact("splitter"), "ingest": artifact("ingest") } });
    let lock = serde_json::json!({ "version": 2, "architecture": "x86_64", "artifacts": artifacts });
    fs::write(estate.join("pipeline/functions.lock.json"), lock.to_string()).unwrap();
}
