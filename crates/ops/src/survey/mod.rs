//! What stands in accounts and regions, asked of AWS, and how what git wants would fit into it.
//!
//! In: the stacks of a plan. Out: one [`Assessment`] for each place and account. It decides nothing: [`tenantry_checks::capacity`]
//! does, over a [`Snapshot`]. What AWS denies, or an endpoint does not offer, stays unknown with the reason.

pub mod increases;
mod limits;
mod names;
mod offer;
pub mod orphans;
pub mod readiness;
mod stacks;
mod subnets;
mod usage;
pub mod zones;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::{StreamExt, stream};
use rayon::prelude::*;

use crate::deploy::{Desired, stacks as stacks_of};
use tenantry_aws::cloud::{Access, CallError, Cloud, Place, Session, offers, with_causes};
use tenantry_checks::capacity::{
    self, AccountRegion, Assessment, Largest, Measured, Needs, Outlines, Quota, Singles, Site, Snapshot, Stack, Tables,
    check,
};
use tenantry_spec::estate::spec::Fleet;
use tenantry_template::render::{self, RenderedTenant};

/// Why nothing is known of a place that was not looked at.
pub const OFFLINE: &str = "AWS was not asked (--offline)";

/// Accounts and regions, and in each of them questions, that are under way at once.
const AT_ONCE: usize = 8;

/// A stack that git places somewhere, as far as it is looked for.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub tenant: String,
    pub name: String,
    pub place: Place,
    pub access: Access,
    pub digest: String,
    pub needs: Arc<Needs>,
    /// It is part of the plan; others only count for the limiting quota.
    pub planned: bool,
}

impl Wanted {
    /// The stack of a tenant, with its template as it was rendered.
    pub fn tenant(fleet: &Fleet, rendered: &RenderedTenant<'_>, outlines: &Outlines) -> Self {
        let (tenant, spec) = (rendered.tenant.name.as_str(), &rendered.tenant.spec);
        Self {
            tenant: tenant.to_owned(),
            name: render::names::stack(&fleet.organisation, tenant),
            place: Place { account: spec.account.clone(), region: spec.region.clone() },
            access: stacks_of::access(fleet, &spec.account),
            digest: rendered.template.digest.clone(),
            needs: outlines.needs(&rendered.template).into(),
            planned: true,
        }
    }

    /// With what single resources of its template hold of quotas.
    #[must_use]
    pub fn with_largest(self, largest: Largest) -> Self {
        Self { needs: Arc::new(Needs { largest: Arc::new(largest), ..(*self.needs).clone() }), ..self }
    }

    fn desired(desired: &Desired, singles: &Singles) -> Self {
        let template = serde_json::from_str(&desired.body).unwrap_or_default();
        Self {
            tenant: desired.tenant.clone(),
            name: desired.stack.clone(),
            place: desired.place.clone(),
            access: desired.access.clone(),
            digest: desired.digest.clone(),
            needs: capacity::needs(&template).into(),
            planned: true,
        }
        .with_largest(singles.largest_of(&template))
    }
}

/// The stacks of a plan, read from the templates that it would send.
pub fn wanted(tables: &Tables, desired: &[Desired]) -> Vec<Wanted> {
    let singles = adjustable(tables);
    desired.par_iter().map(|desired| Wanted::desired(desired, &singles)).collect()
}

/// The quotas of single resources that an account may have raised; others are checked with the policies.
pub fn adjustable(tables: &Tables) -> Singles {
    Singles::new(tables.quotas.iter().filter(|quota| quota.is_single() && quota.adjustable))
}

/// The places of stacks, without looking at AWS: everything there is unknown.
pub fn unseen(wanted: &[Wanted], why: &str) -> BTreeMap<AccountRegion, Site> {
    let blank = |_: &AccountRegion| Snapshot::unknown(why);
    sites(wanted, blank)
}

/// How stacks would fit, without looking at AWS.
pub fn offline(tables: &Tables, wanted: &[Wanted]) -> Vec<Assessment> {
    check(tables, &unseen(wanted, OFFLINE))
}

/// How stacks would fit into what stands in their accounts and regions now.
pub async fn live(cloud: &Cloud, tables: &Tables, wanted: &[Wanted]) -> Vec<Assessment> {
    check(tables, &look(cloud, tables, wanted).await)
}

/// The places of stacks with what stands there now.
pub async fn look(cloud: &Cloud, tables: &Tables, wanted: &[Wanted]) -> BTreeMap<AccountRegion, Site> {
    let mut places: BTreeMap<&Place, Vec<&Wanted>> = BTreeMap::new();
    wanted.iter().for_each(|one| places.entry(&one.place).or_default().push(one));
    let looks = places.into_iter().map(|(place, wanted)| async move {
        let ground = ground(place);
        let access = wanted.first().map(|one| one.access.clone()).unwrap_or_default();
        (ground, place_snapshot(cloud, tables, place, &access, &wanted).await)
    });
    let mut seen: BTreeMap<AccountRegion, Snapshot> = stream::iter(looks).buffer_unordered(AT_ONCE).collect().await;
    sites(wanted, |ground| seen.remove(ground).unwrap_or_default())
}

fn ground(place: &Place) -> AccountRegion {
    AccountRegion { account: place.account.clone(), region: place.region.clone() }
}

fn sites(wanted: &[Wanted], mut snapshot: impl FnMut(&AccountRegion) -> Snapshot) -> BTreeMap<AccountRegion, Site> {
    let mut sites: BTreeMap<AccountRegion, Site> = BTreeMap::new();
    for one in wanted {
        let ground = ground(&one.place);
        let site =
            sites.entry(ground.clone()).or_insert_with(|| Site { stacks: Vec::new(), snapshot: snapshot(&ground) });
        site.stacks.push(Stack {
            tenant: one.tenant.clone(),
            name: one.name.clone(),
            needs: Arc::clone(&one.needs),
            planned: one.planned,
        });
    }
    sites
}

async fn place_snapshot(
    cloud: &Cloud,
    tables: &Tables,
    place: &Place,
    access: &Access,
    wanted: &[&Wanted],
) -> Snapshot {
    // What counts over the whole account is kept, and raised, in one region of the partition.
    let home = Place { account: place.account.clone(), region: place.region.home() };
    let session = match cloud.session(place, access).await {
        Ok(session) => session,
        Err(error) => return unreachable(cloud, place, &home, access, &error).await,
    };
    let global = if home == *place { Ok(Arc::clone(&session)) } else { cloud.session(&home, access).await };
    let global = global.map_err(|error| with_causes(&error));
    let asked = asked_quotas(&tables.quotas, wanted);
    let (stacks, limits) = futures::join!(stacks::look(&session, wanted), limits::look(&session, &global, &asked));
    let nodes: BTreeSet<_> = wanted.iter().flat_map(|one| one.needs.instances.iter().cloned()).collect();
    let (subnets, offer) = futures::join!(subnets::look(&session), offer::look(&session, &nodes));
    let standing: BTreeSet<String> =
        stacks.standing.known().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    let names = names::look(&session, wanted, &standing).await;
    // What a single resource holds is in its template only.
    let counted: Vec<&Quota> = asked.iter().copied().filter(|quota| !quota.is_single()).collect();
    let usage = usage::look(&session, &counted, &stacks, &subnets, &limits.metrics, &names).await;
    let mut limits = limits.limits;
    limits.extend(usage.limits);
    Snapshot {
        limits,
        usage: usage.usage,
        stacks: stacks.standing,
        in_flight: stacks.in_flight,
        unread: stacks.unread,
        deploying: stacks.deploying,
        subnets: subnets.map(|subnets| subnets.live),
        names,
        offer,
    }
}

/// A place that cannot be entered: perhaps the account has not opted in to the region, which another region can tell.
async fn unreachable(cloud: &Cloud, place: &Place, home: &Place, access: &Access, error: &CallError) -> Snapshot {
    let mut snapshot = Snapshot::unknown(&with_causes(error));
    if home != place
        && let Ok(session) = cloud.session(home, access).await
    {
        snapshot.offer.enabled = seen(offers::is_enabled(&session, &place.region).await);
    }
    snapshot
}

/// The quotas that the stacks take something of, and those of single resources that theirs hold something of.
fn asked_quotas<'q>(quotas: &'q [Quota], wanted: &[&Wanted]) -> Vec<&'q Quota> {
    let taken: BTreeSet<&str> = wanted.iter().flat_map(|one| one.needs.demand.amounts.keys().copied()).collect();
    let held: BTreeSet<&str> = wanted.iter().flat_map(|one| one.needs.largest.keys().map(String::as_str)).collect();
    quotas.iter().filter(|quota| taken.contains(quota.id.as_str()) || held.contains(quota.id.as_str())).collect()
}

/// An answer, or why there is none.
fn seen<T, E: std::error::Error>(answer: Result<T, E>) -> Measured<T> {
    match answer {
        Ok(value) => Measured::Known(value),
        Err(error) => Measured::Unknown(with_causes(&error)),
    }
}

/// The session in which what counts over an account is asked, or why there is none.
type Global = Result<Arc<Session>, String>;
