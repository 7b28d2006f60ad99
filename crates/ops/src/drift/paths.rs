//! Texts of template values.

use serde_json::Value;

/// A value as one line: texts without quotes, all else as JSON.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
