//! Amazon S3: content-addressed objects of the artifacts bucket.

use std::io;
use std::path::Path;

use aws_sdk_s3::primitives::ByteStream;

use super::{CallError, Cause, Family, Session};
use tenantry_base::digest::sha256;

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

/// Stores an object under a key that names its content, unless it is there. A session asks for each object once.
pub async fn put_if_absent(session: &Session, bucket: &str, key: &str, content: Content<'_>) -> Result<Put, CallError> {
    let mut put = Put::Present;
    let once = session.stored(bucket, key);
    once.get_or_try_init(async || {
        put = store(session, bucket, key, content).await?;
        Ok(())
    })
    .await?;
    Ok(put)
}

async fn store(session: &Session, bucket: &str, key: &str, content: Content<'_>) -> Result<Put, CallError> {
    const OPERATION: &str = "PutObject";
    let subject = format!("s3://{bucket}/{key}");
    let body = match content {
        Content::Text(text) => ByteStream::from(text.as_bytes().to_vec()),
        Content::File(_) if exists(session, bucket, key).await? => return Ok(Put::Present),
        Content::File(path) => {
            let bytes = std::fs::read(path).and_then(|bytes| as_named(key, bytes));
            let unusable = |error| CallError::file(&session.place, OPERATION, path, &error);
            ByteStream::from(bytes.map_err(unusable)?)
        }
    };
    session.turn(Family::S3).await;
    let request = session.s3.put_object().bucket(bucket).key(key).if_none_match("*").body(body);
    match request.send().await.map_err(|error| CallError::of(&session.place, OPERATION, &subject, error)) {
        Ok(_) => Ok(Put::Sent),
        Err(error) if somebody_was_first(&error) => Ok(Put::Present),
        Err(error) => Err(error),
    }
}

/// The bytes of a file, if they are those that the key names.
fn as_named(key: &str, bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    let digest = sha256(&bytes);
    if key.contains(&digest) {
        return Ok(bytes);
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, format!("its SHA-256 is {digest}, and it should be `{key}`")))
}

/// Whether an object exists: its first byte is asked for, because a HEAD request has no body that says why it was
/// refused.
pub async fn exists(session: &Session, bucket: &str, key: &str) -> Result<bool, CallError> {
    session.turn(Family::S3).await;
    let subject = format!("s3://{bucket}/{key}");
    let answer = session.s3.get_object().bucket(bucket).key(key).range("bytes=0-0").send().await;
    match answer.map_err(|error| CallError::of(&session.place, "GetObject", &subject, error)) {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some("InvalidRange") => Ok(true),
        Err(error) if object_does_not_exist(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// An object that several runners read and change, as one of them saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    pub text: String,
    /// Names this version of the object.
    pub etag: String,
}

/// Reads a small object of text; None if there is none.
pub async fn read(session: &Session, bucket: &str, key: &str) -> Result<Option<Object>, CallError> {
    const OPERATION: &str = "GetObject";
    let subject = format!("s3://{bucket}/{key}");
    session.turn(Family::S3).await;
    let answer = session.s3.get_object().bucket(bucket).key(key).send().await;
    let answer = match answer.map_err(|error| CallError::of(&session.place, OPERATION, &subject, error)) {
        Ok(answer) => answer,
        Err(error) if object_does_not_exist(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let etag = session.need(answer.e_tag, OPERATION, &subject, "ETag")?;
    let unreadable = || CallError::because(&session.place, OPERATION, &subject, Cause::Unreadable { http_status: 200 });
    let bytes = answer.body.collect().await.map_err(|_| unreadable())?.into_bytes();
    let text = String::from_utf8(bytes.into()).map_err(|_| unreadable())?;
    Ok(Some(Object { text, etag }))
}

/// Writes a small object of text if it still is as `before` says: absent, or of that ETag. False when somebody else was
/// faster. Source: Amazon S3 User Guide, "How to prevent object overwrites with conditional writes".
pub async fn write_if(
    session: &Session,
    bucket: &str,
    key: &str,
    text: &str,
    before: Option<&str>,
) -> Result<bool, CallError> {
    let subject = format!("s3://{bucket}/{key}");
    session.turn(Family::S3).await;
    let request = session.s3.put_object().bucket(bucket).key(key).body(ByteStream::from(text.as_bytes().to_vec()));
    let request = match before {
        Some(etag) => request.if_match(etag),
        None => request.if_none_match("*"),
    };
    match request.send().await.map_err(|error| CallError::of(&session.place, "PutObject", &subject, error)) {
        Ok(_) => Ok(true),
        Err(error) if somebody_was_first(&error) || (before.is_some() && object_does_not_exist(&error)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes an object if it still is the version of that ETag. False when it is another one.
pub async fn delete_if(session: &Session, bucket: &str, key: &str, etag: &str) -> Result<bool, CallError> {
    let subject = format!("s3://{bucket}/{key}");
    session.turn(Family::S3).await;
    let answer = session.s3.delete_object().bucket(bucket).key(key).if_match(etag).send().await;
    match answer.map_err(|error| CallError::of(&session.place, "DeleteObject", &subject, error)) {
        Ok(_) => Ok(true),
        Err(error) if somebody_was_first(&error) || object_does_not_exist(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The newest version of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub key: String,
    /// `null` in a bucket that never had versions.
    pub id: String,
    /// When it was written: seconds since 1970.
    pub modified: i64,
}

/// The newest versions of all objects whose keys begin so; none of an object that was deleted.
pub async fn versions(session: &Session, bucket: &str, prefix: &str) -> Result<Vec<Version>, CallError> {
    const OPERATION: &str = "ListObjectVersions";
    let subject = format!("s3://{bucket}/{prefix}");
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        session.turn(Family::S3).await;
        let request = session.s3.list_object_versions().bucket(bucket).prefix(prefix);
        let (key, version) = after.take().unzip();
        let answer = request.set_key_marker(key).set_version_id_marker(version).send().await;
        let answer = answer.map_err(|error| CallError::of(&session.place, OPERATION, &subject, error))?;
        let need = |value, field| session.need(value, OPERATION, &subject, field);
        for version in answer.versions.unwrap_or_default().into_iter().filter(|one| one.is_latest == Some(true)) {
            let modified = version.last_modified.map(|at| at.secs());
            found.push(Version {
                key: need(version.key, "Key")?,
                id: need(version.version_id, "VersionId")?,
                modified: session.need(modified, OPERATION, &subject, "LastModified")?,
            });
        }
        if answer.is_truncated != Some(true) {
            return Ok(found);
        }
        let key = need(answer.next_key_marker, "NextKeyMarker")?;
        after = Some((key, need(answer.next_version_id_marker, "NextVersionIdMarker")?));
    }
}

/// What a version of an object holds; None if there is no such version any more.
pub async fn read_version(session: &Session, bucket: &str, version: &Version) -> Result<Option<Vec<u8>>, CallError> {
    const OPERATION: &str = "GetObject";
    let subject = format!("s3://{bucket}/{}", version.key);
    session.turn(Family::S3).await;
    let answer = session.s3.get_object().bucket(bucket).key(&version.key).version_id(&version.id).send().await;
    let answer = match answer.map_err(|error| CallError::of(&session.place, OPERATION, &subject, error)) {
        Ok(answer) => answer,
        Err(error) if matches!(error.code(), Some("NoSuchKey" | "NoSuchVersion")) => return Ok(None),
        Err(error) => return Err(error),
    };
    let unreadable =
        |_| CallError::because(&session.place, OPERATION, &subject, Cause::Unreadable { http_status: 200 });
    Ok(Some(answer.body.collect().await.map_err(unreadable)?.into_bytes().into()))
}

/// Deletes this version of an object, and no other.
pub async fn delete_version(session: &Session, bucket: &str, version: &Version) -> Result<(), CallError> {
    let subject = format!("s3://{bucket}/{}", version.key);
    session.turn(Family::S3).await;
    let answer = session.s3.delete_object().bucket(bucket).key(&version.key).version_id(&version.id).send().await;
    answer.map_err(|error| CallError::of(&session.place, "DeleteObject", &subject, error))?;
    Ok(())
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

/// The bucket is there and has no such object.
fn object_does_not_exist(error: &CallError) -> bool {
    matches!(error.code(), Some("NoSuchKey"))
}

/// The conditional write lost to another one of the same content.
fn somebody_was_first(error: &CallError) -> bool {
    matches!(error.code(), Some("PreconditionFailed" | "ConditionalRequestConflict"))
}
