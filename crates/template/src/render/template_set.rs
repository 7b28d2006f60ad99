//! A set of Tera templates: parsed once, with each resource's line marked so that its origin survives rendering.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use tera::Tera;

use super::{decisions, limits};
use tenantry_base::finding::{Code, Finding, Location, Source};

/// Begins the comment that carries a resource's origin through the rendering: `# @from <file index>:<line>`.
pub(super) const ORIGIN: &str = "# @from ";

/// Parsed templates by name (`tenant.yaml.tera`, `tenant/network.yaml.tera`).
#[derive(Debug)]
pub struct TemplateSet {
    pub(super) tera: Tera,
    pub(super) sources: Vec<Arc<Source>>,
}

impl TemplateSet {
    /// Parses the templates of a set. A source's path is that of the file, with or without a leading `templates/`.
    ///
    /// # Errors
    /// Every template that decides on something else than `shape`, and the first syntax error.
    pub fn parse(sources: Vec<Arc<Source>>) -> Result<Self, Vec<Finding>> {
        let mut findings: Vec<Finding> =
            sources.iter().flat_map(|source| [decisions::check(source), limits::check(source)].concat()).collect();
        let mut tera = Tera::new();
        tera.autoescape_on([".tera"]);
        tera.set_escape_fn(escape_in_double_quotes);
        limits::install(&mut tera);
        let marked = sources
            .iter()
            .enumerate()
            .map(|(index, source)| (name(source), limits::metered(&mark_origins(&source.text, index))));
        if let Err(error) = tera.add_raw_templates(marked) {
            findings.extend(tera_findings(&error, &sources));
        }
        if findings.is_empty() { Ok(Self { tera, sources }) } else { Err(findings) }
    }

    /// Renders a template to text.
    ///
    /// # Errors
    /// TN3001 where Tera fails, TN3012 where a limit is reached.
    pub(super) fn text(&self, template: &str, context: &serde_json::Value) -> Result<String, Finding> {
        let context = tera::Context::from_serialize(context).map_err(|error| tera_finding(&error, &self.sources))?;
        limits::start();
        let mut text = limits::Text::default();
        match self.tera.render_to(template, &context, &mut text) {
            Ok(()) => Ok(text.into_string()),
            Err(error) => {
                let finding = tera_finding(&error, &self.sources);
                Err(match limits::reached() {
                    None => finding,
                    Some(limit) => {
                        let place = finding.location.or_else(|| self.start(template));
                        let stopped = Finding::new(Code::TN3012, limit);
                        place.into_iter().fold(stopped, Finding::at)
                    }
                })
            }
        }
    }

    /// The start of a template's file.
    pub(super) fn start(&self, template: &str) -> Option<Location> {
        let source = self.sources.iter().find(|source| name(source) == template)?;
        Some(Location::new(Arc::clone(source), 0..0))
    }

    /// Where a top-level key stands in one of the templates.
    pub(super) fn section(&self, name: &str) -> Option<Location> {
        let line_of = |source: &Arc<Source>| {
            let is_it = |line: &str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(':'));
            let index = source.text.lines().position(is_it)?;
            Some(location_of_line(source, index + 1))
        };
        self.sources.iter().find_map(line_of)
    }

    /// The origin that a marker names.
    pub(super) fn origin(&self, marker: &str) -> Option<Location> {
        let (index, line) = marker.split_once(':')?;
        let source = self.sources.get(index.parse::<usize>().ok()?)?;
        Some(location_of_line(source, line.trim().parse().ok()?))
    }

    /// The origin of each logical id of a rendered text, from its markers. Resources stand before outputs, which may
    /// bear the same names.
    pub(super) fn origins(&self, rendered: &str) -> BTreeMap<String, Location> {
        let mut origins = BTreeMap::new();
        for (id, marker) in rendered.lines().filter_map(|line| line.split_once(ORIGIN)) {
            if let Some(location) = self.origin(marker) {
                origins.entry(id.trim().trim_end_matches(':').to_owned()).or_insert(location);
            }
        }
        origins
    }

    /// The origin of the resource to which line `number` (from 1) of a rendered text belongs.
    pub(super) fn origin_of_line(&self, rendered: &str, number: usize) -> Option<Location> {
        let before: Vec<&str> = rendered.lines().take(number).collect();
        before.iter().rev().find_map(|line| self.origin(line.split_once(ORIGIN)?.1))
    }
}

/// A template's name in the set: its path below `templates/`.
pub(super) fn name(source: &Arc<Source>) -> String {
    let path = source.path.to_string_lossy().replace('\\', "/");
    path.strip_prefix("templates/").unwrap_or(&path).to_owned()
}

/// Appends its origin to every line that starts a top-level entry of a section (`  LogicalId:`).
fn mark_origins(text: &str, index: usize) -> String {
    let mut marked = String::with_capacity(text.len() + text.len() / 8);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let body = line.trim_end();
        let starts_entry = body.starts_with("  ")
            && body.ends_with(':')
            && body[2..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '{');
        if starts_entry {
            marked.push_str(body);
            marked.push_str(&format!(" {ORIGIN}{index}:{}\n", number + 1));
        } else {
            marked.push_str(line);
        }
    }
    marked
}

/// Escapes a text for the inside of YAML's double quotes, which take every escape of JSON.
fn escape_in_double_quotes(text: &str, out: &mut dyn io::Write) -> io::Result<()> {
    let quoted = serde_json::to_string(text)?;
    out.write_all(&quoted.as_bytes()[1..quoted.len() - 1])
}

fn location_of_line(source: &Arc<Source>, line: usize) -> Location {
    let start: usize = source.text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let text = source.text[start..].lines().next().unwrap_or("");
    let indent = text.len() - text.trim_start().len();
    Location::new(Arc::clone(source), start + indent..start + text.len())
}

/// Findings from Tera's own error, each at the place that it names.
fn tera_findings(error: &tera::Error, sources: &[Arc<Source>]) -> Vec<Finding> {
    match error.kind() {
        tera::ErrorKind::Msg(text) if text.contains("error: ") => reports(text, sources),
        _ => vec![tera_finding(error, sources)],
    }
}

fn tera_finding(error: &tera::Error, sources: &[Arc<Source>]) -> Finding {
    match error.kind() {
        tera::ErrorKind::SyntaxError(report) | tera::ErrorKind::RenderingError(report) => {
            let finding = Finding::new(CODE, report.message().trim_end_matches('.').to_owned());
            at_line(finding, report.filename(), report.span().start_line, sources)
        }
        other => Finding::new(CODE, other.to_string()),
    }
}

const CODE: Code = Code::TN3001;

fn at_line(finding: Finding, file: &str, line: usize, sources: &[Arc<Source>]) -> Finding {
    match sources.iter().find(|source| name(source) == file) {
        Some(source) => finding.at(location_of_line(source, line)),
        None => finding,
    }
}

/// What Tera says of several faults at once: `error: …`, then ` --> file:line:column` and the line.
fn reports(text: &str, sources: &[Arc<Source>]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for line in text.lines().map(str::trim_start) {
        if let Some(message) = line.strip_prefix("error: ") {
            findings.push(Finding::new(CODE, message.to_owned()));
        }
        let Some(place) = line.strip_prefix("--> ") else { continue };
        let Some(last) = findings.pop() else { continue };
        let mut parts = place.rsplitn(3, ':').skip(1);
        let (line, file) = (parts.next().and_then(|line| line.parse().ok()), parts.next());
        findings.push(at_line(last, file.unwrap_or_default(), line.unwrap_or(1), sources));
    }
    findings
}
