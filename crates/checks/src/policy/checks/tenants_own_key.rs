//! Every key that a resource is encrypted with is the stack's own.

use serde_json::Value;

use super::Fault;
use super::stack::{Stack, target};

/// Properties that name a key, wherever they stand.
const NAME_A_KEY: [&str; 7] =
    ["AWSKMSKeyARN", "KMSMasterKeyID", "KeyARN", "KmsKeyArn", "KmsKeyId", "KmsMasterKeyId", "KmsKey"];

pub(super) fn check(stack: &Stack<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (id, resource) in stack.all() {
        look(stack, id, &resource["Properties"], "Properties", &mut faults);
    }
    faults
}

fn look(stack: &Stack<'_>, id: &str, node: &Value, path: &str, faults: &mut Vec<Fault>) {
    match node {
        Value::Object(map) => {
            for (key, value) in map {
                let path = format!("{path}/{key}");
                let own = target(value).and_then(|to| stack.type_of(to)) == Some("AWS::KMS::Key");
                if NAME_A_KEY.contains(&key.as_str()) && !own {
                    faults.push(Fault::new(id, &path, "the key is not the tenant's own"));
                } else {
                    look(stack, id, value, &path, faults);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                look(stack, id, item, &format!("{path}/{index}"), faults);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use serde_json::{Value, json};

    fn topic(key: Value) -> Value {
        json!({
            "Key": { "Type": "AWS::KMS::Key", "Properties": {} },
            "Topic": { "Type": "AWS::SNS::Topic", "Properties": { "KmsMasterKeyId": key } },
        })
    }

    #[test]
    fn only_a_key_of_the_stack_is_the_tenants_own() {
        check(super::check, topic(json!({ "Fn::GetAtt": ["Key", "Arn"] })), &[]);
        check(super::check, topic(json!({ "Ref": "Key" })), &[]);
        for other in [json!("alias/aws/sns"), json!({ "Ref": "Topic" }), json!({ "Fn::ImportValue": "shared-key" })] {
            check(super::check, topic(other), &["Topic: the key is not the tenant's own"]);
        }
    }

    #[test]
    fn keys_are_found_at_any_depth() {
        let bucket = json!({ "Bucket": { "Type": "AWS::S3::Bucket", "Properties": {
            "Rules": [{ "Default": { "KMSMasterKeyID": "shared" } }],
        } } });
        check(super::check, bucket, &["Bucket: the key is not the tenant's own"]);
    }
}
