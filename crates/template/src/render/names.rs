//! Names of stacks, and of what the control plane makes: derived from the organisation, within each service's limit.
//!
//! A name that is too long is cut and ends in a hash of the whole, so that it is stable and still nobody else's.

use tenantry_base::ids::{AccountId, Region};

/// Longest names. Source: Amazon S3 User Guide, "General purpose bucket naming rules"; AWS CloudFormation User Guide,
/// "Understand CloudFormation quotas".
const LONGEST_BUCKET: usize = 63;
const LONGEST_STACK: usize = 128;

pub use tenantry_blueprint::fit;

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

/// What pages go through in the control plane's account and Region: bus, connection and API destination. Rules and the
/// dead-letter queue have it as prefix.
pub fn pages(organisation: &str) -> String {
    format!("{organisation}-pages")
}

/// The secret with the read-only token of the paging service's REST API.
pub fn pages_token(organisation: &str) -> String {
    format!("{organisation}/pages/api-token")
}

/// The alarm that exists only as `tenantry watch`'s own event.
/// `run` tells one from another; no tenant's alarm has a slash in its name.
pub fn canary(organisation: &str, run: &str) -> String {
    format!("{organisation}-canary/{run}")
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
