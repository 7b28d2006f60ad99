//! `tenantry init --upgrade`: a three-way merge of an estate's templates and rules with those of this version, and what that
//! changes in the fields of tenants' files.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use super::init::{ORIGIN, schemas};
use super::{Exit, Failure, Global, Output};
use crate::report::{self, findings};
use tenantry_base::finding::Finding;
use tenantry_base::{atomic, files};
use tenantry_blueprint::Blueprint;
use tenantry_spec::estate::{self, Field};
use tenantry_template::embedded::{self, File};

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Fate {
    /// Of this version now; the estate had not changed it.
    Updated,
    Added,
    /// The estate changed it, and this version did not.
    Kept,
    /// Both changed it, in different places.
    Merged,
    /// Both changed the same lines: both are in the file, between conflict markers.
    Conflict,
    /// This version no longer has it, and the estate had not changed it.
    Removed,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Answer {
    /// Directory of the estate.
    estate: PathBuf,
    /// Blueprint and version that the estate was upgraded from.
    from: String,
    /// Blueprint and version of this version of the tool.
    to: String,
    /// What became of each file, by path in the estate.
    files: BTreeMap<PathBuf, Fate>,
    /// Changes of the newer blueprint in the fields of tenants' files.
    fields: Vec<Field>,
    /// Findings about the upgraded estate, such as a value that is outside the new limits.
    findings: Vec<Finding>,
}

/// One file: as the estate was made with it, as it is, as this version has it.
struct Three {
    base: Option<Vec<u8>>,
    ours: Option<Vec<u8>>,
    theirs: Option<Vec<u8>>,
}

pub(super) fn run(dir: &Path, global: &Global) -> Result<Exit, Failure> {
    let (estate, _) = estate::load(dir);
    let Some(estate) = estate else {
        return Err(Failure::new(format!("`{}` is no estate that can be read", dir.display()))
            .with_hint("`tenantry validate` says what is wrong"));
    };
    let blueprint = &estate.blueprint;
    let from =
        if estate.has_old_templates { "none".to_owned() } else { format!("{} {}", blueprint.name, blueprint.version) };
    let Some(theirs) = embedded::blueprint_files(&blueprint.name) else {
        return Err(Failure::new(format!("this version has no blueprint `{}` to upgrade to", blueprint.name))
            .with_hint("an estate whose blueprint has a name of its own keeps itself up to date"));
    };
    let base = origin(dir, &theirs, estate.has_old_templates)?;
    let newer = newer(&theirs)?;
    let mut answer = Answer {
        estate: dir.to_owned(),
        from,
        to: format!("{} {}", newer.name, newer.version),
        files: BTreeMap::new(),
        fields: Vec::new(),
        findings: Vec::new(),
    };
    let mut written: Vec<File> = Vec::new();
    let mut removed = Vec::new();
    let paths: BTreeSet<&PathBuf> = base.keys().chain(theirs.iter().map(|(path, _)| path)).collect();
    for path in paths {
        let three = Three {
            base: base.get(path).cloned(),
            ours: read(&dir.join(path))?,
            theirs: theirs.iter().find(|(other, _)| other == path).map(|(_, bytes)| bytes.clone()),
        };
        let Some((fate, bytes)) = three.merged() else { continue };
        match bytes {
            Some(bytes) => written.push((path.clone(), bytes)),
            None if fate == Fate::Removed => removed.push(dir.join(path)),
            None => {}
        }
        answer.files.insert(path.clone(), fate);
    }
    written.extend(theirs.iter().map(|(path, bytes)| (Path::new(ORIGIN).join(path), bytes.clone())));
    written.extend(schemas(&theirs, &estate.fleet.defaults)?);
    for (path, bytes) in &written {
        atomic::replace(&dir.join(path), bytes)?;
    }
    for path in removed {
        files::remove(&path)?;
    }
    let conflicts = answer.files.values().any(|fate| *fate == Fate::Conflict);
    let (upgraded, findings) = estate::load(dir);
    answer.findings = findings;
    let merged = upgraded.as_ref().map_or(&newer, |estate| &estate.blueprint);
    answer.fields = estate::field_changes(&estate, merged, upgraded.as_ref());
    let wrong = conflicts || estate::has_errors(&answer.findings);
    Output::new(global.output).show(&answer, text)?;
    Ok(if wrong { Exit::Changes } else { Exit::Clean })
}

impl Three {
    /// What becomes of the file, and what is written; None where nothing is to be done or said.
    fn merged(self) -> Option<(Fate, Option<Vec<u8>>)> {
        let Self { base, ours, theirs } = self;
        match (base, ours, theirs) {
            (base, ours, theirs) if ours == theirs || base == theirs => {
                (base.is_some() && ours != base && ours != theirs).then_some((Fate::Kept, None))
            }
            (None, None, Some(theirs)) => Some((Fate::Added, Some(theirs))),
            (base, Some(ours), None) if base.as_ref() == Some(&ours) => Some((Fate::Removed, None)),
            // The estate took it out, or changed what this version took out.
            (_, None, _) | (_, _, None) => Some((Fate::Kept, None)),
            (Some(base), Some(ours), Some(theirs)) if base == ours => Some((Fate::Updated, Some(theirs))),
            // What it was made from is not known: the estate's own stays.
            (None, Some(_), Some(_)) => Some((Fate::Kept, None)),
            (Some(base), Some(ours), Some(theirs)) => {
                let (base, ours, theirs) = (text_of(base)?, text_of(ours)?, text_of(theirs)?);
                Some(match diffy::merge(&base, &ours, &theirs) {
                    Ok(merged) => (Fate::Merged, Some(merged.into_bytes())),
                    Err(conflict) => (Fate::Conflict, Some(conflict.into_bytes())),
                })
            }
        }
    }
}

fn text_of(bytes: Vec<u8>) -> Option<String> {
    String::from_utf8(bytes).ok()
}

/// The files that the estate was made from, as far as it has kept them.
fn origin(dir: &Path, theirs: &[File], has_old_templates: bool) -> Result<BTreeMap<PathBuf, Vec<u8>>, Failure> {
    if has_old_templates {
        // Rules and tables were not kept: those that equal this version's need no merge, the others stay.
        return Ok(embedded::old_templates().into_iter().collect());
    }
    let folder = dir.join(ORIGIN);
    let mut files = BTreeMap::new();
    for (path, _) in theirs {
        if let Some(bytes) = read(&folder.join(path))? {
            files.insert(path.clone(), bytes);
        }
    }
    let mut found = Vec::new();
    walk(&folder, &mut found)?;
    for path in found {
        let (Ok(short), Some(bytes)) = (path.strip_prefix(&folder), read(&path)?) else { continue };
        files.insert(short.to_owned(), bytes);
    }
    Ok(files)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let paths = match files::list(folder) {
        Ok(paths) => paths,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    for path in paths {
        if path.is_dir() { walk(&path, found)? } else { found.push(path) }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    match files::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The blueprint of this version.
fn newer(files: &[File]) -> Result<Arc<Blueprint>, Failure> {
    let text = files.iter().find(|(path, _)| path == Path::new(estate::blueprint::PATH));
    let text = text.map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
    let (blueprint, findings) = estate::blueprint::parse(text);
    blueprint.ok_or_else(|| super::opened::refused(&findings, "the blueprint"))
}

fn text(answer: &Answer) -> String {
    let mut text = format!("blueprint of {}: {} -> {}\n", answer.estate.display(), answer.from, answer.to);
    let named = [
        (Fate::Conflict, "changed by both, to be resolved at the conflict markers"),
        (Fate::Merged, "changed by both, merged"),
        (Fate::Kept, "kept as the estate has it"),
        (Fate::Removed, "removed"),
        (Fate::Added, "added"),
    ];
    for (fate, what) in named {
        for (path, _) in answer.files.iter().filter(|(_, found)| **found == fate) {
            text.push_str(&format!("  {}: {what}\n", path.display()));
        }
    }
    let updated = answer.files.values().filter(|fate| **fate == Fate::Updated).count();
    text.push_str(&format!("{updated} file{} updated\n", if updated == 1 { "" } else { "s" }));
    text.push_str(&report::fields::text(&answer.fields));
    if !answer.findings.is_empty() {
        text.push_str(&findings::text(&answer.findings));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(base: &str, ours: &str, theirs: &str) -> Option<(Fate, Option<String>)> {
        let bytes = |text: &str| (text != "-").then(|| text.as_bytes().to_vec());
        let three = Three { base: bytes(base), ours: bytes(ours), theirs: bytes(theirs) };
        three.merged().map(|(fate, bytes)| (fate, bytes.map(|bytes| String::from_utf8(bytes).unwrap())))
    }

    #[test]
    fn nothing_that_an_estate_changed_is_lost() {
        let (a, b, c) = ("1\n2\n3\n4\n5\n", "one\n2\n3\n4\n5\n", "1\n2\n3\n4\nfive\n");
        assert_eq!(merged(a, a, a), None);
        assert_eq!(merged(a, a, c), Some((Fate::Updated, Some(c.to_owned()))));
        assert_eq!(merged(a, b, a), Some((Fate::Kept, None)));
        assert_eq!(merged(a, b, c), Some((Fate::Merged, Some("one\n2\n3\n4\nfive\n".to_owned()))));
        let (fate, text) = merged(a, b, "eins\n2\n3\n4\n5\n").unwrap();
        let text = text.unwrap();
        assert!(fate == Fate::Conflict && text.contains("one") && text.contains("eins") && text.contains("<<<<<<<"));
        assert_eq!(merged("-", "-", c), Some((Fate::Added, Some(c.to_owned()))));
        assert_eq!(merged(a, a, "-"), Some((Fate::Removed, None)));
        assert_eq!(merged(a, b, "-"), Some((Fate::Kept, None)));
        assert_eq!(merged(a, "-", c), Some((Fate::Kept, None)), "what the estate took out stays out");
        assert_eq!(merged("-", c, c), None);
        assert_eq!(merged("-", b, c), Some((Fate::Kept, None)));
    }
}
