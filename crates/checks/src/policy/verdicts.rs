//! What is known about the templates of one form: what each file of rules can reach, its verdicts by what it saw, and
//! where doors, queues that feed functions and names stand.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use ipnetwork::IpNetwork;
use serde_json::Value;

use super::checks::ingress_as_specified::{self, Door};
use super::checks::queue_visibility::{self, Feed, TIMEOUT, VISIBILITY};
use super::checks::shared_names::{self, Named};
use super::checks::{Fault, JOINS, Stack, Tiers};
use super::guard::{GuardError, RuleFile, Verdict};
use super::kept::VerdictCache;
use super::registry::Entry;
use crate::resources::Scope;
use crate::schemas;
use tenantry_template::render::{Form, Template};

/// Verdicts kept per form and file of rules.
const MOST_VERDICTS: usize = 1024;

/// Texts that the joins compare with, besides the names of types and of tiers. A value that is one of them could change what a join
/// sees, so its template is looked at by itself.
const COMPARED: [&str; 8] = [
    "ApproximateNumberOfMessagesVisible",
    "Delete",
    "QueueName",
    "Retain",
    "RetainExceptOnCreate",
    "Snapshot",
    "tenantry:tier",
    "AWS::KMS::Key",
];

/// A value of a template: the same for all of its form, or in one of the form's leaves.
#[derive(Debug)]
enum Place {
    Fixed(Value),
    Leaf(usize),
}

/// What is known about the templates of one form.
#[derive(Debug)]
pub(super) struct FormVerdicts {
    form: Arc<Form>,
    /// Per file of rules: the leaves in its reach, and its verdicts by what it saw of them.
    files: Vec<FileVerdicts>,
    faults: OnceLock<Faults>,
    schemas: OnceLock<schemas::Found>,
    doors: Vec<(Door, Place)>,
    /// Queues and the functions that they feed, with the timeouts of both.
    feeds: Vec<(Feed, Place, Place)>,
    names: Vec<(Named, Place)>,
}

type Faults = Arc<Vec<(Entry, Fault)>>;

#[derive(Debug)]
struct FileVerdicts {
    leaves: Vec<usize>,
    kept: RwLock<HashMap<Box<[u8]>, Arc<Verdict>>>,
}

impl FormVerdicts {
    pub(super) fn of(form: Arc<Form>, files: &[RuleFile]) -> Self {
        let in_reach = |file: &RuleFile| match &file.footprint {
            Some(footprint) => (0..form.leaves.len()).filter(|index| footprint.reaches(&form.leaves[*index])).collect(),
            None => Vec::new(),
        };
        let files = files.iter().map(|file| FileVerdicts { leaves: in_reach(file), kept: RwLock::default() }).collect();
        let by_path: HashMap<&[String], usize> =
            form.leaves.iter().enumerate().map(|(index, leaf)| (leaf.path.as_slice(), index)).collect();
        let place = |resource: &str, path: &str| {
            let keys: Vec<String> =
                ["Resources", resource].into_iter().chain(path.split('/')).map(str::to_owned).collect();
            match by_path.get(keys.as_slice()) {
                Some(leaf) => Place::Leaf(*leaf),
                None => Place::Fixed(lookup(&form.tree, &keys)),
            }
        };
        let doors = ingress_as_specified::doors(&form.tree).into_iter().map(|door| {
            let place = place(&door.resource, &door.path);
            (door, place)
        });
        let names = shared_names::named(&form.tree).into_iter().map(|named| {
            let place = place(&named.resource, &format!("Properties/{}", named.property));
            (named, place)
        });
        let feeds = queue_visibility::feeds(&form.tree).into_iter().map(|feed| {
            let (hidden, runs) = (place(&feed.queue, VISIBILITY), place(&feed.function, TIMEOUT));
            (feed, hidden, runs)
        });
        let (doors, feeds, names) = (doors.collect(), feeds.collect(), names.collect());
        Self { files, faults: OnceLock::new(), schemas: OnceLock::new(), doors, feeds, names, form }
    }

    /// The verdict of a file of rules on a template of the form.
    pub(super) fn verdict(
        &self,
        index: usize,
        file: &RuleFile,
        template: &Template,
        kept_before: Option<&VerdictCache>,
    ) -> Result<Arc<Verdict>, GuardError> {
        let evaluate = || {
            let seen = file.seen(&template.tree());
            match kept_before {
                Some(kept) => kept.verdict(&file.source.text, &seen, || file.evaluate(&seen)),
                None => file.evaluate(&seen),
            }
        };
        let (Some(footprint), Some(known)) = (&file.footprint, self.files.get(index)) else {
            return evaluate().map(Arc::new);
        };
        let mut seen = Vec::with_capacity(known.leaves.len() * 16);
        for leaf in &known.leaves {
            footprint.look(&self.form.leaves[*leaf].fill(&template.values), &mut seen);
        }
        if let Some(verdict) = known.kept.read().unwrap_or_else(PoisonError::into_inner).get(seen.as_slice()) {
            return Ok(Arc::clone(verdict));
        }
        let verdict = Arc::new(evaluate()?);
        let mut kept = known.kept.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MOST_VERDICTS {
            kept.insert(seen.into(), Arc::clone(&verdict));
        }
        Ok(verdict)
    }

    /// What the joins find.
    pub(super) fn faults(&self, template: &Template, tiers: &Tiers) -> Faults {
        let compared = |value: &Value| {
            let is_compared = |text: &str| {
                COMPARED.contains(&text) || text.starts_with("AWS::") || tiers.names().any(|tier| tier == text)
            };
            value.as_str().is_some_and(is_compared)
        };
        if self.form.leaves.iter().any(|leaf| compared(&leaf.fill(&template.values))) {
            return faults(&template.tree(), tiers);
        }
        Arc::clone(self.faults.get_or_init(|| faults(&self.form.tree, tiers)))
    }

    /// What the schemas of the resource types say of a template in a Region.
    pub(super) fn against_schemas(&self, template: &Template, region: &str) -> Vec<schemas::Fault> {
        let found = self.schemas.get_or_init(|| schemas::Found::of(&self.form));
        let values = found.open.iter().flat_map(|open| open.check(&self.form.leaves[open.leaf].fill(&template.values)));
        found.faults.iter().cloned().chain(values).chain(found.missing_in(region)).collect()
    }

    /// Networks that come in without being in `allowed`.
    pub(super) fn open_doors(&self, template: &Template, allowed: &[impl Into<IpNetwork> + Copy]) -> Vec<Fault> {
        let allowed: Vec<IpNetwork> = allowed.iter().map(|network| (*network).into()).collect();
        let check = |(door, place): &(Door, Place)| {
            ingress_as_specified::check(door, &self.value(place, template), allowed.iter())
        };
        self.doors.iter().filter_map(check).collect()
    }

    /// Queues that hide their messages for too short a time.
    pub(super) fn short_visibility(&self, template: &Template) -> Vec<Fault> {
        let check = |(feed, hidden, runs): &(Feed, Place, Place)| {
            queue_visibility::check(feed, &self.value(hidden, template), &self.value(runs, template))
        };
        self.feeds.iter().filter_map(check).collect()
    }

    /// The names of some scopes in a template. A name that CloudFormation puts together is taken as it is written.
    pub(super) fn names<'s>(
        &'s self,
        template: &'s Template,
        is_asked: impl Fn(&Scope) -> bool + 's,
    ) -> impl Iterator<Item = (&'s Named, String)> {
        self.names.iter().filter(move |(named, _)| is_asked(named.scope)).map(move |(named, place)| {
            let name = match self.value(place, template) {
                Value::String(text) => text,
                other => other.to_string(),
            };
            (named, name)
        })
    }

    /// How many verdicts are kept.
    pub(super) fn kept(&self) -> usize {
        self.files.iter().map(|file| file.kept.read().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    fn value(&self, place: &Place, template: &Template) -> Value {
        match place {
            Place::Fixed(value) => value.clone(),
            Place::Leaf(leaf) => self.form.leaves[*leaf].fill(&template.values),
        }
    }
}

fn faults(tree: &Value, tiers: &Tiers) -> Faults {
    let stack = Stack::of(tree, tiers);
    let found = JOINS.iter().flat_map(|join| (join.check)(&stack).into_iter().map(|fault| (join.entry, fault)));
    Arc::new(found.collect())
}

fn lookup(tree: &Value, keys: &[String]) -> Value {
    let found = keys.iter().try_fold(tree, |node, key| match node {
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        other => other.get(key.as_str()),
    });
    found.cloned().unwrap_or(Value::Null)
}
