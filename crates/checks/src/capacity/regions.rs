//! The table of regions, `policies/regions.yaml`: zones, partition and services where AWS cannot be asked.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use tenantry_base::ids::{Region, ZoneId};

/// What the table says, and where it has it from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regions {
    pub source: String,
    /// Date of the source, `YYYY-MM-DD`.
    pub date: String,
    pub regions: BTreeMap<Region, RegionRow>,
}

/// One region.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionRow {
    /// As it stands in ARNs.
    pub partition: String,
    /// An account must ask for the region before it can use it.
    pub opt_in: bool,
    /// Ids of all zones; an account may be given fewer.
    pub zones: BTreeSet<ZoneId>,
    /// Services, as CloudFormation names them, that the region does not have: `RolesAnywhere`.
    #[serde(default)]
    pub missing: BTreeSet<String>,
}

/// Why the table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RegionsError {
    #[error("the table of regions cannot be read")]
    Syntax(#[source] Box<serde_saphyr::Error>),
    #[error("region `{region}` is of partition {actual}, not {said}")]
    Partition { region: Region, actual: &'static str, said: String },
}

impl Regions {
    /// Reads the table.
    ///
    /// # Errors
    /// A text that is no such table, a region of another partition than its name says.
    pub fn parse(text: &str) -> Result<Self, RegionsError> {
        let table: Self = serde_saphyr::from_str(text).map_err(|error| RegionsError::Syntax(Box::new(error)))?;
        for (region, row) in &table.regions {
            if row.partition != region.partition() {
                let (region, actual, said) = (region.clone(), region.partition(), row.partition.clone());
                return Err(RegionsError::Partition { region, actual, said });
            }
        }
        Ok(table)
    }
}
