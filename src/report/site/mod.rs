//! The report: a fleet and each of its tenants at one moment, as a value and as a static site.
//!
//! In: what the estate says and what AWS answered, as [`Report`]. Out: files of a site ([`pages`]). The value is what
//! `tenantry report -o json` prints and `--from` reads, so that a site is drawn again without estate, credentials or network.
//! What nobody asked or could not answer is unknown, with the reason.

pub mod blocks;
pub mod network;
pub mod pages;
pub mod pipeline;

use std::collections::BTreeMap;

use ipnetwork::Ipv4Network;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use tenantry_base::ids::TenantName;
use tenantry_checks::capacity::{Measured, Within};
use tenantry_checks::cost::Load;
use tenantry_checks::flow::Flow;

/// A fleet at one moment.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Organisation of the fleet.
    pub organisation: String,
    /// Release as which git's templates were rendered.
    pub release: String,
    /// Seconds since 1970.
    pub made_at: i64,
    /// Why AWS was not read; null if it was.
    pub not_asked: Option<String>,
    /// Date of the price table, `YYYY-MM-DD`.
    pub prices_of: String,
    /// First to last.
    pub rings: Vec<Ring>,
    /// The latest rollout; null before the first, and if AWS was not read.
    #[serde(default)]
    pub roll: Option<Roll>,
    /// Address pools.
    pub pools: Vec<Pool>,
    /// Quotas per account and Region.
    pub places: Vec<Headroom>,
    /// By name.
    pub tenants: Vec<Tenant>,
    /// Orphaned stacks; null if they were not searched for.
    pub orphans: Option<Vec<Orphan>>,
    /// What else could not be read, and why: the stacks of an account and Region, the latest rollout.
    pub unread: Vec<String>,
}

/// A state in one word, most severe first; pages show it with a colour and a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    Bad,
    Unknown,
    Warning,
    Good,
    Quiet,
}

impl Mark {
    /// Its class in the style sheet.
    pub fn class(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Good => "good",
            Self::Quiet => "quiet",
        }
    }

    /// What tells it from the others without colour.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Bad => "✖",
            Self::Unknown => "?",
            Self::Warning => "▲",
            Self::Good => "✔",
            Self::Quiet => "–",
        }
    }
}

/// A ring of the fleet.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Ring {
    /// Name of the ring.
    pub name: String,
    /// Cumulative number of tenants after each wave.
    pub waves: Vec<usize>,
    /// Bake time of each wave, such as `2h`.
    pub bake: String,
    /// Gates of each wave.
    pub gates: Vec<String>,
}

/// The latest rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Roll {
    /// Git tag that is rolled out.
    pub release: String,
    /// Seconds since 1970.
    pub began: i64,
    /// `done`, `under way`, or the reason for the halt or pause.
    pub state: String,
    /// Colour of the state on the page.
    pub mark: Mark,
    /// Latest steps, newest first.
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Seconds since 1970.
    pub at: i64,
    /// The step in one sentence.
    pub what: String,
}

/// An address pool and its allocated blocks.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Pool {
    /// Name of the pool.
    pub name: String,
    /// IPv4 CIDR block of the pool.
    #[schemars(with = "String")]
    pub cidr: Ipv4Network,
    /// Prefix length of a tenant's block.
    pub tenant_prefix: u8,
    /// Regions of the pool; empty means all.
    pub regions: Vec<String>,
    /// Number of free blocks of that length.
    pub free: u64,
    /// Sorted by address.
    pub blocks: Vec<Block>,
}

/// A block that is taken.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Block {
    /// IPv4 CIDR block.
    #[schemars(with = "String")]
    pub cidr: Ipv4Network,
    /// What the block is used for.
    pub holder: Holder,
    /// Tenant, subnet, or reason for the reservation.
    pub name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Holder {
    Tenant,
    /// Old account and Region of a tenant that is being moved.
    Moving,
    /// Something of a former tenant may still be there.
    Retired,
    Reserved,
    Subnet,
}

/// Headroom of an account and Region.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Headroom {
    /// Account ID, 12 digits.
    pub account: String,
    /// Null for quotas that apply to all Regions of the account.
    pub region: Option<String>,
    /// Tenants of the estate there.
    pub tenants: u64,
    /// How many more average tenants fit; null if no counted quota limits them.
    pub more: Option<u64>,
    /// The limiting quota or subnet; null if there is none.
    pub binds: Option<String>,
    /// The usage of some quotas is unknown, so `more` is an upper bound.
    pub upper_bound: bool,
    /// The quota that is exceeded first if every tenant of the estate is deployed here; null if no quota is counted.
    pub limiting: Option<Quota>,
    /// Highest severity first.
    pub quotas: Vec<Quota>,
}

/// A quota of a place.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Quota {
    /// Key of the quota in `policies/quotas.yaml`.
    pub id: String,
    /// Name of the quota, as in Service Quotas.
    pub name: String,
    /// What the quota applies to.
    pub within: Within,
    /// Current usage.
    pub used: Measured<u64>,
    /// Usage with every tenant of the report deployed.
    pub after: u64,
    /// Limit minus what must stay free.
    pub limit: u64,
    /// `after` in percent of `limit`.
    pub percent: u64,
    /// Whether AWS grants increases.
    pub adjustable: bool,
    /// Colour of the row on the page.
    pub mark: Mark,
}

/// A stack that git does not name.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Orphan {
    /// Name of the stack.
    pub stack: String,
    /// Name of the tenant in the stack's tags.
    pub tenant: String,
    /// Account ID, 12 digits.
    pub account: String,
    /// Region code, such as `eu-west-1`.
    pub region: String,
    /// CloudFormation stack status.
    pub status: String,
    /// Why git does not name it.
    pub why: String,
    /// USD a month; null if it is unknown.
    pub usd: Option<f64>,
}

/// A tenant with everything on its page.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Tenant {
    /// Name of the tenant.
    pub name: TenantName,
    /// Release ring.
    pub ring: String,
    /// Account ID, 12 digits.
    pub account: String,
    /// Region code, such as `eu-west-1`.
    pub region: String,
    /// Name of the stack.
    pub stack: String,
    /// IANA time zone of the customer.
    pub timezone: String,
    /// Digest of the template in git.
    pub digest: String,
    /// State of the stack, from all checks.
    pub state: State,
    /// The deployed stack.
    pub live: Measured<Live>,
    /// Last drift check; null if the stack was never checked.
    pub checked: Option<Checked>,
    /// Whether it may change now; if not, when it may, and why.
    pub opening: String,
    /// VPC and subnets.
    pub network: Network,
    /// Number of resources per group.
    pub resources: Vec<(String, usize)>,
    /// How data passes through the stack's resources.
    pub flow: Flow,
    /// Alarms of the template.
    pub alarms: Vec<Alarm>,
    /// Monthly cost.
    pub cost: Cost,
    /// Evaluated flags.
    pub flags: Vec<Flag>,
    /// Quota demand of its stack, by key of the quota.
    pub takes: BTreeMap<String, Vec<(Within, u64)>>,
    /// Newest first.
    pub history: Vec<Event>,
}

/// One verdict on a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct State {
    /// State in one or two words, such as `current`.
    pub word: String,
    /// Reason for the state; empty if the word says it.
    pub why: String,
    /// Colour of the state on the page.
    pub mark: Mark,
}

/// The stack in CloudFormation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// CloudFormation stack status; null without a stack.
    pub status: Option<String>,
    /// Release of the deployed stack; null without a stack.
    pub release: Option<String>,
    /// Digest of the deployed template; null without a stack.
    pub digest: Option<String>,
    /// Seconds since 1970.
    pub updated: Option<i64>,
}

/// The last drift check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Checked {
    /// Seconds since 1970.
    pub at: i64,
    /// Result of the check.
    pub verdict: String,
    /// Number of differences that are not accepted.
    pub open: usize,
    /// Highest severity of the open differences; null if there are none.
    pub worst: Option<String>,
    /// Colour of the result on the page.
    pub mark: Mark,
    /// The open differences with the highest severity.
    #[serde(default)]
    pub differences: Vec<Difference>,
}

/// A difference that the last drift check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// `critical`, `high`, `medium` or `low`.
    pub severity: String,
    /// Class of the drift, `TN55..`.
    pub code: String,
    /// `modified`, `deleted`, `added` or `unmanaged`.
    pub kind: String,
    /// Logical ID, or the physical ID of an unmanaged resource.
    pub resource: String,
    /// CloudFormation resource type, such as `AWS::S3::Bucket`.
    pub resource_type: String,
    /// Path of the property, as in the template.
    pub path: String,
    /// User or role session that changed it; null if CloudTrail has no event.
    pub by: Option<String>,
}

/// A tenant's network: tiers of subnets, each with one in each zone.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Network {
    /// IPv4 CIDR block of the VPC.
    #[schemars(with = "String")]
    pub cidr: Ipv4Network,
    /// AZ IDs.
    pub zones: Vec<String>,
    /// From the internet inwards.
    pub tiers: Vec<Tier>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Tier {
    /// Name of the tier in the blueprint.
    pub name: String,
    /// Default route of its route table: `internet`, `NAT gateway`, `nowhere outside the VPC`.
    pub routes: String,
    /// One per Availability Zone, in the order of `zones`.
    pub subnets: Vec<Option<Subnet>>,
}

/// A subnet and its addresses.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Subnet {
    /// Logical ID in the template.
    pub logical_id: String,
    /// IPv4 CIDR block of the subnet.
    #[schemars(with = "String")]
    pub cidr: Ipv4Network,
    /// Usable addresses: those of the block without the five that AWS reserves.
    pub usable: u64,
    /// Addresses in use.
    pub now: Measured<u64>,
    /// Address demand at the workload's peak.
    pub at_peak: u64,
    /// Address demand at the peak with one Availability Zone lost.
    pub zone_lost: u64,
    /// Address demand at the peak during a deployment.
    pub deploying: u64,
    /// Peak demand: addresses at the peak, with a zone lost and a deployment in progress.
    pub needed: u64,
    /// `needed` in percent of `usable`.
    pub percent: u64,
    /// Colour of the subnet on the page.
    pub mark: Mark,
    /// Peak demand by kind of resource.
    pub owners: Vec<(String, u64)>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Alarm {
    /// Logical ID in the template.
    pub logical_id: String,
    /// Name of the alarm; null if CloudFormation generates it.
    pub name: Option<String>,
    /// Description of the alarm.
    pub reason: String,
    /// Metric, comparison and evaluation periods.
    pub condition: String,
    /// Logical IDs of the watched resources that are part of the flow.
    pub watches: Vec<String>,
    /// Meaning of the alarm, from the handbook; null if it has no entry.
    pub means: Option<String>,
    /// CloudWatch state.
    pub state: Measured<String>,
}

/// What a tenant costs, US dollars a month.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Cost {
    /// Sum of the lines, USD a month.
    pub total: Load,
    /// Items without a price; if there are any, the total is a lower bound.
    pub missing: Vec<String>,
    /// Highest cost first.
    pub lines: Vec<CostLine>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct CostLine {
    /// Name of the AWS service on the bill.
    pub service: String,
    /// What is billed.
    pub what: String,
    /// USD a month; null if the quantity or the price is unknown.
    pub usd: Option<Load>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Flag {
    /// Key of the flag.
    pub key: String,
    /// Value as text.
    pub value: String,
    /// OpenFeature's reason.
    pub reason: String,
    /// Description from the catalogue.
    pub description: String,
}

/// A run that changed the tenant.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Start of the run, RFC 3339.
    pub at: String,
    /// `user@host` of the run.
    pub by: String,
    /// Command that started the run, such as `deploy`.
    pub command: String,
    /// Release that the run deployed.
    pub release: String,
    /// How the run ended for this tenant.
    pub outcome: String,
}
