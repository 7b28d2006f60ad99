//! Address blocks: which one the next tenant gets, and which of those given stand in each other's way.

use ipnetwork::Ipv4Network;

use super::spec::{Fleet, Pool};
use tenantry_base::ids::Region;

/// Why no block can be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AllocationError {
    #[error("no pool is for region `{0}`")]
    NoPool(Region),
    #[error("a /{0} is no VPC: AWS takes /16 to /28")]
    NoVpc(u8),
    #[error("no free /{prefix} is left in {pools}")]
    Exhausted { prefix: u8, pools: String },
}

/// The first free block for a tenant in `region`: pools in the fleet's order, lowest address first. `taken` are the
/// blocks of tenants and of VPCs that exist; what the fleet reserves counts as taken too.
///
/// # Errors
/// No pool for the region, or none with room.
pub fn allocate(
    fleet: &Fleet,
    taken: &[Ipv4Network],
    region: &Region,
    prefix: Option<u8>,
) -> Result<Ipv4Network, AllocationError> {
    let mut taken: Vec<Ipv4Network> =
        taken.iter().copied().chain(fleet.reserved.iter().map(|reserved| reserved.cidr)).collect();
    taken.sort_unstable_by_key(|block| block.network());
    let pools: Vec<&Pool> = fleet.pools.iter().filter(|pool| serves(pool, region)).collect();
    if pools.is_empty() {
        return Err(AllocationError::NoPool(region.clone()));
    }
    for pool in &pools {
        let prefix = prefix.unwrap_or(pool.tenant_prefix);
        if !(16..=28).contains(&prefix) {
            return Err(AllocationError::NoVpc(prefix));
        }
        if let Some(block) = first_fit(pool.cidr, &taken, prefix) {
            return Ok(block);
        }
    }
    let names: Vec<&str> = pools.iter().map(|pool| pool.name.as_str()).collect();
    let prefix = prefix.unwrap_or(pools[0].tenant_prefix);
    Err(AllocationError::Exhausted { prefix, pools: names.join(", ") })
}

/// How many more blocks the pools have for tenants in `region`, each of its pool's usual length. `taken` as for
/// [`allocate`].
pub fn room(fleet: &Fleet, taken: &[Ipv4Network], region: &Region) -> u64 {
    fleet.pools.iter().filter(|pool| serves(pool, region)).map(|pool| room_in(fleet, taken, pool)).sum()
}

/// How many more blocks of its usual length a pool has. `taken` as for [`allocate`].
pub fn room_in(fleet: &Fleet, taken: &[Ipv4Network], pool: &Pool) -> u64 {
    let mut taken: Vec<Ipv4Network> =
        taken.iter().copied().chain(fleet.reserved.iter().map(|reserved| reserved.cidr)).collect();
    taken.sort_unstable_by_key(|block| block.network());
    free_blocks(pool.cidr, &taken, pool.tenant_prefix)
}

/// Aligned blocks of a pool that touch none of `taken`, which is sorted by address.
fn free_blocks(pool: Ipv4Network, taken: &[Ipv4Network], prefix: u8) -> u64 {
    if !(pool.prefix()..=32).contains(&prefix) {
        return 0;
    }
    let size = 1_u64 << (32 - u32::from(prefix));
    let (first, last) = bounds(pool);
    let (mut at, mut free) = (first, 0);
    for (from, to) in taken.iter().map(|block| bounds(*block)) {
        free += from.min(last + 1).saturating_sub(at) / size;
        at = at.max((to + 1).next_multiple_of(size));
    }
    free + (last + 1).saturating_sub(at) / size
}

/// Whether tenants of a region may have blocks of a pool.
pub(super) fn serves(pool: &Pool, region: &Region) -> bool {
    pool.regions.is_empty() || pool.regions.contains(region)
}

/// The lowest aligned block of a pool that touches none of `taken`, which is sorted by address.
fn first_fit(pool: Ipv4Network, taken: &[Ipv4Network], prefix: u8) -> Option<Ipv4Network> {
    let size = 1_u64 << (32 - u32::from(prefix));
    let (first, last) = bounds(pool);
    let mut at = first.next_multiple_of(size);
    for block in taken {
        let (from, to) = bounds(*block);
        if to < at {
            continue;
        }
        if from >= at + size {
            break;
        }
        at = (to + 1).next_multiple_of(size);
    }
    let fits = prefix >= pool.prefix() && at + size - 1 <= last;
    let start = u32::try_from(at).ok().filter(|_| fits)?;
    Ipv4Network::new(start.into(), prefix).ok()
}

/// Pairs of blocks of which the second begins inside the first; indices into `blocks`. Sorts once, so ten thousand
/// blocks cost no more than a hundred of them a hundred times.
pub(super) fn overlaps(blocks: &[Ipv4Network]) -> Vec<(usize, usize)> {
    let mut order: Vec<usize> = (0..blocks.len()).collect();
    order.sort_by_key(|&index| (blocks[index].network(), blocks[index].prefix(), index));
    let mut found = Vec::new();
    let mut widest: Option<usize> = None;
    for index in order {
        match widest {
            Some(other) if bounds(blocks[index]).0 <= bounds(blocks[other]).1 => {
                found.push((other.min(index), other.max(index)));
            }
            _ => widest = Some(index),
        }
    }
    found
}

/// First and last address of a block.
pub(super) fn bounds(block: Ipv4Network) -> (u64, u64) {
    (u32::from(block.network()).into(), u32::from(block.broadcast()).into())
}

/// Whether two blocks share an address.
pub(super) fn touch(a: Ipv4Network, b: Ipv4Network) -> bool {
    let ((a_first, a_last), (b_first, b_last)) = (bounds(a), bounds(b));
    a_first <= b_last && b_first <= a_last
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn block(text: &str) -> Ipv4Network {
        text.parse().unwrap()
    }

    #[test]
    fn room_is_as_much_as_can_be_allocated() {
        let (estate, _) = crate::estate::load(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")));
        let mut fleet = estate.unwrap().fleet;
        for (pool, prefix, taken) in [
            ("10.0.0.0/16", 18, vec![]),
            ("10.0.0.0/16", 20, vec!["10.0.0.0/28", "10.0.20.0/23", "10.0.128.0/17"]),
            ("10.0.0.0/16", 20, vec!["9.0.0.0/8", "10.0.255.0/24"]),
            ("10.0.0.0/18", 18, vec!["10.0.0.0/12"]),
            ("10.0.0.0/20", 18, vec![]),
        ] {
            fleet.pools.truncate(1);
            (fleet.pools[0].cidr, fleet.pools[0].tenant_prefix) = (block(pool), prefix);
            fleet.pools[0].regions.clear();
            fleet.reserved.clear();
            let mut taken: Vec<Ipv4Network> = taken.into_iter().map(block).collect();
            let region: Region = "eu-west-1".parse().unwrap();
            let room = super::room(&fleet, &taken, &region);
            for _ in 0..room {
                taken.push(allocate(&fleet, &taken, &region, None).unwrap());
            }
            assert!(allocate(&fleet, &taken, &region, None).is_err(), "{pool} /{prefix}: more than {room}");
        }
    }

    fn any_block() -> impl Strategy<Value = Ipv4Network> {
        (0_u8..=255, 0_u8..=255, 16_u8..=26).prop_map(|(b, c, prefix)| {
            let exact = Ipv4Network::new([10, b % 4, c, 0].into(), prefix).unwrap();
            Ipv4Network::new(exact.network(), prefix).unwrap()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(tenantry_base::cases(30_000)))]
        /// The oracle tries every aligned block of the pool in turn.
        #[test]
        fn first_fit_is_what_trying_every_block_gives(
            mut taken in proptest::collection::vec(any_block(), 0..40), prefix in 14_u8..=26,
        ) {
            let pool = block("10.0.0.0/14");
            taken.sort_unstable_by_key(|block| block.network());
            let size = 1_u32 << (32 - u32::from(prefix));
            let (first, last) = bounds(pool);
            let oracle = (0..=u32::try_from((last - first) / u64::from(size)).unwrap())
                .map(|n| Ipv4Network::new((u32::try_from(first).unwrap() + n * size).into(), prefix).unwrap())
                .take_while(|candidate| bounds(*candidate).1 <= last)
                .find(|candidate| taken.iter().all(|other| !touch(*candidate, *other)));
            prop_assert_eq!(first_fit(pool, &taken, prefix), oracle);
        }

        /// Blocks given before stay where they are, whoever comes and goes, in 34 steps each; the oracle marks every /26 of
        /// the pool.
        #[test]
        fn tenants_come_and_go_and_nobody_moves(steps in proptest::collection::vec((18_u8..=26, any::<u16>()), 34)) {
            let pool = block("10.0.0.0/16");
            let mut taken: Vec<Ipv4Network> = Vec::new();
            for (prefix, chance) in steps {
                if chance % 3 == 0 && !taken.is_empty() {
                    taken.remove(usize::from(chance) % taken.len());
                    continue;
                }
                let before = taken.clone();
                let mut marks = [false; 1024];
                for block in &taken {
                    let (first, last) = bounds(*block);
                    let (first, last) = ((first >> 6) & 1023, (last >> 6) & 1023);
                    marks[usize::try_from(first).unwrap()..=usize::try_from(last).unwrap()].fill(true);
                }
                let units = 1 << (26 - prefix);
                let free = (0..1024).step_by(units).find(|at| !marks[*at..*at + units].contains(&true));
                let given = first_fit(pool, &taken, prefix);
                let at = given.map(|given| usize::try_from((bounds(given).0 >> 6) & 1023).unwrap());
                prop_assert_eq!(at, free);
                taken.extend(given);
                taken.sort_unstable_by_key(|block| block.network());
                prop_assert!(before.iter().all(|block| taken.contains(block)));
            }
        }

        #[test]
        fn an_overlap_is_found_exactly_where_there_is_one(blocks in proptest::collection::vec(any_block(), 0..20)) {
            let pairs = overlaps(&blocks);
            for (a, b) in &pairs {
                prop_assert!(touch(blocks[*a], blocks[*b]));
            }
            for (index, other) in blocks.iter().enumerate() {
                let alone = blocks.iter().enumerate().all(|(at, another)| at == index || !touch(*other, *another));
                prop_assert_eq!(alone, pairs.iter().all(|(a, b)| *a != index && *b != index));
            }
        }
    }
}
