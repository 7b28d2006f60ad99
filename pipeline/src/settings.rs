//! What a stack tells its functions: the variables of `pipeline/README.md`, read once and checked.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::bulk::batch::BatchLimits;
use crate::bulk::run::IngestSettings;
use crate::framing::Framing;
use crate::journal::Level;
use crate::records::dataset::{NameSource, Naming};
use crate::records::networks::Networks;
use crate::records::standardise::{IndexNames, SHARED, Standard};
use crate::retry::Schedule;
use crate::split::cutter::Limits;
use crate::split::run::SplitSettings;

/// A variable that is missing or cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    #[error("the environment variable `{0}` is not set")]
    Missing(&'static str),
    #[error("the environment variable `{name}` is `{value}`: {cause}")]
    Unreadable { name: &'static str, value: String, cause: String },
}

/// What both functions are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Common {
    pub tenant: String,
    pub framing: Framing,
    pub parts_prefix: String,
    pub retry_queue_url: String,
    pub parking_queue_url: String,
    pub schedule: Schedule,
    /// Path of the flags at the AppConfig extension, and the extension's port.
    pub flags: Option<(String, u16)>,
    pub log_level: Level,
    pub log_lines_max: usize,
    pub metric_namespace: String,
}

/// How ingest reaches the search domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchSettings {
    pub endpoint: String,
    pub signed: bool,
    pub replicas: u32,
    /// Primary shards of an index, and of those of single datasets.
    pub shards: u32,
    pub shards_of: BTreeMap<String, u32>,
}

/// An environment: the value of a variable, if it is set.
pub struct Environment<'a>(pub &'a dyn Fn(&str) -> Option<String>);

impl std::fmt::Debug for Environment<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Environment")
    }
}

/// A visibility timeout ends at most 12 hours after the message was received (Amazon SQS Developer Guide, "Visibility
/// timeout"); an hour is kept for the run itself.
const DELAYS_MAX_SECONDS: u64 = 39_600;

/// Primary shards of one index: enough for a day of the largest kind on the largest domain.
const SHARDS_MAX: u64 = 64;

impl Environment<'_> {
    fn text(&self, name: &'static str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    fn required(&self, name: &'static str) -> Result<String, SettingError> {
        self.text(name).ok_or(SettingError::Missing(name))
    }

    fn parsed<T>(&self, name: &'static str, default: T) -> Result<T, SettingError>
    where
        T: FromStr<Err: std::fmt::Display>,
    {
        match self.text(name) {
            Some(value) => value.parse().map_err(|error: T::Err| unreadable(name, &value, &error.to_string())),
            None => Ok(default),
        }
    }

    fn bounded(
        &self,
        name: &'static str,
        default: u64,
        bounds: std::ops::RangeInclusive<u64>,
    ) -> Result<u64, SettingError> {
        let value = self.parsed(name, default)?;
        if bounds.contains(&value) {
            Ok(value)
        } else {
            Err(unreadable(
                name,
                &value.to_string(),
                &format!("it must lie between {} and {}", bounds.start(), bounds.end()),
            ))
        }
    }

    /// What both functions are told.
    ///
    /// # Errors
    /// A variable is missing or cannot be read.
    pub fn common(&self) -> Result<Common, SettingError> {
        let flags = match self.text("FLAGS_PATH") {
            Some(path) => Some((path, self.parsed("AWS_APPCONFIG_EXTENSION_HTTP_PORT", 2772)?)),
            None => None,
        };
        Ok(Common {
            tenant: self.required("TENANT")?,
            framing: self.parsed("FRAMING", Framing::default())?,
            parts_prefix: self.text("PARTS_PREFIX").unwrap_or_else(|| "parts/".to_owned()),
            retry_queue_url: self.required("RETRY_QUEUE_URL")?,
            parking_queue_url: self.required("PARKING_QUEUE_URL")?,
            schedule: self.schedule()?,
            flags,
            log_level: self.parsed("LOG_LEVEL", Level::Info)?,
            log_lines_max: to_usize(self.bounded("LOG_LINES_MAX", 200, 1..=100_000)?),
            metric_namespace: self.text("METRIC_NAMESPACE").unwrap_or_else(|| "Tenantry".to_owned()),
        })
    }

    fn schedule(&self) -> Result<Schedule, SettingError> {
        let name = "RETRY_DELAYS_SECONDS";
        let value = self.text(name).unwrap_or_default();
        let delays: Result<Vec<u32>, _> =
            value.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::parse).collect();
        let delays = delays.map_err(|error| unreadable(name, &value, &error.to_string()))?;
        if delays.len() > 10 || delays.iter().map(|delay| u64::from(*delay)).sum::<u64>() > DELAYS_MAX_SECONDS {
            let cause = format!("at most ten delays of together at most {DELAYS_MAX_SECONDS} seconds are possible");
            return Err(unreadable(name, &value, &cause));
        }
        let jitter = self.bounded("RETRY_JITTER_PERCENT", 20, 0..=50)?;
        Ok(Schedule { delays, jitter_percent: u32::try_from(jitter).unwrap_or_default() })
    }

    /// What the splitter is told.
    ///
    /// # Errors
    /// A variable is missing or cannot be read.
    pub fn split(&self, common: &Common) -> Result<SplitSettings, SettingError> {
        let part_messages = self.bounded("PART_MESSAGES", 0, 0..=u64::MAX)?;
        Ok(SplitSettings {
            framing: common.framing,
            limits: Limits {
                part_bytes: self.bounded("PART_MIB", 64, 1..=1024)? << 20,
                part_messages: (part_messages > 0).then_some(part_messages),
                message_bytes: self.bounded("MESSAGE_MAX_KIB", 1024, 1..=8192)? << 10,
            },
            source_prefix: self.text("SOURCE_PREFIX").unwrap_or_else(|| "in/".to_owned()),
            parts_prefix: common.parts_prefix.clone(),
            aside_prefix: self.text("ASIDE_PREFIX").unwrap_or_else(|| "aside/".to_owned()),
        })
    }

    /// What ingest is told.
    ///
    /// # Errors
    /// A variable is missing or cannot be read.
    pub fn ingest(&self, common: &Common) -> Result<(IngestSettings, SearchSettings), SettingError> {
        let auth = self.text("SEARCH_AUTH").unwrap_or_else(|| "sigv4".to_owned());
        let signed = match auth.as_str() {
            "sigv4" => true,
            "none" => false,
            _ => return Err(unreadable("SEARCH_AUTH", &auth, "`sigv4` and `none` are possible")),
        };
        let search = SearchSettings {
            endpoint: self.required("SEARCH_ENDPOINT")?,
            signed,
            replicas: u32::try_from(self.bounded("REPLICAS", 1, 0..=8)?).unwrap_or(1),
            shards: u32::try_from(self.bounded("INDEX_SHARDS", 1, 1..=SHARDS_MAX)?).unwrap_or(1),
            shards_of: self.shards_of()?,
        };
        let settings = IngestSettings {
            framing: common.framing,
            standard: Standard {
                tenant: common.tenant.clone(),
                index_prefix: self.text("INDEX_PREFIX").unwrap_or_else(|| "zeek".to_owned()),
                networks: self.parsed("INTERNAL_NETWORKS", Networks::default())?,
                naming: self.naming()?,
                indices: self.indices()?,
            },
            limits: BatchLimits {
                bytes: to_usize(self.bounded("BULK_MIB", 5, 1..=64)? << 20),
                records: to_usize(self.bounded("BULK_RECORDS", 5000, 1..=1_000_000)?),
            },
            parallel: to_usize(self.bounded("BULK_PARALLEL", 4, 1..=64)?),
            retention_days: u32::try_from(self.bounded("RETENTION_DAYS", 30, 1..=36_500)?).unwrap_or(30),
            parts_prefix: common.parts_prefix.clone(),
            rejects_prefix: self.text("REJECTS_PREFIX").unwrap_or_else(|| "rejects/".to_owned()),
            park_percent: u32::try_from(self.bounded("REJECTS_PARK_PERCENT", 50, 1..=100)?).unwrap_or(100),
        };
        Ok((settings, search))
    }

    fn shards_of(&self) -> Result<BTreeMap<String, u32>, SettingError> {
        let name = "INDEX_SHARDS_OF";
        let shards = self.numbers(name)?;
        let wrong = shards.iter().find(|(_, shards)| !(1..=SHARDS_MAX).contains(&u64::from(**shards)));
        match wrong {
            Some((dataset, _)) => {
                let cause = format!("`{dataset}`: between 1 and {SHARDS_MAX} shards are possible");
                Err(unreadable(name, &self.text(name).unwrap_or_default(), &cause))
            }
            None => Ok(shards),
        }
    }

    fn naming(&self) -> Result<Naming, SettingError> {
        let mut naming = Naming::default();
        let name = "DATASET_ORDER";
        if let Some(value) = self.text(name) {
            let order: Result<Vec<NameSource>, _> = list(&value).map(str::parse).collect();
            naming.order = order.map_err(|cause| unreadable(name, &value, &cause))?;
        }
        let name = "DATASET_PATTERNS";
        if let Some(value) = self.text(name) {
            naming.patterns = Naming::parse_patterns(&value).map_err(|cause| unreadable(name, &value, &cause))?;
        }
        Ok(naming)
    }

    fn indices(&self) -> Result<IndexNames, SettingError> {
        let mut indices = IndexNames::default();
        let name = "INDEX_OWN";
        if let Some(value) = self.text(name) {
            indices.own = list(&value).filter(|dataset| *dataset != "none").map(str::to_owned).collect();
            if let Some(wrong) = indices.own.iter().find(|dataset| is_no_index(dataset)) {
                return Err(unreadable(name, &value, &format!("`{wrong}` cannot be the name of an index")));
            }
        }
        let name = "INDEX_HOURS";
        let value = self.text(name).unwrap_or_default();
        for (dataset, hours) in self.numbers(name)? {
            let hours = u8::try_from(hours).ok().filter(|hours| *hours > 0 && 24 % hours == 0);
            let hours = hours.ok_or_else(|| unreadable(name, &value, "hours have to divide 24"))?;
            indices.hours.insert(dataset, hours);
        }
        Ok(indices)
    }

    /// `conn:4,dns:2`.
    fn numbers(&self, name: &'static str) -> Result<BTreeMap<String, u32>, SettingError> {
        let value = self.text(name).unwrap_or_default();
        let pairs = list(&value).map(|item| {
            let (dataset, number) = item.split_once(':').ok_or_else(|| format!("`{item}` has no `:`"))?;
            let number = number.trim().parse().map_err(|error| format!("`{item}`: {error}"))?;
            Ok((dataset.trim().to_owned(), number))
        });
        pairs.collect::<Result<_, String>>().map_err(|cause| unreadable(name, &value, &cause))
    }
}

/// The items of a list with commas.
fn list(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn is_no_index(dataset: &str) -> bool {
    dataset == SHARED || crate::records::dataset::legal(dataset).as_deref() != Some(dataset)
}

fn to_usize(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

fn unreadable(name: &'static str, value: &str, cause: &str) -> SettingError {
    SettingError::Unreadable { name, value: value.to_owned(), cause: cause.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUIRED: &[(&str, &str)] =
        &[("TENANT", "acme"), ("RETRY_QUEUE_URL", "r"), ("PARKING_QUEUE_URL", "p"), ("SEARCH_ENDPOINT", "https://s")];

    fn read(more: &[(&str, &str)]) -> Result<(Common, SplitSettings, IngestSettings), SettingError> {
        let lookup = |name: &str| {
            let found = more.iter().chain(REQUIRED).find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let environment = Environment(&lookup);
        let common = environment.common()?;
        let (split, (ingest, _)) = (environment.split(&common)?, environment.ingest(&common)?);
        Ok((common, split, ingest))
    }

    #[test]
    fn defaults_are_those_of_the_contract() {
        let (common, split, ingest) = read(&[]).unwrap();
        assert_eq!((common.schedule.delays.len(), common.log_lines_max), (0, 200));
        assert_eq!(
            (split.limits.part_bytes, split.limits.part_messages, split.limits.message_bytes),
            (64 << 20, None, 1 << 20)
        );
        assert_eq!((ingest.limits.bytes, ingest.limits.records, ingest.retention_days), (5 << 20, 5000, 30));
        let (common, ..) = read(&[("RETRY_DELAYS_SECONDS", "300, 1800,10800")]).unwrap();
        assert_eq!(common.schedule.delays, [300, 1800, 10800]);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (name, value) in [
            ("FRAMING", "lines"),
            ("RETRY_DELAYS_SECONDS", "300,soon"),
            ("RETRY_DELAYS_SECONDS", "40000"),
            ("RETRY_JITTER_PERCENT", "90"),
            ("PART_MIB", "0"),
            ("INTERNAL_NETWORKS", "home"),
            ("SEARCH_AUTH", "basic"),
            ("DATASET_ORDER", "record,name"),
            ("DATASET_PATTERNS", "conn"),
            ("INDEX_OWN", "conn,other"),
            ("INDEX_OWN", "Conn"),
            ("INDEX_HOURS", "conn:7"),
            ("INDEX_HOURS", "conn"),
            ("INDEX_SHARDS", "0"),
            ("INDEX_SHARDS_OF", "conn:65"),
            ("REJECTS_PARK_PERCENT", "0"),
            ("LOG_LEVEL", "loud"),
        ] {
            let error = read(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        assert_eq!(read(&[("TENANT", "")]).unwrap_err(), SettingError::Missing("TENANT"));
    }
}
