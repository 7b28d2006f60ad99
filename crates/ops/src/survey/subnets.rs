//! The subnets that exist, what is free in each, and who stands there.

use std::collections::BTreeMap;

use super::seen;
use crate::deploy::TENANT_TAG;
use tenantry_aws::cloud::ec2_usage::{self, Interface, Subnet};
use tenantry_aws::cloud::{Session, with_causes};
use tenantry_checks::capacity::{LiveSubnet, Measured, Owner};

/// What is known of subnets and interfaces.
pub(super) struct Subnets {
    pub(super) live: Vec<LiveSubnet>,
    /// Ids of zones by subnet.
    pub(super) zones: BTreeMap<String, String>,
    pub(super) interfaces: Measured<u64>,
}

/// Two paginated calls for everything.
pub(super) async fn look(session: &Session) -> Measured<Subnets> {
    let (subnets, interfaces) = futures::join!(ec2_usage::subnets(session), ec2_usage::interfaces(session));
    let subnets = match subnets {
        Ok(subnets) => subnets,
        Err(error) => return Measured::Unknown(with_causes(&error)),
    };
    let interfaces = seen(interfaces);
    let mut owners: BTreeMap<&str, BTreeMap<Owner, u64>> = BTreeMap::new();
    for interface in interfaces.known().into_iter().flatten() {
        *owners.entry(&interface.subnet).or_default().entry(owner(interface)).or_default() += interface.addresses;
    }
    let zones = subnets.iter().filter_map(|subnet| Some((subnet.id.clone(), subnet.zone.clone()?))).collect();
    let standing = |subnet: &Subnet| match interfaces.why() {
        Some(why) => Measured::Unknown(why.to_owned()),
        None => Measured::Known(owners.get(subnet.id.as_str()).cloned().unwrap_or_default()),
    };
    let live = subnets.iter().map(|subnet| live(subnet, standing(subnet))).collect();
    let interfaces = interfaces.as_ref().map(|interfaces| interfaces.len() as u64);
    Measured::Known(Subnets { live, zones, interfaces })
}

fn live(subnet: &Subnet, owners: Measured<BTreeMap<Owner, u64>>) -> LiveSubnet {
    let tag = |name: &str| subnet.tags.get(name).cloned();
    LiveSubnet {
        id: subnet.id.clone(),
        cidr: subnet.cidr.clone(),
        stack: tag("aws:cloudformation:stack-name"),
        logical_id: tag("aws:cloudformation:logical-id"),
        tenant: tag(TENANT_TAG),
        free: subnet.free,
        owners,
    }
}

/// Who an interface belongs to: services say it in the interface's type or its description.
/// Source: Amazon EC2 API Reference, NetworkInterface; the descriptions as each service writes them.
fn owner(interface: &Interface) -> Owner {
    let says = |start: &str| interface.description.starts_with(start);
    match interface.kind.as_str() {
        "lambda" => Owner::Functions,
        "nat_gateway" | "natGateway" => Owner::Nat,
        "vpc_endpoint" | "gateway_load_balancer_endpoint" => Owner::Endpoints,
        "load_balancer" | "network_load_balancer" | "gateway_load_balancer" => Owner::LoadBalancer,
        _ if says("AWS Lambda VPC ENI") => Owner::Functions,
        _ if says("ES ") => Owner::Search,
        _ if says("ELB ") => Owner::LoadBalancer,
        _ if says("Interface for NAT Gateway") => Owner::Nat,
        _ if says("VPC Endpoint Interface") => Owner::Endpoints,
        _ if says("RDSNetworkInterface") || says("RedshiftNetworkInterface") => Owner::Database,
        _ if says("ElastiCache ") => Owner::Cache,
        _ if says("EFS mount target") => Owner::FileSystem,
        _ if says("arn:aws") && interface.description.contains(":ecs:") => Owner::Tasks,
        _ => Owner::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_say_who_they_belong_to() {
        let cases = [
            ("lambda", "", Owner::Functions),
            ("interface", "AWS Lambda VPC ENI-acme-ingest-0a1b", Owner::Functions),
            ("interface", "ES metanet-acme", Owner::Search),
            ("interface", "ELB app/metanet-acme/0a1b2c", Owner::LoadBalancer),
            ("interface", "arn:aws-us-gov:ecs:us-gov-west-1:111122223333:attachment/0a1b", Owner::Tasks),
            ("nat_gateway", "Interface for NAT Gateway nat-0a1b", Owner::Nat),
            ("vpc_endpoint", "VPC Endpoint Interface vpce-0a1b", Owner::Endpoints),
            ("interface", "RDSNetworkInterface", Owner::Database),
            ("interface", "ElastiCache acme-0001-001", Owner::Cache),
            ("interface", "EFS mount target for fs-0a1b (fsmt-0a1b)", Owner::FileSystem),
            ("interface", "Primary network interface", Owner::Unknown),
            ("", "", Owner::Unknown),
        ];
        for (kind, description, expected) in cases {
            let interface = Interface {
                subnet: "subnet-1".to_owned(),
                kind: kind.to_owned(),
                description: description.to_owned(),
                addresses: 1,
            };
            assert_eq!(owner(&interface), expected, "{kind} {description}");
        }
    }
}
