//! Names that a stack gives to what it makes: derived from organisation and tenant, within each service's limit.
//!
//! A name that is too long is cut and ends in a hash of the whole, so that it is stable and still nobody else's.

use serde_json::{Value, json};

use tenantry_base::digest::sha256;
use tenantry_base::ids::{AccountId, Region};
use tenantry_spec::estate::Tenant;

/// Longest names. Source: Amazon S3, OpenSearch Service, Elastic Load Balancing, AWS Lambda, Amazon SQS and Amazon SNS
/// developer guides, naming rules of each resource.
const LONGEST_BUCKET: usize = 63;
const LONGEST_DOMAIN: usize = 28;
const LONGEST_LOAD_BALANCER: usize = 32;
const LONGEST_FUNCTION: usize = 64;
const LONGEST_QUEUE: usize = 80;
const LONGEST_TOPIC: usize = 256;
const LONGEST_STACK: usize = 128;

/// Hexadecimal digits of the hash at the end of a shortened name.
const HASH_DIGITS: usize = 8;

/// `name`, or its beginning and a hash of the whole where it is longer than `longest`.
pub fn fit(name: &str, longest: usize) -> String {
    if name.len() <= longest {
        return name.to_owned();
    }
    let kept = name[..longest - HASH_DIGITS - 1].trim_end_matches('-');
    format!("{kept}-{}", &sha256(name)[..HASH_DIGITS])
}

/// Name of a tenant's stack.
pub fn stack(organisation: &str, tenant: &str) -> String {
    fit(&format!("{organisation}-{tenant}"), LONGEST_STACK)
}

/// Name of the control plane's stack in an account and region.
pub fn control_plane_stack(organisation: &str) -> String {
    fit(&format!("{organisation}-control-plane"), LONGEST_STACK)
}

/// The control plane's bucket of artifacts in an account and region.
pub fn artifacts_bucket(organisation: &str, account: &AccountId, region: &Region) -> String {
    fit(&format!("{organisation}-artifacts-{account}-{region}"), LONGEST_BUCKET)
}

/// The control plane's bucket of central logs in the central account and a region.
pub fn logs_bucket(organisation: &str, account: &AccountId, region: &Region) -> String {
    fit(&format!("{organisation}-logs-{account}-{region}"), LONGEST_BUCKET)
}

/// The control plane's bucket of the load balancers' logs in an account and region.
pub fn access_logs_bucket(organisation: &str, account: &AccountId, region: &Region) -> String {
    fit(&format!("{organisation}-access-logs-{account}-{region}"), LONGEST_BUCKET)
}

/// A tenant's queues: those of the splitter's and of ingest's retries, and the parking queue.
pub fn queues(organisation: &str, tenant: &str) -> [String; 3] {
    ["splitter-retry", "ingest-retry", "parking"]
        .map(|suffix| fit(&format!("{organisation}-{tenant}-{suffix}"), LONGEST_QUEUE))
}

/// Every name of a tenant's stack, as its templates see them.
pub(super) fn of_tenant(organisation: &str, tenant: &Tenant) -> Value {
    let spec = &tenant.spec;
    let prefix = format!("{organisation}-{}", tenant.name);
    let part = |suffix: &str, longest: usize| fit(&format!("{prefix}-{suffix}"), longest);
    let [splitter_retry_queue, ingest_retry_queue, parking_queue] = queues(organisation, tenant.name.as_str());
    json!({
        "prefix": prefix,
        "landing_bucket": part(&format!("landing-{}-{}", spec.account, spec.region), LONGEST_BUCKET),
        "domain": fit(&prefix, LONGEST_DOMAIN),
        "load_balancer": fit(&prefix, LONGEST_LOAD_BALANCER),
        "target_group": fit(&prefix, LONGEST_LOAD_BALANCER),
        "trust_store": fit(&prefix, LONGEST_LOAD_BALANCER),
        "splitter": part("splitter", LONGEST_FUNCTION),
        "ingest": part("ingest", LONGEST_FUNCTION),
        "splitter_retry_queue": splitter_retry_queue,
        "ingest_retry_queue": ingest_retry_queue,
        "parking_queue": parking_queue,
        "dashboard": format!("{prefix}-{}", spec.region),
        "page_topic": part("pages", LONGEST_TOPIC),
        "key_alias": format!("alias/{prefix}"),
        "log_prefix": format!("/tenantry/{organisation}/{}", tenant.name),
        "parameter": format!("/tenantry/{organisation}/{}/release", tenant.name),
        "stack": stack(organisation, tenant.name.as_str()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_and_stay_distinct() {
        assert_eq!(fit("metanet-acme", 28), "metanet-acme");
        let long = |last: char| fit(&format!("metanet-a-very-long-customer-name-{last}"), 28);
        assert_eq!(long('a').len(), 28);
        assert_ne!(long('a'), long('b'));
        assert_eq!(fit("abcdefghij-klmnopqrstuvwxyz", 20), fit("abcdefghij-klmnopqrstuvwxyz", 20));
        assert!(!fit("abcdefghij-klmnopqrstuvwxyz", 20).contains("--"));
    }
}
