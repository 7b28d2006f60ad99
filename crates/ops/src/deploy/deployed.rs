//! The template that a stack has: what the last operation on it applied.

use serde_json::Value;

use super::ownership::{self, OwnershipError};
use super::{Baseline, Desired};
use tenantry_aws::cloud::{CallError, Cloud, cloudformation};

/// Why a deployed template is unknown.
#[derive(Debug, thiserror::Error)]
pub enum DeployedError {
    #[error(transparent)]
    Ownership(#[from] OwnershipError),
    #[error("the template of stack `{stack}` cannot be read")]
    Call {
        stack: String,
        #[source]
        source: CallError,
    },
    #[error("the template of stack `{stack}` is not JSON")]
    Template {
        stack: String,
        #[source]
        source: serde_json::Error,
    },
}

/// The deployed template of a stack; None where there is no stack. Two calls that read (DescribeStacks, GetTemplate).
///
/// # Errors
/// The account cannot be entered, a call failed, or the stack is not this estate's.
pub async fn template(cloud: &Cloud, desired: &Desired) -> Result<Option<Value>, DeployedError> {
    let stack = || desired.stack.clone();
    let call = |source| DeployedError::Call { stack: stack(), source };
    let session = cloud.session(&desired.place, &desired.access).await.map_err(call)?;
    let live = ownership::owned(&session, &desired.stack, &desired.tags).await?;
    let Some(live) = live.filter(|live| Baseline::of(Some(live)).status.is_some()) else { return Ok(None) };
    let body = cloudformation::template(&session, &live.id).await.map_err(call)?;
    serde_json::from_str(&body).map(Some).map_err(|source| DeployedError::Template { stack: stack(), source })
}
