//! What stands beside a declared resource and is in no template: `policies/neighbours.yaml` says what is looked for.
//!
//! [`ask`](ask::ask) puts the questions of one stack; [`compare`] is pure and reports what neither the template nor AWS
//! itself has put there. A type of which the table says nothing is not checked, and the answer says so.

pub(super) mod ask;
mod pattern;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use serde_json::Value;

use super::compare::{Case, Found};
use super::expected::Expected;
use super::live::Reading;
use super::severity::{self, Severity};
use super::{Difference, Kind, Source};
use ask::Beside;
use pattern::{Scope, matches};
use tenantry_aws::cloud::reads::at;
use tenantry_template::embedded;

/// The type under which the table names the stack itself.
const STACK: &str = "AWS::CloudFormation::Stack";

/// The table, `policies/neighbours.yaml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    pub date: String,
    pub neighbours: Vec<Neighbour>,
    /// What is known to stand beside a type and is not looked for.
    pub unread: BTreeMap<String, Vec<String>>,
}

/// One thing that is looked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Neighbour {
    /// CloudFormation type, or the name of a setting.
    pub finds: String,
    /// Type of the declared resource.
    pub beside: String,
    /// Property with which the template says it itself.
    pub unless: Option<String>,
    declared: Option<Declared>,
    pub severity: Severity,
    /// What it means.
    pub risk: String,
    pub read: Read,
    items: String,
    id: Option<String>,
    #[serde(default)]
    of: BTreeMap<String, String>,
    #[serde(default)]
    usual: Vec<BTreeMap<String, String>>,
    #[serde(default)]
    ours_by: Vec<String>,
    /// Calls that make it, where its name is not that of a type.
    #[serde(default)]
    pub made_by: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    r#type: String,
    property: String,
}

/// The reading call.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Read {
    pub service: String,
    pub operation: String,
    version: Option<String>,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    target: Option<String>,
    body: Option<Value>,
    path: Option<String>,
    #[serde(default)]
    next: BTreeMap<String, String>,
    #[serde(default)]
    none: Vec<String>,
}

/// The table that this version ships with.
pub fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let file = embedded::POLICIES.get_file("neighbours.yaml").and_then(|file| file.contents_utf8());
        // A test keeps it readable; without it every type would be unchecked, which is safe.
        serde_yaml::from_str(file.unwrap_or_default()).unwrap_or_default()
    })
}

/// The declared resources of a type, by logical id; the stack itself among them, under no id.
fn parents<'e>(
    expected: &'e BTreeMap<String, Expected>,
    stack: &'e Expected,
    kind: &str,
) -> impl Iterator<Item = (Option<&'e str>, &'e Expected)> {
    let own = (kind == STACK).then_some((None, stack));
    let declared = expected.iter().filter(move |(_, one)| one.resource_type == kind);
    own.into_iter().chain(declared.map(|(id, one)| (Some(id.as_str()), one)).collect::<Vec<_>>())
}

/// The stack as if it was a resource of itself.
fn of_stack(id: &str) -> Expected {
    let (resource_type, physical_id) = (STACK.to_owned(), Some(id.to_owned()));
    Expected { resource_type, physical_id, properties: serde_json::Map::new() }
}

impl Neighbour {
    /// Whether the template says itself what is looked for, so that it is compared as a property.
    fn is_declared(&self, parent: &Expected, expected: &BTreeMap<String, Expected>) -> bool {
        let says = |one: &Expected, path: &str| at(&Value::Object(one.properties.clone()), path).is_some();
        let by_itself = self.unless.as_ref().is_some_and(|property| says(parent, property));
        let by_another = self.declared.as_ref().is_some_and(|declared| {
            let others = expected.values().filter(|one| one.resource_type == declared.r#type);
            others.into_iter().any(|one| refers(one, parent) && says(one, &declared.property))
        });
        by_itself || by_another
    }

    /// Whether a declared resource is what was found beside `parent`.
    fn is_ours(&self, id: &str, item: &Value, parent: &Expected, expected: &BTreeMap<String, Expected>) -> bool {
        expected.values().filter(|one| one.resource_type == self.finds && refers(one, parent)).any(|one| {
            let by_id =
                one.physical_id.as_deref().is_some_and(|own| own == id || own.split('|').any(|part| part == id));
            let same = |key: &String| {
                let reported = at(item, key);
                reported.is_some_and(|reported| {
                    one.properties.get(key).is_some_and(|own| super::differ::same(own, &reported))
                })
            };
            by_id || (!self.ours_by.is_empty() && self.ours_by.iter().all(same))
        })
    }
}

/// Whether a resource names another one anywhere in its properties.
fn refers(one: &Expected, to: &Expected) -> bool {
    fn names(value: &Value, id: &str) -> bool {
        match value {
            Value::String(text) => text == id || text.split([':', '/']).any(|part| part == id),
            Value::Array(items) => items.iter().any(|item| names(item, id)),
            Value::Object(map) => map.values().any(|item| names(item, id)),
            _ => false,
        }
    }
    let id = to.physical_id.as_deref().unwrap_or_default();
    // A queue's id is its address, and its ARN ends in its name.
    let id =
        if id.starts_with("https://") || id.starts_with("http://") { id.rsplit('/').next().unwrap_or(id) } else { id };
    !id.is_empty() && one.properties.values().any(|value| names(value, id))
}

/// What the row that finds something learned about a declared resource.
pub(super) fn found<'b>(beside: &'b Beside, finds: &str, logical_id: &str) -> Option<&'b Reading<Arc<Vec<Value>>>> {
    let index = table().neighbours.iter().position(|row| row.finds == finds)?;
    beside.get(&(index, logical_id.to_owned()))
}

/// The log group of the stack whose subscription filters a declared one is among: their list tells all of it, so that
/// drift detection need not read it, at the same rate, once more.
pub(super) fn group_of<'e>(expected: &'e BTreeMap<String, Expected>, filter: &Expected) -> Option<&'e str> {
    let group = filter.properties.get("LogGroupName").filter(|_| filter.resource_type == FILTER)?.as_str()?;
    let is_it =
        |one: &Expected| one.resource_type == "AWS::Logs::LogGroup" && one.physical_id.as_deref() == Some(group);
    expected.iter().find(|(_, one)| is_it(one)).map(|(id, _)| id.as_str())
}

/// The type of a log group's subscription filters, and the row that lists them.
pub(super) const FILTER: &str = "AWS::Logs::SubscriptionFilter";

/// Reports what stands beside the stack's resources and is in no template.
pub(super) fn compare(case: &Case<'_>, found: &mut Found) {
    let table = table();
    let stack = case.stack().map(|stack| of_stack(&stack.id));
    let Some(stack) = stack else { return };
    for (index, row) in table.neighbours.iter().enumerate() {
        for (logical, parent) in parents(case.expected, &stack, &row.beside) {
            let name = logical.unwrap_or(&case.desired.stack);
            match case.view.beside.get(&(index, name.to_owned())) {
                None => {}
                Some(Err(why)) => found.not_checked(name, &row.finds, why),
                Some(Ok(pages)) => pages.iter().for_each(|page| beside(case, found, row, (name, parent), page)),
            }
        }
    }
    for (id, expected) in case.expected {
        let kind = &expected.resource_type;
        if !table.unread.contains_key(kind) && !table.neighbours.iter().any(|row| row.beside == *kind) {
            found.not_checked(id, kind, "what can stand beside this type is not known");
        }
    }
}

fn beside(case: &Case<'_>, found: &mut Found, row: &Neighbour, (name, parent): (&str, &Expected), page: &Value) {
    let scope = Scope { case, parent, page };
    let Some(items) = at(page, &row.items) else { return };
    let items: Vec<&Value> = match items.as_ref() {
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    };
    for item in items.into_iter().filter(|item| !is_empty(item)) {
        if !matches(&row.of, item, &scope) || row.usual.iter().any(|usual| matches(usual, item, &scope)) {
            continue;
        }
        let id = match &row.id {
            Some(path) => at(item, path).map(|id| super::paths::shown(&id)).unwrap_or_default(),
            None => item.as_str().unwrap_or_default().to_owned(),
        };
        if row.is_ours(&id, item, parent, case.expected) {
            continue;
        }
        let path = format!("/{}{}", row.finds, if id.is_empty() { String::new() } else { format!("/{id}") });
        if found.differences.iter().any(|known| known.resource.as_deref() == Some(name) && known.path == path) {
            continue;
        }
        found.differences.push(Difference {
            code: severity::UNMANAGED,
            severity: row.severity,
            kind: Kind::Unmanaged,
            source: Source::Unmanaged,
            resource: Some(name.to_owned()),
            resource_type: row.finds.clone(),
            physical_id: Some(if id.is_empty() { parent.physical_id.clone().unwrap_or_default() } else { id }),
            path,
            expected: None,
            actual: Some(item.clone()),
            remedy: format!("{}: delete it, bring it into the template, or accept it for a time", row.risk),
            carrier: parent.physical_id.clone(),
            by: None,
            accepted: None,
        });
    }
}

/// Nothing is said, however deep.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.iter().all(is_empty),
        Value::Object(map) => map.values().all(is_empty),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use tenantry_checks::resources::Tagged;

    use super::*;

    #[test]
    fn the_shipped_table_is_sound() {
        let text = embedded::POLICIES.get_file("neighbours.yaml").unwrap().contents_utf8().unwrap();
        let table: Table = serde_yaml::from_str(text).unwrap();
        assert!(table.neighbours.len() >= 40);
        for row in &table.neighbours {
            let ways = [row.read.version.is_some(), row.read.target.is_some(), row.read.path.is_some()];
            assert_eq!(ways.into_iter().filter(|way| *way).count(), 1, "{} has one protocol", row.finds);
            // A call for the whole place is distinguished by what its items say.
            assert!(row.read.is_of_one() || !row.of.is_empty() || row.beside == STACK, "{}", row.finds);
        }
    }

    const DOCS: &str = "docs/drift.md";
    const START: &str = "<!-- types: written by the test that holds this table against the code -->\n";

    /// How the declared properties of a type are read.
    fn compared(kind: &str, readable: bool) -> &'static str {
        match kind {
            kind if super::super::network::TYPES.contains(&kind) => "EC2, by effect",
            kind if super::super::asked::OWN.contains(&kind) => "its own API, drift detection",
            "AWS::CloudWatch::Alarm" => "its own API",
            "AWS::IAM::Role" | "AWS::Lambda::EventSourceMapping" => "its own API, drift detection",
            "AWS::Route53::RecordSet" => "its own API",
            FILTER => "its own API, else drift detection",
            _ if readable => "drift detection, else Cloud Control",
            _ => "**not compared**",
        }
    }

    /// One row for each type of the table of types, and one for the stack.
    fn rows() -> String {
        let registry: Value =
            serde_json::from_str(embedded::POLICIES.get_file("registry.json").unwrap().contents_utf8().unwrap())
                .unwrap();
        let table = table();
        let mut kinds: Vec<&str> = tenantry_checks::resources::table().iter().map(|(kind, _)| kind).collect();
        kinds.push(STACK);
        kinds.sort_unstable();
        kinds.dedup();
        let mut out =
            "| type | how properties are compared | unmanaged ones found by tag | unmanaged resources and settings found | not checked |\n|---|---|---|---|---|\n"
                .to_owned();
        for kind in kinds {
            let handlers = &registry["types"][kind]["handlers"];
            let mut found: Vec<&str> =
                table.neighbours.iter().filter(|row| row.beside == kind).map(|row| row.finds.as_str()).collect();
            found.sort_unstable();
            let missing = match table.unread.get(kind) {
                Some(missing) => missing.join(", "),
                None => "**all attachments, so the resource is unchecked**".to_owned(),
            };
            let compared = if kind == STACK { "the release" } else { compared(kind, handlers["read"].is_array()) };
            let tagged = match tenantry_checks::resources::table().get(kind).and_then(|(_, row)| row.tags.as_ref()) {
                _ if kind == STACK => "yes",
                Some(Tagged::As { .. }) => "yes",
                Some(Tagged::Nothing) => "no",
                None => "unknown",
            };
            out.push_str(&format!("| {kind} | {compared} | {tagged} | {} | {missing} |\n", found.join(", ")));
        }
        out
    }

    #[test]
    fn the_docs_say_what_the_code_does() {
        let path = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(DOCS);
        let text = std::fs::read_to_string(&path).unwrap();
        let (before, _) = text.split_once(START).expect("the mark");
        let wanted = format!("{before}{START}{}", rows());
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::write(&path, &wanted).unwrap();
        }
        assert!(std::fs::read_to_string(&path).unwrap() == wanted, "UPDATE_EXPECTED=1 writes the table of {DOCS}");
    }

    #[test]
    fn the_table_speaks_of_every_type_of_the_templates() {
        let known = table();
        let mut types = std::collections::BTreeSet::new();
        for file in embedded::TEMPLATES.get_dir("tenant").unwrap().files() {
            let text = file.contents_utf8().unwrap();
            let named = text.lines().filter_map(|line| line.trim().strip_prefix("Type: AWS::"));
            types.extend(named.map(|name| format!("AWS::{name}")));
        }
        assert!(types.len() > 40, "{types:?}");
        let missing: Vec<_> = types.iter().filter(|kind| !known.unread.contains_key(*kind)).collect();
        assert!(missing.is_empty(), "say in `unread` what is not looked for beside {missing:?}");
    }
}
