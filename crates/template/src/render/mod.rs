//! From a tenant to its CloudFormation template: canonical bytes, a digest, and where each resource came from.
//!
//! In: a [`TemplateSet`] and a [`Context`] per stack. Out: a [`Template`] per stack, or every finding. Stacks of one
//! shape share one parsed and checked [`Form`]; per stack only values are filled in (ARCHITECTURE.md, "Shapes"). It
//! knows the grammar of a template, and nothing else about AWS.

pub mod canonical;
pub mod context;
mod decisions;
pub mod difference;
mod fleet;
mod form;
mod functions;
mod limits;
pub mod names;
mod old_names;
mod placeholder;
mod places;
pub mod references;
pub mod tags;
mod template_set;
mod undefined;
mod values;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use serde_json::Value;
use sha2::{Digest, Sha256};

pub use context::{Context, TenantStack};
pub use fleet::{Prepared, RenderedTenant, inputs, prepare, render_fleet, render_tenant};
pub use form::Form;
pub use functions::{Artifact, Functions};
pub use template_set::TemplateSet;
use tenantry_base::digest::hex;
use tenantry_base::finding::{Code, Finding, Location};
pub use values::{Scalar, Values};

/// Largest template that CloudFormation reads from a bucket, in bytes.
/// Source: AWS CloudFormation User Guide, "Understand CloudFormation quotas".
const MOST_BYTES: usize = 1_048_576;

/// A form that is made by whoever asks first, while others that ask wait for it.
type FormCell = Arc<OnceLock<Result<Arc<Form>, Vec<Finding>>>>;

/// Renders stacks from one set of templates. Shared between threads; forms are made once each.
#[derive(Debug)]
pub struct Renderer {
    set: TemplateSet,
    /// By template, shape and structure of the values.
    forms: RwLock<HashMap<String, FormCell>>,
}

impl Renderer {
    pub fn new(set: TemplateSet) -> Self {
        Self { set, forms: RwLock::default() }
    }

    /// Renders one stack.
    ///
    /// # Errors
    /// Everything that is wrong with the template for stacks of this shape, or this stack's template being too large.
    pub fn render(&self, context: &Context) -> Result<Template, Vec<Finding>> {
        let start = || self.set.start(context.template);
        let whole = |code, message| vec![form::somewhere(Finding::new(code, message), &start())];
        let flat = placeholder::flatten(&context.values).map_err(|error| whole(Code::TN3004, error.to_string()))?;
        let form = self.form(context, &flat.structure)?;
        let mut values = flat.values;
        let mut hash = Sha256::new();
        form.digested.visit(|slot| values[slot], |text| hash.update(text));
        let digest = hex(hash.finalize());
        if let Some(slot) = form.digest_slot {
            values[slot] = Scalar::Text(&digest);
        }
        let values = Values::pack(&values, |slot| form.is_used(slot));
        let template = Template { form, values: Arc::new(values), digest };
        let bytes = template.length();
        if bytes > MOST_BYTES {
            let message = format!("the template has {bytes} bytes, CloudFormation takes {MOST_BYTES}");
            return Err(whole(Code::TN3007, message));
        }
        Ok(template)
    }

    /// The canonical JSON of a stack the plain way: Tera with the values themselves, YAML, long form. What [`render`]
    /// gives must be the same, byte for byte; slow.
    ///
    /// [`render`]: Self::render
    pub fn render_plainly(&self, context: &Context) -> Result<String, Finding> {
        let text = self.set.text(context.template, &context.assemble(context.values.clone()))?;
        Ok(canonical::to_string(&form::parse(&self.set, &text)?))
    }

    /// How many distinct forms have been made.
    pub fn forms(&self) -> usize {
        self.forms.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn form(&self, context: &Context, structure: &str) -> Result<Arc<Form>, Vec<Finding>> {
        let key = format!("{} {} {structure}", context.template, canonical::to_string(&context.shape));
        let known = self.forms.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let cell = match known {
            Some(cell) => cell,
            None => Arc::clone(self.forms.write().unwrap_or_else(PoisonError::into_inner).entry(key).or_default()),
        };
        cell.get_or_init(|| Form::compile(&self.set, context).map(Arc::new)).clone()
    }
}

/// The digest of a template that comes from elsewhere: equal to [`Template::digest`] where the two say the same.
pub fn digest_of(tree: &Value) -> String {
    tenantry_base::digest::sha256(form::digested(tree))
}

/// The rendered template of one stack: a shared form and the values that fill it.
#[derive(Debug, Clone)]
pub struct Template {
    pub form: Arc<Form>,
    pub values: Arc<Values>,
    /// SHA-256, lower case hex, of the canonical JSON without the release record and its outputs.
    pub digest: String,
}

/// A scalar of the tree into which values are filled.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaf {
    /// Keys and indices from the root: `Resources`, `UploadsBucket`, `Properties`, `BucketName`.
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
    pub fn fill(&self, values: &Values) -> Value {
        if let [Piece::Slot(slot)] = self.pieces[..] {
            return values.get(slot).value();
        }
        let text = self.pieces.iter().map(|piece| match piece {
            Piece::Literal(text) => text.clone(),
            Piece::Slot(slot) => values.get(*slot).to_string(),
        });
        Value::String(text.collect())
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
        self.form.body.write(|slot| self.values.get(slot))
    }

    /// The version of the control plane that the stack needs; 0 for a template that does not say.
    pub fn control_plane(&self) -> u64 {
        self.form.tree["Metadata"]["TenantryControlPlane"].as_u64().unwrap_or_default()
    }

    /// Length of the body, in bytes.
    pub fn length(&self) -> usize {
        let mut bytes = 0;
        self.form.body.visit(|slot| self.values.get(slot), |text| bytes += text.len());
        bytes
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

impl Origin {
    /// Where a path inside the resource (`Properties/Tags/0/Key`) is written in the partial, as far down as that is known.
    pub fn place(&self, inside: &str) -> Location {
        places::inside(&self.location, inside)
    }
}

/// The origin of one resource.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The line of the partial on which the resource starts.
    pub location: Location,
    /// Routes of the spec fields that decided its values (`web.allow_from`), sorted, by path inside the resource
    /// (`Properties/SecurityGroupIngress/0/CidrIp`).
    pub fields: BTreeMap<String, Vec<String>>,
}
