//! The night of a fleet: one message, as text or as Markdown.

use super::groups::counted;
use super::orphans;
use crate::cli::standing;
use crate::cli::watch::{Answer, Row};
use tenantry_aws::cloud::Place;
use tenantry_checks::capacity::Level;

/// Rows of a section that are shown; of more, the rest is counted.
const MOST_ROWS: usize = 20;

/// A heading and its rows; without rows it is left out.
struct Section {
    title: &'static str,
    rows: Vec<String>,
}

/// For people at a terminal and in logs.
pub(crate) fn text(answer: &Answer) -> String {
    let mut out = format!("{}\n", headline(answer));
    for section in sections(answer) {
        out.push_str(&format!("\n{}\n", section.title));
        for row in section.rows {
            out.push_str(&format!("  {row}\n"));
        }
    }
    out
}

/// One message.
pub(crate) fn markdown(answer: &Answer) -> String {
    let at = answer.at.strftime("%Y-%m-%d %H:%M UTC");
    let mut out =
        format!("## {} at {at}, release {}\n\n**{}**\n", answer.organisation, answer.release, headline(answer));
    for section in sections(answer) {
        out.push_str(&format!("\n### {}\n\n", section.title));
        for row in section.rows {
            out.push_str(&format!("- {}\n", escaped(&row)));
        }
    }
    out
}

/// What Markdown would read as its own.
fn escaped(text: &str) -> String {
    text.replace('*', "\\*").replace('<', "&lt;").replace('|', "\\|")
}

/// `3 tenants: 1 drifted, 2 current; paging: 1 error, 2 warnings`.
fn headline(answer: &Answer) -> String {
    let tenants = standing::counted(answer.tenants.iter().map(|row| &row.standing));
    let levels: Vec<Level> = answer.paging.levels().collect();
    let count = |level| levels.iter().filter(|one| **one == level).count();
    let reported = [(Level::Error, "error"), (Level::Unknown, "unknown"), (Level::Warning, "warning")];
    let reported: Vec<String> = reported
        .into_iter()
        .filter(|(level, _)| count(*level) > 0)
        .map(
            |(level, word)| {
                if word == "unknown" { format!("{} unknown", count(level)) } else { counted(count(level), word) }
            },
        )
        .collect();
    let paging =
        if reported.is_empty() { "pages arrive".to_owned() } else { format!("paging: {}", reported.join(", ")) };
    format!("{tenants}; {paging}")
}

fn sections(answer: &Answer) -> Vec<Section> {
    let tenants = answer.tenants.iter().filter(|row| row.standing.exit() != crate::cli::Exit::Clean).map(tenant);
    let pages = answer.paging.pages.iter().map(|page| {
        let since = page.since.map(|since| format!(" since {}", since.strftime("%H:%M UTC"))).unwrap_or_default();
        let url = if page.url.is_empty() { String::new() } else { format!(" ({})", page.url) };
        format!("{} ({}){since}: {}{url}", page.alarm, at(&page.place), page.what)
    });
    let checks = answer.paging.checks.iter().filter(|check| check.level != Level::Ok).map(|check| {
        let place = check.place.as_ref().map(|place| format!(" ({})", at(place))).unwrap_or_default();
        format!("{}: {}{place}: {}", word(check.level), check.subject, check.what)
    });
    let canaries = answer.paging.checks.iter().filter(|check| check.level == Level::Ok && check.subject == "canary");
    let canaries =
        canaries.filter_map(|check| Some(format!("canary from {}: {}", at(check.place.as_ref()?), check.what)));
    let on_call = answer.paging.on_call.iter().map(|one| {
        let schedule = one.schedule.as_ref().map(|schedule| format!(", {}", schedule.summary)).unwrap_or_default();
        let until = one.end.map(|end| format!(", until {}", end.strftime("%Y-%m-%d %H:%M UTC"))).unwrap_or_default();
        format!("level {}: {}{schedule}{until}", one.escalation_level, one.user.summary)
    });
    let capacity = answer.capacity.iter().map(|row| format!("{} {}", row.code, row.message));
    let certificates = answer.certificates.iter().map(|row| {
        let tenant = row.tenant.as_ref().map(|tenant| format!("{tenant}: ")).unwrap_or_default();
        format!("{tenant}{} {}", row.code, row.message)
    });
    let orphans = orphans::text(&answer.orphans);
    let metrics = answer.unpublished.iter().map(|why| format!("not published: {why}"));
    let published = (answer.published > 0).then(|| format!("{} published", counted(answer.published, "number")));
    let all = [
        section("Tenants", tenants),
        section("Alarms in ALARM", pages),
        section("Paging", checks.chain(canaries)),
        section("On call", on_call),
        section("Quotas, addresses and names", capacity),
        section("Certificates", certificates),
        section("Orphaned stacks", orphans.lines().map(str::to_owned)),
        section("Metrics", metrics.chain(published)),
    ];
    all.into_iter().filter(|section| !section.rows.is_empty()).collect()
}

fn section(title: &'static str, rows: impl Iterator<Item = String>) -> Section {
    let mut rows: Vec<String> = rows.collect();
    let more = rows.len().saturating_sub(MOST_ROWS);
    if more > 0 {
        rows.truncate(MOST_ROWS);
        rows.push(format!("and {more} more; `--output json` has all"));
    }
    Section { title, rows }
}

fn tenant(row: &Row) -> String {
    let why = row.standing.why();
    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
    format!("{} ({}) {}{why}", row.tenant, at(&row.place), row.standing.state())
}

fn at(place: &Place) -> String {
    format!("{} in {}", place.account, place.region)
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Ok => "ok",
        Level::Warning => "warning",
        Level::Unknown => "unknown",
        Level::Error => "error",
    }
}
