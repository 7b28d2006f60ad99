//! What is wrong with a blueprint or a tenant is found all at once, each at its line and column.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tenantry_base::finding::{Finding, Location, Severity, Source};
use tenantry_blueprint::{Blueprint, CheckOptions, Facts, Inputs};

/// As many tenants as find each fault.
const FEW: CheckOptions = CheckOptions { cases: 300, seed: 1, smallest_block: 18, zones: 3 };
const START: &str = "apiVersion: tenantry/v2\nblueprint: { name: t, version: 1.0.0 }\n";

fn read(rest: &str) -> (Option<Blueprint>, Vec<Finding>) {
    read_whole(&format!("{START}{rest}"))
}

fn read_whole(text: &str) -> (Option<Blueprint>, Vec<Finding>) {
    Blueprint::read(&Arc::new(Source { path: "blueprint.yaml".into(), text: text.to_owned() }), &|_| None)
}

fn good(rest: &str) -> Blueprint {
    let (blueprint, findings) = read(rest);
    assert_eq!(findings, [], "{rest}");
    blueprint.unwrap()
}

/// The findings of the lines behind the two that every blueprint starts with, as `line:column code message`.
#[track_caller]
fn check(rest: &str, expected: &[&str]) {
    let (blueprint, findings) = read(rest);
    let shown = |found: &Finding| {
        let Location { line, column, .. } = found.location.as_ref().expect("every finding has a place");
        let help = found.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{}:{column} {} {}{help}", line - 2, found.code, found.message)
    };
    assert_eq!(findings.iter().map(shown).collect::<Vec<_>>(), expected);
    assert_eq!(blueprint.is_none(), findings.iter().any(|found| found.severity == Severity::Error));
}

#[test]
fn unknown_words_are_answered_with_known_ones() {
    check(
        "derivd: {}\nderived:\n  a: { valeu: 1, value: 2 }\nparameters:\n  web: { type: object, properties: { x: { type: \
         integer, minimun: 1 } } }\nwatch: { queus: {} }\n",
        &[
            "1:1 TN6002 `derivd` is unknown here (did you mean `derived`?)",
            "3:8 TN6002 `valeu` is unknown here (did you mean `value`?)",
            "5:58 TN6002 `minimun` is unknown in a schema (did you mean `minimum`?)",
            "6:10 TN6002 `queus` is unknown here (did you mean `queues`?)",
        ],
    );
}

#[test]
fn a_schema_that_contradicts_itself_is_refused() {
    check(
        "parameters:\n  web:\n    type: object\n    required: [x, z]\n    properties:\n      x: { type: integer, minimum: 5, \
         maximum: 4 }\n      y: { type: integer, maximum: 4, default: 5 }\n      w: { enum: [a, b], default: c }\n      v: { \
         type: text }\n      u: { type: string, minimum: 3 }\n  region: { type: object, properties: {} }\n",
        &[
            "4:5 TN6005 `web` requires `z`, which it does not declare (known here: x, y, w, v, u)",
            "6:27 TN6005 `web.x` has no value: `minimum` 5 is more than `maximum` 4",
            "7:39 TN6005 `default` of `web.y` contradicts its schema: 5 is greater than the maximum of 4",
            "8:26 TN6005 `default` of `web.w` contradicts its schema: \"c\" is not one of \"a\" or \"b\"",
            "9:12 TN6003 `text` is not a type of a parameter (known here: integer, number, string, boolean, array, object)",
            "10:26 TN6005 `minimum` says nothing about a value of type string",
            "11:3 TN6004 `region` is a field of every tenant and cannot be a section of parameters",
        ],
    );
}

const WEB: &str = "parameters:\n  web:\n    type: object\n    properties:\n      rate: { type: number, minimum: 0.0, \
                   maximum: 9.0, default: 1.0 }\n      count: { type: integer, minimum: 0, maximum: 9, default: 1 }\n      \
                   note: { type: string }\n      list: { type: array, items: { type: integer }, default: [] }\ntables:\n  \
                   sizes: { source: a page, date: 2026-11-29, rows: [{ name: s, cpu: 1 }, { name: l, cpu: 2 }] }\n";

#[test]
fn names_types_and_circles_of_formulas_are_checked_before_anything_is_evaluated() {
    check(
        &format!(
            "{WEB}derived:\n  a: {{ value: web.rate + 1 }}\n  b: {{ value: web.raet * 2.0 }}\n  c: {{ value: wbe.rate }}\n  \
             d: {{ value: cell(web.rate) }}\n  e: {{ value: ceil(web.count) }}\n  f: {{ value: web.note }}\n  g: {{ value: \
             '1 +' }}\n  h: {{ value: i + 1 }}\n  i: {{ value: j + 1 }}\n  j: {{ value: h + 1 }}\n  k: {{ value: \
             \"web.list.map(item, item + 1).size()\" }}\n  l: {{ value: \"web.count > 1 ? 'a' : 1\" }}\n  m: {{ value: \
             \"sizes.first(web, web.cpu > 1).cpu\" }}\n"
        ),
        &[
            "12:24 TN6012 `+` does not take double and int (convert with `double()` or `ceil()`, or write `2.0` for `2`)",
            "13:15 TN6011 `web.raet` is unknown (did you mean `rate`?)",
            "14:15 TN6011 `wbe` is unknown (did you mean `web`?)",
            "15:19 TN6011 the function `cell` is unknown (did you mean `ceil`?)",
            "16:19 TN6012 `ceil` does not take (int) (it takes ceil(double) -> int)",
            "17:15 TN6012 `web.note` may be absent (write `has(web.note) ? … : …`)",
            "18:18 TN6010 `1 +` is not a formula: it ends too early",
            "19:3 TN6013 formulas refer to each other in a circle: `h` → `i` → `j` → `h`",
            "22:28 TN6014 the loop has no end that is known (give the list `maxItems`)",
            "23:30 TN6012 the condition gives a string or an int",
            "24:27 TN6004 `web` is the name of something else: call the row otherwise",
        ],
    );
}

#[test]
fn a_row_that_a_formula_writes_has_named_fields_with_types() {
    let derived = |row: &str| format!("derived:\n  a: {{ value: '{row}' }}\n  b: {{ value: a.n + 1 }}\n");
    check(&derived(r#"{"n": 2, "name": "x"}"#), &[]);
    check(&derived(r#"{"n": 2, "n": 3}"#), &["2:16 TN6004 the row has `n` twice"]);
    check(&derived(r#"{"n": 2, 3: 3}"#), &["2:16 TN6012 a row's fields have names: `{\"name\": …}`"]);
    check(
        &derived(r#"{"n": 2.0}"#),
        &["3:19 TN6012 `+` does not take double and int (convert with `double()` or `ceil()`, or write `2.0` for `2`)"],
    );
    check(&derived(r#"{"m": 2}"#), &["3:15 TN6011 `a.n` is unknown (known here: m)"]);
}

#[test]
fn a_formula_that_would_take_too_many_steps_is_refused() {
    let rows = (0..40).map(|row| format!("{{ n: {row} }}")).collect::<Vec<_>>().join(", ");
    let tables = format!("tables:\n  t: {{ source: s, date: 2026-11-29, rows: [{rows}] }}\n");
    let nested = "t.exists(x, t.exists(y, t.exists(z, x.n + y.n == z.n)))";
    check(
        &format!("{tables}derived:\n  a: {{ value: \"{nested}\" }}\n"),
        &["4:24 TN6014 the formula may take 912404 steps, at most 10000 are allowed"],
    );
    let long = "1 + ".repeat(600);
    check(
        &format!("derived:\n  a: {{ value: {long} 1 }}\n"),
        &["2:15 TN6014 a formula has at most 2000 bytes, this one has 2402"],
    );
}

#[test]
fn shapes_and_tiers_that_cannot_be_are_refused() {
    check(
        &format!(
            "{WEB}derived:\n  big: {{ value: web.count * 1000, bounds: [0, 9000] }}\n  text: {{ value: '\"a\"' }}\nshape: \
             [web.count, big, text, web.rate, nothing, web.rates, has(web.rate)]\ntiers:\n  one: {{ routes: nat, share: \
             3/4, addresses: 5 }}\n  two: {{ routes: inside, share: 1/2, addresses: 5 }}\n  three: {{ routes: none, share: \
             1/2, addresses: 5.0 }}\n  four: {{ routes: none, share: 1/2, addresses: 5 }}\n  five: {{ routes: none, share: \
             1/2, addresses: 5 }}\n"
        ),
        &[
            "14:20 TN6021 `big` is an int without an end of values (name a boolean, an enumeration or a whole number with \
             narrow bounds)",
            "14:25 TN6021 `text` is a string without an end of values (name a boolean, an enumeration or a whole number with \
             narrow bounds)",
            "14:31 TN6021 `web.rate` is a double without an end of values (name a boolean, an enumeration or a whole number \
             with narrow bounds)",
            "14:41 TN6022 `nothing` is not declared (known here: web.rate, web.count, web.note, web.list, big, text, \
             one_addresses, two_addresses, three_addresses, four_addresses, five_addresses)",
            "14:50 TN6022 `web.rates` is not declared (did you mean `web.rate`?)",
            "14:61 TN6022 `web.rate` is not something that a tenant may leave out",
            "15:1 TN6020 the tiers share 1.5 of a zone, which has no more than all of itself (give smaller shares)",
            "16:23 TN6003 `3/4` is not a share of a zone (1/2, 1/4, 1/8, …: subnets are powers of two)",
            "17:10 TN6003 `inside` is not a routing (known here: internet, nat, none)",
            "18:38 TN6012 addresses are a whole number, not a double",
        ],
    );
}

#[test]
fn checks_and_names_refer_to_what_is_declared() {
    check(
        "checks:\n  - { code: TN1, fails: 1, message: 'a ${b}', blame: [web.x] }\nnames: { a: { value: \
         '${tenent}-${b}', type: 'AWS::X::Y' } }\n",
        &[
            "2:7 TN6003 `TN1` is not a code: two to four capital letters and four digits, such as BP2001",
            "2:18 TN6012 a check is true or false, not an int",
            "2:42 TN6011 `b` is unknown (known here: architecture, network, overrides, region, zones)",
            "2:55 TN6022 `web.x` is not a field of the tenant (known here: account, apiVersion, contact, flags, moved_from, \
             network, network.cidr, network.eni_model, network.nat, network.zones, overrides, region, ring, tags)",
            "3:15 TN6022 `tenent` is not a part of names or an earlier name (did you mean `tenant`?)",
            "3:15 TN6022 `b` is not a part of names or an earlier name (known here: organisation, tenant, account, region)",
            "3:40 TN6022 how long a name of `AWS::X::Y` may be is not known (give `longest`, or add a row to \
             policies/resources.yaml)",
        ],
    );
}

fn inputs(blueprint: &Blueprint, tenant: &Value) -> Inputs {
    let parameters = blueprint.parameters(tenant);
    let region_facts = Map::new();
    let facts = Facts {
        zones: 3,
        network_zones: 3,
        nat: "single",
        eni_model: "hyperplane",
        region: "eu-west-1",
        partition: "aws",
        architecture: "x86_64",
        region_facts: &region_facts,
    };
    blueprint.inputs(parameters.sections(), &facts)
}

/// The findings of an evaluation, as in [`check`].
#[track_caller]
fn evaluated(rest: &str, tenant: &Value, expected: &[&str]) {
    let blueprint = good(rest);
    let inputs = inputs(&blueprint, tenant);
    let shown = |found: &Finding| {
        let place = found.location.as_ref().unwrap();
        format!("{}:{} {} {}", place.line - 2, place.column, found.code, found.message)
    };
    assert_eq!(blueprint.evaluate(&inputs).findings().iter().map(shown).collect::<Vec<_>>(), expected);
}

#[test]
fn numbers_that_do_not_exist_are_found_at_the_very_place() {
    let formulas = "derived:\n  a: { value: 10 / web.count }\n  b: { value: 1.0 / web.rate }\n  c: { value: a + 1 }\n  d: { \
                    value: (web.count + 9) * 9223372036854775807 }\n  e: { value: \"sizes.first(row, row.cpu > 5).cpu\" }\n  \
                    f: { value: web.count - 1, bounds: [0, null] }\n  g: { value: \"ceil(1e300 * double(web.count + 1))\" }\n";
    let none = json!({ "web": { "rate": 0, "count": 0 } });
    let expected = [
        "12:18 TN6015 `10 / web.count` has no value: it divides by zero, with web.count = 0",
        "13:19 TN6015 `1.0 / web.rate` has no value: the number is not finite, with web.rate = 0",
        "15:31 TN6015 `(web.count + 9) * 9223372036854775807` has no value: the number is larger than 64 bits hold, with \
         web.count = 0",
        "16:27 TN6015 `sizes.first(row, row.cpu > 5).cpu` has no value: no row satisfies, or the list has no such item, with \
         sizes = table of 2026-11-29",
        "17:25 TN6016 `f` is -1 and must be within 0 and ∞, with web.count = 0",
        "18:20 TN6015 `ceil(1e300 * double(web.count + 1))` has no value: `ceil`: 1e300 is not a whole number below 2^53, with \
         web.count = 0",
    ];
    evaluated(&format!("{WEB}{formulas}"), &none, &expected);
}

#[test]
fn defaults_are_filled_in_and_texts_are_kept() {
    let blueprint = good(WEB);
    let parameters = blueprint.parameters(&json!({ "web": { "count": 3 } }));
    assert_eq!(parameters.sections()["web"], json!({ "rate": 1.0, "count": 3, "list": [] }));
    assert_eq!(parameters.get("web.rate"), Some(&json!(1.0)));
}

/// A check that cannot fail is none: each kind of fault is made once and found.
#[test]
fn checking_a_blueprint_finds_what_only_some_tenants_meet() {
    let faults = [
        ("derived:\n  a: { value: 10 / (web.count - 7) }\n", "TN6015", "it divides by zero"),
        ("derived:\n  a: { value: \"clamp(1.0 / web.rate, 0.0, 5.0)\" }\n", "TN6015", "the number is not finite"),
        ("derived:\n  a: { value: web.count, bounds: [0, 8] }\n", "TN6016", "`a` is 9 and must be within 0 and 8"),
        (
            "derived:\n  a: { value: web.count * web.count - 9, override: true, bounds: [-8, 72] }\n",
            "TN6016",
            "`a` is -9",
        ),
    ];
    for (formulas, code, message) in faults {
        let findings = good(&format!("{WEB}{formulas}")).check(&FEW);
        let found = findings.iter().any(|found| found.code.as_str() == code && found.message.contains(message));
        assert!(found, "{formulas}: {findings:?}");
    }
    let shrinking = WEB.replace("maximum: 9, default: 1 }", "maximum: 9, default: 1, workload: true }");
    let tiers = "tiers:\n  one: { routes: none, share: 1/2, addresses: 1000 - web.count * 100 }\n";
    let findings = good(&format!("{shrinking}{tiers}")).check(&FEW);
    assert!(findings.iter().any(|found| found.code.as_str() == "TN6024"), "{findings:?}");
    let large = "tiers:\n  one: { routes: none, share: 1/2, addresses: 100000 }\n";
    let findings = good(large).check(&FEW);
    assert!(
        findings
            .iter()
            .any(|found| found.code.as_str() == "TN6020" && found.message.contains("more than the largest VPC"))
    );
    let open = WEB.replace("minimum: 0, maximum: 9, ", "");
    let findings = good(&format!("{open}derived:\n  a: {{ value: web.count }}\n")).check(&FEW);
    assert!(findings.iter().any(|found| found.code.as_str() == "TN6023" && found.severity == Severity::Warning));
}

#[test]
fn what_is_not_a_blueprint_at_all_is_refused_and_never_a_panic() {
    for text in
        ["", "[]", "a", "derived: 1", "tiers: [1]\nchecks: {}\nnames: []\nshape: 3\ntables: { a: { rows: [1] } }"]
    {
        let (blueprint, findings) = read_whole(text);
        assert!(blueprint.is_none() && !findings.is_empty(), "{text}");
        assert!(findings.iter().all(|found| found.location.is_some()), "{text}: {findings:?}");
    }
}

/// Formulas of random parts, most of them wrong: each is refused or evaluated, and none ends the process.
#[test]
fn random_formulas_are_refused_or_evaluated() {
    const PARTS: &[&str] = &[
        "web",
        ".",
        "rate",
        "count",
        "note",
        "list",
        "sizes",
        "zones",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "1",
        "2.0",
        "'a'",
        "\"",
        "+",
        "-",
        "*",
        "/",
        "%",
        "==",
        "<",
        "&&",
        "||",
        "!",
        "?",
        ":",
        ",",
        "has",
        "ceil",
        "max",
        "first",
        "map",
        "all",
        "row",
        "row.cpu",
        "in",
        "null",
        "0u",
        "b'x'",
        "1e999",
        "9223372036854775808",
        "é",
        "\u{0}",
        "$",
        "`",
        "\\n",
        "true",
        "size",
    ];
    let mut state = 7_u64;
    let mut next = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % bound
    };
    let (mut read_well, mut refused) = (0, 0);
    for _ in 0..400 {
        let formula: String = (0..1 + next(7)).map(|_| PARTS[next(PARTS.len())]).collect::<Vec<_>>().join(" ");
        let text = format!("{START}{WEB}derived:\n  a: {{ value: {} }}\n", Value::from(formula.as_str()));
        match read_whole(&text) {
            (Some(blueprint), _) => {
                read_well += 1;
                let _ = blueprint.evaluate(&inputs(&blueprint, &json!({}))).findings();
            }
            (None, findings) => {
                refused += 1;
                assert!(findings.iter().all(|found| found.location.is_some()), "{formula}");
            }
        }
    }
    assert!(read_well > 5 && refused > 200, "{read_well} read, {refused} refused");
}

#[test]
fn a_parameter_of_which_no_value_can_be_tried_is_reported() {
    let text = "parameters:\n  web: { type: object, required: [x], properties: { x: { type: string, pattern: '^[0-9]+$' } } }\n";
    let findings = good(text).check(&FEW);
    let message = "no value could be tried: \"text\" does not match \"^[0-9]+$\"";
    assert!(findings.iter().any(|found| found.message == message), "{findings:?}");
}
