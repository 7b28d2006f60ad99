//! A tenant's alarms with their entries of the handbook, as text and as a page.

use super::groups::counted;
use super::screen::{Screen, Tone, paint};
use crate::cli::alarms::{Answer, Formula, Row};

/// Whether an alarm is in ALARM.
pub(crate) fn is_firing(row: &Row) -> bool {
    row.state.as_ref().is_some_and(|state| state.state == "ALARM")
}

/// What comes first: ALARM, then what is not known, then OK.
pub(crate) fn order(row: &Row) -> u8 {
    match row.state.as_ref().map(|state| state.state) {
        Some("ALARM") => 0,
        Some("OK") => 2,
        _ => 1,
    }
}

fn state(row: &Row) -> (String, Tone) {
    let Some(state) = &row.state else { return ("unknown".to_owned(), Tone::Unknown) };
    let since = state.since.and_then(|since| jiff::Timestamp::from_second(since).ok());
    let since = since.map(|since| format!(" since {since}")).unwrap_or_default();
    let tone = match state.state {
        "ALARM" => Tone::Bad,
        "OK" => Tone::Good,
        _ => Tone::Unknown,
    };
    (format!("{}{since}", state.state), tone)
}

/// How many alarms are in which state, then a paragraph for each.
pub(crate) fn text(answer: &Answer, screen: Screen) -> String {
    let mut out = format!("{}\n", title(answer));
    if let Some(why) = &answer.unknown {
        out.push_str(&screen.wrapped(&format!("states are unknown: {why}")));
    }
    for row in &answer.alarms {
        let alarm = &row.described.alarm;
        let (state, tone) = state(row);
        let name = alarm.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
        out.push_str(&format!("\n{}{name}: {}\n", paint(&alarm.logical_id, Tone::Strong), paint(&state, tone)));
        let mut field = |name: &str, value: &str| {
            if !value.is_empty() {
                out.push_str(&screen.labelled(name, value));
            }
        };
        field("reason", &alarm.reason);
        field("condition", &alarm.condition);
        let watches: Vec<String> = alarm.watches.iter().map(|(name, of)| format!("{name} {of}")).collect();
        field("watches", &watches.join(", "));
        if let Some(formula) = &row.formula {
            field("threshold", &threshold(formula));
        }
        if let Some(state) = row.state.as_ref().filter(|_| is_firing(row)) {
            field("CloudWatch", &state.reason);
        }
        match &row.described.entry {
            Some(entry) => {
                field("means", &entry.means);
                steps(&mut out, "first look", &entry.look, screen);
                steps(&mut out, "mitigate", &entry.mitigate, screen);
                out.push_str(&screen.labelled("escalate", &entry.escalate));
            }
            None => field("runbook", "not in templates/handbook.yaml"),
        }
    }
    out
}

fn steps(out: &mut String, name: &str, steps: &[String], screen: Screen) {
    for (index, step) in steps.iter().enumerate() {
        let name = if index == 0 { name } else { "" };
        // A command is copied as a whole.
        let screen = if step.starts_with("$ ") { Screen::default() } else { screen };
        out.push_str(&screen.labelled(name, step));
    }
}

/// `acme (111122223333 in eu-west-1): 23 alarms: 1 ALARM, 22 OK`.
fn title(answer: &Answer) -> String {
    let count = |wanted: &str| {
        let is_it = |row: &&Row| row.state.as_ref().map_or("unknown", |state| state.state) == wanted;
        answer.alarms.iter().filter(is_it).count()
    };
    let states =
        [("ALARM", Tone::Bad), ("INSUFFICIENT_DATA", Tone::Unknown), ("unknown", Tone::Unknown), ("OK", Tone::Good)];
    let states = states.into_iter().map(|(state, tone)| (count(state), state, tone)).filter(|(count, ..)| *count > 0);
    let states: Vec<String> = states.map(|(count, state, tone)| paint(&format!("{count} {state}"), tone)).collect();
    let all = counted(answer.alarms.len(), "alarm");
    let states = if states.is_empty() { String::new() } else { format!(": {}", states.join(", ")) };
    format!("{} ({} in {}): {all}{states}", answer.tenant, answer.place.account, answer.place.region)
}

/// `retry_depth_alarm = ceil(…) messages, with parts_per_minute = 32.0: more than five minutes of parts`.
fn threshold(formula: &Formula) -> String {
    let inputs: Vec<String> = formula.inputs.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    let inputs = if inputs.is_empty() { String::new() } else { format!(", with {}", inputs.join(", ")) };
    let source = if formula.source.is_empty() { String::new() } else { format!(" ({})", formula.source) };
    format!("{} = {} {}{inputs}: {}{source}", formula.name, formula.formula, formula.unit, formula.why)
}

/// The handbook of a tenant as a page.
pub(crate) fn markdown(answer: &Answer) -> String {
    let plain = anstream::adapter::strip_str(&title(answer)).to_string();
    let mut out = format!("# Runbook of {plain}\n");
    for row in &answer.alarms {
        let alarm = &row.described.alarm;
        let name = alarm.name.as_deref().unwrap_or(&alarm.logical_id);
        out.push_str(&format!("\n## {name}\n\n**{}** ({})\n\n", alarm.reason, state(row).0));
        out.push_str(&format!("- condition: `{}`\n", alarm.condition));
        if let Some(formula) = &row.formula {
            out.push_str(&format!("- threshold: `{} = {}`: {}\n", formula.name, formula.formula, formula.why));
        }
        let Some(entry) = &row.described.entry else {
            out.push_str("\nThere is no entry in `templates/handbook.yaml`.\n");
            continue;
        };
        out.push_str(&format!("\n{}\n", entry.means));
        for (heading, steps) in [("First look", &entry.look), ("Mitigate", &entry.mitigate)] {
            out.push_str(&format!("\n### {heading}\n"));
            for step in steps {
                match step.strip_prefix("$ ") {
                    Some(command) => out.push_str(&format!("\n```sh\n{command}\n```\n")),
                    None => out.push_str(&format!("\n{step}\n")),
                }
            }
        }
        out.push_str(&format!("\n### Escalate\n\n{}\n", entry.escalate));
    }
    out
}
