//! Stacks of this estate that git does not name where they are: in every account and region of the fleet, and in those
//! that were in it before.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::deploy::ownership::{self, CONTROL_PLANE_TAG};
use crate::deploy::places::Places;
use crate::deploy::{Baseline, Desired, OWN_CHANGE_SETS, TENANT_TAG, stacks};
use tenantry_aws::cloud::cloudformation::{self, Stack};
use tenantry_aws::cloud::{Access, CallError, Cloud, Place, Session, change_sets};
use tenantry_checks::cost::{Prices, Total, bill};
use tenantry_spec::estate::Estate;
use tenantry_template::render::names;

/// Accounts and regions that are read at once.
const PLACES: usize = 32;

/// An orphaned stack: it belongs to this estate, but git does not name it in its account and Region.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Orphan {
    /// Name of the tenant in the stack's tags.
    pub tenant: String,
    /// Account and Region.
    pub place: Place,
    /// Name of the stack.
    pub stack: String,
    /// CloudFormation stack status.
    pub status: String,
    /// Release of the stack; null if it has none.
    pub release: Option<String>,
    /// Seconds since 1970.
    pub updated: i64,
    /// Why git does not name it.
    pub reason: Reason,
    /// Estimated monthly cost.
    pub monthly: Monthly,
    #[serde(skip)]
    pub access: Access,
}

/// Why git does not name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Reason {
    /// Git has no tenant of this name.
    NotInGit,
    /// Git places the tenant elsewhere.
    Elsewhere {
        /// Account and Region of the tenant in git.
        place: Place,
    },
    /// The tenant is moving away from here; the stack is deleted after its data is moved.
    Moving {
        /// Account and Region to which the tenant moves.
        place: Place,
    },
    /// A control plane in an account or region that the fleet no longer has.
    PlaceNotInFleet,
}

/// Monthly cost of a stack.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Monthly {
    Known {
        /// Monthly cost, USD.
        total: Total,
    },
    Unknown {
        /// Why the cost could not be estimated.
        why: String,
    },
}

/// An account or Region that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unread {
    /// Null if the record of former accounts and Regions could not be read.
    pub place: Option<Place>,
    /// Why it could not be read.
    pub why: String,
}

/// Orphaned stacks, sorted by tenant, account and Region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Orphans {
    /// Stacks of this estate that git does not name.
    pub stacks: Vec<Orphan>,
    /// Accounts and Regions that could not be read, so that orphaned stacks there are unknown.
    pub unread: Vec<Unread>,
}

impl Orphans {
    pub fn is_empty(&self) -> bool {
        self.stacks.is_empty() && self.unread.is_empty()
    }
}

/// What git expects, by place and name of the stack.
struct Expected {
    stacks: BTreeSet<(Place, String)>,
    tenants: BTreeMap<String, Place>,
    moving: BTreeSet<(Place, String)>,
}

impl Expected {
    fn of(estate: &Estate) -> Self {
        let (fleet, organisation) = (&estate.fleet, estate.fleet.organisation.as_str());
        let mut expected = Self { stacks: BTreeSet::new(), tenants: BTreeMap::new(), moving: BTreeSet::new() };
        for tenant in estate.tenants.values() {
            let place = Place { account: tenant.spec.account.clone(), region: tenant.spec.region.clone() };
            let stack = names::stack(organisation, tenant.name.as_str());
            if let Some(from) = &tenant.spec.moved_from {
                let from = Place { account: from.account.clone(), region: from.region.clone() };
                expected.moving.insert((from, stack.clone()));
            }
            expected.stacks.insert((place.clone(), stack));
            expected.tenants.insert(tenant.name.to_string(), place);
        }
        for place in of_fleet(estate).into_keys() {
            expected.stacks.insert((place, names::control_plane_stack(&fleet.organisation)));
        }
        expected
    }

    fn reason(&self, tenant: &str, place: &Place, stack: &str) -> Reason {
        let key = (place.clone(), stack.to_owned());
        match self.tenants.get(tenant) {
            _ if tenant == CONTROL_PLANE_TAG => Reason::PlaceNotInFleet,
            Some(now) if self.moving.contains(&key) => Reason::Moving { place: now.clone() },
            Some(now) => Reason::Elsewhere { place: now.clone() },
            None => Reason::NotInGit,
        }
    }
}

/// The accounts and regions of the fleet.
pub fn of_fleet(estate: &Estate) -> Places {
    let fleet = &estate.fleet;
    let accounts = fleet.accounts.keys().map(|account| (account, stacks::access(fleet, account)));
    let places = accounts.flat_map(|(account, access)| {
        let place = move |region: &tenantry_base::ids::Region| {
            (Place { account: account.clone(), region: region.clone() }, access.clone())
        };
        fleet.regions.keys().map(place)
    });
    places.collect()
}

/// Looks for orphans in the places of the fleet and in `former` ones: one paginated call for each, and the template of
/// each orphan for what it costs.
pub async fn orphans(cloud: &Cloud, estate: &Estate, former: &Places, prices: &Prices) -> Orphans {
    let expected = &Expected::of(estate);
    let identity = &Desired::identity(&estate.fleet.organisation, &estate.fleet.identity(), "");
    let mut places = former.clone();
    places.extend(of_fleet(estate));
    let looks = places.into_iter().map(|(place, access)| async move {
        let found = in_place(cloud, &place, &access, (expected, identity), prices).await;
        found.map_err(|error| Unread { place: Some(place), why: error.to_string() })
    });
    let found: Vec<Result<Vec<Orphan>, Unread>> =
        stream::iter(looks.collect::<Vec<_>>()).buffer_unordered(PLACES).collect().await;
    let mut all = Orphans::default();
    for place in found {
        match place {
            Ok(orphans) => all.stacks.extend(orphans),
            Err(unread) => all.unread.push(unread),
        }
    }
    all.stacks.sort_by(|a, b| (&a.tenant, &a.place).cmp(&(&b.tenant, &b.place)));
    all.unread.sort_by(|a, b| a.place.cmp(&b.place));
    all
}

async fn in_place(
    cloud: &Cloud,
    place: &Place,
    access: &Access,
    (expected, identity): (&Expected, &BTreeMap<String, String>),
    prices: &Prices,
) -> Result<Vec<Orphan>, CallError> {
    let session = cloud.session(place, access).await?;
    let mut found = Vec::new();
    for stack in cloudformation::stacks(&session).await?.into_values() {
        if expected.stacks.contains(&(place.clone(), stack.name.clone())) {
            continue;
        }
        let Some(tenant) = tenant_of(&session, &stack, identity).await? else { continue };
        found.push(Orphan {
            reason: expected.reason(&tenant, place, &stack.name),
            tenant,
            place: place.clone(),
            release: stack.outputs.get("TenantryRelease").cloned(),
            updated: stack.updated,
            monthly: monthly(&session, &stack, prices).await,
            status: stack.status,
            stack: stack.name,
            access: access.clone(),
        });
    }
    Ok(found)
}

/// The tenant of a stack of this estate, by its tags; of an empty stack without tags, by its change sets.
async fn tenant_of(
    session: &Session,
    stack: &Stack,
    identity: &BTreeMap<String, String>,
) -> Result<Option<String>, CallError> {
    if ownership::is_of_estate(&stack.tags, identity) {
        return Ok(stack.tags.get(TENANT_TAG).cloned());
    }
    let organisation = identity.get(crate::deploy::ESTATE_TAG).map_or("", String::as_str);
    let tenant = stack.name.strip_prefix(&format!("{organisation}-"));
    let (Some(tenant), false, "REVIEW_IN_PROGRESS") = (tenant, ownership::has_owner(stack), stack.status.as_str())
    else {
        return Ok(None);
    };
    let sets = change_sets::list(session, &stack.name).await?;
    let ours = !sets.is_empty() && sets.iter().all(|set| set.name.starts_with(OWN_CHANGE_SETS));
    Ok(ours.then(|| tenant.to_owned()))
}

async fn monthly(session: &Session, stack: &Stack, prices: &Prices) -> Monthly {
    if Baseline::of(Some(stack)).status.is_none() {
        return Monthly::Known { total: Total::default() };
    }
    let body = match cloudformation::template(session, &stack.id).await {
        Ok(body) => body,
        Err(error) => return Monthly::Unknown { why: error.to_string() },
    };
    match serde_json::from_str::<Value>(&body) {
        Ok(template) => Monthly::Known { total: bill(&template, session.place.region.as_str(), prices).total() },
        Err(error) => Monthly::Unknown { why: format!("the template cannot be read: {error}") },
    }
}
