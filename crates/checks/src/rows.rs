//! Rows of an estate's own tables, laid over those of this version.
//!
//! A row without a counterpart is added and needs every required column. A row of a known key overrides the columns that it
//! names; the other columns, and all other rows, stay those of this version. Every fault has the place of its column.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use tenantry_base::Document;
use tenantry_base::finding::{Code, Finding, Source, nearest};
use tenantry_template::embedded;

/// A column, and whether a row that is added needs it.
pub(crate) type Column = (&'static str, bool);

/// What one table is made of.
pub(crate) struct Columns {
    /// Code of a fault.
    pub(crate) code: Code,
    pub(crate) columns: &'static [Column],
    /// Columns that say what a row counts: a row of the same key cannot say otherwise.
    pub(crate) fixed: &'static [&'static str],
}

/// Reads the rows of one file.
pub(crate) struct Reader<'d> {
    pub(crate) document: &'d Document,
    pub(crate) kind: &'d Columns,
    pub(crate) found: Vec<Finding>,
}

impl<'d> Reader<'d> {
    pub(crate) fn new(document: &'d Document, kind: &'d Columns) -> Self {
        Self { document, kind, found: Vec::new() }
    }

    pub(crate) fn fault(&mut self, route: &str, message: impl Into<String>) -> &mut Finding {
        self.found.push(Finding::new(self.kind.code, message).at(self.document.nearest(route)));
        let last = self.found.len() - 1;
        &mut self.found[last]
    }

    /// The whole file: a map of these keys.
    pub(crate) fn root(&mut self, keys: &[&str]) -> Option<&'d Map<String, Value>> {
        let Some(root) = self.document.value.as_object() else {
            self.fault("", "the table must be a map");
            return None;
        };
        for key in root.keys().filter(|key| !keys.contains(&key.as_str())) {
            self.fault(key, format!("unknown column `{key}`{}", nearest(key, keys.iter().copied())));
        }
        Some(root)
    }

    /// A row: `own` laid over `base`. None where a column is at fault. `sound` is any row of the table: a column is tried
    /// in it alone, so that all faults of a row are found.
    pub(crate) fn row<T: Serialize + DeserializeOwned>(
        &mut self,
        own: &Value,
        route: &str,
        base: Option<&T>,
        sound: &T,
    ) -> Option<T> {
        let Some(own) = own.as_object() else {
            self.fault(route, "a row must be a map of columns");
            return None;
        };
        let kind = self.kind;
        let before = self.found.len();
        let mut row = base.map(as_map).unwrap_or_default();
        let mut tried = base.map_or_else(|| as_map(sound), |_| row.clone());
        for (key, value) in own {
            let at = format!("{route}.{key}");
            let known = || kind.columns.iter().map(|(column, _)| *column);
            if !known().any(|column| column == key) {
                self.fault(&at, format!("unknown column `{key}`{}", nearest(key, known())));
                continue;
            }
            let was = tried.insert(key.clone(), value.clone());
            if let Err(error) = serde_json::from_value::<T>(Value::Object(tried.clone())) {
                self.fault(&at, format!("the column `{key}` is invalid: {error}"));
            } else if let Some(other) = row
                .get(key.as_str())
                .filter(|other| kind.fixed.contains(&key.as_str()) && !other.is_null() && *other != value)
                && !value.is_null()
            {
                let message = format!(
                    "`{key}: {}` contradicts the row of this version, which has `{}`",
                    plain(value),
                    plain(other)
                );
                self.fault(&at, message).help =
                    Some("leave the column out, or give the row a key of its own".to_owned());
            }
            match was {
                Some(was) => drop(tried.insert(key.clone(), was)),
                None => drop(tried.remove(key)),
            }
            row.insert(key.clone(), value.clone());
        }
        if base.is_none() {
            for (column, _) in kind.columns.iter().filter(|(column, required)| *required && !own.contains_key(*column))
            {
                self.fault(route, format!("the column `{column}` is missing"));
            }
        }
        if self.found.len() > before {
            return None;
        }
        match serde_json::from_value(Value::Object(row)) {
            Ok(row) => Some(row),
            Err(error) => {
                self.fault(route, format!("the row is invalid: {error}"));
                None
            }
        }
    }
}

fn as_map<T: Serialize>(row: &T) -> Map<String, Value> {
    match serde_json::to_value(row) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The estate's own file of a table, if it has one, such as `quotas.yaml`.
///
/// # Errors
/// A file that cannot be read, as a finding.
pub(crate) fn own(root: &Path, name: &str, code: Code) -> Result<Option<Arc<Source>>, Vec<Finding>> {
    embedded::own_table(root, name).map_err(|error| vec![Finding::new(code, error.to_string())])
}

/// The word for a row that nothing uses.
pub(crate) fn unused(document: &Document, route: &str, message: String, help: String) -> Finding {
    Finding::new(Code::TN2604, message).at(document.nearest(route)).with_help(help)
}
