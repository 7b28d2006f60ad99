//! AWS Resource Groups Tagging API: what bears a tag, whichever service it is of.

use std::collections::BTreeMap;

use aws_sdk_resourcegroupstagging::types::TagFilter;

use super::{CallError, Family, Session};

/// Resources in one answer: the most that the API gives. Source: Resource Groups Tagging API Reference, GetResources.
const PAGE: i32 = 100;

/// A resource, and all its tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    pub arn: String,
    pub tags: BTreeMap<String, String>,
}

/// What bears a tag with this key in the region.
///
/// Source for what it can list: Resource Groups Tagging API Reference, "Services that support the Resource Groups
/// Tagging API".
pub async fn bearers(session: &Session, key: &str) -> Result<Vec<Bearer>, CallError> {
    listed(session, key, TagFilter::builder().key(key).build()).await
}

/// As [`bearers`], of one value of the tag only.
pub async fn bearers_of(session: &Session, key: &str, value: &str) -> Result<Vec<Bearer>, CallError> {
    listed(session, key, TagFilter::builder().key(key).values(value).build()).await
}

async fn listed(session: &Session, key: &str, filter: TagFilter) -> Result<Vec<Bearer>, CallError> {
    const OPERATION: &str = "GetResources";
    let request = session.tagging.get_resources().tag_filters(filter).resources_per_page(PAGE);
    let pages = request.into_paginator().send();
    let mut pages = session.pages(Family::Tagging, OPERATION, key, pages, |page| page.pagination_token());
    let mut found = Vec::new();
    while let Some(page) = pages.next().await? {
        for resource in page.resource_tag_mapping_list.unwrap_or_default() {
            let arn = session.need(resource.resource_arn, OPERATION, key, "ResourceARN")?;
            let tags = resource.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect();
            found.push(Bearer { arn, tags });
        }
    }
    Ok(found)
}
