//! AWS IAM: what the roles of an account may do, all in a few paginated calls.

use std::collections::BTreeMap;

use aws_sdk_iam::types as sdk;
use serde_json::{Map, Value, json};

use super::{CallError, Family, Session};

/// Every role of the account, by name, with those properties of its CloudFormation type that say who may do what.
pub async fn all(session: &Session) -> Result<BTreeMap<String, Map<String, Value>>, CallError> {
    const OPERATION: &str = "GetAccountAuthorizationDetails";
    let subject = session.place.account.as_str();
    let call = session.iam.get_account_authorization_details().filter(sdk::EntityType::Role).max_items(1000);
    let pages = call.into_paginator().send();
    let mut pages = session.pages(Family::Iam, OPERATION, subject, pages, |page| page.marker());
    let mut found = BTreeMap::new();
    while let Some(page) = pages.next().await? {
        for role in page.role_detail_list.unwrap_or_default() {
            let name = session.need(role.role_name.clone(), OPERATION, subject, "RoleName")?;
            found.insert(name, properties_of(role));
        }
    }
    Ok(found)
}

fn properties_of(role: sdk::RoleDetail) -> Map<String, Value> {
    let inline = role.role_policy_list.unwrap_or_default().into_iter().map(|policy| {
        json!({ "PolicyName": policy.policy_name, "PolicyDocument": document(policy.policy_document.as_deref()) })
    });
    let attached = role.attached_managed_policies.unwrap_or_default().into_iter();
    let properties = [
        ("AssumeRolePolicyDocument", document(role.assume_role_policy_document.as_deref())),
        ("Policies", inline.collect()),
        (
            "PermissionsBoundary",
            json!(role.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn)),
        ),
        ("ManagedPolicyArns", attached.filter_map(|policy| policy.policy_arn).collect()),
    ];
    properties.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
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
