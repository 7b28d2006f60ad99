//! AWS STS: who calls.

use super::{CallError, Family, Session};

/// Who the credentials are of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub account: String,
    /// None where the answer has none: a session needs the account only.
    pub arn: Option<String>,
}

/// Who the session's credentials are of.
pub async fn caller(session: &Session) -> Result<Caller, CallError> {
    const OPERATION: &str = "GetCallerIdentity";
    let subject = session.place.account.as_str();
    session.turn(Family::Sts).await;
    let answer = session.sts.get_caller_identity().send().await;
    let answer = answer.map_err(|error| CallError::of(&session.place, OPERATION, subject, error))?;
    Ok(Caller { account: session.need(answer.account, OPERATION, subject, "Account")?, arn: answer.arn })
}
