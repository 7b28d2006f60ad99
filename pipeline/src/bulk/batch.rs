//! Records on their way into one bulk request.

use std::ops::Range;

use crate::records::standardise::Reject;

/// One record's action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its two lines in the batch's body.
    pub lines: Range<usize>,
    /// The record in the batch's text, as it came.
    pub record: Range<usize>,
    /// Byte of the source at which the record begins.
    pub offset: u64,
}

/// A record that is not indexed, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    pub offset: u64,
    pub record: Vec<u8>,
    pub reject: Reject,
}

/// A run of records, in order and without a gap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    pub body: Vec<u8>,
    /// The records as they came, for those that are refused.
    pub text: Vec<u8>,
    pub items: Vec<Item>,
    /// Records that were not fit to be sent.
    pub rejected: Vec<Rejected>,
    rejected_bytes: usize,
    /// Byte of the source at which the first record begins.
    pub start: u64,
}

/// How large a batch may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    pub bytes: usize,
    pub records: usize,
}

impl Batch {
    /// Whether it is time to send.
    pub fn is_full(&self, limits: BatchLimits) -> bool {
        let bytes = self.body.len().max(self.text.len()) + self.rejected_bytes;
        bytes >= limits.bytes || self.records() >= limits.records
    }

    /// Notes where the first record begins.
    pub fn start_at(&mut self, offset: u64) {
        if self.records() == 0 {
            self.start = offset;
        }
    }

    /// Adds a record that is not sent.
    pub fn refuse(&mut self, rejected: Rejected) {
        self.rejected_bytes += rejected.record.len();
        self.rejected.push(rejected);
    }

    /// Records that it answers for.
    pub fn records(&self) -> usize {
        self.items.len() + self.rejected.len()
    }

    /// The parts of the body that are about the given items.
    pub fn body_of(&self, items: &[usize]) -> Vec<&[u8]> {
        if items.len() == self.items.len() {
            return vec![&self.body];
        }
        items.iter().filter_map(|index| self.body.get(self.items.get(*index)?.lines.clone())).collect()
    }

    /// Forgets its records and keeps its memory.
    pub fn clear(&mut self) {
        self.body.clear();
        self.text.clear();
        self.items.clear();
        self.rejected.clear();
        self.rejected_bytes = 0;
    }

    /// An item that is refused.
    pub fn reject(&self, index: usize, reject: Reject) -> Option<Rejected> {
        let item = self.items.get(index)?;
        let record = self.text.get(item.record.clone())?.to_vec();
        Some(Rejected { offset: item.offset, record, reject })
    }
}
