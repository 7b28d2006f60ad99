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
use tenantry_checks::capacity::{Seen, Within};
use tenantry_checks::cost::Load;
use tenantry_checks::flow::Flow;

/// A fleet at one moment.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    pub organisation: String,
    /// The release that git's templates were rendered as.
    pub release: String,
    /// Seconds since 1970.
    pub made_at: i64,
    /// Why AWS was not asked.
    pub not_asked: Option<String>,
    /// Date of the table of prices.
    pub prices_of: String,
    /// First to last.
    pub rings: Vec<Ring>,
    /// The latest roll; None before the first, and where AWS was not asked.
    #[serde(default)]
    pub roll: Option<Roll>,
    pub pools: Vec<Pool>,
    pub places: Vec<Headroom>,
    /// By name.
    pub tenants: Vec<Tenant>,
    /// Orphaned stacks; None where they were not looked for.
    pub orphans: Option<Vec<Orphan>>,
    /// What could not be read beside the tenants' stacks, and why: stacks of a place, the latest roll.
    pub unread: Vec<String>,
}

/// How something is, in a word, the worst first; pages show it by colour and sign beside the word.
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
    pub name: String,
    /// How many tenants have a release after each wave.
    pub waves: Vec<usize>,
    pub bake: String,
    pub gates: Vec<String>,
}

/// The latest roll of a release through the rings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Roll {
    pub release: String,
    /// Seconds since 1970.
    pub began: i64,
    /// `done`, `under way`, or what it was halted or paused for.
    pub state: String,
    pub mark: Mark,
    /// Its last steps, the newest first.
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Seconds since 1970.
    pub at: i64,
    pub what: String,
}

/// A pool of addresses and what is taken of it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Pool {
    pub name: String,
    #[schemars(with = "String")]
    pub cidr: Ipv4Network,
    /// Prefix length of the block that a tenant gets.
    pub tenant_prefix: u8,
    /// Empty for all.
    pub regions: Vec<String>,
    /// Blocks of that length that are free.
    pub free: u64,
    /// Sorted by address.
    pub blocks: Vec<Block>,
}

/// A block that is taken.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Block {
    #[schemars(with = "String")]
    pub cidr: Ipv4Network,
    pub holder: Holder,
    /// The tenant, the subnet, or why it is reserved.
    pub name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Holder {
    Tenant,
    /// The old place of a tenant that moves.
    Moving,
    /// Something of a former tenant may still be there.
    Retired,
    Reserved,
    Subnet,
}

/// How far an account and Region reach.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Headroom {
    pub account: String,
    /// None for what counts over all Regions of the account.
    pub region: Option<String>,
    pub tenants: u64,
    /// How many more average tenants fit; None where nothing that is counted stops them.
    pub more: Option<u64>,
    /// What stops them.
    pub binds: Option<String>,
    /// Usage was not known everywhere: `more` is an upper bound.
    pub upper_bound: bool,
    /// The quota that stops the fleet first when every tenant of the estate stands here.
    pub limiting: Option<Quota>,
    /// Worst first.
    pub quotas: Vec<Quota>,
}

/// A quota of a place.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Quota {
    pub id: String,
    pub name: String,
    pub within: Within,
    pub used: Seen<u64>,
    /// Used with every tenant of the report in place.
    pub after: u64,
    pub limit: u64,
    pub percent: u64,
    pub adjustable: bool,
    pub mark: Mark,
}

/// A stack that git does not name.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Orphan {
    pub stack: String,
    pub tenant: String,
    pub account: String,
    pub region: String,
    pub status: String,
    pub why: String,
    /// US dollars a month, where that is known.
    pub usd: Option<f64>,
}

/// A tenant with everything on its page.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Tenant {
    pub name: TenantName,
    pub ring: String,
    pub account: String,
    pub region: String,
    pub stack: String,
    pub timezone: String,
    /// Digest of git's template.
    pub digest: String,
    pub state: State,
    pub live: Seen<Live>,
    pub checked: Option<Checked>,
    /// Whether it may be changed now, else since when and why not.
    pub opening: String,
    pub network: Network,
    /// How many resources of each group.
    pub resources: Vec<(String, usize)>,
    pub flow: Flow,
    pub alarms: Vec<Alarm>,
    pub cost: Cost,
    pub flags: Vec<Flag>,
    /// What its stack takes of quotas, by their ids.
    pub takes: BTreeMap<String, Vec<(Within, u64)>>,
    /// The newest first.
    pub history: Vec<Event>,
}

/// One verdict on a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct State {
    pub word: String,
    pub why: String,
    pub mark: Mark,
}

/// What CloudFormation says of the stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// None without a stack.
    pub status: Option<String>,
    pub release: Option<String>,
    pub digest: Option<String>,
    /// Seconds since 1970.
    pub updated: Option<i64>,
}

/// The last drift check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Checked {
    /// Seconds since 1970.
    pub at: i64,
    pub verdict: String,
    /// Differences that are not accepted.
    pub open: usize,
    pub worst: Option<String>,
    pub mark: Mark,
    /// The worst of them.
    #[serde(default)]
    pub differences: Vec<Difference>,
}

/// A difference that the last drift check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    pub severity: String,
    pub code: String,
    /// `modified`, `deleted`, `added` or `unmanaged`.
    pub kind: String,
    /// Logical id, else physical id.
    pub resource: String,
    pub resource_type: String,
    /// Of the property, as in the template.
    pub path: String,
    /// Who did it, if CloudTrail says.
    pub by: Option<String>,
}

/// A tenant's network: tiers of subnets, each with one in each zone.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Network {
    #[schemars(with = "String")]
    pub cidr: Ipv4Network,
    /// Ids of zones.
    pub zones: Vec<String>,
    pub tiers: Vec<Tier>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Tier {
    pub name: String,
    /// Where its route table leads: `internet`, `NAT gateway`, `nowhere outside the VPC`.
    pub routes: String,
    /// One for each zone, in the order of the network's zones.
    pub subnets: Vec<Option<Subnet>>,
}

/// A subnet and its addresses.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Subnet {
    pub logical_id: String,
    #[schemars(with = "String")]
    pub cidr: Ipv4Network,
    /// Addresses that resources can take.
    pub usable: u64,
    pub now: Seen<u64>,
    pub at_peak: u64,
    pub zone_lost: u64,
    pub deploying: u64,
    /// At the worst moment.
    pub needed: u64,
    pub percent: u64,
    pub mark: Mark,
    /// What takes addresses, with how many at the worst moment.
    pub owners: Vec<(String, u64)>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Alarm {
    pub logical_id: String,
    pub name: Option<String>,
    pub reason: String,
    pub condition: String,
    /// Logical IDs of what it watches, of what the flow names.
    pub watches: Vec<String>,
    /// What it means, by the handbook.
    pub means: Option<String>,
    pub state: Seen<String>,
}

/// What a tenant costs, US dollars a month.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Cost {
    pub total: Load,
    /// What has no price: the total is a lower bound.
    pub missing: Vec<String>,
    /// The dearest first.
    pub lines: Vec<CostLine>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct CostLine {
    pub service: String,
    pub what: String,
    pub usd: Option<Load>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Flag {
    pub key: String,
    pub value: String,
    /// Why it has this value, in OpenFeature's words.
    pub reason: String,
    pub description: String,
}

/// What a run did to the tenant.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    pub at: String,
    pub by: String,
    pub command: String,
    pub release: String,
    pub outcome: String,
}
