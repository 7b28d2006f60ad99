//! Where the record of a roll and the manifests of rolled releases lie: the artifacts bucket of the control plane, so
//! that every runner sees the same. Writes are conditional; whoever was slower looks again.

use std::sync::Arc;

use jiff::Timestamp;

use super::record::{BEFORE, Record, Refusal, SCHEMA};
use crate::deploy::locks::{LocksError, shelf};
use tenantry_aws::cloud::{CallError, Cloud, Session, s3};
use tenantry_spec::estate::spec::Fleet;

const KEY: &str = "releases/roll.json";

/// Times that a change is tried when others write at the same time.
const ATTEMPTS: u32 = 50;

/// The shared state of an estate's releases.
#[derive(Debug)]
pub struct Store {
    session: Arc<Session>,
    bucket: String,
}

/// Why the shared state could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the state of releases cannot be read or written")]
    Call(#[source] CallError),
    #[error("`s3://{bucket}/{key}` is not of this version: {why}")]
    Unreadable { bucket: String, key: String, why: String },
    #[error("`s3://{bucket}/{key}` is changed by others all the time")]
    Contended { bucket: String, key: String },
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl Store {
    /// The store in the control plane's account and region.
    ///
    /// # Errors
    /// The account cannot be entered, or its control plane is not this estate's.
    pub async fn open(cloud: &Cloud, fleet: &Fleet) -> Result<Self, LocksError> {
        let (session, bucket) = shelf(cloud, fleet, &fleet.control_plane.account).await?;
        Ok(Self { session, bucket })
    }

    /// The record of the latest roll; None if there never was one.
    pub async fn record(&self) -> Result<Option<Record>, StoreError> {
        Ok(self.seen().await?.map(|(record, _)| record))
    }

    async fn seen(&self) -> Result<Option<(Record, String)>, StoreError> {
        let Some(seen) = s3::read(&self.session, &self.bucket, KEY).await.map_err(StoreError::Call)? else {
            return Ok(None);
        };
        let unreadable = |why| StoreError::Unreadable { bucket: self.bucket.clone(), key: KEY.to_owned(), why };
        let mut record: Record = serde_json::from_str(&seen.text).map_err(|error| unreadable(error.to_string()))?;
        if record.schema == BEFORE {
            record.schema = SCHEMA.to_owned();
        }
        if record.schema != SCHEMA {
            return Err(unreadable(format!("its schema is `{}`", record.schema)));
        }
        Ok(Some((record, seen.etag)))
    }

    /// The time by the store's clock, so that runners on different machines agree on it.
    pub fn now(&self) -> Timestamp {
        self.session.store_time()
    }

    /// Changes the record; `change` sees what is there and the store's time, and may be called more than once.
    pub async fn update(
        &self,
        change: impl Fn(Option<Record>, Timestamp) -> Result<Record, Refusal>,
    ) -> Result<Record, StoreError> {
        for _ in 0..ATTEMPTS {
            let (before, etag) = self.seen().await?.unzip();
            let record = change(before, self.now())?;
            let text = serde_json::to_string_pretty(&record).map_err(|error| StoreError::Unreadable {
                bucket: self.bucket.clone(),
                key: KEY.to_owned(),
                why: error.to_string(),
            })?;
            let written = s3::write_if(&self.session, &self.bucket, KEY, &text, etag.as_deref()).await;
            if written.map_err(StoreError::Call)? {
                return Ok(record);
            }
        }
        Err(StoreError::Contended { bucket: self.bucket.clone(), key: KEY.to_owned() })
    }

    /// The manifest with which a release was first rolled.
    pub async fn manifest(&self, release: &str) -> Result<Option<String>, StoreError> {
        let seen = s3::read(&self.session, &self.bucket, &manifest_key(release)).await.map_err(StoreError::Call)?;
        Ok(seen.map(|seen| seen.text))
    }

    /// Keeps the manifest of a release that is rolled for the first time; gives the one that is kept.
    pub async fn keep_manifest(&self, release: &str, text: &str) -> Result<String, StoreError> {
        let key = manifest_key(release);
        s3::write_if(&self.session, &self.bucket, &key, text, None).await.map_err(StoreError::Call)?;
        Ok(self.manifest(release).await?.unwrap_or_else(|| text.to_owned()))
    }
}

fn manifest_key(release: &str) -> String {
    format!("releases/{release}.json")
}
