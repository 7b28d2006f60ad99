//! Stacks of a few resources, for what does not look at whole ones.

/// Templates by file name.
pub(crate) const TEMPLATES: [(&str, &str); 2] = [
    ("tenant.yaml.tera", include_str!("templates/tenant.yaml.tera")),
    ("control-plane.yaml.tera", include_str!("templates/control-plane.yaml.tera")),
];

/// Policies that they do not keep.
pub(crate) const BROKEN: [&str; 8] = ["TN4101", "TN4102", "TN4201", "TN4501", "TN4502", "TN4701", "TN4702", "TN4807"];
