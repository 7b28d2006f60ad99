//! One invocation: read the event, do the work, and deal with what failed as [`crate::retry`] decides.
//!
//! Nothing is dropped: work is done, or its event fails, or its message stays in the queue, or it is parked, or what is
//! left of it is in the queue. If one of these cannot be done, the event fails.

use std::future::Future;

use serde_json::{Value, json};

use crate::bulk::verdict::truncate;
use crate::event::{Incoming, Job, Message, read, read_body};
use crate::failure::Failure;
use crate::journal::{Journal, Level};
use crate::metrics::{Metric, Metrics};
use crate::pace::Pace;
use crate::queues::{Parked, QueueError, Queues};
use crate::retry::{Action, Arrival, Schedule, decide};

/// What a function does with one object.
pub trait Work: Send + Sync {
    /// Works on an object. The byte from which another run must go on, if the time was up.
    fn run(
        &self,
        job: &Job,
        pace: Pace,
        metrics: &mut Metrics,
        journal: &Journal,
    ) -> impl Future<Output = Result<Option<u64>, Failure>> + Send;
}

/// What an invocation goes by.
#[derive(Debug, Clone, Copy)]
pub struct Invocation<'a> {
    pub tenant: &'a str,
    pub function: &'a str,
    /// Where replayed messages go.
    pub retry_queue_url: &'a str,
    pub schedule: &'a Schedule,
    /// Seconds since 1970.
    pub now: i64,
    pub pace: Pace,
    /// Why no work is begun now, if so; it waits as if it had failed.
    pub refusal: Option<&'a str>,
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
            match self.decide(Arrival::Invoked, &error) {
                Action::Park if jobs.len() == 1 => self.park(body, &error, 1).await.map_err(failed)?,
                // The others of the event are not parked with it.
                Action::Park => self.park(&job.body(job.from, job.hops), &error, 1).await.map_err(failed)?,
                Action::Fail | Action::Extend { .. } => failure = Err(failed(error)),
            }
        }
        failure
    }

    async fn received(&mut self, message: &Message) -> Fate {
        let failure = match read_body(&message.body) {
            Ok(jobs) => self.work_on_all(&jobs).await,
            Err(unknown) => Err(Failure::Logic(unknown.to_string())),
        };
        let Err(failure) = failure else { return Fate::Done };
        match self.decide(Arrival::Received { count: message.count, sent: message.sent }, &failure) {
            Action::Park => match self.park(&message.body, &failure, message.count).await {
                Ok(()) => Fate::Done,
                Err(error) => self.stays(&error),
            },
            Action::Extend { seconds } => {
                self.metrics.add(Metric::Extended, 1);
                if let Err(error) = self.queues.extend(&message.receipt, seconds).await {
                    return self.stays(&error);
                }
                let fields = json!({ "message": message.id, "receives": message.count, "seconds": seconds });
                self.journal.line(Level::Warn, "extended", fields);
                Fate::Stays
            }
            Action::Fail => Fate::Stays,
        }
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
                (Err(Failure::Transient(_)), Err(Failure::Transient(_))) => {}
            }
        }
        outcome
    }

    async fn work_on(&mut self, job: &Job) -> Result<(), Failure> {
        let over = self.invocation.pace.is_over().then_some("the time was up before the work began");
        let outcome = match self.invocation.refusal.or(over) {
            Some(refusal) => Err(Failure::Transient(refusal.to_owned())),
            None => self.work.run(job, self.invocation.pace, self.metrics, self.journal).await,
        };
        let outcome = match outcome {
            Ok(Some(from)) => self.hand_back(job, from).await,
            Ok(None) => Ok(()),
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

    async fn hand_back(&mut self, job: &Job, from: u64) -> Result<(), Failure> {
        if job.hops >= HOPS_MAX {
            return Err(Failure::Logic(format!("`{}` is not done after {HOPS_MAX} runs", job.at)));
        }
        let body = job.body(from, job.hops + 1);
        self.queues.hand_back(&body).await.map_err(|error| Failure::Transient(error.to_string()))?;
        self.metrics.add(Metric::Remainders, 1);
        self.journal.line(Level::Info, "handed-back", json!({ "object": job.at.to_string(), "from": from }));
        Ok(())
    }

    fn decide(&self, arrival: Arrival, failure: &Failure) -> Action {
        let random = (self.invocation.pace.random)();
        decide(arrival, failure, self.invocation.schedule, self.invocation.now, random)
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

fn moment(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map(|moment| moment.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;

    /// Fails or succeeds by the object's key.
    struct ByKey;

    impl Work for ByKey {
        async fn run(&self, job: &Job, _: Pace, _: &mut Metrics, _: &Journal) -> Result<Option<u64>, Failure> {
            match job.at.key.as_str() {
                "busy" => Err(Failure::Transient("busy".to_owned())),
                "wrong" => Err(Failure::Logic("wrong".to_owned())),
                "long" => Ok(Some(7)),
                _ => Ok(None),
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

        async fn hand_back(&self, body: &str) -> Result<(), QueueError> {
            self.call(format!("hand back {body}"))
        }
    }

    async fn run(event: Value, broken: bool) -> (Result<Value, InvocationFailed>, Vec<String>) {
        let queues = Recorded { broken, ..Recorded::default() };
        let schedule = Schedule { delays: vec![300, 1800], jitter_percent: 0 };
        let pace = Pace { until: Instant::now() + Duration::from_secs(5), random: || 0.5 };
        let invocation = Invocation {
            tenant: "acme",
            function: "ingest",
            retry_queue_url: "q",
            schedule: &schedule,
            now: 1_700_000_000,
            pace,
            refusal: None,
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
        let record = |(key, count): &(&str, u32)| {
            json!({ "eventSource": "aws:sqs", "messageId": key, "receiptHandle": format!("r-{key}"),
                "body": bucket_event(&[key]).to_string(),
                "attributes": { "ApproximateReceiveCount": count.to_string(), "SentTimestamp": "1699999999000" } })
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
    async fn only_messages_that_failed_stay_and_each_as_decided() {
        let (outcome, calls) = run(queue_event(&[("fine", 1), ("busy", 2), ("wrong", 1)]), false).await;
        assert_eq!(outcome, Ok(json!({ "batchItemFailures": [{ "itemIdentifier": "busy" }] })));
        assert_eq!(calls[0], "extend r-busy 1800");
        assert!(calls[1].starts_with("park logic"), "{calls:?}");
        let (outcome, calls) = run(queue_event(&[("busy", 3)]), false).await;
        assert_eq!(outcome, Ok(json!({ "batchItemFailures": [] })));
        assert!(calls[0].starts_with("park transient"), "{calls:?}");
    }

    #[tokio::test]
    async fn a_queue_that_fails_loses_no_message() {
        for (key, count) in [("wrong", 1), ("busy", 1), ("busy", 3), ("long", 1)] {
            let (outcome, _) = run(queue_event(&[(key, count)]), true).await;
            assert_eq!(outcome, Ok(json!({ "batchItemFailures": [{ "itemIdentifier": key }] })), "{key} {count}");
        }
    }

    #[tokio::test]
    async fn what_is_left_goes_back_into_the_queue() {
        let (outcome, calls) = run(bucket_event(&["long"]), false).await;
        assert!(outcome.is_ok());
        assert!(
            calls[0].starts_with("hand back") && calls[0].contains("\"from\":7") && calls[0].contains("\"hops\":1"),
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
