//! The topics that alarms publish to: whether anybody hears them; and alarms that see nothing themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use super::Check;
use tenantry_aws::cloud::cloudwatch::{Alarm, AlarmState};
use tenantry_aws::cloud::usage_metrics::{self, Metric};
use tenantry_aws::cloud::{Place, Session, topics};
use tenantry_checks::capacity::Level;
use tenantry_spec::estate::spec::Fleet;
use tenantry_template::render::names;

/// Seconds without data after which an alarm counts as blind; a new one has none for its first minutes.
const BLIND_SECONDS: i64 = 3_600;
const DAY_SECONDS: i32 = 86_400;
/// What SNS publishes of a topic. Source: Amazon SNS Developer Guide, "Amazon SNS metrics".
const METRICS: [&str; 3] =
    ["NumberOfMessagesPublished", "NumberOfNotificationsDelivered", "NumberOfNotificationsFailed"];

/// Alarms that have had no data for long.
pub(super) fn without_data(place: &Place, alarms: &[Alarm], now: i64) -> Vec<Check> {
    let blind = |alarm: &&Alarm| {
        let seconds = now.saturating_sub(alarm.since.unwrap_or(now));
        alarm.state == AlarmState::InsufficientData && seconds >= BLIND_SECONDS
    };
    let said = |alarm: &Alarm| {
        let hours = now.saturating_sub(alarm.since.unwrap_or(now)) / 3_600;
        let what = format!("it has had no data for {hours} h: what it watches is unknown");
        Check::new(Some(place), format!("alarm {}", alarm.name), Level::Warning, what)
    };
    alarms.iter().filter(blind).map(said).collect()
}

/// Whether each topic that an alarm acts on has a confirmed subscription, and what it delivered in the last day.
pub(super) async fn check(session: &Session, fleet: &Fleet, alarms: &[Alarm]) -> Vec<Check> {
    let place = &session.place;
    // Without paging the central topic has no subscriber, which is one warning for the whole fleet.
    let is_expected =
        |topic: &&str| fleet.paging.is_some() || !topic.ends_with(&format!(":{}", names::pages(&fleet.organisation)));
    let arns: BTreeSet<&str> = alarms.iter().flat_map(|alarm| alarm.actions.iter().map(String::as_str)).collect();
    let wanted: Vec<&str> = arns.into_iter().filter(|arn| arn.contains(":sns:")).filter(is_expected).collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let metrics: Vec<Metric> = wanted.iter().flat_map(|arn| METRICS.map(|name| metric(arn, name))).collect();
    let (subscriptions, delivered) =
        futures::join!(topics::subscriptions(session), usage_metrics::latest(session, &metrics, SystemTime::now()));
    let mut checks = match subscriptions {
        Err(error) => vec![Check::unknown(place, "subscriptions", &error)],
        Ok(found) => wanted.iter().flat_map(|arn| subscribers(place, arn, &found)).collect(),
    };
    match delivered {
        Err(error) => checks.push(Check::unknown(place, "deliveries", &error)),
        Ok(values) => {
            let rows = wanted.iter().zip(values.chunks(METRICS.len()));
            checks.extend(rows.filter_map(|(arn, row)| deliveries(place, arn, row)));
        }
    }
    checks
}

fn metric(arn: &str, name: &str) -> Metric {
    Metric {
        namespace: "AWS/SNS".to_owned(),
        name: name.to_owned(),
        dimensions: BTreeMap::from([("TopicName".to_owned(), last(arn).to_owned())]),
        statistic: "Sum".to_owned(),
        period_seconds: DAY_SECONDS,
    }
}

fn last(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

fn subscribers(place: &Place, arn: &str, all: &[topics::Subscription]) -> Vec<Check> {
    let subject = format!("topic {}", last(arn));
    let own: Vec<&topics::Subscription> = all.iter().filter(|one| one.topic == arn).collect();
    if own.is_empty() {
        return vec![Check::new(
            Some(place),
            subject,
            Level::Error,
            "nothing subscribes to it: what it publishes is lost",
        )];
    }
    let pending = own.iter().filter(|one| !one.is_confirmed).map(|one| {
        let what = format!("the subscription of {} waits for its owner to confirm it, and gets nothing", one.endpoint);
        Check::new(Some(place), subject.clone(), Level::Error, what)
    });
    let pending: Vec<Check> = pending.collect();
    if pending.is_empty() { vec![Check::new(Some(place), subject, Level::Ok, "")] } else { pending }
}

/// What the newest day of a topic says; nothing where all was delivered.
fn deliveries(place: &Place, arn: &str, row: &[Option<f64>]) -> Option<Check> {
    let count = |index: usize| row.get(index).copied().flatten().unwrap_or(0.0);
    let (published, delivered, failed) = (count(0), count(1), count(2));
    let subject = format!("topic {}", last(arn));
    if published > 0.0 && delivered == 0.0 {
        let what = format!("it delivered none of the {published} messages that were published in a day");
        return Some(Check::new(Some(place), subject, Level::Error, what));
    }
    let what = format!("{failed} of its deliveries failed in a day");
    (failed > 0.0).then(|| Check::new(Some(place), subject, Level::Error, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        serde_json::from_str(r#"{"account":"111122223333","region":"eu-west-1"}"#).unwrap()
    }

    #[test]
    fn a_topic_needs_a_subscription_that_is_confirmed() {
        let of = |topic: &str, is_confirmed| topics::Subscription {
            topic: topic.to_owned(),
            protocol: "email".to_owned(),
            endpoint: "ops@example.com".to_owned(),
            is_confirmed,
        };
        let said = |all: &[topics::Subscription]| {
            let found = subscribers(&place(), "arn:aws:sns:eu-west-1:1:org-pages", all);
            found.into_iter().map(|check| (check.level, check.what)).collect::<Vec<_>>()
        };
        assert_eq!(said(&[of("arn:aws:sns:eu-west-1:1:org-pages", true)]), [(Level::Ok, String::new())]);
        let other = said(&[of("arn:aws:sns:eu-west-1:1:another", true)]);
        assert!(other[0].1.contains("nothing subscribes"), "{other:?}");
        let pending = said(&[of("arn:aws:sns:eu-west-1:1:org-pages", false)]);
        assert!(pending[0].1.contains("ops@example.com waits"), "{pending:?}");
    }

    #[test]
    fn a_day_without_a_delivery_and_failed_deliveries_are_reported() {
        let said = |row: [Option<f64>; 3]| deliveries(&place(), "arn:aws:sns:eu-west-1:1:t", &row).map(|one| one.what);
        assert_eq!(said([None, None, None]), None);
        assert_eq!(said([Some(2.0), Some(2.0), None]), None);
        assert!(said([Some(2.0), None, None]).unwrap().contains("none of the 2 messages"));
        assert!(said([Some(2.0), Some(1.0), Some(1.0)]).unwrap().contains("1 of its deliveries failed"));
    }

    #[test]
    fn an_alarm_is_blind_after_an_hour_without_data() {
        let alarm = |state, since| Alarm {
            name: "org-acme-depth".to_owned(),
            kind: tenantry_aws::cloud::cloudwatch::METRIC,
            state,
            reason: String::new(),
            since: Some(since),
            actions: Vec::new(),
        };
        let count = |state, since| without_data(&place(), &[alarm(state, since)], 100_000).len();
        assert_eq!(count(AlarmState::InsufficientData, 96_400), 1);
        assert_eq!(count(AlarmState::InsufficientData, 99_000), 0);
        assert_eq!(count(AlarmState::Ok, 0), 0);
    }
}
