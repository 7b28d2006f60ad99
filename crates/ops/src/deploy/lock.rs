//! One deploy at a time in an account: a lease in the account's artifacts bucket.
//!
//! The lease is one object that only a conditional write can make or change. Its holder renews it; whoever finds one
//! that was not renewed for its whole term takes it over, so a run that was killed leaves nothing for a person to clean
//! up. A holder that finds its lease taken must stop: see [`Lease::hold`]. Time is the store's, never a machine's own.
//!
//! Source: Amazon S3 User Guide, "How to prevent object overwrites with conditional writes".

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use tenantry_aws::cloud::{CallError, Place, Session, s3};

/// Key of the lease in the artifacts bucket.
pub const KEY: &str = "locks/deploy.json";
/// Name and version of the stored format.
const SCHEMA: &str = "tenantry/lock/v1";
/// Conditional writes that may be lost to others before it counts as contention.
const ROUNDS: usize = 20;

/// Who wants the lease, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Names this run and no other.
    pub run: String,
    /// `user@host`.
    pub owner: String,
    /// What is done under it: `deploy of plan 12ab…`.
    pub purpose: String,
    /// How long the lease lasts without being renewed.
    pub term_seconds: u32,
}

/// A lease as it lies in the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    schema: String,
    #[serde(flatten)]
    pub claim: Claim,
    /// Seconds since 1970, by the store's clock.
    pub since: i64,
    pub renewed: i64,
}

impl Held {
    /// Seconds until it may be taken over, if nobody renews it.
    pub fn expires_in(&self, now: i64) -> i64 {
        self.renewed.saturating_add(i64::from(self.claim.term_seconds)).saturating_sub(now)
    }

    /// `ann@ci-7 since 90 s (deploy of plan 12ab), renewed 4 s ago`.
    pub fn said(&self, now: i64) -> String {
        let (age, renewed) = (now.saturating_sub(self.since), now.saturating_sub(self.renewed));
        let over = if self.expires_in(now) > 0 { "" } else { ", expired: the next run takes it over" };
        format!("{} since {age} s ({}), renewed {renewed} s ago{over}", self.claim.owner, self.claim.purpose)
    }
}

/// Why a lease could not be taken, kept or given back.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("account {} is locked by {}", .place.account, .held.said(*.now))]
    Taken {
        place: Place,
        held: Box<Held>,
        /// Seconds since 1970, by the store's clock.
        now: i64,
    },
    #[error("account {} has no control plane in {}: there is no bucket `{bucket}`", .place.account, .place.region)]
    NoControlPlane { place: Place, bucket: String },
    #[error("the lock of account {} changes all the time", .place.account)]
    Contended { place: Place },
    #[error("the lock of account {} cannot be read: it is none of this version", .place.account)]
    Unreadable {
        place: Place,
        #[source]
        source: serde_json::Error,
    },
    #[error("the lock of account {} cannot be {what}", .place.account)]
    Call {
        place: Place,
        what: &'static str,
        #[source]
        source: CallError,
    },
}

/// Where a lease lies.
#[derive(Debug, Clone, Copy)]
pub struct Shelf<'a> {
    pub session: &'a Session,
    pub bucket: &'a str,
}

impl Shelf<'_> {
    fn failed(&self, what: &'static str, source: CallError) -> LockError {
        let place = self.session.place.clone();
        if s3::is_absent(&source) {
            return LockError::NoControlPlane { place, bucket: self.bucket.to_owned() };
        }
        LockError::Call { place, what, source }
    }

    async fn read(&self) -> Result<Option<(Held, String)>, LockError> {
        let seen = s3::read(self.session, self.bucket, KEY).await.map_err(|error| self.failed("read", error))?;
        let Some(seen) = seen else { return Ok(None) };
        let held = serde_json::from_str(&seen.text)
            .map_err(|source| LockError::Unreadable { place: self.session.place.clone(), source })?;
        Ok(Some((held, seen.etag)))
    }

    async fn write(&self, held: &Held, before: Option<&str>) -> Result<bool, LockError> {
        let text = serde_json::to_string(held)
            .map_err(|source| LockError::Unreadable { place: self.session.place.clone(), source })?;
        let written = s3::write_if(self.session, self.bucket, KEY, &text, before).await;
        written.map_err(|error| self.failed("written", error))
    }

    /// The lease that lies there.
    ///
    /// # Errors
    /// No bucket, a failed call, an object of another version.
    pub async fn look(&self) -> Result<Option<Held>, LockError> {
        Ok(self.read().await?.map(|(held, _)| held))
    }

    /// Seconds since 1970, by the store's clock.
    pub fn now(&self) -> i64 {
        self.session.store_time().as_second()
    }

    /// Takes a lease away from whoever holds it, and gives what was there.
    ///
    /// # Errors
    /// As [`Self::look`].
    pub async fn remove(&self) -> Result<Option<Held>, LockError> {
        let Some((held, etag)) = self.read().await? else { return Ok(None) };
        let gone = s3::delete_if(self.session, self.bucket, KEY, &etag).await;
        gone.map_err(|error| self.failed("removed", error))?;
        Ok(Some(held))
    }

    /// Takes the lease once: if there is none, if it is this run's already, or if it has expired.
    ///
    /// # Errors
    /// Somebody holds it, no bucket, a failed call.
    pub async fn take(&self, claim: &Claim) -> Result<Lease, LockError> {
        let place = || self.session.place.clone();
        for _ in 0..ROUNDS {
            let found = self.read().await?;
            let now = self.now();
            let before = match &found {
                None => None,
                // A write whose answer was lost.
                Some((held, _)) if held.claim.run == claim.run => return Ok(Lease::of(held.clone())),
                Some((held, etag)) if held.expires_in(now) <= 0 => Some(etag.as_str()),
                Some((held, _)) => return Err(LockError::Taken { place: place(), held: Box::new(held.clone()), now }),
            };
            let held = Held { schema: SCHEMA.to_owned(), claim: claim.clone(), since: now, renewed: now };
            if self.write(&held, before).await? {
                return Ok(Lease::of(held));
            }
        }
        Err(LockError::Contended { place: place() })
    }
}

/// A lease that this run has taken.
#[derive(Debug)]
pub struct Lease {
    held: Held,
    /// When this run last saw that the lease is its own.
    seen: Instant,
}

impl Lease {
    fn of(held: Held) -> Self {
        Self { held, seen: Instant::now() }
    }

    /// Renews the lease and returns once it is lost. Runs beside the work and is dropped with it.
    pub async fn hold(&mut self, shelf: &Shelf<'_>) {
        let term = Duration::from_secs(self.held.claim.term_seconds.into());
        loop {
            tokio::time::sleep(term / 4).await;
            match self.renew(shelf).await {
                Ok(true) => {}
                Ok(false) => break,
                // What cannot be renewed is ours until its term is over.
                Err(_) if self.seen.elapsed() < term => {}
                Err(_) => break,
            }
        }
    }

    /// False when the lease is somebody else's or gone.
    async fn renew(&mut self, shelf: &Shelf<'_>) -> Result<bool, LockError> {
        let mut written = false;
        for _ in 0..ROUNDS {
            let Some((found, etag)) = shelf.read().await? else { return Ok(false) };
            let renewed = Held { renewed: shelf.now(), ..self.held.clone() };
            if found.claim.run != self.held.claim.run {
                return Ok(false);
            }
            // After a write whose answer was lost the object is already the renewed one.
            if !written || found.renewed == self.held.renewed {
                written = true;
                if !shelf.write(&renewed, Some(&etag)).await? {
                    continue;
                }
                self.held = renewed;
            } else {
                self.held = found;
            }
            self.seen = Instant::now();
            return Ok(true);
        }
        Err(LockError::Contended { place: shelf.session.place.clone() })
    }

    /// Gives the lease back; what cannot be given back expires. False when it was no longer this run's: another run may
    /// have worked in the account at the same time.
    ///
    /// # Errors
    /// A failed call.
    pub async fn release(self, shelf: &Shelf<'_>) -> Result<bool, LockError> {
        match shelf.read().await? {
            Some((found, etag)) if found.claim.run == self.held.claim.run => {
                let gone = s3::delete_if(shelf.session, shelf.bucket, KEY, &etag).await;
                gone.map_err(|error| shelf.failed("removed", error))?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use tenantry_aws::cloud::{Access, Cloud};
    use wiremock::matchers::method;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    fn held(renewed: i64) -> Held {
        let claim = Claim {
            run: "r".to_owned(),
            owner: "ann@ci".to_owned(),
            purpose: "deploy of plan 12ab".to_owned(),
            term_seconds: 60,
        };
        Held { schema: SCHEMA.to_owned(), claim, since: 100, renewed }
    }

    #[test]
    fn a_lease_ends_a_term_after_it_was_last_renewed() {
        for (now, left) in [(150, 60), (209, 1), (210, 0), (300, -90)] {
            assert_eq!(held(150).expires_in(now), left);
        }
    }

    #[test]
    fn what_is_said_names_owner_age_and_purpose() {
        assert_eq!(held(150).said(154), "ann@ci since 54 s (deploy of plan 12ab), renewed 4 s ago");
        assert!(held(150).said(210).ends_with("renewed 60 s ago, expired: the next run takes it over"));
    }

    #[test]
    fn what_is_stored_is_flat_and_versioned() {
        let text = serde_json::to_value(held(150)).unwrap();
        assert_eq!((text["schema"].as_str(), text["owner"].as_str()), (Some(SCHEMA), Some("ann@ci")));
        assert_eq!(serde_json::from_value::<Held>(text).unwrap(), held(150));
    }

    /// An S3 with one object, whose clock is an hour behind this machine's.
    async fn store_an_hour_behind(held: &serde_json::Value) -> (MockServer, std::sync::Arc<Session>) {
        let server = MockServer::start().await;
        let date = jiff::Timestamp::now().saturating_sub(jiff::SignedDuration::from_hours(1)).unwrap();
        let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let found = ResponseTemplate::new(200).set_body_raw(held.to_string(), "application/json");
        let found = found.insert_header("ETag", "\"one\"").insert_header("Date", date.as_str());
        Mock::given(method("GET")).respond_with(found).mount(&server).await;
        let written = ResponseTemplate::new(200).insert_header("ETag", "\"two\"").insert_header("Date", date.as_str());
        Mock::given(method("PUT")).respond_with(written).mount(&server).await;
        let caller = "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111122223333</Account>\
                      </GetCallerIdentityResult></GetCallerIdentityResponse>";
        let caller = ResponseTemplate::new(200).set_body_raw(caller, "text/xml");
        Mock::given(method("POST")).respond_with(caller).mount(&server).await;
        let cloud = Cloud::at(&server.uri(), "key", "secret").await;
        let place = Place { account: "111122223333".parse().unwrap(), region: "eu-west-1".parse().unwrap() };
        let session = cloud.session(&place, &Access::default()).await.unwrap();
        (server, session)
    }

    #[tokio::test]
    async fn a_lock_expires_by_the_clock_of_the_store_and_not_by_the_own() {
        let store_now = jiff::Timestamp::now().as_second() - 3600;
        for (renewed, is_alive) in [(store_now - 5, true), (store_now - 120, false)] {
            let held = serde_json::json!({
                "schema": SCHEMA, "run": "theirs", "owner": "bob@ci", "purpose": "deploy", "term_seconds": 60,
                "since": renewed, "renewed": renewed,
            });
            let (_server, session) = store_an_hour_behind(&held).await;
            let ours = Claim { run: "ours".to_owned(), ..self::held(0).claim };
            let taken = Shelf { session: &session, bucket: "artifacts" }.take(&ours).await;
            match taken {
                Err(LockError::Taken { held, now, .. }) => assert!(is_alive && held.expires_in(now) > 50, "{held:?}"),
                taken => assert!(!is_alive && taken.is_ok(), "{taken:?}"),
            }
        }
    }
}
