//! Guard in process: a file of rules, its parse tree, and the verdict on one template.
//!
//! `cfn_guard::run_checks` is called with `verbose`, which gives the whole record of an evaluation as JSON: without it,
//! version 3.2 loses the start of every report over 8 KiB. A record that does not parse is an error, never a pass.
//!
//! The record names every resource that a filter looked at, so that Guard takes ten times as long for a template of which a file
//! of rules looks at a tenth. Resources of types that no rule of a file looks at are therefore left out (`types`).

use std::collections::BTreeSet;
use std::io::Cursor;
use std::sync::Arc;

use cfn_guard::commands::Executable;
use cfn_guard::utils::reader::{ReadBuffer, Reader};
use cfn_guard::utils::writer::{WriteBuffer, Writer};
use cfn_guard::{CommandBuilder, ParseTreeBuilder, ValidateInput};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::footprint::Footprint;
use super::types;
use tenantry_base::finding::{Location, Source};

/// One file of rules.
#[derive(Debug)]
pub(super) struct RuleFile {
    pub(super) source: Arc<Source>,
    pub(super) rules: Vec<Rule>,
    pub(super) footprint: Option<Footprint>,
    /// The types of the resources that the rules look at; none if they may look at all.
    types: Option<BTreeSet<String>>,
}

#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) location: Location,
}

/// What one file of rules says about one template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Per rule of the file, in its order.
    pub rules: Vec<(String, Status)>,
    /// Every clause that does not hold.
    pub breaches: Vec<Breach>,
}

/// A rule's answer. `Skip`: the template has nothing for the rule, which is not a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Status {
    Pass,
    Fail,
    Skip,
}

/// A clause that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Breach {
    pub rule: String,
    /// Where in the template: `/Resources/UploadsBucket/Properties`. Empty for what the whole template lacks.
    pub path: String,
    /// What the rule says about it.
    pub message: Option<String>,
}

/// Why Guard gave no verdict.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    #[error("the rules cannot be read: {0}")]
    Rules(String),
    #[error("the rules cannot be evaluated: {0}")]
    Evaluation(String),
    #[error("guard's record has no {0}")]
    Record(&'static str),
}

impl RuleFile {
    pub(super) fn parse(source: Arc<Source>) -> Result<Self, GuardError> {
        let tree = parse_tree(&source.text)?;
        let names = tree["guard_rules"].as_array().into_iter().flatten();
        let rules = names
            .filter_map(|rule| rule["rule_name"].as_str())
            .map(|name| Rule { name: name.to_owned(), location: place_of(name, &source) })
            .collect();
        Ok(Self { rules, footprint: Footprint::of(&tree), types: types::looked_at(&tree), source })
    }

    /// What the rules look at of a template, in JSON.
    pub(super) fn seen(&self, template: &Value) -> String {
        let (Some(types), Some(sections)) = (&self.types, template.as_object()) else { return template.to_string() };
        let is_seen = |resource: &Value| resource["Type"].as_str().is_none_or(|kind| types.contains(kind));
        let sections = sections.iter().map(|(name, section)| match section.as_object() {
            Some(resources) if name == "Resources" => {
                let seen = resources.iter().filter(|(_, resource)| is_seen(resource));
                (name.clone(), Value::Object(seen.map(|(id, resource)| (id.clone(), resource.clone())).collect()))
            }
            _ => (name.clone(), section.clone()),
        });
        Value::Object(sections.collect()).to_string()
    }

    /// Evaluates the rules on a template in JSON, or on what they look at of it.
    pub(super) fn evaluate(&self, template: &str) -> Result<Verdict, GuardError> {
        // Guard answers nothing for a file without rules.
        if self.rules.is_empty() {
            return Ok(Verdict { rules: Vec::new(), breaches: Vec::new() });
        }
        let path = self.source.path.to_string_lossy();
        let record = cfn_guard::run_checks(
            ValidateInput { content: template, file_name: "template.json" },
            ValidateInput { content: &self.source.text, file_name: &path },
            true,
        )
        .map_err(|error| GuardError::Evaluation(error.to_string()))?;
        let record: Value = serde_json::from_str(&record).map_err(|_| GuardError::Record("valid JSON"))?;
        let verdict = read(&record)?;
        if verdict.rules.len() == self.rules.len() {
            Ok(verdict)
        } else {
            Err(GuardError::Record("verdict on some rule"))
        }
    }
}

fn parse_tree(rules: &str) -> Result<Value, GuardError> {
    let refused = |error: cfn_guard::Error| GuardError::Rules(message_of(&error.to_string()));
    let mut reader = Reader::new(ReadBuffer::Cursor(Cursor::new(rules.as_bytes().to_vec())));
    let mut writer = Writer::new(WriteBuffer::Vec(Vec::new())).map_err(refused)?;
    let command = ParseTreeBuilder::default().print_json(true).try_build().map_err(refused)?;
    command.execute(&mut writer, &mut reader).map_err(refused)?;
    let text = writer.into_string().map_err(refused)?;
    serde_json::from_str(&text).map_err(|error| GuardError::Rules(error.to_string()))
}

/// What Guard says of a text that it cannot read, without the rest of that text:
/// `Error parsing file … at line 3 at column 1, when handling …, fragment …`.
fn message_of(error: &str) -> String {
    let Some((_, place)) = error.split_once(" at line ") else { return error.to_owned() };
    let (place, rest) = place.split_once(", ").unwrap_or((place, ""));
    let expected =
        rest.strip_prefix("when handling ").unwrap_or_default().split(", fragment").next().unwrap_or_default();
    match expected.trim().trim_start_matches("expecting ") {
        "" => format!("they are not Guard's language at line {place}"),
        expected => format!("Guard expects {expected} at line {place}"),
    }
}

/// Where a text of rules is wrong, from what Guard says: its line and column, else the text that it quotes.
pub(super) fn place_of_error(error: &GuardError, source: &Arc<Source>) -> Location {
    let text = error.to_string();
    let number = |after: &str| -> Option<usize> {
        let rest = text.split(after).nth(1)?;
        rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())].parse().ok()
    };
    let at = match (number("at line "), number("at column ")) {
        (Some(line), column) => {
            let start: usize = source.text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
            let rest = source.text.get(start..).unwrap_or_default();
            let column = rest.char_indices().nth(column.unwrap_or(1).saturating_sub(1)).map_or(0, |(at, _)| at);
            // Guard counts from where it began to read, which may be the line before.
            let blank = rest[column..].len() - rest[column..].trim_start().len();
            Some(start + column + blank)
        }
        _ => {
            let quoted = text.split(['`', '\'', '"', '/']).filter(|part| part.len() > 1);
            quoted.filter_map(|part| source.text.find(part)).next()
        }
    };
    let at = at.unwrap_or(0).min(source.text.len());
    let end = source.text[at..].find('\n').map_or(source.text.len(), |length| at + length);
    Location::new(Arc::clone(source), at..end)
}

fn place_of(rule: &str, source: &Arc<Source>) -> Location {
    let header = format!("rule {rule}");
    let named = |at: &usize| !source.text[at + header.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let at = source.text.match_indices(&header).map(|(at, _)| at).find(named).unwrap_or(0);
    Location::new(Arc::clone(source), at..at + header.len())
}

fn read(record: &Value) -> Result<Verdict, GuardError> {
    let mut verdict = Verdict { rules: Vec::new(), breaches: Vec::new() };
    for child in record["children"].as_array().ok_or(GuardError::Record("rules"))? {
        let rule = &child["container"]["RuleCheck"];
        let name = rule["name"].as_str().ok_or(GuardError::Record("name of a rule"))?;
        // Clauses outside of rules are one that bears the file's name as well.
        let name = if name.ends_with("/default") { "default" } else { name };
        let status = match rule["status"].as_str() {
            Some("PASS") => Status::Pass,
            Some("FAIL") => Status::Fail,
            Some("SKIP") => Status::Skip,
            _ => return Err(GuardError::Record("status of a rule")),
        };
        verdict.rules.push((name.to_owned(), status));
        if status == Status::Fail {
            let before = verdict.breaches.len();
            collect(child, name, &mut verdict.breaches);
            if verdict.breaches.len() == before {
                verdict.breaches.push(Breach { rule: name.to_owned(), path: String::new(), message: None });
            }
        }
    }
    // Where one of several ways had to hold, only the last of them says what was wanted.
    let reported: BTreeSet<String> =
        verdict.breaches.iter().filter(|breach| breach.message.is_some()).map(|breach| breach.rule.clone()).collect();
    verdict.breaches.retain(|breach| breach.message.is_some() || !reported.contains(&breach.rule));
    verdict.breaches.sort();
    verdict.breaches.dedup();
    Ok(verdict)
}

/// Breached clauses below a record. Conditions and filters decide what is looked at; what fails in them is no breach.
fn collect(record: &Value, rule: &str, breaches: &mut Vec<Breach>) {
    for child in record["children"].as_array().into_iter().flatten() {
        let Some((kind, body)) = child["container"].as_object().and_then(|container| container.iter().next()) else {
            continue;
        };
        match kind.as_str() {
            "Filter" | "RuleCondition" | "TypeCondition" | "WhenCondition" => {}
            "ClauseValueCheck" => breaches.extend(breach(body, rule)),
            _ if status_of(body) == Some("FAIL") => collect(child, rule, breaches),
            _ => {}
        }
    }
}

fn status_of(body: &Value) -> Option<&str> {
    body.as_str().or_else(|| body["status"].as_str())
}

/// The breach of a clause, if it failed.
fn breach(clause: &Value, rule: &str) -> Option<Breach> {
    let (kind, body) = clause.as_object()?.iter().next()?;
    let check = if kind == "Unary" { &body["value"] } else { body };
    if kind == "NoValueForEmptyCheck" {
        let message = body.as_str().map(str::to_owned);
        return Some(Breach { rule: rule.to_owned(), path: String::new(), message });
    }
    if check["status"] != "FAIL" {
        return None;
    }
    let from = &check["from"];
    let place = [&from["Resolved"], &from["UnResolved"]["traversed_to"], &from["Literal"]];
    let path = place.iter().find_map(|place| place["path"].as_str()).unwrap_or_default();
    let message = check["custom_message"].as_str().map(|text| text.trim().trim_matches(';').trim().to_owned());
    Some(Breach { rule: rule.to_owned(), path: path.to_owned(), message: message.filter(|text| !text.is_empty()) })
}
