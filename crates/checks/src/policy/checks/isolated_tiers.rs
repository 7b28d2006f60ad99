//! Subnets of tiers that lead nowhere have a route table of their own making, and no route in it leads out of the VPC.

use std::collections::{BTreeMap, BTreeSet};

use super::Fault;
use super::stack::{Stack, target};

/// Properties of a route that name a way out of the VPC.
const WAYS_OUT: [&str; 8] = [
    "CarrierGatewayId",
    "EgressOnlyInternetGatewayId",
    "GatewayId",
    "InstanceId",
    "NatGatewayId",
    "NetworkInterfaceId",
    "TransitGatewayId",
    "VpcPeeringConnectionId",
];

pub(super) fn check(stack: &Stack<'_>) -> Vec<Fault> {
    let isolated: BTreeSet<&str> = stack
        .subnet_tiers()
        .into_iter()
        .filter(|(_, tier)| stack.tiers.isolated.contains(*tier))
        .map(|(id, _)| id)
        .collect();
    let mut tables: BTreeMap<&str, &str> = BTreeMap::new();
    for (_, association) in stack.of_type("AWS::EC2::SubnetRouteTableAssociation") {
        if let (Some(subnet), Some(table)) = (target(&association["SubnetId"]), target(&association["RouteTableId"])) {
            tables.insert(subnet, table);
        }
    }
    let without = isolated.iter().filter(|subnet| !tables.contains_key(*subnet)).map(|subnet| {
        Fault::new(subnet, "Properties", "the subnet has no route table of its own, so it takes the VPC's main one")
    });
    let closed: BTreeSet<&str> = isolated.iter().filter_map(|subnet| tables.get(subnet).copied()).collect();
    let out = stack.of_type("AWS::EC2::Route").filter_map(|(id, route)| {
        let table = target(&route["RouteTableId"]).filter(|table| closed.contains(table))?;
        let way = WAYS_OUT.iter().find(|way| route.get(**way).is_some())?;
        Some(Fault::new(
            id,
            &format!("Properties/{way}"),
            format!("`{table}` of isolated subnets leads out of the VPC"),
        ))
    });
    without.chain(out).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use serde_json::{Value, json};

    fn stack(tier: &str, way: &str) -> Value {
        json!({
            "Association": { "Type": "AWS::EC2::SubnetRouteTableAssociation", "Properties": {
                "SubnetId": { "Ref": "Subnet" }, "RouteTableId": { "Ref": "Table" },
            } },
            "Route": { "Type": "AWS::EC2::Route", "Properties": {
                "RouteTableId": { "Ref": "Table" }, "DestinationCidrBlock": "0.0.0.0/0", way: { "Ref": "Way" },
            } },
            "Subnet": { "Type": "AWS::EC2::Subnet", "Properties": { "Tags": [{ "Key": "tenantry:tier", "Value": tier }] } },
            "Table": { "Type": "AWS::EC2::RouteTable", "Properties": {} },
        })
    }

    #[test]
    fn tiers_without_routes_lead_nowhere() {
        let found = ["Route: `Table` of isolated subnets leads out of the VPC"];
        check(super::check, stack("data", "NatGatewayId"), &found);
        check(super::check, stack("functions", "GatewayId"), &found);
        check(super::check, stack("web", "NatGatewayId"), &[]);
        check(super::check, stack("data", "VpcEndpointId"), &[]);
    }

    #[test]
    fn the_main_route_table_is_not_trusted() {
        let mut resources = stack("data", "VpcEndpointId");
        resources["Association"]["Properties"]["SubnetId"] = json!({ "Ref": "Other" });
        check(
            super::check,
            resources,
            &["Subnet: the subnet has no route table of its own, so it takes the VPC's main one"],
        );
    }
}
