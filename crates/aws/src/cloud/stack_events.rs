//! AWS CloudFormation: what happened in a stack.

use aws_sdk_cloudformation::types as sdk;

use super::{CallError, Family, Session};

/// Something that happened in a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub id: String,
    pub logical_id: String,
    pub physical_id: Option<String>,
    pub resource_type: String,
    pub status: String,
    pub reason: Option<String>,
    /// Seconds since 1970.
    pub time: i64,
    pub token: Option<String>,
}

/// Most pages of an operation's events, a hundred on each.
const MOST_PAGES: usize = 20;
/// Pages of later operations that are passed by in search of one's own.
const MOST_FOREIGN_PAGES: usize = 3;

/// The newest event of a stack, if it has any.
pub async fn newest(session: &Session, stack_id: &str) -> Result<Option<Event>, CallError> {
    const OPERATION: &str = "DescribeStackEvents";
    session.turn(Family::CloudFormationRead).await;
    let answer = session.cloudformation.describe_stack_events().stack_name(stack_id).send().await;
    let answer = answer.map_err(|error| CallError::of(&session.place, OPERATION, stack_id, error))?;
    let newest = answer.stack_events.unwrap_or_default().into_iter().next();
    newest.map(|event| event_of(session, stack_id, event)).transpose()
}

/// The events of a stack since it last entered `status` itself, newest first; all that are read where it never did.
pub async fn since(session: &Session, stack_id: &str, status: &str) -> Result<Vec<Event>, CallError> {
    const OPERATION: &str = "DescribeStackEvents";
    let pages = session.cloudformation.describe_stack_events().stack_name(stack_id).into_paginator().send();
    let mut pages = session.pages(Family::CloudFormationRead, OPERATION, stack_id, pages, |page| page.next_token());
    let mut found = Vec::new();
    for _ in 0..MOST_PAGES {
        let Some(page) = pages.next().await? else { break };
        for event in page.stack_events.unwrap_or_default() {
            let event = event_of(session, stack_id, event)?;
            if event.physical_id.as_deref() == Some(stack_id) && event.status == status {
                return Ok(found);
            }
            found.push(event);
        }
    }
    Ok(found)
}

/// The events of one operation on a stack, newer than the one with the id `seen`, oldest first. All events of an
/// operation carry the token of the request that began it (`ours`).
/// Source: AWS CloudFormation API Reference, StackEvent.
pub async fn of_operation(
    session: &Session,
    stack_id: &str,
    ours: impl Fn(&str) -> bool,
    seen: Option<&str>,
) -> Result<Vec<Event>, CallError> {
    const OPERATION: &str = "DescribeStackEvents";
    let pages = session.cloudformation.describe_stack_events().stack_name(stack_id).into_paginator().send();
    let mut pages = session.pages(Family::CloudFormationRead, OPERATION, stack_id, pages, |page| page.next_token());
    let mut found = Vec::new();
    'pages: for read in 1..=MOST_PAGES {
        let Some(page) = pages.next().await? else { break };
        for event in page.stack_events.unwrap_or_default() {
            let event = event_of(session, stack_id, event)?;
            if Some(event.id.as_str()) == seen {
                break 'pages;
            }
            match event.token.as_deref() {
                Some(token) if ours(token) => found.push(event),
                // Newer than ours: somebody went on afterwards.
                _ if found.is_empty() => {}
                _ => break 'pages,
            }
        }
        if found.is_empty() && read == MOST_FOREIGN_PAGES {
            break;
        }
    }
    found.reverse();
    Ok(found)
}

fn event_of(session: &Session, stack_id: &str, event: sdk::StackEvent) -> Result<Event, CallError> {
    const OPERATION: &str = "DescribeStackEvents";
    Ok(Event {
        id: session.need(event.event_id, OPERATION, stack_id, "EventId")?,
        logical_id: session.need(event.logical_resource_id, OPERATION, stack_id, "LogicalResourceId")?,
        physical_id: event.physical_resource_id,
        resource_type: session.need(event.resource_type, OPERATION, stack_id, "ResourceType")?,
        status: session.need(event.resource_status, OPERATION, stack_id, "ResourceStatus")?.as_str().to_owned(),
        reason: event.resource_status_reason,
        time: session.need(event.timestamp, OPERATION, stack_id, "Timestamp")?.secs(),
        token: event.client_request_token,
    })
}
