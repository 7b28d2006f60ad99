//! Amazon SQS: the messages that a tenant's functions parked, and their way back.

use std::collections::BTreeMap;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};

use super::{CallError, Family, Session};

/// A message that was received and is hidden from others until it is deleted, released, or its time is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub id: String,
    receipt: String,
    pub body: String,
    /// String attributes by name.
    pub attributes: BTreeMap<String, String>,
    /// When it was sent: milliseconds since 1970.
    pub sent: Option<i64>,
}

/// Messages in one answer: the most that SQS gives. Source: Amazon SQS API Reference, ReceiveMessage.
const AT_ONCE: i32 = 10;

/// Seconds that a call waits for messages: a long poll asks every server, so an empty answer means an empty queue.
const WAIT_SECONDS: i32 = 2;

/// The address of the queue with this name; None if there is none.
pub async fn queue_url(session: &Session, name: &str) -> Result<Option<String>, CallError> {
    const OPERATION: &str = "GetQueueUrl";
    session.turn(Family::Sqs).await;
    let answer = session.sqs.get_queue_url().queue_name(name).send().await;
    match answer.map_err(|error| CallError::of(&session.place, OPERATION, name, error)) {
        Ok(found) => Ok(Some(session.need(found.queue_url, OPERATION, name, "QueueUrl")?)),
        Err(error) if queue_does_not_exist(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// About how many messages a queue holds, those in flight and delayed included.
pub async fn depth(session: &Session, url: &str) -> Result<u64, CallError> {
    const OPERATION: &str = "GetQueueAttributes";
    const PARTS: [QueueAttributeName; 3] = [
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        QueueAttributeName::ApproximateNumberOfMessagesDelayed,
    ];
    session.turn(Family::Sqs).await;
    let request = session.sqs.get_queue_attributes().queue_url(url).set_attribute_names(Some(PARTS.to_vec()));
    let answer = request.send().await;
    let answer = answer.map_err(|error| CallError::of(&session.place, OPERATION, url, error))?;
    let attributes = answer.attributes.unwrap_or_default();
    let mut depth = 0;
    for part in PARTS {
        let count = attributes.get(&part).and_then(|count| count.parse::<u64>().ok());
        depth += session.need(count, OPERATION, url, "ApproximateNumberOfMessages…")?;
    }
    Ok(depth)
}

/// Receives until the queue gives no more, or `most` are held; they stay hidden for `hidden_seconds`.
pub async fn receive(session: &Session, url: &str, most: usize, hidden_seconds: i32) -> Result<Vec<Held>, CallError> {
    let mut held = Vec::new();
    while held.len() < most {
        session.turn(Family::Sqs).await;
        let wanted = i32::try_from(most - held.len()).unwrap_or(AT_ONCE).min(AT_ONCE);
        let request = session.sqs.receive_message().queue_url(url).max_number_of_messages(wanted);
        let request = request.visibility_timeout(hidden_seconds).wait_time_seconds(WAIT_SECONDS);
        let request = request.message_attribute_names("All");
        let answer = request.message_system_attribute_names(MessageSystemAttributeName::SentTimestamp).send().await;
        let answer = answer.map_err(|error| CallError::of(&session.place, "ReceiveMessage", url, error))?;
        let messages = answer.messages.unwrap_or_default();
        if messages.is_empty() {
            break;
        }
        for message in messages {
            held.push(of_sdk(session, url, message)?);
        }
    }
    Ok(held)
}

fn of_sdk(session: &Session, url: &str, message: Message) -> Result<Held, CallError> {
    let need = |value, field| session.need(value, "ReceiveMessage", url, field);
    let sent = message.attributes.as_ref().and_then(|all| all.get(&MessageSystemAttributeName::SentTimestamp));
    let sent = sent.and_then(|milliseconds| milliseconds.parse().ok());
    let attributes = message.message_attributes.unwrap_or_default().into_iter();
    Ok(Held {
        id: need(message.message_id, "MessageId")?,
        receipt: need(message.receipt_handle, "ReceiptHandle")?,
        body: need(message.body, "Body")?,
        attributes: attributes.filter_map(|(name, value)| Some((name, value.string_value?))).collect(),
        sent,
    })
}

/// Moves a message to another queue. Sent first, then deleted: what is interrupted in between is there twice, never lost.
pub async fn move_to(session: &Session, from: &str, held: &Held, to: &str) -> Result<(), CallError> {
    send(session, to, &held.body).await?;
    session.turn(Family::Sqs).await;
    let deleted = session.sqs.delete_message().queue_url(from).receipt_handle(&held.receipt).send().await;
    deleted.map_err(|error| CallError::of(&session.place, "DeleteMessage", from, error))?;
    Ok(())
}

/// Sends a message.
pub async fn send(session: &Session, url: &str, body: &str) -> Result<(), CallError> {
    session.turn(Family::Sqs).await;
    let sent = session.sqs.send_message().queue_url(url).message_body(body).send().await;
    sent.map_err(|error| CallError::of(&session.place, "SendMessage", url, error))?;
    Ok(())
}

/// Lets others see a message again.
pub async fn release(session: &Session, url: &str, held: &Held) -> Result<(), CallError> {
    session.turn(Family::Sqs).await;
    let request = session.sqs.change_message_visibility().queue_url(url).receipt_handle(&held.receipt);
    let released = request.visibility_timeout(0).send().await;
    released.map_err(|error| CallError::of(&session.place, "ChangeMessageVisibility", url, error))?;
    Ok(())
}

/// There is no queue of that name; the older protocol and the newer one say it differently.
fn queue_does_not_exist(error: &CallError) -> bool {
    matches!(error.code(), Some("QueueDoesNotExist" | "AWS.SimpleQueueService.NonExistentQueue"))
}

impl Held {
    /// A message as if it had been received; for tests of what is done with one.
    pub fn of(body: &str, attributes: &[(&str, &str)], sent: i64) -> Self {
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { id: "id".to_owned(), receipt: "receipt".to_owned(), body: body.to_owned(), attributes, sent: Some(sent) }
    }
}
