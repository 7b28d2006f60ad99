//! Statements of IAM policies, as a rendered template has them.

use serde_json::Value;

/// A value that may stand alone or in a list.
pub(super) fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    }
}

/// The texts of a value that may stand alone or in a list.
pub(super) fn texts(value: &Value) -> Vec<String> {
    list(value).iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

/// The statements of a policy document.
pub(super) fn statements(document: &Value) -> Vec<Value> {
    list(&document["Statement"])
}

/// The actions that a statement's effect is for.
pub(super) fn actions(statement: &Value) -> Vec<String> {
    texts(&statement["Action"])
}

pub(super) fn allows(statement: &Value) -> bool {
    statement["Effect"] == "Allow"
}

/// Whether a pattern with `*` covers an action, in any case. A pattern as the action is covered by itself and by what
/// is wider in its letters.
pub fn covers(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_lowercase(), action.to_lowercase());
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == action };
    let Some(mut left) = action.strip_prefix(start) else { return false };
    let Some((middle, end)) = rest.rsplit_once('*') else { return left.ends_with(rest) };
    for part in middle.split('*') {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(end)
}

/// Whether a statement is for all resources.
pub(super) fn is_for_all(statement: &Value) -> bool {
    texts(&statement["Resource"]).iter().any(|resource| resource == "*")
}

/// The services to which a statement lets roles be passed; None where it names none, so that it lets all.
pub(super) fn passed_to(statement: &Value) -> Option<Vec<String>> {
    let conditions = statement["Condition"].as_object()?;
    let services = conditions.values().find_map(|keys| keys.get("iam:PassedToService"))?;
    Some(texts(services))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_actions_in_any_case() {
        for (pattern, action) in [
            ("s3:*", "s3:GetObject"),
            ("s3:Get*", "s3:getobject"),
            ("s3:*Bucket*Policy", "s3:PutBucketFooPolicy"),
            ("s3:GetObject", "S3:GetObject"),
            ("ec2:*", "ec2:Describe*"),
        ] {
            assert!(covers(pattern, action), "{pattern} {action}");
        }
        for (pattern, action) in [
            ("s3:Get*", "s3:PutObject"),
            ("s3:GetObject", "s3:GetObjectVersion"),
            ("ec2:DescribeVpcs", "ec2:Describe*"),
        ] {
            assert!(!covers(pattern, action), "{pattern} {action}");
        }
    }
}
