//! Every queue hands what it cannot deliver to another one; the last one is kept, and an alarm watches it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Fault;
use super::stack::{Stack, is_retained, target};

const DEPTH: &str = "ApproximateNumberOfMessagesVisible";

pub(super) fn check(stack: &Stack<'_>) -> Vec<Fault> {
    let queues: Vec<(&str, &Value)> = stack.of_type("AWS::SQS::Queue").collect();
    let finals: BTreeSet<&str> = queues.iter().filter_map(|(_, queue)| dead_letter_target(queue)).collect();
    let watched: BTreeSet<&str> =
        stack.of_type("AWS::CloudWatch::Alarm").filter_map(|(_, alarm)| watched(alarm)).collect();
    let mut faults = Vec::new();
    for (id, queue) in &queues {
        match dead_letter_target(queue) {
            Some(to) if to == *id || stack.type_of(to) != Some("AWS::SQS::Queue") => {
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
