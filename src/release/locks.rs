//! The locks of the accounts in which a wave is deployed: no deploy by hand, and no other shard, at the same time.

use std::sync::Arc;
use std::time::Duration;

use futures::future::select_all;
use tokio::sync::watch;

use crate::cloud::{CallError, Cloud, Place, Session};
use crate::deploy::lock::{Claim, Lease, LockError, Shelf};
use crate::deploy::{Desired, stacks};
use crate::estate::spec::Fleet;
use crate::render::names;

/// Pause between two looks at a lock that is waited for.
const LOOK: Duration = Duration::from_millis(500);

/// Why the work was not done, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum LocksError {
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("a lock was lost to another run")]
    Lost,
}

/// Does work while the locks of all accounts of `stacks` are held; waits for them for at most `patience`.
pub async fn under<T>(
    cloud: &Cloud,
    fleet: &Fleet,
    stacks: &[Desired],
    (claim, patience): (&Claim, Duration),
    work: impl Future<Output = T>,
) -> Result<T, LocksError> {
    let mut held = Vec::new();
    let taken = take(cloud, fleet, stacks, (claim, patience), &mut held).await;
    let done = match taken {
        Ok(()) => held_while(&mut held, work).await,
        Err(error) => Err(error),
    };
    for (session, bucket, lease) in held {
        // One that cannot be given back expires by itself.
        drop(lease.release(&Shelf { session: &session, bucket: &bucket }).await);
    }
    done
}

type Held = (Arc<Session>, String, Lease);

async fn take(
    cloud: &Cloud,
    fleet: &Fleet,
    stacks: &[Desired],
    (claim, patience): (&Claim, Duration),
    held: &mut Vec<Held>,
) -> Result<(), LocksError> {
    let mut accounts: Vec<_> = stacks.iter().map(|stack| &stack.place.account).collect();
    accounts.sort_unstable();
    accounts.dedup();
    let deadline = tokio::time::Instant::now() + patience;
    for account in accounts {
        let place = Place { account: account.clone(), region: fleet.control_plane.region.clone() };
        let session = cloud.session(&place, &stacks::access(fleet, account)).await?;
        let bucket = names::artifacts_bucket(&fleet.organisation, account, &place.region);
        let lease = loop {
            match (Shelf { session: &session, bucket: &bucket }).take(claim, now).await {
                Err(LockError::Taken { .. }) if tokio::time::Instant::now() < deadline => {
                    tokio::time::sleep(LOOK).await;
                }
                answer => break answer?,
            }
        };
        held.push((session, bucket, lease));
    }
    Ok(())
}

async fn held_while<T>(held: &mut [Held], work: impl Future<Output = T>) -> Result<T, LocksError> {
    let (lost, _listening) = watch::channel(false);
    let holds = held
        .iter_mut()
        .map(|(session, bucket, lease)| Box::pin(async { lease.hold(&Shelf { session, bucket }, &lost).await }));
    let holds: Vec<_> = holds.collect();
    if holds.is_empty() {
        return Ok(work.await);
    }
    tokio::select! {
        done = work => Ok(done),
        _ = select_all(holds) => Err(LocksError::Lost),
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
