//! The registry of codes: every finding a person can meet, with its long explanation.
//!
//! TN1xxx the estate's files, TN2xxx capacity, quotas, zones and money, TN3xxx rendering, TN4xxx policies,
//! TN5xxx deploying. A code is never reused for something else.

use std::fmt;

use serde::{Serialize, Serializer};

use super::Severity;

/// A stable code such as `TN1203`. Only codes of [`CODES`] exist.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub &'static str);

/// The long form of a code, as `tenantry explain TN1203` prints it.
#[derive(Debug, Clone, Copy)]
pub struct Explanation {
    pub code: Code,
    pub severity: Severity,
    /// One sentence, lower case, no period.
    pub title: &'static str,
    /// Why it matters, in a paragraph or two.
    pub why: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

impl Code {
    /// The registry's entry for this code.
    pub fn explanation(self) -> &'static Explanation {
        explain(self.0).unwrap_or(&CODES[0])
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

/// Looks a code up by its text, in any case.
pub fn explain(code: &str) -> Option<&'static Explanation> {
    CODES.iter().find(|entry| entry.code.0.eq_ignore_ascii_case(code))
}

/// Every code, in ascending order.
pub const CODES: &[Explanation] = &[Explanation {
    code: Code("TN1000"),
    severity: Severity::Error,
    title: "a file of the estate cannot be read",
    why: "Tenantry reads the whole estate before it does anything, so that no decision rests on half of the files.",
    remedy: "Check that the file exists, is readable and is UTF-8 text.",
}];
