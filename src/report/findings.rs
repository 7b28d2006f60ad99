//! Findings as text, with the lines they point at.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use tenantry_base::finding::{Finding, Location, Severity};

/// Every finding with its lines, then how many there are. Coloured; whoever prints it takes the colours out again where
/// they do not belong.
pub fn text(findings: &[Finding]) -> String {
    let renderer = Renderer::styled().decor_style(DecorStyle::Ascii).term_width(100);
    let mut out: String = findings.iter().map(|finding| one(&renderer, finding)).collect();
    if !findings.is_empty() {
        out.push_str(&summary(findings));
        out.push('\n');
    }
    out
}

/// `2 errors, 1 warning`.
pub fn summary(findings: &[Finding]) -> String {
    let count = |severity, word: &str| {
        let number = findings.iter().filter(|finding| finding.severity == severity).count();
        (number > 0).then(|| format!("{number} {word}{}", if number == 1 { "" } else { "s" }))
    };
    let counts = [count(Severity::Error, "error"), count(Severity::Warning, "warning"), count(Severity::Note, "note")];
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    if counts.is_empty() { "no findings".to_owned() } else { counts.join(", ") }
}

fn one(renderer: &Renderer, finding: &Finding) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = match (&finding.tenant, &finding.resource) {
        (Some(tenant), Some(resource)) => format!("{} ({tenant}, {resource})", finding.message),
        (Some(tenant), None) => format!("{} ({tenant})", finding.message),
        _ => finding.message.clone(),
    };
    let mut group = Group::with_title(level.primary_title(&title).id(finding.code.0));
    if let Some(place) = finding.location.as_ref() {
        group = with_snippet(group, place, AnnotationKind::Primary, None);
    }
    for (label, place) in &finding.related {
        group = with_snippet(group, place, AnnotationKind::Context, Some(label));
    }
    if let Some(help) = finding.help.as_deref() {
        group = group.element(Level::HELP.message(help));
    }
    format!("{}\n\n", renderer.render(&[group]))
}

fn with_snippet<'a>(
    group: Group<'a>,
    place: &'a Location,
    kind: AnnotationKind,
    label: Option<&'a String>,
) -> Group<'a> {
    let path = place.source.path.to_string_lossy().into_owned();
    let end = place.source.text[place.span.clone()].find('\n').map_or(place.span.end, |at| place.span.start + at);
    let annotation = kind.span(place.span.start..end);
    let annotation = match label {
        Some(label) => annotation.label(label.as_str()),
        None => annotation,
    };
    group.element(Snippet::source(place.source.text.as_str()).path(path).annotation(annotation))
}
