//! What single resources hold of a quota: rules of a security group, characters of a trust policy, seconds of a timeout.
//! A row of `policies/quotas.yaml` says of which properties it counts what (`of`).
//!
//! What a template leaves to CloudFormation is counted as it usually comes out: `${AWS::AccountId}` has 12 characters, the
//! ARN of another resource [`ARN`]. Templates of one form share everything but the lengths of their values.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::quotas::Quota;
use super::template::{resources, target};
use tenantry_template::render::{Form, Leaf, Piece, Template};

/// Characters of a reference to another resource, such as its ARN.
const ARN: u64 = 80;
/// Characters of what `Fn::Sub` fills in. Source: AWS CloudFormation Template Reference, "Pseudo parameters reference".
const FILLED: [(&str, u64); 3] = [("AWS::Partition", 3), ("AWS::AccountId", 12), ("AWS::Region", 9)];
/// What stands before each certificate of a PEM text.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";

/// What a quota counts in resources of a type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// `AWS::EC2::SecurityGroup`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Path of a property: `VpcConfig.SecurityGroupIds`. `Policies[].PolicyDocument` adds up over the entries of a list.
    #[serde(default)]
    pub property: Option<String>,
    /// How the property's value is counted.
    #[serde(default, rename = "as")]
    pub unit: As,
    /// What every resource has beside.
    #[serde(default)]
    pub plus: u64,
    /// Resources of another type that refer to the resource count, too.
    #[serde(default)]
    pub with: Option<With>,
}

/// How a property is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum As {
    /// Entries of a list.
    #[default]
    Entries,
    /// A number.
    Value,
    /// Characters of a text, or of JSON without white space.
    Characters,
    /// Bytes of the same in UTF-8.
    Bytes,
    /// Bytes of the keys and values of a map.
    Pairs,
    /// Certificates of a PEM text.
    Certificates,
}

/// Resources that belong to another by a reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct With {
    /// Resource type, such as `AWS::EC2::SecurityGroupIngress`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The property that refers to it.
    pub refers: String,
    /// Properties that it must have so; one that is absent is false.
    #[serde(default)]
    pub only: BTreeMap<String, bool>,
}

/// What one resource holds of a quota.
#[derive(Debug, Clone, PartialEq)]
pub struct Size<'q> {
    pub quota: &'q Quota,
    /// Logical id.
    pub resource: String,
    /// Path inside the resource.
    pub path: String,
    /// In the quota's unit.
    pub amount: u64,
}

/// The largest that the resources of a stack hold of each quota, with the logical id: by id of the quota.
pub type Largest = BTreeMap<String, (u64, String)>;

/// The quotas of single resources, with what is known of each form. Shared between threads.
#[derive(Debug, Default)]
pub struct Singles {
    quotas: Vec<Quota>,
    forms: RwLock<HashMap<usize, Arc<Spots>>>,
}

/// A form and what its resources hold.
#[derive(Debug)]
struct Spots {
    /// Keeps the form alive, so that its address stays its own.
    form: Arc<Form>,
    spots: Vec<Spot>,
}

/// What one resource of a form holds of a quota.
#[derive(Debug)]
struct Spot {
    quota: usize,
    resource: String,
    path: String,
    /// What every template of the form has, before it is counted in the quota's unit.
    fixed: u64,
    varies: Varies,
}

/// What a template's own values add.
#[derive(Debug)]
enum Varies {
    Nothing,
    /// The lengths of these values.
    Lengths(Vec<usize>),
    /// The number, or the certificates, in these leaves.
    Leaves(As, Vec<Leaf>),
}

impl Singles {
    /// Takes the rows that say what they count.
    pub fn new<'q>(quotas: impl IntoIterator<Item = &'q Quota>) -> Self {
        let quotas = quotas.into_iter().filter(|quota| !quota.of.is_empty()).cloned().collect();
        Self { quotas, forms: RwLock::default() }
    }

    /// What each resource of a template holds of each quota.
    pub fn sizes(&self, template: &Template) -> Vec<Size<'_>> {
        let known = self.form(&template.form);
        let size = |spot: &Spot| {
            let quota = &self.quotas[spot.quota];
            let own = match &spot.varies {
                Varies::Nothing => 0,
                Varies::Lengths(slots) => slots.iter().map(|slot| template.values.get(*slot).length() as u64).sum(),
                Varies::Leaves(unit, leaves) => {
                    leaves.iter().map(|leaf| of_text(*unit, &leaf.fill(&template.values))).sum()
                }
            };
            let amount = in_unit(quota, spot.fixed.saturating_add(own));
            Size { quota, resource: spot.resource.clone(), path: spot.path.clone(), amount }
        };
        known.spots.iter().map(size).collect()
    }

    /// The largest that a template's resources hold of each quota.
    pub fn largest(&self, template: &Template) -> Largest {
        largest(self.sizes(template))
    }

    /// As [`Singles::largest`], of a template that was rendered before.
    pub fn largest_of(&self, tree: &Value) -> Largest {
        largest(spots(tree, &self.quotas, &[]).into_iter().map(|spot| {
            let quota = &self.quotas[spot.quota];
            Size { quota, amount: in_unit(quota, spot.fixed), resource: spot.resource, path: spot.path }
        }))
    }

    fn form(&self, form: &Arc<Form>) -> Arc<Spots> {
        let key = Arc::as_ptr(form).addr();
        if let Some(known) = self.forms.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(known);
        }
        let made = Arc::new(Spots { spots: spots(&form.tree, &self.quotas, &form.leaves), form: Arc::clone(form) });
        debug_assert_eq!(Arc::as_ptr(&made.form).addr(), key);
        Arc::clone(self.forms.write().unwrap_or_else(PoisonError::into_inner).entry(key).or_insert(made))
    }
}

fn largest<'q>(sizes: impl IntoIterator<Item = Size<'q>>) -> Largest {
    let mut largest = Largest::new();
    for size in sizes {
        let entry = largest.entry(size.quota.id.clone()).or_default();
        if size.amount >= entry.0 {
            *entry = (size.amount, size.resource);
        }
    }
    largest
}

/// An amount of bytes or characters in the quota's unit; a part of a unit is a whole one.
fn in_unit(quota: &Quota, amount: u64) -> u64 {
    match (quota.unit.as_str(), quota.of.first().map(|of| of.unit)) {
        ("KiB", Some(As::Bytes | As::Pairs | As::Characters)) => amount.div_ceil(1024),
        _ => amount,
    }
}

fn spots(tree: &Value, quotas: &[Quota], leaves: &[Leaf]) -> Vec<Spot> {
    let mut spots = Vec::new();
    for (index, measure) in
        quotas.iter().enumerate().flat_map(|(index, quota)| quota.of.iter().map(move |of| (index, of)))
    {
        for (id, _, properties) in resources(tree).filter(|(_, kind, _)| *kind == measure.kind) {
            let referring = measure.with.as_ref().map_or(0, |with| referring(tree, id, with));
            let steps: Vec<&str> = measure.property.iter().flat_map(|path| path.split('.')).collect();
            let mut found = Vec::new();
            if !steps.is_empty() {
                walk(properties, &steps, &mut vec!["Resources".into(), id.into(), "Properties".into()], &mut found);
            }
            if found.is_empty() && measure.with.is_none() && measure.plus == 0 {
                continue;
            }
            let counted = |(path, value): &(Vec<String>, Value)| count(measure.unit, path, value, leaves);
            let (fixed, varies) = merged(found.iter().map(counted));
            let fixed = fixed.saturating_add(referring).saturating_add(measure.plus);
            let property = measure.property.as_deref().unwrap_or_default().replace("[]", "").replace('.', "/");
            let path = format!("Properties/{property}").trim_end_matches('/').to_owned();
            spots.push(Spot { quota: index, resource: id.to_owned(), path, fixed, varies });
        }
    }
    spots
}

fn merged(parts: impl Iterator<Item = (u64, Varies)>) -> (u64, Varies) {
    parts.fold((0, Varies::Nothing), |(sum, before), (fixed, varies)| {
        let varies = match (before, varies) {
            (Varies::Nothing, other) | (other, Varies::Nothing) => other,
            (Varies::Lengths(mut all), Varies::Lengths(more)) => {
                all.extend(more);
                Varies::Lengths(all)
            }
            (Varies::Leaves(unit, mut all), Varies::Leaves(_, more)) => {
                all.extend(more);
                Varies::Leaves(unit, all)
            }
            (before, _) => before,
        };
        (sum.saturating_add(fixed), varies)
    })
}

/// How many resources refer to one.
fn referring(tree: &Value, id: &str, with: &With) -> u64 {
    let fits = |properties: &Value| {
        with.only.iter().all(|(property, wanted)| properties[property].as_bool().unwrap_or(false) == *wanted)
    };
    let refers = |properties: &Value| match &properties[&with.refers] {
        Value::Array(items) => items.iter().any(|item| target(item) == Some(id)),
        one => target(one) == Some(id),
    };
    let all =
        resources(tree).filter(|(_, kind, properties)| *kind == with.kind && fits(properties) && refers(properties));
    all.count() as u64
}

/// The values at a path, each with its place in the template. JSON in a text is looked into.
fn walk(value: &Value, steps: &[&str], at: &mut Vec<String>, found: &mut Vec<(Vec<String>, Value)>) {
    let Some((step, rest)) = steps.split_first() else {
        if !value.is_null() {
            found.push((at.clone(), value.clone()));
        }
        return;
    };
    let (key, each) = step.strip_suffix("[]").map_or((*step, false), |key| (key, true));
    let text = value.as_str().or_else(|| value["Fn::Sub"].as_str());
    let inner = match text {
        Some(text) => serde_json::from_str::<Value>(text).map(|inner| inner[key].clone()).unwrap_or_default(),
        None => value[key].clone(),
    };
    at.push(key.to_owned());
    match &inner {
        Value::Array(items) if each => {
            for (index, item) in items.iter().enumerate() {
                at.push(index.to_string());
                walk(item, rest, at, found);
                at.pop();
            }
        }
        one => walk(one, rest, at, found),
    }
    at.pop();
}

/// What a value counts in every template of its form, and what of it is each template's own.
fn count(unit: As, path: &[String], value: &Value, leaves: &[Leaf]) -> (u64, Varies) {
    let below: Vec<&Leaf> = leaves.iter().filter(|leaf| leaf.path.starts_with(path)).collect();
    match unit {
        As::Entries => (value.as_array().map_or(1, |items| items.len() as u64), Varies::Nothing),
        As::Value | As::Certificates if below.is_empty() => (of_text(unit, value), Varies::Nothing),
        As::Value | As::Certificates => (0, Varies::Leaves(unit, below.into_iter().cloned().collect())),
        As::Characters | As::Bytes | As::Pairs => {
            let mut value = value.clone();
            let (mut literal, mut slots) = (0, Vec::new());
            for leaf in below {
                // A placeholder is replaced by nothing, and its literal pieces and values count beside.
                let Some(place) = lookup(&mut value, &leaf.path[path.len()..]) else { continue };
                *place = Value::String(String::new());
                for piece in &leaf.pieces {
                    match piece {
                        Piece::Literal(text) => literal += text_length(text),
                        Piece::Slot(slot) => slots.push(*slot),
                    }
                }
            }
            let whole = match (&value, unit) {
                (Value::Object(map), As::Pairs) => map.iter().map(|(key, value)| key.len() as u64 + plain(value)).sum(),
                (value @ Value::String(_), _) => plain(value),
                (value, _) if is_function(value) => plain(value),
                (value, _) => json_length(value),
            };
            let varies = if slots.is_empty() { Varies::Nothing } else { Varies::Lengths(slots) };
            (whole + literal, varies)
        }
    }
}

fn lookup<'v>(value: &'v mut Value, path: &[String]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |node, key| match node {
        Value::Array(items) => items.get_mut(key.parse::<usize>().ok()?),
        Value::Object(map) => map.get_mut(key),
        _ => None,
    })
}

fn of_text(unit: As, value: &Value) -> u64 {
    match (unit, value) {
        (As::Certificates, Value::String(text)) => text.matches(CERTIFICATE).count() as u64,
        (As::Value, Value::String(text)) => text.parse().unwrap_or(0),
        (As::Value, value) => value.as_u64().unwrap_or(0),
        _ => 0,
    }
}

fn is_function(value: &Value) -> bool {
    let key = value.as_object().filter(|map| map.len() == 1).and_then(|map| map.keys().next());
    key.is_some_and(|key| key == "Ref" || key.starts_with("Fn::"))
}

/// Bytes of a value that is no list or map of its own: a text, a number, or what a function gives.
fn plain(value: &Value) -> u64 {
    match value {
        Value::String(text) => text_length(text),
        Value::Object(map) => match map.get("Fn::Sub").and_then(Value::as_str) {
            Some(text) => text_length(text),
            None => ARN,
        },
        other => other.to_string().len() as u64,
    }
}

/// Bytes of a text with what `Fn::Sub` fills in.
fn text_length(text: &str) -> u64 {
    let mut length = text.len() as u64;
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("${") {
        let Some((name, after)) = after.split_once('}') else { break };
        let filled = FILLED.iter().find(|(known, _)| *known == name).map_or(ARN, |(_, length)| *length);
        length = length.saturating_sub(name.len() as u64 + 3).saturating_add(filled);
        rest = after;
    }
    length
}

/// Bytes of JSON without white space, functions resolved.
fn json_length(value: &Value) -> u64 {
    match value {
        value if is_function(value) => plain(value) + 2,
        Value::Object(map) => {
            let entries: u64 = map.iter().map(|(key, value)| key.len() as u64 + 3 + json_length(value)).sum();
            entries + 2 + (map.len() as u64).saturating_sub(1)
        }
        Value::Array(items) => items.iter().map(json_length).sum::<u64>() + 2 + (items.len() as u64).saturating_sub(1),
        Value::String(text) => text_length(text) + 2,
        other => other.to_string().len() as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn quotas() -> Vec<Quota> {
        super::super::parse(include_str!("../../../../policies/quotas.yaml")).unwrap()
    }

    fn sizes(resources: Value) -> Vec<(String, String, u64)> {
        let quotas = quotas();
        let tree = json!({ "Resources": resources });
        let spots = spots(&tree, &quotas, &[]).into_iter();
        spots
            .map(|spot| (quotas[spot.quota].id.clone(), spot.resource, in_unit(&quotas[spot.quota], spot.fixed)))
            .collect()
    }

    fn size(resources: Value, quota: &str) -> Vec<u64> {
        sizes(resources).into_iter().filter(|(id, ..)| id == quota).map(|(.., amount)| amount).collect()
    }

    #[test]
    fn every_quota_of_a_resource_says_what_it_counts_or_why_a_template_does_not_show_it() {
        for quota in quotas().iter().filter(|quota| quota.scope == super::super::Scope::Resource) {
            assert!(quota.of.is_empty() == quota.at_run_time.is_some(), "{}", quota.id);
        }
    }

    #[test]
    fn rules_of_a_group_are_its_own_and_those_that_name_it() {
        let rule = |group: &str| json!({ "Type": "AWS::EC2::SecurityGroupIngress", "Properties": { "GroupId": { "Fn::GetAtt": [group, "GroupId"] } } });
        let resources = json!({
            "Group": { "Type": "AWS::EC2::SecurityGroup", "Properties": { "SecurityGroupIngress": [{}, {}], "SecurityGroupEgress": [{}] } },
            "Other": { "Type": "AWS::EC2::SecurityGroup", "Properties": {} },
            "One": rule("Group"), "Two": rule("Group"), "Three": rule("Other"),
        });
        assert_eq!(size(resources, "vpc-rules-per-security-group"), [4, 1, 1, 0]);
    }

    #[test]
    fn entries_of_an_access_list_count_by_direction() {
        let entry = |egress: bool| json!({ "Type": "AWS::EC2::NetworkAclEntry", "Properties": { "NetworkAclId": { "Ref": "Acl" }, "Egress": egress } });
        let resources = json!({ "Acl": { "Type": "AWS::EC2::NetworkAcl" }, "A": entry(true), "B": entry(false), "C": entry(false) });
        assert_eq!(size(resources, "vpc-rules-per-network-acl"), [2, 1]);
    }

    #[test]
    fn policies_are_counted_without_white_space_and_with_functions_resolved() {
        let policy = json!({ "a": "b", "c": [{ "Fn::Sub": "x${AWS::AccountId}" }, 1] });
        let role = json!({ "Role": { "Type": "AWS::IAM::Role", "Properties": {
            "AssumeRolePolicyDocument": policy, "Policies": [{ "PolicyDocument": policy }, { "PolicyDocument": policy }] } } });
        // {"a":"b","c":["x111122223333",1]}
        assert_eq!(size(role.clone(), "iam-trust-policy-length"), [33]);
        assert_eq!(size(role, "iam-inline-policies-length"), [66]);
    }

    #[test]
    fn numbers_certificates_octets_and_pairs_are_counted() {
        let pem = format!("{CERTIFICATE}\nMA==\n").repeat(3);
        let resources = json!({
            "Anchor": { "Type": "AWS::RolesAnywhere::TrustAnchor", "Properties": { "Source": { "SourceData": { "X509CertificateData": pem } } } },
            "Certificate": { "Type": "AWS::CertificateManager::Certificate", "Properties": { "DomainName": "ä.example" } },
            "Function": { "Type": "AWS::Lambda::Function", "Properties": { "Timeout": "901", "Environment": { "Variables": { "K": "v".repeat(4096) } } } },
        });
        assert_eq!(size(resources.clone(), "rolesanywhere-certificates-per-trust-anchor"), [3]);
        assert_eq!(size(resources.clone(), "acm-domain-name-octets"), [10]);
        assert_eq!(size(resources.clone(), "lambda-timeout"), [901]);
        assert_eq!(size(resources, "lambda-environment"), [5]);
    }

    #[test]
    fn dashboards_are_looked_into() {
        let body = json!({ "Fn::Sub": "{\"widgets\":[{\"x\":\"${AWS::Region}\"},{}]}" });
        let resources =
            json!({ "D": { "Type": "AWS::CloudWatch::Dashboard", "Properties": { "DashboardBody": body } } });
        assert_eq!(size(resources, "cloudwatch-dashboard-widgets"), [2]);
    }
}
