//! Amazon CloudWatch: the metric alarms of a region, all in a few paginated calls.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types as sdk;
use serde_json::{Map, Value, json};

use super::{CallError, Family, Session};

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
    const OPERATION: &str = "DescribeAlarms";
    let call = session.cloudwatch.describe_alarms().alarm_name_prefix(prefix).max_records(100);
    let pages = call.into_paginator().send();
    let mut pages = session.pages(Family::CloudWatch, OPERATION, prefix, pages, |page| page.next_token());
    let mut found = BTreeMap::new();
    while let Some(page) = pages.next().await? {
        for alarm in page.metric_alarms.unwrap_or_default() {
            let alarm = alarm_of(session, prefix, alarm)?;
            found.insert(alarm.name.clone(), alarm);
        }
    }
    Ok(found)
}

fn alarm_of(session: &Session, prefix: &str, alarm: sdk::MetricAlarm) -> Result<Alarm, CallError> {
    let dimensions = alarm.dimensions.unwrap_or_default().into_iter();
    let dimensions: Vec<Value> = dimensions.map(|d| json!({ "Name": d.name, "Value": d.value })).collect();
    let text = |value: Option<&str>| value.map_or(Value::Null, Value::from);
    let properties = [
        ("AlarmDescription", text(alarm.alarm_description.as_deref())),
        ("ActionsEnabled", json!(alarm.actions_enabled.unwrap_or(true))),
        ("Namespace", text(alarm.namespace.as_deref())),
        ("MetricName", text(alarm.metric_name.as_deref())),
        ("Dimensions", json!(dimensions)),
        ("Statistic", text(alarm.statistic.as_ref().map(|statistic| statistic.as_str()))),
        ("Period", json!(alarm.period)),
        ("EvaluationPeriods", json!(alarm.evaluation_periods)),
        ("Threshold", json!(alarm.threshold)),
        ("ComparisonOperator", text(alarm.comparison_operator.as_ref().map(|operator| operator.as_str()))),
        ("TreatMissingData", text(alarm.treat_missing_data.as_deref())),
        ("AlarmActions", json!(alarm.alarm_actions.unwrap_or_default())),
        ("OKActions", json!(alarm.ok_actions.unwrap_or_default())),
        ("InsufficientDataActions", json!(alarm.insufficient_data_actions.unwrap_or_default())),
    ];
    Ok(Alarm {
        name: session.need(alarm.alarm_name, "DescribeAlarms", prefix, "AlarmName")?,
        state: alarm.state_value.map(|state| state.as_str().to_owned()).unwrap_or_default(),
        properties: properties.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
    })
}
