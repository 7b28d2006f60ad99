//! Deletions that no CloudFormation handler makes: what is in a bucket, and a key after its waiting period.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use serde_json::json;

use super::reads::{self, Question};
use super::{CallError, Cause, Family, Session};

/// What became of the versions of a bucket's objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Emptied {
    /// Versions and delete markers that were deleted.
    pub deleted: u64,
    /// Those that S3 refused to delete.
    pub refused: u64,
    /// Why the first of them was refused.
    pub why: Option<String>,
}

/// Deletes every version of every object of a bucket, and every delete marker. A version under a retention period or a legal
/// hold of S3 Object Lock stays: neither is bypassed. Source: Amazon S3 User Guide, "Emptying a bucket", "Object Lock".
pub async fn empty_bucket(session: &Session, bucket: &str) -> Result<Emptied, CallError> {
    const LIST: &str = "ListObjectVersions";
    const DELETE: &str = "DeleteObjects";
    let subject = format!("s3://{bucket}");
    let (mut emptied, mut after) = (Emptied::default(), None);
    loop {
        let (key, version): (Option<String>, Option<String>) = after.take().unzip();
        session.turn(Family::S3).await;
        let request =
            session.s3.list_object_versions().bucket(bucket).set_key_marker(key).set_version_id_marker(version);
        let page = request.send().await.map_err(|error| CallError::of(&session.place, LIST, &subject, error))?;
        let versions = page.versions.unwrap_or_default().into_iter().map(|one| (one.key, one.version_id));
        let markers = page.delete_markers.unwrap_or_default().into_iter().map(|one| (one.key, one.version_id));
        let named = versions
            .chain(markers)
            .filter_map(|(key, version)| ObjectIdentifier::builder().key(key?).set_version_id(version).build().ok());
        let named: Vec<ObjectIdentifier> = named.collect();
        if !named.is_empty() {
            let count = named.len() as u64;
            let unsendable = |error: aws_sdk_s3::error::BuildError| {
                CallError::because(&session.place, DELETE, &subject, Cause::Unsendable { why: error.to_string() })
            };
            let delete = Delete::builder().set_objects(Some(named)).quiet(true).build().map_err(unsendable)?;
            session.turn(Family::S3).await;
            let answer = session.s3.delete_objects().bucket(bucket).delete(delete).send().await;
            let answer = answer.map_err(|error| CallError::of(&session.place, DELETE, &subject, error))?;
            let errors = answer.errors.unwrap_or_default();
            emptied.refused += errors.len() as u64;
            emptied.deleted += count.saturating_sub(errors.len() as u64);
            if let Some(first) = errors.into_iter().next() {
                let known = |text: Option<String>| text.unwrap_or_default();
                let why = format!("{}: {}: {}", known(first.key), known(first.code), known(first.message));
                emptied.why.get_or_insert(why);
            }
        }
        if page.is_truncated != Some(true) {
            return Ok(emptied);
        }
        let need = |value, field| session.need(value, LIST, &subject, field);
        let key = need(page.next_key_marker, "NextKeyMarker")?;
        after = Some((key, need(page.next_version_id_marker, "NextVersionIdMarker")?));
    }
}

/// Schedules the deletion of a customer managed key (KMS ScheduleKeyDeletion): until then it can be cancelled, and the key
/// decrypts nothing. A key that is scheduled already is left so.
pub async fn schedule_key(session: &Session, key: &str, days: u8) -> Result<(), CallError> {
    let body = json!({ "KeyId": key, "PendingWindowInDays": days });
    let question = Question::json("kms", "ScheduleKeyDeletion", key, "TrentService", body);
    match reads::answer(session, &question).await {
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some("KMSInvalidStateException") => Ok(()),
        Err(error) => Err(error),
    }
}
