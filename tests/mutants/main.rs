//! Estates with one mistake each, made from the sample estate of every blueprint line by line, and what `validate` must say: an
//! error at the line of the mistake, or nothing where the change means nothing. `FAULT_MUTANTS` says how many are tried, spread
//! evenly over all kinds; `make faults` tries all.
//!
//! The oracle is the kind of the mistake: CloudFormation refuses a property, type or attribute that does not exist, whatever its
//! name; the tool's own rules refuse the rest. A mistake in a branch that no tenant of the sample takes changes no template; there
//! only names are checked.

mod kinds;

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use tenantry::cli::validated;
use tenantry::embedded;
use tenantry::finding::{Finding, Severity};
use tenantry::render::{Renderer, TemplateSet, render_fleet};

/// What must be said of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// An error at the line of the mistake.
    AtLine,
    /// An error in the file.
    InFile,
    Nothing,
}

/// One change of one file.
#[derive(Debug, Clone)]
pub(crate) struct Mutant {
    pub(crate) kind: &'static str,
    pub(crate) path: PathBuf,
    pub(crate) line: usize,
    /// The file's text; none to remove the file.
    pub(crate) text: Option<String>,
    pub(crate) expected: Expected,
    /// Names are checked in branches that no tenant takes, too.
    pub(crate) in_any_branch: bool,
}

/// The sample estate of a blueprint in a folder of its own.
fn estate(blueprint: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let files = embedded::blueprint_files(blueprint).unwrap();
    for (path, bytes) in files.into_iter().chain(embedded::sample(blueprint)) {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn errors(root: &Path) -> Result<Vec<Finding>, String> {
    let verdicts = root.join(".verdicts.json");
    let found =
        validated(root, Some((verdicts, "mutants".to_owned()))).map_err(|failure| failure.lines().join("\n"))?;
    Ok(found.into_iter().filter(|finding| finding.severity > Severity::Info).collect())
}

/// The templates of all tenants.
fn bodies(root: &Path) -> Option<Vec<String>> {
    let estate = tenantry::estate::load(root).0?;
    let renderer = Renderer::new(TemplateSet::parse(embedded::templates(root).ok()?).ok()?);
    let functions = embedded::functions(root, &estate.blueprint).ok()?;
    let tenants: Vec<_> = estate.tenants.values().collect();
    let rendered = render_fleet(&renderer, &estate, &functions, "v1", &tenants);
    rendered.into_iter().map(|one| one.ok().map(|one| one.template.body())).collect()
}

/// What is wrong with what is said, if anything.
fn judge(mutant: &Mutant, found: &Result<Vec<Finding>, String>, is_visible: impl Fn() -> bool) -> Option<String> {
    let at_line = |finding: &Finding| {
        let places = finding.location.iter().chain(finding.related.iter().map(|(_, place)| place));
        places.into_iter().any(|at| at.source.path == mutant.path && at.line == mutant.line)
    };
    let in_file = |finding: &Finding| finding.location.iter().any(|at| at.source.path == mutant.path);
    let said = || match found {
        Ok(found) => found
            .iter()
            .take(3)
            .map(|one| {
                let place = one.location.as_ref().map(|at| format!("{}:{}", at.source.path.display(), at.line));
                format!("{} {} {}", place.unwrap_or_default(), one.code, one.message)
            })
            .collect::<Vec<_>>()
            .join("; "),
        Err(failure) => failure.clone(),
    };
    match (found, mutant.expected) {
        (Ok(found), Expected::Nothing) if found.is_empty() => None,
        (_, Expected::Nothing) => Some(format!("refused wrongly: {}", said())),
        (Ok(found), _) if found.is_empty() => {
            (mutant.in_any_branch || is_visible()).then(|| "accepted wrongly".to_owned())
        }
        (Ok(found), Expected::AtLine) if found.iter().any(at_line) => None,
        (Ok(found), Expected::InFile) if found.iter().any(in_file) => None,
        (Err(failure), Expected::InFile) if failure.contains(&*mutant.path.to_string_lossy()) => None,
        _ => Some(format!("blamed wrongly: {}", said())),
    }
}

fn tried(root: &Path, plain: &Option<Vec<String>>, mutant: &Mutant) -> Option<String> {
    let path = root.join(&mutant.path);
    let before = fs::read(&path).ok();
    match &mutant.text {
        Some(text) => {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
        }
        None => fs::remove_file(&path).unwrap(),
    }
    let found = errors(root);
    let wrong = judge(mutant, &found, || bodies(root) != *plain);
    match before {
        Some(bytes) => fs::write(&path, bytes).unwrap(),
        None => fs::remove_file(&path).unwrap(),
    }
    wrong.map(|wrong| format!("{} {}:{}: {wrong}", mutant.kind, mutant.path.display(), mutant.line))
}

/// Kinds that a whole run found judged wrongly, and that no sample shows: a condition that is true without the name in it, and a
/// comment in rules for which the estate has tests.
fn was_wrong(mutant: &Mutant) -> bool {
    let line = mutant.text.as_deref().and_then(|text| text.lines().nth(mutant.line - 1)).unwrap_or_default();
    match mutant.kind {
        "a name in a condition" => line.contains(" or "),
        "a comment" => mutant.path.ends_with("access.guard"),
        _ => false,
    }
}

#[test]
fn every_mistake_is_refused_at_its_place_and_nothing_else_is() {
    let blueprints = embedded::blueprints();
    let most = std::env::var("FAULT_MUTANTS").ok().and_then(|most| most.parse().ok()).unwrap_or(60_usize);
    let all: Vec<(&str, Mutant)> = blueprints
        .iter()
        .flat_map(|name| kinds::mutants(estate(name).path()).into_iter().map(move |mutant| (name.as_str(), mutant)))
        .collect();
    assert!(all.len() >= 2_000, "only {} mutants", all.len());
    let step = all.len().div_ceil(most).max(1);
    let chosen = all.iter().enumerate().filter(|(number, (_, mutant))| number % step == 0 || was_wrong(mutant));
    let chosen: Vec<&(&str, Mutant)> = chosen.map(|(_, mutant)| mutant).collect();
    // A folder for each thread, as the mutants of a chunk change it one after the other.
    let chunk = chosen.len().div_ceil(2 * rayon::current_num_threads()).max(1);
    let wrong: Vec<String> = chosen
        .par_chunks(chunk)
        .flat_map_iter(|mutants| {
            let folders: Vec<_> = blueprints.iter().map(|name| (name.as_str(), estate(name))).collect();
            let plain: Vec<_> = folders.iter().map(|(_, folder)| bodies(folder.path())).collect();
            let found = mutants.iter().filter_map(|(blueprint, mutant)| {
                let index = folders.iter().position(|(name, _)| name == blueprint).unwrap();
                tried(folders[index].1.path(), &plain[index], mutant).map(|wrong| format!("{blueprint}: {wrong}"))
            });
            found.collect::<Vec<_>>()
        })
        .collect();
    println!("{} of {} mutants tried", chosen.len(), all.len());
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), chosen.len(), wrong.join("\n"));
}

/// What an estate may not be made of.
#[test]
fn links_pipes_and_stray_files_are_refused_by_name() {
    let folder = estate(embedded::DEFAULT_BLUEPRINT);
    let root = folder.path();
    assert_eq!(errors(root).unwrap(), []);
    let outside = tempfile::NamedTempFile::new().unwrap();
    fs::write(outside.path(), "the secret of another\n").unwrap();
    for (path, from) in
        [("templates/tenant/network.yaml.tera", "templates/moved"), ("tenants/acme.yaml", "tenants/moved")]
    {
        let (path, moved) = (root.join(path), root.join(from));
        fs::rename(&path, &moved).unwrap();
        std::os::unix::fs::symlink(outside.path(), &path).unwrap();
        let said = format!("{:?}", errors(root));
        assert!(said.contains("leads out of the estate") && !said.contains("secret"), "{said}");
        fs::remove_file(&path).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let said = format!("{:?}", errors(root));
        assert!(said.contains(path.file_name().unwrap().to_str().unwrap()) && said.contains("is no file"), "{said}");
        fs::remove_file(&path).unwrap();
        fs::rename(&moved, &path).unwrap();
    }
    // A link inside the estate is a file like another.
    let (path, moved) = (root.join("templates/tenant/network.yaml.tera"), root.join("templates/network.moved"));
    fs::rename(&path, &moved).unwrap();
    std::os::unix::fs::symlink(&moved, &path).unwrap();
    assert_eq!(errors(root).unwrap(), []);
    let acme = fs::read_to_string(root.join("tenants/acme.yaml")).unwrap();
    for path in ["tenants/eu/beta.yaml", "tenants/beta.YAML", "tenants/beta.json", "tenants/eu/de/beta.yml"] {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &acme).unwrap();
        let found = errors(root).unwrap();
        assert!(
            found.iter().any(|one| one.code.as_str() == "TN1009" && one.message.contains("is not read")),
            "{path:?} {found:?}"
        );
        fs::remove_file(&path).unwrap();
    }
    fs::create_dir(root.join("tenants/beta.yaml")).unwrap();
    assert_eq!(errors(root).unwrap()[0].code.as_str(), "TN1009");
    fs::remove_dir(root.join("tenants/beta.yaml")).unwrap();
    for entry in fs::read_dir(root.join("policies")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "guard") {
            fs::remove_file(path).unwrap();
        }
    }
    let codes = |found: Vec<Finding>| found.iter().map(|one| one.code.as_str()).collect::<Vec<_>>();
    assert!(codes(errors(root).unwrap()).contains(&"TN4005"));
    fs::write(root.join("policies/none.guard"), "# none\n").unwrap();
    assert!(!codes(errors(root).unwrap()).contains(&"TN4005"));
}

/// The files of an estate that no template is made of are checked, too.
#[test]
fn tests_of_rules_copies_of_schemas_quotas_and_the_documented_context_are_checked() {
    let folder = estate(embedded::DEFAULT_BLUEPRINT);
    let root = folder.path();
    let before = validated(root, None).unwrap();
    let found = || -> Vec<Finding> {
        let found = validated(root, None).unwrap();
        found.into_iter().filter(|one| !before.contains(one)).collect()
    };
    let said =
        || found().iter().map(|one| format!("{} {}", one.code.as_str(), one.message)).collect::<Vec<_>>().join("\n");
    let write = |path: &str, text: &str| {
        fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        fs::write(root.join(path), text).unwrap();
    };
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    assert_eq!(said(), "");

    // Copies of schemas: as they are, and after a default has changed.
    let schemas = tenantry::estate::schemas(root).unwrap();
    let fleet = tenantry::estate::load(root).0.unwrap().fleet;
    let copied = |defaults| write("schemas/tenant.json", &schemas.tenant_schema(defaults).to_string());
    copied(&fleet.defaults);
    assert_eq!(said(), "");
    copied(&serde_json::Map::new());
    assert_eq!(said(), "TN1050 `schemas/tenant.json` is not the schema of today");
    fs::remove_dir_all(root.join("schemas")).unwrap();

    // Tests of rules: a rule that changed, a test that cannot be one.
    let tests = read("policies/tests/transport_tests.yaml");
    for (from, to, code) in [
        (
            "bucket_policy_requires_tls: PASS",
            "bucket_policy_requires_tls: FAIL",
            "`bucket_policy_requires_tls` answers PASS where a test expects FAIL",
        ),
        ("bucket_policy_requires_tls: PASS", "bucket_policy_demands_tls: PASS", "which does not exist"),
        ("bucket_policy_requires_tls: PASS", "bucket_policy_requires_tls: YES", "an answer is PASS, FAIL or SKIP"),
    ] {
        write("policies/tests/transport_tests.yaml", &tests.replacen(from, to, 1));
        let line = tests.lines().position(|line| line.contains(from)).unwrap() + 1;
        let found = found();
        let [one] = &found[..] else { panic!("{found:?}") };
        assert!(one.code.as_str() == "TN4006" && one.message.contains(code), "{one:?}");
        assert_eq!(one.location.as_ref().map(|at| at.line), Some(line), "{one:?}");
    }
    write("policies/tests/transport_tests.yaml", "- name: x\n");
    assert!(said().contains("TN4006 a test has no `input`"), "{}", said());
    write("policies/tests/transport_tests.yaml", &tests);
    let rules = read("policies/transport.guard");
    write("policies/transport.guard", &rules.replace("aws:SecureTransport", "aws:InsecureTransport"));
    assert!(said().contains("where a test expects PASS"), "{}", said());
    write("policies/transport.guard", &rules);

    // What templates see.
    let context = read("templates/context.yaml");
    write("templates/context.yaml", &format!("{context}\nnothing: 1\n"));
    assert_eq!(said(), "TN3014 no template sees `nothing`");
    write("templates/context.yaml", "a: [\n");
    assert!(said().starts_with("TN1002"), "{}", said());
    write("templates/context.yaml", &context);

    // A stack that no account takes without an increase.
    let tenant = read("tenants/acme.yaml");
    write("tenants/acme.yaml", &tenant.replace("peak_gib_per_minute: 0.001", "peak_gib_per_minute: 50"));
    let quota = found().into_iter().find(|one| one.code.as_str() == "TN2106").unwrap();
    assert!(quota.message.contains("`Instances per domain`"), "{quota:?}");
    write("policies/quotas.yaml", "rows: []\n");
    assert!(said().contains("TN2602"), "{}", said());
}
