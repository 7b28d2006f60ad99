//! Every status of a stack × every command: what is said is true, what is advised works, and commands of the tool alone
//! lead back to a good status. `docs/states.md` is written from what is seen here.
//!
//! `FAULT_STATES=1` destroys from every status, not only from some (`make faults`). `UPDATE_EXPECTED=1` with it, on one
//! thread, writes the document.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tenantry::deploy::State;
use tenantry::deploy::state::{STATUSES, Status};

use super::binary::{Ran, ask, every_stack, run, stacks};
use super::estate::{ACCOUNT, Estate, ORGANISATION};
use super::{bare_account, bootstrapped, number};
use crate::process::{Endpoint, control, printed_by_python};

/// Two queues that every deletion retains, and a topic without a name of its own, which a deletion may fail at.
const KEPT: &str = "  Alert:
    Type: AWS::SNS::Topic
  Kept:
    Type: AWS::SQS::Queue
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties: { QueueName: \"{{ names.prefix }}-kept\" }
  More:
    Type: AWS::SQS::Queue
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties: { QueueName: \"{{ names.prefix }}-more\" }
";

/// A status, what has led to it, and the tenant that has it.
struct Case {
    tenant: String,
    status: &'static str,
    cause: &'static str,
}

impl Case {
    fn stack(&self) -> String {
        format!("{ORGANISATION}-{}", self.tenant)
    }

    /// Whether the stack must exist before it is brought there.
    fn is_deployed(&self) -> bool {
        ["UPDATE", "DELETE", "IMPORT"].iter().any(|start| self.status.starts_with(start))
            || self.status == "CREATE_COMPLETE"
    }

    fn name(&self) -> String {
        if self.cause.is_empty() { self.status.to_owned() } else { format!("{} ({})", self.status, self.cause) }
    }
}

/// Those that can stand for more than one cause.
const AGAIN: [(&str, &str); 4] = [
    ("UPDATE_ROLLBACK_FAILED", "persists"),
    ("ROLLBACK_FAILED", "persists"),
    ("DELETE_FAILED", "persists"),
    ("UPDATE_FAILED", "EXPRESS"),
];

/// Every status with each of its causes, in the order of a stack's life.
fn cases() -> Vec<(&'static str, &'static str)> {
    let of = |status: &'static Status| {
        let again = AGAIN.into_iter().filter(|(name, _)| *name == status.name);
        std::iter::once((status.name, "")).chain(again)
    };
    STATUSES.iter().flat_map(of).collect()
}

struct World {
    endpoint: Endpoint,
    estate: Estate,
    cases: Vec<Case>,
}

impl World {
    /// One tenant in each case, brought there by other hands; `t00` is as git says.
    fn new(cases: &[(&'static str, &'static str)]) -> Self {
        let (endpoint, estate) = (Endpoint::start(1, &["--enforce-iam"]), Estate::new(cases.len() + 1));
        bootstrapped(&endpoint, &estate);
        estate.template(30, KEPT);
        let git = |arguments: &[&str]| {
            let identity = ["-c", "user.name=ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"];
            let git = Command::new("git").current_dir(estate.root()).args(identity).args(arguments).output().unwrap();
            assert!(git.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&git.stderr));
        };
        estate.write(".gitignore", "zips/\n.tenantry/\n");
        git(&["init", "--quiet", "--initial-branch", "main"]);
        git(&["add", "--all"]);
        git(&["commit", "--quiet", "--message", "begin"]);
        git(&["tag", "v1"]);
        let of = |(index, (status, cause)): (usize, &(&'static str, &'static str))| Case {
            tenant: format!("t{:02}", index + 1),
            status,
            cause,
        };
        let cases: Vec<Case> = cases.iter().enumerate().map(of).collect();
        let world = Self { endpoint, estate, cases };
        let first = world.cases.iter().filter(|case| case.is_deployed()).map(|case| case.tenant.as_str());
        let deploy: Vec<&str> = ["deploy", "--yes", "t00"].into_iter().chain(first).collect();
        world.run(&deploy).must(0);
        bring(&world.endpoint.url, &format!("{ORGANISATION}-t00"), &world.cases);
        world
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let release = if matches!(arguments[0], "destroy" | "release") { &[][..] } else { &["--release", "v1"] };
        // The queues are about what is retained, not about what they are for.
        let broken = ["--override", "TN4501=a test", "--override", "TN4807=a test"];
        let accepted = if matches!(arguments[0], "deploy" | "rescue") { &broken[..] } else { &[] };
        run(&self.estate, &self.endpoint.url, &[arguments, release, accepted].concat())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.run(&[arguments, &["--output", "json"]].concat());
        serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", ran.out, ran.err))
    }

    /// Ends what is held, and waits until nothing is in progress.
    fn release(&self) {
        release(&self.endpoint.url, &self.cases);
        for _ in 0..600 {
            let busy =
                |(_, status): &(String, String)| status.ends_with("_IN_PROGRESS") && status != "REVIEW_IN_PROGRESS";
            if !stacks(&self.endpoint.url).iter().any(busy) {
                return;
            }
            std::thread::park_timeout(std::time::Duration::from_millis(20));
        }
        panic!("{:?}", stacks(&self.endpoint.url));
    }

    fn tenants(&self) -> Vec<&str> {
        self.cases.iter().map(|case| case.tenant.as_str()).collect()
    }

    /// Runs what the tool advises until plans have nothing to do; gives the commands of each tenant. Those that a deploy
    /// changes are deployed together.
    fn out(&self) -> BTreeMap<&str, Vec<String>> {
        let mut steps: BTreeMap<&str, Vec<String>> =
            self.tenants().into_iter().map(|name| (name, Vec::new())).collect();
        let mut given: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for _ in 0..8 {
            let plan = self.json(&[&["plan"], &self.tenants()[..]].concat());
            let mut deployed = Vec::new();
            for case in &self.cases {
                let tenant = case.tenant.as_str();
                let stack = by_tenant(&plan["stacks"], tenant);
                match stack["action"]["kind"].as_str().unwrap_or_default() {
                    "nothing" => {}
                    "blocked" => {
                        let advice = stack["action"]["remedy"].as_str().unwrap();
                        assert!(advice.contains(&format!("`tenantry rescue {tenant}`")), "{}: {advice}", case.name());
                        let options: Vec<&str> = given.get(tenant).into_iter().flatten().map(String::as_str).collect();
                        let ran = self.run(&[&["rescue", tenant, "--yes"][..], &options].concat());
                        let text = format!("{}{}", ran.out, ran.err);
                        steps.get_mut(tenant).unwrap().push([&["rescue"][..], &options].concat().join(" "));
                        match ran.code {
                            // What fails again is given up, as the plan says that it can be.
                            Some(1) => given.insert(tenant, advised(&text)).map_or((), drop),
                            Some(0 | 2 | 4) if !options.contains(&"--skip") => {}
                            // What was skipped is called complete and is not: the drift check says so, and mends it.
                            Some(2 | 4) => {
                                assert!(text.contains(" First ") && !text.contains("1 in sync"), "{text}");
                            }
                            code => panic!("{}: rescue {options:?} ended with {code:?}: {text}", case.name()),
                        }
                    }
                    _ => deployed.push(tenant),
                }
            }
            if !deployed.is_empty() {
                let arguments = [&["deploy", "--yes", "--max-failures", "100%"][..], &deployed].concat();
                let ran = self.run(&arguments);
                assert!(matches!(ran.code, Some(0..=2)), "{deployed:?}: {:?}: {}\n{}", ran.code, ran.out, ran.err);
                deployed.iter().for_each(|tenant| steps.get_mut(tenant).unwrap().push("deploy".to_owned()));
            } else if plan["stacks"].as_array().unwrap().iter().all(|stack| stack["action"]["kind"] == "nothing") {
                return steps;
            }
        }
        panic!("no way out: {steps:#?}\n{}", self.run(&[&["plan"], &self.tenants()[..]].concat()).out);
    }
}

/// Brings stacks into the statuses of cases by other hands; `model` is a stack as git says.
fn bring(endpoint: &str, model: &str, cases: &[Case]) {
    let rows: Vec<_> = cases.iter().map(|case| json!([case.stack(), case.status, case.cause])).collect();
    let wanted = json!({ "model": model, "cases": rows });
    let arguments = ["-c", include_str!("states.py"), endpoint, &wanted.to_string()];
    printed_by_python(Command::new("python").args(arguments));
}

/// Ends what is held, and every failure but those that last.
fn release(endpoint: &str, cases: &[Case]) {
    let rules: Vec<Value> = cases.iter().filter(|case| case.cause == "persists").map(forever).collect();
    control(endpoint, "/_tenantry/faults", &Value::from(rules).to_string());
}

/// The failure of a case that lasts.
fn forever(case: &Case) -> Value {
    let rolls = case.status == "UPDATE_ROLLBACK_FAILED";
    let (phase, logical) = if rolls { ("rollback", "First") } else { ("delete", "Alert") };
    json!({ "kind": "resource", "stack": case.stack(), "phase": phase, "logical": logical })
}

/// Options that a text advises in backticks: `--skip First`.
fn advised(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    let options = quoted.filter(|quoted| quoted.starts_with("--skip ") || quoted.starts_with("--retain "));
    let mut found: Vec<String> = Vec::new();
    for option in options {
        let parts: Vec<String> = option.split(' ').map(str::to_owned).collect();
        if !found.contains(&parts[1]) {
            found.extend(parts);
        }
    }
    found
}

fn by_tenant<'v>(rows: &'v Value, tenant: &str) -> &'v Value {
    rows.as_array().unwrap().iter().find(|row| row["tenant"] == tenant).unwrap_or(&Value::Null)
}

/// What each command said, by case and column of the document.
type Said = BTreeMap<String, BTreeMap<&'static str, String>>;

const COLUMNS: [&str; 7] = ["status", "plan, deploy", "release", "status (command)", "drift", "way out", "destroy"];

/// What the commands that look say of each case, in a few words.
fn look(world: &World) -> Said {
    let plan = world.json(&["plan", "--all"]);
    let drift = world.json(&["drift", "--all"]);
    let status = world.json(&["status", "--all"]);
    let release = world.release_plan();
    let mut said = Said::new();
    for case in &world.cases {
        let tenant = case.tenant.as_str();
        let text = |value: &Value| value.as_str().unwrap_or_default().replace(tenant, "TENANT");
        let stack = by_tenant(&plan["stacks"], tenant);
        assert_ne!(*stack, Value::Null, "{} is not planned: {}", case.name(), plan["unknown"]);
        let action = &stack["action"];
        let planned = match (action["kind"].as_str().unwrap(), action["makes"].as_str().unwrap_or_default()) {
            ("nothing", _) => "nothing to do".to_owned(),
            ("apply", "import") => "imports what was retained, then creates the rest".to_owned(),
            ("apply", makes) => format!("{makes}s the stack"),
            ("clear", _) => "deletes what is left, then creates the stack".to_owned(),
            ("blocked", _) if text(&action["remedy"]).contains("tenantry rescue TENANT") => {
                "blocked: rescue".to_owned()
            }
            ("blocked", _) => format!("blocked: {}", text(&action["remedy"])),
            (other, _) => other.to_owned(),
        };
        let found = by_tenant(&drift["stacks"], tenant);
        let remedies = found["differences"].as_array().unwrap().iter().map(|one| text(&one["remedy"]));
        let mut remedies: Vec<String> =
            remedies.map(|remedy| remedy.split(" shows").next().unwrap().to_owned()).collect();
        remedies.sort();
        remedies.dedup();
        let advice = if remedies.is_empty() { String::new() } else { format!(": {}", remedies.join("; ")) };
        let line = by_tenant(&release, tenant);
        let cells = [
            ("plan, deploy", planned),
            ("release", text(&line["action"])),
            ("status (command)", text(&by_tenant(&status["stacks"], tenant)["standing"]["kind"]).replace('-', " ")),
            ("drift", format!("{}{advice}", text(&found["verdict"]).replace('-', " "))),
        ];
        said.insert(case.name(), cells.into());
    }
    said
}

impl World {
    /// The lines of `release plan` for a tag of this estate.
    fn release_plan(&self) -> Value {
        let plan = self.json(&["release", "plan", "v1"]);
        let stages = plan["stages"].as_array().unwrap().iter();
        Value::from_iter(stages.flat_map(|stage| stage["tenants"].as_array().unwrap().clone()))
    }

    /// Runs `destroy` until the stack is gone; gives how.
    fn destroyed(&self, case: &Case) -> String {
        let (tenant, mut given, mut steps) = (case.tenant.as_str(), Vec::new(), Vec::new());
        for _ in 0..3 {
            let options: Vec<&str> = given.iter().map(String::as_str).collect();
            let ran = self.run(&[&["destroy", tenant, "--confirm", tenant][..], &options].concat());
            let text = format!("{}{}", ran.out, ran.err);
            steps.push([&["destroy"][..], &options].concat().join(" "));
            match ran.code {
                Some(0) => return format!("`{}`", steps.join("`, `")),
                Some(1) => given = advised(&text),
                code => panic!("{}: destroy {options:?} ended with {code:?}: {text}", case.name()),
            }
        }
        panic!("{} cannot be destroyed: {steps:?}", case.name());
    }
}

#[test]
fn commands_of_the_tool_lead_out_of_every_status_of_a_stack() {
    let world = World::new(&cases());
    let mut said = look(&world);
    // What is blocked stays as it is.
    let before = stacks(&world.endpoint.url);
    let blocked: Vec<&str> =
        world.cases.iter().filter(|case| is_blocked(case)).map(|case| case.tenant.as_str()).collect();
    world.run(&[&["deploy", "--yes"], &blocked[..]].concat()).must(3);
    assert_eq!(stacks(&world.endpoint.url), before);
    world.release();
    let steps = world.out();
    for case in &world.cases {
        let steps = &steps[case.tenant.as_str()];
        let way = match (steps.is_empty(), is_held(case)) {
            (true, true) => "wait".to_owned(),
            (true, false) => "-".to_owned(),
            (_, true) => format!("wait, `{}`", steps.join("`, `")),
            _ => format!("`{}`", steps.join("`, `")),
        };
        said.get_mut(&case.name()).unwrap().insert("way out", way);
    }
    documented(&said);
}

#[test]
fn a_stack_of_every_status_can_be_destroyed() {
    let all = number("FAULT_STATES", 0) > 0;
    let usual =
        ["REVIEW_IN_PROGRESS", "ROLLBACK_FAILED", "UPDATE_ROLLBACK_FAILED", "DELETE_FAILED", "UPDATE_IN_PROGRESS"];
    let chosen: Vec<_> = cases().into_iter().filter(|(status, _)| all || usual.contains(status)).collect();
    let world = World::new(&chosen);
    for case in world.cases.iter().filter(|case| is_held(case) && !case.status.starts_with("DELETE")) {
        let ran = world.run(&["destroy", &case.tenant, "--confirm", &case.tenant]).must(1);
        ran.said(&["another operation is in progress"]);
    }
    world.release();
    let mut said = Said::new();
    for case in &world.cases {
        let wait = if is_held(case) { "wait, " } else { "" };
        said.insert(case.name(), [("destroy", format!("{wait}{}", world.destroyed(case)))].into());
    }
    documented(&said);
}

/// A control plane of two parameters and what [`KEPT`] has.
const CONTROL_PLANE: &str = r#"AWSTemplateFormatVersion: "2010-09-09"
Resources:
  First:
    Type: AWS::SSM::Parameter
    Properties: { Name: "/{{ fleet.organisation }}/first", Type: String, Value: "1" }
  Second:
    Type: AWS::SSM::Parameter
    Properties: { Name: "/{{ fleet.organisation }}/second", Type: String, Value: "1" }
@KEPT@Outputs:
  TenantryControlPlane: { Value: "2" }
  TenantryRelease: { Value: "{{ release.name }}" }
  TenantryDigest: { Value: "{{ release.digest }}" }
"#;

#[test]
fn commands_of_the_tool_lead_the_control_plane_out_of_every_status() {
    let endpoint = Endpoint::start(1, &[]);
    // The template has no bucket, in which bootstrap writes down where it was.
    bare_account(&endpoint);
    let estate = Estate::new(1);
    let kept = KEPT
        .replace("names.prefix", "names_prefix")
        .replace("{{ names_prefix }}", &format!("{ORGANISATION}-control-plane"));
    estate.write("templates/control-plane.yaml.tera", &CONTROL_PLANE.replace("@KEPT@", &kept));
    let bootstrap = || run(&estate, &endpoint.url, &[&["bootstrap", "--yes"], &ACCEPTED[..]].concat());
    bootstrap().must(0);
    let all = number("FAULT_STATES", 0) > 0;
    let usual = ["ROLLBACK_FAILED", "UPDATE_ROLLBACK_FAILED (persists)", "DELETE_FAILED (persists)"];
    for (status, cause) in cases() {
        let case = Case { tenant: "control-plane".to_owned(), status, cause };
        if is_held(&case) || !all && !usual.contains(&case.name().as_str()) {
            continue;
        }
        bring(&endpoint.url, &case.stack(), std::slice::from_ref(&case));
        release(&endpoint.url, std::slice::from_ref(&case));
        let (mut given, mut rescues) = (Vec::<String>::new(), 0);
        loop {
            let ran = bootstrap();
            if ran.code == Some(0) {
                break;
            }
            assert!(rescues < 4, "{} has no way out: {}\n{}", case.name(), ran.out, ran.err);
            let ran = ran.must(3);
            // What is advised is what is run.
            let advised_command = ran.out.split('`').find(|quoted| quoted.starts_with("tenantry rescue "));
            let words: Vec<&str> =
                advised_command.unwrap_or_else(|| panic!("{}", ran.out)).split(' ').skip(1).collect();
            let options: Vec<&str> = given.iter().map(String::as_str).collect();
            let rescue = run(&estate, &endpoint.url, &[&words[..], &["--yes"], &options, &ACCEPTED].concat());
            rescues += 1;
            match rescue.code {
                Some(1) => given = advised(&format!("{}{}", rescue.out, rescue.err)),
                Some(0 | 2 | 4) => {}
                code => {
                    panic!("{}: {words:?} {options:?} ended with {code:?}: {}\n{}", case.name(), rescue.out, rescue.err)
                }
            }
        }
        assert_eq!(rescues > 0, row(&case).state == State::Stuck, "{}", case.name());
        let end = every_stack(&endpoint.url);
        assert!(
            matches!(end[0].1.as_str(), "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "UPDATE_ROLLBACK_COMPLETE"),
            "{end:?}"
        );
    }
}

#[test]
fn a_rescue_forces_a_rollback_and_ends_what_has_failed_in_express_mode() {
    let world = World::new(&[
        ("UPDATE_ROLLBACK_FAILED", "persists"),
        ("UPDATE_FAILED", "EXPRESS"),
        ("DELETE_FAILED", ""),
        ("UPDATE_FAILED", "EXPRESS alone"),
    ]);
    world.release();
    // Whatever the rollback fails at is left, and a drift check says what that is.
    let foreign = world.run(&["rescue", "t03", "--force-rollback", "--yes"]).must(3);
    assert!(foreign.out.contains("`--force-rollback` is for UPDATE_ROLLBACK_FAILED"), "{}", foreign.out);
    world.run(&["rescue", "t01", "--force-rollback", "--skip", "First"]).must(1).said(&["cannot be used with"]);
    let forced = world.run(&["rescue", "t01", "--force-rollback", "--yes"]).must(2);
    for part in ["ContinueUpdateRollback with ForceRollback", "UPDATE_ROLLBACK_COMPLETE", " First "] {
        assert!(forced.out.contains(part), "{part}: {}", forced.out);
    }
    world.run(&["plan", "t01"]).must(0);
    let idle = world.run(&["rescue", "t01", "--yes"]).must(0);
    assert!(idle.out.contains("no recovery needed"), "{}", idle.out);

    // To the template of git by a change set in that mode; by the same template, where nothing is left to change.
    let status = || by_tenant(&world.json(&["status", "t02"])["stacks"], "t02").clone();
    assert_eq!(status()["express"], true);
    for (tenant, how) in
        [("t02", "this change set is in EXPRESS mode"), ("t04", "in which the stack has failed (UpdateStack)")]
    {
        let plan = world.run(&["plan", tenant]).must(2);
        assert!(plan.out.contains(&format!("`tenantry rescue {tenant}`")), "{}", plan.out);
        let rescue = world.run(&["rescue", tenant, "--yes"]);
        assert!(
            rescue.out.contains(how) && matches!(rescue.code, Some(0 | 2)),
            "{tenant}: {}\n{}",
            rescue.out,
            rescue.err
        );
    }
    // It is as git says, and everybody sees how it came to be so until a change ends that.
    let plan = world.run(&["plan", "t02"]).must(0);
    assert!(plan.out.contains("warning: t02: EXPRESS mode: "), "{}", plan.out);
    let table = world.run(&["status", "t02"]);
    assert!(table.out.contains("v1 EXPRESS"), "{}", table.out);
    world.estate.template(40, KEPT);
    world.run(&["deploy", "t02", "--yes"]).must(0);
    assert_eq!(status()["express"], Value::Null);
}

fn is_held(case: &Case) -> bool {
    row(case).state == State::InProgress
}

fn is_blocked(case: &Case) -> bool {
    matches!(row(case).state, State::InProgress | State::Stuck)
}

fn row(case: &Case) -> &'static Status {
    STATUSES.iter().find(|row| row.name == case.status).unwrap()
}

/// Compares cells with those of `docs/states.md`, or writes them there (`UPDATE_EXPECTED=1`, on one thread).
fn documented(said: &Said) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/states.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, table) = text.split_at(text.find("| status |").unwrap());
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()
    };
    let mut rows: BTreeMap<String, Vec<String>> =
        table.lines().skip(2).map(cells).map(|row| (row[0].clone(), row)).collect();
    let update = std::env::var_os("UPDATE_EXPECTED").is_some();
    for (case, found) in said {
        let row = rows.entry(case.clone()).or_insert_with(|| {
            assert!(update, "docs/states.md has no row {case}");
            std::iter::once(case.clone()).chain(COLUMNS[1..].iter().map(|_| "-".to_owned())).collect()
        });
        for (column, text) in found {
            let index = COLUMNS.iter().position(|one| one == column).unwrap();
            if update {
                row[index].clone_from(text);
            }
            assert_eq!(row[index], *text, "docs/states.md: {case}, {column}");
        }
    }
    if update {
        let order = cases().into_iter().map(|(status, cause)| Case { tenant: String::new(), status, cause }.name());
        let lines = order.filter_map(|name| rows.get(&name)).map(|row| format!("| {} |\n", row.join(" | ")));
        let head = format!("| {} |\n|{}\n", COLUMNS.join(" | "), "---|".repeat(COLUMNS.len()));
        std::fs::write(&path, format!("{before}{head}{}", lines.collect::<String>())).unwrap();
    }
}

/// What the queues of these templates break.
const ACCEPTED: [&str; 4] = ["--override", "TN4501=a test", "--override", "TN4807=a test"];

#[test]
fn an_offboarded_tenant_is_planned_by_name_only_and_what_is_left_of_it_is_named() {
    let (endpoint, estate) = (Endpoint::start(1, &["--enforce-iam"]), Estate::new(2));
    bootstrapped(&endpoint, &estate);
    estate.template(30, KEPT);
    let tenantry = |arguments: &[&str]| run(&estate, &endpoint.url, arguments);
    tenantry(&[&["deploy", "--all", "--yes"], &ACCEPTED[..]].concat()).must(0);
    let destroy = ["destroy", "t01", "--confirm", "t01"];
    tenantry(&destroy).must(0);
    let again = tenantry(&destroy).must(0);
    for part in ["2 resources are retained", "metanet-t01-kept", "metanet-t01-more"] {
        assert!(again.out.contains(part), "{}", again.out);
    }
    // Nothing of its network was retained, and it is offboarded all the same.
    let fleet = || std::fs::read_to_string(estate.root().join("tenants/fleet.yaml")).unwrap();
    assert!(fleet().contains("offboarded") && !fleet().contains("retired"), "{}", fleet());
    let plan = tenantry(&["plan", "--all"]).must(0);
    assert!(plan.out.contains("warning: t01: offboarded: "), "{}", plan.out);
    tenantry(&["deploy", "--all", "--yes"]).must(0);
    let drift = tenantry(&["drift", "--all"]).must(0);
    assert!(drift.out.contains("t01 (123456789012 in eu-west-1): offboarded"), "{}", drift.out);
    let status = tenantry(&["status", "t01"]).must(0);
    assert!(status.out.contains("offboarded"), "{}", status.out);
    // The fleet neither needs nor pays for it; named, it is what it would be again.
    let bills = |arguments: &[&str]| tenantry(arguments).out.contains("t01");
    assert!(!bills(&["cost", "--all"]) && bills(&["cost", "t00", "t01"]));
    let fits = |arguments: &[&str]| tenantry(&[arguments, &["--output", "json"]].concat()).out.contains("metanet-t01");
    assert!(!fits(&["capacity", "--all"]) && fits(&["capacity", "t00", "t01"]));
    assert!(!stacks(&endpoint.url).iter().any(|(name, _)| name == "metanet-t01"));

    let plan = tenantry(&["plan", "t01"]).must(2);
    assert!(plan.out.contains("<= Kept AWS::SQS::Queue (imported: it exists)"), "{}", plan.out);
    let back = tenantry(&[&["deploy", "t01", "--yes"], &ACCEPTED[..]].concat()).must(0);
    back.said(&["t01 is no longer offboarded in tenants/fleet.yaml"]);
    assert!(!fleet().contains("offboarded"), "{}", fleet());
    // A stack that goes in another way than by `destroy` is missing.
    ask(
        &endpoint.url,
        "cloudformation",
        &[
            ("Action", "UpdateTerminationProtection"),
            ("Version", "2010-05-15"),
            ("StackName", "metanet-t01"),
            ("EnableTerminationProtection", "false"),
        ],
    );
    ask(
        &endpoint.url,
        "cloudformation",
        &[("Action", "DeleteStack"), ("Version", "2010-05-15"), ("StackName", "metanet-t01")],
    );
    for _ in 0..600 {
        if !stacks(&endpoint.url).iter().any(|(name, _)| name == "metanet-t01") {
            break;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
    let drift = tenantry(&["drift", "t01"]).must(2);
    assert!(drift.out.contains("critical"), "{}", drift.out);

    tenantry(&destroy).must(0);
    std::fs::remove_file(estate.root().join("tenants/t01.yaml")).unwrap();
    let ca = estate.root().join("tenants/certs/ca.pem");
    let new = [
        "new",
        "t01",
        "--account",
        ACCOUNT,
        "--region",
        "eu-west-1",
        "--ring",
        "general",
        "--set",
        "ingest.peak_gib_per_minute=1",
        "--set",
    ];
    let bundle = format!("ingest.client_ca={}", ca.display());
    let new = [&new[..], &[&bundle, "--page", "https://pages.example.com/x"]].concat();
    let investigators = std::fs::read_to_string(estate.root().join("tenants/certs/acme-investigators.pem")).unwrap();
    let left = "tenants/certs/t01-ingest-client-ca.pem";
    estate.write(left, &investigators);
    tenantry(&new).must(1).said(&["t01-ingest-client-ca.pem` is left of an earlier tenant `t01`"]);
    std::fs::copy(&ca, estate.root().join(left)).unwrap();
    tenantry(&new).must(0).said(&[
        "a tenant `t01` was offboarded before",
        "2 resources of an earlier tenant",
        "t01 is no longer offboarded",
    ]);
    tenantry(&["plan", "--all"]).must(2);
}

#[test]
fn an_alias_a_hook_and_a_check_that_was_skipped_are_reported() {
    let (endpoint, estate) = (Endpoint::start(1, &["--enforce-iam"]), Estate::new(2));
    bootstrapped(&endpoint, &estate);
    let tenantry = |arguments: &[&str]| run(&estate, &endpoint.url, arguments);
    tenantry(&["deploy", "t00", "--yes"]).must(0);
    let alias = |action: &str| {
        let fields =
            [("Action", action), ("Version", "2010-05-15"), ("StackName", "metanet-t00"), ("AliasName", "metanet-t01")];
        ask(&endpoint.url, "cloudformation", &fields);
    };
    alias("SetAlias");
    let before = stacks(&endpoint.url);
    let plan = tenantry(&["plan", "t01"]).must(2);
    assert!(plan.out.contains("`metanet-t01` is an alias of stack `metanet-t00`"), "{}", plan.out);
    tenantry(&["deploy", "t01", "--yes"]).must(3);
    tenantry(&["destroy", "t01", "--confirm", "t01"]).must(0);
    assert_eq!(stacks(&endpoint.url), before, "an alias is no stack of its own");
    alias("RemoveAlias");

    let rules = |rules: Value| control(&endpoint.url, "/_tenantry/faults", &rules.to_string());
    rules(json!([{ "kind": "hook", "logical": "First", "name": "Org::Guard::Hook", "rule": "PARAMETERS_ENCRYPTED",
        "reason": "not encrypted", "remedy": "make it a SecureString", "link": "https://rules.example.com/1" }]));
    let refused = tenantry(&["plan", "t01"]).must(4);
    let said = "Hook Org::Guard::Hook: First: rule PARAMETERS_ENCRYPTED (HIGH): not encrypted; what to do: make it a \
                SecureString (https://rules.example.com/1)";
    assert!(refused.out.contains(said), "{}", refused.out);
    let warned = json!({ "kind": "validation", "logical": "First", "mode": "WARN", "name": "A", "reason": "a remark" });
    rules(json!([warned]));
    let plan = tenantry(&["plan", "t01"]).must(2);
    assert!(plan.out.contains("warning: A: First: a remark (a warning of AWS)"), "{}", plan.out);
    let skipped =
        json!({ "kind": "validation", "logical": "First", "name": "B", "status": "SKIPPED", "reason": "no schema" });
    rules(json!([warned, skipped]));
    let plan = tenantry(&["plan", "t01"]).must(4);
    assert!(plan.out.contains("B: not checked: First: no schema"), "{}", plan.out);
}
