//! An object's bytes in order, read in ranges of which several are under way at once.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;
use tokio::task::JoinHandle;

use crate::failure::{Failure, of_task};
use crate::storage::{ObjectAt, Objects, StorageError};

/// Bytes of a range.
pub(crate) const RANGE: u64 = 2 << 20;

/// Ranges under way at once; with [`RANGE`] the memory that reading takes.
const AHEAD: usize = 4;

/// The ranges under way.
#[derive(Debug)]
pub(crate) struct ReadAhead<O: Objects> {
    objects: O,
    at: ObjectAt,
    etag: String,
    left: Range<u64>,
    read: VecDeque<Bytes>,
    under_way: VecDeque<JoinHandle<Result<Vec<Bytes>, StorageError>>>,
}

impl<O: Objects> ReadAhead<O> {
    /// Reads `range` of the object with this entity tag.
    pub(crate) fn new(objects: O, at: ObjectAt, etag: String, range: Range<u64>) -> Self {
        Self { objects, at, etag, left: range, read: VecDeque::new(), under_way: VecDeque::with_capacity(AHEAD) }
    }

    /// With the first bytes of the range read already.
    pub(crate) fn with_first(mut self, first: Bytes) -> Self {
        self.left.start += first.len() as u64;
        self.read.push_back(first);
        self
    }

    /// Whether all bytes were given.
    pub(crate) fn is_at_end(&self) -> bool {
        self.read.is_empty() && self.under_way.is_empty() && self.left.is_empty()
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// The store did not give them.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        while self.under_way.len() < AHEAD && !self.left.is_empty() {
            let range = self.left.start..self.left.end.min(self.left.start + RANGE);
            self.left.start = range.end;
            let (objects, at, etag) = (self.objects.clone(), self.at.clone(), self.etag.clone());
            self.under_way.push_back(tokio::spawn(async move { objects.read_pieces(&at, &etag, range).await }));
        }
        while self.read.is_empty()
            && let Some(range) = self.under_way.pop_front()
        {
            self.read = range.await.map_err(|error| of_task(&error))??.into();
        }
        Ok(self.read.pop_front())
    }
}

impl<O: Objects> Drop for ReadAhead<O> {
    fn drop(&mut self) {
        self.under_way.iter().for_each(JoinHandle::abort);
    }
}
