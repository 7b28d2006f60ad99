//! From a tenant to its CloudFormation template: canonical bytes, a digest, and where each resource came from.
//!
//! In: the estate, sizes and layouts, a set of Tera templates. Out: a [`Template`] per tenant and every finding.
//! Tenants of one shape share one parsed and checked [`Form`]; per tenant only values are filled in (ARCHITECTURE.md,
//! "Shapes"). It knows nothing about AWS beyond the grammar of a template.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::finding::Location;

/// The rendered template of one stack: a shared form and the values that fill it.
#[derive(Debug, Clone)]
pub struct Template {
    pub form: Arc<Form>,
    /// The value of each slot of the form: strings, numbers and booleans.
    pub values: Arc<[Value]>,
    /// SHA-256, lower case hex, of the canonical JSON without the release record and its outputs.
    pub digest: String,
}

/// What all templates of one shape share: the tree with placeholders, and where the placeholders stand.
#[derive(Debug)]
pub struct Form {
    /// The template in long form (`Fn::Sub`, not `!Sub`). Leaves with slots hold unique placeholders.
    pub tree: Value,
    /// Every leaf that holds a slot, in document order.
    pub leaves: Vec<Leaf>,
    pub provenance: Provenance,
}

/// A scalar of the tree into which values are filled.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaf {
    /// Keys and indices from the root: `Resources`, `LandingBucket`, `Properties`, `BucketName`.
    pub path: Vec<String>,
    /// One slot alone keeps the value's own type; anything else is a string put together from its pieces.
    pub pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    Literal(String),
    /// Index into [`Template::values`].
    Slot(usize),
}

impl Leaf {
    /// The leaf's value when the slots hold `values`.
    pub fn fill(&self, values: &[Value]) -> Value {
        if let [Piece::Slot(slot)] = self.pieces[..] {
            return values[slot].clone();
        }
        let text = self.pieces.iter().map(|piece| match piece {
            Piece::Literal(text) => text.clone(),
            Piece::Slot(slot) => plain(&values[*slot]),
        });
        Value::String(text.collect())
    }
}

/// A scalar as Tera prints it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl Template {
    /// The template as a tree in long form.
    pub fn tree(&self) -> Value {
        let mut tree = self.form.tree.clone();
        for leaf in &self.form.leaves {
            if let Some(place) = lookup_mut(&mut tree, &leaf.path) {
                *place = leaf.fill(&self.values);
            }
        }
        tree
    }

    /// Canonical JSON (keys sorted, no white space), as it is sent to CloudFormation.
    pub fn body(&self) -> String {
        self.tree().to_string()
    }
}

fn lookup_mut<'t>(tree: &'t mut Value, path: &[String]) -> Option<&'t mut Value> {
    path.iter().try_fold(tree, |node, key| match node {
        Value::Array(items) => items.get_mut(key.parse::<usize>().ok()?),
        Value::Object(map) => map.get_mut(key),
        _ => None,
    })
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
