//! Stacks of the estate that git does not name, looked for by the commands that speak of a whole fleet.

use super::{Exit, Failure, guard};
use tenantry_aws::cloud::{Access, Cloud, with_causes};
use tenantry_checks::cost::Prices;
use tenantry_ops::deploy::locks;
use tenantry_ops::deploy::places::{self, Places};
use tenantry_ops::survey::orphans::{Monthly, Orphan, Orphans, Reason, Unread, orphans};
use tenantry_spec::estate::Estate;
use tenantry_spec::estate::spec::Fleet;

/// Every orphan in the places of the fleet and those that the control plane has recorded.
pub(super) async fn scan(cloud: &Cloud, estate: &Estate, prices: &Prices) -> Orphans {
    let former = former(cloud, &estate.fleet).await;
    let mut found = orphans(cloud, estate, former.as_ref().unwrap_or(&Places::new()), prices).await;
    if let Err(why) = former {
        found.unread.push(Unread { place: None, why });
    }
    // A tenant whose file has errors is in git, wherever that places it.
    let has_file = |orphan: &Orphan| estate.root.join("tenants").join(format!("{}.yaml", orphan.tenant)).exists();
    let in_doubt = |orphan: &mut Orphan| orphan.reason == Reason::NotInGit && has_file(orphan);
    let broken = found.stacks.extract_if(.., in_doubt).map(|orphan| Unread {
        why: format!("the file of tenant `{}` has errors", orphan.tenant),
        place: Some(orphan.place),
    });
    found.unread.extend(broken);
    found
}

/// Places in which the estate had a control plane.
pub(super) async fn former(cloud: &Cloud, fleet: &Fleet) -> Result<Places, String> {
    let shelf = locks::shelf(cloud, fleet, &fleet.control_plane.account).await;
    let (session, bucket) = shelf.map_err(|error| error.to_string())?;
    places::read(&session, &bucket).await.map_err(|error| with_causes(&error))
}

/// Records places before something is made there.
pub(super) async fn record(cloud: &Cloud, fleet: &Fleet, access: &Access, new: &Places) -> Result<(), Failure> {
    let shelf = locks::shelf_by(cloud, fleet, &fleet.control_plane.account, access).await;
    let (session, bucket) = shelf.map_err(guard::failure)?;
    Ok(places::add(&session, &bucket, new).await?)
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
