//! Source 4: what lives in a tenant's VPC, or bears its tag, and is in no template.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::compare::{Case, Found};
use super::severity::{self, Severity};
use super::{Difference, Kind, Source};
use tenantry_aws::cloud::neighbours::Interface;
use tenantry_aws::cloud::network::{Group, Peer};
use tenantry_aws::cloud::tagging::Bearer;

const HERE: Source = Source::Unmanaged;

pub(super) fn compare(case: &Case<'_>, found: &mut Found) {
    if let Some(vpc) = case.vpc() {
        items(case, found, vpc);
        tables_and_acls(case, found, vpc);
        groups(case, found, vpc);
        connections(case, found, vpc);
        functions(case, found, vpc);
        interfaces(case, found, vpc);
        blocks(case, found, vpc);
    }
    tagged(case, found);
    elsewhere(case, found);
}

fn report(found: &mut Found, resource_type: &str, id: &str, severity: Severity, actual: Option<Value>) {
    let known = found.differences.iter().any(|d| d.kind == Kind::Unmanaged && d.physical_id.as_deref() == Some(id));
    if known {
        return;
    }
    found.differences.push(Difference {
        code: severity::UNMANAGED,
        severity,
        kind: Kind::Unmanaged,
        source: HERE,
        resource: None,
        resource_type: resource_type.to_owned(),
        physical_id: Some(id.to_owned()),
        path: String::new(),
        expected: None,
        actual,
        remedy: severity::remedy(Kind::Unmanaged, severity::UNMANAGED).to_owned(),
        carrier: Some(id.to_owned()),
        by: None,
        accepted: None,
    });
}

/// Things with an id that stand in the VPC.
fn items(case: &Case<'_>, found: &mut Found, vpc: &str) {
    let shared = case.shared;
    let kinds = [
        ("AWS::EC2::Subnet", &shared.subnets, Severity::Medium),
        ("AWS::EC2::VPCEndpoint", &shared.endpoints, Severity::High),
        ("AWS::EC2::NatGateway", &shared.nat_gateways, Severity::High),
        ("AWS::EC2::FlowLog", &shared.flow_logs, Severity::Medium),
        ("AWS::EC2::InternetGateway", &shared.internet_gateways, Severity::Critical),
        ("AWS::EC2::Instance", &shared.instances, Severity::High),
    ];
    for (resource_type, reported, severity) in kinds {
        let Some(items) = found.read(HERE, reported) else { continue };
        for item in items.iter().filter(|item| item.vpc.as_deref() == Some(vpc) && !case.is_ours(&item.id)) {
            report(found, resource_type, &item.id, severity, Some(Value::Object(item.properties.clone())));
        }
    }
}

fn tables_and_acls(case: &Case<'_>, found: &mut Found, vpc: &str) {
    if let Some(tables) = found.read(HERE, &case.shared.route_tables) {
        for table in tables.iter().filter(|table| table.vpc == vpc && !case.is_ours(&table.id)) {
            let out: Vec<String> = table
                .routes
                .iter()
                .filter(|route| route.target_id != "local")
                .map(|route| format!("{} to {}", route.destination, route.target_id))
                .collect();
            match (table.main, out.is_empty()) {
                (true, true) => {}
                (true, false) => report(found, "AWS::EC2::RouteTable", &table.id, Severity::High, Some(json!(out))),
                (false, _) => report(found, "AWS::EC2::RouteTable", &table.id, Severity::Medium, Some(json!(out))),
            }
        }
    }
    if let Some(acls) = found.read(HERE, &case.shared.acls) {
        for acl in acls.iter().filter(|acl| acl.vpc == vpc && !acl.default && !case.is_ours(&acl.id)) {
            report(found, "AWS::EC2::NetworkAcl", &acl.id, Severity::Medium, None);
        }
    }
}

fn groups(case: &Case<'_>, found: &mut Found, vpc: &str) {
    let Some(groups) = found.read(HERE, &case.shared.groups) else { return };
    for group in groups.iter().filter(|group| group.vpc == vpc && !case.is_ours(&group.id)) {
        let open: Vec<Value> =
            group.ingress.iter().filter(|rule| is_foreign(group, &rule.peer)).map(|rule| rule.shown(false)).collect();
        // The VPC's own group may be as EC2 made it.
        if group.name != "default" || !open.is_empty() {
            let severity = if open.is_empty() { Severity::Medium } else { Severity::High };
            report(
                found,
                "AWS::EC2::SecurityGroup",
                &group.id,
                severity,
                Some(json!({ "SecurityGroupIngress": open })),
            );
        }
    }
}

fn is_foreign(group: &Group, peer: &Peer) -> bool {
    *peer != Peer::Group(group.id.clone())
}

/// Ways from the VPC to other networks.
fn connections(case: &Case<'_>, found: &mut Found, vpc: &str) {
    let Some(connections) = found.read(HERE, &case.shared.connections) else { return };
    for connection in connections.iter().filter(|connection| connection.vpcs.iter().any(|id| id == vpc)) {
        if !case.is_ours(&connection.id) {
            let ends = Some(json!({ "VpcIds": connection.vpcs }));
            report(found, connection.resource_type, &connection.id, Severity::Critical, ends);
        }
    }
}

fn functions(case: &Case<'_>, found: &mut Found, vpc: &str) {
    let Some(functions) = found.read(HERE, &case.shared.functions) else { return };
    let subnets: BTreeSet<&str> =
        case.of_type("AWS::EC2::Subnet").filter_map(|(_, subnet)| subnet.physical_id.as_deref()).collect();
    for function in functions.values() {
        let within = function.properties.get("VpcConfig").and_then(|config| config.get("SubnetIds"));
        let within = within.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let attached = function.vpc.as_deref() == Some(vpc) || within.into_iter().any(|id| subnets.contains(id));
        if attached && !case.is_ours(&function.name) {
            let role = function.properties.get("Role").cloned();
            report(found, "AWS::Lambda::Function", &function.name, Severity::High, role);
        }
    }
}

/// Network interfaces whose owner is neither a resource of the stack nor something that was reported already.
fn interfaces(case: &Case<'_>, found: &mut Found, vpc: &str) {
    let Some(interfaces) = found.read(HERE, &case.shared.interfaces) else { return };
    let shared = case.shared;
    let lists = [&shared.endpoints, &shared.nat_gateways, &shared.instances, &shared.addresses];
    let parts: BTreeSet<&str> = lists
        .into_iter()
        .filter_map(|reported| reported.as_ref().ok())
        .flatten()
        .filter(|item| item.vpc.is_some())
        .flat_map(|item| item.interfaces.iter().map(String::as_str))
        .collect();
    for interface in interfaces.iter().filter(|interface| interface.vpc == vpc) {
        let owned =
            interface.instance.is_some() || parts.contains(interface.id.as_str()) || is_of_service(case, interface);
        if !owned {
            let actual = json!({ "Description": interface.description, "SubnetId": interface.subnet });
            report(found, "AWS::EC2::NetworkInterface", &interface.id, Severity::Medium, Some(actual));
        }
    }
}

/// An interface that AWS made for a service: under our security groups only, or named after one of our resources.
/// Source: Amazon EC2 User Guide, "Requester-managed network interfaces".
fn is_of_service(case: &Case<'_>, interface: &Interface) -> bool {
    let ours = !interface.groups.is_empty() && interface.groups.iter().all(|group| case.is_ours(group));
    let kinds = ["lambda", "nat_gateway", "vpc_endpoint", "gateway_load_balancer_endpoint", "network_load_balancer"];
    let by_aws = interface.requester.is_some() || kinds.contains(&interface.kind.as_str());
    let named = || {
        case.view.resources.iter().flatten().filter_map(|resource| resource.physical_id.as_deref()).any(|id| {
            let name = id.rsplit_once(":loadbalancer/").map_or(id, |(_, name)| name);
            name.len() > 6 && interface.description.contains(name)
        })
    };
    (by_aws && ours) || named()
}

/// Blocks of addresses that were added to the VPC.
fn blocks(case: &Case<'_>, found: &mut Found, vpc: &str) {
    let Some(vpcs) = found.read(HERE, &case.shared.vpcs) else { return };
    let Some(live) = vpcs.iter().find(|live| live.id == vpc) else { return };
    let ours: BTreeSet<&str> = ["AWS::EC2::VPC", "AWS::EC2::VPCCidrBlock"]
        .iter()
        .flat_map(|kind| case.of_type(kind))
        .filter_map(|(_, expected)| expected.properties.get("CidrBlock").and_then(Value::as_str))
        .collect();
    for block in live.cidrs.iter().map(ToString::to_string).filter(|block| !ours.contains(block.as_str())) {
        report(found, "AWS::EC2::VPCCidrBlock", &block, Severity::High, Some(json!({ "VpcId": vpc })));
    }
}

/// What of EC2 bears the tenant's tag anywhere in the region.
fn tagged(case: &Case<'_>, found: &mut Found) {
    let Some(tagged) = found.read(HERE, &case.shared.tagged) else { return };
    let allocations: BTreeSet<&str> = case
        .shared
        .addresses
        .iter()
        .flatten()
        .filter(|address| case.is_ours(&address.id))
        .filter_map(|address| address.properties.get("AllocationId").and_then(Value::as_str))
        .collect();
    for tag in tagged.get(&case.desired.tenant).into_iter().flatten() {
        let part = matches!(tag.kind.as_str(), "network-interface" | "security-group-rule");
        if !part && !lingers(case, &tag.id) && !case.is_ours(&tag.id) && !allocations.contains(tag.id.as_str()) {
            let actual = json!({ "Tags": tag.tags });
            report(found, &type_of(&tag.id, &tag.kind), &tag.id, Severity::Low, Some(actual));
        }
    }
}

/// What of any other service bears the tenant's tag in the region.
fn elsewhere(case: &Case<'_>, found: &mut Found) {
    let Some(bearers) = found.read(HERE, &case.shared.bearers) else { return };
    let Ok(resources) = &case.view.resources else { return };
    let ours: BTreeSet<&str> = resources
        .iter()
        .filter_map(|resource| resource.physical_id.as_deref())
        .flat_map(|id| [Some(id), id.rsplit(['|', '/']).next()])
        .flatten()
        .collect();
    for Bearer { arn, tags } in bearers.get(&case.desired.tenant).into_iter().flatten() {
        let Some((service, resource)) = parts(arn) else { continue };
        let ids = [arn.as_str(), resource]
            .into_iter()
            .chain(resource.split_once([':', '/']).map(|(_, id)| id))
            .chain(resource.rsplit([':', '/']).next());
        let known = ids.into_iter().any(|id| ours.contains(id));
        // EC2 tells about its own, and a stack does not contain itself.
        if !known && !matches!(service, "ec2" | "cloudformation") && !is_automatic_backup(service, resource) {
            let kind = tenantry_checks::resources::table().of_arn(service, resource).unwrap_or(service);
            report(found, kind, arn, Severity::Low, Some(json!({ "Tags": tags })));
        }
    }
}

/// Whether a service has made it by itself of what a stack has, whose tags it then bears.
/// Sources: Amazon RDS User Guide, "Managing automated backups"; Amazon ElastiCache User Guide, "Scheduling automatic backups".
fn is_automatic_backup(service: &str, resource: &str) -> bool {
    let starts: &[&str] = match service {
        "rds" => &["snapshot:rds:", "cluster-snapshot:rds:", "auto-backup:"],
        "elasticache" => &["snapshot:automatic."],
        _ => &[],
    };
    starts.iter().any(|start| resource.starts_with(start))
}

/// Service and resource of an ARN: `arn:partition:service:region:account:resource`.
fn parts(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.splitn(6, ':');
    Some((parts.nth(2)?, parts.nth(2)?))
}

/// Whether only the tags are left: those of some types outlive them for an hour or so, and their own lists, if they were
/// reported, no longer have the resource.
/// Source: Amazon EC2 User Guide, "Terminate Amazon EC2 instances"; Amazon VPC User Guide, "Delete a NAT gateway".
fn lingers(case: &Case<'_>, id: &str) -> bool {
    let shared = case.shared;
    let lists = [
        ("fl-", &shared.flow_logs),
        ("i-", &shared.instances),
        ("nat-", &shared.nat_gateways),
        ("vpce-", &shared.endpoints),
    ];
    let own = lists.iter().find(|(prefix, _)| id.starts_with(prefix));
    own.is_some_and(|(_, reported)| reported.as_ref().is_ok_and(|items| items.iter().all(|item| item.id != id)))
}

/// The type behind an id of EC2. Source: Amazon EC2 User Guide, "Resource IDs".
fn type_of(id: &str, kind: &str) -> String {
    const TYPES: [(&str, &str); 12] = [
        ("acl-", "AWS::EC2::NetworkAcl"),
        ("eipalloc-", "AWS::EC2::EIP"),
        ("i-", "AWS::EC2::Instance"),
        ("igw-", "AWS::EC2::InternetGateway"),
        ("lt-", "AWS::EC2::LaunchTemplate"),
        ("nat-", "AWS::EC2::NatGateway"),
        ("rtb-", "AWS::EC2::RouteTable"),
        ("sg-", "AWS::EC2::SecurityGroup"),
        ("subnet-", "AWS::EC2::Subnet"),
        ("vol-", "AWS::EC2::Volume"),
        ("vpc-", "AWS::EC2::VPC"),
        ("vpce-", "AWS::EC2::VPCEndpoint"),
    ];
    let known = TYPES.iter().find(|(prefix, _)| id.starts_with(prefix));
    known.map_or_else(|| format!("EC2 {kind}"), |(_, resource_type)| (*resource_type).to_owned())
}

#[cfg(test)]
mod tests {
    use super::{is_automatic_backup, parts};

    #[test]
    fn backups_that_services_make_by_themselves_are_distinguished_from_those_of_people() {
        let made = |arn: &str| parts(arn).is_some_and(|(service, resource)| is_automatic_backup(service, resource));
        assert!(made("arn:aws:rds:eu-west-1:111122223333:snapshot:rds:metanet-acme-2026-11-29-13-56"));
        assert!(made("arn:aws:elasticache:eu-west-1:111122223333:snapshot:automatic.metanet-acme-2026-11-29-05-00"));
        assert!(!made("arn:aws:rds:eu-west-1:111122223333:snapshot:before-the-migration"));
        assert!(!made("arn:aws:rds:eu-west-1:111122223333:db:metanet-acme"));
    }
}
