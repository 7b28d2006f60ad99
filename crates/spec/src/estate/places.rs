//! Where a tenant's values stand: in its own file, or in the fleet's defaults.

use std::sync::Arc;
use tenantry_base::document::{Document, parent};
use tenantry_base::finding::{Location, Source};

/// The files that a tenant's spec was put together from. The tenant's own is parsed again for each place: few are asked for, and
/// the places of every value would be most of what a large fleet takes.
#[derive(Debug, Clone)]
pub struct Places {
    own: Arc<Source>,
    fleet: Arc<Document>,
}

impl Places {
    pub(super) fn new(own: Arc<Source>, fleet: Arc<Document>) -> Self {
        Self { own, fleet }
    }

    /// The place of a route's value (`web.allow_from[1]`), or of the nearest thing around it: in the tenant's own
    /// file where that says the value, else in the fleet's defaults where those do.
    pub fn locate(&self, route: &str) -> Location {
        let own = self.own();
        let mut at = Some(route);
        while let Some(route) = at.filter(|route| !route.is_empty()) {
            let place = own.as_ref().and_then(|own| own.place(route));
            if let Some(place) = place.or_else(|| self.fleet.place(&format!("defaults.{route}"))) {
                return place;
            }
            at = parent(route);
        }
        self.start()
    }

    /// The place of a route in the tenant's own file, or of the nearest thing around it there.
    pub(super) fn locate_own(&self, route: &str) -> Location {
        self.own().map_or_else(|| self.start(), |own| own.nearest(route))
    }

    /// The place of a route of fleet.yaml, or of the nearest thing around it.
    pub(super) fn locate_in_fleet(&self, route: &str) -> Location {
        self.fleet.locate(route)
    }

    /// As [`Self::locate`], the key instead of the value.
    pub(super) fn locate_key(&self, route: &str) -> Location {
        let key = self.own().and_then(|own| own.place_of_key(route));
        let key = key.or_else(|| self.fleet.place_of_key(&format!("defaults.{route}")));
        key.unwrap_or_else(|| self.locate(route))
    }

    fn own(&self) -> Option<Document> {
        Document::parse(Arc::clone(&self.own)).ok()
    }

    fn start(&self) -> Location {
        Location::new(Arc::clone(&self.own), 0..0)
    }
}
