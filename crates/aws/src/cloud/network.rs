//! Amazon EC2: everything in the VPCs of tenants, a few paginated calls per region.
//!
//! Every function asks for many VPCs at once. What comes back speaks the words of CloudFormation's resource types, so
//! that it can be held against a template.

use std::collections::BTreeMap;

use aws_sdk_ec2::types as sdk;
use serde_json::{Map, Value, json};

use super::{CallError, Family, Session};

/// Most values of one filter. Source: Amazon EC2 API Reference, "Filter".
pub const MOST_FILTER_VALUES: usize = 200;
/// Largest page of most calls, and that of DescribeRouteTables. Source: Amazon EC2 API Reference.
pub(super) const PAGE: i32 = 1000;
const PAGE_OF_TABLES: i32 = 100;

/// One thing of a network, with those properties that the API tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    pub id: String,
    pub vpc: Option<String>,
    /// By the names that CloudFormation gives them.
    pub properties: Map<String, Value>,
    pub tags: BTreeMap<String, String>,
    /// Network interfaces that are part of it.
    pub interfaces: Vec<String>,
}

/// A rule of a security group for one peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Name or number; `-1` for all.
    pub protocol: String,
    pub from: Option<i32>,
    pub to: Option<i32>,
    pub peer: Peer,
}

/// Whom a rule is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    Cidr(String),
    Group(String),
    PrefixList(String),
}

/// A security group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub id: String,
    pub vpc: String,
    pub name: String,
    pub ingress: Vec<Rule>,
    pub egress: Vec<Rule>,
    pub tags: BTreeMap<String, String>,
}

/// A route table with its routes and the subnets that use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTable {
    pub id: String,
    pub vpc: String,
    /// The table of every subnet that names none.
    pub main: bool,
    pub routes: Vec<Route>,
    pub subnets: Vec<String>,
    pub tags: BTreeMap<String, String>,
}

/// A route. The target's member is named as CloudFormation names it: `NatGatewayId`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub destination: String,
    pub target: &'static str,
    pub target_id: String,
    /// The target is gone.
    pub blackhole: bool,
}

/// A network ACL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acl {
    pub id: String,
    pub vpc: String,
    pub default: bool,
    pub entries: Vec<AclEntry>,
    pub subnets: Vec<String>,
    pub tags: BTreeMap<String, String>,
}

/// An entry of a network ACL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AclEntry {
    pub egress: bool,
    pub number: i32,
    pub protocol: String,
    pub allow: bool,
    pub cidr: String,
    pub ports: Option<(i32, i32)>,
}

/// Every page of a describe call as one list.
macro_rules! pages {
    ($session:ident, $operation:expr, $call:expr, $field:ident) => {{
        let subject = $session.place.region.as_str();
        let pages = $call.into_paginator().send();
        let mut pages = $session.pages(Family::Ec2Read, $operation, subject, pages, |page| page.next_token());
        let mut found = Vec::new();
        while let Some(page) = pages.next().await? {
            found.extend(page.$field.unwrap_or_default());
        }
        found
    }};
}
pub(super) use pages;

pub(super) fn filter(name: &str, values: &[String]) -> sdk::Filter {
    sdk::Filter::builder().name(name).set_values(Some(values.to_vec())).build()
}

pub(super) fn tags_of(tags: Option<Vec<sdk::Tag>>) -> BTreeMap<String, String> {
    let tags = tags.unwrap_or_default().into_iter();
    tags.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect()
}

/// Properties without those that the answer does not have.
pub(super) fn present<const N: usize>(properties: [(&str, Option<Value>); N]) -> Map<String, Value> {
    properties.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

/// Subnets of VPCs.
pub async fn subnets(session: &Session, vpcs: &[String]) -> Result<Vec<Item>, CallError> {
    const OPERATION: &str = "DescribeSubnets";
    let call = session.ec2.describe_subnets().filters(filter("vpc-id", vpcs)).max_results(PAGE);
    let of = |subnet: sdk::Subnet| {
        Ok(Item {
            id: session.need(subnet.subnet_id, OPERATION, session.place.region.as_str(), "SubnetId")?,
            properties: present([
                ("VpcId", subnet.vpc_id.clone().map(Value::from)),
                ("CidrBlock", subnet.cidr_block.map(Value::from)),
                ("AvailabilityZoneId", subnet.availability_zone_id.map(Value::from)),
                ("MapPublicIpOnLaunch", subnet.map_public_ip_on_launch.map(Value::from)),
            ]),
            vpc: subnet.vpc_id,
            tags: tags_of(subnet.tags),
            interfaces: Vec::new(),
        })
    };
    pages!(session, "DescribeSubnets", call, subnets).into_iter().map(of).collect()
}

/// Security groups of VPCs.
pub async fn groups(session: &Session, vpcs: &[String]) -> Result<Vec<Group>, CallError> {
    const OPERATION: &str = "DescribeSecurityGroups";
    let call = session.ec2.describe_security_groups().filters(filter("vpc-id", vpcs)).max_results(PAGE);
    let of = |group: sdk::SecurityGroup| {
        let id = session.need(group.group_id, OPERATION, session.place.region.as_str(), "GroupId")?;
        Ok(Group {
            vpc: session.need(group.vpc_id, OPERATION, &id, "VpcId")?,
            name: group.group_name.unwrap_or_default(),
            ingress: rules_of(group.ip_permissions),
            egress: rules_of(group.ip_permissions_egress),
            tags: tags_of(group.tags),
            id,
        })
    };
    pages!(session, "DescribeSecurityGroups", call, security_groups).into_iter().map(of).collect()
}

fn rules_of(permissions: Option<Vec<sdk::IpPermission>>) -> Vec<Rule> {
    let mut rules = Vec::new();
    for permission in permissions.unwrap_or_default() {
        let v4 = permission.ip_ranges.unwrap_or_default().into_iter().filter_map(|range| range.cidr_ip);
        let v6 = permission.ipv6_ranges.unwrap_or_default().into_iter().filter_map(|range| range.cidr_ipv6);
        let groups = permission.user_id_group_pairs.unwrap_or_default().into_iter().filter_map(|pair| pair.group_id);
        let lists = permission.prefix_list_ids.unwrap_or_default().into_iter().filter_map(|list| list.prefix_list_id);
        let peers = v4.chain(v6).map(Peer::Cidr).chain(groups.map(Peer::Group)).chain(lists.map(Peer::PrefixList));
        let protocol = permission.ip_protocol.unwrap_or_else(|| "-1".to_owned());
        let (from, to) = (permission.from_port, permission.to_port);
        rules.extend(peers.map(|peer| Rule { protocol: protocol.clone(), from, to, peer }));
    }
    rules
}

/// Route tables of VPCs.
pub async fn route_tables(session: &Session, vpcs: &[String]) -> Result<Vec<RouteTable>, CallError> {
    const OPERATION: &str = "DescribeRouteTables";
    let call = session.ec2.describe_route_tables().filters(filter("vpc-id", vpcs)).max_results(PAGE_OF_TABLES);
    let of = |table: sdk::RouteTable| {
        let id = session.need(table.route_table_id, OPERATION, session.place.region.as_str(), "RouteTableId")?;
        let associations = table.associations.unwrap_or_default();
        Ok(RouteTable {
            vpc: session.need(table.vpc_id, OPERATION, &id, "VpcId")?,
            main: associations.iter().any(|association| association.main == Some(true)),
            subnets: associations.into_iter().filter_map(|association| association.subnet_id).collect(),
            routes: table.routes.unwrap_or_default().into_iter().filter_map(route_of).collect(),
            tags: tags_of(table.tags),
            id,
        })
    };
    pages!(session, "DescribeRouteTables", call, route_tables).into_iter().map(of).collect()
}

fn route_of(route: sdk::Route) -> Option<Route> {
    let destination =
        route.destination_cidr_block.or(route.destination_ipv6_cidr_block).or(route.destination_prefix_list_id)?;
    let targets = [
        ("NatGatewayId", route.nat_gateway_id),
        ("TransitGatewayId", route.transit_gateway_id),
        ("VpcPeeringConnectionId", route.vpc_peering_connection_id),
        ("EgressOnlyInternetGatewayId", route.egress_only_internet_gateway_id),
        ("CarrierGatewayId", route.carrier_gateway_id),
        ("LocalGatewayId", route.local_gateway_id),
        ("CoreNetworkArn", route.core_network_arn),
        ("GatewayId", route.gateway_id),
        ("InstanceId", route.instance_id),
        ("NetworkInterfaceId", route.network_interface_id),
    ];
    let known = targets.into_iter().find_map(|(target, id)| Some((target, id.filter(|id| !id.is_empty())?)));
    let (target, target_id) = known.unwrap_or(("GatewayId", String::new()));
    Some(Route { destination, target, target_id, blackhole: route.state == Some(sdk::RouteState::Blackhole) })
}

/// Network ACLs of VPCs.
pub async fn acls(session: &Session, vpcs: &[String]) -> Result<Vec<Acl>, CallError> {
    const OPERATION: &str = "DescribeNetworkAcls";
    let call = session.ec2.describe_network_acls().filters(filter("vpc-id", vpcs)).max_results(PAGE);
    let of = |acl: sdk::NetworkAcl| {
        let id = session.need(acl.network_acl_id, OPERATION, session.place.region.as_str(), "NetworkAclId")?;
        let associations = acl.associations.unwrap_or_default().into_iter();
        Ok(Acl {
            vpc: session.need(acl.vpc_id, OPERATION, &id, "VpcId")?,
            default: acl.is_default.unwrap_or(false),
            entries: acl.entries.unwrap_or_default().into_iter().filter_map(entry_of).collect(),
            subnets: associations.filter_map(|association| association.subnet_id).collect(),
            tags: tags_of(acl.tags),
            id,
        })
    };
    pages!(session, "DescribeNetworkAcls", call, network_acls).into_iter().map(of).collect()
}

fn entry_of(entry: sdk::NetworkAclEntry) -> Option<AclEntry> {
    let ports = entry.port_range.and_then(|range| Some((range.from?, range.to?)));
    let icmp = entry.icmp_type_code.and_then(|code| Some((code.r#type?, code.code?)));
    Some(AclEntry {
        egress: entry.egress?,
        number: entry.rule_number?,
        protocol: entry.protocol?,
        allow: entry.rule_action? == sdk::RuleAction::Allow,
        cidr: entry.cidr_block.or(entry.ipv6_cidr_block)?,
        ports: ports.or(icmp),
    })
}

/// Endpoints in VPCs that have not been deleted.
pub async fn endpoints(session: &Session, vpcs: &[String]) -> Result<Vec<Item>, CallError> {
    const OPERATION: &str = "DescribeVpcEndpoints";
    let call = session.ec2.describe_vpc_endpoints().filters(filter("vpc-id", vpcs)).max_results(PAGE);
    let of = |endpoint: sdk::VpcEndpoint| {
        let groups = endpoint.groups.map(|groups| groups.into_iter().filter_map(|group| group.group_id).collect());
        let policy = endpoint.policy_document.and_then(|text| serde_json::from_str(&text).ok());
        Ok(Item {
            id: session.need(endpoint.vpc_endpoint_id, OPERATION, session.place.region.as_str(), "VpcEndpointId")?,
            properties: present([
                ("VpcId", endpoint.vpc_id.clone().map(Value::from)),
                ("VpcEndpointType", endpoint.vpc_endpoint_type.map(|kind| kind.as_str().into())),
                ("ServiceName", endpoint.service_name.map(Value::from)),
                ("RouteTableIds", endpoint.route_table_ids.map(Value::from)),
                ("SubnetIds", endpoint.subnet_ids.map(Value::from)),
                ("SecurityGroupIds", groups.map(|groups: Vec<String>| groups.into())),
                ("PrivateDnsEnabled", endpoint.private_dns_enabled.map(Value::from)),
                ("PolicyDocument", policy),
            ]),
            vpc: endpoint.vpc_id,
            tags: tags_of(endpoint.tags),
            interfaces: endpoint.network_interface_ids.unwrap_or_default(),
        })
    };
    let gone = |endpoint: &sdk::VpcEndpoint| {
        endpoint
            .state
            .as_ref()
            .is_some_and(|state| matches!(state.as_str().to_lowercase().as_str(), "deleted" | "deleting"))
    };
    let found = pages!(session, "DescribeVpcEndpoints", call, vpc_endpoints);
    found.into_iter().filter(|endpoint| !gone(endpoint)).map(of).collect()
}

/// NAT gateways in VPCs that have not been deleted.
pub async fn nat_gateways(session: &Session, vpcs: &[String]) -> Result<Vec<Item>, CallError> {
    const OPERATION: &str = "DescribeNatGateways";
    let call = session.ec2.describe_nat_gateways().filter(filter("vpc-id", vpcs)).max_results(PAGE);
    let of = |gateway: sdk::NatGateway| {
        let addresses = gateway.nat_gateway_addresses.unwrap_or_default();
        let primary = addresses.iter().find(|address| address.is_primary != Some(false));
        Ok(Item {
            id: session.need(gateway.nat_gateway_id, OPERATION, session.place.region.as_str(), "NatGatewayId")?,
            properties: present([
                ("SubnetId", gateway.subnet_id.map(Value::from)),
                ("AllocationId", primary.and_then(|address| address.allocation_id.clone()).map(Value::from)),
                ("ConnectivityType", gateway.connectivity_type.map(|kind| kind.as_str().into())),
            ]),
            vpc: gateway.vpc_id,
            tags: tags_of(gateway.tags),
            interfaces: addresses.into_iter().filter_map(|address| address.network_interface_id).collect(),
        })
    };
    let gone = |gateway: &sdk::NatGateway| {
        gateway.state.as_ref().is_some_and(|state| matches!(state.as_str(), "deleted" | "deleting"))
    };
    let found = pages!(session, "DescribeNatGateways", call, nat_gateways);
    found.into_iter().filter(|gateway| !gone(gateway)).map(of).collect()
}

/// Flow logs of VPCs and of their parts.
pub async fn flow_logs(session: &Session, vpcs: &[String]) -> Result<Vec<Item>, CallError> {
    const OPERATION: &str = "DescribeFlowLogs";
    let call = session.ec2.describe_flow_logs().filter(filter("resource-id", vpcs)).max_results(PAGE);
    let of = |log: sdk::FlowLog| {
        Ok(Item {
            id: session.need(log.flow_log_id, OPERATION, session.place.region.as_str(), "FlowLogId")?,
            properties: present([
                ("ResourceId", log.resource_id.clone().map(Value::from)),
                ("TrafficType", log.traffic_type.map(|kind| kind.as_str().into())),
                ("LogDestinationType", log.log_destination_type.map(|kind| kind.as_str().into())),
                ("LogGroupName", log.log_group_name.map(Value::from)),
                ("DeliverLogsPermissionArn", log.deliver_logs_permission_arn.map(Value::from)),
                ("MaxAggregationInterval", log.max_aggregation_interval.map(Value::from)),
            ]),
            vpc: log.resource_id,
            tags: tags_of(log.tags),
            interfaces: Vec::new(),
        })
    };
    pages!(session, "DescribeFlowLogs", call, flow_logs).into_iter().map(of).collect()
}

/// Every internet gateway of the account in the region; `VpcId` is where it is attached.
pub async fn internet_gateways(session: &Session) -> Result<Vec<Item>, CallError> {
    const OPERATION: &str = "DescribeInternetGateways";
    let call = session.ec2.describe_internet_gateways().max_results(PAGE);
    let of = |gateway: sdk::InternetGateway| {
        let vpc = gateway.attachments.unwrap_or_default().into_iter().find_map(|attachment| attachment.vpc_id);
        let id = session.need(gateway.internet_gateway_id, OPERATION, session.place.region.as_str(), "Id")?;
        let properties = present([("VpcId", vpc.clone().map(Value::from))]);
        Ok(Item { id, properties, vpc, tags: tags_of(gateway.tags), interfaces: Vec::new() })
    };
    pages!(session, "DescribeInternetGateways", call, internet_gateways).into_iter().map(of).collect()
}

/// Every elastic address of the account in the region, by the address itself, with its `AllocationId`.
pub async fn addresses(session: &Session) -> Result<Vec<Item>, CallError> {
    const OPERATION: &str = "DescribeAddresses";
    let subject = session.place.region.as_str();
    session.turn(Family::Ec2Read).await;
    let answer = session.ec2.describe_addresses().send().await;
    let answer = answer.map_err(|error| CallError::of(&session.place, OPERATION, subject, error))?;
    let of = |address: sdk::Address| {
        Ok(Item {
            id: session.need(address.public_ip, OPERATION, subject, "PublicIp")?,
            vpc: None,
            properties: present([
                ("AllocationId", address.allocation_id.map(Value::from)),
                ("Domain", address.domain.map(|domain| domain.as_str().into())),
            ]),
            tags: tags_of(address.tags),
            interfaces: address.network_interface_id.into_iter().collect(),
        })
    };
    answer.addresses.unwrap_or_default().into_iter().map(of).collect()
}

impl Rule {
    /// The rule as the properties of CloudFormation say it.
    pub fn shown(&self, outbound: bool) -> Value {
        let end = if outbound { "Destination" } else { "Source" };
        let mut shown = Map::new();
        shown.insert("IpProtocol".to_owned(), json!(self.protocol));
        if let Some(from) = self.from {
            shown.insert("FromPort".to_owned(), json!(from));
        }
        if let Some(to) = self.to {
            shown.insert("ToPort".to_owned(), json!(to));
        }
        let (key, value) = match &self.peer {
            Peer::Cidr(cidr) if cidr.contains(':') => ("CidrIpv6".to_owned(), cidr),
            Peer::Cidr(cidr) => ("CidrIp".to_owned(), cidr),
            Peer::Group(id) => (format!("{end}SecurityGroupId"), id),
            Peer::PrefixList(id) => (format!("{end}PrefixListId"), id),
        };
        shown.insert(key, json!(value));
        Value::Object(shown)
    }
}
