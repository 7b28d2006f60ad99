//! The grammar of a template as far as counting needs it, and the part of a template that counting sees.
//!
//! Ten thousand tenants share a few forms. What all of a form have in common is cut down once to what counting looks
//! at; per tenant only the values that remain are filled in.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Map, Value};

use super::consumption;
use crate::render::{Form, Leaf, Template};

/// Logical id, type and properties of every resource.
pub(super) fn resources(template: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    template["Resources"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(id, resource)| Some((id.as_str(), resource["Type"].as_str()?, &resource["Properties"])))
}

/// The logical id that a `Ref` or `Fn::GetAtt` names.
pub(super) fn target(value: &Value) -> Option<&str> {
    value["Ref"].as_str().or_else(|| value["Fn::GetAtt"][0].as_str())
}

pub(super) fn targets(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(target).collect()
}

/// A whole number, also where it is written as text; 0 where there is none.
pub(super) fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(0)
}

/// Cuts rendered templates down to what counting sees, each form once.
#[derive(Debug, Default)]
pub struct Outlines {
    forms: RwLock<HashMap<usize, Arc<Outline>>>,
}

/// The part of a form that counting sees.
#[derive(Debug)]
struct Outline {
    /// Keeps the form alive, so that its address stays its own.
    form: Arc<Form>,
    tree: Value,
    leaves: Vec<Leaf>,
}

impl Outlines {
    /// A template's tree with what counting sees of it; counting it gives what counting the whole tree gives.
    pub fn tree(&self, template: &Template) -> Value {
        let outline = self.outline(&template.form);
        let mut tree = outline.tree.clone();
        for leaf in &outline.leaves {
            if let Some(place) = lookup(&mut tree, &leaf.path) {
                *place = leaf.fill(&template.values);
            }
        }
        tree
    }

    fn outline(&self, form: &Arc<Form>) -> Arc<Outline> {
        let key = Arc::as_ptr(form).addr();
        if let Some(known) = self.forms.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(known);
        }
        let mut tree = outline(&form.tree);
        let inside = |leaf: &&Leaf| lookup(&mut tree, &leaf.path).is_some_and(|place| !place.is_null());
        let leaves = form.leaves.iter().filter(inside).cloned().collect();
        let made = Arc::new(Outline { form: Arc::clone(form), tree, leaves });
        debug_assert_eq!(Arc::as_ptr(&made.form).addr(), key);
        Arc::clone(self.forms.write().unwrap_or_else(PoisonError::into_inner).entry(key).or_insert(made))
    }
}

/// A tree with the keys of its sections, and of each resource its type and the properties that are counted.
fn outline(tree: &Value) -> Value {
    let keys = |section: &str| -> Map<String, Value> {
        tree[section].as_object().into_iter().flatten().map(|(key, _)| (key.clone(), Value::Null)).collect()
    };
    let resource = |(id, kind, properties): (&str, &str, &Value)| {
        let seen =
            consumption::seen(kind).iter().filter_map(|name| Some(((*name).to_owned(), properties.get(name)?.clone())));
        let mut kept = Map::new();
        kept.insert("Type".to_owned(), kind.into());
        kept.insert("Properties".to_owned(), Value::Object(seen.collect()));
        (id.to_owned(), Value::Object(kept))
    };
    let resources: Map<String, Value> = resources(tree).map(resource).collect();
    serde_json::json!({ "Resources": resources, "Outputs": keys("Outputs"), "Parameters": keys("Parameters") })
}

fn lookup<'t>(tree: &'t mut Value, path: &[String]) -> Option<&'t mut Value> {
    path.iter().try_fold(tree, |node, key| match node {
        Value::Array(items) => items.get_mut(key.parse::<usize>().ok()?),
        Value::Object(map) => map.get_mut(key),
        _ => None,
    })
}
