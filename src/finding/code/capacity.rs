//! Codes of capacity, quotas, zones and money: TN2xxx.

use super::Explanation;

pub(super) const CODES: &[Explanation] = &[];
