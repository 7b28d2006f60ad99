//! AWS IAM: service-linked roles.

use super::reads::{self, Question, items};
use super::{CallError, Cause, Session};

/// The API's version.
pub(super) const VERSION: &str = "2010-05-08";

/// Whether a role had to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    Now,
    Before,
}

/// Makes the service-linked role of a service, once per account; run again, it finds it.
pub async fn ensure_service_linked_role(session: &Session, service: &str) -> Result<Made, CallError> {
    let parameters = [("AWSServiceName", service)];
    let question = Question::form("iam", "CreateServiceLinkedRole", service, VERSION, &parameters);
    match reads::answer(session, &question).await {
        Ok(_) => Ok(Made::Now),
        Err(error) if role_exists(&error) => Ok(Made::Before),
        Err(error) => Err(error),
    }
}

/// Whether the account has the service-linked role of a service. Source: IAM User Guide, "Create a service-linked role":
/// such a role has the path `/aws-service-role/SERVICE/`.
pub async fn has_service_linked_role(session: &Session, service: &str) -> Result<bool, CallError> {
    let path = format!("/aws-service-role/{service}/");
    let question = Question::form("iam", "ListRoles", service, VERSION, &[("PathPrefix", path.as_str())]);
    let pages = reads::ask(session, &question.pages("Marker", "Marker")).await?;
    Ok(!items(&pages, "Roles").is_empty())
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
