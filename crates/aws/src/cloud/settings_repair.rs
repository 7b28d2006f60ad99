//! Sets back what a service lets be switched off and no template says, so that no change set sees it.

use super::{CallError, Family, Question, Session, reads};
use crate::cloud::reads::Way;

/// Lets an event source mapping poll again.
pub async fn enable_mapping(session: &Session, id: &str) -> Result<(), CallError> {
    session.turn(Family::Lambda).await;
    let call = session.lambda.update_event_source_mapping().uuid(id).enabled(true).send().await;
    call.map(drop).map_err(|error| CallError::of(&session.place, "UpdateEventSourceMapping", id, error))
}

/// Lets an alarm act again.
pub async fn enable_alarm_actions(session: &Session, name: &str) -> Result<(), CallError> {
    session.turn(Family::CloudWatch).await;
    let call = session.cloudwatch.enable_alarm_actions().alarm_names(name).send().await;
    call.map(drop).map_err(|error| CallError::of(&session.place, "EnableAlarmActions", name, error))
}

/// Takes a managed policy from a role.
pub async fn detach_policy(session: &Session, role: &str, policy: &str) -> Result<(), CallError> {
    session.turn(Family::Iam).await;
    let call = session.iam.detach_role_policy().role_name(role).policy_arn(policy).send().await;
    call.map(drop).map_err(|error| CallError::of(&session.place, "DetachRolePolicy", role, error))
}

/// Lets a key encrypt and decrypt again.
pub async fn enable_key(session: &Session, key: &str) -> Result<(), CallError> {
    let question = Question {
        service: "kms",
        operation: "EnableKey",
        subject: key.to_owned(),
        way: Way::Json { target: "TrentService".to_owned(), body: serde_json::json!({ "KeyId": key }) },
        next: Vec::new(),
    };
    reads::ask(session, &question).await.map(drop)
}
