//! Deploys of the real binary while calls fail, processes die, and others deploy too.
//!
//! `FAULT_TENANTS`, `FAULT_KILLS` and `FAULT_CREATIONS` make the runs longer (`make faults`), `FAULT_SEED` makes them other ones.

mod bad_days;
mod binary;
mod canaries;
mod causes;
mod creations;
mod estate;
mod kills;
mod proxy;
mod states;
mod storms;

use crate::process::{Endpoint, control};
use binary::{ask_s3, run};
pub(crate) use estate::{ESTATE_ID, Estate};

/// A number from the environment, for runs longer than those of every day.
fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// An account that has what `bootstrap` makes, and nothing else: what follows runs under the roles of the control plane, if
/// the endpoint enforces IAM.
pub(crate) fn bootstrapped(endpoint: &Endpoint, estate: &Estate) {
    control(&endpoint.url, "/_tenantry/reset", "");
    estate.assume("metanet-tenantry");
    run(estate, &endpoint.url, &["bootstrap", "--yes"]).must(0);
}

/// An empty account with nothing but its artifacts bucket; what follows runs as its administrator.
fn bare_account(endpoint: &Endpoint) {
    control(&endpoint.url, "/_tenantry/reset", "");
    let bucket = format!("{}-artifacts-{}-eu-west-1", estate::ORGANISATION, estate::ACCOUNT);
    ask_s3(&endpoint.url, "PUT", &format!("/{bucket}"));
}
