//! Drift as text for people and as Markdown for pull requests.

use jiff::Timestamp;
use serde_json::Value;

use super::values::differences;
use tenantry_ops::drift::{Difference, DriftStatus, Kind, Severity, StackDrift};

/// Longest value that is shown in full.
const MOST_CHARACTERS: usize = 160;

/// Every stack with its differences, what was not seen, and a line that counts.
pub fn text(drifts: &[StackDrift]) -> String {
    let mut out: String = drifts.iter().map(stack_text).collect();
    out.push_str(&summary(drifts));
    out.push('\n');
    out
}

/// `2 in sync, 1 drifted, 0 incomplete; 512 resources checked, 0 unchecked`
pub fn summary(drifts: &[StackDrift]) -> String {
    let count = |verdict| drifts.iter().filter(|drift| drift.verdict == verdict).count();
    let checked: usize = drifts.iter().map(|drift| drift.checked).sum();
    let unchecked: usize = drifts.iter().map(|drift| drift.unchecked.len()).sum();
    format!(
        "{} in sync, {} drifted, {} incomplete; {checked} resources checked, {unchecked} unchecked",
        count(DriftStatus::InSync),
        count(DriftStatus::Drifted),
        count(DriftStatus::Incomplete),
    )
}

fn said(verdict: DriftStatus) -> &'static str {
    match verdict {
        DriftStatus::InSync => "in sync",
        DriftStatus::Drifted => "drifted",
        DriftStatus::Incomplete => "incomplete",
    }
}

fn stack_text(drift: &StackDrift) -> String {
    if drift.offboarded {
        let (tenant, place) = (&drift.tenant, &drift.place);
        return format!("{tenant} ({} in {}): offboarded, there is no stack to check\n", place.account, place.region);
    }
    let mut out =
        format!("{} ({} in {}): {}", drift.tenant, drift.place.account, drift.place.region, said(drift.verdict));
    out.push_str(&format!(", {} checked, {} unchecked\n", drift.checked, drift.unchecked.len()));
    for difference in &drift.differences {
        out.push_str(&difference_text(difference));
    }
    for unchecked in &drift.unchecked {
        let (id, kind) = (&unchecked.resource, &unchecked.resource_type);
        let accepted = unchecked.accepted.as_ref();
        let accepted =
            accepted.map(|one| format!(" (accepted until {}: {})", one.until, one.reason)).unwrap_or_default();
        out.push_str(&format!("  ? {id} {kind}: unchecked: {}{accepted}\n", unchecked.why));
    }
    for source in drift.sources.iter().filter(|source| !source.unseen.is_empty()) {
        for why in &source.unseen {
            out.push_str(&format!("  ? {}: {why}\n", source_name(source.source)));
        }
    }
    if let Some(why) = &drift.trail {
        out.push_str(&format!("  ? author unknown: {why}\n"));
    }
    out
}

fn source_name(source: tenantry_ops::drift::Source) -> String {
    serde_json::to_value(source).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The four sources with what each looked at and can never see.
pub fn sources(drifts: &[StackDrift]) -> String {
    let Some(first) = drifts.first() else { return String::new() };
    let line = |(index, source): (usize, &tenantry_ops::drift::SourceReport)| {
        let checked: usize = drifts.iter().filter_map(|drift| drift.sources.get(index)).map(|s| s.checked).sum();
        let unseen: usize = drifts.iter().filter_map(|drift| drift.sources.get(index)).map(|s| s.unseen.len()).sum();
        let name = source_name(source.source);
        format!("{name}: checked {checked}, {unseen} access denied; cannot detect {}\n", source.limits)
    };
    first.sources.iter().enumerate().map(line).collect()
}

fn difference_text(difference: &Difference) -> String {
    let mut out = format!("  {} {} {}", level(difference.severity), difference.code, name(difference));
    out.push_str(match difference.kind {
        Kind::Modified => "",
        Kind::Deleted => " is gone",
        Kind::Added => " was added to",
        Kind::Unmanaged => " is in no template",
    });
    if let Some(accepted) = &difference.accepted {
        out.push_str(&format!(" (accepted until {}: {})", accepted.until, accepted.reason));
    }
    out.push('\n');
    for line in changes(difference) {
        out.push_str(&format!("      {line}\n"));
    }
    if let Some(deed) = &difference.by {
        out.push_str(&format!("      by {} with {} at {}\n", deed.user, deed.event, moment(deed.time)));
    }
    if difference.accepted.is_none() {
        out.push_str(&format!("      help: {}\n", difference.remedy));
    }
    out
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
    }
}

fn name(difference: &Difference) -> String {
    let id = difference.physical_id.as_deref().unwrap_or("-");
    match &difference.resource {
        Some(resource) => format!("{resource} {} {id}", difference.resource_type),
        None => format!("{} {id}", difference.resource_type),
    }
}

fn changes(difference: &Difference) -> Vec<String> {
    let json = |value: &Value| shortened(&value.to_string());
    let path = if difference.path.is_empty() { "it" } else { difference.path.as_str() };
    match (&difference.expected, &difference.actual) {
        (Some(a), Some(b)) => {
            let (a, b) = (a.to_string(), b.to_string());
            differences(path, Some(&a), Some(&b)).iter().map(|line| shortened(line)).collect()
        }
        (Some(a), None) => vec![format!("{path}: - {}", json(a))],
        (None, Some(b)) => vec![format!("{path}: + {}", json(b))],
        (None, None) => Vec::new(),
    }
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= MOST_CHARACTERS {
        return text.to_owned();
    }
    text.chars().take(MOST_CHARACTERS).chain(['…']).collect()
}

fn moment(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

/// A table of every open difference, for a pull request or an issue.
pub fn markdown(drifts: &[StackDrift]) -> String {
    let mut out = format!("### Drift: {}\n\n", summary(drifts));
    let open: Vec<(&StackDrift, &Difference)> =
        drifts.iter().flat_map(|drift| drift.open().map(move |difference| (drift, difference))).collect();
    if !open.is_empty() {
        out.push_str("| severity | tenant | what | difference | by |\n|---|---|---|---|---|\n");
    }
    for (drift, difference) in open {
        let by = difference.by.as_ref().map(|deed| format!("{} ({})", deed.user, deed.event)).unwrap_or_default();
        let change = changes(difference).join("<br>");
        let cells = [level(difference.severity), &drift.tenant, &name(difference), &change, &by].map(cell);
        out.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    for drift in drifts.iter().filter(|drift| !drift.unchecked.is_empty()) {
        out.push_str(&format!("\n{}: {} resources could not be checked\n", drift.tenant, drift.unchecked.len()));
    }
    out
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
