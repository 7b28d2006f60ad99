//! Making a form: a template rendered with placeholders, parsed, resolved and checked once for all tenants of a shape.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use serde_yaml::Value as Yaml;

use super::canonical::Segments;
use super::context::Routes;
use super::placeholder::{self, Unsuitable};
use super::references::{self, Fault};
use super::template_set::{ORIGIN, TemplateSet};
use super::{Context, Leaf, Origin, Piece, Provenance, tags};
use tenantry_base::finding::{Code, Finding, Location};

/// Limits of a template. Source: AWS CloudFormation User Guide, "Understand CloudFormation quotas".
const MOST_RESOURCES: usize = 500;
const MOST_OUTPUTS: usize = 200;
const MOST_PARAMETERS: usize = 200;

/// The resource that records which release a stack runs, and the outputs that repeat it.
const RELEASE_RECORD: &str = "ReleaseRecord";
const RELEASE_OUTPUTS: [&str; 2] = ["TenantryRelease", "TenantryDigest"];

/// What all templates of one shape share: the tree with placeholders, and where the placeholders stand.
#[derive(Debug)]
pub struct Form {
    /// The template in long form (`Fn::Sub`, not `!Sub`). Leaves with slots hold unique placeholders.
    pub tree: Value,
    /// Every leaf that holds a slot, in document order.
    pub leaves: Vec<Leaf>,
    pub provenance: Provenance,
    pub(super) body: Segments,
    /// The body without the release record and its outputs.
    pub(super) digested: Segments,
    /// The slot of the digest itself, if the template records it.
    pub(super) digest_slot: Option<usize>,
}

impl Form {
    /// Renders and checks the template of a context with placeholders in the place of its values.
    ///
    /// # Errors
    /// Everything that is wrong with the template, whoever the tenant is.
    pub(super) fn compile(set: &TemplateSet, context: &Context) -> Result<Self, Vec<Finding>> {
        let start = set.start(context.template);
        let (values, paths) =
            placeholder::replace(&context.values).map_err(|error| vec![unsuitable(&error, &start)])?;
        let text = set.text(context.template, &context.assemble(values)).map_err(|finding| vec![finding])?;
        let mut findings = bare_texts(set, &text);
        let tree = parse(set, &text).map_err(|finding| vec![finding])?;
        let origins = set.origins(&text);
        findings.extend(malformed(&tree, &origins, &start));
        findings.extend(keys_with_values(&tree, &origins));
        findings.extend(references::check(&tree).into_iter().map(|fault| fault_finding(fault, &origins)));
        findings.extend(limits(&tree, context.template).map(|finding| somewhere(finding, &start)));
        let mut leaves = Vec::new();
        collect_leaves(&tree, &mut Vec::new(), &mut leaves);
        findings.extend(release_elsewhere(&leaves, &paths, &origins));
        if !findings.is_empty() {
            return Err(findings);
        }
        let digested = Segments::of(&tree, &is_release);
        let provenance = provenance(&leaves, &paths, origins, &context.routes);
        let body = Segments::of(&tree, &|_| false);
        let digest_slot = paths.iter().position(|path| path == "release.digest");
        Ok(Self { tree, leaves, provenance, body, digested, digest_slot })
    }
}

/// The release record and its outputs.
fn is_release(path: &[&str]) -> bool {
    match path {
        ["Resources", id] => *id == RELEASE_RECORD,
        ["Outputs", id] => RELEASE_OUTPUTS.contains(id),
        _ => false,
    }
}

/// The canonical JSON that a template's digest is made of, for a template that comes from elsewhere.
pub(super) fn digested(tree: &Value) -> String {
    let mut tree = tree.clone();
    for section in ["Resources", "Outputs"] {
        if let Some(Value::Object(entries)) = tree.get_mut(section) {
            entries.retain(|id, _| !is_release(&[section, id]));
        }
    }
    super::canonical::to_string(&tree)
}

/// Parses rendered text as CloudFormation YAML.
pub(super) fn parse(set: &TemplateSet, text: &str) -> Result<Value, Finding> {
    let finding = |message: String, line: Option<usize>| {
        let finding = Finding::new(Code("TN3003"), message);
        match line.and_then(|line| set.origin_of_line(text, line)) {
            Some(origin) => finding.at(origin),
            None => finding,
        }
    };
    let yaml: Yaml = serde_yaml::from_str(text).map_err(|error| {
        let line = error.location().map(|place| place.line());
        let shown = line.and_then(|line| text.lines().nth(line.saturating_sub(1))).unwrap_or("").trim();
        let shown = shown.split(ORIGIN).next().unwrap_or(shown).trim();
        finding(format!("{error}, in `{shown}`"), line)
    })?;
    tags::resolve(&yaml).map_err(|error| {
        let finding = finding(error.to_string(), None);
        match unresolvable(&yaml) {
            Some(id) => place(finding, &id, &set.origins(text)),
            None => finding,
        }
    })
}

/// The first resource or output that cannot be resolved.
fn unresolvable(yaml: &Yaml) -> Option<String> {
    let entries = ["Resources", "Outputs"].into_iter().filter_map(|section| yaml.get(section)?.as_mapping()).flatten();
    let mut broken = entries.filter(|(_, entry)| tags::resolve(entry).is_err());
    broken.find_map(|(id, _)| id.as_str().map(str::to_owned))
}

fn unsuitable(error: &Unsuitable, start: &Option<Location>) -> Finding {
    somewhere(Finding::new(Code("TN3004"), error.to_string()), start)
}

/// A finding on a whole template, at its start.
pub(super) fn somewhere(finding: Finding, start: &Option<Location>) -> Finding {
    match start {
        Some(start) => finding.at(start.clone()),
        None => finding,
    }
}

/// Resources and outputs that hold the release or the digest and may not.
fn release_elsewhere(leaves: &[Leaf], paths: &[String], origins: &BTreeMap<String, Location>) -> Vec<Finding> {
    let holds = |piece: &Piece| matches!(piece, Piece::Slot(slot) if paths[*slot].starts_with("release."));
    let outside = leaves.iter().filter_map(|leaf| match &leaf.path[..] {
        [section, id, ..] if !is_release(&[section, id]) && leaf.pieces.iter().any(holds) => Some(id),
        _ => None,
    });
    let mut ids: Vec<&String> = outside.collect();
    ids.dedup();
    let message = |id: &String| format!("the release stands in `{id}`, outside the release record");
    ids.into_iter().map(|id| place(Finding::new(Code("TN3008"), message(id)), id, origins)).collect()
}

/// Texts printed outside double quotes.
fn bare_texts(set: &TemplateSet, text: &str) -> Vec<Finding> {
    let bare = |line: &str| {
        let texts = line.char_indices().filter(|(_, c)| placeholder::holds_text(c.encode_utf8(&mut [0; 4])));
        texts.into_iter().any(|(at, _)| {
            let before = &line[..at];
            let quotes = before.matches('"').count() - before.matches("\\\"").count();
            quotes.is_multiple_of(2)
        })
    };
    let findings = text.lines().enumerate().filter(|(_, line)| bare(line)).map(|(index, line)| {
        let shown: String =
            line.trim().chars().map(|c| if placeholder::holds_text(&c.to_string()) { '…' } else { c }).collect();
        let finding = Finding::new(Code("TN3004"), format!("a text is printed outside double quotes in `{shown}`"));
        match set.origin_of_line(text, index + 1) {
            Some(origin) => finding.at(origin),
            None => finding,
        }
    });
    findings.collect()
}

fn keys_with_values(tree: &Value, origins: &BTreeMap<String, Location>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (id, resource) in
        map_of(tree, "Resources").into_iter().flatten().chain(map_of(tree, "Outputs").into_iter().flatten())
    {
        if placeholder::holds_any(id) || has_key_with_value(resource) {
            let shown: String = id.chars().filter(char::is_ascii).collect();
            findings.push(place(
                Finding::new(Code("TN3004"), format!("a key is made of a value in `{shown}`")),
                id,
                origins,
            ));
        }
    }
    findings
}

fn has_key_with_value(node: &Value) -> bool {
    match node {
        Value::Object(map) => map.iter().any(|(key, value)| placeholder::holds_any(key) || has_key_with_value(value)),
        Value::Array(items) => items.iter().any(has_key_with_value),
        _ => false,
    }
}

fn malformed(tree: &Value, origins: &BTreeMap<String, Location>, start: &Option<Location>) -> Vec<Finding> {
    let Some(resources) = map_of(tree, "Resources").filter(|resources| !resources.is_empty()) else {
        return vec![somewhere(Finding::new(Code("TN3009"), "the template has no resources"), start)];
    };
    let faults = resources.iter().filter_map(|(id, resource)| {
        if !id.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Some((id, format!("logical id `{id}` is not alphanumeric")));
        }
        let typed = resource.get("Type").is_some_and(Value::is_string);
        (!typed).then(|| (id, format!("resource `{id}` has no type")))
    });
    faults.map(|(id, message)| place(Finding::new(Code("TN3009"), message), id, origins)).collect()
}

fn fault_finding(fault: Fault, origins: &BTreeMap<String, Location>) -> Finding {
    match fault {
        Fault::NoTarget { from, to } => {
            let message = format!("`{from}` refers to `{to}`, which the template does not have");
            place(Finding::new(Code("TN3005"), message), &from, origins)
        }
        Fault::Circle(ids) => {
            let message = format!("resources depend on each other: {}", ids.join(" → "));
            place(Finding::new(Code("TN3006"), message), &ids[0], origins)
        }
    }
}

fn place(finding: Finding, id: &str, origins: &BTreeMap<String, Location>) -> Finding {
    let finding = finding.with_resource(id);
    match origins.get(id) {
        Some(origin) => finding.at(origin.clone()),
        None => finding,
    }
}

fn limits(tree: &Value, template: &str) -> impl Iterator<Item = Finding> {
    let counts = [("Resources", MOST_RESOURCES), ("Outputs", MOST_OUTPUTS), ("Parameters", MOST_PARAMETERS)];
    counts.into_iter().filter_map(move |(section, most)| {
        let count = map_of(tree, section).map_or(0, Map::len);
        let message =
            || format!("`{template}` renders {count} {}, CloudFormation takes {most}", section.to_lowercase());
        (count > most).then(|| Finding::new(Code("TN3007"), message()))
    })
}

fn map_of<'t>(tree: &'t Value, section: &str) -> Option<&'t Map<String, Value>> {
    tree.get(section).and_then(Value::as_object)
}

fn collect_leaves(node: &Value, path: &mut Vec<String>, leaves: &mut Vec<Leaf>) {
    let mut descend = |key: String, value: &Value| {
        path.push(key);
        collect_leaves(value, path, leaves);
        path.pop();
    };
    match node {
        Value::Object(map) => map.iter().for_each(|(key, value)| descend(key.clone(), value)),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| descend(index.to_string(), item)),
        Value::String(text) if placeholder::holds_any(text) => {
            let mut pieces = placeholder::pieces(text);
            if pieces.len() == 1 && !placeholder::holds_text(text) {
                pieces.push(Piece::Literal(String::new()));
            }
            if pieces.iter().any(|piece| matches!(piece, Piece::Slot(_))) {
                leaves.push(Leaf { path: path.clone(), pieces });
            }
        }
        Value::Number(number) => {
            if let Some(slot) = placeholder::slot_of_number(number) {
                leaves.push(Leaf { path: path.clone(), pieces: vec![Piece::Slot(slot)] });
            }
        }
        _ => {}
    }
}

fn provenance(leaves: &[Leaf], paths: &[String], origins: BTreeMap<String, Location>, routes: &Routes) -> Provenance {
    let mut resources: BTreeMap<String, Origin> =
        origins.into_iter().map(|(id, location)| (id, Origin { location, fields: BTreeMap::new() })).collect();
    for leaf in leaves {
        let [section, id, inside @ ..] = &leaf.path[..] else { continue };
        let Some(origin) = resources.get_mut(id).filter(|_| section == "Resources") else { continue };
        let mut fields: Vec<String> = leaf
            .pieces
            .iter()
            .filter_map(|piece| match piece {
                Piece::Slot(slot) => Some(routes.of(&paths[*slot])),
                Piece::Literal(_) => None,
            })
            .flatten()
            .collect();
        fields.sort();
        fields.dedup();
        origin.fields.insert(inside.join("/"), fields);
    }
    Provenance { resources }
}

impl Context {
    /// The context as the templates see it: `values` with `shape` beside them.
    pub(super) fn assemble(&self, values: Value) -> Value {
        let mut context = match values {
            Value::Object(map) => map,
            other => Map::from_iter([("values".to_owned(), other)]),
        };
        context.insert("shape".to_owned(), self.shape.clone());
        for (list, key, literals) in &self.literals {
            let items = context.get_mut(*list).and_then(Value::as_array_mut).into_iter().flatten();
            for (item, literal) in items.zip(literals) {
                item[*key] = json!(literal);
            }
        }
        Value::Object(context)
    }
}
