//! The blueprint of an estate: its own `templates/blueprint.yaml`, else the default one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use serde::Deserialize;

use tenantry_base::document::{Document, read_source};
use tenantry_base::files;
use tenantry_base::finding::{Code, Finding, Source};
use tenantry_blueprint::{BUILT_IN, Blueprint, Image};

/// Where an estate has its blueprint.
pub const PATH: &str = "templates/blueprint.yaml";
const RESOURCES_PATH: &str = "policies/resources.yaml";
const RESOURCES: &str = include_str!("../../../../policies/resources.yaml");
/// The blueprint of estates that have templates of their own from before there were blueprints.
const OLD: &str = include_str!("../../../../compat/v1/blueprint.yaml");

/// How long the names of a type's resources may be: the part of the table of resource types that blueprints need.
#[derive(Debug, Default, Deserialize)]
struct Table {
    #[serde(default)]
    types: BTreeMap<String, Row>,
}

#[derive(Debug, Deserialize)]
struct Row {
    #[serde(default)]
    name: Option<NameRule>,
}

#[derive(Debug, Deserialize)]
struct NameRule {
    #[serde(default)]
    max: Option<usize>,
}

impl Table {
    /// Empty where the text is no table: whoever reads the whole table says what is wrong with it.
    fn parse(text: &str) -> Self {
        serde_saphyr::from_str(text).unwrap_or_default()
    }

    fn longest(&self, kind: &str) -> Option<usize> {
        self.types.get(kind)?.name.as_ref()?.max
    }
}

static SHIPPED: LazyLock<Table> = LazyLock::new(|| Table::parse(RESOURCES));

/// What reading gives.
type Read = (Option<Arc<Blueprint>>, Vec<Finding>);

fn read_built_in(text: &str, is_default: bool) -> Read {
    let source = Arc::new(Source { path: PathBuf::from(PATH), text: text.to_owned() });
    read(&source, &|kind| SHIPPED.longest(kind), is_default)
}

/// The default blueprint of estates that have none, read once; a test keeps it free of findings.
static DEFAULT: LazyLock<Read> = LazyLock::new(|| read_built_in(BUILT_IN, true));
/// That of estates with templates from before there were blueprints.
static OF_OLD_TEMPLATES: LazyLock<Read> = LazyLock::new(|| read_built_in(OLD, true));
/// The same as a file of an estate.
static UNCHANGED: LazyLock<Read> = LazyLock::new(|| read_built_in(BUILT_IN, false));

/// The blueprint of the estate below `root`, and everything that is wrong with it. The blueprint is there where no finding
/// is an error.
pub(super) fn load(root: &Path) -> Read {
    let path = root.join(PATH);
    if path.symlink_metadata().is_err() {
        return if has_old_templates(root) { OF_OLD_TEMPLATES.clone() } else { DEFAULT.clone() };
    }
    let source = match read_source(&path, PathBuf::from(PATH)) {
        Ok(source) => Arc::new(source),
        Err(finding) => return (None, vec![finding]),
    };
    let own = files::read_to_string(&root.join(RESOURCES_PATH)).ok();
    match own {
        // The default blueprint is kept, so that those who read many estates read it once.
        None if source.text == BUILT_IN => UNCHANGED.clone(),
        Some(text) if source.text == BUILT_IN && text == RESOURCES => UNCHANGED.clone(),
        own => {
            let own = own.map(|text| Table::parse(&text)).unwrap_or_default();
            read(&source, &|kind| own.longest(kind).or_else(|| SHIPPED.longest(kind)), false)
        }
    }
}

/// Reads the text of a blueprint that is not yet an estate's.
pub fn parse(text: String) -> (Option<Arc<Blueprint>>, Vec<Finding>) {
    read(&Arc::new(Source { path: PathBuf::from(PATH), text }), &|kind| SHIPPED.longest(kind), false)
}

/// Whether an estate has templates of its own and no blueprint: they were made before there were blueprints.
pub(super) fn has_old_templates(root: &Path) -> bool {
    root.join("templates").is_dir() && root.join(PATH).symlink_metadata().is_err()
}

/// The images of a blueprint that are named by their tags only: findings at their lines, where the estate below `root` has the
/// file.
pub fn loose_images(root: &Path, blueprint: &Blueprint) -> Vec<Finding> {
    let loose = blueprint.artifacts.images.iter().filter(|(_, image)| image.digest.is_none());
    let mut loose = loose.peekable();
    let document = loose.peek().and_then(|_| Document::read(&root.join(PATH), PathBuf::from(PATH)).ok());
    let finding = |(name, image): (&String, &Image)| {
        let mut finding = Finding::new(Code::TN4007, format!("image `{name}` is `{image}`, without a digest"));
        finding.location = document.as_ref().and_then(|document| document.place(&format!("artifacts.images.{name}")));
        finding.with_help("`tenantry images --pin` writes it")
    };
    loose.map(finding).collect()
}

fn read(source: &Arc<Source>, longest: &dyn Fn(&str) -> Option<usize>, is_default: bool) -> Read {
    let (mut blueprint, findings) = Blueprint::read(source, longest);
    if let Some(blueprint) = &mut blueprint {
        blueprint.is_default = is_default;
    }
    (blueprint.map(Arc::new), findings)
}

/// The default blueprint; a test keeps it readable.
pub fn built_in() -> Option<Arc<Blueprint>> {
    DEFAULT.0.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_blueprint_has_no_findings() {
        assert_eq!(DEFAULT.1, []);
        assert!(DEFAULT.0.is_some());
        assert_eq!(OF_OLD_TEMPLATES.1, []);
        assert!(OF_OLD_TEMPLATES.0.is_some());
    }
}
