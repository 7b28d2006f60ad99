//! Deletes what an offboarded tenant's stack has retained.
//!
//! In: the name of a stack that is gone, and the identity of its tenant. [`look`] finds what is left, by CloudFormation's
//! record of the deleted stack and by tags; [`purge`] deletes it. A resource is deleted only if its own tags, read right
//! before, are the tenant's. S3 Object Lock is respected, and keys are scheduled last, once nothing is left that they may
//! encrypt: neither what could not be deleted nor what is not deleted here.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use futures::{StreamExt, stream};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use super::contents::{Contents, contents};
use super::desired::TENANT_TAG;
use super::ownership::{self, Ownership, OwnershipError};
use tenantry_aws::cloud::cloudcontrol::{self, Progress};
use tenantry_aws::cloud::cloudformation::{self, Resource};
use tenantry_aws::cloud::tagging::{self, Bearer};
use tenantry_aws::cloud::{CallError, Session, deletions, sqs, with_causes};
use tenantry_checks::resources;

const BUCKET: &str = "AWS::S3::Bucket";
const KEY: &str = "AWS::KMS::Key";
const QUEUE: &str = "AWS::SQS::Queue";

/// Deletions that are under way at once.
const AT_ONCE: usize = 8;

/// A resource that outlived its stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leftover {
    pub resource_type: String,
    /// Its identifier, as Cloud Control takes it.
    pub id: String,
    pub contents: Contents,
}

impl Leftover {
    /// A key, which is deleted after a waiting period.
    pub fn is_key(&self) -> bool {
        self.resource_type == KEY
    }
}

/// A resource that is not deleted, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Left {
    /// Type and name, such as `AWS::S3::Bucket metanet-acme`, or an ARN if the type is unknown.
    pub resource: String,
    /// Why it was not deleted.
    pub why: String,
}

impl Left {
    /// A key, or an alias of one: neither is encrypted. The service is third in a type as in an ARN.
    fn is_of_kms(&self) -> bool {
        self.resource.split(':').nth(2).is_some_and(|service| service.eq_ignore_ascii_case("kms"))
    }
}

/// What is left of a tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Leftovers {
    pub owned: Vec<Leftover>,
    /// What bears the tenant's name somewhere and cannot be deleted here.
    pub other: Vec<Left>,
}

/// Result of a deletion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Deletion {
    /// Deleted.
    Deleted {
        /// Object versions that were deleted with a bucket; 0 for all other types.
        versions: u64,
    },
    /// A KMS key, scheduled for deletion.
    Scheduled {
        /// Waiting period of the key, in days.
        days: u8,
    },
    Failed {
        /// Error of the deletion.
        why: String,
    },
}

/// An attempted deletion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Tried {
    /// CloudFormation resource type, such as `AWS::S3::Bucket`.
    pub resource_type: String,
    /// Primary identifier in Cloud Control: a name, an ID or an ARN.
    pub id: String,
    /// Result of the deletion.
    pub deletion: Deletion,
}

/// Why nothing is deleted.
#[derive(Debug, thiserror::Error)]
pub enum PurgeError {
    #[error("stack `{stack}` is {status}: what it retains is deleted once it is gone")]
    Exists { stack: String, status: String },
    #[error(transparent)]
    Ownership(#[from] OwnershipError),
    #[error("what stack `{stack}` has retained cannot be read")]
    Call {
        stack: String,
        #[source]
        source: CallError,
    },
}

/// What is left of a tenant in an account and Region.
///
/// # Errors
/// The stack exists, is not this estate's, or a call failed.
pub async fn look(
    session: &Session,
    stack: &str,
    identity: &BTreeMap<String, String>,
    now: SystemTime,
) -> Result<Leftovers, PurgeError> {
    if let Some(live) = ownership::owned(session, stack, identity).await? {
        return Err(PurgeError::Exists { stack: stack.to_owned(), status: live.status });
    }
    let call = |source| PurgeError::Call { stack: stack.to_owned(), source };
    let tenant = identity.get(TENANT_TAG).map(String::as_str).unwrap_or_default();
    let bearers = tagging::bearers_of(session, TENANT_TAG, tenant).await.map_err(call)?;
    let mut named = skipped(session, stack, identity).await.map_err(call)?;
    let mut found = Leftovers::default();
    for bearer in &bearers {
        match of_bearer(session, bearer, identity, &named).await.map_err(call)? {
            Some(Ok(one)) => named.push(one),
            Some(Err(left)) => found.other.push(left),
            None => {}
        }
    }
    named.sort();
    named.dedup();
    let mut owned = Vec::new();
    for (resource_type, id) in named {
        match owner(session, &resource_type, &id, identity, Some(&bearers)).await.map_err(call)? {
            Owner::Gone => {}
            Owner::Tenant => owned.push(resource(&resource_type, &id)),
            Owner::Other(why) => found.other.push(Left { resource: format!("{resource_type} {id}"), why }),
        }
    }
    let held = contents(session, &owned, now).await;
    found.owned = owned
        .into_iter()
        .zip(held)
        .map(|(one, contents)| Leftover {
            resource_type: one.resource_type,
            id: one.physical_id.unwrap_or_default(),
            contents,
        })
        .collect();
    Ok(found)
}

fn resource(resource_type: &str, id: &str) -> Resource {
    Resource {
        logical_id: String::new(),
        resource_type: resource_type.to_owned(),
        physical_id: Some(id.to_owned()),
        status: String::new(),
        reason: None,
    }
}

/// What the deleted stacks of this name and identity have left behind: types and physical ids.
async fn skipped(
    session: &Session,
    stack: &str,
    identity: &BTreeMap<String, String>,
) -> Result<Vec<(String, String)>, CallError> {
    let mut found = Vec::new();
    for id in cloudformation::deleted(session, stack).await? {
        let Some(deleted) = cloudformation::stack(session, &id).await? else { continue };
        if matches!(ownership::of_tags(&deleted.tags, identity), Ownership::Other(_)) {
            continue;
        }
        let left = cloudformation::resources(session, &id).await?.into_iter();
        let left = left.filter(|one| one.status == "DELETE_SKIPPED");
        found.extend(left.filter_map(|one| Some((one.resource_type, one.physical_id?))));
    }
    Ok(found)
}

/// What a tagged resource is, unless it is known already; an ARN that no type is known for cannot be deleted here.
async fn of_bearer(
    session: &Session,
    bearer: &Bearer,
    identity: &BTreeMap<String, String>,
    known: &[(String, String)],
) -> Result<Option<Result<(String, String), Left>>, CallError> {
    if let Ownership::Other(_) = ownership::of_tags(&bearer.tags, identity) {
        return Ok(None);
    }
    if known.iter().any(|(resource_type, id)| is_of(bearer, resource_type, id)) {
        return Ok(None);
    }
    let unknown = |why: &str| Left { resource: bearer.arn.clone(), why: why.to_owned() };
    let Some((resource_type, name)) = typed(bearer) else {
        return Ok(Some(Err(unknown("its type is not known, so it is left to you"))));
    };
    if resource_type == QUEUE {
        return Ok(sqs::queue_url(session, name).await?.map(|url| Ok((QUEUE.to_owned(), url))));
    }
    for id in [name, bearer.arn.as_str()] {
        match cloudcontrol::properties(session, None, resource_type, id).await {
            Ok(Some(_)) => return Ok(Some(Ok((resource_type.to_owned(), id.to_owned())))),
            Ok(None) => {}
            Err(error) => return Ok(Some(Err(unknown(&with_causes(&error))))),
        }
    }
    // Tags outlive their resource for a while.
    Ok(None)
}

/// The type and the name in an ARN.
fn typed(bearer: &Bearer) -> Option<(&'static str, &str)> {
    let [_, _, service, _, _, rest] = bearer.arn.splitn(6, ':').collect::<Vec<_>>()[..] else { return None };
    let resource_type = resources::table().of_arn(service, rest)?;
    let start = match &resources::table().get(resource_type)?.1.tags {
        Some(resources::Tagged::As { start, .. }) => start,
        _ => return None,
    };
    let name = rest.strip_prefix(start.as_str())?;
    Some((resource_type, name.strip_suffix(":*").unwrap_or(name)))
}

/// Whether what bears tags is the resource of this type and identifier: an ARN, a name, or a URL that ends in one.
fn is_of(bearer: &Bearer, resource_type: &str, id: &str) -> bool {
    let last = if id.starts_with("http") { id.rsplit('/').next().unwrap_or(id) } else { id };
    bearer.arn == id || typed(bearer).is_some_and(|(kind, name)| kind == resource_type && name == last)
}

/// Whose a resource is.
enum Owner {
    Gone,
    Tenant,
    Other(String),
}

/// Whose a resource is, by its own tags; by the Tagging API's where its type does not tell them.
async fn owner(
    session: &Session,
    resource_type: &str,
    id: &str,
    identity: &BTreeMap<String, String>,
    bearers: Option<&[Bearer]>,
) -> Result<Owner, CallError> {
    let properties = match cloudcontrol::properties(session, None, resource_type, id).await {
        Ok(None) => return Ok(Owner::Gone),
        Ok(Some(properties)) => properties,
        Err(error) if cloudcontrol::type_is_not_offered(&error) => {
            return Ok(Owner::Other("Cloud Control does not offer the type, so it is left to you".to_owned()));
        }
        Err(error) => return Err(error),
    };
    let tags = match tags_of(&properties) {
        Some(tags) => tags,
        None => {
            let tenant = identity.get(TENANT_TAG).map(String::as_str).unwrap_or_default();
            let fresh = match bearers {
                Some(_) => Vec::new(),
                None => tagging::bearers_of(session, TENANT_TAG, tenant).await?,
            };
            let own = bearers.unwrap_or(&fresh).iter().find(|bearer| is_of(bearer, resource_type, id));
            own.map(|bearer| bearer.tags.clone()).unwrap_or_default()
        }
    };
    Ok(match ownership::of_tags(&tags, identity) {
        Ownership::Ours => Owner::Tenant,
        Ownership::WithoutId => Owner::Other(format!("it has no tag `{}`", super::desired::ESTATE_ID_TAG)),
        Ownership::Other(why) => Owner::Other(why),
    })
}

/// The tags among properties, a list or a map; None where there are none to be seen.
fn tags_of(properties: &Value) -> Option<BTreeMap<String, String>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match ["Tags", "TagSet", "DomainTags"].iter().find_map(|name| properties.get(*name))? {
        Value::Array(tags) if !tags.is_empty() => {
            Some(tags.iter().filter_map(|tag| Some((text(&tag["Key"])?, text(&tag["Value"])?))).collect())
        }
        Value::Object(tags) if !tags.is_empty() => {
            Some(tags.iter().filter_map(|(key, value)| Some((key.clone(), text(value)?))).collect())
        }
        _ => None,
    }
}

/// How a purge waits, and for how many days a key can still be restored.
#[derive(Debug, Clone, Copy)]
pub struct How {
    pub poll: Duration,
    pub deadline: Duration,
    pub key_days: u8,
}

/// Deletes what was found, in rounds: what others hold on to (the subnet of a search domain) goes once those are gone. Each
/// ending is reported to `seen`.
pub async fn purge(
    session: &Session,
    identity: &BTreeMap<String, String>,
    found: &Leftovers,
    how: How,
    seen: &(dyn Fn(&Tried) + Sync),
) -> Vec<Tried> {
    let end = Instant::now() + how.deadline;
    let (keys, mut rest): (Vec<&Leftover>, Vec<&Leftover>) = found.owned.iter().partition(|one| one.is_key());
    let mut done = Vec::new();
    let failed = loop {
        let tries = rest.iter().map(|one| delete(session, identity, one, how, end));
        let ended: Vec<Tried> = stream::iter(tries).buffered(AT_ONCE).collect().await;
        let (bad, good): (Vec<_>, Vec<_>) =
            ended.into_iter().partition(|one| matches!(one.deletion, Deletion::Failed { .. }));
        good.iter().for_each(seen);
        let stands_still = good.is_empty();
        done.extend(good);
        rest.retain(|one| bad.iter().any(|failed| failed.id == one.id && failed.resource_type == one.resource_type));
        if rest.is_empty() || stands_still || Instant::now() >= end {
            break bad;
        }
    };
    failed.iter().for_each(seen);
    let failed_first = failed.first().map(|first| format!("{} {}", first.resource_type, first.id));
    let left_first = || found.other.iter().find(|left| !left.is_of_kms()).map(|left| left.resource.clone());
    let blocked = failed_first.or_else(left_first);
    done.extend(failed);
    for key in keys {
        let tried = match &blocked {
            Some(first) => Tried {
                resource_type: key.resource_type.clone(),
                id: key.id.clone(),
                deletion: Deletion::Failed { why: format!("{first} is left, which it may encrypt") },
            },
            None => delete(session, identity, key, how, end).await,
        };
        seen(&tried);
        done.push(tried);
    }
    done
}

async fn delete(
    session: &Session,
    identity: &BTreeMap<String, String>,
    one: &Leftover,
    how: How,
    end: Instant,
) -> Tried {
    let deletion = match owner(session, &one.resource_type, &one.id, identity, None).await {
        Ok(Owner::Gone) => Ok(Deletion::Deleted { versions: 0 }),
        Ok(Owner::Other(why)) => Ok(Deletion::Failed { why }),
        Ok(Owner::Tenant) if one.is_key() => deletions::schedule_key(session, &one.id, how.key_days)
            .await
            .map(|()| Deletion::Scheduled { days: how.key_days }),
        Ok(Owner::Tenant) if one.resource_type == BUCKET => bucket(session, &one.id, how, end).await,
        Ok(Owner::Tenant) => by_handler(session, one, 0, how, end).await,
        Err(error) => Err(error),
    };
    let deletion = deletion.unwrap_or_else(|error| Deletion::Failed { why: with_causes(&error) });
    Tried { resource_type: one.resource_type.clone(), id: one.id.clone(), deletion }
}

/// A bucket goes once it is empty.
async fn bucket(session: &Session, name: &str, how: How, end: Instant) -> Result<Deletion, CallError> {
    let emptied = deletions::empty_bucket(session, name).await?;
    if emptied.refused > 0 {
        let why = format!(
            "{} versions were deleted and {} refused, first {}; S3 Object Lock (a legal hold or a retention period) is not \
             bypassed",
            emptied.deleted,
            emptied.refused,
            emptied.why.unwrap_or_default()
        );
        return Ok(Deletion::Failed { why });
    }
    let one = Leftover { resource_type: BUCKET.to_owned(), id: name.to_owned(), contents: Contents::Empty };
    by_handler(session, &one, emptied.deleted, how, end).await
}

/// By the delete handler of the type, through Cloud Control.
async fn by_handler(
    session: &Session,
    one: &Leftover,
    versions: u64,
    how: How,
    end: Instant,
) -> Result<Deletion, CallError> {
    let token = match cloudcontrol::delete(session, &one.resource_type, &one.id).await {
        Err(error) if cloudcontrol::resource_does_not_exist(&error) => return Ok(Deletion::Deleted { versions }),
        token => token?,
    };
    loop {
        match cloudcontrol::progress(session, &token).await? {
            Progress::Done => return Ok(Deletion::Deleted { versions }),
            Progress::Failed { code, message } => return Ok(Deletion::Failed { why: format!("{code}: {message}") }),
            Progress::Running if Instant::now() >= end => {
                return Ok(Deletion::Failed {
                    why: "it is still being deleted; run the same command again".to_owned(),
                });
            }
            Progress::Running => tokio::time::sleep(how.poll).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tags_are_read_from_a_list_or_a_map_and_none_are_unknown() {
        let expected = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
        assert_eq!(tags_of(&json!({ "Tags": [{ "Key": "a", "Value": "1" }] })), Some(expected.clone()));
        assert_eq!(tags_of(&json!({ "Tags": { "a": "1" } })), Some(expected));
        assert_eq!(tags_of(&json!({ "Tags": [] })), None);
        assert_eq!(tags_of(&json!({})), None);
    }

    #[test]
    fn what_is_left_holds_keys_unless_it_is_of_kms_itself() {
        let is_of_kms = |resource: &str| Left { resource: resource.to_owned(), why: String::new() }.is_of_kms();
        assert!(is_of_kms("AWS::KMS::Key 1234abcd"));
        assert!(is_of_kms("AWS::KMS::Alias alias/org-acme"));
        assert!(is_of_kms("arn:aws:kms:eu-west-1:111122223333:key/1234abcd"));
        assert!(!is_of_kms("AWS::S3::Bucket org-acme:kms:data"));
        assert!(!is_of_kms("arn:aws:backup:eu-west-1:111122223333:backup-vault:kms:kept"));
    }

    #[test]
    fn a_resource_is_the_one_of_its_arn_name_or_url() {
        let bearer = |arn: &str| Bearer { arn: arn.to_owned(), tags: BTreeMap::new() };
        let queue = bearer("arn:aws:sqs:eu-west-1:111122223333:org-acme-parking");
        assert!(is_of(&queue, QUEUE, "https://sqs.eu-west-1.amazonaws.com/111122223333/org-acme-parking"));
        assert!(!is_of(&queue, QUEUE, "https://sqs.eu-west-1.amazonaws.com/111122223333/parking"));
        assert!(is_of(&bearer("arn:aws:s3:::org-acme"), BUCKET, "org-acme"));
        assert!(!is_of(&bearer("arn:aws:s3:::org-acme"), BUCKET, "org-acme-2"));
        let group = bearer("arn:aws:logs:eu-west-1:111122223333:log-group:/org/acme:*");
        assert!(is_of(&group, "AWS::Logs::LogGroup", "/org/acme"));
    }
}
