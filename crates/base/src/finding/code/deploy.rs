//! Codes of deploying: TN5xxx.

use super::Explanation;

pub(super) const CODES: &[Explanation] = &[];
