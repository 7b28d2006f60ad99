//! `tenantry replay`: parked messages go back into the retry queues they came from.

use std::fmt::Write as _;
use std::io::{BufRead as _, IsTerminal as _, stdin};

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::{Exit, Failure, Global, Output};
use crate::cloud::sqs::{self, Held};
use crate::cloud::{Access, CallError, Cloud, Place, Session};
use crate::estate::ids::TenantName;
use crate::estate::{self, Estate, Tenant};
use crate::render::names;

/// Put parked messages back into their retry queues, once the fault is fixed. They are shown first.
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// The tenant whose messages are parked.
    #[arg(value_name = "TENANT")]
    tenant: TenantName,
    /// Only messages parked since then: a moment (`2026-11-24T09:00:00Z`) or how long ago (`2h`, `3d`).
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Most parked messages that one run looks at.
    #[arg(long, default_value_t = 1000, value_name = "N")]
    limit: usize,
    /// Put them back without asking.
    #[arg(long, short)]
    yes: bool,
}

/// A parked message and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Row {
    parked_at: String,
    function: String,
    kind: String,
    attempts: String,
    reason: String,
    object: String,
    /// The queue that it goes back to; None where nothing tells.
    to: Option<String>,
    #[serde(skip)]
    held: Held,
}

/// What the command answers.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    tenant: &'a str,
    messages: &'a [Row],
    replayed: usize,
}

/// Seconds for which messages are hidden while they are shown and moved.
const HIDDEN_SECONDS: i32 = 600;

/// Addresses of a tenant's queues, as far as they exist.
struct Queues {
    splitter: Option<String>,
    ingest: Option<String>,
}

impl Replay {
    /// Shows what is parked, asks, and puts it back.
    pub(super) fn run(&self, global: &Global) -> Result<Exit, Failure> {
        let (estate, _) = estate::load(&global.estate);
        let estate = estate.ok_or_else(|| unusable("the estate cannot be read"))?;
        let tenant = estate.tenants.get(&self.tenant);
        let tenant = tenant.ok_or_else(|| unusable(&format!("there is no usable tenant `{}`", self.tenant)))?;
        let since = self.since.as_deref().map(|text| moment(text, jiff::Timestamp::now())).transpose()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(self.replay(&estate, tenant, since, Output::new(global.output)))
    }

    async fn replay(
        &self,
        estate: &Estate,
        tenant: &Tenant,
        since: Option<jiff::Timestamp>,
        output: Output,
    ) -> Result<Exit, Failure> {
        let place = Place { account: tenant.spec.account.clone(), region: tenant.spec.region.clone() };
        let account = estate.fleet.accounts.get(&place.account);
        let access = Access {
            role: account.and_then(|account| account.role.clone()),
            external_id: account.and_then(|account| account.external_id.clone()),
        };
        let session = Cloud::configure().await.session(&place, &access).await.map_err(of_call)?;
        let [splitter, ingest, parking] = names::queues(&estate.fleet.organisation, tenant.name.as_str());
        let parking_url = sqs::queue_url(&session, &parking).await.map_err(of_call)?;
        let parking_url = parking_url.ok_or_else(|| {
            Failure::new(format!("there is no queue `{parking}` in account {} in {}", place.account, place.region))
                .with_hint(format!("`tenantry deploy {}` makes it", tenant.name))
        })?;
        let queues = Queues {
            splitter: sqs::queue_url(&session, &splitter).await.map_err(of_call)?,
            ingest: sqs::queue_url(&session, &ingest).await.map_err(of_call)?,
        };
        let held = sqs::receive(&session, &parking_url, self.limit, HIDDEN_SECONDS).await.map_err(of_call)?;
        let (rows, others): (Vec<Row>, Vec<Row>) =
            held.into_iter().map(|held| row(held, &queues)).partition(|row| is_since(row, since));
        let go_on = !rows.is_empty() && self.agreed(&rows)?;
        let (moved, failed) = if go_on { put_back(&session, &parking_url, &rows).await } else { (Vec::new(), None) };
        let is_moved = |row: &&Row| moved.contains(&row.held.id);
        for row in others.iter().chain(rows.iter().filter(|row| !is_moved(row))) {
            // Where this fails the message shows itself again after `HIDDEN_SECONDS`.
            let _hidden_for_longer = sqs::release(&session, &parking_url, &row.held).await;
        }
        let answer = Answer { tenant: tenant.name.as_str(), messages: &rows, replayed: moved.len() };
        output.show("tenantry/replay/v1", &answer, text)?;
        failed.map_or_else(|| Ok(exit(&rows, moved.len())), |error| Err(of_call(error)))
    }

    /// Shows the messages and asks, unless the answer was given beforehand.
    fn agreed(&self, rows: &[Row]) -> Result<bool, Failure> {
        if self.yes || !stdin().is_terminal() {
            return Ok(self.yes);
        }
        anstream::eprint!("{}\nput these back into their retry queues? [y/N] ", table(rows));
        let mut line = String::new();
        stdin().lock().read_line(&mut line)?;
        Ok(matches!(line.trim(), "y" | "Y" | "yes"))
    }
}

/// Ids of the messages that went back, and why no more did, if so.
async fn put_back(session: &Session, parking_url: &str, rows: &[Row]) -> (Vec<String>, Option<CallError>) {
    let mut moved = Vec::new();
    for row in rows {
        if let Some(to) = &row.to {
            if let Err(error) = sqs::move_to(session, parking_url, &row.held, to).await {
                return (moved, Some(error));
            }
            moved.push(row.held.id.clone());
        }
    }
    (moved, None)
}

fn exit(rows: &[Row], replayed: usize) -> Exit {
    if rows.len() == replayed {
        Exit::Clean
    } else if replayed > 0 {
        Exit::Incomplete
    } else {
        Exit::Changes
    }
}

fn row(held: Held, queues: &Queues) -> Row {
    let attribute = |name: &str| held.attributes.get(name).cloned().unwrap_or_else(|| "unknown".to_owned());
    let object = object_key(&held.body);
    let to = held.attributes.get("Queue").cloned().or_else(|| by_key(object.as_deref(), queues));
    let sent = held.sent.and_then(|sent| jiff::Timestamp::from_millisecond(sent).ok());
    Row {
        parked_at: held.attributes.get("ParkedAt").cloned().or(sent.map(|at| at.to_string())).unwrap_or_default(),
        function: attribute("Function"),
        kind: attribute("Kind"),
        attempts: attribute("Attempts"),
        reason: held
            .attributes
            .get("Reason")
            .cloned()
            .unwrap_or_else(|| "the function died before it could say why".to_owned()),
        object: object.unwrap_or_else(|| "no object".to_owned()),
        to,
        held,
    }
}

/// A message that the queue itself parked has no attributes: its object tells whose it is.
fn by_key(key: Option<&str>, queues: &Queues) -> Option<String> {
    match key? {
        key if key.starts_with("in/") => queues.splitter.clone(),
        key if key.starts_with("parts/") => queues.ingest.clone(),
        _ => None,
    }
}

/// Key of the first object that a message is about: a bucket's event, alone or wrapped, or a remainder.
fn object_key(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    let event = body.get("requestPayload").unwrap_or(&body);
    let key = event.pointer("/Records/0/s3/object/key").or_else(|| event.get("key"));
    key.and_then(Value::as_str).map(str::to_owned)
}

/// Messages whose time cannot be read count as parked since then: nothing is left behind unseen.
fn is_since(row: &Row, since: Option<jiff::Timestamp>) -> bool {
    match (since, row.parked_at.parse::<jiff::Timestamp>()) {
        (Some(since), Ok(parked)) => parked >= since,
        _ => true,
    }
}

fn moment(text: &str, now: jiff::Timestamp) -> Result<jiff::Timestamp, Failure> {
    let unreadable = || {
        Failure::new(format!("`{text}` is no moment"))
            .with_hint("write a moment such as `2026-11-24T09:00:00Z`, or how long ago: `90m`, `2h`, `3d`")
    };
    if let Ok(moment) = text.parse() {
        return Ok(moment);
    }
    let unit = text.chars().last().ok_or_else(unreadable)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(unreadable()),
    };
    let count: i64 = text.trim_end_matches(unit).parse().map_err(|_| unreadable())?;
    let ago = count.checked_mul(seconds).ok_or_else(unreadable)?;
    jiff::Timestamp::from_second(now.as_second().saturating_sub(ago)).map_err(|_| unreadable())
}

fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        let to = row.to.as_deref().and_then(|url| url.rsplit('/').next()).unwrap_or("unknown: stays parked");
        let _infallible = writeln!(
            text,
            "{}  {} ({}, {} attempts)  {}\n    {}\n    to: {to}",
            row.parked_at, row.function, row.kind, row.attempts, row.object, row.reason
        );
    }
    text
}

fn text(answer: &Answer<'_>) -> String {
    let (all, replayed) = (answer.messages.len(), answer.replayed);
    if all == 0 {
        return format!("no message of {} is parked\n", answer.tenant);
    }
    let end = if replayed == 0 { "; `--yes` puts them back" } else { "" };
    format!("{}\n{all} parked messages of {}, {replayed} put back{end}\n", table(answer.messages), answer.tenant)
}

fn unusable(what: &str) -> Failure {
    Failure::new(what.to_owned()).with_hint("`tenantry validate` says what is wrong")
}

fn of_call(error: CallError) -> Failure {
    let hint = error.hint();
    let failure = Failure::new(error);
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queues() -> Queues {
        Queues { splitter: Some("https://sqs/1/s".to_owned()), ingest: Some("https://sqs/1/i".to_owned()) }
    }

    fn event(key: &str) -> String {
        serde_json::json!({ "Records": [{ "s3": { "object": { "key": key } } }] }).to_string()
    }

    fn check(body: &str, attributes: &[(&str, &str)], to: Option<&str>) {
        assert_eq!(row(Held::of(body, attributes, 0), &queues()).to.as_deref(), to, "{body}");
    }

    #[test]
    fn a_message_goes_back_to_where_it_says_or_where_its_object_belongs() {
        check(&event("parts/x"), &[("Queue", "https://sqs/1/q")], Some("https://sqs/1/q"));
        check(&event("in/x"), &[], Some("https://sqs/1/s"));
        check(&format!("{{\"requestPayload\":{}}}", event("parts/x")), &[], Some("https://sqs/1/i"));
        check(r#"{"tenantry":"remainder/1","key":"parts/x"}"#, &[], Some("https://sqs/1/i"));
        check("not json", &[], None);
        check(&event("elsewhere/x"), &[], None);
    }

    #[test]
    fn since_takes_a_moment_or_how_long_ago() {
        let now: jiff::Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("2h", "2026-11-24T10:00:00Z"),
            ("3d", "2026-11-21T12:00:00Z"),
            ("2026-11-24T09:00:00Z", "2026-11-24T09:00:00Z"),
        ] {
            assert_eq!(moment(text, now).unwrap().to_string(), expected);
        }
        for text in ["", "soon", "2 weeks", "h", "99999999999999999999d"] {
            assert!(moment(text, now).is_err(), "{text}");
        }
        let parked = |at| row(Held::of("{}", &[("ParkedAt", at)], 0), &queues());
        let since = Some(now);
        assert!(is_since(&parked("2026-11-24T12:00:01Z"), since) && !is_since(&parked("2026-11-24T11:00:00Z"), since));
        assert!(is_since(&parked("long ago"), since));
    }

    #[test]
    fn what_is_shown_names_object_reason_and_destination() {
        let attributes = [
            ("ParkedAt", "2026-11-24T12:00:00Z"),
            ("Function", "ingest"),
            ("Kind", "logic"),
            ("Attempts", "4"),
            ("Reason", "status 503"),
        ];
        let rows = [row(Held::of(&event("parts/x"), &attributes, 0), &queues())];
        let shown = text(&Answer { tenant: "acme", messages: &rows, replayed: 1 });
        let expected = "2026-11-24T12:00:00Z  ingest (logic, 4 attempts)  parts/x\n    status 503\n    to: i\n\n\
                        1 parked messages of acme, 1 put back\n";
        assert_eq!(shown, expected);
        assert_eq!((exit(&rows, 1), exit(&rows, 0), exit(&[], 0)), (Exit::Clean, Exit::Changes, Exit::Clean));
    }
}
