//! What should be cleaned up: flags past their date, read by nothing, read but not there, or the same for everybody.

use std::collections::{BTreeMap, BTreeSet};

use super::catalogue::shown;
use super::{Catalogue, Flag, Kind, Read, Reads, Values};
use jiff::ToSpan;
use jiff::civil::Date;
use tenantry_base::Document;
use tenantry_base::finding::{Code, Finding};

/// How many days before its date a flag is reported as expiring soon.
const SOON_DAYS: i64 = 14;

/// Everything that lint looks at.
#[derive(Debug, Clone, Copy)]
pub struct Linted<'a> {
    pub catalogue: &'a Catalogue,
    /// The catalogue's file.
    pub document: &'a Document,
    pub reads: &'a [Read],
    /// The values of every tenant, by name.
    pub fleet: &'a BTreeMap<String, Values>,
    pub today: Date,
}

/// Every finding, in the order of the catalogue; flags that are not in it come last.
pub fn lint(linted: Linted<'_>) -> Vec<Finding> {
    let one = |(key, flag): (&String, &Flag)| {
        let found = [expiry(linted, key, flag), unread(linted, key, flag), uniform(linted, key, flag)];
        found.into_iter().flatten().collect::<Vec<_>>()
    };
    let known = linted.catalogue.flags.iter().flat_map(one);
    known.chain(undeclared(linted.catalogue, linted.reads)).collect()
}

fn expiry(linted: Linted<'_>, key: &str, flag: &Flag) -> Option<Finding> {
    let expires: Date = flag.expires.as_ref()?.parse().ok()?;
    let at = linted.document.nearest(&format!("flags.{key}.expires"));
    let help = format!("make its value the only one, then `tenantry flags retire {key}`");
    let days = linted.today.until(expires).map_or(0, |span| span.get_days());
    if expires <= linted.today {
        let message = format!("flag `{key}` of `{}` expired on {expires}", flag.owner);
        Some(Finding::new(Code::TN1025, message).at(at).with_help(help))
    } else if linted.today.saturating_add(SOON_DAYS.days()) >= expires {
        let message = format!("flag `{key}` of `{}` expires in {days} days, on {expires}", flag.owner);
        Some(Finding::new(Code::TN1026, message).at(at).with_help(help))
    } else {
        None
    }
}

fn unread(linted: Linted<'_>, key: &str, flag: &Flag) -> Option<Finding> {
    if linted.reads.iter().any(|read| read.flag == key && read.sees == flag.reads) {
        return None;
    }
    let reader = reader(flag.reads);
    let finding = Finding::new(Code::TN1027, format!("flag `{key}` is read by no {reader}"));
    let help = format!("`tenantry flags retire {key}` removes it");
    Some(finding.at(linted.document.nearest(&format!("flags.{key}"))).with_help(help))
}

/// A switch is the same for everybody most of the time; what is meant to differ should.
fn uniform(linted: Linted<'_>, key: &str, flag: &Flag) -> Option<Finding> {
    let values: BTreeSet<String> = linted.fleet.values().filter_map(|values| values.get(key)).map(shown).collect();
    let meant_to_differ = linted.fleet.len() > 1 && (flag.kind == Kind::Release || flag.is_targeted());
    let mut values = values.into_iter();
    let (Some(value), None, true) = (values.next(), values.next(), meant_to_differ) else { return None };
    let message = format!("flag `{key}` is `{value}` for all {} tenants", linted.fleet.len());
    Some(Finding::new(Code::TN1029, message).at(linted.document.nearest(&format!("flags.{key}"))))
}

/// Flags that templates or functions read and that are not there for them, each at the place that reads it.
pub fn undeclared(catalogue: &Catalogue, reads: &[Read]) -> Vec<Finding> {
    let one = |read: &Read| {
        let reader = reader(read.sees);
        let message = match catalogue.flags.get(&read.flag) {
            Some(flag) if flag.reads == read.sees => return None,
            Some(_) => format!("a {reader} reads flag `{}`, which is not delivered to it", read.flag),
            None => format!("a {reader} reads flag `{}`, which is not in the catalogue", read.flag),
        };
        Some(Finding::new(Code::TN1028, message).at(read.location.clone()))
    };
    reads.iter().filter_map(one).collect()
}

fn reader(reads: Reads) -> &'static str {
    match reads {
        Reads::Structural => "template",
        Reads::Runtime => "function",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::functions_reads;
    use super::*;
    use serde_json::{Value, json};
    use tenantry_base::finding::{Severity, Source};

    const FILE: &str = "\
flags:
  old: { description: d, owner: o, kind: release, type: boolean, reads: runtime, default: false,
    created: \"2026-01-01\", expires: \"2026-11-24\" }
  young: { description: d, owner: o, kind: release, type: boolean, reads: runtime, default: false,
    created: \"2026-01-01\", expires: \"2026-12-01\" }
  forgotten: { description: d, owner: o, kind: operational, type: boolean, reads: structural, default: false,
    created: \"2026-01-01\" }
";

    fn reported(today: &str, keys: &str, fleet: &[(&str, Value)]) -> Vec<(&'static str, Severity, usize)> {
        let source = |text: &str| Arc::new(Source { path: "f".into(), text: text.to_owned() });
        let document = Document::parse(source(FILE)).unwrap();
        let catalogue: Catalogue = serde_json::from_value(document.value.clone()).unwrap();
        let reads = functions_reads(&source(keys)).unwrap();
        let fleet: BTreeMap<String, Values> = fleet
            .iter()
            .map(|(name, values)| ((*name).to_owned(), serde_json::from_value(values.clone()).unwrap()))
            .collect();
        let today = today.parse().unwrap();
        lint(Linted { catalogue: &catalogue, document: &document, reads: &reads, fleet: &fleet, today })
            .into_iter()
            .map(|found| (found.code.as_str(), found.severity, found.location.unwrap().line))
            .collect()
    }

    #[test]
    fn flags_expire_on_their_day_and_are_announced_before() {
        let quiet = |today| {
            let mut reported =
                reported(today, "[old, young]", &[("a", json!({ "old": true })), ("b", json!({ "old": false }))]);
            reported.retain(|found| found.0 != "TN1027");
            reported
        };
        assert_eq!(quiet("2026-11-01"), []);
        assert_eq!(quiet("2026-11-23"), [("TN1026", Severity::Info, 3), ("TN1026", Severity::Info, 5)]);
        assert_eq!(quiet("2026-11-24"), [("TN1025", Severity::Error, 3), ("TN1026", Severity::Info, 5)]);
    }

    #[test]
    fn what_nothing_reads_and_what_nothing_declares_is_reported() {
        let reported = reported("2026-02-01", "[old, young, gone, forgotten]", &[]);
        // A function's read of a structural flag is none of it.
        let expected =
            [("TN1027", Severity::Warning, 6), ("TN1028", Severity::Error, 1), ("TN1028", Severity::Error, 1)];
        assert_eq!(reported, expected);
    }

    #[test]
    fn a_release_flag_that_everybody_has_alike_is_reported() {
        let same = [("a", json!({ "old": true, "young": true })), ("b", json!({ "old": true, "young": false }))];
        let reported = reported("2026-02-01", "[old, young]", &same);
        assert!(reported.contains(&("TN1029", Severity::Info, 2)), "{reported:?}");
        assert!(!reported.iter().any(|found| found.0 == "TN1029" && found.2 == 4), "{reported:?}");
    }
}
