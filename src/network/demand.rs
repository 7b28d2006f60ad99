//! How many addresses each tier's subnet must hold: at the peak, with a zone lost and a deployment under way.

use super::addresses::{
    LOAD_BALANCER, LOAD_BALANCER_FREE, NAT, RESERVED, SEARCH_FACTOR, TASKS_FACTOR, each, surviving,
};
use super::{Interfaces, Tier};
use crate::estate::spec::TenantSpec;
use crate::sizing::{Derived, Sizing};

/// Room to grow, in percent of the demand.
const HEADROOM_PERCENT: u64 = 50;
/// Interface endpoints that stand in amber: those that functions and proxy call, with room for as many again.
const INTERFACE_ENDPOINTS: u64 = 8;

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
        let nodes = u64::from(sizing.search_data_nodes.value) + u64::from(sizing.search_master_nodes.value);
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
                "⌈(data nodes + masters) / search zones left⌉ × 3",
                vec![
                    input("search_data_nodes", sizing.search_data_nodes.value.into()),
                    input("search_master_nodes", sizing.search_master_nodes.value.into()),
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
