//! The registry of codes: every finding a person can meet, with its long explanation.
//!
//! TN1xxx the estate's files, TN2xxx capacity, quotas, zones and money, TN3xxx rendering, TN4xxx policies,
//! TN5xxx deploying, TN6xxx blueprints. A code is never reused for something else. A blueprint gives its own checks codes of
//! their own, which are not in the registry.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use super::Severity;

/// A stable code such as `TN1203`: one of [`codes`], or one that a blueprint gives to a check of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(&'static str);

/// Entries of the registry. Each is the constant of its code too, so that no place that uses it can misspell it.
macro_rules! registry {
    ($($code:ident = $entry:ident($($text:expr),+ $(,)?)),+ $(,)?) => {
        impl Code {
            $(pub const $code: Self = Self(stringify!($code));)+
        }

        pub(super) const CODES: &[Explanation] = &[$($entry(Code::$code, $($text),+)),+];
    };
}

/// The long form of a code, as `tenantry explain TN1203` prints it.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct Explanation {
    /// Stable: a code never changes its meaning.
    pub code: Code,
    /// Usual severity of the code's findings.
    pub severity: Severity,
    /// One sentence, lower case, no period.
    pub title: &'static str,
    /// Why it matters, in a paragraph or two.
    pub why: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

/// An entry of the registry.
const fn entry(
    code: Code,
    severity: Severity,
    title: &'static str,
    why: &'static str,
    remedy: &'static str,
) -> Explanation {
    Explanation { code, severity, title, why, remedy }
}

/// An entry whose findings are always errors.
const fn error(code: Code, title: &'static str, why: &'static str, remedy: &'static str) -> Explanation {
    entry(code, Severity::Error, title, why, remedy)
}

mod blueprint;
mod capacity;
mod drift;
mod estate;
mod policy;
mod render;

/// What is known of codes that are not in the registry.
const OWN: Explanation = entry(
    Code("own"),
    Severity::Error,
    "a check of the estate's blueprint",
    "The blueprint of the estate has this check; its message says what it found.",
    "See the check in `templates/blueprint.yaml`.",
);

/// Codes of blueprints' own checks: few, and each is kept once for as long as the process runs.
static INTERNED: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());

impl Code {
    /// The code with this text, whether of the registry or of a blueprint's own.
    pub fn of(code: &str) -> Self {
        if let Some(known) = explain(code) {
            return known.code;
        }
        let mut interned = INTERNED.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = interned.get(code).copied().unwrap_or_else(|| {
            let kept: &'static str = Box::leak(code.into());
            interned.insert(kept);
            kept
        });
        Self(kept)
    }

    /// `TN1203`.
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// The registry's entry for this code.
    pub fn explanation(self) -> &'static Explanation {
        explain(self.0).unwrap_or(&OWN)
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

impl JsonSchema for Code {
    fn schema_name() -> Cow<'static, str> {
        "Code".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Code of a finding: `TN` and four digits, or that of a check of the estate's blueprint.",
            "type": "string"
        })
    }
}

/// Looks a code up by its text, in any case.
pub fn explain(code: &str) -> Option<&'static Explanation> {
    codes().find(|entry| entry.code.0.eq_ignore_ascii_case(code))
}

/// Every code, in ascending order.
pub fn codes() -> impl Iterator<Item = &'static Explanation> {
    [estate::CODES, capacity::CODES, render::CODES, policy::CODES, drift::CODES, blueprint::CODES].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_ascending_and_in_their_stage_range() {
        let all: Vec<&str> = codes().map(|entry| entry.code.0).collect();
        let mut sorted = all.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(all, sorted);
        for (stage, digit) in [
            (estate::CODES, '1'),
            (capacity::CODES, '2'),
            (render::CODES, '3'),
            (policy::CODES, '4'),
            (drift::CODES, '5'),
            (blueprint::CODES, '6'),
        ] {
            assert!(
                stage.iter().all(|entry| entry.code.0.starts_with("TN") && entry.code.0.chars().nth(2) == Some(digit))
            );
        }
    }
}
