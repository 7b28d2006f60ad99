//! The checks of `tenantry doctor` as text.

use std::collections::BTreeMap;

use super::screen::{Screen, Tone, paint};
use tenantry_checks::capacity::Level;
use tenantry_ops::survey::readiness::Check;

/// Characters of the widest level, and of the widest name of a check.
const LEVEL: usize = 8;
const NAME: usize = 20;

/// A line for each check, what to do below it, and a line that counts. What is ok is one line for each kind unless `full`.
pub fn text(checks: &[Check], full: bool, screen: Screen) -> String {
    let mut out = String::new();
    let mut met: BTreeMap<&str, Vec<&Check>> = BTreeMap::new();
    for check in checks.iter().filter(|check| check.level == Level::Ok) {
        met.entry(check.check).or_default().push(check);
    }
    let mut reported: Vec<&str> = Vec::new();
    for check in checks {
        if full || check.level != Level::Ok {
            out.push_str(&screen.wrapped(&one(check)));
        } else if !reported.contains(&check.check) {
            reported.push(check.check);
            match met[check.check][..] {
                [only] => out.push_str(&screen.wrapped(&one(only))),
                ref several => {
                    let line = line(Level::Ok, check.check, &format!("{} checks", several.len()));
                    out.push_str(&line);
                }
            }
        }
    }
    out + &summary(checks)
}

fn one(check: &Check) -> String {
    let place = check.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
    let help = check.help.iter().map(|help| format!("{:width$}help: {help}\n", "", width = LEVEL));
    line(check.level, check.check, &format!("{place}{}", check.message)) + &help.collect::<String>()
}

fn line(level: Level, name: &str, text: &str) -> String {
    let (word, tone) = match level {
        Level::Ok => ("ok", Tone::Good),
        Level::Warning => ("warning", Tone::Warning),
        Level::Unknown => ("unknown", Tone::Unknown),
        Level::Error => ("error", Tone::Bad),
    };
    format!("{}{:pad$}{name:NAME$}{text}\n", paint(word, tone), "", pad = LEVEL - word.len())
}

/// `12 ok, 1 warning, 0 unknown, 2 errors`.
fn summary(checks: &[Check]) -> String {
    let count = |level| checks.iter().filter(|check| check.level == level).count();
    let (warnings, errors) = (count(Level::Warning), count(Level::Error));
    let plural = |number: usize, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    format!(
        "{} ok, {}, {} unknown, {}\n",
        count(Level::Ok),
        plural(warnings, "warning"),
        count(Level::Unknown),
        plural(errors, "error")
    )
}
