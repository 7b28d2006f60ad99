//! Takes the snapshots and compares: the only part of a drift check that waits for AWS.
//!
//! The stacks of an account and region share a few batched calls; each stack costs a handful of its own. The network is
//! asked about those that are ready, a batch at a time, while others still wait for their detection: the snapshot of a
//! large fleet never stands in memory as a whole. What AWS refuses to tell becomes part of the answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::{StreamExt, stream};
use tokio::sync::Semaphore;

use super::live::{Shared, StackView};
use super::snapshot::{self, Begun, Common, OfAccount, said};
use super::{Difference, StackDrift, author, compare};
use crate::deploy::prepare::Pace;
use crate::deploy::{Desired, ESTATE_TAG};
use tenantry_aws::cloud::network::MOST_FILTER_VALUES;
use tenantry_aws::cloud::{Access, CallError, Cloud, Place, Session, cloudformation, cloudtrail};
use tenantry_base::ids::AccountId;

/// How a check is made.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub pace: Pace,
    /// Stacks whose template and resources are read at once in one account and region: enough for the rate of such
    /// calls, and few, so that the first drift detections start early.
    pub concurrency: usize,
    /// Differences for which CloudTrail is asked in one account and region, the worst first.
    pub lookups: usize,
}

/// Accounts and regions looked at at once.
const PLACES: usize = 64;

/// Most of the time a stack waits for its drift detection: so many more than [`Options::concurrency`] are under way.
const WAITING: usize = 4;

/// Stacks about whose network is asked at once, in a dozen calls: a VPC each, well below what one filter takes
/// ([`MOST_FILTER_VALUES`]), and few enough that the last of a large fleet do not come all together.
const BATCH: usize = 16;
const _: () = assert!(BATCH <= MOST_FILTER_VALUES);

/// Batches at which one is at the same time.
const BATCHES: usize = 2;

/// Every stack's drift, sorted; `done` hears of each stack as it is known.
pub async fn check(
    cloud: &Cloud,
    desired: &[Desired],
    options: &Options,
    done: &(dyn Fn(&StackDrift) + Sync),
) -> Vec<StackDrift> {
    let mut places: BTreeMap<&Place, (&Access, Vec<&Desired>)> = BTreeMap::new();
    for desired in desired {
        places.entry(&desired.place).or_insert_with(|| (&desired.access, Vec::new())).1.push(desired);
    }
    let mut accounts: BTreeMap<&AccountId, Arc<OfAccount>> = BTreeMap::new();
    let looks = places.into_iter().map(|(place, (access, desired))| {
        let of_account = Arc::clone(accounts.entry(&place.account).or_default());
        async move {
            match cloud.session(place, access).await {
                Ok(session) => in_place(&session, &desired, of_account, options, done).await,
                Err(error) => desired.into_iter().map(|desired| unreachable(desired, &error)).collect(),
            }
        }
    });
    let places = looks.collect::<Vec<_>>();
    let mut all: Vec<StackDrift> = stream::iter(places).buffer_unordered(PLACES).concat().await;
    all.sort_by(|a, b| (&a.tenant, &a.place).cmp(&(&b.tenant, &b.place)));
    all
}

/// Nothing could be seen of a stack: everything of it is unchecked.
fn unreachable(desired: &Desired, error: &CallError) -> StackDrift {
    let why = said(error);
    let view = StackView {
        template: Err(why.clone()),
        resources: Err(why.clone()),
        drifts: Err(why.clone()),
        described: BTreeMap::new(),
        undescribed: BTreeMap::new(),
        beside: BTreeMap::new(),
    };
    compare(desired, &Shared::unseen(&why), &view)
}

async fn in_place(
    session: &Session,
    desired: &[&Desired],
    of_account: Arc<OfAccount>,
    options: &Options,
    done: &(dyn Fn(&StackDrift) + Sync),
) -> Vec<StackDrift> {
    let stacks = snapshot::reading(cloudformation::stacks(session).await);
    let estate = desired.first().and_then(|first| first.tags.get(ESTATE_TAG)).map_or("", String::as_str);
    let common = Common::take(session, stacks, estate, of_account).await;
    let at_once = options.concurrency.max(1);
    let (opening, width) = (&Semaphore::new(at_once), at_once.saturating_mul(WAITING));
    let begins = stream::iter(desired.iter().copied())
        .map(|desired| snapshot::begin(session, desired, &common, opening, options.pace));
    let batches = begins.buffer_unordered(width).chunks(BATCH);
    let ends = batches.map(|batch| ended(session, batch, &common, options.pace, done));
    let mut all: Vec<StackDrift> = ends.buffer_unordered(BATCHES).concat().await;
    if let Err(error) = blame(session, &mut all, options.lookups).await {
        let why = said(&error);
        let differs = |drift: &&mut StackDrift| !drift.differences.is_empty();
        all.iter_mut().filter(differs).for_each(|drift| drift.trail = Some(why.clone()));
    }
    all
}

/// Asks the network of these stacks, and compares.
async fn ended(
    session: &Session,
    batch: Vec<Begun<'_>>,
    common: &Common,
    pace: Pace,
    done: &(dyn Fn(&StackDrift) + Sync),
) -> Vec<StackDrift> {
    let vpcs: BTreeSet<String> = batch.iter().filter_map(|begun| begun.vpc()).collect();
    let shared = &common.of_vpcs(session, &vpcs.into_iter().collect::<Vec<_>>()).await;
    let ends = batch.into_iter().map(|begun| async move {
        let desired = begun.desired;
        let view = snapshot::end(session, begun, common, shared, pace).await;
        let drift = compare(desired, shared, &view);
        done(&drift);
        drift
    });
    futures::future::join_all(ends).await
}

/// Asks CloudTrail who made the worst differences; where it does not know, nobody is named.
async fn blame(session: &Session, drifts: &mut [StackDrift], lookups: usize) -> Result<(), CallError> {
    let mut worst: Vec<&mut Difference> = drifts
        .iter_mut()
        .flat_map(|drift| &mut drift.differences)
        .filter(|difference| difference.carrier.is_some())
        .collect();
    worst.sort_by_key(|difference| std::cmp::Reverse(difference.severity));
    let mut answers = BTreeMap::new();
    for difference in worst {
        let Some(carrier) = difference.carrier.clone() else { continue };
        if !answers.contains_key(&carrier) {
            if answers.len() >= lookups {
                continue;
            }
            answers.insert(carrier.clone(), cloudtrail::deeds(session, &carrier).await?);
        }
        let deeds = answers.get(&carrier).map(Vec::as_slice).unwrap_or_default();
        difference.by = author::of(difference, deeds).cloned();
    }
    Ok(())
}
