//! The control plane's roles: what `src/cloud` calls and CloudFormation's handlers need is allowed, and nothing else; a
//! role of a stack is within its boundary.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tenantry::render::Context;

use super::{estate, render, renderer};

/// A client of `cloud::Session`, and the prefix of its actions.
const SERVICES: [(&str, &str); 14] = [
    ("appconfig", "appconfig"),
    ("cloudcontrol", "cloudformation"),
    ("cloudformation", "cloudformation"),
    ("cloudtrail", "cloudtrail"),
    ("cloudwatch", "cloudwatch"),
    ("ec2", "ec2"),
    ("iam", "iam"),
    ("lambda", "lambda"),
    ("opensearch", "es"),
    ("s3", "s3"),
    ("servicequotas", "servicequotas"),
    ("sqs", "sqs"),
    ("sts", "sts"),
    ("tagging", "tag"),
];

/// Operations whose action has another name. Source: Service Authorization Reference.
const NAMES: [(&str, &str); 6] = [
    ("s3:GetBucketEncryption", "s3:GetEncryptionConfiguration"),
    ("s3:GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock"),
    ("s3:HeadBucket", "s3:ListBucket"),
    ("s3:HeadObject", "s3:GetObject"),
    ("s3:ListBuckets", "s3:ListAllMyBuckets"),
    ("s3:ListObjectsV2", "s3:ListBucket"),
];

/// Actions that are needed beside the operations, each with its reason.
const BESIDE: [(&str, &str); 8] = [
    ("cloudformation:BatchDescribeTypeConfigurations", "drift detection asks for it"),
    ("cloudformation:DetectStackResourceDrift", "drift detection of named resources asks for it"),
    ("cloudformation:TagResource", "change sets give stacks their tags"),
    ("iam:CreateServiceLinkedRole", "bootstrap's own for OpenSearch; the first quota request's for the deploy role"),
    ("iam:PassRole", "CloudFormation acts as the stacks' role"),
    ("kms:Decrypt", "objects and messages are encrypted"),
    ("kms:GenerateDataKey", "objects and messages are encrypted"),
    ("s3:ListBucket", "without it, an object that is not there is denied instead of missing"),
];

fn called() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cloud");
    for entry in std::fs::read_dir(folder).unwrap() {
        let text: String =
            std::fs::read_to_string(entry.unwrap().path()).unwrap().split_whitespace().collect::<Vec<_>>().concat();
        for (client, prefix) in SERVICES {
            let marker = format!("session.{client}.");
            for call in text.split(&marker).skip(1) {
                let Some((method, _)) = call.split_once('(') else { continue };
                let operation: String = method.split('_').map(capital).collect();
                let action = format!("{prefix}:{operation}");
                let name = NAMES.iter().find(|(operation, _)| *operation == action).map(|(_, name)| *name);
                found.insert(name.map_or(action, str::to_owned));
            }
        }
    }
    assert!(found.len() > 60, "the calls were not found: {found:?}");
    // The identity of the caller is told to everybody.
    found.remove("sts:GetCallerIdentity");
    found
}

fn capital(word: &str) -> String {
    match word {
        "aws" => "AWS".to_owned(),
        _ => word[..1].to_uppercase() + &word[1..],
    }
}

/// The control plane of an account with a deploy role, as text values where the template has intrinsic functions.
fn control_plane() -> Value {
    let (account, region) = ("111122223333".parse().unwrap(), "eu-west-1".parse().unwrap());
    let context = Context::control_plane(&estate::estate().fleet, &account, &region, None, "v1.0.0");
    render(&renderer(), &context).tree()
}

/// Resources of every sample tenant: id, type and properties.
fn tenants() -> Vec<(String, String, Value)> {
    let (estate, mut tenants) = estate::samples();
    tenants.push(estate::revoking("revoking"));
    let renderer = renderer();
    let trees = tenants.iter().map(|tenant| render(&renderer, &estate::context(&estate, tenant, "v1.0.0")).tree());
    trees.flat_map(|tree| resources(&tree)).collect()
}

/// Resources of every sample tenant, and of the control planes of the central account and of another one.
fn everything() -> Vec<(String, String, Value)> {
    let mut all = tenants();
    all.extend(resources(&control_plane()));
    let (account, region) = ("444455556666".parse().unwrap(), "eu-west-1".parse().unwrap());
    let sink = Some("arn:aws:oam:eu-west-1:111122223333:sink/00000000-0000-0000-0000-000000000000");
    let context = Context::control_plane(&estate::estate().fleet, &account, &region, sink, "v1.0.0");
    all.extend(resources(&render(&renderer(), &context).tree()));
    all
}

fn resources(tree: &Value) -> Vec<(String, String, Value)> {
    let all = tree["Resources"].as_object().unwrap().iter();
    all.map(|(id, resource)| {
        (id.clone(), resource["Type"].as_str().unwrap().to_owned(), resource["Properties"].clone())
    })
    .collect()
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
}

fn texts(value: &Value) -> Vec<String> {
    list(value).iter().map(|text| text.as_str().unwrap_or_default().to_owned()).collect()
}

/// The statements of a role's inline policies; their size is within IAM's limit.
fn statements(tree: &Value, role: &str) -> Vec<Value> {
    let policies = list(&tree["Resources"][role]["Properties"]["Policies"]);
    let documents: Vec<&Value> = policies.iter().map(|policy| &policy["PolicyDocument"]).collect();
    // Source: "IAM and AWS STS quotas", inline policies of a role.
    let size: usize = documents.iter().map(|document| document.to_string().len()).sum();
    assert!(size < 10_240, "a role's inline policies have 10,240 characters at most, {role} has {size}");
    documents.iter().flat_map(|document| list(&document["Statement"])).collect()
}

fn actions(statements: &[Value]) -> BTreeSet<String> {
    statements.iter().filter(|one| one["Effect"] == "Allow").flat_map(|one| texts(&one["Action"])).collect()
}

/// Whether a pattern with `*` covers an action, in any case.
fn covers(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_lowercase(), action.to_lowercase());
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == action };
    let Some(mut left) = action.strip_prefix(start) else { return false };
    let Some((middle, end)) = rest.rsplit_once('*') else { return left.ends_with(rest) };
    for part in middle.split('*') {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(end)
}

/// What CloudFormation's registry and IAM say.
struct Registry {
    types: Value,
    /// By action in lower case: whether it takes a resource.
    actions: BTreeMap<String, bool>,
}

impl Registry {
    fn read() -> Self {
        let told: Value = serde_json::from_str(include_str!("../../policies/registry.json")).unwrap();
        let actions = told["actions"].as_object().unwrap().iter();
        let actions = actions.map(|(name, formats)| (name.to_lowercase(), formats != &serde_json::json!([]))).collect();
        Self { types: told["types"].clone(), actions }
    }

    /// Whether IAM knows an action, and whether it takes a resource.
    fn takes_resource(&self, action: &str) -> Option<bool> {
        self.actions.get(&action.to_lowercase()).copied()
    }

    /// The actions that some handlers of a resource need.
    fn needed(&self, kind: &str, properties: &Value, handlers: &[&str]) -> BTreeSet<String> {
        let row = tenantry::resources::table().get(kind).map(|(_, row)| row);
        let text = properties.to_string();
        let unset = |property: &String| !text.contains(&format!("\"{property}\":"));
        let idle: Vec<&String> = row
            .into_iter()
            .flat_map(|row| &row.only_with)
            .filter(|(property, _)| unset(property))
            .flat_map(|(_, actions)| actions)
            .collect();
        let listed = handlers.iter().flat_map(|handler| list(&self.types[kind]["handlers"][*handler]));
        let named: BTreeSet<String> = listed.filter_map(|action| action.as_str().map(str::to_owned)).collect();
        let real = named.into_iter().filter(|action| self.takes_resource(action).is_some());
        real.filter(|action| !idle.iter().any(|pattern| covers(pattern, action))).collect()
    }
}

/// Whether statements allow an action; one that takes no resource must be allowed on all of them.
fn allow(statements: &[Value], action: &str, takes_resource: bool) -> bool {
    statements.iter().filter(|one| one["Effect"] == "Allow").any(|one| {
        let named = texts(&one["Action"]).iter().any(|pattern| covers(pattern, action));
        named && (takes_resource || one["Resource"] == "*")
    })
}

/// What some statements do not allow of what handlers need.
fn lacking(statements: &[Value], resources: &[(String, String, Value)], handlers: &[&str]) -> BTreeSet<String> {
    let registry = Registry::read();
    let mut lacking = BTreeSet::new();
    let mut asked = 0;
    for (_, kind, properties) in resources {
        for action in registry.needed(kind, properties, handlers) {
            asked += 1;
            // The service-linked roles are made by `bootstrap`.
            let made_before = action == "iam:CreateServiceLinkedRole";
            if !made_before && !allow(statements, &action, registry.takes_resource(&action).unwrap()) {
                lacking.insert(format!("{kind} {action}"));
            }
        }
    }
    assert!(asked > 100, "{asked}");
    lacking
}

#[test]
fn the_stacks_role_may_do_what_the_handlers_of_every_type_need() {
    let found =
        lacking(&statements(&control_plane(), "StackRole"), &tenants(), &["create", "read", "update", "delete"]);
    assert_eq!(found, BTreeSet::new());
}

#[test]
fn a_type_that_the_stacks_role_cannot_make_is_found() {
    let database = ("Db".to_owned(), "AWS::RDS::DBInstance".to_owned(), serde_json::json!({}));
    let mut resources = tenants();
    resources.push(database);
    let found = lacking(&statements(&control_plane(), "StackRole"), &resources, &["create"]);
    assert!(found.contains("AWS::RDS::DBInstance rds:CreateDBInstance"), "{found:?}");
    let transfer = serde_json::json!({ "TransferAddress": "192.0.2.1" });
    resources.push(("Eip".to_owned(), "AWS::EC2::EIP".to_owned(), transfer));
    let found = lacking(&statements(&control_plane(), "StackRole"), &resources, &["create"]);
    assert!(found.contains("AWS::EC2::EIP ec2:AcceptAddressTransfer"), "{found:?}");
}

#[test]
fn the_reading_and_the_deploy_role_may_read_and_list_every_type() {
    let tree = control_plane();
    let everything = everything();
    for role in ["ReadRole", "DeployRole"] {
        assert_eq!(lacking(&statements(&tree, role), &everything, &["read", "list"]), BTreeSet::new(), "{role}");
    }
}

/// What the reading role may do beside reading. A change set that is not executed changes nothing.
const NOT_READING: [&str; 8] = [
    "cloudformation:CreateChangeSet",
    "cloudformation:DeleteChangeSet",
    "cloudformation:DetectStackDrift",
    "cloudformation:DetectStackResourceDrift",
    "cloudformation:TagResource",
    "iam:PassRole",
    "kms:GenerateDataKey",
    "s3:PutObject",
];

#[test]
fn the_reading_role_changes_nothing() {
    let tree = control_plane();
    let read = statements(&tree, "ReadRole");
    let verbs = ["Describe", "Get", "List", "Lookup", "BatchDescribe", "Decrypt"];
    for action in actions(&read) {
        let (_, name) = action.split_once(':').unwrap();
        let reads = verbs.iter().any(|verb| name.starts_with(verb));
        assert!(reads || NOT_READING.contains(&action.as_str()), "{action}");
    }
    let stores = read.iter().find(|one| texts(&one["Action"]).contains(&"s3:PutObject".to_owned())).unwrap();
    assert!(stores["Resource"].to_string().contains("/plans/*"), "{stores}");
}

#[test]
fn a_role_of_a_stack_is_within_its_boundary() {
    let tree = control_plane();
    let boundary = &tree["Resources"]["Boundary"]["Properties"]["PolicyDocument"];
    // Source: "IAM and AWS STS quotas", managed policies.
    assert!(boundary.to_string().len() < 6_144);
    let bound = actions(&list(&boundary["Statement"]));
    let roles: Vec<_> = tenants().into_iter().filter(|(_, kind, _)| kind == "AWS::IAM::Role").collect();
    assert!(roles.len() >= 7);
    for (id, _, properties) in roles {
        assert!(properties["PermissionsBoundary"].to_string().contains("-boundary"), "{id}");
        let own =
            list(&properties["Policies"]).into_iter().flat_map(|policy| list(&policy["PolicyDocument"]["Statement"]));
        let beyond: Vec<String> = actions(&own.collect::<Vec<_>>()).difference(&bound).cloned().collect();
        assert_eq!(beyond, Vec::<String>::new(), "{id}");
    }
    let stacks = statements(&tree, "StackRole");
    for action in ["iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:PutRolePermissionsBoundary"] {
        let allowing =
            stacks.iter().filter(|one| one["Effect"] == "Allow" && allow(std::slice::from_ref(one), action, true));
        for statement in allowing {
            assert!(
                statement["Condition"]["StringEquals"]["iam:PermissionsBoundary"].is_object(),
                "{action}: {statement}"
            );
        }
    }
    assert!(!allow(&stacks, "iam:DeleteRolePermissionsBoundary", true));
    assert!(!allow(&stacks, "iam:CreatePolicyVersion", true));
}

#[test]
fn the_deploy_role_may_do_what_is_called_and_nothing_else() {
    let tree = control_plane();
    let everything = everything();
    let registry = Registry::read();
    let mut beside: BTreeSet<String> = BESIDE.iter().map(|(action, _)| (*action).to_owned()).collect();
    for (_, kind, properties) in &everything {
        beside.extend(registry.needed(kind, properties, &["read", "list"]));
    }
    let (called, allowed) = (called(), actions(&statements(&tree, "DeployRole")));
    let missing: Vec<&String> = called.iter().filter(|action| !allowed.contains(*action)).collect();
    assert_eq!(missing, Vec::<&String>::new(), "called, and not allowed");
    let known = |action: &str| beside.iter().any(|known| known.eq_ignore_ascii_case(action));
    let idle: Vec<&String> = allowed.iter().filter(|action| !called.contains(*action) && !known(action)).collect();
    assert_eq!(idle, Vec::<&String>::new(), "allowed, and never called");
}
