//! What invokes a function, in every shape: a bucket's event, that event in a message of the retry queue (as a dead
//! letter, from an on-failure destination, or replayed), and what an earlier run left.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::storage::ObjectAt;

/// One object to work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub at: ObjectAt,
    /// Where to begin: a byte after decompression.
    pub from: u64,
    /// How many runs have handed it on.
    pub hops: u32,
}

/// A message of the retry queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub id: String,
    pub receipt: String,
    pub body: String,
    /// What earlier tries left in it.
    pub retry: Retry,
}

/// What a message says about its own tries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Retry {
    /// Tries that failed, out of the retry queue.
    pub tries: u32,
    /// Milliseconds since 1970: it is not to be tried before.
    pub not_before: i64,
}

/// Member of a message's body that holds its [`Retry`], beside those of the event.
const RETRY: &str = "tenantryRetry";

/// A message's body, with what is known of its tries; `None` if it is not a JSON object.
pub fn with_retry(body: &str, retry: Retry) -> Option<String> {
    let mut value: Value = serde_json::from_str(body).ok()?;
    value.as_object_mut()?.insert(RETRY.to_owned(), serde_json::to_value(retry).ok()?);
    Some(value.to_string())
}

/// A message's body as it was before any try.
fn without_retry(body: String) -> (String, Retry) {
    let Ok(Value::Object(mut value)) = serde_json::from_str::<Value>(&body) else { return (body, Retry::default()) };
    match value.remove(RETRY).map(Retry::deserialize) {
        None => (body, Retry::default()),
        Some(retry) => (Value::Object(value).to_string(), retry.unwrap_or_default()),
    }
}

/// What an invocation brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    Jobs(Vec<Job>),
    Messages(Vec<Message>),
}

/// An event of no known shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event has no known shape: {0}")]
pub struct UnknownEvent(String);

/// Name and version of the format of a remainder.
const REMAINDER: &str = "remainder/1";

#[derive(Debug, Serialize, Deserialize)]
struct Remainder {
    tenantry: String,
    bucket: String,
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    from: u64,
    hops: u32,
}

#[derive(Debug, Deserialize)]
struct S3Record {
    #[serde(rename = "eventName", default)]
    event_name: String,
    s3: S3Entity,
}

#[derive(Debug, Deserialize)]
struct S3Entity {
    bucket: S3Bucket,
    object: S3Object,
}

#[derive(Debug, Deserialize)]
struct S3Bucket {
    name: String,
}

#[derive(Debug, Deserialize)]
struct S3Object {
    key: String,
    #[serde(rename = "versionId", default)]
    version: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SqsRecord {
    message_id: String,
    receipt_handle: String,
    body: String,
}

/// Reads an invocation's event.
///
/// # Errors
/// The event has no known shape.
pub fn read(event: &Value) -> Result<Incoming, UnknownEvent> {
    let records = event.get("Records").and_then(Value::as_array);
    let from_queue = |record: &Value| record.get("eventSource").and_then(Value::as_str) == Some("aws:sqs");
    match records {
        Some(records) if records.first().is_some_and(from_queue) => {
            records.iter().map(read_message).collect::<Result<_, _>>().map(Incoming::Messages)
        }
        _ => read_jobs(event).map(Incoming::Jobs),
    }
}

/// Reads the body of a message.
///
/// # Errors
/// It has no known shape.
pub fn read_body(body: &str) -> Result<Vec<Job>, UnknownEvent> {
    let value: Value = serde_json::from_str(body).map_err(|error| UnknownEvent(error.to_string()))?;
    // An on-failure destination wraps the event, a dead-letter queue does not.
    read_jobs(value.get("requestPayload").unwrap_or(&value))
}

fn read_message(record: &Value) -> Result<Message, UnknownEvent> {
    let record = SqsRecord::deserialize(record).map_err(|error| UnknownEvent(error.to_string()))?;
    let (body, retry) = without_retry(record.body);
    Ok(Message { id: record.message_id, receipt: record.receipt_handle, body, retry })
}

fn read_jobs(event: &Value) -> Result<Vec<Job>, UnknownEvent> {
    if event.get("tenantry").is_some() {
        return read_remainder(event).map(|job| vec![job]);
    }
    if event.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return Ok(Vec::new());
    }
    let Some(records) = event.get("Records").and_then(Value::as_array) else {
        return Err(UnknownEvent("neither records nor a remainder".to_owned()));
    };
    let mut jobs = Vec::new();
    for record in records {
        let record = S3Record::deserialize(record).map_err(|error| UnknownEvent(error.to_string()))?;
        if record.event_name.is_empty() || record.event_name.contains("ObjectCreated:") {
            let at = ObjectAt {
                bucket: record.s3.bucket.name,
                key: decode_key(&record.s3.object.key)?,
                version: record.s3.object.version.filter(|version| !version.is_empty()),
            };
            jobs.push(Job { at, from: 0, hops: 0 });
        }
    }
    Ok(jobs)
}

fn read_remainder(event: &Value) -> Result<Job, UnknownEvent> {
    let remainder = Remainder::deserialize(event).map_err(|error| UnknownEvent(error.to_string()))?;
    if remainder.tenantry != REMAINDER {
        return Err(UnknownEvent(format!("`{}` is no format of this version", remainder.tenantry)));
    }
    let at = ObjectAt { bucket: remainder.bucket, key: remainder.key, version: remainder.version };
    Ok(Job { at, from: remainder.from, hops: remainder.hops })
}

impl Job {
    /// The body of a message that goes on with this job at byte `from`, after `hops` runs.
    pub fn body(&self, from: u64, hops: u32) -> String {
        let remainder = serde_json::json!({
            "tenantry": REMAINDER, "bucket": self.at.bucket, "key": self.at.key, "version": self.at.version,
            "from": from, "hops": hops,
        });
        remainder.to_string()
    }
}

/// Keys in S3's events are encoded like forms: `+` for a blank, percent for the rest.
fn decode_key(encoded: &str) -> Result<String, UnknownEvent> {
    let unreadable = || UnknownEvent(format!("the key `{encoded}` is not encoded as S3 does"));
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits =
                    tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok()).ok_or_else(unreadable)?;
                bytes.push(u8::from_str_radix(digits, 16).map_err(|_| unreadable())?);
                rest = tail.get(2..).unwrap_or_default();
            }
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).map_err(|_| unreadable())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bucket_event(key: &str) -> Value {
        json!({ "Records": [{ "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
            "s3": { "bucket": { "name": "landing" }, "object": { "key": key, "size": 3, "eTag": "x", "versionId": "v1" } } }] })
    }

    fn job(key: &str) -> Job {
        let at = ObjectAt { bucket: "landing".to_owned(), key: key.to_owned(), version: Some("v1".to_owned()) };
        Job { at, from: 0, hops: 0 }
    }

    #[test]
    fn a_bucket_event_is_read_alone_as_a_dead_letter_and_from_a_destination() {
        let event = bucket_event("in/a+b%2Bc.log");
        let expected = vec![job("in/a b+c.log")];
        assert_eq!(read(&event), Ok(Incoming::Jobs(expected.clone())));
        assert_eq!(read_body(&event.to_string()), Ok(expected.clone()));
        let wrapped =
            json!({ "version": "1.0", "requestContext": { "condition": "RetriesExhausted" }, "requestPayload": event });
        assert_eq!(read_body(&wrapped.to_string()), Ok(expected));
    }

    #[test]
    fn a_message_tells_how_often_it_was_tried_and_is_what_it_was() {
        let body = bucket_event("in/a").to_string();
        let retry = Retry { tries: 2, not_before: 7 };
        for (sent, retry) in [(with_retry(&body, retry).unwrap(), retry), (body.clone(), Retry::default())] {
            let event = json!({ "Records": [{ "eventSource": "aws:sqs", "messageId": "m", "receiptHandle": "r", "body": sent }] });
            let message = Message { id: "m".to_owned(), receipt: "r".to_owned(), body: body.clone(), retry };
            assert_eq!(read(&event), Ok(Incoming::Messages(vec![message])));
            assert_eq!(read_body(&sent), read_body(&body));
        }
        assert_eq!(with_retry("[]", retry), None);
    }

    #[test]
    fn a_remainder_is_read_back() {
        let expected = Job { from: 7, hops: 2, ..job("in/a") };
        assert_eq!(read_body(&job("in/a").body(7, 2)), Ok(vec![expected]));
        assert!(read_body(r#"{"tenantry":"remainder/2","bucket":"b","key":"k","from":0,"hops":0}"#).is_err());
    }

    #[test]
    fn what_asks_for_nothing_is_nothing_and_the_rest_is_an_error() {
        assert_eq!(read_body(r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}"#), Ok(Vec::new()));
        let mut removed = bucket_event("in/a");
        removed["Records"][0]["eventName"] = json!("ObjectRemoved:Delete");
        assert_eq!(read(&removed), Ok(Incoming::Jobs(Vec::new())));
        for body in ["", "[]", "{}", "\"x\"", r#"{"Records":[{}]}"#, "{\"Records\":["] {
            assert!(read_body(body).is_err(), "{body}");
        }
        assert!(read(&bucket_event("in/%zz")).is_err());
    }
}
