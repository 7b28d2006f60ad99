//! Codes of policies: TN4xxx.

use super::Explanation;

pub(super) const CODES: &[Explanation] = &[];
