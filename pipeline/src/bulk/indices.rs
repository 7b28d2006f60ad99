//! What the tenant's indices are like, and how long they live: an index template and a lifecycle policy, set when a
//! function starts and only where they differ.

use serde_json::{Value, json};

use crate::bulk::send::NoAnswer;
use crate::cloud::search::Domain;
use crate::settings::SearchSettings;

/// Documents of the domain that are ours.
const TEMPLATE: &str = "/_index_template/tenantry";
const POLICY: &str = "/_plugins/_ism/policies/tenantry";

/// The index template: keyword by default, addresses as addresses, one day an index.
pub fn template(index_prefix: &str, replicas: u32) -> Value {
    let kind = |kind: &str| json!({ "type": kind });
    let properties = json!({
        "@timestamp": kind("date"),
        "source": { "properties": { "ip": kind("ip"), "port": kind("integer"), "bytes": kind("long"), "packets": kind("long") } },
        "destination": { "properties": { "ip": kind("ip"), "port": kind("integer"), "bytes": kind("long"), "packets": kind("long") } },
        "client": { "properties": { "ip": kind("ip") } },
        "server": { "properties": { "ip": kind("ip") } },
        "related": { "properties": { "ip": kind("ip") } },
        "dns": { "properties": { "resolved_ip": kind("ip") } },
        "event": { "properties": { "duration": kind("long") } },
        "message": kind("text"),
        "user_agent": { "properties": { "original": { "type": "keyword", "ignore_above": 1024 } } },
        "url": { "properties": { "original": { "type": "keyword", "ignore_above": 4096 } } },
    });
    let strings = json!({ "strings": { "match_mapping_type": "string", "mapping": { "type": "keyword", "ignore_above": 1024 } } });
    json!({
        "index_patterns": [format!("{index_prefix}-*")],
        "priority": 200,
        "template": {
            "settings": { "index": {
                "number_of_replicas": replicas.to_string(),
                "refresh_interval": "30s",
                "mapping": { "total_fields": { "limit": "2000" } },
            } },
            "mappings": { "dynamic_templates": [strings], "properties": properties },
        },
    })
}

/// The lifecycle policy: an index is deleted once it is `retention_days` old. A day more than the newest record that is
/// taken, since an index is as old as its first record's arrival.
pub fn policy(index_prefix: &str, retention_days: u32) -> Value {
    json!({ "policy": {
        "description": "Deletes a tenant's indices at the end of their retention",
        "default_state": "kept",
        "states": [
            { "name": "kept", "actions": [], "transitions": [
                { "state_name": "deleted", "conditions": { "min_index_age": format!("{}d", retention_days + 1) } }] },
            { "name": "deleted", "actions": [{ "delete": {} }], "transitions": [] },
        ],
        "ism_template": [{ "index_patterns": [format!("{index_prefix}-*")], "priority": 200 }],
    } })
}

/// Sets both where they differ from what the domain has.
///
/// # Errors
/// The domain did not answer, or refused. Records can be indexed all the same.
pub async fn set_up(
    domain: &Domain,
    search: &SearchSettings,
    index_prefix: &str,
    retention_days: u32,
) -> Result<(), NoAnswer> {
    let wanted = template(index_prefix, search.replicas);
    let found = get(domain, TEMPLATE).await?;
    let found = found.as_ref().and_then(|found| found.pointer("/index_templates/0/index_template"));
    if !found.is_some_and(|found| covers(found, &wanted)) {
        put(domain, TEMPLATE, &wanted).await?;
    }
    let wanted = policy(index_prefix, retention_days);
    match get(domain, POLICY).await? {
        None => put(domain, POLICY, &wanted).await,
        Some(found)
            if covers(found.get("policy").unwrap_or(&Value::Null), wanted.get("policy").unwrap_or(&Value::Null)) =>
        {
            Ok(())
        }
        Some(found) => {
            // Two functions that start at once do not overwrite each other unseen.
            let number = |name: &str| found.get(name).and_then(Value::as_i64).unwrap_or_default();
            let (sequence, term) = (number("_seq_no"), number("_primary_term"));
            put(domain, &format!("{POLICY}?if_seq_no={sequence}&if_primary_term={term}"), &wanted).await
        }
    }
}

/// Whether everything that is wanted is there as it is wanted; the domain adds fields of its own.
fn covers(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            wanted.iter().all(|(key, wanted)| found.get(key).is_some_and(|found| covers(found, wanted)))
        }
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() == wanted.len() && found.iter().zip(wanted).all(|(found, wanted)| covers(found, wanted))
        }
        _ => found == wanted,
    }
}

async fn get(domain: &Domain, path: &str) -> Result<Option<Value>, NoAnswer> {
    match domain.call("GET", path, &[], Vec::new()).await? {
        (404, _) => Ok(None),
        (200, body) => {
            serde_json::from_slice(&body).map(Some).map_err(|error| NoAnswer(format!("GET {path}: {error}")))
        }
        (status, body) => Err(NoAnswer(format!("GET {path}: status {status}: {}", String::from_utf8_lossy(&body)))),
    }
}

async fn put(domain: &Domain, path: &str, document: &Value) -> Result<(), NoAnswer> {
    let body = document.to_string().into_bytes();
    match domain.call("PUT", path, &[("content-type", "application/json")], body).await? {
        // 409: another function was faster with the same document.
        (200 | 201 | 409, _) => Ok(()),
        (status, body) => Err(NoAnswer(format!("PUT {path}: status {status}: {}", String::from_utf8_lossy(&body)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_difference_that_matters_is_one() {
        let wanted = policy("zeek", 30);
        let mut found = wanted.clone();
        found["policy"]["last_updated_time"] = json!(1);
        assert!(covers(&found, &wanted));
        found["policy"]["states"][0]["transitions"][0]["conditions"]["min_index_age"] = json!("8d");
        assert!(!covers(&found, &wanted));
    }
}
