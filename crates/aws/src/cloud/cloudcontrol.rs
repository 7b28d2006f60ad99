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

/// There is no such resource.
pub fn resource_does_not_exist(error: &CallError) -> bool {
    matches!(error.code(), Some("ResourceNotFoundException"))
}

/// The type cannot be read through Cloud Control.
pub fn type_is_not_offered(error: &CallError) -> bool {
    matches!(error.code(), Some("TypeNotFoundException" | "UnsupportedActionException"))
}
