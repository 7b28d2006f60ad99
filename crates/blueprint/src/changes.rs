//! What another version of a blueprint changes in the fields of a tenant's file.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::model::Blueprint;
use crate::schema::Parameter;

/// A field that the two versions do not have alike.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldChange {
    /// Such as `web.size`; `overrides.web_tasks` for a value that a tenant may pin.
    pub field: String,
    pub change: Changed,
}

/// How a field changed.
#[derive(Debug, Clone, PartialEq)]
pub enum Changed {
    Added {
        default: Option<Value>,
        /// A tenant has to set it, where it has what is around it.
        required: bool,
    },
    Removed,
    Required,
    NoLongerRequired,
    /// A word of its schema, such as `default` or `maximum`.
    Word {
        word: String,
        before: Option<Value>,
        after: Option<Value>,
    },
}

/// Words that change nothing for a tenant's file.
const WORDS_FOR_READERS: [&str; 5] = ["description", "title", "examples", "x-workload", "optional"];

impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<Value>| match value {
            Some(Value::String(text)) => format!("`{text}`"),
            Some(value) => format!("`{value}`"),
            None => "none".to_owned(),
        };
        write!(f, "`{}`: ", self.field)?;
        match &self.change {
            Changed::Added { default: Some(default), .. } => {
                write!(f, "added, default {}", shown(&Some(default.clone())))
            }
            Changed::Added { required: true, .. } => f.write_str("added, required"),
            Changed::Added { .. } => f.write_str("added, optional"),
            Changed::Removed => f.write_str("removed"),
            Changed::Required => f.write_str("now required"),
            Changed::NoLongerRequired => f.write_str("no longer required"),
            Changed::Word { word, before, after } => {
                let word = word.strip_prefix("x-").unwrap_or(word);
                write!(f, "{word} {} -> {}", shown(before), shown(after))
            }
        }
    }
}

impl Blueprint {
    /// What `newer` changes in the fields that a tenant's file may have, in the order of their paths.
    pub fn field_changes(&self, newer: &Self) -> Vec<FieldChange> {
        let (before, after) = (self.fields(), newer.fields());
        let mut paths: Vec<&str> = before.keys().chain(after.keys()).copied().collect();
        paths.sort_unstable();
        paths.dedup();
        let mut found = Vec::new();
        for path in paths {
            let mut push = |change| found.push(FieldChange { field: path.to_owned(), change });
            match (before.get(path), after.get(path)) {
                (Some(_), None) => push(Changed::Removed),
                (None, Some(new)) => {
                    push(Changed::Added { default: new.default().cloned(), required: is_required(new) });
                }
                (Some(old), Some(new)) => {
                    match (is_required(old), is_required(new)) {
                        (false, true) => push(Changed::Required),
                        (true, false) => push(Changed::NoLongerRequired),
                        _ => {}
                    }
                    words(old, new).into_iter().for_each(push);
                }
                (None, None) => {}
            }
        }
        found
    }

    /// Whether a tenant may have this value of a field, or leave it out.
    pub fn allows(&self, field: &str, value: Option<&Value>) -> bool {
        match (self.fields().get(field), value) {
            (None, value) => value.is_none(),
            (Some(parameter), None) => !is_required(parameter),
            (Some(parameter), Some(value)) => jsonschema::is_valid(&parameter.schema, value),
        }
    }

    fn fields(&self) -> BTreeMap<&str, &Parameter> {
        let parameters = self.declared().chain(&self.overrides.parameters);
        parameters.map(|parameter| (parameter.path.as_str(), parameter)).collect()
    }
}

fn is_required(parameter: &Parameter) -> bool {
    parameter.default().is_none() && !parameter.may_be_absent
}

/// Words of the schemas that are not alike; none that says what a value must be is left out.
fn words(old: &Parameter, new: &Parameter) -> Vec<Changed> {
    let empty = serde_json::Map::new();
    let map = |parameter: &'_ Parameter| parameter.schema.as_object().cloned().unwrap_or_else(|| empty.clone());
    let (before, after) = (map(old), map(new));
    let mut words: Vec<&String> = before.keys().chain(after.keys()).collect();
    words.sort_unstable();
    words.dedup();
    let changed = words.into_iter().filter(|word| !WORDS_FOR_READERS.contains(&word.as_str())).filter_map(|word| {
        let (before, after) = (before.get(word), after.get(word));
        (before != after).then(|| Changed::Word { word: word.clone(), before: before.cloned(), after: after.cloned() })
    });
    changed.collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use tenantry_base::finding::Source;

    fn blueprint(required: &str, properties: &str) -> Blueprint {
        let text = format!(
            "apiVersion: tenantry/v2\nblueprint: {{ name: t, version: 1.0.0 }}\nparameters:\n  web:\n    type: object\n    \
             required: [{required}]\n    properties: {{ {properties} }}\n"
        );
        let (blueprint, findings) = Blueprint::read(&Arc::new(Source { path: "t.yaml".into(), text }), &|_| None);
        assert_eq!(findings, []);
        blueprint.unwrap()
    }

    fn changes(before: &Blueprint, after: &Blueprint) -> Vec<String> {
        before.field_changes(after).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_way_in_which_a_field_changes_is_reported() {
        let before =
            blueprint("a, c", "a: { type: integer }, b: { type: string }, c: { type: string }, d: { enum: [x] }");
        let after = blueprint(
            "a, b, e",
            "a: { type: integer, maximum: 9 }, b: { type: string }, c: { type: string }, e: { type: string }, \
             f: { type: string }, g: { type: integer, default: 3, description: text }",
        );
        assert_eq!(
            changes(&before, &after),
            [
                "`web.a`: maximum none -> `9`",
                "`web.b`: now required",
                "`web.c`: no longer required",
                "`web.d`: removed",
                "`web.e`: added, required",
                "`web.f`: added, optional",
                "`web.g`: added, default `3`",
            ]
        );
        assert!(changes(&after, &after).is_empty());
    }

    #[test]
    fn what_a_tenant_may_say_is_what_the_newer_blueprint_allows() {
        let newer = blueprint("e", "a: { type: integer, maximum: 9 }, e: { type: string }");
        let text = |text: &str| Value::from(text);
        let allowed = |field: &str, value: Option<Value>| newer.allows(field, value.as_ref());
        assert!(allowed("web.a", None) && allowed("web.a", Some(Value::from(9))));
        assert!(!allowed("web.a", Some(Value::from(10))));
        assert!(allowed("web.e", Some(text("x"))) && !allowed("web.e", None), "a field that is newly required");
        assert!(allowed("web.gone", None) && !allowed("web.gone", Some(text("x"))), "a field that is gone");
    }
}
