//! What formulas read: sections of parameters, facts of Regions, tables; and their names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::{CORE_FIELDS, FACTS, Reader};
use crate::codes;
use crate::document::below;
use crate::formula::{Name as ScopeName, Scope};
use crate::model::{Section, Table};
use crate::schema::{self, Parameter};
use crate::types::{Field, Type, Value};

/// A section without a parameter, which takes no value but `{}`.
fn empty_section(name: &str) -> Option<Section> {
    let schema = json!({ "type": "object", "properties": {}, "additionalProperties": false });
    let validator = schema::validator(&schema).ok()?;
    let kind = Type::Row(Arc::default());
    let (name, description) = (name.to_owned(), String::new());
    Some(Section { name, description, optional: false, schema, parameters: Vec::new(), kind, validator })
}

/// What a tenant may pin, as a section of its file.
pub(super) fn overrides_section(schemas: &BTreeMap<String, Json>) -> Option<Section> {
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
impl Reader<'_> {
    pub(super) fn sections(&mut self) -> Vec<Section> {
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

    pub(super) fn region(&mut self) -> Option<Section> {
        if self.has("region_facts") { self.section("region", "region_facts") } else { empty_section("region") }
    }

    fn section(&mut self, name: &str, route: &str) -> Option<Section> {
        let read = schema::read(self.document, route, name, &mut self.findings)?;
        let description = read.json.get("description").and_then(Json::as_str).unwrap_or_default().to_owned();
        let validator = schema::validator(&read.json).ok()?;
        let schema::Schema { kind, json, optional, parameters } = read;
        Some(Section { name: name.to_owned(), description, optional, schema: json, parameters, kind, validator })
    }

    pub(super) fn tables(&mut self) -> Vec<Table> {
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
    pub(super) fn scope(&mut self, sections: &[Section], region: &Section, tables: &[Table]) -> Scope {
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
        scope.insert("architecture".to_owned(), ScopeName::Input(Type::Text));
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
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let digits = |part: &str, count| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
    matches!(parts[..], [year, month, day] if digits(year, 4) && digits(month, 2) && digits(day, 2))
}
