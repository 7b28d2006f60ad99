//! The rule that makes shapes sound: a template decides on `shape` and nothing else.
//!
//! Reads a template's source. In statements (`if`, `elif`, `set`, `for … in`) every name must be `shape`, `loop`, a
//! name set from them, or (in `for … in` alone) a list to walk. In expressions `{{ … }}` a value outside `shape` stands
//! as a plain path, without filter or operator.

use std::collections::BTreeSet;
use std::sync::Arc;

use tenantry_base::finding::{Code, Finding, Location, Source};

/// Words of Tera's own that are no names of values.
const WORDS: [&str; 12] =
    ["in", "and", "or", "not", "is", "true", "false", "none", "if", "else", "defined", "undefined"];

/// Every statement or expression of a template that decides on a value outside `shape`.
pub(super) fn check(source: &Arc<Source>) -> Vec<Finding> {
    let mut known = BTreeSet::from(["shape".to_owned(), "loop".to_owned()]);
    let mut findings = Vec::new();
    for (start, kind, body) in blocks(&source.text) {
        let offender = match kind {
            Kind::Statement => statement(body, &mut known),
            Kind::Expression => expression(body, &known),
        };
        if let Some(name) = offender {
            let message = format!("`{name}` is not part of `shape`, so a template must not decide on it");
            let place = Location::new(Arc::clone(source), start..start + body.len() + 4);
            findings.push(Finding::new(Code::TN3002, message).at(place));
        }
    }
    findings
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Statement,
    Expression,
}

/// Every `{% … %}` and `{{ … }}` of a text with its offset; comments are left out.
pub(super) fn blocks(text: &str) -> Vec<(usize, Kind, &str)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = text[at..].find('{') {
        let start = at + next;
        let rest = &text[start..];
        let (kind, end) = match rest.as_bytes().get(1) {
            Some(b'%') => (Some(Kind::Statement), "%}"),
            Some(b'{') => (Some(Kind::Expression), "}}"),
            Some(b'#') => (None, "#}"),
            _ => {
                at = start + 1;
                continue;
            }
        };
        // The `%` of `{%}` opens and does not close.
        let rest = &rest[2..];
        let Some(length) = rest.find(end) else { break };
        if let Some(kind) = kind {
            found.push((start, kind, &rest[..length]));
        }
        at = start + 2 + length + 2;
        // What is between `raw` and `endraw` is text.
        let is_raw = kind == Some(Kind::Statement) && rest[..length].trim_matches(['-', ' ', '\n', '\t']) == "raw";
        if is_raw {
            at = text[at..].find("endraw").map_or(text.len(), |more| at + more);
        }
    }
    found
}

/// The first name that a statement may not decide on. Names that it sets from known ones become known.
fn statement(body: &str, known: &mut BTreeSet<String>) -> Option<String> {
    let body = body.trim_matches(['-', ' ', '\n', '\t']);
    let (word, rest) = body.split_once(char::is_whitespace).unwrap_or((body, ""));
    match word {
        "if" | "elif" => first_unknown(rest, known),
        "set" | "set_global" => {
            let (name, value) = rest.split_once('=')?;
            let unknown = first_unknown(value, known);
            if unknown.is_none() {
                known.insert(name.trim().to_owned());
            }
            unknown
        }
        "for" => {
            let (names, list) = rest.split_once(" in ")?;
            if is_path(list.trim()) && !known.contains(root(list.trim())) {
                return None;
            }
            let unknown = first_unknown(list, known);
            if unknown.is_none() {
                known.extend(names.split(',').map(|name| name.trim().to_owned()));
            }
            unknown
        }
        _ => None,
    }
}

/// The first name outside `shape` in an expression that is more than a path.
fn expression(body: &str, known: &BTreeSet<String>) -> Option<String> {
    let body = body.trim_matches(['-', ' ', '\n', '\t']);
    if is_path(body) { None } else { first_unknown(body, known) }
}

fn first_unknown(code: &str, known: &BTreeSet<String>) -> Option<String> {
    names(code).into_iter().find(|name| !known.contains(root(name)) && !WORDS.contains(&name.as_str()))
}

/// Every name in a piece of Tera: paths such as `a.b.c`, outside quotes, that are not filters, tests or functions.
fn names(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = code;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        let length = if c == '"' || c == '\'' || c == '`' {
            rest[1..].find(c).map_or(rest.len(), |end| end + 2)
        } else if c.is_ascii_alphabetic() || c == '_' {
            let length = rest.find(|c: char| !is_path_char(c)).unwrap_or(rest.len());
            let called = rest[length..].starts_with(['(', '=']) && !rest[length..].starts_with("==");
            if before != '|' && !called {
                found.push(rest[..length].to_owned());
            }
            length
        } else {
            rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()).max(c.len_utf8())
        };
        if !c.is_whitespace() {
            before = c;
        }
        rest = &rest[length..];
    }
    found
}

fn is_path(code: &str) -> bool {
    !code.is_empty()
        && code.chars().all(is_path_char)
        && code.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

fn is_path_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '.'
}

fn root(path: &str) -> &str {
    path.split('.').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offenders(text: &str) -> Vec<String> {
        let source = Arc::new(Source { path: "t.tera".into(), text: text.to_owned() });
        check(&source).into_iter().map(|f| f.message.split('`').nth(1).unwrap_or("").to_owned()).collect()
    }

    #[test]
    fn shape_decides() {
        for text in [
            "{% if shape.nat == \"single\" and not shape.has_allow_from %}x{% endif %}",
            "{% for zone in zones %}{{ zone.id }}{% if not loop.last %},{% endif %}{% endfor %}",
            "{% set zone = shape.zones | length %}{% if zone > 2 %}{% endif %}",
            "{% for key in shape.zones %}{{ key | lower }}{% endfor %}",
            "{% raw %}{{resolve:secretsmanager:${Secret}}}{% endraw %}{{ tenant.name }}",
            "{# if tenant.name #}{% include \"tenant/network.yaml.tera\" %}",
            "{{ tenant.name }}{{ shape.zones | length + 1 }}",
            "{% if shape.flags[\"extended-retry\"] %}x{% endif %}",
            // No statement that Tera reads, but no end of one either.
            "{%}}",
            "{#}",
            "{{}",
        ] {
            assert_eq!(offenders(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn nothing_else_decides() {
        for (text, offender) in [
            ("{% if tenant.name == \"acme\" %}snowflake{% endif %}", "tenant.name"),
            ("{{ tenant.name | upper }}", "tenant.name"),
            ("{% for zone in zones %}{% if zone.id == \"x\" %}{% endif %}{% endfor %}", "zone.id"),
            ("{% set n = functions.ingest.memory_mib * 2 %}", "functions.ingest.memory_mib"),
            ("{{ functions.ingest.memory_mib * 2 }}", "functions.ingest.memory_mib"),
            ("{% for a in allow_from | slice(end=1) %}{% endfor %}", "allow_from"),
            ("{% if shape.nat == \"single\" or vpc.cidr %}{% endif %}", "vpc.cidr"),
        ] {
            assert_eq!(offenders(text), [offender], "{text}");
        }
    }
}
