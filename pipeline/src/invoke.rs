//! One invocation: read the event, do the work, and deal with what failed as [`crate::retry`] decides.
//!
//! Nothing is dropped: work is done, or its event fails, or its message stays in the queue, or it is parked, or what is
//! left of it is in the queue. If one of these cannot be done, the event fails.

use std::future::Future;

use serde_json::{Value, json};

use crate::bulk::verdict::truncate;
use crate::event::{Incoming, Job, Message, Retry, read, read_body, with_retry};
use crate::failure::{Failure, of_time};
use crate::journal::{Journal, Level};
use crate::metrics::{Metric, Metrics};
use crate::pace::Pace;
use crate::queues::{DELAY_MAX_SECONDS, HIDDEN_MAX_SECONDS, Parked, QueueError, Queues};
use crate::retry::{Action, Arrival, Schedule, decide};

/// What came of work on an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// The byte from which another run must go on, if the time was up.
    pub remainder: Option<u64>,
    /// Why a person has to see the object although this run is done with it.
    pub complaint: Option<String>,
}

/// What a function does with one object.
pub trait Work: Send + Sync {
    /// Works on an object.
    fn run(
        &self,
        job: &Job,
        pace: Pace,
        metrics: &mut Metrics,
        journal: &Journal,
    ) -> impl Future<Output = Result<Done, Failure>> + Send;
}

/// What an invocation goes by.
#[derive(Debug, Clone, Copy)]
pub struct Invocation<'a> {
    pub tenant: &'a str,
    pub function: &'a str,
    /// Where replayed messages go.
    pub retry_queue_url: &'a str,
    pub schedule: &'a Schedule,
    /// Milliseconds since 1970.
    pub now: i64,
    pub pace: Pace,
    /// Why no work is begun now, if so.
    pub refusal: Option<&'a Failure>,
}

/// The invocation failed: Lambda tries the event again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvocationFailed(pub String);

/// Runs that one object may take before it counts as a defect.
const HOPS_MAX: u32 = 200;

/// SQS allows attributes of any length within the message; people read this much.
const REASON_MAX: usize = 1000;

/// Deals with one event. The answer to a queue's event names the messages that stay in the queue.
///
/// # Errors
/// An asynchronous event that Lambda must try again.
pub async fn invoke<W: Work, Q: Queues>(
    event: &Value,
    work: &W,
    queues: &Q,
    invocation: Invocation<'_>,
    metrics: &mut Metrics,
    journal: &Journal,
) -> Result<Value, InvocationFailed> {
    let mut run = Run { work, queues, invocation, metrics, journal };
    match read(event) {
        Ok(Incoming::Jobs(jobs)) => run.invoked(&event.to_string(), &jobs).await.map(|()| Value::Null),
        Ok(Incoming::Messages(messages)) => {
            let mut stay = Vec::new();
            for message in messages {
                if run.received(&message).await == Fate::Stays {
                    stay.push(json!({ "itemIdentifier": message.id }));
                }
            }
            Ok(json!({ "batchItemFailures": stay }))
        }
        Err(unknown) => {
            let failure = Failure::Logic(unknown.to_string());
            run.park(&event.to_string(), &failure, 1).await.map_err(failed)?;
            Ok(Value::Null)
        }
    }
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is dealt with: the queue may delete it.
    Done,
    Stays,
}

struct Run<'a, W, Q> {
    work: &'a W,
    queues: &'a Q,
    invocation: Invocation<'a>,
    metrics: &'a mut Metrics,
    journal: &'a Journal,
}

impl<W: Work, Q: Queues> Run<'_, W, Q> {
    async fn invoked(&mut self, body: &str, jobs: &[Job]) -> Result<(), InvocationFailed> {
        let mut failure = Ok(());
        for job in jobs {
            let Err(error) = self.work_on(job).await else { continue };
            // The others of the event are not parked or tried again with it.
            let own = if jobs.len() == 1 { body.to_owned() } else { job.body(job.from, job.hops) };
            match self.decide(Arrival::Invoked, &error) {
                Action::Park => self.park(&own, &error, 1).await.map_err(failed)?,
                Action::Again { seconds, .. } => self.again(&own, 0, seconds).await.map_err(failed)?,
                Action::Fail => failure = Err(failed(error)),
            }
        }
        failure
    }

    async fn received(&mut self, message: &Message) -> Fate {
        if let Some(seconds) = self.too_early(message.retry) {
            // It cannot be sent with so long a delay, so it is hidden for what is left of it.
            return match self.queues.extend(&message.receipt, seconds).await {
                Ok(()) => Fate::Stays,
                Err(error) => self.stays(&error),
            };
        }
        let failure = match read_body(&message.body) {
            Ok(jobs) => self.work_on_all(&jobs).await,
            Err(unknown) => Err(Failure::Logic(unknown.to_string())),
        };
        let Err(failure) = failure else { return Fate::Done };
        let tries = message.retry.tries;
        let dealt_with = match self.decide(Arrival::Received { tries }, &failure) {
            Action::Park => self.park(&message.body, &failure, tries.saturating_add(1)).await,
            Action::Again { seconds, counts } => {
                if counts {
                    self.metrics.add(Metric::Extended, 1);
                }
                self.again(&message.body, tries + u32::from(counts), seconds).await
            }
            Action::Fail => return Fate::Stays,
        };
        match dealt_with {
            Ok(()) => Fate::Done,
            Err(error) => self.stays(&error),
        }
    }

    /// Seconds that a message has to stay hidden, if it came before its time. A second early is in time.
    fn too_early(&self, retry: Retry) -> Option<u32> {
        let seconds = retry.not_before.saturating_sub(self.invocation.now) / 1000;
        let seconds = u32::try_from(seconds).ok().filter(|seconds| *seconds > 0)?;
        Some(seconds.min(HIDDEN_MAX_SECONDS))
    }

    /// Sends a message anew, for a try in `seconds`.
    async fn again(&mut self, body: &str, tries: u32, seconds: u32) -> Result<(), QueueError> {
        let retry = Retry { tries, not_before: self.invocation.now + i64::from(seconds) * 1000 };
        let sent = with_retry(body, retry).unwrap_or_else(|| body.to_owned());
        self.queues.send(&sent, seconds.min(DELAY_MAX_SECONDS)).await?;
        self.journal.line(Level::Warn, "again", json!({ "tries": tries, "seconds": seconds }));
        Ok(())
    }

    /// The queue's own visibility timeout brings the message back.
    fn stays(&self, error: &QueueError) -> Fate {
        self.journal.line(Level::Error, "queue-failed", json!({ "error": error.to_string() }));
        Fate::Stays
    }

    /// All jobs of a message; the failure that no retry helps against, if there is one, else the first.
    async fn work_on_all(&mut self, jobs: &[Job]) -> Result<(), Failure> {
        let mut outcome = Ok(());
        for job in jobs {
            match (&outcome, self.work_on(job).await) {
                (_, Ok(())) | (Err(Failure::Logic(_)), Err(_)) => {}
                (Ok(()), failed) | (Err(_), failed @ Err(Failure::Logic(_))) => outcome = failed,
                (Err(Failure::Transient(_) | Failure::NotNow(_)), Err(_)) => {}
            }
        }
        outcome
    }

    async fn work_on(&mut self, job: &Job) -> Result<(), Failure> {
        let outcome = match self.begin(job).await {
            Ok(done) => self.conclude(job, done).await,
            Err(failure) => Err(failure),
        };
        if let Err(failure) = &outcome {
            self.metrics.add(Metric::Failures, 1);
            let fields =
                json!({ "object": job.at.to_string(), "failure": failure.kind(), "error": failure.to_string() });
            self.journal.line(Level::Error, "failed", fields);
        }
        outcome
    }

    async fn begin(&mut self, job: &Job) -> Result<Done, Failure> {
        if let Some(refusal) = self.invocation.refusal {
            return Err(refusal.clone());
        }
        let pace = self.invocation.pace;
        if pace.is_over() {
            return Err(Failure::Transient("the time was up before the work began".to_owned()));
        }
        // Whatever hangs, the invocation ends in time to say so.
        let work = self.work.run(job, pace, self.metrics, self.journal);
        tokio::time::timeout_at(pace.end, work).await.unwrap_or_else(|_| Err(of_time()))
    }

    /// What is left goes back first: if that fails nothing was told to a person yet.
    async fn conclude(&mut self, job: &Job, done: Done) -> Result<(), Failure> {
        if let Some(from) = done.remainder {
            self.hand_back(job, from).await?;
        }
        if let Some(complaint) = done.complaint {
            let parked = self.park(&job.body(job.from, job.hops), &Failure::Logic(complaint), 1).await;
            parked.map_err(|error| Failure::Transient(error.to_string()))?;
        }
        Ok(())
    }

    async fn hand_back(&mut self, job: &Job, from: u64) -> Result<(), Failure> {
        if job.hops >= HOPS_MAX {
            return Err(Failure::Logic(format!("`{}` is not done after {HOPS_MAX} runs", job.at)));
        }
        let body = job.body(from, job.hops + 1);
        self.queues.send(&body, 0).await.map_err(|error| Failure::Transient(error.to_string()))?;
        self.metrics.add(Metric::Remainders, 1);
        self.journal.line(Level::Info, "handed-back", json!({ "object": job.at.to_string(), "from": from }));
        Ok(())
    }

    fn decide(&self, arrival: Arrival, failure: &Failure) -> Action {
        let random = (self.invocation.pace.random)();
        decide(arrival, failure, self.invocation.schedule, random)
    }

    async fn park(&mut self, body: &str, failure: &Failure, attempts: u32) -> Result<(), QueueError> {
        let mut reason = failure.to_string();
        truncate(&mut reason, REASON_MAX);
        let attributes = vec![
            ("Function", self.invocation.function.to_owned()),
            ("Tenant", self.invocation.tenant.to_owned()),
            ("Kind", failure.kind().to_owned()),
            ("Reason", printable(&reason)),
            ("Attempts", attempts.to_string()),
            ("ParkedAt", moment(self.invocation.now)),
            ("Queue", self.invocation.retry_queue_url.to_owned()),
        ];
        self.queues.park(&Parked { body: body.to_owned(), attributes }).await?;
        self.metrics.add(Metric::Parked, 1);
        self.journal.line(Level::Error, "parked", json!({ "failure": failure.kind(), "error": reason }));
        Ok(())
    }
}

fn failed(error: impl std::fmt::Display) -> InvocationFailed {
    InvocationFailed(error.to_string())
}

/// SQS takes no control characters but tab and line ends, and no empty value.
fn printable(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if clean.is_empty() { "unknown".to_owned() } else { clean }
}

fn moment(milliseconds: i64) -> String {
    jiff::Timestamp::from_second(milliseconds.div_euclid(1000)).map(|moment| moment.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    /// Fails or succeeds by the object's key.
    struct ByKey;

    impl Work for ByKey {
        async fn run(&self, job: &Job, _: Pace, _: &mut Metrics, _: &Journal) -> Result<Done, Failure> {
            match job.at.key.as_str() {
                "busy" => Err(Failure::Transient("busy".to_owned())),
                "wrong" => Err(Failure::Logic("wrong".to_owned())),
                "long" => Ok(Done { remainder: Some(7), complaint: None }),
                "odd" => Ok(Done { remainder: None, complaint: Some("9 of 9 records were rejected".to_owned()) }),
                "hung" => {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                    Ok(Done::default())
                }
                _ => Ok(Done::default()),
            }
        }
    }

    #[derive(Default)]
    struct Recorded {
        calls: Mutex<Vec<String>>,
        broken: bool,
    }

    impl Recorded {
        fn call(&self, text: String) -> Result<(), QueueError> {
            self.calls.lock().unwrap().push(text);
            let error = QueueError { operation: "x", queue: "q".to_owned(), cause: "down".to_owned() };
            if self.broken { Err(error) } else { Ok(()) }
        }
    }

    impl Queues for Recorded {
        async fn extend(&self, receipt: &str, seconds: u32) -> Result<(), QueueError> {
            self.call(format!("extend {receipt} {seconds}"))
        }

        async fn park(&self, parked: &Parked) -> Result<(), QueueError> {
            let kind = parked.attributes.iter().find(|(name, _)| *name == "Kind").map(|(_, kind)| kind.clone());
            self.call(format!("park {} {}", kind.unwrap_or_default(), parked.body))
        }

        async fn send(&self, body: &str, seconds: u32) -> Result<(), QueueError> {
            self.call(format!("send {seconds} {body}"))
        }
    }

    async fn run(event: Value, broken: bool) -> (Result<Value, InvocationFailed>, Vec<String>) {
        run_with(event, broken, None).await
    }

    async fn run_with(
        event: Value,
        broken: bool,
        refusal: Option<&Failure>,
    ) -> (Result<Value, InvocationFailed>, Vec<String>) {
        let queues = Recorded { broken, ..Recorded::default() };
        let schedule = Schedule { delays: vec![300, 1800], jitter_percent: 0 };
        let now = Instant::now();
        let pace = Pace { until: now + Duration::from_secs(5), end: now + Duration::from_millis(300), random: || 0.5 };
        let invocation = Invocation {
            tenant: "acme",
            function: "ingest",
            retry_queue_url: "q",
            schedule: &schedule,
            now: NOW,
            pace,
            refusal,
        };
        let journal = Journal::new(Level::Error, 100, serde_json::Map::new(), |_| {});
        let outcome = invoke(&event, &ByKey, &queues, invocation, &mut Metrics::default(), &journal).await;
        (outcome, queues.calls.into_inner().unwrap())
    }

    fn bucket_event(keys: &[&str]) -> Value {
        let record = |key: &&str| json!({ "eventName": "ObjectCreated:Put", "s3": { "bucket": { "name": "b" }, "object": { "key": key } } });
        json!({ "Records": keys.iter().map(record).collect::<Vec<_>>() })
    }

    fn queue_event(messages: &[(&str, u32)]) -> Value {
        let record = |(key, tries): &(&str, u32)| {
            let body = with_retry(&bucket_event(&[key]).to_string(), Retry { tries: *tries, not_before: NOW });
            json!({ "eventSource": "aws:sqs", "messageId": key, "receiptHandle": format!("r-{key}"), "body": body,
                "attributes": { "ApproximateReceiveCount": "5", "SentTimestamp": "1699999999000" } })
        };
        json!({ "Records": messages.iter().map(record).collect::<Vec<_>>() })
    }

    #[tokio::test]
    async fn a_bucket_event_fails_only_for_what_may_go_by() {
        assert_eq!(run(bucket_event(&["fine"]), false).await, (Ok(Value::Null), vec![]));
        assert_eq!(run(bucket_event(&["busy"]), false).await, (Err(InvocationFailed("busy".to_owned())), vec![]));
        let event = bucket_event(&["wrong"]);
        assert_eq!(run(event.clone(), false).await, (Ok(Value::Null), vec![format!("park logic {event}")]));
        let (outcome, _) = run(event, true).await;
        assert!(outcome.is_err(), "what cannot be parked must not be lost");
    }

    #[tokio::test]
    async fn of_an_event_with_several_objects_only_the_wrong_one_is_parked() {
        let (outcome, calls) = run(bucket_event(&["wrong", "fine"]), false).await;
        assert!(outcome.is_ok());
        assert_eq!(calls.len(), 1);
        assert!(
            calls[0].contains("remainder/1") && calls[0].contains("\"wrong\"") && !calls[0].contains("fine"),
            "{calls:?}"
        );
    }

    #[tokio::test]
    async fn a_message_that_failed_is_sent_anew_with_its_tries_or_parked_as_it_was() {
        let (outcome, calls) = run(queue_event(&[("fine", 0), ("busy", 1), ("wrong", 0)]), false).await;
        assert_eq!(outcome, Ok(json!({ "batchItemFailures": [] })));
        let again = with_retry(&bucket_event(&["busy"]).to_string(), Retry { tries: 2, not_before: NOW + 1_800_000 });
        assert_eq!(calls[0], format!("send 900 {}", again.unwrap()));
        assert_eq!(calls[1], format!("park logic {}", bucket_event(&["wrong"])));
        let (outcome, calls) = run(queue_event(&[("busy", 2)]), false).await;
        assert_eq!(outcome, Ok(json!({ "batchItemFailures": [] })));
        assert_eq!(calls, [format!("park transient {}", bucket_event(&["busy"]))]);
    }

    #[tokio::test]
    async fn a_message_that_comes_before_its_time_is_hidden_until_then() {
        let mut event = queue_event(&[("busy", 1)]);
        let body = with_retry(&bucket_event(&["busy"]).to_string(), Retry { tries: 1, not_before: NOW + 900_500 });
        event["Records"][0]["body"] = json!(body);
        let (outcome, calls) = run(event, false).await;
        assert_eq!(outcome, Ok(json!({ "batchItemFailures": [{ "itemIdentifier": "busy" }] })));
        assert_eq!(calls, ["extend r-busy 900"]);
    }

    #[tokio::test]
    async fn a_pause_spends_no_try_of_an_event_or_a_message() {
        let paused = Failure::NotNow("ingest is paused by a flag".to_owned());
        for (event, tries) in [(bucket_event(&["fine"]), 0), (queue_event(&[("fine", 1)]), 1)] {
            let (outcome, calls) = run_with(event, false, Some(&paused)).await;
            assert!(outcome.is_ok());
            let body = with_retry(&bucket_event(&["fine"]).to_string(), Retry { tries, not_before: NOW + 900_000 });
            assert_eq!(calls, [format!("send 900 {}", body.unwrap())]);
        }
    }

    #[tokio::test]
    async fn what_a_person_has_to_see_is_parked_though_the_work_is_done() {
        let (outcome, calls) = run(bucket_event(&["odd"]), false).await;
        assert_eq!(outcome, Ok(Value::Null));
        assert!(calls.len() == 1 && calls[0].starts_with("park logic") && calls[0].contains("\"odd\""), "{calls:?}");
        assert!(run(bucket_event(&["odd"]), true).await.0.is_err(), "what cannot be parked must not be lost");
    }

    #[tokio::test]
    async fn work_that_hangs_is_ended_with_the_invocation() {
        let (outcome, _) = run(bucket_event(&["hung"]), false).await;
        assert!(outcome.is_err_and(|failed| failed.0.contains("the time was up")));
    }

    #[tokio::test]
    async fn a_queue_that_fails_loses_no_message() {
        for (key, tries) in [("wrong", 0), ("busy", 0), ("busy", 2), ("long", 0), ("odd", 0)] {
            let (outcome, _) = run(queue_event(&[(key, tries)]), true).await;
            assert_eq!(outcome, Ok(json!({ "batchItemFailures": [{ "itemIdentifier": key }] })), "{key} {tries}");
        }
    }

    #[tokio::test]
    async fn what_is_left_goes_back_into_the_queue() {
        let (outcome, calls) = run(bucket_event(&["long"]), false).await;
        assert!(outcome.is_ok());
        assert!(
            calls[0].starts_with("send 0") && calls[0].contains("\"from\":7") && calls[0].contains("\"hops\":1"),
            "{calls:?}"
        );
    }

    #[tokio::test]
    async fn an_event_of_no_known_shape_is_parked_whole() {
        let (outcome, calls) = run(json!({ "hello": 1 }), false).await;
        assert!(outcome.is_ok());
        assert_eq!(calls, ["park logic {\"hello\":1}"]);
    }
}
