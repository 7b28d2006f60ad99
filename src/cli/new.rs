//! `tenantry new`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args as ClapArgs;
use futures::{StreamExt, stream};
use ipnetwork::Ipv4Network;
use serde::Serialize;
use serde_json::{Value, json};

use super::opened::{self, Opened};
use super::{Exit, Failure, Global, Output, orphans, selection};
use tenantry_aws::cloud::{Cloud, ec2};
use tenantry_base::atomic;
use tenantry_base::finding::Source;
use tenantry_base::ids::{AccountId, Region, RingName, TenantName};
use tenantry_ops::survey::orphans::of_fleet;
use tenantry_spec::estate::{self, Estate, Tenant, allocate, edit};

/// Onboard a customer: write the tenant's file with a block of addresses of its own.
///
/// The block is the first of the fleet's pools that is free, and is the tenant's for ever: it depends on nobody else's
/// coming or going. A block is free when no tenant has it, `fleet.yaml` neither reserves nor retires it, and no VPC in
/// any account and region of the fleet, today's or former, overlaps it. Everything not said comes from the fleet's defaults, or with `--like` from another tenant.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Name of the tenant: 2 to 32 lower case letters, digits and single hyphens.
    name: TenantName,
    /// Take this tenant's file, comments too, and change only what is said here and what is each customer's own: the
    /// block, the certificate authority, the pages' endpoint and the investigators' addresses.
    #[arg(long, value_name = "TENANT")]
    like: Option<TenantName>,
    /// Account that the stack stands in.
    #[arg(long, required_unless_present = "like")]
    account: Option<AccountId>,
    /// Region that the stack stands in.
    #[arg(long, required_unless_present = "like")]
    region: Option<Region>,
    /// Release ring.
    #[arg(long, required_unless_present = "like")]
    ring: Option<RingName>,
    /// PEM bundle of the certificate authority of the customer's devices; copied to `tenants/certs/<name>.pem`.
    #[arg(long, value_name = "FILE")]
    client_ca: PathBuf,
    /// PEM bundle of the certificate authority of the customer's investigators, another than that of the devices; copied to
    /// `tenants/certs/<name>-investigators.pem`. Without it the tenant has no dashboards.
    #[arg(long, value_name = "FILE")]
    dashboards_client_ca: Option<PathBuf>,
    /// Highest sustained rate of incoming metadata, uncompressed. [default: 1]
    #[arg(long, value_name = "GIB")]
    peak_gib_per_minute: Option<f64>,
    /// IANA time zone of the customer. [default: UTC]
    #[arg(long)]
    timezone: Option<String>,
    /// HTTPS endpoint that receives the tenant's pages.
    #[arg(long, value_name = "URL")]
    page: String,
    /// Addresses from which investigators may reach the dashboards.
    #[arg(long, value_name = "CIDR")]
    allow_from: Vec<Ipv4Network>,
    /// Prefix length of the block; without it what the pool says, or the other tenant has.
    #[arg(long, value_name = "LENGTH")]
    prefix: Option<u8>,
    /// Do not look for VPCs in the accounts: a block in which something of a former tenant still exists may be given
    /// away, unless `fleet.yaml` retires it.
    #[arg(long)]
    offline: bool,
}

#[derive(Serialize)]
struct Answer {
    tenant: TenantName,
    file: PathBuf,
    cidr: Ipv4Network,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let estate = Opened::open(global)?.estate;
    if estate.tenants.contains_key(&args.name) {
        return Err(Failure::new(format!("there is a tenant `{}` already", args.name)));
    }
    let model = args.like.as_ref().map(|name| selection::tenant(&estate, name.as_str())).transpose()?;
    let account = said("account", args.account.as_ref(), model.map(|model| &model.spec.account))?;
    let region = said("region", args.region.as_ref(), model.map(|model| &model.spec.region))?;
    let mut taken = estate.blocks();
    if args.offline {
        anstream::eprintln!(
            "warning: the accounts were not read: a block with resources of a former tenant may be given"
        );
    } else {
        taken.extend(live_blocks(&estate)?);
    }
    let prefix = args.prefix.or_else(|| model.map(|model| model.spec.network.cidr.prefix()));
    let cidr = allocate(&estate.fleet, &taken, region, prefix)?;
    let text = match model {
        Some(model) => alike(args, model, cidr)?,
        None => {
            let ring = said("ring", args.ring.as_ref(), None)?;
            let zones = estate.fleet.regions.get(region).map_or(0, |region| region.zones.len());
            spec(args, (account, region, ring), cidr, zones)
        }
    };
    let file = written(args, global, &text)?;
    let answer = Answer { tenant: args.name.clone(), file, cidr };
    Output::new(global.output).show("tenantry/new/v1", &answer, |answer| {
        format!("{} has {}, written to {}\n", answer.tenant, answer.cidr, answer.file.display())
    })?;
    Ok(Exit::Clean)
}

/// What an option says, else what the other tenant has.
fn said<'a, T>(option: &str, typed: Option<&'a T>, model: Option<&'a T>) -> Result<&'a T, Failure> {
    typed.or(model).ok_or_else(|| Failure::new(format!("`--{option}` is missing")))
}

/// Writes the tenant's file and its bundle. They are read back with all others; if anything is wrong with them, they
/// never were.
fn written(args: &Args, global: &Global, text: &str) -> Result<PathBuf, Failure> {
    let tenants = global.estate.join("tenants");
    let file = tenants.join(format!("{}.yaml", args.name));
    let mut files = Vec::new();
    for (name, from) in bundles(args) {
        let pem =
            fs::read(from).map_err(|error| Failure::new(format!("`{}` cannot be read: {error}", from.display())))?;
        files.push((tenants.join(name), pem));
    }
    files.push((file.clone(), text.as_bytes().to_vec()));
    let mut created: Vec<&Path> = Vec::new();
    let undone = |created: &[&Path]| created.iter().try_for_each(fs::remove_file);
    for (path, bytes) in &files {
        if let Err(failure) = create(path, bytes) {
            undone(&created)?;
            return Err(failure);
        }
        created.push(path);
    }
    let (_, findings) = opened::load(&global.estate)?;
    if estate::has_errors(&findings) {
        undone(&created)?;
        return Err(opened::refused(&findings, "the new tenant"));
    }
    let own = findings.into_iter().filter(|finding| finding.tenant.as_deref() == Some(args.name.as_str()));
    opened::warn(&own.collect::<Vec<_>>());
    Ok(file)
}

/// Where a tenant's bundles go, seen from its file, and where they come from.
fn bundles(args: &Args) -> impl Iterator<Item = (String, &Path)> {
    let investigators = args.dashboards_client_ca.as_deref();
    [(devices(&args.name), Some(args.client_ca.as_path())), (self::investigators(&args.name), investigators)]
        .into_iter()
        .filter_map(|(name, from)| Some((name, from?)))
}

fn devices(name: &TenantName) -> String {
    format!("certs/{name}.pem")
}

fn investigators(name: &TenantName) -> String {
    format!("certs/{name}-investigators.pem")
}

/// Creates a file; somebody else who makes the same tenant at the same time is not overwritten.
fn create(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    atomic::create(path, bytes)
        .map_err(|error| Failure::new(format!("`{}` cannot be written: {error}", path.display())))
}

/// The tenant's file. Zones are said only where the region has fewer than the three of the default.
fn spec(
    args: &Args,
    (account, region, ring): (&AccountId, &Region, &RingName),
    cidr: Ipv4Network,
    zones: usize,
) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let allow: Vec<String> = args.allow_from.iter().map(ToString::to_string).collect();
    let dashboards = args.dashboards_client_ca.as_ref();
    let dashboards = dashboards
        .map_or_else(String::new, |_| format!("dashboards: {{ client_ca: {} }}\n", investigators(&args.name)));
    let zones = if zones == 2 { ", zones: 2" } else { "" };
    format!(
        "# yaml-language-server: $schema=../schemas/tenant.json\n\
         account: \"{account}\"\n\
         region: {region}\n\
         ring: {ring}\n\
         contact: {{ timezone: {}, page: {} }}\n\
         network: {{ cidr: {cidr}{zones} }} # allocated, never changed\n\
         ingest:\n\
         \x20 peak_gib_per_minute: {}\n\
         \x20 client_ca: {}\n\
         \x20 allow_from: [{}]\n{dashboards}",
        quoted(args.timezone.as_deref().unwrap_or("UTC")),
        quoted(&args.page),
        args.peak_gib_per_minute.unwrap_or(1.0),
        devices(&args.name),
        allow.join(", "),
    )
}

/// Another tenant's file with what is different here.
fn alike(args: &Args, model: &Tenant, cidr: Ipv4Network) -> Result<String, Failure> {
    let allow: Vec<String> = args.allow_from.iter().map(ToString::to_string).collect();
    let own = [
        ("network.cidr", Some(json!(cidr))),
        ("contact.page", Some(json!(args.page))),
        ("ingest.client_ca", Some(json!(devices(&args.name)))),
        ("dashboards.client_ca", args.dashboards_client_ca.as_ref().map(|_| json!(investigators(&args.name)))),
        ("ingest.allow_from", Some(json!(allow))),
        ("account", args.account.as_ref().map(|account| json!(account))),
        ("region", args.region.as_ref().map(|region| json!(region))),
        ("ring", args.ring.as_ref().map(|ring| json!(ring))),
        ("contact.timezone", args.timezone.as_ref().map(|zone| json!(zone))),
        ("ingest.peak_gib_per_minute", args.peak_gib_per_minute.map(|peak| json!(peak))),
    ];
    let mut source = Arc::clone(&model.source);
    for (route, value) in own {
        if let Some(value) = value {
            let text = edit::set(&source, route, &value)?;
            source = Arc::new(Source { path: source.path.clone(), text });
        }
    }
    // Another customer's investigators and revocations are none of this one's.
    let foreign = match args.dashboards_client_ca {
        Some(_) => ["ingest.client_crl", "dashboards.client_crl"].as_slice(),
        None => &["ingest.client_crl", "dashboards"],
    };
    for route in foreign {
        match edit::unset(&source, route) {
            Ok(text) => source = Arc::new(Source { path: source.path.clone(), text }),
            Err(edit::EditError::Absent { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(source.text.clone())
}

/// Accounts and regions that are read at once.
const PLACES: usize = 32;

/// The blocks of every VPC in the accounts and regions of the fleet, and in those that were in it before.
pub(super) fn live_blocks(estate: &Estate) -> Result<Vec<Ipv4Network>, Failure> {
    let read = async {
        let cloud = &Cloud::configure().await.reading();
        let former = orphans::former(cloud, &estate.fleet).await;
        let mut places =
            former.map_err(|why| Failure::new(format!("former accounts and regions are unknown: {why}")))?;
        places.extend(of_fleet(estate));
        let reads = places.into_iter().map(|(place, access)| async move {
            let session = cloud.session(&place, &access).await?;
            ec2::vpc_cidrs(&session).await
        });
        let reads: Vec<_> = reads.collect();
        let found: Vec<_> = stream::iter(reads).buffer_unordered(PLACES).collect().await;
        let mut blocks = Vec::new();
        for place in found {
            blocks.extend(place?.into_iter().map(|(_, block)| block));
        }
        Ok(blocks)
    };
    super::wait(read)?.map_err(|failure: Failure| match failure.hint {
        Some(_) => failure,
        None => failure.with_hint("`--offline` allocates by git alone"),
    })
}
