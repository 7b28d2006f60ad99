//! References between the parts of a template: every one has a target, and none leads back to where it came from.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Parameters that every template has. Source: AWS CloudFormation Template Reference, "Pseudo parameters reference".
const PSEUDO_PARAMETERS: [&str; 8] = [
    "AWS::AccountId",
    "AWS::NotificationARNs",
    "AWS::NoValue",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];

/// What is wrong with the references of a template.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// `from` (a resource or output) names `to`, which does not exist.
    NoTarget { from: String, to: String },
    /// Resources that depend on each other in a circle; the first stands at the end again.
    Circle(Vec<String>),
    /// `from` names a condition that does not exist.
    NoCondition { from: String, to: String },
    /// `from` looks into a mapping that does not exist.
    NoMapping { from: String, to: String },
}

/// Every fault of a template in long form.
pub fn check(template: &Value) -> Vec<Fault> {
    let resources = section(template, "Resources");
    let targets: BTreeSet<&str> = ["Resources", "Parameters"]
        .iter()
        .flat_map(|name| section(template, name).map(|(id, _)| id))
        .chain(PSEUDO_PARAMETERS)
        .collect();
    let mut faults = BTreeSet::new();
    let mut graph: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let outputs = section(template, "Outputs").map(|(id, output)| (id, output, false));
    for (id, entry, orders) in resources.map(|(id, resource)| (id, resource, true)).chain(outputs) {
        let named = references(entry);
        faults.extend(
            named
                .iter()
                .filter(|to| !targets.contains(to.as_str()))
                .map(|to| Fault::NoTarget { from: id.to_owned(), to: to.clone() }),
        );
        if orders {
            graph.entry(id).or_default().extend(named);
        }
    }
    faults.extend(circle(&graph).map(Fault::Circle));
    let conditions: BTreeSet<&str> = section(template, "Conditions").map(|(id, _)| id).collect();
    let mappings: BTreeSet<&str> = section(template, "Mappings").map(|(id, _)| id).collect();
    for name in ["Resources", "Outputs", "Conditions"] {
        for (id, entry) in section(template, name) {
            let (mut asked, mut looked) = (BTreeSet::new(), BTreeSet::new());
            deciding(entry, name == "Conditions", &mut asked, &mut looked);
            let own = entry.get("Condition").and_then(Value::as_str).filter(|_| name != "Conditions");
            asked.extend(own);
            let from = || id.to_owned();
            let asked = asked.into_iter().filter(|to| !conditions.contains(to));
            faults.extend(asked.map(|to| Fault::NoCondition { from: from(), to: to.to_owned() }));
            let looked = looked.into_iter().filter(|to| !mappings.contains(to));
            faults.extend(looked.map(|to| Fault::NoMapping { from: from(), to: to.to_owned() }));
        }
    }
    faults.into_iter().collect()
}

/// Names of the conditions and mappings that an entry asks. Conditions ask each other by `Condition`; elsewhere that word may be
/// a policy's.
fn deciding<'t>(node: &'t Value, is_condition: bool, asked: &mut BTreeSet<&'t str>, looked: &mut BTreeSet<&'t str>) {
    match node {
        Value::Array(items) => items.iter().for_each(|item| deciding(item, is_condition, asked, looked)),
        Value::Object(map) => {
            for (key, value) in map {
                let first = || value.get(0).and_then(Value::as_str);
                match key.as_str() {
                    "Fn::If" => asked.extend(first()),
                    "Fn::FindInMap" => looked.extend(first()),
                    "Condition" if is_condition && map.len() == 1 => asked.extend(value.as_str()),
                    _ => {}
                }
                deciding(value, is_condition, asked, looked);
            }
        }
        _ => {}
    }
}

fn section<'t>(template: &'t Value, name: &str) -> impl Iterator<Item = (&'t str, &'t Value)> {
    template.get(name).and_then(Value::as_object).into_iter().flatten().map(|(id, value)| (id.as_str(), value))
}

/// Every name that a resource refers to, `DependsOn` included.
pub fn references(resource: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    match resource.get("DependsOn") {
        Some(Value::String(id)) => drop(found.insert(id.clone())),
        Some(Value::Array(ids)) => found.extend(ids.iter().filter_map(Value::as_str).map(str::to_owned)),
        _ => {}
    }
    collect(resource, &mut found);
    found
}

fn collect(node: &Value, found: &mut BTreeSet<String>) {
    match node {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(map) => {
            for (key, value) in map {
                match (key.as_str(), value) {
                    ("Ref", Value::String(id)) => drop(found.insert(id.clone())),
                    ("Fn::GetAtt", Value::Array(parts)) => {
                        found.extend(parts.first().and_then(Value::as_str).map(str::to_owned));
                    }
                    ("Fn::Sub", Value::String(text)) => found.extend(substitutions(text)),
                    ("Fn::Sub", Value::Array(parts)) => {
                        let own = parts.get(1).and_then(Value::as_object);
                        let text = parts.first().and_then(Value::as_str).unwrap_or("");
                        found.extend(substitutions(text).filter(|name| !own.is_some_and(|map| map.contains_key(name))));
                        parts.iter().skip(1).for_each(|part| collect(part, found));
                    }
                    _ => collect(value, found),
                }
            }
        }
        _ => {}
    }
}

/// Every attribute that a resource or output asks for: the path of the function that asks, the logical id, the attribute.
pub fn attributes(entry: &Value) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    collect_attributes(entry, &mut Vec::new(), &mut found);
    found
}

fn collect_attributes(node: &Value, path: &mut Vec<String>, found: &mut Vec<(String, String, String)>) {
    let descend = |key: String, value: &Value, path: &mut Vec<String>, found: &mut Vec<_>| {
        path.push(key);
        collect_attributes(value, path, found);
        path.pop();
    };
    match node {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| descend(index.to_string(), item, path, found));
        }
        Value::Object(map) => {
            for (key, value) in map {
                match (key.as_str(), value) {
                    ("Fn::GetAtt", Value::Array(parts)) => {
                        if let [Value::String(id), Value::String(attribute)] = &parts[..] {
                            found.push((path.join("/"), id.clone(), attribute.clone()));
                        }
                    }
                    ("Fn::Sub", value) => {
                        let (text, own) = match value {
                            Value::Array(parts) => (parts.first(), parts.get(1)),
                            text => (Some(text), None),
                        };
                        let asked = names(text.and_then(Value::as_str).unwrap_or_default());
                        let asked = asked.filter(|name| own.is_none_or(|own| own.get(name).is_none()));
                        let asked = asked.filter_map(|name| name.split_once('.'));
                        let asked = asked.filter(|(id, _)| !id.contains("::"));
                        found.extend(asked.map(|(id, asked)| (path.join("/"), id.to_owned(), asked.to_owned())));
                        own.into_iter().for_each(|own| collect_attributes(own, path, found));
                    }
                    _ => descend(key.clone(), value, path, found),
                }
            }
        }
        _ => {}
    }
}

/// Logical ids in `${Name}` and `${Name.Attribute}`.
fn substitutions(text: &str) -> impl Iterator<Item = String> {
    names(text).map(|name| name.split('.').next().unwrap_or(name).to_owned())
}

/// What stands in `${Name}` and `${Name.Attribute}`; `${!Literal}` is text.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split("${")
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| name.trim())
        .filter(|name| !name.starts_with('!'))
}

/// The first circle of a graph, if it has one.
fn circle(graph: &BTreeMap<&str, BTreeSet<String>>) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    graph.keys().find_map(|id| follow(id, graph, &mut Vec::new(), &mut done))
}

fn follow<'g>(
    id: &'g str,
    graph: &'g BTreeMap<&str, BTreeSet<String>>,
    path: &mut Vec<&'g str>,
    done: &mut BTreeSet<&'g str>,
) -> Option<Vec<String>> {
    if let Some(start) = path.iter().position(|seen| *seen == id) {
        return Some(path[start..].iter().chain([&id]).map(|id| (*id).to_owned()).collect());
    }
    let targets = graph.get(id).filter(|_| !done.contains(id))?;
    path.push(id);
    let found = targets.iter().find_map(|target| follow(target, graph, path, done));
    path.pop();
    done.insert(id);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn faults(resources: Value) -> Vec<Fault> {
        check(&json!({ "Resources": resources, "Outputs": {} }))
    }

    #[test]
    fn every_kind_of_reference_needs_a_target() {
        for body in [
            json!({ "P": { "Ref": "Gone" } }),
            json!({ "P": { "Fn::GetAtt": ["Gone", "Arn"] } }),
            json!({ "P": { "Fn::Sub": "a-${Gone.Arn}-${AWS::Region}-${!Text}" } }),
            json!({ "P": { "Fn::Sub": ["${Gone}-${Own}", { "Own": { "Ref": "AWS::Region" } }] } }),
            json!({ "DependsOn": "Gone" }),
            json!({ "DependsOn": ["Gone"] }),
        ] {
            let fault = Fault::NoTarget { from: "A".to_owned(), to: "Gone".to_owned() };
            assert_eq!(faults(json!({ "A": body })), [fault], "{body}");
        }
    }

    #[test]
    fn conditions_and_mappings_must_be_there() {
        let template = |condition: &str, mapping: &str| {
            json!({
                "Conditions": { "Known": { "Fn::Equals": ["a", "b"] }, "Both": { "Fn::And": [{ "Condition": condition }] } },
                "Mappings": { "Sizes": {} },
                "Resources": { "A": {
                    "Condition": condition,
                    "P": { "Fn::If": [condition, { "Fn::FindInMap": [mapping, "a", "b"] }, "x"] },
                    "Policy": { "Condition": { "Bool": { "aws:SecureTransport": "false" } } },
                } },
            })
        };
        assert_eq!(check(&template("Known", "Sizes")), []);
        let condition = |from: &str| Fault::NoCondition { from: from.to_owned(), to: "Gone".to_owned() };
        assert_eq!(check(&template("Gone", "Sizes")), [condition("A"), condition("Both")]);
        let mapping = Fault::NoMapping { from: "A".to_owned(), to: "Size".to_owned() };
        assert_eq!(check(&template("Known", "Size")), [mapping]);
    }

    #[test]
    fn attributes_are_found_wherever_they_are_asked_for() {
        let entry = json!({ "P": { "Fn::GetAtt": ["A", "Arn"] }, "Q": [
            { "Fn::Sub": "${B.Name}-${C}-${!D.E}-${AWS::Region}" },
            { "Fn::Sub": ["${Own.X}${F.Arn}", { "Own.X": { "Fn::GetAtt": ["G", "H.I"] } }] },
        ] });
        let found = attributes(&entry);
        let found: Vec<_> = found.iter().map(|(path, id, asked)| format!("{path} {id} {asked}")).collect();
        assert_eq!(found, ["P A Arn", "Q/0 B Name", "Q/1 F Arn", "Q/1/Own.X G H.I"]);
    }

    #[test]
    fn an_output_may_bear_the_name_of_its_resource() {
        let template = json!({ "Resources": { "A": {} }, "Outputs": { "A": { "Value": { "Ref": "A" } } } });
        assert_eq!(check(&template), []);
    }

    #[test]
    fn a_circle_is_named_in_order() {
        let circle =
            json!({ "A": { "P": { "Ref": "B" } }, "B": { "DependsOn": "C" }, "C": { "P": { "Fn::Sub": "${A}" } } });
        assert_eq!(faults(circle), [Fault::Circle(["A", "B", "C", "A"].map(str::to_owned).to_vec())]);
        let diamond =
            json!({ "A": { "DependsOn": ["B", "C"] }, "B": { "DependsOn": "D" }, "C": { "DependsOn": "D" }, "D": {} });
        assert_eq!(faults(diamond), []);
    }
}
