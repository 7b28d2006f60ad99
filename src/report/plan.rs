//! A plan and its execution as text.

use std::fmt::Write;

use super::values;
use crate::cloud::cloudformation::ResourceChange;
use crate::deploy::events::{Event, Outcome, What};
use crate::deploy::{Action, Plan, StackPlan, change};

/// What is said of a change that delivers flags and does nothing else.
pub const FLAGS_ONLY: &str = "flags only: nothing but AppConfig and the release record is touched";

/// The whole plan: a paragraph per stack with something to do, then what was not seen, then the counts.
pub fn text(plan: &Plan) -> String {
    let mut out = String::new();
    for stack in plan.stacks.iter().filter(|stack| stack.action != Action::Nothing) {
        out.push_str(&stack_text(stack));
    }
    for unseen in &plan.unseen {
        line(&mut out, format_args!("? {}: not seen: {}", unseen.tenant, unseen.why));
    }
    let idle = plan.stacks.iter().filter(|stack| stack.action == Action::Nothing).count();
    let blocked = plan.blocked().count();
    let busy = plan.stacks.len() - idle - blocked;
    line(
        &mut out,
        format_args!("{busy} to deploy, {idle} with nothing to do, {blocked} blocked, {} not seen", plan.unseen.len()),
    );
    out
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

fn stack_text(stack: &StackPlan) -> String {
    let place = format!("{} in {}", stack.place.account, stack.place.region);
    let mut out = String::new();
    match &stack.action {
        Action::Nothing => {}
        Action::Apply { .. } => line(&mut out, format_args!("{} ({place})", stack.tenant)),
        Action::Recreate { .. } => {
            line(&mut out, format_args!("{} ({place}): delete what a failed creation left, then create", stack.tenant));
        }
        Action::Follow => line(&mut out, format_args!("{} ({place}): follow what an earlier run began", stack.tenant)),
        Action::Blocked { why, remedy } => {
            line(&mut out, format_args!("! {} ({place}): {why}\n  help: {remedy}", stack.tenant));
        }
    }
    let changes = stack.action.changes();
    if change::delivers_flags_only(changes.iter().map(|c| (c.logical_id.as_str(), c.resource_type.as_str()))) {
        line(&mut out, format_args!("  {FLAGS_ONLY}"));
    }
    for change in changes {
        change_text(&mut out, change);
    }
    out
}

fn change_text(out: &mut String, change: &ResourceChange) {
    let sign = match change.action.as_str() {
        "Add" | "Import" => "+",
        "Remove" => "-",
        _ => "~",
    };
    let replacement = match change.replacement.as_deref() {
        Some("True") => " (replaced)",
        Some("Conditional") => " (perhaps replaced)",
        _ => "",
    };
    let guard = if change::endangers_state(change) { " (holds state: needs --allow-replace)" } else { "" };
    line(out, format_args!("  {sign} {} {}{replacement}{guard}", change.logical_id, change.resource_type));
    for property in &change.properties {
        let cause = property.cause.as_ref().map(|cause| format!(" because of {cause}")).unwrap_or_default();
        for difference in values::differences(&property.path, property.before.as_deref(), property.after.as_deref()) {
            line(out, format_args!("      {difference}{cause}"));
        }
    }
}

/// An event as a plain line.
pub fn event(event: &Event) -> String {
    let what = match &event.what {
        What::Uploaded { key } => format!("uploaded {key}"),
        What::Started => "started".to_owned(),
        What::Status { status } => status.clone(),
        What::Resource { logical_id, status, reason: Some(reason) } => format!("{logical_id} {status}: {reason}"),
        What::Resource { logical_id, status, reason: None } => format!("{logical_id} {status}"),
        What::NotSeen { why } => format!("not seen this time: {why}"),
        What::Ended { outcome } => outcome_text(outcome),
    };
    format!("{}: {what}", event.tenant)
}

fn outcome_text(outcome: &Outcome) -> String {
    let help = |hint: &Option<String>| hint.as_ref().map(|hint| format!("\n  help: {hint}")).unwrap_or_default();
    match outcome {
        Outcome::Done => "done".to_owned(),
        Outcome::Failed { status, resource, reason, remedy } => {
            let resource = resource.as_deref().unwrap_or("the stack");
            format!("failed ({status}): {resource}: {reason}{}", help(remedy))
        }
        Outcome::Broken { why, hint } => format!("lost: {why}{}", help(hint)),
        Outcome::Stale { why } => format!("not started, the plan is stale: {why}"),
        Outcome::NotStarted => "not started".to_owned(),
        Outcome::StillRunning => "goes on in AWS; the same command continues".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::{Ground, Unseen};

    #[test]
    fn a_plan_names_dangers_what_blocks_and_what_was_not_seen() {
        let bucket = serde_json::json!({
            "action": "Modify", "logical_id": "LandingBucket", "resource_type": "AWS::S3::Bucket",
            "physical_id": "b", "replacement": "Conditional", "policy_action": null,
            "properties": [{ "path": "/Properties/BucketName", "before": "a", "after": "b",
                "requires_recreation": "Always", "source": null, "cause": null }],
        });
        let action = serde_json::json!({ "kind": "apply", "change_set": "id", "makes": "update", "changes": [bucket] });
        let stack = StackPlan {
            tenant: "acme".to_owned(),
            ring: None,
            place: serde_json::from_str(r#"{"account":"111122223333","region":"eu-west-1"}"#).unwrap(),
            stack: "org-acme".to_owned(),
            digest: "d".to_owned(),
            ground: Ground::default(),
            action: serde_json::from_value(action).unwrap(),
        };
        let plan = Plan {
            release: "v1".to_owned(),
            estate_digest: "e".to_owned(),
            offline: false,
            stacks: vec![stack],
            unseen: vec![Unseen { tenant: "bolt".to_owned(), why: "denied".to_owned() }],
        };
        insta::assert_snapshot!(text(&plan), @"
        acme (111122223333 in eu-west-1)
          ~ LandingBucket AWS::S3::Bucket (perhaps replaced) (holds state: needs --allow-replace)
              /Properties/BucketName: a -> b
        ? bolt: not seen: denied
        1 to deploy, 0 with nothing to do, 0 blocked, 1 not seen
        ");
    }
}
