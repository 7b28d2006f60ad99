//! AWS Resource Groups Tagging API: what bears a tag, whichever service it is of.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::reads::{self, Question, items, text};
use super::{CallError, Session};

/// Resources in one answer: the most that the API gives. Source: Resource Groups Tagging API Reference, GetResources.
const PAGE: u32 = 100;

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
    listed(session, key, json!({ "Key": key })).await
}

/// As [`bearers`], of one value of the tag only.
pub async fn bearers_of(session: &Session, key: &str, value: &str) -> Result<Vec<Bearer>, CallError> {
    listed(session, key, json!({ "Key": key, "Values": [value] })).await
}

async fn listed(session: &Session, key: &str, filter: Value) -> Result<Vec<Bearer>, CallError> {
    let body = json!({ "TagFilters": [filter], "ResourcesPerPage": PAGE });
    let question = Question::json("tagging", "GetResources", key, "ResourceGroupsTaggingAPI_20170126", body);
    let question = question.pages("PaginationToken", "PaginationToken");
    let resources = items(&reads::ask(session, &question).await?, "ResourceTagMappingList");
    let of = |resource: &Value| {
        let arn = session.need(text(resource, "ResourceARN"), question.operation, key, "ResourceARN")?;
        let tags = items(std::slice::from_ref(resource), "Tags").into_iter();
        let pair = |tag: Value| Some((text(&tag, "Key")?, text(&tag, "Value").unwrap_or_default()));
        Ok(Bearer { arn, tags: tags.filter_map(pair).collect() })
    };
    resources.iter().map(of).collect()
}
