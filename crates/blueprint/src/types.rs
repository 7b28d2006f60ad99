//! The types and values of formulas: those of CEL that a size, a name or a condition needs.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use cel::common::types::{CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelString};
use cel::common::value::Val;
use serde_json::Value as Json;

/// What a formula gives, or what it refers to.
#[derive(Debug, Clone, PartialEq)]
pub enum Type {
    Bool,
    Int,
    Double,
    Text,
    /// Items, and at most how many there are where that is known.
    List(Box<Type>, Option<usize>),
    /// Named fields: a row of a table, or a section of parameters.
    Row(Arc<BTreeMap<String, Field>>),
    /// Values by keys that the tenant chooses, and at most how many there are where that is known.
    Map(Box<Type>, Option<usize>),
    /// The items of an empty list, and whatever an error has been reported about.
    Unknown,
}

/// One field of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub kind: Type,
    /// May be absent: `has()` tells.
    pub optional: bool,
}

impl Type {
    /// A row whose fields are all present.
    pub(crate) fn row(fields: impl IntoIterator<Item = (String, Type)>) -> Self {
        let present = |(name, kind)| (name, Field { kind, optional: false });
        Self::Row(Arc::new(fields.into_iter().map(present).collect()))
    }

    /// With its article: `an int`, `a double`.
    pub(crate) fn named(&self) -> String {
        let article = if matches!(self, Self::Int | Self::Unknown) { "an" } else { "a" };
        format!("{article} {self}")
    }

    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Double | Self::Unknown)
    }

    /// The type of a place where either may stand.
    pub(crate) fn unify(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Unknown, known) | (known, Self::Unknown) => Some(known.clone()),
            (Self::List(one, most), Self::List(two, others)) => {
                Some(Self::List(Box::new(one.unify(two)?), most.zip(*others).map(|(one, two)| one.max(two))))
            }
            (one, two) if one == two => Some(one.clone()),
            _ => None,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Double => f.write_str("double"),
            Self::Text => f.write_str("string"),
            Self::List(item, _) => write!(f, "list({item})"),
            Self::Row(_) => f.write_str("row"),
            Self::Map(value, _) => write!(f, "map({value})"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// A value that a formula gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Arc<str>),
    List(Arc<[Value]>),
    Row(Arc<BTreeMap<String, Value>>),
}

impl Value {
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The number, whole or not.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "compared with bounds only")]
            Self::Int(number) => Some(*number as f64),
            Self::Double(number) => Some(*number),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The value of a field of a field of a row; the value itself without one.
    pub(crate) fn field<'p>(&self, mut path: impl Iterator<Item = &'p str>) -> Option<&Self> {
        path.try_fold(self, |value, name| match value {
            Self::Row(fields) => fields.get(name),
            _ => None,
        })
    }

    /// As JSON, as templates see it.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Bool(truth) => Json::from(*truth),
            Self::Int(number) => Json::from(*number),
            Self::Double(number) => Json::from(*number),
            Self::Text(text) => Json::from(&**text),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Row(fields) => {
                Json::Object(fields.iter().map(|(name, value)| (name.clone(), value.to_json())).collect())
            }
        }
    }

    pub(crate) fn to_cel(&self) -> Box<dyn Val> {
        match self {
            Self::Bool(truth) => Box::new(CelBool::from(*truth)),
            Self::Int(number) => Box::new(CelInt::from(*number)),
            Self::Double(number) => Box::new(CelDouble::from(*number)),
            Self::Text(text) => Box::new(CelString::from(text.to_string())),
            Self::List(items) => Box::new(CelList::from(items.iter().map(Self::to_cel).collect::<Vec<_>>())),
            Self::Row(fields) => cel_row(fields.iter().map(|(name, value)| (name.clone(), value.to_cel()))),
        }
    }

    pub(crate) fn of_cel(value: &cel::Value) -> Option<Self> {
        Some(match value {
            cel::Value::Bool(truth) => Self::Bool(*truth),
            cel::Value::Int(number) => Self::Int(*number),
            cel::Value::Float(number) => Self::Double(*number),
            cel::Value::String(text) => Self::Text(text.as_str().into()),
            cel::Value::List(items) => Self::List(items.iter().map(Self::of_cel).collect::<Option<Vec<_>>>()?.into()),
            cel::Value::Map(fields) => {
                let field = |(name, value): (&cel::objects::Key, &cel::Value)| match name {
                    cel::objects::Key::String(name) => Some((name.to_string(), Self::of_cel(value)?)),
                    _ => None,
                };
                Self::Row(Arc::new(fields.map.iter().map(field).collect::<Option<_>>()?))
            }
            _ => return None,
        })
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(truth) => write!(f, "{truth}"),
            Self::Int(number) => write!(f, "{number}"),
            // Thousandths are enough to read.
            Self::Double(number) => write!(f, "{}", (number * 1000.0).round() / 1000.0),
            Self::Text(text) => f.write_str(text),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(Self::to_string).collect();
                write!(f, "[{}]", items.join(", "))
            }
            Self::Row(fields) => {
                let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name} {value}")).collect();
                write!(f, "{{{}}}", fields.join(", "))
            }
        }
    }
}

/// A value of YAML as the type says: a whole number that is written for a double is one.
pub(crate) fn json_to_cel(value: &Json, kind: &Type) -> Box<dyn Val> {
    match (value, kind) {
        (Json::Number(number), Type::Int) => Box::new(CelInt::from(whole(number).unwrap_or_default())),
        (Json::Number(number), _) => Box::new(CelDouble::from(number.as_f64().unwrap_or_default())),
        (Json::Bool(truth), _) => Box::new(CelBool::from(*truth)),
        (Json::String(text), _) => Box::new(CelString::from(text.clone())),
        (Json::Array(items), Type::List(item, _)) => {
            Box::new(CelList::from(items.iter().map(|value| json_to_cel(value, item)).collect::<Vec<_>>()))
        }
        (Json::Object(map), Type::Row(fields)) => cel_row(map.iter().filter_map(|(name, value)| {
            let field = fields.get(name).filter(|_| !value.is_null())?;
            Some((name.clone(), json_to_cel(value, &field.kind)))
        })),
        (Json::Object(map), Type::Map(value, _)) => {
            cel_row(map.iter().map(|(name, given)| (name.clone(), json_to_cel(given, value))))
        }
        _ => Box::new(CelString::from(String::new())),
    }
}

/// A whole number, also where it is written with decimals that are zero, as JSON Schema has it.
fn whole(number: &serde_json::Number) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "the schema says that it is whole")]
    number.as_i64().or_else(|| number.as_f64().map(|number| number as i64))
}

fn cel_row(fields: impl Iterator<Item = (String, Box<dyn Val>)>) -> Box<dyn Val> {
    let fields: HashMap<CelMapKey<'_>, Box<dyn Val>> =
        fields.map(|(name, value)| (CelMapKey::from(name), value)).collect();
    Box::new(CelMap::from(fields))
}
