//! Amazon CloudWatch: the metric alarms of a region, all in a few paginated calls.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::cloudwatch::TARGET;
use super::reads::{self, Question, field, items, list, properties, text};
use super::{CallError, Session};

/// A metric alarm.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    pub name: String,
    /// `OK`, `ALARM`, `INSUFFICIENT_DATA`.
    pub state: String,
    /// By the names that CloudFormation gives them.
    pub properties: Map<String, Value>,
}

/// Every metric alarm of the account in the region whose name starts so, by name.
pub async fn all(session: &Session, prefix: &str) -> Result<BTreeMap<String, Alarm>, CallError> {
    let body = json!({ "AlarmNamePrefix": prefix, "MaxRecords": 100 });
    let question = Question::json("monitoring", "DescribeAlarms", prefix, TARGET, body).pages("NextToken", "NextToken");
    let alarms = items(&reads::ask(session, &question).await?, "MetricAlarms");
    let of = |alarm: &Value| {
        let name = session.need(text(alarm, "AlarmName"), question.operation, prefix, "AlarmName")?;
        Ok((name.clone(), alarm_of(name, alarm)))
    };
    alarms.iter().map(of).collect()
}

fn alarm_of(name: String, alarm: &Value) -> Alarm {
    let enabled = field(alarm, "ActionsEnabled");
    let properties = properties([
        ("AlarmDescription", field(alarm, "AlarmDescription")),
        ("ActionsEnabled", if enabled.is_null() { json!(true) } else { enabled }),
        ("Namespace", field(alarm, "Namespace")),
        ("MetricName", field(alarm, "MetricName")),
        ("Dimensions", list(alarm, "Dimensions")),
        ("Statistic", field(alarm, "Statistic")),
        ("Period", field(alarm, "Period")),
        ("EvaluationPeriods", field(alarm, "EvaluationPeriods")),
        ("Threshold", json!(field(alarm, "Threshold").as_f64())),
        ("ComparisonOperator", field(alarm, "ComparisonOperator")),
        ("TreatMissingData", field(alarm, "TreatMissingData")),
        ("AlarmActions", list(alarm, "AlarmActions")),
        ("OKActions", list(alarm, "OKActions")),
        ("InsufficientDataActions", list(alarm, "InsufficientDataActions")),
    ]);
    Alarm { name, state: text(alarm, "StateValue").unwrap_or_default(), properties }
}
