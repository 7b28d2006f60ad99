//! Amazon EventBridge: the rules, bus, connection and API destination that pages go through, and events of our own.

use serde_json::{Value, json};

use super::reads::{self, Question, items, text};
use super::{CallError, Cause, Session};

const TARGET: &str = "AWSEvents";
/// Source of the tool's own events; those of AWS are for AWS alone.
pub const SOURCE: &str = "tenantry";

/// A rule and the ARNs of its targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub is_enabled: bool,
    pub targets: Vec<String>,
}

/// An API destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    pub arn: String,
    /// `ACTIVE`, `INACTIVE`.
    pub state: String,
    pub url: String,
}

/// A rule of a bus; None if there is none.
pub async fn rule(session: &Session, name: &str, bus: &str) -> Result<Option<Rule>, CallError> {
    let body = json!({ "Name": name, "EventBusName": bus });
    let question = Question::json("events", "DescribeRule", name, TARGET, body);
    let Some(rule) = present(reads::answer(session, &question).await.map(|answer| answer.body))? else {
        return Ok(None);
    };
    let state = session.need(text(&rule, "State"), question.operation, name, "State")?;
    let body = json!({ "Rule": name, "EventBusName": bus });
    let question = Question::json("events", "ListTargetsByRule", name, TARGET, body).pages("NextToken", "NextToken");
    let targets = items(&reads::ask(session, &question).await?, "Targets");
    let targets = targets.iter().filter_map(|target| text(target, "Arn")).collect();
    Ok(Some(Rule { is_enabled: state.starts_with("ENABLED"), targets }))
}

/// The policy of a bus, empty where it has none; None if there is no such bus.
pub async fn bus_policy(session: &Session, name: &str) -> Result<Option<String>, CallError> {
    let question = Question::json("events", "DescribeEventBus", name, TARGET, json!({ "Name": name }));
    let bus = present(reads::answer(session, &question).await.map(|answer| answer.body))?;
    Ok(bus.map(|bus| text(&bus, "Policy").unwrap_or_default()))
}

/// The state of a connection, `AUTHORIZED` where it has its secret; None if there is none.
pub async fn connection_state(session: &Session, name: &str) -> Result<Option<String>, CallError> {
    let question = Question::json("events", "DescribeConnection", name, TARGET, json!({ "Name": name }));
    let connection = present(reads::answer(session, &question).await.map(|answer| answer.body))?;
    Ok(connection.map(|connection| text(&connection, "ConnectionState").unwrap_or_default()))
}

/// An API destination; None if there is none.
pub async fn destination(session: &Session, name: &str) -> Result<Option<Destination>, CallError> {
    let question = Question::json("events", "DescribeApiDestination", name, TARGET, json!({ "Name": name }));
    let Some(found) = present(reads::answer(session, &question).await.map(|answer| answer.body))? else {
        return Ok(None);
    };
    let need = |field| session.need(text(&found, field), question.operation, name, field);
    Ok(Some(Destination {
        arn: need("ApiDestinationArn")?,
        state: need("ApiDestinationState")?,
        url: need("InvocationEndpoint")?,
    }))
}

/// Puts an event of the tool onto the default bus.
pub async fn put(session: &Session, detail_type: &str, detail: &Value) -> Result<(), CallError> {
    let entry = json!({ "Source": SOURCE, "DetailType": detail_type, "Detail": detail.to_string() });
    let question = Question::json("events", "PutEvents", "default", TARGET, json!({ "Entries": [entry] }));
    let answer = reads::answer(session, &question).await?.body;
    let refused = items(std::slice::from_ref(&answer), "Entries").into_iter().find_map(|entry| {
        let code = text(&entry, "ErrorCode")?;
        let message = text(&entry, "ErrorMessage").unwrap_or_default();
        Some(Cause::Refused { code, message, http_status: 200 })
    });
    match refused {
        Some(cause) => Err(CallError::because(&session.place, question.operation, "default", cause)),
        None => Ok(()),
    }
}

/// An answer; None where the thing does not exist.
fn present(answer: Result<Value, CallError>) -> Result<Option<Value>, CallError> {
    match answer {
        Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
        answer => answer.map(Some),
    }
}
