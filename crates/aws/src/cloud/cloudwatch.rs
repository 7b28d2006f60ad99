//! Amazon CloudWatch: the states of alarms and their history, and metrics of our own.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::reads::{self, Question, at, items, list, text};
use super::{CallError, Session};

/// One alarm, metric or composite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    pub name: String,
    /// CloudFormation's type.
    pub kind: &'static str,
    pub state: AlarmState,
    /// Why it has this state, as CloudWatch says it.
    pub reason: String,
    /// Since when, in seconds since 1970.
    pub since: Option<i64>,
    /// ARNs of what it acts on when it goes into ALARM.
    pub actions: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmState {
    Ok,
    Alarm,
    /// Nothing can be said, or something that this version does not know.
    InsufficientData,
}

impl AlarmState {
    /// As CloudWatch writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }
}

/// Names in one call. Source: Amazon CloudWatch API Reference, DescribeAlarms.
const AT_ONCE: usize = 100;

/// Types of CloudFormation.
pub const METRIC: &str = "AWS::CloudWatch::Alarm";
pub const COMPOSITE: &str = "AWS::CloudWatch::CompositeAlarm";

const KINDS: [&str; 2] = ["MetricAlarm", "CompositeAlarm"];

/// The API, as requests name it.
pub(super) const TARGET: &str = "GraniteServiceVersion20100801";

/// The alarms of these names, in the order of their names; one that does not exist is not in the answer.
pub async fn alarms(session: &Session, names: &[String]) -> Result<Vec<Alarm>, CallError> {
    let mut found = Vec::new();
    for part in names.chunks(AT_ONCE) {
        let body = json!({ "AlarmNames": part, "AlarmTypes": KINDS });
        let question =
            Question::json("monitoring", "DescribeAlarms", &part[0], TARGET, body).pages("NextToken", "NextToken");
        found.extend(alarms_of(session, &question).await?);
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Every alarm of the account in the region whose name starts so, by name.
pub async fn with_prefix(session: &Session, prefix: &str) -> Result<Vec<Alarm>, CallError> {
    let body = json!({ "AlarmNamePrefix": prefix, "AlarmTypes": KINDS, "MaxRecords": 100 });
    let question = Question::json("monitoring", "DescribeAlarms", prefix, TARGET, body).pages("NextToken", "NextToken");
    let mut found = alarms_of(session, &question).await?;
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

async fn alarms_of(session: &Session, question: &Question) -> Result<Vec<Alarm>, CallError> {
    let pages = reads::ask(session, question).await?;
    let metric = items(&pages, "MetricAlarms").into_iter().map(|alarm| (METRIC, alarm));
    let composite = items(&pages, "CompositeAlarms").into_iter().map(|alarm| (COMPOSITE, alarm));
    let of = |(kind, alarm): (&'static str, Value)| {
        let name = session.need(text(&alarm, "AlarmName"), question.operation, &question.subject, "AlarmName")?;
        let state = session.need(text(&alarm, "StateValue"), question.operation, &name, "StateValue")?;
        let state = match state.as_str() {
            "OK" => AlarmState::Ok,
            "ALARM" => AlarmState::Alarm,
            _ => AlarmState::InsufficientData,
        };
        let since = at(&alarm, "StateUpdatedTimestamp").and_then(|since| reads::seconds(&since));
        let actions = list(&alarm, "AlarmActions");
        let actions = actions.as_array().into_iter().flatten().filter_map(|arn| arn.as_str().map(str::to_owned));
        let (reason, actions) = (text(&alarm, "StateReason").unwrap_or_default(), actions.collect());
        Ok(Alarm { name, kind, state, reason, since, actions })
    };
    metric.chain(composite).map(of).collect()
}

/// A change of an alarm's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// Seconds since 1970.
    pub at: i64,
    /// As CloudWatch says it: `Alarm updated from OK to ALARM`.
    pub what: String,
}

/// The changes of an alarm's state between two times, in seconds since 1970; the oldest first. CloudWatch keeps 30 days.
pub async fn history(session: &Session, alarm: &str, from: i64, to: i64) -> Result<Vec<StateChange>, CallError> {
    let body = json!({
        "AlarmName": alarm, "HistoryItemType": "StateUpdate", "StartDate": from, "EndDate": to, "MaxRecords": 100,
    });
    let question =
        Question::json("monitoring", "DescribeAlarmHistory", alarm, TARGET, body).pages("NextToken", "NextToken");
    let rows = items(&reads::ask(session, &question).await?, "AlarmHistoryItems");
    let of = |row: &Value| {
        let at = at(row, "Timestamp").and_then(|at| reads::seconds(&at));
        let at = session.need(at, question.operation, alarm, "Timestamp")?;
        Ok(StateChange { at, what: text(row, "HistorySummary").unwrap_or_default() })
    };
    let mut changes = rows.iter().map(of).collect::<Result<Vec<_>, CallError>>()?;
    changes.sort_by_key(|change| change.at);
    Ok(changes)
}

/// A number that is published.
#[derive(Debug, Clone, PartialEq)]
pub struct Datum {
    pub name: &'static str,
    pub dimensions: BTreeMap<&'static str, String>,
    pub value: f64,
    /// As CloudWatch names it: `Count`, `Percent`, `None`.
    pub unit: &'static str,
}

/// Numbers in one call. Source: Amazon CloudWatch API Reference, PutMetricData.
const DATA_AT_ONCE: usize = 1000;

/// Publishes numbers in a namespace.
pub async fn put(session: &Session, namespace: &str, data: &[Datum]) -> Result<(), CallError> {
    for part in data.chunks(DATA_AT_ONCE) {
        let one = |datum: &Datum| {
            let dimensions = datum.dimensions.iter().map(|(name, value)| json!({ "Name": name, "Value": value }));
            json!({
                "MetricName": datum.name, "Value": datum.value, "Unit": datum.unit,
                "Dimensions": dimensions.collect::<Vec<_>>(),
            })
        };
        let data: Vec<Value> = part.iter().map(one).collect();
        let body = json!({ "Namespace": namespace, "MetricData": data });
        let question = Question::json("monitoring", "PutMetricData", namespace, TARGET, body);
        reads::answer(session, &question).await?;
    }
    Ok(())
}
