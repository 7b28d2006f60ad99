//! AWS CloudFormation: what the Hooks of an organisation object to.

use aws_sdk_cloudformation::types as sdk;

use super::{CallError, Family, Session};

/// What a Hook objects to in a change set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// Type of the Hook: `Org::Guard::Hook`.
    pub hook: String,
    /// What it was invoked for: a resource, by logical ID, or the change set.
    pub target: Option<String>,
    /// The Hook warns; else it stops the operation.
    pub warns: bool,
    pub reason: String,
    /// The rule or control behind it.
    pub rule: Option<String>,
    pub severity: Option<String>,
    pub remedy: Option<String>,
    pub link: Option<String>,
}

/// Everything that Hooks object to in a change set, one for each rule. Source: AWS CloudFormation API Reference,
/// ListHookResults, GetHookResult.
pub async fn objections(session: &Session, change_set: &str) -> Result<Vec<Objection>, CallError> {
    const OPERATION: &str = "ListHookResults";
    let mut found = Vec::new();
    let mut next = None;
    loop {
        session.turn(Family::CloudFormationRead).await;
        let call = session.cloudformation.list_hook_results().target_type(sdk::ListHookResultsTargetType::ChangeSet);
        let answer = call.target_id(change_set).set_next_token(next).send().await;
        let page = answer.map_err(|error| CallError::of(&session.place, OPERATION, change_set, error))?;
        for result in page.hook_results.unwrap_or_default() {
            if matches!(result.status, Some(sdk::HookStatus::HookCompleteFailed | sdk::HookStatus::HookFailed)) {
                found.extend(of_result(session, change_set, result).await?);
            }
        }
        next = page.next_token;
        if next.is_none() {
            return Ok(found);
        }
    }
}

/// An objection for each annotation that failed; one without a rule where there are none.
async fn of_result(
    session: &Session,
    change_set: &str,
    result: sdk::HookResultSummary,
) -> Result<Vec<Objection>, CallError> {
    const OPERATION: &str = "GetHookResult";
    let id = session.need(result.hook_result_id, OPERATION, change_set, "HookResultId")?;
    session.turn(Family::CloudFormationRead).await;
    let answer = session.cloudformation.get_hook_result().hook_result_id(&id).send().await;
    let answer = answer.map_err(|error| CallError::of(&session.place, OPERATION, change_set, error))?;
    let bare = Objection {
        hook: result.type_name.unwrap_or_default(),
        target: result.hook_execution_target,
        warns: result.failure_mode == Some(sdk::HookFailureMode::Warn),
        reason: result.hook_status_reason.unwrap_or_default(),
        rule: None,
        severity: None,
        remedy: None,
        link: None,
    };
    let failed = answer.annotations.unwrap_or_default().into_iter();
    let failed = failed.filter(|note| note.status == Some(sdk::AnnotationStatus::Failed));
    let found: Vec<Objection> = failed
        .map(|note| Objection {
            reason: note.status_message.unwrap_or_else(|| bare.reason.clone()),
            rule: note.annotation_name,
            severity: note.severity_level.map(|level| level.as_str().to_owned()),
            remedy: note.remediation_message,
            link: note.remediation_link,
            ..bare.clone()
        })
        .collect();
    Ok(if found.is_empty() { vec![bare] } else { found })
}
