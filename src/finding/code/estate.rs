//! Codes of the estate's files: TN1xxx.

use super::{Code, Explanation};
use crate::finding::Severity;

pub(super) const CODES: &[Explanation] = &[Explanation {
    code: Code("TN1000"),
    severity: Severity::Error,
    title: "a file of the estate cannot be read",
    why: "Tenantry reads the whole estate before it does anything, so that no decision rests on half of the files.",
    remedy: "Check that the file exists, is readable and is UTF-8 text.",
}];
