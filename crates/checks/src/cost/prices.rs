//! The table of prices, `policies/prices.yaml`: what AWS asks for each item in each region, with its source.
//!
//! A region without a price gives None: unknown, never free. An estate's own rows add items, and Regions and prices to those
//! of this version. Every fault is reported at its place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::items;
use crate::resources;
use crate::rows;
use tenantry_base::Document;
use tenantry_base::finding::{Code, Finding, Source, nearest};
use tenantry_template::embedded;

/// Where a price comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PriceSource {
    /// Title of the document.
    pub title: String,
    /// URL of the document.
    pub url: String,
    /// Date of the document, `YYYY-MM-DD`; null if no dated document confirms the price.
    pub date: Option<String>,
}

/// What one unit of an item costs in one region.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Price {
    /// USD per unit.
    pub usd: f64,
    /// Document that states the price.
    pub source: Arc<PriceSource>,
}

/// One item that AWS bills.
#[derive(Debug, Clone, PartialEq)]
struct Item {
    name: String,
    /// As lines of a bill name it: `Elastic Load Balancing`.
    service: String,
    unit: String,
    regions: BTreeMap<String, Price>,
}

/// The whole table.
#[derive(Debug, Clone, PartialEq)]
pub struct Prices {
    /// When the table was last gone through, `YYYY-MM-DD`.
    pub date: String,
    sources: BTreeMap<String, Arc<PriceSource>>,
    items: BTreeMap<String, Item>,
}

impl Prices {
    /// The price of an item in a region; None where the table has none.
    pub fn get(&self, item: &str, region: &str) -> Option<&Price> {
        self.items.get(item)?.regions.get(region)
    }

    /// The service that bills an item, and the item's unit.
    pub fn describe(&self, item: &str) -> Option<(&str, &str)> {
        self.items.get(item).map(|item| (item.service.as_str(), item.unit.as_str()))
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

/// Reads a whole table.
///
/// # Errors
/// TN2501 for every fault, at its place: no YAML, unknown and missing fields and items, sources that do not exist, prices
/// that are no positive number, dates that are none.
pub fn parse(source: Arc<Source>) -> Result<Prices, Vec<Finding>> {
    let document = Document::parse(source).map_err(|fault| vec![fault])?;
    let mut reader = Reader { document: &document, base: None, faults: Vec::new() };
    let prices = reader.table();
    if reader.faults.is_empty() { Ok(prices) } else { Err(reader.faults) }
}

/// The table of this version.
///
/// # Errors
/// As [`parse`]; a test keeps it free of faults.
pub fn shipped() -> Result<Prices, Vec<Finding>> {
    let text = embedded::shipped_table(NAME).to_owned();
    parse(Arc::new(Source { path: PathBuf::from("policies").join(NAME), text }))
}

/// The prices of the estate below `root`: those of this version with the estate's own rows laid over them, and warnings
/// about rows that nothing uses.
///
/// # Errors
/// As [`parse`], of the estate's own rows; fields that contradict this version's; a file that cannot be read.
pub fn load(root: &Path) -> Result<(Prices, Vec<Finding>), Vec<Finding>> {
    let base = shipped()?;
    let Some(source) = rows::own(root, NAME, Code::TN2501)? else { return Ok((base, Vec::new())) };
    let document = Document::parse(source).map_err(|fault| vec![fault])?;
    let known: Vec<String> = base.items.keys().cloned().collect();
    let mut reader = Reader { document: &document, base: Some(base), faults: Vec::new() };
    let prices = reader.table();
    if !reader.faults.is_empty() {
        return Err(reader.faults);
    }
    let own = document.value["prices"].as_object().into_iter().flat_map(Map::keys);
    let added: Vec<&String> = own.filter(|id| !known.contains(id) && !items::is_known(id)).collect();
    if added.is_empty() {
        return Ok((prices, Vec::new()));
    }
    let templates = embedded::templates(root).map_err(|error| vec![Finding::new(Code::TN2501, error.to_string())])?;
    let is_used = |id: &str| templates.iter().any(|template| template.text.contains(id));
    let idle = added.into_iter().filter(|id| !is_used(id)).map(|id| {
        let hint = nearest(id, known.iter().map(String::as_str));
        let message = format!("nothing is billed as `{id}`{hint}");
        let help =
            format!("name it in the column `billing` of {}, or in `Metadata.TenantryWorkload.Items`", resources::PATH);
        rows::unused(&document, &format!("prices.{id}"), message, help)
    });
    let idle = idle.collect();
    Ok((prices, idle))
}

const NAME: &str = "prices.yaml";

struct Reader<'a> {
    document: &'a Document,
    /// What rows are laid over.
    base: Option<Prices>,
    faults: Vec<Finding>,
}

impl<'a> Reader<'a> {
    fn fault(&mut self, route: &str, message: String) {
        self.faults.push(Finding::new(Code::TN2501, message).at(self.document.nearest(route)));
    }

    fn table(&mut self) -> Prices {
        let document = self.document;
        let base = self.base.take();
        let (needed, optional): (&[&str], &[&str]) = match base {
            Some(_) => (&["date"], &["sources", "prices"]),
            None => (&["date", "sources", "prices"], &[]),
        };
        let root = self.map(&document.value, "", needed, optional);
        let date = self.date(root.get("date").unwrap_or(&Value::Null), "date").unwrap_or_default();
        let is_whole = base.is_none();
        let mut prices =
            base.unwrap_or_else(|| Prices { date: date.clone(), sources: BTreeMap::new(), items: BTreeMap::new() });
        // A bill of two tables is as old as the older one.
        if date < prices.date {
            prices.date = date;
        }
        for (id, value) in self.entries(root, "sources") {
            let source = self.source(value, &format!("sources.{id}"));
            prices.sources.insert(id.clone(), Arc::new(source));
        }
        for (id, value) in self.entries(root, "prices") {
            let item = self.item(value, &format!("prices.{id}"), &prices.sources, prices.items.get(id));
            prices.items.insert(id.clone(), item);
        }
        for id in items::names().filter(|id| is_whole && !prices.items.contains_key(*id)) {
            self.fault("prices", format!("the table has no price of `{id}`"));
        }
        prices
    }

    fn source(&mut self, value: &'a Value, route: &str) -> PriceSource {
        let map = self.map(value, route, &["title", "url", "date"], &[]);
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

    fn item(
        &mut self,
        value: &'a Value,
        route: &str,
        sources: &BTreeMap<String, Arc<PriceSource>>,
        base: Option<&Item>,
    ) -> Item {
        const ITEM: [&str; 4] = ["name", "service", "unit", "regions"];
        let map = match base {
            Some(_) => self.map(value, route, &[], &ITEM),
            None => self.map(value, route, &ITEM, &[]),
        };
        let mut regions = base.map(|item| item.regions.clone()).unwrap_or_default();
        let below = format!("{route}.regions");
        for (region, value) in self.entries_of(map.get("regions"), &below) {
            let route = format!("{below}.{region}");
            if region.parse::<tenantry_base::ids::Region>().is_err() {
                self.fault(&route, format!("`{region}` is no region"));
            }
            let row = self.map(value, &route, &["usd", "source"], &[]);
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
        let mut text = |key: &str, known: Option<&String>| match (map.contains_key(key), known) {
            (false, Some(known)) => known.clone(),
            _ => self.text(map, route, key),
        };
        let name = text("name", base.map(|item| &item.name));
        let service = text("service", base.map(|item| &item.service));
        let unit = text("unit", base.map(|item| &item.unit));
        if let Some(known) = base.filter(|known| known.unit != unit) {
            let message = format!("`unit: {unit}` contradicts the row of this version, which has `{}`", known.unit);
            self.fault(&format!("{route}.unit"), message);
        }
        Item { name, service, unit, regions }
    }

    /// A map with these keys, perhaps the optional ones, and no others.
    fn map(&mut self, value: &'a Value, route: &str, keys: &[&str], optional: &[&str]) -> &'a Map<String, Value> {
        static NOTHING: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        let Some(map) = value.as_object() else {
            self.fault(route, format!("`{}` must be a map", if route.is_empty() { "the table" } else { route }));
            return &NOTHING;
        };
        let known = || keys.iter().chain(optional).copied();
        for key in map.keys().filter(|key| !known().any(|one| one == key.as_str())) {
            let route = if route.is_empty() { key.clone() } else { format!("{route}.{key}") };
            self.fault(&route, format!("unknown field `{key}`{}", nearest(key, known())));
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
    fn every_fault_of_a_table_is_reported_at_its_place() {
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
        assert!(said[5].contains("the table has no price of `nat-hour`"), "{}", said[5]);
        assert!(said[6].contains("unknown field `units`, did you mean `unit`?"), "{}", said[6]);
        assert!(!faults("prices: [").is_empty() && !faults("3").is_empty());
    }

    #[test]
    fn every_price_of_this_version_is_of_something_that_is_billed() {
        let prices = shipped().unwrap();
        let template = include_str!("../../../../blueprints/web-app/templates/tenant.yaml.tera");
        let idle: Vec<&String> =
            prices.items.keys().filter(|id| !items::is_known(id) && !template.contains(&format!("\"{id}\""))).collect();
        assert_eq!(idle, Vec::<&String>::new());
    }

    #[test]
    fn rows_of_an_estate_add_and_override_and_the_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        for folder in ["policies", "templates"].map(|name| folder.path().join(name)) {
            std::fs::create_dir(folder).unwrap();
        }
        let load = |text: &str| {
            std::fs::write(folder.path().join("policies/prices.yaml"), text).unwrap();
            load(folder.path()).map_err(|found| found.iter().map(|one| one.message.clone()).collect::<Vec<_>>())
        };
        let own = "date: \"2027-01-01\"\nsources:\n  contract: { title: our contract, url: https://example.com/, date: \"2027-01-01\" }\nprices:\n";
        let discount = "  nat-hour: { regions: { eu-west-1: { usd: 0.04, source: contract }, eu-north-1: { usd: 0.046, source: contract } } }\n";
        let (prices, found) = load(&format!("{own}{discount}")).unwrap();
        assert!(found.is_empty(), "{found:#?}");
        let usd = |item: &str, region: &str| prices.get(item, region).map(|price| price.usd);
        assert_eq!((usd("nat-hour", "eu-west-1"), usd("nat-hour", "eu-north-1")), (Some(0.04), Some(0.046)));
        assert_eq!((usd("nat-hour", "us-east-1"), usd("alarm-month", "eu-west-1")), (Some(0.045), Some(0.1)));
        assert_eq!((prices.describe("nat-hour"), prices.date.as_str()), (Some(("VPC", "hour")), "2026-11-24"));
        let added = "  badge: { name: badges, service: Doors, unit: badge, regions: { eu-west-1: { usd: 2, source: contract } } }\n";
        let (_, found) = load(&format!("{own}{added}")).unwrap();
        assert_eq!(found[0].message, "nothing is billed as `badge`");
        std::fs::write(folder.path().join("templates/tenant.yaml.tera"), "Item: badge").unwrap();
        assert_eq!(load(&format!("{own}{added}")).unwrap().1, []);
        assert_eq!(
            load(&format!("{own}  nat-hour: {{ unit: month, region: {{}} }}\n  badge: {{ name: badges, unit: badge, regions: {{}} }}\n")).unwrap_err(),
            [
                "unknown field `region`, did you mean `regions`?",
                "`unit: month` contradicts the row of this version, which has `hour`",
                "the field `service` is missing",
                "`prices.badge.regions` must be a map with entries",
            ]
        );
        // A copy of the whole table is the table.
        assert_eq!(load(TABLE).unwrap(), (shipped().unwrap(), Vec::new()));
    }
}
