//! AWS IAM: what the roles of an account may do, all in a few paginated calls.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::iam::VERSION;
use super::reads::{self, Question, field, items, properties, text};
use super::{CallError, Session};

/// Every role of the account, by name, with those properties of its CloudFormation type that say who may do what.
pub async fn all(session: &Session) -> Result<BTreeMap<String, Map<String, Value>>, CallError> {
    let subject = session.place.account.as_str();
    let parameters = [("Filter.member.1", "Role"), ("MaxItems", "1000")];
    let question = Question::form("iam", "GetAccountAuthorizationDetails", subject, VERSION, &parameters);
    let question = question.pages("Marker", "Marker");
    let roles = items(&reads::ask(session, &question).await?, "RoleDetailList");
    let of = |role: &Value| {
        let name = session.need(text(role, "RoleName"), question.operation, subject, "RoleName")?;
        Ok((name, properties_of(role)))
    };
    roles.iter().map(of).collect()
}

fn properties_of(role: &Value) -> Map<String, Value> {
    let list = |key| items(std::slice::from_ref(role), key).into_iter();
    let inline = list("RolePolicyList").map(|policy| {
        let document = document(text(&policy, "PolicyDocument").as_deref());
        json!({ "PolicyName": field(&policy, "PolicyName"), "PolicyDocument": document })
    });
    properties([
        ("AssumeRolePolicyDocument", document(text(role, "AssumeRolePolicyDocument").as_deref())),
        ("Policies", inline.collect()),
        ("PermissionsBoundary", field(role, "PermissionsBoundary.PermissionsBoundaryArn")),
        (
            "ManagedPolicyArns",
            list("AttachedManagedPolicies").filter_map(|policy| text(&policy, "PolicyArn")).collect(),
        ),
    ])
}

/// A policy document; IAM tells it percent-encoded. Source: AWS IAM API Reference, "RoleDetail".
fn document(text: Option<&str>) -> Value {
    let text = text.unwrap_or_default();
    serde_json::from_str(text).or_else(|_| serde_json::from_str(&decoded(text))).unwrap_or(Value::Null)
}

/// Percent-encoding undone (RFC 3986).
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let pair = (byte == b'%').then(|| rest.clone().take(2).collect::<Vec<u8>>());
        let hex = pair.and_then(|pair| u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok());
        match hex {
            Some(value) => {
                bytes.push(value);
                rest.nth(1);
            }
            None => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_encoded_or_not() {
        let wanted = json!({ "Statement": [{ "Action": "s3:*" }] });
        assert_eq!(document(Some(&wanted.to_string())), wanted);
        assert_eq!(document(Some("%7B%22Statement%22%3A%5B%7B%22Action%22%3A%22s3%3A%2A%22%7D%5D%7D")), wanted);
        assert_eq!(document(Some("%7")), Value::Null);
    }
}
