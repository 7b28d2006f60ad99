//! How many addresses each tier's subnet must hold: at the peak, with a zone lost and a deployment under way.

use super::addresses::{
    LOAD_BALANCER, LOAD_BALANCER_FREE, NAT, RESERVED, SEARCH_FACTOR, TASKS_FACTOR, each, surviving,
};
use super::{Interfaces, Tier};
use crate::sizing::{Derived, Sizing};
use tenantry_spec::estate::spec::TenantSpec;

/// Room to grow, in percent of the demand.
const HEADROOM_PERCENT: u64 = 50;
/// Interface endpoints that stand in amber: those that functions and proxy call, with room for as many again.
const INTERFACE_ENDPOINTS: u64 = 8;

/// Data nodes in a zone up to which a larger type is taken instead of more nodes, and dedicated masters, as
/// [`crate::sizing`] has them.
const MOST_NODES_PER_ZONE: u32 = 2;
const MASTERS: u32 = 3;

/// A prefix length that the spec pins, or the number of addresses needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TierDemand {
    pub tier: Tier,
    /// Addresses in use at the worst moment, without AWS's five and without head-room.
    pub addresses: u64,
    /// The prefix length that the spec pins.
    pub pinned: Option<u8>,
}

/// The demand of one zone's subnets; the same in every zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    pub red: TierDemand,
    pub amber: TierDemand,
    pub green: TierDemand,
    pub lambda: TierDemand,
}

impl Demand {
    /// Counts what stands in one zone's subnets when one of `zones` zones is lost.
    pub fn of(spec: &TenantSpec, sizing: &Sizing, zones: usize) -> Self {
        let left = surviving(zones as u64);
        let pinned = &spec.overrides;
        let tier = |tier, addresses, pinned| TierDemand { tier, addresses, pinned };
        let nodes = nodes(sizing);
        let search_left = surviving(sizing.search_zones.value.into());
        Self {
            red: tier(Tier::Red, NAT + each(LOAD_BALANCER, left).max(LOAD_BALANCER_FREE), pinned.red_subnet_prefix),
            amber: tier(
                Tier::Amber,
                INTERFACE_ENDPOINTS + each(u64::from(sizing.proxy_tasks.value) * TASKS_FACTOR, left),
                pinned.amber_subnet_prefix,
            ),
            green: tier(Tier::Green, each(nodes, search_left) * SEARCH_FACTOR, pinned.green_subnet_prefix),
            lambda: tier(
                Tier::Lambda,
                Interfaces::count(sizing, left).by(spec.network.eni_model),
                pinned.lambda_subnet_prefix,
            ),
        }
    }

    /// The tiers from the outside in.
    pub fn tiers(&self) -> [TierDemand; 4] {
        [self.red, self.amber, self.green, self.lambda]
    }

    pub(super) fn rows(&self, spec: &TenantSpec, sizing: &Sizing) -> Vec<Derived<String>> {
        let zones = surviving(spec.network.zones.into());
        let interfaces = Interfaces::count(sizing, zones);
        let left = ("zones left when one is lost".to_owned(), zones.to_string());
        let row = |tier: TierDemand, name, formula, mut inputs: Vec<(String, String)>, source| {
            inputs.push(left.clone());
            inputs.push(("subnet".to_owned(), format!("/{}", tier.prefix())));
            Derived {
                name,
                value: tier.addresses.to_string(),
                unit: "addresses",
                formula,
                inputs,
                source,
                depends_on: vec!["network.zones", "network.eni_model", "ingest.peak_gib_per_minute"],
                overridden: tier.pinned.is_some(),
            }
        };
        let input = |name: &str, value: u64| (name.to_owned(), value.to_string());
        let mut rows = interfaces.rows(spec, sizing, zones);
        rows.extend([
            row(
                self.red,
                "red_addresses",
                "NAT gateway + ⌈load balancer at its largest / zones left⌉",
                vec![input("load balancer at its largest", LOAD_BALANCER)],
                "Application Load Balancers guide, \"Subnets for your load balancer\"",
            ),
            row(
                self.amber,
                "amber_addresses",
                "interface endpoints + ⌈proxy tasks × 2 / zones left⌉",
                vec![
                    input("interface endpoints", INTERFACE_ENDPOINTS),
                    input("proxy_tasks", sizing.proxy_tasks.value.into()),
                ],
                "a rolling deployment runs old tasks beside new ones",
            ),
            row(
                self.green,
                "green_addresses",
                "⌈most nodes of this workload or any smaller one / search zones left⌉ × 3",
                vec![
                    input("search_data_nodes", sizing.search_data_nodes.value.into()),
                    input("search_master_nodes", sizing.search_master_nodes.value.into()),
                    input("most nodes", nodes(sizing)),
                ],
                "Amazon OpenSearch Service Developer Guide, \"Launching your domains within a VPC\"",
            ),
            row(
                self.lambda,
                "lambda_addresses",
                "the interfaces of the chosen model, in one subnet",
                vec![input("hyperplane", interfaces.hyperplane), input("per execution", interfaces.per_execution)],
                "AWS Lambda Developer Guide, \"Understanding Hyperplane Elastic Network Interfaces (ENIs)\"",
            ),
        ]);
        rows
    }
}

/// Nodes of the search domain that its subnets must hold. A larger workload may get by with fewer, larger nodes, but
/// the subnets are made before anybody knows how it grows: they hold what any smaller workload could have had too.
fn nodes(sizing: &Sizing) -> u64 {
    let (data, masters) = (sizing.search_data_nodes.value, sizing.search_master_nodes.value);
    let smaller = sizing.search_zones.value.saturating_mul(MOST_NODES_PER_ZONE).saturating_add(MASTERS);
    u64::from(data.saturating_add(masters).max(smaller))
}

impl TierDemand {
    /// Prefix length of the smallest subnet that holds the demand with head-room, or what the spec pins.
    pub fn prefix(&self) -> u8 {
        self.pinned.unwrap_or_else(|| {
            let needed = self.addresses.saturating_mul(100 + HEADROOM_PERCENT).div_ceil(100).saturating_add(RESERVED);
            let bits = needed.checked_next_power_of_two().map_or(32, u64::trailing_zeros);
            32_u8.saturating_sub(u8::try_from(bits).unwrap_or(32)).min(SMALLEST_SUBNET)
        })
    }
}

/// The smallest subnet that we make. AWS takes /28, a load balancer /27.
pub(super) const SMALLEST_SUBNET: u8 = 27;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sizing::size;
    use proptest::prelude::*;
    use serde_json::json;
    use std::sync::LazyLock;

    static BASE: LazyLock<TenantSpec> = LazyLock::new(|| {
        serde_json::from_value(json!({
            "apiVersion": "tenantry/v1", "account": "111122223333", "region": "eu-west-1", "ring": "canary",
            "contact": { "timezone": "UTC", "page": "https://pages.example.com" },
            "network": { "cidr": "10.20.0.0/18" },
            "ingest": { "peak_gib_per_minute": 1.0, "client_ca": "certs/acme.pem" },
        }))
        .unwrap()
    });

    fn spec(peak: f64, files: f64, days: u32, replicas: u8, zones: u8) -> TenantSpec {
        let mut spec = BASE.clone();
        (spec.ingest.peak_gib_per_minute, spec.ingest.files_per_minute) = (peak, files);
        (spec.search.retention_days, spec.search.replicas, spec.network.zones) = (days, replicas, zones);
        spec
    }

    fn prefixes(spec: &TenantSpec) -> [u8; 4] {
        let zones = usize::from(spec.network.zones);
        Demand::of(spec, &size(spec, zones), zones).tiers().map(|tier| tier.prefix())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(tenantry_base::cases(100_000)))]
        #[test]
        fn more_workload_never_wants_a_smaller_subnet(
            peak in 0.001_f64..1000.0, more in 1.0_f64..20.0, files in 0.01_f64..10_000.0, days in 1_u32..3650,
            later in 0_u32..400, replicas in 0_u8..=2, zones in 2_u8..=6, per_execution in any::<bool>(),
        ) {
            let mut before = spec(peak, files, days, replicas, zones);
            let mut after = spec(peak * more, files * more, days + later, replicas, zones);
            if per_execution {
                before.network.eni_model = tenantry_spec::estate::spec::EniModel::PerExecution;
                after.network.eni_model = tenantry_spec::estate::spec::EniModel::PerExecution;
            }
            for (before, after) in prefixes(&before).into_iter().zip(prefixes(&after)) {
                prop_assert!(after <= before, "/{before} became /{after}");
            }
        }
    }

    #[test]
    fn absurd_workloads_give_numbers_and_never_a_panic() {
        let absurd = [0.0, -1.0, -1e300, 1e300, f64::MAX, f64::MIN_POSITIVE];
        for (peak, files) in absurd.into_iter().flat_map(|peak| absurd.map(|files| (peak, files))) {
            for zones in [2, 3, 6] {
                let mut spec = spec(1.0, 1.0, 3650, 2, zones);
                (spec.ingest.peak_gib_per_minute, spec.ingest.files_per_minute) = (peak, files);
                let prefixes = prefixes(&spec);
                assert!(prefixes.iter().all(|prefix| *prefix <= SMALLEST_SUBNET), "{peak} {files}: {prefixes:?}");
            }
            let mut spec = spec(f64::NAN.max(1.0), 1.0, 1, 0, 3);
            spec.ingest.peak_gib_per_minute = f64::NAN;
            spec.ingest.files_per_minute = f64::INFINITY;
            assert!(prefixes(&spec).iter().all(|prefix| *prefix <= SMALLEST_SUBNET));
        }
    }

    #[test]
    fn pinned_concurrency_at_its_edges_counts_by_both_models() {
        let mut spec = spec(1.0, 1.0, 30, 1, 3);
        for (executions, hyperplane, per_execution) in
            [(0, 4, 0), (10_000, 12, 5_759), (u32::MAX, 4_228_892, 2_473_241_259)]
        {
            spec.overrides.splitter_concurrency = Some(executions);
            spec.overrides.ingest_concurrency = Some(executions);
            let interfaces = Interfaces::count(&size(&spec, 3), 2);
            assert_eq!((interfaces.hyperplane, interfaces.per_execution), (hyperplane, per_execution), "{executions}");
        }
    }
}
