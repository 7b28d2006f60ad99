//! Every bucket, queue and topic is named by a resource policy of its kind; Guard's rules see to what that policy says.

use std::collections::BTreeSet;

use super::Fault;
use super::stack::{Stack, targets};

/// Type, type of its policy, property of the policy that names what it is for.
const POLICIES: [(&str, &str, &str); 3] = [
    ("AWS::S3::Bucket", "AWS::S3::BucketPolicy", "Bucket"),
    ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "Queues"),
    ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "Topics"),
];

pub(super) fn check(stack: &Stack<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (of, policy, property) in POLICIES {
        let covered: BTreeSet<&str> =
            stack.of_type(policy).flat_map(|(_, policy)| targets(&policy[property])).collect();
        let bare = stack.of_type(of).filter(|(id, _)| !covered.contains(id));
        faults.extend(
            bare.map(|(id, _)| Fault::new(id, "Properties", format!("no `{policy}` says that only TLS is taken"))),
        );
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use serde_json::json;

    #[test]
    fn each_has_a_policy_that_names_it() {
        let resources = json!({
            "Bucket": { "Type": "AWS::S3::Bucket" },
            "BucketPolicy": { "Type": "AWS::S3::BucketPolicy", "Properties": { "Bucket": { "Ref": "Bucket" } } },
            "Covered": { "Type": "AWS::SQS::Queue" },
            "QueuePolicy": { "Type": "AWS::SQS::QueuePolicy", "Properties": { "Queues": [{ "Ref": "Covered" }] } },
            "Topic": { "Type": "AWS::SNS::Topic" },
            "Bare": { "Type": "AWS::SQS::Queue" },
        });
        check(
            super::check,
            resources,
            &[
                "Bare: no `AWS::SQS::QueuePolicy` says that only TLS is taken",
                "Topic: no `AWS::SNS::TopicPolicy` says that only TLS is taken",
            ],
        );
    }
}
