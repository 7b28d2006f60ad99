//! Reads the table: every faulty row with its line and column.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::formula::{Formula, Path, Pattern};
use super::{
    Addresses, Amount, BILLED_BY, BilledItem, Billing, Concern, Drift, Flow, Group, Instances, LinkedRole, Model,
    Naming, Over, Owner, ResourceType, Scope, Table, Tagged, Taken,
};
use tenantry_base::Document;
use tenantry_base::finding::{Code, Finding, Source, nearest};

const COLUMNS: [&str; 14] = [
    "stateful",
    "retain",
    "name",
    "only_with",
    "permissions",
    "addresses",
    "quotas",
    "linked_role",
    "billing",
    "drift",
    "instances",
    "search_gib",
    "tags",
    "flow",
];
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
        self.found.push(Finding::new(Code::TN2601, message).at(self.document.nearest(route)));
    }

    fn table(&mut self, base: &Table) -> Table {
        let mut table = base.clone();
        let Some(root) = self.map(&self.document.value, "", &["date", "groups", "types"]) else { return table };
        let dated =
            root.get("date").and_then(Value::as_str).is_some_and(|date| date.parse::<jiff::civil::Date>().is_ok());
        if !dated {
            self.fault("date", "`date` must be the date of the facts, such as \"2026-11-29\"".to_owned());
        }
        if let Some(groups) = root.get("groups") {
            // An estate's groups come first.
            let own = self.groups(groups);
            table.groups.splice(0..0, own);
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

    fn groups(&mut self, value: &'d Value) -> Vec<Group> {
        let Some(rows) = value.as_array() else {
            self.fault("groups", "`groups` must be a list of groups of types".to_owned());
            return Vec::new();
        };
        let mut groups = Vec::new();
        for (index, value) in rows.iter().enumerate() {
            let route = format!("groups[{index}]");
            let Some(row) = self.map(value, &route, &["name", "types"]) else { continue };
            let name = row.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
            let starts = row.get("types").and_then(Value::as_array).and_then(|types| {
                types.iter().map(|start| start.as_str().map(str::to_owned)).collect::<Option<Vec<String>>>()
            });
            match (name, starts) {
                (Some(name), Some(starts)) if !starts.is_empty() => {
                    groups.push(Group { name: name.to_owned(), starts })
                }
                _ => self.fault(&route, "a group is a `name` and the starts of the names of its `types`".to_owned()),
            }
        }
        groups
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
        let addresses = match map.get("addresses") {
            Some(value) => self.addresses(value, &format!("{route}.addresses")),
            None => base.and_then(|row| row.addresses.clone()),
        };
        let quotas = match map.get("quotas") {
            Some(value) => Some(self.quotas(value, &format!("{route}.quotas"))),
            None => base.and_then(|row| row.quotas.clone()),
        };
        let linked_role = match map.get("linked_role") {
            Some(Value::Null) => None,
            Some(value) => self.linked_role(value, &format!("{route}.linked_role")),
            None => base.and_then(|row| row.linked_role.clone()),
        };
        let billing = match map.get("billing") {
            Some(value) => self.billing(value, &format!("{route}.billing")),
            None => base.and_then(|row| row.billing.clone()),
        };
        let drift = match map.get("drift") {
            Some(value) => self.drift(value, &format!("{route}.drift")),
            None => base.map(|row| row.drift).unwrap_or_default(),
        };
        let instances = match map.get("instances") {
            Some(Value::Null) => None,
            Some(value) => self.instances(value, &format!("{route}.instances")),
            None => base.and_then(|row| row.instances.clone()),
        };
        let search_gib = match map.get("search_gib") {
            Some(_) => self.formula(map, route, "search_gib"),
            None => base.and_then(|row| row.search_gib.clone()),
        };
        let tags = match map.get("tags") {
            Some(value) => self.tags(value, &format!("{route}.tags")),
            None => base.and_then(|row| row.tags.clone()),
        };
        let flow = match map.get("flow") {
            Some(value) => self.flow(value, &format!("{route}.flow")),
            None => base.and_then(|row| row.flow.clone()),
        };
        let (stateful, retain) = (stateful?, retain?);
        Some(ResourceType {
            stateful,
            retain,
            name,
            only_with,
            permissions,
            addresses,
            quotas,
            linked_role,
            billing,
            drift,
            instances,
            search_gib,
            tags,
            flow,
        })
    }

    fn flow(&mut self, value: &'d Value, route: &str) -> Option<Flow> {
        let map = self.map(value, route, &["from", "to", "failed"])?;
        let mut paths = |key: &str| if map.contains_key(key) { self.paths(map, route, key) } else { Vec::new() };
        Some(Flow { from: paths("from"), to: paths("to"), failed: paths("failed") })
    }

    fn addresses(&mut self, value: &'d Value, route: &str) -> Option<Addresses> {
        if value == "none" {
            return Some(Addresses { within: Vec::new(), amount: None });
        }
        let map = self.map(value, route, &["in", "owner", "each", "count", "mib", "overlap", "surge", "grows"])?;
        let within = self.paths(map, route, "in");
        let Some(owner) = map.get("owner") else {
            for key in map.keys().filter(|key| *key != "in") {
                self.fault(&format!("{route}.{key}"), format!("`{key}` needs `owner`, whose interfaces they are"));
            }
            return Some(Addresses { within, amount: None });
        };
        let Ok(owner) = serde_json::from_value::<Owner>(owner.clone()) else {
            self.fault(&format!("{route}.owner"), format!("`{owner}` is not an owner of network interfaces"));
            return None;
        };
        let each = self.number(map, route, "each");
        let model = match (owner, each, map.get("count")) {
            (Owner::LoadBalancer, None, None) => Model::LoadBalancer,
            (Owner::Functions, None, Some(_)) => Model::Functions {
                executions: self.formula(map, route, "count")?,
                mib: self.formula(map, route, "mib")?,
            },
            (_, Some(each), None) => Model::Each(each),
            (_, None, Some(Value::String(text))) if text == "unknown" => Model::Unknown,
            (_, None, Some(_)) => Model::Nodes {
                count: self.formula(map, route, "count")?,
                overlap: self.number(map, route, "overlap").unwrap_or(1),
                surge: self.number(map, route, "surge").unwrap_or(1),
                grows: self.flag(map, route, "grows").unwrap_or(false),
            },
            _ => {
                self.fault(route, "`addresses` needs one of `each` and `count`".to_owned());
                return None;
            }
        };
        Some(Addresses { within, amount: Some(Amount { owner, model }) })
    }

    fn quotas(&mut self, value: &'d Value, route: &str) -> Vec<Taken> {
        let Some(map) = value.as_object() else {
            self.fault(route, "`quotas` must be a map from ids of policies/quotas.yaml".to_owned());
            return Vec::new();
        };
        let rows = map.iter().filter_map(|(quota, value)| self.taken(quota, value, &format!("{route}.{quota}")));
        rows.collect()
    }

    fn taken(&mut self, quota: &str, value: &'d Value, route: &str) -> Option<Taken> {
        let (over, amount) = match value {
            Value::String(over) => (self.over(over, route), None),
            value => {
                let map = self.map(value, route, &["over", "amount"])?;
                let over = map.get("over").and_then(Value::as_str).unwrap_or_default();
                let amount = map.contains_key("amount").then(|| self.formula(map, route, "amount"));
                (self.over(over, route), amount)
            }
        };
        let amount = match amount {
            Some(None) => return None,
            Some(amount) => amount,
            None => None,
        };
        Some(Taken { quota: quota.to_owned(), over: over?, amount })
    }

    fn over(&mut self, over: &str, route: &str) -> Option<Over> {
        Some(match over {
            "account" => Over::Account,
            "region" => Over::Region,
            "zone" => Over::Zone,
            "stack" => Over::Stack,
            "resource" => Over::Resource,
            _ => {
                let message = "a quota adds up over account, region, zone, stack or resource";
                self.fault(route, message.to_owned());
                return None;
            }
        })
    }

    fn tags(&mut self, value: &Value, route: &str) -> Option<Tagged> {
        let text = value.as_str().unwrap_or_default();
        if text == "none" {
            return Some(Tagged::Nothing);
        }
        let part = |text: &str, more: &str| {
            text.chars().all(|one| one.is_ascii_alphanumeric() || one == '-' || more.contains(one))
        };
        match text.split_once(':') {
            Some((service, start)) if !service.is_empty() && part(service, "") && part(start, ":/") => {
                Some(Tagged::As { service: service.to_owned(), start: start.to_owned() })
            }
            _ => {
                self.fault(
                    route,
                    "`tags` must be `none`, or service and start of the ARN's resource: `kms:key/`".to_owned(),
                );
                None
            }
        }
    }

    fn linked_role(&mut self, value: &'d Value, route: &str) -> Option<LinkedRole> {
        let map = self.map(value, route, &["service", "role", "only_with", "on_first_use"])?;
        let service = map.get("service").and_then(Value::as_str).filter(|text| text.ends_with(".amazonaws.com"));
        if service.is_none() {
            self.fault(&format!("{route}.service"), "`service` must be such as `ecs.amazonaws.com`".to_owned());
        }
        let role = self.property(map, route, "role");
        let only_with = map.contains_key("only_with").then(|| self.property(map, route, "only_with")).flatten();
        let on_first_use = self.flag(map, route, "on_first_use").unwrap_or(false);
        Some(LinkedRole { service: service?.to_owned(), role: role?, only_with, on_first_use })
    }

    fn billing(&mut self, value: &'d Value, route: &str) -> Option<Billing> {
        if value == "free" {
            return Some(Billing::default());
        }
        let map = self.map(value, route, &["by", "items", "elsewhere"])?;
        if map.is_empty() {
            self.fault(route, "`billing` must be `free` or say how".to_owned());
        }
        let by = map.get("by").map(|by| by.as_str().unwrap_or_default());
        if let Some(by) = by.filter(|by| !BILLED_BY.contains(by)) {
            let hint = nearest(by, BILLED_BY.iter().copied());
            self.fault(&format!("{route}.by"), format!("nothing is calculated by `{by}`{hint}"));
        }
        let elsewhere = map.get("elsewhere").and_then(Value::as_str).map(str::to_owned);
        let mut items = Vec::new();
        for (number, item) in map.get("items").and_then(Value::as_array).into_iter().flatten().enumerate() {
            items.extend(self.billed_item(item, &format!("{route}.items[{number}]")));
        }
        Some(Billing { by: by.map(str::to_owned), items, elsewhere })
    }

    fn billed_item(&mut self, value: &'d Value, route: &str) -> Option<BilledItem> {
        let map = self.map(value, route, &["item", "count", "per"])?;
        let item = map.get("item").and_then(Value::as_str).and_then(|text| text.parse::<Pattern>().ok());
        if item.is_none() {
            self.fault(route, "`item` must be an id such as `secret-month` or `rds-hour-{DBInstanceClass}`".to_owned());
        }
        let hourly = match map.get("per").and_then(Value::as_str) {
            Some("hour") => true,
            Some("month") => false,
            _ => {
                self.fault(route, "`per` must be hour or month".to_owned());
                return None;
            }
        };
        Some(BilledItem { item: item?, count: self.formula(map, route, "count")?, hourly })
    }

    fn drift(&mut self, value: &'d Value, route: &str) -> Drift {
        let Some(map) = self.map(value, route, &["concern", "minor"]) else { return Drift::default() };
        let concern = match map.get("concern").map(Value::as_str) {
            None => None,
            Some(Some("permissions")) => Some(Concern::Permissions),
            Some(Some("monitoring")) => Some(Concern::Monitoring),
            Some(Some("routing")) => Some(Concern::Routing),
            Some(_) => {
                let message = "`concern` must be one of permissions, monitoring, routing";
                self.fault(&format!("{route}.concern"), message.to_owned());
                None
            }
        };
        Drift { concern, is_minor: self.flag(map, route, "minor").unwrap_or(false) }
    }

    fn instances(&mut self, value: &'d Value, route: &str) -> Option<Instances> {
        let map = self.map(value, route, &["types", "engine"])?;
        let types = self.paths(map, route, "types");
        let engine = map.contains_key("engine").then(|| self.property(map, route, "engine")).flatten();
        Some(Instances { types, engine })
    }

    /// A path of properties, or a list of them.
    fn paths(&mut self, map: &Map<String, Value>, route: &str, key: &str) -> Vec<Path> {
        let texts: Vec<&str> = match map.get(key) {
            Some(Value::String(text)) => vec![text],
            Some(Value::Array(texts)) => texts.iter().map(|text| text.as_str().unwrap_or_default()).collect(),
            _ => vec![""],
        };
        let paths: Vec<Path> = texts.iter().filter_map(|text| text.parse().ok()).collect();
        if paths.len() < texts.len() || paths.is_empty() {
            let message = format!("`{key}` must be a property such as `VpcConfig.SubnetIds`, or a list of them");
            self.fault(&format!("{route}.{key}"), message);
        }
        paths
    }

    fn formula(&mut self, map: &Map<String, Value>, route: &str, key: &str) -> Option<Formula> {
        let text = match map.get(key) {
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::String(text)) => text.clone(),
            _ => String::new(),
        };
        match text.parse::<Formula>() {
            Ok(formula) => Some(formula),
            Err(fault) => {
                self.fault(&format!("{route}.{key}"), format!("the formula `{key}` {fault}"));
                None
            }
        }
    }

    fn number(&mut self, map: &Map<String, Value>, route: &str, key: &str) -> Option<u64> {
        let value = map.get(key)?;
        let number = value.as_u64().filter(|number| *number > 0);
        if number.is_none() {
            self.fault(&format!("{route}.{key}"), format!("`{key}` must be a positive whole number"));
        }
        number
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
    fn faults_of_the_columns_that_count_are_reported_at_their_places() {
        let row = |columns: &str| {
            let text = format!("date: \"2026-01-01\"\ntypes:\n  AWS::A::B: {{ stateful: false, {columns} }}\n");
            let without_place = |found: Vec<String>| {
                let messages = found.iter().map(|fault| fault.splitn(3, ' ').nth(2).unwrap_or_default());
                messages.collect::<Vec<_>>().join("; ")
            };
            read(&text, &Table::default()).map_or_else(without_place, |_| "well".to_owned())
        };
        for (columns, expected) in [
            ("addresses: none, quotas: {}, billing: free, drift: { minor: true }", "well"),
            ("addresses: { in: [A, B.*.C], owner: cache, count: \"N ?? 1\", surge: 2 }", "well"),
            ("addresses: { in: A }", "well"),
            ("addresses: { in: a b }", "`in` must be a property such as `VpcConfig.SubnetIds`, or a list of them"),
            ("addresses: { in: A, each: 2 }", "`each` needs `owner`, whose interfaces they are"),
            ("addresses: { in: A, owner: me, each: 2 }", "`\"me\"` is not an owner of network interfaces"),
            ("addresses: { in: A, owner: cache }", "`addresses` needs one of `each` and `count`"),
            (
                "addresses: { in: A, owner: cache, each: 0 }",
                "`each` must be a positive whole number; \
              `addresses` needs one of `each` and `count`",
            ),
            (
                "addresses: { in: A, owner: cache, count: \"1 +\" }",
                "the formula `count` has `` where a number or a property is expected",
            ),
            ("quotas: { q: world }", "a quota adds up over account, region, zone, stack or resource"),
            ("quotas: { q: { over: region, amount: A } }", "well"),
            ("quotas: [q]", "`quotas` must be a map from ids of policies/quotas.yaml"),
            ("linked_role: { service: ecs, role: R }", "`service` must be such as `ecs.amazonaws.com`"),
            ("billing: { by: nat-gatway }", "nothing is calculated by `nat-gatway`, did you mean `nat-gateway`?"),
            ("billing: {}", "`billing` must be `free` or say how"),
            ("billing: { items: [{ item: x-month, count: 1, per: year }] }", "`per` must be hour or month"),
            ("tags: \"kms:key/\"", "well"),
            ("tags: \"s3:\"", "well"),
            ("tags: key", "`tags` must be `none`, or service and start of the ARN's resource: `kms:key/`"),
            ("drift: { concern: money }", "`concern` must be one of permissions, monitoring, routing"),
        ] {
            assert_eq!(row(columns), expected, "{columns}");
        }
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
