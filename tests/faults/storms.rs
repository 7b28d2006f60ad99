//! A third of all calls fails, in every way that is known, and each stack is still changed exactly once.

use super::binary::{Ran, begun, open_change_sets, run, stacks, tenantry};
use super::estate::{Estate, big};
use super::proxy::{EVERY, Fault, Proxy, Weather};
use super::{bootstrapped, number};
use crate::process::Endpoint;

const DEPLOY: [&str; 7] = ["deploy", "--all", "--yes", "--concurrency", "16", "--wait-for-lock", "60"];

/// A deploy whose lock outlasts the retries of a storm.
fn deploy(estate: &Estate, endpoint: &str) -> Ran {
    Ran::of(tenantry(estate, endpoint, &DEPLOY).env("TENANTRY_LOCK_SECONDS", "30").output().unwrap())
}

/// Every stack is in `status` and was brought there by one change.
fn all_once(endpoint: &str, tenants: usize, status: &str, begin: &str) {
    let found = stacks(endpoint);
    assert_eq!(found.len(), tenants, "{found:#?}");
    for (name, is) in &found {
        assert_eq!(is, status, "{name}");
        assert_eq!(begun(endpoint, name, begin), 1, "{name} {begin}");
        assert_eq!(open_change_sets(endpoint, name), 0, "{name}");
    }
}

#[test]
fn with_a_third_of_all_calls_failing_every_stack_is_created_and_updated_exactly_once() {
    let tenants = number("FAULT_TENANTS", 12) as usize;
    let (endpoint, estate) = (Endpoint::start(5, &["--enforce-iam"]), Estate::new(tenants));
    bootstrapped(&endpoint, &estate);
    let proxy = Proxy::start(&endpoint.url);
    let weather =
        Weather { seed: number("FAULT_SEED", 1), share: 300, faults: EVERY.to_vec(), spared: 4, operation: "" };
    proxy.set(weather.clone());
    deploy(&estate, &proxy.url).must(0);
    let (calls, spoilt) = proxy.calls();
    println!("{tenants} created: {calls} calls, {spoilt} spoilt");
    assert!(spoilt as usize * 5 > calls, "{spoilt} of {calls} calls were spoilt");
    all_once(&endpoint.url, tenants, "CREATE_COMPLETE", "CREATE_IN_PROGRESS");
    estate.template(31, "");
    proxy.set(Weather { seed: weather.seed + 1, ..weather });
    deploy(&estate, &proxy.url).must(0);
    let (calls, spoilt) = proxy.calls();
    println!("{tenants} updated: {calls} calls, {spoilt} spoilt");
    all_once(&endpoint.url, tenants, "UPDATE_COMPLETE", "UPDATE_IN_PROGRESS");
    run(&estate, &endpoint.url, &["plan", "--all"]).must(0);
}

#[test]
fn a_throttled_status_poll_never_fails_a_deploy_that_succeeded() {
    let (endpoint, estate) = (Endpoint::start(5, &["--enforce-iam"]), Estate::new(3));
    bootstrapped(&endpoint, &estate);
    let proxy = Proxy::start(&endpoint.url);
    // Nearly every poll after the first looks fails, the SDK's own retries included.
    let faults = vec![Fault::Throttled];
    proxy.set(Weather { seed: 7, share: 850, faults, spared: 12, operation: "DescribeStacks" });
    deploy(&estate, &proxy.url).must(0);
    all_once(&endpoint.url, 3, "CREATE_COMPLETE", "CREATE_IN_PROGRESS");
}

#[test]
fn what_tenants_share_is_uploaded_once_and_one_poll_serves_all_stacks() {
    let (endpoint, estate) = (Endpoint::start(5, &["--enforce-iam"]), Estate::new(8));
    bootstrapped(&endpoint, &estate);
    let trusting = "  Trusted:\n    Type: AWS::SSM::Parameter\n    Properties:\n      \
                    Name: \"/tenantry/{{ fleet.organisation }}/{{ tenant.name }}/trusted\"\n      Type: String\n      \
                    Value: \"{{ dashboards.client_ca.key }}\"\n";
    estate.template(30, &(big() + trusting));
    let proxy = Proxy::start(&endpoint.url);
    proxy.set(Weather::fair());
    deploy(&estate, &proxy.url).must(0);
    assert_eq!(proxy.count("PUT /metanet-artifacts-123456789012-eu-west-1/functions"), 2, "two functions, each once");
    assert_eq!(proxy.count("PUT /metanet-artifacts-123456789012-eu-west-1/trust"), 1, "one bundle for all");
    assert_eq!(proxy.count("PUT /metanet-artifacts-123456789012-eu-west-1/templates"), 8, "each template is its own");
    assert_eq!(proxy.count("cloudformation ExecuteChangeSet"), 8);
    let polls = proxy.count("cloudformation DescribeStacks");
    println!("{polls} polls for 8 stacks, {} calls in all", proxy.calls().0);
    assert!(proxy.count("cloudformation DescribeStackEvents") <= 8 * 4, "events only where a status changed");
    deploy(&estate, &proxy.url).must(0);
    assert_eq!(proxy.count("cloudformation ExecuteChangeSet"), 8, "nothing is done twice");
}
