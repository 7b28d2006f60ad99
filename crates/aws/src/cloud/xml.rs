//! XML answers of AWS as JSON values.

use serde_json::{Map, Value};
use xmlparser::{ElementEnd, Token, Tokenizer};

/// How deep elements may be nested, as deep as `serde_json` reads values. No answer of AWS comes near it.
const DEPTH: usize = 128;

/// The content of the root element. An element with children is an object, one with text a string; elements of one name
/// are a list, and a list's `member` or `item` elements stand for the list itself. None for what is not XML, or nested
/// deeper than 128 elements.
pub fn value(text: &str) -> Option<Value> {
    let mut open: Vec<Element> = vec![Element::default()];
    for token in Tokenizer::from(text) {
        match token.ok()? {
            Token::ElementStart { .. } if open.len() > DEPTH => return None,
            Token::ElementStart { local, .. } => {
                open.push(Element { name: local.as_str().to_owned(), ..Element::default() });
            }
            Token::Attribute { prefix, local, value, .. }
                if prefix.as_str() != "xmlns" && local.as_str() != "xmlns" =>
            {
                open.last_mut()?.children.push((local.as_str().to_owned(), Value::String(unescaped(value.as_str()))));
            }
            Token::ElementEnd { end: ElementEnd::Close(..) | ElementEnd::Empty, .. } => {
                let done = open.pop()?;
                let (name, value) = (done.name.clone(), done.value());
                open.last_mut()?.children.push((name, value));
            }
            Token::Text { text } => open.last_mut()?.text.push_str(&unescaped(text.as_str())),
            Token::Cdata { text, .. } => open.last_mut()?.text.push_str(text.as_str()),
            _ => {}
        }
    }
    let root = open.pop().filter(|_| open.is_empty())?;
    root.children.into_iter().next().map(|(_, value)| value)
}

#[derive(Default)]
struct Element {
    name: String,
    text: String,
    children: Vec<(String, Value)>,
}

impl Element {
    fn value(self) -> Value {
        if self.children.is_empty() {
            return Value::String(self.text.trim().to_owned());
        }
        if self.children.iter().all(|(name, _)| name == "member" || name == "item") {
            return self.children.into_iter().map(|(_, value)| value).collect();
        }
        let mut map = Map::new();
        for (name, value) in self.children {
            match map.get_mut(&name) {
                None => drop(map.insert(name, value)),
                Some(Value::Array(items)) => items.push(value),
                Some(first) => *first = Value::Array(vec![first.take(), value]),
            }
        }
        Value::Object(map)
    }
}

/// The five entities of XML, and character references.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let Some(end) = rest[at..].find(';') else { break };
        let name = &rest[at + 1..at + end];
        let code = name.strip_prefix("#x").map(|hex| u32::from_str_radix(hex, 16));
        let code = code.or_else(|| name.strip_prefix('#').map(str::parse)).and_then(Result::ok);
        match (name, code.and_then(char::from_u32)) {
            ("lt", _) => out.push('<'),
            ("gt", _) => out.push('>'),
            ("amp", _) => out.push('&'),
            ("quot", _) => out.push('"'),
            ("apos", _) => out.push('\''),
            (_, Some(character)) => out.push(character),
            _ => out.push_str(&rest[at..=at + end]),
        }
        rest = &rest[at + end + 1..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_objects_and_text_are_distinguished() {
        let text = r#"<?xml version="1.0"?><R xmlns="urn:x"><Subs><member><Arn>a</Arn></member></Subs>
            <One><Name>n &amp; m</Name></One><Rule>1</Rule><Rule>2</Rule><None/></R>"#;
        let wanted = json!({ "Subs": [{ "Arn": "a" }], "One": { "Name": "n & m" }, "Rule": ["1", "2"], "None": "" });
        assert_eq!(value(text), Some(wanted));
        assert_eq!(value("<R></R>"), Some(json!("")));
        assert_eq!(value("no xml <"), None);
        let nested = |depth: usize| "<a>".repeat(depth) + &"</a>".repeat(depth);
        assert!(value(&nested(DEPTH)).is_some() && value(&nested(DEPTH + 1)).is_none());
        assert_eq!(value(&nested(1_000_000)), None, "and no stack overflows");
        assert_eq!(
            value(r#"<R><G xsi:type="Group"><URI>u</URI></G></R>"#),
            Some(json!({ "G": { "type": "Group", "URI": "u" } }))
        );
        assert_eq!(unescaped("&#65;&#x42;&lt;&nope;&"), "AB<&nope;&");
    }
}
