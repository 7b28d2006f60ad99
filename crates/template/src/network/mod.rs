//! The network of one tenant: where each zone's four subnets lie and how many addresses each must hold.
//!
//! In: the tenant's spec, its sizes and the zones of its region. Out: a [`NetworkPlan`]. Pure arithmetic; it knows
//! nothing about templates or AWS.

pub mod addresses;
mod demand;
mod interfaces;
mod layout;

use ipnetwork::Ipv4Network;
use serde::Serialize;

use crate::sizing::{Derived, Sizing};
pub use demand::Demand;
pub use interfaces::Interfaces;
pub use layout::LayoutError;
use tenantry_base::ids::ZoneId;
use tenantry_spec::estate::spec::TenantSpec;

/// What a subnet is for. Ordered from the outside in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Faces the internet: load balancer, NAT.
    Red,
    /// Processing, interface endpoints, the proxy.
    Amber,
    /// Data: the search domain. No route to the internet.
    Green,
    /// Functions only.
    Lambda,
}

/// The subnets of one tenant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NetworkPlan {
    pub vpc: Ipv4Network,
    /// In the order of the region's zones.
    pub zones: Vec<ZonePlan>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ZonePlan {
    pub id: ZoneId,
    pub red: SubnetPlan,
    pub amber: SubnetPlan,
    pub green: SubnetPlan,
    pub lambda: SubnetPlan,
}

/// One subnet: its block and the addresses that it must hold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SubnetPlan {
    pub tier: Tier,
    pub cidr: Ipv4Network,
    /// Addresses needed at the peak, with a zone lost and a deployment under way.
    pub demand: u32,
}

/// Lays a tenant's subnets out in its zones, the same for every tenant of the same spec and sizes.
///
/// # Errors
/// A block that is too small (with the prefix that would do), or fewer than two zones.
pub fn lay_out(spec: &TenantSpec, sizing: &Sizing, zones: &[ZoneId]) -> Result<NetworkPlan, LayoutError> {
    layout::pack(spec.network.cidr, &Demand::of(spec, sizing, zones.len()), zones)
}

/// The addresses that each tier's subnets must hold, with their reasoning.
pub fn explain(spec: &TenantSpec, sizing: &Sizing) -> Vec<Derived<String>> {
    Demand::of(spec, sizing, usize::from(spec.network.zones)).rows(spec, sizing)
}
