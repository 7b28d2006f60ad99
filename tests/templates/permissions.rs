//! The control plane's roles: what `crates/aws` calls and CloudFormation's handlers need is allowed, and nothing else; a
//! role of a stack is within its boundary.

use std::collections::BTreeSet;

use serde_json::Value;
use tenantry::cloud::permissions::{CALLS, OPERATOR};
use tenantry::permissions::{Checked, Handler, Names, Needs, Registry, Resource, Subject, check, covers, generate};
use tenantry::render::Context;

use super::{estate, render, renderer};

/// A client of `cloud::Session`, and the prefix of its actions.
const SERVICES: [(&str, &str); 6] = [
    ("cloudformation", "cloudformation"),
    ("ec2", "ec2"),
    ("s3", "s3"),
    ("servicequotas", "servicequotas"),
    ("sqs", "sqs"),
    ("sts", "sts"),
];

/// Services whose actions have another prefix than their signatures. Source: Service Authorization Reference.
const PREFIXES: [(&str, &str); 4] =
    [("cloudcontrolapi", "cloudformation"), ("monitoring", "cloudwatch"), ("s3-control", "s3"), ("tagging", "tag")];

/// How code asks what no client is made for: `Question::get("lambda", "ListFunctions", …)`.
const WAYS: [&str; 4] = ["Question::form(", "Question::get(", "Question::json(", "Question::send("];

/// Operations whose action has another name. Source: Service Authorization Reference.
const NAMES: [(&str, &str); 13] = [
    ("lambda:GetLayerVersionByArn", "lambda:GetLayerVersion"),
    ("s3:DeleteObjects", "s3:DeleteObjectVersion"),
    ("s3:GetBucketCors", "s3:GetBucketCORS"),
    ("s3:GetBucketNotificationConfiguration", "s3:GetBucketNotification"),
    ("s3:GetBucketReplication", "s3:GetReplicationConfiguration"),
    ("s3:ListBucketInventoryConfigurations", "s3:GetInventoryConfiguration"),
    ("s3:GetBucketEncryption", "s3:GetEncryptionConfiguration"),
    ("s3:GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock"),
    ("s3:HeadBucket", "s3:ListBucket"),
    ("s3:HeadObject", "s3:GetObject"),
    ("s3:ListBuckets", "s3:ListAllMyBuckets"),
    ("s3:ListObjectVersions", "s3:ListBucketVersions"),
    ("s3:ListObjectsV2", "s3:ListBucket"),
];

/// Actions that are needed beside the operations: what services do in the caller's name.
const BESIDE: [&str; 9] = [
    "cloudformation:BatchDescribeTypeConfigurations",
    "cloudformation:DetectStackResourceDrift",
    "cloudformation:TagResource",
    "iam:PassRole",
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "s3:DeleteObjectVersion",
    "s3:GetObjectVersion",
    "s3:ListBucket",
];

fn called() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/aws/src/cloud");
    for entry in std::fs::read_dir(folder).unwrap() {
        let text: String =
            std::fs::read_to_string(entry.unwrap().path()).unwrap().split_whitespace().collect::<Vec<_>>().concat();
        for (client, prefix) in SERVICES {
            let marker = format!("session.{client}.");
            for call in text.split(&marker).skip(1) {
                let Some((method, _)) = call.split_once('(') else { continue };
                let operation: String = method.split('_').map(capital).collect();
                found.insert(action(prefix, &operation));
            }
        }
        for call in WAYS.iter().flat_map(|way| text.split(way).skip(1)) {
            let names: Vec<&str> = call.splitn(5, '"').collect();
            let ["", service, ",", operation, _] = names[..] else {
                panic!("no names of service and operation: {call}")
            };
            found.insert(action(service, operation));
        }
    }
    for row in &tenantry::drift::neighbours::table().neighbours {
        found.insert(action(&row.read.service, &row.read.operation));
    }
    // A question that `drift` puts, as those of the table are put.
    found.insert("sns:GetTopicAttributes".to_owned());
    assert!(found.len() > 60, "the calls were not found: {found:?}");
    // Everybody may ask for their own identity.
    found.remove("sts:GetCallerIdentity");
    found
}

/// The action of an operation, as IAM names it.
fn action(service: &str, operation: &str) -> String {
    let prefix = PREFIXES.iter().find(|(name, _)| *name == service).map_or(service, |(_, prefix)| prefix);
    let action = format!("{prefix}:{operation}");
    NAMES.iter().find(|(operation, _)| *operation == action).map_or(action, |(_, name)| (*name).to_owned())
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

/// The needs of a role or of the boundary, and how they stand in the shipped control plane.
fn checked(subject: Subject, resources: &[(String, String, Value)]) -> Checked {
    checked_in(&control_plane(), subject, resources)
}

/// The same in another control plane.
fn checked_in(tree: &Value, subject: Subject, resources: &[(String, String, Value)]) -> Checked {
    let registry = registry();
    let all =
        || resources.iter().map(|(id, kind, properties)| Resource { id: id.as_str(), kind: kind.as_str(), properties });
    let mut needs = Needs::default();
    let tables = (&registry, tenantry::resources::table());
    match subject {
        Subject::Stacks => {
            let handlers = [Handler::Create, Handler::Read, Handler::Update, Handler::Delete];
            needs.handle(tables, all(), &handlers);
        }
        Subject::Boundary => needs.bound(all()),
        Subject::Read | Subject::Deploy => {
            needs.handle(tables, all(), &[Handler::Read, Handler::List]);
            let calls = CALLS.iter().filter(|call| if subject == Subject::Read { call.reads } else { call.deploys });
            needs.call(calls.map(|call| call.action));
        }
    }
    let checked = check(&registry, subject, &subject.statements(tree).unwrap(), &needs);
    assert!(checked.needed > 50, "{checked:?}");
    checked
}

fn registry() -> Registry {
    Registry::parse(include_str!("../../policies/registry.json")).unwrap()
}

/// Permissions that a role lacks, each with one that needs it.
fn lacking(subject: Subject, resources: &[(String, String, Value)]) -> Vec<String> {
    let lacking = checked(subject, resources).lacking.into_iter();
    lacking
        .flat_map(|(permission, causes)| causes.into_iter().map(move |cause| format!("{cause}: {permission}")))
        .collect()
}

/// Whether statements allow an action.
fn allow(statements: &[Value], action: &str) -> bool {
    let allows = |one: &&Value| one["Effect"] == "Allow";
    statements.iter().filter(allows).any(|one| texts(&one["Action"]).iter().any(|pattern| covers(pattern, action)))
}

#[test]
fn every_type_of_the_templates_has_known_permissions() {
    for subject in [Subject::Stacks, Subject::Boundary] {
        assert_eq!(checked(subject, &tenants()).unknown, BTreeSet::new());
    }
    assert_eq!(checked(Subject::Read, &everything()).unknown, BTreeSet::new());
}

#[test]
fn the_stacks_role_may_do_what_the_handlers_of_every_type_need() {
    assert_eq!(lacking(Subject::Stacks, &tenants()), Vec::<String>::new());
}

#[test]
fn a_type_or_property_that_the_stacks_role_cannot_make_is_found() {
    let mut resources = tenants();
    resources.push(("Db".to_owned(), "AWS::RDS::DBInstance".to_owned(), serde_json::json!({})));
    let found = lacking(Subject::Stacks, &resources);
    assert!(found.contains(&"AWS::RDS::DBInstance create: rds:CreateDBInstance".to_owned()), "{found:?}");
    let transfer = serde_json::json!({ "TransferAddress": "192.0.2.1" });
    resources.push(("Eip".to_owned(), "AWS::EC2::EIP".to_owned(), transfer));
    let trust = serde_json::json!({ "Statement": [{ "Principal": { "Service": "monitoring.rds.amazonaws.com" } }] });
    let role = serde_json::json!({ "AssumeRolePolicyDocument": trust });
    resources.push(("Monitoring".to_owned(), "AWS::IAM::Role".to_owned(), role));
    let found = lacking(Subject::Stacks, &resources);
    assert!(found.contains(&"AWS::EC2::EIP create: ec2:AcceptAddressTransfer".to_owned()), "{found:?}");
    let passes = "AWS::Lambda::Function create: iam:PassRole (monitoring.rds.amazonaws.com)".to_owned();
    assert!(found.contains(&passes), "{found:?}");
}

#[test]
fn the_stacks_role_may_do_nothing_that_no_handler_needs() {
    let checked = checked(Subject::Stacks, &tenants());
    assert_eq!(checked.superfluous, Vec::<String>::new());
    for data in ["s3:PutObject", "sqs:ReceiveMessage", "sqs:SendMessage", "sns:Publish", "lambda:InvokeFunction"] {
        assert!(!allow(&Subject::Stacks.statements(&control_plane()).unwrap(), data), "{data}");
    }
}

#[test]
fn the_reading_and_the_deploy_role_may_read_and_list_every_type() {
    let everything = everything();
    for subject in [Subject::Read, Subject::Deploy] {
        let checked = checked(subject, &everything);
        assert!(checked.lacking.is_empty(), "{checked:?}");
        assert_eq!(checked.superfluous, Vec::<String>::new());
    }
}

#[test]
fn generated_policies_allow_what_is_needed_and_nothing_else() {
    let mut resources = tenants();
    let database = serde_json::json!({ "DBInstanceIdentifier": "metanet-orders" });
    resources.push(("Db".to_owned(), "AWS::RDS::DBInstance".to_owned(), database));
    let table = serde_json::json!({ "TableName": "metanet-orders" });
    resources.push(("Orders".to_owned(), "AWS::DynamoDB::Table".to_owned(), table));
    let all =
        || resources.iter().map(|(id, kind, properties)| Resource { id: id.as_str(), kind: kind.as_str(), properties });
    let registry = registry();
    let mut needs = Needs::default();
    let handlers = [Handler::Create, Handler::Read, Handler::Update, Handler::Delete];
    needs.handle((&registry, tenantry::resources::table()), all(), &handlers);
    let own = Subject::Stacks.statements(&control_plane()).unwrap();
    let names = Names::of(tenantry::resources::table(), &estate::estate().fleet.organisation, all());
    let generated = generate(&registry, Subject::Stacks, &own, &needs, &names);
    assert!(generated.fits() && generated.documents.len() > 1, "{}", generated.documents.len());
    for document in &generated.documents {
        // Source: "IAM and AWS STS quotas", managed policies.
        assert!(document.to_string().len() < 6_144 + 600, "functions of CloudFormation are longer than what they give");
    }
    let statements: Vec<Value> = generated.documents.iter().flat_map(|one| list(&one["Statement"])).collect();
    let checked = check(&registry, Subject::Stacks, &statements, &needs);
    assert!(checked.lacking.is_empty() && checked.wide.is_empty(), "{checked:?}");
    assert_eq!(checked.superfluous, Vec::<String>::new());
    let text = Value::Array(statements).to_string();
    assert!(text.contains("dynamodb:*:${AWS::AccountId}:table/metanet-*"), "{text}");
    assert!(text.contains("rds:CreateDBInstance") && text.contains("\"NotOurOwn\""), "{text}");
}

/// What the reading role may do beside reading. A change set that is not executed changes nothing.
const NOT_READING: [&str; 10] = [
    "cloudformation:CreateChangeSet",
    "cloudformation:DeleteChangeSet",
    "cloudformation:DetectStackDrift",
    "cloudformation:DetectStackResourceDrift",
    "cloudformation:TagResource",
    "cloudwatch:PutMetricData",
    "events:PutEvents",
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
    // What `watch` adds is its own.
    let conditions = [
        ("cloudwatch:PutMetricData", "cloudwatch:namespace", "Tenantry"),
        ("events:PutEvents", "events:source", "tenantry"),
    ];
    for (action, key, value) in conditions {
        let granting = read.iter().filter(|one| texts(&one["Action"]).iter().any(|own| own == action));
        assert!(granting.count() == 1, "{action}");
        assert!(read.iter().any(|one| one["Condition"]["StringEquals"][key] == value), "{action}");
    }
    let token =
        read.iter().find(|one| texts(&one["Action"]).contains(&"secretsmanager:GetSecretValue".to_owned())).unwrap();
    let secrets: Vec<String> =
        list(&token["Resource"]).iter().map(Value::to_string).filter(|one| one.contains(":secret:")).collect();
    assert!(secrets.len() == 1 && secrets[0].contains("/pages/api-token-*"), "{token}");
}

#[test]
fn with_paging_the_roles_may_read_and_list_its_types_too() {
    let fleet = estate::paging().fleet;
    let (account, region) = ("111122223333".parse().unwrap(), "eu-west-1".parse().unwrap());
    let tree = render(&renderer(), &Context::control_plane(&fleet, &account, &region, None, "v1.0.0")).tree();
    let mut everything = everything();
    everything.extend(resources(&tree));
    for subject in [Subject::Read, Subject::Deploy] {
        let checked = checked_in(&tree, subject, &everything);
        assert!(checked.lacking.is_empty() && checked.unknown.is_empty(), "{checked:?}");
        assert_eq!(checked.superfluous, Vec::<String>::new());
    }
}

#[test]
fn no_role_of_the_control_plane_deletes_what_templates_retain() {
    for role in ["DeployRole", "ReadRole"] {
        let own = statements(&control_plane(), role);
        let known: Vec<String> = actions(&own).into_iter().collect();
        for action in OPERATOR {
            assert!(!known.iter().any(|pattern| covers(pattern, action)), "{role} {action}");
        }
    }
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
        let allowing = stacks.iter().filter(|one| allow(std::slice::from_ref(one), action));
        for statement in allowing {
            assert!(
                statement["Condition"]["StringEquals"]["iam:PermissionsBoundary"].is_object(),
                "{action}: {statement}"
            );
        }
    }
    assert!(!allow(&stacks, "iam:DeleteRolePermissionsBoundary"));
    assert!(!allow(&stacks, "iam:CreatePolicyVersion"));
}

#[test]
fn the_deploy_role_may_do_what_is_called_and_nothing_else() {
    let known = CALLS.iter().map(|call| call.action).chain(OPERATOR.iter().copied());
    let known: BTreeSet<String> = known.map(str::to_owned).collect();
    let needed: BTreeSet<String> = called().into_iter().chain(BESIDE.map(str::to_owned)).collect();
    assert_eq!(known, needed, "`cloud::permissions` is not what the adapters call");
    let reads: Vec<&str> = CALLS.iter().filter(|call| call.reads).map(|call| call.action).collect();
    for action in NOT_READING {
        assert!(reads.contains(&action), "{action}");
    }
}
