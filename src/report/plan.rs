//! A plan and its execution as text.

use std::fmt::Write;

use super::groups::{self, Group, Sign};
use super::review;
use super::screen::{Tone, paint};
use tenantry_aws::cloud::change_sets::ChangeSetKind;
use tenantry_ops::deploy::events::{Event, Outcome, What};
use tenantry_ops::deploy::{Action, Left, Plan, Recovery};

/// What is said of a change that delivers flags and does nothing else.
pub const FLAGS_ONLY: &str = "flags only: changes AppConfig and the release record";

/// Resources of a new stack that are listed without being asked for.
const MOST_LISTED: usize = 12;

/// The whole plan: a paragraph for all stacks that change alike, then what was not seen, then what the signs mean and the
/// counts. The resources of a new stack are listed with `full` only.
pub fn text(plan: &Plan, full: bool) -> String {
    let mut out = String::new();
    let groups = groups::of(plan.stacks.iter());
    for group in &groups {
        group_text(&mut out, group, full);
    }
    for stack in plan.stacks.iter().filter(|stack| stack.action == Action::Nothing) {
        for warning in &stack.warnings {
            let said = paint("warning", Tone::Warning);
            line(&mut out, format_args!("{said}: {}: {}: {}", stack.tenant, warning.check, warning.reason));
        }
    }
    for (unseen, tenants) in groups::unseen(plan) {
        let sign = paint("?", Tone::Unknown);
        line(&mut out, format_args!("{sign} {}: unknown: {}", groups::named(&tenants), unseen.why));
        if let Some(hint) = &unseen.hint {
            line(&mut out, format_args!("  help: {hint}"));
        }
    }
    if let Some(review) = &plan.review {
        out.push_str(&review::text(review));
    }
    let mut signs: Vec<Sign> = Vec::new();
    for group in &groups {
        signs.extend(group.action().iter().flat_map(|action| action.changes()).map(Sign::of));
    }
    let legend: Vec<String> = Sign::ALL
        .into_iter()
        .filter(|sign| signs.contains(sign))
        .map(|sign| format!("{} {}", paint(sign.text(), sign.tone()), sign.word()))
        .collect();
    if !legend.is_empty() {
        line(&mut out, format_args!("{}", legend.join(", ")));
    }
    line(&mut out, format_args!("{}", paint(&counts(plan), Tone::Strong)));
    out
}

/// `Plan: 3 to deploy, 2 unchanged, 0 blocked, 0 unknown`.
pub(super) fn counts(plan: &Plan) -> String {
    let idle = plan.stacks.iter().filter(|stack| stack.action == Action::Nothing).count();
    let (busy, blocked) = (plan.work().count(), plan.blocked().count());
    format!("Plan: {busy} to deploy, {idle} unchanged, {blocked} blocked, {} unknown", plan.unseen.len())
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

fn group_text(out: &mut String, group: &Group<'_>, full: bool) {
    let (title, Some(action)) = (paint(&group.title(), Tone::Strong), group.action()) else { return };
    match action {
        Action::Nothing => {}
        Action::Apply { .. } => line(out, format_args!("{title}")),
        Action::Clear { what, retain, .. } => line(out, format_args!("{title}: {}", clearing(*what, retain))),
        Action::Recover { by } => line(out, format_args!("{title}: {}", recovery(by))),
        Action::Follow => line(out, format_args!("{title}: wait for the operation that an earlier run started")),
        Action::Blocked { why, remedy } => {
            line(out, format_args!("{} {title}: {why}\n  help: {remedy}", paint("!", Tone::Bad)));
        }
    }
    if groups::flags_only(action) {
        line(out, format_args!("  {FLAGS_ONLY}"));
    }
    if let Some(claim) = group.claim() {
        line(out, format_args!("  {claim}"));
    }
    for warning in group.warnings() {
        line(out, format_args!("  {}: {warning}", paint("warning", Tone::Warning)));
    }
    let changes = action.changes();
    if !full && is_new(action) && changes.len() > MOST_LISTED {
        let sign = Sign::Create;
        line(out, format_args!("{} {}", paint(&format!("{:>3}", sign.text()), sign.tone()), groups::summary(changes)));
        line(out, format_args!("    {}", paint("`--full` lists them", Tone::Quiet)));
        return;
    }
    for index in groups::order(group, changes) {
        let change = &changes[index];
        let sign = Sign::of(change);
        line(out, format_args!("{} {}", paint(&format!("{:>3}", sign.text()), sign.tone()), group.named(change)));
        for (number, property) in change.properties.iter().enumerate() {
            for difference in group.differences(index, number) {
                line(out, format_args!("      {difference}{}", groups::cause(property)));
            }
        }
    }
}

/// Whether an action makes a stack in which nothing is yet.
fn is_new(action: &Action) -> bool {
    matches!(action, Action::Apply { makes: ChangeSetKind::Create, .. })
}

/// What is deleted with a stack, and what follows.
pub fn clearing(what: Left, retain: &[String]) -> String {
    let left = match what {
        Left::FailedCreation => "delete the stack whose creation failed; the next plan creates it again",
        Left::FailedImport => "delete the stack whose import failed; the next plan imports it again",
        Left::FailedDeletion => "retry the failed deletion",
        Left::Shell => "delete the empty stack of a change set (REVIEW_IN_PROGRESS)",
        Left::Offboarding => "delete the stack",
    };
    let behind = if retain.is_empty() { String::new() } else { format!("; retain {}", retain.join(", ")) };
    format!("{left}{behind}")
}

/// What leads out of a failed update, and what it gives up.
pub fn recovery(by: &Recovery) -> String {
    match by {
        Recovery::ContinueRollback { skip } if skip.is_empty() => {
            "continue the rollback (ContinueUpdateRollback)".to_owned()
        }
        Recovery::ContinueRollback { skip } => format!(
            "continue the rollback and skip {}; a drift check follows (ContinueUpdateRollback)",
            skip.join(", ")
        ),
        Recovery::ForceRollback => "force the rollback: skip every resource that it fails at; a drift check follows \
                                    (ContinueUpdateRollback with ForceRollback)"
            .to_owned(),
        Recovery::RollBack => "roll back the update to the last stable state (RollbackStack)".to_owned(),
        Recovery::Replay => {
            "update to the template of git in EXPRESS mode, in which the stack has failed (UpdateStack); \
                             an ordinary deploy ends the mode"
                .to_owned()
        }
    }
}

/// An event as a plain line.
pub fn event(event: &Event) -> String {
    format!("{}: {}", event.tenant, what(&event.what))
}

/// What happened, without the tenant.
pub fn what(what: &What) -> String {
    match what {
        What::Uploaded { name, key } => format!("uploaded {name} ({key})"),
        What::Started => "started".to_owned(),
        What::Status { status } => status.clone(),
        What::Resource { logical_id, status, reason: Some(reason), .. } => format!("{logical_id} {status}: {reason}"),
        What::Resource { logical_id, status, reason: None, .. } => format!("{logical_id} {status}"),
        What::NotSeen { why } => format!("unknown at this poll: {why}"),
        What::Ended { outcome: ended } => outcome(ended),
    }
}

/// How a stack's change ended.
pub fn outcome(outcome: &Outcome) -> String {
    let help = |hint: &Option<String>| hint.as_ref().map(|hint| format!("\n  help: {hint}")).unwrap_or_default();
    match outcome {
        Outcome::Done => "done".to_owned(),
        Outcome::Cleared => "the failed stack is deleted; the next plan creates it again".to_owned(),
        Outcome::Recovered { status } => format!("{status}: the stack takes change sets again"),
        Outcome::Imported => "the retained resources are imported; the next plan creates the rest".to_owned(),
        Outcome::Failed { status, resource, reason, remedy } => {
            let resource = resource.as_deref().unwrap_or("the stack");
            format!("failed ({status}): {resource}: {reason}{}", help(remedy))
        }
        Outcome::Broken { why, hint } => format!("failed: {why}{}", help(hint)),
        Outcome::Stale { why } => format!("not started, the plan is stale: {why}"),
        Outcome::NotStarted => "not started".to_owned(),
        Outcome::StillRunning => "still in progress in AWS; run the same command to continue".to_owned(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use tenantry_ops::deploy::{Baseline, StackPlan, Unseen, Warning};

    fn plain(plan: &Plan) -> String {
        anstream::adapter::strip_str(&text(plan, false)).to_string()
    }

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
            baseline: Baseline::default(),
            action: serde_json::from_value(action).unwrap(),
            claim: None,
            warnings: Vec::new(),
        };
        let plan = Plan {
            release: "v1".to_owned(),
            estate_digest: "e".to_owned(),
            offline: false,
            stacks: vec![stack],
            unseen: vec![Unseen { tenant: "bolt".to_owned(), why: "denied".to_owned(), hint: None }],
            review: None,
        };
        insta::assert_snapshot!(plain(&plan), @"
        acme (111122223333 in eu-west-1)
          ~ LandingBucket AWS::S3::Bucket (perhaps replaced) (holds state: needs --allow-replace)
              /Properties/BucketName: a -> b
        ? bolt: unknown: denied
        ~ update
        Plan: 1 to deploy, 0 unchanged, 0 blocked, 1 unknown
        ");
    }

    /// So many tenants with the same change: a release, and a role that becomes one of two others.
    pub(in crate::report) fn fleet(tenants: usize) -> Plan {
        let stack = |number: usize| {
            let property = |path: &str, before: &str, after: String| {
                serde_json::json!({ "path": path, "before": before, "after": after, "requires_recreation": "Never",
                    "source": null, "cause": null })
            };
            let change = |id: &str, kind: &str, property: serde_json::Value| {
                serde_json::json!({ "action": "Modify", "logical_id": id, "resource_type": kind, "physical_id": id,
                    "replacement": "False", "policy_action": null, "properties": [property] })
            };
            let digest = property("/Properties/Value", "v1", format!("v2 {number}"));
            let role = property("/Properties/Role", "old", format!("new-{}", number % 2));
            let changes = [
                change("ReleaseRecord", "AWS::SSM::Parameter", digest),
                change("Splitter", "AWS::Lambda::Function", role),
            ];
            let action =
                serde_json::json!({ "kind": "apply", "change_set": "id", "makes": "update", "changes": changes });
            StackPlan {
                tenant: format!("tenant-{number:03}"),
                ring: None,
                place: serde_json::from_str(r#"{"account":"111122223333","region":"eu-west-1"}"#).unwrap(),
                stack: format!("org-{number}"),
                digest: "d".to_owned(),
                baseline: Baseline::default(),
                action: serde_json::from_value(action).unwrap(),
                claim: None,
                warnings: vec![Warning {
                    check: "quota".to_owned(),
                    reason: "VPCs: 5 of 5".to_owned(),
                    unchecked: false,
                }],
            }
        };
        Plan {
            release: "v2".to_owned(),
            estate_digest: "e".to_owned(),
            offline: false,
            stacks: (0..tenants).map(stack).collect(),
            unseen: Vec::new(),
            review: None,
        }
    }

    #[test]
    fn five_hundred_tenants_with_the_same_change_read_as_one() {
        insta::assert_snapshot!(plain(&fleet(500)), @"
        500 tenants: tenant-000, tenant-001, tenant-002, tenant-003 and 496 more (1 account, 1 region)
          warning: quota: VPCs: 5 of 5 (500 of 500 tenants)
          ~ Splitter AWS::Lambda::Function
              /Properties/Role: old -> new-0 (250 tenants)
              /Properties/Role: old -> new-1 (250 tenants)
          ~ ReleaseRecord AWS::SSM::Parameter
              /Properties/Value: 500 different values
        ~ update
        Plan: 500 to deploy, 0 unchanged, 0 blocked, 0 unknown
        ");
    }

    #[test]
    fn a_new_stack_is_counted_by_group_and_listed_when_asked_for_with_what_may_go_first() {
        let mut plan = fleet(1);
        let change = |id: String, kind: &str, action: &str, replacement: Option<&str>| {
            serde_json::json!({ "action": action, "logical_id": id, "resource_type": kind, "physical_id": null,
                "replacement": replacement, "policy_action": null, "properties": [] })
        };
        let kinds = ["AWS::Lambda::Function", "AWS::S3::Bucket", "AWS::EC2::Subnet", "AWS::EC2::Route"];
        let adds: Vec<_> = (0..16).map(|n| change(format!("R{n:02}"), kinds[n % 4], "Add", None)).collect();
        let action = serde_json::json!({ "kind": "apply", "change_set": "id", "makes": "create", "changes": adds });
        plan.stacks[0].action = serde_json::from_value(action).unwrap();
        let short = plain(&plan);
        assert!(short.contains("\n  + 16 resources: network 8, storage 4, functions 4\n"), "{short}");
        assert!(short.contains("\n+ create\n") && !short.contains("R03"), "{short}");
        let listed = |plan: &Plan| {
            let text = anstream::adapter::strip_str(&text(plan, true)).to_string();
            let ids = text
                .lines()
                .filter_map(|line| line.split_once(" R"))
                .map(|(sign, id)| format!("{} R{}", sign.trim(), id.split(' ').next().unwrap_or_default()));
            ids.collect::<Vec<String>>()
        };
        assert_eq!(listed(&plan)[..5], ["+ R02", "+ R06", "+ R10", "+ R14", "+ R01"]);
        let changes = [
            change("R1".to_owned(), "AWS::Lambda::Function", "Modify", Some("False")),
            change("R2".to_owned(), "AWS::EC2::Route", "Modify", Some("True")),
            change("R3".to_owned(), "AWS::EC2::Subnet", "Modify", Some("False")),
            change("R4".to_owned(), "AWS::Lambda::Function", "Remove", None),
        ];
        let action = serde_json::json!({ "kind": "apply", "change_set": "id", "makes": "update", "changes": changes });
        plan.stacks[0].action = serde_json::from_value(action).unwrap();
        assert_eq!(listed(&plan), ["-/+ R2", "- R4", "~ R3", "~ R1"]);
    }

    #[test]
    fn a_tenant_that_changes_otherwise_stands_alone() {
        let mut plan = fleet(3);
        plan.stacks[1].action = Action::Follow;
        let text = plain(&plan);
        assert!(text.contains("2 tenants: tenant-000, tenant-002 (1 account, 1 region)"), "{text}");
        assert!(text.contains("tenant-001 (111122223333 in eu-west-1): wait for"), "{text}");
    }
}
