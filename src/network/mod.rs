//! The network of one tenant: where each zone's four subnets lie and how many addresses each must hold.
//!
//! In: the tenant's spec, its sizes and the zones of its region. Out: a [`NetworkPlan`]. Pure arithmetic; it knows
//! nothing about templates or AWS.

use ipnetwork::Ipv4Network;
use serde::Serialize;

use crate::estate::ids::ZoneId;

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
