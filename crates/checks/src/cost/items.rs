//! What AWS bills: the items that the lines of [`super::lines`] are made of, and those of `policies/resources.yaml`. Templates
//! may tell units of others.

use crate::resources::table;

/// Items of the table of prices.
const ITEMS: &[&str] = &[
    "address-hour",
    "alarm-month",
    "alb-capacity-hour",
    "alb-hour",
    "alb-trust-store-hour",
    "appconfig-request",
    "dashboard-month",
    "endpoint-gib",
    "endpoint-hour",
    "fargate-gib-hour",
    "fargate-vcpu-hour",
    "firehose-gib",
    "kms-key-month",
    "kms-request",
    "lambda-gb-second-arm64",
    "lambda-gb-second-x86_64",
    "lambda-request",
    "logs-gib",
    "logs-stored-gib-month",
    "metric-month",
    "nat-gib",
    "nat-hour",
    "s3-get",
    "s3-gib-month",
    "s3-put",
    "search-gp3-gib-month",
    "sqs-request",
    "transfer-between-zones-gib",
];

/// The item of a search node is this and its instance type.
pub(super) const SEARCH_NODE: &str = "search-hour-";

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ITEMS.iter().copied()
}

pub(super) fn is_known(item: &str) -> bool {
    let billed = || table().iter().filter_map(|(_, row)| row.billing.as_ref()).flat_map(|billing| &billing.items);
    ITEMS.contains(&item)
        || item.strip_prefix(SEARCH_NODE).is_some_and(|kind| kind.ends_with(".search"))
        || billed().any(|billed| billed.item.covers(item))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_items_are_sorted_and_named_once() {
        assert!(ITEMS.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(
            is_known("nat-hour")
                && is_known("search-hour-r7g.large.search")
                && is_known("rds-postgres-hour-db.r7g.large")
        );
        assert!(!is_known("nat-hours") && !is_known("rds-postgres-hour-"));
    }
}
