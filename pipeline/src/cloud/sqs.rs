//! Queues in SQS.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::MessageAttributeValue;

use super::http::chain;
use crate::queues::{DELAY_MAX_SECONDS, Parked, QueueError, Queues};

/// The trace of the invocation, which the SDK hands on. Lambda counts by it how often a function was invoked out of its own
/// queue and ends what looks like a loop after about 16 times (AWS Lambda Developer Guide, "Use Lambda recursive loop
/// detection to prevent infinite loops"). Here the message counts its own runs and tries, and both are bounded.
const TRACE: &str = "x-amzn-trace-id";

/// The two queues of a function.
#[derive(Debug, Clone)]
pub struct Sqs {
    pub client: Client,
    pub retry_url: String,
    pub parking_url: String,
}

impl Queues for Sqs {
    async fn extend(&self, receipt: &str, seconds: u32) -> Result<(), QueueError> {
        let timeout = i32::try_from(seconds).unwrap_or(i32::MAX);
        let request = self.client.change_message_visibility().queue_url(&self.retry_url);
        let outcome = request.receipt_handle(receipt).visibility_timeout(timeout).send().await;
        outcome.map_err(|error| queue_error("ChangeMessageVisibility", &self.retry_url, &error))?;
        Ok(())
    }

    async fn park(&self, parked: &Parked) -> Result<(), QueueError> {
        let mut request = self.client.send_message().queue_url(&self.parking_url).message_body(&parked.body);
        for (name, value) in &parked.attributes {
            let attribute = MessageAttributeValue::builder().data_type("String").string_value(value).build();
            let attribute = attribute.map_err(|error| queue_error("SendMessage", &self.parking_url, &error))?;
            request = request.message_attributes(*name, attribute);
        }
        request.send().await.map_err(|error| queue_error("SendMessage", &self.parking_url, &error))?;
        Ok(())
    }

    async fn send(&self, body: &str, seconds: u32) -> Result<(), QueueError> {
        let delay = i32::try_from(seconds.min(DELAY_MAX_SECONDS)).unwrap_or_default();
        let request = self.client.send_message().queue_url(&self.retry_url).message_body(body).delay_seconds(delay);
        let request = request.customize().mutate_request(|request| {
            request.headers_mut().remove(TRACE);
        });
        request.send().await.map_err(|error| queue_error("SendMessage", &self.retry_url, &error))?;
        Ok(())
    }
}

fn queue_error(operation: &'static str, queue: &str, error: &dyn std::error::Error) -> QueueError {
    QueueError { operation, queue: queue.to_owned(), cause: chain(error) }
}
