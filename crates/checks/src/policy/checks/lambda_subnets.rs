//! Functions run in lambda subnets only, and nothing else does: what shares their subnets can starve of addresses.

use std::collections::BTreeSet;

use super::Fault;
use super::isolated_subnets::tiers;
use super::stack::{Stack, targets};
use tenantry_template::render::references::references;

/// Types that name a subnet without taking an address in it.
const TAKE_NO_ADDRESS: [&str; 2] = ["AWS::EC2::SubnetNetworkAclAssociation", "AWS::EC2::SubnetRouteTableAssociation"];
const FUNCTION: &str = "AWS::Lambda::Function";

pub(super) fn check(stack: &Stack<'_>) -> Vec<Fault> {
    let own: BTreeSet<&str> =
        tiers(stack).into_iter().filter(|(_, tier)| *tier == "lambda").map(|(id, _)| id).collect();
    let outside = stack.of_type(FUNCTION).flat_map(|(id, function)| {
        let path = "Properties/VpcConfig/SubnetIds";
        let other = targets(&function["VpcConfig"]["SubnetIds"]).filter(|subnet| !own.contains(*subnet));
        other
            .map(|subnet| Fault::new(id, path, format!("the function runs in `{subnet}`, which is no lambda subnet")))
            .collect::<Vec<_>>()
    });
    let guests = stack.all().flat_map(|(id, resource)| {
        let kind = resource["Type"].as_str().unwrap_or_default();
        let named =
            if kind == FUNCTION || TAKE_NO_ADDRESS.contains(&kind) { BTreeSet::new() } else { references(resource) };
        let guest = |subnet: String| {
            Fault::new(id, "Properties", format!("the resource stands in `{subnet}`, which is for functions only"))
        };
        named.into_iter().filter(|name| own.contains(name.as_str())).map(guest).collect::<Vec<_>>()
    });
    outside.chain(guests).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use serde_json::{Value, json};

    fn stack(function_in: &str, endpoint_in: &str) -> Value {
        let tags = |tier: &str| json!([{ "Key": "tenantry:tier", "Value": tier }]);
        let subnet = |tier: &str| json!({ "Type": "AWS::EC2::Subnet", "Properties": { "Tags": tags(tier) } });
        json!({
            "Amber": subnet("amber"),
            "Endpoint": { "Type": "AWS::EC2::VPCEndpoint", "Properties": { "SubnetIds": [{ "Ref": endpoint_in }] } },
            "Function": { "Type": super::FUNCTION, "Properties": {
                "VpcConfig": { "SubnetIds": [{ "Ref": function_in }] },
            } },
            "Lambda": subnet("lambda"),
            "Routes": { "Type": super::TAKE_NO_ADDRESS[1], "Properties": { "SubnetId": { "Ref": "Lambda" } } },
        })
    }

    #[test]
    fn functions_and_nothing_else_stand_in_lambda_subnets() {
        check(super::check, stack("Lambda", "Amber"), &[]);
        check(
            super::check,
            stack("Amber", "Amber"),
            &["Function: the function runs in `Amber`, which is no lambda subnet"],
        );
        check(
            super::check,
            stack("Lambda", "Lambda"),
            &["Endpoint: the resource stands in `Lambda`, which is for functions only"],
        );
    }
}
