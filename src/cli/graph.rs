//! `tenantry graph`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use clap::Args as ClapArgs;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::opened::Opened;
use super::{Exit, Failure, Global, Output, selection};
use tenantry_checks::resources;
use tenantry_template::render::references::references;

/// Print the resources of a tenant's template and their dependencies, as a graph.
///
/// An arrow leads from a resource to one that it refers to or depends on, which CloudFormation creates first. Needs neither
/// credentials nor a network.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry graph acme | dot -Tsvg > acme.svg
  tenantry graph acme --groups --format mermaid")]
pub(super) struct Args {
    /// Name of the tenant.
    tenant: String,
    /// Language of the graph.
    #[arg(long, value_enum, default_value_t)]
    format: Language,
    /// One node for each group of resources, such as `network`, with how many it has.
    #[arg(long)]
    groups: bool,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Language {
    /// Graphviz.
    #[default]
    Dot,
    /// Mermaid, which Markdown on GitHub and GitLab draws.
    Mermaid,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Answer {
    /// Name of the tenant.
    tenant: String,
    /// Resources, or groups of them with `--groups`.
    nodes: Vec<Node>,
    /// References and `DependsOn`.
    edges: BTreeSet<Edge>,
}

#[derive(Serialize, JsonSchema)]
struct Node {
    /// The logical ID, or the group's name.
    id: String,
    /// CloudFormation resource type; null for a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_type: Option<String>,
    /// Group of the resource type, such as `network`.
    group: String,
    /// Number of resources.
    resources: usize,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
struct Edge {
    /// ID of the node that depends on the other.
    from: String,
    /// ID of the node that is created first.
    to: String,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let opened = Opened::without_broken(global, std::slice::from_ref(&args.tenant))?;
    let tenant = selection::tenant(&opened.estate, &args.tenant)?;
    let rendered = opened.render(&[tenant], tenantry_ops::release::name::UNRELEASED)?;
    let tree = rendered.first().map(|one| one.template.tree()).unwrap_or_default();
    let answer = graph(&args.tenant, &tree, args.groups);
    Output::new(global.output).show(&answer, |answer| match args.format {
        Language::Dot => dot(answer),
        Language::Mermaid => mermaid(answer),
    })?;
    Ok(Exit::Clean)
}

fn graph(tenant: &str, tree: &Value, groups: bool) -> Answer {
    let resources = || tree["Resources"].as_object().into_iter().flatten();
    let kinds: BTreeMap<&str, &str> =
        resources().map(|(id, one)| (id.as_str(), one["Type"].as_str().unwrap_or_default())).collect();
    let group = |kind: &str| resources::table().group(kind).1;
    // What stands for a resource.
    let node = |id: &str| match (groups, kinds.get(id)) {
        (true, Some(kind)) => group(kind),
        _ => id.to_owned(),
    };
    let mut edges = BTreeSet::new();
    for (id, one) in resources() {
        let named = references(one).into_iter().filter(|to| kinds.contains_key(to.as_str()));
        edges.extend(named.map(|to| Edge { from: node(id), to: node(&to) }).filter(|edge| edge.from != edge.to));
    }
    let nodes = if groups {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        kinds.values().for_each(|kind| *counts.entry(group(kind)).or_default() += 1);
        let of = |(id, resources): (String, usize)| Node { group: id.clone(), id, resource_type: None, resources };
        counts.into_iter().map(of).collect()
    } else {
        let of = |(id, kind): (&&str, &&str)| Node {
            id: (*id).to_owned(),
            resource_type: Some((*kind).to_owned()),
            group: group(kind),
            resources: 1,
        };
        kinds.iter().map(of).collect()
    };
    Answer { tenant: tenant.to_owned(), nodes, edges }
}

/// What is written at a node.
fn label(node: &Node, line: &str) -> String {
    match &node.resource_type {
        Some(kind) => format!("{}{line}{kind}", node.id),
        None => format!("{}{line}{}", node.id, crate::report::groups::counted(node.resources, "resource")),
    }
}

fn dot(answer: &Answer) -> String {
    let mut out = format!("digraph \"{}\" {{\n  rankdir=LR;\n  node [shape=box];\n", answer.tenant);
    for node in &answer.nodes {
        let _infallible = writeln!(out, "  \"{}\" [label=\"{}\"];", node.id, label(node, "\\n"));
    }
    for edge in &answer.edges {
        let _infallible = writeln!(out, "  \"{}\" -> \"{}\";", edge.from, edge.to);
    }
    out + "}\n"
}

/// Mermaid's identifiers take letters and digits only, so nodes are numbered.
fn mermaid(answer: &Answer) -> String {
    let numbers: BTreeMap<&str, usize> =
        answer.nodes.iter().enumerate().map(|(number, node)| (node.id.as_str(), number)).collect();
    let mut out = "flowchart LR\n".to_owned();
    for (number, node) in answer.nodes.iter().enumerate() {
        let _infallible = writeln!(out, "  n{number}[\"{}\"]", label(node, "<br>"));
    }
    for edge in &answer.edges {
        if let (Some(from), Some(to)) = (numbers.get(edge.from.as_str()), numbers.get(edge.to.as_str())) {
            let _infallible = writeln!(out, "  n{from} --> n{to}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn arrows_lead_to_what_is_made_first_and_groups_stand_for_their_resources() {
        let tree = json!({ "Resources": {
            "Vpc": { "Type": "AWS::EC2::VPC", "Properties": {} },
            "Subnet": { "Type": "AWS::EC2::Subnet", "Properties": { "VpcId": { "Ref": "Vpc" } } },
            "Bucket": { "Type": "AWS::S3::Bucket", "DependsOn": ["Subnet"],
                "Properties": { "BucketName": { "Fn::Sub": "b-${AWS::Region}" } } },
        } });
        let one = graph("acme", &tree, false);
        let edges: Vec<String> = one.edges.iter().map(|edge| format!("{} {}", edge.from, edge.to)).collect();
        assert_eq!(edges, ["Bucket Subnet", "Subnet Vpc"]);
        assert!(dot(&one).contains("\"Subnet\" -> \"Vpc\";"), "{}", dot(&one));
        assert!(mermaid(&one).contains("n1 --> n2"), "{}", mermaid(&one));
        let all = graph("acme", &tree, true);
        let edges: Vec<String> = all.edges.iter().map(|edge| format!("{} {}", edge.from, edge.to)).collect();
        assert_eq!(edges, ["storage network"]);
        assert!(dot(&all).contains("network\\n2 resources"), "{}", dot(&all));
    }
}
