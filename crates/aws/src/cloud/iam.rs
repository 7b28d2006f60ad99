//! AWS IAM: service-linked roles.

use super::{CallError, Cause, Family, Session};

/// Whether a role had to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    Now,
    Before,
}

/// Makes the service-linked role of a service, once per account; run again, it finds it.
pub async fn ensure_service_linked_role(session: &Session, service: &str) -> Result<Made, CallError> {
    const OPERATION: &str = "CreateServiceLinkedRole";
    session.turn(Family::Iam).await;
    let answer = session.iam.create_service_linked_role().aws_service_name(service).send().await;
    match answer.map_err(|error| CallError::of(&session.place, OPERATION, service, error)) {
        Ok(_) => Ok(Made::Now),
        Err(error) if role_exists(&error) => Ok(Made::Before),
        Err(error) => Err(error),
    }
}

/// The role has been made before. IAM says so with InvalidInput and the message "… has been taken in this account".
fn role_exists(error: &CallError) -> bool {
    match &error.cause {
        Cause::Refused { code, message, .. } => {
            code == "EntityAlreadyExists" || (code.starts_with("InvalidInput") && message.contains("has been taken"))
        }
        _ => false,
    }
}
