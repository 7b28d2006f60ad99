//! From a tenant to its CloudFormation template: canonical bytes, a digest, and where each resource came from.
//!
//! Templates are Tera over CloudFormation YAML. Tenants whose `shape` is equal share one parsed and checked template;
//! per tenant only values are filled in (see ARCHITECTURE.md, "Shapes").

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::finding::Location;

/// The rendered template of one stack.
#[derive(Debug, Clone)]
pub struct Template {
    /// Canonical JSON (RFC 8785 style: sorted keys, no white space), as it is sent to CloudFormation.
    pub body: String,
    /// SHA-256, lower case hex, of the canonical JSON without the release record and its outputs.
    pub digest: String,
    pub provenance: Arc<Provenance>,
}

impl Template {
    /// The template as a tree.
    pub fn tree(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

/// Where the resources of a template came from. Shared by all tenants of a shape.
#[derive(Debug, Clone, Default)]
pub struct Provenance {
    pub resources: BTreeMap<String, Origin>,
}

/// The origin of one resource.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The line of the partial on which the resource starts.
    pub location: Location,
    /// Routes of the spec fields that decided its values (`ingest.allow_from`), sorted, by path inside the resource
    /// (`Properties/SecurityGroupIngress/0/CidrIp`).
    pub fields: BTreeMap<String, Vec<String>>,
}
