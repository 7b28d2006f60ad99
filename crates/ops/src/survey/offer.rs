//! What a region offers to the account.

use std::collections::{BTreeMap, BTreeSet};

use super::seen;
use tenantry_aws::cloud::{Session, ec2, offers, with_causes};
use tenantry_checks::capacity::{Instance, Measured, Offer};

pub(super) async fn look(session: &Session, needed: &BTreeSet<Instance>) -> Offer {
    let (enabled, zones, types) = futures::join!(
        offers::is_enabled(session, &session.place.region),
        ec2::zones(session),
        offers::resource_types(session)
    );
    let names: Measured<BTreeMap<String, String>> =
        seen(zones).map(|zones| zones.into_iter().map(|(id, name)| (name, id.to_string())).collect());
    Offer {
        enabled: seen(enabled),
        types: seen(types),
        instances: instances(session, needed, &names).await,
        zones: names.map(|names| names.into_values().collect()),
    }
}

/// The zones of each type of machine: one paginated call for each engine, and one for EC2 where it is needed.
async fn instances(
    session: &Session,
    needed: &BTreeSet<Instance>,
    names: &Measured<BTreeMap<String, String>>,
) -> BTreeMap<String, Measured<BTreeSet<String>>> {
    let mut offered: BTreeMap<Option<&str>, Measured<BTreeMap<String, BTreeSet<String>>>> = BTreeMap::new();
    for engine in needed.iter().map(|instance| instance.engine.as_deref()).collect::<BTreeSet<_>>() {
        let answer = match engine {
            None => seen(offers::instance_types(session).await),
            Some(engine) => match (offers::search_types(session, engine).await, names) {
                (Ok(types), Measured::Known(names)) => Measured::Known(by_id(types, names)),
                (Ok(_), Measured::Unknown(why)) => Measured::Unknown(why.clone()),
                (Err(error), _) => Measured::Unknown(with_causes(&error)),
            },
        };
        offered.insert(engine, answer);
    }
    let zones = |instance: &Instance| match offered.get(&instance.engine.as_deref()) {
        Some(Measured::Known(types)) => Measured::Known(types.get(&instance.kind).cloned().unwrap_or_default()),
        Some(Measured::Unknown(why)) => Measured::Unknown(why.clone()),
        None => Measured::default(),
    };
    needed.iter().map(|instance| (instance.kind.clone(), zones(instance))).collect()
}

/// Zones by their ids; a name that the account does not have is a zone that it cannot use.
fn by_id(
    types: BTreeMap<String, BTreeSet<String>>,
    names: &BTreeMap<String, String>,
) -> BTreeMap<String, BTreeSet<String>> {
    let ids = |zones: BTreeSet<String>| zones.iter().filter_map(|name| names.get(name).cloned()).collect();
    types.into_iter().map(|(kind, zones)| (kind, ids(zones))).collect()
}
