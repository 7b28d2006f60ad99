//! Making a form: a template rendered with placeholders, parsed, resolved and checked once for all tenants of a shape.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use serde_yaml::Value as Yaml;

use super::canonical::Segments;
use super::context::Routes;
use super::placeholder::{self, Unsuitable};
use super::references::{self, Fault};
use super::template_set::{ORIGIN, TemplateSet};
use super::{Context, Leaf, Origin, Piece, Provenance, places, tags, undefined};
use tenantry_base::finding::{Code, Finding, Location, nearest};

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
    /// Names in the templates that nothing defines (TN3013). They do not keep a stack from being rendered: a release that has them
    /// must still be a way back.
    pub undefined: Vec<Finding>,
    pub(super) body: Segments,
    /// The body without the release record and its outputs.
    pub(super) digested: Segments,
    /// The slot of the digest itself, if the template records it.
    pub(super) digest_slot: Option<usize>,
    /// Slots that stand somewhere in the tree.
    used: BTreeSet<usize>,
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
        let seen = context.assemble(values);
        let undefined = undefined::check(&set.sources, context.template, &seen, context.has_flags);
        // Where Tera fails on an undefined name, this says more of it.
        let text = set.text(context.template, &seen).map_err(|finding| match undefined.is_empty() {
            true => vec![finding],
            false => undefined.clone(),
        })?;
        let mut findings = bare_texts(set, &text);
        let tree = parse(set, &text).map_err(|finding| {
            // What lost its indentation makes the line behind it look wrong.
            let strays = strays(set, &text, &start);
            if strays.is_empty() { vec![finding] } else { strays }
        })?;
        let origins = set.origins(&text);
        let strays = stray_sections(set, &tree, &start);
        let is_stray = |to: &str| strays.iter().any(|(name, _)| name == to);
        findings.extend(malformed(&tree, &origins, &start));
        findings.extend(keys_with_values(&tree, &origins));
        let faults = references::check(&tree).into_iter();
        let mut faults = faults.filter(|fault| !matches!(fault, Fault::NoTarget { to, .. } if is_stray(to))).peekable();
        match faults.peek() {
            // A condition on an undefined name leaves resources out, and what refers to them is not at fault.
            Some(_) if !undefined.is_empty() => findings.extend(undefined.iter().cloned()),
            _ => findings.extend(faults.map(|fault| fault_finding(fault, &origins))),
        }
        findings.extend(strays.into_iter().map(|(_, finding)| finding));
        findings.extend(limits(&tree, context.template).map(|finding| somewhere(finding, &start)));
        let mut leaves = Vec::new();
        collect_leaves(&tree, &mut Vec::new(), &mut leaves);
        findings.extend(release_elsewhere(&leaves, &paths, &origins));
        if !findings.is_empty() {
            // An entry on one line bears no mark.
            let placed =
                |finding: Finding| if finding.location.is_none() { somewhere(finding, &start) } else { finding };
            return Err(findings.into_iter().map(placed).collect());
        }
        let digested = Segments::of(&tree, &is_release);
        let provenance = provenance(&leaves, &paths, origins, &context.routes);
        let body = Segments::of(&tree, &|_| false);
        let digest_slot = paths.iter().position(|path| path == "release.digest");
        let used = leaves.iter().flat_map(|leaf| &leaf.pieces).filter_map(|piece| match piece {
            Piece::Slot(slot) => Some(*slot),
            Piece::Literal(_) => None,
        });
        let used = used.collect();
        Ok(Self { tree, leaves, provenance, undefined, body, digested, digest_slot, used })
    }

    pub(super) fn is_used(&self, slot: usize) -> bool {
        self.used.contains(&slot)
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
        let finding = Finding::new(Code::TN3003, message);
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
    somewhere(Finding::new(Code::TN3004, error.to_string()), start)
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
    let message = |id: &String| format!("the release is used in `{id}`, outside the release record");
    ids.into_iter().map(|id| place(Finding::new(Code::TN3008, message(id)), id, origins)).collect()
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
        let finding = Finding::new(Code::TN3004, format!("a text is printed outside double quotes in `{shown}`"));
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
                Finding::new(Code::TN3004, format!("a key is made of a value in `{shown}`")),
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
        return vec![somewhere(Finding::new(Code::TN3009, "the template has no resources"), start)];
    };
    let faults = resources.iter().filter_map(|(id, resource)| {
        if !id.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Some((id, format!("logical id `{id}` is not alphanumeric")));
        }
        let typed = resource.get("Type").is_some_and(Value::is_string);
        (!typed).then(|| (id, format!("resource `{id}` has no type")))
    });
    let mut findings: Vec<Finding> =
        faults.map(|(id, message)| place(Finding::new(Code::TN3009, message), id, origins)).collect();
    for section in ["Resources", "Outputs"] {
        for (id, entry) in map_of(tree, section).into_iter().flatten() {
            findings.extend(attributes(section, id, entry).into_iter().map(|(path, message)| {
                let finding = place(Finding::new(Code::TN3009, message), id, origins);
                match finding.location.clone() {
                    Some(start) => finding.at(places::inside(&start, &path)),
                    None => finding,
                }
            }));
        }
    }
    findings
}

/// Top-level entries of a template. Source: AWS CloudFormation Template Reference, "Template sections".
const SECTIONS: [&str; 11] = [
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Hooks",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
];

/// Lines of a rendered text that begin what is not a section.
fn strays(set: &TemplateSet, text: &str, start: &Option<Location>) -> Vec<Finding> {
    let key = |line: &'_ str| {
        let (key, rest) = line.split(ORIGIN).next()?.split_once(':')?;
        let is_key = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric());
        (is_key && (rest.trim().is_empty() || rest.starts_with(' ')) && !SECTIONS.contains(&key))
            .then(|| key.to_owned())
    };
    text.lines().filter_map(key).map(|name| stray(set, &name, true, start)).collect()
}

fn stray(set: &TemplateSet, name: &str, is_entry: bool, start: &Option<Location>) -> Finding {
    let near = nearest(name, SECTIONS.into_iter());
    let finding = Finding::new(Code::TN3009, format!("`{name}` is not a section of a template{near}"));
    let finding = match is_entry {
        true => finding.with_help("an entry of `Resources` or `Outputs` is indented by two spaces"),
        false => finding,
    };
    match set.section(name) {
        Some(place) => finding.at(place),
        None => somewhere(finding, start),
    }
}

/// Top-level entries that are no section of a template: often a resource that lost its indentation.
fn stray_sections(set: &TemplateSet, tree: &Value, start: &Option<Location>) -> Vec<(String, Finding)> {
    let strays = tree.as_object().into_iter().flatten().filter(|(name, _)| !SECTIONS.contains(&name.as_str()));
    let is_entry = |value: &Value| value.get("Type").or_else(|| value.get("Value")).is_some();
    strays.map(|(name, value)| (name.clone(), stray(set, name, is_entry(value), start))).collect()
}

/// What a resource and an output may have beside their type and properties. Source: AWS CloudFormation Template Reference,
/// "Resource attribute reference" and "Outputs syntax".
const OF_RESOURCE: [&str; 9] = [
    "Condition",
    "CreationPolicy",
    "DeletionPolicy",
    "DependsOn",
    "Metadata",
    "Properties",
    "Type",
    "UpdatePolicy",
    "UpdateReplacePolicy",
];
const OF_OUTPUT: [&str; 4] = ["Condition", "Description", "Export", "Value"];
/// What an attribute of a resource may be.
const POLICIES: [(&str, &[&str]); 2] = [
    ("DeletionPolicy", &["Delete", "Retain", "RetainExceptOnCreate", "Snapshot"]),
    ("UpdateReplacePolicy", &["Delete", "Retain", "Snapshot"]),
];

/// The first fault of an entry that stands where the entry's path says: `(path, message)`.
fn attributes(section: &str, id: &str, entry: &Value) -> Vec<(String, String)> {
    let Some(map) = entry.as_object() else { return vec![(String::new(), format!("`{id}` is not a map"))] };
    let known: &[&str] = if section == "Resources" { &OF_RESOURCE } else { &OF_OUTPUT };
    let mut faults = Vec::new();
    let is_unknown =
        |name: &&String| !known.contains(&name.as_str()) && !name.starts_with("Fn::") && !placeholder::holds_any(name);
    for name in map.keys().filter(is_unknown) {
        let near = nearest(name, known.iter().copied());
        faults.push((
            name.clone(),
            format!("`{id}` has an attribute `{name}`, which CloudFormation does not know{near}"),
        ));
    }
    for (name, taken) in POLICIES.iter().filter(|_| section == "Resources") {
        if let Some(value) = map.get(*name).and_then(Value::as_str).filter(|value| !taken.contains(value)) {
            let message = format!("`{name}` of `{id}` is `{value}`, taken are {}", taken.join(", "));
            faults.push(((*name).to_owned(), message));
        }
    }
    if section == "Outputs" && !map.contains_key("Value") {
        faults.push((String::new(), format!("the output `{id}` has no value")));
    }
    faults
}

fn fault_finding(fault: Fault, origins: &BTreeMap<String, Location>) -> Finding {
    match fault {
        Fault::NoTarget { from, to } => {
            let message = format!("`{from}` refers to `{to}`, which the template does not have");
            place(Finding::new(Code::TN3005, message), &from, origins)
        }
        Fault::NoCondition { from, to } => {
            let message = format!("`{from}` refers to the condition `{to}`, which the template does not have");
            place(Finding::new(Code::TN3005, message), &from, origins)
        }
        Fault::NoMapping { from, to } => {
            let message = format!("`{from}` refers to the mapping `{to}`, which the template does not have");
            place(Finding::new(Code::TN3005, message), &from, origins)
        }
        Fault::Circle(ids) => {
            let message = format!("resources depend on each other: {}", ids.join(" → "));
            place(Finding::new(Code::TN3006, message), &ids[0], origins)
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
        (count > most).then(|| Finding::new(Code::TN3007, message()))
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
