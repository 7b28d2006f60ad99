//! Where a tenant's values stand: in its own file, or in the fleet's defaults.

use std::sync::Arc;
use tenantry_base::document::{Document, parent};
use tenantry_base::finding::Location;

/// The documents that a tenant's spec was put together from.
#[derive(Debug, Clone)]
pub struct Places {
    own: Arc<Document>,
    fleet: Arc<Document>,
}

impl Places {
    pub(super) fn new(own: Arc<Document>, fleet: Arc<Document>) -> Self {
        Self { own, fleet }
    }

    /// The place of a route's value (`web.allow_from[1]`), or of the nearest thing around it: in the tenant's own
    /// file where that says the value, else in the fleet's defaults where those do.
    pub fn locate(&self, route: &str) -> Location {
        let mut at = Some(route);
        while let Some(route) = at.filter(|route| !route.is_empty()) {
            let default = format!("defaults.{route}");
            if let Some(place) = self.own.place(route).or_else(|| self.fleet.place(&default)) {
                return place;
            }
            at = parent(route);
        }
        self.own.nearest("")
    }

    /// The place of a route in the tenant's own file, or of the nearest thing around it there.
    pub(super) fn locate_own(&self, route: &str) -> Location {
        self.own.nearest(route)
    }

    /// The place of a route of fleet.yaml, or of the nearest thing around it.
    pub(super) fn locate_in_fleet(&self, route: &str) -> Location {
        self.fleet.locate(route)
    }

    /// As [`Self::locate`], the key instead of the value.
    pub(super) fn locate_key(&self, route: &str) -> Location {
        let default = format!("defaults.{route}");
        let key = self.own.place_of_key(route).or_else(|| self.fleet.place_of_key(&default));
        key.unwrap_or_else(|| self.locate(route))
    }
}
