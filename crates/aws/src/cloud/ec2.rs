//! Amazon EC2: the networks and zones that exist.

use std::collections::BTreeMap;

use ipnetwork::Ipv4Network;

use super::network::pages;
use super::{CallError, Cause, Family, Session};
use tenantry_base::ids::ZoneId;

/// A VPC that exists, with every block of addresses that is associated with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vpc {
    pub id: String,
    pub cidrs: Vec<Ipv4Network>,
    pub tags: BTreeMap<String, String>,
    /// Id of its DHCP options.
    pub dhcp: Option<String>,
}

/// Every VPC of the account in the region, sorted by id.
pub async fn vpcs(session: &Session) -> Result<Vec<Vpc>, CallError> {
    const OPERATION: &str = "DescribeVpcs";
    let found = pages!(session, OPERATION, session.ec2.describe_vpcs(), vpcs).into_iter();
    let mut found = found.map(|vpc| vpc_of(session, vpc)).collect::<Result<Vec<_>, _>>()?;
    found.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(found)
}

/// Blocks of addresses in use by any VPC of the account in the region, by VPC id.
pub async fn vpc_cidrs(session: &Session) -> Result<Vec<(String, Ipv4Network)>, CallError> {
    let vpcs = vpcs(session).await?;
    Ok(vpcs.into_iter().flat_map(|vpc| vpc.cidrs.into_iter().map(move |cidr| (vpc.id.clone(), cidr))).collect())
}

fn vpc_of(session: &Session, vpc: aws_sdk_ec2::types::Vpc) -> Result<Vpc, CallError> {
    const OPERATION: &str = "DescribeVpcs";
    let id = session.need(vpc.vpc_id, OPERATION, session.place.region.as_str(), "VpcId")?;
    let mut blocks = vec![session.need(vpc.cidr_block, OPERATION, &id, "CidrBlock")?];
    for association in vpc.cidr_block_association_set.unwrap_or_default() {
        let state = association.cidr_block_state.and_then(|state| state.state);
        if !state.is_some_and(|state| matches!(state.as_str(), "disassociated" | "failed")) {
            blocks.push(session.need(association.cidr_block, OPERATION, &id, "CidrBlockAssociationSet.CidrBlock")?);
        }
    }
    blocks.sort();
    blocks.dedup();
    let unreadable = || CallError::because(&session.place, OPERATION, &id, Cause::Missing { field: "CidrBlock" });
    let cidrs = blocks.iter().map(|block| block.parse().map_err(|_| unreadable())).collect::<Result<_, _>>()?;
    let tags = vpc.tags.unwrap_or_default().into_iter();
    let tags = tags.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect();
    Ok(Vpc { id, cidrs, tags, dhcp: vpc.dhcp_options_id })
}

/// Ids of the zones that the account can use in the region, with the names they have there.
pub async fn zones(session: &Session) -> Result<BTreeMap<ZoneId, String>, CallError> {
    const OPERATION: &str = "DescribeAvailabilityZones";
    let subject = session.place.region.as_str();
    session.turn(Family::Ec2Read).await;
    let answer = session.ec2.describe_availability_zones().send().await;
    let answer = answer.map_err(|error| CallError::of(&session.place, OPERATION, subject, error))?;
    let mut found = BTreeMap::new();
    for zone in answer.availability_zones.unwrap_or_default() {
        if zone.zone_type.as_deref().is_some_and(|kind| kind != "availability-zone") {
            continue;
        }
        let id = session.need(zone.zone_id, OPERATION, subject, "ZoneId")?;
        let name = session.need(zone.zone_name, OPERATION, &id, "ZoneName")?;
        let id = session.need(id.parse().ok(), OPERATION, &id, "ZoneId")?;
        found.insert(id, name);
    }
    Ok(found)
}
