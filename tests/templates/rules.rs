//! Rules of AWS that no check of the tool keeps, since the templates obey them by how they are written.

use std::collections::BTreeSet;

use serde_json::Value;
use tenantry::render::Context;

use super::{estate, render, renderer};

/// The template of every sample tenant, and of one whose certificates are revoked.
fn tenants() -> Vec<Value> {
    let (estate, mut tenants) = estate::samples();
    tenants.push(estate::revoking("revoking"));
    let renderer = renderer();
    tenants.iter().map(|tenant| render(&renderer, &estate::context(&estate, tenant, "v1.0.0")).tree()).collect()
}

fn of_type<'t>(tree: &'t Value, kind: &'t str) -> impl Iterator<Item = (&'t String, &'t Value)> {
    tree["Resources"].as_object().unwrap().iter().filter(move |(_, resource)| resource["Type"] == kind)
}

/// The logical ids that a value names, by `Ref`, `Fn::GetAtt` or `DependsOn`.
fn named(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("Ref").and_then(Value::as_str).map(str::to_owned));
            found.extend(map.get("Fn::GetAtt").and_then(|list| list[0].as_str()).map(str::to_owned));
            map.values().for_each(|inner| named(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|item| named(item, found)),
        _ => {}
    }
}

/// A group is deleted when Lambda has removed the interfaces of its functions, for which it needs their role: so the role
/// goes after the group.
#[test]
fn roles_of_functions_are_deleted_after_their_security_groups() {
    for tree in tenants() {
        let functions: Vec<_> = of_type(&tree, "AWS::Lambda::Function").collect();
        assert_eq!(functions.len(), 2);
        for (id, function) in functions {
            let role = function["Properties"]["Role"]["Fn::GetAtt"][0].as_str().unwrap();
            let mut groups = BTreeSet::new();
            named(&function["Properties"]["VpcConfig"]["SecurityGroupIds"], &mut groups);
            assert!(!groups.is_empty());
            for group in groups {
                let depends = &tree["Resources"][&group]["DependsOn"];
                let roles: Vec<&str> = match depends {
                    Value::String(one) => vec![one.as_str()],
                    many => many.as_array().unwrap().iter().filter_map(Value::as_str).collect(),
                };
                assert!(roles.contains(&role), "{group} of {id} depends on {depends}");
            }
        }
    }
}

/// No stack deletes a bucket, with or without objects.
#[test]
fn every_bucket_outlives_its_stack() {
    for tree in tenants() {
        let buckets: Vec<_> = of_type(&tree, "AWS::S3::Bucket").collect();
        assert!(!buckets.is_empty());
        for (id, bucket) in buckets {
            for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
                assert!(bucket[policy].as_str().is_some_and(|policy| policy.starts_with("Retain")), "{id} {policy}");
            }
        }
    }
}

/// A function's role trusts Lambda and a task's role trusts ECS: nobody else could take them.
#[test]
fn roles_trust_the_service_that_takes_them() {
    for tree in tenants() {
        let takers = [
            ("AWS::Lambda::Function", vec!["Role"], "lambda.amazonaws.com"),
            ("AWS::ECS::TaskDefinition", vec!["TaskRoleArn", "ExecutionRoleArn"], "ecs-tasks.amazonaws.com"),
        ];
        for (kind, properties, service) in takers {
            for (id, taker) in of_type(&tree, kind) {
                for property in &properties {
                    let arn = &taker["Properties"][*property]["Fn::GetAtt"];
                    let role = &tree["Resources"][arn[0].as_str().unwrap()];
                    let statements = &role["Properties"]["AssumeRolePolicyDocument"]["Statement"];
                    let trusted: Vec<&Value> =
                        statements.as_array().unwrap().iter().map(|one| &one["Principal"]["Service"]).collect();
                    assert_eq!(trusted, [service], "{property} of {id}");
                }
            }
        }
    }
}

/// A role is deleted with its own policies by its handler; one that is attached by others would keep it.
#[test]
fn roles_have_no_policies_but_their_own() {
    for tree in tenants() {
        for kind in ["AWS::IAM::Policy", "AWS::IAM::RolePolicy", "AWS::IAM::ManagedPolicy"] {
            assert_eq!(of_type(&tree, kind).map(|(id, _)| id.clone()).collect::<Vec<_>>(), Vec::<String>::new());
        }
        for (id, role) in of_type(&tree, "AWS::IAM::Role") {
            assert!(role["Properties"].get("ManagedPolicyArns").is_none(), "{id}");
        }
    }
}

/// A Region has 20 deployment strategies and 10 resource policies of logs: far fewer than tenants.
#[test]
fn no_tenant_takes_of_what_a_region_has_few_of() {
    for tree in tenants() {
        for kind in ["AWS::AppConfig::DeploymentStrategy", "AWS::Logs::ResourcePolicy"] {
            assert_eq!(of_type(&tree, kind).count(), 0, "{kind}");
        }
        for (id, deployment) in of_type(&tree, "AWS::AppConfig::Deployment") {
            let strategy = deployment["Properties"]["DeploymentStrategyId"].as_str().unwrap();
            assert!(strategy.starts_with("AppConfig."), "{id} has a strategy of its own: {strategy}");
        }
    }
}

/// An explicit Deny wins over everything that the stacks' role may do with roles of the organisation's prefix.
#[test]
fn the_stacks_role_is_denied_the_control_planes_own_roles_and_boundary() {
    let (account, region) = ("111122223333".parse().unwrap(), "eu-west-1".parse().unwrap());
    let context = Context::control_plane(&estate::estate().fleet, &account, &region, None, "v1.0.0");
    let tree = render(&renderer(), &context).tree();
    let policies = &tree["Resources"]["StackRole"]["Properties"]["Policies"];
    let statements = policies[0]["PolicyDocument"]["Statement"].as_array().unwrap();
    let denied: Vec<&Value> = statements.iter().filter(|one| one["Effect"] == "Deny").collect();
    let [denied] = denied[..] else { panic!("{denied:?}") };
    assert_eq!((denied["Action"][0].as_str(), denied.get("Condition")), (Some("iam:*"), None));
    let resources = denied["Resource"].to_string();
    for role in ["ReadRole", "DeployRole", "StackRole"] {
        let name = tree["Resources"][role]["Properties"]["RoleName"].as_str().unwrap();
        assert!(resources.contains(&format!(":role/{name}\"")), "{role}");
    }
    assert!(resources.contains(r#"{"Ref":"Boundary"}"#), "{resources}");
}

#[test]
fn every_alarm_of_the_control_plane_has_an_entry_in_the_shipped_handbooks() {
    let (account, region) = ("111122223333".parse().unwrap(), "eu-west-1".parse().unwrap());
    let context = Context::control_plane(&estate::paging().fleet, &account, &region, None, "v1.0.0");
    let template = render(&renderer(), &context);
    for folder in ["", "blueprints/web-app"] {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let handbook = tenantry::handbook::Handbook::load(&root).unwrap().unwrap();
        let found = tenantry::handbook::check_control_plane(&handbook, &template, &context);
        assert_eq!(found.iter().map(|one| one.message.clone()).collect::<Vec<_>>(), Vec::<String>::new(), "{folder}");
    }
}
