//! An estate of any number of tenants on disk, as a company of that size would have it: several accounts, regions with
//! two and three zones, all rings, workloads of every size, structural flags on and off.

use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use tenantry_template::embedded;

/// Tenants of one account.
const PER_ACCOUNT: usize = 50;
/// Addresses of one tenant: a /19.
const BLOCK: u32 = 1 << 13;
/// Each pool is a /8, so that 10,000 blocks fit into ten of them.
const BLOCKS_PER_POOL: u32 = (1 << 24) / BLOCK;
const REGIONS: [(&str, u8, &str); 3] = [
    ("eu-west-1", 3, "euw1-az1, euw1-az2, euw1-az3"),
    ("us-east-1", 3, "use1-az1, use1-az2, use1-az4"),
    ("us-west-1", 2, "usw1-az1, usw1-az3"),
];
const RINGS: [&str; 3] = ["canary", "early", "general"];
const PEAKS: [&str; 5] = ["0.05", "0.25", "0.5", "1.0", "2.0"];

/// How alike the tenants' workloads are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Workloads {
    /// Five, as where customers buy one of five sizes.
    Few,
    /// Every tenant has its own.
    Different,
}

/// Writes an estate of `count` tenants below `root`.
pub(super) fn write(root: &Path, count: usize, workloads: Workloads) -> std::io::Result<()> {
    for (path, bytes) in embedded::sample(embedded::DEFAULT_BLUEPRINT) {
        let sample = path.starts_with("tenants") && path.extension().is_some_and(|extension| extension == "yaml");
        if !sample {
            put(&root.join(path), &bytes)?;
        }
    }
    for (folder, embedded) in [("templates", &embedded::TEMPLATES), ("policies", &embedded::POLICIES)] {
        fs::create_dir_all(root.join(folder))?;
        embedded.extract(root.join(folder))?;
    }
    put(&root.join("tenants/fleet.yaml"), fleet(count).as_bytes())?;
    for number in 0..count {
        put(&root.join(format!("tenants/{}.yaml", name(number))), tenant(number, count, workloads).as_bytes())?;
    }
    Ok(())
}

fn put(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes)
}

pub(super) fn name(number: usize) -> String {
    format!("customer-{number:05}")
}

fn account(number: usize) -> String {
    format!("{:012}", 111_100_000_000 + number / PER_ACCOUNT)
}

fn fleet(count: usize) -> String {
    let mut text = format!(
        "apiVersion: tenantry/v1\norganisation: metanet\naws_organization_id: o-a1b2c3d4e5\n\
         control_plane: {{ account: \"{}\", region: eu-west-1 }}\naccounts:\n",
        account(0)
    );
    for first in (0..count).step_by(PER_ACCOUNT) {
        let id = account(first);
        let _ = writeln!(
            text,
            "  \"{id}\": {{ name: a{id}, role: metanet-tenantry, external_id: fleet, \
             dns: {{ zone: a{id}.metanet.example, hosted_zone_id: Z0{id} }} }}"
        );
    }
    text.push_str("regions:\n");
    for (number, (region, _, zones)) in REGIONS.iter().enumerate() {
        let _ = writeln!(text, "  {region}: {{ zones: [{zones}], s3_prefix_list: pl-6da5400{number} }}");
    }
    text.push_str("pools:\n");
    for pool in 0..=u32::try_from(count).unwrap_or(u32::MAX).div_ceil(BLOCKS_PER_POOL) {
        // Nobody has so many private addresses.
        let public = if pool == 0 { "" } else { ", public: true" };
        let _ = writeln!(text, "  - {{ name: pool-{pool}, cidr: {}.0.0.0/8, tenant_prefix: 19{public} }}", 10 + pool);
    }
    text.push_str("rings:\n");
    for ring in RINGS {
        let _ = writeln!(text, "  - {{ name: {ring}, bake: 30m, gates: [alarms] }}");
    }
    text.push_str(
        "defaults:\n  apiVersion: tenantry/v1\n  ring: general\n  network: { zones: 3 }\n  \
         search: { retention_days: 30, replicas: 1 }\n",
    );
    text
}

fn tenant(number: usize, count: usize, workloads: Workloads) -> String {
    let (region, zones, _) = REGIONS[number % REGIONS.len()];
    let ring = RINGS[number / 3 % RINGS.len()];
    let peak = match workloads {
        Workloads::Few => PEAKS[number / 7 % PEAKS.len()].to_owned(),
        Workloads::Different => format!("{:.6}", 0.05 + 1.95 * number as f64 / count as f64),
    };
    let place = u32::try_from(number).unwrap_or(u32::MAX);
    let block = Ipv4Addr::from((10 << 24) + place * BLOCK);
    let (third, fourth) = (number / 200 % 256, number % 200);
    let mut text = format!(
        "account: \"{}\"\nregion: {region}\nring: {ring}\n\
         contact: {{ timezone: Europe/Zagreb, page: \"https://pages.metanet.example/{}\" }}\n\
         network: {{ cidr: {block}/19, zones: {zones} }}\n\
         ingest:\n  peak_gib_per_minute: {peak}\n  client_ca: certs/acme.pem\n  \
         allow_from: [203.0.{third}.{fourth}/32]\n\
         dashboards: {{ client_ca: certs/acme-investigators.pem }}\n\
         search: {{ retention_days: {} }}\n",
        account(number),
        name(number),
        30 + number % 3 * 30,
    );
    if number.is_multiple_of(4) {
        text.push_str("flags: { extended-retry: false }\n");
    }
    text
}
