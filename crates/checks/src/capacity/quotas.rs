//! The table of quotas, `policies/quotas.yaml`: what AWS allows where the account cannot be asked.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::single::Measure;

/// Over what a quota counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    pub id: String,
    /// Service code of Service Quotas.
    pub service: String,
    /// Code of Service Quotas, such as `L-F678F1CE`.
    pub code: Option<String>,
    /// Why there is no code.
    #[serde(default)]
    pub reason: Option<String>,
    pub name: String,
    pub default: u64,
    /// Whether an increase can be asked for.
    pub adjustable: bool,
    pub scope: Scope,
    pub unit: String,
    pub measure: String,
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

/// Why the table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum QuotasError {
    #[error("the table of quotas cannot be read")]
    Syntax(#[source] Box<serde_saphyr::Error>),
    #[error("quota `{0}` stands twice in the table")]
    Twice(String),
    #[error(
        "quota `{0}` of a single resource needs either `of` or `at_run_time`, the reason why a template does not show it"
    )]
    Measure(String),
    #[error("quota `{0}` needs either a code or the reason why it has none")]
    Code(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    quotas: Vec<Quota>,
}

/// Reads the table.
///
/// # Errors
/// A text that is no such table, an id that stands twice, a row with neither code nor reason or with both.
pub fn parse(text: &str) -> Result<Vec<Quota>, QuotasError> {
    let file: File = serde_saphyr::from_str(text).map_err(|error| QuotasError::Syntax(Box::new(error)))?;
    let mut seen = BTreeSet::new();
    for quota in &file.quotas {
        if !seen.insert(quota.id.as_str()) {
            return Err(QuotasError::Twice(quota.id.clone()));
        }
        if quota.code.is_some() == quota.reason.is_some() {
            return Err(QuotasError::Code(quota.id.clone()));
        }
        if quota.scope == Scope::Resource && quota.of.is_empty() == quota.at_run_time.is_none() {
            return Err(QuotasError::Measure(quota.id.clone()));
        }
    }
    Ok(file.quotas)
}
