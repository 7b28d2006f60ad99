//! Source 3: everything beside the network: drift detection, Cloud Control, and the services' own APIs.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::compare::{Case, Found};
use super::differ::{self, Spot};
use super::expected::{Expected, is_unknown};
use super::live::Reading;
use super::{Source, neighbours, network, severity};
use tenantry_aws::cloud::drift_detection::{DriftStatus, ResourceDrift};
use tenantry_aws::cloud::reads::at;

const HERE: Source = Source::Services;

/// What CloudFormation leaves as it is while the template says nothing, by type.
/// Source: AWS CloudFormation Template Reference, the types' pages.
const DEFAULTS: [(&str, &str, &str); 18] = [
    ("AWS::CloudWatch::Alarm", "ActionsEnabled", "true"),
    ("AWS::CloudWatch::Alarm", "InsufficientDataActions", ""),
    ("AWS::CloudWatch::Alarm", "OKActions", ""),
    ("AWS::IAM::Role", "ManagedPolicyArns", ""),
    ("AWS::IAM::Role", "PermissionsBoundary", ""),
    ("AWS::IAM::Role", "Policies", ""),
    ("AWS::Lambda::EventSourceMapping", "FilterCriteria", "{\"Filters\":[]}"),
    ("AWS::Lambda::Function", "DeadLetterConfig", "{}"),
    ("AWS::Lambda::Function", "FileSystemConfigs", ""),
    ("AWS::Lambda::Function", "KmsKeyArn", ""),
    ("AWS::Lambda::Function", "Layers", ""),
    ("AWS::Lambda::Function", "ReservedConcurrentExecutions", ""),
    ("AWS::Lambda::Function", "VpcConfig", "{}"),
    ("AWS::SQS::Queue", "DelaySeconds", "0"),
    ("AWS::SQS::Queue", "RedriveAllowPolicy", ""),
    ("AWS::SQS::Queue", "RedrivePolicy", ""),
    ("AWS::KMS::Key", "Enabled", "true"),
    ("AWS::Lambda::EventSourceMapping", "Enabled", "true"),
];

pub(super) fn compare(case: &Case<'_>, found: &mut Found) {
    case.view.undescribed.iter().for_each(|(id, why)| found.reason(id, why));
    for (id, expected) in case.expected {
        for reported in case.view.described.get(id).into_iter().flatten() {
            match reported {
                Ok(live) => against(found, id, expected, live.as_ref()),
                Err(why) => found.refused(id, why),
            }
        }
    }
    functions(case, found);
    named(case, found, "AWS::Lambda::EventSourceMapping", &case.shared.mappings);
    named(case, found, "AWS::IAM::Role", &case.shared.roles);
    alarms(case, found);
    records(case, found);
    filters(case, found);
    match &case.view.drifts {
        Ok(drifts) => {
            for (id, expected) in case.expected {
                if let Some(drift) = drifts.get(id) {
                    detected(found, id, expected, drift);
                } else if !network::TYPES.contains(&expected.resource_type.as_str()) {
                    found.reason(id, "CloudFormation detects no drift of its type");
                }
            }
        }
        Err(why) => found.unseen(HERE, why),
    }
}

/// A resource against what its service tells; nothing is reported of what is gone.
fn against(found: &mut Found, id: &str, expected: &Expected, live: Option<&Map<String, Value>>) {
    found.check(HERE, id);
    let Some(live) = live else {
        found.deleted(HERE, id, expected);
        return;
    };
    let mut wanted = expected.properties.clone();
    for (kind, key, value) in DEFAULTS {
        if kind == expected.resource_type {
            let default = serde_json::from_str(value).ok().filter(Value::is_object).unwrap_or_else(|| json!(value));
            wanted.entry(key).or_insert(default);
        }
    }
    wanted.remove("Tags");
    for (key, _) in wanted.iter().filter(|(key, value)| is_unknown(value) && live.contains_key(*key)) {
        found.compared_in_part(id, key);
    }
    let spots = differ::properties(&wanted, live);
    for spot in new_ones(found, id, spots) {
        let property = spot.path.split('/').nth(1).unwrap_or_default();
        let is_said = expected.properties.contains_key(property);
        found.modified(HERE, id, expected, spot);
        if let (false, Some(last)) = (is_said, found.differences.last_mut()) {
            severity::unsaid(&last.resource_type, &last.path).clone_into(&mut last.remedy);
        }
    }
}

/// Spots in properties that nobody has reported yet.
fn new_ones(found: &Found, id: &str, spots: Vec<Spot>) -> Vec<Spot> {
    spots.into_iter().filter(|spot| !found.knows(id, &spot.path)).collect()
}

fn functions(case: &Case<'_>, found: &mut Found) {
    let Some(functions) = found.read(HERE, &case.shared.functions) else { return };
    for (id, expected) in case.of_type("AWS::Lambda::Function") {
        let function = expected.physical_id.as_ref().and_then(|name| functions.get(name));
        against(found, id, expected, function.map(|function| &function.properties));
        if let Some(function) = function {
            code(found, id, expected, function.code_sha256.as_deref());
        }
    }
}

/// The code that runs against the artifact that the template names by its SHA-256.
fn code(found: &mut Found, id: &str, expected: &Expected, live: Option<&str>) {
    let key = expected.properties.get("Code").and_then(|code| code.get("S3Key")).and_then(Value::as_str);
    let wanted = key.and_then(|key| key.rsplit('/').next()).and_then(|name| name.strip_suffix(".zip"));
    let (Some(wanted), Some(actual)) = (wanted.filter(|hash| hash.len() == 64), live.and_then(hex_of_base64)) else {
        return;
    };
    if wanted != actual {
        let spot = Spot { path: "/Code".to_owned(), expected: wanted.into(), actual: actual.into() };
        found.modified(HERE, id, expected, spot);
    }
}

/// Base64 (RFC 4648) as lower case hex.
fn hex_of_base64(text: &str) -> Option<String> {
    let (mut out, mut bits, mut held) = (String::new(), 0_u32, 0_u32);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = (held << 6) | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push_str(&format!("{:02x}", (held >> bits) & 0xff));
            held &= (1 << bits) - 1;
        }
    }
    Some(out)
}

/// Resources of a type that are reported by their physical ids.
fn named(case: &Case<'_>, found: &mut Found, kind: &str, reported: &Reading<BTreeMap<String, Map<String, Value>>>) {
    let Some(live) = found.read(HERE, reported) else { return };
    for (id, expected) in case.of_type(kind) {
        against(found, id, expected, expected.physical_id.as_ref().and_then(|id| live.get(id)));
    }
}

fn alarms(case: &Case<'_>, found: &mut Found) {
    let Some(alarms) = found.read(HERE, &case.shared.alarms) else { return };
    for (id, expected) in case.of_type("AWS::CloudWatch::Alarm") {
        let alarm = expected.physical_id.as_ref().and_then(|name| alarms.get(name));
        against(found, id, expected, alarm.map(|alarm| &alarm.properties));
    }
}

/// Records by the list of their zone.
fn records(case: &Case<'_>, found: &mut Found) {
    for (id, expected) in case.of_type("AWS::Route53::RecordSet") {
        match neighbours::found(&case.view.beside, "other record of the name", id) {
            None => {}
            Some(Err(why)) => found.reason(id, why),
            Some(Ok(pages)) => {
                let lists = pages.iter().filter_map(|page| at(page, "ResourceRecordSets.ResourceRecordSet"));
                let all = lists.flat_map(|list| match list.into_owned() {
                    Value::Array(records) => records,
                    one => vec![one],
                });
                let live = all.into_iter().find(|record| is_record(expected, record));
                against(found, id, expected, live.map(|live| record_of(expected, live)).as_ref());
            }
        }
    }
}

/// Subscription filters by the list of their log group; where it was not reported, drift detection is asked.
fn filters(case: &Case<'_>, found: &mut Found) {
    for (id, expected) in case.of_type(neighbours::FILTER) {
        let group = neighbours::group_of(case.expected, expected);
        let reported = group.and_then(|group| neighbours::found(&case.view.beside, neighbours::FILTER, group));
        match reported {
            None => {}
            // The log group says that it could not be read.
            Some(Err(why)) => found.reason(id, why),
            Some(Ok(pages)) => {
                let lists = pages.iter().filter_map(|page| page.get("subscriptionFilters")?.as_array());
                let live = lists.flatten().find(|filter| is_filter(expected, filter));
                against(found, id, expected, live.map(filter_of).as_ref());
            }
        }
    }
}

/// Whether a filter of a log group is the declared one.
fn is_filter(expected: &Expected, filter: &Value) -> bool {
    let name = filter.get("filterName").and_then(Value::as_str);
    let declared = expected.properties.get("FilterName").and_then(Value::as_str);
    name.is_some_and(|name| declared.or(expected.physical_id.as_deref()).is_some_and(|own| own == name))
}

/// A filter by the names of its CloudFormation type, which are those of the API with another first letter.
fn filter_of(filter: &Value) -> Map<String, Value> {
    let named = |key: &str| {
        let mut letters = key.chars();
        letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
    };
    let reported = filter.as_object().into_iter().flatten();
    let mut live: Map<String, Value> = reported.map(|(key, value)| (named(key), value.clone())).collect();
    // The group is what was asked about.
    live.remove("LogGroupName");
    // What the list leaves out is not set.
    for key in ["FilterPattern", "RoleArn", "DestinationArn"] {
        live.entry(key).or_insert(Value::Null);
    }
    live
}

/// Whether a record of a zone is the declared one.
fn is_record(expected: &Expected, record: &Value) -> bool {
    let same = |key: &str| {
        let own = expected.properties.get(key).and_then(Value::as_str).unwrap_or_default();
        let reported = record.get(key).and_then(Value::as_str).unwrap_or_default();
        same_name(own, reported)
    };
    ["Name", "Type", "SetIdentifier"].into_iter().all(same)
}

/// Names of DNS differ neither by case nor by a dot at the end.
fn same_name(a: &str, b: &str) -> bool {
    a.trim_end_matches('.').eq_ignore_ascii_case(b.trim_end_matches('.'))
}

/// A record by the names of its CloudFormation type.
fn record_of(expected: &Expected, record: Value) -> Map<String, Value> {
    let Value::Object(mut live) = record else { return Map::new() };
    if let Some(values) = live.remove("ResourceRecords") {
        let values = at(&values, "ResourceRecord").map(std::borrow::Cow::into_owned);
        let values = match values {
            Some(Value::Array(values)) => values,
            Some(one) => vec![one],
            None => Vec::new(),
        };
        live.insert(
            "ResourceRecords".to_owned(),
            values.iter().filter_map(|value| value.get("Value")).cloned().collect(),
        );
    }
    // What is not there counts as nothing, so that an alias that became an address is seen.
    for key in ["AliasTarget", "ResourceRecords"] {
        live.entry(key).or_insert(Value::Null);
    }
    let wanted = expected.properties.get("AliasTarget").and_then(|alias| alias.get("DNSName")).and_then(Value::as_str);
    let reported = live.get_mut("AliasTarget").and_then(|alias| alias.get_mut("DNSName"));
    if let (Some(wanted), Some(reported)) = (wanted, reported)
        && reported.as_str().is_some_and(|reported| same_name(wanted, reported))
    {
        *reported = wanted.into();
    }
    if let Some(name) = expected.properties.get("Name") {
        live.insert("Name".to_owned(), name.clone());
    }
    live
}

/// What drift detection says.
fn detected(found: &mut Found, id: &str, expected: &Expected, drift: &ResourceDrift) {
    match drift.status {
        DriftStatus::InSync => {
            found.check(HERE, id);
            found.compared_whole(id);
        }
        DriftStatus::Deleted => {
            found.check(HERE, id);
            found.deleted(HERE, id, expected);
        }
        DriftStatus::Modified => {
            found.check(HERE, id);
            found.compared_whole(id);
            let spots = drift.differences.iter().map(|difference| Spot {
                path: whole_policy(&difference.path),
                expected: parsed(&difference.expected),
                actual: parsed(&difference.actual),
            });
            let differs = |spot: &Spot| !differ::same(&spot.expected, &spot.actual) && !is_unknown(&spot.expected);
            let mut spots = new_ones(found, id, spots.filter(differs).collect());
            spots.dedup_by(|a, b| a.path == b.path);
            spots.into_iter().for_each(|spot| found.modified(HERE, id, expected, spot));
        }
        DriftStatus::NotChecked => found.reason(id, "CloudFormation detects no drift of its type"),
        DriftStatus::Unknown => {
            let why = drift.reason.as_deref().unwrap_or("no reason given");
            found.reason(id, format!("CloudFormation could not read it: {why}"));
        }
    }
}

/// A difference inside a policy is one of the policy.
fn whole_policy(path: &str) -> String {
    const POLICIES: [&str; 4] = ["/PolicyDocument", "/AccessPolicies", "/AssumeRolePolicyDocument", "/KeyPolicy"];
    let end = POLICIES.iter().find_map(|policy| Some(path.find(policy)? + policy.len()));
    path[..end.unwrap_or(path.len())].to_owned()
}

/// Structured values come as text.
fn parsed(text: &str) -> Value {
    match text.trim_start().chars().next() {
        Some('{' | '[') => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lambdas_digest_is_that_of_the_artifact() {
        // SHA-256 of nothing.
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hex_of_base64("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=").as_deref(), Some(hex));
        assert_eq!(hex_of_base64("not base64!"), None);
    }
}
