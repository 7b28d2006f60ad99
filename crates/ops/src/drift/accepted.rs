//! Accepted drift: `policies/drift-accepted.yaml` lists differences that may stay for a time, each with a reason.
//!
//! ```yaml
//! accepted:
//!   - tenant: acme             # name or glob
//!     resource: UploadsBucket  # logical id, or the id of what is unmanaged; name or glob
//!     path: /Tags/*            # optional; without it everything about the resource
//!     reason: the finance team tags by hand until their tool is connected
//!     until: 2027-01-31        # its last day
//! ```
//!
//! What stays unchecked is accepted in the same way, under the path `/unchecked/` and its type.
//!
//! An entry that has expired accepts nothing, so that the difference is reported again.

use std::sync::Arc;

use globset::{Glob, GlobMatcher};
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{Difference, StackDrift, Unchecked};
use tenantry_base::Document;
use tenantry_base::finding::{Code, Finding, Location, Source};

const EXPIRED: Code = Code::TN5531;
const UNMATCHED: Code = Code::TN5532;
const UNUSABLE: Code = Code::TN5533;

/// The longest time for which drift can be accepted; what must stay longer belongs in the template.
const MOST_DAYS: i32 = 366;

const KEYS: [&str; 5] = ["tenant", "resource", "path", "reason", "until"];

/// Why a difference is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Acceptance {
    /// Reason given in `policies/drift-accepted.yaml`.
    pub reason: String,
    /// Last day of the acceptance, `YYYY-MM-DD`.
    pub until: String,
}

/// The list.
#[derive(Debug, Clone, Default)]
pub struct Accepted {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    tenant: GlobMatcher,
    resource: GlobMatcher,
    path: Option<GlobMatcher>,
    reason: String,
    until: Date,
    place: Location,
}

/// Reads the list. Every fault is a finding in its place; an entry with one accepts nothing.
pub fn parse(source: Arc<Source>, today: Date) -> (Accepted, Vec<Finding>) {
    let document = match Document::parse(source) {
        Ok(document) => document,
        Err(finding) => return (Accepted::default(), vec![finding]),
    };
    let mut findings = Vec::new();
    let fault = |route: &str, message: String| Finding::new(UNUSABLE, message).at(document.nearest(route));
    if let Some(map) = document.value.as_object() {
        for key in map.keys().filter(|key| *key != "accepted") {
            findings.push(fault(key, format!("unknown key `{key}`: the file has one list, `accepted`")));
        }
    } else if !document.value.is_null() {
        findings.push(fault("", "the file is a map with one list, `accepted`".to_owned()));
    }
    let mut entries = Vec::new();
    match document.value.get("accepted") {
        Some(Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                match entry(&document, item, &format!("accepted[{index}]"), today) {
                    Ok(entry) => entries.push(entry),
                    Err(faults) => findings.extend(faults),
                }
            }
        }
        None | Some(Value::Null) => {}
        Some(_) => findings.push(fault("accepted", "`accepted` is a list".to_owned())),
    }
    (Accepted { entries }, findings)
}

fn entry(document: &Document, item: &Value, route: &str, today: Date) -> Result<Entry, Vec<Finding>> {
    let mut findings = Vec::new();
    let fault = |route: &str, message: String| Finding::new(UNUSABLE, message).at(document.nearest(route));
    let Some(map) = item.as_object() else {
        return Err(vec![fault(route, "an entry is a map with tenant, resource, reason and until".to_owned())]);
    };
    for key in map.keys().filter(|key| !KEYS.contains(&key.as_str())) {
        let nearest = KEYS.iter().max_by(|a, b| strsim::jaro_winkler(a, key).total_cmp(&strsim::jaro_winkler(b, key)));
        let finding = fault(&format!("{route}.{key}"), format!("unknown key `{key}`"));
        findings.push(finding.with_help(format!("did you mean `{}`?", nearest.unwrap_or(&"reason"))));
    }
    let mut text = |key: &str, needed: bool| match map.get(key) {
        Some(Value::String(text)) if !text.trim().is_empty() => Some(text.clone()),
        None if !needed => None,
        None => {
            findings.push(fault(route, format!("`{key}` is missing")));
            None
        }
        Some(_) => {
            findings.push(fault(&format!("{route}.{key}"), format!("`{key}` is a text that says something")));
            None
        }
    };
    let (tenant, resource) = (text("tenant", true), text("resource", true));
    let (path, reason, until) = (text("path", false), text("reason", true), text("until", true));
    let mut glob = |key: &str, pattern: Option<String>| {
        let pattern = pattern?;
        match Glob::new(&pattern) {
            Ok(glob) => Some(glob.compile_matcher()),
            Err(error) => {
                findings.push(fault(&format!("{route}.{key}"), format!("`{pattern}` is no pattern: {error}")));
                None
            }
        }
    };
    let (tenant, resource, path) = (glob("tenant", tenant), glob("resource", resource), glob("path", path));
    let until = until.and_then(|until| match until.parse::<Date>() {
        Ok(date) => Some(date),
        Err(_) => {
            let message = format!("`{until}` is no date such as 2027-01-31");
            findings.push(fault(&format!("{route}.until"), message));
            None
        }
    });
    if let Some(until) = until.filter(|until| until.duration_since(today).as_hours() / 24 > i64::from(MOST_DAYS)) {
        let message = format!("`{until}` is more than a year away: what may stay that long belongs in the template");
        findings.push(fault(&format!("{route}.until"), message));
    }
    match (tenant, resource, reason, until) {
        (Some(tenant), Some(resource), Some(reason), Some(until)) if findings.is_empty() => {
            Ok(Entry { tenant, resource, path, reason, until, place: document.nearest(route) })
        }
        _ => Err(findings),
    }
}

impl Accepted {
    /// Marks what is accepted on `today`, and says which entries have expired or match nothing any more.
    pub fn apply(&self, drifts: &mut [StackDrift], today: Date) -> Vec<Finding> {
        let mut findings = Vec::new();
        for entry in &self.entries {
            let current = entry.until >= today;
            let mut matched = 0_usize;
            for drift in drifts.iter_mut().filter(|drift| entry.tenant.is_match(&drift.tenant)) {
                for difference in drift.differences.iter_mut().filter(|difference| entry.covers(difference)) {
                    matched += 1;
                    if current && difference.accepted.is_none() {
                        let (reason, until) = (entry.reason.clone(), entry.until.to_string());
                        difference.accepted = Some(Acceptance { reason, until });
                    }
                }
                for unchecked in drift.unchecked.iter_mut().filter(|unchecked| entry.covers_unchecked(unchecked)) {
                    matched += 1;
                    if current && unchecked.accepted.is_none() {
                        let (reason, until) = (entry.reason.clone(), entry.until.to_string());
                        unchecked.accepted = Some(Acceptance { reason, until });
                    }
                }
            }
            let known = drifts.iter().any(|drift| entry.tenant.is_match(&drift.tenant));
            if matched > 0 && !current {
                let message = format!("accepted until {} and still there: {matched} reported again", entry.until);
                findings.push(Finding::new(EXPIRED, message).at(entry.place.clone()));
            } else if matched == 0 && known {
                let message = "nothing differs that this entry accepts".to_owned();
                findings.push(Finding::new(UNMATCHED, message).at(entry.place.clone()));
            }
        }
        drifts.iter_mut().for_each(StackDrift::rate);
        findings
    }
}

impl Entry {
    /// What stays unchecked has the path of its type, `/unchecked/AWS::Route53::RecordSet`.
    fn covers_unchecked(&self, unchecked: &Unchecked) -> bool {
        let path = format!("/unchecked/{}", unchecked.resource_type);
        self.resource.is_match(&unchecked.resource) && self.path.as_ref().is_some_and(|glob| glob.is_match(&path))
    }

    fn covers(&self, difference: &Difference) -> bool {
        let ids = [difference.resource.as_deref(), difference.physical_id.as_deref()];
        let resource = ids.into_iter().flatten().any(|id| self.resource.is_match(id));
        resource && self.path.as_ref().is_none_or(|path| path.is_match(&difference.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::{DriftStatus, Kind, Severity, Source as Seen, severity};

    const TODAY: Date = jiff::civil::date(2026, 11, 24);

    fn read(text: &str) -> (Accepted, Vec<Finding>) {
        let source = Source { path: "policies/drift-accepted.yaml".into(), text: text.to_owned() };
        parse(Arc::new(source), TODAY)
    }

    fn drift() -> StackDrift {
        let difference = Difference {
            code: severity::TAG,
            severity: Severity::Low,
            kind: Kind::Modified,
            source: Seen::Network,
            resource: Some("RedSubnetA".to_owned()),
            resource_type: "AWS::EC2::Subnet".to_owned(),
            physical_id: Some("subnet-1".to_owned()),
            path: "/Tags/Owner".to_owned(),
            expected: None,
            actual: None,
            remedy: String::new(),
            carrier: None,
            by: None,
            accepted: None,
        };
        StackDrift {
            tenant: "acme".to_owned(),
            place: serde_json::from_str(r#"{"account":"111122223333","region":"eu-west-1"}"#).unwrap(),
            stack: "org-acme".to_owned(),
            verdict: DriftStatus::Drifted,
            differences: vec![difference],
            checked: 1,
            unchecked: Vec::new(),
            sources: Vec::new(),
            offboarded: false,
            trail: None,
        }
    }

    fn entry(resource: &str, path: &str, until: &str) -> String {
        format!("accepted:\n- tenant: a*\n  resource: {resource}\n  path: {path}\n  reason: why\n  until: {until}\n")
    }

    #[test]
    fn what_stays_unchecked_is_accepted_by_its_type_until_the_entry_expires() {
        let unchecked = Unchecked {
            resource: "Database".to_owned(),
            resource_type: "AWS::RDS::DBInstance".to_owned(),
            why: "what can stand beside this type is not known".to_owned(),
            accepted: None,
        };
        for (text, verdict, code) in [
            (entry("Database", "/unchecked/AWS::RDS::DBInstance", "2026-11-24"), DriftStatus::InSync, None),
            (entry("'*'", "/unchecked/AWS::RDS::*", "2026-12-01"), DriftStatus::InSync, None),
            (
                entry("Database", "/unchecked/AWS::RDS::DBInstance", "2026-11-23"),
                DriftStatus::Incomplete,
                Some("TN5531"),
            ),
            (
                entry("Database", "/unchecked/AWS::RDS::DBCluster", "2026-12-01"),
                DriftStatus::Incomplete,
                Some("TN5532"),
            ),
            (entry("Other", "/unchecked/AWS::RDS::DBInstance", "2026-12-01"), DriftStatus::Incomplete, Some("TN5532")),
            // Whoever accepts every difference of a resource has not said that it may stay unchecked.
            (entry("Database", "/Tags/*", "2026-12-01"), DriftStatus::Incomplete, Some("TN5532")),
            (
                entry("Database", "''", "2026-12-01").replace("  path: ''\n", ""),
                DriftStatus::Incomplete,
                Some("TN5532"),
            ),
        ] {
            let (accepted, findings) = read(&text);
            assert_eq!(findings, [], "{text}");
            let mut drifts = [StackDrift { differences: Vec::new(), unchecked: vec![unchecked.clone()], ..drift() }];
            let codes: Vec<&str> =
                accepted.apply(&mut drifts, TODAY).iter().map(|finding| finding.code.as_str()).collect();
            assert_eq!((drifts[0].verdict, codes.first().copied()), (verdict, code), "{text}");
            assert_eq!(drifts[0].unchecked[0].accepted.is_some(), verdict == DriftStatus::InSync, "{text}");
        }
    }

    #[test]
    fn what_is_accepted_no_longer_counts_until_it_expires() {
        for (text, verdict, code) in [
            (entry("RedSubnet*", "/Tags/*", "2026-11-24"), DriftStatus::InSync, None),
            (entry("subnet-1", "/Tags/Owner", "2026-12-01"), DriftStatus::InSync, None),
            (entry("RedSubnet*", "/Tags/*", "2026-11-23"), DriftStatus::Drifted, Some("TN5531")),
            (entry("RedSubnet*", "/Cidr*", "2026-12-01"), DriftStatus::Drifted, Some("TN5532")),
            (entry("Green*", "'*'", "2026-12-01"), DriftStatus::Drifted, Some("TN5532")),
        ] {
            let (accepted, findings) = read(&text);
            assert_eq!(findings, [], "{text}");
            let mut drifts = [drift()];
            let codes: Vec<&str> =
                accepted.apply(&mut drifts, TODAY).iter().map(|finding| finding.code.as_str()).collect();
            assert_eq!((drifts[0].verdict, codes.first().copied()), (verdict, code), "{text}");
        }
    }

    #[test]
    fn every_fault_has_its_place_and_accepts_nothing() {
        let text = "accepted:\n- tenant: acme\n  resource: '['\n  reasn: x\n  until: soon\n- 3\n- { tenant: a, resource: b, \
                    reason: c, until: 2031-01-01 }\nother: 1\n";
        let (accepted, findings) = read(text);
        assert!(accepted.entries.is_empty());
        let reported: Vec<(usize, &str)> = findings
            .iter()
            .map(|finding| (finding.location.as_ref().unwrap().line, finding.message.as_str()))
            .collect();
        let lines: Vec<usize> = reported.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines.len(), 7, "{reported:#?}");
        for (line, word) in
            [(8, "other"), (4, "reasn"), (2, "reason"), (3, "["), (5, "soon"), (6, "map"), (7, "more than a year")]
        {
            assert!(
                reported.iter().any(|(at, message)| *at == line && message.contains(word)),
                "{line} {word} {reported:#?}"
            );
        }
    }

    #[test]
    fn an_empty_file_accepts_nothing_and_is_no_fault() {
        for text in ["", "accepted: []\n", "accepted:\n"] {
            assert_eq!(read(text).1, [], "{text:?}");
        }
    }
}
