//! AWS Cloud Control: which resources of a type there are, whatever made them.

use serde_json::json;

use super::cloudcontrol::TARGET;
use super::reads::{self, Question, items, text};
use super::{CallError, Session};

/// Pages that are read at most: a hundred resources each.
const MOST_PAGES: usize = 100;

/// A count of resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    Exactly(u64),
    /// There are more than so many; reading on would take too many calls.
    MoreThan(u64),
}

/// Counts the resources of a type in the region.
///
/// # Errors
/// Whatever the call can end in.
pub async fn count(session: &Session, resource_type: &str) -> Result<Count, CallError> {
    let (found, all) = identifiers(session, resource_type).await?;
    let found = found.len() as u64;
    Ok(if all { Count::Exactly(found) } else { Count::MoreThan(found) })
}

/// The identifiers of the resources of a type in the region, and whether these are all.
///
/// # Errors
/// Whatever the call can end in.
pub async fn identifiers(session: &Session, resource_type: &str) -> Result<(Vec<String>, bool), CallError> {
    let body = json!({ "TypeName": resource_type, "MaxResults": 100 });
    let question = Question::json("cloudcontrolapi", "ListResources", resource_type, TARGET, body);
    let question = question.pages("NextToken", "NextToken");
    let (pages, all) = reads::first(session, &question, MOST_PAGES).await?;
    let found = items(&pages, "ResourceDescriptions");
    Ok((found.iter().map(|one| text(one, "Identifier").unwrap_or_default()).collect(), all))
}
