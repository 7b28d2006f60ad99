//! What templates see of one stack: `shape`, on which they may decide, and values, which they may only print.
//! `templates/context.yaml` shows the whole of it for one tenant.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Functions, names};
use crate::network::NetworkPlan;
use crate::sizing::{Sizing, Work};
use tenantry_base::ids::{AccountId, Region};
use tenantry_spec::estate::spec::{DatasetPattern, Fleet, Framing, Nat};
use tenantry_spec::estate::{Estate, RevocationList, Tenant};
use tenantry_spec::flags::{self, Reads};

/// Images of the proxy in amber: the end of TLS, and the signer of requests to the search domain.
const PROXY_TLS_IMAGE: &str = "public.ecr.aws/docker/library/caddy:2.10-alpine";
const PROXY_SIGN_IMAGE: &str = "public.ecr.aws/aws-observability/aws-sigv4-proxy:1.10";
const KIB_PER_GIB: f64 = 1024.0 * 1024.0;
/// How many days logs are kept in the tenant's own account.
const LOG_RETENTION_DAYS: u64 = 90;

/// The alarm on the search domain's free storage rings at one part in this many of a node's volume.
const FREE_STORAGE_ALARM: u64 = 5;
/// Shards a data node at which the alarm on shards goes off: four fifths of the 1,000 that a node takes.
/// Source: Amazon OpenSearch Service Developer Guide, "Choosing the number of shards".
const SHARDS_ALARM_PER_NODE: u32 = 800;
/// Executions that an event source mapping may have at work. Source: AWS Lambda Developer Guide, "Configuring scaling
/// behavior for SQS event source mappings".
const RETRY_CONCURRENCY: std::ops::RangeInclusive<u32> = 2..=1000;

/// The input of one rendering.
#[derive(Debug, Clone)]
pub struct Context {
    /// Name of the template: `tenant.yaml.tera` or `control-plane.yaml.tera`.
    pub(super) template: &'static str,
    /// Everything that a template may decide on.
    pub(super) shape: Value,
    /// Texts and whole numbers that a template may print.
    pub(super) values: Value,
    /// Fields of lists' items that are part of the shape: list, field, one text per item.
    pub(super) literals: Vec<(&'static str, &'static str, Vec<String>)>,
    /// Routes of the spec fields behind a value.
    pub(super) routes: fn(&str) -> &'static [&'static str],
}

/// Everything that decides what a tenant's stack is.
#[derive(Debug, Clone, Copy)]
pub struct TenantStack<'a> {
    pub estate: &'a Estate,
    pub tenant: &'a Tenant,
    pub sizing: &'a Sizing,
    pub network: &'a NetworkPlan,
    pub functions: &'a Functions,
    /// Name of the release, such as `v1.4.0`.
    pub release: &'a str,
}

impl Context {
    /// The context of a tenant's stack.
    pub fn tenant(stack: TenantStack<'_>) -> Self {
        let TenantStack { estate, tenant, sizing, network, functions, release } = stack;
        let (fleet, spec) = (&estate.fleet, &tenant.spec);
        let keys = zone_keys(network.zones.len());
        let flags = flags::values(&estate.flags, &tenant.subject());
        let (structural, runtime) = partition_flags(estate, flags);
        let region = fleet.regions.get(&spec.region);
        let extension = region.and_then(|region| region.appconfig_extension.as_deref());
        let investigators = tenant.investigators.as_ref();
        let investigators_crl = investigators.and_then(|clients| clients.crl.as_ref());
        let shape = json!({
            "nat": match spec.network.nat { Nat::PerZone => "per-zone", Nat::Single => "single" },
            "search": {
                "zones": sizing.search_zones.value,
                "dedicated_masters": sizing.search_master_nodes.value > 0,
            },
            "client_crl": tenant.devices.crl.is_some(),
            "dashboards": investigators.is_some(),
            "dashboards_crl": investigators_crl.is_some(),
            "has_allow_from": !spec.ingest.allow_from.is_empty(),
            "appconfig_extension": extension.is_some(),
            "flags": structural,
            "zones": keys,
        });
        let zones: Vec<Value> = network
            .zones
            .iter()
            .map(|zone| {
                json!({
                    "id": zone.id,
                    "red": zone.red.cidr,
                    "amber": zone.amber.cidr,
                    "green": zone.green.cidr,
                    "lambda": zone.lambda.cidr,
                })
            })
            .collect();
        let dns = fleet.accounts.get(&spec.account).map(|account| &account.dns);
        let values = json!({
            "tenant": {
                "name": tenant.name, "ring": spec.ring, "account": spec.account, "region": spec.region,
                "timezone": spec.contact.timezone, "page": spec.contact.page,
            },
            "fleet": { "organisation": fleet.organisation },
            "control": control(fleet, &spec.account, &spec.region),
            "dns": {
                "host": Self::host(fleet, tenant),
                "hosted_zone_id": dns.map_or("", |dns| &dns.hosted_zone_id),
            },
            "region": {
                "s3_prefix_list": region.map_or("", |region| &region.s3_prefix_list),
                "appconfig_extension": extension.unwrap_or(""),
            },
            "vpc": { "cidr": network.vpc },
            "zones": zones,
            "allow_from": spec.ingest.allow_from,
            "client_ca": { "pem": tenant.devices.ca.pem, "key": tenant.devices.ca.key() },
            "client_crl": { "pem": tenant.devices.crl.as_ref().map_or("", |crl| &crl.pem) },
            "dashboards": {
                "client_ca": { "key": investigators.map_or_else(String::new, |clients| clients.ca.key()) },
                "client_crl": { "key": investigators_crl.map_or_else(String::new, RevocationList::key) },
            },
            "names": names::of_tenant(&fleet.organisation, tenant),
            "ingest": {
                "part_mib": sizing.part_mib.value,
                "framing": framing(spec.ingest.framing),
                "dataset_order": joined(&spec.ingest.datasets.order),
                "dataset_patterns": patterns(&spec.ingest.datasets.patterns),
                "rejects_park_percent": spec.ingest.rejects_park_percent,
            },
            "functions": {
                "architecture": functions.architecture,
                "splitter": {
                    "key": functions.splitter.key(),
                    "memory_mib": sizing.splitter_memory_mib.value,
                    "timeout_seconds": sizing.splitter_timeout_seconds.value,
                    "concurrency": sizing.splitter_concurrency.value,
                    "retry_concurrency": retry_concurrency(sizing.splitter_concurrency.value),
                },
                "ingest": {
                    "key": functions.ingest.key(),
                    "memory_mib": sizing.ingest_memory_mib.value,
                    "timeout_seconds": sizing.ingest_timeout_seconds.value,
                    "concurrency": sizing.ingest_concurrency.value,
                    "retry_concurrency": retry_concurrency(sizing.ingest_concurrency.value),
                },
            },
            "queues": {
                "visibility_seconds": sizing.queue_visibility_seconds.value,
                "retry_depth_alarm": sizing.retry_depth_alarm.value,
            },
            "search": {
                "instance_type": sizing.search_instance_type.value,
                "data_nodes": sizing.search_data_nodes.value,
                "master_instance_type": sizing.search_master_instance_type.value,
                "master_nodes": sizing.search_master_nodes.value,
                "volume_gib": sizing.search_volume_gib.value,
                "free_storage_alarm_mib": u64::from(sizing.search_volume_gib.value) * 1024 / FREE_STORAGE_ALARM,
                "shards_alarm": sizing.search_data_nodes.value * SHARDS_ALARM_PER_NODE,
                "zones": sizing.search_zones.value,
                "retention_days": spec.search.retention_days,
                "replicas": spec.search.replicas,
                "own_indices": match &spec.search.indices.own[..] {
                    [] => "none".to_owned(),
                    own => own.join(","),
                },
                "index_shards": numbers(&spec.search.indices.shards),
                "index_hours": numbers(&spec.search.indices.hours),
            },
            "workload": {
                "mean_kib_per_minute": kib_per_minute(spec.ingest.peak_gib_per_minute * spec.ingest.mean_to_peak),
                "peak_kib_per_minute": kib_per_minute(spec.ingest.peak_gib_per_minute),
                "splitter": work(&sizing.splitter_work),
                "ingest": work(&sizing.ingest_work),
            },
            "proxy": { "tls_image": PROXY_TLS_IMAGE, "sign_image": PROXY_SIGN_IMAGE, "tasks": sizing.proxy_tasks.value },
            "logs": { "retention_days": LOG_RETENTION_DAYS },
            "flags": { "content": flags::app_config(&estate.flags, &runtime).to_string() },
            "release": { "name": release, "digest": "" },
        });
        Self {
            template: "tenant.yaml.tera",
            shape,
            values,
            literals: vec![("zones", "key", keys)],
            routes: tenant_routes,
        }
    }

    /// The host name of a tenant. While it moves, the old stack has the tenant's own, and the new one a name with its
    /// place: the two may share a hosted zone.
    pub fn host(fleet: &Fleet, tenant: &Tenant) -> String {
        let spec = &tenant.spec;
        let zone = fleet.accounts.get(&spec.account).map_or("", |account| account.dns.zone.as_str());
        match &spec.moved_from {
            Some(from) if from.region == spec.region => format!("{}-{}.{zone}", tenant.name, spec.account),
            Some(_) => format!("{}-{}.{zone}", tenant.name, spec.region),
            None => format!("{}.{zone}", tenant.name),
        }
    }

    /// The context of the control plane's stack in one account and region. Those of the central
    /// account hold what every tenant of their region shares.
    /// `sink` is the ARN of the central account's observability sink in this region, once it is known.
    pub fn control_plane(
        fleet: &Fleet,
        account: &AccountId,
        region: &Region,
        sink: Option<&str>,
        release: &str,
    ) -> Self {
        let accounts: Vec<&AccountId> = fleet.accounts.keys().collect();
        let central = *account == fleet.control_plane.account;
        let own = fleet.accounts.get(account);
        let role = own.and_then(|account| account.role.as_deref());
        let external_id = own.and_then(|account| account.external_id.as_deref());
        let home = fleet.home_region(account).is_none_or(|home| home == region);
        Self {
            template: "control-plane.yaml.tera",
            shape: json!({
                "central": central,
                "linked": !central && sink.is_some(),
                "home": home,
                "deploy_role": home && role.is_some(),
                "external_id": external_id.is_some(),
                "aws_organization": fleet.aws_organization_id.is_some(),
            }),
            values: json!({
                "fleet": { "organisation": fleet.organisation },
                "here": { "account": account, "region": region },
                "control": control(fleet, account, region),
                "accounts": accounts,
                "aws_organization_id": fleet.aws_organization_id.as_deref().unwrap_or(""),
                "sink": sink.unwrap_or(""),
                "deploy_role": { "name": role.unwrap_or(""), "external_id": external_id.unwrap_or("") },
                "logs": { "retention_days": LOG_RETENTION_DAYS },
                "release": { "name": release, "digest": "" },
            }),
            literals: Vec::new(),
            routes: |_| &[],
        }
    }
}

/// What the control plane gives to stacks in an account and region. Log groups reach only destinations of their own
/// region, so the central account has one in each.
fn control(fleet: &Fleet, account: &AccountId, region: &Region) -> Value {
    let organisation = &fleet.organisation;
    let central = &fleet.control_plane;
    let arn = |service: &str, resource: String| {
        format!("arn:{}:{service}:{region}:{}:{resource}", region.partition(), central.account)
    };
    json!({
        "account": central.account,
        "region": central.region,
        "artifacts_bucket": names::artifacts_bucket(organisation, account, region),
        "access_logs_bucket": names::access_logs_bucket(organisation, account, region),
        "logs_bucket": names::logs_bucket(organisation, account, region),
        "log_destination": arn("logs", format!("destination:{organisation}-central-logs")),
    })
}

/// A rate in whole KiB; what is negative or no number counts as 0.
fn kib_per_minute(gib: f64) -> u64 {
    (gib * KIB_PER_GIB).round() as u64
}

fn work(work: &Work) -> Value {
    json!({
        "mean_per_day": work.mean_per_day.value,
        "peak_per_day": work.peak_per_day.value,
        "working_milliseconds": work.working_milliseconds.value,
        "waiting_milliseconds": work.waiting_milliseconds.value,
    })
}

/// How many retries may be at work at once: less than all, so that they never keep new work out.
fn retry_concurrency(reserved: u32) -> u32 {
    (reserved / 2).clamp(*RETRY_CONCURRENCY.start(), *RETRY_CONCURRENCY.end())
}

/// Suffixes of the zones' logical ids: A, B, C, …
fn zone_keys(zones: usize) -> Vec<String> {
    ('A'..='Z').take(zones).map(String::from).collect()
}

fn joined<T: ToString>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(",")
}

/// `*/edge/flows*=conn;*.dnslog=dns`.
fn patterns(patterns: &[DatasetPattern]) -> String {
    patterns.iter().map(|pattern| format!("{}={}", pattern.keys, pattern.dataset)).collect::<Vec<_>>().join(";")
}

/// `conn:4,dns:2`.
fn numbers(numbers: &BTreeMap<String, u8>) -> String {
    joined(&numbers.iter().map(|(dataset, number)| format!("{dataset}:{number}")).collect::<Vec<_>>())
}

fn framing(framing: Framing) -> &'static str {
    match framing {
        Framing::Newline => "newline",
        Framing::LengthPrefixed => "length-prefixed",
        Framing::JsonArray => "json-array",
    }
}

fn partition_flags(estate: &Estate, values: flags::Values) -> (Map<String, Value>, flags::Values) {
    let mut structural = Map::new();
    let mut runtime = flags::Values::new();
    for (key, value) in values {
        match estate.flags.flags.get(&key).map(|flag| flag.reads) {
            Some(Reads::Structural) => drop(structural.insert(key, value)),
            _ => drop(runtime.insert(key, value)),
        }
    }
    (structural, runtime)
}

/// Routes of the spec fields behind a value of a tenant's context, from the route of the value.
fn tenant_routes(path: &str) -> &'static [&'static str] {
    const LAMBDA: &[&str] = &["network.cidr", "network.eni_model", "ingest.peak_gib_per_minute"];
    let mut parts = path.split('.');
    match (parts.next().unwrap_or(""), parts.next_back().unwrap_or("")) {
        ("tenant", "ring") => &["ring"],
        ("tenant", "account") | ("dns", _) => &["account"],
        ("tenant", "region") => &["region"],
        ("tenant", "timezone") => &["contact.timezone"],
        ("tenant", "page") => &["contact.page"],
        ("control", _) => &["account", "region"],
        ("vpc", _) => &["network.cidr"],
        ("zones", "id") => &["region", "network.zones"],
        ("zones", "lambda") => LAMBDA,
        ("zones", "green") => &["network.cidr", "search"],
        ("zones", _) => &["network.cidr"],
        ("allow_from", _) => &["ingest.allow_from"],
        ("client_ca", _) => &["ingest.client_ca"],
        ("client_crl", _) => &["ingest.client_crl"],
        ("dashboards", _) => &["dashboards"],
        ("ingest", "framing") => &["ingest.framing"],
        ("ingest", "dataset_order") => &["ingest.datasets.order"],
        ("ingest", "dataset_patterns") => &["ingest.datasets.patterns"],
        ("ingest", "rejects_park_percent") => &["ingest.rejects_park_percent"],
        ("ingest", _) => &["ingest.files_per_minute", "overrides.part_mib"],
        ("functions", "memory_mib" | "timeout_seconds" | "concurrency") | ("queues", _) => {
            &["ingest.peak_gib_per_minute", "overrides"]
        }
        ("search", "retention_days") => &["search.retention_days"],
        ("search", "replicas") => &["search.replicas"],
        ("search", "own_indices") => &["search.indices.own"],
        ("search", "index_shards") => &["search.indices.shards"],
        ("search", "index_hours") => &["search.indices.hours"],
        ("search", _) => &["search", "ingest.peak_gib_per_minute", "overrides"],
        ("workload", _) => &["ingest", "overrides"],
        ("flags", _) => &["flags"],
        _ => &[],
    }
}

impl Context {
    /// Everything that the templates see.
    pub fn seen(&self) -> Value {
        self.assemble(self.values.clone())
    }

    /// Puts a digest where the renderer would put it: for [`super::Renderer::render_plainly`], which knows none.
    pub fn set_digest(&mut self, digest: &str) {
        self.values["release"]["digest"] = Value::from(digest);
    }
}
