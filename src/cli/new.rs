//! `tenantry new`.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use clap::Args as ClapArgs;
use futures::{StreamExt, stream};
use ipnetwork::Ipv4Network;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::opened::{self, Opened};
use super::{Exit, Failure, Global, Output, offboarded, orphans, selection};
use crate::report::cost::usd;
use tenantry_aws::cloud::{Cloud, Place, ec2};
use tenantry_base::Document;
use tenantry_base::finding::Source;
use tenantry_base::ids::{AccountId, Region, RingName, TenantName};
use tenantry_base::{atomic, files};
use tenantry_blueprint::{Blueprint, Type};
use tenantry_checks::cost::{Total, bill};
use tenantry_ops::deploy::destroy::remains;
use tenantry_ops::deploy::{Desired, stacks};
use tenantry_ops::survey::orphans::of_fleet;
use tenantry_spec::estate::spec::{Fleet, put};
use tenantry_spec::estate::{self, Estate, Tenant, allocate, edit};

/// Onboard a customer: write the tenant's file with a block of addresses of its own.
///
/// The block is the first free one of the fleet's address pools. It stays the tenant's, whichever tenants are added or
/// removed later. A block is free when no tenant has it, `fleet.yaml` neither reserves nor retires it, and no VPC in
/// any account and region of the fleet, today's or former, overlaps it. Everything that is not given comes from the
/// fleet's defaults, or with `--like` from another tenant: account, Region and ring too, where the fleet has only one
/// or its defaults name it. A required workload that is not given is the smallest that the blueprint allows. Prints
/// what the stack will cost.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry new globex --page https://pages.example.com/globex
  tenantry new initech --like globex --page https://pages.example.com/initech")]
pub(super) struct Args {
    /// Name of the tenant: 2 to 32 lower case letters, digits and single hyphens.
    name: TenantName,
    /// Copy this tenant's file with its comments, and change only the given options and what differs for each customer:
    /// the block, the endpoint of pages, files, and the allowed addresses.
    #[arg(long, value_name = "TENANT")]
    like: Option<TenantName>,
    /// Account of the stack.
    #[arg(long)]
    account: Option<AccountId>,
    /// Region of the stack.
    #[arg(long)]
    region: Option<Region>,
    /// Release ring.
    #[arg(long)]
    ring: Option<RingName>,
    /// A parameter of the blueprint, such as `web.requests_per_second=0.5`; repeatable. A file that a parameter
    /// names is copied to `tenants/certs/`: `devices.authority=FILE`.
    #[arg(long = "set", value_name = "PARAMETER=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// IANA time zone of the customer. [default: UTC]
    #[arg(long)]
    timezone: Option<String>,
    /// HTTPS endpoint that receives the tenant's pages.
    #[arg(long, value_name = "URL")]
    page: String,
    /// Prefix length of the block. Default: that of the pool, or of the other tenant.
    #[arg(long, value_name = "LENGTH")]
    prefix: Option<u8>,
    /// Do not read the VPCs of the accounts: the block may then contain resources of a former tenant, unless
    /// `fleet.yaml` retires it.
    #[arg(long)]
    offline: bool,
}

/// A parameter and the text of its value.
fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((path, value)) if !path.is_empty() && path.split('.').all(|step| !step.is_empty()) => {
            Ok((path.to_owned(), value.to_owned()))
        }
        _ => Err("write `section.parameter=value`".to_owned()),
    }
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Answer {
    /// Name of the tenant.
    tenant: TenantName,
    /// Path of the new file.
    file: PathBuf,
    /// IPv4 CIDR block allocated to the tenant.
    #[schemars(with = "String")]
    cidr: Ipv4Network,
    /// Parameters that were not given, with the smallest value that the blueprint allows.
    smallest: BTreeMap<String, Value>,
    /// Null if the tenant cannot be rendered yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Cost>,
}

/// Cost of the new stack.
#[derive(Serialize, JsonSchema)]
struct Cost {
    /// Date of the price table, `YYYY-MM-DD`.
    prices_of: String,
    /// Monthly cost, USD.
    monthly: Total,
}

impl Cost {
    /// The bill of a tenant as it was written.
    fn of(global: &Global, estate: Estate, name: &TenantName) -> Result<Self, Failure> {
        let opened = Opened::of(global, estate, Vec::new())?;
        let prices = opened::prices(&global.estate)?;
        let tenant = selection::tenant(&opened.estate, name.as_str())?;
        let rendered = opened.render(&[tenant], tenantry_ops::release::name::UNRELEASED)?;
        let mut monthly = Total::default();
        for one in &rendered {
            monthly.add(&bill(&one.template.tree(), tenant.spec.region.as_str(), &prices).total());
        }
        Ok(Self { prices_of: prices.date.clone(), monthly })
    }

    fn sentence(&self) -> String {
        /// Days of a month of 730 hours, which prices are of.
        const DAYS: f64 = 730.0 / 24.0;
        let bound = if self.monthly.missing.is_empty() { "" } else { "at least " };
        let load = &self.monthly.usd;
        format!(
            "its stack costs {bound}{} USD a month ({} a day) while idle and {} at the peak all month, prices of {}: \
             `tenantry cost` shows each line",
            usd(load.low),
            usd(load.low / DAYS),
            usd(load.peak),
            self.prices_of
        )
    }
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let estate = Opened::open(global)?.estate;
    if estate.tenants.contains_key(&args.name) {
        return Err(Failure::new(format!("there is a tenant `{}` already", args.name)));
    }
    let model = args.like.as_ref().map(|name| selection::tenant(&estate, name.as_str())).transpose()?;
    let fleet = &estate.fleet;
    let of_fleet = Defaults::of(fleet);
    let account = said([args.account.as_ref(), model.map(|model| &model.spec.account), of_fleet.account.as_ref()]);
    let account = account.ok_or_else(|| unsaid("account", fleet.accounts.keys()))?;
    let region = said([args.region.as_ref(), model.map(|model| &model.spec.region), of_fleet.region.as_ref()]);
    let region = region.ok_or_else(|| unsaid("region", fleet.regions.keys()))?;
    let mut taken = estate.blocks();
    if args.offline {
        anstream::eprintln!("warning: the accounts were not read: the block may contain resources of a former tenant");
    } else {
        taken.extend(live_blocks(&estate)?);
    }
    for left in left_behind(&estate, args, &Place { account: account.clone(), region: region.clone() })? {
        anstream::eprintln!("warning: {left}");
    }
    let prefix = args.prefix.or_else(|| model.map(|model| model.spec.network.cidr.prefix()));
    let cidr = allocate(&estate.fleet, &taken, region, prefix)?;
    let mut smallest = BTreeMap::new();
    let text = match model {
        Some(model) => alike(args, &estate.blueprint, model, cidr)?,
        None => {
            let ring = said([args.ring.as_ref(), of_fleet.ring.as_ref()]);
            let ring = ring.ok_or_else(|| unsaid("ring", estate.fleet.rings.iter().map(|ring| &ring.name)))?;
            let zones = estate.fleet.regions.get(region).map_or(0, |region| region.zones.len());
            smallest = unsaid_workload(args, &estate);
            spec(args, &estate.blueprint, (account, region, ring), (cidr, zones), &smallest)?
        }
    };
    let (file, read_back) = written(args, &estate.blueprint, global, &text)?;
    offboarded::unmark(&global.estate, &estate.fleet, &args.name)?;
    let cost = read_back.and_then(|estate| Cost::of(global, estate, &args.name).ok());
    let answer = Answer { tenant: args.name.clone(), file, cidr, smallest, cost };
    Output::new(global.output).show(&answer, |answer| {
        let mut text = format!("{} has {}, written to {}\n", answer.tenant, answer.cidr, answer.file.display());
        for (path, value) in &answer.smallest {
            text.push_str(&format!("{path} is {value}, the smallest that the blueprint allows\n"));
        }
        text.extend(answer.cost.iter().map(|cost| cost.sentence() + "\n"));
        text
    })?;
    Ok(Exit::Clean)
}

/// What an earlier tenant of this name has left: retired blocks, and in the account resources with its tags.
fn left_behind(estate: &Estate, args: &Args, place: &Place) -> Result<Vec<String>, Failure> {
    let name = &args.name;
    let before = estate
        .fleet
        .offboarded
        .get(name)
        .map(|was| format!("a tenant `{name}` was offboarded before, in {} in {}", was.account, was.region));
    let retired = estate.fleet.retired.values().filter(|retired| retired.tenant == name.as_str());
    let blocks = retired.map(|retired| {
        let (cidr, account, region) = (retired.cidr, &retired.account, &retired.region);
        format!("{cidr} is retired for what an earlier tenant `{name}` has left in {account} in {region}")
    });
    let mut found: Vec<String> = before.into_iter().chain(blocks).collect();
    if args.offline {
        return Ok(found);
    }
    let (fleet, access) = (&estate.fleet, stacks::access(&estate.fleet, &place.account));
    let identity = Desired::identity(&fleet.organisation, &fleet.identity(), name.as_str());
    let remains = super::wait(async {
        let cloud = Cloud::configure().await.map_err(|error| error.to_string())?.reading();
        let session = cloud.session(place, &access).await.map_err(|error| error.to_string())?;
        remains(&session, &identity).await.map_err(|error| error.to_string())
    })?;
    match remains {
        Ok(arns) => found.extend(arns.first().map(|first| {
            format!(
                "{} resources of an earlier tenant `{name}` are left in {} in {}, `{first}` first; a deploy takes back \
                 what its template retains",
                arns.len(),
                place.account,
                place.region
            )
        })),
        Err(error) => found.push(format!("what an earlier tenant `{name}` has left is not known: {error}")),
    }
    Ok(found)
}

/// What the fleet has for a tenant that does not say it: a value of `defaults`, or the only one that there is.
struct Defaults {
    account: Option<AccountId>,
    region: Option<Region>,
    ring: Option<RingName>,
}

impl Defaults {
    fn of(fleet: &Fleet) -> Self {
        fn default<T: FromStr>(fleet: &Fleet, field: &str) -> Option<T> {
            fleet.defaults.get(field)?.as_str()?.parse().ok()
        }
        fn only<T: Clone>(mut all: impl Iterator<Item = T>) -> Option<T> {
            all.next().filter(|_| all.next().is_none())
        }
        Self {
            account: default(fleet, "account").or_else(|| only(fleet.accounts.keys().cloned())),
            region: default(fleet, "region").or_else(|| only(fleet.regions.keys().cloned())),
            ring: default(fleet, "ring").or_else(|| only(fleet.rings.iter().map(|ring| ring.name.clone()))),
        }
    }
}

/// The first that is said: on the command line, by the other tenant, by the fleet.
fn said<T, const N: usize>(sources: [Option<&T>; N]) -> Option<&T> {
    sources.into_iter().flatten().next()
}

/// What nothing says, and the fleet has several of.
fn unsaid<T: Display>(option: &str, known: impl Iterator<Item = T>) -> Failure {
    let known: Vec<String> = known.map(|one| one.to_string()).collect();
    Failure::new(format!("`--{option}` is missing"))
        .with_hint(format!("the fleet has {}; `defaults` in `tenants/fleet.yaml` may name one", known.join(", ")))
}

/// The smallest values of the workload that the blueprint asks for and nothing says.
fn unsaid_workload(args: &Args, estate: &Estate) -> BTreeMap<String, Value> {
    let defaults = Value::Object(estate.fleet.defaults.clone());
    let is_said = |path: &str| {
        args.set.iter().any(|(said, _)| said == path)
            || defaults.pointer(&format!("/{}", path.replace('.', "/"))).is_some()
    };
    let declared = estate.blueprint.declared();
    let required = declared.filter(|one| one.workload && one.optional.is_none() && one.default().is_none());
    let smallest = required.filter(|one| !is_said(&one.path));
    smallest.filter_map(|one| Some((one.path.clone(), one.schema.get("minimum")?.clone()))).collect()
}

/// Writes the tenant's file and those that it names. They are read back with all others; if anything is wrong with them,
/// they never were.
fn written(
    args: &Args,
    blueprint: &Blueprint,
    global: &Global,
    text: &str,
) -> Result<(PathBuf, Option<Estate>), Failure> {
    let tenants = global.estate.join("tenants");
    let file = tenants.join(format!("{}.yaml", args.name));
    let mut wanted = Vec::new();
    for (path, from) in args.set.iter().filter(|(path, _)| is_file(blueprint, path)) {
        let bytes = files::read(Path::new(from))?;
        let path = tenants.join(copied(&args.name, path, from));
        match files::read(&path) {
            // An earlier tenant of this name had the same.
            Ok(before) if before == bytes => {}
            Ok(_) => {
                return Err(Failure::new(format!(
                    "`{}` is left of an earlier tenant `{}` and is another file than `{from}`",
                    path.display(),
                    args.name
                ))
                .with_hint("delete it if no tenant's file names it, or choose another name"));
            }
            Err(_) => wanted.push((path, bytes)),
        }
    }
    wanted.push((file.clone(), text.as_bytes().to_vec()));
    let mut created: Vec<&Path> = Vec::new();
    let undone = |created: &[&Path]| created.iter().try_for_each(|path| files::remove(path));
    for (path, bytes) in &wanted {
        // Somebody else who makes the same tenant at the same time is not overwritten.
        if let Err(error) = atomic::create(path, bytes) {
            undone(&created)?;
            return Err(error.into());
        }
        created.push(path);
    }
    let (read_back, findings) = opened::load(&global.estate)?;
    if estate::has_errors(&findings) {
        undone(&created)?;
        return Err(opened::refused(&findings, "the new tenant"));
    }
    let own = findings.into_iter().filter(|finding| finding.tenant.as_deref() == Some(args.name.as_str()));
    opened::warn(&own.collect::<Vec<_>>());
    Ok((file, read_back))
}

fn is_file(blueprint: &Blueprint, path: &str) -> bool {
    blueprint.files().any(|rule| rule.path == path)
}

/// Where a file that a parameter names is copied to, seen from the tenant's file.
fn copied(name: &TenantName, path: &str, from: &str) -> String {
    let ending = Path::new(from).extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
    format!("certs/{name}-{}{ending}", path.replace(['.', '_'], "-"))
}

/// The value of a parameter, as YAML reads its text.
fn value(args: &Args, blueprint: &Blueprint, (path, text): &(String, String)) -> Result<Value, Failure> {
    if is_file(blueprint, path) {
        return Ok(json!(copied(&args.name, path, text)));
    }
    let is_text = blueprint.declared().any(|parameter| parameter.path == *path && parameter.kind == Type::Text);
    if is_text {
        return Ok(json!(text));
    }
    let source = Arc::new(Source { path: PathBuf::from("--set"), text: text.clone() });
    let document =
        Document::parse(source).map_err(|finding| Failure::new(format!("`--set {path}`: {}", finding.message)))?;
    Ok(document.value)
}

/// The tenant's file. Zones are said only where the region has fewer than the three of the default.
fn spec(
    args: &Args,
    blueprint: &Blueprint,
    (account, region, ring): (&AccountId, &Region, &RingName),
    (cidr, zones): (Ipv4Network, usize),
    smallest: &BTreeMap<String, Value>,
) -> Result<String, Failure> {
    let quoted = |text: &str| Value::from(text).to_string();
    let zones = if zones == 2 { ", zones: 2" } else { "" };
    let mut text = format!(
        "# yaml-language-server: $schema=../schemas/tenant.json\n\
         account: \"{account}\"\n\
         region: {region}\n\
         ring: {ring}\n\
         contact: {{ timezone: {}, page: {} }}\n\
         network: {{ cidr: {cidr}{zones} }} # allocated, never changed\n",
        quoted(args.timezone.as_deref().unwrap_or("UTC")),
        quoted(&args.page),
    );
    let mut sections: Map<String, Value> = Map::new();
    for (path, value) in smallest {
        put(&mut sections, path, value.clone());
    }
    for set in &args.set {
        put(&mut sections, &set.0, value(args, blueprint, set)?);
    }
    if !sections.is_empty() {
        text.push_str(&serde_yaml::to_string(&sections).map_err(|error| Failure::new(error.to_string()))?);
    }
    Ok(text)
}

/// Another tenant's file with what is different here.
fn alike(args: &Args, blueprint: &Blueprint, model: &Tenant, cidr: Ipv4Network) -> Result<String, Failure> {
    let core = [
        ("network.cidr", Some(json!(cidr))),
        ("contact.page", Some(json!(args.page))),
        ("account", args.account.as_ref().map(|account| json!(account))),
        ("region", args.region.as_ref().map(|region| json!(region))),
        ("ring", args.ring.as_ref().map(|ring| json!(ring))),
        ("contact.timezone", args.timezone.as_ref().map(|zone| json!(zone))),
    ];
    let core = core.into_iter().filter_map(|(route, value)| Some((route.to_owned(), value?)));
    let mut changes: Vec<(String, Value)> = core.collect();
    for set in &args.set {
        changes.push((set.0.clone(), value(args, blueprint, set)?));
    }
    let mut source = Arc::clone(&model.source);
    // Another customer's files and addresses are none of this one's.
    let mut foreign: Vec<String> = Vec::new();
    for parameter in blueprint.declared().filter(|parameter| parameter.file().is_some() || parameter.is_ingress()) {
        let said = args.set.iter().any(|(path, _)| *path == parameter.path);
        if said || model.spec.parameter(&parameter.path).is_none() {
            continue;
        }
        // Without a file that a section cannot be without, there is no section.
        let whole = parameter.optional.as_ref().filter(|_| !parameter.may_be_absent && parameter.file().is_some());
        foreign.push(whole.unwrap_or(&parameter.path).clone());
    }
    for route in foreign {
        match edit::unset(&source, &route) {
            Ok(text) => source = Arc::new(Source { path: source.path.clone(), text }),
            Err(edit::EditError::Absent { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    for (route, value) in changes {
        let text = edit::set(&source, &route, &value)?;
        source = Arc::new(Source { path: source.path.clone(), text });
    }
    Ok(source.text.clone())
}

/// Accounts and regions that are read at once.
const PLACES: usize = 32;

/// The blocks of every VPC in the accounts and regions of the fleet, and in those that were in it before.
pub(super) fn live_blocks(estate: &Estate) -> Result<Vec<Ipv4Network>, Failure> {
    let read = async {
        let cloud = &Cloud::configure().await?.reading();
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
