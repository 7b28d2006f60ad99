//! Source 2: the network as EC2 tells it, rules and routes by their meaning.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::compare::{Case, Found};
use super::differ;
use super::expected::{Expected, is_unknown};
use super::live::Reading;
use super::rules;
use super::severity::{self, Severity};
use super::{Kind, Source};
use tenantry_aws::cloud::network::{Acl, AclEntry, Group, Item, Peer, Route, RouteTable, Rule};

const HERE: Source = Source::Network;

/// Types that this source compares completely, so that no other has to.
pub(super) const TYPES: [&str; 16] = [
    "AWS::EC2::EIP",
    "AWS::EC2::FlowLog",
    "AWS::EC2::InternetGateway",
    "AWS::EC2::NatGateway",
    "AWS::EC2::NetworkAcl",
    "AWS::EC2::NetworkAclEntry",
    "AWS::EC2::Route",
    "AWS::EC2::RouteTable",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::Subnet",
    "AWS::EC2::SubnetNetworkAclAssociation",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::VPCEndpoint",
    "AWS::EC2::VPCGatewayAttachment",
];

/// Number of the entry that ends every network ACL. Source: Amazon VPC User Guide, "Network ACL rules".
const LAST_ENTRY: i32 = 32_767;

pub(super) fn compare(case: &Case<'_>, found: &mut Found) {
    let shared = case.shared;
    vpcs(case, found);
    items(case, found, "AWS::EC2::Subnet", &shared.subnets);
    items(case, found, "AWS::EC2::VPCEndpoint", &shared.endpoints);
    items(case, found, "AWS::EC2::NatGateway", &shared.nat_gateways);
    items(case, found, "AWS::EC2::FlowLog", &shared.flow_logs);
    items(case, found, "AWS::EC2::InternetGateway", &shared.internet_gateways);
    items(case, found, "AWS::EC2::EIP", &shared.addresses);
    attachments(case, found);
    groups(case, found);
    tables(case, found);
    acls(case, found);
}

/// A property's text.
fn text<'e>(expected: &'e Expected, key: &str) -> Option<&'e str> {
    expected.properties.get(key).and_then(Value::as_str)
}

fn vpcs(case: &Case<'_>, found: &mut Found) {
    let Some(vpcs) = found.read(HERE, &case.shared.vpcs) else { return };
    for (id, expected) in case.of_type("AWS::EC2::VPC") {
        found.check(HERE, id);
        let Some(vpc) = vpcs.iter().find(|vpc| Some(vpc.id.as_str()) == expected.physical_id.as_deref()) else {
            found.deleted(HERE, id, expected);
            continue;
        };
        tags(case, found, id, expected, &vpc.tags);
    }
}

fn items(case: &Case<'_>, found: &mut Found, resource_type: &str, reported: &Reading<Vec<Item>>) {
    let Some(live) = found.read(HERE, reported) else { return };
    for (id, expected) in case.of_type(resource_type) {
        found.check(HERE, id);
        let Some(item) = live.iter().find(|item| Some(item.id.as_str()) == expected.physical_id.as_deref()) else {
            found.deleted(HERE, id, expected);
            continue;
        };
        for spot in differ::properties(&expected.properties, &without(&item.properties, "Tags")) {
            found.modified(HERE, id, expected, spot);
        }
        tags(case, found, id, expected, &item.tags);
    }
}

fn without(properties: &Map<String, Value>, key: &str) -> Map<String, Value> {
    properties.iter().filter(|(name, _)| *name != key).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Tags of the template and of the stack against those of the resource; AWS's own mean nothing.
fn tags(case: &Case<'_>, found: &mut Found, id: &str, expected: &Expected, live: &BTreeMap<String, String>) {
    let mut wanted = case.desired.tags.clone();
    for tag in expected.properties.get("Tags").and_then(Value::as_array).into_iter().flatten() {
        if let (Some(key), Some(value)) = (tag["Key"].as_str(), tag["Value"].as_str()) {
            wanted.insert(key.to_owned(), value.to_owned());
        }
    }
    let keys: BTreeSet<&String> = wanted.keys().chain(live.keys()).filter(|key| !key.starts_with("aws:")).collect();
    for key in keys {
        let (a, b) = (wanted.get(key), live.get(key));
        let kind = match (a, b) {
            (a, b) if a == b => continue,
            (None, _) => Kind::Added,
            (_, None) => Kind::Deleted,
            _ => Kind::Modified,
        };
        let rated = (severity::TAG, Severity::Low);
        let (a, b) = (a.map(|text| json!(text)), b.map(|text| json!(text)));
        found.add(HERE, kind, rated, id, expected, &format!("/Tags/{key}"), a, b);
    }
}

fn attachments(case: &Case<'_>, found: &mut Found) {
    let Ok(gateways) = &case.shared.internet_gateways else { return };
    for (id, expected) in case.of_type("AWS::EC2::VPCGatewayAttachment") {
        found.check(HERE, id);
        let gateway = gateways.iter().find(|gateway| Some(gateway.id.as_str()) == text(expected, "InternetGatewayId"));
        if gateway.and_then(|gateway| gateway.vpc.as_deref()) != text(expected, "VpcId") {
            found.deleted(HERE, id, expected);
        }
    }
}

// ---- security groups ----

/// A rule that the template gives a group, with the resource that gives it.
struct Given {
    rule: Rule,
    by: String,
}

fn groups(case: &Case<'_>, found: &mut Found) {
    let Some(live) = found.read(HERE, &case.shared.groups) else { return };
    for (id, expected) in case.of_type("AWS::EC2::SecurityGroup") {
        found.check(HERE, id);
        let group = live.iter().find(|group| Some(group.id.as_str()) == expected.physical_id.as_deref());
        for outbound in [false, true] {
            direction(case, found, id, expected, group, outbound);
        }
        match group {
            Some(group) => tags(case, found, id, expected, &group.tags),
            None => found.deleted(HERE, id, expected),
        }
    }
}

fn direction(case: &Case<'_>, found: &mut Found, id: &str, expected: &Expected, group: Option<&Group>, outbound: bool) {
    let side = if outbound { "SecurityGroupEgress" } else { "SecurityGroupIngress" };
    let mut given = inline(id, expected, side, outbound);
    for (rule_id, rule) in case.of_type(&format!("AWS::EC2::{side}")) {
        if text(rule, "GroupId").is_some() && text(rule, "GroupId") == expected.physical_id.as_deref() {
            found.check(HERE, rule_id);
            given.extend(rule_of(&rule.properties, outbound).map(|rule| Given { rule, by: rule_id.clone() }));
        }
    }
    let Some(group) = group else { return };
    let live = if outbound { &group.egress } else { &group.ingress };
    let wanted: Vec<Rule> = given.iter().map(|given| given.rule.clone()).collect();
    let drift = rules::compare(&wanted, live);
    for index in drift.opened {
        let severity = if outbound { Severity::High } else { Severity::Critical };
        let rated = (severity::OPENED, severity);
        let actual = Some(live[index].shown(outbound));
        found.add(HERE, Kind::Added, rated, id, expected, &format!("/{side}"), None, actual);
    }
    for index in drift.missing {
        let (given, wanted) = (&given[index], Some(wanted[index].shown(outbound)));
        match case.expected.get(&given.by) {
            Some(resource) if given.by != id => found.deleted(HERE, &given.by, resource),
            _ => {
                let rated = (severity::MODIFIED, Severity::High);
                found.add(HERE, Kind::Deleted, rated, id, expected, &format!("/{side}"), wanted, None);
            }
        }
    }
}

/// The rules that stand in the group itself. Without any for egress, EC2's own lets everything out.
fn inline(id: &str, expected: &Expected, side: &str, outbound: bool) -> Vec<Given> {
    let given = |rule| Given { rule, by: id.to_owned() };
    let rules = expected.properties.get(side).and_then(Value::as_array);
    let rules: Vec<Given> =
        rules.into_iter().flatten().filter_map(|rule| rule_of(rule.as_object()?, outbound)).map(given).collect();
    if outbound && rules.is_empty() {
        let peer = Peer::Cidr("0.0.0.0/0".to_owned());
        return vec![given(Rule { protocol: "-1".to_owned(), from: None, to: None, peer })];
    }
    rules
}

/// A rule as the template says it.
fn rule_of(properties: &Map<String, Value>, outbound: bool) -> Option<Rule> {
    let end = if outbound { "Destination" } else { "Source" };
    let text = |key: &str| properties.get(key).and_then(Value::as_str).map(str::to_owned);
    let peer = text("CidrIp")
        .or_else(|| text("CidrIpv6"))
        .map(Peer::Cidr)
        .or_else(|| text(&format!("{end}SecurityGroupId")).map(Peer::Group))
        .or_else(|| text(&format!("{end}PrefixListId")).map(Peer::PrefixList))?;
    let protocol = properties.get("IpProtocol").map(super::paths::shown)?;
    Some(Rule { protocol, from: number(properties.get("FromPort")), to: number(properties.get("ToPort")), peer })
}

fn number(value: Option<&Value>) -> Option<i32> {
    super::paths::shown(value?).parse().ok()
}

// ---- routes ----

fn tables(case: &Case<'_>, found: &mut Found) {
    let Some(live) = found.read(HERE, &case.shared.route_tables) else { return };
    // Tables for which the template gives a way out.
    let open: BTreeSet<&str> =
        case.of_type("AWS::EC2::Route").filter_map(|(_, route)| text(route, "RouteTableId")).collect();
    for (id, expected) in case.of_type("AWS::EC2::RouteTable") {
        found.check(HERE, id);
        match live.iter().find(|table| Some(table.id.as_str()) == expected.physical_id.as_deref()) {
            None => found.deleted(HERE, id, expected),
            Some(table) => {
                extra_routes(case, found, id, expected, table, open.contains(table.id.as_str()));
                tags(case, found, id, expected, &table.tags);
            }
        }
    }
    for (id, expected) in case.of_type("AWS::EC2::Route") {
        found.check(HERE, id);
        let table = live.iter().find(|table| Some(table.id.as_str()) == text(expected, "RouteTableId"));
        let wanted = destination(expected);
        match table.and_then(|table| table.routes.iter().find(|route| Some(route.destination.as_str()) == wanted)) {
            None => found.deleted(HERE, id, expected),
            Some(route) => route_target(found, id, expected, route),
        }
    }
    for (id, expected) in case.of_type("AWS::EC2::SubnetRouteTableAssociation") {
        found.check(HERE, id);
        let (subnet, wanted) = (text(expected, "SubnetId").unwrap_or(""), text(expected, "RouteTableId").unwrap_or(""));
        let now = live.iter().find(|table| table.subnets.iter().any(|id| id == subnet));
        if now.is_some_and(|table| table.id == wanted) {
            continue;
        }
        let main = live.iter().find(|table| table.main && Some(table.vpc.as_str()) == case.vpc());
        let leads_out = now.or(main).is_some_and(|table| table.routes.iter().any(is_way_out));
        let rated = match (now, leads_out && !open.contains(wanted)) {
            (_, true) => (severity::ROUTE_OUT, Severity::Critical),
            (Some(_), false) => (severity::MODIFIED, Severity::High),
            (None, false) => severity::of_deletion(&expected.resource_type),
        };
        let kind = if now.is_some() { Kind::Modified } else { Kind::Deleted };
        let actual = now.map(|table| json!(table.id));
        found.add(HERE, kind, rated, id, expected, "/RouteTableId", Some(wanted.into()), actual);
    }
}

fn destination(expected: &Expected) -> Option<&str> {
    ["DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId"]
        .iter()
        .find_map(|key| text(expected, key))
}

/// A route that leads out of the VPC: neither its own block nor an endpoint.
fn is_way_out(route: &Route) -> bool {
    route.target_id != "local" && !route.target_id.starts_with("vpce-")
}

fn extra_routes(case: &Case<'_>, found: &mut Found, id: &str, expected: &Expected, table: &RouteTable, open: bool) {
    let ours: BTreeSet<&str> = case
        .of_type("AWS::EC2::Route")
        .filter(|(_, route)| text(route, "RouteTableId") == Some(table.id.as_str()))
        .filter_map(|(_, route)| destination(route))
        .collect();
    for route in table.routes.iter().filter(|route| is_way_out(route) && !ours.contains(route.destination.as_str())) {
        let severity = if open { Severity::High } else { Severity::Critical };
        let path = format!("/Routes/{}", route.destination);
        let actual = Some(json!({ route.target: route.target_id }));
        found.add(HERE, Kind::Added, (severity::ROUTE_OUT, severity), id, expected, &path, None, actual);
    }
}

fn route_target(found: &mut Found, id: &str, expected: &Expected, route: &Route) {
    let target = expected.properties.iter().find(|(key, _)| {
        !matches!(
            key.as_str(),
            "RouteTableId" | "DestinationCidrBlock" | "DestinationIpv6CidrBlock" | "DestinationPrefixListId"
        )
    });
    let Some((key, wanted)) = target else { return };
    if !is_unknown(wanted) && wanted.as_str() != Some(route.target_id.as_str()) {
        let spot = differ::Spot {
            path: format!("/{key}"),
            expected: wanted.clone(),
            actual: json!({ route.target: route.target_id }),
        };
        found.modified(HERE, id, expected, spot);
    } else if route.blackhole {
        let spot = differ::Spot { path: "/State".to_owned(), expected: "active".into(), actual: "blackhole".into() };
        found.modified(HERE, id, expected, spot);
    }
}

// ---- network ACLs ----

fn acls(case: &Case<'_>, found: &mut Found) {
    let Some(live) = found.read(HERE, &case.shared.acls) else { return };
    for (id, expected) in case.of_type("AWS::EC2::NetworkAcl") {
        found.check(HERE, id);
        match live.iter().find(|acl| Some(acl.id.as_str()) == expected.physical_id.as_deref()) {
            None => found.deleted(HERE, id, expected),
            Some(acl) => {
                extra_entries(case, found, id, expected, acl);
                tags(case, found, id, expected, &acl.tags);
            }
        }
    }
    for (id, expected) in case.of_type("AWS::EC2::NetworkAclEntry") {
        found.check(HERE, id);
        let acl = live.iter().find(|acl| Some(acl.id.as_str()) == text(expected, "NetworkAclId"));
        let key = entry_key(expected);
        match acl.and_then(|acl| acl.entries.iter().find(|entry| Some((entry.egress, entry.number)) == key)) {
            None => found.deleted(HERE, id, expected),
            Some(entry) => {
                for mut spot in differ::properties(&expected.properties, &entry_properties(entry)) {
                    if spot.path == "/Protocol" && same_protocol(&spot) {
                        continue;
                    }
                    spot.path = spot.path.trim_end_matches('/').to_owned();
                    let wider = !entry.egress && entry.allow;
                    let severity = if wider { Severity::Critical } else { Severity::High };
                    let rated = (if wider { severity::OPENED } else { severity::MODIFIED }, severity);
                    let (a, b) = (Some(spot.expected), Some(spot.actual));
                    found.add(HERE, Kind::Modified, rated, id, expected, &spot.path, a, b);
                }
            }
        }
    }
    for (id, expected) in case.of_type("AWS::EC2::SubnetNetworkAclAssociation") {
        found.check(HERE, id);
        let (subnet, wanted) = (text(expected, "SubnetId").unwrap_or(""), text(expected, "NetworkAclId").unwrap_or(""));
        let now = live.iter().find(|acl| acl.subnets.iter().any(|id| id == subnet));
        if now.is_none_or(|acl| acl.id != wanted) {
            let rated = (severity::MODIFIED, Severity::High);
            let actual = now.map(|acl| json!(acl.id));
            found.add(HERE, Kind::Modified, rated, id, expected, "/NetworkAclId", Some(wanted.into()), actual);
        }
    }
}

fn same_protocol(spot: &differ::Spot) -> bool {
    rules::protocol(&super::paths::shown(&spot.expected)) == rules::protocol(&super::paths::shown(&spot.actual))
}

fn entry_key(expected: &Expected) -> Option<(bool, i32)> {
    let egress = expected.properties.get("Egress").map(super::paths::shown);
    Some((egress.as_deref() == Some("true"), number(expected.properties.get("RuleNumber"))?))
}

fn entry_properties(entry: &AclEntry) -> Map<String, Value> {
    let block = if entry.cidr.contains(':') { "Ipv6CidrBlock" } else { "CidrBlock" };
    let mut properties = Map::new();
    properties.insert("Protocol".to_owned(), json!(entry.protocol));
    properties.insert("RuleAction".to_owned(), json!(if entry.allow { "allow" } else { "deny" }));
    properties.insert(block.to_owned(), json!(entry.cidr));
    let ports = entry.ports.map(|(from, to)| json!({ "From": from, "To": to }));
    properties.insert("PortRange".to_owned(), ports.unwrap_or(Value::Null));
    properties
}

fn extra_entries(case: &Case<'_>, found: &mut Found, id: &str, expected: &Expected, acl: &Acl) {
    let ours: BTreeSet<(bool, i32)> = case
        .of_type("AWS::EC2::NetworkAclEntry")
        .filter(|(_, entry)| text(entry, "NetworkAclId") == Some(acl.id.as_str()))
        .filter_map(|(_, entry)| entry_key(entry))
        .collect();
    let extra = acl.entries.iter().filter(|entry| entry.number < LAST_ENTRY);
    for entry in extra.filter(|entry| !ours.contains(&(entry.egress, entry.number))) {
        let rated = match (entry.allow, entry.egress) {
            (true, false) => (severity::OPENED, Severity::Critical),
            (true, true) => (severity::OPENED, Severity::High),
            (false, _) => (severity::MODIFIED, Severity::High),
        };
        let way = if entry.egress { "egress" } else { "ingress" };
        let path = format!("/Entries/{way}/{}", entry.number);
        let actual = Some(Value::Object(entry_properties(entry)));
        found.add(HERE, Kind::Added, rated, id, expected, &path, None, actual);
    }
}
