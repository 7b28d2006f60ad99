//! Amazon EC2: what else lives in the VPCs of tenants, and what leads out of them: interfaces, instances, connections,
//! and whatever bears a tag.

use std::collections::BTreeMap;

use aws_sdk_ec2::types as sdk;
use serde_json::Value;

use super::network::{Item, PAGE, filter, pages, present, tags_of};
use super::{CallError, Family, Session};

/// A network interface, and what is known of its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    pub id: String,
    pub vpc: String,
    pub subnet: String,
    /// `interface`, `lambda`, `nat_gateway`, `vpc_endpoint`, …
    pub kind: String,
    pub description: String,
    pub instance: Option<String>,
    pub requester: Option<String>,
    pub groups: Vec<String>,
    pub tags: BTreeMap<String, String>,
}

/// A connection from one of our VPCs to somewhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    pub id: String,
    /// `AWS::EC2::VPCPeeringConnection`, …
    pub resource_type: &'static str,
    /// The VPCs at its ends.
    pub vpcs: Vec<String>,
    pub tags: BTreeMap<String, String>,
}

/// A resource of EC2, and the tags of it that were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged {
    pub id: String,
    /// As EC2 names it: `security-group`.
    pub kind: String,
    pub tags: BTreeMap<String, String>,
}

/// Network interfaces in VPCs.
pub async fn interfaces(session: &Session, vpcs: &[String]) -> Result<Vec<Interface>, CallError> {
    const OPERATION: &str = "DescribeNetworkInterfaces";
    let call = session.ec2.describe_network_interfaces().filters(filter("vpc-id", vpcs)).max_results(PAGE);
    let of = |interface: sdk::NetworkInterface| {
        let subject = session.place.region.as_str();
        let id = session.need(interface.network_interface_id, OPERATION, subject, "NetworkInterfaceId")?;
        Ok(Interface {
            vpc: session.need(interface.vpc_id, OPERATION, &id, "VpcId")?,
            subnet: interface.subnet_id.unwrap_or_default(),
            kind: interface.interface_type.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
            description: interface.description.unwrap_or_default(),
            instance: interface.attachment.and_then(|attachment| attachment.instance_id),
            requester: interface.requester_id.filter(|_| interface.requester_managed == Some(true)),
            groups: interface.groups.unwrap_or_default().into_iter().filter_map(|group| group.group_id).collect(),
            tags: tags_of(interface.tag_set),
            id,
        })
    };
    pages!(session, "DescribeNetworkInterfaces", call, network_interfaces).into_iter().map(of).collect()
}

/// Instances in VPCs that are not terminated.
pub async fn instances(session: &Session, vpcs: &[String]) -> Result<Vec<Item>, CallError> {
    const OPERATION: &str = "DescribeInstances";
    let call = session.ec2.describe_instances().filters(filter("vpc-id", vpcs)).max_results(PAGE);
    let found = pages!(session, "DescribeInstances", call, reservations);
    let instances = found.into_iter().flat_map(|reservation| reservation.instances.unwrap_or_default());
    let runs = |instance: &sdk::Instance| {
        let state = instance.state.as_ref().and_then(|state| state.name.as_ref());
        !state.is_some_and(|name| matches!(name.as_str(), "terminated" | "shutting-down"))
    };
    let of = |instance: sdk::Instance| {
        let interfaces = instance.network_interfaces.unwrap_or_default().into_iter();
        Ok(Item {
            id: session.need(instance.instance_id, OPERATION, session.place.region.as_str(), "InstanceId")?,
            vpc: instance.vpc_id,
            properties: present([("SubnetId", instance.subnet_id.map(Value::from))]),
            tags: tags_of(instance.tags),
            interfaces: interfaces.filter_map(|interface| interface.network_interface_id).collect(),
        })
    };
    instances.filter(runs).map(of).collect()
}

/// Peerings of the account in the region that are, or may come to be, open.
pub async fn peerings(session: &Session) -> Result<Vec<Connection>, CallError> {
    const OPERATION: &str = "DescribeVpcPeeringConnections";
    let call = session.ec2.describe_vpc_peering_connections().max_results(PAGE);
    let open = |peering: &sdk::VpcPeeringConnection| {
        let status = peering.status.as_ref().and_then(|status| status.code.as_ref());
        status.is_none_or(|code| {
            matches!(code.as_str(), "active" | "pending-acceptance" | "provisioning" | "initiating-request")
        })
    };
    let of = |peering: sdk::VpcPeeringConnection| {
        let ends = [peering.requester_vpc_info, peering.accepter_vpc_info].into_iter().flatten();
        Ok(Connection {
            id: session.need(peering.vpc_peering_connection_id, OPERATION, session.place.region.as_str(), "Id")?,
            resource_type: "AWS::EC2::VPCPeeringConnection",
            vpcs: ends.filter_map(|end| end.vpc_id).collect(),
            tags: tags_of(peering.tags),
        })
    };
    let found = pages!(session, "DescribeVpcPeeringConnections", call, vpc_peering_connections);
    found.into_iter().filter(|peering| open(peering)).map(of).collect()
}

/// Virtual private gateways that are attached to VPCs.
pub async fn vpn_gateways(session: &Session, vpcs: &[String]) -> Result<Vec<Connection>, CallError> {
    const OPERATION: &str = "DescribeVpnGateways";
    let subject = session.place.region.as_str();
    session.turn(Family::Ec2Read).await;
    let answer = session.ec2.describe_vpn_gateways().filters(filter("attachment.vpc-id", vpcs)).send().await;
    let answer = answer.map_err(|error| CallError::of(&session.place, OPERATION, subject, error))?;
    let of = |gateway: sdk::VpnGateway| {
        let attachments = gateway.vpc_attachments.unwrap_or_default().into_iter();
        let attached = attachments.filter(|a| a.state.as_ref().is_none_or(|s| !s.as_str().starts_with("detach")));
        Ok(Connection {
            id: session.need(gateway.vpn_gateway_id, OPERATION, subject, "VpnGatewayId")?,
            resource_type: "AWS::EC2::VPNGateway",
            vpcs: attached.filter_map(|attachment| attachment.vpc_id).collect(),
            tags: tags_of(gateway.tags),
        })
    };
    answer.vpn_gateways.unwrap_or_default().into_iter().map(of).collect()
}

/// Attachments of VPCs to transit gateways.
pub async fn transit_attachments(session: &Session, vpcs: &[String]) -> Result<Vec<Connection>, CallError> {
    const OPERATION: &str = "DescribeTransitGatewayVpcAttachments";
    let call = session.ec2.describe_transit_gateway_vpc_attachments().filters(filter("vpc-id", vpcs)).max_results(PAGE);
    let open = |attachment: &sdk::TransitGatewayVpcAttachment| {
        !attachment.state.as_ref().is_some_and(|state| state.as_str().starts_with("delet"))
    };
    let of = |attachment: sdk::TransitGatewayVpcAttachment| {
        let subject = session.place.region.as_str();
        Ok(Connection {
            id: session.need(attachment.transit_gateway_attachment_id, OPERATION, subject, "Id")?,
            resource_type: "AWS::EC2::TransitGatewayAttachment",
            vpcs: attachment.vpc_id.into_iter().collect(),
            tags: tags_of(attachment.tags),
        })
    };
    let found = pages!(session, "DescribeTransitGatewayVpcAttachments", call, transit_gateway_vpc_attachments);
    found.into_iter().filter(|attachment| open(attachment)).map(of).collect()
}

/// Egress-only internet gateways of the account in the region.
pub async fn egress_only_gateways(session: &Session) -> Result<Vec<Connection>, CallError> {
    const OPERATION: &str = "DescribeEgressOnlyInternetGateways";
    let call = session.ec2.describe_egress_only_internet_gateways().max_results(255);
    let of = |gateway: sdk::EgressOnlyInternetGateway| {
        let attachments = gateway.attachments.unwrap_or_default().into_iter();
        let subject = session.place.region.as_str();
        Ok(Connection {
            id: session.need(gateway.egress_only_internet_gateway_id, OPERATION, subject, "Id")?,
            resource_type: "AWS::EC2::EgressOnlyInternetGateway",
            vpcs: attachments.filter_map(|attachment| attachment.vpc_id).collect(),
            tags: tags_of(gateway.tags),
        })
    };
    let found = pages!(session, "DescribeEgressOnlyInternetGateways", call, egress_only_internet_gateways);
    found.into_iter().map(of).collect()
}

/// Everything of EC2 that bears a tag with one of these keys, with those tags.
pub async fn tagged(session: &Session, keys: &[&str]) -> Result<Vec<Tagged>, CallError> {
    let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    let call = session.ec2.describe_tags().filters(filter("key", &keys)).max_results(PAGE);
    let mut found: BTreeMap<String, Tagged> = BTreeMap::new();
    for tag in pages!(session, "DescribeTags", call, tags) {
        let Some(id) = tag.resource_id else { continue };
        let kind = tag.resource_type.map(|kind| kind.as_str().to_owned()).unwrap_or_default();
        let entry = found.entry(id.clone()).or_insert_with(|| Tagged { id, kind, tags: BTreeMap::new() });
        entry.tags.insert(tag.key.unwrap_or_default(), tag.value.unwrap_or_default());
    }
    Ok(found.into_values().collect())
}
