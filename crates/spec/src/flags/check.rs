//! What is wrong with a catalogue, and with what it gives a tenant.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde_json::Value;

use super::catalogue::{same, shown};
use super::{Catalogue, Evaluation, Flag, Kind, Reads, ValueType};

/// Something wrong in the catalogue: where, and what about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub route: String,
    /// Whether the key at the route is meant, not its value.
    pub on_key: bool,
    pub message: String,
}

/// Two flags of a tenant that cannot go together.
#[derive(Debug, Clone, PartialEq)]
pub struct Contradiction<'e> {
    /// The flag that is on and wants the other to be otherwise.
    pub flag: &'e Evaluation,
    pub other: &'e Evaluation,
    /// The other should be on (and is off), or off (and is on).
    pub wanted_on: bool,
}

/// Everything wrong in a catalogue that its schema cannot tell.
pub fn faults(catalogue: &Catalogue) -> Vec<Fault> {
    let one = |(key, flag): (&String, &Flag)| {
        let mut faults = Faults { route: format!("flags.{key}"), found: Vec::new() };
        faults.key(key);
        faults.values(flag);
        faults.dates(flag);
        faults.relations(catalogue, key, flag);
        faults.found
    };
    catalogue.flags.iter().flat_map(one).collect()
}

struct Faults {
    route: String,
    found: Vec<Fault>,
}

impl Faults {
    fn say(&mut self, below: &str, message: String) {
        self.found.push(Fault { route: format!("{}{below}", self.route), on_key: below.is_empty(), message });
    }

    /// AppConfig takes 64 characters and more than these; templates and shells take these without quotes.
    fn key(&mut self, key: &str) {
        let bytes = key.as_bytes();
        let good = (2..=64).contains(&bytes.len())
            && bytes[0].is_ascii_lowercase()
            && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
            && !key.ends_with('-');
        if !good {
            let rule = "2 to 64 lower case letters, digits and hyphens, starting with a letter";
            self.say("", format!("`{key}` is no key of a flag: {rule}"));
        }
    }

    /// The default and the listed values.
    fn values(&mut self, flag: &Flag) {
        if flag.value_type == ValueType::Boolean && !flag.values.is_empty() {
            self.say(".values", "a boolean flag has the values `true` and `false`; list none".to_owned());
        }
        let unlisted = Flag { values: Vec::new(), ..flag.clone() };
        for (index, value) in flag.values.iter().enumerate().filter(|_| flag.value_type != ValueType::Boolean) {
            let twice = flag.values[..index].iter().any(|other| same(other, value)).then(|| "is used twice".to_owned());
            if let Some(fault) = unlisted.fault_of(value).or(twice) {
                self.say(&format!(".values[{index}]"), format!("`{}` {fault}", shown(value)));
            }
        }
        for (bound, given) in [("minimum", flag.minimum), ("maximum", flag.maximum)] {
            if given.is_some() && flag.value_type != ValueType::Number {
                self.say(&format!(".{bound}"), format!("only numbers have a {bound}"));
            }
        }
        if flag.minimum.zip(flag.maximum).is_some_and(|(least, most)| least > most) {
            self.say(".minimum", "the minimum is greater than the maximum".to_owned());
        }
        if flag.reads == Reads::Structural && flag.positions().is_empty() {
            let why = "each value is a template of its own, and all of them are tested";
            self.say("", format!("a structural flag must list its `values`: {why}"));
        }
        if let Some(fault) = flag.fault_of(&flag.default) {
            self.say(".default", format!("`{}` {fault}", shown(&flag.default)));
        }
        self.rules(flag);
    }

    /// The values that rules and the rollout give.
    fn rules(&mut self, flag: &Flag) {
        let rules = &flag.rules;
        for (group, values) in [("rings", &rules.rings), ("accounts", &rules.accounts), ("regions", &rules.regions)] {
            for (name, value) in values {
                if let Some(fault) = flag.fault_of(value) {
                    self.say(&format!(".rules.{group}.{name}"), format!("`{}` {fault}", shown(value)));
                }
            }
        }
        if let Some((rollout, fault)) = flag.rollout.as_ref().and_then(|to| Some((to, flag.fault_of(&to.value)?))) {
            self.say(".rollout.value", format!("`{}` {fault}", shown(&rollout.value)));
        }
    }

    fn dates(&mut self, flag: &Flag) {
        let created = self.date(".created", &flag.created);
        let expires = flag.expires.as_ref().map(|date| self.date(".expires", date));
        match (flag.kind, expires) {
            (Kind::Release, None) => {
                self.say("", "a flag of kind `release` must say when it `expires`".to_owned());
            }
            (_, Some(expires)) if created.zip(expires).is_some_and(|(created, expires)| expires <= created) => {
                self.say(".expires", "the flag expires before it was created".to_owned());
            }
            _ => {}
        }
    }

    fn date(&mut self, field: &str, text: &str) -> Option<Date> {
        let date = text.parse::<Date>().ok();
        if date.is_none() {
            self.say(field, format!("`{text}` is no date"));
        }
        date
    }

    /// Dependencies and conflicts: other flags of the catalogue, each in one of the two lists.
    fn relations(&mut self, catalogue: &Catalogue, key: &str, flag: &Flag) {
        let required: BTreeSet<&String> = flag.requires.iter().collect();
        for (list, others) in [("requires", &flag.requires), ("conflicts", &flag.conflicts)] {
            for (index, other) in others.iter().enumerate() {
                let route = format!(".{list}[{index}]");
                if other == key {
                    self.say(&route, "a flag cannot name itself".to_owned());
                } else if !catalogue.flags.contains_key(other) {
                    self.say(&route, format!("flag `{other}` is not in the catalogue"));
                } else if list == "conflicts" && required.contains(other) {
                    self.say(&route, format!("`{other}` is required and in conflict at once"));
                }
            }
        }
    }
}

/// The pairs of a tenant's flags that cannot go together, after evaluation. Two flags that both name the other are reported
/// once.
pub fn contradictions<'e>(catalogue: &Catalogue, evaluations: &'e [Evaluation]) -> Vec<Contradiction<'e>> {
    let on = |answer: &Evaluation| {
        catalogue
            .flags
            .get(&answer.flag_key)
            .is_some_and(|flag| flag.is_on(&answer.value) && answer.value != Value::Null)
    };
    let of = |key: &String| evaluations.iter().find(|answer| answer.flag_key == *key);
    let mut found: Vec<Contradiction<'e>> = Vec::new();
    for answer in evaluations.iter().filter(|answer| on(answer)) {
        let Some(flag) = catalogue.flags.get(&answer.flag_key) else { continue };
        let required = flag.requires.iter().filter_map(of).filter(|other| !on(other)).map(|other| (other, true));
        let refused = flag.conflicts.iter().filter_map(of).filter(|other| on(other)).map(|other| (other, false));
        for (other, wanted_on) in required.chain(refused) {
            let reported = |known: &Contradiction<'_>| {
                !wanted_on && known.flag.flag_key == other.flag_key && known.other.flag_key == answer.flag_key
            };
            if !found.iter().any(reported) {
                found.push(Contradiction { flag: answer, other, wanted_on });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::tests::flag;
    use super::super::{Subject, Values, evaluate};
    use super::*;
    use serde_json::json;

    fn catalogue(flags: &[(&str, Value)]) -> Catalogue {
        Catalogue { flags: flags.iter().map(|(key, fields)| ((*key).to_owned(), flag(fields.clone()))).collect() }
    }

    fn reported(flags: &[(&str, Value)]) -> Vec<(String, String)> {
        faults(&catalogue(flags)).into_iter().map(|fault| (fault.route, fault.message)).collect()
    }

    #[test]
    fn each_fault_is_reported_where_it_is() {
        for (fields, route, part) in [
            (json!({ "default": "x" }), "flags.ff.default", "`x` is neither"),
            (json!({ "values": [true] }), "flags.ff.values", "list none"),
            (json!({ "type": "string", "default": "a", "values": ["a", 1] }), "flags.ff.values[1]", "no text"),
            (json!({ "type": "string", "default": "a", "values": ["a", "a"] }), "flags.ff.values[1]", "is used twice"),
            (json!({ "minimum": 1 }), "flags.ff.minimum", "only numbers"),
            (json!({ "type": "number", "default": 1, "reads": "structural" }), "flags.ff", "must list its `values`"),
            (json!({ "rules": { "rings": { "a": 1 } } }), "flags.ff.rules.rings.a", "neither"),
            (json!({ "rollout": { "percent": 5, "value": "on" } }), "flags.ff.rollout.value", "neither"),
            (json!({ "created": "2026-02-30" }), "flags.ff.created", "no date"),
            (json!({ "expires": "2026-10-31" }), "flags.ff.expires", "before"),
            (json!({ "kind": "release" }), "flags.ff", "must say when it `expires`"),
            (json!({ "requires": ["ff"] }), "flags.ff.requires[0]", "itself"),
            (json!({ "conflicts": ["gg"] }), "flags.ff.conflicts[0]", "not in the catalogue"),
        ] {
            let reported = reported(&[("ff", fields.clone())]);
            assert_eq!(reported.len(), 1, "{fields}: {reported:?}");
            assert!(reported[0].0 == route && reported[0].1.contains(part), "{fields}: {reported:?}");
        }
        assert_eq!(reported(&[("Bad_Key", json!({}))])[0].0, "flags.Bad_Key");
        let both = json!({ "requires": ["gg"], "conflicts": ["gg"] });
        assert_eq!(reported(&[("ff", both), ("gg", json!({}))])[0].0, "flags.ff.conflicts[0]");
    }

    #[test]
    fn dependencies_and_conflicts_hold_after_evaluation() {
        let catalogue = catalogue(&[
            ("aa", json!({ "requires": ["bb"], "conflicts": ["cc"] })),
            ("bb", json!({})),
            ("cc", json!({ "conflicts": ["aa"] })),
        ]);
        let broken = |on: &[&str]| -> Vec<(String, String, bool)> {
            let overrides: Values = on.iter().map(|key| ((*key).to_owned(), json!(true))).collect();
            let subject = Subject { tenant: "t", ring: "r", account: "a", region: "x", overrides: &overrides };
            let answers: Vec<Evaluation> =
                catalogue.flags.keys().map(|key| evaluate(&catalogue, key, &subject)).collect();
            contradictions(&catalogue, &answers)
                .into_iter()
                .map(|found| (found.flag.flag_key.clone(), found.other.flag_key.clone(), found.wanted_on))
                .collect()
        };
        let said = |flag: &str, other: &str, wanted| (flag.to_owned(), other.to_owned(), wanted);
        assert_eq!(broken(&[]), []);
        assert_eq!(broken(&["aa", "bb"]), []);
        assert_eq!(broken(&["aa"]), [said("aa", "bb", true)]);
        assert_eq!(broken(&["aa", "bb", "cc"]), [said("aa", "cc", false)]);
    }
}
