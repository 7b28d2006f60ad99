//! Amazon CloudWatch: the states of alarms.

use serde_json::json;

use super::reads::{self, Question, at, items, text};
use super::{CallError, Session};

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

/// The API, as requests name it.
pub(super) const TARGET: &str = "GraniteServiceVersion20100801";

/// The alarms of these names, in the order of their names; one that does not exist is not in the answer.
pub async fn alarms(session: &Session, names: &[String]) -> Result<Vec<Alarm>, CallError> {
    let mut found = Vec::new();
    for part in names.chunks(AT_ONCE) {
        let body = json!({ "AlarmNames": part, "AlarmTypes": ["MetricAlarm", "CompositeAlarm"] });
        let question =
            Question::json("monitoring", "DescribeAlarms", &part[0], TARGET, body).pages("NextToken", "NextToken");
        let pages = reads::ask(session, &question).await?;
        for alarm in ["MetricAlarms", "CompositeAlarms"].iter().flat_map(|kind| items(&pages, kind)) {
            let name = session.need(text(&alarm, "AlarmName"), question.operation, &part[0], "AlarmName")?;
            let state = session.need(text(&alarm, "StateValue"), question.operation, &name, "StateValue")?;
            let state = match state.as_str() {
                "OK" => AlarmState::Ok,
                "ALARM" => AlarmState::Alarm,
                _ => AlarmState::InsufficientData,
            };
            let since = at(&alarm, "StateUpdatedTimestamp").and_then(|since| reads::seconds(&since));
            found.push(Alarm { name, state, reason: text(&alarm, "StateReason").unwrap_or_default(), since });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}
