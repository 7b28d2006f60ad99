//! Sets back what a service lets be switched off and no template says, so that no change set sees it.

use serde_json::json;

use super::reads::{self, Question, segment};
use super::{CallError, Session, cloudwatch, iam};

/// Lets an event source mapping poll again.
pub async fn enable_mapping(session: &Session, id: &str) -> Result<(), CallError> {
    let path = format!("/2015-03-31/event-source-mappings/{}", segment(id));
    let body = json!({ "Enabled": true });
    let question = Question::send("lambda", "UpdateEventSourceMapping", id, ("PUT", path), Some(body));
    reads::answer(session, &question).await.map(drop)
}

/// Lets an alarm act again.
pub async fn enable_alarm_actions(session: &Session, name: &str) -> Result<(), CallError> {
    let body = json!({ "AlarmNames": [name] });
    let question = Question::json("monitoring", "EnableAlarmActions", name, cloudwatch::TARGET, body);
    reads::answer(session, &question).await.map(drop)
}

/// Takes a managed policy from a role.
pub async fn detach_policy(session: &Session, role: &str, policy: &str) -> Result<(), CallError> {
    let parameters = [("RoleName", role), ("PolicyArn", policy)];
    let question = Question::form("iam", "DetachRolePolicy", role, iam::VERSION, &parameters);
    reads::answer(session, &question).await.map(drop)
}

/// Lets a key encrypt and decrypt again.
pub async fn enable_key(session: &Session, key: &str) -> Result<(), CallError> {
    let question = Question::json("kms", "EnableKey", key, "TrentService", json!({ "KeyId": key }));
    reads::answer(session, &question).await.map(drop)
}
