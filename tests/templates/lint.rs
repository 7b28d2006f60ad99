//! cfn-lint, as pinned in `.venv`: an independent judge of templates.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Rules that are not applied, each with its reason.
const EXCEPTIONS: [(&str, &str); 0] = [];

/// What cfn-lint says about templates (name, region, tree); nothing when they are clean.
pub(crate) fn run(templates: &[(String, String, Value)]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let mut said = String::new();
    let regions: std::collections::BTreeSet<&String> = templates.iter().map(|(_, region, _)| region).collect();
    for region in regions {
        let mut command = Command::new(root.join(".venv/bin/cfn-lint"));
        command.args(["--regions", region, "--format", "parseable"]);
        for (rule, _) in EXCEPTIONS {
            command.args(["--ignore-checks", rule]);
        }
        command.arg("--template");
        for (name, _, tree) in templates.iter().filter(|(_, at, _)| at == region) {
            let path = folder.path().join(format!("{name}.{region}.json"));
            std::fs::write(&path, serde_json::to_string_pretty(tree).unwrap()).unwrap();
            command.arg(path);
        }
        let output = command.output().expect("`make test` installs cfn-lint into .venv");
        said.push_str(&String::from_utf8_lossy(&output.stdout).replace(&format!("{}/", folder.path().display()), ""));
        said.push_str(&String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() || !said.is_empty(), "cfn-lint failed without a word");
    }
    said
}
