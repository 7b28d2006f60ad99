//! The locks under which a plan is executed: one in each account that it touches.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::select_all;
use tokio::sync::watch;

use super::{Exit, Failure};
use crate::cloud::{CallError, Cloud, Place, Session, may_pass};
use crate::deploy::lock::{Claim, Lease, LockError, Shelf};
use crate::deploy::{Desired, stacks};
use crate::estate::ids::AccountId;
use crate::estate::spec::Fleet;
use crate::render::names;

/// How long a lock lasts without being renewed, unless `TENANTRY_LOCK_SECONDS` says otherwise.
const TERM_SECONDS: u32 = 60;
/// Pause between two looks at a lock that is waited for.
const LOOK: Duration = Duration::from_millis(500);

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// `user@host`, as far as the environment tells.
pub(super) fn who() -> String {
    let said = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let user = said("USER").or_else(|| said("LOGNAME")).or_else(|| said("USERNAME"));
    let host = std::fs::read_to_string("/etc/hostname").ok().or_else(|| said("HOSTNAME"));
    let host = host.map(|host| host.trim().to_owned()).filter(|host| !host.is_empty());
    let unknown = || "unknown".to_owned();
    format!("{}@{}", user.unwrap_or_else(unknown), host.unwrap_or_else(unknown))
}

/// What a run is called: sorts by time, and no two are called the same.
pub(super) fn run_name() -> String {
    let at = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%3fZ").to_string();
    format!("{}-{}", at.replace('.', ""), std::process::id())
}

/// The claim of a run.
pub(super) fn claim(run: &str, purpose: String) -> Claim {
    let term = std::env::var("TENANTRY_LOCK_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let term_seconds = term.filter(|seconds| (1..=3600).contains(seconds)).unwrap_or(TERM_SECONDS);
    Claim { run: run.to_owned(), owner: who(), purpose, term_seconds }
}

/// Where the lock of an account lies: in its artifacts bucket in the control plane's region.
pub(super) async fn shelf(
    cloud: &Cloud,
    fleet: &Fleet,
    account: &AccountId,
) -> Result<(Arc<Session>, String), CallError> {
    let place = Place { account: account.clone(), region: fleet.control_plane.region.clone() };
    let session = cloud.session(&place, &stacks::access(fleet, account)).await?;
    let bucket = names::artifacts_bucket(&fleet.organisation, account, &place.region);
    Ok((session, bucket))
}

/// Locks that are held.
pub(super) struct Guard {
    held: Vec<(Arc<Session>, String, Lease)>,
}

impl Guard {
    /// Takes the lock of each account that the stacks are in; none is kept when one cannot be had in time. Stacks
    /// without an artifacts bucket, which are control planes, are not locked.
    pub(super) async fn take(
        cloud: &Cloud,
        fleet: &Fleet,
        stacks: &[&Desired],
        claim: &Claim,
        patience: Duration,
    ) -> Result<Self, Failure> {
        let mut accounts: Vec<&AccountId> =
            stacks.iter().filter(|stack| stack.artifacts.is_some()).map(|stack| &stack.place.account).collect();
        accounts.sort_unstable();
        accounts.dedup();
        let deadline = tokio::time::Instant::now() + patience;
        let mut guard = Self { held: Vec::new() };
        for account in accounts {
            let (session, bucket) = match shelf(cloud, fleet, account).await {
                Ok(shelf) => shelf,
                Err(error) => return Err(guard.without(error.into()).await),
            };
            match take(&Shelf { session: &session, bucket: &bucket }, claim, deadline).await {
                Ok(lease) => guard.held.push((session, bucket, lease)),
                Err(error) => return Err(guard.without(failure(error)).await),
            }
        }
        Ok(guard)
    }

    async fn without(self, failure: Failure) -> Failure {
        self.release().await;
        failure
    }

    /// Keeps the locks until one of them is lost, which `lost` is told; ends never otherwise.
    pub(super) async fn hold(&mut self, lost: &watch::Sender<bool>) {
        if self.held.is_empty() {
            return std::future::pending().await;
        }
        let holds = self.held.iter_mut().map(|(session, bucket, lease)| {
            Box::pin(async move { lease.hold(&Shelf { session, bucket }, lost).await })
        });
        select_all(holds).await;
    }

    /// Gives the locks back. One that cannot be given back expires by itself.
    pub(super) async fn release(self) {
        for (session, bucket, lease) in self.held {
            if let Err(error) = lease.release(&Shelf { session: &session, bucket: &bucket }).await {
                anstream::eprintln!("a lock stays until it expires: {error}");
            }
        }
    }
}

/// How often a call that fails for now is made again.
const TRIES: usize = 6;

async fn take(shelf: &Shelf<'_>, claim: &Claim, deadline: tokio::time::Instant) -> Result<Lease, LockError> {
    let mut tries = 0;
    loop {
        match shelf.take(claim, now).await {
            Err(LockError::Taken { .. }) if tokio::time::Instant::now() < deadline => {}
            Err(LockError::Call { source, .. }) if tries < TRIES && may_pass(&source) => tries += 1,
            answer => return answer,
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// How a lock that cannot be had ends a command.
pub(super) fn failure(error: LockError) -> Failure {
    match &error {
        LockError::Taken { place, held, now } => {
            let (account, left) = (place.account.clone(), held.expires_in(*now));
            Failure::new(error).with_exit(Exit::Refused).with_hint(format!(
                "wait for that run (`--wait-for-lock SECONDS`); if it is gone, its lock ends in {left} s, or at once \
                 with `tenantry unlock {account}`"
            ))
        }
        LockError::NoControlPlane { .. } => Failure::new(error).with_hint("run `tenantry bootstrap` first"),
        _ => Failure::new(error),
    }
}

/// The lock of each account of the fleet, or why it cannot be read.
pub(super) async fn locks(cloud: &Cloud, fleet: &Fleet) -> BTreeMap<AccountId, Result<Option<String>, String>> {
    let mut found = BTreeMap::new();
    for account in fleet.accounts.keys() {
        let look = async {
            let (session, bucket) = shelf(cloud, fleet, account).await.map_err(|error| error.to_string())?;
            let held = Shelf { session: &session, bucket: &bucket }.look().await.map_err(|error| error.to_string())?;
            Ok(held.map(|held| held.said(now())))
        };
        found.insert(account.clone(), look.await);
    }
    found
}
