//! Findings as JUnit's XML, for the test views of CI: one case per tenant, and one for what belongs to no tenant.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::findings;
use tenantry_base::finding::{Finding, Severity};

/// A report. `tenants` has every tenant by name, and whether it was checked to the end.
///
/// # Errors
/// The XML cannot be written.
pub fn text(tenants: &BTreeMap<String, bool>, found: &[Finding]) -> Result<String, SerializeError> {
    let of = |name: Option<&str>| found.iter().filter(|finding| finding.tenant.as_deref() == name).cloned().collect();
    let mut estate = TestSuite::new("estate");
    estate.add_test_case(TestCase::new("estate", status(of(None), true)));
    let mut suite = TestSuite::new("tenants");
    suite.add_test_cases(tenants.iter().map(|(name, checked)| TestCase::new(name, status(of(Some(name)), *checked))));
    let mut report = Report::new("tenantry validate");
    report.add_test_suites([estate, suite]);
    report.to_string()
}

/// What findings of one case make of it: errors and warnings fail it, as they decide the exit code.
fn status(found: Vec<Finding>, checked: bool) -> TestCaseStatus {
    let failing = found.iter().filter(|finding| finding.severity > Severity::Info);
    let worst = failing.min_by_key(|finding| Reverse(finding.severity));
    match worst {
        Some(worst) => {
            let mut failed = TestCaseStatus::non_success(NonSuccessKind::Failure);
            failed
                .set_type(worst.code.as_str())
                .set_message(findings::summary(&found))
                .set_description(findings::text(&found));
            failed
        }
        None if !checked => {
            let mut skipped = TestCaseStatus::skipped();
            skipped.set_message("not checked to the end, because the estate has errors");
            skipped
        }
        None => TestCaseStatus::success(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenantry_base::finding::Code;

    #[test]
    fn every_tenant_is_a_case_that_passes_fails_or_is_skipped() {
        let tenants = BTreeMap::from([("acme", true), ("bolt", true), ("cube", false)].map(|(n, c)| (n.to_owned(), c)));
        let found = [Finding::new(Code::TN1016, "ring `x` & more").with_tenant("bolt")];
        let text = text(&tenants, &found).unwrap();
        for expected in [
            r#"<testcase name="estate"/>"#,
            r#"<testcase name="acme"/>"#,
            r#"<failure message="1 error" type="TN1016">error[TN1016]: ring `x` &amp; more (bolt)"#,
            "<skipped message=",
            r#"tests="4""#,
            r#"failures="1""#,
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }
}
