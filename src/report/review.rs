//! What was found about a plan, as text and for pull requests.

use super::cost::{change, usd};
use super::screen::{Tone, paint};
use tenantry_base::finding::Severity;
use tenantry_checks::cost::{Load, Total};
use tenantry_ops::deploy::cost::{Before, CostChange, StackCost};
use tenantry_ops::deploy::gate::PlanFinding;
use tenantry_ops::deploy::plan::PlanReview;

/// Verdicts of one code that are shown; the rest is counted.
const MOST_OF_A_CODE: usize = 5;
/// Stacks whose cost has a line of its own: those with the largest change.
const MOST_STACKS: usize = 10;

/// Verdicts, the worst first, then the cost change.
pub(super) fn text(review: &PlanReview) -> String {
    let mut out = String::new();
    for (verdict, more) in shown(&review.findings) {
        let help = verdict.help.as_ref().map(|help| format!("\n    help: {help}")).unwrap_or_default();
        let (sign, tone) = sign(verdict.level);
        out.push_str(&format!("{} {}{help}\n", paint(sign, tone), sentence(verdict)));
        if more > 0 {
            out.push_str(&format!("    and {more} more of {}\n", verdict.code));
        }
    }
    if review.findings.iter().any(|verdict| verdict.level == Severity::Error) {
        out.push_str("x blocks a deploy, unless the code is overridden with a reason\n");
    }
    out.push_str(&cost_lines(&review.cost).iter().map(|line| format!("{line}\n")).collect::<String>());
    out
}

/// The same as parts of a page.
pub(super) fn markdown(review: &PlanReview) -> String {
    let mut out = String::new();
    if !review.findings.is_empty() {
        out.push_str("### Findings\n\n| | code | what |\n|---|---|---|\n");
        for (verdict, more) in shown(&review.findings) {
            let rest = if more > 0 { format!(" (and {more} more)") } else { String::new() };
            let help = verdict.help.as_ref().map(|help| format!("<br>{help}")).unwrap_or_default();
            let said = format!("{}{rest}{help}", named(verdict)).replace('|', "\\|").replace('\n', " ");
            out.push_str(&format!("| {} | `{}` | {said} |\n", word(verdict.level), verdict.code));
        }
        out.push('\n');
    }
    let lines = cost_lines(&review.cost);
    if !lines.is_empty() {
        out.push_str("### Cost change\n\n");
        out.push_str(&lines.iter().map(|line| format!("- {line}\n")).collect::<String>());
        out.push('\n');
    }
    out
}

/// The first verdicts of each code; the last of them with how many more there are.
fn shown(verdicts: &[PlanFinding]) -> Vec<(&PlanFinding, usize)> {
    let mut shown: Vec<(&PlanFinding, usize)> = Vec::new();
    for verdict in verdicts {
        let same = |(other, _): &&(&PlanFinding, usize)| other.code == verdict.code && other.level == verdict.level;
        if shown.iter().filter(same).count() < MOST_OF_A_CODE {
            shown.push((verdict, 0));
        } else if let Some((_, more)) = shown.iter_mut().rev().find(|(other, _)| other.code == verdict.code) {
            *more += 1;
        }
    }
    shown
}

fn sign(level: Severity) -> (&'static str, Tone) {
    match level {
        Severity::Error => ("x", Tone::Bad),
        Severity::Unknown => ("?", Tone::Unknown),
        Severity::Warning => ("!", Tone::Warning),
        Severity::Info => ("i", Tone::Quiet),
    }
}

fn word(level: Severity) -> &'static str {
    match level {
        Severity::Error => "**error**",
        Severity::Unknown => "unknown",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

fn sentence(verdict: &PlanFinding) -> String {
    format!("{}: {}", verdict.code, named(verdict))
}

fn named(verdict: &PlanFinding) -> String {
    let about: Vec<&str> = [&verdict.tenant, &verdict.place].into_iter().flatten().map(String::as_str).collect();
    let about = if about.is_empty() { String::new() } else { format!(" ({})", about.join(", ")) };
    format!("{}{about}", verdict.message)
}

/// A line for each stack whose bill changes, and one for all.
fn cost_lines(change_of: &CostChange) -> Vec<String> {
    if change_of.stacks.is_empty() {
        return Vec::new();
    }
    let mut same = 0;
    let mut changed: Vec<(&StackCost, Option<Load>)> = Vec::new();
    let (mut before, mut after, mut unknown) = (Total::default(), Total::default(), 0);
    for stack in &change_of.stacks {
        after.add(&stack.after);
        match &stack.before {
            Before::Nothing => {}
            Before::Known { total } => before.add(total),
            Before::Unknown { .. } => unknown += 1,
        }
        match stack.change() {
            Some(Load { low, expected, peak }) if low == 0.0 && expected == 0.0 && peak == 0.0 => same += 1,
            change => changed.push((stack, change)),
        }
    }
    changed.sort_by(|(_, a), (_, b)| {
        let size = |load: &Option<Load>| load.map_or(f64::INFINITY, |load| load.expected.abs());
        size(b).total_cmp(&size(a))
    });
    let mut lines: Vec<String> =
        changed.iter().take(MOST_STACKS).map(|(stack, change)| stack_line(stack, *change)).collect();
    if changed.len() > MOST_STACKS {
        lines.push(format!("cost change: and {} more stacks", changed.len() - MOST_STACKS));
    }
    if same > 0 {
        lines.push(format!("cost change: none for {same} stack{}", if same == 1 { "" } else { "s" }));
    }
    let bound = if after.missing.is_empty() { "" } else { "at least " };
    let all = if unknown == 0 && after.missing.is_empty() && before.missing.is_empty() {
        format!("{} USD a month{}", change(after.usd.expected - before.usd.expected), around(after.usd - before.usd))
    } else {
        format!("unknown; new cost {bound}{} USD a month", usd(after.usd.expected))
    };
    lines.push(format!("cost change in total: {all}; prices of {}", change_of.prices_of));
    lines
}

fn stack_line(stack: &StackCost, difference: Option<Load>) -> String {
    let who = format!("cost change: {} ({} in {})", stack.tenant, stack.place.account, stack.place.region);
    let after = usd(stack.after.usd.expected);
    let at_least = if stack.after.missing.is_empty() { "" } else { "at least " };
    match (&stack.before, difference) {
        (Before::Nothing, Some(load)) => format!("{who}: new, +{after} USD a month{}", around(load)),
        (Before::Known { total }, Some(load)) => {
            let (before, change) = (usd(total.usd.expected), change(load.expected));
            format!("{who}: {before} -> {after} USD a month ({change}{})", around(load))
        }
        (Before::Unknown { why }, _) => {
            format!("{who}: unknown -> {at_least}{after} USD a month (current cost unknown: {why})")
        }
        (Before::Nothing | Before::Known { .. }, None) => {
            let missing = stack.after.missing.len();
            format!("{who}: new cost {at_least}{after} USD a month, {missing} prices are unknown")
        }
    }
}

/// How much it is when nothing arrives, and when the peak never ends.
fn around(load: Load) -> String {
    format!(", idle {}, peak {}", change(load.low), change(load.peak))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(code: &str, level: Severity, message: &str) -> PlanFinding {
        serde_json::from_value(serde_json::json!({ "code": code, "level": level, "message": message })).unwrap()
    }

    fn plain(review: &PlanReview) -> String {
        anstream::adapter::strip_str(&text(review)).to_string()
    }

    fn stack(tenant: &str, before: Before, expected: f64) -> StackCost {
        let place = serde_json::from_str(r#"{"account":"111122223333","region":"eu-west-1"}"#).unwrap();
        let usd = Load { low: expected / 2.0, expected, peak: expected * 2.0 };
        StackCost { tenant: tenant.to_owned(), place, before, after: Total { usd, missing: Vec::new() } }
    }

    #[test]
    fn verdicts_are_counted_by_code_and_the_cost_change_is_shown() {
        let mut verdicts: Vec<PlanFinding> =
            (0..8).map(|n| verdict("TN2101", Severity::Error, &format!("quota {n} is full"))).collect();
        verdicts.push(PlanFinding { help: Some("look".to_owned()), ..verdict("TN2104", Severity::Unknown, "unknown") });
        let known = Before::Known { total: Total { usd: Load::flat(400.0), missing: Vec::new() } };
        let unknown = Before::Unknown { why: "denied".to_owned() };
        let stacks = vec![stack("acme", Before::Nothing, 1000.0), stack("bolt", known, 300.0)];
        let cost = CostChange { prices_of: "2026-11-24".to_owned(), stacks };
        insta::assert_snapshot!(plain(&PlanReview { findings: verdicts, cost: cost.clone() }), @r"
        x TN2101: quota 0 is full
        x TN2101: quota 1 is full
        x TN2101: quota 2 is full
        x TN2101: quota 3 is full
        x TN2101: quota 4 is full
            and 3 more of TN2101
        ? TN2104: unknown
            help: look
        x blocks a deploy, unless the code is overridden with a reason
        cost change: acme (111122223333 in eu-west-1): new, +1,000.00 USD a month, idle +500.00, peak +2,000.00
        cost change: bolt (111122223333 in eu-west-1): 400.00 -> 300.00 USD a month (-100.00, idle -250.00, peak +200.00)
        cost change in total: +900.00 USD a month, idle +250.00, peak +2,200.00; prices of 2026-11-24
        ");
        let stacks = vec![stack("acme", unknown, 1000.0)];
        let review = PlanReview { findings: Vec::new(), cost: CostChange { stacks, ..cost } };
        insta::assert_snapshot!(plain(&review), @r"
        cost change: acme (111122223333 in eu-west-1): unknown -> 1,000.00 USD a month (current cost unknown: denied)
        cost change in total: unknown; new cost 1,000.00 USD a month; prices of 2026-11-24
        ");
    }
}
