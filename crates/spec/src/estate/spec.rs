//! What people write: the types of `fleet.yaml` and of a tenant's file, as they are after the defaults are merged.
//!
//! The JSON Schemas, the reader's checks and the reference in the handbook are all generated from these types.
//! Units are part of the names. What these types do not name is the blueprint's: sections of a tenant's file
//! ([`TenantSpec::parameters`]) and facts of a Region ([`RegionSpec::facts`]), whose schemas are added to those of the types.

use std::collections::BTreeMap;

use ipnetwork::Ipv4Network;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use tenantry_base::digest::sha256;
use tenantry_base::ids::{
    AccountId, DomainName, EstateId, ExternalId, PageUrl, Region, RingName, RoleName, TenantName, ZoneId,
};

pub use super::rings::{Freeze, Gate, GateCommand, Ring, Share, Window};

/// The version of the estate's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ApiVersion {
    #[serde(rename = "tenantry/v1")]
    V1,
    /// As version 1; estates are made with it since they have a blueprint.
    #[serde(rename = "tenantry/v2")]
    V2,
}

/// `fleet.yaml`: what holds for every tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fleet {
    /// Version of the file's format.
    #[serde(rename = "apiVersion")]
    pub api_version: ApiVersion,
    /// Versions of tenantry that may be used with the estate, in Cargo's syntax: `>=0.3, <0.5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub required_version: Option<String>,
    /// Short name of the organisation: the first part of every global name. Lower case letters, digits and hyphens.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9-]{1,14}[a-z0-9]$"))]
    pub organisation: String,
    /// Distinguishes this estate's stacks from those of another estate of the organisation; `tenantry init` writes one. Without
    /// it the ID is derived from the organisation and the control plane's account and Region. Never change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "EstateId")]
    pub estate_id: Option<EstateId>,
    /// ID of the AWS organization that all accounts belong to, such as `o-a1b2c3d4e5`. The control plane's policies then
    /// allow the organization instead of a list of accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", regex(pattern = r"^o-[a-z0-9]{10,32}$"))]
    pub aws_organization_id: Option<String>,
    /// Where the control plane's central resources are (log destination, observability sink, page topic).
    pub control_plane: ControlPlane,
    /// How alarms page the on-call engineer. Without it, `tenantry watch` warns that alarms do not page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Paging")]
    pub paging: Option<Paging>,
    /// AWS accounts by their 12-digit ID.
    #[schemars(extend("minProperties" = 1))]
    pub accounts: BTreeMap<AccountId, Account>,
    /// Regions where tenants may be deployed.
    #[schemars(extend("minProperties" = 1))]
    pub regions: BTreeMap<Region, RegionSpec>,
    /// Address pools from which tenants' blocks are allocated, in order of preference.
    #[schemars(length(min = 1))]
    pub pools: Vec<Pool>,
    /// Address ranges that are never allocated.
    #[serde(default)]
    pub reserved: Vec<Reserved>,
    /// Blocks of former tenants that may still contain resources: `new` does not allocate them. `tenantry destroy`
    /// writes them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub retired: BTreeMap<String, Retired>,
    /// Tenants whose stack was destroyed, with its account and Region. A missing stack is then not drift, and only a deploy
    /// that names the tenant creates it again. `tenantry destroy` writes entries; such a deploy and `tenantry new` remove
    /// them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub offboarded: BTreeMap<TenantName, Offboarded>,
    /// Release rings, first to last.
    #[schemars(length(min = 1))]
    pub rings: Vec<Ring>,
    /// Freezes: periods without rollouts.
    #[serde(default)]
    pub freezes: Vec<Freeze>,
    /// Defaults for the fields of tenants' files; a tenant's own file takes precedence.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub defaults: Map<String, Value>,
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
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ControlPlane {
    /// The central account.
    pub account: AccountId,
    /// Region of the central resources.
    pub region: Region,
}

/// A paging service with PagerDuty's APIs. Escalation and deadlines are the service's; `tenantry watch` checks that its
/// pages arrive and are acknowledged. Its keys are two secrets of Secrets Manager in the control plane's account and Region:
/// `ORGANISATION/pages/routing-key` is the routing key of an Events API v2 integration, and `ORGANISATION/pages/api-token` a
/// read-only token of the REST API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Paging {
    /// Email address for alarms on the paging path itself, which must not depend on that path.
    #[schemars(regex(pattern = r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$"))]
    pub fallback_email: String,
    /// Alarms that page during working hours only, by name with `*` for any characters (`*-rejects`): their severity is
    /// `warning`, that of all others `critical`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "alarm_patterns_schema")]
    pub low_urgency: Vec<String>,
    /// Minutes within which a page must be acknowledged.
    #[serde(default = "default_acknowledge_minutes")]
    #[schemars(range(min = 1, max = 1440))]
    pub acknowledge_minutes: u32,
    /// URL of the Events API v2.
    #[serde(default = "default_events_url")]
    #[schemars(with = "PageUrl")]
    pub events_url: String,
    /// URL of the REST API; HTTP without TLS on loopback only.
    #[serde(default = "default_api_url")]
    #[schemars(regex(
        pattern = r"^(https://[A-Za-z0-9.-]+\.[A-Za-z]{2,}|http://127\.0\.0\.1)(:[1-9][0-9]{0,4})?(/[A-Za-z0-9._~-]+)*$"
    ))]
    pub api_url: String,
}

fn default_acknowledge_minutes() -> u32 {
    15
}

/// Source: PagerDuty Developer Documentation, "Events API v2 Overview".
fn default_events_url() -> String {
    "https://events.pagerduty.com/v2/enqueue".to_owned()
}

/// Source: PagerDuty Developer Documentation, "REST API v2 Overview".
fn default_api_url() -> String {
    "https://api.pagerduty.com".to_owned()
}

/// A wildcard of EventBridge takes no `**`. Source: Amazon EventBridge User Guide, "Comparison operators".
fn alarm_patterns_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": { "type": "string", "pattern": r"^(?!.*\*\*)[A-Za-z0-9._*-]{1,255}$" },
        "maxItems": 50,
    })
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Display name.
    pub name: String,
    /// Name of the role that Tenantry assumes in this account; without it the caller's own credentials are used.
    #[serde(default)]
    #[schemars(with = "RoleName")]
    pub role: Option<RoleName>,
    /// External ID for assuming `role`.
    #[serde(default)]
    #[schemars(with = "ExternalId")]
    pub external_id: Option<ExternalId>,
    /// Public hosted zone of the tenants' host names.
    pub dns: Dns,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dns {
    /// Domain of the hosted zone, such as `tenants.example.com`.
    pub zone: DomainName,
    /// ID of the Route 53 hosted zone.
    #[schemars(regex(pattern = r"^Z[A-Z0-9]{1,31}$"))]
    pub hosted_zone_id: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RegionSpec {
    /// Usable Availability Zones by AZ ID (`euw1-az1`), in the order in which tenants use them. Names such as
    /// `eu-west-1a` mean different zones in different accounts, IDs do not.
    #[schemars(length(min = 1))]
    pub zones: Vec<ZoneId>,
    /// What the blueprint declares in `region_facts`.
    #[serde(flatten)]
    #[schemars(skip)]
    pub facts: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Name of the pool, unique in the fleet.
    pub name: String,
    /// IPv4 CIDR block, such as `10.16.0.0/12`.
    #[schemars(schema_with = "block_schema")]
    pub cidr: Ipv4Network,
    /// Default prefix length of a tenant's block.
    #[serde(default = "default_tenant_prefix")]
    #[schemars(range(min = 16, max = 28))]
    pub tenant_prefix: u8,
    /// Only for tenants in these Regions; empty means all.
    #[serde(default)]
    pub regions: Vec<Region>,
    /// The pool has public addresses that the organisation owns.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub public: bool,
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

/// Tags of a stack, which CloudFormation gives to its resources. A resource has 50 tags at most; the tool takes four, and
/// partials name a few more. Sources: AWS CloudFormation API Reference, "Tag"; Tagging AWS Resources User Guide, "Tag naming
/// limits and requirements".
fn tags_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "description": "Tags of the company's own on everything of the stack, such as a cost centre",
        "propertyNames": {
            "pattern": r"^(?![aA][wW][sS]:|tenantry:)[\p{L}\p{Z}\p{N}_.:/=+@-]+$",
            "maxLength": 128,
            "description": "1 to 128 letters, digits, blanks and `_.:/=+-@`, and not `aws:` or `tenantry:` first",
        },
        "additionalProperties": { "type": "string", "pattern": r"^[\p{L}\p{Z}\p{N}_.:/=+@-]*$", "maxLength": 256 },
        "maxProperties": 40,
    })
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
    /// IPv4 CIDR block from which no tenant's block is allocated.
    #[schemars(schema_with = "block_schema")]
    pub cidr: Ipv4Network,
    /// What the block is for.
    pub reason: String,
}

/// The block of a deleted stack whose VPC was retained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retired {
    /// Name of the former tenant.
    pub tenant: String,
    /// IPv4 CIDR block of the retained VPC.
    #[schemars(schema_with = "block_schema")]
    pub cidr: Ipv4Network,
    /// Account ID of the retained VPC.
    pub account: AccountId,
    /// Region of the retained VPC.
    pub region: Region,
}

/// Account and Region of a deleted stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Offboarded {
    /// Account ID of the deleted stack.
    pub account: AccountId,
    /// Region of the deleted stack.
    pub region: Region,
}

/// One tenant, with the fleet's defaults merged in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct TenantSpec {
    /// Version of the file's format.
    #[serde(rename = "apiVersion")]
    pub api_version: ApiVersion,
    /// Account ID of the stack, one of `accounts` in `fleet.yaml`.
    pub account: AccountId,
    /// Region of the stack, one of `regions` in `fleet.yaml`.
    pub region: Region,
    /// Release ring, one of `rings` in `fleet.yaml`.
    pub ring: RingName,
    /// Whom the tenant's alarms and notices reach.
    pub contact: Contact,
    /// The tenant's VPC.
    pub network: Network,
    /// Old account and Region of a tenant that is being moved, while its old stack exists; `tenantry move` writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<MovedFrom>,
    /// The tenant's own values of flags, by key.
    #[serde(default)]
    pub flags: BTreeMap<String, serde_json::Value>,
    /// Additional stack tags, such as a cost centre; CloudFormation propagates them to resources that support tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "tags_schema")]
    pub tags: BTreeMap<String, String>,
    /// The blueprint's sections, `overrides` among them, with its defaults filled in.
    #[serde(flatten)]
    #[schemars(skip)]
    pub parameters: Map<String, Value>,
}

impl TenantSpec {
    /// The value of a parameter, such as `web.requests_per_second`.
    pub fn parameter(&self, path: &str) -> Option<&Value> {
        let mut steps = path.split('.');
        let section = self.parameters.get(steps.next()?)?;
        steps.try_fold(section, |value, step| value.get(step)).filter(|value| !value.is_null())
    }

    /// Sets a parameter; what is around it is made where it is absent.
    pub fn set_parameter(&mut self, path: &str, value: impl Into<Value>) {
        put(&mut self.parameters, path, value.into());
    }
}

/// Puts a value at a dotted path, with the maps around it.
pub fn put(map: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => drop(map.insert(path.to_owned(), value)),
        Some((first, rest)) => {
            let inside = map.entry(first).or_insert(Value::Null);
            if !inside.is_object() {
                *inside = Value::Object(Map::new());
            }
            if let Value::Object(inside) = inside {
                put(inside, rest, value);
            }
        }
    }
}

/// Old account and Region of a tenant that is being moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MovedFrom {
    /// Account ID of the old stack.
    pub account: AccountId,
    /// Region of the old stack.
    pub region: Region,
    /// Block of the old stack's VPC, which stays allocated.
    #[schemars(schema_with = "vpc_schema")]
    pub cidr: Ipv4Network,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// IANA time zone of the customer, such as `Europe/Zagreb`.
    pub timezone: String,
    /// HTTPS endpoint that receives this tenant's pages.
    pub page: PageUrl,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// The tenant's VPC: an IPv4 block of /16 to /28, such as `10.17.0.0/18`.
    ///
    /// Allocated by `tenantry new`, then never changed.
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
