//! The way of a release through the fleet: rings in order, inside a ring waves, inside a wave tenants by name.
//!
//! Pure: it follows from the estate at the release's tag, so every runner and every resumed run has the same.

use jiff::SignedDuration;
use jiff::tz::TimeZone;

use super::name;
use tenantry_base::ids::TenantName;
use tenantry_spec::estate::Estate;
use tenantry_spec::estate::rings::{Calendar, Freeze, Ring, Share, duration};

/// One wave of one ring.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage<'e> {
    pub ring: &'e Ring,
    /// Number of the wave in its ring, from 1, and how many the ring has.
    pub wave: usize,
    pub waves: usize,
    pub tenants: Vec<&'e TenantName>,
    pub bake: SignedDuration,
}

impl Stage<'_> {
    /// `ring early, wave 1 of 2`.
    pub fn title(&self) -> String {
        format!("ring {}, wave {} of {}", self.ring.name, self.wave, self.waves)
    }
}

/// Every wave of every ring, first to last. `bake` replaces the bake time of every ring.
pub fn stages(estate: &Estate, bake: Option<SignedDuration>) -> Vec<Stage<'_>> {
    let mut stages = Vec::new();
    for ring in &estate.fleet.rings {
        let tenants: Vec<&TenantName> =
            estate.tenants.values().filter(|tenant| tenant.spec.ring == ring.name).map(|tenant| &tenant.name).collect();
        let ends = ends(&ring.waves, tenants.len());
        // The schema takes nothing that is no duration; if it did, a day is the careful answer.
        let bake = bake.or_else(|| duration(&ring.bake)).unwrap_or(SignedDuration::from_hours(24));
        let mut start = 0;
        for (index, end) in ends.iter().enumerate() {
            let tenants = tenants[start..*end].to_vec();
            stages.push(Stage { ring, wave: index + 1, waves: ends.len(), tenants, bake });
            start = *end;
        }
    }
    stages
}

/// How many tenants have the release after each wave: growing, and all of them at the end.
fn ends(waves: &[Share], tenants: usize) -> Vec<usize> {
    let mut ends: Vec<usize> = waves.iter().map(|share| share.of(tenants)).chain([tenants]).collect();
    let mut reached = 0;
    ends.retain(|end| {
        let grows = *end > reached;
        reached = reached.max(*end);
        grows
    });
    ends
}

/// Rings that have no tenant: a release would pass them unseen.
pub fn empty_rings(estate: &Estate) -> Vec<&Ring> {
    let lives = |ring: &Ring| estate.tenants.values().any(|tenant| tenant.spec.ring == ring.name);
    estate.fleet.rings.iter().filter(|ring| !lives(ring)).collect()
}

/// When a tenant may change. A time zone that nobody knows is UTC's; `validate` refuses it.
pub fn calendar<'e>(estate: &'e Estate, name: &TenantName) -> Calendar<'e> {
    let tenant = estate.tenants.get(name);
    let zone = tenant.and_then(|tenant| TimeZone::get(&tenant.spec.contact.timezone).ok()).unwrap_or(TimeZone::UTC);
    let ring = tenant.and_then(|tenant| estate.fleet.rings.iter().find(|ring| ring.name == tenant.spec.ring));
    let concerns = |freeze: &&Freeze| ring.is_some_and(|ring| freeze.concerns(name, &ring.name));
    Calendar {
        zone,
        window: ring.and_then(|ring| ring.window.as_ref()),
        freezes: estate.fleet.freezes.iter().filter(concerns).collect(),
    }
}

/// Whether a name that a stack shows can be the tag of a release.
pub fn may_be_release(name: &str) -> bool {
    name::tag(name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_grow_and_end_with_the_whole_ring() {
        let percent = Share::Percent;
        for (waves, tenants, expected) in [
            (vec![], 3, vec![3]),
            (vec![], 0, vec![]),
            (vec![percent(10), percent(50), percent(100)], 10, vec![1, 5, 10]),
            (vec![percent(10), percent(50)], 2, vec![1, 2]),
            (vec![Share::Count(1), Share::Count(5)], 3, vec![1, 3]),
            (vec![Share::Count(1), percent(50)], 1000, vec![1, 500, 1000]),
            (vec![percent(100)], 4, vec![4]),
        ] {
            assert_eq!(ends(&waves, tenants), expected, "{waves:?} of {tenants}");
        }
    }
}
