//! The table of quotas, `policies/quotas.yaml`: what AWS allows where the account cannot be asked.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::single::Measure;
use crate::resources;
use crate::rows::{self, Columns, Reader};
use tenantry_base::Document;
use tenantry_base::finding::{Code, Finding, Source, nearest};
use tenantry_template::embedded;

/// Over what a quota counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    Account,
    Region,
    Zone,
    /// What one stack holds of it, such as the subnets of its VPC.
    Stack,
    /// One resource, counted by `of` where a template shows it.
    Resource,
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Key of the row.
    pub id: String,
    /// Service code of Service Quotas.
    pub service: String,
    /// Code of Service Quotas, such as `L-F678F1CE`.
    pub code: Option<String>,
    /// Why there is no code.
    #[serde(default)]
    pub reason: Option<String>,
    /// Name of the quota, as in Service Quotas.
    pub name: String,
    /// AWS's default value, in `unit`.
    pub default: u64,
    /// Whether an increase can be asked for.
    pub adjustable: bool,
    /// What the quota applies to.
    pub scope: Scope,
    /// Unit of the values.
    pub unit: String,
    /// How the usage is counted: a measure of the tool, or a resource type that Cloud Control lists.
    pub measure: String,
    /// Title of the document with the default.
    pub source: String,
    /// Date of the source, `YYYY-MM-DD`.
    pub date: String,
    /// What must stay free below the limit.
    #[serde(default)]
    pub keep: u64,
    /// What a single resource holds of it, counted in the template.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of: Vec<Measure>,
    /// Why a template does not show what a single resource holds of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_run_time: Option<String>,
}

impl Quota {
    /// Whether it limits a single resource.
    pub fn is_single(&self) -> bool {
        self.scope == Scope::Resource
    }
}

/// The columns of a row.
const COLUMNS: Columns = Columns {
    code: Code::TN2602,
    columns: &[
        ("id", true),
        ("service", true),
        ("code", false),
        ("reason", false),
        ("name", true),
        ("default", true),
        ("adjustable", true),
        ("scope", true),
        ("unit", true),
        ("measure", true),
        ("source", true),
        ("date", true),
        ("keep", false),
        ("of", false),
        ("at_run_time", false),
    ],
    fixed: &["service", "code", "scope", "unit"],
};

/// Reads the text of a whole table.
///
/// # Errors
/// TN2602 for each fault: no table, unknown, missing and invalid columns, an id that is used twice, a row with neither code
/// nor reason or with both.
pub fn parse(text: &str) -> Result<Vec<Quota>, Vec<Finding>> {
    let source = Arc::new(Source { path: PathBuf::from("policies/quotas.yaml"), text: text.to_owned() });
    let document = Document::parse(source).map_err(|fault| vec![fault])?;
    let (quotas, found) = lay(&document, Vec::new());
    if found.is_empty() { Ok(quotas) } else { Err(found) }
}

/// The table of the estate below `root`, and warnings about rows that nothing uses.
///
/// # Errors
/// As [`parse`], of the estate's own rows; columns that contradict a row of this version; a file that cannot be read.
pub(super) fn load(root: &Path) -> Result<(Vec<Quota>, Vec<Finding>), Vec<Finding>> {
    let base = parse(embedded::shipped_table(NAME))?;
    let Some(source) = rows::own(root, NAME, COLUMNS.code)? else {
        let found = unknown(root, &base);
        return if found.is_empty() { Ok((base, found)) } else { Err(found) };
    };
    let document = Document::parse(source).map_err(|fault| vec![fault])?;
    let known: BTreeSet<String> = base.iter().map(|quota| quota.id.clone()).collect();
    let (quotas, mut found) = lay(&document, base);
    found.extend(unknown(root, &quotas));
    if !found.is_empty() {
        return Err(found);
    }
    let own = document.value["quotas"].as_array().into_iter().flatten().enumerate();
    let taken = |id: &str| {
        let rows = resources::table().iter().flat_map(|(_, row)| row.quotas.iter().flatten());
        rows.into_iter().any(|taken| taken.quota == id)
    };
    let idle = own.filter_map(|(number, row)| {
        let id = row["id"].as_str()?;
        let quota = quotas.iter().find(|quota| quota.id == id)?;
        let used = known.contains(id) || taken(id) || !quota.of.is_empty() || quota.at_run_time.is_some();
        let help =
            format!("say in the column `quotas` of {} what takes of it, or in `of` what it counts", resources::PATH);
        (!used).then(|| {
            let message = format!("nothing counts against the quota `{id}`");
            rows::unused(&document, &format!("quotas[{number}].id"), message, help)
        })
    });
    let idle = idle.collect();
    Ok((quotas, idle))
}

const NAME: &str = "quotas.yaml";

/// Rows of the estate's resource types that take of a quota that there is not.
fn unknown(root: &Path, quotas: &[Quota]) -> Vec<Finding> {
    // What is wrong with the file itself is found where the types are read.
    let source = embedded::own_table(root, "resources.yaml").ok().flatten();
    let Some(document) = source.and_then(|source| Document::parse(source).ok()) else { return Vec::new() };
    let types = document.value["types"].as_object().into_iter().flatten();
    let taken = types.flat_map(|(kind, row)| {
        row["quotas"]
            .as_object()
            .into_iter()
            .flat_map(Map::keys)
            .map(move |id| (format!("types.{kind}.quotas.{id}"), id))
    });
    let missing = taken.filter(|(_, id)| !quotas.iter().any(|quota| quota.id == **id)).map(|(route, id)| {
        let hint = nearest(id, quotas.iter().map(|quota| quota.id.as_str()));
        Finding::new(Code::TN2601, format!("there is no quota `{id}`{hint}"))
            .at(document.nearest(&route))
            .with_help("add the row to the estate's policies/quotas.yaml")
    });
    missing.collect()
}

/// The rows of a file over those of `base`, and what is wrong with them.
fn lay(document: &Document, mut base: Vec<Quota>) -> (Vec<Quota>, Vec<Finding>) {
    let mut reader = Reader::new(document, &COLUMNS);
    let rows = reader.root(&["quotas"]).and_then(|root| root.get("quotas")).and_then(Value::as_array);
    let Some(rows) = rows else {
        reader.fault("quotas", "`quotas` must be a list of rows");
        return (base, reader.found);
    };
    let sound = base.first().cloned().unwrap_or_else(Quota::any);
    let mut seen = BTreeSet::new();
    for (number, own) in rows.iter().enumerate() {
        let route = format!("quotas[{number}]");
        let id = own["id"].as_str().unwrap_or_default();
        if !id.is_empty() && !seen.insert(id) {
            reader.fault(&format!("{route}.id"), format!("the quota `{id}` is in the table twice"));
            continue;
        }
        let at = base.iter().position(|quota| quota.id == id);
        let Some(mut quota) = reader.row(own, &route, at.map(|at| &base[at]), &sound) else { continue };
        // A row that says the code needs no reason of the row below.
        if !own["code"].is_null() && own["reason"].is_null() {
            quota.reason = None;
        }
        if quota.code.is_some() && !own["reason"].is_null() && own["code"].is_null() {
            quota.code = None;
        }
        if quota.code.is_some() == quota.reason.is_some() {
            reader.fault(&route, format!("the quota `{id}` needs either a code or the reason why it has none"));
        }
        if quota.scope == Scope::Resource && quota.of.is_empty() == quota.at_run_time.is_none() {
            let message = format!(
                "the quota `{id}` of a single resource needs either `of` or `at_run_time`, the reason why a template does \
                 not show it"
            );
            reader.fault(&route, message);
        }
        match at {
            Some(at) => base[at] = quota,
            None => base.push(quota),
        }
    }
    (base, reader.found)
}

impl Quota {
    /// A row in which a column can be tried.
    fn any() -> Self {
        let text = String::new;
        Self {
            id: text(),
            service: text(),
            code: None,
            reason: None,
            name: text(),
            default: 0,
            adjustable: false,
            scope: Scope::Region,
            unit: text(),
            measure: text(),
            source: text(),
            date: text(),
            keep: 0,
            of: Vec::new(),
            at_run_time: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = "- {id: a, service: s, code: L-1, name: n, default: 1, adjustable: true, scope: region, unit: count, \
                       measure: m, source: s, date: '2026-01-01'}";

    fn said(found: &[Finding]) -> Vec<String> {
        let shown = found.iter().map(|one| {
            let at = one.location.as_ref().map_or((0, 0), |at| (at.line, at.column));
            format!("{} {}:{} {}", one.code, at.0, at.1, one.message)
        });
        shown.collect()
    }

    fn faults(rows: &str) -> Vec<String> {
        parse(&format!("quotas:\n{rows}\n")).err().map(|found| said(&found)).unwrap_or_default()
    }

    #[test]
    fn tables_with_faults_are_refused_at_their_places() {
        assert_eq!(faults(ROW), Vec::<String>::new());
        assert_eq!(faults(&format!("{ROW}\n{ROW}")), ["TN2602 3:4 the quota `a` is in the table twice"]);
        assert_eq!(
            faults(&ROW.replace("L-1", "null")),
            ["TN2602 2:3 the quota `a` needs either a code or the reason why it has none"]
        );
        let bad = ROW.replace("default: 1", "defalt: 1").replace("scope: region", "scope: galaxy");
        let said = faults(&bad);
        assert_eq!(said.len(), 3, "{said:#?}");
        assert!(said[0].contains("unknown column `defalt`, did you mean `default`?"), "{said:#?}");
        assert!(said[1].contains("the column `scope` is invalid: unknown variant `galaxy`"), "{said:#?}");
        assert!(said[2].contains("the column `default` is missing"), "{said:#?}");
        assert!(parse("quotas: 3").is_err() && parse("[").is_err() && parse("quotass: []").is_err());
    }

    #[test]
    fn rows_of_an_estate_add_and_override_and_the_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("policies")).unwrap();
        let write = |text: &str| std::fs::write(folder.path().join("policies/quotas.yaml"), text).unwrap();
        let (shipped, none) = load(folder.path()).unwrap();
        assert!(none.is_empty());
        write(&format!("quotas:\n- {{ id: vpc-vpcs, default: 50 }}\n{ROW}\n"));
        let (quotas, found) = load(folder.path()).unwrap();
        assert_eq!(quotas.len(), shipped.len() + 1);
        let vpcs = quotas.iter().find(|quota| quota.id == "vpc-vpcs").unwrap();
        assert_eq!((vpcs.default, vpcs.code.as_deref()), (50, Some("L-F678F1CE")));
        assert_eq!(said(&found), ["TN2604 3:4 nothing counts against the quota `a`"]);
        write("quotas:\n- { id: vpc-vpcs, unit: GiB, scope: account, defaults: 3 }\n");
        assert_eq!(
            said(&load(folder.path()).unwrap_err()),
            [
                "TN2602 2:19 `unit: GiB` contradicts the row of this version, which has `count`",
                "TN2602 2:30 `scope: account` contradicts the row of this version, which has `region`",
                "TN2602 2:46 unknown column `defaults`, did you mean `default`?",
            ]
        );
        // A copy of the whole table is the table.
        write(embedded::shipped_table(NAME));
        assert_eq!(load(folder.path()).unwrap(), (shipped, Vec::new()));
    }
}
