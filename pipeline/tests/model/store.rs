//! A store in memory, with faults.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tenantry_pipeline::storage::{
    COPY_SOURCE_MIN, ObjectAt, ObjectInfo, Objects, PIECE_MIN, StorageError, StorageErrorKind, Target, Upload,
};

use crate::tally::TALLY;

#[derive(Clone)]
pub(crate) struct Store {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    objects: BTreeMap<String, Bytes>,
    metadata: BTreeMap<String, BTreeMap<String, String>>,
    uploads: BTreeMap<String, Vec<Bytes>>,
    /// Keys in the order in which they were written.
    written: Vec<String>,
    random: fastrand::Rng,
    /// Faults in a thousand calls.
    faults: u32,
}

impl Store {
    pub(crate) fn new(seed: u64, faults: u32) -> Self {
        let inner = Inner {
            objects: BTreeMap::new(),
            metadata: BTreeMap::new(),
            uploads: BTreeMap::new(),
            written: Vec::new(),
            random: fastrand::Rng::with_seed(seed),
            faults,
        };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    pub(crate) fn heal(&self) {
        self.inner.lock().unwrap().faults = 0;
    }

    pub(crate) fn insert(&self, key: &str, body: Vec<u8>) {
        self.inner.lock().unwrap().objects.insert(key.to_owned(), body.into());
    }

    /// Keys that were written since the last call, each as often as it was.
    pub(crate) fn take_written(&self) -> Vec<String> {
        std::mem::take(&mut self.inner.lock().unwrap().written)
    }

    pub(crate) fn below(&self, prefix: &str) -> Vec<(String, Bytes)> {
        let inner = self.inner.lock().unwrap();
        let below = inner.objects.iter().filter(|(key, _)| key.starts_with(prefix));
        below.map(|(key, body)| (key.clone(), body.clone())).collect()
    }

    /// A call, which may fail before it did anything, or after it did everything.
    fn call<T>(
        &self,
        operation: &'static str,
        key: &str,
        act: impl FnOnce(&mut Inner) -> Option<T>,
    ) -> Result<T, StorageError> {
        let mut inner = self.inner.lock().unwrap();
        let error = |kind| StorageError { operation, object: key.to_owned(), kind, cause: "fault".to_owned() };
        let (faults, draw, late) = (inner.faults, inner.random.u32(0..1000), inner.random.bool());
        if TALLY.fault(draw < faults) && !late {
            return Err(error(StorageErrorKind::Transient));
        }
        let done = act(&mut inner).ok_or_else(|| error(StorageErrorKind::Missing))?;
        if draw < faults { Err(error(StorageErrorKind::Transient)) } else { Ok(done) }
    }
}

impl Inner {
    fn write(&mut self, target: &Target, body: Bytes) {
        self.objects.insert(target.key.clone(), body);
        let metadata = target.metadata.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        self.metadata.insert(target.key.clone(), metadata.collect());
        self.written.push(target.key.clone());
    }
}

fn slice(body: &Bytes, range: Range<u64>) -> Bytes {
    body.slice(range.start as usize..range.end as usize)
}

impl Objects for Store {
    async fn look_at(&self, at: &ObjectAt) -> Result<ObjectInfo, StorageError> {
        self.call("head", &at.key, |inner| {
            let body = inner.objects.get(&at.key)?;
            let metadata = inner.metadata.get(&at.key).cloned().unwrap_or_default();
            let (bytes, etag) = (body.len() as u64, body.len().to_string());
            Some(ObjectInfo { bytes, etag, written: 1_700_000_000, metadata })
        })
    }

    async fn read(&self, at: &ObjectAt, etag: &str, range: Range<u64>) -> Result<Bytes, StorageError> {
        self.call("get", &at.key, |inner| {
            let body = inner.objects.get(&at.key)?;
            assert_eq!(etag, body.len().to_string());
            Some(slice(body, range))
        })
    }

    async fn put(&self, target: &Target, body: Bytes) -> Result<(), StorageError> {
        self.call("put", &target.key, |inner| {
            inner.write(target, body);
            Some(())
        })
    }

    async fn copy(&self, source: &ObjectAt, _: &str, range: Range<u64>, target: &Target) -> Result<(), StorageError> {
        self.call("copy", &target.key, |inner| {
            let body = inner.objects.get(&source.key)?.clone();
            assert!(body.len() as u64 > COPY_SOURCE_MIN, "the store does not copy out of so small an object");
            inner.write(target, slice(&body, range));
            Some(())
        })
    }

    async fn begin(&self, target: &Target) -> Result<Upload, StorageError> {
        self.call("begin", &target.key, |inner| {
            let id = inner.random.u64(..).to_string();
            inner.uploads.insert(id.clone(), Vec::new());
            Some(Upload { target: target.clone(), id, pieces: Vec::new() })
        })
    }

    async fn append(&self, mut upload: Upload, piece: Bytes) -> Result<Upload, StorageError> {
        self.call("append", &upload.target.key.clone(), |inner| {
            let pieces = inner.uploads.get_mut(&upload.id)?;
            assert!(pieces.last().is_none_or(|last| last.len() >= PIECE_MIN), "a piece but the last is too small");
            upload.pieces.push(pieces.len().to_string());
            pieces.push(piece);
            Some(upload)
        })
    }

    async fn complete(&self, upload: Upload) -> Result<(), StorageError> {
        self.call("complete", &upload.target.key, |inner| {
            let pieces = inner.uploads.remove(&upload.id)?;
            inner.write(&upload.target, pieces.concat().into());
            Some(())
        })
    }

    async fn abort(&self, upload: Upload) -> Result<(), StorageError> {
        self.call("abort", &upload.target.key, |inner| inner.uploads.remove(&upload.id).map(|_| ()))
    }
}
