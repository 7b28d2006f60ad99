//! What a region offers to an account: the right to use it, types of resources and of machines.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudformation::types::{Category, RegistryType, TypeFilters, Visibility};
use aws_sdk_ec2::types::LocationType;

use super::network::pages;
use super::reads::{self, Question, items, segment, text};
use super::{CallError, Family, Session};
use tenantry_base::ids::Region;

/// Whether the account may use a region (EC2 DescribeRegions). A region that is off answers nothing itself, so that
/// another one of the partition must be asked about it.
pub async fn is_enabled(session: &Session, region: &Region) -> Result<bool, CallError> {
    const OPERATION: &str = "DescribeRegions";
    let subject = region.as_str();
    session.turn(Family::Ec2Read).await;
    let answer = session.ec2.describe_regions().all_regions(true).region_names(subject).send().await;
    let answer = answer.map_err(|error| CallError::of(&session.place, OPERATION, subject, error))?;
    let region =
        answer.regions.unwrap_or_default().into_iter().find(|region| region.region_name.as_deref() == Some(subject));
    let region = session.need(region, OPERATION, subject, "Regions")?;
    let status = session.need(region.opt_in_status, OPERATION, subject, "OptInStatus")?;
    Ok(status != "not-opted-in")
}

/// The prefix lists that the account can name in the region: id by name (EC2 DescribeManagedPrefixLists). AWS's own lists,
/// such as `com.amazonaws.eu-west-1.s3`, are among them.
pub async fn prefix_lists(session: &Session) -> Result<BTreeMap<String, String>, CallError> {
    const OPERATION: &str = "DescribeManagedPrefixLists";
    let subject = session.place.region.as_str();
    let request = session.ec2.describe_managed_prefix_lists();
    let mut found = BTreeMap::new();
    for list in pages!(session, OPERATION, request, prefix_lists) {
        let id = session.need(list.prefix_list_id, OPERATION, subject, "PrefixListId")?;
        let name = session.need(list.prefix_list_name, OPERATION, &id, "PrefixListName")?;
        found.insert(name, id);
    }
    Ok(found)
}

/// Whether a version of a Lambda layer exists and the account may use it (Lambda GetLayerVersionByArn). AWS answers
/// AccessDeniedException for a version of another account's layer that is not shared or does not exist.
pub async fn layer_version(session: &Session, arn: &str) -> Result<bool, CallError> {
    let path = format!("/2018-10-31/layers?find=LayerVersion&Arn={}", segment(arn));
    let question = Question::get("lambda", "GetLayerVersionByArn", arn, path);
    match reads::answer(session, &question).await {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.code(), Some("ResourceNotFoundException")) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Every type of AWS's that CloudFormation makes in the region (ListTypes).
pub async fn resource_types(session: &Session) -> Result<BTreeSet<String>, CallError> {
    const OPERATION: &str = "ListTypes";
    let aws = TypeFilters::builder().category(Category::AwsTypes).build();
    let request = session.cloudformation.list_types().visibility(Visibility::Public).r#type(RegistryType::Resource);
    let subject = session.place.region.as_str();
    let pages = request.filters(aws).max_results(100).into_paginator().send();
    let mut pages = session.pages(Family::CloudFormationRead, OPERATION, subject, pages, |page| page.next_token());
    let mut found = BTreeSet::new();
    while let Some(page) = pages.next().await? {
        found.extend(page.type_summaries.unwrap_or_default().into_iter().filter_map(|summary| summary.type_name));
    }
    Ok(found)
}

/// The zones, by name, in which each type of search node can be had for an engine (OpenSearch ListInstanceTypeDetails).
pub async fn search_types(session: &Session, engine: &str) -> Result<BTreeMap<String, BTreeSet<String>>, CallError> {
    let path =
        format!("/2021-01-01/opensearch/instanceTypeDetails/{}?maxResults=100&retrieveAZs=true", segment(engine));
    let question = Question::get("es", "ListInstanceTypeDetails", engine, path).pages("NextToken", "nextToken");
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for detail in items(&reads::ask(session, &question).await?, "InstanceTypeDetails") {
        let kind = session.need(text(&detail, "InstanceType"), question.operation, engine, "InstanceType")?;
        let zones = items(std::slice::from_ref(&detail), "AvailabilityZones").into_iter();
        found.entry(kind).or_default().extend(zones.filter_map(|zone| zone.as_str().map(str::to_owned)));
    }
    Ok(found)
}

/// The zones, by id, in which types of EC2 instances can be had (EC2 DescribeInstanceTypeOfferings).
pub async fn instance_types(session: &Session) -> Result<BTreeMap<String, BTreeSet<String>>, CallError> {
    const OPERATION: &str = "DescribeInstanceTypeOfferings";
    let request = session.ec2.describe_instance_type_offerings().location_type(LocationType::AvailabilityZoneId);
    let subject = session.place.region.as_str();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for offering in pages!(session, OPERATION, request, instance_type_offerings) {
        let kind = session.need(offering.instance_type, OPERATION, subject, "InstanceType")?;
        let zone = session.need(offering.location, OPERATION, subject, "Location")?;
        found.entry(kind.as_str().to_owned()).or_default().insert(zone);
    }
    Ok(found)
}
