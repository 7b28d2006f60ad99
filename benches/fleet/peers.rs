//! What one would use instead, on the same content: Sceptre and the CDK render it, cfn-lint and cfn-guard judge it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tenantry_spec::estate::{self, Tenant};
use tenantry_template::embedded;
use tenantry_template::render::render_fleet;

use super::estate as made;
use super::measure;

/// How long a peer takes: once, and for each tenant more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) start: Duration,
    pub(super) per_tenant: Duration,
    pub(super) peak_mib: Option<f64>,
}

impl Pace {
    /// From the times of a small and a large fleet.
    fn between((few, short): (usize, Duration), (many, long): (usize, Duration)) -> Self {
        let per_tenant = long.saturating_sub(short) / u32::try_from(many - few).unwrap();
        let start = short.saturating_sub(per_tenant * u32::try_from(few).unwrap());
        Self { start, per_tenant, peak_mib: None }
    }
}

/// The templates of a fleet as canonical JSON, by tenant.
pub(super) fn templates(count: usize) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    made::write(folder.path(), count, made::Workloads::Few).unwrap();
    let estate = estate::load(folder.path()).0.unwrap();
    let functions = embedded::functions(folder.path(), &estate.blueprint).unwrap();
    let all: Vec<&Tenant> = estate.tenants.values().collect();
    let rendered = render_fleet(&measure::renderer(folder.path()), &estate, &functions, measure::RELEASE, &all);
    rendered.into_iter().map(Result::unwrap).map(|r| (r.tenant.name.to_string(), r.template.body())).collect()
}

/// `sceptre generate` of the same templates as YAML, each tenant's name a value of its stack's configuration.
pub(super) fn sceptre(templates: &[(String, String)]) -> Pace {
    let sceptre = tool("peers/bin/sceptre");
    let timed = |count: usize| {
        let project = tempfile::tempdir().unwrap();
        let root = project.path();
        for folder in ["config/fleet", "templates"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::write(root.join("config/config.yaml"), "project_code: bench\nregion: eu-west-1\n").unwrap();
        for (name, body) in &templates[..count] {
            let tree: serde_json::Value = serde_json::from_str(body).unwrap();
            let text = serde_yaml::to_string(&tree).unwrap().replace(name, "{{ sceptre_user_data.name }}");
            fs::write(root.join(format!("templates/{name}.yaml.j2")), text).unwrap();
            let config =
                format!("template: {{ path: {name}.yaml.j2, type: file }}\nsceptre_user_data: {{ name: {name} }}\n");
            fs::write(root.join(format!("config/fleet/{name}.yaml")), config).unwrap();
        }
        let begun = Instant::now();
        let output =
            Command::new(&sceptre).args(["--dir", root.to_str().unwrap(), "generate", "fleet"]).output().unwrap();
        let took = begun.elapsed();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let given = text.matches("AWS::OpenSearchService::Domain").count();
        assert!(given >= count, "{given} of {count} templates");
        (count, took)
    };
    Pace::between(timed(10), timed(templates.len()))
}

/// `app.synth` of the same resources as level-1 constructs.
pub(super) fn cdk(templates: &[(String, String)]) -> Pace {
    let folder = tempfile::tempdir().unwrap();
    let (sources, out) = (folder.path().join("templates"), folder.path().join("out"));
    fs::create_dir(&sources).unwrap();
    for (name, body) in templates {
        fs::write(sources.join(format!("{name}.json")), body).unwrap();
    }
    let output = Command::new(tool("peers/bin/node"))
        .arg(tool("cdk/cdk.mjs"))
        .args([&sources, &out])
        .env("NODE_OPTIONS", "--max-old-space-size=4096")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let seconds = |key: &str| Duration::from_secs_f64(answer[key].as_f64().unwrap());
    let per_tenant = seconds("synth_seconds") / u32::try_from(templates.len()).unwrap();
    Pace { start: seconds("start_seconds"), per_tenant, peak_mib: answer["peak_mib"].as_f64() }
}

/// cfn-lint, all its rules, on the same templates.
pub(super) fn cfn_lint(templates: &[(String, String)]) -> Pace {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = templates.iter().map(|(name, _)| folder.path().join(format!("{name}.json"))).collect();
    for (path, (_, body)) in paths.iter().zip(templates) {
        fs::write(path, body).unwrap();
    }
    let timed = |count: usize| {
        let begun = Instant::now();
        let output = Command::new(root().join(".venv/bin/cfn-lint")).arg("--").args(&paths[..count]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        (count, begun.elapsed())
    };
    Pace::between(timed(1), timed(paths.len()))
}

/// The Guard engine as its command runs it: every rule on every template.
pub(super) fn cfn_guard(templates: &[(String, String)]) -> Pace {
    let checker = measure::checker(&root());
    let begun = Instant::now();
    for (name, body) in templates {
        let verdicts = checker.verdicts_plainly(body).unwrap();
        assert!(verdicts.iter().all(|verdict| verdict.breaches.is_empty()), "{name}");
    }
    let per_tenant = begun.elapsed() / u32::try_from(templates.len()).unwrap();
    Pace { start: Duration::ZERO, per_tenant, peak_mib: None }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A tool that `make bench-fleet` installs.
fn tool(path: &str) -> PathBuf {
    root().join("target/tools").join(path)
}
