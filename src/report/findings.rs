//! Findings as text, with the lines they point at.

use std::collections::HashMap;
use std::path::Path;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use schemars::JsonSchema;
use serde::Serialize;

use tenantry_base::finding::{Code, Finding, Location, Severity, explain};

/// Names of tenants that a group shows.
const SHOWN: usize = 8;

/// The same finding on one tenant or several: one fault of a template or of the fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Group {
    /// That on the first tenant.
    #[serde(flatten)]
    pub finding: Finding,
    /// All tenants, where they are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<String>,
}

/// Findings that say the same of several tenants as one, in the order of the first of each. They are the same where they are at
/// one place, or come from one place of a template.
pub fn grouped(findings: &[Finding]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut known: HashMap<Key<'_>, usize> = HashMap::new();
    for finding in findings {
        let Some(tenant) = finding.tenant.as_ref() else {
            groups.push(Group { finding: finding.clone(), tenants: Vec::new() });
            continue;
        };
        let next = groups.len();
        let index = *known.entry(Key::of(finding)).or_insert(next);
        if index == next {
            groups.push(Group { finding: finding.clone(), tenants: Vec::new() });
            continue;
        }
        let group = &mut groups[index];
        if group.tenants.is_empty() {
            group.tenants.extend(group.finding.tenant.clone());
        }
        // Findings come in the order of tenants.
        if group.tenants.last() != Some(tenant) {
            group.tenants.push(tenant.clone());
        }
    }
    for group in groups.iter_mut().filter(|group| group.tenants.len() < 2) {
        group.tenants.clear();
    }
    groups
}

/// What makes findings of several tenants one.
#[derive(PartialEq, Eq, Hash)]
struct Key<'f> {
    code: Code,
    message: &'f str,
    resource: Option<&'f str>,
    place: Option<(&'f Path, usize, usize)>,
}

impl<'f> Key<'f> {
    fn of(finding: &'f Finding) -> Self {
        let rendered = finding.related.iter().find(|(_, place)| place.source.path.starts_with("templates"));
        let place = rendered.map(|(_, place)| place).or(finding.location.as_ref());
        Self {
            code: finding.code,
            message: &finding.message,
            resource: finding.resource.as_deref(),
            place: place.map(|place| (place.source.path.as_path(), place.line, place.column)),
        }
    }
}

/// Every finding with its lines, those of several tenants once, then how many there are. Coloured; whoever prints it takes the
/// colours out again where they do not belong.
pub fn text(findings: &[Finding]) -> String {
    text_of(&grouped(findings))
}

/// As [`text`].
pub fn text_of(groups: &[Group]) -> String {
    let renderer = Renderer::styled().decor_style(DecorStyle::Ascii).term_width(100);
    let mut out: String = groups.iter().map(|group| one(&renderer, group)).collect();
    if !groups.is_empty() {
        out.push_str(&count(groups));
        out.push('\n');
    }
    out
}

/// `2 errors, 1 warning`.
pub fn summary(findings: &[Finding]) -> String {
    count(&grouped(findings))
}

fn count(groups: &[Group]) -> String {
    let count = |severity, one: &str, several: &str| {
        let number = groups.iter().filter(|group| group.finding.severity == severity).count();
        (number > 0).then(|| format!("{number} {}", if number == 1 { one } else { several }))
    };
    let counts = [
        count(Severity::Error, "error", "errors"),
        count(Severity::Unknown, "unknown", "unknown"),
        count(Severity::Warning, "warning", "warnings"),
        count(Severity::Info, "info", "info"),
    ];
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    if counts.is_empty() { "no findings".to_owned() } else { counts.join(", ") }
}

/// The package's repository, which releases name.
pub(crate) const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");

/// The URL of a code in the reference of this version. A blueprint's own codes have none, and none has one as long as the
/// package names no repository.
pub(crate) fn page(repository: &str, code: Code) -> Option<String> {
    let is_known = !repository.is_empty() && explain(code.as_str()).is_some();
    let version = env!("CARGO_PKG_VERSION");
    is_known.then(|| format!("{repository}/blob/v{version}/docs/findings.md#{}", code.as_str().to_lowercase()))
}

fn one(renderer: &Renderer, group: &Group) -> String {
    let finding = &group.finding;
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Unknown => Level::WARNING.with_name("unknown"),
        Severity::Warning => Level::WARNING,
        Severity::Info => Level::INFO,
    };
    let tenants = match group.tenants.len() {
        0 => finding.tenant.clone(),
        several => Some(format!("{several} tenants")),
    };
    let title = match (&tenants, &finding.resource) {
        (Some(tenant), Some(resource)) => format!("{} ({tenant}, {resource})", finding.message),
        (Some(tenant), None) => format!("{} ({tenant})", finding.message),
        _ => finding.message.clone(),
    };
    let mut title = level.primary_title(&title).id(finding.code.as_str());
    if let Some(page) = page(REPOSITORY, finding.code) {
        title = title.id_url(page);
    }
    let mut report = annotate_snippets::Group::with_title(title);
    if let Some(place) = finding.location.as_ref() {
        report = with_snippet(report, place, AnnotationKind::Primary, None);
    }
    for (label, place) in &finding.related {
        report = with_snippet(report, place, AnnotationKind::Context, Some(label));
    }
    let names = (!group.tenants.is_empty()).then(|| named(&group.tenants));
    if let Some(names) = names.as_deref() {
        report = report.element(Level::NOTE.message(names));
    }
    if let Some(help) = finding.help.as_deref() {
        report = report.element(Level::HELP.message(help));
    }
    format!("{}\n\n", renderer.render(&[report]))
}

fn with_snippet<'a>(
    group: annotate_snippets::Group<'a>,
    place: &'a Location,
    kind: AnnotationKind,
    label: Option<&'a String>,
) -> annotate_snippets::Group<'a> {
    let path = place.source.path.to_string_lossy().into_owned();
    let end = place.source.text[place.span.clone()].find('\n').map_or(place.span.end, |at| place.span.start + at);
    let annotation = kind.span(place.span.start..end);
    let annotation = match label {
        Some(label) => annotation.label(label.as_str()),
        None => annotation,
    };
    group.element(Snippet::source(place.source.text.as_str()).path(path).annotation(annotation))
}

/// `tenants acme, bolt and 57 more`.
fn named(tenants: &[String]) -> String {
    let shown = tenants[..tenants.len().min(SHOWN)].join(", ");
    match tenants.len().saturating_sub(SHOWN) {
        0 => format!("tenants {shown}"),
        more => format!("tenants {shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use tenantry_base::finding::Source;

    fn place(path: &str, line: usize) -> Location {
        let text = "x\n".repeat(line);
        Location::new(Arc::new(Source { path: path.into(), text }), (line - 1) * 2..line * 2 - 1)
    }

    #[test]
    fn one_fault_of_a_template_is_one_finding_for_all_tenants() {
        let of = |tenant: usize, place: Location| {
            Finding::new(Code::TN4014, "`Queue`: too long")
                .with_tenant(format!("t{tenant:02}"))
                .with_resource("Queue")
                .at(place)
        };
        let mut found: Vec<Finding> =
            (0..59).map(|tenant| of(tenant, place("templates/tenant/queues.yaml.tera", 3))).collect();
        found.push(Finding::new(Code::TN1000, "something else"));
        // At each tenant's own field, rendered by one line.
        found.extend((0..59).map(|tenant| {
            let field = of(tenant, place(&format!("tenants/t{tenant:02}.yaml"), 2));
            field.with_related("rendered by", place("templates/tenant/queues.yaml.tera", 4))
        }));
        let groups = grouped(&found);
        assert_eq!(groups.iter().map(|group| group.tenants.len()).collect::<Vec<_>>(), [59, 0, 59]);
        assert_eq!(summary(&found), "3 errors");
        let text = anstream::adapter::strip_str(&text(&found)).to_string();
        assert!(text.contains("error[TN4014]: `Queue`: too long (59 tenants, Queue)"), "{text}");
        assert!(text.contains("tenants t00, t01, t02, t03, t04, t05, t06, t07 and 51 more"), "{text}");
        let json = serde_json::to_value(&groups[0]).unwrap();
        assert_eq!((json["tenant"].as_str(), json["tenants"].as_array().map(Vec::len)), (Some("t00"), Some(59)));
    }

    #[test]
    fn a_code_of_the_registry_has_a_page_where_the_package_names_its_repository() {
        let page = |code| super::page("https://example.com/tenantry", Code::of(code));
        let version = env!("CARGO_PKG_VERSION");
        let expected = format!("https://example.com/tenantry/blob/v{version}/docs/findings.md#tn1011");
        assert_eq!(page("TN1011"), Some(expected));
        assert_eq!(page("BP2001"), None);
        assert_eq!(super::page("", Code::TN1011), None);
    }

    #[test]
    fn findings_that_differ_stay_apart() {
        let one = |tenant: &str, message: &str, line: usize| {
            Finding::new(Code::TN1010, message).with_tenant(tenant).at(place("tenants/fleet.yaml", line))
        };
        let found = [one("a", "x", 1), one("b", "y", 1), one("b", "x", 2), one("c", "x", 1)];
        let groups = grouped(&found);
        assert_eq!(groups.len(), 3);
        assert_eq!(groups[0].tenants, ["a", "c"]);
        // The same of one tenant, at two places of a file that is not a template.
        let own = |tenant: &str| {
            Finding::new(Code::TN1010, "x").with_tenant(tenant).at(place(&format!("tenants/{tenant}.yaml"), 1))
        };
        assert_eq!(grouped(&[own("a"), own("b")]).len(), 2);
    }
}
