//! The deploy role may do what `src/cloud` calls, and nothing else.

use std::collections::BTreeSet;

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

fn allowed() -> BTreeSet<String> {
    let (account, region) = ("111122223333".parse().unwrap(), "eu-west-1".parse().unwrap());
    let context = Context::control_plane(&estate::estate().fleet, &account, &region, None, "v1.0.0");
    let tree = render(&renderer(), &context).tree();
    let policy = &tree["Resources"]["DeployRole"]["Properties"]["Policies"][0]["PolicyDocument"];
    // Source: "IAM and AWS STS quotas", inline policies of a role.
    let size = policy.to_string().len();
    assert!(size < 10_240, "a role's inline policies have 10,240 characters at most, this has {size}");
    let actions = policy["Statement"].as_array().unwrap().iter().flat_map(|statement| match &statement["Action"] {
        Value::Array(actions) => actions.clone(),
        one => vec![one.clone()],
    });
    actions.map(|action| action.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_deploy_role_may_do_what_is_called_and_nothing_else() {
    let beside: BTreeSet<String> = BESIDE.iter().map(|(action, _)| (*action).to_owned()).collect();
    let (called, allowed) = (called(), allowed());
    let missing: Vec<&String> = called.iter().filter(|action| !allowed.contains(*action)).collect();
    assert_eq!(missing, Vec::<&String>::new(), "called, and not allowed");
    let idle: Vec<&String> =
        allowed.iter().filter(|action| !called.contains(*action) && !beside.contains(*action)).collect();
    assert_eq!(idle, Vec::<&String>::new(), "allowed, and never called");
}
