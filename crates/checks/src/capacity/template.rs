//! The grammar of a template as far as counting needs it, and the part of a template that counting sees.
//!
//! Ten thousand tenants share a few forms. What all of a form have in common is cut down once to what counting looks
//! at. Of the values that remain, blocks of addresses and names are a tenant's own and change nothing but themselves;
//! stacks that agree in all others are counted once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use ipnetwork::Ipv4Network;
use serde_json::{Map, Value};

use super::needs::{Name, Needs, naming, needs};
use crate::resources::{ResourceType, table};
use tenantry_template::render::references::references;
use tenantry_template::render::{Form, Leaf, Template};

/// The type of what addresses are counted in.
pub(super) const SUBNET: &str = "AWS::EC2::Subnet";

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
    leaves: Vec<(Leaf, Says)>,
    /// What was counted, by the values that decide on it: those of sizes, and the prefixes of blocks.
    counted: RwLock<HashMap<Vec<Value>, Needs>>,
}

/// What a leaf says about its resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Block,
    Name,
    Size,
}

impl Outlines {
    /// A template's tree with what counting sees of it; counting it gives what counting the whole tree gives.
    pub fn tree(&self, template: &Template) -> Value {
        self.outline(&template.form).tree(template)
    }

    /// What a template needs: the same as [`needs`] of its whole tree.
    pub fn needs(&self, template: &Template) -> Needs {
        self.outline(&template.form).needs(template)
    }

    fn outline(&self, form: &Arc<Form>) -> Arc<Outline> {
        let key = Arc::as_ptr(form).addr();
        if let Some(known) = self.forms.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(known);
        }
        let mut tree = outline(&form.tree);
        let inside = |leaf: &&Leaf| lookup(&mut tree, &leaf.path).is_some_and(|place| !place.is_null());
        let leaves: Vec<Leaf> = form.leaves.iter().filter(inside).cloned().collect();
        let leaves = leaves.into_iter().map(|leaf| {
            let says = says(&tree, &leaf);
            (leaf, says)
        });
        let leaves = leaves.collect();
        let made = Arc::new(Outline { form: Arc::clone(form), tree, leaves, counted: RwLock::default() });
        debug_assert_eq!(Arc::as_ptr(&made.form).addr(), key);
        Arc::clone(self.forms.write().unwrap_or_else(PoisonError::into_inner).entry(key).or_insert(made))
    }
}

impl Outline {
    fn tree(&self, template: &Template) -> Value {
        let mut tree = self.tree.clone();
        for (leaf, _) in &self.leaves {
            if let Some(place) = lookup(&mut tree, &leaf.path) {
                *place = leaf.fill(&template.values);
            }
        }
        tree
    }

    fn needs(&self, template: &Template) -> Needs {
        let (mut sizes, mut blocks, mut names) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        for (leaf, says) in &self.leaves {
            let value = leaf.fill(&template.values);
            let (Some(id), Some(text)) = (leaf.path.get(1), value.as_str().filter(|_| *says != Says::Size)) else {
                sizes.push(value);
                continue;
            };
            match says {
                Says::Block => {
                    let block: Option<Ipv4Network> = text.parse().ok();
                    sizes.push(block.map(|block| block.prefix()).into());
                    blocks.insert(id.as_str(), block);
                }
                _ => drop(names.insert(id.as_str(), text.to_owned())),
            }
        }
        let known = self.counted.read().unwrap_or_else(PoisonError::into_inner).get(&sizes).cloned();
        let mut found = known.unwrap_or_else(|| {
            let counted = needs(&self.tree(template));
            self.counted.write().unwrap_or_else(PoisonError::into_inner).insert(sizes, counted.clone());
            counted
        });
        for (id, subnet) in &mut found.subnets {
            if let Some(Some(block)) = blocks.get(id.as_str()) {
                subnet.cidr = *block;
            }
        }
        let own = |name: Name| match names.remove(name.logical_id.as_str()) {
            Some(own) => Name { name: own, ..name },
            None => name,
        };
        found.names = std::mem::take(&mut found.names).into_iter().map(own).collect();
        found
    }
}

fn says(tree: &Value, leaf: &Leaf) -> Says {
    let [section, id, part, property] = &leaf.path[..] else { return Says::Size };
    if section != "Resources" || part != "Properties" {
        return Says::Size;
    }
    match tree["Resources"][id]["Type"].as_str() {
        Some(SUBNET) if property == "CidrBlock" => Says::Block,
        Some(kind) if naming(kind).is_some_and(|(_, named)| named == property) => Says::Name,
        _ => Says::Size,
    }
}

/// A tree with the keys of its sections, and of each resource its type and the properties that are counted.
fn outline(tree: &Value) -> Value {
    let keys = |section: &str| -> Map<String, Value> {
        tree[section].as_object().into_iter().flatten().map(|(key, _)| (key.clone(), Value::Null)).collect()
    };
    let resource = |(id, kind, properties): (&str, &str, &Value)| {
        let own: &[&str] = if kind == SUBNET { &["CidrBlock", "AvailabilityZoneId"] } else { &[] };
        let row = table().get(kind).map(|(_, row)| row);
        let addresses = row.and_then(|row| row.addresses.as_ref());
        // The name of what others stand in leads them to its subnets.
        let leads = addresses.is_some_and(|addresses| !addresses.within.is_empty());
        let name = row.and_then(|row| row.name.as_ref()).filter(|_| leads || naming(kind).is_some());
        let counted = row.into_iter().flat_map(ResourceType::counted).chain(name.map(|name| name.property.as_str()));
        let counted = counted.chain(own.iter().copied());
        let mut seen: Map<String, Value> =
            counted.filter_map(|name| Some((name.to_owned(), properties.get(name)?.clone()))).collect();
        if addresses.is_none() {
            // Whatever it names may be a subnet.
            let named = references(properties).into_iter().map(|name| serde_json::json!({ "Ref": name }));
            seen.insert("References".to_owned(), named.collect());
        }
        let mut kept = Map::new();
        kept.insert("Type".to_owned(), kind.into());
        kept.insert("Properties".to_owned(), Value::Object(seen));
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
