//! Calls of services for which the tool needs no crate of the SDK: what is asked is data, the answer is JSON.
//! `cloud::request` sends them.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::request::{self, Answer};
use super::{CallError, Cause, Family, Session};

/// The most pages of one question: more of them are an error, never a part of an answer.
const MOST_PAGES: usize = 1000;

/// One call.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// As signatures name the service: `sns`.
    pub service: &'static str,
    pub operation: &'static str,
    /// What it is about, for errors.
    pub subject: String,
    pub way: Way,
    /// Where an answer says that there is more, and the parameter that asks for it.
    pub next: Vec<(String, String)>,
}

/// How a question is put: the protocol of the service.
#[derive(Debug, Clone, PartialEq)]
pub enum Way {
    /// A form of parameters; the version is the API's.
    Query { version: String, parameters: Vec<(String, String)> },
    /// JSON with the operation as target.
    Json { target: String, body: Value },
    /// A path with its query; with a body it is posted.
    Rest { path: String, body: Option<Value> },
    /// A path with another method, or with headers that are part of what is asked.
    Sent { method: &'static str, path: String, headers: Vec<(&'static str, String)>, body: Option<Value> },
}

impl Question {
    fn new(service: &'static str, operation: &'static str, subject: &str, way: Way) -> Self {
        Self { service, operation, subject: subject.to_owned(), way, next: Vec::new() }
    }

    /// A form with the operation as action.
    pub(super) fn form(
        service: &'static str,
        operation: &'static str,
        subject: &str,
        version: &str,
        parameters: &[(&str, &str)],
    ) -> Self {
        let parameters = parameters.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Self::new(service, operation, subject, Way::Query { version: version.to_owned(), parameters })
    }

    /// JSON with the operation as target.
    pub(super) fn json(
        service: &'static str,
        operation: &'static str,
        subject: &str,
        target: &str,
        body: Value,
    ) -> Self {
        Self::new(service, operation, subject, Way::Json { target: target.to_owned(), body })
    }

    /// A path that is read.
    pub(super) fn get(service: &'static str, operation: &'static str, subject: &str, path: String) -> Self {
        Self::new(service, operation, subject, Way::Rest { path, body: None })
    }

    /// A path to which something is sent.
    pub(super) fn send(
        service: &'static str,
        operation: &'static str,
        subject: &str,
        (method, path): (&'static str, String),
        body: Option<Value>,
    ) -> Self {
        Self::new(service, operation, subject, Way::Sent { method, path, headers: Vec::new(), body })
    }

    /// The same with one more header.
    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Way::Sent { headers, .. } = &mut self.way {
            headers.push((name, value.into()));
        }
        self
    }

    /// The same of every page: what an answer tells under the one name is asked for under the other.
    pub(super) fn pages(mut self, reported: &str, asked: &str) -> Self {
        self.next = vec![(reported.to_owned(), asked.to_owned())];
        self
    }
}

/// Every page of the answer to a question.
///
/// # Errors
/// Whatever a call can end in; an answer that is neither JSON nor XML, or that never ends.
pub async fn ask(session: &Session, question: &Question) -> Result<Vec<Value>, CallError> {
    match first(session, question, MOST_PAGES).await? {
        (pages, true) => Ok(pages),
        (_, false) => {
            let cause = Cause::Missing { field: "last page" };
            Err(CallError::because(&session.place, question.operation, &question.subject, cause))
        }
    }
}

/// So many pages of the answer at most, and whether these are all.
pub(super) async fn first(
    session: &Session,
    question: &Question,
    most: usize,
) -> Result<(Vec<Value>, bool), CallError> {
    let mut pages = Vec::new();
    let mut more: Vec<(String, String)> = Vec::new();
    while pages.len() < most {
        let page = once(session, question, &more).await?.body;
        let next = question.next.iter().filter_map(|(reported, asked)| {
            let token = at(&page, reported)?.as_str().filter(|token| !token.is_empty())?.to_owned();
            Some((asked.clone(), token))
        });
        let next: Vec<_> = next.collect();
        pages.push(page);
        if next.is_empty() {
            return Ok((pages, true));
        }
        more = next;
    }
    Ok((pages, false))
}

/// The answer to a question that has one page, with its headers.
pub(super) async fn answer(session: &Session, question: &Question) -> Result<Answer, CallError> {
    once(session, question, &[]).await
}

async fn once(session: &Session, question: &Question, more: &[(String, String)]) -> Result<Answer, CallError> {
    session.turn(Family::of(question.service, question.operation)).await;
    request::send(session, question, more).await
}

/// The value at a path of member names, `Policy.Statement`; JSON in a text counts as the value that it holds. An empty
/// path is the value itself.
pub fn at<'v>(value: &'v Value, path: &str) -> Option<Cow<'v, Value>> {
    let mut node = Cow::Borrowed(value);
    for key in path.split('.').filter(|key| !key.is_empty()) {
        let parsed = node.as_str().filter(|text| text.trim_start().starts_with('{'));
        if let Some(parsed) = parsed.and_then(|text| serde_json::from_str(text).ok()) {
            node = Cow::Owned(parsed);
        }
        node = match node {
            Cow::Borrowed(Value::Object(map)) => Cow::Borrowed(map.get(key)?),
            Cow::Owned(Value::Object(mut map)) => Cow::Owned(map.remove(key)?),
            _ => return None,
        };
    }
    Some(node)
}

/// What pages list at a path. An answer in XML tells an empty list as an empty text, and lists of some types as one
/// object where there is one item.
pub(super) fn items(pages: &[Value], path: &str) -> Vec<Value> {
    let lists = pages.iter().filter_map(|page| at(page, path)).map(Cow::into_owned);
    lists
        .flat_map(|list| match list {
            Value::Array(items) => items,
            Value::Object(_) => vec![list],
            _ => Vec::new(),
        })
        .collect()
}

/// A text that is reported.
pub(super) fn text(value: &Value, path: &str) -> Option<String> {
    at(value, path).and_then(|text| text.as_str().filter(|text| !text.is_empty()).map(str::to_owned))
}

/// What is reported at a path; null for nothing.
pub(super) fn field(value: &Value, path: &str) -> Value {
    at(value, path).filter(|value| **value != json!("")).map(Cow::into_owned).unwrap_or_default()
}

/// A list that is reported; an empty one for nothing.
pub(super) fn list(value: &Value, path: &str) -> Value {
    at(value, path).filter(|value| value.is_array()).map_or_else(|| json!([]), Cow::into_owned)
}

/// A moment in JSON, in whole seconds since 1970. Source: Smithy documentation, "AWS JSON 1.1 protocol", timestamps.
pub(super) fn seconds(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds.floor() as i64))
}

/// A segment of a path (RFC 3986).
pub(super) fn segment(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// Members of the same name, in the words of a resource's CloudFormation type.
pub(super) fn properties<const N: usize>(reported: [(&str, Value); N]) -> Map<String, Value> {
    reported.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_through_text_that_holds_json() {
        let answer = json!({ "Policy": r#"{"Statement":[{"Sid":"a"}]}"#, "Plain": { "Name": "n" } });
        assert_eq!(at(&answer, "Policy.Statement").unwrap().as_ref(), &json!([{ "Sid": "a" }]));
        assert_eq!(at(&answer, "Plain.Name").unwrap().as_ref(), "n");
        assert_eq!(at(&answer, "").unwrap().as_ref(), &answer);
        assert!(at(&answer, "Plain.None").is_none() && at(&answer, "None.Name").is_none());
    }

    #[test]
    fn a_list_of_one_or_of_none_is_a_list() {
        let pages =
            [json!({ "S": { "entry": { "key": "a" } } }), json!({ "S": "" }), json!({ "S": { "entry": [1, 2] } })];
        assert_eq!(items(&pages, "S.entry"), [json!({ "key": "a" }), json!(1), json!(2)]);
    }
}
