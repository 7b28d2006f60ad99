//! `blueprint.yaml` → [`Blueprint`], with every finding at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use crate::document::{Document, below, lookup, lookup_route};
use crate::evaluate::Memo;
use crate::finding::{Finding, Severity, codes, nearest};
use crate::formula::{Formula, Name as ScopeName, Parsed, Reference, Scope};
use crate::model::{
    Artifacts, Blueprint, Check, Decision, Derived, Message, Name, NetworkRules, Part, Redrive, Routing, Section,
    Table, Tier, Watch, Workload,
};
use crate::schema::{self, Parameter, is_name};
use crate::types::{Field, Type, Value};

/// The version of the format that this crate reads.
pub const API_VERSION: &str = "tenantry/v2";
/// Fields of a tenant that the tool itself defines: no section of parameters has these names.
pub const CORE_FIELDS: &[&str] =
    &["apiVersion", "account", "region", "ring", "contact", "network", "moved_from", "flags", "tags", "overrides"];
/// Names that formulas know without a declaration: whether zones, network and Region facts, or what a tenant pins.
pub const FACTS: &[&str] = &["zones", "network", "region", "overrides"];
/// Numbers of zones that a tenant can have.
pub(crate) const ZONES: std::ops::RangeInclusive<u64> = 2..=6;
/// Values that one decision of the shape may have.
const MOST_VALUES: usize = 16;
/// Forms that all decisions together may make.
const MOST_FORMS: usize = 100_000;
/// Alarms that CloudFormation takes as rollback triggers.
/// Source: AWS CloudFormation User Guide, "Roll back your CloudFormation stack on alarm breach".
const MOST_TRIGGERS: usize = 5;
/// Largest prefix length of a subnet. Source: Amazon VPC User Guide, "Subnet CIDR blocks".
const SMALLEST_SUBNET: u64 = 28;

const WORDS: &[&str] = &[
    "apiVersion",
    "blueprint",
    "parameters",
    "region_facts",
    "tables",
    "derived",
    "checks",
    "network",
    "tiers",
    "shape",
    "names",
    "artifacts",
    "watch",
    "redrive",
    "rules",
    "workload",
];

impl Blueprint {
    /// Reads a blueprint; `file` is its path as the person would type it, `longest` the most characters of the name of a
    /// resource type, where that is known.
    ///
    /// The blueprint is there where no finding is an error.
    pub fn read(file: &str, text: &str, longest: &dyn Fn(&str) -> Option<usize>) -> (Option<Self>, Vec<Finding>) {
        let document = match Document::parse(file, text) {
            Ok(document) => document,
            Err(finding) => return (None, vec![finding]),
        };
        let mut reader = Reader { document: &document, findings: Vec::new() };
        let read = reader.blueprint(longest);
        let mut findings = reader.findings;
        findings.sort_by_key(|found| found.place.as_ref().map_or(0, |place| place.span.start));
        findings.dedup();
        let refused = findings.iter().any(|found| found.severity == Severity::Error);
        (read.filter(|_| !refused), findings)
    }
}

/// A section without a parameter, which takes no value but `{}`.
fn empty_section(name: &str) -> Option<Section> {
    let schema = json!({ "type": "object", "properties": {}, "additionalProperties": false });
    let validator = schema::validator(&schema).ok()?;
    let kind = Type::Row(Arc::default());
    let (name, description) = (name.to_owned(), String::new());
    Some(Section { name, description, optional: false, schema, parameters: Vec::new(), kind, validator })
}

/// What a tenant may pin, as a section of its file.
fn overrides_section(schemas: &BTreeMap<String, Json>) -> Option<Section> {
    let schema = json!({
        "type": "object",
        "description": "Derived values pinned by hand.",
        "properties": schemas,
        "additionalProperties": false,
    });
    let kind = |schema: &Json| match schema["type"].as_str() {
        Some("integer") => Type::Int,
        Some("number") => Type::Double,
        Some("boolean") => Type::Bool,
        _ => Type::Text,
    };
    let parameter = |(name, schema): (&String, &Json)| {
        let path = below("overrides", name);
        let optional = Some(path.clone());
        Parameter { path, kind: kind(schema), schema: schema.clone(), optional, may_be_absent: true, workload: false }
    };
    let field = |(name, schema): (&String, &Json)| (name.clone(), Field { kind: kind(schema), optional: true });
    Some(Section {
        name: "overrides".to_owned(),
        description: "Derived values pinned by hand: `tenantry explain` shows what each would be.".to_owned(),
        optional: true,
        validator: schema::validator(&schema).ok()?,
        parameters: schemas.iter().map(parameter).collect(),
        kind: Type::Row(Arc::new(schemas.iter().map(field).collect())),
        schema,
    })
}

struct Reader<'a> {
    document: &'a Document,
    findings: Vec<Finding>,
}

/// A derived value that is parsed and not yet checked.
struct Pending {
    name: String,
    /// Route of its map: `derived.part_mib` or `tiers.red`.
    route: String,
    /// `None` where the text is not a formula.
    parsed: Option<Parsed>,
    unit: String,
    /// Its own entry is a tier's.
    tier: bool,
}

impl Reader<'_> {
    fn report(&mut self, code: &'static str, route: &str, message: impl Into<String>, help: Option<String>) {
        let mut finding = Finding::error(code, route, message).at(Some(self.document.nearest(route)));
        finding.help = help;
        self.findings.push(finding);
    }

    fn blueprint(&mut self, longest: &dyn Fn(&str) -> Option<usize>) -> Option<Blueprint> {
        self.map("", WORDS)?;
        if self.text("apiVersion").is_some_and(|version| version != API_VERSION) {
            let message = format!("this is not a blueprint of `{API_VERSION}`");
            self.report(codes::SHAPE, "apiVersion", message, None);
        }
        self.map("blueprint", &["name", "version", "description"]);
        let name = self.required_text("blueprint.name");
        let version = self.required_text("blueprint.version");
        let sections = self.sections();
        let region = self.region()?;
        let tables = self.tables();
        let mut scope = self.scope(&sections, &region, &tables);
        let network = self.network();
        let (derived, tiers, overrides) = self.derived(&mut scope);
        let overrides = overrides_section(&overrides)?;
        let checks = self.checks(&scope, &overrides, &sections);
        self.shares(&tiers);
        let shape = self.shape(&scope, &sections, &derived);
        let names = self.names(longest);
        let artifacts = self.artifacts();
        let watch = self.watch();
        let redrive = self.redrive();
        let rules = self.texts("rules.require", self.has("rules"));
        if self.has("rules") {
            self.map("rules", &["require"]);
        }
        let workload = self.workload(&derived);
        let memo = Memo::new(&derived, &tables);
        Some(Blueprint {
            name: name?,
            version: version?,
            sections,
            region,
            tables,
            derived,
            checks,
            network,
            tiers,
            shape,
            names,
            artifacts,
            watch,
            redrive,
            rules,
            workload,
            overrides,
            scope,
            document: self.document.clone(),
            memo,
        })
    }

    // ---- values of the file ----

    fn value(&self, route: &str) -> Option<&Json> {
        lookup_route(&self.document.value, route).filter(|value| !value.is_null())
    }

    fn has(&self, route: &str) -> bool {
        self.value(route).is_some()
    }

    /// The map at a route, whose keys are among `words`.
    fn map(&mut self, route: &str, words: &[&str]) -> Option<Map<String, Json>> {
        let map = self.any_map(route)?;
        for word in self.document.keys(route).to_vec() {
            if !words.contains(&word.as_str()) {
                let help = nearest(&word, words.iter().copied());
                self.report(codes::UNKNOWN_WORD, &below(route, &word), format!("`{word}` is unknown here"), help);
            }
        }
        Some(map)
    }

    /// The map at a route; its keys are names.
    fn any_map(&mut self, route: &str) -> Option<Map<String, Json>> {
        match lookup_route(&self.document.value, route) {
            Some(Json::Object(map)) => Some(map.clone()),
            None => {
                self.report(codes::SHAPE, route, format!("`{route}` is missing"), None);
                None
            }
            Some(_) => {
                self.report(codes::SHAPE, route, format!("`{}` must be a map", called(route)), None);
                None
            }
        }
    }

    /// The keys of an optional map of names.
    fn named(&mut self, route: &str) -> Vec<String> {
        if !self.has(route) || self.any_map(route).is_none() {
            return Vec::new();
        }
        let names = self.document.keys(route).to_vec();
        for name in names.iter().filter(|name| !is_name(name)) {
            let message = format!("`{name}` is not a name: lower case letters, digits and `_`, starting with a letter");
            self.report(codes::NAME, &below(route, name), message, None);
        }
        names
    }

    fn text(&mut self, route: &str) -> Option<String> {
        match self.value(route)? {
            Json::String(text) => Some(text.clone()),
            Json::Number(number) => Some(number.to_string()),
            _ => {
                self.report(codes::SHAPE, route, format!("`{route}` must be a text"), None);
                None
            }
        }
    }

    fn required_text(&mut self, route: &str) -> Option<String> {
        if !self.has(route) {
            self.report(codes::SHAPE, route, format!("`{route}` is missing"), None);
            return None;
        }
        self.text(route)
    }

    fn texts(&mut self, route: &str, required: bool) -> Vec<String> {
        match self.value(route).cloned() {
            None if required => {
                self.report(codes::SHAPE, route, format!("`{route}` is missing"), None);
                Vec::new()
            }
            None => Vec::new(),
            Some(Json::Array(items)) => {
                let texts: Vec<String> = items.iter().filter_map(Json::as_str).map(str::to_owned).collect();
                if texts.len() != items.len() {
                    self.report(codes::SHAPE, route, format!("`{route}` must be a list of texts"), None);
                }
                texts
            }
            Some(_) => {
                self.report(codes::SHAPE, route, format!("`{route}` must be a list of texts"), None);
                Vec::new()
            }
        }
    }

    fn truth(&mut self, route: &str) -> bool {
        match self.value(route) {
            None => false,
            Some(Json::Bool(truth)) => *truth,
            Some(_) => {
                self.report(codes::SHAPE, route, format!("`{route}` must be true or false"), None);
                false
            }
        }
    }

    fn whole(&mut self, route: &str, range: std::ops::RangeInclusive<u64>, default: u64) -> u64 {
        let Some(value) = self.value(route) else { return default };
        match value.as_u64().filter(|number| range.contains(number)) {
            Some(number) => number,
            None => {
                let message = format!("`{route}` must be a whole number from {} to {}", range.start(), range.end());
                self.report(codes::SHAPE, route, message, None);
                default
            }
        }
    }

    // ---- parameters, facts and tables ----

    fn sections(&mut self) -> Vec<Section> {
        let mut sections = Vec::new();
        for name in self.named("parameters") {
            let route = below("parameters", &name);
            if CORE_FIELDS.contains(&name.as_str()) {
                let message = format!("`{name}` is a field of every tenant and cannot be a section of parameters");
                self.report(codes::NAME, &route, message, None);
            }
            sections.extend(self.section(&name, &route));
        }
        sections
    }

    fn region(&mut self) -> Option<Section> {
        if self.has("region_facts") { self.section("region", "region_facts") } else { empty_section("region") }
    }

    fn section(&mut self, name: &str, route: &str) -> Option<Section> {
        let read = schema::read(self.document, route, name, &mut self.findings)?;
        let description = read.json.get("description").and_then(Json::as_str).unwrap_or_default().to_owned();
        let validator = schema::validator(&read.json).ok()?;
        let schema::Schema { kind, json, optional, parameters } = read;
        Some(Section { name: name.to_owned(), description, optional, schema: json, parameters, kind, validator })
    }

    fn tables(&mut self) -> Vec<Table> {
        let mut tables = Vec::new();
        for name in self.named("tables") {
            let route = below("tables", &name);
            if self.map(&route, &["source", "date", "rows", "description"]).is_none() {
                continue;
            }
            let source = self.required_text(&below(&route, "source"));
            let date = self.required_text(&below(&route, "date"));
            if let Some(date) = date.as_ref().filter(|date| !is_date(date)) {
                self.report(
                    codes::SHAPE,
                    &below(&route, "date"),
                    format!("`{date}` is not a date as in 2026-11-29"),
                    None,
                );
            }
            let rows = self.rows(&below(&route, "rows"));
            if let (Some(source), Some(date), Some((kind, rows))) = (source, date, rows) {
                tables.push(Table { name, source, date, rows, kind });
            }
        }
        tables
    }

    /// The rows of a table: all with the same columns of the same types. A column with one decimal is one of doubles.
    fn rows(&mut self, route: &str) -> Option<(Type, Value)> {
        let rows = match self.value(route).cloned() {
            Some(Json::Array(rows)) if !rows.is_empty() => rows,
            _ => {
                self.report(codes::SHAPE, route, format!("`{route}` must be a list of rows"), None);
                return None;
            }
        };
        let mut columns: BTreeMap<String, Type> = BTreeMap::new();
        let first: BTreeSet<String> = rows[0].as_object().into_iter().flat_map(Map::keys).cloned().collect();
        let mut whole = true;
        for (index, row) in rows.iter().enumerate() {
            let route = format!("{route}[{index}]");
            let names: BTreeSet<String> = row.as_object().into_iter().flat_map(Map::keys).cloned().collect();
            if names != first || names.is_empty() {
                let wanted = first.iter().cloned().collect::<Vec<_>>().join(", ");
                self.report(codes::SHAPE, &route, format!("every row has the columns of the first: {wanted}"), None);
                whole = false;
                continue;
            }
            for (column, value) in row.as_object().into_iter().flatten() {
                let kind = match value {
                    Json::Bool(_) => Type::Bool,
                    Json::String(_) => Type::Text,
                    Json::Number(number) if number.is_i64() || number.is_u64() => Type::Int,
                    Json::Number(_) => Type::Double,
                    _ => Type::Unknown,
                };
                let known = columns.entry(column.clone()).or_insert_with(|| kind.clone());
                *known = match (&known, kind) {
                    (Type::Int | Type::Double, Type::Double) | (Type::Double, Type::Int) => Type::Double,
                    (known, kind) if **known == kind && kind != Type::Unknown => kind,
                    _ => {
                        let message = format!("the column `{column}` has values of different types, or of none");
                        self.report(codes::SHAPE, &below(&route, column), message, None);
                        return None;
                    }
                };
            }
        }
        let value = |value: &Json, kind: &Type| match (value, kind) {
            (Json::Bool(truth), _) => Value::Bool(*truth),
            (Json::String(text), _) => Value::Text(text.as_str().into()),
            (Json::Number(number), Type::Int) => Value::Int(number.as_i64().unwrap_or(i64::MAX)),
            (number, _) => Value::Double(number.as_f64().unwrap_or_default()),
        };
        let row = |row: &Json| {
            let fields = row.as_object().into_iter().flatten();
            let fields = fields.filter_map(|(name, given)| Some((name.clone(), value(given, columns.get(name)?))));
            Value::Row(Arc::new(fields.collect()))
        };
        let values: Vec<Value> = rows.iter().map(row).collect();
        let kind = Type::List(Box::new(Type::row(columns)), Some(values.len()));
        whole.then(|| (kind, Value::List(values.into())))
    }

    // ---- names of formulas ----

    fn scope(&mut self, sections: &[Section], region: &Section, tables: &[Table]) -> Scope {
        let mut scope = Scope::new();
        let text = |name: &str| (name.to_owned(), Type::Text);
        let network = Type::row([("zones".to_owned(), Type::Int), text("nat"), text("eni_model")]);
        let mut facts: BTreeMap<String, Field> = match &region.kind {
            Type::Row(fields) => (**fields).clone(),
            _ => BTreeMap::new(),
        };
        facts.insert("name".to_owned(), Field { kind: Type::Text, optional: false });
        facts.insert("partition".to_owned(), Field { kind: Type::Text, optional: false });
        scope.insert("zones".to_owned(), ScopeName::Input(Type::Int));
        scope.insert("network".to_owned(), ScopeName::Input(network));
        scope.insert("region".to_owned(), ScopeName::Input(Type::Row(Arc::new(facts))));
        let sections = sections.iter().map(|section| {
            let name = if section.optional { ScopeName::Optional } else { ScopeName::Input };
            (section.name.clone(), below("parameters", &section.name), name(section.kind.clone()))
        });
        let tables = tables
            .iter()
            .map(|table| (table.name.clone(), below("tables", &table.name), ScopeName::Table(table.kind.clone())));
        for (name, route, entry) in sections.chain(tables).collect::<Vec<_>>() {
            if CORE_FIELDS.contains(&name.as_str()) {
                continue;
            }
            if scope.insert(name.clone(), entry).is_some() || FACTS.contains(&name.as_str()) {
                self.report(codes::NAME, &route, format!("the name `{name}` is used twice"), None);
            }
        }
        scope
    }

    // ---- derived values and tiers ----

    fn network(&mut self) -> NetworkRules {
        if self.has("network") {
            self.map("network", &["headroom_percent", "smallest_prefix"]);
        }
        let smallest = self.whole("network.smallest_prefix", 16..=SMALLEST_SUBNET, SMALLEST_SUBNET);
        NetworkRules {
            headroom_percent: self.whole("network.headroom_percent", 0..=1_000, 50),
            smallest_prefix: u8::try_from(smallest).unwrap_or(28),
        }
    }

    fn derived(&mut self, scope: &mut Scope) -> (Vec<Derived>, Vec<Tier>, BTreeMap<String, Json>) {
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
    fn formula(&mut self, route: &str) -> Option<Parsed> {
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
                Reference::Derived(name) => {
                    let found = earlier.iter().find(|known| known.name == *name);
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
        let mut told: BTreeSet<String> = BTreeSet::new();
        for entry in &left {
            if let Some(circle) = circle(&entry.name, &needs).filter(|_| !told.contains(&entry.name)) {
                told.extend(circle.iter().cloned());
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

    fn shares(&mut self, tiers: &[Tier]) {
        let sum: f64 = tiers.iter().map(|tier| 0.5_f64.powi(tier.share_bits.into())).sum();
        if sum > 1.0 {
            let message = format!("the tiers share {sum} of a zone, which has no more than all of itself");
            self.report(codes::TIER, "tiers", message, Some("give smaller shares".to_owned()));
        }
    }

    // ---- checks ----

    fn checks(&mut self, scope: &Scope, overrides: &Section, sections: &[Section]) -> Vec<Check> {
        let mut with_overrides = scope.clone();
        with_overrides.insert("overrides".to_owned(), ScopeName::Input(overrides.kind.clone()));
        let count = match self.value("checks") {
            None => 0,
            Some(Json::Array(checks)) => checks.len(),
            Some(_) => {
                self.report(codes::SHAPE, "checks", "`checks` must be a list", None);
                0
            }
        };
        let mut seen = BTreeSet::new();
        let known: BTreeSet<String> = sections
            .iter()
            .chain([overrides])
            .flat_map(|section| section.parameters.iter().map(|parameter| parameter.path.clone()))
            .chain(CORE_FIELDS.iter().map(|field| (*field).to_owned()))
            .chain(["network.cidr", "network.zones", "network.nat", "network.eni_model"].map(str::to_owned))
            .collect();
        let mut checks = Vec::new();
        for index in 0..count {
            let route = format!("checks[{index}]");
            if self.map(&route, &["code", "severity", "fails", "message", "help", "blame"]).is_none() {
                continue;
            }
            let code = self.required_text(&below(&route, "code"));
            if let Some(code) = &code {
                self.code(code, &below(&route, "code"), &mut seen);
            }
            let severity = match self.text(&below(&route, "severity")).as_deref() {
                None | Some("error") => Severity::Error,
                Some("warning") => Severity::Warning,
                Some(other) => {
                    let message = format!("`{other}` is not a severity: `error` or `warning`");
                    self.report(codes::SHAPE, &below(&route, "severity"), message, None);
                    Severity::Error
                }
            };
            if !self.has(&below(&route, "fails")) {
                self.report(codes::SHAPE, &route, "a check needs `fails`", None);
            }
            let fails = self.formula(&below(&route, "fails"));
            let fails = fails.map(|parsed| parsed.check(self.document, &with_overrides, &mut self.findings));
            if let Some(formula) = fails.as_ref().filter(|formula| formula.kind.unify(&Type::Bool).is_none()) {
                let message = format!("a check is true or false, not {}", formula.kind.named());
                self.report(codes::TYPE, &below(&route, "fails"), message, None);
            }
            let message = self.message(&below(&route, "message"), &with_overrides);
            let help = self.text(&below(&route, "help")).unwrap_or_default();
            let blame = self.texts(&below(&route, "blame"), false);
            for (at, path) in blame.iter().enumerate().filter(|(_, path)| !known.contains(*path)) {
                let help = nearest(path, known.iter().map(String::as_str));
                let route = format!("{route}.blame[{at}]");
                self.report(codes::UNDECLARED, &route, format!("`{path}` is not a field of the tenant"), help);
            }
            if let (Some(code), Some(fails), Some(message)) = (code, fails, message) {
                checks.push(Check { code, severity, fails, message, help, blame });
            }
        }
        checks
    }

    fn code(&mut self, code: &str, route: &str, seen: &mut BTreeSet<String>) {
        let (letters, digits) = code.split_at(code.find(|found: char| found.is_ascii_digit()).unwrap_or(code.len()));
        let valid = (2..=4).contains(&letters.len())
            && letters.bytes().all(|byte| byte.is_ascii_uppercase())
            && digits.len() == 4
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !valid {
            let message =
                format!("`{code}` is not a code: two to four capital letters and four digits, such as BP2001");
            self.report(codes::SHAPE, route, message, None);
        } else if letters == "TN" {
            self.report(codes::NAME, route, "codes that begin with TN are the tool's own", None);
        }
        if !seen.insert(code.to_owned()) {
            self.report(codes::NAME, route, format!("the code `{code}` is used twice"), None);
        }
    }

    fn message(&mut self, route: &str, scope: &Scope) -> Option<Message> {
        let text = self.required_text(route)?;
        let mut parts = Vec::new();
        let mut rest = text.as_str();
        while let Some(start) = rest.find("${") {
            let Some(end) = rest[start..].find('}').map(|end| start + end) else {
                self.report(codes::FORMULA, route, "a `${` of the message has no `}`", None);
                return None;
            };
            parts.push(Part::Text(rest[..start].to_owned()));
            let offset = text[..text.len() - rest.len() + start + 2].chars().count();
            match Parsed::parse(self.document, route, &rest[start + 2..end], offset) {
                Ok(parsed) => {
                    parts.push(Part::Formula(Box::new(parsed.check(self.document, scope, &mut self.findings))));
                }
                Err(findings) => self.findings.extend(findings),
            }
            rest = &rest[end + 1..];
        }
        parts.push(Part::Text(rest.to_owned()));
        Some(Message { parts })
    }

    // ---- the shape ----

    fn shape(&mut self, scope: &Scope, sections: &[Section], derived: &[Derived]) -> Vec<Decision> {
        let mut shape = Vec::new();
        for (index, name) in self.texts("shape", false).into_iter().enumerate() {
            let route = format!("shape[{index}]");
            match self.decision(&name, &route, scope, sections, derived) {
                Some(values) if values.len() <= MOST_VALUES => shape.push(Decision { name, values }),
                Some(values) => {
                    let message =
                        format!("`{name}` has {} values, the shape takes {MOST_VALUES} at most", values.len());
                    self.report(codes::FINITE, &route, message, None);
                }
                None => {}
            }
        }
        let forms = shape.iter().map(|decision| decision.values.len()).fold(1_usize, usize::saturating_mul);
        if forms > MOST_FORMS {
            let message = format!("the shape makes up to {forms} forms, at most {MOST_FORMS} are allowed");
            self.report(codes::FINITE, "shape", message, None);
        }
        shape
    }

    /// Every value of what the shape names.
    fn decision(
        &mut self,
        name: &str,
        route: &str,
        scope: &Scope,
        sections: &[Section],
        derived: &[Derived],
    ) -> Option<Vec<Json>> {
        let both = || vec![json!(false), json!(true)];
        if let Some(path) = optional_path(name) {
            let optional = sections.iter().any(|section| section.name == path && section.optional)
                || sections
                    .iter()
                    .flat_map(|section| &section.parameters)
                    .any(|parameter| parameter.path == path && parameter.may_be_absent)
                || region_fact(scope, path);
            if optional {
                return Some(both());
            }
            self.report(
                codes::UNDECLARED,
                route,
                format!("`{path}` is not something that a tenant may leave out"),
                None,
            );
            return None;
        }
        match name {
            "zones" => return Some(ZONES.map(Json::from).collect()),
            "network.nat" => return Some(vec![json!("per-zone"), json!("single")]),
            "network.eni_model" => return Some(vec![json!("hyperplane"), json!("per-execution")]),
            _ => {}
        }
        if let Some(found) = derived.iter().find(|known| known.name == name) {
            return self.finite(name, route, &found.formula.kind, found.bounds, None);
        }
        let parameter = sections.iter().flat_map(|section| &section.parameters).find(|known| known.path == name);
        if let Some(parameter) = parameter {
            let bounds = parameter.range().map_or((None, None), |(low, high)| (Some(low), Some(high)));
            let members = parameter.schema.get("enum").and_then(Json::as_array).cloned();
            return self.finite(name, route, &parameter.kind, bounds, members);
        }
        let known = sections.iter().flat_map(|section| section.parameters.iter().map(|known| known.path.as_str()));
        let help = nearest(name, known.chain(derived.iter().map(|known| known.name.as_str())));
        self.report(codes::UNDECLARED, route, format!("`{name}` is not declared"), help);
        None
    }

    fn finite(
        &mut self,
        name: &str,
        route: &str,
        kind: &Type,
        bounds: (Option<f64>, Option<f64>),
        members: Option<Vec<Json>>,
    ) -> Option<Vec<Json>> {
        match (members, kind, bounds) {
            (Some(members), ..) => Some(members),
            (None, Type::Bool, _) => Some(vec![json!(false), json!(true)]),
            #[expect(clippy::cast_possible_truncation, reason = "few whole numbers, or they are refused")]
            (None, Type::Int, (Some(low), Some(high))) if high - low < 1_000.0 => {
                Some((low as i64..=high as i64).map(Json::from).collect())
            }
            (None, Type::Unknown, _) => None,
            (None, kind, _) => {
                let help = "name a boolean, an enumeration or a whole number with narrow bounds".to_owned();
                self.report(
                    codes::FINITE,
                    route,
                    format!("`{name}` is {} without an end of values", kind.named()),
                    Some(help),
                );
                None
            }
        }
    }

    // ---- names, artifacts, watches, workload ----

    fn names(&mut self, longest: &dyn Fn(&str) -> Option<usize>) -> Vec<Name> {
        let mut names: Vec<Name> = Vec::new();
        for name in self.named("names") {
            let route = below("names", &name);
            if self.map(&route, &["value", "type", "longest"]).is_none() {
                continue;
            }
            let Some(value) = self.required_text(&below(&route, "value")) else { continue };
            let known = ["organisation", "tenant", "account", "region"];
            for part in value.split("${").skip(1) {
                let used = part.split('}').next().unwrap_or(part);
                if !known.contains(&used) && !names.iter().any(|earlier| earlier.name == used) {
                    let earlier = names.iter().map(|earlier| earlier.name.as_str());
                    let help = nearest(used, known.into_iter().chain(earlier));
                    let message = format!("`{used}` is not a part of names or an earlier name");
                    self.report(codes::UNDECLARED, &below(&route, "value"), message, help);
                }
            }
            let resource_type = self.text(&below(&route, "type"));
            let given = self.has(&below(&route, "longest"));
            let own = self.whole(&below(&route, "longest"), 10..=4096, 255);
            let known = resource_type.as_deref().and_then(longest);
            if let Some(kind) = resource_type.as_ref().filter(|_| !given && known.is_none()) {
                let message = format!("how long a name of `{kind}` may be is not known");
                let help = "give `longest`, or add a row to policies/resources.yaml".to_owned();
                self.report(codes::UNDECLARED, &below(&route, "type"), message, Some(help));
            }
            let longest = if given { usize::try_from(own).ok() } else { known };
            names.push(Name { name, value, resource_type, longest });
        }
        names
    }

    fn artifacts(&mut self) -> Artifacts {
        if !self.has("artifacts") || self.map("artifacts", &["lock", "functions", "images"]).is_none() {
            return Artifacts::default();
        }
        let images = self.named("artifacts.images");
        let images = images
            .into_iter()
            .filter_map(|name| {
                let image = self.required_text(&below("artifacts.images", &name))?;
                Some((name, image))
            })
            .collect();
        let artifacts = Artifacts {
            lock: self.text("artifacts.lock"),
            functions: self.texts("artifacts.functions", false),
            images,
        };
        if artifacts.lock.is_none() && !artifacts.functions.is_empty() {
            self.report(codes::SHAPE, "artifacts", "functions need `lock`: the file with their digests", None);
        }
        artifacts
    }

    fn watch(&mut self) -> Watch {
        let words = ["rollback_triggers", "queues", "composite", "ignored_alarms"];
        if !self.has("watch") || self.map("watch", &words).is_none() {
            return Watch::default();
        }
        let rollback_triggers = self.texts("watch.rollback_triggers", false);
        if rollback_triggers.len() > MOST_TRIGGERS {
            let message = format!("CloudFormation takes {MOST_TRIGGERS} rollback triggers at most");
            self.report(codes::SHAPE, "watch.rollback_triggers", message, None);
        }
        let queues = self.named("watch.queues");
        let queues = queues
            .into_iter()
            .filter_map(|name| {
                let logical_id = self.required_text(&below("watch.queues", &name))?;
                Some((name, logical_id))
            })
            .collect();
        let ignored_alarms = self.texts("watch.ignored_alarms", false);
        Watch { rollback_triggers, queues, composite: self.text("watch.composite"), ignored_alarms }
    }

    fn redrive(&mut self) -> BTreeMap<String, Redrive> {
        let mut found = BTreeMap::new();
        for name in self.named("redrive") {
            let route = below("redrive", &name);
            if self.map(&route, &["queue", "targets"]).is_none() {
                continue;
            }
            let targets = self.texts(&below(&route, "targets"), true);
            if let Some(queue) = self.required_text(&below(&route, "queue")) {
                found.insert(name, Redrive { queue, targets });
            }
        }
        found
    }

    fn workload(&mut self, derived: &[Derived]) -> Workload {
        if !self.has("workload") || self.map("workload", &["arrivals", "functions"]).is_none() {
            return Workload::default();
        }
        let arrivals = self.quantities("workload.arrivals", derived);
        let mut functions = BTreeMap::new();
        if self.has("workload.functions") && self.any_map("workload.functions").is_some() {
            for logical_id in self.document.keys("workload.functions").to_vec() {
                let route = below("workload.functions", &logical_id);
                let quantities = self.quantities(&route, derived);
                functions.insert(logical_id, quantities);
            }
        }
        Workload { arrivals, functions }
    }

    fn quantities(&mut self, route: &str, derived: &[Derived]) -> BTreeMap<String, String> {
        let mut quantities = BTreeMap::new();
        for quantity in self.named(route) {
            let route = below(route, &quantity);
            let Some(name) = self.required_text(&route) else { continue };
            match derived.iter().find(|known| known.name == name) {
                Some(found) if found.formula.kind.is_number() => drop(quantities.insert(quantity, name)),
                Some(found) => {
                    let message = format!("`{name}` is {}, a quantity is a number", found.formula.kind.named());
                    self.report(codes::TYPE, &route, message, None);
                }
                None => {
                    let help = nearest(&name, derived.iter().map(|known| known.name.as_str()));
                    self.report(codes::UNDECLARED, &route, format!("`{name}` is not a derived value"), help);
                }
            }
        }
        quantities
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

/// `dashboards` of `has(dashboards)`, as the shape names what may be absent.
pub(crate) fn optional_path(name: &str) -> Option<&str> {
    name.strip_prefix("has(")?.strip_suffix(')')
}

/// Whether a fact of the Region may be absent.
fn region_fact(scope: &Scope, path: &str) -> bool {
    let Some(ScopeName::Input(Type::Row(facts))) = scope.get("region") else { return false };
    path.strip_prefix("region.").and_then(|name| facts.get(name)).is_some_and(|fact| fact.optional)
}

fn called(route: &str) -> &str {
    if route.is_empty() { "blueprint.yaml" } else { route }
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let digits = |part: &str, count| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
    matches!(parts[..], [year, month, day] if digits(year, 4) && digits(month, 2) && digits(day, 2))
}

/// The tenant's value at a path, where it has one.
pub(crate) fn given<'v>(inputs: &'v Json, path: &str) -> Option<&'v Json> {
    lookup(inputs, path).filter(|value| !value.is_null())
}
