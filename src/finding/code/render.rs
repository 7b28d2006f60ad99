//! Codes of rendering: TN3xxx.

use super::Explanation;

pub(super) const CODES: &[Explanation] = &[];
