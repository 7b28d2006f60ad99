//! Which tenants run which release: read from the stacks, one paginated call for each account and region.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cloud::{CallError, Cloud, Place, cloudformation};
use crate::deploy::{ESTATE_TAG, Ground, TENANT_TAG, stacks};
use crate::estate::Estate;
use crate::render::names;

/// One tenant's stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Running {
    pub tenant: String,
    pub ring: String,
    pub place: Place,
    /// None: it is not deployed, or could not be read.
    pub release: Option<String>,
    pub digest: Option<String>,
    pub status: Option<String>,
    /// Since when the stack is as it is, in seconds since 1970.
    pub since: Option<i64>,
    /// Why it could not be read.
    pub unread: Option<String>,
}

/// Every tenant of an estate, by ring in the order of rings, then by name.
pub async fn running(cloud: &Cloud, estate: &Estate) -> Vec<Running> {
    let mut places: BTreeMap<Place, Result<_, String>> = BTreeMap::new();
    for tenant in estate.tenants.values() {
        let place = Place { account: tenant.spec.account.clone(), region: tenant.spec.region.clone() };
        if places.contains_key(&place) {
            continue;
        }
        let seen = async {
            let session = cloud.session(&place, &stacks::access(&estate.fleet, &place.account)).await?;
            cloudformation::stacks(&session).await
        };
        let seen = seen.await.map_err(|error: CallError| error.to_string());
        places.insert(place, seen);
    }
    let mut all = Vec::new();
    for ring in &estate.fleet.rings {
        for tenant in estate.tenants.values().filter(|tenant| tenant.spec.ring == ring.name) {
            let place = Place { account: tenant.spec.account.clone(), region: tenant.spec.region.clone() };
            let stack = names::stack(&estate.fleet.organisation, tenant.name.as_str());
            let (ground, unread) = match places.get(&place) {
                Some(Ok(live)) => (Ground::of(live.get(&stack)), None),
                Some(Err(why)) => (Ground::default(), Some(why.clone())),
                None => (Ground::default(), Some("its account was not looked at".to_owned())),
            };
            all.push(Running {
                tenant: tenant.name.to_string(),
                ring: ring.name.to_string(),
                place,
                release: ground.release,
                digest: ground.digest,
                status: ground.status,
                since: ground.updated,
                unread,
            });
        }
    }
    all
}

/// A stack of a tenant where the estate does not have that tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Elsewhere {
    pub tenant: String,
    pub place: Place,
    pub release: Option<String>,
    /// Where the estate has the tenant; None: the estate does not have it.
    pub expected: Option<Place>,
}

/// Stacks with the tags of a tenant of this organisation that are not where the estate has that tenant, in every account
/// and Region of its fleet, by tenant; and places that could not be read, each with the reason.
pub async fn elsewhere(cloud: &Cloud, estate: &Estate) -> (Vec<Elsewhere>, Vec<(Place, String)>) {
    let fleet = &estate.fleet;
    let places = fleet.accounts.keys().flat_map(|account| {
        fleet.regions.keys().map(|region| Place { account: account.clone(), region: region.clone() })
    });
    let looks = places.map(|place| async move {
        let live = async {
            let session = cloud.session(&place, &stacks::access(fleet, &place.account)).await?;
            cloudformation::stacks(&session).await
        };
        let live: Result<_, CallError> = live.await;
        (place, live)
    });
    let (mut found, mut unread) = (Vec::new(), Vec::new());
    for (place, live) in futures::future::join_all(looks).await {
        match live {
            Ok(live) => found.extend(live.values().filter_map(|stack| stray(estate, &place, stack))),
            Err(error) => unread.push((place, error.to_string())),
        }
    }
    found.sort_by(|a, b| (&a.tenant, &a.place).cmp(&(&b.tenant, &b.place)));
    (found, unread)
}

fn stray(estate: &Estate, place: &Place, stack: &cloudformation::Stack) -> Option<Elsewhere> {
    let organisation = estate.fleet.organisation.as_str();
    let tenant = stack.tags.get(TENANT_TAG)?;
    let is_ours = stack.tags.get(ESTATE_TAG).is_some_and(|tag| tag == organisation);
    if !is_ours || stack.name == names::control_plane_stack(organisation) || stack.status == "REVIEW_IN_PROGRESS" {
        return None;
    }
    let own = estate.tenants.values().find(|own| own.name.as_str() == tenant);
    let expected = own.map(|own| Place { account: own.spec.account.clone(), region: own.spec.region.clone() });
    let release = Ground::of(Some(stack)).release;
    let is_there = expected.as_ref() == Some(place) && stack.name == names::stack(organisation, tenant);
    (!is_there).then(|| Elsewhere { tenant: tenant.clone(), place: place.clone(), release, expected })
}
