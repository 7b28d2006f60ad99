//! The functions' zips on this machine: whether each is there, and is the one that the estate's lock names.

use std::path::{Path, PathBuf};

use tenantry_base::digest::sha256;
use tenantry_template::render::{Artifact, Functions};

/// Why a zip cannot be uploaded.
#[derive(Debug, thiserror::Error)]
pub enum ZipError {
    #[error("cannot read the zip of the {function} function, `{path}`")]
    Unreadable {
        function: String,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("`{path}` has the SHA-256 {actual}: it is not the zip of the {function} function that the lock names")]
    Different { function: String, path: PathBuf, actual: String },
}

/// Path of an artifact's zip in a folder: `<sha256>.zip`.
pub fn path(folder: &Path, artifact: &Artifact) -> PathBuf {
    folder.join(format!("{}.zip", artifact.sha256))
}

/// Names of the functions whose zip a folder does not have.
pub fn missing<'f>(functions: &'f Functions, folder: &Path) -> Vec<&'f str> {
    let absent = functions.artifacts.iter().filter(|(_, artifact)| !path(folder, artifact).is_file());
    absent.map(|(function, _)| function.as_str()).collect()
}

/// Everything that is wrong with the zips of a folder; empty when each is what the lock names.
pub fn verify(functions: &Functions, folder: &Path) -> Vec<ZipError> {
    let all = functions.artifacts.iter();
    all.filter_map(|(function, artifact)| fault(function.clone(), artifact, path(folder, artifact))).collect()
}

fn fault(function: String, artifact: &Artifact, path: PathBuf) -> Option<ZipError> {
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(source) => return Some(ZipError::Unreadable { function, path, source }),
    };
    let actual = sha256(&bytes);
    (actual != artifact.sha256).then_some(ZipError::Different { function, path, actual })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_zip_that_is_missing_or_another_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let artifact = |bytes: &[u8]| Artifact { sha256: sha256(bytes), bytes: bytes.len() as u64 };
        let (first, second) = (artifact(b"first"), artifact(b"second"));
        let named = [("first", &first), ("second", &second)].map(|(name, one)| (name.to_owned(), one.clone()));
        let functions = Functions { architecture: "x86_64".to_owned(), artifacts: named.into() };
        assert_eq!(verify(&functions, folder.path()).len(), 2);
        assert_eq!(missing(&functions, folder.path()), ["first", "second"]);
        std::fs::write(path(folder.path(), &first), b"first").unwrap();
        std::fs::write(path(folder.path(), &second), b"something else").unwrap();
        let faults = verify(&functions, folder.path());
        assert!(
            matches!(faults.as_slice(), [ZipError::Different { function, .. }] if function == "second"),
            "{faults:?}"
        );
        std::fs::write(path(folder.path(), &second), b"second").unwrap();
        assert!(missing(&functions, folder.path()).is_empty());
        assert!(verify(&functions, folder.path()).is_empty());
    }
}
