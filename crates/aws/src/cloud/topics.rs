//! Amazon SNS: who has subscribed to the topics of a region.

use super::reads::{self, Question, items, text};
use super::{CallError, Session};

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    pub topic: String,
    pub protocol: String,
    pub endpoint: String,
    /// Its owner has confirmed it; until then it gets nothing.
    pub is_confirmed: bool,
}

/// Every subscription of the account in the region.
pub async fn subscriptions(session: &Session) -> Result<Vec<Subscription>, CallError> {
    let region = session.place.region.as_str();
    let question =
        Question::form("sns", "ListSubscriptions", region, "2010-03-31", &[]).pages("NextToken", "NextToken");
    let found = items(&reads::ask(session, &question).await?, "Subscriptions");
    let of = |one: &serde_json::Value| {
        let need = |field| session.need(text(one, field), question.operation, region, field);
        Ok(Subscription {
            topic: need("TopicArn")?,
            protocol: need("Protocol")?,
            endpoint: text(one, "Endpoint").unwrap_or_default(),
            is_confirmed: need("SubscriptionArn")?.starts_with("arn:"),
        })
    };
    found.iter().map(of).collect()
}
