//! What holds state outlives its stack and its replacement. Which types do is in the table of resource types.

use super::Fault;
use super::stack::{Stack, is_retained};
use crate::resources;

pub(super) fn check(stack: &Stack<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (id, resource) in stack.all() {
        let Some(kind) = resource["Type"].as_str() else { continue };
        let row = resources::table().get(kind);
        if row.is_some_and(|(_, row)| !row.retain) {
            continue;
        }
        let unknown = if row.is_none() { "; its type has no row in policies/resources.yaml" } else { "" };
        if !is_retained(resource) {
            faults.push(Fault::new(id, "DeletionPolicy", format!("deleting the stack deletes the resource{unknown}")));
        }
        if resource["UpdateReplacePolicy"] != "Retain" {
            let message = format!("replacing the resource deletes the old one{unknown}");
            faults.push(Fault::new(id, "UpdateReplacePolicy", message));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use serde_json::{Value, json};

    fn resource(kind: &str, deletion: Option<&str>, replacement: Option<&str>) -> Value {
        let mut resource = json!({ "Type": kind, "Properties": {} });
        for (key, policy) in [("DeletionPolicy", deletion), ("UpdateReplacePolicy", replacement)] {
            if let Some(policy) = policy {
                resource[key] = policy.into();
            }
        }
        json!({ "It": resource })
    }

    const DELETED: &str = "It: deleting the stack deletes the resource";
    const REPLACED: &str = "It: replacing the resource deletes the old one";

    #[test]
    fn state_is_retained_both_ways() {
        for kind in ["AWS::S3::Bucket", "AWS::EC2::VPC", "AWS::RDS::DBInstance", "AWS::ElastiCache::ReplicationGroup"] {
            check(super::check, resource(kind, Some("Retain"), Some("Retain")), &[]);
            check(super::check, resource(kind, Some("RetainExceptOnCreate"), Some("Retain")), &[]);
            check(super::check, resource(kind, Some("Delete"), Some("Retain")), &[DELETED]);
            check(super::check, resource(kind, Some("Snapshot"), Some("Snapshot")), &[DELETED, REPLACED]);
            check(super::check, resource(kind, None, Some("Retain")), &[DELETED]);
            check(super::check, resource(kind, Some("Retain"), None), &[REPLACED]);
        }
        check(super::check, resource("AWS::IAM::Role", None, None), &[]);
        check(super::check, resource("AWS::SQS::Queue", None, None), &[]);
    }

    #[test]
    fn a_type_without_a_row_counts_as_stateful() {
        let said = [DELETED, REPLACED].map(|text| format!("{text}; its type has no row in policies/resources.yaml"));
        check(super::check, resource("Custom::Store", None, None), &[&said[0], &said[1]]);
        check(super::check, resource("Custom::Store", Some("Retain"), Some("Retain")), &[]);
    }
}
