//! `tenantry new`.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use ipnetwork::Ipv4Network;
use serde::Serialize;

use super::opened::{self, Opened};
use super::{Exit, Failure, Global, Output};
use crate::cloud::{Cloud, Place, ec2};
use crate::deploy::stacks;
use crate::estate::ids::{AccountId, Region, RingName, TenantName};
use crate::estate::{self, Estate, allocate};

/// Onboard a customer: write the tenant's file with a block of addresses of its own.
///
/// The block is the first of the fleet's pools that is free, and is the tenant's for ever: it depends on nobody else's
/// coming or going. Everything not said comes from the fleet's defaults.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Name of the tenant: 2 to 32 lower case letters, digits and single hyphens.
    name: TenantName,
    /// Account that the stack stands in.
    #[arg(long)]
    account: AccountId,
    /// Region that the stack stands in.
    #[arg(long)]
    region: Region,
    /// Release ring.
    #[arg(long)]
    ring: RingName,
    /// PEM bundle of the customer's certificate authority; copied to `tenants/certs/<name>.pem`.
    #[arg(long, value_name = "FILE")]
    client_ca: PathBuf,
    /// Highest sustained rate of incoming metadata, uncompressed.
    #[arg(long, value_name = "GIB", default_value_t = 1.0)]
    peak_gib_per_minute: f64,
    /// IANA time zone of the customer.
    #[arg(long, default_value = "UTC")]
    timezone: String,
    /// HTTPS endpoint that receives the tenant's pages.
    #[arg(long, value_name = "URL")]
    page: String,
    /// Addresses from which investigators may reach the dashboards.
    #[arg(long, value_name = "CIDR")]
    allow_from: Vec<Ipv4Network>,
    /// Prefix length of the block; without it what the pool says.
    #[arg(long, value_name = "LENGTH")]
    prefix: Option<u8>,
    /// Also keep clear of every VPC that exists in the account, in any region of the fleet.
    #[arg(long)]
    check_live: bool,
}

#[derive(Serialize)]
struct Answer {
    tenant: TenantName,
    file: PathBuf,
    cidr: Ipv4Network,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let estate = Opened::open(global)?.estate;
    let mut taken: Vec<Ipv4Network> = estate.tenants.values().map(|tenant| tenant.spec.network.cidr).collect();
    if args.check_live {
        taken.extend(live_blocks(&estate, &args.account)?);
    }
    let cidr = allocate(&estate.fleet, &taken, &args.region, args.prefix)?;
    let tenants = global.estate.join("tenants");
    let (file, bundle) =
        (tenants.join(format!("{}.yaml", args.name)), PathBuf::from(format!("certs/{}.pem", args.name)));
    let zones = estate.fleet.regions.get(&args.region).map_or(0, |region| region.zones.len());
    let pem = fs::read(&args.client_ca)
        .map_err(|error| Failure::new(format!("`{}` cannot be read: {error}", args.client_ca.display())))?;
    create(&tenants.join(&bundle), &pem)?;
    if let Err(failure) = create(&file, spec(args, cidr, zones).as_bytes()) {
        fs::remove_file(tenants.join(&bundle))?;
        return Err(failure);
    }
    // The new file is read back with all others; if anything is wrong with it, it never was.
    let (_, findings) = opened::load(&global.estate)?;
    if estate::has_errors(&findings) {
        fs::remove_file(&file)?;
        fs::remove_file(tenants.join(&bundle))?;
        return Err(opened::refused(&findings, "the new tenant"));
    }
    let answer = Answer { tenant: args.name.clone(), file, cidr };
    Output::new(global.output).show("tenantry/new/v1", &answer, |answer| {
        format!("{} has {}, written to {}\n", answer.tenant, answer.cidr, answer.file.display())
    })?;
    Ok(Exit::Clean)
}

/// The tenant's file. Zones are said only where the region has fewer than the three of the default.
fn spec(args: &Args, cidr: Ipv4Network, zones: usize) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let allow: Vec<String> = args.allow_from.iter().map(ToString::to_string).collect();
    let zones = if zones == 2 { ", zones: 2" } else { "" };
    format!(
        "# yaml-language-server: $schema=../schemas/tenant.json\n\
         account: \"{}\"\n\
         region: {}\n\
         ring: {}\n\
         contact: {{ timezone: {}, page: {} }}\n\
         network: {{ cidr: {cidr}{zones} }} # allocated, never changed\n\
         ingest:\n\
         \x20 peak_gib_per_minute: {}\n\
         \x20 client_ca: certs/{}.pem\n\
         \x20 allow_from: [{}]\n",
        args.account,
        args.region,
        args.ring,
        quoted(&args.timezone),
        quoted(&args.page),
        args.peak_gib_per_minute,
        args.name,
        allow.join(", "),
    )
}

/// Creates a file; somebody else who makes the same tenant at the same time is not overwritten.
fn create(path: &std::path::Path, bytes: &[u8]) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let made = fs::OpenOptions::new().write(true).create_new(true).open(path);
    made.and_then(|mut file| file.write_all(bytes))
        .map_err(|error| Failure::new(format!("`{}` cannot be written: {error}", path.display())))
}

/// The blocks of every VPC of an account, in the regions of the fleet.
fn live_blocks(estate: &Estate, account: &AccountId) -> Result<Vec<Ipv4Network>, Failure> {
    super::wait(async {
        let cloud = Cloud::configure().await;
        let mut blocks = Vec::new();
        for region in estate.fleet.regions.keys() {
            let place = Place { account: account.clone(), region: region.clone() };
            let session = cloud.session(&place, &stacks::access(&estate.fleet, account)).await?;
            blocks.extend(ec2::vpc_cidrs(&session).await?.into_iter().map(|(_, block)| block));
        }
        Ok(blocks)
    })?
}
