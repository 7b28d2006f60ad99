//! Files and folders that appear whole or not at all, whatever stops the writer, and however many write at once.
//!
//! Each is made under a name of its own beside its place (`.tenantry-…`) and then renamed; what is given up is removed.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::files::named;

/// How what is not finished is called.
const PREFIX: &str = ".tenantry-";

/// Writes a file, or puts it in the place of another.
///
/// # Errors
/// It cannot be written; then what was there is still there.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let written = unfinished(path, bytes).and_then(|file| file.persist(path).map_err(|error| error.error));
    written.map(drop).map_err(named("written", path))
}

/// Writes a file where none is.
///
/// # Errors
/// `AlreadyExists` when something has the name, even if it came meanwhile; or it cannot be written.
pub fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let written = unfinished(path, bytes).and_then(|file| file.persist_noclobber(path).map_err(|error| error.error));
    written.map(drop).map_err(named("written", path))
}

/// Writes files, by their paths inside `folder`, where none are. A folder that does not exist appears with all of them;
/// in one that exists they appear in their order, and go again if one of them cannot be written.
///
/// # Errors
/// As [`create`].
pub fn create_all(folder: &Path, files: &[(PathBuf, Vec<u8>)]) -> io::Result<()> {
    let made = if folder.exists() { add(folder, files) } else { make(folder, files) };
    made.map_err(named("made", folder))
}

fn make(folder: &Path, files: &[(PathBuf, Vec<u8>)]) -> io::Result<()> {
    let above = parent(folder);
    fs::create_dir_all(above)?;
    let whole = Builder::new().prefix(PREFIX).permissions(mode(0o777)).tempdir_in(above)?;
    for (path, bytes) in files {
        create(&whole.path().join(path), bytes)?;
    }
    fs::rename(whole.path(), folder)?;
    // What the guard would remove has another name now.
    let _renamed = whole.keep();
    Ok(())
}

fn add(folder: &Path, files: &[(PathBuf, Vec<u8>)]) -> io::Result<()> {
    let above = files.iter().flat_map(|(path, _)| path.ancestors().skip(1)).map(|above| folder.join(above));
    let missing: BTreeSet<PathBuf> = above.filter(|above| !above.exists()).collect();
    for (index, (path, bytes)) in files.iter().enumerate() {
        if let Err(error) = create(&folder.join(path), bytes) {
            files[..index].iter().try_for_each(|(made, _)| fs::remove_file(folder.join(made)))?;
            missing.iter().rev().filter(|made| made.exists()).try_for_each(fs::remove_dir)?;
            return Err(error);
        }
    }
    Ok(())
}

/// The file under its other name, on the disk.
fn unfinished(path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile<File>> {
    let folder = parent(path);
    fs::create_dir_all(folder)?;
    let mut file = Builder::new().prefix(PREFIX).permissions(mode(0o666)).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// The folder that a path stands in.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What everybody's files have, less the umask.
fn mode(bits: u32) -> Permissions {
    Permissions::from_mode(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_and_never_taken_from_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.json");
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(create(&path, b"three").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(names(folder.path()), ["plan.json"]);
    }

    #[test]
    fn what_cannot_be_finished_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        fs::create_dir(&taken).unwrap();
        replace(&taken, b"x").unwrap_err();
        fs::write(taken.join("b"), "mine").unwrap();
        let files = ["a", "deep/er/a", "b", "c"].map(|name| (PathBuf::from(name), b"new".to_vec()));
        create_all(&taken, &files).unwrap_err();
        assert_eq!(names(&taken), ["b"]);
        assert_eq!(fs::read(taken.join("b")).unwrap(), b"mine");
        assert_eq!(names(folder.path()), ["taken"]);
        let twice = [(PathBuf::from("a"), Vec::new()), (PathBuf::from("a"), Vec::new())];
        create_all(&folder.path().join("new"), &twice).unwrap_err();
        assert_eq!(names(folder.path()), ["taken"]);
    }

    #[test]
    fn a_new_folder_has_all_its_files_and_can_be_read_by_whoever_reads_others() {
        let folder = tempfile::tempdir().unwrap();
        let (new, plain) = (folder.path().join("a/b"), folder.path().join("plain"));
        create_all(&new, &[(PathBuf::from("c/d.yaml"), b"x".to_vec())]).unwrap();
        assert_eq!(fs::read(new.join("c/d.yaml")).unwrap(), b"x");
        fs::write(&plain, "").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions();
        assert_eq!(mode(&new.join("c/d.yaml")), mode(&plain));
        assert_eq!(mode(&new), mode(&new.join("c")));
        assert_eq!(names(&folder.path().join("a")), ["b"]);
    }
}
