//! What `init --ci` writes, run as a CI job would.

use std::process::Command;

use super::estate::{Estate, Run, command};

const RINGS: &str = "  - { name: canary, bake: 0s }\n";

/// Runs a script of `ci/` with the command on the path.
fn script(estate: &Estate, arguments: &[&str]) -> Run {
    let tool = std::path::Path::new(env!("CARGO_BIN_EXE_tenantry")).parent().unwrap().to_owned();
    let path = format!("{}:{}", tool.display(), std::env::var("PATH").unwrap());
    let like = estate.online_command(&[]);
    let mut bash = Command::new("bash");
    bash.args(arguments).current_dir(estate.root()).env("PATH", path).env_remove("GITHUB_STEP_SUMMARY");
    for (name, value) in like.get_envs() {
        match value {
            Some(value) => bash.env(name, value),
            None => bash.env_remove(name),
        };
    }
    Run::of(bash.output().unwrap())
}

#[test]
fn the_scripts_check_plan_roll_and_look_for_drift() {
    let estate = Estate::new("scripted", RINGS);
    for tenant in ["bolt", "cube", "dora"] {
        std::fs::remove_file(estate.path(&format!("tenants/{tenant}.yaml"))).unwrap();
    }
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("ci");
    for entry in std::fs::read_dir(source).unwrap().map(Result::unwrap) {
        if entry.path().is_file() {
            estate
                .write(&format!("ci/{}", entry.file_name().display()), &std::fs::read_to_string(entry.path()).unwrap());
        }
    }
    estate.write(".gitignore", "zips/\nreports/\n");
    estate.bootstrap();
    estate.release("v1");
    script(&estate, &["ci/validate.sh"]).expect(0, &["1 tenant: no findings"]);
    assert!(estate.read("reports/validate.sarif").contains("2.1.0"));
    script(&estate, &["ci/release.sh", "v1"]).expect(0, &["v1 is what was cut", "release v1: done"]);
    script(&estate, &["ci/release.sh"]).expect(0, &["no roll is unfinished"]);
    script(&estate, &["ci/plan.sh"]).expect(0, &[]);
    assert!(!estate.read("reports/plan.md").is_empty());
    script(&estate, &["ci/drift.sh"]).expect(0, &[]);
    estate.aws(
        "sqs = client('sqs')\n\
         url = sqs.get_queue_url(QueueName=f'{organisation}-acme-parking')['QueueUrl']\n\
         sqs.set_queue_attributes(QueueUrl=url, Attributes={'MessageRetentionPeriod': '60'})",
    );
    script(&estate, &["ci/drift.sh"]).expect(2, &["/MessageRetentionPeriod"]);
    assert!(estate.read("reports/drift.md").contains("/MessageRetentionPeriod"));
    script(&estate, &["ci/watch.sh"]).expect(2, &["1 drifted", "tenants/fleet.yaml has no `paging`"]);
    assert!(estate.read("reports/watch.md").contains("### Tenants"));
}

#[test]
fn init_writes_the_scripts_and_where_it_is_asked_the_workflows() {
    let folder = tempfile::tempdir().unwrap();
    let init = |arguments: &[&str]| Run::of(command(folder.path(), folder.path(), arguments).output().unwrap());
    init(&["init", "one"]).expect(0, &[]);
    assert!(!folder.path().join("one/ci").exists());
    init(&["init", "one", "--ci", "shell"]).expect(0, &[]);
    let one = |path: &str| folder.path().join("one").join(path).exists();
    assert!(one("ci/release.sh") && !one(".github"));
    init(&["init", "two", "--ci", "github"]).expect(0, &[]);
    for workflow in ["pull-request", "release", "drift", "watch"] {
        let path = folder.path().join(format!("two/.github/workflows/tenantry-{workflow}.yml"));
        let text = std::fs::read_to_string(path).unwrap();
        let uses = text.lines().filter_map(|line| line.split_once("uses: "));
        for (_, action) in uses {
            let sha = action.split_once('@').unwrap().1.split(' ').next().unwrap();
            assert!(sha.len() == 40 && sha.bytes().all(|byte| byte.is_ascii_hexdigit()), "{action} is not pinned");
        }
        assert!(text.contains("\npermissions: {}\n"), "{workflow} has permissions of its own");
    }
}
