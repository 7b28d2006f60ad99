//! AWS Cloud Control: any resource's live properties, in the words of its CloudFormation type.

use serde_json::{Value, json};

use super::reads::{self, Question, text};
use super::{CallError, Cause, Session};

/// The API, as requests name it.
pub(super) const TARGET: &str = "CloudApiService";

/// The live properties of a resource; nothing when it does not exist. Cloud Control reads as `role`, else as the caller.
pub async fn properties(
    session: &Session,
    role: Option<&str>,
    resource_type: &str,
    id: &str,
) -> Result<Option<Value>, CallError> {
    let mut body = json!({ "TypeName": resource_type, "Identifier": id });
    if let Some(role) = role {
        body["RoleArn"] = json!(role);
    }
    let subject = format!("{resource_type} {id}");
    let question = Question::json("cloudcontrolapi", "GetResource", &subject, TARGET, body);
    let answer = match reads::answer(session, &question).await {
        Ok(answer) => answer.body,
        Err(error) if resource_does_not_exist(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let properties = text(&answer, "ResourceDescription.Properties");
    let properties = session.need(properties, question.operation, &subject, "ResourceDescription.Properties")?;
    let unreadable =
        |_| CallError::because(&session.place, question.operation, &subject, Cause::Missing { field: "Properties" });
    serde_json::from_str(&properties).map(Some).map_err(unreadable)
}

/// How a request of Cloud Control stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    Running,
    Done,
    /// The handler's error code, such as `ResourceConflict`, and what the service says.
    Failed {
        code: String,
        message: String,
    },
}

/// Starts the deletion of a resource; gives the token by which it is followed.
pub async fn delete(session: &Session, resource_type: &str, id: &str) -> Result<String, CallError> {
    let subject = format!("{resource_type} {id}");
    let body = json!({ "TypeName": resource_type, "Identifier": id });
    let question = Question::json("cloudcontrolapi", "DeleteResource", &subject, TARGET, body);
    let answer = reads::answer(session, &question).await?.body;
    let token = text(&answer, "ProgressEvent.RequestToken");
    session.need(token, question.operation, &subject, "ProgressEvent.RequestToken")
}

/// How a deletion stands. Source: Cloud Control API Reference, ProgressEvent.
pub async fn progress(session: &Session, token: &str) -> Result<Progress, CallError> {
    let body = json!({ "RequestToken": token });
    let question = Question::json("cloudcontrolapi", "GetResourceRequestStatus", token, TARGET, body);
    let answer = reads::answer(session, &question).await?.body;
    let status = text(&answer, "ProgressEvent.OperationStatus");
    let reported = |field: &str| text(&answer, field).unwrap_or_default();
    let code = reported("ProgressEvent.ErrorCode");
    Ok(match session.need(status, question.operation, token, "ProgressEvent.OperationStatus")?.as_str() {
        "SUCCESS" => Progress::Done,
        "FAILED" if code == "NotFound" => Progress::Done,
        "FAILED" | "CANCEL_COMPLETE" => Progress::Failed { code, message: reported("ProgressEvent.StatusMessage") },
        _ => Progress::Running,
    })
}

/// There is no such resource.
pub fn resource_does_not_exist(error: &CallError) -> bool {
    matches!(error.code(), Some("ResourceNotFoundException"))
}

/// The type cannot be read through Cloud Control.
pub fn type_is_not_offered(error: &CallError) -> bool {
    matches!(error.code(), Some("TypeNotFoundException" | "UnsupportedActionException"))
}
