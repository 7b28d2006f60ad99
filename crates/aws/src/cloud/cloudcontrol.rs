//! AWS Cloud Control: any resource's live properties, in the words of its CloudFormation type.

use serde_json::Value;

use super::{CallError, Cause, Family, Session};

/// The live properties of a resource; nothing when it does not exist. Cloud Control reads as `role`, else as the caller.
pub async fn properties(
    session: &Session,
    role: Option<&str>,
    resource_type: &str,
    id: &str,
) -> Result<Option<Value>, CallError> {
    const OPERATION: &str = "GetResource";
    let subject = format!("{resource_type} {id}");
    session.turn(Family::CloudControl).await;
    let call = session.cloudcontrol.get_resource().type_name(resource_type).identifier(id);
    let answer = call.set_role_arn(role.map(str::to_owned)).send().await;
    let answer = match answer.map_err(|error| CallError::of(&session.place, OPERATION, &subject, error)) {
        Ok(answer) => answer,
        Err(error) if resource_does_not_exist(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let description = session.need(answer.resource_description, OPERATION, &subject, "ResourceDescription")?;
    let text = session.need(description.properties, OPERATION, &subject, "Properties")?;
    let unreadable = || CallError::because(&session.place, OPERATION, &subject, Cause::Missing { field: "Properties" });
    serde_json::from_str(&text).map(Some).map_err(|_| unreadable())
}

/// There is no such resource.
pub fn resource_does_not_exist(error: &CallError) -> bool {
    matches!(error.code(), Some("ResourceNotFoundException"))
}

/// The type cannot be read through Cloud Control.
pub fn type_is_not_offered(error: &CallError) -> bool {
    matches!(error.code(), Some("TypeNotFoundException" | "UnsupportedActionException"))
}
