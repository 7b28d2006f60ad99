//! Files and folders, by calls that fail with the name of what they failed on.
//!
//! The error is an [`io::Error`] of the same kind, so that it can be matched and passed on as any other; inside is a
//! [`FileError`].

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// What could not be done, and to which file: `` `plan.json` cannot be read: no such file or directory``.
#[derive(Debug)]
pub struct FileError {
    done: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl std::fmt::Display for FileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` cannot be {}: {}", self.path.display(), self.done, reason(&self.source))
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// What the system says, as people read it: `no such file or directory`.
pub fn reason(error: &io::Error) -> String {
    let said = plain(&error.to_string());
    let mut letters = said.chars();
    match (error.raw_os_error(), letters.next()) {
        (Some(_), Some(first)) => first.to_lowercase().chain(letters).collect(),
        _ => said,
    }
}

/// A message without the numbers that Rust gives to the system's errors.
pub fn plain(message: &str) -> String {
    let mut parts = message.split(" (os error ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once(')').map_or(part, |(_, rest)| rest))
}

/// An error with the file that it is about; one that names a file already stays as it is.
pub(crate) fn named(done: &'static str, path: &Path) -> impl Fn(io::Error) -> io::Error {
    move |source| match source.get_ref().is_some_and(|inner| inner.is::<FileError>()) {
        true => source,
        false => io::Error::new(source.kind(), FileError { done, path: path.to_owned(), source }),
    }
}

/// The bytes of a file.
///
/// # Errors
/// It cannot be read.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    regular(path).and_then(|()| fs::read(path)).map_err(named("read", path))
}

/// Refuses what is not a file: opening a pipe waits for its writer, and a device never ends.
fn regular(path: &Path) -> io::Result<()> {
    let kind = fs::metadata(path)?.file_type();
    // A folder has its own error.
    if kind.is_file() || kind.is_dir() {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file but a pipe, a socket or a device"))
    }
}

/// The text of a file.
///
/// # Errors
/// It cannot be read, or is no UTF-8 (`InvalidData`).
pub fn read_to_string(path: &Path) -> io::Result<String> {
    regular(path).and_then(|()| fs::read_to_string(path)).map_err(named("read", path))
}

/// Writes a file in place: for files of a folder that is in use by nobody else. See [`atomic`](crate::atomic) for others.
///
/// # Errors
/// It cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::write(path, bytes).map_err(named("written", path))
}

/// A new file to append to.
///
/// # Errors
/// `AlreadyExists` when something has the name, or it cannot be made.
pub fn append_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create_new(true).open(path).map_err(named("made", path))
}

/// A file to append to, made where there is none.
///
/// # Errors
/// It cannot be opened for writing or made.
pub fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path).map_err(named("written", path))
}

/// Waits until the names in a folder are on disk.
///
/// # Errors
/// The folder cannot be opened or written.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(named("written", path))
}

/// Makes a folder with those above it; one that exists is left as it is.
///
/// # Errors
/// A file is in the way, or it cannot be made.
pub fn create_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path).map_err(named("made", path))
}

/// The paths of what a folder holds, sorted.
///
/// # Errors
/// It cannot be read.
pub fn list(path: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(path).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut paths: Vec<PathBuf> = entries.map_err(named("read", path))?;
    paths.sort();
    Ok(paths)
}

/// Whether a path leads to a folder; nothing where nothing is there.
///
/// # Errors
/// That cannot be found out.
pub fn is_folder(path: &Path) -> io::Result<Option<bool>> {
    match fs::metadata(path) {
        Ok(there) => Ok(Some(there.is_dir())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(named("read", path)(error)),
    }
}

/// Removes a file.
///
/// # Errors
/// It is not there, or cannot be removed.
pub fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path).map_err(named("removed", path))
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;
    use crate::atomic;

    #[test]
    fn every_call_names_its_file_whatever_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let (file, missing) = (folder.path().join("file"), folder.path().join("missing"));
        let (below, text) = (file.join("below"), folder.path().join("text"));
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        fs::write(&file, "x").unwrap();
        fs::write(&text, [0xff]).unwrap();
        let full = PathBuf::from("/dev/full");
        let all = [(PathBuf::from("a"), Vec::new())];
        let tries: Vec<(&str, &Path, io::Error, Option<ErrorKind>)> = vec![
            ("read", &missing, read(&missing).unwrap_err(), Some(ErrorKind::NotFound)),
            ("read", &missing, read_to_string(&missing).unwrap_err(), Some(ErrorKind::NotFound)),
            ("read", folder.path(), read(folder.path()).unwrap_err(), Some(ErrorKind::IsADirectory)),
            ("read", &text, read_to_string(&text).unwrap_err(), Some(ErrorKind::InvalidData)),
            ("read", Path::new("/dev/zero"), read(Path::new("/dev/zero")).unwrap_err(), Some(ErrorKind::InvalidInput)),
            ("read", &pipe, read_to_string(&pipe).unwrap_err(), Some(ErrorKind::InvalidInput)),
            ("read", &missing, list(&missing).unwrap_err(), Some(ErrorKind::NotFound)),
            ("read", &file, list(&file).unwrap_err(), Some(ErrorKind::NotADirectory)),
            ("read", &below, is_folder(&below).unwrap_err(), Some(ErrorKind::NotADirectory)),
            ("written", folder.path(), write(folder.path(), b"").unwrap_err(), Some(ErrorKind::IsADirectory)),
            ("written", &full, write(&full, b"x").unwrap_err(), Some(ErrorKind::StorageFull)),
            ("written", &missing, sync_folder(&missing).unwrap_err(), Some(ErrorKind::NotFound)),
            ("made", &file, append_new(&file).unwrap_err(), Some(ErrorKind::AlreadyExists)),
            ("made", &file, create_folder(&file).unwrap_err(), Some(ErrorKind::AlreadyExists)),
            ("made", &below, create_folder(&below).unwrap_err(), Some(ErrorKind::NotADirectory)),
            ("removed", &missing, remove(&missing).unwrap_err(), Some(ErrorKind::NotFound)),
            ("written", folder.path(), atomic::replace(folder.path(), b"").unwrap_err(), None),
            ("written", &below, atomic::replace(&below, b"").unwrap_err(), None),
            ("written", &file, atomic::create(&file, b"").unwrap_err(), Some(ErrorKind::AlreadyExists)),
            ("made", &below, atomic::create_all(&below, &all).unwrap_err(), None),
        ];
        for (done, path, error, kind) in tries {
            let text = error.to_string();
            assert!(text.starts_with(&format!("`{}` cannot be {done}: ", path.display())), "{text}");
            assert!(kind.is_none_or(|kind| error.kind() == kind), "{:?} of {text}", error.kind());
            assert_eq!(text.matches("cannot be").count(), 1, "{text}");
        }
    }
}
