//! What people write: the types of `fleet.yaml` and of a tenant's file, as they are after the defaults are merged.
//!
//! The JSON Schemas, the reader's checks and the reference in the handbook are all generated from these types.
//! Units are part of the names. Workload, not sizes: what a tenant needs is derived from `ingest` and `search` by
//! [`tenantry_template::sizing`]; [`Overrides`] can pin any derived number.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use ipnetwork::Ipv4Network;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use tenantry_base::digest::sha256;
use tenantry_base::ids::{AccountId, EstateId, Region, RingName, ZoneId};

pub use super::rings::{Freeze, Gate, GateCommand, Ring, Share, Window};

/// The version of the estate's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ApiVersion {
    #[serde(rename = "tenantry/v1")]
    V1,
}

/// `fleet.yaml`: what holds for every tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fleet {
    #[serde(rename = "apiVersion")]
    pub api_version: ApiVersion,
    /// Short name of the organisation: the first part of every global name. Lower case letters, digits and hyphens.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9-]{1,14}[a-z0-9]$"))]
    pub organisation: String,
    /// Tells this estate's stacks from those of another estate of the organisation; `tenantry init` writes one. Without
    /// it the id follows from the organisation and the control plane's account and region. Never changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estate_id: Option<EstateId>,
    /// Id of the AWS organization that all accounts belong to, such as `o-a1b2c3d4e5`: the control plane then lets in the
    /// organization instead of a list of accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", regex(pattern = r"^o-[a-z0-9]{10,32}$"))]
    pub aws_organization_id: Option<String>,
    /// Where the control plane's central parts live (log destination, observability sink, page topic).
    pub control_plane: ControlPlane,
    /// AWS accounts by their 12-digit id.
    #[schemars(extend("minProperties" = 1))]
    pub accounts: BTreeMap<AccountId, Account>,
    /// Regions that tenants may live in.
    #[schemars(extend("minProperties" = 1))]
    pub regions: BTreeMap<Region, RegionSpec>,
    /// Address space that tenants' blocks are allocated from, in order of preference.
    #[schemars(length(min = 1))]
    pub pools: Vec<Pool>,
    /// Address space that no tenant may touch.
    #[serde(default)]
    pub reserved: Vec<Reserved>,
    /// Blocks of former tenants in which something may still exist: `new` gives none of them away. `tenantry destroy`
    /// writes them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub retired: BTreeMap<String, Retired>,
    /// Release rings, first to last.
    #[schemars(length(min = 1))]
    pub rings: Vec<Ring>,
    /// Days on which nothing is released.
    #[serde(default)]
    pub freezes: Vec<Freeze>,
    /// Defaults for every field of a tenant; a tenant's own file wins.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub defaults: serde_json::Map<String, serde_json::Value>,
}

/// Hexadecimal digits of an estate's derived id.
const DERIVED_ID_DIGITS: usize = 16;

impl Fleet {
    /// The id in the tags of every stack of this estate.
    pub fn identity(&self) -> String {
        let ControlPlane { account, region } = &self.control_plane;
        match &self.estate_id {
            Some(id) => id.to_string(),
            None => sha256(format!("{}\0{account}\0{region}", self.organisation))[..DERIVED_ID_DIGITS].to_owned(),
        }
    }

    /// The region that holds what an account has once (its deploy role): the control plane's own region in its account,
    /// else the first region of the fleet.
    pub fn home_region(&self, account: &AccountId) -> Option<&Region> {
        if *account == self.control_plane.account {
            Some(&self.control_plane.region)
        } else {
            self.regions.keys().next()
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ControlPlane {
    pub account: AccountId,
    pub region: Region,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// A name for people.
    pub name: String,
    /// Name of the role that Tenantry assumes in this account; without it the caller's own credentials are used.
    #[serde(default)]
    pub role: Option<String>,
    /// External id to present when assuming `role`.
    #[serde(default)]
    pub external_id: Option<String>,
    /// The public hosted zone below which every tenant gets a host name.
    pub dns: Dns,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dns {
    /// Domain of the hosted zone, such as `tenants.example.com`.
    pub zone: String,
    /// Id of the Route 53 hosted zone.
    #[schemars(regex(pattern = r"^Z[A-Z0-9]{1,31}$"))]
    pub hosted_zone_id: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegionSpec {
    /// Usable availability zones by id (`euw1-az1`), in the order in which tenants use them. Names such as
    /// `eu-west-1a` mean different zones in different accounts, ids do not.
    #[schemars(length(min = 1))]
    pub zones: Vec<ZoneId>,
    /// Managed prefix list of S3 in this region (`aws ec2 describe-managed-prefix-lists`): where functions may go.
    #[schemars(regex(pattern = r"^pl-[0-9a-f]{8,17}$"))]
    pub s3_prefix_list: String,
    /// ARN of the AppConfig extension's layer in this region; without it the functions' runtime flags are off.
    /// Listed in the AWS AppConfig User Guide, "Available versions of the AWS AppConfig Agent Lambda extension".
    #[serde(default)]
    #[schemars(regex(pattern = r"^arn:aws[a-z-]*:lambda:"))]
    pub appconfig_extension: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    pub name: String,
    #[schemars(schema_with = "block_schema")]
    pub cidr: Ipv4Network,
    /// Prefix length of the block that a tenant gets when it does not ask for another.
    #[serde(default = "default_tenant_prefix")]
    #[schemars(range(min = 16, max = 28))]
    pub tenant_prefix: u8,
    /// Only for tenants in these regions; empty means all.
    #[serde(default)]
    pub regions: Vec<Region>,
}

/// Four numbers up to 255; `concat!` takes literals only.
macro_rules! address {
    () => {
        r"^((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3}(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
    };
}

/// An address block always says its length: an address alone would read as one of a single address.
fn block_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "pattern": concat!(address!(), "/(3[0-2]|[12]?[0-9])$"),
        "description": "An IPv4 block in CIDR notation, such as `10.16.0.0/12`",
    })
}

fn blocks_schema(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": block_schema(generator) })
}

/// AWS takes VPCs of /16 to /28 (Amazon VPC User Guide, "VPC CIDR blocks").
fn vpc_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": concat!(address!(), "/(1[6-9]|2[0-8])$") })
}

fn default_tenant_prefix() -> u8 {
    18
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reserved {
    #[schemars(schema_with = "block_schema")]
    pub cidr: Ipv4Network,
    pub reason: String,
}

/// The block of a stack that was deleted while its VPC stayed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retired {
    pub tenant: String,
    #[schemars(schema_with = "block_schema")]
    pub cidr: Ipv4Network,
    pub account: AccountId,
    pub region: Region,
}

/// One tenant, with the fleet's defaults merged in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantSpec {
    #[serde(rename = "apiVersion")]
    pub api_version: ApiVersion,
    pub account: AccountId,
    pub region: Region,
    pub ring: RingName,
    pub contact: Contact,
    pub network: Network,
    pub ingest: Ingest,
    /// The search dashboards; without this section the tenant has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Dashboards")]
    pub dashboards: Option<Dashboards>,
    #[serde(default)]
    pub search: Search,
    /// Where the tenant moves away from, while its old stack still exists; `tenantry move` writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<MovedFrom>,
    /// Values for flags of the catalogue, by key.
    #[serde(default)]
    pub flags: BTreeMap<String, serde_json::Value>,
    /// Derived numbers pinned by hand. `tenantry explain NAME` shows what each would be.
    #[serde(default)]
    pub overrides: Overrides,
}

/// The old place of a tenant that moves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MovedFrom {
    pub account: AccountId,
    pub region: Region,
    /// The block of the old stack's VPC, which stays taken.
    #[schemars(schema_with = "vpc_schema")]
    pub cidr: Ipv4Network,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// IANA time zone of the customer, such as `Europe/Zagreb`.
    pub timezone: String,
    /// HTTPS endpoint that receives this tenant's pages.
    #[schemars(regex(pattern = r"^https://"))]
    pub page: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// The tenant's VPC: an IPv4 block of /16 to /28, such as `10.17.0.0/18`.
    ///
    /// Allocated by `tenantry new`, then fixed for ever.
    #[schemars(schema_with = "vpc_schema")]
    pub cidr: Ipv4Network,
    /// How many availability zones the tenant uses.
    #[serde(default = "default_zones")]
    #[schemars(range(min = 2, max = 6))]
    pub zones: u8,
    /// NAT gateways: one in each zone, or a single one for all of them.
    #[serde(default)]
    pub nat: Nat,
    /// Which model sizes the Lambda subnets.
    #[serde(default)]
    pub eni_model: EniModel,
}

pub(super) fn default_zones() -> u8 {
    3
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Nat {
    #[default]
    PerZone,
    Single,
}

/// How function network interfaces are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EniModel {
    /// One shared interface per subnet and set of security groups, more as connections grow (since September 2019).
    #[default]
    Hyperplane,
    /// One interface per (3 GB share of a) concurrent execution: the model of before 2019, kept as the worst case.
    PerExecution,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ingest {
    /// Highest sustained rate of incoming metadata, uncompressed, in GiB per minute.
    #[schemars(range(min = 0.001, max = 1000.0))]
    pub peak_gib_per_minute: f64,
    /// Mean rate as a share of the peak.
    #[serde(default = "default_mean_to_peak")]
    #[schemars(range(min = 0.01, max = 1.0))]
    pub mean_to_peak: f64,
    /// Objects that arrive per minute at the peak.
    #[serde(default = "default_files_per_minute")]
    #[schemars(range(min = 0.01, max = 10000.0))]
    pub files_per_minute: f64,
    /// How messages are separated in an object.
    #[serde(default)]
    pub framing: Framing,
    /// PEM bundle with the certificate authority of the devices, whose certificates upload; path relative to the tenant's
    /// file.
    pub client_ca: PathBuf,
    /// PEM file with the revocation list of the devices' authority; path relative to the tenant's file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_crl: Option<PathBuf>,
    /// Addresses from which investigators may reach the search dashboards.
    #[serde(default)]
    #[schemars(schema_with = "blocks_schema")]
    pub allow_from: Vec<Ipv4Network>,
    /// How records find their dataset.
    #[serde(default, skip_serializing_if = "Datasets::is_default")]
    pub datasets: Datasets,
    /// Percentage of a part's records: where at least so many are rejected, the part is parked as well.
    #[serde(default = "default_rejects_park_percent")]
    #[schemars(range(min = 1, max = 100))]
    pub rejects_park_percent: u8,
}

fn default_rejects_park_percent() -> u8 {
    50
}

/// How records find their dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Datasets {
    /// Where a record's dataset is looked for; the first that has one decides.
    #[schemars(length(min = 1, max = 3), extend("uniqueItems" = true))]
    pub order: Vec<DatasetSource>,
    /// Datasets by the keys of objects behind `in/`; the first pattern that matches decides.
    #[schemars(length(max = 12))]
    pub patterns: Vec<DatasetPattern>,
}

impl Default for Datasets {
    fn default() -> Self {
        Self { order: vec![DatasetSource::Record, DatasetSource::Patterns, DatasetSource::Key], patterns: Vec::new() }
    }
}

impl Datasets {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Where a record's dataset is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DatasetSource {
    /// The record's own `_path`.
    Record,
    /// `patterns`.
    Patterns,
    /// The last segment of the object's key: `conn` of `conn.10:00:00-11:00:00.log.gz`.
    Key,
}

impl fmt::Display for DatasetSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Record => "record",
            Self::Patterns => "patterns",
            Self::Key => "key",
        })
    }
}

/// Objects of one dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetPattern {
    /// The whole key behind `in/`: `*` is any text, `?` any character, such as `*/edge/flows*`.
    #[schemars(regex(pattern = r"^[^;=\s]{1,80}$"))]
    pub keys: String,
    /// Lower-case letters, digits, `_` and `-`.
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9_-]{0,38}[a-z0-9])?$"))]
    pub dataset: String,
}

/// Who may open the search dashboards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dashboards {
    /// PEM bundle with the certificate authority of the investigators, which is not that of the devices; path relative to
    /// the tenant's file.
    pub client_ca: PathBuf,
    /// PEM file with the revocation list of the investigators' authority; path relative to the tenant's file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_crl: Option<PathBuf>,
}

fn default_mean_to_peak() -> f64 {
    0.5
}

fn default_files_per_minute() -> f64 {
    1.0
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    #[default]
    Newline,
    LengthPrefixed,
    JsonArray,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Search {
    #[serde(default = "default_retention_days")]
    #[schemars(range(min = 1, max = 3650))]
    pub retention_days: u32,
    /// Copies of each index beside the primary.
    #[serde(default = "default_replicas")]
    #[schemars(range(min = 0, max = 2))]
    pub replicas: u8,
    /// Bytes on disk per byte ingested, before replicas.
    #[serde(default = "default_index_ratio")]
    #[schemars(range(min = 0.01, max = 10.0))]
    pub index_ratio: f64,
    /// Which datasets have indices of their own, of how many shards and hours.
    #[serde(default, skip_serializing_if = "Indices::is_default")]
    pub indices: Indices,
}

/// The indices of the search domain: one for each dataset and day, unless this says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Indices {
    /// Datasets with indices of their own; all others share one, so that a device's names cannot make indices without bound.
    #[schemars(length(max = 20), extend("uniqueItems" = true))]
    #[schemars(inner(regex(pattern = r"^(?!other$)[a-z0-9]([a-z0-9_-]{0,38}[a-z0-9])?$")))]
    pub own: Vec<String>,
    /// Primary shards of a dataset's indices, 1 where nothing is said; `other` is what the rest shares. A shard should stay
    /// below 50 GiB.
    #[schemars(schema_with = "shards_schema")]
    pub shards: BTreeMap<String, u8>,
    /// Hours of a dataset's indices, 24 where nothing is said, for datasets that would fill a shard in a day.
    #[schemars(schema_with = "hours_schema")]
    pub hours: BTreeMap<String, u8>,
}

impl Default for Indices {
    fn default() -> Self {
        let own = ["conn", "dns", "http", "ssl", "files"].map(str::to_owned).to_vec();
        Self { own, shards: BTreeMap::new(), hours: BTreeMap::new() }
    }
}

/// The dataset name of the index that datasets without one of their own share.
pub const SHARED_INDEX: &str = "other";

impl Indices {
    /// Primary shards that the indices of one day have.
    pub fn shards_per_day(&self) -> u64 {
        let own = self.own.iter().map(String::as_str).chain([SHARED_INDEX]);
        let shards = own.map(|dataset| {
            let hours = self.hours.get(dataset).copied().unwrap_or(24).clamp(1, 24);
            u64::from(self.shards.get(dataset).copied().unwrap_or(1)) * u64::from(24 / hours)
        });
        shards.sum()
    }

    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Numbers by dataset; the functions' environment has room for 4 KiB, which bounds how many.
fn by_dataset(values: &serde_json::Value) -> Schema {
    json_schema!({
        "type": "object",
        "propertyNames": { "pattern": r"^[a-z0-9]([a-z0-9_-]{0,38}[a-z0-9])?$" },
        "additionalProperties": values,
        "maxProperties": 12,
    })
}

fn shards_schema(_: &mut SchemaGenerator) -> Schema {
    by_dataset(&serde_json::json!({ "type": "integer", "minimum": 1, "maximum": 64 }))
}

fn hours_schema(_: &mut SchemaGenerator) -> Schema {
    by_dataset(&serde_json::json!({ "enum": [1, 2, 3, 4, 6, 8, 12, 24] }))
}

fn default_retention_days() -> u32 {
    30
}

fn default_replicas() -> u8 {
    1
}

fn default_index_ratio() -> f64 {
    0.12
}

impl Default for Search {
    fn default() -> Self {
        Self {
            retention_days: default_retention_days(),
            replicas: default_replicas(),
            index_ratio: default_index_ratio(),
            indices: Indices::default(),
        }
    }
}

/// Derived numbers that a spec may pin. Names and units are those of `tenantry explain NAME`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Overrides {
    #[schemars(range(min = 128, max = 10240))]
    pub splitter_memory_mib: Option<u32>,
    #[schemars(range(min = 1, max = 900))]
    pub splitter_timeout_seconds: Option<u32>,
    /// At least 3: retries may take two at once, and one is left for new work.
    #[schemars(range(min = 3, max = 100_000))]
    pub splitter_concurrency: Option<u32>,
    #[schemars(range(min = 128, max = 10240))]
    pub ingest_memory_mib: Option<u32>,
    #[schemars(range(min = 1, max = 900))]
    pub ingest_timeout_seconds: Option<u32>,
    /// At least 3: retries may take two at once, and one is left for new work.
    #[schemars(range(min = 3, max = 100_000))]
    pub ingest_concurrency: Option<u32>,
    #[schemars(range(min = 1, max = 1024))]
    pub part_mib: Option<u32>,
    #[schemars(regex(pattern = r"^[a-z0-9]+\.[a-z0-9]+\.search$"))]
    pub search_instance_type: Option<String>,
    #[schemars(range(min = 1, max = 400))]
    pub search_data_nodes: Option<u32>,
    #[schemars(range(min = 10, max = 24576))]
    pub search_volume_gib: Option<u32>,
    #[schemars(range(min = 16, max = 28))]
    pub lambda_subnet_prefix: Option<u8>,
    #[schemars(range(min = 16, max = 28))]
    pub green_subnet_prefix: Option<u8>,
    #[schemars(range(min = 16, max = 28))]
    pub amber_subnet_prefix: Option<u8>,
    #[schemars(range(min = 16, max = 28))]
    pub red_subnet_prefix: Option<u8>,
}
