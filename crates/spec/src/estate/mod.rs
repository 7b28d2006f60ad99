//! The estate: the directory of YAML files that says what every tenant is.
//!
//! `load` reads `fleet.yaml`, every tenant's file and the flag catalogue, and gives the [`Estate`] beside every finding.
//! It knows files and their positions; it does not know templates or AWS.

mod blocks;
mod certificate;
mod check;
mod flags;
mod imagine;
mod load;
mod places;
mod reserved;
pub mod rings;
pub mod schema;
pub mod spec;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use ipnetwork::Ipv4Network;
use sha2::{Digest, Sha256};

pub use blocks::{AllocationError, allocate, room};
pub use certificate::{Authority, CaBundle, RevocationList};
pub use imagine::{ImagineError, Otherwise, imagine};
pub use load::{flags_document, has_errors, load};
pub use places::Places;
pub use tenantry_base::{Document, edit, ids};

use crate::flags::{Catalogue, Reads, Subject, Values};
use ids::TenantName;
use jiff::Timestamp;
use spec::{Fleet, TenantSpec};
use tenantry_base::digest::hex;
use tenantry_base::finding::{Code, Finding, Location, Source};

/// Everything the estate's files say, validated.
#[derive(Debug, Clone)]
pub struct Estate {
    /// The directory that holds `tenants/fleet.yaml`.
    pub root: PathBuf,
    pub fleet: Fleet,
    pub fleet_source: Arc<Source>,
    pub tenants: BTreeMap<TenantName, Tenant>,
    pub flags: Catalogue,
}

impl Estate {
    /// Blocks that are not free: those of tenants, of stacks that tenants move away from, and retired ones.
    pub fn blocks(&self) -> Vec<Ipv4Network> {
        let specs = self.tenants.values().map(|tenant| &tenant.spec);
        let own = specs.flat_map(|spec| [Some(spec.network.cidr), spec.moved_from.as_ref().map(|from| from.cidr)]);
        own.flatten().chain(self.fleet.retired.values().map(|retired| retired.cidr)).collect()
    }
}

/// Revocation lists whose authorities promised newer ones before `now`, in seconds since 1970, and those whose signature
/// cannot be checked here.
pub fn revocation_lists(estate: &Estate, now: i64) -> Vec<Finding> {
    let mut findings = Vec::new();
    for tenant in estate.tenants.values() {
        let clients = [("ingest", Some(&tenant.devices)), ("dashboards", tenant.investigators.as_ref())];
        for (section, clients) in clients {
            let Some(crl) = clients.and_then(|clients| clients.crl.as_ref()) else { continue };
            let mut say = |code, message| {
                let finding = Finding::new(Code(code), message).with_tenant(tenant.name.as_str());
                findings.push(finding.at(tenant.locate(&format!("{section}.client_crl"))));
            };
            if let Some(algorithm) = &crl.signature_unchecked {
                say(
                    "TN1039",
                    format!("the signature of the revocation list was not checked: its algorithm is {algorithm}"),
                );
            }
            let promised = crl.next_update.filter(|time| *time < now);
            if let Some(promised) = promised.and_then(|time| Timestamp::from_second(time).ok()) {
                let message =
                    format!("the revocation list is out of date: its authority promised the next one by {promised}");
                say("TN1036", message);
            }
        }
    }
    findings
}

/// Tenants whose devices have one authority: a device of one of them may upload to the others. One finding for each
/// authority, at the second tenant.
pub fn shared_authorities(estate: &Estate) -> Vec<Finding> {
    let mut seen: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut groups: Vec<(&Authority, Vec<&Tenant>)> = Vec::new();
    for tenant in estate.tenants.values() {
        for authority in &tenant.devices.ca.authorities {
            // Authorities are related by a key or by a name, so only those that share one are compared.
            let near = authority.marks().into_iter().filter_map(|mark| seen.get(mark)).flatten().copied();
            let group = near.filter(|group| groups[*group].0.is_related_to(authority)).min();
            let group = group.unwrap_or_else(|| {
                groups.push((authority, Vec::new()));
                groups.len() - 1
            });
            if groups[group].1.last().is_none_or(|last| last.name != tenant.name) {
                groups[group].1.push(tenant);
            }
            for mark in authority.marks() {
                let known = seen.entry(mark).or_default();
                if !known.contains(&group) {
                    known.push(group);
                }
            }
        }
    }
    let shared = groups.into_iter().filter_map(|(authority, tenants)| match tenants[..] {
        [first, second, ref rest @ ..] => {
            let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            let message = format!(
                "devices of tenants `{}` and `{}`{more} have one certificate authority: {}",
                first.name, second.name, authority.subject
            );
            let label = format!("the devices of tenant `{}`", first.name);
            let finding = Finding::new(Code("TN1038"), message).with_tenant(second.name.as_str());
            let finding = finding.at(second.locate("ingest.client_ca"));
            Some(finding.with_related(label, first.locate("ingest.client_ca")))
        }
        _ => None,
    });
    shared.collect()
}

/// One tenant of the estate.
#[derive(Debug, Clone)]
pub struct Tenant {
    pub name: TenantName,
    pub spec: TenantSpec,
    pub source: Arc<Source>,
    /// Whose certificates upload.
    pub devices: Clients,
    /// Whose certificates open the dashboards; without them the tenant has none.
    pub investigators: Option<Clients>,
    /// Where its values stand; None for a tenant that comes from no file.
    pub places: Option<Places>,
}

/// Clients that are known by their certificates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clients {
    pub ca: CaBundle,
    /// Certificates that are no longer accepted.
    pub crl: Option<RevocationList>,
}

impl Tenant {
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
        add(&self.fleet_source.text);
        add(&serde_json::to_string(&self.flags).unwrap_or_default());
        for tenant in self.tenants.values() {
            add(tenant.name.as_str());
            add(&tenant.source.text);
            for clients in [Some(&tenant.devices), tenant.investigators.as_ref()] {
                add(clients.map_or("", |clients| &clients.ca.sha256));
                add(clients.and_then(|clients| clients.crl.as_ref()).map_or("", |crl| &crl.sha256));
            }
        }
        hex(hash.finalize())
    }
}
