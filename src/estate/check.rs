//! What only shows when the files of an estate are seen together.

use std::collections::BTreeSet;
use std::fmt::Display;

use ipnetwork::Ipv4Network;

use super::blocks::{bounds, overlaps, serves, touch};
use super::document::Document;
use super::spec::Fleet;
use super::{Estate, Tenant};
use crate::finding::{Code, Finding};
use crate::flags::Flag;

/// Checks of the fleet's own file.
pub(super) fn fleet(fleet: &Fleet, document: &Document) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut say = |code, route: &str, message: String| {
        let place = document.place(route).unwrap_or_else(|| document.nearest(route));
        findings.push(Finding::new(Code(code), message).at(place));
    };
    let central = &fleet.control_plane;
    if !fleet.accounts.contains_key(&central.account) {
        say("TN1014", "control_plane.account", unknown("account", &central.account, fleet.accounts.keys()));
    }
    if !fleet.regions.contains_key(&central.region) {
        say("TN1015", "control_plane.region", unknown("region", &central.region, fleet.regions.keys()));
    }
    for (index, pool) in fleet.pools.iter().enumerate() {
        if let Some(message) = host_bits(pool.cidr) {
            say("TN1010", &format!("pools[{index}].cidr"), message);
        }
        for (at, region) in pool.regions.iter().enumerate().filter(|(_, region)| !fleet.regions.contains_key(*region)) {
            say("TN1015", &format!("pools[{index}].regions[{at}]"), unknown("region", region, fleet.regions.keys()));
        }
        if fleet.pools[..index].iter().any(|other| other.name == pool.name) {
            say("TN1022", &format!("pools[{index}].name"), format!("pool `{}` stands twice", pool.name));
        }
    }
    let pools: Vec<Ipv4Network> = fleet.pools.iter().map(|pool| pool.cidr).collect();
    for (first, second) in overlaps(&pools) {
        let message = format!("pool `{}` overlaps pool `{}`", fleet.pools[second].name, fleet.pools[first].name);
        say("TN1011", &format!("pools[{second}].cidr"), message);
    }
    for (index, reserved) in fleet.reserved.iter().enumerate() {
        if let Some(message) = host_bits(reserved.cidr) {
            say("TN1010", &format!("reserved[{index}].cidr"), message);
        }
    }
    for (index, ring) in fleet.rings.iter().enumerate() {
        if fleet.rings[..index].iter().any(|other| other.name == ring.name) {
            say("TN1022", &format!("rings[{index}].name"), format!("ring `{}` stands twice", ring.name));
        }
    }
    for (region, spec) in &fleet.regions {
        let mut seen = BTreeSet::new();
        for (index, zone) in spec.zones.iter().enumerate().filter(|(_, zone)| !seen.insert(*zone)) {
            say("TN1022", &format!("regions.{region}.zones[{index}]"), format!("zone `{zone}` stands twice"));
        }
    }
    findings
}

/// Checks of every tenant against the fleet and against each other.
pub(super) fn tenants(estate: &Estate) -> Vec<Finding> {
    let mut findings: Vec<Finding> = estate.tenants.values().flat_map(|tenant| one(estate, tenant)).collect();
    let tenants: Vec<&Tenant> = estate.tenants.values().collect();
    let blocks: Vec<Ipv4Network> = tenants.iter().map(|tenant| tenant.spec.network.cidr).collect();
    for (first, second) in overlaps(&blocks) {
        let (first, second) = (tenants[first], tenants[second]);
        let message = format!("`{}` overlaps the block of tenant `{}`", second.spec.network.cidr, first.name);
        let other = format!("tenant `{}` has `{}`", first.name, first.spec.network.cidr);
        findings.push(at(second, "TN1011", "network.cidr", message).with_related(other, first.locate("network.cidr")));
    }
    findings
}

fn one(estate: &Estate, tenant: &Tenant) -> Vec<Finding> {
    let (fleet, spec) = (&estate.fleet, &tenant.spec);
    let mut findings = Vec::new();
    let mut say = |code, route: &str, message: String| findings.push(at(tenant, code, route, message));
    if !fleet.accounts.contains_key(&spec.account) {
        say("TN1014", "account", unknown("account", &spec.account, fleet.accounts.keys()));
    }
    match fleet.regions.get(&spec.region) {
        None => say("TN1015", "region", unknown("region", &spec.region, fleet.regions.keys())),
        Some(region) if region.zones.len() < usize::from(spec.network.zones) => {
            let message = format!(
                "`{}` zones are wanted, region `{}` has {} usable",
                spec.network.zones,
                spec.region,
                region.zones.len()
            );
            say("TN1018", "network.zones", message);
        }
        Some(_) => {}
    }
    if !fleet.rings.iter().any(|ring| ring.name == spec.ring) {
        say("TN1016", "ring", unknown("ring", &spec.ring, fleet.rings.iter().map(|ring| &ring.name)));
    }
    if jiff::tz::TimeZone::get(&spec.contact.timezone).is_err() {
        say("TN1019", "contact.timezone", format!("`{}` is no IANA time zone", spec.contact.timezone));
    }
    for (key, value) in &spec.flags {
        match estate.flags.flags.get(key) {
            None => say("TN1017", &format!("flags.{key}"), unknown("flag", key, estate.flags.flags.keys())),
            Some(flag) if !allows(flag, value) => {
                let message = format!("`{value}` is no value of flag `{key}`, whose default is `{}`", flag.default);
                say("TN1017", &format!("flags.{key}"), message);
            }
            Some(_) => {}
        }
    }
    for (index, network) in spec.ingest.allow_from.iter().enumerate() {
        if let Some(message) = host_bits(*network) {
            say("TN1010", &format!("ingest.allow_from[{index}]"), message);
        }
    }
    let block = spec.network.cidr;
    if let Some(message) = host_bits(block) {
        say("TN1010", "network.cidr", message);
    }
    let inside = |pool: Ipv4Network| {
        let ((first, last), (from, to)) = (bounds(pool), bounds(block));
        first <= from && to <= last
    };
    match fleet.pools.iter().find(|pool| inside(pool.cidr)) {
        None => say("TN1012", "network.cidr", format!("`{block}` lies in no pool of the fleet")),
        Some(pool) if !serves(pool, &spec.region) => {
            let message = format!("`{block}` lies in pool `{}`, which is not for region `{}`", pool.name, spec.region);
            say("TN1012", "network.cidr", message);
        }
        Some(_) => {}
    }
    for reserved in fleet.reserved.iter().filter(|reserved| touch(reserved.cidr, block)) {
        let message = format!("`{block}` touches `{}`, which is reserved: {}", reserved.cidr, reserved.reason);
        say("TN1013", "network.cidr", message);
    }
    findings
}

fn at(tenant: &Tenant, code: &'static str, route: &str, message: String) -> Finding {
    Finding::new(Code(code), message).with_tenant(tenant.name.as_str()).at(tenant.locate(route))
}

/// Whether a flag may have a value: one of those listed, or any of the default's type.
fn allows(flag: &Flag, value: &serde_json::Value) -> bool {
    let same_type = std::mem::discriminant(&flag.default) == std::mem::discriminant(value);
    same_type && (flag.values.is_empty() || flag.values.contains(value))
}

fn host_bits(block: Ipv4Network) -> Option<String> {
    let network = format!("{}/{}", block.network(), block.prefix());
    (block.ip() != block.network()).then(|| format!("`{block}` has host bits set; the block is `{network}`"))
}

fn unknown<T: Display>(what: &str, name: &impl Display, known: impl Iterator<Item = T>) -> String {
    let name = name.to_string();
    let known: Vec<String> = known.map(|known| known.to_string()).collect();
    let nearest = known.iter().max_by(|a, b| strsim::jaro_winkler(a, &name).total_cmp(&strsim::jaro_winkler(b, &name)));
    match nearest {
        Some(nearest) if strsim::jaro_winkler(nearest, &name) > 0.8 => {
            format!("{what} `{name}` is unknown; did you mean `{nearest}`?")
        }
        _ => format!("{what} `{name}` is unknown; known are {}", known.join(", ")),
    }
}
