//! Who made a difference: of the calls that CloudTrail knows of a resource, the newest that can have made it.
//!
//! A call counts when the handlers of the resource's type make it, or when it is about the same thing by its name. Where
//! several people made such calls and none names what is there now, nobody is named: an innocent is worse than nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::Value;

use super::{Difference, Kind, Source, neighbours};
use tenantry_aws::cloud::cloudtrail::Deed;
use tenantry_template::embedded;

/// What is read of `policies/registry.json`.
#[derive(Debug, Default, Deserialize)]
struct Registry {
    types: BTreeMap<String, Type>,
}

#[derive(Debug, Default, Deserialize)]
struct Type {
    #[serde(default)]
    handlers: BTreeMap<String, Vec<String>>,
}

/// The calls that handlers make to change a type, by type. Source: the CloudFormation registry's schemas.
fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let file = embedded::POLICIES.get_file("registry.json").and_then(|file| file.contents_utf8());
        // A test keeps it readable; without it, calls count by their names.
        serde_json::from_str(file.unwrap_or_default()).unwrap_or_default()
    })
}

/// The author's call, if one is certain.
pub(super) fn of<'d>(difference: &Difference, deeds: &'d [Deed]) -> Option<&'d Deed> {
    let able: Vec<&Deed> = deeds.iter().filter(|deed| can_make(difference, &deed.event)).collect();
    let words = words(difference.actual.as_ref());
    let named = able.iter().find(|deed| words.iter().any(|word| deed.detail.contains(word)));
    if let Some(named) = named {
        return Some(*named);
    }
    let property = difference.path.split('/').nth(1).unwrap_or_default().to_lowercase();
    let reported = |deed: &&&Deed| !property.is_empty() && deed.detail.to_lowercase().contains(&property);
    if let Some(reported) = able.iter().find(reported) {
        return Some(*reported);
    }
    let users: BTreeSet<&str> = able.iter().map(|deed| deed.user.as_str()).collect();
    able.first().copied().filter(|_| users.len() == 1)
}

/// Texts that say what is there now.
fn words(actual: Option<&Value>) -> Vec<&str> {
    match actual {
        Some(Value::Object(map)) => {
            map.values().filter_map(Value::as_str).filter(|text| text.len() > 3 && *text != "Allow").collect()
        }
        Some(Value::String(text)) if text.len() > 3 => vec![text],
        _ => Vec::new(),
    }
}

/// Whether a call can have made a difference.
fn can_make(difference: &Difference, event: &str) -> bool {
    let event = without_version(event);
    if reads(event) {
        return false;
    }
    // An id of its own stands in calls that are about it only.
    if difference.kind == Kind::Unmanaged && difference.resource.is_none() {
        return true;
    }
    let rows = neighbours::table()
        .neighbours
        .iter()
        .filter(|row| difference.source == Source::Unmanaged && row.finds == difference.resource_type);
    if rows.into_iter().any(|row| row.made_by.iter().any(|made| made == event)) {
        return true;
    }
    let part = match difference.path.split('/').nth(1) {
        Some("Tags") => return event.contains("Tag"),
        Some("Routes") => Some("AWS::EC2::Route"),
        Some("Entries") => Some("AWS::EC2::NetworkAclEntry"),
        _ => None,
    };
    [Some(difference.resource_type.as_str()), part].into_iter().flatten().any(|kind| changes(kind, event))
}

/// Whether a call changes resources of a type.
fn changes(kind: &str, event: &str) -> bool {
    let handlers = registry().types.get(kind).map(|row| &row.handlers);
    let actions = handlers.into_iter().flatten().filter(|(name, _)| !matches!(name.as_str(), "read" | "list"));
    let by_handler = actions.flat_map(|(_, actions)| actions).any(|action| {
        let name = action.split_once(':').map_or(action.as_str(), |(_, name)| name);
        // Actions of S3 on buckets have other names than its calls.
        name == event || (kind.starts_with("AWS::S3::") && same_setting(name, event))
    });
    let noun = kind.rsplit("::").next().unwrap_or_default();
    let object = object(event);
    by_handler || (object.len() > 3 && (noun.ends_with(object) || object.starts_with(noun)))
}

/// `PutEncryptionConfiguration` and `PutBucketEncryption`, `DeleteBucketEncryption`.
fn same_setting(action: &str, event: &str) -> bool {
    let core = |name: &str| object(name).replace("Bucket", "").replace("Configuration", "");
    !reads(action) && core(action) == core(event)
}

/// What a call is about: its name without the verb.
fn object(event: &str) -> &str {
    let second = event.char_indices().skip(1).find(|(_, letter)| letter.is_uppercase());
    second.map_or("", |(at, _)| &event[at..])
}

/// Whether a call only reads.
fn reads(event: &str) -> bool {
    ["Get", "List", "Describe", "Lookup", "Head", "BatchGet"].iter().any(|verb| event.starts_with(verb))
}

/// Events of some services end in the version of their API: `AddPermission20150331v2`.
fn without_version(event: &str) -> &str {
    event
        .find(|letter: char| letter.is_ascii_digit())
        .filter(|at| event.len() - at >= 8)
        .map_or(event, |at| &event[..at])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Severity, severity};
    use super::*;

    fn difference(kind: &str, path: &str, actual: Value) -> Difference {
        Difference {
            code: severity::MODIFIED,
            severity: Severity::High,
            kind: Kind::Modified,
            source: Source::Services,
            resource: Some("It".to_owned()),
            resource_type: kind.to_owned(),
            physical_id: Some("it".to_owned()),
            path: path.to_owned(),
            expected: None,
            actual: Some(actual),
            remedy: String::new(),
            carrier: Some("it".to_owned()),
            by: None,
            accepted: None,
        }
    }

    fn deed(user: &str, event: &str, detail: &str) -> Deed {
        let (user, event, detail) = (user.to_owned(), event.to_owned(), detail.to_owned());
        Deed { user, time: 1, event, event_id: "e".to_owned(), detail }
    }

    #[test]
    fn only_a_call_that_can_make_it_is_blamed() {
        let queue = difference("AWS::SQS::Queue", "/RedrivePolicy", json!(null));
        let innocent = deed("ann", "PutSubscriptionFilter", "{}");
        let guilty = deed("mallory", "SetQueueAttributes", r#"{"Attributes":{"RedrivePolicy":""}}"#);
        assert_eq!(of(&queue, std::slice::from_ref(&innocent)), None);
        assert_eq!(of(&queue, &[innocent, guilty.clone()]), Some(&guilty));
        let function = difference("AWS::AppConfig::Deployment", "/ConfigurationVersion", json!("7"));
        assert_eq!(of(&function, &[deed("ann", "UpdateFunctionConfiguration20150331v2", "{}")]), None);
        let key = difference("AWS::KMS::Key", "/Enabled", json!(false));
        let disabled = deed("mallory", "DisableKey", "{}");
        assert_eq!(of(&key, std::slice::from_ref(&disabled)), Some(&disabled));
        let bucket = difference("AWS::S3::Bucket", "/BucketEncryption", json!(null));
        let encrypted = deed("mallory", "PutBucketEncryption", "{}");
        assert_eq!(of(&bucket, std::slice::from_ref(&encrypted)), Some(&encrypted));
    }

    #[test]
    fn who_changed_something_else_of_it_is_not_named() {
        let function = difference("AWS::Lambda::Function", "/MemorySize", json!(128));
        let memory = deed("mallory", "UpdateFunctionConfiguration20150331v2", r#"{"memorySize":128}"#);
        let time = deed("ann", "UpdateFunctionConfiguration20150331v2", r#"{"timeout":60}"#);
        assert_eq!(of(&function, &[time.clone(), memory.clone()]), Some(&memory));
        let role = difference("AWS::Lambda::Function", "/Role", json!(null));
        assert_eq!(of(&role, &[time, memory]), None, "two people, and neither call tells of it");
    }
}
