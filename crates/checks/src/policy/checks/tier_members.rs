//! Who may stand in a tier of subnets: where a blueprint declares a tier for some types only, these stand in no other tier,
//! and nothing else stands in theirs. What shares subnets with functions can starve of addresses. A subnet of a tier that no
//! blueprint declares would be held against nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::Fault;
use super::stack::Stack;
use tenantry_template::render::references::references;

/// Types that name a subnet without taking an address in it.
const TAKE_NO_ADDRESS: [&str; 2] = ["AWS::EC2::SubnetNetworkAclAssociation", "AWS::EC2::SubnetRouteTableAssociation"];

pub(super) fn check(stack: &Stack<'_>) -> Vec<Fault> {
    let subnets = stack.subnet_tiers();
    let tiers: BTreeMap<&str, &BTreeSet<String>> =
        stack.tiers.only.iter().map(|(tier, kinds)| (tier.as_str(), kinds)).collect();
    let undeclared = subnets.iter().filter(|(_, tier)| !stack.tiers.all.contains(**tier));
    let mut faults: Vec<Fault> = undeclared
        .map(|(id, tier)| {
            let known = stack.tiers.all.iter().cloned().collect::<Vec<_>>().join("`, `");
            let known = if known.is_empty() { "it declares none".to_owned() } else { format!("it has `{known}`") };
            Fault::new(id, "Properties/Tags", format!("the blueprint has no tier `{tier}`: {known}"))
        })
        .collect();
    for (id, resource) in stack.all() {
        let kind = resource["Type"].as_str().unwrap_or_default();
        if TAKE_NO_ADDRESS.contains(&kind) {
            continue;
        }
        let own: Vec<&str> = tiers.iter().filter(|(_, kinds)| kinds.contains(kind)).map(|(tier, _)| *tier).collect();
        for subnet in references(resource) {
            let Some(tier) = subnets.get(subnet.as_str()) else { continue };
            let message = match tiers.get(tier) {
                Some(kinds) if !kinds.contains(kind) => {
                    let kinds = kinds.iter().cloned().collect::<Vec<_>>().join(", ");
                    format!("the resource is in `{subnet}` of tier `{tier}`, which is for {kinds} only")
                }
                None if !own.is_empty() => {
                    format!("the resource is in `{subnet}` of tier `{tier}`, not in tier `{}`", own.join("` or `"))
                }
                _ => continue,
            };
            faults.push(Fault::new(id, "Properties", message));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use serde_json::{Value, json};

    fn stack(function_in: &str, endpoint_in: &str) -> Value {
        let tags = |tier: &str| json!([{ "Key": "tenantry:tier", "Value": tier }]);
        let subnet = |tier: &str| json!({ "Type": "AWS::EC2::Subnet", "Properties": { "Tags": tags(tier) } });
        json!({
            "Web": subnet("web"),
            "Endpoint": { "Type": "AWS::EC2::VPCEndpoint", "Properties": { "SubnetIds": [{ "Ref": endpoint_in }] } },
            "Function": { "Type": "AWS::Lambda::Function", "Properties": {
                "VpcConfig": { "SubnetIds": [{ "Ref": function_in }] },
            } },
            "Functions": subnet("functions"),
            "Routes": { "Type": super::TAKE_NO_ADDRESS[1], "Properties": { "SubnetId": { "Ref": "Functions" } } },
        })
    }

    #[test]
    fn a_subnet_stands_in_a_tier_of_the_blueprint() {
        let mut stack = stack("Functions", "Web");
        stack["Web"]["Properties"]["Tags"][0]["Value"] = json!("wbe");
        check(super::check, stack, &["Web: the blueprint has no tier `wbe`: it has `data`, `functions`, `web`"]);
    }

    #[test]
    fn what_a_tier_is_for_stands_there_and_nowhere_else() {
        check(super::check, stack("Functions", "Web"), &[]);
        check(
            super::check,
            stack("Web", "Web"),
            &["Function: the resource is in `Web` of tier `web`, not in tier `functions`"],
        );
        check(
            super::check,
            stack("Functions", "Functions"),
            &["Endpoint: the resource is in `Functions` of tier `functions`, which is for AWS::Lambda::Function only"],
        );
    }
}
