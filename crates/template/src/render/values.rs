//! The values that fill a form, packed: a fleet holds them for each of its tenants.

use std::fmt;

use serde_json::Value;

/// What a slot of a form is filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar<'v> {
    Text(&'v str),
    Number(u64),
}

impl<'v> Scalar<'v> {
    /// A text or a whole number; None for anything else.
    pub(super) fn of(value: &'v Value) -> Option<Self> {
        value.as_str().map(Self::Text).or_else(|| value.as_u64().map(Self::Number))
    }

    pub(super) fn value(self) -> Value {
        match self {
            Self::Text(text) => Value::from(text),
            Self::Number(number) => Value::from(number),
        }
    }

    /// Length as Tera prints it, in bytes.
    pub fn length(self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Number(number) => number.checked_ilog10().map_or(1, |digits| digits as usize + 1),
        }
    }
}

/// As Tera prints it.
impl fmt::Display for Scalar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
        }
    }
}

/// The values of a form's slots, by slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values {
    /// All texts, one behind the other.
    text: Box<str>,
    slots: Box<[Slot]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    /// Where the text begins and ends.
    Text(u32, u32),
    Number(u64),
    /// The form has no place for it.
    Unused,
}

impl Values {
    /// Packs the values of the slots that are used.
    pub(super) fn pack(values: &[Scalar<'_>], is_used: impl Fn(usize) -> bool) -> Self {
        let mut text = String::new();
        let slots = values.iter().enumerate().map(|(slot, value)| match value {
            _ if !is_used(slot) => Slot::Unused,
            Scalar::Number(number) => Slot::Number(*number),
            Scalar::Text(one) => {
                let start = text.len();
                text.push_str(one);
                // A template of so many bytes would have been refused long before.
                let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
                Slot::Text(place(start), place(text.len()))
            }
        });
        let slots = slots.collect();
        Self { text: text.into(), slots }
    }

    /// The value of a slot; an empty text for one that the form has no place for.
    pub fn get(&self, slot: usize) -> Scalar<'_> {
        match self.slots.get(slot) {
            Some(Slot::Number(number)) => Scalar::Number(*number),
            Some(Slot::Text(start, end)) => {
                Scalar::Text(self.text.get(*start as usize..*end as usize).unwrap_or_default())
            }
            Some(Slot::Unused) | None => Scalar::Text(""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_got_back() {
        let values =
            [Scalar::Text("a"), Scalar::Number(0), Scalar::Text(""), Scalar::Number(u64::MAX), Scalar::Text("žb")];
        let packed = Values::pack(&values, |_| true);
        for (slot, value) in values.iter().enumerate() {
            assert_eq!(packed.get(slot), *value);
            assert_eq!(value.length(), value.to_string().len());
        }
        let packed = Values::pack(&values, |slot| slot > 0);
        assert_eq!(packed.get(0), Scalar::Text(""));
        assert_eq!(packed.get(4), values[4]);
    }
}
