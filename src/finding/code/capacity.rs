//! Codes of capacity, quotas, zones and money: TN2xxx.

use super::{Explanation, entry};
use crate::finding::Severity;

pub(super) const CODES: &[Explanation] = &[
    entry(
        "TN2101",
        Severity::Error,
        "a quota would be exceeded that can be raised",
        "AWS refuses what goes beyond a quota in the middle of a deployment, after much of the stack has been made.",
        "Ask for the increase named, or place the tenant in another account or region.",
    ),
    entry(
        "TN2102",
        Severity::Error,
        "a quota would be exceeded that cannot be raised",
        "AWS raises this quota for nobody, so the deployment would fail every time.",
        "Make the stack smaller, or place the tenant in another account or region.",
    ),
    entry(
        "TN2103",
        Severity::Warning,
        "a quota is nearly used up",
        "Increases take hours to days; the next tenant may have to wait for one.",
        "Ask for the increase before it is needed.",
    ),
    entry(
        "TN2104",
        Severity::Warning,
        "nobody can say how much of a quota is used",
        "The demand alone fits, but what stands in the account beside it was not seen.",
        "Plan with credentials that may read the account's usage.",
    ),
];
