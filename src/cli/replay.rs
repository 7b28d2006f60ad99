//! `tenantry replay`: messages of a dead-letter queue go back into the queues they came from.

use std::fmt::Write as _;
use std::io::{BufRead as _, IsTerminal as _, stdin};
use std::sync::Arc;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{Exit, Failure, Global, Output};
use tenantry_aws::cloud::cloudformation::{self, Resource};
use tenantry_aws::cloud::sqs::{self, Held};
use tenantry_aws::cloud::{CallError, Cloud, Place, Session};
use tenantry_base::ids::TenantName;
use tenantry_blueprint::{Blueprint, Redrive};
use tenantry_ops::deploy::{Desired, ownership, stacks};
use tenantry_spec::estate::{self, Estate, Tenant};
use tenantry_template::render::names;

/// Redrive parked messages to their retry queues, once the fault is fixed.
///
/// Exit code 0: no messages are left; 2: messages are parked and were not redriven; 4: some could not be redriven.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tenantry replay acme
  tenantry replay acme --since 2h --yes")]
pub(super) struct Replay {
    /// The tenant whose messages are parked.
    #[arg(value_name = "TENANT")]
    tenant: TenantName,
    /// Only messages parked since then: a timestamp (`2026-11-24T09:00:00Z`) or a duration ago (`2h`, `3d`).
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Maximum number of parked messages to read in one run.
    #[arg(long, default_value_t = 1000, value_name = "N")]
    limit: usize,
    /// The dead-letter queue, by its name in `redrive` of the blueprint, where there is more than one.
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,
    /// Redrive without asking for approval.
    #[arg(long, short)]
    yes: bool,
}

/// A parked message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
struct Row {
    /// When the message was parked, RFC 3339.
    parked_at: String,
    /// Function that could not process it.
    function: String,
    /// Kind of failure, as the function recorded it.
    kind: String,
    /// Number of attempts, as the function recorded it.
    attempts: String,
    /// Error message of the last attempt.
    reason: String,
    /// Object key that the message is about.
    object: String,
    /// Queue to which it is redriven; null if that is unknown.
    to: Option<String>,
    #[serde(skip)]
    held: Held,
}

/// What the command answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Answer<'a> {
    /// Name of the tenant.
    tenant: &'a str,
    /// Parked messages that match the options.
    messages: &'a [Row],
    /// Number of messages that were redriven.
    replayed: usize,
}

/// Seconds for which messages are hidden while they are shown and moved.
const HIDDEN_SECONDS: i32 = 600;

/// Where the messages of a dead-letter queue may go back to, by addresses, as far as the stack has them.
struct Queues {
    targets: Vec<String>,
    /// By the beginning of an object's key.
    by_key: Vec<(String, String)>,
}

impl Queues {
    fn of(resources: &[Resource], redrive: &Redrive) -> Self {
        let url = |id: &String| {
            let found = resources.iter().find(|resource| resource.logical_id == *id)?;
            found.physical_id.clone()
        };
        let by_key = redrive.by_key.iter().filter_map(|(prefix, id)| Some((prefix.clone(), url(id)?)));
        Self { targets: redrive.targets.iter().filter_map(url).collect(), by_key: by_key.collect() }
    }

    /// The target of this name or address, if it is the tenant's own.
    fn target(&self, named: &str) -> Option<String> {
        self.targets.iter().find(|url| last(url) == last(named)).cloned()
    }
}

/// The name in a queue's address.
fn last(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

impl Replay {
    /// Shows what is parked, asks, and puts it back.
    pub(super) fn run(&self, global: &Global) -> Result<Exit, Failure> {
        let (estate, _) = estate::load(&global.estate);
        let (estate, tenant) = tenant_of(estate.as_ref(), &self.tenant)?;
        let since = since(self.since.as_deref())?;
        super::wait(self.replay(estate, tenant, since, Output::new(global.output)))?
    }

    async fn replay(
        &self,
        estate: &Estate,
        tenant: &Tenant,
        since: Option<jiff::Timestamp>,
        output: Output,
    ) -> Result<Exit, Failure> {
        let redrive = self.redrive(&estate.blueprint)?;
        let live = Live::of(estate, tenant).await?;
        let dead_letters = live.need("queue", &redrive.queue)?;
        let (session, queues) = (&live.session, Queues::of(&live.resources, redrive));
        let held = sqs::receive(session, &dead_letters, self.limit, HIDDEN_SECONDS).await.map_err(of_call)?;
        let (rows, others): (Vec<Row>, Vec<Row>) =
            held.into_iter().map(|held| row(held, &queues)).partition(|row| is_since(row, since));
        let question = || format!("{}\nput these back into their retry queues? [y/N] ", table(&rows));
        let go_on = !rows.is_empty() && agreed(self.yes, &question())?;
        let (moved, failed) = if go_on { put_back(session, &dead_letters, &rows).await } else { (Vec::new(), None) };
        let is_moved = |row: &&Row| moved.contains(&row.held.id);
        for row in others.iter().chain(rows.iter().filter(|row| !is_moved(row))) {
            // Where this fails the message shows itself again after `HIDDEN_SECONDS`.
            let _hidden_for_longer = sqs::release(session, &dead_letters, &row.held).await;
        }
        let answer = Answer { tenant: tenant.name.as_str(), messages: &rows, replayed: moved.len() };
        output.show(&answer, text)?;
        failed.map_or_else(|| Ok(exit(&rows, moved.len())), |error| Err(of_call(error)))
    }

    /// The dead-letter queue that is meant: the only one, or the one that is named.
    fn redrive<'b>(&self, blueprint: &'b Blueprint) -> Result<&'b Redrive, Failure> {
        let known = || blueprint.redrive.keys().cloned().collect::<Vec<_>>().join("`, `");
        match (&self.queue, blueprint.redrive.len()) {
            (_, 0) => Err(Failure::new("the blueprint names no dead-letter queue whose messages can be put back")
                .with_hint("declare it in `redrive` of templates/blueprint.yaml")),
            (None, 1) => blueprint.redrive.values().next().ok_or_else(|| Failure::new("there is no queue")),
            (None, _) => {
                Err(Failure::new("which queue is meant is not said").with_hint(format!("`--queue`: `{}`", known())))
            }
            (Some(name), _) => blueprint
                .redrive
                .get(name)
                .ok_or_else(|| Failure::new(format!("the blueprint has no queue `{name}`; it has `{}`", known()))),
        }
    }
}

/// The estate and one of its tenants.
pub(super) fn tenant_of<'e>(
    estate: Option<&'e Estate>,
    name: &TenantName,
) -> Result<(&'e Estate, &'e Tenant), Failure> {
    let estate = estate.ok_or_else(|| unusable("the estate cannot be read"))?;
    let tenant = estate.tenants.get(name);
    Ok((estate, tenant.ok_or_else(|| unusable(&format!("there is no usable tenant `{name}`")))?))
}

/// The moment from which on something counts, as it is said on the command line.
pub(super) fn since(said: Option<&str>) -> Result<Option<jiff::Timestamp>, Failure> {
    said.map(|text| moment(text, jiff::Timestamp::now())).transpose()
}

/// Asks on a terminal, unless the answer was given beforehand; without a terminal the answer is no.
pub(super) fn agreed(yes: bool, question: &str) -> Result<bool, Failure> {
    if yes || !stdin().is_terminal() {
        return Ok(yes);
    }
    anstream::eprint!("{question}");
    let mut line = String::new();
    stdin().lock().read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

/// A tenant's stack as it is deployed.
pub(super) struct Live {
    pub(super) session: Arc<Session>,
    stack: String,
    tenant: String,
    pub(super) resources: Vec<Resource>,
}

impl Live {
    /// Reads the stack, if it is the estate's own.
    pub(super) async fn of(estate: &Estate, tenant: &Tenant) -> Result<Self, Failure> {
        let place = Place { account: tenant.spec.account.clone(), region: tenant.spec.region.clone() };
        let access = stacks::access(&estate.fleet, &place.account);
        let session = Cloud::configure().await?.session(&place, &access).await.map_err(of_call)?;
        let (organisation, name) = (&estate.fleet.organisation, tenant.name.as_str());
        let stack = names::stack(organisation, name);
        let identity = Desired::identity(organisation, &estate.fleet.identity(), name);
        let live = ownership::owned(&session, &stack, &identity).await.map_err(Failure::ownership)?;
        let resources = match live {
            Some(live) => cloudformation::resources(&session, &live.id).await.map_err(of_call)?,
            None => Vec::new(),
        };
        Ok(Self { session, stack, tenant: name.to_owned(), resources })
    }

    /// The physical ID of a resource that the blueprint names.
    pub(super) fn need(&self, what: &str, id: &str) -> Result<String, Failure> {
        let found = self.resources.iter().find(|resource| resource.logical_id == id);
        found.and_then(|resource| resource.physical_id.clone()).ok_or_else(|| {
            let Place { account, region } = &self.session.place;
            let stack = &self.stack;
            Failure::new(format!("stack `{stack}` in account {account} in {region} has no {what} `{id}`"))
                .with_hint(format!("`tenantry deploy {}` creates it", self.tenant))
        })
    }
}

/// Ids of the messages that went back, and why no more did, if so.
async fn put_back(session: &Session, dead_letters: &str, rows: &[Row]) -> (Vec<String>, Option<CallError>) {
    let mut moved = Vec::new();
    for row in rows {
        if let Some(to) = &row.to {
            if let Err(error) = sqs::move_to(session, dead_letters, &row.held, to).await {
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
    // A message may name any queue: only the tenant's own count.
    let to = match held.attributes.get("Queue") {
        Some(named) => queues.target(named),
        None => by_key(object.as_deref(), queues),
    };
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
    let key = key?;
    queues.by_key.iter().find(|(prefix, _)| key.starts_with(prefix)).map(|(_, url)| url.clone())
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
        let to = row.to.as_deref().map_or("unknown: stays parked", last);
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

pub(super) fn of_call(error: CallError) -> Failure {
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
        let url = |name: &str| format!("https://sqs/1/{name}");
        Queues {
            targets: vec![url("s"), url("i")],
            by_key: vec![("in/".to_owned(), url("s")), ("parts/".to_owned(), url("i"))],
        }
    }

    fn event(key: &str) -> String {
        serde_json::json!({ "Records": [{ "s3": { "object": { "key": key } } }] }).to_string()
    }

    fn check(body: &str, attributes: &[(&str, &str)], to: Option<&str>) {
        assert_eq!(row(Held::of(body, attributes, 0), &queues()).to.as_deref(), to, "{body}");
    }

    #[test]
    fn a_message_goes_back_to_where_it_says_or_where_its_object_belongs() {
        check(&event("in/x"), &[("Queue", "https://sqs/1/i")], Some("https://sqs/1/i"));
        check(&event("parts/x"), &[("Queue", "https://sqs/1/of-another-tenant")], None);
        check(&event("parts/x"), &[("Queue", "https://sqs/1/p")], None);
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
