//! Names in templates that nothing defines. Tera takes them for false in a condition, and fails on them only in a branch that is
//! rendered; here every branch of every template that a stack is rendered from is read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::decisions::{Kind, blocks};
use super::template_set::name;
use tenantry_base::finding::{Code, Finding, Location, Source, nearest};

/// Words of Tera's own that are no names of values.
const WORDS: [&str; 15] = [
    "and", "break", "continue", "else", "false", "ignore", "if", "in", "is", "loop", "missing", "none", "not", "or",
    "true",
];

/// Where flags stand.
const FLAGS: &str = "shape.flags";

/// Every name of the templates behind `start` that the context does not have. An estate without a catalogue has no flags, and
/// templates may ask for them.
pub(super) fn check(sources: &[Arc<Source>], start: &str, context: &Value, has_flags: bool) -> Vec<Finding> {
    let reached = reached(sources, start);
    // A partial sees the names of the loop that includes it.
    let bound: BTreeSet<String> = reached.iter().flat_map(|source| bound_in(&source.text)).collect();
    let mut asked: BTreeSet<String> = reached.iter().flat_map(|source| asked_in(&source.text)).collect();
    if !has_flags {
        asked.insert(FLAGS.to_owned());
    }
    let check = |source: &&Arc<Source>| one(source, &bound, &asked, context);
    reached.iter().flat_map(check).collect()
}

/// A template and those that it includes, imports or extends.
fn reached<'s>(sources: &'s [Arc<Source>], start: &str) -> Vec<&'s Arc<Source>> {
    let (mut found, mut names): (Vec<&Arc<Source>>, Vec<String>) = (Vec::new(), vec![start.to_owned()]);
    while let Some(next) = names.pop() {
        let Some(source) = sources.iter().find(|source| name(source) == next) else { continue };
        if found.iter().any(|known| known.path == source.path) {
            continue;
        }
        found.push(source);
        for (_, kind, body) in blocks(&source.text) {
            let body = trimmed(body);
            if kind == Kind::Statement && ["include", "extends", "import"].iter().any(|word| body.starts_with(word)) {
                names.extend(body.split(['"', '\'']).skip(1).step_by(2).map(str::to_owned));
            }
        }
    }
    found
}

/// Names that a text gives to values itself.
fn bound_in(text: &str) -> Vec<String> {
    let names = |(_, kind, body): (usize, Kind, &str)| match kind {
        Kind::Statement => binding(trimmed(body)).map(|(names, _)| names).unwrap_or_default(),
        Kind::Expression => Vec::new(),
    };
    blocks(text).into_iter().flat_map(names).collect()
}

/// The names that a statement gives, and the code of what they are given.
fn binding(body: &str) -> Option<(Vec<String>, &str)> {
    let (word, rest) = body.split_once(char::is_whitespace)?;
    let listed = |names: &str| {
        let names = names.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        names.filter(|name| !name.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    match word {
        "for" => rest.split_once(" in ").map(|(names, list)| (listed(names), list)),
        "set" | "set_global" => match rest.split_once('=') {
            Some((name, value)) => Some((listed(name), value)),
            None => Some((listed(rest), "")),
        },
        // Arguments of components.
        "component" | "macro" | "block" => Some((listed(rest), "")),
        _ => None,
    }
}

/// Names of which a text asks whether they are there, or says what they are otherwise.
fn asked_in(text: &str) -> Vec<String> {
    let asking = |(_, _, body): &(usize, Kind, &str)| {
        ["is defined", "is undefined", "is not defined", "default("].iter().any(|word| body.contains(word))
    };
    let asked = blocks(text).into_iter().filter(asking);
    asked.flat_map(|(_, _, body)| paths(body)).map(|path| path.parts.join(".")).collect()
}

fn one(source: &Arc<Source>, bound: &BTreeSet<String>, asked: &BTreeSet<String>, context: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    // What the names of this file's loops stand for, as far as it is known: an item of a list.
    let mut items: BTreeMap<String, Option<Value>> = BTreeMap::new();
    for (start, kind, body) in blocks(&source.text) {
        let code = trimmed(body);
        let word = code.split(char::is_whitespace).next().unwrap_or("");
        let given = if kind == Kind::Statement { binding(code) } else { None };
        let read = match (kind, &given, word) {
            (Kind::Expression, _, _) => code,
            (_, Some((_, value)), _) => value,
            (_, None, "if" | "elif") => code.split_once(char::is_whitespace).map_or("", |(_, rest)| rest),
            _ => "",
        };
        let offset = start + 2 + (read.as_ptr() as usize).saturating_sub(body.as_ptr() as usize);
        for path in paths(read) {
            let root = &path.parts[0];
            let known = match items.get(root) {
                Some(item) => item.as_ref().map(|item| missing(item, &path.parts[1..], 1)),
                None if bound.contains(root) => None,
                None => Some(missing(context, &path.parts, 0)),
            };
            if let Some(Some((index, near))) = known {
                let shown = path.parts[..=index].join(".");
                let is_flag = path.parts.len() > 2 && path.parts[..2].join(".") == FLAGS;
                let is_asked = |name: &str| asked.contains(name);
                if is_asked(&shown) || is_asked(&path.parts.join(".")) || is_flag && is_asked(FLAGS) {
                    continue;
                }
                let message = format!("nothing defines `{shown}`{near}");
                let place = offset + path.start..offset + path.end;
                findings.push(Finding::new(Code::TN3013, message).at(Location::new(Arc::clone(source), place)));
            }
        }
        if let Some((names, value)) = given {
            let list = paths(value).into_iter().next().filter(|path| word == "for" && path.is_all_of(value));
            let item = list.and_then(|path| match items.get(&path.parts[0]) {
                Some(item) => item.as_ref().and_then(|item| lookup(item, &path.parts[1..])).cloned(),
                None if bound.contains(&path.parts[0]) => None,
                None => lookup(context, &path.parts).cloned(),
            });
            let item = item.and_then(|list| list.as_array()?.first().cloned());
            let single = names.len() == 1;
            items.extend(names.into_iter().map(|name| (name, item.clone().filter(|_| single))));
        }
    }
    findings
}

/// A name with what follows it: `shape.flags["extended-retry"]`.
struct Path {
    parts: Vec<String>,
    start: usize,
    end: usize,
}

impl Path {
    fn is_all_of(&self, code: &str) -> bool {
        code[..self.start].trim().is_empty() && code[self.end..].trim().is_empty()
    }
}

/// Every name of a value in a piece of Tera: neither filters, tests, functions, names of arguments nor words.
fn paths(code: &str) -> Vec<Path> {
    let bytes = code.as_bytes();
    let is_name = |at: usize| bytes.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let (mut found, mut at) = (Vec::new(), 0);
    // The character or word before.
    let mut before = String::new();
    while at < bytes.len() {
        match bytes[at] {
            quote @ (b'"' | b'\'' | b'`') => {
                at += code[at + 1..].find(char::from(quote)).map_or(code.len() - at, |length| length + 2);
                before = "\"".to_owned();
            }
            byte if byte.is_ascii_alphabetic() || byte == b'_' => {
                let start = at;
                let mut parts = Vec::new();
                loop {
                    let from = at;
                    while is_name(at) {
                        at += 1;
                    }
                    parts.push(code[from..at].to_owned());
                    at += optional(&code[at..]);
                    // A key in brackets.
                    while let Some((key, length)) = key(&code[at..]) {
                        parts.push(key);
                        at += length;
                    }
                    if bytes.get(at) == Some(&b'.') && is_name(at + 1) {
                        at += 1;
                    } else {
                        break;
                    }
                }
                let rest = code[at..].trim_start();
                let is_argument = rest.starts_with('=') && !rest.starts_with("==");
                let first = parts[0].as_str();
                let is_value = !matches!(before.as_str(), "|" | "is" | "is not" | ".") && !rest.starts_with('(');
                before = match (before.as_str(), first) {
                    ("is", "not") => "is not".to_owned(),
                    _ => first.to_owned(),
                };
                if is_value && !is_argument && !WORDS.contains(&first) && !first.starts_with("__") {
                    found.push(Path { parts, start, end: at });
                }
            }
            byte if byte.is_ascii_digit() => {
                while is_name(at) || bytes.get(at) == Some(&b'.') {
                    at += 1;
                }
                before = "0".to_owned();
            }
            byte => {
                if !byte.is_ascii_whitespace() {
                    before = char::from(byte).to_string();
                }
                at += 1;
                while !code.is_char_boundary(at) {
                    at += 1;
                }
            }
        }
    }
    found
}

/// `a?.b` is a name that may be missing; its mark is no part of it.
fn optional(rest: &str) -> usize {
    usize::from(rest.starts_with("?.") || rest.starts_with("?["))
}

/// A text or number in brackets, and how long it is.
fn key(rest: &str) -> Option<(String, usize)> {
    let inside = rest.strip_prefix('[')?;
    let end = inside.find(']')?;
    let text = inside[..end].trim();
    let quoted = ["\"", "'", "`"].iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote));
    let key = quoted
        .or_else(|| text.bytes().all(|byte| byte.is_ascii_digit()).then_some(text))
        .filter(|_| !text.is_empty())?;
    Some((key.to_owned(), end + 2))
}

fn lookup<'v>(value: &'v Value, parts: &[String]) -> Option<&'v Value> {
    parts.iter().try_fold(value, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        other => other.get(part),
    })
}

/// The index of the first part that a value does not have, and what was perhaps meant. An item of an empty list is not missed.
fn missing(value: &Value, parts: &[String], shift: usize) -> Option<(usize, String)> {
    let mut value = value;
    for (index, part) in parts.iter().enumerate() {
        value = match value {
            Value::Object(map) => match map.get(part) {
                Some(inner) => inner,
                None => return Some((index + shift, nearest(part, map.keys().map(String::as_str)))),
            },
            Value::Array(items) => match part.parse::<usize>() {
                Ok(item) => items.get(item)?,
                Err(_) => return Some((index + shift, String::new())),
            },
            _ => return Some((index + shift, String::new())),
        };
    }
    None
}

fn trimmed(body: &str) -> &str {
    body.trim_matches(['-', ' ', '\n', '\t', '\r'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(text: &str) -> Vec<String> {
        let context = json!({
            "shape": { "zones": ["A", "B"], "has_dashboards": true, "flags": { "extended-retry": false } },
            "tenant": { "name": "acme" },
            "zones": [{ "id": "euw1-az1", "data": "10.0.0.0/24", "key": "A" }],
            "allow_from": [],
        });
        let source = |path: &str, text: &str| Arc::new(Source { path: path.into(), text: text.to_owned() });
        let sources = [
            source("templates/tenant.yaml.tera", text),
            source("templates/tenant/part.yaml.tera", "{{ zone.idd }}{% if account %}{% endif %}"),
            source("templates/other.yaml.tera", "{{ nobody.sees.this }}"),
        ];
        let found = check(&sources, "tenant.yaml.tera", &context, true);
        let place = |finding: &Finding| finding.location.clone().map(|at| format!("{}:{}", at.line, at.column));
        found.iter().map(|one| format!("{} {}", place(one).unwrap_or_default(), one.message)).collect()
    }

    #[test]
    fn names_that_are_there_are_nothing_to_say() {
        for text in [
            "{% if shape.has_dashboards and not shape.flags[\"extended-retry\"] %}{{ tenant.name }}{% endif %}",
            "{% for zone in zones %}{{ zone.id }}{{ loop.index }}{% if loop.first %}{% endif %}{% endfor %}",
            "{% for key in shape.zones %}{{ key | lower }}{{ zones[0].id }}{% endfor %}",
            "{% for a in allow_from %}{{ a.anything }}{% endfor %}",
            "{% for group in [\"Flow\", \"Web\"] %}{{ group }}{% endfor %}",
            "{% set n = shape.zones | length %}{{ n }}{% if n is odd %}{% endif %}",
            "{% if shape.gone is defined %}{{ shape.gone }}{% endif %}{{ tenant.gone | default(value=\"\") }}",
            "{# {{ gone }} #}{% raw %}{{ gone }}{% endraw %}{{ \"gone\" }}{{ range(end=3) }}",
            "{{ tenant[\"name\"] }}{{ 1.5 }}{% if true and none %}{% endif %}",
        ] {
            assert_eq!(said(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn names_that_nothing_defines_are_named_with_their_place() {
        for (text, expected) in [
            (
                "{% if shape.has_dashbords %}{% endif %}",
                "1:7 nothing defines `shape.has_dashbords`, did you mean `has_dashboards`?",
            ),
            ("a\n{% if true %}\n  {{ tenant.nmae }}", "3:6 nothing defines `tenant.nmae`, did you mean `name`?"),
            (
                "{% if shape.flags[\"extended-rety\"] %}",
                "1:7 nothing defines `shape.flags.extended-rety`, did you mean `extended-retry`?",
            ),
            ("{% for zone in zonse %}{% endfor %}", "1:16 nothing defines `zonse`, did you mean `zones`?"),
            (
                "{% for zone in zones %}{{ zone.dta }}{% endfor %}",
                "1:27 nothing defines `zone.dta`, did you mean `data`?",
            ),
            ("{% set a = shape.x ~ \"b\" %}", "1:12 nothing defines `shape.x`"),
            ("{{ tenant.name.first }}", "1:4 nothing defines `tenant.name.first`"),
            ("{{ shape[\"nope\"] }}", "1:4 nothing defines `shape.nope`"),
        ] {
            assert_eq!(said(text), [expected], "{text}");
        }
    }

    #[test]
    fn partials_are_read_and_see_the_loop_around_them() {
        let text = "{% for zone in zones %}{% include \"tenant/part.yaml.tera\" %}{% endfor %}";
        assert_eq!(said(text), ["1:21 nothing defines `account`"]);
    }
}
