//! Every queue hands what it cannot deliver to another one; the last one is kept, and an alarm watches it. A queue is the last
//! one of other queues, or of functions, schedules, rules and subscriptions whose failures it takes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Fault;
use super::stack::{Stack, is_retained, target};

const QUEUE: &str = "AWS::SQS::Queue";
const DEPTH: &str = "ApproximateNumberOfMessagesVisible";

pub(super) fn check(stack: &Stack<'_>) -> Vec<Fault> {
    let queues: Vec<(&str, &Value)> = stack.of_type(QUEUE).collect();
    let mut finals: BTreeSet<&str> = queues.iter().filter_map(|(_, queue)| dead_letter_target(queue)).collect();
    let others = stack.all().filter(|(_, resource)| resource["Type"] != QUEUE);
    let failures: BTreeSet<&str> = others.flat_map(|(_, resource)| failures_go_to(&resource["Properties"])).collect();
    finals.extend(
        queues
            .iter()
            .filter(|(id, queue)| failures.contains(id) && dead_letter_target(queue).is_none())
            .map(|(id, _)| *id),
    );
    let watched: BTreeSet<&str> =
        stack.of_type("AWS::CloudWatch::Alarm").filter_map(|(_, alarm)| watched(alarm)).collect();
    let mut faults = Vec::new();
    for (id, queue) in &queues {
        match dead_letter_target(queue) {
            Some(to) if to == *id || stack.type_of(to) != Some(QUEUE) => {
                faults.push(Fault::new(
                    id,
                    "Properties/RedrivePolicy",
                    "the dead-letter queue is no other queue of the stack",
                ));
            }
            Some(_) => {}
            None if !finals.contains(id) => {
                faults.push(Fault::new(id, "Properties", "the queue has no dead-letter queue"));
            }
            None => {}
        }
        if finals.contains(id) && !watched.contains(id) {
            faults.push(Fault::new(id, "Properties", "the dead-letter queue has no alarm that pages on its depth"));
        }
        if finals.contains(id) && !stack.resource(id).is_some_and(is_retained) {
            faults.push(Fault::new(id, "DeletionPolicy", "deleting the stack deletes messages that a person must see"));
        }
    }
    faults
}

/// The queues that take what a resource fails at: in `DeadLetterConfig`, `OnFailure` and `RedrivePolicy`, at any depth.
fn failures_go_to(properties: &Value) -> Vec<&str> {
    match properties {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, inner)| match name.as_str() {
                "DeadLetterConfig" => {
                    target(&inner["TargetArn"]).or_else(|| target(&inner["Arn"])).into_iter().collect()
                }
                "OnFailure" => target(&inner["Destination"]).into_iter().collect(),
                "RedrivePolicy" => target(&inner["deadLetterTargetArn"]).into_iter().collect(),
                _ => failures_go_to(inner),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(failures_go_to).collect(),
        _ => Vec::new(),
    }
}

fn dead_letter_target(queue: &Value) -> Option<&str> {
    target(&queue["RedrivePolicy"]["deadLetterTargetArn"])
}

/// The queue whose depth an alarm with actions watches.
fn watched(alarm: &Value) -> Option<&str> {
    let pages = alarm["AlarmActions"].as_array().is_some_and(|actions| !actions.is_empty());
    let dimensions = alarm["Dimensions"].as_array()?.as_slice();
    let of_queue = dimensions.iter().find(|dimension| dimension["Name"] == "QueueName")?;
    (pages && alarm["MetricName"] == DEPTH).then(|| target(&of_queue["Value"])).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use serde_json::{Value, json};

    fn stack(change: impl FnOnce(&mut Value)) -> Value {
        let mut resources = json!({
            "Alarm": { "Type": "AWS::CloudWatch::Alarm", "Properties": {
                "MetricName": super::DEPTH, "AlarmActions": [{ "Ref": "Topic" }],
                "Dimensions": [{ "Name": "QueueName", "Value": { "Fn::GetAtt": ["Parking", "QueueName"] } }],
            } },
            "Parking": { "Type": "AWS::SQS::Queue", "DeletionPolicy": "Retain", "Properties": {} },
            "Retry": { "Type": "AWS::SQS::Queue", "Properties": {
                "RedrivePolicy": { "deadLetterTargetArn": { "Fn::GetAtt": ["Parking", "Arn"] }, "maxReceiveCount": 3 },
            } },
        });
        change(&mut resources);
        resources
    }

    #[test]
    fn queues_end_in_a_kept_queue_with_an_alarm() {
        check(super::check, stack(|_| {}), &[]);
    }

    #[test]
    fn a_queue_without_a_dead_letter_queue_is_found() {
        let lost = stack(|all| all["Other"] = json!({ "Type": "AWS::SQS::Queue", "Properties": {} }));
        check(super::check, lost, &["Other: the queue has no dead-letter queue"]);
        let outside =
            stack(|all| all["Retry"]["Properties"]["RedrivePolicy"]["deadLetterTargetArn"] = json!({ "Ref": "Retry" }));
        check(
            super::check,
            outside,
            &[
                "Parking: the queue has no dead-letter queue",
                "Retry: the dead-letter queue is no other queue of the stack",
                "Retry: the dead-letter queue has no alarm that pages on its depth",
                "Retry: deleting the stack deletes messages that a person must see",
            ],
        );
    }

    #[test]
    fn a_queue_that_takes_failures_of_others_is_the_last_one() {
        let arn = json!({ "Fn::GetAtt": ["Failed", "Arn"] });
        let takers = [
            json!({ "Type": "AWS::Lambda::Function", "Properties": { "DeadLetterConfig": { "TargetArn": arn } } }),
            json!({ "Type": "AWS::Scheduler::Schedule", "Properties": { "Target": { "DeadLetterConfig": { "Arn": arn } } } }),
            json!({ "Type": "AWS::Events::Rule", "Properties": { "Targets": [{ "DeadLetterConfig": { "Arn": arn } }] } }),
            json!({ "Type": "AWS::SNS::Subscription", "Properties": { "RedrivePolicy": { "deadLetterTargetArn": arn } } }),
            json!({ "Type": "AWS::Lambda::EventInvokeConfig", "Properties": {
                "DestinationConfig": { "OnFailure": { "Destination": arn } } } }),
        ];
        for taker in takers {
            let with = |watched: &str| {
                stack(|all| {
                    all["Failed"] = json!({ "Type": "AWS::SQS::Queue", "DeletionPolicy": "Retain", "Properties": {} });
                    all["Taker"] = taker.clone();
                    all["Second"] = all["Alarm"].clone();
                    all["Second"]["Properties"]["Dimensions"][0]["Value"] =
                        json!({ "Fn::GetAtt": [watched, "QueueName"] });
                })
            };
            check(super::check, with("Failed"), &[]);
            let silent = ["Failed: the dead-letter queue has no alarm that pages on its depth"];
            check(super::check, with("Parking"), &silent);
        }
        // One that hands on itself is not the last.
        let function = json!({ "Type": "AWS::Lambda::Function", "Properties": {
            "DeadLetterConfig": { "TargetArn": { "Fn::GetAtt": ["Retry", "Arn"] } } } });
        check(super::check, stack(|all| all["Taker"] = function), &[]);
    }

    #[test]
    fn the_last_queue_is_watched_and_kept() {
        let silent = ["Parking: the dead-letter queue has no alarm that pages on its depth"];
        check(super::check, stack(|all| all["Alarm"]["Properties"]["AlarmActions"] = json!([])), &silent);
        check(
            super::check,
            stack(|all| all["Alarm"]["Properties"]["MetricName"] = json!("NumberOfMessagesSent")),
            &silent,
        );
        let dropped = stack(|all| all["Parking"]["DeletionPolicy"] = json!("Delete"));
        check(super::check, dropped, &["Parking: deleting the stack deletes messages that a person must see"]);
    }
}
