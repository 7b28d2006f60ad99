//! What the command line says and does when AWS refuses, and that running again continues.

use std::process::Command;
use std::thread::yield_now;

use super::bare_account;
use super::binary::{Ran, ask, begun, run, stacks, start, tenantry};
use super::estate::{Estate, big};
use super::proxy::{Fault, Proxy, Weather};
use crate::process::Endpoint;

const DEPLOY: [&str; 3] = ["deploy", "--all", "--yes"];

fn always(fault: Fault, spared: usize, operation: &'static str) -> Weather {
    Weather { seed: 0, share: 1000, faults: vec![fault], spared, operation }
}

fn set_up(tenants: usize, step_ms: u32) -> (Endpoint, Estate) {
    let endpoint = Endpoint::start(step_ms, &[]);
    bare_account(&endpoint);
    (endpoint, Estate::new(tenants))
}

#[test]
fn what_is_wrong_with_credentials_roles_and_the_network_is_distinguished() {
    let (endpoint, estate) = set_up(2, 5);
    let proxy = Proxy::start(&endpoint.url);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let cases = [
        (Some(Fault::Refused(403, "InvalidClientTokenId")), "AWS does not know these credentials"),
        (Some(Fault::Refused(403, "ExpiredToken")), "the session has expired: sign in again"),
        (Some(Fault::Refused(403, "AccessDenied")), "does not allow GetCallerIdentity"),
        (None, "cannot be reached: connection refused"),
    ];
    for (fault, hint) in cases {
        let url = match fault {
            Some(fault) => {
                proxy.set(always(fault, 0, ""));
                &proxy.url
            }
            None => &closed,
        };
        for command in [&["plan", "--all"][..], &DEPLOY] {
            // No account could be entered.
            let ran = run(&estate, url, command).must(1);
            assert!(ran.out.contains("2 tenants: t00, t01: unknown") && ran.out.contains(hint), "{hint}: {}", ran.out);
        }
    }
    assert_eq!(stacks(&endpoint.url), []);
    run(&estate, &endpoint.url, &DEPLOY).must(0);
}

#[test]
fn functions_without_a_zip_are_named_before_aws_is_asked() {
    let (endpoint, estate) = set_up(1, 5);
    let mut command = tenantry(&estate, &endpoint.url, &["plan", "--all"]);
    let ran = Ran::of(command.env("TENANTRY_FUNCTIONS", estate.root().join("nowhere")).output().unwrap()).must(2);
    ran.said(&["nowhere` has no zip of ", "help: `tenantry functions fetch`"]);
    assert!(!run(&estate, &endpoint.url, &["plan", "--all"]).must(2).err.contains("has no zip"));
}

#[test]
fn a_role_that_may_not_be_assumed_is_named() {
    let (endpoint, estate) = set_up(1, 5);
    let fleet = std::fs::read_to_string(estate.root().join("tenants/fleet.yaml")).unwrap();
    estate.write("tenants/fleet.yaml", &fleet.replace(r#""name":"one""#, r#""name":"one","role":"deployer""#));
    let proxy = Proxy::start(&endpoint.url);
    proxy.set(always(Fault::Refused(403, "AccessDenied"), 0, "AssumeRole"));
    let ran = run(&estate, &proxy.url, &DEPLOY).must(1);
    for part in
        ["the role could not be assumed (AccessDenied", "check `role` and `external_id` of account 123456789012"]
    {
        assert!(ran.out.contains(part), "{}", ran.out);
    }
}

#[test]
fn credentials_that_end_in_the_middle_end_the_run_and_the_next_goes_on() {
    let (endpoint, estate) = set_up(4, 5);
    let proxy = Proxy::start(&endpoint.url);
    proxy.set(Weather::fair());
    run(&estate, &proxy.url, &["plan", "--all"]).must(2);
    // The plan is made; the credentials end while it is executed.
    let spared = proxy.calls().0;
    proxy.set(always(Fault::Expired, spared, ""));
    run(&estate, &proxy.url, &DEPLOY).must(1).said(&["the session has expired"]);
    run(&estate, &endpoint.url, &[&DEPLOY[..], &["--wait-for-lock", "30"]].concat()).must(0);
    for (name, status) in stacks(&endpoint.url) {
        assert_eq!((status.as_str(), begun(&endpoint.url, &name, "CREATE_IN_PROGRESS")), ("CREATE_COMPLETE", 1));
    }
}

#[test]
fn a_creation_that_failed_names_resource_and_reason_and_is_made_anew() {
    let (endpoint, estate) = set_up(3, 5);
    let taken = "  Taken:\n    Type: AWS::SSM::Parameter\n    Properties:\n      \
                 Name: \"aws-{{ names.prefix }}\"\n      Type: String\n      Value: x\n";
    estate.template(30, taken);
    let said = ["failed (ROLLBACK_COMPLETE): Taken: Resource handler returned message"];
    run(&estate, &endpoint.url, &[&DEPLOY[..], &["--concurrency", "1"]].concat()).must(1).said(&said);
    let found = stacks(&endpoint.url);
    assert_eq!(
        found.iter().filter(|(_, status)| status == "ROLLBACK_COMPLETE").count(),
        1,
        "one failure ends it: {found:?}"
    );
    run(&estate, &endpoint.url, &[&DEPLOY[..], &["--max-failures", "100%"]].concat()).must(1);
    let found = stacks(&endpoint.url);
    assert_eq!(
        found.iter().filter(|(_, status)| status == "ROLLBACK_COMPLETE").count(),
        2,
        "all were tried, and the first one's leftovers deleted: {found:?}"
    );
    estate.template(30, "");
    let plan = run(&estate, &endpoint.url, &["plan", "--all"]).must(2);
    assert!(
        plan.out.contains("2 tenants: t01, t02 (1 account, 1 region): delete the stack whose creation failed"),
        "{}",
        plan.out
    );
    run(&estate, &endpoint.url, &DEPLOY).must(0);
    assert!(stacks(&endpoint.url).iter().all(|(_, status)| status == "CREATE_COMPLETE"));
}

#[test]
fn an_update_that_somebody_else_makes_is_reported_and_left_alone() {
    let (endpoint, estate) = set_up(1, 5);
    run(&estate, &endpoint.url, &DEPLOY).must(0);
    drop(endpoint);
    // The same account with slow stacks: made again there, then changed by hand.
    let (endpoint, _) = set_up(1, 500);
    run(&estate, &endpoint.url, &DEPLOY).must(0);
    let body = "Resources: {Q: {Type: 'AWS::SQS::Queue'}}";
    let fields =
        [("Action", "UpdateStack"), ("Version", "2010-05-15"), ("StackName", "metanet-t00"), ("TemplateBody", body)];
    let answer = ask(&endpoint.url, "cloudformation", &fields);
    assert!(answer.contains("StackId"), "{answer}");
    let deploy = run(&estate, &endpoint.url, &DEPLOY).must(3);
    assert!(deploy.out.contains("another operation is in progress"), "{}", deploy.out);
    assert_eq!(begun(&endpoint.url, "metanet-t00", "UPDATE_IN_PROGRESS"), 1, "theirs and none of ours");
}

#[test]
fn a_function_that_is_not_what_its_name_says_is_not_sent() {
    let (endpoint, estate) = set_up(1, 5);
    for zip in std::fs::read_dir(&estate.zips).unwrap() {
        std::fs::write(zip.unwrap().path(), "another").unwrap();
    }
    let deploy = run(&estate, &endpoint.url, &DEPLOY).must(1);
    assert!(deploy.out.contains("its SHA-256 is"), "{}", deploy.out);
    assert!(stacks(&endpoint.url).iter().all(|(_, status)| status == "REVIEW_IN_PROGRESS"), "nothing was made of it");
}

#[test]
fn a_change_set_that_cannot_be_made_is_told_and_stops_no_other_tenant() {
    let (endpoint, estate) = set_up(2, 5);
    let proxy = Proxy::start(&endpoint.url);
    proxy.set(always(Fault::Refused(400, "ValidationError"), 0, "CreateChangeSet"));
    let ran = run(&estate, &proxy.url, &["plan", "--all"]).must(4);
    assert!(ran.out.contains("CreateChangeSet on `metanet-t00` failed"), "{}", ran.out);
    run(&estate, &endpoint.url, &DEPLOY).must(0);
}

#[test]
fn without_an_artifacts_bucket_bootstrap_is_asked_for() {
    let (endpoint, estate) = set_up(1, 5);
    crate::process::control(&endpoint.url, "/_tenantry/reset", "");
    run(&estate, &endpoint.url, &DEPLOY).must(1).said(&["has no control plane in eu-west-1", "tenantry bootstrap"]);
    estate.template(30, &big());
    let ran = run(&estate, &endpoint.url, &["plan", "--all"]).must(4);
    assert!(ran.out.contains("there is no artifacts bucket: run `tenantry bootstrap`"), "{}", ran.out);
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_nothing_behind_that_the_next_run_does_not_finish() {
    let (endpoint, estate) = set_up(4, 300);
    let proxy = Proxy::start(&endpoint.url);
    proxy.set(Weather::fair());
    let mut first = start(&estate, &proxy.url, &[&DEPLOY[..], &["--concurrency", "2"]].concat());
    while proxy.count("ExecuteChangeSet") == 0 {
        assert!(first.try_wait().unwrap().is_none(), "it ended before anything was executed");
        yield_now();
    }
    assert!(Command::new("kill").args(["-INT", &first.id().to_string()]).status().unwrap().success());
    let ran = Ran::of(first.wait_with_output().unwrap());
    assert!(matches!(ran.code, Some(1 | 4)), "{:?}\n{}\n{}", ran.code, ran.out, ran.err);
    ran.said(&["stopping: operations in AWS continue; run the same command again"]);
    // The lock was given back: nobody waits for it.
    let next = Ran::of(tenantry(&estate, &endpoint.url, &["deploy", "--resume", "--yes"]).output().unwrap());
    next.must(0);
    for (name, status) in stacks(&endpoint.url) {
        assert_eq!((status.as_str(), begun(&endpoint.url, &name, "CREATE_IN_PROGRESS")), ("CREATE_COMPLETE", 1));
    }
    assert_eq!(stacks(&endpoint.url).len(), 4);
}

/// An environment of AppConfig whose deliveries the alarm of the template watches.
const FLAGS: &str = "  FlagApplication:
    Type: AWS::AppConfig::Application
    Properties:
      Name: \"{{ names.prefix }}\"
  FlagEnvironment:
    Type: AWS::AppConfig::Environment
    Properties:
      ApplicationId: !Ref FlagApplication
      Name: tenant
      Monitors:
        - AlarmArn: !GetAtt Depth.Arn
";

#[test]
fn an_alarm_that_goes_off_rolls_an_update_back_and_one_that_rings_already_guards_nothing() {
    let (endpoint, estate) = set_up(1, 300);
    run(&estate, &endpoint.url, &DEPLOY).must(0);
    let ring = |state: &str| {
        let fields = [
            ("Action", "SetAlarmState"),
            ("Version", "2010-08-01"),
            ("AlarmName", "metanet-t00-depth"),
            ("StateValue", state),
            ("StateReason", "test"),
        ];
        ask(&endpoint.url, "monitoring", &fields)
    };
    estate.template(31, "");
    run(&estate, &endpoint.url, &["plan", "--all", "--monitor", "2"]).must(2);
    let first = start(&estate, &endpoint.url, &[&DEPLOY[..], &["--monitor", "2"]].concat());
    while begun(&endpoint.url, "metanet-t00", "UPDATE_IN_PROGRESS") == 0 {
        yield_now();
    }
    ring("ALARM");
    let said = ["failed (UPDATE_ROLLBACK_COMPLETE)", "went into ALARM state", "help: one of the tenant's alarms"];
    Ran::of(first.wait_with_output().unwrap()).must(1).said(&said);
    let plan = run(&estate, &endpoint.url, &["plan", "--all"]).must(2);
    assert!(plan.out.contains("alarm metanet-t00-depth is already in ALARM"), "{}", plan.out);
    estate.template(31, FLAGS);
    let plan = run(&estate, &endpoint.url, &["plan", "--all"]).must(2);
    let said = "alarm metanet-t00-depth is in ALARM: AppConfig rolls the flags back and the update fails";
    assert!(plan.out.contains(said), "{}", plan.out);
    estate.template(31, "");
    run(&estate, &endpoint.url, &DEPLOY).must(0);
}
