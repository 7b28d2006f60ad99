//! Patterns of the table: texts with placeholders and `*`, compared with members of an answer.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::compare::Case;
use super::super::expected::{Expected, is_unknown};
use super::super::paths;
use tenantry_aws::cloud::Place;
use tenantry_aws::cloud::reads::at;

/// What placeholders mean while a question is put.
pub(super) struct Names<'a> {
    pub(super) place: &'a Place,
    pub(super) stack: &'a str,
    pub(super) vpc: Option<&'a str>,
    pub(super) parent: &'a Expected,
}

/// What patterns are compared under.
pub(super) struct Scope<'a> {
    pub(super) case: &'a Case<'a>,
    pub(super) parent: &'a Expected,
    pub(super) page: &'a Value,
}

impl Names<'_> {
    /// A text with its placeholders filled; None where one of them is not known.
    pub(super) fn filled(&self, text: &str) -> Option<String> {
        filled(text, &|name| self.named(name))
    }

    /// Every text of a value filled.
    pub(super) fn filled_value(&self, value: &Value) -> Option<Value> {
        Some(match value {
            Value::String(text) => Value::String(self.filled(text)?),
            Value::Array(items) => items.iter().map(|item| self.filled_value(item)).collect::<Option<_>>()?,
            Value::Object(map) => {
                map.iter().map(|(key, value)| Some((key.clone(), self.filled_value(value)?))).collect::<Option<_>>()?
            }
            other => other.clone(),
        })
    }

    fn named(&self, name: &str) -> Option<String> {
        let physical = self.parent.physical_id.as_deref();
        Some(match name {
            "id" => physical?.to_owned(),
            "name" => physical?.rsplit('/').next()?.to_owned(),
            "stack" => self.stack.to_owned(),
            "account" => self.place.account.to_string(),
            "region" => self.place.region.to_string(),
            "partition" => self.place.region.partition().to_owned(),
            "vpc" => self.vpc?.to_owned(),
            property => paths::shown(self.parent.properties.get(property).filter(|value| !is_unknown(value))?),
        })
    }
}

impl Scope<'_> {
    fn named(&self, name: &str) -> Option<String> {
        if let Some(path) = name.strip_prefix('^') {
            return at(self.page, path).map(|value| paths::shown(&value));
        }
        let desired = self.case.desired;
        let names = Names { place: &desired.place, stack: &desired.stack, vpc: self.case.vpc(), parent: self.parent };
        names.named(name)
    }

    /// The ids that a set of the stack's VPC holds.
    fn set(&self, name: &str) -> Vec<&str> {
        let Some(vpc) = self.case.vpc() else { return Vec::new() };
        let shared = self.case.shared;
        match name {
            "interfaces" => {
                let all = shared.interfaces.iter().flatten().filter(|one| one.vpc == vpc);
                all.map(|one| one.id.as_str()).collect()
            }
            "dhcp" => {
                shared.vpcs.iter().flatten().filter(|one| one.id == vpc).filter_map(|one| one.dhcp.as_deref()).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Whether every member of `patterns` fits the item; a pattern whose placeholder is not known fits nothing.
pub(super) fn matches(patterns: &BTreeMap<String, String>, item: &Value, scope: &Scope<'_>) -> bool {
    patterns.iter().all(|(path, pattern)| {
        let reported = at(item, path).map(|value| paths::shown(&value)).unwrap_or_default();
        match pattern.strip_prefix('@') {
            Some("service") => is_service(&reported),
            Some(set) => scope.set(set).contains(&reported.as_str()),
            None => filled(pattern, &|name| scope.named(name)).is_some_and(|pattern| fits(&pattern, &reported)),
        }
    })
}

/// The principal of a service of AWS, `es.amazonaws.com`; an ARN is none, however its name ends.
fn is_service(principal: &str) -> bool {
    let name = principal.strip_suffix(".cn").unwrap_or(principal).strip_suffix(".amazonaws.com").unwrap_or_default();
    !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-'))
}

fn filled(text: &str, named: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, (name, after))) =
        rest.split_once('{').and_then(|(before, tail)| Some((before, tail.split_once('}')?)))
    {
        out.push_str(before);
        out.push_str(&named(name)?);
        rest = after;
    }
    Some(out + rest)
}

/// Whether a text fits a pattern in which `*` is any text; a dot at the end of a name means nothing.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.trim_end_matches('.'), text.trim_end_matches('.'));
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_no_role_that_is_named_as_one() {
        for service in ["es.amazonaws.com", "dms.eu-west-1.amazonaws.com", "ec2.amazonaws.com.cn"] {
            assert!(is_service(service), "{service}");
        }
        for other in ["", ".amazonaws.com", "arn:aws:iam::999988887777:role/es.amazonaws.com", "mallory"] {
            assert!(!is_service(other), "{other}");
        }
    }

    #[test]
    fn stars_are_any_text_and_names_may_end_in_a_dot() {
        for (pattern, text, fit) in [
            ("a", "a", true),
            ("a.example.com", "a.example.com.", true),
            ("*:role/a\"*", "[\"arn:aws:iam::1:role/a\"]", true),
            ("*:role/a\"*", "[\"arn:aws:iam::1:role/ab\"]", false),
            ("*", "", true),
            ("a*a", "a", false),
            ("", "", true),
            ("eu-west-1*", "eu-west-1a", true),
            ("eu-west-1*", "all", false),
        ] {
            assert_eq!(fits(pattern, text), fit, "{pattern} {text}");
        }
    }
}
