//! The tables of quotas and regions of an estate: those of this version, with the estate's own rows laid over them.

use std::path::Path;

use super::quotas::{self, Quota};
use super::regions::{self, Regions};
use tenantry_base::finding::{Finding, Severity};

/// What is weighed with: `policies/quotas.yaml` and `policies/regions.yaml`.
#[derive(Debug, Clone)]
pub struct Tables {
    pub quotas: Vec<Quota>,
    pub regions: Regions,
}

impl Tables {
    /// The tables of the estate below `root`, and warnings about its rows.
    ///
    /// # Errors
    /// TN2602 and TN2603: every fault of the estate's rows, and a file that cannot be read. Warnings are among them.
    pub fn load(root: &Path) -> Result<(Self, Vec<Finding>), Vec<Finding>> {
        let (quotas, mut found) = match quotas::load(root) {
            Ok((quotas, found)) => (Some(quotas), found),
            Err(found) => (None, found),
        };
        let regions = match regions::load(root) {
            Ok((regions, more)) => {
                found.extend(more);
                Some(regions)
            }
            Err(more) => {
                found.extend(more);
                None
            }
        };
        match (quotas, regions) {
            (Some(quotas), Some(regions)) if found.iter().all(|one| one.severity != Severity::Error) => {
                Ok((Self { quotas, regions }, found))
            }
            _ => Err(found),
        }
    }
}
