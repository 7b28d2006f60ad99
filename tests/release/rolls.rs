//! Rolling, on the local endpoint. Each test has an organisation of its own.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use super::estate::{Estate, accepted};

const GATES: &str = "gates: [alarms, queue-depth, drift, stack-state]";

fn rings(of_early: &str) -> String {
    format!(
        "  - {{ name: canary, bake: 1h, {GATES} }}
  - {{ name: early, bake: 1h, {GATES}{of_early} }}
  - {{ name: general, bake: 1h, {GATES} }}
"
    )
}

fn fleet(releases: [&str; 4]) -> Vec<(String, String)> {
    let names = ["acme", "bolt", "cube", "dora"];
    names.into_iter().zip(releases).map(|(name, release)| (name.to_owned(), release.to_owned())).collect()
}

fn roll_for_an_hour(accepted: &[String]) -> Vec<&str> {
    let arguments = ["release", "roll", "v1", "--yes", "--bake", "1h"].into_iter();
    arguments.chain(accepted.iter().map(String::as_str)).collect()
}

/// A small estate with its control plane, and a first release to roll.
fn ready(organisation: &str, rings: &str) -> Estate {
    let estate = Estate::small(organisation, rings);
    estate.release("v1");
    estate.bootstrap();
    estate
}

/// The whole story: v1 everywhere, v2 halts in the second ring and its wave goes back, the cause is removed, v2 goes on.
#[test]
fn a_red_gate_in_the_second_ring_takes_its_wave_back_and_leaves_the_others() {
    let estate = ready("story", &rings(", waves: [1]"));
    estate.online(&["release", "plan", "v1"]).expect(2, &["ring early, wave 2 of 2", "create"]);
    estate.roll(&["roll", "v1"]).expect(0, &["release v1: done", "ring early, wave 1 of 2: passed"]);
    assert_eq!(estate.releases(), fleet(["v1"; 4]));
    estate.roll(&["roll", "v1"]).expect(0, &["up to date"]);
    estate.online(&["release", "plan", "v1"]).expect(0, &[]);
    estate.online(&["release", "status"]).expect(0, &["release v1: 4 tenants", "the roll of v1 is done"]);

    estate.edit("templates/tenant.yaml.tera", "VisibilityTimeout: 100", "VisibilityTimeout: 200");
    estate.release("v2");
    estate.alarm("cube", "ALARM");
    // A gate that fails before a wave stops it before it is deployed.
    let refused = estate.roll(&["roll", "v2"]);
    refused.expect(
        3,
        &["release v2: refused before ring early, wave 2 of 2", "`story-cube-Ingest-throttles` is in ALARM"],
    );
    assert_eq!(estate.releases(), fleet(["v2", "v2", "v1", "v1"]));
    let halted = estate.roll(&["roll", "v2", "--override-gates", "it mends the alarm"]);
    halted.expect(3, &["release v2: halted in ring early, wave 2 of 2", "`story-cube-Ingest-throttles` is in ALARM"]);
    halted.expect(3, &["cube rolled back to v1"]);
    assert_eq!(estate.releases(), fleet(["v2", "v2", "v1", "v1"]));
    let status = estate.online(&["release", "status"]);
    status.expect(2, &["the roll of v2 is halted in ring early, wave 2 of 2", "taken back", "not reached"]);
    status.expect(2, &["release v1: 2 tenants, 1 commit and 1 file from v2"]);
    estate.online(&["report", "--html", "site"]).expect(0, &["5 pages written"]);
    let page = std::fs::read_to_string(estate.path("site/index.html")).unwrap();
    assert!(
        page.contains("is halted in ring early, wave 2 of 2: ") && page.contains("cube rolled back to v1"),
        "{page}"
    );
    // Nothing goes on by itself, and nothing else begins over it unseen.
    estate.roll(&["roll", "v2"]).expect(3, &["halted", "release resume"]);

    estate.alarm("cube", "OK");
    estate.roll(&["resume"]).expect(0, &["release v2: done"]);
    assert_eq!(estate.releases(), fleet(["v2"; 4]));

    // By hand, everything that the roll changed goes back to where it came from.
    estate.online(&["release", "rollback", "--yes"]).expect(0, &["acme: v2 -> v1"]);
    assert_eq!(estate.releases(), fleet(["v1"; 4]));
    estate.online(&["release", "rollback", "v1", "--yes"]).expect(0, &["where it should go"]);
    // Forward is not back: neither to what was left, nor to what was never rolled.
    estate.release("v3");
    for release in ["v2", "v3"] {
        let forward = estate.online(&["release", "rollback", release, "--yes"]);
        forward.expect(3, &[&format!("has not run `{release}` before"), &format!("`tenantry release roll {release}`")]);
    }
    assert_eq!(estate.releases(), fleet(["v1"; 4]));
    // Every roll and rollback is in the journal, with the reasons that it was given.
    let rolled = estate.run(&["journal"]);
    rolled.expect(0, &["release roll of release v1", "release resume of release v2", "release rollback"]);
    let runs = std::fs::read_dir(estate.path(".tenantry/journal")).unwrap();
    let runs: String = runs.map(|run| std::fs::read_to_string(run.unwrap().path()).unwrap()).collect();
    assert!(runs.contains("small templates") && runs.contains("it mends the alarm"), "{runs}");
}

#[test]
fn tenants_that_come_and_go_are_neither_stranded_nor_in_the_way() {
    let estate = ready("coming", &rings(""));
    estate.roll(&["roll", "v1"]).expect(0, &[]);
    // v2 has eve, and no dora.
    std::fs::remove_file(estate.path("tenants/dora.yaml")).unwrap();
    estate.tenant("eve", "general", 5, 0.5);
    estate.edit("templates/tenant.yaml.tera", "VisibilityTimeout: 100", "VisibilityTimeout: 200");
    estate.release("v2");
    let stays = "not touched: coming-dora (123456789012 in eu-west-1): CREATE_COMPLETE, release v1, ";
    let named = [stays, "USD a month; release v2 has no tenant `dora`", "1 stack not named by release v2"];
    estate.online(&["release", "plan", "v2"]).expect(2, &[&named[..], &["eve"]].concat());
    let places = "'coming-artifacts-123456789012-eu-west-1', 'Key': 'estate/places.json'";
    estate.aws(&format!("client('s3').delete_object(**{{'Bucket': {places}}})"));
    estate.roll(&["roll", "v2"]).expect(0, &[&named[..], &["release v2: done"]].concat());
    estate.aws(&format!("assert b'eu-west-1' in client('s3').get_object(**{{'Bucket': {places}}})['Body'].read()"));
    let orphaned = ["orphaned: coming-dora (123456789012 in eu-west-1)", "git has no tenant `dora`", "USD a month"];
    estate.online(&["release", "status"]).expect(2, &orphaned);
    estate.online(&["release", "plan", "v2"]).expect(2, &named);
    let back = estate.online(&["release", "rollback", "--yes", "--why", "v2 loses messages"]);
    back.expect(0, &["acme: v2 -> v1", "eve: stays at v2: it did not exist before this release"]);
    let named = estate.online(&["release", "rollback", "v1", "--yes"]);
    named.expect(0, &["eve: stays at v2", "where it should go"]);
    let journal = estate.run(&["journal", "last"]);
    journal.expect(0, &["--why: v2 loses messages", "release rollback"]);
    // Another place is a move, which no rollback makes and none reports as done.
    estate.roll(&["roll", "v2", "--supersede"]).expect(0, &[]);
    estate.edit(
        "tenants/fleet.yaml",
        "regions:\n",
        "regions:\n  us-east-1: { zones: [use1-az1, use1-az2], s3_prefix_list: pl-63a5400a }\n",
    );
    estate.edit("tenants/acme.yaml", "region: eu-west-1", "region: us-east-1");
    let moved = estate.online(&["release", "rollback", "v1", "--yes"]);
    moved.expect(3, &["acme: it has moved: its stack in account 123456789012 in eu-west-1 has release `v2`"]);
    // Which release a tenant runs is unknown where no stack can be read; nothing is rolled back then.
    estate.deny("DescribeStacks", "us-east-1");
    let unread = estate.online(&["release", "rollback", "v1", "--yes"]);
    unread.expect(4, &["the stack of `acme` cannot be read: ", "AccessDenied"]);
}

#[test]
fn an_alarm_that_the_blueprint_ignores_turns_no_gate_red() {
    let estate = Estate::small("ignoring", &rings(""));
    let blueprint = include_str!("../../templates/blueprint.yaml");
    let ignoring = "\nwatch:\n  ignored_alarms: [IngestThrottleAlarm]\n";
    estate.write("templates/blueprint.yaml", &blueprint.replace("\nwatch:\n", ignoring));
    // A stack whose every alarm is ignored has none, and its gate is unknown.
    let template = estate.read("templates/tenant.yaml.tera");
    let alarm = &template[template.find("  IngestThrottleAlarm:").unwrap()..template.find("  ReleaseRecord:").unwrap()];
    let other = alarm.replace("IngestThrottleAlarm", "ParkedAlarm").replace("Ingest-throttles", "parked");
    estate.edit("templates/tenant.yaml.tera", "  ReleaseRecord:", &format!("{other}  ReleaseRecord:"));
    estate.release("v1");
    estate.bootstrap();
    estate.roll(&["roll", "v1"]).expect(0, &["release v1: done"]);
    estate.edit("templates/tenant.yaml.tera", "VisibilityTimeout: 100", "VisibilityTimeout: 200");
    estate.release("v2");
    estate.alarm("cube", "ALARM");
    estate.roll(&["roll", "v2"]).expect(0, &["release v2: done"]);
    assert_eq!(estate.releases(), fleet(["v2"; 4]));
}

#[test]
fn what_is_deployed_by_hand_during_a_roll_holds_it_until_somebody_has_seen_it() {
    let estate = ready("byhand", &rings(""));
    estate.roll(&["roll", "v1"]).expect(0, &[]);
    estate.release("v2");
    estate.release("v3");
    let accepted = accepted();
    let mut arguments = vec!["release", "roll", "v2", "--yes", "--bake", "1h"];
    arguments.extend(accepted.iter().map(String::as_str));
    let mut runner = estate.online_command(&arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(runner.stderr.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("bakes until")));
    let mut deploy = vec!["deploy", "dora", "--release", "v3", "--yes"];
    deploy.extend(accepted.iter().map(String::as_str));
    estate.online(&deploy).expect(0, &["warning: release v2 is being rolled"]);
    runner.kill().unwrap();
    runner.wait().unwrap();
    let held = estate.roll(&["roll", "v2", "--take-over"]);
    held.expect(4, &["dora was deployed by hand since this roll was asked for (release `v3`)", "release resume"]);
    assert_eq!(estate.releases(), fleet(["v2", "v2", "v2", "v3"]));
    estate.roll(&["resume"]).expect(0, &["release v2: done"]);
    assert_eq!(estate.releases(), fleet(["v2"; 4]));
}

#[test]
fn a_gate_that_cannot_be_read_holds_the_wave_and_undoes_nothing() {
    let answer = tempfile::NamedTempFile::new().unwrap();
    let says = |code: &str| std::fs::write(answer.path(), code).unwrap();
    let script = format!("exit $(cat {})", answer.path().display());
    let estate = ready("unread", &rings(&format!(", commands: [{{ name: smoke, run: [/bin/sh, -c, '{script}'] }}]")));
    says("0");
    estate.roll(&["roll", "v1"]).expect(0, &[]);
    estate.release("v2");
    says("7");
    estate.roll(&["roll", "v2"]).expect(4, &["release v2: held", "gate `smoke` of bolt is unknown"]);
    assert_eq!(estate.releases(), fleet(["v2", "v2", "v2", "v1"]));
    says("0");
    estate.roll(&["roll", "v2"]).expect(0, &["release v2: done"]);
    estate.release("v3");
    says("1");
    estate.roll(&["roll", "v3"]).expect(3, &["gate `smoke` of bolt failed", "bolt rolled back to v2"]);
    assert_eq!(estate.releases(), fleet(["v3", "v2", "v2", "v2"]));
    says("0");
    estate.alarm("dora", "INSUFFICIENT_DATA");
    estate.roll(&["resume"]).expect(4, &["gate `alarms` of dora is unknown"]);
    estate.alarm("dora", "OK");
    estate.park("dora");
    estate.roll(&["roll", "v3"]).expect(3, &["gate `queue-depth` of dora failed"]);
}

#[test]
fn a_run_killed_in_a_bake_goes_on_where_it_was_and_a_second_one_is_refused() {
    let estate = ready("killed", &rings(""));
    let mut first = estate
        .online_command(&roll_for_an_hour(&accepted()))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(first.stderr.take().unwrap()).lines();
    let mut lines = lines.map_while(Result::ok);
    assert!(lines.any(|line| line.contains("ring canary, wave 1 of 1: bakes until")), "it never baked");
    estate.roll(&["roll", "v1"]).expect(3, &["is being rolled by"]);
    estate.release("v2");
    estate.roll(&["roll", "v2"]).expect(3, &["is being rolled by"]);
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(estate.releases(), fleet(["v1", "-", "-", "-"]));
    // Its lease still stands; then it has ended, and the wave is not deployed again but its bake goes on.
    estate.roll(&["roll", "v1"]).expect(3, &["--take-over"]);
    estate.roll(&["roll", "v2", "--lease", "0s"]).expect(3, &["unfinished", "--supersede"]);
    let second = estate.roll(&["roll", "v1", "--take-over"]);
    second.expect(0, &["release v1 resumed", "release v1: done"]);
    assert!(!second.stderr.contains("ring canary, wave 1 of 1: deploying"), "{second:#?}");
    assert_eq!(estate.releases(), fleet(["v1"; 4]));
}

#[test]
fn a_pause_ends_the_runner_and_a_resume_goes_on() {
    let estate = ready("paused", &rings(""));
    estate.online(&["release", "pause", "--why", "nothing there"]).expect(3, &["there is no roll"]);
    let mut runner = estate
        .online_command(&roll_for_an_hour(&accepted()))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(runner.stderr.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("bakes until")));
    estate.online(&["release", "pause", "--why", "incident 7"]).expect(0, &["is paused: incident 7"]);
    assert_eq!(runner.wait().unwrap().code(), Some(4));
    estate.roll(&["roll", "v1"]).expect(3, &["paused by", "incident 7", "resume"]);
    estate.online(&["release", "status"]).expect(2, &["the roll of v1 is paused by"]);
    estate.roll(&["resume", "v1"]).expect(0, &["release v1: done"]);
    // Who was offboarded is in the tag still, and passed over by its roll.
    let gone = estate.online(&["destroy", "dora", "--confirm", "dora"]);
    gone.expect(0, &["dora is offboarded in tenants/fleet.yaml"]);
    estate.release("v2");
    estate.online(&["release", "plan", "v2"]).expect(2, &["dora", "offboarded"]);
    estate.roll(&["roll", "v2"]).expect(0, &["release v2: done"]);
    assert_eq!(estate.releases(), fleet(["v2", "v2", "v2", "-"]));
    estate.roll(&["roll", "v2"]).expect(0, &["up to date"]);
    // Without its file, too: an older tag has it.
    std::fs::remove_file(estate.path("tenants/dora.yaml")).unwrap();
    estate.commit("dora is gone");
    estate.roll(&["roll", "v1", "--supersede"]).expect(0, &["release v1: done"]);
    assert_eq!(estate.releases(), fleet(["v1"; 4])[..3]);
}

#[test]
fn a_failed_deploy_takes_its_wave_back_and_says_why() {
    let estate = ready("failed", &rings(""));
    estate.roll(&["roll", "v1"]).expect(0, &[]);
    // A queue of the second ring is gone behind CloudFormation's back, and v2 wants to change it.
    estate.aws(
        "sqs = client('sqs')\n\
         sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=f'{organisation}-cube-ingest-retry')['QueueUrl'])",
    );
    estate.edit("templates/tenant.yaml.tera", "VisibilityTimeout: 100", "VisibilityTimeout: 200");
    estate.release("v2");
    let run = estate.roll(&["roll", "v2"]);
    run.expect(1, &["release v2: halted in ring early, wave 1 of 1", "cube"]);
    assert_eq!(estate.releases(), fleet(["v2", "v1", "v1", "v1"]));
}

#[test]
fn two_shards_wait_for_each_other_after_every_wave() {
    let estate = ready("shards", &rings(""));
    let shard = |shard: &str| {
        let accepted = accepted();
        let arguments = ["release", "roll", "v1", "--yes", "--bake", "0s", "--shard", shard].into_iter();
        let arguments: Vec<&str> = arguments.chain(accepted.iter().map(String::as_str)).collect();
        let mut command = estate.online_command(&arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let (one, two) = (shard("1/2"), shard("2/2"));
    for runner in [one, two] {
        let output = runner.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(estate.releases(), fleet(["v1"; 4]));
    estate.roll(&["roll", "v1"]).expect(0, &["up to date"]);
    let journal = estate.status()["roll"]["journal"].clone();
    assert_eq!(journal.as_array().unwrap().iter().filter(|entry| entry["step"] == "began").count(), 1);
}

#[test]
fn a_closed_window_defers_its_tenants_and_says_until_when() {
    let frozen = "freezes:\n  - { name: audit, from: 2020-01-01, to: 2199-12-31, rings: [early] }\n";
    let estate = ready("frozen", &format!("{}{frozen}", rings("")));
    estate.online(&["release", "plan", "v1"]).expect(2, &["never (freeze `audit`)"]);
    let deferred = estate.roll(&["roll", "v1", "--defer"]);
    deferred.expect(4, &["release v1: deferred bolt, cube"]);
    assert_eq!(estate.releases(), fleet(["v1", "-", "-", "-"]));
    let forced = estate.roll(&["roll", "v1", "--override-windows", "the auditors agree"]);
    forced.expect(0, &["windows and freezes are overridden: the auditors agree", "release v1: done"]);
}

#[test]
fn a_window_that_opens_soon_is_waited_for() {
    let estate = Estate::small("windowed", &rings(""));
    estate.bootstrap();
    // At a full minute in the tenants' own time zone, at least a minute from now, and before anything else is done: a
    // slow machine has that minute to cut the release and to plan it.
    let zone = jiff::tz::TimeZone::get("Europe/Zagreb").unwrap();
    let clock = |minutes| {
        let at = jiff::Timestamp::now().saturating_add(jiff::SignedDuration::from_mins(minutes)).unwrap();
        at.to_zoned_datetime(zone.clone()).strftime("%H:%M").to_string()
    };
    let (opens, closes) = (clock(2), clock(122));
    let ring = "{ name: canary, bake: 1h";
    estate.edit("tenants/fleet.yaml", ring, &format!("{ring}, window: {{ from: \"{opens}\", to: \"{closes}\" }}"));
    estate.release("v1");
    let rolled = estate.roll(&["roll", "v1"]);
    rolled.expect(0, &["waiting until", "for acme", &format!("window {opens} to {closes}"), "release v1: done"]);
    assert_eq!(estate.releases(), fleet(["v1"; 4]));
}

#[test]
fn a_stack_that_somebody_changed_by_hand_turns_the_drift_gate_red_unless_that_is_accepted() {
    let estate = ready("drifted", &rings(""));
    estate.roll(&["roll", "v1"]).expect(0, &[]);
    estate.aws(
        "sqs = client('sqs')\n\
         url = sqs.get_queue_url(QueueName=f'{organisation}-dora-ingest-retry')['QueueUrl']\n\
         sqs.set_queue_attributes(QueueUrl=url, Attributes={'VisibilityTimeout': '999'})",
    );
    estate.release("v2");
    let halted = estate.roll(&["roll", "v2"]);
    halted.expect(3, &["gate `drift` of dora failed: `IngestRetryQueue` differs at `/VisibilityTimeout`"]);
    halted.expect(3, &["dora rolled back to v1"]);
    assert_eq!(estate.releases(), fleet(["v2", "v2", "v2", "v1"]));
    let until = jiff::Timestamp::now().saturating_add(jiff::SignedDuration::from_hours(720)).unwrap();
    let until = until.strftime("%Y-%m-%d");
    let accepted = format!(
        "accepted:\n  - {{ tenant: dora, resource: IngestRetryQueue, path: /VisibilityTimeout, reason: a trial, \
         until: {until} }}\n"
    );
    estate.write("policies/drift-accepted.yaml", &accepted);
    estate.release("v3");
    estate.roll(&["roll", "v3", "--supersede"]).expect(0, &["release v3: done"]);
    assert_eq!(estate.releases(), fleet(["v3"; 4]));
}

#[test]
fn what_cannot_be_rolled_is_refused_before_anything_changes() {
    let estate = ready("refused", &format!("{}  - {{ name: spare, bake: 1h }}\n", rings("")));
    estate.roll(&["roll", "v1"]).expect(3, &["ring `spare` has no tenants"]);
    estate
        .online(&["release", "roll", "v1", "--allow-empty-rings", "--yes"])
        .expect(3, &["blocking findings", "TN4501"]);
    estate.roll(&["roll", "v0"]).expect(1, &["there is no tag `v0`"]);
    estate.roll(&["roll", "v1", "--allow-empty-rings"]).expect(0, &[]);
    // The tag moves after it was rolled.
    estate.edit("tenants/acme.yaml", "0.5", "0.6");
    estate.commit("more");
    estate.git(&["tag", "--force", "v1"]);
    estate.roll(&["roll", "v1", "--allow-empty-rings"]).expect(3, &["first rolled", "the tag has moved"]);
    estate.online(&["release", "rollback", "v1", "--yes"]).expect(0, &["where it should go"]);
    // A release whose functions are neither here nor in the bucket.
    estate.edit("pipeline/functions.lock.json", "\"bytes\":", "\"bytes\": ");
    let lock = estate.read("pipeline/functions.lock.json");
    let sha = lock.split("sha256\":\"").nth(1).unwrap()[..64].to_owned();
    estate.write("pipeline/functions.lock.json", &lock.replace(&sha, &"0".repeat(64)));
    estate.release("v2");
    let gone = estate.roll(&["roll", "v2", "--allow-empty-rings"]);
    gone.expect(3, &["release `v2` needs `functions/000", "which is gone from"]);
    estate.online(&["release", "rollback", "v2", "--yes"]).expect(3, &["there is no way back", "has not run `v2`"]);
    assert_eq!(estate.releases(), fleet(["v1"; 4]));
}

#[test]
fn without_a_control_plane_nothing_is_rolled() {
    let estate = Estate::small("nowhere", &rings(""));
    estate.release("v1");
    let run = estate.roll(&["roll", "v1"]);
    assert_eq!(run.code, 1, "{run:#?}");
    estate.online(&["release", "status"]).expect(1, &["no account could be entered"]);
}
