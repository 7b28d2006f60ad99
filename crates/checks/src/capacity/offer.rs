//! Does the region have it: zones by id, services, types of resources and of machines, and the right to use it at all.
//! What was seen live decides; what was not, the dated table decides as far as it goes; the rest is unknown.

use std::collections::{BTreeMap, BTreeSet};

use super::check::{AccountRegion, Site, Stack};
use super::regions::{RegionRow, Regions};
use super::snapshot::Measured;
use tenantry_base::finding::{Code, Finding};

/// Zones that stacks are meant to spread over.
const USUAL_ZONES: usize = 3;

/// What a region lacks for the planned stacks, or whether it has it that nobody could say.
pub(super) fn check(ground: &AccountRegion, site: &Site, table: &Regions) -> Vec<Finding> {
    let stacks: Vec<&Stack> = site.stacks.iter().filter(|stack| stack.planned).collect();
    if stacks.is_empty() {
        return Vec::new();
    }
    let row = table.regions.get(&ground.region);
    let mut found = Vec::new();
    let mut unknown = Vec::new();
    found.extend(enabled(ground, site, row, &mut unknown));
    found.extend(zones(ground, site, row, &stacks, &mut unknown));
    found.extend(types(ground, site, row, &stacks, &mut unknown));
    found.extend(instances(ground, site, &stacks, &mut unknown));
    if !unknown.is_empty() {
        let message =
            format!("what {} offers to {} is not known: {}", ground.region, ground.account, unknown.join("; "));
        found.push(Finding::new(Code::TN2306, message));
    }
    let source = format!("the table of {}", table.date);
    found.into_iter().map(|finding| sourced(finding, site, &source)).collect()
}

/// Says where an answer comes from when nobody saw it live.
fn sourced(finding: Finding, site: &Site, source: &str) -> Finding {
    let live = match finding.code {
        Code::TN2301 | Code::TN2302 => site.snapshot.offer.zones.known().is_some(),
        Code::TN2304 => site.snapshot.offer.types.known().is_some(),
        _ => true,
    };
    if live { finding } else { Finding { message: format!("{} (says {source})", finding.message), ..finding } }
}

fn enabled(ground: &AccountRegion, site: &Site, row: Option<&RegionRow>, unknown: &mut Vec<String>) -> Option<Finding> {
    match (&site.snapshot.offer.enabled, row) {
        (Measured::Known(true), _) => None,
        (Measured::Known(false), _) => {
            let message = format!("account {} has not opted in to {}", ground.account, ground.region);
            Some(Finding::new(Code::TN2305, message).with_help("enable the region in the account's settings first"))
        }
        (Measured::Unknown(_), Some(row)) if !row.opt_in => None,
        (Measured::Unknown(why), _) => {
            unknown.push(format!("whether the account may use the region ({why})"));
            None
        }
    }
}

fn zones(
    ground: &AccountRegion,
    site: &Site,
    row: Option<&RegionRow>,
    stacks: &[&Stack],
    unknown: &mut Vec<String>,
) -> Vec<Finding> {
    let offered: BTreeSet<&str> = match (&site.snapshot.offer.zones, row) {
        (Measured::Known(zones), _) => zones.iter().map(String::as_str).collect(),
        (Measured::Unknown(_), Some(row)) if !row.zones.is_empty() => {
            row.zones.iter().map(|zone| zone.as_str()).collect()
        }
        (Measured::Unknown(why), _) => {
            unknown.push(format!("its zones ({why}; the table does not know them)"));
            return Vec::new();
        }
    };
    let mut found = Vec::new();
    if offered.len() < USUAL_ZONES {
        let message = format!("{} offers {} usable zones: {}", ground, offered.len(), joined(&offered));
        found.push(Finding::new(Code::TN2301, message));
    }
    let lacking = by_need(stacks, |stack| {
        let zones = stack.needs.subnets.values().filter_map(|subnet| subnet.zone.as_deref());
        zones.filter(|zone| !offered.contains(zone))
    });
    for (zone, tenants) in lacking {
        let message = format!("{ground} has no usable zone `{zone}`, which {} needs", named(&tenants));
        let help = format!("usable are {}: name them in `regions.{}.zones`", joined(&offered), ground.region);
        found.push(Finding::new(Code::TN2302, message).with_help(help));
    }
    found
}

fn types(
    ground: &AccountRegion,
    site: &Site,
    row: Option<&RegionRow>,
    stacks: &[&Stack],
    unknown: &mut Vec<String>,
) -> Vec<Finding> {
    let lacks: Box<dyn Fn(&str) -> bool> = match (&site.snapshot.offer.types, row) {
        (Measured::Known(types), _) => Box::new(|kind| !types.contains(kind)),
        (Measured::Unknown(_), Some(row)) => {
            Box::new(|kind| kind.split("::").nth(1).is_some_and(|service| row.missing.contains(service)))
        }
        (Measured::Unknown(why), None) => {
            unknown.push(format!("its services ({why}; the table does not know the region)"));
            return Vec::new();
        }
    };
    // No region lists custom resources, nor what the CDK writes into templates.
    let listed = |kind: &&str| kind.starts_with("AWS::") && !kind.starts_with("AWS::CDK::");
    by_need(stacks, |stack| stack.needs.types.iter().map(String::as_str).filter(listed).filter(|kind| lacks(kind)))
        .into_iter()
        .map(|(kind, tenants)| {
            let message = format!("{} has no `{kind}`, which {} needs", ground.region, named(&tenants));
            Finding::new(Code::TN2304, message)
        })
        .collect()
}

fn instances(ground: &AccountRegion, site: &Site, stacks: &[&Stack], unknown: &mut Vec<String>) -> Vec<Finding> {
    let mut needed: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for stack in stacks {
        for instance in stack.needs.instances.iter() {
            for zone in &instance.zones {
                needed.entry((&instance.kind, zone)).or_default().insert(&stack.tenant);
            }
        }
    }
    let mut found = Vec::new();
    let mut unseen: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let nobody = Measured::default();
    for ((kind, zone), tenants) in needed {
        match site.snapshot.offer.instances.get(kind).unwrap_or(&nobody) {
            Measured::Known(zones) if zones.contains(zone) => {}
            Measured::Known(zones) => {
                let message = format!("{ground} has no `{kind}` in zone `{zone}`, which {} needs", named(&tenants));
                let zones: BTreeSet<&str> = zones.iter().map(String::as_str).collect();
                let help = format!("it can be had in {}; or take another type", joined(&zones));
                found.push(Finding::new(Code::TN2303, message).with_help(help));
            }
            Measured::Unknown(why) => drop(unseen.entry(why).or_default().insert(kind)),
        }
    }
    unknown.extend(unseen.into_iter().map(|(why, kinds)| format!("where {} can be had ({why})", joined(&kinds))));
    found
}

/// The tenants behind each thing needed.
fn by_need<'s, I: Iterator<Item = &'s str>>(
    stacks: &[&'s Stack],
    needs: impl Fn(&'s Stack) -> I,
) -> BTreeMap<&'s str, BTreeSet<&'s str>> {
    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for stack in stacks {
        for need in needs(stack) {
            found.entry(need).or_default().insert(&stack.tenant);
        }
    }
    found
}

fn named(tenants: &BTreeSet<&str>) -> String {
    let first = tenants.iter().next().map_or("no tenant", |name| name);
    match tenants.len() {
        0 | 1 => format!("`{first}`"),
        more => format!("`{first}` (and {} more)", more - 1),
    }
}

fn joined(names: &BTreeSet<&str>) -> String {
    if names.is_empty() { "none".to_owned() } else { names.iter().copied().collect::<Vec<_>>().join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::needs::{Instance, needs};
    use crate::capacity::snapshot::{Offer, Snapshot};
    use serde_json::json;

    const TABLE: &str = include_str!("../../../../policies/regions.yaml");

    fn stack(zone: &str) -> Stack {
        let template = json!({ "Resources": {
            "A": { "Type": "AWS::EC2::Subnet", "Properties": { "CidrBlock": "10.0.0.0/24", "AvailabilityZoneId": zone } },
            "D": { "Type": "AWS::OpenSearchService::Domain", "Properties": { "EngineVersion": "OpenSearch_2.19",
                "ClusterConfig": { "InstanceType": "r6g.large.search" }, "VPCOptions": { "SubnetIds": [{ "Ref": "A" }] } } },
        } });
        Stack { tenant: "acme".to_owned(), name: "acme".to_owned(), needs: needs(&template).into(), planned: true }
    }

    fn codes(region: &str, zone: &str, offer: Offer) -> Vec<&'static str> {
        let ground = AccountRegion { account: "111122223333".parse().unwrap(), region: region.parse().unwrap() };
        let site = Site { stacks: vec![stack(zone)], snapshot: Snapshot { offer, ..Snapshot::default() } };
        check(&ground, &site, &Regions::parse(TABLE).unwrap()).iter().map(|finding| finding.code.as_str()).collect()
    }

    fn names(names: &[&str]) -> Measured<BTreeSet<String>> {
        Measured::Known(names.iter().map(|name| (*name).to_owned()).collect())
    }

    fn offered(zones: &[&str], types: &[&str], in_zones: &[&str]) -> Offer {
        Offer {
            enabled: Measured::Known(true),
            zones: names(zones),
            types: names(types),
            instances: [("r6g.large.search".to_owned(), names(in_zones))].into_iter().collect(),
        }
    }

    #[test]
    fn what_is_seen_live_decides() {
        let zones = ["euw1-az1", "euw1-az2", "euw1-az3"];
        let types = ["AWS::EC2::Subnet", "AWS::OpenSearchService::Domain"];
        let cases: [(Offer, &[&str]); 5] = [
            (offered(&zones, &types, &zones), &[]),
            (offered(&zones[..2], &types, &zones), &["TN2301"]),
            (offered(&zones[1..], &types, &zones), &["TN2301", "TN2302"]),
            (offered(&zones, &types[..1], &zones), &["TN2304"]),
            (offered(&zones, &types, &zones[1..]), &["TN2303"]),
        ];
        for (offer, expected) in cases {
            assert_eq!(codes("eu-west-1", "euw1-az1", offer.clone()), expected, "{offer:?}");
        }
        let closed = Offer { enabled: Measured::Known(false), ..offered(&zones, &types, &zones) };
        assert_eq!(codes("eu-west-1", "euw1-az1", closed), ["TN2305"]);
    }

    #[test]
    fn what_nobody_saw_the_table_says_as_far_as_it_goes() {
        assert_eq!(codes("eu-west-1", "euw1-az1", Offer::default()), ["TN2306"]);
        assert_eq!(codes("eu-west-1", "euw1-az9", Offer::default()), ["TN2302", "TN2306"]);
        let row = &Regions::parse(TABLE).unwrap().regions[&"us-west-1".parse().unwrap()];
        assert_eq!(row.zones.len(), 2);
        assert_eq!(codes("us-west-1", "usw1-az1", Offer::default()), ["TN2301", "TN2306"]);
        // A region that the table does not know is unknown, never fine.
        assert_eq!(codes("eu-nowhere-9", "eun9-az1", Offer::default()), ["TN2306"]);
    }

    #[test]
    fn machines_are_asked_for_by_zone() {
        let kinds: Vec<Instance> = stack("euw1-az1").needs.instances.iter().cloned().collect();
        assert_eq!(kinds.len(), 1);
        assert_eq!(kinds[0].engine.as_deref(), Some("OpenSearch_2.19"));
        assert!(kinds[0].zones.contains("euw1-az1"));
    }

    #[test]
    fn tables_with_faults_are_refused() {
        let text = "source: s\ndate: d\nregions:\n  cn-north-1: {partition: aws, opt_in: false, zones: []}\n";
        assert!(Regions::parse(text).is_err());
        assert!(Regions::parse("regions: 3").is_err());
    }
}
