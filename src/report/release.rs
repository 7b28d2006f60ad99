//! Releases as text: steps of a roll, plans, the fleet's skew, differences.

use std::fmt::Write;

use jiff::Timestamp;

use tenantry_ops::deploy::events::{Event, What};
use tenantry_ops::release::diff::{Action, Change, TenantDiff};
use tenantry_ops::release::record::{Entry, Step};
use tenantry_ops::release::roll::Happened;

/// What a roll says while it goes on, as a line; None for what nobody needs to read.
pub fn happened(happened: &Happened) -> Option<String> {
    Some(match happened {
        Happened::Step(step) => self::step(step),
        Happened::Look(look) => format!("  {look}"),
        // Hundreds of resources that are made as they should be tell nothing.
        Happened::Stack(Event { what: What::Resource { status, .. }, .. }) if !status.ends_with("_FAILED") => {
            return None;
        }
        Happened::Stack(event) => format!("  {}", super::plan::event(event)),
    })
}

/// One step as a sentence.
pub fn step(step: &Step) -> String {
    match step {
        Step::Began { release } => format!("release {release} started"),
        Step::Continued { release } => format!("release {release} resumed"),
        Step::Deploying { stage, tenants } => format!("{stage}: deploying {}", tenants.join(", ")),
        Step::WindowsOverridden { why } => format!("windows and freezes are overridden: {why}"),
        Step::Waiting { tenants, until, why } => {
            format!("waiting until {} for {}: {why}", moment(*until), tenants.join(", "))
        }
        Step::Deferred { tenants, until, why } => {
            let until = until.map(|until| format!(" until {}", moment(until))).unwrap_or_default();
            format!("deferred{until}: {}: {why}", tenants.join(", "))
        }
        Step::Baking { stage, until } => format!("{stage}: bakes until {}", moment(*until)),
        Step::Passed { stage } => format!("{stage}: passed"),
        Step::Held { stage, why } => format!("{stage}: held: {why}"),
        Step::Refused { stage, why } => format!("{stage}: not deployed, because a gate failed: {why}"),
        Step::GatesOverridden { why } => format!("gates before waves are overridden: {why}"),
        Step::Halted { stage, why } => format!("{stage}: halted: {why}"),
        Step::WentBack { tenant, to } => format!("{tenant} rolled back to {to}"),
        Step::Stayed { tenant, why } => format!("{tenant} not rolled back: {why}"),
        Step::Paused { why } => format!("paused: {why}"),
        Step::Finished { release } => format!("release {release} is everywhere"),
    }
}

/// The last steps of a roll, a line each.
pub fn story(journal: &[Entry], most: usize) -> String {
    let mut text = String::new();
    for entry in &journal[journal.len().saturating_sub(most)..] {
        let _infallible = writeln!(text, "  {}  {}", moment(entry.at), step(&entry.step));
    }
    text
}

/// A moment to the second.
pub fn moment(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

/// How long ago, in the largest unit that fits.
pub fn ago(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min", seconds / 60),
        seconds @ 3600..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// `1 tenant`, `3 tenants`.
pub fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// A number of commits, as far as the clone can count them.
pub fn commits(number: Option<usize>) -> String {
    number.map_or_else(|| "commits that a shallow clone cannot count".to_owned(), |number| count(number, "commit"))
}

/// One tenant's difference between two releases.
pub fn tenant_diff(diff: &TenantDiff, unified: bool) -> String {
    let mut text = match (&diff.before, &diff.after) {
        (None, _) => format!("{}: new\n", diff.tenant),
        (_, None) => format!("{}: gone\n", diff.tenant),
        _ => format!("{}\n", diff.tenant),
    };
    for resource in &diff.resources {
        let sign = match resource.action {
            Action::Add => '+',
            Action::Change => '~',
            Action::Remove => '-',
        };
        let _infallible = writeln!(text, "  {sign} {} ({})", resource.logical_id, resource.resource_type);
        text.extend(resource.changes.iter().map(|one| format!("      {}\n", change(one))));
    }
    text.extend(diff.flags.iter().map(|flag| format!("  flag {}\n", change(flag))));
    if unified {
        text.push_str(&diff.unified);
    }
    text
}

/// `path: before -> after`
pub fn change(change: &Change) -> String {
    const LONGEST: usize = 60;
    let said = |value: &Option<serde_json::Value>| {
        let text = value.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
        if text.chars().count() <= LONGEST { text } else { text.chars().take(LONGEST).chain(['…']).collect() }
    };
    format!("{}: {} -> {}", change.path, said(&change.before), said(&change.after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_numbers_read_well() {
        assert_eq!([ago(5), ago(61), ago(7200), ago(200_000)], ["5 s", "1 min", "2 h", "2 d"]);
        assert_eq!([count(1, "tenant"), count(2, "tenant")], ["1 tenant", "2 tenants"]);
        let change = |before: Option<&str>| {
            self::change(&Change { path: "A.B".to_owned(), before: before.map(Into::into), after: Some(3.into()) })
        };
        assert_eq!(change(None), "A.B: nothing -> 3");
        assert!(change(Some(&"x".repeat(200))).len() < 100);
    }
}
