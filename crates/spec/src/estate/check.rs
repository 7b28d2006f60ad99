//! What only shows when the files of an estate are seen together.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use ipnetwork::Ipv4Network;
use rayon::prelude::*;
use serde_json::Value;

use super::Authority;
use super::blocks::{bounds, overlaps, serves, touch};
use super::flags::{self, Flags};
use super::places::Places;
use super::rings::duration;
use super::spec::{Fleet, Share, Window, default_zones};
use super::{ranges, reserved};
use crate::flags::Values;
use tenantry_base::Document;
use tenantry_base::finding::{Code, Finding};
use tenantry_base::ids::{AccountId, Region, RingName, TenantName};
use tenantry_blueprint::Blueprint;

/// Checks of the fleet's own file.
pub(super) fn fleet(fleet: &Fleet, document: &Document) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut say = |code, route: &str, message: String| {
        let place = document.locate(route);
        findings.push(Finding::new(code, message).at(place));
    };
    if let Some(why) = reserved::organisation(&fleet.organisation) {
        say(Code::TN1033, "organisation", format!("the organisation cannot be called `{}`: {why}", fleet.organisation));
    }
    let central = &fleet.control_plane;
    if !fleet.accounts.contains_key(&central.account) {
        say(Code::TN1014, "control_plane.account", unknown("account", &central.account, fleet.accounts.keys()));
    }
    if !fleet.regions.contains_key(&central.region) {
        say(Code::TN1015, "control_plane.region", unknown("region", &central.region, fleet.regions.keys()));
    }
    let accounts = fleet.accounts.len();
    if fleet.aws_organization_id.is_none() && accounts > MOST_LISTED_ACCOUNTS {
        let message = format!(
            "the trust policy of the central logs' role has room for {MOST_LISTED_ACCOUNTS} accounts, and the fleet has \
             {accounts}"
        );
        say(Code::TN1037, "accounts", message);
    }
    let default = |field: &str| fleet.defaults.get(field).and_then(Value::as_str);
    if let Some(account) = default("account").filter(|name| !fleet.accounts.keys().any(|known| known.as_str() == *name))
    {
        say(Code::TN1014, "defaults.account", unknown("account", &account, fleet.accounts.keys()));
    }
    if let Some(region) = default("region").filter(|name| !fleet.regions.keys().any(|known| known.as_str() == *name)) {
        say(Code::TN1015, "defaults.region", unknown("region", &region, fleet.regions.keys()));
    }
    if let Some(ring) = default("ring").filter(|name| !fleet.rings.iter().any(|known| known.name.as_str() == *name)) {
        say(Code::TN1016, "defaults.ring", unknown("ring", &ring, fleet.rings.iter().map(|ring| &ring.name)));
    }
    for (index, pool) in fleet.pools.iter().enumerate() {
        if let Some(message) = host_bits(pool.cidr) {
            say(Code::TN1010, &format!("pools[{index}].cidr"), message);
        }
        for (at, region) in pool.regions.iter().enumerate().filter(|(_, region)| !fleet.regions.contains_key(*region)) {
            say(
                Code::TN1015,
                &format!("pools[{index}].regions[{at}]"),
                unknown("region", region, fleet.regions.keys()),
            );
        }
        if let Some(what) = ranges::no_vpc(pool.cidr) {
            let message = format!("pool `{}` is {}, a range for {what} in which there is no VPC", pool.name, pool.cidr);
            say(Code::TN1041, &format!("pools[{index}].cidr"), message);
        } else if ranges::is_public(pool.cidr) && !pool.public {
            let message = format!("pool `{}` is {}, which has public addresses", pool.name, pool.cidr);
            say(Code::TN1042, &format!("pools[{index}].cidr"), message);
        }
        if pool.tenant_prefix < pool.cidr.prefix() {
            let (prefix, cidr) = (pool.tenant_prefix, pool.cidr);
            let message = format!("pool `{}` can give no /{prefix}: it is {cidr}", pool.name);
            say(Code::TN1043, &format!("pools[{index}].tenant_prefix"), message);
        }
    }
    for (index, reserved) in fleet.reserved.iter().enumerate() {
        if let Some(message) = host_bits(reserved.cidr) {
            say(Code::TN1010, &format!("reserved[{index}].cidr"), message);
        }
    }
    let mut zones: BTreeMap<&str, &AccountId> = BTreeMap::new();
    for (account, spec) in &fleet.accounts {
        if let Some(other) = zones.insert(&spec.dns.hosted_zone_id, account) {
            let message = format!(
                "hosted zone `{}` belongs to one account, but account {other} names it as well",
                spec.dns.hosted_zone_id
            );
            say(Code::TN1032, &format!("accounts.{account}.dns.hosted_zone_id"), message);
        }
    }
    for (code, route, message) in releases(fleet) {
        say(code, &route, message);
    }
    for (route, message) in twice(fleet) {
        say(Code::TN1022, &route, message);
    }
    findings.extend(pools(fleet, document));
    findings
}

/// Accounts whose ARNs fit into a role's trust policy of 2,048 characters, an account's default quota.
/// Source: IAM User Guide, "IAM and AWS STS quotas".
const MOST_LISTED_ACCOUNTS: usize = 46;

/// What is wrong with waves, windows and freezes: the code, the route and a sentence for each.
fn releases(fleet: &Fleet) -> Vec<(Code, String, String)> {
    let mut found = Vec::new();
    let mut lengths = Vec::new();
    for (index, ring) in fleet.rings.iter().enumerate() {
        lengths.push((format!("rings[{index}].bake"), &ring.bake, 0));
        for (at, command) in ring.commands.iter().enumerate() {
            let route = format!("rings[{index}].commands[{at}]");
            lengths.push((format!("{route}.timeout"), &command.timeout, 1));
            if command.run.first().is_some_and(|program| program.trim().is_empty()) {
                found.push((
                    Code::TN1030,
                    format!("{route}.run[0]"),
                    format!("command `{}` names no program", command.name),
                ));
            }
        }
        for (at, pair) in ring.waves.windows(2).enumerate() {
            let shrinks = match (pair[0], pair[1]) {
                (Share::Count(before), Share::Count(after)) => after <= before,
                (Share::Percent(before), Share::Percent(after)) => after <= before,
                _ => false,
            };
            if shrinks {
                let route = format!("rings[{index}].waves[{}]", at + 1);
                found.push((
                    Code::TN1030,
                    route,
                    "a wave reaches no more of the ring than the one before it".to_owned(),
                ));
            }
        }
        if ring.window.as_ref().and_then(Window::hours).is_some_and(|(from, to)| from == to) {
            found.push((
                Code::TN1030,
                format!("rings[{index}].window"),
                "the window opens and closes at the same time".to_owned(),
            ));
        }
    }
    for (route, text, least) in lengths {
        match duration(text).map(|length| length.as_secs()) {
            Some(seconds) if seconds < least => {
                found.push((Code::TN1030, route, format!("`{text}` is no time at all")))
            }
            Some(seconds) if seconds <= LONGEST => {}
            _ => found.push((Code::TN1030, route, format!("`{text}` is longer than {} days", LONGEST / 86_400))),
        }
    }
    for (index, freeze) in fleet.freezes.iter().enumerate() {
        let route = format!("freezes[{index}]");
        for (at, name) in freeze.rings.iter().enumerate() {
            if fleet.rings.iter().all(|ring| ring.name != *name) {
                let known = fleet.rings.iter().map(|ring| &ring.name);
                found.push((Code::TN1016, format!("{route}.rings[{at}]"), unknown("ring", name, known)));
            }
        }
        match freeze.days() {
            None => {
                found.push((Code::TN1030, route, format!("freeze `{}` has a day that no calendar has", freeze.name)))
            }
            Some((from, to)) if to < from => {
                found.push((Code::TN1030, route, format!("freeze `{}` ends before it begins", freeze.name)));
            }
            Some(_) => {}
        }
    }
    found
}

/// Longest bake time and timeout, in seconds: no release is watched for more than a month.
const LONGEST: i64 = 31 * 86_400;

/// What is used twice in a list of the fleet: the route of the second, and a sentence.
fn twice(fleet: &Fleet) -> Vec<(String, String)> {
    let mut found = Vec::new();
    // What follows the index in a route: the field of the name, or nothing for a list of names.
    let mut look = |list: &str, field: &str, what: &str, names: Vec<String>| {
        for (at, name) in names.iter().enumerate().filter(|(at, name)| names[..*at].contains(name)) {
            found.push((format!("{list}[{at}]{field}"), format!("{what} `{name}` is used twice")));
        }
    };
    look("pools", ".name", "pool", fleet.pools.iter().map(|pool| pool.name.clone()).collect());
    look("rings", ".name", "ring", fleet.rings.iter().map(|ring| ring.name.to_string()).collect());
    for (region, spec) in &fleet.regions {
        let zones = spec.zones.iter().map(ToString::to_string).collect();
        look(&format!("regions.{region}.zones"), "", "zone", zones);
    }
    for (index, ring) in fleet.rings.iter().enumerate() {
        let route = format!("rings[{index}]");
        look(&format!("{route}.gates"), "", "gate", ring.gates.iter().map(|gate| gate.name().to_owned()).collect());
        look(&format!("{route}.commands"), "", "command", ring.commands.iter().map(|one| one.name.clone()).collect());
        let days = ring.window.iter().flat_map(|window| &window.days);
        let days = days.map(|day| format!("{day:?}").to_lowercase()).collect();
        look(&format!("{route}.window.days"), "", "day", days);
    }
    for (index, freeze) in fleet.freezes.iter().enumerate() {
        let route = format!("freezes[{index}]");
        look(&format!("{route}.rings"), "", "ring", freeze.rings.iter().map(ToString::to_string).collect());
        look(&format!("{route}.tenants"), "", "tenant", freeze.tenants.iter().map(ToString::to_string).collect());
    }
    for (index, pool) in fleet.pools.iter().enumerate() {
        let regions = pool.regions.iter().map(ToString::to_string).collect();
        look(&format!("pools[{index}].regions"), "", "region", regions);
    }
    found
}

/// Freezes of tenants that have no file; a file with faults is one.
pub(super) fn freezes<'n>(
    fleet: &Fleet,
    document: &Document,
    tenants: impl Iterator<Item = &'n TenantName> + Clone,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, freeze) in fleet.freezes.iter().enumerate() {
        for (at, name) in freeze.tenants.iter().enumerate() {
            if tenants.clone().all(|tenant| tenant != name) {
                let route = format!("freezes[{index}].tenants[{at}]");
                let place = document.locate(&route);
                let message = unknown("tenant", name, tenants.clone().take(FEW));
                findings.push(Finding::new(Code::TN1030, message).at(place));
            }
        }
    }
    findings
}

/// So many names are still read.
const FEW: usize = 12;

/// Pools that share addresses.
fn pools(fleet: &Fleet, document: &Document) -> Vec<Finding> {
    let blocks: Vec<Ipv4Network> = fleet.pools.iter().map(|pool| pool.cidr).collect();
    let place = |index: usize| {
        let route = format!("pools[{index}].cidr");
        document.locate(&route)
    };
    let pair = |(first, second): (usize, usize)| {
        let (one, other) = (&fleet.pools[first], &fleet.pools[second]);
        let message = format!("pool `{}` overlaps pool `{}`", other.name, one.name);
        let label = format!("pool `{}` has `{}`", one.name, one.cidr);
        Finding::new(Code::TN1011, message).at(place(second)).with_related(label, place(first))
    };
    overlaps(&blocks).into_iter().map(pair).collect()
}

/// What a tenant's file says, as far as it can be understood: a file with one fault is held against the rest too.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) name: TenantName,
    pub(super) places: Places,
    pub(super) account: Option<AccountId>,
    pub(super) region: Option<Region>,
    pub(super) ring: Option<RingName>,
    timezone: Option<String>,
    block: Option<Ipv4Network>,
    zones: Option<u64>,
    /// Blocks of addresses that the blueprint's parameters hold, by their routes.
    blocks: Vec<(String, Ipv4Network)>,
    /// Those from which somebody may come in.
    sources: Vec<(String, Ipv4Network)>,
    pub(super) flags: Values,
    /// The authorities of each parameter that names some, as far as their files can be read.
    pub(super) authorities: BTreeMap<String, Arc<[Authority]>>,
}

impl Said {
    /// Takes a value, after the defaults are merged, apart.
    pub(super) fn of(name: TenantName, value: &Value, places: Places, blueprint: &Blueprint) -> Self {
        let text = |pointer| value.pointer(pointer).and_then(Value::as_str);
        let blocks = || blueprint.declared().filter(|parameter| parameter.is_blocks());
        let sources = blocks().filter(|parameter| parameter.is_ingress());
        let zones = value.pointer("/network/zones").map_or(Some(default_zones().into()), Value::as_u64);
        Self {
            account: text("/account").and_then(|text| text.parse().ok()),
            region: text("/region").and_then(|text| text.parse().ok()),
            ring: text("/ring").and_then(|text| text.parse().ok()),
            timezone: text("/contact/timezone").map(str::to_owned),
            // Without its length an address would read as a block of one.
            block: text("/network/cidr").filter(|text| text.contains('/')).and_then(|text| text.parse().ok()),
            zones,
            blocks: blocks().flat_map(|parameter| blocks_at(value, &parameter.path)).collect(),
            sources: sources.flat_map(|parameter| blocks_at(value, &parameter.path)).collect(),
            flags: flags::said(value),
            authorities: BTreeMap::new(),
            name,
            places,
        }
    }

    pub(super) fn finding(&self, code: Code, route: &str, message: String) -> Finding {
        Finding::new(code, message).with_tenant(self.name.as_str()).at(self.places.locate(route))
    }
}

/// The blocks at a path, each with its route.
fn blocks_at(value: &Value, path: &str) -> Vec<(String, Ipv4Network)> {
    let block = |route: String, item: &Value| Some((route, item.as_str()?.parse().ok()?));
    match value.pointer(&format!("/{}", path.replace('.', "/"))) {
        Some(Value::Array(items)) => {
            items.iter().enumerate().filter_map(|(index, item)| block(format!("{path}[{index}]"), item)).collect()
        }
        Some(one) => block(path.to_owned(), one).into_iter().collect(),
        None => Vec::new(),
    }
}

/// Checks of every tenant against the fleet, the flags (if there is a usable catalogue) and each other.
pub(super) fn tenants(fleet: &Fleet, flags: Option<Flags<'_>>, tenants: &[Said]) -> Vec<Finding> {
    let one = |tenant: &Said| {
        let names = names(fleet, tenant);
        let flags = flags.map(|flags| flags::tenant(flags, tenant)).unwrap_or_default();
        names.into_iter().chain(flags).chain(addresses(fleet, tenant)).collect::<Vec<_>>()
    };
    let mut findings: Vec<Finding> = tenants.par_iter().flat_map_iter(one).collect();
    let placed: Vec<(&Said, Ipv4Network)> = tenants.iter().filter_map(|tenant| Some((tenant, tenant.block?))).collect();
    let blocks: Vec<Ipv4Network> = placed.iter().map(|(_, block)| *block).collect();
    for (first, second) in overlaps(&blocks) {
        let ((first, at), (second, block)) = (placed[first], placed[second]);
        let message = format!("`{block}` overlaps the block of tenant `{}`", first.name);
        let finding = second.finding(Code::TN1011, "network.cidr", message);
        let other = format!("tenant `{}` has `{at}`", first.name);
        findings.push(finding.with_related(other, first.places.locate("network.cidr")));
    }
    findings
}

/// Longest first name of a certificate, in octets. Source: AWS Certificate Manager API Reference, RequestCertificate.
const LONGEST_HOST: usize = 64;

/// Names that the fleet must know, and the name that tenant and fleet make together.
fn names(fleet: &Fleet, tenant: &Said) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut say = |code, route: &str, message: String| findings.push(tenant.finding(code, route, message));
    if let Some(why) = reserved::tenant(tenant.name.as_str()) {
        say(Code::TN1033, "", format!("a tenant cannot be called `{}`: {why}", tenant.name));
    }
    if let Some(account) = tenant.account.as_ref().filter(|account| !fleet.accounts.contains_key(account)) {
        say(Code::TN1014, "account", unknown("account", account, fleet.accounts.keys()));
    }
    if let Some(account) = tenant.account.as_ref().and_then(|account| fleet.accounts.get(account)) {
        let host = format!("{}.{}", tenant.name, account.dns.zone);
        if host.len() > LONGEST_HOST {
            let message = format!(
                "the dashboards' host name `{host}` has {} octets, and a certificate takes {LONGEST_HOST}",
                host.len()
            );
            say(Code::TN1031, "account", message);
        }
    }
    if let Some(name) = &tenant.region {
        match (fleet.regions.get(name).map(|region| region.zones.len()), tenant.zones) {
            (None, _) => say(Code::TN1015, "region", unknown("region", name, fleet.regions.keys())),
            (Some(usable), Some(zones)) if zones > usable as u64 => {
                let message = format!("`{zones}` zones are wanted, region `{name}` has {usable} usable");
                say(Code::TN1018, "network.zones", message);
            }
            _ => {}
        }
    }
    if let Some(name) = tenant.ring.as_ref().filter(|name| fleet.rings.iter().all(|ring| ring.name != **name)) {
        say(Code::TN1016, "ring", unknown("ring", name, fleet.rings.iter().map(|ring| &ring.name)));
    }
    if let Some(zone) = tenant.timezone.as_ref().filter(|zone| jiff::tz::TimeZone::get(zone).is_err()) {
        say(Code::TN1019, "contact.timezone", format!("`{zone}` is no IANA time zone"));
    }
    findings
}

/// The tenant's block against the fleet's address space, and host bits anywhere.
fn addresses(fleet: &Fleet, tenant: &Said) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut say = |code, route: &str, message: String| findings.push(tenant.finding(code, route, message));
    for (route, network) in &tenant.blocks {
        if let Some(message) = host_bits(*network) {
            say(Code::TN1010, route, message);
        }
    }
    for (index, (route, network)) in tenant.sources.iter().enumerate() {
        if let Some(what) = ranges::from_nowhere(*network) {
            say(Code::TN1044, route, format!("`{network}` is not a source address: it is for {what}"));
        } else if tenant.block.is_some_and(|block| block.contains(network.ip()) && block.prefix() <= network.prefix()) {
            say(Code::TN1044, route, format!("`{network}` is not a source address: it is in the tenant's own block"));
        }
        if let Some((first, _)) = tenant.sources[..index].iter().find(|(_, other)| other == network) {
            say(Code::TN1022, route, format!("`{network}` is used twice, at `{first}` first"));
        }
    }
    let Some(block) = tenant.block else { return findings };
    if let Some(message) = host_bits(block) {
        say(Code::TN1010, "network.cidr", message);
    }
    let inside = |pool: Ipv4Network| {
        let ((first, last), (from, to)) = (bounds(pool), bounds(block));
        first <= from && to <= last
    };
    match fleet.pools.iter().find(|pool| inside(pool.cidr)) {
        None => say(Code::TN1012, "network.cidr", format!("`{block}` is not in a pool of the fleet")),
        Some(pool) => {
            // An unknown region is reported as such.
            let elsewhere = |region: &&Region| fleet.regions.contains_key(*region) && !serves(pool, region);
            if let Some(region) = tenant.region.as_ref().filter(elsewhere) {
                let message = format!("`{block}` is in pool `{}`, which is not for region `{region}`", pool.name);
                say(Code::TN1012, "network.cidr", message);
            }
        }
    }
    for reserved in fleet.reserved.iter().filter(|reserved| touch(reserved.cidr, block)) {
        let message = format!("`{block}` touches `{}`, which is reserved: {}", reserved.cidr, reserved.reason);
        say(Code::TN1013, "network.cidr", message);
    }
    for retired in fleet.retired.values().filter(|retired| retired.tenant != tenant.name.as_str()) {
        if touch(retired.cidr, block) {
            let (cidr, former) = (retired.cidr, &retired.tenant);
            let message =
                format!("`{block}` touches `{cidr}`, in which resources of former tenant `{former}` may exist");
            say(Code::TN1013, "network.cidr", message);
        }
    }
    findings
}

fn host_bits(block: Ipv4Network) -> Option<String> {
    let network = format!("{}/{}", block.network(), block.prefix());
    (block.ip() != block.network()).then(|| format!("`{block}` has host bits set; the block is `{network}`"))
}

pub(super) fn unknown<T: Display>(what: &str, name: &impl Display, known: impl Iterator<Item = T>) -> String {
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
