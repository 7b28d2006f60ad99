//! AWS CloudTrail: who did what to a resource.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::reads::{self, Question, at, items, text};
use super::{CallError, Session};

/// A call that changed something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Deed {
    /// Name of the user or of the role's session.
    pub user: String,
    /// Seconds since 1970.
    pub time: i64,
    /// `AuthorizeSecurityGroupIngress`
    pub event: String,
    /// Event ID in CloudTrail.
    pub event_id: String,
    /// The parameters of the call, as text.
    #[serde(skip)]
    pub detail: String,
}

/// The calls of the last 90 days that changed a resource, newest first; those that CloudFormation made are left out.
/// Source: AWS CloudTrail API Reference, "LookupEvents".
pub async fn deeds(session: &Session, resource: &str) -> Result<Vec<Deed>, CallError> {
    let by = json!([{ "AttributeKey": "ResourceName", "AttributeValue": resource }]);
    let body = json!({ "LookupAttributes": by, "MaxResults": 50 });
    let question = Question::json("cloudtrail", "LookupEvents", resource, "CloudTrail_20131101", body);
    let events = items(&reads::ask(session, &question).await?, "Events");
    let mut found: Vec<Deed> = events.iter().filter_map(deed_of).collect();
    found.sort_by_key(|deed| std::cmp::Reverse(deed.time));
    Ok(found)
}

fn deed_of(event: &Value) -> Option<Deed> {
    if text(event, "ReadOnly").as_deref() == Some("true") {
        return None;
    }
    let detail: Value = serde_json::from_str(&text(event, "CloudTrailEvent")?).ok()?;
    let invoked_by = detail.pointer("/userIdentity/invokedBy").and_then(Value::as_str);
    if invoked_by.is_some_and(|service| service.starts_with("cloudformation.")) || detail.get("errorCode").is_some() {
        return None;
    }
    let arn = detail.pointer("/userIdentity/arn").and_then(Value::as_str);
    Some(Deed {
        user: text(event, "Username").or_else(|| arn.map(str::to_owned))?,
        time: at(event, "EventTime").and_then(|time| reads::seconds(&time))?,
        event: text(event, "EventName")?,
        event_id: text(event, "EventId")?,
        detail: detail.get("requestParameters").map(Value::to_string).unwrap_or_default(),
    })
}
