//! The locks of all accounts that a run changes: taken in order, renewed while it works, and given back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::select_all;

use super::lock::{Claim, Lease, LockError, Shelf};
use super::ownership::{self, CONTROL_PLANE_TAG, OwnershipError};
use super::{Desired, stacks};
use tenantry_aws::cloud::{Access, CallError, Cloud, Place, Session, is_expired, may_pass};
use tenantry_base::ids::AccountId;
use tenantry_spec::estate::spec::Fleet;
use tenantry_template::render::names;

/// Pause between two attempts to take a lock.
const PAUSE: Duration = Duration::from_millis(500);
/// How often a call that failed for now is made again for one lock, with pauses that grow to half a minute in all.
const RETRIES: u32 = 6;

/// Why locks could not be taken, or were not held to the end.
#[derive(Debug, thiserror::Error)]
pub enum LocksError {
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Call(#[from] CallError),
    /// The control plane that has the bucket is another estate's: its locks and records are not this one's.
    #[error(transparent)]
    NotOurs(OwnershipError),
    #[error("another run took the lock of account {} during this run", .0)]
    Lost(AccountId),
}

/// Where the lock of an account and the estate's records lie: in its artifacts bucket in the control plane's Region.
///
/// # Errors
/// The account cannot be entered, or the control plane there is not this estate's.
pub async fn shelf(cloud: &Cloud, fleet: &Fleet, account: &AccountId) -> Result<(Arc<Session>, String), LocksError> {
    shelf_by(cloud, fleet, account, &stacks::access(fleet, account)).await
}

/// The same, where the account is entered in another way than the fleet says.
///
/// # Errors
/// As [`shelf`].
pub async fn shelf_by(
    cloud: &Cloud,
    fleet: &Fleet,
    account: &AccountId,
    access: &Access,
) -> Result<(Arc<Session>, String), LocksError> {
    let place = Place { account: account.clone(), region: fleet.control_plane.region.clone() };
    let session = cloud.session(&place, access).await?;
    let stack = names::control_plane_stack(&fleet.organisation);
    let identity = Desired::identity(&fleet.organisation, &fleet.identity(), CONTROL_PLANE_TAG);
    match ownership::owned(&session, &stack, &identity).await {
        Ok(_) => Ok((session, names::artifacts_bucket(&fleet.organisation, account, &place.region))),
        Err(OwnershipError::Call { source, .. }) => Err(LocksError::Call(source)),
        Err(error) => Err(LocksError::NotOurs(error)),
    }
}

/// The accounts of stacks that are changed under a lock. Stacks without an artifacts bucket, which are control planes,
/// are not locked: their account may have no bucket yet.
pub fn accounts<'d>(stacks: impl IntoIterator<Item = &'d Desired>) -> BTreeSet<AccountId> {
    let locked = stacks.into_iter().filter(|stack| stack.artifacts.is_some());
    locked.map(|stack| stack.place.account.clone()).collect()
}

/// Locks that are held.
#[derive(Debug, Default)]
pub struct Locks {
    held: Vec<(Arc<Session>, String, Lease)>,
}

/// How locks ended.
#[derive(Debug, Default)]
pub struct Released {
    /// The account whose lock was no longer this run's.
    pub lost: Option<AccountId>,
    /// Locks that could not be given back; they expire.
    pub left: Vec<LockError>,
}

impl Locks {
    /// Takes the lock of each account, in the order of their numbers; waits for those that are held for `wait` in
    /// all. None is kept when one cannot be had.
    ///
    /// # Errors
    /// Another run holds a lock, an account has no control plane, a call failed that retries do not help.
    pub async fn take(
        cloud: &Cloud,
        fleet: &Fleet,
        accounts: &BTreeSet<AccountId>,
        claim: &Claim,
        wait: Duration,
    ) -> Result<Self, LocksError> {
        let deadline = tokio::time::Instant::now() + wait;
        let mut locks = Self::default();
        for account in accounts {
            match one(cloud, fleet, account, claim, deadline).await {
                Ok(held) => locks.held.push(held),
                Err(error) => {
                    drop(locks.release().await);
                    return Err(error);
                }
            }
        }
        Ok(locks)
    }

    /// Renews the locks and returns the account of the first that is lost; without a lock it never returns.
    pub async fn hold(&mut self) -> AccountId {
        if self.held.is_empty() {
            return std::future::pending().await;
        }
        let holds = self.held.iter_mut().map(|(session, bucket, lease)| {
            Box::pin(async move {
                lease.hold(&Shelf { session, bucket }).await;
                session.place.account.clone()
            })
        });
        select_all(holds).await.0
    }

    /// Gives the locks back.
    pub async fn release(self) -> Released {
        let mut released = Released::default();
        for (session, bucket, lease) in self.held {
            match lease.release(&Shelf { session: &session, bucket: &bucket }).await {
                Ok(true) => {}
                Ok(false) => released.lost = Some(session.place.account.clone()),
                Err(error) => released.left.push(error),
            }
        }
        released
    }

    /// Does work while the locks are held, and gives them back.
    ///
    /// # Errors
    /// [`LocksError::Lost`]: the work was abandoned, or had ended, when another run had a lock.
    pub async fn during<T>(mut self, work: impl Future<Output = T>) -> Result<T, LocksError> {
        let done = tokio::select! {
            done = work => Ok(done),
            account = self.hold() => Err(LocksError::Lost(account)),
        };
        match self.release().await.lost {
            Some(account) => Err(LocksError::Lost(account)),
            None => done,
        }
    }
}

async fn one(
    cloud: &Cloud,
    fleet: &Fleet,
    account: &AccountId,
    claim: &Claim,
    deadline: tokio::time::Instant,
) -> Result<(Arc<Session>, String, Lease), LocksError> {
    let (mut retries, mut pause) = (0, PAUSE);
    loop {
        let taken = async {
            let (session, bucket) = shelf(cloud, fleet, account).await?;
            let lease = Shelf { session: &session, bucket: &bucket }.take(claim).await?;
            Ok::<_, LocksError>((session, bucket, lease))
        };
        match taken.await {
            Err(LocksError::Lock(LockError::Taken { .. })) if tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) if retries < RETRIES && is_transient(&error) => {
                retries += 1;
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            answer => return answer,
        }
    }
}

/// Whether trying again may help. An endpoint that cannot be reached at all, or credentials that have expired, are
/// reported at once while an account is entered.
fn is_transient(error: &LocksError) -> bool {
    match error {
        LocksError::Lock(LockError::Call { source, .. }) => may_pass(source),
        LocksError::Call(source) => may_pass(source) && !source.cause.is_unreachable() && !is_expired(source),
        LocksError::Lock(_) | LocksError::NotOurs(_) | LocksError::Lost(_) => false,
    }
}
