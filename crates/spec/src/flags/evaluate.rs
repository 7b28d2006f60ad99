//! Evaluation: what a flag is for a tenant, and why.
//!
//! The first of these decides: the tenant's own value, the rule of its ring, of its account, of its region, the
//! percentage rollout, the default. A disabled flag is its default; so is one that something gives a value which it
//! cannot have, with the reason `ERROR`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::catalogue::{shown, variant};
use super::{Catalogue, Flag, State, Values};

/// Who asks: a tenant, what it belongs to, and the values that it has of its own.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    pub tenant: &'a str,
    pub ring: &'a str,
    pub account: &'a str,
    pub region: &'a str,
    pub overrides: &'a Values,
}

/// Why a value is what it is. Source: OpenFeature specification, "Types and Data Structures", resolution reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    /// The flag has its default and nothing that could decide otherwise.
    Static,
    /// A rule, or the tenant's own value.
    TargetingMatch,
    /// The tenant is in the percentage.
    Split,
    /// No rule matched.
    Default,
    Disabled,
    Error,
}

/// Source: OpenFeature specification, "Types and Data Structures", error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    FlagNotFound,
    TypeMismatch,
}

/// Evaluation of a flag, with the fields of OpenFeature's evaluation details.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evaluation {
    /// Key of the flag.
    pub flag_key: String,
    /// Evaluated value; null for a flag that does not exist.
    pub value: Value,
    /// Name of the variant; null for an unsuccessful evaluation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// OpenFeature's reason.
    pub reason: Reason,
    /// OpenFeature's error code; null for a successful evaluation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<ErrorCode>,
    /// Details of the error; null for a successful evaluation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// Metadata of the flag, and of the rule or rollout that set its value.
    pub flag_metadata: BTreeMap<&'static str, Value>,
    /// Step that decided; null for a flag that does not exist.
    #[serde(skip)]
    pub step: Option<Step>,
}

/// What can decide, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    Tenant,
    Ring,
    Account,
    Region,
    Rollout,
    Default,
}

/// One step of an evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Trace {
    /// Step of the evaluation.
    pub step: Step,
    /// What the step found, in words.
    pub finding: String,
    /// Whether the step decided; later steps are not evaluated.
    pub decided: bool,
}

const ORDER: [Step; 6] = [Step::Tenant, Step::Ring, Step::Account, Step::Region, Step::Rollout, Step::Default];

/// Into how many equal parts the tenants are hashed: a rollout's step of a thousandth of a percent.
pub const BUCKETS: u32 = 100_000;

/// The part that a tenant falls into for a flag, below [`BUCKETS`]: the first eight bytes of SHA-256 over the flag's
/// key, a zero byte and the tenant's name, read as a big-endian number n, give ⌊n · 100,000 / 2⁶⁴⌋. It depends on
/// nothing else, so a rollout of more percent holds every tenant of one with fewer, and flags choose independently.
pub fn bucket(key: &str, tenant: &str) -> u32 {
    let mut hash = Sha256::new();
    hash.update(key.as_bytes());
    hash.update([0]);
    hash.update(tenant.as_bytes());
    let number = hash.finalize().iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    // The product's upper half is below BUCKETS.
    u32::try_from((u128::from(number) * u128::from(BUCKETS)) >> 64).unwrap_or(BUCKETS - 1)
}

/// Buckets below this are in a rollout of so many percent.
fn threshold(percent: f64) -> u32 {
    let share = (percent / 100.0 * f64::from(BUCKETS)).round();
    // Saturates, and takes what is no number for 0.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=BUCKETS")]
    let share = share.clamp(0.0, f64::from(BUCKETS)) as u32;
    share
}

impl Step {
    /// What this step says about a flag for a subject.
    fn candidate<'a>(self, key: &str, flag: &'a Flag, subject: &Subject<'a>) -> Option<&'a Value> {
        match self {
            Self::Tenant => subject.overrides.get(key),
            Self::Ring => flag.rules.rings.get(subject.ring),
            Self::Account => flag.rules.accounts.get(subject.account),
            Self::Region => flag.rules.regions.get(subject.region),
            Self::Rollout => {
                let rollout = flag.rollout.as_ref()?;
                (bucket(key, subject.tenant) < threshold(rollout.percent)).then_some(&rollout.value)
            }
            Self::Default => Some(&flag.default),
        }
    }

    /// Where the value of this step stands: in the tenant's file for [`Step::Tenant`], else in the catalogue.
    pub fn route(self, key: &str, subject: &Subject<'_>) -> String {
        match self {
            Self::Tenant => format!("flags.{key}"),
            Self::Ring => format!("flags.{key}.rules.rings.{}", subject.ring),
            Self::Account => format!("flags.{key}.rules.accounts.{}", subject.account),
            Self::Region => format!("flags.{key}.rules.regions.{}", subject.region),
            Self::Rollout => format!("flags.{key}.rollout"),
            Self::Default => format!("flags.{key}.default"),
        }
    }

    /// What was found at this step, in words.
    fn in_words(self, key: &str, flag: &Flag, subject: &Subject<'_>) -> String {
        let value = self.candidate(key, flag, subject).map(shown);
        let rule = |what: &str, name: &str| match &value {
            Some(value) => format!("{what} `{name}` has `{value}`"),
            None => format!("no rule for {what} `{name}`"),
        };
        match self {
            Self::Tenant => match &value {
                Some(value) => format!("tenant `{}` has `{value}`", subject.tenant),
                None => format!("tenant `{}` has no value of its own", subject.tenant),
            },
            Self::Ring => rule("ring", subject.ring),
            Self::Account => rule("account", subject.account),
            Self::Region => rule("region", subject.region),
            Self::Rollout => match &flag.rollout {
                None => "no rollout".to_owned(),
                Some(rollout) => {
                    let at = f64::from(bucket(key, subject.tenant)) * 100.0 / f64::from(BUCKETS);
                    let side = if value.is_some() { "inside" } else { "outside" };
                    let (given, percent) = (shown(&rollout.value), rollout.percent);
                    format!("`{given}` for {percent} %: tenant `{}` is at {at:.3} %, {side}", subject.tenant)
                }
            },
            Self::Default => format!("the default is `{}`", shown(&flag.default)),
        }
    }
}

/// The first step that has a value, and what is wrong with that value, if anything is.
fn decide<'a>(key: &str, flag: &'a Flag, subject: &Subject<'a>) -> (&'a Value, Step, Option<String>) {
    if flag.state == State::Disabled {
        return (&flag.default, Step::Default, None);
    }
    for step in ORDER {
        if let Some(value) = step.candidate(key, flag, subject) {
            return match flag.fault_of(value) {
                Some(fault) if step != Step::Default => {
                    (&flag.default, step, Some(format!("`{}` {fault}", shown(value))))
                }
                _ => (value, step, None),
            };
        }
    }
    (&flag.default, Step::Default, None)
}

/// The value of every flag of the catalogue.
pub fn values(catalogue: &Catalogue, subject: &Subject<'_>) -> Values {
    catalogue.flags.iter().map(|(key, flag)| (key.clone(), decide(key, flag, subject).0.clone())).collect()
}

/// One flag, with the reason. Total: every key and every subject has an answer.
pub fn evaluate(catalogue: &Catalogue, key: &str, subject: &Subject<'_>) -> Evaluation {
    let Some(flag) = catalogue.flags.get(key) else {
        return Evaluation {
            flag_key: key.to_owned(),
            value: Value::Null,
            variant: None,
            reason: Reason::Error,
            error_code: Some(ErrorCode::FlagNotFound),
            error_message: Some(format!("flag `{key}` is not in the catalogue")),
            flag_metadata: BTreeMap::new(),
            step: None,
        };
    };
    let (value, step, fault) = decide(key, flag, subject);
    let reason = match step {
        _ if fault.is_some() => Reason::Error,
        _ if flag.state == State::Disabled => Reason::Disabled,
        Step::Tenant | Step::Ring | Step::Account | Step::Region => Reason::TargetingMatch,
        Step::Rollout => Reason::Split,
        Step::Default if flag.is_targeted() => Reason::Default,
        Step::Default => Reason::Static,
    };
    Evaluation {
        flag_key: key.to_owned(),
        value: value.clone(),
        // OpenFeature: an unsuccessful evaluation has no variant.
        variant: fault.is_none().then(|| variant(value)),
        reason,
        error_code: fault.is_some().then_some(ErrorCode::TypeMismatch),
        error_message: fault,
        flag_metadata: metadata(flag, step),
        step: Some(step),
    }
}

fn metadata(flag: &Flag, step: Step) -> BTreeMap<&'static str, Value> {
    let mut metadata = BTreeMap::from([
        ("kind", json!(flag.kind)),
        ("type", json!(flag.value_type)),
        ("owner", json!(flag.owner)),
        ("reads", json!(flag.reads)),
        ("created", json!(flag.created)),
        ("decidedBy", json!(step)),
    ]);
    metadata.extend(flag.expires.iter().map(|date| ("expires", json!(date))));
    metadata
}

/// Every step up to the one that decided; nothing for a flag that does not exist.
pub fn trace(catalogue: &Catalogue, key: &str, subject: &Subject<'_>) -> Vec<Trace> {
    let Some(flag) = catalogue.flags.get(key) else { return Vec::new() };
    if flag.state == State::Disabled {
        let finding = format!("the flag is disabled: its default `{}` applies to every tenant", shown(&flag.default));
        return vec![Trace { step: Step::Default, finding, decided: true }];
    }
    let decided = decide(key, flag, subject).1;
    let until = ORDER.iter().position(|step| *step == decided).unwrap_or(ORDER.len() - 1);
    let reported =
        |step: &Step| Trace { step: *step, finding: step.in_words(key, flag, subject), decided: *step == decided };
    ORDER[..=until].iter().map(reported).collect()
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::tests::flag;
    use super::*;
    use proptest::prelude::*;

    fn catalogue(fields: Value) -> Catalogue {
        Catalogue { flags: BTreeMap::from([("f".to_owned(), flag(fields))]) }
    }

    fn subject<'a>(tenant: &'a str, overrides: &'a Values) -> Subject<'a> {
        Subject { tenant, ring: "canary", account: "111122223333", region: "eu-west-1", overrides }
    }

    #[test]
    fn the_narrowest_rule_decides() {
        let own = Values::from([("f".to_owned(), json!(1))]);
        let none = Values::new();
        let all = json!({
            "type": "number", "default": 9,
            "rules": { "rings": { "canary": 2 }, "accounts": { "111122223333": 3 }, "regions": { "eu-west-1": 4 } },
            "rollout": { "percent": 100, "value": 5 },
        });
        let evaluate = |fields: &Value, overrides| {
            let answer = evaluate(&catalogue(fields.clone()), "f", &subject("acme", overrides));
            (answer.value.as_i64().unwrap(), answer.reason, answer.step.unwrap())
        };
        let mut fields = all;
        assert_eq!(evaluate(&fields, &own), (1, Reason::TargetingMatch, Step::Tenant));
        assert_eq!(evaluate(&fields, &none), (2, Reason::TargetingMatch, Step::Ring));
        fields["rules"]["rings"] = json!({ "general": 2 });
        assert_eq!(evaluate(&fields, &none), (3, Reason::TargetingMatch, Step::Account));
        fields["rules"]["accounts"] = json!({});
        assert_eq!(evaluate(&fields, &none), (4, Reason::TargetingMatch, Step::Region));
        fields["rules"]["regions"] = json!({});
        assert_eq!(evaluate(&fields, &none), (5, Reason::Split, Step::Rollout));
        fields["rollout"]["percent"] = json!(0);
        assert_eq!(evaluate(&fields, &none), (9, Reason::Default, Step::Default));
        fields["rollout"] = Value::Null;
        fields["rules"] = json!({});
        assert_eq!(evaluate(&fields, &none), (9, Reason::Static, Step::Default));
        fields["state"] = json!("disabled");
        assert_eq!(evaluate(&fields, &own), (9, Reason::Disabled, Step::Default));
    }

    #[test]
    fn what_cannot_be_answered_is_an_error_with_the_default() {
        let catalogue = catalogue(json!({ "default": true }));
        let own = Values::from([("f".to_owned(), json!("no"))]);
        let answer = evaluate(&catalogue, "f", &subject("acme", &own));
        assert_eq!((answer.value, answer.reason, answer.variant), (json!(true), Reason::Error, None));
        assert_eq!(answer.error_code, Some(ErrorCode::TypeMismatch));
        let answer = evaluate(&catalogue, "g", &subject("acme", &own));
        assert_eq!((answer.value, answer.error_code), (Value::Null, Some(ErrorCode::FlagNotFound)));
    }

    #[test]
    fn an_answer_has_the_field_names_of_open_feature() {
        let answer = evaluate(&catalogue(json!({})), "f", &subject("acme", &Values::new()));
        let reported = serde_json::to_value(&answer).unwrap();
        assert_eq!(reported["flagKey"], "f");
        assert_eq!(reported["variant"], "off");
        assert_eq!(reported["reason"], "STATIC");
        assert_eq!(reported["flagMetadata"]["decidedBy"], "default");
        assert!(reported.get("errorCode").is_none());
    }

    #[test]
    fn the_way_to_an_answer_ends_where_it_was_decided() {
        let fields = json!({ "rollout": { "percent": 100, "value": true } });
        let none = Values::new();
        let reported: Vec<String> =
            trace(&catalogue(fields), "f", &subject("acme", &none)).into_iter().map(|step| step.finding).collect();
        assert_eq!(reported.len(), 5);
        assert_eq!(reported[1], "no rule for ring `canary`");
        assert!(reported[4].ends_with("%, inside"), "{reported:?}");
    }

    #[test]
    fn buckets_are_those_of_the_documented_hash() {
        // printf 'extended-retry\0acme' | sha256sum
        let documented = (u128::from(0x4197_a860_47ca_6e96_u64) * 100_000) >> 64;
        assert_eq!(u128::from(bucket("extended-retry", "acme")), documented);
    }

    /// Pearson's χ² over 100 equal parts of 100,000 names; 99 degrees of freedom exceed 148.23 once in a thousand.
    #[test]
    fn names_are_spread_evenly() {
        for key in ["extended-retry", "verbose-logs", "a"] {
            let mut counts = [0_u32; 100];
            for number in 0..100_000 {
                counts[(bucket(key, &format!("tenant-{number}")) / (BUCKETS / 100)) as usize] += 1;
            }
            let chi_square: f64 = counts.iter().map(|count| (f64::from(*count) - 1000.0).powi(2) / 1000.0).sum();
            assert!(chi_square < 148.23, "{key}: {chi_square}");
        }
    }

    #[test]
    fn flags_choose_independently() {
        let both = (0..100_000).filter(|number| {
            let name = format!("tenant-{number}");
            bucket("one", &name) < BUCKETS / 10 && bucket("other", &name) < BUCKETS / 10
        });
        // A binomial of 100,000 and 1 %: six standard deviations are 189.
        let both = both.count();
        assert!((811..=1189).contains(&both), "{both}");
    }

    proptest! {
        /// Whoever is in stays in when the percentage grows, whatever the names.
        #[test]
        fn raising_a_rollout_takes_nobody_out(
            key in "[a-z-]{1,20}", tenant in ".{0,40}", low in 0.0..=100.0_f64, more in 0.0..=100.0_f64,
        ) {
            let high = low + (100.0 - low) * more / 100.0;
            let inside = |percent| bucket(&key, &tenant) < threshold(percent);
            prop_assert!(!inside(low) || inside(high));
            prop_assert!(!inside(0.0));
            prop_assert!(inside(100.0));
        }

        /// Every catalogue gives every subject an answer, and the same one twice; the values are those of the answers.
        #[test]
        fn evaluation_is_total_and_deterministic(
            kind in prop::sample::select(vec!["boolean", "string", "number"]),
            scalars in prop::collection::vec(scalar(), 6),
            percent in prop::num::f64::ANY,
            ring in "[a-c]", tenant in ".{0,8}", key in "[f-g]", disabled: bool,
        ) {
            let [default, own, by_ring, by_account, by_region, rolled] = &scalars[..] else { unreachable!() };
            let mut flag = flag(json!({ "type": kind, "state": if disabled { "disabled" } else { "enabled" } }));
            flag.default = default.clone();
            flag.rules.rings = Values::from([("a".to_owned(), by_ring.clone())]);
            flag.rules.accounts = Values::from([("a".to_owned(), by_account.clone())]);
            flag.rules.regions = Values::from([("b".to_owned(), by_region.clone())]);
            flag.rollout = Some(super::super::Rollout { percent, value: rolled.clone() });
            let catalogue = Catalogue { flags: BTreeMap::from([("f".to_owned(), flag.clone())]) };
            let mut overrides = Values::new();
            if tenant.len() % 2 == 0 {
                overrides.insert("f".to_owned(), own.clone());
            }
            let subject =
                Subject { tenant: &tenant, ring: &ring, account: &ring, region: &ring, overrides: &overrides };
            let answer = evaluate(&catalogue, &key, &subject);
            prop_assert_eq!(&answer, &evaluate(&catalogue, &key, &subject));
            prop_assert_eq!(answer.reason == Reason::Error, answer.error_code.is_some());
            if key == "f" {
                prop_assert_eq!(&values(&catalogue, &subject)["f"], &answer.value);
                let fault = flag.fault_of(&answer.value);
                prop_assert!(fault.is_none() || answer.value == flag.default);
                let way = trace(&catalogue, &key, &subject);
                prop_assert_eq!(way.last().map(|last| (last.step, last.decided)), answer.step.map(|step| (step, true)));
            }
        }
    }

    fn scalar() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<bool>().prop_map(Value::from),
            "[a-c]".prop_map(Value::from),
            (0..3_i64).prop_map(Value::from),
        ]
    }
}
