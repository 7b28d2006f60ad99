//! `blueprint.yaml` → [`Blueprint`], with every finding at once.

mod checks;
mod derived;
mod inputs;
mod shape;
mod stack;

use serde_json::{Map, Value as Json};

use crate::codes;
use crate::document::{Document, below, lookup, lookup_route};
use crate::evaluate::Memo;
use crate::model::Blueprint;
use crate::nearest::nearest;
use crate::schema::is_name;
use inputs::overrides_section;
use std::sync::Arc;
use tenantry_base::finding::{Code, Finding, Severity, Source};

/// The version of the format that this crate reads.
pub const API_VERSION: &str = "tenantry/v2";
/// Fields of a tenant that the tool itself defines: no section of parameters has these names.
pub const CORE_FIELDS: &[&str] =
    &["apiVersion", "account", "region", "ring", "contact", "network", "moved_from", "flags", "tags", "overrides"];
/// Names that formulas know without a declaration: zones, network, facts of the Region, what a tenant pins, and the
/// architecture of the functions' zips.
pub const FACTS: &[&str] = &["zones", "network", "region", "overrides", "architecture"];
/// Numbers of zones that a tenant can have.
pub(crate) const ZONES: std::ops::RangeInclusive<u64> = 2..=6;
/// Largest prefix length of a subnet. Source: Amazon VPC User Guide, "Subnet CIDR blocks".
const SMALLEST_SUBNET: u64 = 28;

const WORDS: &[&str] = &[
    "apiVersion",
    "blueprint",
    "parameters",
    "region_facts",
    "tables",
    "derived",
    "checks",
    "network",
    "tiers",
    "shape",
    "names",
    "artifacts",
    "watch",
    "redrive",
    "rejects",
    "rules",
];
impl Blueprint {
    /// Reads a blueprint; `longest` is the most characters of the name of a resource type, where that is known.
    ///
    /// The blueprint is there where no finding is an error.
    pub fn read(source: &Arc<Source>, longest: &dyn Fn(&str) -> Option<usize>) -> (Option<Self>, Vec<Finding>) {
        let document = match Document::parse(Arc::clone(source)) {
            Ok(document) => document,
            Err(finding) => return (None, vec![finding]),
        };
        let mut reader = Reader { document: &document, findings: Vec::new() };
        let read = reader.blueprint(longest);
        let mut findings = reader.findings;
        findings.sort_by_key(|found| found.location.as_ref().map_or(0, |place| place.span.start));
        findings.dedup();
        let refused = findings.iter().any(|found| found.severity == Severity::Error);
        (read.filter(|_| !refused), findings)
    }
}

struct Reader<'a> {
    document: &'a Document,
    findings: Vec<Finding>,
}

impl Reader<'_> {
    fn report(&mut self, code: Code, route: &str, message: impl Into<String>, help: Option<String>) {
        let mut finding = Finding::new(code, message).at(self.document.nearest(route));
        finding.help = help;
        self.findings.push(finding);
    }

    fn blueprint(&mut self, longest: &dyn Fn(&str) -> Option<usize>) -> Option<Blueprint> {
        self.map("", WORDS)?;
        if self.text("apiVersion").is_some_and(|version| version != API_VERSION) {
            let message = format!("this is not a blueprint of `{API_VERSION}`");
            self.report(codes::SHAPE, "apiVersion", message, None);
        }
        self.map("blueprint", &["name", "version", "description"]);
        let name = self.required_text("blueprint.name");
        let version = self.required_text("blueprint.version");
        let sections = self.sections();
        let region = self.region()?;
        let tables = self.tables();
        let mut scope = self.scope(&sections, &region, &tables);
        let network = self.network();
        let (derived, tiers, overrides) = self.derived(&mut scope);
        let overrides = overrides_section(&overrides)?;
        let checks = self.checks(&scope, (&overrides, &region), &sections);
        self.shares(&tiers);
        let shape = self.shape(&scope, &sections, &derived);
        let names = self.names(longest);
        let artifacts = self.artifacts();
        let watch = self.watch();
        let redrive = self.redrive();
        let rejects = self.rejects();
        let rules = self.rules();
        let memo = Memo::new(&derived, &tables);
        Some(Blueprint {
            name: name?,
            version: version?,
            is_default: false,
            sections,
            region,
            tables,
            derived,
            checks,
            network,
            tiers,
            shape,
            names,
            artifacts,
            watch,
            redrive,
            rejects,
            rules,
            overrides,
            scope,
            document: self.document.clone(),
            memo,
        })
    }

    fn value(&self, route: &str) -> Option<&Json> {
        lookup_route(&self.document.value, route).filter(|value| !value.is_null())
    }

    fn has(&self, route: &str) -> bool {
        self.value(route).is_some()
    }

    /// The map at a route, whose keys are among `words`.
    fn map(&mut self, route: &str, words: &[&str]) -> Option<Map<String, Json>> {
        let map = self.any_map(route)?;
        for word in self.document.keys(route).to_vec() {
            if !words.contains(&word.as_str()) {
                let help = nearest(&word, words.iter().copied());
                self.report(codes::UNKNOWN_WORD, &below(route, &word), format!("`{word}` is unknown here"), help);
            }
        }
        Some(map)
    }

    /// The map at a route; its keys are names.
    fn any_map(&mut self, route: &str) -> Option<Map<String, Json>> {
        match lookup_route(&self.document.value, route) {
            Some(Json::Object(map)) => Some(map.clone()),
            None => {
                self.report(codes::SHAPE, route, format!("`{route}` is missing"), None);
                None
            }
            Some(_) => {
                self.report(codes::SHAPE, route, format!("`{}` must be a map", called(route)), None);
                None
            }
        }
    }

    /// The keys of an optional map of names.
    fn named(&mut self, route: &str) -> Vec<String> {
        if !self.has(route) || self.any_map(route).is_none() {
            return Vec::new();
        }
        let names = self.document.keys(route).to_vec();
        for name in names.iter().filter(|name| !is_name(name)) {
            let message = format!("`{name}` is not a name: lower case letters, digits and `_`, starting with a letter");
            self.report(codes::NAME, &below(route, name), message, None);
        }
        names
    }

    fn text(&mut self, route: &str) -> Option<String> {
        match self.value(route)? {
            Json::String(text) => Some(text.clone()),
            Json::Number(number) => Some(number.to_string()),
            _ => {
                self.report(codes::SHAPE, route, format!("`{route}` must be a text"), None);
                None
            }
        }
    }

    fn required_text(&mut self, route: &str) -> Option<String> {
        if !self.has(route) {
            self.report(codes::SHAPE, route, format!("`{route}` is missing"), None);
            return None;
        }
        self.text(route)
    }

    fn texts(&mut self, route: &str, required: bool) -> Vec<String> {
        match self.value(route).cloned() {
            None if required => {
                self.report(codes::SHAPE, route, format!("`{route}` is missing"), None);
                Vec::new()
            }
            None => Vec::new(),
            Some(Json::Array(items)) => {
                let texts: Vec<String> = items.iter().filter_map(Json::as_str).map(str::to_owned).collect();
                if texts.len() != items.len() {
                    self.report(codes::SHAPE, route, format!("`{route}` must be a list of texts"), None);
                }
                texts
            }
            Some(_) => {
                self.report(codes::SHAPE, route, format!("`{route}` must be a list of texts"), None);
                Vec::new()
            }
        }
    }

    fn truth(&mut self, route: &str) -> bool {
        match self.value(route) {
            None => false,
            Some(Json::Bool(truth)) => *truth,
            Some(_) => {
                self.report(codes::SHAPE, route, format!("`{route}` must be true or false"), None);
                false
            }
        }
    }

    fn whole(&mut self, route: &str, range: std::ops::RangeInclusive<u64>, default: u64) -> u64 {
        let Some(value) = self.value(route) else { return default };
        match value.as_u64().filter(|number| range.contains(number)) {
            Some(number) => number,
            None => {
                let message = format!("`{route}` must be a whole number from {} to {}", range.start(), range.end());
                self.report(codes::SHAPE, route, message, None);
                default
            }
        }
    }
}

/// `dashboards` of `has(dashboards)`, as the shape names what may be absent.
pub(crate) fn optional_path(name: &str) -> Option<&str> {
    name.strip_prefix("has(")?.strip_suffix(')')
}

fn called(route: &str) -> &str {
    if route.is_empty() { "blueprint.yaml" } else { route }
}

/// The tenant's value at a path, where it has one.
pub(crate) fn given<'v>(inputs: &'v Json, path: &str) -> Option<&'v Json> {
    lookup(inputs, path).filter(|value| !value.is_null())
}
