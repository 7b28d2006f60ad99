//! Runs that are killed, and runs that meet.

use std::process::Child;
use std::thread::yield_now;

use super::binary::{Ran, begun, open_change_sets, run, stacks, start, tenantry};
use super::estate::Estate;
use super::proxy::{Fault, Proxy, Weather, mixed};
use super::{bare_account, bootstrapped, number};
use crate::process::Endpoint;

const TENANTS: usize = 20;
const DEPLOY: [&str; 7] = ["deploy", "--all", "--yes", "--concurrency", "16", "--wait-for-lock", "30"];

/// Kills a process once the proxy has seen so many calls. False when it came to its end before.
fn kill_at(mut child: Child, proxy: &Proxy, call: usize) -> bool {
    while proxy.calls().0 < call {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    true
}

/// Runs again what was killed, and holds the account against what it should be.
fn converges(endpoint: &Endpoint, estate: &Estate, status: &str, begin: &str, times: usize, round: u64) {
    if round % 2 == 1 {
        // The journal is lost as well: nothing depends on it.
        std::fs::remove_dir_all(estate.root().join(".tenantry")).unwrap_or_default();
    }
    run(estate, &endpoint.url, &DEPLOY).must(0);
    run(estate, &endpoint.url, &["plan", "--all"]).must(0);
    let found = stacks(&endpoint.url);
    assert_eq!(found.len(), TENANTS, "round {round}: {found:#?}");
    for (name, is) in &found {
        assert_eq!(is, status, "round {round}: {name}");
        assert_eq!(begun(&endpoint.url, name, begin), times, "round {round}: {name} {begin}");
        assert_eq!(open_change_sets(&endpoint.url, name), 0, "round {round}: {name}");
    }
    // A run that found nothing to do took no lock: then that of the killed one is there until it expires.
    let free = |text: &str| text.contains("not locked") || text.contains("expired: the next run takes it over");
    while !free(&run(estate, &endpoint.url, &["unlock"]).must(0).out) {
        yield_now();
    }
}

#[test]
fn a_deploy_that_is_killed_anywhere_is_finished_by_the_next() {
    let (kills, seed) = (number("FAULT_KILLS", 4), number("FAULT_SEED", 1));
    let (endpoint, estate) = (Endpoint::start(2, &["--enforce-iam"]), Estate::new(TENANTS));
    let proxy = Proxy::start(&endpoint.url);
    let (mut calls, mut updates, mut killed) = (2 + 12 * TENANTS, 0, 0);
    for round in 0..kills {
        // Every fourth round creates, the others update.
        let creates = round % 4 == 0;
        if creates {
            bootstrapped(&endpoint, &estate);
            updates = 0;
        } else {
            updates += 1;
        }
        estate.template(30 + (round % 1000) as u32, "");
        proxy.set(Weather::fair());
        let at = mixed(seed, round) as usize % calls;
        if kill_at(start(&estate, &proxy.url, &DEPLOY), &proxy, at) {
            killed += 1;
        } else {
            calls = proxy.calls().0.max(1);
        }
        match creates {
            true => converges(&endpoint, &estate, "CREATE_COMPLETE", "CREATE_IN_PROGRESS", 1, round),
            false => converges(&endpoint, &estate, "UPDATE_COMPLETE", "UPDATE_IN_PROGRESS", updates, round),
        }
    }
    println!("{killed} of {kills} runs were killed, the others had come to their end");
    assert!(killed * 2 > kills, "{killed} of {kills}");
}

/// Waits until a run has the lock.
fn locked(proxy: &Proxy, child: &mut Child) {
    while proxy.count("s3 PUT /metanet-artifacts-123456789012-eu-west-1/locks") == 0 {
        assert!(child.try_wait().unwrap().is_none(), "the deploy ended without a lock");
        yield_now();
    }
}

#[test]
fn of_two_deploys_at_once_one_is_refused_with_owner_and_age_and_nothing_is_interleaved() {
    let (endpoint, estate) = (Endpoint::start(60, &["--enforce-iam"]), Estate::new(6));
    bootstrapped(&endpoint, &estate);
    let proxy = Proxy::start(&endpoint.url);
    // A term that no busy machine outlasts.
    let deploy = |url: &str| {
        let mut command = tenantry(&estate, url, &["deploy", "--all", "--yes"]);
        command.env("TENANTRY_LOCK_SECONDS", "60");
        command
    };
    let mut first = deploy(&proxy.url).spawn().unwrap();
    locked(&proxy, &mut first);
    // The first sees no stack end before the second has been refused.
    let faults = vec![Fault::Throttled];
    proxy.set(Weather { seed: 1, share: 1000, faults, spared: 0, operation: "DescribeStacks" });
    let said = ["account 123456789012 is locked by ann@", "deploy of plan", "tenantry unlock 123456789012"];
    Ran::of(deploy(&endpoint.url).output().unwrap()).must(3).said(&said);
    proxy.set(Weather::fair());
    Ran::of(first.wait_with_output().unwrap()).must(0);
    for (name, status) in stacks(&endpoint.url) {
        assert_eq!((status.as_str(), begun(&endpoint.url, &name, "CREATE_IN_PROGRESS")), ("CREATE_COMPLETE", 1));
    }
    Ran::of(deploy(&endpoint.url).output().unwrap()).must(0);
    // Offboarding takes the same lock: that of a run that was killed is held until its term is over.
    estate.template(31, "");
    proxy.set(Weather::fair());
    let mut killed = deploy(&proxy.url).spawn().unwrap();
    locked(&proxy, &mut killed);
    killed.kill().unwrap();
    killed.wait().unwrap();
    let destroy = run(&estate, &endpoint.url, &["destroy", "t00", "--confirm", "t00"]);
    destroy.must(3).said(&["account 123456789012 is locked by ann@"]);
}

#[test]
fn a_run_whose_lock_is_taken_away_stops_and_the_next_goes_on() {
    let (endpoint, estate) = (Endpoint::start(2000, &[]), Estate::new(3));
    bare_account(&endpoint);
    let proxy = Proxy::start(&endpoint.url);
    let mut first = start(&estate, &proxy.url, &["deploy", "--all", "--yes"]);
    locked(&proxy, &mut first);
    // It has begun something, and so has something to write into the journal.
    while !stacks(&endpoint.url).iter().any(|(_, status)| status == "CREATE_IN_PROGRESS") {
        assert!(first.try_wait().unwrap().is_none(), "the deploy ended before a stack began");
        yield_now();
    }
    let shown = run(&estate, &endpoint.url, &["unlock", "123456789012"]);
    shown.must(3).said(&["cannot ask for approval"]);
    let taken = run(&estate, &endpoint.url, &["unlock", "123456789012", "--yes"]).must(0);
    assert!(taken.out.contains("unlocked, it was locked by ann@"), "{}", taken.out);
    Ran::of(first.wait_with_output().unwrap()).must(4).said(&["another run has taken the lock"]);
    run(&estate, &endpoint.url, &["deploy", "--all", "--yes"]).must(0);
    let journal = run(&estate, &endpoint.url, &["journal"]).must(0);
    assert!(journal.out.contains("3 of 3 stacks done") && journal.out.lines().count() == 2, "{}", journal.out);
}
