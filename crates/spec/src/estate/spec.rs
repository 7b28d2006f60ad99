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
    #[serde(rename = "apiVersion")]
    pub api_version: ApiVersion,
    /// Versions of tenantry that may work on the estate, as Cargo writes requirements: `>=0.3, <0.5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub required_version: Option<String>,
    /// Short name of the organisation: the first part of every global name. Lower case letters, digits and hyphens.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9-]{1,14}[a-z0-9]$"))]
    pub organisation: String,
    /// Tells this estate's stacks from those of another estate of the organisation; `tenantry init` writes one. Without
    /// it the id follows from the organisation and the control plane's account and region. Never changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "EstateId")]
    pub estate_id: Option<EstateId>,
    /// Id of the AWS organization that all accounts belong to, such as `o-a1b2c3d4e5`: the control plane then lets in the
    /// organization instead of a list of accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", regex(pattern = r"^o-[a-z0-9]{10,32}$"))]
    pub aws_organization_id: Option<String>,
    /// Where the control plane's central parts live (log destination, observability sink, page topic).
    pub control_plane: ControlPlane,
    /// How alarms page the on-call engineer. Without it `tenantry watch` warns that nothing pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Paging")]
    pub paging: Option<Paging>,
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
    /// Tenants whose stack was destroyed, with the place where it was: without a stack there they are as they should be, and
    /// only a deploy that names them brings them back. `tenantry destroy` writes them, such a deploy and `tenantry new`
    /// remove them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub offboarded: BTreeMap<TenantName, Offboarded>,
    /// Release rings, first to last.
    #[schemars(length(min = 1))]
    pub rings: Vec<Ring>,
    /// Days on which nothing is released.
    #[serde(default)]
    pub freezes: Vec<Freeze>,
    /// Defaults for every field of a tenant; a tenant's own file wins.
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
    pub account: AccountId,
    pub region: Region,
}

/// A paging service with PagerDuty's APIs. Escalation and deadlines are the service's; `tenantry watch` checks that its
/// pages arrive and are acknowledged. Its keys are two secrets of Secrets Manager in the control plane's account and Region:
/// `ORGANISATION/pages/routing-key` is the routing key of an Events API v2 integration, and `ORGANISATION/pages/api-token` a
/// read-only token of the REST API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Paging {
    /// Where alarms of the paging path itself go: they must not depend on the path that they watch.
    #[schemars(regex(pattern = r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$"))]
    pub fallback_email: String,
    /// Alarms that wait for working hours, by name with `*` for any characters (`*-rejects`): they page with severity
    /// `warning`, all others with `critical`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "alarm_patterns_schema")]
    pub low_urgency: Vec<String>,
    /// Minutes in which a page must be acknowledged.
    #[serde(default = "default_acknowledge_minutes")]
    #[schemars(range(min = 1, max = 1440))]
    pub acknowledge_minutes: u32,
    /// Where the Events API v2 listens.
    #[serde(default = "default_events_url")]
    #[schemars(with = "PageUrl")]
    pub events_url: String,
    /// Where the REST API listens; HTTP without TLS on this machine only.
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
    /// A name for people.
    pub name: String,
    /// Name of the role that Tenantry assumes in this account; without it the caller's own credentials are used.
    #[serde(default)]
    #[schemars(with = "RoleName")]
    pub role: Option<RoleName>,
    /// External id to present when assuming `role`.
    #[serde(default)]
    #[schemars(with = "ExternalId")]
    pub external_id: Option<ExternalId>,
    /// The public hosted zone below which every tenant gets a host name.
    pub dns: Dns,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dns {
    /// Domain of the hosted zone, such as `tenants.example.com`.
    pub zone: DomainName,
    /// Id of the Route 53 hosted zone.
    #[schemars(regex(pattern = r"^Z[A-Z0-9]{1,31}$"))]
    pub hosted_zone_id: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RegionSpec {
    /// Usable availability zones by id (`euw1-az1`), in the order in which tenants use them. Names such as
    /// `eu-west-1a` mean different zones in different accounts, ids do not.
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
    /// The addresses are public ones that the organisation owns.
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

/// The place of a stack that was destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Offboarded {
    pub account: AccountId,
    pub region: Region,
}

/// One tenant, with the fleet's defaults merged in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct TenantSpec {
    #[serde(rename = "apiVersion")]
    pub api_version: ApiVersion,
    pub account: AccountId,
    pub region: Region,
    pub ring: RingName,
    pub contact: Contact,
    pub network: Network,
    /// Where the tenant moves away from, while its old stack still exists; `tenantry move` writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<MovedFrom>,
    /// Values for flags of the catalogue, by key.
    #[serde(default)]
    pub flags: BTreeMap<String, serde_json::Value>,
    /// Tags of the company's own on everything of the stack, such as a cost centre.
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
    pub page: PageUrl,
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
