//! Every account and region in which this estate ever had a control plane, kept in the control plane's own bucket.
//!
//! Git names the places of today. A region that left `fleet.yaml` may still hold stacks, and a shallow clone does not
//! know that it was there: the record does.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::retry::{PAUSE, with_retries};
use tenantry_aws::cloud::{Access, CallError, Place, Session, may_pass, s3};
use tenantry_base::ids::{AccountId, Region};

/// Key of the record in the artifacts bucket of the control plane's account and region.
pub const KEY: &str = "estate/places.json";
/// Name and version of the stored format.
const SCHEMA: &str = "tenantry/places/v1";
/// Conditional writes that may be lost to others before the record counts as contended.
const ROUNDS: usize = 20;

/// Places, and how each account is entered.
pub type Places = BTreeMap<Place, Access>;

#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    schema: String,
    places: Vec<Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    account: AccountId,
    region: Region,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
}

/// Why the record cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PlacesError {
    #[error("the record of accounts and regions cannot be {what}")]
    Call {
        what: &'static str,
        #[source]
        source: CallError,
    },
    #[error("the record of accounts and regions in `{bucket}` is not of this version")]
    Unreadable {
        bucket: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("the record of accounts and regions in `{bucket}` changes all the time")]
    Contended { bucket: String },
}

/// The recorded places; none where there is no record, and where there is no control plane yet.
///
/// # Errors
/// A failed call, or an object of another version.
pub async fn read(session: &Session, bucket: &str) -> Result<Places, PlacesError> {
    Ok(seen(session, bucket).await?.map(|(places, _)| places).unwrap_or_default())
}

async fn seen(session: &Session, bucket: &str) -> Result<Option<(Places, String)>, PlacesError> {
    let seen = match s3::read(session, bucket, KEY).await {
        Err(error) if s3::is_absent(&error) => return Ok(None),
        seen => seen.map_err(|source| PlacesError::Call { what: "read", source })?,
    };
    let Some(seen) = seen else { return Ok(None) };
    let places = parse(&seen.text).map_err(|source| PlacesError::Unreadable { bucket: bucket.to_owned(), source })?;
    Ok(Some((places, seen.etag)))
}

fn parse(text: &str) -> Result<Places, serde_json::Error> {
    let stored: Stored = serde_json::from_str(text)?;
    let entries = stored.places.into_iter().map(|entry| {
        let access = Access { role: entry.role, external_id: entry.external_id };
        (Place { account: entry.account, region: entry.region }, access)
    });
    Ok(entries.collect())
}

fn written(places: &Places) -> Result<String, serde_json::Error> {
    let entries = places.iter().map(|(place, access)| Entry {
        account: place.account.clone(),
        region: place.region.clone(),
        role: access.role.clone(),
        external_id: access.external_id.clone(),
    });
    serde_json::to_string_pretty(&Stored { schema: SCHEMA.to_owned(), places: entries.collect() })
}

/// Adds places to the record. Nothing that is in it is ever taken out; writes nothing where nothing is new.
///
/// # Errors
/// As [`read`], and a record that others change all the time. Failures that may pass are tried again first.
pub async fn add(session: &Session, bucket: &str, new: &Places) -> Result<(), PlacesError> {
    let passes = |error: &PlacesError| matches!(error, PlacesError::Call { source, .. } if may_pass(source));
    with_retries(PAUSE, passes, async || add_once(session, bucket, new).await).await
}

async fn add_once(session: &Session, bucket: &str, new: &Places) -> Result<(), PlacesError> {
    for _ in 0..ROUNDS {
        let before = seen(session, bucket).await?;
        let known = before.as_ref().map(|(places, _)| places.clone()).unwrap_or_default();
        let all: Places = known.iter().chain(new).map(|(place, access)| (place.clone(), access.clone())).collect();
        if all == known {
            return Ok(());
        }
        let text = written(&all).map_err(|source| PlacesError::Unreadable { bucket: bucket.to_owned(), source })?;
        let etag = before.as_ref().map(|(_, etag)| etag.as_str());
        let sent = s3::write_if(session, bucket, KEY, &text, etag).await;
        if sent.map_err(|source| PlacesError::Call { what: "written", source })? {
            return Ok(());
        }
    }
    Err(PlacesError::Contended { bucket: bucket.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let place = |region: &str| Place { account: "111122223333".parse().unwrap(), region: region.parse().unwrap() };
        let access = Access { role: Some("deploy".to_owned()), external_id: None };
        let places: Places = [(place("eu-west-1"), access), (place("us-east-1"), Access::default())].into();
        assert_eq!(parse(&written(&places).unwrap()).unwrap(), places);
        assert!(parse("{}").is_err());
    }
}
