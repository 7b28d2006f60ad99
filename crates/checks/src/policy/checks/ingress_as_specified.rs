//! Nobody comes in from outside but those whom a parameter of the tenant names, one that the blueprint marks with `ingress`.

use ipnetwork::IpNetwork;
use serde_json::Value;

use super::Fault;
use super::stack::{Stack, Tiers};

/// A network from which a security group lets somebody in.
#[derive(Debug, Clone)]
pub(in crate::policy) struct Door {
    pub(in crate::policy) resource: String,
    /// Path inside the resource.
    pub(in crate::policy) path: String,
}

/// Where the security groups of a template name networks.
pub(in crate::policy) fn doors(tree: &Value) -> Vec<Door> {
    let tiers = Tiers::default();
    let stack = Stack::of(tree, &tiers);
    let mut doors = Vec::new();
    let mut add = |id: &str, rule: &Value, path: String| {
        for property in ["CidrIp", "CidrIpv6", "SourcePrefixListId"] {
            if rule.get(property).is_some() {
                doors.push(Door { resource: id.to_owned(), path: format!("{path}/{property}") });
            }
        }
    };
    for (id, group) in stack.of_type("AWS::EC2::SecurityGroup") {
        for (index, rule) in group["SecurityGroupIngress"].as_array().into_iter().flatten().enumerate() {
            add(id, rule, format!("Properties/SecurityGroupIngress/{index}"));
        }
    }
    for (id, rule) in stack.of_type("AWS::EC2::SecurityGroupIngress") {
        add(id, rule, "Properties".to_owned());
    }
    doors
}

/// A door that the spec does not name.
pub(in crate::policy) fn check<'n>(
    door: &Door,
    from: &Value,
    mut allowed: impl Iterator<Item = &'n IpNetwork>,
) -> Option<Fault> {
    let named = from.as_str().and_then(|text| text.parse::<IpNetwork>().ok());
    let known = named.is_some_and(|network| allowed.any(|allowed| *allowed == network));
    let message = || match named {
        Some(network) => format!("`{network}` comes in, but no parameter with `ingress` names it"),
        None => "the allowed sources cannot be compared with the parameters with `ingress`".to_owned(),
    };
    (!known).then(|| Fault::new(&door.resource, &door.path, message()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_kind_of_rule_is_a_door() {
        let tree = json!({ "Resources": {
            "Group": { "Type": "AWS::EC2::SecurityGroup", "Properties": { "SecurityGroupIngress": [
                { "CidrIp": "203.0.113.0/24" }, { "SourceSecurityGroupId": "sg" }, { "CidrIpv6": "::/0" },
            ] } },
            "Rule": { "Type": "AWS::EC2::SecurityGroupIngress", "Properties": { "SourcePrefixListId": "pl-1" } },
        } });
        let found: Vec<String> = doors(&tree).iter().map(|door| format!("{}/{}", door.resource, door.path)).collect();
        assert_eq!(
            found,
            [
                "Group/Properties/SecurityGroupIngress/0/CidrIp",
                "Group/Properties/SecurityGroupIngress/2/CidrIpv6",
                "Rule/Properties/SourcePrefixListId",
            ]
        );
    }

    #[test]
    fn a_door_is_open_to_those_whom_the_spec_names() {
        let door = Door { resource: "Group".to_owned(), path: "Properties/CidrIp".to_owned() };
        let allowed: Vec<IpNetwork> = vec!["203.0.113.0/24".parse().unwrap()];
        let said = |from: Value| check(&door, &from, allowed.iter()).map(|fault| fault.message);
        assert_eq!(said(json!("203.0.113.0/24")), None);
        assert_eq!(said(json!("0.0.0.0/0")).unwrap(), "`0.0.0.0/0` comes in, but no parameter with `ingress` names it");
        assert!(said(json!({ "Ref": "Somewhere" })).is_some());
    }
}
