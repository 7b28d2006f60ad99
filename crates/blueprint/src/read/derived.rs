//! Derived values and tiers: formulas in the order in which they depend on each other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

use super::{FACTS, Reader, SMALLEST_SUBNET};
use crate::codes;
use crate::document::below;
use crate::formula::{Formula, Name as ScopeName, Parsed, Reference, Scope};
use crate::model::{Derived, NetworkRules, Routing, Tier};
use crate::nearest::nearest;
use crate::schema;
use crate::types::Type;

/// A derived value that is parsed and not yet checked.
struct Pending {
    name: String,
    /// Route of its map: `derived.web_tasks` or `tiers.public`.
    route: String,
    /// `None` where the text is not a formula.
    parsed: Option<Parsed>,
    unit: String,
    /// Its own entry is a tier's.
    tier: bool,
}
impl Reader<'_> {
    pub(super) fn network(&mut self) -> NetworkRules {
        if self.has("network") {
            self.map("network", &["headroom_percent", "smallest_prefix"]);
        }
        let smallest = self.whole("network.smallest_prefix", 16..=SMALLEST_SUBNET, SMALLEST_SUBNET);
        NetworkRules {
            headroom_percent: self.whole("network.headroom_percent", 0..=1_000, 50),
            smallest_prefix: u8::try_from(smallest).unwrap_or(28),
        }
    }

    pub(super) fn derived(&mut self, scope: &mut Scope) -> (Vec<Derived>, Vec<Tier>, BTreeMap<String, Json>) {
        let mut pending = Vec::new();
        for name in self.named("derived") {
            let route = below("derived", &name);
            let words = ["value", "unit", "bounds", "override", "why", "source"];
            if self.map(&route, &words).is_some() {
                let parsed = self.formula(&below(&route, "value"));
                let unit = self.text(&below(&route, "unit")).unwrap_or_default();
                pending.push(Pending { name, route, parsed, unit, tier: false });
            }
        }
        for name in self.named("tiers") {
            let route = below("tiers", &name);
            let words = ["routes", "share", "addresses", "only", "override", "why", "source"];
            if self.map(&route, &words).is_some() {
                let parsed = self.formula(&below(&route, "addresses"));
                let name = format!("{name}_addresses");
                pending.push(Pending { name, route, parsed, unit: "addresses".to_owned(), tier: true });
            }
        }
        for entry in &pending {
            if scope.insert(entry.name.clone(), ScopeName::Derived(Type::Unknown)).is_some()
                || FACTS.contains(&entry.name.as_str())
            {
                self.report(codes::NAME, &entry.route, format!("the name `{}` is used twice", entry.name), None);
            }
        }
        let mut overrides = BTreeMap::new();
        let mut derived: Vec<Derived> = Vec::new();
        for entry in self.ordered(pending) {
            let Some(parsed) = entry.parsed else { continue };
            let formula = parsed.check(self.document, scope, &mut self.findings);
            scope.insert(entry.name.clone(), ScopeName::Derived(formula.kind.clone()));
            let entry = Pending { parsed: None, ..entry };
            derived.push(self.one_derived(entry, formula, &derived, &mut overrides));
        }
        let tiers = self.tiers(&derived, &mut overrides);
        (derived, tiers, overrides)
    }

    /// The formula at a route.
    pub(super) fn formula(&mut self, route: &str) -> Option<Parsed> {
        let text = match self.value(route)? {
            Json::String(text) => text.clone(),
            // `value: 64` reads as well as `value: "64"`.
            Json::Number(number) => number.to_string(),
            Json::Bool(truth) => truth.to_string(),
            _ => String::new(),
        };
        if text.is_empty() {
            self.report(codes::SHAPE, route, format!("`{route}` must be a formula"), None);
            return None;
        }
        match Parsed::parse(self.document, route, &text, 0) {
            Ok(parsed) => Some(parsed),
            Err(findings) => {
                self.findings.extend(findings);
                None
            }
        }
    }

    fn one_derived(
        &mut self,
        entry: Pending,
        formula: Formula,
        earlier: &[Derived],
        overrides: &mut BTreeMap<String, Json>,
    ) -> Derived {
        let Pending { name, route, unit, tier, .. } = entry;
        let bounds = if tier { (Some(0.0), None) } else { self.bounds(&below(&route, "bounds"), &formula.kind) };
        let overridable = !tier && self.has(&below(&route, "override"));
        if overridable
            && let Some(schema) = self.override_schema(&name, &below(&route, "override"), &formula.kind, bounds, &unit)
        {
            overrides.insert(name.clone(), schema);
        }
        let mut inputs: BTreeSet<String> = BTreeSet::new();
        for reference in &formula.references {
            match reference {
                Reference::Input(path) => drop(inputs.insert(path.clone())),
                Reference::Derived(_) => {
                    let found = earlier.iter().find(|known| known.name == reference.name());
                    inputs.extend(found.into_iter().flat_map(|known| known.inputs.iter().cloned()));
                }
                Reference::Table(_) => {}
            }
        }
        if overridable {
            inputs.insert(below("overrides", &name));
        }
        let why = self.text(&below(&route, "why")).unwrap_or_default();
        let source = self.text(&below(&route, "source")).unwrap_or_default();
        Derived { name, formula, unit, bounds, overridable, why, source, inputs: inputs.into_iter().collect() }
    }

    fn bounds(&mut self, route: &str, kind: &Type) -> (Option<f64>, Option<f64>) {
        let Some(value) = self.value(route).cloned() else { return (None, None) };
        let given: Option<Vec<Option<f64>>> = value
            .as_array()
            .filter(|pair| pair.len() == 2 && pair.iter().all(|bound| bound.is_null() || bound.is_number()))
            .map(|pair| pair.iter().map(Json::as_f64).collect());
        match given.as_deref() {
            Some([Some(low), Some(high)]) if low > high => {
                self.report(codes::SCHEMA, route, format!("no value is within {low} and {high}"), None);
                (None, None)
            }
            Some([low, high]) if kind.is_number() => (*low, *high),
            Some(_) => {
                self.report(codes::SCHEMA, route, format!("{} has no bounds", kind.named()), None);
                (None, None)
            }
            None => {
                self.report(
                    codes::SHAPE,
                    route,
                    format!("`{route}` must be two numbers, or null where there is none"),
                    None,
                );
                (None, None)
            }
        }
    }

    /// The schema of what a tenant may pin a derived value to.
    fn override_schema(
        &mut self,
        name: &str,
        route: &str,
        kind: &Type,
        bounds: (Option<f64>, Option<f64>),
        unit: &str,
    ) -> Option<Json> {
        let type_name = match kind {
            Type::Int => "integer",
            Type::Double => "number",
            Type::Bool => "boolean",
            Type::Text => "string",
            Type::Unknown => return None,
            other => {
                self.report(codes::TYPE, route, format!("{} cannot be pinned", other.named()), None);
                return None;
            }
        };
        let mut schema = Map::from_iter([("type".to_owned(), json!(type_name))]);
        let number = |bound: f64| if *kind == Type::Int { json!(bound as i64) } else { json!(bound) };
        for (word, bound) in [("minimum", bounds.0), ("maximum", bounds.1)] {
            schema.extend(bound.map(|bound| (word.to_owned(), number(bound))));
        }
        if !unit.is_empty() {
            schema.insert("x-unit".to_owned(), json!(unit));
        }
        match self.value(route).cloned() {
            Some(Json::Bool(true)) => {}
            Some(Json::Object(more)) => {
                self.map(route, &["minimum", "maximum", "pattern", "enum", "description"]);
                schema.extend(more);
            }
            _ => self.report(codes::SHAPE, route, "`override` must be true, or a map with its limits", None),
        }
        let schema = Json::Object(schema);
        if let Err(error) = schema::validator(&schema) {
            self.report(codes::SCHEMA, route, format!("what `{name}` may be pinned to is not a schema: {error}"), None);
        }
        Some(schema)
    }

    /// Derived values in an order in which each comes after those that it refers to. Those of a circle are left out.
    fn ordered(&mut self, pending: Vec<Pending>) -> Vec<Pending> {
        let names: BTreeSet<String> = pending.iter().map(|entry| entry.name.clone()).collect();
        let needs: BTreeMap<String, BTreeSet<String>> = pending
            .iter()
            .map(|entry| {
                let used = entry.parsed.as_ref().map(Parsed::names).unwrap_or_default();
                (entry.name.clone(), used.intersection(&names).cloned().collect())
            })
            .collect();
        let mut rest: Vec<Option<Pending>> = pending.into_iter().map(Some).collect();
        let mut done: BTreeSet<String> = BTreeSet::new();
        let mut ordered = Vec::new();
        loop {
            let ready = |entry: &Option<Pending>| {
                entry.as_ref().is_some_and(|entry| needs[&entry.name].iter().all(|needed| done.contains(needed)))
            };
            let Some(index) = rest.iter().position(ready) else { break };
            if let Some(entry) = rest[index].take() {
                done.insert(entry.name.clone());
                ordered.push(entry);
            }
        }
        let left: Vec<Pending> = rest.into_iter().flatten().collect();
        let mut reported: BTreeSet<String> = BTreeSet::new();
        for entry in &left {
            if let Some(circle) = circle(&entry.name, &needs).filter(|_| !reported.contains(&entry.name)) {
                reported.extend(circle.iter().cloned());
                let chain = circle.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" → ");
                self.report(
                    codes::CIRCLE,
                    &entry.route,
                    format!("formulas refer to each other in a circle: {chain}"),
                    None,
                );
            }
        }
        ordered
    }

    fn tiers(&mut self, derived: &[Derived], overrides: &mut BTreeMap<String, Json>) -> Vec<Tier> {
        let mut tiers = Vec::new();
        for name in self.named("tiers") {
            let route = below("tiers", &name);
            let addresses = derived.iter().position(|known| known.name == format!("{name}_addresses"));
            if !self.has(&below(&route, "addresses")) {
                self.report(codes::SHAPE, &route, format!("the tier `{name}` needs `addresses`"), None);
            }
            let routes = self.required_text(&below(&route, "routes")).and_then(|routes| match routes.as_str() {
                "internet" => Some(Routing::Internet),
                "nat" => Some(Routing::Nat),
                "none" => Some(Routing::None),
                other => {
                    let help = nearest(other, ["internet", "nat", "none"].into_iter());
                    self.report(codes::SHAPE, &below(&route, "routes"), format!("`{other}` is not a routing"), help);
                    None
                }
            });
            let share = self.share(&below(&route, "share"));
            let only = self.texts(&below(&route, "only"), false);
            let overridable = self.truth(&below(&route, "override"));
            if overridable {
                let schema = json!({ "type": "integer", "minimum": 16, "maximum": 28 });
                overrides.insert(format!("{name}_subnet_prefix"), schema);
            }
            let Some(addresses) = addresses else { continue };
            let found = &derived[addresses];
            if !matches!(found.formula.kind, Type::Int | Type::Unknown) {
                let message = format!("addresses are a whole number, not {}", found.formula.kind.named());
                self.report(codes::TYPE, &below(&route, "addresses"), message, None);
            }
            let fact = |path: &String| FACTS[..3].contains(&path.split('.').next().unwrap_or(path));
            let depends_on_workload = !found.inputs.iter().all(fact);
            if let (Some(routes), Some(share_bits)) = (routes, share) {
                tiers.push(Tier { name, routes, share_bits, only, overridable, addresses, depends_on_workload });
            }
        }
        tiers
    }

    /// A power of two below one, as in `1/8`.
    fn share(&mut self, route: &str) -> Option<u8> {
        let text = self.required_text(route)?;
        let parts = text.strip_prefix("1/").and_then(|parts| parts.trim().parse::<u32>().ok());
        match parts.filter(|parts| parts.is_power_of_two() && (2..=4096).contains(parts)) {
            Some(parts) => u8::try_from(parts.trailing_zeros()).ok(),
            None => {
                let help = Some("1/2, 1/4, 1/8, …: subnets are powers of two".to_owned());
                self.report(codes::SHAPE, route, format!("`{text}` is not a share of a zone"), help);
                None
            }
        }
    }

    pub(super) fn shares(&mut self, tiers: &[Tier]) {
        let sum: f64 = tiers.iter().map(|tier| 0.5_f64.powi(tier.share_bits.into())).sum();
        if sum > 1.0 {
            let message = format!("the tiers share {sum} of a zone, which has no more than all of itself");
            self.report(codes::TIER, "tiers", message, Some("give smaller shares".to_owned()));
        }
    }
}

/// A circle that begins and ends with a name.
fn circle(name: &str, needs: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    let mut from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut next = vec![name];
    while let Some(at) = next.pop() {
        for needed in needs.get(at).into_iter().flatten() {
            if needed == name {
                let mut chain = vec![name.to_owned()];
                let mut step = at;
                while step != name {
                    chain.insert(0, step.to_owned());
                    step = from.get(step).copied().unwrap_or(name);
                }
                chain.insert(0, name.to_owned());
                return Some(chain);
            }
            if !from.contains_key(needed.as_str()) {
                from.insert(needed, at);
                next.push(needed);
            }
        }
    }
    None
}
