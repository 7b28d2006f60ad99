//! Which tenants run which release: read from the stacks, one paginated call for each account and region.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::deploy::{Baseline, Desired, ownership, stacks};
use tenantry_aws::cloud::{CallError, Cloud, Place, cloudformation};
use tenantry_spec::estate::Estate;
use tenantry_template::render::names;

/// One tenant's stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Running {
    /// Name of the tenant.
    pub tenant: String,
    /// Name of the release ring.
    pub ring: String,
    /// Account and Region.
    pub place: Place,
    /// Release of the stack; null if it does not exist or could not be read.
    pub release: Option<String>,
    /// Digest of the deployed template; null if the stack does not exist or could not be read.
    pub digest: Option<String>,
    /// CloudFormation stack status; null if the stack does not exist or could not be read.
    pub status: Option<String>,
    /// Last update of the stack, in seconds since 1970 (UTC).
    pub since: Option<i64>,
    /// Why the stack could not be read; null if it was.
    pub unread: Option<String>,
    /// Why this estate does not own the stack of that name; the tenant then counts as not deployed.
    pub not_ours: Option<String>,
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
            let identity =
                Desired::identity(&estate.fleet.organisation, &estate.fleet.identity(), tenant.name.as_str());
            let (baseline, unread, not_ours) = match places.get(&place) {
                Some(Ok(live)) => match live.get(&stack).and_then(|stack| ownership::not_ours(stack, &identity)) {
                    Some(why) => (Baseline::default(), None, Some(why)),
                    None => (Baseline::of(live.get(&stack)), None, None),
                },
                Some(Err(why)) => (Baseline::default(), Some(why.clone()), None),
                None => (Baseline::default(), Some("its account was not looked at".to_owned()), None),
            };
            all.push(Running {
                tenant: tenant.name.to_string(),
                ring: ring.name.to_string(),
                place,
                release: baseline.release,
                digest: baseline.digest,
                status: baseline.status,
                since: baseline.updated,
                unread,
                not_ours,
            });
        }
    }
    all
}
