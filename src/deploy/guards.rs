//! The alarms that guard an update: CloudFormation rolls it back when one of them goes off.
//!
//! A stack has more alarms than CloudFormation takes as triggers, so those that react fastest are chosen. An alarm that
//! does not exist would fail the update, and one that rings already says nothing about it: both are left out and told.

use serde_json::Value;

use super::Desired;
use super::plan::Warning;
use super::prepare::Alarms;
use crate::cloud::change_sets::{MOST_TRIGGERS, RollbackTriggers};
use crate::cloud::cloudwatch::{self, AlarmState};
use crate::cloud::{CallError, Place, Session, is_access_denied, not_implemented};

/// What guards the update to `desired`; None leaves the guards that the stack has.
pub(super) async fn triggers(
    session: &Session,
    desired: &Desired,
    alarms: Alarms,
    warnings: &mut Vec<Warning>,
) -> Result<Option<RollbackTriggers>, CallError> {
    let Alarms::Watched { minutes } = alarms else {
        return Ok(Some(RollbackTriggers { alarms: Vec::new(), monitor_minutes: 0 }));
    };
    let names = fastest(&desired.body);
    if names.is_empty() {
        return Ok(Some(RollbackTriggers { alarms: Vec::new(), monitor_minutes: 0 }));
    }
    let mut warn =
        |reason: String| warnings.push(Warning { check: "rollback alarms".to_owned(), reason, unchecked: false });
    let found = match cloudwatch::alarms(session, &names).await {
        Ok(found) => found,
        Err(error) if is_access_denied(&error) || not_implemented(&error) => {
            warn(format!("no alarm guards this update: {}", error.cause));
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let mut arns = Vec::new();
    for name in &names {
        match found.iter().find(|alarm| alarm.name == *name) {
            None => {}
            Some(alarm) if alarm.state == AlarmState::Alarm => {
                warn(format!("alarm {name} rings already, so it does not guard this update"));
            }
            Some(_) => arns.push(arn(&session.place, name)),
        }
    }
    if arns.is_empty() {
        warn("no alarm guards this update: none of the template's exists and is quiet".to_owned());
    }
    let monitor_minutes = if arns.is_empty() { 0 } else { minutes };
    Ok(Some(RollbackTriggers { alarms: arns, monitor_minutes }))
}

/// Triggers as a part of a change set's name.
pub(super) fn named(triggers: Option<&RollbackTriggers>) -> String {
    triggers.map_or_else(String::new, |triggers| format!("{} {}", triggers.monitor_minutes, triggers.alarms.join(" ")))
}

fn arn(place: &Place, name: &str) -> String {
    format!("arn:{}:cloudwatch:{}:{}:alarm:{name}", place.region.partition(), place.region, place.account)
}

/// Names of a template's alarms, those that react fastest first: period × evaluation periods, then logical id.
fn fastest(body: &str) -> Vec<String> {
    let tree: Value = serde_json::from_str(body).unwrap_or_default();
    let resources = tree.get("Resources").and_then(Value::as_object);
    let mut found: Vec<(u64, &String, String)> = Vec::new();
    for (logical_id, resource) in resources.into_iter().flatten() {
        if resource.get("Type").and_then(Value::as_str) != Some("AWS::CloudWatch::Alarm") {
            continue;
        }
        let property = |name: &str| resource.get("Properties").and_then(|properties| properties.get(name));
        let number = |name: &str| property(name).and_then(Value::as_u64).unwrap_or(u64::from(u32::MAX));
        if let Some(name) = property("AlarmName").and_then(Value::as_str) {
            found.push((number("Period").saturating_mul(number("EvaluationPeriods")), logical_id, name.to_owned()));
        }
    }
    found.sort();
    found.into_iter().take(MOST_TRIGGERS).map(|(_, _, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_five_fastest_alarms_with_a_name_guard() {
        let alarm = |name: &str, period: u64, times: u64| {
            serde_json::json!({ "Type": "AWS::CloudWatch::Alarm",
                "Properties": { "AlarmName": name, "Period": period, "EvaluationPeriods": times } })
        };
        let nameless = serde_json::json!({ "Type": "AWS::CloudWatch::Alarm", "Properties": { "Period": 1 } });
        let body = serde_json::json!({ "Resources": {
            "A": alarm("slow", 300, 3), "B": alarm("b", 60, 1), "C": alarm("c", 60, 3), "D": alarm("d", 60, 1),
            "E": alarm("e", 300, 1), "F": alarm("f", 10, 1), "G": nameless, "H": { "Type": "AWS::SQS::Queue" },
        } });
        assert_eq!(fastest(&body.to_string()), ["f", "b", "d", "c", "e"]);
    }
}
