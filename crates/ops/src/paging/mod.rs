//! Whether pages reach the on-call engineer: every link of their way, a canary that takes the same way, the pages of alarms
//! that are in ALARM now, and who is on call.
//!
//! The way: an alarm changes its state → a rule of its account and Region → the pager's bus in the control plane's Region → a
//! rule by urgency → an API destination, whose connection has the key → the paging service. Alarms that watch this way go by
//! mail. In: the fleet and AWS. Out: checks, each with its level; what could not be asked is unknown. It changes nothing but
//! for the canary, which it resolves.

mod canary;
mod links;
mod pages;
mod topics;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

pub use pages::Page;

use crate::deploy::stacks;
use tenantry_aws::cloud::{Access, CallError, Cloud, Place, Session, cloudwatch, secrets, with_causes};
use tenantry_aws::pager::{OnCall, Pager};
use tenantry_checks::capacity::Level;
use tenantry_spec::estate::spec::{Fleet, Paging};
use tenantry_template::render::names;

/// Check of one link of the paging path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Check {
    /// Account and Region; null for the paging service itself.
    pub place: Option<Place>,
    /// The link, such as `rule metanet-pages-forward`.
    pub subject: String,
    /// `error` if pages may not arrive; `unknown` if the link could not be checked.
    pub level: Level,
    /// Result in one sentence.
    pub what: String,
}

impl Check {
    fn new(place: Option<&Place>, subject: impl Into<String>, level: Level, what: impl Into<String>) -> Self {
        Self { place: place.cloned(), subject: subject.into(), level, what: what.into() }
    }

    fn unknown(place: &Place, subject: impl Into<String>, error: &CallError) -> Self {
        Self::new(Some(place), subject, Level::Unknown, with_causes(error))
    }
}

/// Result of the check of the paging path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Report {
    /// Links of the paging path, in path order.
    pub checks: Vec<Check>,
    /// Alarms in ALARM, with the state of their pages.
    pub pages: Vec<Page>,
    /// The first to be paged first.
    pub on_call: Vec<OnCall>,
}

impl Report {
    /// Every level, those of the pages included.
    pub fn levels(&self) -> impl Iterator<Item = Level> {
        self.checks.iter().map(|check| check.level).chain(self.pages.iter().map(|page| page.level))
    }
}

/// How paging is checked.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub now: Timestamp,
    /// How long the canary is waited for; none is sent without.
    pub canary: Option<Duration>,
    pub poll: Duration,
}

/// What is known of one account and Region.
struct Reachable {
    session: Arc<Session>,
    alarms: Vec<cloudwatch::Alarm>,
}

/// Checks the paging of a fleet in these places; the control plane's is one more.
pub async fn check(cloud: &Cloud, fleet: &Fleet, places: &BTreeMap<Place, Access>, options: Options) -> Report {
    let mut report = Report::default();
    let hub = stacks::central(fleet);
    let mut places = places.clone();
    places.entry(hub.clone()).or_insert_with(|| stacks::access(fleet, &hub.account));
    let looks = places.iter().map(|(place, access)| in_place(cloud, fleet, place, access, options.now));
    let mut seen: BTreeMap<Place, Reachable> = BTreeMap::new();
    for (place, (found, checks)) in places.keys().zip(join_all(looks).await) {
        report.checks.extend(checks);
        seen.extend(found.map(|found| (place.clone(), found)));
    }
    let Some(paging) = &fleet.paging else {
        let what = "tenants/fleet.yaml has no `paging`: alarms reach only what subscribes to each tenant's topic";
        report.checks.push(Check::new(None, "paging", Level::Warning, what));
        report.pages = alarms(&seen).map(|(place, alarm)| Page::unpaged(place, alarm)).collect();
        return report;
    };
    let Some(at_hub) = seen.get(&hub) else { return report };
    report.checks.extend(links::of_pager(&at_hub.session, fleet, paging, &places).await);
    let pager = match pager(&at_hub.session, fleet, paging).await {
        Ok(pager) => pager,
        Err(check) => {
            report.checks.push(*check);
            report.pages = alarms(&seen).map(|(place, alarm)| Page::unpaged(place, alarm)).collect();
            return report;
        }
    };
    if let Some(wait) = options.canary {
        let sessions: Vec<&Arc<Session>> = seen.values().map(|one| &one.session).collect();
        let canary = canary::Canary { fleet, pager: &pager, options, wait };
        let (checks, policy) = canary.fly(&sessions, &report.checks).await;
        report.checks.extend(checks);
        if let Some(policy) = policy {
            match pager.on_call(&policy.id).await {
                Ok(found) if found.is_empty() => {
                    let what = format!("no one is on call for the escalation policy `{}`", policy.summary);
                    report.checks.push(Check::new(None, "rotation", Level::Error, what));
                }
                Ok(found) => report.on_call = found,
                Err(error) => report.checks.push(Check::new(None, "rotation", Level::Unknown, error.to_string())),
            }
        }
    }
    let asked = alarms(&seen).map(|(place, alarm)| pages::ask(&pager, paging, place, alarm, options.now));
    report.pages = join_all(asked).await;
    report
}

/// The alarms in ALARM.
fn alarms(seen: &BTreeMap<Place, Reachable>) -> impl Iterator<Item = (&Place, &cloudwatch::Alarm)> {
    let firing = |alarm: &&cloudwatch::Alarm| alarm.state == cloudwatch::AlarmState::Alarm;
    seen.iter().flat_map(move |(place, one)| one.alarms.iter().filter(firing).map(move |alarm| (place, alarm)))
}

/// What is to be known of a place before its pages are asked about.
async fn in_place(
    cloud: &Cloud,
    fleet: &Fleet,
    place: &Place,
    access: &Access,
    now: Timestamp,
) -> (Option<Reachable>, Vec<Check>) {
    let session = match cloud.session(place, access).await {
        Ok(session) => session,
        Err(error) => return (None, vec![Check::unknown(place, "account", &error)]),
    };
    let prefix = format!("{}-", fleet.organisation);
    let (alarms, forward) = futures::join!(cloudwatch::with_prefix(&session, &prefix), links::forward(&session, fleet));
    let mut checks = Vec::new();
    let alarms = alarms.unwrap_or_else(|error| {
        checks.push(Check::unknown(place, "alarms", &error));
        Vec::new()
    });
    checks.extend(topics::without_data(place, &alarms, now.as_second()));
    checks.extend(topics::check(&session, fleet, &alarms).await);
    checks.extend(forward);
    (Some(Reachable { session, alarms }), checks)
}

/// The paging service, with the token from its secret.
async fn pager(session: &Session, fleet: &Fleet, paging: &Paging) -> Result<Pager, Box<Check>> {
    let name = names::pages_token(&fleet.organisation);
    let subject = format!("secret {name}");
    let unknown = |what: String| Box::new(Check::new(Some(&session.place), subject.clone(), Level::Unknown, what));
    match secrets::value(session, &name).await {
        Err(error) => Err(unknown(with_causes(&error))),
        Ok(None) => Err(unknown(
            "there is no such secret, so it is unknown whether pages arrive and are acknowledged, and who is on call"
                .to_owned(),
        )),
        Ok(Some(token)) => Pager::new(&paging.api_url, token).map_err(|error| unknown(error.to_string())),
    }
}
