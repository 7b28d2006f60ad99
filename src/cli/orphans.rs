//! Stacks of the estate that git does not name, looked for by the commands that speak of a whole fleet.

use super::{Exit, Failure};
use crate::cloud::{Access, Cloud, Place, with_causes};
use crate::cost::Prices;
use crate::deploy::places::{self, Places};
use crate::deploy::stacks;
use crate::estate::Estate;
use crate::estate::spec::Fleet;
use crate::render::names;
use crate::survey::orphans::{Monthly, Orphan, Orphans, Unread, orphans};

/// Every orphan in the places of the fleet and those that the control plane has recorded.
pub(super) async fn scan(cloud: &Cloud, estate: &Estate, prices: &Prices) -> Orphans {
    let former = former(cloud, &estate.fleet).await;
    let mut found = orphans(cloud, estate, former.as_ref().unwrap_or(&Places::new()), prices).await;
    if let Err(why) = former {
        found.unread.push(Unread { place: None, why });
    }
    found
}

/// Places in which the estate had a control plane.
pub(super) async fn former(cloud: &Cloud, fleet: &Fleet) -> Result<Places, String> {
    let place = home(fleet);
    let access = stacks::access(fleet, &place.account);
    let session = cloud.session(&place, &access).await.map_err(|error| error.to_string())?;
    places::read(&session, &bucket(fleet)).await.map_err(|error| with_causes(&error))
}

/// Records places before something is made there.
pub(super) async fn record(cloud: &Cloud, fleet: &Fleet, access: &Access, new: &Places) -> Result<(), Failure> {
    let session = cloud.session(&home(fleet), access).await?;
    Ok(places::add(&session, &bucket(fleet), new).await?)
}

pub(super) fn home(fleet: &Fleet) -> Place {
    Place { account: fleet.control_plane.account.clone(), region: fleet.control_plane.region.clone() }
}

pub(super) fn bucket(fleet: &Fleet) -> String {
    names::artifacts_bucket(&fleet.organisation, &fleet.control_plane.account, &fleet.control_plane.region)
}

/// What orphans say to the shell: what is unknown weighs more than what is known.
pub(super) fn exit(orphans: &Orphans) -> Exit {
    let unknown = |orphan: &Orphan| matches!(orphan.monthly, Monthly::Unknown { .. });
    match (orphans.unread.is_empty(), orphans.stacks.as_slice()) {
        (true, []) => Exit::Clean,
        (true, stacks) if !stacks.iter().any(unknown) => Exit::Changes,
        _ => Exit::Incomplete,
    }
}
