//! Findings as SARIF 2.1.0, for code scanning. Source: OASIS, "Static Analysis Results Interchange Format (SARIF)
//! Version 2.1.0", 27 March 2020.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use serde_sarif::sarif::{
    ArtifactLocation, Invocation, LogicalLocation, Message, MultiformatMessageString, PhysicalLocation, PropertyBag,
    Region, ReportingConfiguration, ReportingDescriptor, Result as SarifResult, ResultLevel, Run, Sarif, ToolComponent,
};

use tenantry_base::digest::sha256;
use tenantry_base::finding::{Code, Explanation, Finding, Location, Severity};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// What paths are relative to: the name that code scanners have for the root of what was checked.
const ROOT: &str = "%SRCROOT%";
/// Name and version of how a fingerprint is made.
const FINGERPRINT: &str = "tenantry/v1";

/// A log of one run, pretty-printed.
///
/// # Errors
/// Never in practice: the log is maps, lists and texts.
pub fn text(findings: &[Finding]) -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(&log(findings))? + "\n")
}

fn log(findings: &[Finding]) -> Sarif {
    let mut codes: Vec<Code> = findings.iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let rules: Vec<ReportingDescriptor> = codes.iter().map(|code| rule(code.explanation())).collect();
    let driver =
        ToolComponent::builder().name("Tenantry").semantic_version(env!("CARGO_PKG_VERSION")).rules(rules).build();
    let root = ArtifactLocation::builder().description("the estate's root").build();
    let mut seen = BTreeMap::new();
    let results: Vec<SarifResult> = findings.iter().map(|finding| result(finding, &codes, &mut seen)).collect();
    let run = Run::builder()
        .tool(driver)
        .column_kind(json!("unicodeCodePoints"))
        .original_uri_base_ids(BTreeMap::from([(ROOT.to_owned(), root)]))
        .invocations(vec![Invocation::builder().execution_successful(true).build()])
        .results(results)
        .build();
    Sarif::builder().schema(SCHEMA).version(json!("2.1.0")).runs(vec![run]).build()
}

/// A code of the registry as a rule.
fn rule(entry: &Explanation) -> ReportingDescriptor {
    let message = |text: &str| MultiformatMessageString::builder().text(text).build();
    ReportingDescriptor::builder()
        .id(entry.code.as_str())
        .short_description(message(entry.title))
        .full_description(message(entry.why))
        .help(message(entry.remedy))
        .default_configuration(ReportingConfiguration::builder().level(json!(level(entry.severity))).build())
        .build()
}

fn level(severity: Severity) -> ResultLevel {
    match severity {
        Severity::Error => ResultLevel::Error,
        Severity::Warning | Severity::Unknown => ResultLevel::Warning,
        Severity::Info => ResultLevel::Note,
    }
}

fn result(finding: &Finding, codes: &[Code], seen: &mut BTreeMap<String, usize>) -> SarifResult {
    let text = match &finding.help {
        Some(help) => format!("{}\nhelp: {help}", finding.message),
        None => finding.message.clone(),
    };
    let index = codes.binary_search(&finding.code).unwrap_or_default();
    let related = finding.related.iter().map(|(label, place)| {
        let mut related = location(place);
        related.message = Some(Message::from(label));
        related
    });
    let mut result = SarifResult::builder()
        .rule_id(finding.code.as_str())
        .rule_index(i64::try_from(index).unwrap_or_default())
        .level(level(finding.severity))
        .message(Message::from(&text))
        .locations(locations(finding))
        .partial_fingerprints(BTreeMap::from([(FINGERPRINT.to_owned(), fingerprint(finding, seen))]))
        .build();
    if !finding.related.is_empty() {
        result.related_locations = Some(related.collect());
    }
    if let Some(tenant) = &finding.tenant {
        let properties = BTreeMap::from([("tenant".to_owned(), Value::from(tenant.as_str()))]);
        result.properties = Some(PropertyBag::builder().additional_properties(properties).build());
    }
    result
}

/// The place of a finding and the resource that it is about, as one location; none for what stands nowhere.
fn locations(finding: &Finding) -> Vec<serde_sarif::sarif::Location> {
    let mut place = finding.location.as_ref().map(location);
    if let Some(resource) = &finding.resource {
        let full = finding.tenant.iter().chain([resource]).map(String::as_str).collect::<Vec<_>>().join("/");
        let logical = LogicalLocation::builder().name(resource).fully_qualified_name(full).kind("resource").build();
        place.get_or_insert_with(|| serde_sarif::sarif::Location::builder().build()).logical_locations =
            Some(vec![logical]);
    }
    place.into_iter().collect()
}

fn location(place: &Location) -> serde_sarif::sarif::Location {
    let number = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
    let (end_line, end_column) = place.end();
    let region = Region::builder()
        .start_line(number(place.line))
        .start_column(number(place.column))
        .end_line(number(end_line))
        .end_column(number(end_column))
        .build();
    let file = ArtifactLocation::builder().uri(uri(place)).uri_base_id(ROOT).build();
    let physical = PhysicalLocation::builder().artifact_location(file).region(region).build();
    serde_sarif::sarif::Location::builder().physical_location(physical).build()
}

/// A path as a relative reference of RFC 3986.
fn uri(place: &Location) -> String {
    let parts = place.source.path.components().map(|part| {
        let bytes = part.as_os_str().as_encoded_bytes().iter();
        let escaped = bytes.map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(*byte).to_string(),
            byte => format!("%{byte:02X}"),
        });
        escaped.collect::<String>()
    });
    parts.collect::<Vec<_>>().join("/")
}

/// What a finding is known by from run to run: its rule, whose it is, and the line's text, but not the line's number.
/// Equal ones are counted.
fn fingerprint(finding: &Finding, seen: &mut BTreeMap<String, usize>) -> String {
    let path = finding.location.as_ref().map(uri).unwrap_or_default();
    let line = finding.location.as_ref().map(Location::line_text).unwrap_or_default();
    let known = [
        finding.code.as_str(),
        finding.tenant.as_deref().unwrap_or_default(),
        finding.resource.as_deref().unwrap_or_default(),
        &path,
        line,
    ]
    .join("\0");
    let count = seen.entry(known.clone()).or_default();
    *count += 1;
    sha256(format!("{known}\0{count}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use tenantry_base::finding::Source;

    fn finding(text: &str, at: &str) -> Finding {
        let source = Arc::new(Source { path: "tenants/a b.yaml".into(), text: text.to_owned() });
        let start = text.find(at).unwrap();
        let place = Location::new(source, start..start + at.len());
        Finding::new(Code::TN1016, "ring `x` is unknown").with_tenant("acme").at(place)
    }

    fn fingerprints(findings: &[Finding]) -> Vec<Value> {
        let log = serde_json::to_value(log(findings)).unwrap();
        log["runs"][0]["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|result| result["partialFingerprints"].clone())
            .collect()
    }

    #[test]
    fn a_place_is_reported_with_its_range_from_the_root() {
        let log = serde_json::to_value(log(&[finding("a: 1\nring: x\n", "x")])).unwrap();
        let place = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"], json!({ "uri": "tenants/a%20b.yaml", "uriBaseId": "%SRCROOT%" }));
        assert_eq!(place["region"], json!({ "startLine": 2, "startColumn": 7, "endLine": 2, "endColumn": 8 }));
    }

    #[test]
    fn a_fingerprint_stays_when_lines_move_and_tells_equal_findings_apart() {
        let one = fingerprints(&[finding("a: 1\nring: x\n", "x")]);
        assert_eq!(one, fingerprints(&[finding("# new\na: 1\n\n  ring: x\n", "x")]));
        assert_ne!(one, fingerprints(&[finding("a: 1\nrings: x\n", "x")]));
        let twice = fingerprints(&[finding("ring: x\n", "x"), finding("ring: x\n", "x")]);
        assert_ne!(twice[0], twice[1]);
    }
}
