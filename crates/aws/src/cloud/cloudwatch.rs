//! Amazon CloudWatch: the states of alarms.

use aws_sdk_cloudwatch::types::{AlarmType, StateValue};

use super::{CallError, Family, Session};

/// One alarm, metric or composite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    pub name: String,
    pub state: AlarmState,
    /// Why it has this state, as CloudWatch says it.
    pub reason: String,
    /// Since when, in seconds since 1970.
    pub since: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmState {
    Ok,
    Alarm,
    /// Nothing can be said, or something that this version does not know.
    InsufficientData,
}

/// Names in one call. Source: Amazon CloudWatch API Reference, DescribeAlarms.
const AT_ONCE: usize = 100;

/// The alarms of these names, in the order of their names; one that does not exist is not in the answer.
pub async fn alarms(session: &Session, names: &[String]) -> Result<Vec<Alarm>, CallError> {
    const OPERATION: &str = "DescribeAlarms";
    let mut found = Vec::new();
    for part in names.chunks(AT_ONCE) {
        let request = session.cloudwatch.describe_alarms().set_alarm_names(Some(part.to_vec()));
        let request = request.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm);
        let pages = request.into_paginator().send();
        let mut pages = session.pages(Family::CloudWatch, OPERATION, &part[0], pages, |page| page.next_token());
        while let Some(page) = pages.next().await? {
            let metric = page.metric_alarms.unwrap_or_default().into_iter();
            let metric = metric
                .map(|alarm| (alarm.alarm_name, alarm.state_value, alarm.state_reason, alarm.state_updated_timestamp));
            let composite = page.composite_alarms.unwrap_or_default().into_iter();
            let composite = composite
                .map(|alarm| (alarm.alarm_name, alarm.state_value, alarm.state_reason, alarm.state_updated_timestamp));
            for (name, state, reason, since) in metric.chain(composite) {
                let name = session.need(name, OPERATION, &part[0], "AlarmName")?;
                let state = session.need(state, OPERATION, &name, "StateValue")?;
                let state = match state {
                    StateValue::Ok => AlarmState::Ok,
                    StateValue::Alarm => AlarmState::Alarm,
                    _ => AlarmState::InsufficientData,
                };
                let since = since.map(|since| since.secs());
                found.push(Alarm { name, state, reason: reason.unwrap_or_default(), since });
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}
