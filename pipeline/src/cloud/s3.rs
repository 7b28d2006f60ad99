//! Objects in S3.

use std::ops::Range;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use bytes::Bytes;

use super::http::chain;
use crate::storage::{ObjectAt, ObjectInfo, Objects, StorageError, StorageErrorKind, Target, Upload};

/// Objects of the buckets that the function's role may use.
#[derive(Debug, Clone)]
pub struct S3 {
    client: Client,
}

impl S3 {
    /// Objects through this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

impl Objects for S3 {
    async fn look_at(&self, at: &ObjectAt) -> Result<ObjectInfo, StorageError> {
        let failed = |error| storage_error("HeadObject", at.to_string(), error);
        let request = self.client.head_object().bucket(&at.bucket).key(&at.key).set_version_id(at.version.clone());
        let head = request.send().await.map_err(failed)?;
        let missing = |field: &str| missing_field("HeadObject", at.to_string(), field);
        let metadata = head.metadata().into_iter().flatten();
        let bytes = head.content_length().and_then(|bytes| u64::try_from(bytes).ok());
        Ok(ObjectInfo {
            bytes: bytes.ok_or_else(|| missing("ContentLength"))?,
            etag: head.e_tag().ok_or_else(|| missing("ETag"))?.to_owned(),
            written: head.last_modified().ok_or_else(|| missing("LastModified"))?.secs(),
            metadata: metadata.map(|(name, value)| (name.to_lowercase(), value.clone())).collect(),
        })
    }

    async fn read(&self, at: &ObjectAt, etag: &str, range: Range<u64>) -> Result<Bytes, StorageError> {
        Ok(self.read_pieces(at, etag, range).await?.concat().into())
    }

    async fn read_pieces(&self, at: &ObjectAt, etag: &str, range: Range<u64>) -> Result<Vec<Bytes>, StorageError> {
        let request = self.client.get_object().bucket(&at.bucket).key(&at.key).set_version_id(at.version.clone());
        let request = request.if_match(etag).range(format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
        let mut object = request.send().await.map_err(|error| storage_error("GetObject", at.to_string(), error))?;
        let transient = |cause| StorageError {
            operation: "GetObject",
            object: at.to_string(),
            kind: StorageErrorKind::Transient,
            cause,
        };
        let mut pieces = Vec::new();
        while let Some(piece) = object.body.next().await {
            pieces.push(piece.map_err(|error| transient(chain(&error)))?);
        }
        let bytes: usize = pieces.iter().map(Bytes::len).sum();
        if bytes as u64 == range.end - range.start {
            Ok(pieces)
        } else {
            Err(transient(format!("{bytes} bytes came for the range {range:?}")))
        }
    }

    async fn put(&self, target: &Target, body: Bytes) -> Result<(), StorageError> {
        let mut request = self.client.put_object().bucket(&target.bucket).key(&target.key).body(ByteStream::from(body));
        for (name, value) in &target.metadata {
            request = request.metadata(*name, value);
        }
        // Its bytes have a checksum that S3 compares, and TLS protects them in transit: another hash of all of them,
        // for the signature, is not asked for (Amazon S3 API Reference, "Signature Calculations for the Authorization Header:
        // Transferring Payload in a Single Chunk").
        let sent = request.customize().disable_payload_signing().send().await;
        sent.map_err(|error| storage_error("PutObject", shown(target), error))?;
        Ok(())
    }

    async fn copy(
        &self,
        source: &ObjectAt,
        etag: &str,
        range: Range<u64>,
        target: &Target,
    ) -> Result<(), StorageError> {
        let upload = self.begin(target).await?;
        match self.copy_piece(source, etag, range, &upload).await {
            Ok(piece) => self.complete(Upload { pieces: vec![piece], ..upload }).await,
            Err(error) => {
                // The lifecycle rule removes what this leaves behind; the first error is the one to tell.
                self.abort(upload).await.unwrap_or_default();
                Err(error)
            }
        }
    }

    async fn begin(&self, target: &Target) -> Result<Upload, StorageError> {
        let mut request = self.client.create_multipart_upload().bucket(&target.bucket).key(&target.key);
        for (name, value) in &target.metadata {
            request = request.metadata(*name, value);
        }
        let created =
            request.send().await.map_err(|error| storage_error("CreateMultipartUpload", shown(target), error))?;
        let id =
            created.upload_id().ok_or_else(|| missing_field("CreateMultipartUpload", shown(target), "UploadId"))?;
        Ok(Upload { target: target.clone(), id: id.to_owned(), pieces: Vec::new() })
    }

    async fn append(&self, mut upload: Upload, piece: Bytes) -> Result<Upload, StorageError> {
        let request = self.client.upload_part().bucket(&upload.target.bucket).key(&upload.target.key);
        let request =
            request.upload_id(&upload.id).part_number(number(upload.pieces.len())).body(ByteStream::from(piece));
        let sent = request.customize().disable_payload_signing().send().await;
        let done = sent.map_err(|error| storage_error("UploadPart", shown(&upload.target), error))?;
        let etag = done.e_tag().ok_or_else(|| missing_field("UploadPart", shown(&upload.target), "ETag"))?;
        upload.pieces.push(etag.to_owned());
        Ok(upload)
    }

    async fn complete(&self, upload: Upload) -> Result<(), StorageError> {
        let pieces = upload.pieces.iter().enumerate();
        let pieces =
            pieces.map(|(index, etag)| CompletedPart::builder().part_number(number(index)).e_tag(etag).build());
        let pieces = CompletedMultipartUpload::builder().set_parts(Some(pieces.collect())).build();
        let request = self.client.complete_multipart_upload().bucket(&upload.target.bucket).key(&upload.target.key);
        let request = request.upload_id(&upload.id).multipart_upload(pieces);
        request.send().await.map_err(|error| storage_error("CompleteMultipartUpload", shown(&upload.target), error))?;
        Ok(())
    }

    async fn abort(&self, upload: Upload) -> Result<(), StorageError> {
        let request = self.client.abort_multipart_upload().bucket(&upload.target.bucket).key(&upload.target.key);
        let outcome = request.upload_id(&upload.id).send().await;
        outcome.map_err(|error| storage_error("AbortMultipartUpload", shown(&upload.target), error))?;
        Ok(())
    }
}

impl S3 {
    async fn copy_piece(
        &self,
        source: &ObjectAt,
        etag: &str,
        range: Range<u64>,
        upload: &Upload,
    ) -> Result<String, StorageError> {
        let request = self.client.upload_part_copy().bucket(&upload.target.bucket).key(&upload.target.key);
        let request =
            request.upload_id(&upload.id).part_number(1).copy_source(copy_source(source)).copy_source_if_match(etag);
        let request = request.copy_source_range(format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
        let copied =
            request.send().await.map_err(|error| storage_error("UploadPartCopy", source.to_string(), error))?;
        let etag = copied.copy_part_result().and_then(|result| result.e_tag());
        Ok(etag.ok_or_else(|| missing_field("UploadPartCopy", source.to_string(), "ETag"))?.to_owned())
    }
}

/// `bucket/key?versionId=…`, the key percent-encoded as the header demands.
fn copy_source(source: &ObjectAt) -> String {
    let mut text = format!("{}/", source.bucket);
    for byte in source.key.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'/') {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    if let Some(version) = &source.version {
        text.push_str("?versionId=");
        text.push_str(version);
    }
    text
}

/// Pieces are counted from 1.
fn number(index: usize) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX).saturating_add(1)
}

fn shown(target: &Target) -> String {
    format!("s3://{}/{}", target.bucket, target.key)
}

fn missing_field(operation: &'static str, object: String, field: &str) -> StorageError {
    let cause = format!("the answer has no `{field}`");
    StorageError { operation, object, kind: StorageErrorKind::Transient, cause }
}

fn storage_error<E>(operation: &'static str, object: String, error: SdkError<E, HttpResponse>) -> StorageError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let kind = if object_does_not_exist(operation, error.code(), status) {
        StorageErrorKind::Missing
    } else if status == Some(412) {
        StorageErrorKind::Changed
    } else {
        StorageErrorKind::Transient
    };
    StorageError { operation, object, kind, cause: chain(&error) }
}

/// HEAD has no body, hence no code. Without `s3:ListBucket`, which the functions do not have, S3 says of a missing object
/// that access is denied (Amazon S3 API Reference, HeadObject, "Permissions").
fn object_does_not_exist(operation: &str, code: Option<&str>, status: Option<u16>) -> bool {
    matches!(code, Some("NoSuchKey" | "NoSuchVersion" | "NoSuchBucket" | "NotFound"))
        || status == Some(404) && code.is_none()
        || status == Some(403) && operation == "HeadObject"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_object_is_told_from_what_goes_by() {
        for (operation, code, status, missing) in [
            ("HeadObject", None, 404, true),
            ("HeadObject", None, 403, true),
            ("GetObject", Some("NoSuchKey"), 404, true),
            ("GetObject", Some("AccessDenied"), 403, false),
            ("HeadObject", None, 503, false),
        ] {
            assert_eq!(object_does_not_exist(operation, code, Some(status)), missing, "{operation} {status}");
        }
    }

    #[test]
    fn a_key_is_encoded_for_the_header() {
        let source =
            ObjectAt { bucket: "b".to_owned(), key: "in/a b+é.log".to_owned(), version: Some("v1".to_owned()) };
        assert_eq!(copy_source(&source), "b/in/a%20b%2B%C3%A9.log?versionId=v1");
    }
}
