//! Policies that allow what is needed and no more.
//!
//! The control plane's own statements stay what they are for: their resources and conditions are kept, their actions cut
//! down to those that are needed, wildcards resolved. What they lack comes in statements of its own, limited to names
//! with the organisation's prefix where every resource of a type is named so, else to actions. A role's statements are
//! packed into as many managed policies as their size asks for.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::statements::{actions, allows, covers, is_for_all, passed_to};
use super::{Needs, Permission, Registry, Resource, Subject, grants, own_name};
use crate::resources::Table;

/// The most characters of a managed policy, white space left out. Source: IAM User Guide, "IAM and AWS STS quotas".
const MOST_CHARACTERS: usize = 6_144;
/// Managed policies that a role takes; more on request. Source: the same.
pub const ROLE_POLICIES: usize = 10;
/// Actions that give a role or user what it may do; each takes the condition key `iam:PermissionsBoundary`.
/// Source: Service Authorization Reference, "AWS Identity and Access Management".
const BOUNDED: [&str; 8] = [
    "iam:AttachRolePolicy",
    "iam:AttachUserPolicy",
    "iam:CreateRole",
    "iam:CreateUser",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:PutUserPermissionsBoundary",
    "iam:PutUserPolicy",
];
/// Services whose keys a statement of its own is for: other services use them in the role's name.
const KEY_SERVICE: &str = "kms";

/// The policies of one of the control plane's subjects.
#[derive(Debug, Clone)]
pub struct Generated {
    pub subject: Subject,
    /// Policy documents, each within IAM's limit.
    pub documents: Vec<Value>,
    /// A statement that no managed policy can hold.
    pub too_large: bool,
}

impl Generated {
    /// Whether IAM takes them: a boundary is one policy, a role has ten at most.
    pub fn fits(&self) -> bool {
        let most = if self.subject == Subject::Boundary { 1 } else { ROLE_POLICIES };
        !self.too_large && self.documents.len() <= most
    }

    /// The policies as resources of a CloudFormation template, by logical ID.
    pub fn resources(&self) -> Map<String, Value> {
        let id = self.subject.id();
        let many = self.documents.iter().enumerate().map(|(index, document)| {
            let (name, roles) = match self.subject {
                Subject::Boundary => (id.to_owned(), None),
                _ => (format!("{id}Policy{}", index + 1), Some(json!([{ "Ref": id }]))),
            };
            let mut properties = Map::new();
            properties.insert("PolicyDocument".to_owned(), document.clone());
            properties.extend(roles.map(|roles| ("Roles".to_owned(), roles)));
            (name, json!({ "Type": "AWS::IAM::ManagedPolicy", "Properties": properties }))
        });
        many.collect()
    }
}

/// Policies for what is needed; `own` are the control plane's statements.
pub fn generate(registry: &Registry, subject: Subject, own: &[Value], needs: &Needs, names: &Names<'_>) -> Generated {
    let without = |statement: &Value| statement.get("Condition").is_none() && is_for_all(statement);
    // What is allowed for all resources need not be allowed for some of them.
    let (all, some): (Vec<&Value>, Vec<&Value>) = own.iter().partition(|one| allows(one) && without(one));
    let everywhere: BTreeSet<&Permission> =
        needs.permissions.keys().filter(|need| all.iter().any(|one| grants(registry, subject, one, need))).collect();
    let mut statements: Vec<Value> = Vec::new();
    for (own, beside) in [(all, None), (some, Some(&everywhere))] {
        let wanted = |need: &&Permission| beside.is_none_or(|everywhere| !everywhere.contains(need));
        statements.extend(own.into_iter().filter_map(|one| cut(registry, subject, one, needs, wanted)));
    }
    let lacking: Vec<&Permission> = needs
        .permissions
        .keys()
        .filter(|need| !own.iter().any(|statement| grants(registry, subject, statement, need)))
        .collect();
    statements.extend(added(registry, subject, &lacking, needs, names));
    let (documents, too_large) = packed(statements);
    Generated { subject, documents, too_large }
}

/// A statement with the actions that are needed; None where none is.
fn cut(
    registry: &Registry,
    subject: Subject,
    statement: &Value,
    needs: &Needs,
    wanted: impl Fn(&&Permission) -> bool,
) -> Option<Value> {
    if !allows(statement) {
        return Some(statement.clone());
    }
    let granted: Vec<&Permission> =
        needs.permissions.keys().filter(wanted).filter(|need| grants(registry, subject, statement, need)).collect();
    let kept: BTreeSet<&str> = granted.iter().map(|need| need.action.as_str()).collect();
    if kept.is_empty() {
        return None;
    }
    let mut cut = statement.clone();
    cut["Action"] = json!(kept);
    let services: BTreeSet<&str> = granted.iter().filter_map(|need| need.service.as_deref()).collect();
    if passed_to(statement).is_some() && !services.is_empty() {
        passes_to(&mut cut, &services);
    }
    Some(cut)
}

fn passes_to(statement: &mut Value, services: &BTreeSet<&str>) {
    let conditions = statement["Condition"].as_object_mut().into_iter().flatten();
    for (_, keys) in conditions {
        if let Some(value) = keys.get_mut("iam:PassedToService") {
            *value = json!(services);
        }
    }
}

/// Statements for what no statement of the control plane allows.
fn added(
    registry: &Registry,
    subject: Subject,
    lacking: &[&Permission],
    needs: &Needs,
    names: &Names<'_>,
) -> Vec<Value> {
    // By resources and condition: the actions.
    let mut groups: BTreeMap<(String, String), BTreeSet<&str>> = BTreeMap::new();
    let mut services = BTreeSet::new();
    for need in lacking {
        let action = need.action.as_str();
        if let Some(service) = &need.service {
            services.insert(service.as_str());
            continue;
        }
        let (resources, condition) = if subject == Subject::Boundary {
            (json!("*"), Value::Null)
        } else if BOUNDED.iter().any(|bounded| covers(action, bounded)) {
            (
                names.arns(registry, action).unwrap_or(json!("*")),
                json!({ "StringEquals": { "iam:PermissionsBoundary": { "Ref": "Boundary" } } }),
            )
        } else if action == "iam:CreateServiceLinkedRole" {
            (sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:role/aws-service-role/*"), Value::Null)
        } else if is_use_of_keys(action, &needs.permissions[*need]) {
            (
                sub("arn:${AWS::Partition}:kms:*:${AWS::AccountId}:key/*"),
                json!({ "StringLike": { "kms:ViaService": "*.amazonaws.com*" } }),
            )
        } else {
            (names.arns(registry, action).unwrap_or(json!("*")), Value::Null)
        };
        groups.entry((resources.to_string(), condition.to_string())).or_default().insert(action);
    }
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let mut statements: Vec<Value> = groups
        .iter()
        .map(|((resources, condition), actions)| statement(actions, parsed(resources), parsed(condition)))
        .collect();
    if !services.is_empty() {
        let roles = sub(&format!("arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{}*", names.prefix));
        let condition = json!({ "StringEquals": { "iam:PassedToService": services } });
        statements.push(statement(&BTreeSet::from(["iam:PassRole"]), roles, condition));
    }
    statements
}

fn statement(actions: &BTreeSet<&str>, resources: Value, condition: Value) -> Value {
    let mut statement = json!({ "Effect": "Allow", "Action": actions, "Resource": resources });
    if !condition.is_null() {
        statement["Condition"] = condition;
    }
    statement
}

fn sub(text: &str) -> Value {
    json!({ "Fn::Sub": text })
}

/// Whether other services use keys with an action, in the role's name.
fn is_use_of_keys(action: &str, causes: &BTreeSet<super::Cause>) -> bool {
    action.split(':').next() == Some(KEY_SERVICE) && !causes.iter().any(|cause| cause.of.starts_with("AWS::KMS::"))
}

/// The prefixes of names that an estate's stacks give to resources.
#[derive(Debug, Clone)]
pub struct Names<'t> {
    /// What every stack's name begins with, and so the names that CloudFormation generates: `metanet-`.
    prefix: String,
    /// By service (`S3`) and type (`Bucket`): the prefixes of its names; empty where one has none of them.
    by_type: BTreeMap<(&'t str, &'t str), BTreeSet<String>>,
}

impl<'t> Names<'t> {
    /// Finds the prefixes of names in templates. A name counts as far as the organisation's name goes in it:
    /// `/tenantry/metanet/`.
    pub fn of(table: &Table, organisation: &str, resources: impl IntoIterator<Item = Resource<'t>>) -> Self {
        let prefix = format!("{organisation}-");
        let mut by_type: BTreeMap<(&str, &str), Option<BTreeSet<String>>> = BTreeMap::new();
        for resource in resources {
            let mut parts = resource.kind.split("::").skip(1);
            let (Some(service), Some(kind)) = (parts.next(), parts.next()) else { continue };
            let property = table.get(resource.kind).and_then(|(_, row)| row.name.as_ref()).and_then(own_name);
            let found = property.and_then(|property| match resource.properties.get(property) {
                None => Some(prefix.clone()),
                Some(name) => prefix_of(name, organisation),
            });
            let known = by_type.entry((service, kind)).or_insert_with(|| Some(BTreeSet::new()));
            match (known.as_mut(), found) {
                (Some(known), Some(found)) => drop(known.insert(found)),
                _ => *known = None,
            }
        }
        let by_type = by_type.into_iter().map(|(kind, known)| (kind, known.unwrap_or_default())).collect();
        Self { prefix, by_type }
    }

    /// The ARNs of the resources that an action is for, where the names of all of them have a prefix.
    fn arns(&self, registry: &Registry, action: &str) -> Option<Value> {
        let formats = registry.formats(action).filter(|formats| !formats.is_empty())?;
        let service = action.split(':').next()?;
        let mut arns = BTreeSet::new();
        for format in formats {
            arns.extend(self.filled(service, format)?);
        }
        let arns: Vec<Value> = arns.iter().map(|arn| sub(arn)).collect();
        Some(if let [one] = &arns[..] { one.clone() } else { Value::Array(arns) })
    }

    /// A format with the prefixes of a type's names; None where its name is not that of a type with prefixes.
    fn filled(&self, service: &str, format: &str) -> Option<Vec<String>> {
        let place = format
            .replace("${Partition}", "\0Partition\0")
            .replace("${Region}", "*")
            .replace("${Account}", "\0AccountId\0");
        let (start, rest) = place.split_once("${")?;
        let (variable, _) = rest.split_once('}')?;
        let named = self.by_type.iter().find(|((of, kind), prefixes)| {
            let (of, kind) = (of.to_lowercase(), kind.to_lowercase());
            of.starts_with(service)
                && variable.to_lowercase().starts_with(&format!("{kind}name"))
                && !prefixes.is_empty()
        });
        let (_, prefixes) = named?;
        let start = start.replace("\0Partition\0", "${AWS::Partition}").replace("\0AccountId\0", "${AWS::AccountId}");
        // The ARN of a parameter has one slash between the word and the name.
        let joined = |prefix: &String| match start.strip_suffix('/') {
            Some(start) if prefix.starts_with('/') => format!("{start}{prefix}*"),
            _ => format!("{start}{prefix}*"),
        };
        Some(prefixes.iter().map(joined).collect())
    }
}

/// A name up to and with the organisation's name and what parts it from the rest.
fn prefix_of(name: &Value, organisation: &str) -> Option<String> {
    let text = name.as_str().or_else(|| name["Fn::Sub"].as_str())?;
    let at = text.find(organisation)? + organisation.len();
    let rest = &text[at..];
    let parted = rest.starts_with(['-', '/', '.', '_']);
    (parted && !text[..at].contains("${")).then(|| text[..=at].to_owned())
}

/// Packs statements into documents within the limit, in their order; whether one is too large for any.
fn packed(statements: Vec<Value>) -> (Vec<Value>, bool) {
    let empty = size(&document(&[]));
    let mut documents: Vec<Vec<Value>> = Vec::new();
    let mut left = 0;
    let mut too_large = false;
    for statement in statements.into_iter().flat_map(|statement| parts(statement, MOST_CHARACTERS - empty)) {
        let characters = size(&statement) + 1;
        too_large |= characters > MOST_CHARACTERS - empty;
        match documents.last_mut() {
            Some(last) if characters <= left => last.push(statement),
            _ => {
                documents.push(vec![statement]);
                left = MOST_CHARACTERS - empty;
            }
        }
        left = left.saturating_sub(characters);
    }
    (documents.iter().map(|statements| document(statements)).collect(), too_large)
}

/// A statement, or several with a part of its actions each, as far as that makes them small enough.
fn parts(statement: Value, most: usize) -> Vec<Value> {
    let own = actions(&statement);
    if size(&statement) < most || own.len() < 2 {
        return vec![statement];
    }
    let half = |actions: &[String]| {
        let mut part = statement.clone();
        part["Action"] = json!(actions);
        // A document must not have an identifier twice.
        part.as_object_mut().map(|part| part.remove("Sid"));
        parts(part, most)
    };
    let (first, second) = own.split_at(own.len() / 2);
    [half(first), half(second)].concat()
}

fn document(statements: &[Value]) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// Characters of a policy in the account that has the longest of everything: functions of CloudFormation resolved.
fn size(value: &Value) -> usize {
    /// An ARN of a role or policy with the longest name that IAM takes.
    const ARN: usize = 170;
    match value {
        Value::Object(map) => match map.iter().next().filter(|_| map.len() == 1) {
            Some((key, Value::String(text))) if key == "Fn::Sub" => text.len() + 2,
            Some((key, _)) if key == "Ref" || key == "Fn::GetAtt" => ARN,
            _ => 1 + map.iter().map(|(key, value)| key.len() + 4 + size(value)).sum::<usize>(),
        },
        Value::Array(items) => 1 + items.iter().map(|item| size(item) + 1).sum::<usize>(),
        other => other.to_string().len(),
    }
}
