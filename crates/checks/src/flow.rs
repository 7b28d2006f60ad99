//! How messages, objects and requests pass through a stack: its queues, functions, buckets and what else the column `flow` of
//! the table of resource types names, and what leads from one to another.
//!
//! In: a rendered template. Out: a [`Flow`]. It shows what the template says; what a function does by itself is not known.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::handbook;
use crate::resources::{self, formula::Path};
use tenantry_template::render::references::references;

/// The resources that something passes through.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Flow {
    /// In the order of their logical IDs; each has an edge.
    pub nodes: Vec<Node>,
    /// In the order of their ends.
    pub edges: Vec<Edge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Node {
    /// Logical ID in the template.
    pub logical_id: String,
    /// CloudFormation resource type, such as `AWS::S3::Bucket`.
    pub resource_type: String,
    /// Name in the template; null if CloudFormation generates it.
    pub name: Option<String>,
}

/// A connection: one resource sends messages, objects or requests to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Edge {
    /// Logical ID of the sending resource.
    pub from: String,
    /// Logical ID of the receiving resource.
    pub to: String,
    /// Carries only what could not be processed.
    pub failed: bool,
}

/// The flow of a rendered template.
pub fn flow(template: &Value) -> Flow {
    let table = resources::table();
    let rows: BTreeMap<&str, (&str, &Value, &resources::ResourceType)> = template["Resources"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(id, resource)| {
            let (kind, row) = table.get(resource["Type"].as_str()?)?;
            Some((id.as_str(), (kind, &resource["Properties"], row)))
        })
        .collect();
    let is_node = |id: &str| {
        let flow = rows.get(id).and_then(|(_, _, row)| row.flow.as_ref());
        flow.is_some_and(|flow| !flow.is_connection())
    };
    let ends = |paths: &[Path], properties: &Value| -> BTreeSet<String> {
        let values = paths.iter().flat_map(|path| path.values(properties));
        values.flat_map(references).filter(|id| is_node(id)).collect()
    };
    // By its ends; what also goes there unless it failed, has not only failed.
    let mut edges: BTreeMap<(String, String), bool> = BTreeMap::new();
    let mut add = |from: &str, to: &str, failed: bool| {
        if from != to {
            let known = edges.entry((from.to_owned(), to.to_owned())).or_insert(failed);
            *known &= failed;
        }
    };
    for (id, (_, properties, row)) in &rows {
        let Some(flow) = &row.flow else { continue };
        let (from, to) = (ends(&flow.from, properties), ends(&flow.to, properties));
        let failed = ends(&flow.failed, properties);
        let own = BTreeSet::from([(*id).to_owned()]);
        let starts = if flow.is_connection() { &from } else { &own };
        for start in starts {
            to.iter().for_each(|end| add(start, end, false));
            failed.iter().for_each(|end| add(start, end, true));
        }
        if !flow.is_connection() {
            from.iter().for_each(|start| add(start, id, false));
        }
    }
    let edges: Vec<Edge> = edges.into_iter().map(|((from, to), failed)| Edge { from, to, failed }).collect();
    let named: BTreeSet<&str> = edges.iter().flat_map(|edge| [edge.from.as_str(), edge.to.as_str()]).collect();
    let node = |id: &str| {
        let (kind, properties, row) = rows.get(id)?;
        let name = row.name.as_ref().and_then(|naming| properties[&naming.property].as_str());
        Some(Node { logical_id: id.to_owned(), resource_type: (*kind).to_owned(), name: name.map(str::to_owned) })
    };
    Flow { nodes: named.into_iter().filter_map(node).collect(), edges }
}

/// What each alarm watches by the dimensions of its metrics, of the resources that something passes through. A name stands
/// for the resource whose property the dimension is called after, such as `QueueName`; else for the only one of that name.
pub fn watched(template: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let resources = || template["Resources"].as_object().into_iter().flatten();
    // By name: the property that it stands in, and the resource.
    let mut names: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    let mut nodes: BTreeSet<&str> = BTreeSet::new();
    for (id, resource) in resources() {
        let row = resource["Type"].as_str().and_then(|kind| resources::table().get(kind)).map(|(_, row)| row);
        let Some(row) = row.filter(|row| row.flow.is_some()) else { continue };
        nodes.insert(id);
        if let Some(naming) = &row.name
            && let Some(name) = resource["Properties"][&naming.property].as_str()
        {
            names.entry(name).or_default().push((&naming.property, id));
        }
    }
    let of = |dimension: &Value| -> BTreeSet<String> {
        let Some(name) = dimension["Value"].as_str() else {
            return references(&dimension["Value"]).into_iter().filter(|id| nodes.contains(id.as_str())).collect();
        };
        let bearers = names.get(name).map(Vec::as_slice).unwrap_or_default();
        let property = dimension["Name"].as_str().unwrap_or_default();
        let exact = bearers.iter().find(|(own, _)| *own == property);
        let only = bearers.first().filter(|_| bearers.len() == 1);
        exact.or(only).map(|(_, id)| (*id).to_owned()).into_iter().collect()
    };
    let alarm = |(id, resource): (&String, &Value)| {
        resource["Type"].as_str().filter(|kind| handbook::is_alarm(kind))?;
        let properties = &resource["Properties"];
        let metrics = properties["Metrics"].as_array().into_iter().flatten();
        let lists = metrics.map(|metric| &metric["MetricStat"]["Metric"]["Dimensions"]);
        let dimensions = lists.chain([&properties["Dimensions"]]).filter_map(Value::as_array).flatten();
        Some((id.clone(), dimensions.flat_map(of).collect()))
    };
    resources().filter_map(alarm).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn connections_join_what_they_name_and_failures_are_distinguished() {
        let template = json!({ "Resources": {
            "Landing": { "Type": "AWS::S3::Bucket", "Properties": { "BucketName": "org-landing", "NotificationConfiguration": {
                "LambdaConfigurations": [{ "Function": { "Fn::GetAtt": ["Cut", "Arn"] } }] } } },
            "Cut": { "Type": "AWS::Lambda::Function", "Properties": {
                "DeadLetterConfig": { "TargetArn": { "Fn::GetAtt": ["Parked", "Arn"] } },
                "Role": { "Fn::GetAtt": ["Role", "Arn"] },
                "Environment": { "Variables": { "AGAIN": { "Ref": "Again" }, "KEY": { "Ref": "Key" },
                    "AT": { "Fn::Sub": "https://${Search.DomainEndpoint}" } } } } },
            "Again": { "Type": "AWS::SQS::Queue", "Properties": {
                "RedrivePolicy": { "deadLetterTargetArn": { "Fn::GetAtt": ["Parked", "Arn"] } } } },
            "Parked": { "Type": "AWS::SQS::Queue" },
            "Alone": { "Type": "AWS::SQS::Queue" },
            "Mapping": { "Type": "AWS::Lambda::EventSourceMapping", "Properties": {
                "FunctionName": { "Ref": "Cut" }, "EventSourceArn": { "Fn::GetAtt": ["Again", "Arn"] } } },
            "Search": { "Type": "AWS::OpenSearchService::Domain" },
            "Key": { "Type": "AWS::KMS::Key" }, "Role": { "Type": "AWS::IAM::Role" },
        } });
        let found = flow(&template);
        let edges: Vec<String> = found
            .edges
            .iter()
            .map(|edge| format!("{} {} {}", edge.from, if edge.failed { "!>" } else { "->" }, edge.to))
            .collect();
        assert_eq!(
            edges,
            ["Again -> Cut", "Again !> Parked", "Cut -> Again", "Cut !> Parked", "Cut -> Search", "Landing -> Cut"]
        );
        let nodes: Vec<&str> = found.nodes.iter().map(|node| node.logical_id.as_str()).collect();
        assert_eq!(nodes, ["Again", "Cut", "Landing", "Parked", "Search"]);
        assert_eq!(found.nodes[2].name.as_deref(), Some("org-landing"));
        assert_eq!(flow(&json!({})), Flow::default());
    }

    #[test]
    fn an_alarm_watches_what_its_dimensions_name_and_nothing_else_of_that_name() {
        let alarm =
            |dimensions: Value| json!({ "Type": "AWS::CloudWatch::Alarm", "Properties": { "Dimensions": dimensions } });
        let template = json!({ "Resources": {
            "Search": { "Type": "AWS::OpenSearchService::Domain", "Properties": { "DomainName": "org-acme" } },
            "Web": { "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": { "Name": "org-acme" } },
            "Queue": { "Type": "AWS::SQS::Queue", "Properties": { "QueueName": "org-acme-queue" } },
            "Shards": alarm(json!([{ "Name": "DomainName", "Value": "org-acme" }])),
            "Errors": alarm(json!([{ "Name": "LoadBalancer", "Value": { "Fn::GetAtt": ["Web", "LoadBalancerFullName"] } }])),
            "Both": alarm(json!([{ "Name": "Stack", "Value": "org-acme" }])),
            "Depth": alarm(json!([{ "Name": "Queue", "Value": "org-acme-queue" }])),
        } });
        let found = watched(&template);
        let of = |id: &str| found[id].iter().map(String::as_str).collect::<Vec<_>>().join(",");
        assert_eq!(["Shards", "Errors", "Both", "Depth"].map(of), ["Search", "Web", "", "Queue"]);
    }
}
