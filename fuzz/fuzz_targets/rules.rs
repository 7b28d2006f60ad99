//! Any text as a file of rules: it is read or refused, and evaluated on a template.
#![no_main]

#[path = "../sample.rs"]
mod sample;

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use sample::{SAMPLE, seen};
use tenantry_base::finding::Source;
use tenantry_checks::policy::Checker;

const TEMPLATE: &str = r#"{"Resources": {
    "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"KmsMasterKeyId": "k", "Tags": [{"Key": "a", "Value": "b"}]}},
    "Role": {"Type": "AWS::IAM::Role", "Properties": {"Policies": [{"PolicyName": "p", "PolicyDocument": {"Statement": []}}]}}
}}"#;

fuzz_target!(|text: &str| {
    SAMPLE.with(|sample| {
        let source = Source { path: "policies/own.guard".into(), text: text.to_owned() };
        match Checker::new(vec![Arc::new(source)], &sample.estate.blueprint) {
            Ok(checker) => {
                let _evaluated = checker.verdicts_plainly(TEMPLATE);
            }
            Err(findings) => seen(&findings),
        }
    });
});
