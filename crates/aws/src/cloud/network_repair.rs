//! Amazon EC2: takes out what does not belong in a network, where CloudFormation cannot see it.

use std::collections::BTreeMap;

use aws_sdk_ec2::types as sdk;

use super::network::{Peer, Rule};
use super::{CallError, Family, Session};

/// Takes a rule out of a group.
pub async fn revoke(session: &Session, group: &str, rule: &Rule, outbound: bool) -> Result<(), CallError> {
    session.turn(Family::Ec2Write).await;
    let permission = permission_of(rule);
    if outbound {
        let call = session.ec2.revoke_security_group_egress().group_id(group).ip_permissions(permission);
        call.send().await.map(drop).map_err(|e| CallError::of(&session.place, "RevokeSecurityGroupEgress", group, e))
    } else {
        let call = session.ec2.revoke_security_group_ingress().group_id(group).ip_permissions(permission);
        call.send().await.map(drop).map_err(|e| CallError::of(&session.place, "RevokeSecurityGroupIngress", group, e))
    }
}

fn permission_of(rule: &Rule) -> sdk::IpPermission {
    let permission =
        sdk::IpPermission::builder().ip_protocol(&rule.protocol).set_from_port(rule.from).set_to_port(rule.to);
    match &rule.peer {
        Peer::Cidr(cidr) if cidr.contains(':') => {
            permission.ipv6_ranges(sdk::Ipv6Range::builder().cidr_ipv6(cidr).build())
        }
        Peer::Cidr(cidr) => permission.ip_ranges(sdk::IpRange::builder().cidr_ip(cidr).build()),
        Peer::Group(id) => permission.user_id_group_pairs(sdk::UserIdGroupPair::builder().group_id(id).build()),
        Peer::PrefixList(id) => permission.prefix_list_ids(sdk::PrefixListId::builder().prefix_list_id(id).build()),
    }
    .build()
}

/// Takes a route out of a table.
pub async fn delete_route(session: &Session, table: &str, destination: &str) -> Result<(), CallError> {
    session.turn(Family::Ec2Write).await;
    let call = session.ec2.delete_route().route_table_id(table);
    let call = match destination {
        list if list.starts_with("pl-") => call.destination_prefix_list_id(list),
        v6 if v6.contains(':') => call.destination_ipv6_cidr_block(v6),
        v4 => call.destination_cidr_block(v4),
    };
    call.send().await.map(drop).map_err(|error| CallError::of(&session.place, "DeleteRoute", table, error))
}

/// Takes an entry out of a network ACL.
pub async fn delete_acl_entry(session: &Session, acl: &str, number: i32, egress: bool) -> Result<(), CallError> {
    session.turn(Family::Ec2Write).await;
    let call = session.ec2.delete_network_acl_entry().network_acl_id(acl).rule_number(number).egress(egress);
    call.send().await.map(drop).map_err(|error| CallError::of(&session.place, "DeleteNetworkAclEntry", acl, error))
}

/// Sets and removes tags of a resource of EC2.
pub async fn retag(
    session: &Session,
    id: &str,
    set: &BTreeMap<String, String>,
    remove: &[String],
) -> Result<(), CallError> {
    if !set.is_empty() {
        session.turn(Family::Ec2Write).await;
        let tags = set.iter().map(|(key, value)| sdk::Tag::builder().key(key).value(value).build()).collect();
        let answer = session.ec2.create_tags().resources(id).set_tags(Some(tags)).send().await;
        answer.map_err(|error| CallError::of(&session.place, "CreateTags", id, error))?;
    }
    if !remove.is_empty() {
        session.turn(Family::Ec2Write).await;
        let tags = remove.iter().map(|key| sdk::Tag::builder().key(key).build()).collect();
        let answer = session.ec2.delete_tags().resources(id).set_tags(Some(tags)).send().await;
        answer.map_err(|error| CallError::of(&session.place, "DeleteTags", id, error))?;
    }
    Ok(())
}
