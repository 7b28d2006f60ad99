//! The links of the way, as their services describe them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Check;
use tenantry_aws::cloud::{Access, CallError, Place, Session, events, sqs};
use tenantry_base::ids::AccountId;
use tenantry_checks::capacity::Level;
use tenantry_spec::estate::spec::{Fleet, Paging};
use tenantry_template::render::names;

/// The bus on which alarms' events arrive.
const DEFAULT_BUS: &str = "default";
/// Rules of the pager's bus: their names behind the bus's.
const RULES: [&str; 3] = ["critical", "warning", "resolve"];

/// The rule of a place that sends alarms to the pager's bus. Nothing where no paging is configured.
pub(super) async fn forward(session: &Session, fleet: &Fleet) -> Vec<Check> {
    if fleet.paging.is_none() {
        return Vec::new();
    }
    let name = format!("{}-forward", names::pages(&fleet.organisation));
    let is_bus = |target: &str| target.ends_with(&format!(":event-bus/{}", names::pages(&fleet.organisation)));
    vec![rule(&session.place, &name, events::rule(session, &name, DEFAULT_BUS).await, is_bus)]
}

/// Bus, rules, API destination, connection and dead-letter queue.
pub(super) async fn of_pager(
    session: &Session,
    fleet: &Fleet,
    paging: &Paging,
    places: &BTreeMap<Place, Access>,
) -> Vec<Check> {
    let (place, name) = (&session.place, names::pages(&fleet.organisation));
    let accounts: BTreeSet<&AccountId> = places.keys().map(|place| &place.account).collect();
    let queue = format!("{name}-dead-letters");
    let (policy, destination, connection, depth) = futures::join!(
        events::bus_policy(session, &name),
        events::destination(session, &name),
        events::connection_state(session, &name),
        depth(session, &queue)
    );
    let mut checks = vec![bus(place, &name, policy, &accounts)];
    let target = destination.as_ref().ok().and_then(Option::as_ref).map(|found| found.arn.clone());
    for part in RULES {
        let rule_name = format!("{name}-{part}");
        let found = events::rule(session, &rule_name, &name).await;
        checks.push(rule(place, &rule_name, found, |arn| target.as_deref().is_none_or(|target| target == arn)));
    }
    let subject = format!("API destination {name}");
    checks.push(match destination {
        Err(error) => Check::unknown(place, subject, &error),
        Ok(None) => missing(place, subject),
        Ok(Some(found)) if found.state != "ACTIVE" => {
            Check::new(Some(place), subject, Level::Error, format!("it is {}", found.state))
        }
        Ok(Some(found)) if found.url != paging.events_url => Check::new(
            Some(place),
            subject,
            Level::Error,
            format!("it calls {} instead of {}", found.url, paging.events_url),
        ),
        Ok(Some(_)) => fine(place, subject),
    });
    let subject = format!("connection {name}");
    checks.push(match connection {
        Err(error) => Check::unknown(place, subject, &error),
        Ok(None) => missing(place, subject),
        Ok(Some(state)) if state != "AUTHORIZED" => Check::new(
            Some(place),
            subject,
            Level::Error,
            format!("it is {state}: it has no key for the paging service"),
        ),
        Ok(Some(_)) => fine(place, subject),
    });
    let subject = format!("dead-letter queue {queue}");
    checks.push(match depth {
        Err(error) => Check::unknown(place, subject, &error),
        Ok(None) => missing(place, subject),
        Ok(Some(0)) => fine(place, subject),
        Ok(Some(count)) => Check::new(
            Some(place),
            subject,
            Level::Error,
            format!("{count} pages were not delivered; the attribute `ERROR_MESSAGE` of each says why"),
        ),
    });
    checks
}

async fn depth(session: &Session, queue: &str) -> Result<Option<u64>, CallError> {
    match sqs::queue_url(session, queue).await? {
        Some(url) => sqs::depth(session, &url).await.map(Some),
        None => Ok(None),
    }
}

fn rule(
    place: &Place,
    name: &str,
    found: Result<Option<events::Rule>, CallError>,
    is_target: impl Fn(&str) -> bool,
) -> Check {
    let subject = format!("rule {name}");
    let wrong = |what: &str| Check::new(Some(place), subject.clone(), Level::Error, what);
    match found {
        Err(error) => Check::unknown(place, subject, &error),
        Ok(None) => missing(place, subject),
        Ok(Some(rule)) if !rule.is_enabled => wrong("it is disabled"),
        Ok(Some(rule)) if !rule.targets.iter().any(|target| is_target(target)) => {
            wrong("its target, the next link, is not what the template says")
        }
        Ok(Some(_)) => fine(place, subject),
    }
}

fn bus(place: &Place, name: &str, policy: Result<Option<String>, CallError>, accounts: &BTreeSet<&AccountId>) -> Check {
    let subject = format!("event bus {name}");
    let policy = match policy {
        Err(error) => return Check::unknown(place, subject, &error),
        Ok(None) => return missing(place, subject),
        Ok(Some(policy)) => serde_json::from_str::<Value>(&policy).unwrap_or_default(),
    };
    let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
    let allows = statements.iter().filter(|statement| statement["Effect"] == "Allow");
    let named: String = allows.map(|statement| statement["Principal"].to_string()).collect();
    let others = accounts.iter().filter(|account| ***account != place.account);
    let shut: Vec<&str> =
        others.map(|account| account.as_str()).filter(|id| !named.contains(id) && !named.contains("\"*\"")).collect();
    match shut.as_slice() {
        [] => fine(place, subject),
        shut => Check::new(
            Some(place),
            subject,
            Level::Error,
            format!("its policy does not allow the account {}", shut.join(", ")),
        ),
    }
}

fn fine(place: &Place, subject: String) -> Check {
    Check::new(Some(place), subject, Level::Ok, "")
}

fn missing(place: &Place, subject: String) -> Check {
    let what = "it does not exist; `tenantry bootstrap` creates it";
    Check::new(Some(place), subject, Level::Error, what)
}
