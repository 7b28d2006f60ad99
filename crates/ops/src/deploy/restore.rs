//! Plans that bring stacks back to their templates: change sets that look at what is there.
//!
//! A change set compares templates, so one with an unchanged template changes nothing however far reality is away.
//! Where the endpoint has drift-aware change sets (deployment mode REVERT_DRIFT) one of those brings back every drifted
//! resource. Where it has not, the stack takes two steps: a template that says what is there, which changes nothing but
//! what CloudFormation remembers, and then the template of git. Between the two the stack's recorded digest is not that of
//! git, so that a run that was killed in between is finished by any later deploy.

use serde_json::Value;

use super::desired::hash;
use super::plan::{Action, Baseline, StackPlan};
use super::prepare::{self, Pace, PrepareError};
use super::{Desired, State};
use tenantry_aws::cloud::change_sets::{ChangeSet, ChangeSetKind, DeploymentMode};
use tenantry_aws::cloud::cloudformation::{self, Skip, Stack};
use tenantry_aws::cloud::{CallError, Cause, Session, may_pass, not_implemented};

/// One property that is not as its template says.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    pub logical_id: String,
    /// Inside the resource's properties: `/BucketEncryption`.
    pub path: String,
    pub actual: Value,
}

/// How a stack can be brought back.
#[derive(Debug)]
pub enum Restoring {
    /// Executing this brings it back.
    Direct(StackPlan),
    /// Executing this for the second [`Desired`] makes CloudFormation remember what is there; a deploy brings it back.
    InTwoSteps(StackPlan, Box<Desired>),
    /// Nothing that CloudFormation can see differs.
    Nothing,
}

/// A change set that brings a stack back to `desired`. `differences` is a text of what differs: the same drift finds the
/// change set of an earlier run again.
///
/// # Errors
/// The stack is in no state to be changed, a call failed, or the change set did.
pub async fn restoring(
    session: &Session,
    desired: &Desired,
    live: Option<&Stack>,
    edits: &[Edit],
    differences: &str,
    pace: Pace,
) -> Result<Restoring, PrepareError> {
    let baseline = Baseline::of(live);
    let state = State::of(baseline.status.as_deref());
    if !matches!(state, State::Settled | State::RolledBack) {
        let reason = format!("the stack is {}", baseline.status.as_deref().unwrap_or("not there"));
        return Err(PrepareError::ChangeSet { stack: desired.stack.clone(), reason });
    }
    let planned = |desired: &Desired, set: ChangeSet| {
        let makes = ChangeSetKind::Update;
        prepare::planned(
            desired,
            baseline.clone(),
            Action::Apply { change_set: Some(set.id), makes, changes: set.changes },
        )
    };
    let name = format!("{}-restore-{}", desired.change_set_prefix(), hash(&[differences, &updated(&baseline)], 12));
    match prepare::change_set_named(session, desired, &name, making(DeploymentMode::RevertDrift), pace).await {
        Ok(Some(set)) => return Ok(Restoring::Direct(planned(desired, set))),
        Err(PrepareError::Call { source, .. }) if !is_not_offered(&source) => {
            return Err(PrepareError::Call { stack: desired.stack.clone(), source });
        }
        Err(error @ (PrepareError::Late { .. } | PrepareError::TooLarge { .. } | PrepareError::Template { .. })) => {
            return Err(error);
        }
        // Not offered, or ignored: then the template alone changes nothing.
        Ok(None) | Err(_) => {}
    }
    // A template that was edited by hand needs no more than the right one.
    let name = format!("{}-again-{}", desired.change_set_prefix(), hash(&[differences, &updated(&baseline)], 12));
    if let Some(set) =
        prepare::change_set_named(session, desired, &name, making(DeploymentMode::Standard), pace).await?
    {
        return Ok(Restoring::Direct(planned(desired, set)));
    }
    if edits.is_empty() {
        return Ok(Restoring::Nothing);
    }
    let adapted = adapted(desired, edits)?;
    let name = format!("{}-adapt-{}", desired.change_set_prefix(), hash(&[&adapted.body, &updated(&baseline)], 12));
    let set = prepare::change_set_named(session, &adapted, &name, making(DeploymentMode::Standard), pace).await?;
    Ok(match set {
        Some(set) => Restoring::InTwoSteps(planned(&adapted, set), Box::new(adapted)),
        None => Restoring::Nothing,
    })
}

/// A change set that brings back all but what `edits` name: of that, the template says what is there, so that a resource
/// that cannot be updated does not roll the others back. The stack's recorded digest is then not that of git: the next deploy,
/// or the next restoration, tries what was left out. Nothing where nothing else differs.
///
/// # Errors
/// As [`restoring`]; an endpoint without drift-aware change sets.
pub async fn restoring_others(
    session: &Session,
    desired: &Desired,
    live: Option<&Stack>,
    edits: &[Edit],
    pace: Pace,
) -> Result<Option<(StackPlan, Desired)>, PrepareError> {
    let baseline = Baseline::of(live);
    let adapted = adapted(desired, edits)?;
    let name = format!("{}-others-{}", desired.change_set_prefix(), hash(&[&adapted.body, &updated(&baseline)], 12));
    let set = prepare::change_set_named(session, &adapted, &name, making(DeploymentMode::RevertDrift), pace).await?;
    Ok(set.map(|set| {
        let makes = ChangeSetKind::Update;
        let action = Action::Apply { change_set: Some(set.id), makes, changes: set.changes };
        (prepare::planned(&adapted, baseline, action), adapted)
    }))
}

/// Leads a stack whose rollback failed back to rest: what the rollback fails at stays as it is.
///
/// # Errors
/// A call failed, or the rollback was not complete in time.
pub async fn end_rollback(session: &Session, desired: &Desired, pace: Pace) -> Result<(), PrepareError> {
    let failed = |source| PrepareError::Call { stack: desired.stack.clone(), source };
    let live = cloudformation::stack(session, &desired.stack).await.map_err(failed)?;
    let Some(live) = live.filter(|live| live.status == "UPDATE_ROLLBACK_FAILED") else { return Ok(()) };
    let token = format!("{}-end-{}", desired.change_set_prefix(), hash(&[&live.id, &live.updated.to_string()], 12));
    cloudformation::continue_update_rollback(session, &live.id, Skip::AllThatFail, &token).await.map_err(failed)?;
    let deadline = tokio::time::Instant::now() + pace.deadline;
    loop {
        let status = match cloudformation::stack(session, &live.id).await {
            Err(error) if !may_pass(&error) => return Err(failed(error)),
            Err(error) => error.to_string(),
            Ok(live) => live.map(|live| live.status).unwrap_or_default(),
        };
        if State::of(Some(&status)) == State::RolledBack {
            return Ok(());
        }
        // Right after the call the old status may still be shown.
        if tokio::time::Instant::now() >= deadline {
            let reason = format!("its rollback is not complete: the stack is {status}");
            return Err(PrepareError::ChangeSet { stack: desired.stack.clone(), reason });
        }
        tokio::time::sleep(pace.poll).await;
    }
}

fn making(mode: DeploymentMode) -> prepare::Making {
    prepare::Making { kind: ChangeSetKind::Update, triggers: None, mode, express: false, imports: Vec::new() }
}

fn updated(baseline: &Baseline) -> String {
    baseline.updated.map(|seconds| seconds.to_string()).unwrap_or_default()
}

/// The endpoint knows no drift-aware change sets.
fn is_not_offered(error: &CallError) -> bool {
    let about_the_mode = match &error.cause {
        Cause::Refused { code, message, .. } => {
            code.starts_with("Validation") && message.to_lowercase().replace(' ', "").contains("deploymentmode")
        }
        _ => false,
    };
    about_the_mode || not_implemented(error)
}

/// What git says, but for the properties that are otherwise; its digest is nobody's.
fn adapted(desired: &Desired, edits: &[Edit]) -> Result<Desired, PrepareError> {
    let unreadable = |source| PrepareError::Template { stack: desired.stack.clone(), source };
    let mut tree: Value = serde_json::from_str(&desired.body).map_err(unreadable)?;
    for edit in edits {
        let properties = tree.pointer_mut(&format!("/Resources/{}/Properties", edit.logical_id));
        if let Some(properties) = properties.filter(|_| edit.path != CODE) {
            put(properties, &edit.path, &edit.actual);
        }
    }
    let digest = format!("restoring {}", desired.digest);
    if let Some(output) = tree.pointer_mut("/Outputs/TenantryDigest/Value") {
        *output = Value::String(digest.clone());
    }
    Ok(Desired { body: tree.to_string(), digest, ..desired.clone() })
}

/// The code of a function is known by its digest only, which no template can say; CloudFormation does not see it either.
const CODE: &str = "/Code";

/// Lets a template say what is there: a value in its place, a member that it did not have, nothing where nothing is.
fn put(properties: &mut Value, path: &str, actual: &Value) {
    let (above, last) = path.rsplit_once('/').unwrap_or(("", path));
    match place(properties, above) {
        Some(Value::Object(map)) if !is_function(map) && actual.is_null() => drop(map.remove(last)),
        Some(Value::Object(map)) if !is_function(map) && !map.contains_key(last) => {
            map.insert(last.to_owned(), actual.clone());
        }
        _ => {
            if let Some(place) = place(properties, path) {
                *place = actual.clone();
            }
        }
    }
}

fn is_function(map: &serde_json::Map<String, Value>) -> bool {
    map.len() == 1 && map.keys().any(|key| key == "Ref" || key.starts_with("Fn::"))
}

/// The place of a path, as far as it leads through maps and lists; what lies deeper than a function is the function's.
fn place<'v>(properties: &'v mut Value, path: &str) -> Option<&'v mut Value> {
    let mut node = properties;
    for key in path.split('/').filter(|key| !key.is_empty()) {
        node = match node {
            Value::Object(map) if is_function(map) => return Some(node),
            Value::Object(map) => map.get_mut(key)?,
            Value::Array(items) => items.get_mut(key.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(node)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_adapted_template_says_what_is_there_under_a_digest_of_nobody() {
        let body = json!({
            "Resources": { "Queue": { "Type": "AWS::SQS::Queue", "Properties": {
                "KmsMasterKeyId": { "Fn::GetAtt": ["Key", "Arn"] }, "RedrivePolicy": { "maxReceiveCount": 3 },
                "VisibilityTimeout": 30, "Code": { "S3Key": "key" },
            } } },
            "Outputs": { "TenantryDigest": { "Value": "d" } },
        });
        let desired = Desired {
            tenant: "acme".to_owned(),
            ring: None,
            place: serde_json::from_str(r#"{"account":"111122223333","region":"eu-west-1"}"#).unwrap(),
            access: tenantry_aws::cloud::Access::default(),
            stack: "org-acme".to_owned(),
            body: body.to_string(),
            digest: "d".to_owned(),
            release: "v1".to_owned(),
            tags: std::collections::BTreeMap::new(),
            artifacts: None,
            uploads: Vec::new(),
            offboarded: false,
            control_plane: 0,
            rollback_triggers: Vec::new(),
        };
        let edit = |path: &str, actual: Value| Edit { logical_id: "Queue".to_owned(), path: path.to_owned(), actual };
        let edits = [
            edit("/KmsMasterKeyId", json!("")),
            edit("/RedrivePolicy/maxReceiveCount", json!(9)),
            edit("/NoSuch/Path", json!(1)),
            edit("/RedrivePolicy/added", json!("x")),
            edit("/VisibilityTimeout", Value::Null),
            edit("/Code", json!("a digest")),
        ];
        let adapted = adapted(&desired, &edits).unwrap();
        let tree: Value = serde_json::from_str(&adapted.body).unwrap();
        assert_eq!(tree["Resources"]["Queue"]["Properties"]["KmsMasterKeyId"], "");
        assert_eq!(tree["Resources"]["Queue"]["Properties"]["RedrivePolicy"]["maxReceiveCount"], 9);
        assert_eq!(tree["Resources"]["Queue"]["Properties"]["RedrivePolicy"]["added"], "x");
        assert!(tree["Resources"]["Queue"]["Properties"].get("VisibilityTimeout").is_none());
        assert!(tree["Resources"]["Queue"]["Properties"].get("NoSuch").is_none());
        assert_eq!(tree["Resources"]["Queue"]["Properties"]["Code"]["S3Key"], "key");
        assert_eq!(tree["Outputs"]["TenantryDigest"]["Value"], "restoring d");
        assert_ne!(adapted.digest, desired.digest);
    }
}
