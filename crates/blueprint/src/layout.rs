//! The subnets of one stack: for each tier one in each zone, cut from the tenant's block.
//!
//! Subnets are packed largest first, each aligned to its own size, so that nothing is lost between them. A subnet that
//! exists cannot change its size, so it must not follow the workload up and down: each tier gets its fixed share of the
//! block, whatever the demand, as long as the demand fits into it; a tier that needs more gets more. A block too small for
//! shares is divided by the demand alone. Which of the two it is, the workload does not decide: so more of it never makes a
//! subnet smaller, it only stops fitting.

use ipnetwork::Ipv4Network;

use crate::addresses::{RESERVED, size, usable};
use crate::evaluate::{Evaluation, Inputs};
use crate::model::{Blueprint, NetworkRules};

/// Largest and smallest VPC. Source: Amazon VPC User Guide, "VPC CIDR blocks".
const LARGEST_PREFIX: u8 = 16;
const SMALLEST_PREFIX: u8 = 28;

/// One subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subnet {
    pub block: Ipv4Network,
    /// Addresses that it must hold, without AWS's five and without room to grow.
    pub demand: u64,
}

/// The subnets of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    pub block: Ipv4Network,
    /// By zone, then by tier as [`Blueprint::tiers`] has them.
    pub zones: Vec<Vec<Subnet>>,
}

/// Why subnets cannot be laid out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    #[error("`{block}` is too small: the subnets need a /{needed}")]
    TooSmall { block: Ipv4Network, needed: u8 },
    #[error("the subnets need {addresses} addresses, more than the largest VPC (a /16) has")]
    TooLarge { addresses: u64, depends_on: Vec<String> },
    #[error("`{block}` cannot be the block of a VPC: AWS takes /16 to /28")]
    NotAVpc { block: Ipv4Network },
    #[error("a tenant needs at least two zones, not {0}")]
    Zones(usize),
    #[error("the `{tier}` subnets are pinned to /{prefix}, which holds {usable} addresses and not {needed}")]
    Pinned { tier: String, prefix: u8, usable: u64, needed: u64 },
    #[error("the addresses of tier `{tier}` are unknown: its formula has no value")]
    Unknown { tier: String },
}

impl LayoutError {
    /// Route of the tenant's field to change.
    pub fn route(&self) -> String {
        match self {
            Self::TooSmall { .. } | Self::NotAVpc { .. } => "network.cidr".to_owned(),
            Self::TooLarge { depends_on, .. } => {
                depends_on.first().cloned().unwrap_or_else(|| "network.cidr".to_owned())
            }
            Self::Zones(_) => "network.zones".to_owned(),
            Self::Pinned { tier, .. } => format!("overrides.{tier}_subnet_prefix"),
            Self::Unknown { .. } => String::new(),
        }
    }
}

/// What one tier must hold in each zone.
#[derive(Debug, Clone, Copy)]
struct Demand {
    addresses: u64,
    pinned: Option<u8>,
    share_bits: u8,
    depends_on_workload: bool,
    rules: NetworkRules,
}

impl Demand {
    /// Prefix length of the smallest subnet that holds the demand with room to grow, or what the tenant pins.
    fn prefix(&self) -> u8 {
        self.pinned.unwrap_or_else(|| {
            let grown = self.addresses.saturating_mul(100 + self.rules.headroom_percent).div_ceil(100);
            let needed = grown.saturating_add(RESERVED);
            let bits = needed.checked_next_power_of_two().map_or(32, u64::trailing_zeros);
            32_u8.saturating_sub(u8::try_from(bits).unwrap_or(32)).min(self.rules.smallest_prefix)
        })
    }

    /// Prefix length of the tier's share. The zones' parts are a power of two.
    fn share(&self, block: u8, zones: usize) -> u8 {
        let zone_bits = u8::try_from(zones.next_power_of_two().trailing_zeros()).unwrap_or(u8::MAX);
        block.saturating_add(zone_bits).saturating_add(self.share_bits).min(self.rules.smallest_prefix)
    }
}

impl Blueprint {
    /// Lays the subnets of a stack out in `zones` zones of a block.
    ///
    /// # Errors
    /// A block that is too small (with the prefix length that would do), a prefix length that is pinned and too small, or
    /// fewer than two zones.
    pub fn lay_out(
        &self,
        evaluation: &Evaluation<'_>,
        inputs: &Inputs,
        block: Ipv4Network,
        zones: usize,
    ) -> Result<Layout, LayoutError> {
        if zones < 2 {
            return Err(LayoutError::Zones(zones));
        }
        if !(LARGEST_PREFIX..=SMALLEST_PREFIX).contains(&block.prefix()) {
            return Err(LayoutError::NotAVpc { block });
        }
        let demands = self.demands(evaluation, inputs)?;
        for (tier, demand) in self.tiers.iter().zip(&demands).filter(|(_, demand)| demand.pinned.is_some()) {
            let (prefix, needed) = (demand.prefix(), demand.addresses);
            if usable(prefix) < needed {
                let tier = tier.name.clone();
                return Err(LayoutError::Pinned { tier, prefix, usable: usable(prefix), needed });
            }
        }
        match divide(block.prefix(), &demands, zones) {
            Some(wanted) => place(block, &wanted, &demands, zones),
            None => Err(self.too_small(block, &demands, zones)),
        }
    }

    fn demands(&self, evaluation: &Evaluation<'_>, inputs: &Inputs) -> Result<Vec<Demand>, LayoutError> {
        let demand = |tier: &crate::model::Tier| {
            let derived = &self.derived[tier.addresses];
            let addresses = evaluation.value(&derived.name).and_then(crate::Value::as_int);
            let addresses = addresses.ok_or_else(|| LayoutError::Unknown { tier: tier.name.clone() })?;
            let pinned = inputs.get(&format!("overrides.{}_subnet_prefix", tier.name)).filter(|_| tier.overridable);
            let pinned = pinned.and_then(serde_json::Value::as_u64).and_then(|prefix| u8::try_from(prefix).ok());
            Ok(Demand {
                addresses: u64::try_from(addresses).unwrap_or_default(),
                pinned,
                share_bits: tier.share_bits,
                depends_on_workload: tier.depends_on_workload,
                rules: self.network,
            })
        };
        self.tiers.iter().map(demand).collect()
    }

    /// The smallest prefix lengths of each tier, by its demand alone, in the order of the tiers.
    pub(crate) fn prefixes(&self, evaluation: &Evaluation<'_>, inputs: &Inputs) -> Result<Vec<u8>, LayoutError> {
        Ok(self.demands(evaluation, inputs)?.iter().map(Demand::prefix).collect())
    }

    /// The smallest block that would do.
    fn too_small(&self, block: Ipv4Network, demands: &[Demand], zones: usize) -> LayoutError {
        let larger = (LARGEST_PREFIX..block.prefix()).rev().find(|prefix| divide(*prefix, demands, zones).is_some());
        match larger {
            Some(needed) => LayoutError::TooSmall { block, needed },
            None => {
                let addresses = total(&wanted(demands, zones, prefixes(LARGEST_PREFIX, demands, zones)));
                let largest = self.tiers.iter().zip(demands).max_by_key(|(_, demand)| demand.addresses);
                let depends_on =
                    largest.map(|(tier, _)| self.derived[tier.addresses].inputs.clone()).unwrap_or_default();
                LayoutError::TooLarge { addresses, depends_on }
            }
        }
    }
}

/// A subnet as it is packed: its prefix length, tier and zone.
type Wanted = (u8, usize, usize);

/// Every subnet of a block of this prefix length, largest first; None where they do not fit.
fn divide(block: u8, demands: &[Demand], zones: usize) -> Option<Vec<Wanted>> {
    let wanted = wanted(demands, zones, prefixes(block, demands, zones));
    fits(block, &wanted).then_some(wanted)
}

/// How tiers are sized: by shares where these fit, with what does not depend on the workload, else by the demand alone.
fn prefixes(block: u8, demands: &[Demand], zones: usize) -> impl Fn(&Demand) -> u8 {
    // What a tenant pins is what it gets.
    let shared =
        move |demand: &Demand| demand.pinned.unwrap_or_else(|| demand.prefix().min(demand.share(block, zones)));
    let without_workload = |demand: &Demand| {
        if demand.depends_on_workload && demand.pinned.is_none() { demand.share(block, zones) } else { shared(demand) }
    };
    let by_shares = fits(block, &wanted(demands, zones, without_workload));
    move |demand: &Demand| if by_shares { shared(demand) } else { demand.prefix() }
}

fn fits(block: u8, wanted: &[Wanted]) -> bool {
    total(wanted) <= size(block) && wanted.iter().all(|(prefix, ..)| *prefix > block)
}

fn total(wanted: &[Wanted]) -> u64 {
    wanted.iter().map(|(prefix, ..)| size(*prefix)).fold(0, u64::saturating_add)
}

fn wanted(demands: &[Demand], zones: usize, prefix: impl Fn(&Demand) -> u8) -> Vec<Wanted> {
    let tiers = demands.iter().enumerate();
    let mut wanted: Vec<Wanted> = tiers
        .flat_map(|(tier, demand)| (0..zones).map(move |zone| (tier, zone, demand)))
        .map(|(tier, zone, demand)| (prefix(demand), tier, zone))
        .collect();
    wanted.sort_unstable();
    wanted
}

fn place(block: Ipv4Network, wanted: &[Wanted], demands: &[Demand], zones: usize) -> Result<Layout, LayoutError> {
    let empty = Subnet { block, demand: 0 };
    let mut placed = vec![vec![empty; demands.len()]; zones];
    let mut next = u64::from(u32::from(block.network()));
    for (prefix, tier, zone) in wanted {
        let address = u32::try_from(next).map_err(|_| LayoutError::NotAVpc { block })?;
        let cut = Ipv4Network::new(address.into(), *prefix).map_err(|_| LayoutError::NotAVpc { block })?;
        placed[*zone][*tier] = Subnet { block: cut, demand: demands[*tier].addresses };
        next += size(*prefix);
    }
    Ok(Layout { block, zones: placed })
}
