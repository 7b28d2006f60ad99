//! What the tenant's indices are like, and how long they live: an index template and a lifecycle policy, set when a
//! function starts and only where they differ.

use serde_json::{Value, json};

use crate::bulk::send::NoAnswer;
use crate::bulk::verdict::truncate;
use crate::cloud::search::Domain;
use crate::failure::Failure;
use crate::records::kinds::{self, Kind};
use crate::records::schema::{ALIASES, COPIES};
use crate::settings::SearchSettings;

/// The lifecycle policy that is ours.
const POLICY: &str = "/_plugins/_ism/policies/tenantry";

/// An index template. Every field that documents may have is mapped, and no other: what else a record holds is below
/// `unmapped`, where all of it can be searched for and none of it makes a field. So no record decides a type, and none can
/// be refused for what another one said.
pub fn template(pattern: &str, priority: u32, replicas: u32, shards: u32) -> Value {
    let mut properties = json!({});
    for (name, kind) in kinds::all() {
        insert(&mut properties, &name, mapping(&name, kind));
    }
    for (alias, place) in ALIASES {
        insert(&mut properties, alias, json!({ "type": "alias", "path": place }));
    }
    insert(&mut properties, "unmapped", json!({ "type": "flat_object" }));
    insert(&mut properties, "overlong", json!({ "type": "object", "enabled": false }));
    json!({
        "index_patterns": [pattern],
        "priority": priority,
        "template": {
            "settings": { "index": {
                // Never the service's default, which is five.
                "number_of_shards": shards.to_string(),
                "number_of_replicas": replicas.to_string(),
                "codec": "best_compression",
                "refresh_interval": "30s",
                "mapping": { "total_fields": { "limit": FIELDS_MAX } },
            } },
            "mappings": {
                "dynamic": "false",
                // One text that looks like a date must not make its field one.
                "date_detection": false,
                "properties": properties,
            },
        },
    })
}

/// Above the number of fields in the tables, objects included; a text, since the domain keeps settings so.
const FIELDS_MAX: &str = "3000";

fn mapping(name: &str, kind: Kind) -> Value {
    let mut mapping = mapping_of_kind(name, kind);
    if let Some((_, others)) = COPIES.iter().find(|(place, _)| *place == name) {
        mapping["copy_to"] = json!(others);
    }
    mapping
}

fn mapping_of_kind(name: &str, kind: Kind) -> Value {
    // An odd value stays in the document, and cannot be searched for under this name.
    let lenient = |kind: &str| json!({ "type": kind, "ignore_malformed": true });
    match (name, kind) {
        ("@timestamp", _) => json!({ "type": "date" }),
        ("message", _) => json!({ "type": "text" }),
        ("url.original" | "url.full", _) => json!({ "type": "keyword", "ignore_above": 4096 }),
        (_, Kind::Text) => json!({ "type": "keyword", "ignore_above": 1024 }),
        (_, Kind::Count) => lenient("long"),
        (_, Kind::Double) => lenient("double"),
        (_, Kind::Time) => lenient("date"),
        (_, Kind::Address) => lenient("ip"),
        (_, Kind::Bool) => json!({ "type": "boolean" }),
    }
}

/// Puts a mapping under its dotted name: `{"source":{"properties":{"ip":…}}}`.
fn insert(properties: &mut Value, name: &str, mapping: Value) {
    match name.split_once('.') {
        None => properties[name] = mapping,
        Some((first, rest)) => {
            if properties.get(first).is_none() {
                properties[first] = json!({ "properties": {} });
            }
            insert(&mut properties[first]["properties"], rest, mapping);
        }
    }
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

/// What a domain should have of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Index templates by name.
    templates: Vec<(String, Value)>,
    index_prefix: String,
    retention_days: u32,
}

impl Wanted {
    /// What the settings ask for.
    pub fn new(search: &SearchSettings, index_prefix: &str, retention_days: u32) -> Self {
        let of_all = template(&format!("{index_prefix}-*"), 200, search.replicas, search.shards);
        let mut templates = vec![("tenantry".to_owned(), of_all)];
        for (dataset, shards) in &search.shards_of {
            let own = template(&format!("{index_prefix}-{dataset}-*"), 300, search.replicas, *shards);
            templates.push((format!("tenantry-{dataset}"), own));
        }
        Self { templates, index_prefix: index_prefix.to_owned(), retention_days }
    }

    /// Sets what differs from what the domain has. Without an index template no record must be sent: its index would be
    /// made with whatever types the first record suggests. The lifecycle policy can wait: why it has to is returned.
    ///
    /// # Errors
    /// Transient: the domain did not answer. Logic: it refuses a template.
    pub async fn set_up(&self, domain: &Domain) -> Result<Option<String>, Failure> {
        for (name, wanted) in &self.templates {
            let path = format!("/_index_template/{name}");
            let found = get(domain, &path).await?;
            let found = found.as_ref().and_then(|found| found.pointer("/index_templates/0/index_template"));
            if !found.is_some_and(|found| covers(found, wanted)) {
                put(domain, &path, wanted).await?;
            }
        }
        Ok(self.set_up_policy(domain).await.err().map(|failure| failure.to_string()))
    }

    async fn set_up_policy(&self, domain: &Domain) -> Result<(), Failure> {
        let wanted = policy(&self.index_prefix, self.retention_days);
        let path = match get(domain, POLICY).await? {
            None => POLICY.to_owned(),
            Some(found)
                if covers(
                    found.get("policy").unwrap_or(&Value::Null),
                    wanted.get("policy").unwrap_or(&Value::Null),
                ) =>
            {
                return Ok(());
            }
            Some(found) => {
                // Two functions that start at once do not overwrite each other unseen.
                let number = |name: &str| found.get(name).and_then(Value::as_i64).unwrap_or_default();
                let (sequence, term) = (number("_seq_no"), number("_primary_term"));
                format!("{POLICY}?if_seq_no={sequence}&if_primary_term={term}")
            }
        };
        put(domain, &path, &wanted).await?;
        // Each index goes on with the policy as it was when the index was made (OpenSearch documentation, "Managed
        // indexes"), and those from before the first policy have none.
        for operation in ["change_policy", "add"] {
            let path = format!("/_plugins/_ism/{operation}/{}-*", self.index_prefix);
            let body = json!({ "policy_id": "tenantry" }).to_string().into_bytes();
            match call(domain, "POST", &path, body).await? {
                // 404: there is no index yet.
                (200 | 404, _) => {}
                (status, body) => return Err(refused("POST", &path, status, &body)),
            }
        }
        Ok(())
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

async fn get(domain: &Domain, path: &str) -> Result<Option<Value>, Failure> {
    match call(domain, "GET", path, Vec::new()).await? {
        (404, _) => Ok(None),
        (200, body) => serde_json::from_slice(&body)
            .map(Some)
            .map_err(|error| Failure::Transient(format!("GET {path} of the search domain: {error}"))),
        (status, body) => Err(refused("GET", path, status, &body)),
    }
}

async fn put(domain: &Domain, path: &str, document: &Value) -> Result<(), Failure> {
    match call(domain, "PUT", path, document.to_string().into_bytes()).await? {
        // 409: another function was faster with the same document.
        (200 | 201 | 409, _) => Ok(()),
        (status, body) => Err(refused("PUT", path, status, &body)),
    }
}

async fn call(domain: &Domain, method: &str, path: &str, body: Vec<u8>) -> Result<(u16, bytes::Bytes), Failure> {
    let headers: &[(&str, &str)] = if body.is_empty() { &[] } else { &[("content-type", "application/json")] };
    let answer = domain.call(method, path, headers, body).await;
    answer.map_err(|NoAnswer(cause)| Failure::Transient(format!("{method} {path} of the search domain: {cause}")))
}

/// A template that the domain calls wrong is wrong each time; everything else may go by.
fn refused(method: &str, path: &str, status: u16, body: &[u8]) -> Failure {
    let mut text = String::from_utf8_lossy(body).into_owned();
    truncate(&mut text, 500);
    let text = format!("{method} {path} of the search domain: status {status}: {text}");
    if status == 400 { Failure::Logic(text) } else { Failure::Transient(text) }
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
