//! Plans and deploys against an endpoint on loopback.
//!
//! The SDK takes the endpoint from the environment, which a test may not change for itself: each test starts an
//! endpoint and runs its scenario, an ignored test of this binary, in a child process that has it.

#![cfg(test)]

mod flags;
#[path = "../endpoint/process.rs"]
mod process;
mod scenario;
mod scenarios;

use scenario::run;

fn check(scenario: &str) {
    run(&format!("scenarios::{scenario}"));
}

#[test]
fn a_fleet_is_deployed_once_and_then_there_is_nothing_to_do() {
    check("deploy_then_nothing");
}

#[test]
fn a_release_that_changes_nothing_else_changes_one_resource() {
    check("release_only");
}

#[test]
fn replacing_or_removing_what_holds_state_is_refused_unless_named() {
    check("state_is_kept");
}

#[test]
fn a_failed_creation_gives_its_reason_and_is_made_anew() {
    check("failure_and_recovery");
}

#[test]
fn a_plan_whose_ground_moved_is_refused() {
    check("stale");
}

#[test]
fn an_account_that_cannot_be_read_is_unseen_and_unknown() {
    check("unseen");
}

#[test]
fn a_run_that_was_killed_is_followed_to_its_end_by_the_next() {
    check("killed");
}

#[test]
fn a_stack_that_somebody_else_changes_is_reported_and_left_alone() {
    check("somebody_else");
}

#[test]
fn what_a_destroyed_stack_retains_is_named_and_stays() {
    check("destroy_retains");
}

#[test]
fn the_control_plane_is_planned_in_every_region_the_central_one_first() {
    check("control_planes_planned");
}

#[test]
fn a_flag_is_delivered_pushed_and_committed() {
    run("flags::pushed_and_brought_together");
}
