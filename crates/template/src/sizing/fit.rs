//! Whether each function ends what one invocation gives it before its time is up. Derived numbers do; pinned ones, and
//! workloads beyond what a function may ever do, need not.

use super::Sizing;
use super::functions::{INGEST, Rate, SPLITTER, object_mib};
use tenantry_spec::estate::spec::TenantSpec;

/// A function that is given more than it can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overrun {
    /// Route of the spec field that is to blame.
    pub route: &'static str,
    pub message: String,
}

/// At the end of an invocation a function begins no new work: a quarter of its timeout, but no more than this
/// (`pipeline/src/function.rs`).
const RESERVE_MAX_SECONDS: f64 = 40.0;

/// Every function whose work at the worst rate takes longer than it may work.
pub fn overruns(spec: &TenantSpec, sizing: &Sizing) -> Vec<Overrun> {
    let pinned = &spec.overrides;
    let splitter = Given {
        function: "the splitter",
        what: "an object",
        mib: object_mib(spec),
        rate: SPLITTER,
        memory_mib: sizing.splitter_memory_mib.value,
        timeout_seconds: sizing.splitter_timeout_seconds.value,
        route: first_pinned(
            &[
                ("overrides.splitter_timeout_seconds", pinned.splitter_timeout_seconds),
                ("overrides.splitter_memory_mib", pinned.splitter_memory_mib),
            ],
            "ingest.files_per_minute",
        ),
    };
    let ingest = Given {
        function: "ingest",
        what: "a part",
        mib: f64::from(sizing.part_mib.value),
        rate: INGEST,
        memory_mib: sizing.ingest_memory_mib.value,
        timeout_seconds: sizing.ingest_timeout_seconds.value,
        route: first_pinned(
            &[
                ("overrides.ingest_timeout_seconds", pinned.ingest_timeout_seconds),
                ("overrides.ingest_memory_mib", pinned.ingest_memory_mib),
            ],
            "overrides.part_mib",
        ),
    };
    [splitter, ingest].into_iter().filter_map(Given::overrun).collect()
}

/// Most shards of a data node. Source: Amazon OpenSearch Service Developer Guide, "Choosing the number of shards".
const SHARDS_PER_NODE: u32 = 1000;

/// More shards than the search domain's data nodes take: it would refuse every new index.
pub fn shards(sizing: &Sizing) -> Option<Overrun> {
    let (shards, nodes) = (sizing.search_shards.value, sizing.search_data_nodes.value);
    let most = u64::from(nodes) * u64::from(SHARDS_PER_NODE);
    let message = || {
        let inputs = sizing.search_shards.inputs.iter().map(|(name, value)| format!("{name} = {value}"));
        let inputs = inputs.collect::<Vec<_>>().join(", ");
        format!("the search domain would hold {shards} shards, and {nodes} data nodes take {most} ({inputs})")
    };
    (shards > most).then(|| Overrun { route: "search", message: message() })
}

/// What a function is given, and what it has for it.
struct Given {
    function: &'static str,
    what: &'static str,
    mib: f64,
    rate: Rate,
    memory_mib: u32,
    timeout_seconds: u32,
    route: &'static str,
}

impl Given {
    fn overrun(self) -> Option<Overrun> {
        let needs = self.rate.seconds(self.mib, self.memory_mib);
        let timeout = f64::from(self.timeout_seconds);
        let has = timeout - (timeout / 4.0).min(RESERVE_MAX_SECONDS);
        let Self { function, what, mib, memory_mib, timeout_seconds, route, .. } = self;
        let message = || {
            format!(
                "{what} of {mib:.0} MiB takes {function} {needs:.0} s with {memory_mib} MiB of memory; of a timeout of \
                 {timeout_seconds} s it works {has:.0} s"
            )
        };
        (needs >= has).then(|| Overrun { route, message: message() })
    }
}

fn first_pinned(candidates: &[(&'static str, Option<u32>)], otherwise: &'static str) -> &'static str {
    candidates.iter().find(|(_, pinned)| pinned.is_some()).map_or(otherwise, |(route, _)| route)
}

#[cfg(test)]
mod tests {
    use super::super::tests::spec;
    use super::*;
    use crate::sizing::size;

    fn check(change: impl FnOnce(&mut TenantSpec), expected: &[&str]) -> Vec<Overrun> {
        let mut spec = spec(2.0);
        change(&mut spec);
        let found = overruns(&spec, &size(&spec, 3));
        assert_eq!(found.iter().map(|overrun| overrun.route).collect::<Vec<_>>(), expected, "{found:?}");
        found
    }

    #[test]
    fn derived_numbers_always_fit() {
        for peak in [0.001, 0.05, 1.0, 2.0, 30.0, 60.0] {
            for memory in [None, Some(512), Some(1769), Some(10_240)] {
                check(
                    |spec| {
                        spec.ingest.peak_gib_per_minute = peak;
                        spec.ingest.files_per_minute = (peak / 4.0).max(1.0);
                        spec.overrides.ingest_memory_mib = memory;
                        spec.overrides.splitter_memory_mib = memory;
                    },
                    &[],
                );
            }
        }
    }

    #[test]
    fn a_pinned_timeout_must_hold_a_part_at_the_worst_rate() {
        let found =
            check(|spec| spec.overrides.ingest_timeout_seconds = Some(12), &["overrides.ingest_timeout_seconds"]);
        let expected = "a part of 64 MiB takes ingest 9 s with 1769 MiB of memory; of a timeout of 12 s it works 9 s";
        assert_eq!(found[0].message, expected);
        check(|spec| spec.overrides.ingest_timeout_seconds = Some(13), &[]);
        check(|spec| spec.overrides.splitter_timeout_seconds = Some(20), &["overrides.splitter_timeout_seconds"]);
    }

    #[test]
    fn pinned_memory_slows_a_function_down_and_its_derived_timeout_follows() {
        let mut slow = spec(2.0);
        slow.overrides.ingest_memory_mib = Some(442);
        let (slow, usual) = (size(&slow, 3), size(&spec(2.0), 3));
        assert!(slow.ingest_timeout_seconds.value > usual.ingest_timeout_seconds.value);
        assert!(slow.ingest_concurrency.value > usual.ingest_concurrency.value);
        check(
            |spec| (spec.overrides.ingest_memory_mib, spec.overrides.part_mib) = (Some(128), Some(1024)),
            &["overrides.ingest_memory_mib"],
        );
    }

    #[test]
    fn objects_that_no_invocation_can_split_are_blamed_on_their_number() {
        check(|spec| spec.ingest.peak_gib_per_minute = 1000.0, &["ingest.files_per_minute"]);
    }
}
