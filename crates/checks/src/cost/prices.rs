//! The table of prices, `policies/prices.yaml`: what AWS asks for each item in each region, with its source.
//!
//! A region without a price gives None: unknown, never free. Every fault of the table is reported at its place.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::items;
use tenantry_base::Document;
use tenantry_base::finding::{Code, Finding, Source, nearest};

/// Where a price comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PriceSource {
    pub title: String,
    pub url: String,
    /// Of the document, `YYYY-MM-DD`; None where no dated document confirmed the number.
    pub date: Option<String>,
}

/// What one unit of an item costs in one region.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Price {
    /// US dollars for one unit.
    pub usd: f64,
    pub source: Arc<PriceSource>,
}

/// One item that AWS bills.
#[derive(Debug, Clone, PartialEq)]
struct Item {
    name: String,
    unit: String,
    regions: BTreeMap<String, Price>,
}

/// The whole table.
#[derive(Debug, Clone, PartialEq)]
pub struct Prices {
    /// When the table was last gone through, `YYYY-MM-DD`.
    pub date: String,
    items: BTreeMap<String, Item>,
}

impl Prices {
    /// The price of an item in a region; None where the table has none.
    pub fn get(&self, item: &str, region: &str) -> Option<&Price> {
        self.items.get(item)?.regions.get(region)
    }

    /// An item's name for people, and its unit.
    pub fn describe(&self, item: &str) -> Option<(&str, &str)> {
        self.items.get(item).map(|item| (item.name.as_str(), item.unit.as_str()))
    }

    /// Regions in which at least one item has a price.
    pub fn regions(&self) -> Vec<&str> {
        let mut regions: Vec<&str> =
            self.items.values().flat_map(|item| item.regions.keys()).map(String::as_str).collect();
        regions.sort_unstable();
        regions.dedup();
        regions
    }
}

/// Reads the table.
///
/// # Errors
/// Every fault, at its place: no YAML, unknown and missing fields and items, sources that do not exist, prices that are
/// no positive number, dates that are none.
pub fn parse(source: Arc<Source>) -> Result<Prices, Vec<Finding>> {
    let document = Document::parse(source).map_err(|fault| vec![fault])?;
    let mut reader = Reader { document: &document, faults: Vec::new() };
    let prices = reader.table();
    if reader.faults.is_empty() { Ok(prices) } else { Err(reader.faults) }
}

struct Reader<'a> {
    document: &'a Document,
    faults: Vec<Finding>,
}

impl<'a> Reader<'a> {
    fn fault(&mut self, route: &str, message: String) {
        self.faults.push(Finding::new(Code("TN2501"), message).at(self.document.nearest(route)));
    }

    fn table(&mut self) -> Prices {
        let document = self.document;
        let root = self.map(&document.value, "", &["date", "sources", "prices"]);
        let date = self.date(root.get("date").unwrap_or(&Value::Null), "date").unwrap_or_default();
        let mut sources = BTreeMap::new();
        for (id, value) in self.entries(root, "sources") {
            let source = self.source(value, &format!("sources.{id}"));
            sources.insert(id.clone(), Arc::new(source));
        }
        let mut found = BTreeMap::new();
        for (id, value) in self.entries(root, "prices") {
            let route = format!("prices.{id}");
            if !items::is_known(id) {
                self.fault(&route, format!("nothing is billed as `{id}`{}", nearest(id, items::names())));
            }
            let item = self.item(value, &route, &sources);
            found.insert(id.clone(), item);
        }
        for id in items::names().filter(|id| !found.contains_key(*id)) {
            self.fault("prices", format!("the table has no price of `{id}`"));
        }
        Prices { date, items: found }
    }

    fn source(&mut self, value: &'a Value, route: &str) -> PriceSource {
        let map = self.map(value, route, &["title", "url", "date"]);
        let date = match map.get("date") {
            Some(Value::Null) => None,
            other => self.date(other.unwrap_or(&Value::Null), &format!("{route}.date")),
        };
        let url = self.text(map, route, "url");
        if !url.starts_with("https://") {
            self.fault(&format!("{route}.url"), format!("`{url}` is no address of a page"));
        }
        PriceSource { title: self.text(map, route, "title"), url, date }
    }

    fn item(&mut self, value: &'a Value, route: &str, sources: &BTreeMap<String, Arc<PriceSource>>) -> Item {
        let map = self.map(value, route, &["name", "unit", "regions"]);
        let mut regions = BTreeMap::new();
        let below = format!("{route}.regions");
        for (region, value) in self.entries_of(map.get("regions"), &below) {
            let route = format!("{below}.{region}");
            if region.parse::<tenantry_base::ids::Region>().is_err() {
                self.fault(&route, format!("`{region}` is no region"));
            }
            let row = self.map(value, &route, &["usd", "source"]);
            let usd = row.get("usd").and_then(Value::as_f64).filter(|usd| *usd > 0.0 && usd.is_finite());
            if usd.is_none() {
                self.fault(&format!("{route}.usd"), "a price is a positive number of US dollars".to_owned());
            }
            let named = self.text(row, &route, "source");
            let source = sources.get(&named);
            if source.is_none() {
                let hint = nearest(&named, sources.keys().map(String::as_str));
                self.fault(&format!("{route}.source"), format!("there is no source `{named}`{hint}"));
            }
            if let (Some(usd), Some(source)) = (usd, source) {
                regions.insert(region.clone(), Price { usd, source: Arc::clone(source) });
            }
        }
        Item { name: self.text(map, route, "name"), unit: self.text(map, route, "unit"), regions }
    }

    /// A map with these keys and no others.
    fn map(&mut self, value: &'a Value, route: &str, keys: &[&str]) -> &'a Map<String, Value> {
        static NOTHING: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        let Some(map) = value.as_object() else {
            self.fault(route, format!("`{}` must be a map", if route.is_empty() { "the table" } else { route }));
            return &NOTHING;
        };
        for key in map.keys().filter(|key| !keys.contains(&key.as_str())) {
            let route = if route.is_empty() { key.clone() } else { format!("{route}.{key}") };
            self.fault(&route, format!("unknown field `{key}`{}", nearest(key, keys.iter().copied())));
        }
        for key in keys.iter().filter(|key| !map.contains_key(**key)) {
            self.fault(route, format!("the field `{key}` is missing"));
        }
        map
    }

    fn entries(&mut self, root: &'a Map<String, Value>, key: &str) -> Vec<(&'a String, &'a Value)> {
        self.entries_of(root.get(key), key)
    }

    fn entries_of(&mut self, value: Option<&'a Value>, route: &str) -> Vec<(&'a String, &'a Value)> {
        match value {
            Some(Value::Object(map)) if !map.is_empty() => map.iter().collect(),
            Some(_) => {
                self.fault(route, format!("`{route}` must be a map with entries"));
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    fn text(&mut self, map: &Map<String, Value>, route: &str, key: &str) -> String {
        match map.get(key) {
            Some(Value::String(text)) if !text.trim().is_empty() => text.clone(),
            Some(_) => {
                self.fault(&format!("{route}.{key}"), format!("`{key}` must be a text"));
                String::new()
            }
            None => String::new(),
        }
    }

    fn date(&mut self, value: &Value, route: &str) -> Option<String> {
        let date = value.as_str().filter(|text| text.parse::<jiff::civil::Date>().is_ok());
        if date.is_none() && !value.is_null() {
            self.fault(route, format!("`{route}` must be a date such as \"2026-11-24\""));
        }
        date.map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    const TABLE: &str = include_str!("../../../../policies/prices.yaml");

    fn faults(text: &str) -> Vec<String> {
        let source = Arc::new(Source { path: PathBuf::from("policies/prices.yaml"), text: text.to_owned() });
        let faults = parse(source).err().unwrap_or_default();
        let shown = faults.iter().map(|fault| {
            let place = fault.location.as_ref().map_or((0, 0), |at| (at.line, at.column));
            format!("{} {}:{} {}", fault.code, place.0, place.1, fault.message)
        });
        shown.collect()
    }

    #[test]
    fn the_table_is_sound_and_has_the_regions_of_the_sample_fleet() {
        assert_eq!(faults(TABLE), Vec::<String>::new());
        let source = Arc::new(Source { path: PathBuf::from("p"), text: TABLE.to_owned() });
        let prices = parse(source).unwrap();
        for region in ["eu-west-1", "us-east-1", "us-west-1"] {
            for item in items::names() {
                assert!(prices.get(item, region).is_some(), "{item} in {region}");
            }
        }
        assert_eq!(prices.get("nat-hour", "eu-west-1").unwrap().usd, 0.048);
        assert_eq!(prices.get("nat-hour", "us-gov-west-1"), None);
    }

    #[test]
    fn every_fault_of_a_table_is_told_at_its_place() {
        let cases = [
            ("eu-west-1: { usd: 0.048, source: ec2-eu-west-1 }", "eu-west-1: { usd: -1, source: ec2-eu-west-1 }"),
            ("eu-west-1: { usd: 0.048, source: ec2-eu-west-1 }", "eu-west-1: { usd: 0, source: ec2-eu-west-1 }"),
            ("eu-west-1: { usd: 0.048, source: ec2-eu-west-1 }", "eu-west-1: { usd: dear, source: ec2-eu-west-1 }"),
            ("eu-west-1: { usd: 0.048, source: ec2-eu-west-1 }", "eu-west-1: { usd: 0.048, source: ec2-eu-west-2 }"),
            ("eu-west-1: { usd: 0.048, source: ec2-eu-west-1 }", "Ireland: { usd: 0.048, source: ec2-eu-west-1 }"),
            ("  nat-hour:", "  nat-hours:"),
            ("    unit: GB-second", "    units: GB-second"),
            ("date: \"2026-11-24\"", "date: yesterday"),
            ("    url: https://aws.amazon.com/s3/pricing/", "    url: aws.amazon.com"),
        ];
        let said: Vec<String> = cases
            .iter()
            .map(|(from, to)| {
                assert!(TABLE.contains(from), "{from}");
                faults(&TABLE.replacen(from, to, 1)).join("\n")
            })
            .collect();
        for (said, (_, case)) in said.iter().zip(&cases) {
            let line = TABLE.lines().count();
            let at = said.split(' ').nth(1).and_then(|place| place.split(':').next()?.parse::<usize>().ok());
            assert!(said.starts_with("TN2501 ") && at.is_some_and(|at| at >= 1 && at <= line), "{case}: {said}");
        }
        assert!(said[3].contains("there is no source `ec2-eu-west-2`, did you mean `ec2-eu-west-1`?"), "{}", said[3]);
        assert!(said[5].contains("nothing is billed as `nat-hours`, did you mean `nat-hour`?"), "{}", said[5]);
        assert!(said[5].contains("the table has no price of `nat-hour`"), "{}", said[5]);
        assert!(said[6].contains("unknown field `units`, did you mean `unit`?"), "{}", said[6]);
        assert!(!faults("prices: [").is_empty() && !faults("3").is_empty());
    }
}
