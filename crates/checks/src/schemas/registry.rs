//! The file of schemas: unpacked one service at a time, when a template first has a type of it.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::OnceLock;

use flate2::read::ZlibDecoder;
use serde::Deserialize;
use serde_json::Value;

use tenantry_base::finding::nearest;

/// Written by `ci/schemas.py`, which says what is in it.
static FILE: &[u8] = include_bytes!("registry.z");

#[derive(Deserialize)]
struct Head {
    source: String,
    date: String,
    regions: Vec<String>,
    parts: Vec<(String, usize)>,
}

struct Part {
    packed: &'static [u8],
    types: OnceLock<BTreeMap<String, Value>>,
}

struct Registry {
    source: String,
    /// Day of the schemas.
    date: String,
    regions: Vec<String>,
    /// By the first two parts of the types' names.
    services: BTreeMap<String, Part>,
}

fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let end = FILE.iter().position(|byte| *byte == b'\n').unwrap_or(FILE.len());
        let (line, mut rest) = FILE.split_at(end);
        rest = rest.get(1..).unwrap_or_default();
        // A test reads all of it; a file that cannot be read would leave every type unknown.
        let head: Head = serde_json::from_slice(line).unwrap_or_else(|_| Head {
            source: String::new(),
            date: String::new(),
            regions: Vec::new(),
            parts: Vec::new(),
        });
        let mut services = BTreeMap::new();
        for (service, length) in head.parts {
            let (packed, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            services.insert(service, Part { packed, types: OnceLock::new() });
            rest = after;
        }
        let date = head.date.get(..10).unwrap_or_default().to_owned();
        Registry { source: head.source, date, regions: head.regions, services }
    })
}

impl Part {
    fn types(&self) -> &BTreeMap<String, Value> {
        self.types.get_or_init(|| {
            let mut text = Vec::new();
            let unpacked = ZlibDecoder::new(self.packed).read_to_end(&mut text);
            unpacked.ok().and_then(|_| serde_json::from_slice(&text).ok()).unwrap_or_default()
        })
    }
}

/// The first two parts of a type's name.
fn service(kind: &str) -> &str {
    kind.match_indices("::").nth(1).map_or(kind, |(at, _)| &kind[..at])
}

/// Where the schemas are from.
pub fn source() -> &'static str {
    &registry().source
}

/// The day of the schemas.
pub fn date() -> &'static str {
    &registry().date
}

/// The Regions of which the schemas know which types they have.
pub fn regions() -> impl Iterator<Item = &'static str> {
    registry().regions.iter().map(String::as_str)
}

/// `, did you mean …?` for a type that there is not.
pub(super) fn near(kind: &str) -> String {
    let services = &registry().services;
    match services.get(service(kind)) {
        Some(part) => nearest(kind, part.types().keys().map(String::as_str)),
        None => {
            let rest = kind.strip_prefix(service(kind)).unwrap_or_default();
            let known = services.keys().map(|service| format!("{service}{rest}")).collect::<Vec<_>>();
            let known = known.iter().map(String::as_str).filter(|name| Schema::of(name).is_some());
            nearest(kind, known)
        }
    }
}

/// The schema of one resource type.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    pub name: &'static str,
    pub(super) root: &'static Value,
}

impl Schema {
    /// None for a type that CloudFormation's registry does not have.
    pub fn of(kind: &str) -> Option<Self> {
        let types = registry().services.get(service(kind))?.types();
        types.get_key_value(kind).map(|(name, root)| Self { name, root })
    }

    /// What `Fn::GetAtt` gives, `.*` standing for the items of a list or any name.
    pub(super) fn attributes(self) -> impl Iterator<Item = &'static str> {
        self.root["attributes"].as_array().into_iter().flatten().filter_map(Value::as_str)
    }

    /// Whether `Fn::GetAtt` gives an attribute.
    pub fn has_attribute(self, attribute: &str) -> bool {
        self.attributes().any(|known| fits(known, attribute))
    }

    /// Whether CloudFormation has the type in a Region, by its index.
    pub(super) fn is_in(self, region: usize) -> bool {
        let mask = self.root["regions"].as_str().and_then(|mask| u128::from_str_radix(mask, 16).ok());
        mask.is_none_or(|mask| mask >> region & 1 == 1)
    }
}

/// Whether a name is what a pattern with `.*` stands for.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once(".*") {
        None => pattern == name,
        Some((before, after)) => name.strip_prefix(before).is_some_and(|rest| {
            let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            ends.into_iter().any(|at| fits(after, &rest[at..]))
        }),
    }
}

/// How many types there are, and the parts and expressions that cannot be read; of the expressions one in `step`.
#[cfg(test)]
pub(super) fn check(step: usize) -> (usize, Vec<String>) {
    fn patterns(name: &str, node: &'static Value, found: &mut BTreeMap<&'static str, String>) {
        match node {
            Value::Object(map) => {
                let named = map.get("patternProperties").and_then(Value::as_object);
                let named = named.into_iter().flatten().map(|(pattern, _)| pattern.as_str());
                for pattern in map.get("pattern").and_then(Value::as_str).into_iter().chain(named) {
                    found.insert(pattern, name.to_owned());
                }
                map.values().for_each(|value| patterns(name, value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| patterns(name, item, found)),
            _ => {}
        }
    }
    let (mut types, mut broken, mut found) = (0, Vec::new(), BTreeMap::new());
    for (service, part) in &registry().services {
        if part.types().is_empty() {
            broken.push(service.clone());
        }
        types += part.types().len();
        part.types().iter().for_each(|(name, schema)| patterns(name, schema, &mut found));
    }
    let refused = found.into_iter().step_by(step).filter(|(pattern, _)| super::walk::expression(pattern).is_none());
    broken.extend(refused.map(|(pattern, name)| format!("{name}: {pattern}")));
    (types, broken)
}
