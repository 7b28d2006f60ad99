//! A queue hides a message from others for at least six times as long as the function that it feeds may run: what is
//! shorter delivers a message again while its first delivery is still at work.
//! Source: AWS Lambda Developer Guide, "Creating and configuring an Amazon SQS event source mapping".

use serde_json::Value;

use super::Fault;
use super::stack::{Stack, Tiers, target};

/// Timeouts that must be hidden for.
const TIMEOUTS: u64 = 6;
/// What SQS and Lambda take where a template says nothing, in seconds.
const DEFAULT_VISIBILITY: u64 = 30;
const DEFAULT_TIMEOUT: u64 = 3;

/// A queue of the template and a function that it feeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::policy) struct Feed {
    pub(in crate::policy) queue: String,
    pub(in crate::policy) function: String,
}

/// Path of the time for which a queue hides a message, and of the time for which a function runs.
pub(in crate::policy) const VISIBILITY: &str = "Properties/VisibilityTimeout";
pub(in crate::policy) const TIMEOUT: &str = "Properties/Timeout";

/// Which queues of a template feed which functions.
pub(in crate::policy) fn feeds(tree: &Value) -> Vec<Feed> {
    let tiers = Tiers::default();
    let stack = Stack::of(tree, &tiers);
    let feed = |(_, mapping): (&str, &Value)| {
        let queue = target(&mapping["EventSourceArn"])?;
        let function = target(&mapping["FunctionName"])?;
        let known =
            stack.type_of(queue) == Some("AWS::SQS::Queue") && stack.type_of(function) == Some("AWS::Lambda::Function");
        known.then(|| Feed { queue: queue.to_owned(), function: function.to_owned() })
    };
    stack.of_type("AWS::Lambda::EventSourceMapping").filter_map(feed).collect()
}

/// A queue that hides its messages for too short a time.
pub(in crate::policy) fn check(feed: &Feed, visibility: &Value, timeout: &Value) -> Option<Fault> {
    let Feed { queue, function } = feed;
    let message = match (seconds(visibility, DEFAULT_VISIBILITY), seconds(timeout, DEFAULT_TIMEOUT)) {
        (Some(hidden), Some(runs)) if hidden >= runs.saturating_mul(TIMEOUTS) => return None,
        (Some(hidden), Some(runs)) => {
            let least = runs.saturating_mul(TIMEOUTS);
            format!("a message is hidden for {hidden} s, but `{function}` may run {runs} s: {least} s are needed")
        }
        _ => format!("the visibility timeout cannot be compared with the timeout of `{function}`"),
    };
    Some(Fault::new(queue, VISIBILITY, message))
}

/// None for what is no number, such as a reference.
fn seconds(value: &Value, default: u64) -> Option<u64> {
    match value {
        Value::Null => Some(default),
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn feed() -> Feed {
        Feed { queue: "Retry".to_owned(), function: "Ingest".to_owned() }
    }

    #[test]
    fn a_feed_is_a_mapping_from_a_queue_to_a_function_of_the_stack() {
        let mapping = |queue: &str| {
            json!({ "Type": "AWS::Lambda::EventSourceMapping", "Properties": {
                "EventSourceArn": { "Fn::GetAtt": [queue, "Arn"] }, "FunctionName": { "Ref": "Ingest" } } })
        };
        let tree = json!({ "Resources": {
            "Ingest": { "Type": "AWS::Lambda::Function", "Properties": {} },
            "Retry": { "Type": "AWS::SQS::Queue", "Properties": {} },
            "Map": mapping("Retry"),
            "Other": mapping("Stream"),
        } });
        assert_eq!(feeds(&tree), [feed()]);
    }

    #[test]
    fn six_timeouts_are_enough_and_less_is_not() {
        let check =
            |visibility: Value, timeout: Value| check(&feed(), &visibility, &timeout).map(|fault| fault.message);
        assert_eq!(check(json!(360), json!(60)), None);
        assert_eq!(check(json!("360"), json!(60)), None);
        let short = "a message is hidden for 359 s, but `Ingest` may run 60 s: 360 s are needed";
        assert_eq!(check(json!(359), json!(60)).as_deref(), Some(short));
        let silent = "a message is hidden for 30 s, but `Ingest` may run 60 s: 360 s are needed";
        assert_eq!(check(Value::Null, json!(60)).as_deref(), Some(silent));
        assert_eq!(check(Value::Null, Value::Null), None);
        assert!(check(json!({ "Ref": "Seconds" }), json!(60)).unwrap().contains("cannot be compared"));
    }
}
