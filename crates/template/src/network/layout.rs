//! Packing the subnets into the tenant's block: largest first, each aligned to its own size, so that nothing is lost
//! between them.
//!
//! A subnet that has been made never moves, so its size must not follow the workload up and down: each tier gets a
//! fixed share of the block, whatever the demand, as long as the demand fits into it; a tier that needs more gets more.
//! Blocks too small for shares are divided by the demand alone. Which of the two it is, the workload does not decide: so
//! more of it never makes a subnet smaller, it only stops fitting.

use ipnetwork::Ipv4Network;

use super::addresses::{size, usable};
use super::demand::{SMALLEST_SUBNET, TierDemand};
use super::{Demand, NetworkPlan, SubnetPlan, Tier, ZonePlan};
use tenantry_base::ids::ZoneId;

/// Largest and smallest VPC and subnet. Source: Amazon VPC User Guide, "VPC CIDR blocks".
const LARGEST_PREFIX: u8 = 16;
const SMALLEST_PREFIX: u8 = 28;

/// Why a tenant's subnets cannot be laid out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    #[error("`{block}` is too small: the subnets need a /{needed}")]
    TooSmall { block: Ipv4Network, needed: u8 },
    #[error("the subnets need {addresses} addresses, more than the largest VPC (a /16) has")]
    TooLarge { addresses: u64 },
    #[error("`{block}` is no VPC: AWS takes /16 to /28")]
    NoVpc { block: Ipv4Network },
    #[error("a tenant needs at least two zones, not {0}")]
    Zones(usize),
    #[error("the {tier:?} subnets are pinned to /{prefix}, which holds {usable} addresses and not {needed}")]
    Pinned { tier: Tier, prefix: u8, usable: u64, needed: u64 },
}

impl LayoutError {
    /// Route of the spec field to change.
    pub fn route(&self) -> &'static str {
        match self {
            Self::TooSmall { .. } | Self::NoVpc { .. } => "network.cidr",
            Self::TooLarge { .. } => "ingest.peak_gib_per_minute",
            Self::Zones(_) => "network.zones",
            Self::Pinned { tier: Tier::Red, .. } => "overrides.red_subnet_prefix",
            Self::Pinned { tier: Tier::Amber, .. } => "overrides.amber_subnet_prefix",
            Self::Pinned { tier: Tier::Green, .. } => "overrides.green_subnet_prefix",
            Self::Pinned { tier: Tier::Lambda, .. } => "overrides.lambda_subnet_prefix",
        }
    }
}

pub(super) fn pack(block: Ipv4Network, demand: &Demand, zones: &[ZoneId]) -> Result<NetworkPlan, LayoutError> {
    if zones.len() < 2 {
        return Err(LayoutError::Zones(zones.len()));
    }
    if !(LARGEST_PREFIX..=SMALLEST_PREFIX).contains(&block.prefix()) {
        return Err(LayoutError::NoVpc { block });
    }
    for tier in demand.tiers().iter().filter(|tier| tier.pinned.is_some()) {
        let usable = usable(tier.prefix());
        if usable < tier.addresses {
            let (tier, prefix, needed) = (tier.tier, tier.prefix(), tier.addresses);
            return Err(LayoutError::Pinned { tier, prefix, usable, needed });
        }
    }
    let wanted = divide(block.prefix(), demand, zones.len()).ok_or_else(|| too_small(block, demand, zones.len()))?;
    let mut next = u64::from(u32::from(block.network()));
    let mut placed: Vec<(Tier, usize, Ipv4Network)> = Vec::new();
    for (prefix, tier, zone) in wanted {
        let address = u32::try_from(next).map_err(|_| LayoutError::NoVpc { block })?;
        let cidr = Ipv4Network::new(address.into(), prefix).map_err(|_| LayoutError::NoVpc { block })?;
        placed.push((tier, zone, cidr));
        next += size(prefix);
    }
    let subnet = |tier: Tier, zone: usize| {
        let found = placed.iter().find(|(placed, at, _)| (*placed, *at) == (tier, zone));
        let addresses = demand.tiers().iter().find(|demand| demand.tier == tier).map_or(0, |demand| demand.addresses);
        found.map(|(_, _, cidr)| SubnetPlan { tier, cidr: *cidr, demand: u32::try_from(addresses).unwrap_or(u32::MAX) })
    };
    let zone = |(index, id): (usize, &ZoneId)| {
        Some(ZonePlan {
            id: id.clone(),
            red: subnet(Tier::Red, index)?,
            amber: subnet(Tier::Amber, index)?,
            green: subnet(Tier::Green, index)?,
            lambda: subnet(Tier::Lambda, index)?,
        })
    };
    let zones: Option<Vec<ZonePlan>> = zones.iter().enumerate().map(zone).collect();
    zones.map(|zones| NetworkPlan { vpc: block, zones }).ok_or(LayoutError::Zones(0))
}

/// A subnet as it is packed: its prefix length, tier and zone.
type Wanted = (u8, Tier, usize);

/// Every subnet of a block of this prefix length, largest first; None where they do not fit.
fn divide(block: u8, demand: &Demand, zones: usize) -> Option<Vec<Wanted>> {
    let wanted = wanted(demand, zones, prefixes(block, demand, zones));
    fits(block, &wanted).then_some(wanted)
}

/// How the tiers of a block of this prefix length are sized: by shares where these fit, with what does not depend on the
/// workload, else by the demand alone.
fn prefixes(block: u8, demand: &Demand, zones: usize) -> impl Fn(&TierDemand) -> u8 {
    let shared = move |tier: &TierDemand| tier.prefix().min(share(block, tier.tier, zones));
    let without_workload = |tier: &TierDemand| match tier.tier {
        Tier::Red | Tier::Amber => shared(tier),
        Tier::Green | Tier::Lambda => share(block, tier.tier, zones),
    };
    let by_shares = fits(block, &wanted(demand, zones, without_workload));
    move |tier: &TierDemand| if by_shares { shared(tier) } else { tier.prefix() }
}

fn fits(block: u8, wanted: &[Wanted]) -> bool {
    total(wanted) <= size(block) && wanted.iter().all(|(prefix, ..)| *prefix > block)
}

fn total(wanted: &[Wanted]) -> u64 {
    wanted.iter().map(|(prefix, ..)| size(*prefix)).fold(0, u64::saturating_add)
}

fn wanted(demand: &Demand, zones: usize, prefix: impl Fn(&TierDemand) -> u8) -> Vec<Wanted> {
    let tiers = demand.tiers();
    let mut wanted: Vec<_> =
        tiers.iter().flat_map(|tier| (0..zones).map(|zone| (prefix(tier), tier.tier, zone))).collect();
    wanted.sort_unstable();
    wanted
}

/// Prefix of a tier's fixed share: of a zone's part of the block, a half for functions, a quarter for data, an eighth
/// for amber and a sixteenth for red. The zones' parts are a power of two; the last sixteenth stays free.
fn share(block: u8, tier: Tier, zones: usize) -> u8 {
    let zone_bits = u8::try_from(zones.next_power_of_two().trailing_zeros()).unwrap_or(u8::MAX);
    let tier_bits = match tier {
        Tier::Lambda => 1,
        Tier::Green => 2,
        Tier::Amber => 3,
        Tier::Red => 4,
    };
    block.saturating_add(zone_bits).saturating_add(tier_bits).min(SMALLEST_SUBNET)
}

/// The smallest block that would do.
fn too_small(block: Ipv4Network, demand: &Demand, zones: usize) -> LayoutError {
    let larger = (LARGEST_PREFIX..block.prefix()).rev().find(|prefix| divide(*prefix, demand, zones).is_some());
    match larger {
        Some(needed) => LayoutError::TooSmall { block, needed },
        None => {
            let addresses = total(&wanted(demand, zones, prefixes(LARGEST_PREFIX, demand, zones)));
            LayoutError::TooLarge { addresses }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn demand(addresses: [u64; 4]) -> Demand {
        let tier = |tier, addresses| TierDemand { tier, addresses, pinned: None };
        let [red, amber, green, lambda] = addresses;
        Demand {
            red: tier(Tier::Red, red),
            amber: tier(Tier::Amber, amber),
            green: tier(Tier::Green, green),
            lambda: tier(Tier::Lambda, lambda),
        }
    }

    fn zones(count: usize) -> Vec<ZoneId> {
        (1..=count).map(|number| format!("euw1-az{number}").parse().unwrap()).collect()
    }

    fn subnets(plan: &NetworkPlan) -> Vec<&SubnetPlan> {
        plan.zones.iter().flat_map(|zone| [&zone.red, &zone.amber, &zone.green, &zone.lambda]).collect()
    }

    /// Marks every address of every subnet in a map of the whole block: the plainest possible judge.
    fn judge(block: Ipv4Network, plan: &NetworkPlan) {
        let first = u32::from(block.network());
        let mut taken = vec![false; usize::try_from(size(block.prefix())).unwrap()];
        for subnet in subnets(plan) {
            let start = u32::from(subnet.cidr.ip());
            let length = u32::try_from(size(subnet.cidr.prefix())).unwrap();
            assert!(start.is_multiple_of(length), "{} is not aligned", subnet.cidr);
            assert!(u64::from(length) >= u64::from(subnet.demand) + 5, "{} holds too little", subnet.cidr);
            for address in start..start + length {
                let place = &mut taken[usize::try_from(address.checked_sub(first).unwrap()).unwrap()];
                assert!(!std::mem::replace(place, true), "{} overlaps", subnet.cidr);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(tenantry_base::cases(20_000)))]
        #[test]
        fn subnets_lie_apart_inside_the_block_and_hold_their_demand(
            third in 0_u8..=255, prefix in 16_u8..=28, count in 2_usize..=6,
            red in 0_u64..200, amber in 0_u64..200, green in 0_u64..900, lambda in 0_u64..10_000,
        ) {
            let block = Ipv4Network::new([10, third, 0, 0].into(), prefix).unwrap();
            let wanted = demand([red, amber, green, lambda]);
            match pack(block, &wanted, &zones(count)) {
                Ok(plan) => judge(block, &plan),
                Err(LayoutError::TooSmall { needed, .. }) => {
                    prop_assert!(needed < prefix);
                    let larger = Ipv4Network::new([10, third, 0, 0].into(), needed).unwrap();
                    judge(larger, &pack(larger, &wanted, &zones(count)).unwrap());
                    let still = Ipv4Network::new([10, third, 0, 0].into(), needed + 1).unwrap();
                    prop_assert!(pack(still, &wanted, &zones(count)).is_err());
                }
                // More than a /16 has, or one subnet as large as the whole of it.
                Err(LayoutError::TooLarge { addresses }) => prop_assert!(addresses >= 65_536, "{addresses}"),
                Err(other) => prop_assert!(false, "{other}"),
            }
        }

        #[test]
        fn more_demand_never_gives_a_smaller_subnet(addresses in 0_u64..20_000, more in 0_u64..20_000) {
            let prefix = |addresses| demand([addresses; 4]).red.prefix();
            prop_assert!(prefix(addresses + more) <= prefix(addresses));
        }
    }

    #[test]
    fn a_workload_that_stays_within_the_shares_moves_no_subnet() {
        let block = Ipv4Network::new([10, 20, 0, 0].into(), 18).unwrap();
        let layout = |lambda| {
            let plan = pack(block, &demand([60, 12, 30, lambda]), &zones(3)).unwrap();
            subnets(&plan).iter().map(|subnet| subnet.cidr).collect::<Vec<_>>()
        };
        assert_eq!(layout(4), layout(1_200));
        assert_eq!(layout(4)[3].prefix(), 21);
    }

    #[test]
    fn edges_give_errors_and_never_panic() {
        let block = |prefix| Ipv4Network::new([10, 0, 0, 0].into(), prefix).unwrap();
        assert_eq!(pack(block(18), &demand([0; 4]), &zones(1)), Err(LayoutError::Zones(1)));
        assert_eq!(pack(block(15), &demand([0; 4]), &zones(2)), Err(LayoutError::NoVpc { block: block(15) }));
        assert_eq!(
            pack(block(28), &demand([0; 4]), &zones(2)),
            Err(LayoutError::TooSmall { block: block(28), needed: 24 })
        );
        assert!(matches!(pack(block(16), &demand([u64::MAX; 4]), &zones(3)), Err(LayoutError::TooLarge { .. })));
        let mut pinned = demand([50, 10, 10, 10]);
        pinned.red.pinned = Some(28);
        let error = pack(block(18), &pinned, &zones(3)).unwrap_err();
        assert_eq!(error, LayoutError::Pinned { tier: Tier::Red, prefix: 28, usable: 11, needed: 50 });
        assert_eq!(error.route(), "overrides.red_subnet_prefix");
    }

    /// A seeded sequence of numbers below a bound: SplitMix64.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.0;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (mixed ^ (mixed >> 31)) % bound
        }
    }

    /// A block, a demand and a number of zones.
    fn case(numbers: &mut Numbers) -> (Ipv4Network, Demand, usize) {
        let prefix = 16 + u8::try_from(numbers.below(13)).unwrap();
        let block = Ipv4Network::new([10, u8::try_from(numbers.below(256)).unwrap(), 0, 0].into(), prefix).unwrap();
        let count = usize::try_from(2 + numbers.below(5)).unwrap();
        // Near what a share holds with head-room: some cases fit and some do not.
        let most = (size(prefix) / (count as u64 * 6)).max(1);
        (block, demand([0; 4].map(|_: u64| numbers.below(most))), count)
    }

    #[test]
    fn random_layouts_lie_apart_inside_their_blocks() {
        let mut numbers = Numbers(1);
        let (mut laid_out, mut tried, wished) = (0, 0, tenantry_base::cases(100_000));
        let zones: Vec<Vec<ZoneId>> = (0..=6).map(zones).collect();
        while laid_out < wished {
            tried += 1;
            assert!(tried < 4 * wished, "only {laid_out} of {tried} cases could be laid out");
            let (block, wanted, count) = case(&mut numbers);
            let Ok(plan) = pack(block, &wanted, &zones[count]) else { continue };
            laid_out += 1;
            for subnet in subnets(&plan) {
                assert_eq!(subnet.cidr.ip(), subnet.cidr.network(), "{} is not aligned", subnet.cidr);
                assert!(usable(subnet.cidr.prefix()) >= subnet.demand.into(), "{} holds too little", subnet.cidr);
            }
            let mut ranges: Vec<(u32, u32)> = subnets(&plan)
                .iter()
                .map(|subnet| (u32::from(subnet.cidr.network()), u32::from(subnet.cidr.broadcast())))
                .collect();
            ranges.sort_unstable();
            assert_eq!(ranges.len(), 4 * count);
            assert!(ranges.windows(2).all(|pair| pair[0].1 < pair[1].0), "{block}: {ranges:?}");
            let (first, last) = (u32::from(block.network()), u32::from(block.broadcast()));
            assert!(ranges[0].0 >= first && ranges[ranges.len() - 1].1 <= last, "{block}: {ranges:?}");
        }
    }

    #[test]
    fn more_workload_gives_no_smaller_subnet() {
        let mut numbers = Numbers(3);
        let (mut compared, mut stopped, wished) = (0, 0, tenantry_base::cases(100_000));
        let zones: Vec<Vec<ZoneId>> = (0..=6).map(zones).collect();
        while compared < wished {
            let (block, before, count) = case(&mut numbers);
            let mut after = before;
            // Workload moves data and functions; what faces the internet does not depend on it.
            after.green.addresses += numbers.below(1 + before.green.addresses);
            after.lambda.addresses += numbers.below(1 + before.lambda.addresses * 2);
            let Ok(old) = pack(block, &before, &zones[count]) else { continue };
            match pack(block, &after, &zones[count]) {
                Err(LayoutError::TooSmall { .. } | LayoutError::TooLarge { .. }) => stopped += 1,
                Err(other) => panic!("{other}"),
                Ok(new) => {
                    compared += 1;
                    for (old, new) in subnets(&old).into_iter().zip(subnets(&new)) {
                        assert_eq!(old.tier, new.tier);
                        assert!(new.cidr.prefix() <= old.cidr.prefix(), "{block}: {old:?} became {new:?}");
                    }
                }
            }
        }
        assert!(stopped > wished / 100, "only {stopped} stopped fitting");
    }

    #[test]
    fn pythons_ipaddress_agrees() {
        const JUDGE: &str = "import ipaddress, json, sys\n\
            for line in sys.stdin:\n\
            \x20   block, subnets = json.loads(line)\n\
            \x20   block = ipaddress.ip_network(block)\n\
            \x20   nets = sorted(ipaddress.ip_network(cidr) for cidr, _ in subnets)\n\
            \x20   assert all(net.subnet_of(block) for net in nets), block\n\
            \x20   assert not any(a.overlaps(b) for a, b in zip(nets, nets[1:])), block\n\
            \x20   sizes = {str(net): net.num_addresses for net in nets}\n\
            \x20   assert all(sizes[cidr] >= need + 5 for cidr, need in subnets), (block, subnets)\n";
        let mut python = std::process::Command::new("python3")
            .args(["-c", JUDGE])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = std::io::BufWriter::new(python.stdin.take().unwrap());
        let mut numbers = Numbers(2);
        let (mut judged, wished) = (0, tenantry_base::cases(100_000));
        while judged < wished {
            let (block, wanted, count) = case(&mut numbers);
            let Ok(plan) = pack(block, &wanted, &zones(count)) else { continue };
            let rows: Vec<_> = subnets(&plan).iter().map(|subnet| (subnet.cidr, subnet.demand)).collect();
            serde_json::to_writer(&mut input, &(block, rows)).unwrap();
            std::io::Write::write_all(&mut input, b"\n").unwrap();
            judged += 1;
        }
        drop(input);
        assert!(python.wait().unwrap().success());
    }
}
