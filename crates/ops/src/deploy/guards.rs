//! The alarms that guard an update: CloudFormation rolls it back when one of them goes off.
//!
//! They are those that the blueprint names. A stack has more alarms than CloudFormation takes as triggers, so where it names
//! none, those that react fastest are chosen. An alarm that does not exist would fail the update, and one that is in ALARM
//! already says nothing about it: both are left out, with a warning.

use serde_json::Value;

use super::plan::Warning;
use super::prepare::Alarms;
use super::{Desired, change};
use tenantry_aws::cloud::change_sets::{MOST_TRIGGERS, ResourceChange, RollbackTriggers, Trigger};
use tenantry_aws::cloud::cloudwatch::{self, Alarm, AlarmState};
use tenantry_aws::cloud::{CallError, Place, Session, is_access_denied, not_implemented};

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
    let names = names(&desired.body, &desired.rollback_triggers);
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
    let mut guards = Vec::new();
    for name in &names {
        match found.iter().find(|alarm| alarm.name == *name) {
            None => {}
            Some(alarm) if alarm.state == AlarmState::Alarm => {
                warn(format!("alarm {name} is already in ALARM, so it is not a rollback trigger of this update"));
            }
            Some(alarm) => guards.push(Trigger { arn: arn(&session.place, name), kind: alarm.kind }),
        }
    }
    if guards.is_empty() {
        warn("no alarm guards this update: none of the template's exists and is quiet".to_owned());
    }
    let monitor_minutes = if guards.is_empty() { 0 } else { minutes };
    Ok(Some(RollbackTriggers { alarms: guards, monitor_minutes }))
}

/// Warns of an update that delivers flags while an alarm that AppConfig watches during the delivery is not OK: AppConfig takes
/// the delivery back at once, and the update fails.
/// Source: AWS AppConfig User Guide, "Monitoring deployments for automatic rollback".
pub(super) async fn flag_monitors(
    session: &Session,
    desired: &Desired,
    changes: &[ResourceChange],
    warnings: &mut Vec<Warning>,
) -> Result<(), CallError> {
    let names = monitors(&desired.body);
    if names.is_empty() || !change::delivers_flags(changes) {
        return Ok(());
    }
    let mut warn = |reason: String, unchecked: bool| {
        warnings.push(Warning { check: "flag delivery".to_owned(), reason, unchecked });
    };
    match cloudwatch::alarms(session, &names).await {
        Ok(found) => taken_back_by(&found).into_iter().for_each(|reason| warn(reason, false)),
        Err(error) if is_access_denied(&error) || not_implemented(&error) => {
            warn(format!("the state of the alarms that monitor the delivery is unknown: {}", error.cause), true);
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// What is wrong with the alarms that monitor a delivery of flags.
fn taken_back_by(alarms: &[Alarm]) -> Vec<String> {
    let said = alarms.iter().filter_map(|alarm| {
        let state = match alarm.state {
            AlarmState::Ok => return None,
            AlarmState::Alarm => "ALARM",
            AlarmState::InsufficientData => "INSUFFICIENT_DATA",
        };
        Some(format!(
            "alarm {} is in {state}: AppConfig rolls the flags back and the update fails; `tenantry flags push` changes \
             flags without it",
            alarm.name
        ))
    });
    said.collect()
}

/// Names of the alarms that AppConfig watches while it delivers a template's flags.
fn monitors(body: &str) -> Vec<String> {
    let tree: Value = serde_json::from_str(body).unwrap_or_default();
    let resources = tree["Resources"].as_object().into_iter().flatten();
    let monitors =
        resources.flat_map(|(_, resource)| resource["Properties"]["Monitors"].as_array().into_iter().flatten());
    let names = monitors.filter_map(|monitor| {
        let alarm = monitor["AlarmArn"]["Fn::GetAtt"][0].as_str()?;
        tree["Resources"][alarm]["Properties"]["AlarmName"].as_str().map(str::to_owned)
    });
    names.collect()
}

/// Triggers as a part of a change set's name.
pub(super) fn named(triggers: Option<&RollbackTriggers>) -> String {
    let said = |triggers: &RollbackTriggers| {
        let arns: Vec<&str> = triggers.alarms.iter().map(|one| one.arn.as_str()).collect();
        format!("{} {}", triggers.monitor_minutes, arns.join(" "))
    };
    triggers.map_or_else(String::new, said)
}

fn arn(place: &Place, name: &str) -> String {
    format!("arn:{}:cloudwatch:{}:{}:alarm:{name}", place.region.partition(), place.region, place.account)
}

/// The alarms of a template, by logical id.
fn declared(tree: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let resources = tree.get("Resources").and_then(Value::as_object).into_iter().flatten();
    resources.filter(|(_, resource)| resource.get("Type").is_some_and(|kind| kind == "AWS::CloudWatch::Alarm"))
}

/// Names of the alarms that the blueprint names, else of those that react fastest; also where the template has none of those named.
fn names(body: &str, chosen: &[String]) -> Vec<String> {
    let tree: Value = serde_json::from_str(body).unwrap_or_default();
    let name = |id: &String| tree["Resources"][id]["Properties"]["AlarmName"].as_str().map(str::to_owned);
    let named: Vec<String> = chosen.iter().filter_map(name).collect();
    if named.is_empty() { fastest(&tree) } else { named }
}

/// Names of a template's alarms, those that react fastest first: period × evaluation periods, then logical id.
fn fastest(tree: &Value) -> Vec<String> {
    let mut found: Vec<(u64, &String, String)> = Vec::new();
    for (logical_id, resource) in declared(tree) {
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
        assert_eq!(fastest(&body), ["f", "b", "d", "c", "e"]);
    }

    #[test]
    fn alarms_that_the_blueprint_names_guard_instead() {
        let alarm = |kind: &str, name: &str| serde_json::json!({ "Type": kind, "Properties": { "AlarmName": name } });
        let resources = serde_json::json!({ "Whole": alarm(cloudwatch::COMPOSITE, "acme-tenant"), "A": alarm(cloudwatch::METRIC, "a") });
        let named = |ids: &[&str]| {
            let body = serde_json::json!({ "Resources": resources }).to_string();
            super::names(&body, &ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(named(&["Whole"]), ["acme-tenant"]);
        assert_eq!(named(&[]), ["a"], "a composite alarm has no period");
        assert_eq!(named(&["Absent"]), ["a"]);
    }

    #[test]
    fn flags_are_not_delivered_against_an_alarm_that_takes_them_back() {
        let body = serde_json::json!({ "Resources": {
            "Parking": { "Type": "AWS::CloudWatch::Alarm", "Properties": { "AlarmName": "acme-parking" } },
            "Environment": { "Type": "AWS::AppConfig::Environment", "Properties": { "Monitors": [
                { "AlarmArn": { "Fn::GetAtt": ["Parking", "Arn"] } } ] } } } });
        assert_eq!(monitors(&body.to_string()), ["acme-parking"]);
        let alarm = |state| Alarm {
            name: "acme-parking".to_owned(),
            kind: cloudwatch::METRIC,
            state,
            reason: String::new(),
            since: None,
            actions: Vec::new(),
        };
        assert_eq!(taken_back_by(&[alarm(AlarmState::Ok)]), [""; 0]);
        assert!(
            taken_back_by(&[alarm(AlarmState::Alarm)])[0]
                .starts_with("alarm acme-parking is in ALARM: AppConfig rolls")
        );
        assert!(taken_back_by(&[alarm(AlarmState::InsufficientData)])[0].contains("INSUFFICIENT_DATA"));
    }
}
