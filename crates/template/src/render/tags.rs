//! CloudFormation's short-form tags, resolved to their long form: `!Sub x` is `{"Fn::Sub": "x"}`.
//! Source: AWS CloudFormation Template Reference, "Intrinsic functions".

use serde_json::{Map, Number, Value, json};
use serde_yaml::Value as Yaml;
use serde_yaml::value::{Tag, TaggedValue};

/// Why a YAML tree is no CloudFormation template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    #[error("`{0}` is not a tag of CloudFormation")]
    UnknownTag(String),
    #[error("`!GetAtt` takes `Resource.Attribute` or a list of both")]
    GetAtt,
    #[error("a key is not a text: `{0}`")]
    Key(String),
    #[error("`{0}` is not a number of JSON")]
    Number(String),
}

const FUNCTIONS: [&str; 17] = [
    "And",
    "Base64",
    "Cidr",
    "Equals",
    "FindInMap",
    "ForEach",
    "GetAZs",
    "If",
    "ImportValue",
    "Join",
    "Length",
    "Not",
    "Or",
    "Select",
    "Split",
    "Sub",
    "ToJsonString",
];

/// The tree in long form, as CloudFormation's JSON has it.
pub fn resolve(yaml: &Yaml) -> Result<Value, TagError> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(bool) => Value::Bool(*bool),
        Yaml::Number(number) => Value::Number(to_json_number(number)?),
        Yaml::String(text) => Value::String(text.clone()),
        Yaml::Sequence(items) => Value::Array(items.iter().map(resolve).collect::<Result<_, _>>()?),
        Yaml::Mapping(mapping) => {
            let mut map = Map::new();
            for (key, value) in mapping {
                let Yaml::String(key) = key else { return Err(TagError::Key(format!("{key:?}"))) };
                map.insert(key.clone(), resolve(value)?);
            }
            Value::Object(map)
        }
        Yaml::Tagged(tagged) => function(&tagged.tag.to_string(), resolve(&tagged.value)?)?,
    })
}

fn function(tag: &str, value: Value) -> Result<Value, TagError> {
    let name = tag.trim_start_matches('!');
    match name {
        "Ref" | "Condition" => Ok(json!({ name: value })),
        "GetAtt" => Ok(json!({ "Fn::GetAtt": get_att(value)? })),
        _ if FUNCTIONS.contains(&name) => Ok(json!({ format!("Fn::{name}"): value })),
        _ => Err(TagError::UnknownTag(tag.to_owned())),
    }
}

/// Stands around a text that must be quoted; no template has this character, which Unicode leaves for private use.
const MARK: char = '\u{e0f1}';

/// A template as YAML with short-form tags, for people. Readers of YAML 1.1, CloudFormation among them, and of YAML 1.2 read
/// the same texts: what one of them takes for a boolean, a number or a date is in quotes.
///
/// # Errors
/// The tree cannot be written, which no template's is.
pub fn yaml(tree: &Value) -> Result<String, serde_yaml::Error> {
    let mut yaml = shorten(tree);
    mark(&mut yaml);
    let text = serde_yaml::to_string(&yaml)?;
    // A marked text is plain, so that the marks come in pairs.
    let parts = text.split(MARK).enumerate();
    Ok(parts.map(|(index, part)| if index % 2 == 1 { format!("'{part}'") } else { part.to_owned() }).collect())
}

/// Marks what the two versions read differently.
fn mark(yaml: &mut Yaml) {
    match yaml {
        Yaml::String(text) if is_ambiguous(text) => *text = format!("{MARK}{text}{MARK}"),
        Yaml::Sequence(items) => items.iter_mut().for_each(mark),
        Yaml::Mapping(map) => {
            let entries = std::mem::take(map).into_iter();
            *map = entries
                .map(|(mut key, mut value)| {
                    mark(&mut key);
                    mark(&mut value);
                    (key, value)
                })
                .collect();
        }
        Yaml::Tagged(tagged) => mark(&mut tagged.value),
        _ => {}
    }
}

/// Whether a text is one word that the serializer leaves plain and YAML 1.1 reads as something else than a text.
fn is_ambiguous(text: &str) -> bool {
    // The keys of a merge and of a default value.
    if matches!(text, "<<" | "=") {
        return true;
    }
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"+-_.: ".contains(&byte);
    if text.len() > 40 || !text.bytes().all(is_word) || !is_plain(serde_yaml::to_string(text), text) {
        return false;
    }
    // What begins so may be a number, a time of day or a date.
    text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first))
        || !is_plain(serde_saphyr::to_string(&text), text)
}

fn is_plain<E>(yaml: Result<String, E>, text: &str) -> bool {
    yaml.is_ok_and(|yaml| yaml.trim_end() == text)
}

/// The tree with short-form tags, for people: what [`resolve`] gives back as it was.
pub fn shorten(tree: &Value) -> Yaml {
    match tree {
        Value::Null => Yaml::Null,
        Value::Bool(bool) => Yaml::Bool(*bool),
        Value::Number(number) => Yaml::Number(to_yaml_number(number)),
        Value::String(text) => Yaml::String(text.clone()),
        Value::Array(items) => Yaml::Sequence(items.iter().map(shorten).collect()),
        Value::Object(map) => {
            let only = map.iter().next().filter(|_| map.len() == 1);
            only.and_then(|(key, value)| short(key, value)).unwrap_or_else(|| {
                Yaml::Mapping(map.iter().map(|(key, value)| (Yaml::String(key.clone()), shorten(value))).collect())
            })
        }
    }
}

/// A function in short form, where it has one: YAML has no tag upon a tag.
fn short(key: &str, value: &Value) -> Option<Yaml> {
    let tagged = |name: &str, value: Yaml| {
        let tagged = TaggedValue { tag: Tag::new(name), value };
        (!matches!(tagged.value, Yaml::Tagged(_))).then(|| Yaml::Tagged(Box::new(tagged)))
    };
    match (key, key.strip_prefix("Fn::")) {
        ("Ref", _) => tagged(key, shorten(value)),
        (_, Some("GetAtt")) => match &value.as_array()?[..] {
            [Value::String(resource), Value::String(attribute)] if !resource.contains('.') => {
                tagged("GetAtt", Yaml::String(format!("{resource}.{attribute}")))
            }
            _ => None,
        },
        (_, Some(name)) if FUNCTIONS.contains(&name) => tagged(name, shorten(value)),
        _ => None,
    }
}

/// The list form of GetAtt's argument; attributes may have dots of their own (`Endpoint.Address`).
fn get_att(value: Value) -> Result<Value, TagError> {
    match value {
        Value::String(text) => {
            let (resource, attribute) = text.split_once('.').ok_or(TagError::GetAtt)?;
            Ok(json!([resource, attribute]))
        }
        Value::Array(items) if items.len() == 2 => Ok(Value::Array(items)),
        _ => Err(TagError::GetAtt),
    }
}

fn to_json_number(number: &serde_yaml::Number) -> Result<Number, TagError> {
    let exact = number.as_u64().map(Number::from).or_else(|| number.as_i64().map(Number::from));
    exact.or_else(|| number.as_f64().and_then(Number::from_f64)).ok_or_else(|| TagError::Number(number.to_string()))
}

fn to_yaml_number(number: &Number) -> serde_yaml::Number {
    let exact = number.as_u64().map(Into::into).or_else(|| number.as_i64().map(Into::into));
    exact.or_else(|| number.as_f64().map(Into::into)).unwrap_or_else(|| 0.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(yaml: &str) -> Result<Value, TagError> {
        resolve(&serde_yaml::from_str(yaml).expect("YAML"))
    }

    #[test]
    fn short_forms_become_long_forms() {
        for (short, expected) in [
            ("!Ref Vpc", json!({ "Ref": "Vpc" })),
            ("!GetAtt Domain.Endpoint.Address", json!({ "Fn::GetAtt": ["Domain", "Endpoint.Address"] })),
            ("!GetAtt [Domain, Arn]", json!({ "Fn::GetAtt": ["Domain", "Arn"] })),
            ("!Sub '${Vpc}-x'", json!({ "Fn::Sub": "${Vpc}-x" })),
            ("!Join ['', [a, !Ref B]]", json!({ "Fn::Join": ["", ["a", { "Ref": "B" }]] })),
            ("Fn::Base64: !Sub x", json!({ "Fn::Base64": { "Fn::Sub": "x" } })),
            ("a: 1.5", json!({ "a": 1.5 })),
        ] {
            assert_eq!(long(short), Ok(expected), "{short}");
        }
    }

    #[test]
    fn what_cloudformation_does_not_know_is_refused() {
        assert_eq!(long("!Reff Vpc"), Err(TagError::UnknownTag("!Reff".to_owned())));
        assert_eq!(long("!GetAtt Vpc"), Err(TagError::GetAtt));
        assert!(matches!(long("1: a"), Err(TagError::Key(_))));
        assert!(matches!(long("a: .nan"), Err(TagError::Number(_))));
    }

    #[test]
    fn what_is_shortened_for_people_is_the_same_template() {
        for (tree, shown) in [
            (json!({ "A": { "Ref": "Vpc" } }), "A: !Ref Vpc\n"),
            (json!({ "Fn::GetAtt": ["Domain", "Endpoint.Address"] }), "!GetAtt Domain.Endpoint.Address\n"),
            (json!({ "Fn::GetAtt": ["Domain", { "Ref": "X" }] }), "Fn::GetAtt:\n- Domain\n- !Ref X\n"),
            (json!({ "Fn::Base64": { "Fn::Sub": "${A}" } }), "Fn::Base64: !Sub ${A}\n"),
            (json!({ "Condition": { "Bool": { "a": true } }, "B": "111122223333", "C": [1.5, 3] }), ""),
            (json!({ "Fn::Join": [",", ["a", { "Ref": "B" }]], "Other": null }), ""),
            (
                json!({ "TENANT": "no", "on": ["Yes", "off", "nope"] }),
                "TENANT: 'no'\n'on':\n- 'Yes'\n- 'off'\n- nope\n",
            ),
            (json!({ "Fn::ForEach::Zones": [] }), "Fn::ForEach::Zones: []\n"),
        ] {
            let text = yaml(&tree).unwrap();
            assert!(shown.is_empty() || text == shown, "{text}");
            assert_eq!(long(&text), Ok(tree), "{text}");
        }
    }
}
