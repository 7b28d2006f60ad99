//! Reads the table: every faulty row with its line and column.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Naming, ResourceType, Scope, Table};
use crate::estate::Document;
use crate::finding::{Code, Finding, Source, nearest};

const COLUMNS: [&str; 5] = ["stateful", "retain", "name", "only_with", "permissions"];
const HANDLERS: [&str; 5] = ["create", "read", "update", "delete", "list"];
const NAME_KEYS: [&str; 5] = ["property", "scope", "within", "max", "shared"];
const SCOPES: [&str; 4] = ["global", "account", "region", "parent"];

/// Reads a table whose rows override, column by column, those of `base`.
///
/// # Errors
/// TN2601 for each fault: no YAML, an invalid type name, unknown and missing columns, values that a column does not take.
pub fn parse(source: Arc<Source>, base: &Table) -> Result<Table, Vec<Finding>> {
    let document = Document::parse(source).map_err(|fault| vec![fault])?;
    let mut reader = Reader { document: &document, found: Vec::new() };
    let table = reader.table(base);
    if reader.found.is_empty() { Ok(table) } else { Err(reader.found) }
}

struct Reader<'d> {
    document: &'d Document,
    found: Vec<Finding>,
}

impl<'d> Reader<'d> {
    fn fault(&mut self, route: &str, message: String) {
        self.found.push(Finding::new(Code("TN2601"), message).at(self.document.nearest(route)));
    }

    fn table(&mut self, base: &Table) -> Table {
        let mut table = base.clone();
        let Some(root) = self.map(&self.document.value, "", &["date", "types"]) else { return table };
        let dated =
            root.get("date").and_then(Value::as_str).is_some_and(|date| date.parse::<jiff::civil::Date>().is_ok());
        if !dated {
            self.fault("date", "`date` must be the date of the facts, such as \"2026-11-29\"".to_owned());
        }
        let Some(types) = root.get("types").and_then(Value::as_object) else {
            self.fault("types", "`types` must be a map of resource types".to_owned());
            return table;
        };
        for (kind, value) in types {
            let route = format!("types.{kind}");
            if !is_type(kind) {
                self.fault(
                    &route,
                    format!("`{kind}` is not a resource type such as `AWS::S3::Bucket` or `Custom::Thing`"),
                );
            }
            if let Some(row) = self.row(value, &route, base.get(kind).map(|(_, row)| row)) {
                table.rows.insert(kind.clone(), row);
            }
        }
        table
    }

    fn row(&mut self, value: &'d Value, route: &str, base: Option<&ResourceType>) -> Option<ResourceType> {
        let map = self.map(value, route, &COLUMNS)?;
        let own = self.flag(map, route, "stateful");
        let stateful = own.or(base.map(|row| row.stateful));
        if stateful.is_none() && !map.contains_key("stateful") {
            self.fault(route, "the column `stateful` is missing".to_owned());
        }
        // A row that says anew what is stateful also says what is retained.
        let inherited = base.filter(|_| own.is_none()).map(|row| row.retain);
        let retain = self.flag(map, route, "retain").or(inherited).or(stateful);
        let name = match map.get("name") {
            Some(Value::Null) => None,
            Some(value) => self.naming(value, &format!("{route}.name")),
            None => base.and_then(|row| row.name.clone()),
        };
        let only_with = match map.get("only_with") {
            Some(value) => self.actions(value, &format!("{route}.only_with"), "properties"),
            None => base.map(|row| row.only_with.clone()).unwrap_or_default(),
        };
        let permissions = match map.get("permissions") {
            Some(value) => {
                self.map(value, &format!("{route}.permissions"), &HANDLERS);
                Some(self.actions(value, &format!("{route}.permissions"), "handlers"))
            }
            None => base.and_then(|row| row.permissions.clone()),
        };
        Some(ResourceType { stateful: stateful?, retain: retain?, name, only_with, permissions })
    }

    /// A map from properties or handlers to lists of actions.
    fn actions(&mut self, value: &'d Value, route: &str, keys: &str) -> BTreeMap<String, Vec<String>> {
        let Some(map) = value.as_object() else {
            let column = route.rsplit('.').next().unwrap_or(route);
            self.fault(route, format!("`{column}` must be a map from {keys} to lists of actions"));
            return BTreeMap::new();
        };
        let mut read = BTreeMap::new();
        for (property, actions) in map {
            let texts: Option<Vec<String>> = actions.as_array().and_then(|list| {
                list.iter().map(|one| one.as_str().filter(|one| one.contains(':')).map(str::to_owned)).collect()
            });
            match texts {
                Some(texts) => drop(read.insert(property.clone(), texts)),
                None => {
                    let message = format!("`{property}` must be a list of actions such as `iam:PassRole`");
                    self.fault(&format!("{route}.{property}"), message);
                }
            }
        }
        read
    }

    fn naming(&mut self, value: &'d Value, route: &str) -> Option<Naming> {
        let map = self.map(value, route, &NAME_KEYS)?;
        let property = self.property(map, route, "property");
        let within = map.contains_key("within").then(|| self.property(map, route, "within")).flatten();
        let scope = match (map.get("scope").and_then(Value::as_str), within) {
            (Some("global"), None) => Some(Scope::Global),
            (Some("account"), None) => Some(Scope::Account),
            (Some("region"), None) => Some(Scope::Region),
            (Some("parent"), Some(within)) => Some(Scope::Parent(within)),
            (Some("parent"), None) => {
                self.fault(route, "`scope: parent` needs `within`, the property that refers to the parent".to_owned());
                None
            }
            (Some(scope), Some(_)) if SCOPES.contains(&scope) => {
                self.fault(&format!("{route}.within"), format!("`within` does not apply to `scope: {scope}`"));
                None
            }
            _ => {
                self.fault(&format!("{route}.scope"), format!("`scope` must be one of {}", SCOPES.join(", ")));
                None
            }
        };
        let max = match map.get("max") {
            None => None,
            Some(max) if max.as_u64().is_some_and(|max| max > 0) => max.as_u64(),
            Some(_) => {
                self.fault(&format!("{route}.max"), "`max` must be a positive number of characters".to_owned());
                None
            }
        };
        let shared = self.flag(map, route, "shared").unwrap_or(false);
        Some(Naming { property: property?, scope: scope?, max, shared })
    }

    fn property(&mut self, map: &Map<String, Value>, route: &str, key: &str) -> Option<String> {
        let text = map.get(key).and_then(Value::as_str);
        let property = text.filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        if property.is_none() {
            self.fault(&format!("{route}.{key}"), format!("`{key}` must be the name of a property"));
        }
        property.map(str::to_owned)
    }

    fn flag(&mut self, map: &Map<String, Value>, route: &str, key: &str) -> Option<bool> {
        let value = map.get(key)?;
        if value.as_bool().is_none() {
            self.fault(&format!("{route}.{key}"), format!("`{key}` must be true or false"));
        }
        value.as_bool()
    }

    /// A map with none but these keys.
    fn map(&mut self, value: &'d Value, route: &str, keys: &[&str]) -> Option<&'d Map<String, Value>> {
        let Some(map) = value.as_object() else {
            let what = if route.is_empty() { "the table" } else { route.rsplit('.').next().unwrap_or(route) };
            self.fault(route, format!("`{what}` must be a map"));
            return None;
        };
        for key in map.keys().filter(|key| !keys.contains(&key.as_str())) {
            let route = if route.is_empty() { key.clone() } else { format!("{route}.{key}") };
            self.fault(&route, format!("unknown column `{key}`{}", nearest(key, keys.iter().copied())));
        }
        Some(map)
    }
}

/// `AWS::S3::Bucket`, `Vendor::Product::Thing`, `Vendor::Product::Thing::MODULE`, `Custom::Thing`.
fn is_type(kind: &str) -> bool {
    let parts: Vec<&str> = kind.split("::").collect();
    let custom = parts.len() == 2 && parts[0] == "Custom";
    let letters = |part: &&str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || (custom && b"_@-".contains(&byte)))
    };
    (custom || matches!(parts.len(), 3 | 4)) && parts.iter().all(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, base: &Table) -> Result<Table, Vec<String>> {
        let source = Arc::new(Source { path: "policies/resources.yaml".into(), text: text.to_owned() });
        parse(source, base).map_err(|found| {
            let shown = found.iter().map(|fault| {
                let at = fault.location.as_ref().map_or((0, 0), |at| (at.line, at.column));
                format!("{} {}:{} {}", fault.code, at.0, at.1, fault.message)
            });
            shown.collect()
        })
    }

    #[test]
    fn rows_add_types_and_override_columns() {
        let base = "date: \"2026-01-01\"\ntypes:\n  AWS::A::B: { stateful: true, name: { property: N, scope: region, max: 9 } }\n";
        let base = read(base, &Table::default()).unwrap();
        let own = "date: \"2026-01-02\"\ntypes:\n  AWS::A::B: { retain: false }\n  Custom::It: { stateful: false }\n";
        let table = read(own, &base).unwrap();
        let (_, row) = table.get("AWS::A::B").unwrap();
        assert!(row.stateful && !row.retain);
        assert_eq!(row.name.as_ref().map(|name| (name.property.as_str(), name.max)), Some(("N", Some(9))));
        assert!(!table.is_stateful("Custom::It") && table.is_stateful("Custom::Other"));
        let own = "date: \"2026-01-02\"\ntypes:\n  AWS::A::B: { stateful: false, name: null }\n";
        let (_, row) = read(own, &base).unwrap().get("AWS::A::B").map(|(k, row)| (k.to_owned(), row.clone())).unwrap();
        assert!(!row.stateful && !row.retain && row.name.is_none());
    }

    #[test]
    fn every_fault_is_reported_at_its_place() {
        let text = "date: soon\ntypes:\n  AWS::A: { stateful: true }\n  AWS::A::B: { statful: true }\n  AWS::A::C: { stateful: yes-no }\n  \
                    AWS::A::D: { stateful: true, name: { property: a b, scope: world, max: 0 } }\n  \
                    AWS::A::E: { stateful: true, name: { property: N, scope: parent } }\n  \
                    AWS::A::F: { stateful: true, name: { property: N, scope: region, within: V } }\n  AWS::A::G: 3\n  \
                    AWS::A::H: { stateful: false, only_with: { Role: iam } }\n  \
                    AWS::A::I: { stateful: false, permissions: { creat: [a:B] } }\n";
        let found = read(text, &Table::default()).unwrap_err();
        assert_eq!(
            found,
            [
                "TN2601 1:1 `date` must be the date of the facts, such as \"2026-11-29\"",
                "TN2601 3:3 `AWS::A` is not a resource type such as `AWS::S3::Bucket` or `Custom::Thing`",
                "TN2601 4:16 unknown column `statful`, did you mean `stateful`?",
                "TN2601 4:3 the column `stateful` is missing",
                "TN2601 5:16 `stateful` must be true or false",
                "TN2601 6:40 `property` must be the name of a property",
                "TN2601 6:55 `scope` must be one of global, account, region, parent",
                "TN2601 6:69 `max` must be a positive number of characters",
                "TN2601 7:32 `scope: parent` needs `within`, the property that refers to the parent",
                "TN2601 8:68 `within` does not apply to `scope: region`",
                "TN2601 9:3 `AWS::A::G` must be a map",
                "TN2601 10:46 `Role` must be a list of actions such as `iam:PassRole`",
                "TN2601 11:48 unknown column `creat`, did you mean `create`?",
            ]
        );
        assert!(read("types: [", &Table::default()).is_err());
        assert_eq!(read("3", &Table::default()).unwrap_err(), ["TN2601 1:1 `the table` must be a map"]);
    }
}
