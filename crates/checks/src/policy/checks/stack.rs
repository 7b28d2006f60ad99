//! The resources of a template, by type and by what they refer to.

use serde_json::{Map, Value};

/// The resources of one template.
pub(in crate::policy) struct Stack<'t> {
    resources: Option<&'t Map<String, Value>>,
}

impl<'t> Stack<'t> {
    pub(in crate::policy) fn of(tree: &'t Value) -> Self {
        Self { resources: tree.get("Resources").and_then(Value::as_object) }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&'t str, &'t Value)> {
        self.resources.into_iter().flatten().map(|(id, resource)| (id.as_str(), resource))
    }

    /// Logical id and properties of each resource of a type.
    pub(super) fn of_type(&self, wanted: &'static str) -> impl Iterator<Item = (&'t str, &'t Value)> {
        self.all()
            .filter(move |(_, resource)| resource["Type"] == wanted)
            .map(|(id, resource)| (id, &resource["Properties"]))
    }

    pub(super) fn type_of(&self, id: &str) -> Option<&'t str> {
        self.resources?.get(id)?["Type"].as_str()
    }

    pub(super) fn resource(&self, id: &str) -> Option<&'t Value> {
        self.resources?.get(id)
    }
}

/// Whether a resource outlives its stack.
pub(super) fn is_retained(resource: &Value) -> bool {
    matches!(resource["DeletionPolicy"].as_str(), Some("Retain" | "RetainExceptOnCreate"))
}

/// The logical id that a value refers to as a whole: by `Ref` or `Fn::GetAtt`.
pub(super) fn target(value: &Value) -> Option<&str> {
    let attribute = value.get("Fn::GetAtt");
    value.get("Ref").or_else(|| attribute.and_then(|parts| parts.get(0))).and_then(Value::as_str)
}

/// The logical ids that a list of values, or one value, refers to.
pub(super) fn targets(value: &Value) -> impl Iterator<Item = &str> {
    let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    items.iter().filter_map(target)
}
