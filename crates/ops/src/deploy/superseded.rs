//! Change sets that earlier plans left, and the empty stacks that they were made for.
//!
//! CloudFormation keeps a change set until its stack is updated (AWS CloudFormation User Guide, "Delete a change set"), so
//! plans that are not deployed pile up. A plan deletes its own tool's that can no longer be executed, and those that are
//! a day older than the one it keeps: until then somebody may hold a saved plan of them.

use super::desired::{OWN_CHANGE_SETS, hash};
use super::plan::Warning;
use tenantry_aws::cloud::change_sets::{self, Listed};
use tenantry_aws::cloud::{CallError, Session, cloudformation};

/// Seconds for which a plan that was saved can be deployed while others are made.
const KEPT_SECONDS: i64 = 86_400;

/// Deletes what earlier plans left of a stack, but `keep` (an id). Gives a remark on those that wait.
pub(super) async fn clear(session: &Session, stack: &str, keep: &str) -> Result<Option<Warning>, CallError> {
    let sets = change_sets::list(session, stack).await?;
    let (over, waiting) = sort(&sets, keep);
    for set in over {
        change_sets::delete(session, &set.id).await?;
    }
    Ok((waiting > 0).then(|| Warning {
        check: "change sets".to_owned(),
        reason: format!("{waiting} of earlier plans wait beside this one; each is deleted a day after it was made"),
        unchecked: false,
    }))
}

/// Change sets that are over, and how many of ours wait beside the kept one.
fn sort<'s>(sets: &'s [Listed], keep: &str) -> (Vec<&'s Listed>, usize) {
    let kept = sets.iter().find(|set| set.id == keep).map_or(0, |set| set.created);
    let others = sets.iter().filter(|set| set.id != keep && set.name.starts_with(OWN_CHANGE_SETS));
    let (over, waiting): (Vec<&Listed>, Vec<&Listed>) = others.partition(|set| {
        let settled = !set.status.ends_with("_PENDING") && !set.status.ends_with("_IN_PROGRESS");
        let useless = set.status == "FAILED" || set.execution_status == "OBSOLETE";
        settled && set.execution_status != "EXECUTE_COMPLETE" && (useless || kept - set.created > KEPT_SECONDS)
    });
    (over, waiting.iter().filter(|set| set.execution_status == "AVAILABLE").count())
}

/// Deletes a stack that holds nothing, not even a change set: what is left when a first change set failed.
pub(super) async fn clear_shell(session: &Session, stack: &str) -> Result<(), CallError> {
    let Some(live) = cloudformation::stack(session, stack).await? else { return Ok(()) };
    if live.status == "REVIEW_IN_PROGRESS" && change_sets::list(session, stack).await?.is_empty() {
        cloudformation::delete_stack(session, &live.id, &[], &format!("tenantry-{}", hash(&[&live.id], 20))).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_outrun_failed_or_a_day_older_is_over_and_the_rest_waits() {
        let set = |name: &str, status: &str, execution: &str, created: i64| Listed {
            id: format!("id-{name}"),
            name: name.to_owned(),
            status: status.to_owned(),
            execution_status: execution.to_owned(),
            created,
        };
        let sets = [
            set("tenantry-kept", "CREATE_COMPLETE", "AVAILABLE", 100_000),
            set("tenantry-young", "CREATE_COMPLETE", "AVAILABLE", 90_000),
            set("tenantry-old", "CREATE_COMPLETE", "AVAILABLE", 10_000),
            set("tenantry-outrun", "CREATE_COMPLETE", "OBSOLETE", 99_000),
            set("tenantry-failed", "FAILED", "UNAVAILABLE", 99_000),
            set("tenantry-done", "CREATE_COMPLETE", "EXECUTE_COMPLETE", 10),
            set("tenantry-computed", "CREATE_IN_PROGRESS", "UNAVAILABLE", 10),
            set("of-somebody-else", "CREATE_COMPLETE", "OBSOLETE", 10),
        ];
        let (over, waiting) = sort(&sets, "id-tenantry-kept");
        let names: Vec<&str> = over.iter().map(|set| set.name.as_str()).collect();
        assert_eq!((names, waiting), (vec!["tenantry-old", "tenantry-outrun", "tenantry-failed"], 1));
    }
}
