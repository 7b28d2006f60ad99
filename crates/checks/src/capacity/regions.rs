//! The table of regions, `policies/regions.yaml`: zones, partition and services where AWS cannot be asked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::rows::{self, Columns, Reader};
use tenantry_base::Document;
use tenantry_base::finding::{Code, Finding, Source};
use tenantry_base::ids::{Region, ZoneId};
use tenantry_spec::estate::Estate;
use tenantry_template::embedded;

/// What the table says, and where it has it from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Regions {
    pub source: String,
    /// Date of the source, `YYYY-MM-DD`.
    pub date: String,
    pub regions: BTreeMap<Region, RegionRow>,
}

/// One region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionRow {
    /// As it stands in ARNs.
    pub partition: String,
    /// An account must ask for the region before it can use it.
    pub opt_in: bool,
    /// Ids of all zones; an account may be given fewer.
    pub zones: BTreeSet<ZoneId>,
    /// Services, as CloudFormation names them, that the region does not have: `RolesAnywhere`.
    #[serde(default)]
    pub missing: BTreeSet<String>,
    /// Id of the managed prefix list of S3, where it is known. Several Regions may have the same.
    #[serde(default)]
    pub s3_prefix_list: Option<String>,
}

/// The columns of a row.
const COLUMNS: Columns = Columns {
    code: Code::TN2603,
    columns: &[("partition", true), ("opt_in", true), ("zones", true), ("missing", false), ("s3_prefix_list", false)],
    fixed: &["partition"],
};
const NAME: &str = "regions.yaml";

impl Regions {
    /// Reads the text of a whole table.
    ///
    /// # Errors
    /// TN2603 for each fault: no table, unknown, missing and invalid columns, a region of another partition than its name
    /// says.
    pub fn parse(text: &str) -> Result<Self, Vec<Finding>> {
        let source = Arc::new(Source { path: PathBuf::from("policies/regions.yaml"), text: text.to_owned() });
        let document = Document::parse(source).map_err(|fault| vec![fault])?;
        let (regions, found) = lay(&document, Self::default());
        if found.is_empty() { Ok(regions) } else { Err(found) }
    }

    /// What the table says against the regions of an estate's fleet and their zones.
    pub fn check(&self, estate: &Estate) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (region, spec) in &estate.fleet.regions {
            let mut say = |code, route: &str, message: String, help: Option<String>| {
                let finding = Finding::new(code, message).at(estate.locate_in_fleet(route));
                findings.push(help.into_iter().fold(finding, Finding::with_help));
            };
            let Some(row) = self.regions.get(region) else {
                let message = format!("region `{region}` is not in the table of regions of {}", self.date);
                say(Code::TN1049, &format!("regions.{region}"), message, None);
                continue;
            };
            for (fact, list) in spec.facts.iter().filter(|(fact, _)| fact.contains("s3")) {
                let (Some(list), Some(own)) = (list.as_str(), &row.s3_prefix_list) else { continue };
                let Some(other) = self.with_list(list).filter(|_| list != own) else { continue };
                let message = format!("`{list}` is the prefix list of S3 in `{other}`, not in `{region}`");
                let help = format!("that of `{region}` is `{own}`");
                say(Code::TN1048, &format!("regions.{region}.{fact}"), message, Some(help));
            }
            // A row without zones leaves them open.
            let Some(known) = row.zones.first().map(short_code) else { continue };
            let zones: Vec<&str> = row.zones.iter().map(ZoneId::as_str).collect();
            for (index, zone) in spec.zones.iter().enumerate().filter(|(_, zone)| !row.zones.contains(*zone)) {
                let route = format!("regions.{region}.zones[{index}]");
                let help = Some(format!("its zones are {}", zones.join(", ")));
                if short_code(zone) == known {
                    let message = format!("zone `{zone}` of region `{region}` is not in the table of {}", self.date);
                    say(Code::TN1049, &route, message, help);
                } else {
                    say(Code::TN1048, &route, format!("zone `{zone}` is not of region `{region}`"), help);
                }
            }
        }
        findings
    }

    /// The first Region whose S3 has this prefix list.
    fn with_list(&self, list: &str) -> Option<&Region> {
        self.regions.iter().find(|(_, row)| row.s3_prefix_list.as_deref() == Some(list)).map(|(region, _)| region)
    }
}

/// What the ids of a region's zones begin with: `euw1` of `euw1-az2`.
fn short_code(zone: &ZoneId) -> &str {
    zone.as_str().rsplit_once("-az").map_or(zone.as_str(), |(code, _)| code)
}

/// The table of the estate below `root`, and warnings about rows that nothing uses.
///
/// # Errors
/// As [`Regions::parse`], of the estate's own rows; a file that cannot be read.
pub(super) fn load(root: &Path) -> Result<(Regions, Vec<Finding>), Vec<Finding>> {
    let base = Regions::parse(embedded::shipped_table(NAME))?;
    let Some(source) = rows::own(root, NAME, COLUMNS.code)? else { return Ok((base, Vec::new())) };
    let document = Document::parse(source).map_err(|fault| vec![fault])?;
    let known: BTreeSet<Region> = base.regions.keys().cloned().collect();
    let (regions, found) = lay(&document, base);
    if !found.is_empty() {
        return Err(found);
    }
    // A fleet that cannot be read is another finding.
    let fleet = Document::read(&root.join("tenants/fleet.yaml"), PathBuf::from("tenants/fleet.yaml"));
    let used = |name: &str| fleet.as_ref().map_or(true, |fleet| fleet.value["regions"].get(name).is_some());
    let own = document.value["regions"].as_object().into_iter().flatten();
    let idle =
        own.filter(|(name, _)| name.parse::<Region>().is_ok_and(|region| !known.contains(&region)) && !used(name));
    let idle = idle.map(|(name, _)| {
        let message = format!("the fleet has no Region `{name}`");
        rows::unused(
            &document,
            &format!("regions.{name}"),
            message,
            "take the row out, or add the Region to fleet.yaml".to_owned(),
        )
    });
    let idle = idle.collect();
    Ok((regions, idle))
}

/// The rows of a file over those of `base`, and what is wrong with them.
fn lay(document: &Document, mut base: Regions) -> (Regions, Vec<Finding>) {
    let mut reader = Reader::new(document, &COLUMNS);
    let Some(root) = reader.root(&["source", "date", "regions"]) else { return (base, reader.found) };
    let text = |key: &str| root.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (source, date) = (text("source"), text("date"));
    if date.parse::<jiff::civil::Date>().is_err() {
        reader.fault("date", "`date` must be the date of the facts, such as \"2026-11-29\"");
    }
    if source.is_empty() {
        reader.fault("source", "`source` must say where the facts come from");
    }
    // What rests on rows of two files is as old as the older one.
    if base.date.is_empty() || date < base.date {
        (base.source, base.date) = (source, date);
    }
    let Some(rows) = root.get("regions").and_then(Value::as_object) else {
        reader.fault("regions", "`regions` must be a map of Regions");
        return (base, reader.found);
    };
    let any = RegionRow {
        partition: "aws".to_owned(),
        opt_in: false,
        zones: BTreeSet::new(),
        missing: BTreeSet::new(),
        s3_prefix_list: None,
    };
    for (name, own) in rows {
        let route = format!("regions.{name}");
        let Ok(region) = name.parse::<Region>() else {
            reader.fault(&route, format!("`{name}` is not a Region"));
            continue;
        };
        let known = base.regions.get(&region);
        let Some(row) = reader.row(own, &route, known, &any) else { continue };
        if row.partition != region.partition() {
            let message =
                format!("the Region `{region}` is in partition {}, not {}", region.partition(), row.partition);
            reader.fault(&format!("{route}.partition"), message);
        }
        base.regions.insert(region, row);
    }
    // An id of a zone names one zone of all Regions.
    let own = rows.keys().filter_map(|name| name.parse::<Region>().ok());
    for region in own.collect::<Vec<_>>() {
        let Some(zones) = base.regions.get(&region).map(|row| row.zones.clone()) else { continue };
        let others = base.regions.iter().filter(|(other, _)| **other != region);
        let taken = others.flat_map(|(other, row)| row.zones.intersection(&zones).map(move |zone| (other, zone)));
        let messages: Vec<String> =
            taken.map(|(other, zone)| format!("the zone `{zone}` is one of the Region `{other}`")).collect();
        for message in messages {
            reader.fault(&format!("regions.{region}.zones"), message);
        }
    }
    (base, reader.found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenantry_spec::estate::spec::RegionSpec;

    #[test]
    fn rows_of_an_estate_add_and_override_and_the_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        for folder in ["policies", "tenants"].map(|name| folder.path().join(name)) {
            std::fs::create_dir(folder).unwrap();
        }
        let load = |text: &str| {
            std::fs::write(folder.path().join("policies/regions.yaml"), text).unwrap();
            load(folder.path()).map_err(|found| found.iter().map(|one| one.message.clone()).collect::<Vec<_>>())
        };
        // A comment is not a Region of the fleet.
        std::fs::write(folder.path().join("tenants/fleet.yaml"), "# us-west-9\nregions: {}\n").unwrap();
        let head = "source: us\ndate: \"2027-01-01\"\nregions:\n";
        let (shipped, none) = load(embedded::shipped_table(NAME)).unwrap();
        assert!(none.is_empty());
        let own = "  us-west-1: { missing: [RolesAnywhere] }\n  us-west-9: { partition: aws, opt_in: true, zones: [usw9-az1] }\n";
        let (regions, found) = load(&format!("{head}{own}")).unwrap();
        let row = |name: &str| &regions.regions[&name.parse().unwrap()];
        assert_eq!((regions.regions.len(), regions.date.as_str()), (shipped.regions.len() + 1, "2026-11-24"));
        assert!(row("us-west-1").missing.contains("RolesAnywhere") && row("us-west-1").zones.len() == 2);
        assert_eq!(found[0].message, "the fleet has no Region `us-west-9`");
        std::fs::write(folder.path().join("tenants/fleet.yaml"), "regions: { us-west-9: {} }").unwrap();
        assert_eq!(load(&format!("{head}{own}")).unwrap().1, []);
        let bad = "  us-west-1: { partition: aws-cn, opt_inn: true }\n  us-west-9: { partition: aws, opt_in: true, zones: [euw1-az1] }\n";
        assert_eq!(
            load(&format!("{head}{bad}")).unwrap_err(),
            [
                "`partition: aws-cn` contradicts the row of this version, which has `aws`",
                "unknown column `opt_inn`, did you mean `opt_in`?",
                "the zone `euw1-az1` is one of the Region `eu-west-1`",
            ]
        );
        assert_eq!(load("regions: {}").unwrap_err().len(), 2);
    }

    #[test]
    fn zones_of_another_region_are_refused_and_unknown_ones_are_named() {
        let (estate, _) = tenantry_spec::estate::load(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")));
        let mut estate = estate.unwrap();
        let regions = Regions::parse(embedded::shipped_table(NAME)).unwrap();
        assert_eq!(regions.check(&estate), []);
        let spec = estate.fleet.regions.values().next().unwrap().clone();
        let mut name = |region: &str, zones: &[&str]| {
            let zones = zones.iter().map(|zone| zone.parse().unwrap()).collect();
            estate.fleet.regions.insert(region.parse().unwrap(), RegionSpec { zones, ..spec.clone() });
        };
        name("eu-west-1", &["euw1-az1", "use1-az2", "euw1-az9"]);
        // Its facts are those of eu-west-1.
        name("us-east-1", &["use1-az1"]);
        name("eusc-de-east-1", &["eusc1-az1"]);
        name("mars-north-1", &["man1-az1"]);
        let reported: Vec<String> =
            regions.check(&estate).iter().map(|found| format!("{} {}", found.code.as_str(), found.message)).collect();
        assert_eq!(
            reported,
            [
                "TN1048 zone `use1-az2` is not of region `eu-west-1`",
                "TN1049 zone `euw1-az9` of region `eu-west-1` is not in the table of 2026-11-24",
                "TN1049 region `mars-north-1` is not in the table of regions of 2026-11-24",
                "TN1048 `pl-6da54004` is the prefix list of S3 in `eu-west-1`, not in `us-east-1`",
            ]
        );
    }
}
