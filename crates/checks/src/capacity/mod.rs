//! Does it fit: what a rendered template takes of quotas and addresses, weighed against limits.
//!
//! In: rendered templates, the tables of quotas and regions, and a [`Snapshot`] of what is known of each account and
//! region. Out: [`Needs`] of a template and [`Assessment`]s of places. Pure: it knows neither specs nor AWS, and what
//! nobody saw is unknown, never fine.

mod check;
mod demand;
mod growth;
mod names;
mod needs;
mod offer;
mod owners;
mod quotas;
mod regions;
mod runway;
mod single;
mod snapshot;
mod starve;
mod tables;
mod template;
mod weigh;

pub use crate::resources::Owner;
pub use check::{AccountRegion, Assessment, Site, Stack, check};
pub use demand::{Demand, Within, count};
pub use growth::{Growth, NoGrowth};
pub use needs::{Fullest, Instance, Name, Needs, fullest, needs};
pub use owners::{Addresses, SubnetDemand, subnets};
pub use quotas::{Quota, Scope, parse};
pub use regions::{RegionRow, Regions};
pub use runway::{Runway, runway};
pub use single::{As, Largest, Measure, Singles, Size, With};
pub use snapshot::{Limit, LiveSubnet, Measured, Offer, Snapshot, Standing};
pub use starve::{Now, SubnetVerdict};
pub use tables::Tables;
pub use template::Outlines;
pub use weigh::{Asked, Level, LimitSource, QuotaUsage, alone, limiting_quota, weigh};

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const TABLE: &str = include_str!("../../../../policies/quotas.yaml");

    /// A stack with `zones` NAT gateways, and functions beside the search domain in one subnet or apart.
    fn stack(zones: usize, functions_in: &str, executions: u64) -> Value {
        let mut resources = json!({
            "Vpc": { "Type": "AWS::EC2::VPC" },
            "Search": { "Type": "AWS::OpenSearchService::Domain", "Properties": {
                "ClusterConfig": { "InstanceCount": 6, "DedicatedMasterCount": 3 },
                "EBSOptions": { "VolumeSize": 100 },
                "VPCOptions": { "SubnetIds": [{ "Ref": "GreenA" }, { "Ref": "GreenB" }, { "Ref": "GreenC" }] } } },
            "Ingest": { "Type": "AWS::Lambda::Function", "Properties": {
                "ReservedConcurrentExecutions": executions, "MemorySize": 3072,
                "VpcConfig": { "SecurityGroupIds": [{ "Ref": "Group" }], "SubnetIds": [
                    { "Ref": format!("{functions_in}A") }, { "Ref": format!("{functions_in}B") },
                    { "Ref": format!("{functions_in}C") }] } } },
        });
        for (number, zone) in ["A", "B", "C"].iter().enumerate().take(zones) {
            for (tier, third, prefix) in [("Green", 0, 26), ("Lambda", 4, 23)] {
                resources[format!("{tier}{zone}")] = json!({ "Type": "AWS::EC2::Subnet", "Properties": {
                    "AvailabilityZoneId": format!("euw1-az{}", number + 1),
                    "CidrBlock": format!("10.{number}.{third}.0/{prefix}") } });
            }
            resources[format!("Nat{zone}")] = json!({ "Type": "AWS::EC2::NatGateway",
                "Properties": { "SubnetId": { "Ref": format!("Green{zone}") } } });
            resources[format!("Address{zone}")] = json!({ "Type": "AWS::EC2::EIP" });
        }
        json!({ "Resources": resources })
    }

    fn find<'v>(verdicts: &'v [QuotaUsage], quota: &str) -> &'v QuotaUsage {
        verdicts.iter().find(|verdict| verdict.quota == quota).unwrap()
    }

    #[test]
    fn the_table_has_sixty_quotas_and_every_one_that_is_counted() {
        let quotas = parse(TABLE).unwrap();
        assert!(quotas.len() >= 60, "{}", quotas.len());
        let known = |id: &str| quotas.iter().any(|quota| quota.id == id);
        let taken = crate::resources::table().iter().flat_map(|(_, row)| row.quotas.iter().flatten());
        let taken = taken.map(|taken| taken.quota.as_str());
        for id in taken.chain(count(&stack(3, "Lambda", 10)).amounts.into_keys()) {
            assert!(known(id), "{id}");
        }
    }

    #[test]
    fn the_second_tenant_of_a_fresh_account_meets_the_wall_of_elastic_addresses() {
        let quotas = parse(TABLE).unwrap();
        let mut demand = count(&stack(3, "Lambda", 10));
        assert_eq!(
            find(&weigh(&quotas, &Asked::new(demand.clone()), &Snapshot::default()), "ec2-elastic-ips").level,
            Level::Unknown
        );
        demand.add(&count(&stack(3, "Lambda", 10)));
        let verdicts = weigh(&quotas, &Asked::new(demand.clone()), &Snapshot::default());
        let wall = limiting_quota(&verdicts).unwrap();
        assert_eq!((wall.quota.as_str(), wall.after, wall.limit), ("ec2-elastic-ips", 6, 5));
        assert_eq!((wall.level, wall.request), (Level::Error, Some(8)));
        assert_eq!(find(&verdicts, "vpc-nat-gateways").after, 2);
        let finding = wall.finding("111122223333 eu-west-1").unwrap();
        assert_eq!(finding.code.as_str(), "TN2101");
        assert_eq!(
            finding.message,
            "`EC2-VPC Elastic IPs` in 111122223333 eu-west-1: 6 of 5 used after this; what else is used is unknown: not measured"
        );
        assert_eq!(finding.help.as_deref(), Some("`tenantry quotas --all --request` asks for 8 (ec2 L-0263D0A3)"));
        assert_eq!(find(&verdicts, "vpc-vpcs").finding("here").unwrap().code.as_str(), "TN2104");
    }

    #[test]
    fn known_use_and_applied_limits_decide() {
        let quotas = parse(TABLE).unwrap();
        let demand = count(&stack(3, "Lambda", 500));
        let mut snapshot = Snapshot::default();
        let place = |used| Measured::Known([(Within::Region, used)].into_iter().collect());
        for (used, level) in [(0, Level::Ok), (3, Level::Warning), (4, Level::Warning), (5, Level::Error)] {
            snapshot.usage.insert("vpc-vpcs".to_owned(), place(used));
            assert_eq!(
                find(&weigh(&quotas, &Asked::new(demand.clone()), &snapshot), "vpc-vpcs").level,
                level,
                "{used}"
            );
        }
        let limit = Measured::Known(Limit { value: 100, applied: true });
        snapshot.limits.insert("vpc-vpcs".to_owned(), limit);
        let verdicts = weigh(&quotas, &Asked::new(demand.clone()), &snapshot);
        assert_eq!((find(&verdicts, "vpc-vpcs").level, find(&verdicts, "vpc-vpcs").limit), (Level::Ok, 100));
        assert_eq!(find(&verdicts, "lambda-concurrency").limit, 900);
    }

    #[test]
    fn hard_limits_cannot_be_asked_for() {
        let quotas = parse(TABLE).unwrap();
        let mut demand = Demand::default();
        demand.amounts.insert("cloudformation-resources", [(Within::Stack, 501)].into_iter().collect());
        let verdicts = weigh(&quotas, &Asked::new(demand.clone()), &Snapshot::default());
        assert_eq!((verdicts[0].level, verdicts[0].request), (Level::Error, None));
        assert_eq!(verdicts[0].finding("here").unwrap().code.as_str(), "TN2102");
    }

    #[test]
    fn a_type_that_nobody_thought_about_is_seen() {
        let template = json!({ "Resources": { "New": { "Type": "AWS::New::Thing" } } });
        assert_eq!(count(&template).unknown_types.into_iter().collect::<Vec<_>>(), ["AWS::New::Thing"]);
        assert_eq!(count(&json!(null)).unknown_types.len(), 0);
    }

    #[test]
    fn functions_beside_search_starve_its_subnet_and_apart_they_do_not() {
        let site = |functions_in| {
            let needs = needs(&stack(3, functions_in, 500));
            let stack =
                Stack { tenant: "acme".to_owned(), name: "acme".to_owned(), needs: needs.into(), planned: true };
            let (stacks, subnets) = (Measured::Known(Default::default()), Measured::Known(Vec::new()));
            Site { stacks: vec![stack], snapshot: Snapshot { stacks, subnets, ..Snapshot::default() } }
        };
        let shared = starve::subnets(&site("Green"));
        assert!(
            shared
                .iter()
                .filter(|verdict| verdict.level == Level::Error)
                .all(|verdict| verdict.needed > verdict.usable)
        );
        let codes: Vec<&str> = starve::findings(&shared).iter().map(|finding| finding.code.as_str()).collect();
        assert_eq!(codes, ["TN2204"; 3]);
        let apart = starve::subnets(&site("Lambda"));
        assert!(apart.iter().all(|verdict| verdict.level == Level::Ok), "{apart:#?}");
    }

    #[test]
    fn stacks_add_up_but_what_one_stack_holds_does_not() {
        let one = count(&stack(3, "Lambda", 10));
        let mut two = one.clone();
        two.add(&one);
        assert_eq!(two.amounts["vpc-vpcs"][&Within::Region], 2);
        assert_eq!(two.amounts["cloudformation-resources"], one.amounts["cloudformation-resources"]);
        assert_eq!(two.search_gib, 1200);
    }
}
