//! Stacks of a few resources, for what does not look at whole ones; the roles are the shipped ones.

/// Templates by file name.
pub(crate) const TEMPLATES: [(&str, &str); 5] = [
    ("control-plane/boundary.yaml.tera", include_str!("../../templates/control-plane/boundary.yaml.tera")),
    ("control-plane/deploy.yaml.tera", include_str!("../../templates/control-plane/deploy.yaml.tera")),
    ("control-plane/read.yaml.tera", include_str!("../../templates/control-plane/read.yaml.tera")),
    ("tenant.yaml.tera", include_str!("templates/tenant.yaml.tera")),
    ("control-plane.yaml.tera", include_str!("templates/control-plane.yaml.tera")),
];

/// Policies that they do not keep.
pub(crate) const BROKEN: [&str; 8] = ["TN4101", "TN4102", "TN4201", "TN4501", "TN4502", "TN4701", "TN4702", "TN4807"];
