//! cfn-lint, as pinned in `.venv`: an independent judge of templates.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use rayon::prelude::*;
use serde_json::{Value, json};

/// Rules that are not applied, each with its reason.
const EXCEPTIONS: [(&str, &str); 0] = [];

/// What cfn-lint says about templates (name, region, tree); nothing when they are clean.
pub(crate) fn run(templates: &[(String, String, Value)]) -> String {
    let mut by_region: BTreeMap<&str, Vec<(&str, &Value)>> = BTreeMap::new();
    for (name, region, tree) in templates {
        by_region.entry(region).or_default().push((name, tree));
    }
    // One process takes a second to begin, and one region's templates as long as those of all others.
    let runs: Vec<(&str, &[(&str, &Value)])> =
        by_region.iter().flat_map(|(region, some)| some.chunks(8).map(|chunk| (*region, chunk))).collect();
    runs.par_iter().map(|(region, some)| of_region(region, some)).collect()
}

fn of_region(region: &str, templates: &[(&str, &Value)]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(root.join(".venv/bin/cfn-lint"));
    command.args(["--regions", region, "--format", "parseable"]);
    for (rule, _) in EXCEPTIONS {
        command.args(["--ignore-checks", rule]);
    }
    command.arg("--template");
    for (name, tree) in templates {
        let path = folder.path().join(format!("{name}.{region}.json"));
        std::fs::write(&path, serde_json::to_string_pretty(tree).unwrap()).unwrap();
        command.arg(path);
    }
    let output = command.output().expect("`make test` installs cfn-lint into .venv");
    let mut said = String::from_utf8_lossy(&output.stdout).replace(&format!("{}/", folder.path().display()), "");
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() || !said.is_empty(), "cfn-lint failed without a word");
    said
}

/// A judge that finds nothing anywhere is none.
#[test]
fn cfn_lint_finds_what_is_wrong() {
    let tree = json!({ "Resources": { "Queue": { "Type": "AWS::SQS::Queue", "Properties": { "Delay": "soon" } } } });
    let said = run(&[("wrong".to_owned(), "eu-west-1".to_owned(), tree)]);
    assert!(said.contains("wrong.eu-west-1.json") && said.contains("Delay"), "{said}");
}
