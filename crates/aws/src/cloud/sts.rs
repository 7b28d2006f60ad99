//! AWS STS: who calls.

use super::{CallError, Family, Session};

/// Id of the account that the session's credentials belong to.
pub async fn caller_account(session: &Session) -> Result<String, CallError> {
    const OPERATION: &str = "GetCallerIdentity";
    let subject = session.place.account.as_str();
    session.turn(Family::Sts).await;
    let answer = session.sts.get_caller_identity().send().await;
    let answer = answer.map_err(|error| CallError::of(&session.place, OPERATION, subject, error))?;
    session.need(answer.account, OPERATION, subject, "Account")
}
