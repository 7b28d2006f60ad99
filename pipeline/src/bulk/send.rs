//! Sends one batch until every item is in the index, rejected, or the time is up.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use bytes::Bytes;

use super::batch::{Batch, Rejected};
use super::verdict::{Verdict, decide};
use crate::failure::Failure;
use crate::pace::Pace;
use crate::records::standardise::Reject;

/// The search domain, as it is needed here.
pub trait Search: Clone + Send + Sync + 'static {
    /// Sends a bulk body, given in parts. The status and the body of the answer.
    ///
    /// # Errors
    /// There was no answer.
    fn bulk(&self, body: &[&[u8]]) -> impl Future<Output = Result<(u16, Bytes), NoAnswer>> + Send;

    /// Sees to it that indices are made as they should be; called before the first record of a part is sent.
    ///
    /// What is not as it should be and can wait, if there is something.
    ///
    /// # Errors
    /// It cannot be had now (transient), or never (logic): no index must be made without it.
    fn prepare(&self, _pace: Pace) -> impl Future<Output = Result<Option<String>, Failure>> + Send {
        std::future::ready(Ok(None))
    }
}

/// The domain did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoAnswer(pub String);

/// What came of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    pub indexed: u64,
    /// Of the indexed ones, those that were there before.
    pub repeated: u64,
    pub rejected: Vec<Rejected>,
    pub requests: u64,
    pub retries: u64,
    /// Time spent waiting between requests.
    pub waited: Duration,
    /// The time was up, or the domain refuses: these items are neither in the index nor rejected.
    pub unfinished: Option<Failure>,
}

/// Sends `batch`.
pub async fn send<S: Search>(search: &S, batch: &Batch, pace: Pace) -> Sent {
    let mut sent = Sent { rejected: batch.rejected.clone(), ..Sent::default() };
    let mut queue = vec![(0..batch.items.len()).collect::<Vec<usize>>()];
    let mut attempt = 0;
    while let Some(items) = queue.pop() {
        if items.is_empty() {
            continue;
        }
        sent.requests += 1;
        let verdict = match tokio::time::timeout_at(pace.end, search.bulk(&batch.body_of(&items))).await {
            Ok(Ok((status, answer))) => decide(status, &answer, items.len()),
            Ok(Err(NoAnswer(cause))) => Verdict::AllAgain(cause),
            Err(_) => Verdict::AllAgain("no answer before the end of the invocation".to_owned()),
        };
        let (again, cause) = match verdict {
            Verdict::Items { rejected, again, repeated, cause } => {
                sent.indexed += (items.len() - rejected.len() - again.len()) as u64;
                sent.repeated += repeated;
                for (position, reject) in rejected {
                    sent.rejected.extend(items.get(position).and_then(|index| batch.reject(*index, reject)));
                }
                let again: Vec<usize> = again.iter().filter_map(|position| items.get(*position).copied()).collect();
                if again.is_empty() {
                    continue;
                }
                (again, cause)
            }
            Verdict::Halve => {
                halve(items, batch, &mut queue, &mut sent);
                continue;
            }
            Verdict::AllAgain(cause) => (items, cause),
            Verdict::Refused(cause) => {
                sent.unfinished = Some(Failure::Logic(format!("the search domain refuses a bulk request: {cause}")));
                return sent;
            }
        };
        queue.push(again);
        let Some(delay) = pace.before_retry(attempt) else {
            sent.unfinished =
                Some(Failure::Transient(format!("the time was up while the search domain failed: {cause}")));
            return sent;
        };
        attempt += 1;
        sent.retries += 1;
        if !delay.is_zero() {
            let asleep = Instant::now();
            tokio::time::sleep(delay).await;
            sent.waited += asleep.elapsed();
        }
    }
    sent
}

/// In two requests instead of one; what is alone and still too large is rejected.
fn halve(mut items: Vec<usize>, batch: &Batch, queue: &mut Vec<Vec<usize>>, sent: &mut Sent) {
    if let [index] = items.as_slice() {
        let reject =
            Reject::Refused { kind: "too-large".to_owned(), reason: "the record alone is too large".to_owned() };
        sent.rejected.extend(batch.reject(*index, reject));
        return;
    }
    let second = items.split_off(items.len() / 2);
    queue.push(second);
    queue.push(items);
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::bulk::batch::Item;

    /// Answers by a script: each call takes the next status of each item it is sent.
    type Answer = Result<(u16, String), NoAnswer>;

    #[derive(Debug, Clone)]
    struct Scripted {
        answers: Arc<Mutex<Vec<Answer>>>,
        bodies: Arc<Mutex<Vec<String>>>,
    }

    impl Search for Scripted {
        async fn bulk(&self, body: &[&[u8]]) -> Result<(u16, Bytes), NoAnswer> {
            self.bodies.lock().unwrap().push(String::from_utf8(body.concat()).unwrap());
            let answer = self.answers.lock().unwrap().remove(0);
            answer.map(|(status, text)| (status, Bytes::from(text)))
        }
    }

    fn batch(records: usize) -> Batch {
        let mut batch = Batch::default();
        for n in 0..records {
            let (lines, record) = (batch.body.len(), batch.text.len());
            batch.body.extend(format!("a{n}\nd{n}\n").bytes());
            batch.text.extend(format!("r{n}").bytes());
            let item = Item { lines: lines..batch.body.len(), record: record..batch.text.len(), offset: n as u64 };
            batch.items.push(item);
        }
        batch
    }

    async fn run(records: usize, answers: Vec<Answer>) -> (Sent, Vec<String>) {
        let search = Scripted { answers: Arc::new(Mutex::new(answers)), bodies: Arc::default() };
        let until = Instant::now() + Duration::from_secs(5);
        let pace = Pace { until, end: until, random: || 0.0 };
        let sent = send(&search, &batch(records), pace).await;
        let bodies = search.bodies.lock().unwrap().clone();
        (Sent { waited: Duration::ZERO, ..sent }, bodies)
    }

    fn statuses(statuses: &[u16]) -> Answer {
        let error = serde_json::json!({ "type": "mapper_parsing_exception", "reason": "failed to parse" });
        let items: Vec<_> = statuses
            .iter()
            .map(|status| serde_json::json!({ "create": { "status": status, "error": error } }))
            .collect();
        Ok((200, serde_json::json!({ "items": items }).to_string()))
    }

    #[tokio::test]
    async fn only_the_items_that_failed_are_sent_again() {
        let (sent, bodies) = run(3, vec![statuses(&[201, 429, 400]), statuses(&[201])]).await;
        assert_eq!(bodies, ["a0\nd0\na1\nd1\na2\nd2\n", "a1\nd1\n"]);
        assert_eq!((sent.indexed, sent.retries, sent.unfinished), (2, 1, None));
        assert_eq!((sent.rejected[0].offset, sent.rejected[0].record.as_slice()), (2, b"r2".as_slice()));
    }

    #[tokio::test]
    async fn what_is_too_large_is_halved_until_one_is_left() {
        let large = || Ok((413, String::new()));
        let (sent, bodies) = run(3, vec![large(), large(), statuses(&[201, 201])]).await;
        assert_eq!(bodies, ["a0\nd0\na1\nd1\na2\nd2\n", "a0\nd0\n", "a1\nd1\na2\nd2\n"]);
        assert_eq!((sent.indexed, sent.rejected.len(), sent.unfinished), (2, 1, None));
    }

    /// Answers only after the invocation would have been ended.
    #[derive(Debug, Clone)]
    struct Late;

    impl Search for Late {
        async fn bulk(&self, _: &[&[u8]]) -> Result<(u16, Bytes), NoAnswer> {
            tokio::time::sleep(Duration::from_secs(60)).await;
            Ok((200, Bytes::new()))
        }
    }

    #[tokio::test]
    async fn no_request_outlasts_the_invocation() {
        let begun = Instant::now();
        let pace = Pace { until: begun, end: begun + Duration::from_millis(50), random: || 0.5 };
        let sent = send(&Late, &batch(1), pace).await;
        assert!(matches!(sent.unfinished, Some(Failure::Transient(why)) if why.contains("no answer before the end")));
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[tokio::test]
    async fn a_domain_that_refuses_or_stays_away_leaves_the_batch_unfinished() {
        let (sent, _) = run(1, vec![Ok((404, "no".to_owned()))]).await;
        assert!(matches!(sent.unfinished, Some(Failure::Logic(_))), "{sent:?}");
        let search =
            Scripted { answers: Arc::new(Mutex::new(vec![Err(NoAnswer("reset".to_owned()))])), bodies: Arc::default() };
        let (until, end) = (Instant::now(), Instant::now() + Duration::from_secs(1));
        let pace = Pace { until, end, random: || 0.5 };
        let sent = send(&search, &batch(1), pace).await;
        assert!(matches!(sent.unfinished, Some(Failure::Transient(why)) if why.contains("reset")));
    }
}
