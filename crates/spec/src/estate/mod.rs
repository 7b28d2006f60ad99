//! The estate: the directory of YAML files that says what every tenant is.
//!
//! `load` reads `fleet.yaml`, every tenant's file and the flag catalogue, and gives the [`Estate`] beside every finding.
//! It knows files and their positions; it does not know templates or AWS.

mod blocks;
pub mod blueprint;
mod certificate;
mod check;
mod dates;
mod fields;
mod files;
mod flags;
mod imagine;
mod load;
mod places;
mod ranges;
mod reserved;
pub mod rings;
pub mod schema;
pub mod spec;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use ipnetwork::Ipv4Network;
use sha2::{Digest, Sha256};

pub use blocks::{AllocationError, allocate, room, room_in};
pub use certificate::{Authority, CaBundle, RevocationList};
pub use dates::dated;
pub use fields::{Field, field_changes};
pub use files::{File, shared_authorities};
pub use imagine::{ImagineError, WhatIf, imagine};
pub use load::{flags_document, has_errors, load, schemas, stale_schemas};
pub use places::Places;
pub use tenantry_base::{Document, edit, ids};

use crate::flags::{Catalogue, Reads, Subject, Values};
use ids::TenantName;
use spec::{Fleet, TenantSpec};
use tenantry_base::digest::hex;
use tenantry_base::finding::{Location, Source};
use tenantry_blueprint::Blueprint;

/// Everything the estate's files say, validated.
#[derive(Debug, Clone)]
pub struct Estate {
    /// The directory that holds `tenants/fleet.yaml`.
    pub root: PathBuf,
    pub fleet: Fleet,
    pub fleet_document: Arc<Document>,
    pub tenants: BTreeMap<TenantName, Tenant>,
    pub flags: Catalogue,
    pub blueprint: Arc<Blueprint>,
    /// Its own templates were made before blueprints, and call values by the names of then.
    pub has_old_templates: bool,
}

impl Estate {
    /// The text of `fleet.yaml`.
    pub fn fleet_source(&self) -> &Arc<Source> {
        &self.fleet_document.source
    }

    /// The place of a route of fleet.yaml, or of the nearest thing around it.
    pub fn locate_in_fleet(&self, route: &str) -> Location {
        self.fleet_document.locate(route)
    }

    /// Blocks that are not free: those of tenants, of stacks that tenants move away from, and retired ones.
    pub fn blocks(&self) -> Vec<Ipv4Network> {
        let specs = self.tenants.values().map(|tenant| &tenant.spec);
        let own = specs.flat_map(|spec| [Some(spec.network.cidr), spec.moved_from.as_ref().map(|from| from.cidr)]);
        own.flatten().chain(self.fleet.retired.values().map(|retired| retired.cidr)).collect()
    }
}

/// One tenant of the estate.
#[derive(Debug, Clone)]
pub struct Tenant {
    pub name: TenantName,
    pub spec: TenantSpec,
    pub source: Arc<Source>,
    /// The files that its parameters name, by the parameters' paths.
    pub files: BTreeMap<String, File>,
    /// Where its values stand; None for a tenant that comes from no file.
    pub places: Option<Places>,
}

impl Tenant {
    /// The place of a route that a blueprint blames: of the spec, or of the Region in fleet.yaml.
    pub fn locate_blamed(&self, route: &str) -> Location {
        match route.strip_prefix("region.") {
            Some(fact) => self.locate_in_fleet(&format!("regions.{}.{fact}", self.spec.region)),
            None => self.locate(route),
        }
    }

    /// The tenant as the one who asks for its flags.
    pub fn subject(&self) -> Subject<'_> {
        Subject {
            tenant: self.name.as_str(),
            ring: self.spec.ring.as_str(),
            account: self.spec.account.as_str(),
            region: self.spec.region.as_str(),
            overrides: &self.spec.flags,
        }
    }

    /// The place of a route of the spec, such as `network.cidr`, or of the nearest thing around it.
    pub fn locate(&self, route: &str) -> Location {
        match &self.places {
            Some(places) => places.locate(route),
            None => Location::new(Arc::clone(&self.source), 0..0),
        }
    }

    /// The place of a route of fleet.yaml, or of the nearest thing around it.
    pub fn locate_in_fleet(&self, route: &str) -> Location {
        match &self.places {
            Some(places) => places.locate_in_fleet(route),
            None => Location::new(Arc::clone(&self.source), 0..0),
        }
    }
}

impl Estate {
    /// The values that AppConfig delivers to a tenant's functions.
    pub fn delivered(&self, tenant: &Tenant) -> Values {
        let runtime = |key: &String| self.flags.flags.get(key).is_some_and(|flag| flag.reads == Reads::Runtime);
        let values = crate::flags::values(&self.flags, &tenant.subject());
        values.into_iter().filter(|(key, _)| runtime(key)).collect()
    }

    /// SHA-256, lower case hex, of everything that the estate's files say: the ground that a plan stands on.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let mut add = |text: &str| {
            hash.update(text.len().to_le_bytes());
            hash.update(text);
        };
        add(&self.fleet_source().text);
        add(&serde_json::to_string(&self.flags).unwrap_or_default());
        add(self.blueprint.text());
        for tenant in self.tenants.values() {
            add(tenant.name.as_str());
            add(&tenant.source.text);
            tenant.files.values().for_each(|file| add(file.sha256()));
        }
        hex(hash.finalize())
    }
}
