//! Amazon S3: content-addressed objects of the artifacts bucket.

use std::path::Path;

use aws_sdk_s3::primitives::ByteStream;

use super::{CallError, Cause, Session};

/// What an object is made of.
#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    Text(&'a str),
    File(&'a Path),
}

/// Whether an object was sent or there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    Sent,
    Present,
}

/// Stores an object under a key that names its content, unless it is there.
pub async fn put_if_absent(session: &Session, bucket: &str, key: &str, content: Content<'_>) -> Result<Put, CallError> {
    const OPERATION: &str = "PutObject";
    let subject = format!("s3://{bucket}/{key}");
    if exists(session, bucket, key).await? {
        return Ok(Put::Present);
    }
    let body = match content {
        Content::Text(text) => ByteStream::from(text.as_bytes().to_vec()),
        Content::File(path) => {
            let bytes = std::fs::read(path);
            let unreadable = |error| CallError::file(&session.place, OPERATION, path, error);
            ByteStream::from(bytes.map_err(unreadable)?)
        }
    };
    session.write().await;
    let request = session.s3.put_object().bucket(bucket).key(key).if_none_match("*").body(body);
    match request.send().await.map_err(|error| CallError::of(&session.place, OPERATION, &subject, error)) {
        Ok(_) => Ok(Put::Sent),
        Err(error) if somebody_was_first(&error) => Ok(Put::Present),
        Err(error) => Err(error),
    }
}

/// Whether an object exists.
pub async fn exists(session: &Session, bucket: &str, key: &str) -> Result<bool, CallError> {
    session.read().await;
    let subject = format!("s3://{bucket}/{key}");
    let answer = session.s3.head_object().bucket(bucket).key(key).send().await;
    match answer.map_err(|error| CallError::of(&session.place, "HeadObject", &subject, error)) {
        Ok(_) => Ok(true),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Address of an object, as CloudFormation reads templates from it.
/// Source: Amazon S3 User Guide, "Virtual hosting of general purpose buckets".
pub fn template_url(session: &Session, bucket: &str, key: &str) -> String {
    let suffix = if session.place.region.partition() == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://{bucket}.s3.{}.{suffix}/{key}", session.place.region)
}

/// The object, or the bucket, does not exist.
pub fn is_absent(error: &CallError) -> bool {
    matches!(&error.cause, Cause::Refused { http_status: 404, .. })
}

/// The conditional write lost to another one of the same content.
fn somebody_was_first(error: &CallError) -> bool {
    matches!(error.code(), Some("PreconditionFailed" | "ConditionalRequestConflict"))
}
