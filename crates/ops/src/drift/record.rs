//! The tool's own record of drift checks, in `.tenantry/drift.json` of the estate: when each stack was last held
//! against what is there, and how it stood. It is a convenience: lost, the next check writes it again.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Difference, DriftStatus, Kind, Severity, StackDrift};
use tenantry_aws::cloud::Place;
use tenantry_base::{atomic, files};

const SCHEMA: &str = "tenantry/drift-record/v1";

/// The record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    #[serde(default)]
    schema: String,
    /// By account, region and stack.
    #[serde(default)]
    checks: BTreeMap<String, Check>,
}

/// Last drift check of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// Seconds since 1970.
    pub at: i64,
    /// Result of the check.
    pub verdict: DriftStatus,
    /// Number of differences that are not accepted.
    pub open: usize,
    /// Highest severity of the open differences; null if there are none.
    pub worst: Option<Severity>,
    /// The open differences with the highest severity, without values, because a value may be a secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Noted>,
}

/// A difference without its values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Noted {
    /// Class of the drift, `TN55..`.
    pub code: String,
    /// Rated by the type and property.
    pub severity: Severity,
    /// Whether the resource or property was modified, added, deleted or is unmanaged.
    pub kind: Kind,
    /// Logical ID; null for an unmanaged resource.
    pub resource: Option<String>,
    /// CloudFormation resource type, such as `AWS::S3::Bucket`.
    pub resource_type: String,
    /// Null for a deleted resource whose ID is not known.
    pub physical_id: Option<String>,
    /// `/SecurityGroupIngress`, as in the template.
    pub path: String,
    /// User or role session that changed it; null if CloudTrail has no event.
    pub by: Option<String>,
}

/// Differences of a stack that are remembered.
const MOST_NOTED: usize = 20;

impl Noted {
    fn of(difference: &Difference) -> Self {
        Self {
            code: difference.code.as_str().to_owned(),
            severity: difference.severity,
            kind: difference.kind,
            resource: difference.resource.clone(),
            resource_type: difference.resource_type.clone(),
            physical_id: difference.physical_id.clone(),
            path: difference.path.clone(),
            by: difference.by.as_ref().map(|deed| deed.user.clone()),
        }
    }
}

fn path(estate: &Path) -> PathBuf {
    estate.join(".tenantry/drift.json")
}

fn key(place: &Place, stack: &str) -> String {
    format!("{}/{}/{stack}", place.account, place.region)
}

impl Record {
    /// The record of an estate; an empty one where there is none, or none of this version.
    pub fn load(estate: &Path) -> Self {
        Self::parse(&files::read_to_string(&path(estate)).unwrap_or_default())
    }

    /// This record with the later check of each stack in another one.
    #[must_use]
    pub fn merged(mut self, other: Self) -> Self {
        for (stack, check) in other.checks {
            match self.checks.get(&stack) {
                Some(own) if own.at >= check.at => {}
                _ => drop(self.checks.insert(stack, check)),
            }
        }
        SCHEMA.clone_into(&mut self.schema);
        self
    }

    /// The record as it is stored.
    ///
    /// # Errors
    /// None is known.
    pub fn text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }

    /// A stored record; an empty one where it is not of this version.
    pub fn parse(text: &str) -> Self {
        serde_json::from_str::<Self>(text).ok().filter(|record| record.schema == SCHEMA).unwrap_or_default()
    }

    /// The last check of a stack.
    pub fn of(&self, place: &Place, stack: &str) -> Option<&Check> {
        self.checks.get(&key(place, stack))
    }

    /// Takes in what was found at `now`.
    pub fn note(&mut self, drifts: &[StackDrift], now: i64) {
        SCHEMA.clone_into(&mut self.schema);
        for drift in drifts {
            let mut open: Vec<&Difference> = drift.open().collect();
            open.sort_by_key(|difference| std::cmp::Reverse(difference.severity));
            let check = Check {
                at: now,
                verdict: drift.verdict,
                open: open.len(),
                worst: open.first().map(|difference| difference.severity),
                differences: open.into_iter().take(MOST_NOTED).map(Noted::of).collect(),
            };
            self.checks.insert(key(&drift.place, &drift.stack), check);
        }
    }

    /// Writes the record whole.
    ///
    /// # Errors
    /// The folder cannot be made or the file cannot be written.
    pub fn save(&self, estate: &Path) -> io::Result<()> {
        let path = path(estate);
        atomic::replace(&path, &serde_json::to_vec_pretty(self)?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Source;
    use super::*;
    use tenantry_base::finding::Code;

    fn difference(severity: Severity, path: &str) -> Difference {
        Difference {
            code: Code::TN5501,
            severity,
            kind: Kind::Modified,
            source: Source::Services,
            resource: Some("Queue".to_owned()),
            resource_type: "AWS::SQS::Queue".to_owned(),
            physical_id: None,
            path: path.to_owned(),
            expected: None,
            actual: Some("hunter2".into()),
            remedy: String::new(),
            carrier: None,
            by: None,
            accepted: None,
        }
    }

    #[test]
    fn what_is_noted_is_there_after_loading_without_values_and_a_broken_file_is_an_empty_record() {
        let estate = tempfile::tempdir().unwrap();
        let place: Place = serde_json::from_str(r#"{"account":"111122223333","region":"eu-west-1"}"#).unwrap();
        let drift = StackDrift {
            tenant: "acme".to_owned(),
            place: place.clone(),
            stack: "org-acme".to_owned(),
            verdict: DriftStatus::Drifted,
            differences: vec![difference(Severity::Low, "/Tags"), difference(Severity::High, "/Policy")],
            checked: 1,
            unchecked: Vec::new(),
            sources: Vec::new(),
            offboarded: false,
            trail: None,
        };
        let mut record = Record::load(estate.path());
        record.note(&[drift], 7);
        record.save(estate.path()).unwrap();
        let record = Record::load(estate.path());
        let check = record.of(&place, "org-acme").unwrap();
        assert_eq!(
            (check.at, check.verdict, check.open, check.worst),
            (7, DriftStatus::Drifted, 2, Some(Severity::High))
        );
        let paths: Vec<&str> = check.differences.iter().map(|noted| noted.path.as_str()).collect();
        assert_eq!(paths, ["/Policy", "/Tags"], "the worst first");
        assert!(!std::fs::read_to_string(path(estate.path())).unwrap().contains("hunter2"));
        std::fs::write(path(estate.path()), "{").unwrap();
        assert_eq!(Record::load(estate.path()), Record::default());
    }
}
