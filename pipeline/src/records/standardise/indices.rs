//! Which index a record goes to.

use std::collections::{BTreeMap, BTreeSet};

use crate::records::timestamp::{Timestamp, write_date};

/// Names of indices. Few datasets make almost all records: they have indices of their own, and all others share one, so that
/// the number of indices is bounded whatever names a sensor sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexNames {
    /// Datasets with indices of their own.
    pub own: BTreeSet<String>,
    /// Datasets whose indices are for less than a day: hours of one, a divisor of 24.
    pub hours: BTreeMap<String, u8>,
}

/// Name of the index that other datasets share; no dataset has it as its own.
pub const SHARED: &str = "other";

impl Default for IndexNames {
    fn default() -> Self {
        let own = ["conn", "dns", "http", "ssl", "files"].map(str::to_owned);
        Self { own: own.into(), hours: BTreeMap::new() }
    }
}

impl IndexNames {
    /// The dataset in the index's name: its own or the shared one.
    pub(super) fn of<'a>(&self, dataset: &'a str) -> &'a str {
        if self.own.contains(dataset) { dataset } else { SHARED }
    }

    /// Appends the name of the index for records of this `name` and time: `zeek-conn-2026.11.28`, perhaps with the first of
    /// its hours.
    pub(super) fn write(&self, prefix: &str, name: &str, time: Timestamp, out: &mut Vec<u8>) {
        for text in [prefix, "-", name, "-"] {
            out.extend_from_slice(text.as_bytes());
        }
        write_date(time.day(), b'.', out);
        if let Some(hours) = self.hours.get(name).filter(|hours| **hours > 0) {
            let hours = i64::from(*hours);
            out.extend_from_slice(format!("-{:02}", time.hour() / hours * hours).as_bytes());
        }
    }
}
