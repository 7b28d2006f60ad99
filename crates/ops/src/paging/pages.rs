//! What became of the page of an alarm that is in ALARM.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use tenantry_aws::cloud::{Place, cloudwatch};
use tenantry_aws::pager::{Incident, Pager};
use tenantry_checks::capacity::Level;
use tenantry_spec::estate::spec::Paging;

/// How long a page may be under way. EventBridge delivers within seconds; the alarm's clock and the service's may differ.
const UNDER_WAY: SignedDuration = SignedDuration::from_mins(5);
/// How far back the service is asked: as far as it lists without a range. Source: PagerDuty Developer Documentation, "List
/// incidents".
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(30 * 24);

/// An alarm in ALARM and its page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Page {
    /// Account and Region.
    pub place: Place,
    /// Name of the alarm.
    pub alarm: String,
    /// Start of the ALARM state; null if that is not known.
    #[schemars(with = "Option<tenantry_base::schema::Instant>")]
    pub since: Option<Timestamp>,
    /// `error` if the page did not arrive or was not acknowledged in time.
    pub level: Level,
    /// State of the page in one sentence.
    pub what: String,
    /// URL of the incident; empty if there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
}

impl Page {
    fn new(place: &Place, alarm: &cloudwatch::Alarm, level: Level, what: String) -> Self {
        let since = alarm.since.and_then(|since| Timestamp::from_second(since).ok());
        Self { place: place.clone(), alarm: alarm.name.clone(), since, level, what, url: String::new() }
    }

    /// An alarm of whose page nothing is known.
    pub(super) fn unpaged(place: &Place, alarm: &cloudwatch::Alarm) -> Self {
        Self::new(place, alarm, Level::Warning, "it is unknown whether the on-call engineer was paged".to_owned())
    }
}

/// The deduplication key of an alarm: no two alarms of a fleet share one, and its page is resolved by the same.
pub(super) fn key(place: &Place, alarm: &str) -> String {
    format!("{}/{}/{alarm}", place.account, place.region)
}

/// Asks for the page of an alarm.
pub(super) async fn ask(
    pager: &Pager,
    paging: &Paging,
    place: &Place,
    alarm: &cloudwatch::Alarm,
    now: Timestamp,
) -> Page {
    let since = now.saturating_sub(LOOK_BACK).unwrap_or(now);
    match pager.incidents(&key(place, &alarm.name), since).await {
        Err(error) => Page::new(place, alarm, Level::Unknown, error.to_string()),
        Ok(incidents) => {
            let newest = incidents.into_iter().max_by_key(|incident| incident.created_at);
            let current = newest.filter(|incident| is_current(incident, alarm.since, now));
            let limit = SignedDuration::from_mins(paging.acknowledge_minutes.into());
            let (level, what) = verdict(alarm.since, current.as_ref(), now, limit);
            let url = current.map(|incident| incident.html_url).unwrap_or_default();
            Page { url, ..Page::new(place, alarm, level, what) }
        }
    }
}

/// Whether an incident is of this time that the alarm is in ALARM: one that was resolved before is of an earlier time.
fn is_current(incident: &Incident, since: Option<i64>, now: Timestamp) -> bool {
    incident.status != "resolved" || incident.created_at >= begin(since, now) - UNDER_WAY
}

fn begin(since: Option<i64>, now: Timestamp) -> Timestamp {
    since.and_then(|since| Timestamp::from_second(since).ok()).unwrap_or(now)
}

fn verdict(since: Option<i64>, incident: Option<&Incident>, now: Timestamp, limit: SignedDuration) -> (Level, String) {
    let since = begin(since, now);
    let age = |from: Timestamp| now.duration_since(from);
    let minutes = |from: Timestamp| age(from).as_mins();
    let Some(incident) = incident else {
        return match age(since) <= UNDER_WAY {
            true => (Level::Warning, "its page is under way".to_owned()),
            false => (Level::Error, format!("no page arrived within {} min", minutes(since))),
        };
    };
    let names = |names: Vec<&str>| if names.is_empty() { "no one".to_owned() } else { names.join(", ") };
    match incident.status.as_str() {
        "acknowledged" => {
            let who = incident.acknowledgements.iter().map(|one| one.acknowledger.summary.as_str()).collect();
            (Level::Warning, format!("acknowledged by {}", names(who)))
        }
        "resolved" => (Level::Warning, "its page was resolved by hand while it is still in ALARM".to_owned()),
        _ if incident.urgency == "low" => (Level::Warning, "paged with low urgency, not acknowledged yet".to_owned()),
        _ => {
            let who = names(incident.assignments.iter().map(|one| one.assignee.summary.as_str()).collect());
            let waits = minutes(incident.created_at);
            match age(incident.created_at) > limit {
                true => (Level::Error, format!("not acknowledged for {waits} min, assigned to {who}")),
                false => (Level::Warning, format!("paged {waits} min ago, assigned to {who}")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_must_arrive_and_be_acknowledged_in_time() {
        let now: Timestamp = "2026-11-30T05:00:00Z".parse().unwrap();
        let incident = |status: &str, urgency: &str, at: &str| -> Incident {
            serde_json::from_value(json!({
                "id": "Q1", "status": status, "urgency": urgency, "created_at": at,
                "acknowledgements": [{ "at": at, "acknowledger": { "summary": "Ana" } }],
                "assignments": [{ "assignee": { "summary": "Boris" } }],
            }))
            .unwrap()
        };
        let fired = |minutes: i64| Some(now.as_second() - minutes * 60);
        let check = |since: Option<i64>, incident: Option<Incident>, level: Level, what: &str| {
            let current = incident.filter(|one| is_current(one, since, now));
            let found = verdict(since, current.as_ref(), now, SignedDuration::from_mins(15));
            assert_eq!(found, (level, what.to_owned()));
        };
        check(fired(2), None, Level::Warning, "its page is under way");
        check(fired(30), None, Level::Error, "no page arrived within 30 min");
        let at = "2026-11-30T04:50:00Z";
        check(
            fired(10),
            Some(incident("triggered", "high", at)),
            Level::Warning,
            "paged 10 min ago, assigned to Boris",
        );
        let late = incident("triggered", "high", "2026-11-30T04:30:00Z");
        check(fired(30), Some(late), Level::Error, "not acknowledged for 30 min, assigned to Boris");
        let low = incident("triggered", "low", "2026-11-29T05:00:00Z");
        check(fired(30), Some(low), Level::Warning, "paged with low urgency, not acknowledged yet");
        check(fired(30), Some(incident("acknowledged", "high", at)), Level::Warning, "acknowledged by Ana");
        let by_hand = "its page was resolved by hand while it is still in ALARM";
        check(fired(10), Some(incident("resolved", "high", at)), Level::Warning, by_hand);
        let before = incident("resolved", "high", "2026-11-28T05:00:00Z");
        check(fired(10), Some(before), Level::Error, "no page arrived within 10 min");
    }
}
