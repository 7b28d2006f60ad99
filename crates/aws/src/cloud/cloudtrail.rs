//! AWS CloudTrail: who did what to a resource.

use aws_sdk_cloudtrail::types as sdk;
use serde::Serialize;
use serde_json::Value;

use super::{CallError, Family, Session};

/// A call that changed something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deed {
    /// Name of the user or of the role's session.
    pub user: String,
    /// Seconds since 1970.
    pub time: i64,
    /// `AuthorizeSecurityGroupIngress`
    pub event: String,
    pub event_id: String,
    /// The parameters of the call, as text.
    #[serde(skip)]
    pub detail: String,
}

/// The calls of the last 90 days that changed a resource, newest first; those that CloudFormation made are left out.
/// Source: AWS CloudTrail API Reference, "LookupEvents".
pub async fn deeds(session: &Session, resource: &str) -> Result<Vec<Deed>, CallError> {
    const OPERATION: &str = "LookupEvents";
    let by = sdk::LookupAttribute::builder()
        .attribute_key(sdk::LookupAttributeKey::ResourceName)
        .attribute_value(resource)
        .build();
    session.turn(Family::CloudTrail).await;
    let call = session.cloudtrail.lookup_events().set_lookup_attributes(by.ok().map(|by| vec![by])).max_results(50);
    let answer = call.send().await.map_err(|error| CallError::of(&session.place, OPERATION, resource, error))?;
    let mut found: Vec<Deed> = answer.events.unwrap_or_default().into_iter().filter_map(deed_of).collect();
    found.sort_by_key(|deed| std::cmp::Reverse(deed.time));
    Ok(found)
}

fn deed_of(event: sdk::Event) -> Option<Deed> {
    if event.read_only.as_deref() == Some("true") {
        return None;
    }
    let detail: Value = event.cloud_trail_event.as_deref().and_then(|text| serde_json::from_str(text).ok())?;
    let invoked_by = detail.pointer("/userIdentity/invokedBy").and_then(Value::as_str);
    if invoked_by.is_some_and(|service| service.starts_with("cloudformation.")) || detail.get("errorCode").is_some() {
        return None;
    }
    let arn = detail.pointer("/userIdentity/arn").and_then(Value::as_str);
    Some(Deed {
        user: event.username.or_else(|| arn.map(str::to_owned))?,
        time: event.event_time?.secs(),
        event: event.event_name?,
        event_id: event.event_id?,
        detail: detail.get("requestParameters").map(Value::to_string).unwrap_or_default(),
    })
}
