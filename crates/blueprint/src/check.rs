//! What is proved of a blueprint before a tenant has it: every formula has a value within its bounds over the declared
//! ranges, more workload never makes a subnet smaller, and the tiers fit a pool's smallest block.
//!
//! By sampling: the edges of every range, the defaults, and values between. The samples follow from a seed, so two runs
//! find the same.

use std::collections::{BTreeMap, BTreeSet};

use ipnetwork::Ipv4Network;
use serde_json::{Map, Value, json};

use crate::codes;
use crate::evaluate::{Evaluation, Inputs};
use crate::model::{Blueprint, Decision, Section};
use crate::parameters::Facts;
use crate::schema::Parameter;
use crate::types::{Field, Type};
use tenantry_base::finding::{Finding, Severity};

/// How thoroughly a blueprint is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckOptions {
    /// Tenants that are tried.
    pub cases: usize,
    pub seed: u64,
    /// Prefix length of the smallest block that a pool gives to a tenant.
    pub smallest_block: u8,
    /// Zones of that tenant.
    pub zones: usize,
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self { cases: 2_000, seed: 1, smallest_block: 18, zones: 3 }
    }
}

/// A seeded sequence of numbers: SplitMix64.
#[derive(Debug, Clone)]
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap_or_default()
    }

    /// From 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits")]
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

impl Blueprint {
    /// Every finding about the blueprint as a whole; one for each formula and code, with the values that showed it.
    pub fn check(&self, options: &CheckOptions) -> Vec<Finding> {
        let mut findings = self.ranges();
        let mut seen = BTreeSet::new();
        let mut numbers = Numbers(options.seed);
        for _ in 0..options.cases {
            let tenant = self.sample(&mut numbers);
            for found in self.try_tenant(&tenant, &mut numbers) {
                let place = found.location.as_ref().map(|place| place.span.start);
                if seen.insert((place, found.code)) {
                    findings.push(found);
                }
            }
        }
        findings.extend(self.smallest(options));
        findings
    }

    /// Numbers that formulas refer to and that have no range.
    fn ranges(&self) -> Vec<Finding> {
        let used: BTreeSet<&str> =
            self.derived.iter().flat_map(|derived| derived.inputs.iter().map(String::as_str)).collect();
        let open = |parameter: &&Parameter| {
            used.contains(parameter.path.as_str()) && parameter.kind.is_number() && parameter.range().is_none()
        };
        let parameters = self.sections.iter().flat_map(|section| &section.parameters);
        parameters
            .filter(open)
            .map(|parameter| {
                let message =
                    format!("`{}` has no range, so its formulas are checked near its default only", parameter.path);
                let route = format!("parameters.{}", parameter.path.replace('.', ".properties."));
                let place = self.document.nearest(&route);
                Finding::new(codes::UNCHECKED, message).at(place)
            })
            .collect()
    }

    fn try_tenant(&self, tenant: &Map<String, Value>, numbers: &mut Numbers) -> Vec<Finding> {
        let zones = 2 + numbers.below(5);
        let (nat, model) = (numbers.chance(50), numbers.chance(50));
        let facts = self.sample_facts(numbers);
        let inputs = |tenant: &Map<String, Value>| self.sampled(tenant, zones, nat, model, &facts);
        let Some(before) = inputs(tenant) else { return self.unsampled(tenant) };
        let evaluation = self.evaluate_as(&before, true);
        let mut findings = evaluation.findings();
        findings.extend(self.outside_the_shape(&evaluation));
        findings.extend(evaluation.checks(&|_| None).into_iter().filter(|found| found.code.as_str().starts_with("TN")));
        if !findings.is_empty() || tenant.contains_key("overrides") {
            return findings;
        }
        let more = self.more(tenant, numbers);
        let Some(after) = inputs(&more) else { return findings };
        let grown = self.evaluate(&after);
        let Ok(block) = Ipv4Network::new([10, 0, 0, 0].into(), 16 + u8::try_from(numbers.below(9)).unwrap_or(0)) else {
            return findings;
        };
        let by_demand = self.prefixes(&evaluation, &before).ok().zip(self.prefixes(&grown, &after).ok());
        let laid_out = |evaluation: &Evaluation<'_>, inputs: &Inputs| {
            let layout = self.lay_out(evaluation, inputs, block, zones).ok()?;
            Some(layout.zones[0].iter().map(|subnet| subnet.block.prefix()).collect::<Vec<u8>>())
        };
        let in_a_block = laid_out(&evaluation, &before).zip(laid_out(&grown, &after));
        for (small, large) in [by_demand, in_a_block].into_iter().flatten() {
            for (tier, (small, large)) in
                self.tiers.iter().zip(small.into_iter().zip(large)).filter(|(_, (a, b))| b > a)
            {
                let route = format!("tiers.{}.addresses", tier.name);
                let message = format!(
                    "more workload makes the subnets of `{}` smaller: /{small} became /{large} when {} became {}",
                    tier.name,
                    Value::Object(tenant.clone()),
                    Value::Object(more.clone()),
                );
                let place = self.document.nearest(&route);
                findings.push(Finding::new(codes::SHRINKS, message).at(place));
            }
        }
        findings
    }

    /// Values of the shape that are none of those that it declares: each would be one form more.
    fn outside_the_shape(&self, evaluation: &Evaluation<'_>) -> Vec<Finding> {
        let shape = evaluation.shape();
        let outside = |(index, decision): (usize, &Decision)| {
            let value = shape.get(decision.name.as_str()).filter(|value| !decision.values.contains(value))?;
            let route = format!("shape[{index}]");
            let place = self.document.nearest(&route);
            let message = format!("`{}` is {value}, which is none of its declared values", decision.name);
            Some(Finding::new(codes::FINITE, message).at(place))
        };
        self.shape.iter().enumerate().filter_map(outside).collect()
    }

    /// What a sample does not meet: a pattern that no sample can be made of.
    fn unsampled(&self, tenant: &Map<String, Value>) -> Vec<Finding> {
        let finding = |(route, refused): (String, String)| {
            let parameter = route.split('[').next().unwrap_or_default().replace('.', ".properties.");
            let route = format!("parameters.{parameter}");
            let place = self.document.nearest(&route);
            let message = format!("no value could be tried: {refused}");
            let finding = Finding::new(codes::UNCHECKED, message).at(place).with_help("give the parameter `examples`");
            Finding { severity: Severity::Error, ..finding }
        };
        self.refused(&Value::Object(tenant.clone())).into_iter().map(finding).collect()
    }

    /// Whether the smallest workload fits into a pool's smallest block.
    fn smallest(&self, options: &CheckOptions) -> Option<Finding> {
        if self.tiers.is_empty() {
            return None;
        }
        let mut tenant = Map::new();
        for parameter in self.parameters_of(&self.sections).filter(|parameter| parameter.optional.is_none()) {
            let least = parameter.schema.get("minimum").filter(|_| parameter.workload).cloned();
            let value = least.or_else(|| parameter.default().cloned()).unwrap_or_else(|| first_value(parameter));
            set(&mut tenant, &parameter.path, value);
        }
        let facts = self.sample_facts(&mut Numbers(options.seed));
        let inputs = self.sampled(&tenant, options.zones, true, true, &facts)?;
        let evaluation = self.evaluate(&inputs);
        let block = Ipv4Network::new([10, 0, 0, 0].into(), options.smallest_block).ok()?;
        let error = self.lay_out(&evaluation, &inputs, block, options.zones).err()?;
        let message =
            format!("the smallest tenant does not fit a pool's block of /{}: {error}", options.smallest_block);
        let place = self.document.nearest("tiers");
        Some(Finding::new(codes::TIER, message).at(place))
    }

    fn parameters_of<'s>(&self, sections: &'s [Section]) -> impl Iterator<Item = &'s Parameter> {
        sections.iter().flat_map(|section| &section.parameters)
    }

    fn sampled(
        &self,
        tenant: &Map<String, Value>,
        zones: usize,
        nat: bool,
        model: bool,
        facts: &Map<String, Value>,
    ) -> Option<Inputs> {
        let tenant = Value::Object(tenant.clone());
        if !self.refused(&tenant).is_empty() {
            return None;
        }
        Some(self.inputs(
            self.parameters(&tenant).sections(),
            &Facts {
                zones,
                network_zones: zones,
                nat: if nat { "per-zone" } else { "single" },
                eni_model: if model { "hyperplane" } else { "per-execution" },
                region: "eu-west-1",
                partition: "aws",
                architecture: "x86_64",
                region_facts: facts,
            },
        ))
    }

    /// A tenant within the declared ranges; every tenth pins something.
    fn sample(&self, numbers: &mut Numbers) -> Map<String, Value> {
        let mut tenant = Map::new();
        let mut present: BTreeMap<String, bool> = BTreeMap::new();
        for parameter in self.parameters_of(&self.sections) {
            if let Some(optional) = &parameter.optional
                && !*present.entry(optional.clone()).or_insert_with(|| numbers.chance(50))
            {
                continue;
            }
            if parameter.may_be_absent && numbers.chance(50) {
                continue;
            }
            let value = sample_value(&parameter.schema, &parameter.kind, numbers);
            set(&mut tenant, &parameter.path, value);
        }
        for section in self.sections.iter().filter(|section| !section.optional) {
            tenant.entry(section.name.clone()).or_insert_with(|| json!({}));
        }
        let pins = &self.overrides.parameters;
        if !pins.is_empty() && numbers.chance(10) {
            let pinned = &pins[numbers.below(pins.len())];
            let ranged =
                pinned.range().is_some() || matches!(pinned.kind, Type::Bool) || pinned.schema.get("enum").is_some();
            if ranged {
                set(&mut tenant, &pinned.path, sample_value(&pinned.schema, &pinned.kind, numbers));
            }
        }
        tenant
    }

    fn sample_facts(&self, numbers: &mut Numbers) -> Map<String, Value> {
        let mut facts = Map::new();
        for parameter in &self.region.parameters {
            if parameter.optional.is_none() || numbers.chance(50) {
                let name = parameter.path.trim_start_matches("region.").to_owned();
                facts.insert(name, sample_value(&parameter.schema, &parameter.kind, numbers));
            }
        }
        facts
    }

    /// The same tenant with as much or more of every workload.
    fn more(&self, tenant: &Map<String, Value>, numbers: &mut Numbers) -> Map<String, Value> {
        let mut more = tenant.clone();
        for parameter in self.parameters_of(&self.sections).filter(|parameter| parameter.workload) {
            let Some((_, most)) = parameter.range() else { continue };
            let here = Value::Object(more.clone());
            let Some(now) = crate::document::lookup(&here, &parameter.path).and_then(Value::as_f64) else { continue };
            let grown = (now * (1.0 + numbers.share() * 20.0)).min(most);
            set(&mut more, &parameter.path, number(grown.max(now), &parameter.kind));
        }
        more
    }
}

/// A value at a dotted path, with the maps around it.
fn set(map: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => drop(map.insert(path.to_owned(), value)),
        Some((first, rest)) => {
            let inside = map.entry(first.to_owned()).or_insert_with(|| json!({}));
            if let Some(inside) = inside.as_object_mut() {
                set(inside, rest, value);
            }
        }
    }
}

/// Some value that a schema takes, where there is no default: the first.
fn first_value(parameter: &Parameter) -> Value {
    let schema = &parameter.schema;
    let listed = |word: &str| schema.get(word).and_then(Value::as_array).and_then(|values| values.first()).cloned();
    listed("enum")
        .or_else(|| listed("examples"))
        .or_else(|| schema.get("minimum").cloned())
        .unwrap_or_else(|| plain(&parameter.kind))
}

fn plain(kind: &Type) -> Value {
    match kind {
        Type::Bool => json!(false),
        Type::Int => json!(1),
        Type::Double => json!(1.0),
        Type::List(..) => json!([]),
        Type::Map(..) => json!({}),
        _ => json!("text"),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "within the range of the parameter")]
fn number(number: f64, kind: &Type) -> Value {
    if *kind == Type::Int { json!(number.round() as i64) } else { json!(number) }
}

fn sample_value(schema: &Value, kind: &Type, numbers: &mut Numbers) -> Value {
    let listed = |word: &str| schema.get(word).and_then(Value::as_array).filter(|values| !values.is_empty());
    if let Some(members) = listed("enum") {
        return members[numbers.below(members.len())].clone();
    }
    if let Some(default) = schema.get("default").filter(|_| numbers.chance(20)) {
        return default.clone();
    }
    match kind {
        Type::Bool => json!(numbers.chance(50)),
        Type::Int | Type::Double => sample_number(schema, kind, numbers),
        Type::List(item, most) => {
            let least = schema.get("minItems").and_then(Value::as_u64).and_then(|least| usize::try_from(least).ok());
            let count = least.unwrap_or(0) + numbers.below(most.unwrap_or(3).min(3) + 1);
            let count = most.map_or(count, |most| count.min(most));
            let items = schema.get("items").cloned().unwrap_or_default();
            let mut values: Vec<Value> = (0..count).map(|_| sample_value(&items, item, numbers)).collect();
            if schema.get("uniqueItems").is_some_and(|unique| unique == true) {
                let mut seen = BTreeSet::new();
                values.retain(|value| seen.insert(value.to_string()));
            }
            values.into()
        }
        Type::Row(fields) => {
            let value = |(name, field): (&String, &Field)| {
                let schema = schema.pointer(&format!("/properties/{name}")).cloned().unwrap_or_default();
                (name.clone(), sample_value(&schema, &field.kind, numbers))
            };
            fields.iter().map(value).collect()
        }
        _ => match listed("examples") {
            Some(examples) => examples[numbers.below(examples.len())].clone(),
            None => schema.get("default").cloned().unwrap_or_else(|| example(schema)),
        },
    }
}

/// A text of a format.
fn example(schema: &Value) -> Value {
    json!(match schema.get("format").and_then(Value::as_str) {
        Some("date") => "2026-11-29",
        Some("date-time") => "2026-11-29T00:00:00Z",
        Some("duration") => "P1D",
        Some("email") => "a@example.com",
        Some("hostname") => "a.example.com",
        Some("ipv4") => "192.0.2.1",
        Some("ipv4-block") => "192.0.2.0/24",
        Some("uri") => "https://example.com/",
        _ => "text",
    })
}

/// The edges of the range often, else in between: by magnitude where the range spans several.
fn sample_number(schema: &Value, kind: &Type, numbers: &mut Numbers) -> Value {
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    let default = schema.get("default").and_then(Value::as_f64);
    let low = bound("minimum").or(bound("exclusiveMinimum").map(|low| low + low.abs().max(1.0) * 1e-9));
    let high = bound("maximum").or(bound("exclusiveMaximum").map(|high| high - high.abs().max(1.0) * 1e-9));
    let (low, high) = match (low, high) {
        (Some(low), Some(high)) => (low, high),
        (Some(low), None) => (low, default.unwrap_or(1.0).max(low) * 1_000.0),
        (None, Some(high)) => (default.unwrap_or(0.0).min(high).min(0.0), high),
        (None, None) => (0.0, default.unwrap_or(1.0).abs() * 1_000.0),
    };
    let (low, high) = if *kind == Type::Int { (low.ceil(), high.floor()) } else { (low, high) };
    let value = match numbers.below(10) {
        0 | 1 => low,
        2 | 3 => high,
        _ if low > 0.0 && high / low > 100.0 => (low.ln() + (high.ln() - low.ln()) * numbers.share()).exp(),
        _ => low + (high - low) * numbers.share(),
    };
    number(value.clamp(low, high), kind)
}
