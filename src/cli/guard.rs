//! What a run is called, who makes it, and the locks under which it changes accounts.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::{Exit, Failure};
use tenantry_aws::cloud::Cloud;
use tenantry_base::ids::AccountId;
use tenantry_ops::deploy::Desired;
use tenantry_ops::deploy::lock::{Claim, LockError, Shelf};
use tenantry_ops::deploy::locks::{self, Locks, LocksError};
use tenantry_spec::estate::spec::Fleet;

/// How long a lock lasts without being renewed, unless `TENANTRY_LOCK_SECONDS` says otherwise.
const TERM_SECONDS: u32 = 60;
/// `user@host`, as far as the environment tells.
pub(super) fn who() -> String {
    let said = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let user = said("USER").or_else(|| said("LOGNAME")).or_else(|| said("USERNAME"));
    let host = tenantry_base::files::read_to_string(Path::new("/etc/hostname")).ok().or_else(|| said("HOSTNAME"));
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

/// The locks of the accounts of some stacks.
pub(super) async fn take(
    cloud: &Cloud,
    fleet: &Fleet,
    stacks: impl IntoIterator<Item = &Desired>,
    claim: &Claim,
    wait_seconds: u64,
) -> Result<Locks, Failure> {
    let wait = Duration::from_secs(wait_seconds);
    Locks::take(cloud, fleet, &locks::accounts(stacks), claim, wait).await.map_err(failure)
}

/// Gives locks back, and says which stay until they expire. A lock that another run took is an error.
pub(super) async fn release(locks: Locks) -> Result<(), Failure> {
    let released = locks.release().await;
    for error in released.left {
        anstream::eprintln!("a lock remains until it expires: {error}");
    }
    released.lost.map_or(Ok(()), |account| Err(failure(LocksError::Lost(account))))
}

/// How a lock that cannot be had, or was lost, ends a command.
pub(super) fn failure(error: impl Into<LocksError>) -> Failure {
    match error.into() {
        LocksError::Call(error) => Failure::new(error),
        error @ LocksError::Lost(_) => Failure::new(error)
            .with_exit(Exit::Incomplete)
            .with_hint("both runs may have changed the same stacks: `tenantry plan` shows what is left to deploy"),
        LocksError::NotOurs(error) => Failure::ownership(error),
        LocksError::Lock(error) => of_lock(error),
    }
}

fn of_lock(error: LockError) -> Failure {
    match &error {
        LockError::Taken { place, held, now } => {
            let (account, left) = (place.account.clone(), held.expires_in(*now));
            Failure::new(error).with_exit(Exit::Refused).with_hint(format!(
                "wait for that run (`--wait-for-lock SECONDS`); if it was killed, its lock expires in {left} s, or at once \
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
            let (session, bucket) = locks::shelf(cloud, fleet, account).await.map_err(|error| error.to_string())?;
            let shelf = Shelf { session: &session, bucket: &bucket };
            let held = shelf.look().await.map_err(|error| error.to_string())?;
            Ok(held.map(|held| held.said(shelf.now())))
        };
        found.insert(account.clone(), look.await);
    }
    found
}
