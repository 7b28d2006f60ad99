//! Plans and deploys against an endpoint on loopback.
//!
//! All share one account that was bootstrapped: what they do, they do in the roles of its control plane, with tenants of their
//! own.

mod flags;
pub(crate) mod scenarios;

use std::sync::LazyLock;

use tenantry::cloud::Cloud;

use crate::faults::{Estate, bootstrapped};
use crate::process::Endpoint;

static ENDPOINT: LazyLock<Endpoint> = LazyLock::new(|| {
    // It waits for answers, which no thread of a runtime may.
    let started = std::thread::spawn(|| {
        let endpoint = Endpoint::start(20, &["--enforce-iam"]);
        bootstrapped(&endpoint, &Estate::new(1).with_shipped_template());
        endpoint
    });
    started.join().expect("the account is bootstrapped")
});

async fn check(scenario: impl AsyncFnOnce(Cloud)) {
    scenario(Cloud::at(&ENDPOINT.url, "test", "test").await).await;
}

#[tokio::test]
async fn a_fleet_is_deployed_once_and_then_there_is_nothing_to_do() {
    check(scenarios::deploy_then_nothing).await;
}

#[tokio::test]
async fn a_release_that_changes_nothing_else_changes_one_resource() {
    check(scenarios::release_only).await;
}

#[tokio::test]
async fn replacing_or_removing_what_holds_state_is_refused_unless_named() {
    check(scenarios::state_is_kept).await;
}

#[tokio::test]
async fn a_failed_creation_gives_its_reason_and_is_made_anew() {
    check(scenarios::failure_and_recovery).await;
}

#[tokio::test]
async fn a_plan_whose_ground_moved_is_refused() {
    check(scenarios::stale).await;
}

#[tokio::test]
async fn an_account_that_cannot_be_read_is_unseen_and_unknown() {
    check(scenarios::unseen).await;
}

#[tokio::test]
async fn a_run_that_was_killed_is_followed_to_its_end_by_the_next() {
    check(scenarios::killed).await;
}

#[tokio::test]
async fn a_stack_that_somebody_else_changes_is_reported_and_left_alone() {
    check(scenarios::somebody_else).await;
}

#[tokio::test]
async fn what_a_destroyed_stack_retains_is_named_and_stays() {
    check(scenarios::destroy_retains).await;
}

#[tokio::test]
async fn what_an_earlier_stack_retained_is_imported_and_the_rest_created() {
    check(scenarios::retained_is_imported).await;
}

#[tokio::test]
async fn the_control_plane_is_planned_in_every_region_the_central_one_first() {
    check(scenarios::control_planes_planned).await;
}

#[tokio::test]
async fn a_flag_is_delivered_pushed_and_committed() {
    check(flags::pushed_and_brought_together).await;
}
