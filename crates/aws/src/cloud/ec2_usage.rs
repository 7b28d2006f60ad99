//! Amazon EC2: how much of what is used, and who stands in which subnet.

use std::collections::BTreeMap;

use super::network::pages;
use super::{CallError, Family, Session};

/// A subnet as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    pub id: String,
    pub cidr: String,
    /// Id of its zone.
    pub zone: Option<String>,
    /// Addresses that can still be had.
    pub free: u64,
    pub tags: BTreeMap<String, String>,
}

/// A network interface as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    pub subnet: String,
    /// As EC2 names it: `interface`, `lambda`, `nat_gateway`, …
    pub kind: String,
    pub description: String,
    /// Private addresses of it.
    pub addresses: u64,
}

/// Counts of what a region holds for the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    InternetGateways,
    EgressOnlyGateways,
    SecurityGroups,
    GatewayEndpoints,
    ElasticAddresses,
}

/// Counts one kind of thing.
pub async fn count(session: &Session, what: Counted) -> Result<u64, CallError> {
    let found = match what {
        Counted::InternetGateways => {
            let call = session.ec2.describe_internet_gateways();
            pages!(session, "DescribeInternetGateways", call, internet_gateways).len()
        }
        Counted::EgressOnlyGateways => {
            let call = session.ec2.describe_egress_only_internet_gateways();
            pages!(session, "DescribeEgressOnlyInternetGateways", call, egress_only_internet_gateways).len()
        }
        Counted::SecurityGroups => {
            pages!(session, "DescribeSecurityGroups", session.ec2.describe_security_groups(), security_groups).len()
        }
        Counted::GatewayEndpoints => {
            let endpoints =
                pages!(session, "DescribeVpcEndpoints", session.ec2.describe_vpc_endpoints(), vpc_endpoints);
            let gateway = |kind: &aws_sdk_ec2::types::VpcEndpointType| kind.as_str() == "Gateway";
            endpoints.iter().filter(|endpoint| endpoint.vpc_endpoint_type.as_ref().is_some_and(gateway)).count()
        }
        Counted::ElasticAddresses => {
            const OPERATION: &str = "DescribeAddresses";
            session.turn(Family::Ec2Read).await;
            let answer = session.ec2.describe_addresses().send().await;
            let subject = session.place.region.as_str();
            let answer = answer.map_err(|error| CallError::of(&session.place, OPERATION, subject, error))?;
            answer.addresses.unwrap_or_default().len()
        }
    };
    Ok(found as u64)
}

/// NAT gateways by subnet: those that count against the quota.
/// Source: Amazon VPC User Guide, "Amazon VPC quotas", NAT gateways per Availability Zone.
pub async fn nat_gateways(session: &Session) -> Result<BTreeMap<String, u64>, CallError> {
    const OPERATION: &str = "DescribeNatGateways";
    let mut found = BTreeMap::new();
    for gateway in pages!(session, OPERATION, session.ec2.describe_nat_gateways(), nat_gateways) {
        let state = gateway.state.as_ref().map_or("", |state| state.as_str());
        if matches!(state, "pending" | "available" | "deleting") {
            let subnet = session.need(gateway.subnet_id, OPERATION, session.place.region.as_str(), "SubnetId")?;
            *found.entry(subnet).or_default() += 1;
        }
    }
    Ok(found)
}

/// Every subnet of the account in the region.
pub async fn subnets(session: &Session) -> Result<Vec<Subnet>, CallError> {
    const OPERATION: &str = "DescribeSubnets";
    let mut found = Vec::new();
    for subnet in pages!(session, OPERATION, session.ec2.describe_subnets(), subnets) {
        let id = session.need(subnet.subnet_id, OPERATION, session.place.region.as_str(), "SubnetId")?;
        let free = session.need(subnet.available_ip_address_count, OPERATION, &id, "AvailableIpAddressCount")?;
        let tags = subnet.tags.unwrap_or_default().into_iter();
        found.push(Subnet {
            cidr: session.need(subnet.cidr_block, OPERATION, &id, "CidrBlock")?,
            zone: subnet.availability_zone_id,
            free: u64::try_from(free).unwrap_or(0),
            tags: tags.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect(),
            id,
        });
    }
    Ok(found)
}

/// Every network interface of the account in the region.
pub async fn interfaces(session: &Session) -> Result<Vec<Interface>, CallError> {
    const OPERATION: &str = "DescribeNetworkInterfaces";
    let mut found = Vec::new();
    for interface in pages!(session, OPERATION, session.ec2.describe_network_interfaces(), network_interfaces) {
        let subject = session.place.region.as_str();
        found.push(Interface {
            subnet: session.need(interface.subnet_id, OPERATION, subject, "SubnetId")?,
            kind: interface.interface_type.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
            description: interface.description.unwrap_or_default(),
            addresses: (interface.private_ip_addresses.unwrap_or_default().len() as u64).max(1),
        });
    }
    Ok(found)
}
