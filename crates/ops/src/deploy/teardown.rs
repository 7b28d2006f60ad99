//! What a change takes down: interfaces of functions that linger, and names that two resources cannot bear at once.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{StackPlan, Warning};
use tenantry_aws::cloud::change_sets::ResourceChange;
use tenantry_base::finding::{Code, Finding};
use tenantry_checks::resources::{self, Scope};

/// What a stack's changes take down that does not go at once, or not at all. `template` is the one that it will have.
pub fn findings(stack: &StackPlan, template: &Value) -> Vec<Finding> {
    let changes = stack.action.changes();
    let mut found = Vec::new();
    let lingering: BTreeSet<&str> =
        changes.iter().filter(|change| lingers(change)).map(|change| change.logical_id.as_str()).collect();
    if !lingering.is_empty() {
        let named: Vec<&str> = lingering.into_iter().collect();
        let message = format!(
            "interfaces of functions linger for 20 to 45 minutes after {} of stack `{}` changed; until then their \
             addresses are taken twice, and their groups and subnets cannot go",
            named.join(", "),
            stack.stack
        );
        found.push(Finding::new(Code::TN2401, message).with_tenant(&stack.tenant));
    }
    for change in changes {
        if let Some(name) = bears_one_name_twice(change, template) {
            let message = format!(
                "{} ({}) would be replaced, but both would be named `{name}`",
                change.logical_id, change.resource_type
            );
            let finding = Finding::new(Code::TN2403, message).with_tenant(&stack.tenant);
            found.push(finding.with_resource(&change.logical_id));
        }
    }
    found
}

impl From<Finding> for Warning {
    fn from(finding: Finding) -> Self {
        Self { check: finding.code.to_string(), reason: finding.message, unchecked: false }
    }
}

/// The change moves functions away from interfaces, or takes away what interfaces hold on to.
/// Sources: AWS Lambda Developer Guide, "Giving Lambda functions access to resources in an Amazon VPC";
/// awslabs/aws-support-tools #174 (up to 20 minutes as a rule); aws-cloudformation/cloudformation-coverage-roadmap #392
/// and #414 (stacks that wait 25 to 45 minutes).
fn lingers(change: &ResourceChange) -> bool {
    let goes = change.action == "Remove" || is_replaced(change);
    match change.resource_type.as_str() {
        "AWS::Lambda::Function" => goes || touches(change, "VpcConfig"),
        "AWS::EC2::SecurityGroup" | "AWS::EC2::Subnet" => goes,
        _ => false,
    }
}

fn is_replaced(change: &ResourceChange) -> bool {
    change.action == "Modify" && matches!(change.replacement.as_deref(), Some("True" | "Conditional"))
}

fn touches(change: &ResourceChange, property: &str) -> bool {
    change.properties.iter().any(|changed| changed.path.split('/').any(|part| part == property))
}

/// The name that a replaced resource and its replacement would both bear in one scope.
/// Source: AWS CloudFormation User Guide, "Name type".
fn bears_one_name_twice<'t>(change: &ResourceChange, template: &'t Value) -> Option<&'t str> {
    let certain = change.action == "Modify" && change.replacement.as_deref() == Some("True");
    let (_, row) = resources::table().get(&change.resource_type).filter(|_| certain)?;
    let naming = row.name.as_ref().filter(|naming| !naming.shared)?;
    let moves = matches!(&naming.scope, Scope::Parent(within) if touches(change, within));
    let name = template["Resources"][&change.logical_id]["Properties"][&naming.property].as_str()?;
    (!moves && !touches(change, &naming.property)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::{Action, Baseline};
    use serde_json::json;
    use tenantry_aws::cloud::Place;
    use tenantry_aws::cloud::change_sets::{ChangeSetKind, PropertyChange};

    fn codes(kind: &str, action: &str, replacement: Option<&str>, path: &str) -> Vec<&'static str> {
        let property = PropertyChange {
            path: path.to_owned(),
            before: None,
            after: None,
            requires_recreation: None,
            source: None,
            cause: None,
        };
        let change = ResourceChange {
            action: action.to_owned(),
            logical_id: "It".to_owned(),
            resource_type: kind.to_owned(),
            physical_id: None,
            replacement: replacement.map(str::to_owned),
            policy_action: None,
            properties: vec![property],
        };
        let stack = StackPlan {
            tenant: "acme".to_owned(),
            ring: None,
            place: Place { account: "111122223333".parse().unwrap(), region: "eu-west-1".parse().unwrap() },
            stack: "metanet-acme".to_owned(),
            digest: String::new(),
            baseline: Baseline::default(),
            action: Action::Apply { change_set: None, makes: ChangeSetKind::Update, changes: vec![change] },
            claim: None,
            warnings: Vec::new(),
        };
        let template = json!({ "Resources": { "It": { "Type": kind, "Properties": {
            "QueueName": "retry", "FunctionName": "ingest", "DBInstanceIdentifier": "orders", "Family": "proxy",
            "ServiceName": "proxy" } } } });
        findings(&stack, &template).iter().map(|finding| finding.code.as_str()).collect()
    }

    #[test]
    fn what_holds_interfaces_lingers_when_it_goes_or_moves() {
        let function = "AWS::Lambda::Function";
        assert_eq!(codes(function, "Modify", Some("False"), "/Properties/VpcConfig/SubnetIds/0"), ["TN2401"]);
        assert_eq!(codes(function, "Modify", Some("False"), "/Properties/Timeout"), [""; 0]);
        assert_eq!(codes(function, "Remove", None, ""), ["TN2401"]);
        assert_eq!(
            codes("AWS::EC2::SecurityGroup", "Modify", Some("True"), "/Properties/GroupDescription"),
            ["TN2401"]
        );
        assert_eq!(codes("AWS::EC2::Subnet", "Modify", Some("Conditional"), "/Properties/CidrBlock"), ["TN2401"]);
        assert_eq!(codes("AWS::EC2::Subnet", "Add", None, ""), [""; 0]);
    }

    #[test]
    fn a_replacement_must_bear_another_name() {
        let queue = "AWS::SQS::Queue";
        assert_eq!(codes(queue, "Modify", Some("True"), "/Properties/FifoQueue"), ["TN2403"]);
        assert_eq!(codes(queue, "Modify", Some("True"), "/Properties/QueueName"), [""; 0]);
        assert_eq!(codes(queue, "Modify", Some("False"), "/Properties/DelaySeconds"), [""; 0]);
        assert_eq!(codes("AWS::RDS::DBInstance", "Modify", Some("True"), "/Properties/KmsKeyId"), ["TN2403"]);
        let service = "AWS::ECS::Service";
        assert_eq!(codes(service, "Modify", Some("True"), "/Properties/LaunchType"), ["TN2403"]);
        assert_eq!(codes(service, "Modify", Some("True"), "/Properties/Cluster"), [""; 0]);
        let definition = "AWS::ECS::TaskDefinition";
        assert_eq!(codes(definition, "Modify", Some("True"), "/Properties/Cpu"), [""; 0]);
        assert_eq!(
            codes("AWS::Lambda::Function", "Modify", Some("True"), "/Properties/PackageType"),
            ["TN2401", "TN2403"]
        );
    }
}
