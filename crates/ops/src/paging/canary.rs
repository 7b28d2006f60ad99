//! A page that nobody needs, sent from each place on the way of all pages: it must arrive at the paging service, and be
//! resolved there by the event that says OK.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::pages::key;
use super::{Check, Options};
use crate::deploy::stacks;
use tenantry_aws::cloud::{Session, events};
use tenantry_aws::pager::{Incident, Named, Pager, PagerError};
use tenantry_checks::capacity::Level;
use tenantry_spec::estate::spec::Fleet;
use tenantry_template::render::names;

/// As CloudWatch names the event of an alarm. Source: Amazon CloudWatch User Guide, "Alarm events and EventBridge".
const DETAIL_TYPE: &str = "CloudWatch Alarm State Change";
/// How far the paging service's clock may be behind.
const CLOCKS: SignedDuration = SignedDuration::from_mins(5);

pub(super) struct Canary<'a> {
    pub(super) fleet: &'a Fleet,
    pub(super) pager: &'a Pager,
    pub(super) options: Options,
    pub(super) wait: Duration,
}

/// What is waited for.
#[derive(Clone, Copy)]
enum Until {
    Arrived,
    Resolved,
}

impl Until {
    fn is_met(self, incidents: &[Incident]) -> bool {
        match self {
            Self::Arrived => !incidents.is_empty(),
            Self::Resolved => incidents.iter().any(|incident| incident.status == "resolved"),
        }
    }
}

impl Canary<'_> {
    /// Sends one from each session's place, waits, and resolves them. With the checks: the escalation policy that they reached.
    pub(super) async fn fly(&self, sessions: &[&Arc<Session>], links: &[Check]) -> (Vec<Check>, Option<Named>) {
        let name = names::canary(&self.fleet.organisation, &self.options.now.strftime("%Y%m%dT%H%M%SZ").to_string());
        let (fires, ends) = (&event(&name, "ALARM"), &event(&name, "OK"));
        let begun = Instant::now();
        let sent = join_all(sessions.iter().map(|session| events::put(session, DETAIL_TYPE, fires))).await;
        let (mut checks, mut waiting): (Vec<Check>, BTreeMap<String, &Arc<Session>>) = Default::default();
        for (session, sent) in sessions.iter().zip(sent) {
            match sent {
                Ok(()) => drop(waiting.insert(key(&session.place, &name), session)),
                Err(error) => checks.push(Check::unknown(&session.place, "canary", &error)),
            }
        }
        let (arrived, mut failure) = self.poll(waiting.keys(), Until::Arrived).await;
        let seconds = begun.elapsed().as_secs();
        let policy = arrived.values().flatten().find_map(|incident| incident.escalation_policy.clone());
        // Also those that did not arrive: they may yet.
        join_all(waiting.values().map(|session| events::put(session, DETAIL_TYPE, ends))).await;
        let (resolved, later) = self.poll(arrived.keys(), Until::Resolved).await;
        failure = failure.or(later);
        for (key, session) in &waiting {
            let place = &session.place;
            let said = |level, what: String| Check::new(Some(place), "canary", level, what);
            checks.push(match (arrived.contains_key(key), resolved.contains_key(key), &failure) {
                (true, true, _) => said(Level::Ok, format!("arrived and was resolved; the slowest took {seconds} s")),
                (_, _, Some(error)) => said(Level::Unknown, error.to_string()),
                (true, false, None) => {
                    said(Level::Error, "arrived, but the event that says OK did not resolve it".to_owned())
                }
                (false, _, None) => said(Level::Error, self.lost(place, links)),
            });
        }
        (checks, policy)
    }

    /// Why a canary did not arrive: the first link that is broken.
    fn lost(&self, place: &tenantry_aws::cloud::Place, links: &[Check]) -> String {
        let within = format!("a page from here does not arrive within {} s", self.wait.as_secs());
        let hub = stacks::central(self.fleet);
        let on_the_way = |check: &&Check| {
            check.level == Level::Error
                && ["rule ", "event bus ", "API destination ", "connection ", "dead-letter "].iter().any(|kind| check.subject.starts_with(kind))
                && check.place.as_ref().is_some_and(|at| at == place || *at == hub)
                // The forward rule of the pager's own place carries only that place's alarms.
                && (check.place.as_ref() == Some(place) || !check.subject.ends_with("-forward"))
        };
        let mut broken: Vec<&Check> = links.iter().filter(on_the_way).collect();
        // The place's own rule is the first link.
        broken.sort_by_key(|check| !check.subject.ends_with("-forward"));
        match broken.first() {
            Some(first) => format!("{within}: {}: {}", first.subject, first.what),
            None => format!(
                "{within}, although every link is there: the paging service refuses it (routing key, service disabled), or a \
                 role or policy was changed; see the dead-letter queue, and `tenantry bootstrap` for what differs"
            ),
        }
    }

    /// Asks until all are as they should be or the time is over; those that are, and the last failure.
    async fn poll<'k>(
        &self,
        keys: impl Iterator<Item = &'k String>,
        until: Until,
    ) -> (BTreeMap<String, Vec<Incident>>, Option<PagerError>) {
        let since = self.options.now.saturating_sub(CLOCKS).unwrap_or(Timestamp::UNIX_EPOCH);
        let end = Instant::now() + self.wait;
        let (mut open, mut met): (Vec<&String>, BTreeMap<String, Vec<Incident>>) = (keys.collect(), BTreeMap::new());
        loop {
            let answers = join_all(open.iter().map(|key| self.pager.incidents(key, since))).await;
            let mut failure = None;
            for (key, answer) in std::mem::take(&mut open).into_iter().zip(answers) {
                match answer {
                    Ok(incidents) if until.is_met(&incidents) => drop(met.insert(key.clone(), incidents)),
                    Ok(_) => open.push(key),
                    Err(error) => {
                        failure = Some(error);
                        open.push(key);
                    }
                }
            }
            if open.is_empty() || Instant::now() >= end {
                return (met, failure);
            }
            tokio::time::sleep(self.options.poll).await;
        }
    }
}

fn event(name: &str, state: &str) -> Value {
    let before = if state == "OK" { "ALARM" } else { "OK" };
    json!({
        "alarmName": name,
        "state": { "value": state, "reason": "tenantry watch checks that pages arrive" },
        "previousState": { "value": before },
    })
}
