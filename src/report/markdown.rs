//! A plan and its outcome for pull requests.

use std::fmt::Write;

use super::groups::{self, Group};
use super::plan as text;
use super::review;
use tenantry_ops::deploy::apply::Outcomes;
use tenantry_ops::deploy::events::Outcome;
use tenantry_ops::deploy::{Action, Plan};

/// Resources that are shown without a click.
const MOST_OPEN: usize = 12;

/// The plan: the counts, then a part for each group of stacks that change alike.
pub fn plan(plan: &Plan) -> String {
    let mut out = String::new();
    line(&mut out, format_args!("## Plan of release `{}`\n\n{}\n", plan.release, text::counts(plan)));
    for group in groups::of(plan.stacks.iter()) {
        group_part(&mut out, &group);
    }
    if !plan.unseen.is_empty() {
        line(&mut out, format_args!("### Not seen\n"));
        for (unseen, tenants) in groups::unseen(plan) {
            let hint = unseen.hint.as_ref().map(|hint| format!(" ({})", cell(hint))).unwrap_or_default();
            line(&mut out, format_args!("- {}: {}{hint}", groups::named(&tenants), cell(&unseen.why)));
        }
        out.push('\n');
    }
    if let Some(review) = &plan.review {
        out.push_str(&review::markdown(review));
    }
    out
}

fn group_part(out: &mut String, group: &Group<'_>) {
    let Some(action) = group.action() else { return };
    line(out, format_args!("### {}\n", group.title()));
    match action {
        Action::Blocked { why, remedy } => line(out, format_args!("**blocked**: {why} ({remedy})\n")),
        Action::Clear { what, retain, .. } => line(out, format_args!("{}.\n", capital(&text::clearing(*what, retain)))),
        Action::Recover { by } => line(out, format_args!("{}.\n", capital(&text::recovery(by)))),
        Action::Follow => line(out, format_args!("Wait for the operation that an earlier run started.\n")),
        Action::Nothing | Action::Apply { .. } => {}
    }
    if let Some(claim) = group.claim() {
        line(out, format_args!("> {}\n", cell(&claim)));
    }
    for warning in group.warnings() {
        line(out, format_args!("> **warning** {}\n", cell(&warning)));
    }
    let changes = action.changes();
    if changes.is_empty() {
        return;
    }
    if groups::flags_only(action) {
        line(out, format_args!("**{}**\n", text::FLAGS_ONLY));
    }
    let dangers = changes.iter().filter(|found| group.endangers(found)).count();
    if dangers > 0 {
        line(
            out,
            format_args!("**{} that hold state would or might be lost.**\n", groups::counted(dangers, "resource")),
        );
    }
    let folded = changes.len() > MOST_OPEN;
    if folded {
        let many = groups::counted(changes.len(), "resource");
        line(out, format_args!("<details><summary>{many}</summary>\n"));
    }
    line(out, format_args!("| resource | change |\n|---|---|"));
    for (index, found) in changes.iter().enumerate() {
        let values = found.properties.iter().enumerate().flat_map(|(number, property)| {
            let cause = groups::cause(property);
            let values = group.differences(index, number).into_iter();
            values.map(move |value| format!("{}{cause}", cell(&value)))
        });
        let values: Vec<String> = values.collect();
        line(out, format_args!("| {} | {} |", cell(&group.resource(found)), values.join("<br>")));
    }
    line(out, format_args!("{}", if folded { "\n</details>\n" } else { "" }));
}

/// How the stacks' changes ended: the counts, and each that is not done.
pub fn outcomes(outcomes: &Outcomes) -> String {
    let mut out = String::new();
    let done = outcomes.values().filter(|outcome| **outcome == Outcome::Done).count();
    line(&mut out, format_args!("## Outcome\n\n{done} of {} done\n", groups::counted(outcomes.len(), "stack")));
    if done < outcomes.len() {
        line(&mut out, format_args!("| tenant | account | region | outcome |\n|---|---|---|---|"));
        for ((tenant, place), outcome) in outcomes.iter().filter(|(_, outcome)| **outcome != Outcome::Done) {
            let said = cell(&text::outcome(outcome));
            line(&mut out, format_args!("| {tenant} | {} | {} | {said} |", place.account, place.region));
        }
        out.push('\n');
    }
    out
}

/// The text as a sentence begins.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Text that stays in its cell and is no markup.
fn cell(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('|', "\\|");
    text.lines().collect::<Vec<_>>().join("<br>")
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::plan::tests::fleet;

    #[test]
    fn a_fleet_that_changes_alike_is_one_part_with_a_table() {
        insta::assert_snapshot!(plan(&fleet(500)), @"
        ## Plan of release `v2`

        Plan: 500 to deploy, 0 unchanged, 0 blocked, 0 unknown

        ### 500 tenants: tenant-000, tenant-001, tenant-002, tenant-003 and 496 more (1 account, 1 region)

        > **warning** quota: VPCs: 5 of 5 (500 of 500 tenants)

        | resource | change |
        |---|---|
        | ~ ReleaseRecord AWS::SSM::Parameter | /Properties/Value: 500 different values |
        | ~ Splitter AWS::Lambda::Function | /Properties/Role: old -> new-0 (250 tenants)<br>/Properties/Role: old -> new-1 (250 tenants) |
        ");
    }

    #[test]
    fn what_is_not_done_is_listed_and_cannot_break_the_table() {
        let place = fleet(1).stacks[0].place.clone();
        let lost = Outcome::Broken { why: "a | b\n<script>".to_owned(), hint: None };
        let all = [(("acme".to_owned(), place.clone()), Outcome::Done), (("bolt".to_owned(), place), lost)];
        insta::assert_snapshot!(outcomes(&all.into()), @r"
        ## Outcome

        1 of 2 stacks done

        | tenant | account | region | outcome |
        |---|---|---|---|
        | bolt | 111122223333 | eu-west-1 | failed: a \| b<br>&lt;script> |
        ");
    }
}
