//! Which types of resources a file of rules looks at, from Guard's parse tree.
//!
//! A query that starts at the template's resources must pick them by a filter that begins with their type, as
//! `Resources.*[ Type == 'AWS::S3::Bucket' ]` does; resources of other types are then in no query, whatever else the rules say, so
//! a template without them has the same verdict. Rules that look at resources in another way see all of them. tests/policies/
//! compares verdicts with and without.

use std::collections::BTreeSet;

use serde_json::Value;

/// The types of the resources that rules look at; none if they may look at any.
pub(super) fn looked_at(parse_tree: &Value) -> Option<BTreeSet<String>> {
    let mut types = BTreeSet::new();
    walk(parse_tree, true, false, &mut types)?;
    Some(types)
}

/// Adds the types of all queries below a node. `is_root`: a query starts at the template, not at what another query found;
/// `asks`: it only asks if something is there.
fn walk(node: &Value, is_root: bool, asks: bool, types: &mut BTreeSet<String>) -> Option<()> {
    match node {
        Value::Array(items) => items.iter().try_for_each(|item| walk(item, is_root, false, types)),
        Value::Object(map) => {
            if let Some(Value::Array(parts)) = map.get("query") {
                query(parts, is_root, asks, types)?;
            }
            let operator = map.get("comparator").and_then(|comparator| comparator.get(0));
            let exists = operator.is_some_and(|operator| operator == "Exists");
            map.iter().try_for_each(|(key, value)| {
                let inside = key == "Filter" || key == "block" && map.contains_key("query");
                walk(value, is_root && !inside, exists && key == "query", types)
            })
        }
        _ => Some(()),
    }
}

fn query(parts: &[Value], is_root: bool, asks: bool, types: &mut BTreeSet<String>) -> Option<()> {
    let Some(first) = parts.first() else { return Some(()) };
    match first.get("Key").and_then(Value::as_str) {
        // A query from a variable goes on from what another query found.
        Some(key) if !key.eq_ignore_ascii_case("Resources") => Some(()),
        Some(_) if parts.len() == 1 => asks.then_some(()),
        Some(_) => {
            parts.get(1)?.get("AllValues")?;
            let filter = parts.get(2)?.get("Filter")?;
            // A filter has a name or none, and lists of clauses of which one of each must hold.
            let all = filter.as_array()?.iter().rev().find_map(Value::as_array)?;
            types.extend(all.iter().find_map(of_type)?);
            Some(())
        }
        None => (!is_root).then_some(()),
    }
}

/// The types that a list of alternatives lets through; none if one of them lets others through.
fn of_type(alternatives: &Value) -> Option<BTreeSet<String>> {
    let mut types = BTreeSet::new();
    for alternative in alternatives.as_array().filter(|all| !all.is_empty())? {
        let clause = alternative.get("Clause")?;
        let access = clause.get("access_clause")?;
        let is_plain = clause.get("negation") == Some(&Value::Bool(false));
        let asked = access.get("query")?.get("query")?.as_array()?;
        let is_type = matches!(&asked[..], [one] if one.get("Key").is_some_and(|key| key == "Type"));
        let comparator = access.get("comparator")?.as_array()?;
        let is_equal =
            matches!(&comparator[..], [operator, Value::Bool(false)] if operator == "Eq" || operator == "In");
        if !(is_plain && is_type && is_equal) {
            return None;
        }
        let wanted = &access.get("compare_with")?.get("Value")?["value"];
        let wanted = wanted.as_array().map_or(std::slice::from_ref(wanted), Vec::as_slice);
        for kind in wanted {
            // An expression between slashes is a text here.
            types.insert(kind.as_str().filter(|kind| !kind.starts_with('/'))?.to_owned());
        }
    }
    Some(types)
}
