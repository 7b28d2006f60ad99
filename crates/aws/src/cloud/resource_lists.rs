//! AWS Cloud Control: which resources of a type there are, whatever made them.

use super::{CallError, Family, Session};

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
    let (found, ended) = identifiers(session, resource_type).await?;
    let found = found.len() as u64;
    Ok(if ended { Count::Exactly(found) } else { Count::MoreThan(found) })
}

/// The identifiers of the resources of a type in the region, and whether these are all.
///
/// # Errors
/// Whatever the call can end in.
pub async fn identifiers(session: &Session, resource_type: &str) -> Result<(Vec<String>, bool), CallError> {
    const OPERATION: &str = "ListResources";
    let request = session.cloudcontrol.list_resources().type_name(resource_type).max_results(100);
    let pages = request.into_paginator().send();
    let mut pages = session.pages(Family::CloudControl, OPERATION, resource_type, pages, |page| page.next_token());
    let mut found = Vec::new();
    for _ in 0..MOST_PAGES {
        let Some(page) = pages.next().await? else { break };
        let described = page.resource_descriptions.unwrap_or_default();
        found.extend(described.into_iter().map(|one| one.identifier.unwrap_or_default()));
    }
    Ok((found, pages.ended()))
}
