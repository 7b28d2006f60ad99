//! Objects, as the functions use them: what is asked of a store, and what can go wrong.

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Range;

use bytes::Bytes;

/// One object, or one version of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectAt {
    pub bucket: String,
    pub key: String,
    pub version: Option<String>,
}

impl std::fmt::Display for ObjectAt {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "s3://{}/{}", self.bucket, self.key)
    }
}

/// What is known of an object before it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    pub bytes: u64,
    /// With its quotation marks, as S3 gives it; later reads insist on it.
    pub etag: String,
    /// When it was written: seconds since 1970.
    pub written: i64,
    /// User metadata, names in lower case.
    pub metadata: BTreeMap<String, String>,
}

impl ObjectInfo {
    /// A number in the metadata; `None` if it is not there.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.metadata.get(name)?.parse().ok()
    }
}

/// Metadata of a part: bytes of the header in front of its messages.
pub const HEADER_BYTES: &str = "tenantry-header-bytes";

/// Metadata of a part: when its source was written, in seconds since 1970.
pub const SOURCE_WRITTEN: &str = "tenantry-source-written";

/// Where an object is written, and what is written beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub bucket: String,
    pub key: String,
    /// User metadata: ASCII only.
    pub metadata: Vec<(&'static str, String)>,
}

/// An object that is being written in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    pub target: Target,
    pub id: String,
    /// Entity tags of the pieces so far, in order.
    pub pieces: Vec<String>,
}

/// Smallest piece of an upload but the last: 5 MiB (Amazon S3 User Guide, "Amazon S3 multipart upload limits").
pub const PIECE_MIN: usize = 5 << 20;

/// A range can be copied only out of an object that is larger than this: 5 MB (Amazon S3 API Reference,
/// UploadPartCopy, `x-amz-copy-source-range`).
pub const COPY_SOURCE_MIN: u64 = 5 << 20;

/// A store of objects.
pub trait Objects: Clone + Send + Sync + 'static {
    /// What is known of the object.
    fn look_at(&self, at: &ObjectAt) -> impl Future<Output = Result<ObjectInfo, StorageError>> + Send;

    /// Bytes of the object, if it is still the one with this entity tag.
    fn read(
        &self,
        at: &ObjectAt,
        etag: &str,
        range: Range<u64>,
    ) -> impl Future<Output = Result<Bytes, StorageError>> + Send;

    /// The same in pieces as they come, in order, without a copy.
    fn read_pieces(
        &self,
        at: &ObjectAt,
        etag: &str,
        range: Range<u64>,
    ) -> impl Future<Output = Result<Vec<Bytes>, StorageError>> + Send {
        async { Ok(vec![self.read(at, etag, range).await?]) }
    }

    /// Writes an object at once.
    fn put(&self, target: &Target, body: Bytes) -> impl Future<Output = Result<(), StorageError>> + Send;

    /// Writes an object that is a range of another, without reading it. The source is larger than [`COPY_SOURCE_MIN`].
    fn copy(
        &self,
        source: &ObjectAt,
        etag: &str,
        range: Range<u64>,
        target: &Target,
    ) -> impl Future<Output = Result<(), StorageError>> + Send;

    /// Begins an object in pieces.
    fn begin(&self, target: &Target) -> impl Future<Output = Result<Upload, StorageError>> + Send;

    /// Adds a piece: at least [`PIECE_MIN`] bytes, unless it is the last.
    fn append(&self, upload: Upload, piece: Bytes) -> impl Future<Output = Result<Upload, StorageError>> + Send;

    /// Makes the object out of its pieces.
    fn complete(&self, upload: Upload) -> impl Future<Output = Result<(), StorageError>> + Send;

    /// Gives the pieces up.
    fn abort(&self, upload: Upload) -> impl Future<Output = Result<(), StorageError>> + Send;
}

/// The store did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation} of `{object}`: {cause}")]
pub struct StorageError {
    pub operation: &'static str,
    pub object: String,
    pub kind: StorageErrorKind,
    pub cause: String,
}

/// What the caller can make of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageErrorKind {
    /// There is no such object or version.
    Missing,
    /// The object is not the one that was looked at.
    Changed,
    /// Anything that may go by: throttling, network, permissions that have not arrived yet.
    Transient,
}
