//! The estate's tests of rules, `policies/tests/*.yaml` in the format of `cfn-guard test`: each must answer as it says.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::Value;

use super::Checker;
use super::guard::{RuleFile, Status};
use tenantry_base::finding::{Code, Finding};
use tenantry_base::{Document, document, files};
use tenantry_template::embedded;

const FOLDER: &str = "policies/tests";

impl Checker {
    /// What the tests of rules of the estate below `root` say against its rules. Tests and rules that a blueprint came with, both
    /// unchanged, were run when this version was built.
    pub fn run_tests(&self, root: &Path) -> Vec<Finding> {
        let folder = root.join(FOLDER);
        if !folder.is_dir() {
            return Vec::new();
        }
        let paths = match files::list(&folder) {
            Ok(paths) => paths,
            Err(error) => return vec![Finding::new(Code::TN4006, error.to_string())],
        };
        let is_test = |path: &PathBuf| {
            let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
            matches!(ending.as_deref(), Some("yaml" | "yml" | "json"))
        };
        paths.into_par_iter().filter(is_test).flat_map_iter(|path| self.tests_of(root, &path)).collect()
    }

    fn tests_of(&self, root: &Path, path: &Path) -> Vec<Finding> {
        let shown = path.strip_prefix(root).unwrap_or(path).to_owned();
        let document = match Document::read(path, shown) {
            Ok(document) => document,
            Err(finding) => return vec![finding],
        };
        let is_shipped = embedded::is_shipped(&document.source);
        let Some(tests) = document.value.as_array() else {
            return vec![fault(&document, "", "a file of tests is a list of tests".to_owned())];
        };
        let each = tests.iter().enumerate();
        each.flat_map(|(index, test)| self.test(&document, &format!("[{index}]"), test, is_shipped)).collect()
    }

    fn test(&self, document: &Document, route: &str, test: &Value, is_shipped: bool) -> Vec<Finding> {
        let Some(input) = test.get("input") else {
            return vec![fault(document, route, "a test has no `input`".to_owned())];
        };
        let at = format!("{route}.expectations.rules");
        let Some(expected) = test["expectations"]["rules"].as_object() else {
            return vec![fault(document, route, "a test has no `expectations.rules`".to_owned())];
        };
        let name = test["name"].as_str().map(|name| format!(" (`{name}`)")).unwrap_or_default();
        let input = input.to_string();
        let answers = expected.iter().filter_map(|(rule, wanted)| {
            let at = format!("{at}.{rule}");
            let Some(file) = self.file_of(rule) else {
                // The blueprints share files of tests, and each has some of the rules.
                if is_shipped {
                    return None;
                }
                return Some(fault(document, &at, format!("a test is of the rule `{rule}`, which does not exist")));
            };
            let Some(wanted) = wanted.as_str().and_then(status) else {
                let message = format!("a test expects {wanted} of `{rule}`; an answer is PASS, FAIL or SKIP");
                return Some(fault(document, &at, message));
            };
            if is_shipped && embedded::is_shipped(&file.source) {
                return None;
            }
            let found = match file.evaluate(&input) {
                Ok(verdict) => verdict.rules.iter().find(|(name, _)| name == rule).map(|(_, status)| *status),
                Err(error) => {
                    return Some(fault(document, &at, format!("a test of `{rule}` cannot be run{name}: {error}")));
                }
            };
            let found = found.unwrap_or(Status::Skip);
            (found != wanted).then(|| {
                let message = format!("`{rule}` answers {} where a test expects {}{name}", word(found), word(wanted));
                fault(document, &at, message)
            })
        });
        answers.collect()
    }

    /// The file that has a rule.
    fn file_of(&self, rule: &str) -> Option<&RuleFile> {
        self.files.iter().find(|file| file.rules.iter().any(|one| one.name == rule))
    }
}

/// A finding at a test, or at the test's nearest part that the file has.
fn fault(document: &Document, route: &str, message: String) -> Finding {
    let exact = document.place_of_key(route).filter(|_| document::parent(route).is_some());
    Finding::new(Code::TN4006, message).at(exact.unwrap_or_else(|| document.nearest(route)))
}

fn status(text: &str) -> Option<Status> {
    [Status::Pass, Status::Fail, Status::Skip].into_iter().find(|status| word(*status) == text)
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Pass => "PASS",
        Status::Fail => "FAIL",
        Status::Skip => "SKIP",
    }
}
