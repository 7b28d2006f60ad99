//! No two stacks of the fleet give one name to two resources.

use std::collections::HashMap;

use serde_json::Value;

use super::stack::Stack;

/// How far a name must be unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::policy) enum Reach {
    World,
    Account,
    Region,
}

/// Type, property that names it, and how far that name must be unique. Source: the page of each type in the AWS
/// CloudFormation Template Reference, and the naming rules of each service.
const NAMED: [(&str, &str, Reach); 25] = [
    ("AWS::AppConfig::Application", "Name", Reach::Region),
    ("AWS::AppConfig::DeploymentStrategy", "Name", Reach::Region),
    ("AWS::CloudWatch::Alarm", "AlarmName", Reach::Region),
    ("AWS::CloudWatch::Dashboard", "DashboardName", Reach::Account),
    ("AWS::ECS::Cluster", "ClusterName", Reach::Region),
    ("AWS::ECS::TaskDefinition", "Family", Reach::Region),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "Name", Reach::Region),
    ("AWS::ElasticLoadBalancingV2::TargetGroup", "Name", Reach::Region),
    ("AWS::ElasticLoadBalancingV2::TrustStore", "Name", Reach::Region),
    ("AWS::IAM::ManagedPolicy", "ManagedPolicyName", Reach::Account),
    ("AWS::IAM::Role", "RoleName", Reach::Account),
    ("AWS::KMS::Alias", "AliasName", Reach::Region),
    ("AWS::KinesisFirehose::DeliveryStream", "DeliveryStreamName", Reach::Region),
    ("AWS::Lambda::Function", "FunctionName", Reach::Region),
    ("AWS::Logs::Destination", "DestinationName", Reach::Region),
    ("AWS::Logs::LogGroup", "LogGroupName", Reach::Region),
    ("AWS::Logs::ResourcePolicy", "PolicyName", Reach::Region),
    ("AWS::Oam::Sink", "Name", Reach::Region),
    ("AWS::OpenSearchService::Domain", "DomainName", Reach::Region),
    ("AWS::RolesAnywhere::Profile", "Name", Reach::Region),
    ("AWS::RolesAnywhere::TrustAnchor", "Name", Reach::Region),
    ("AWS::Route53::RecordSet", "Name", Reach::World),
    ("AWS::S3::Bucket", "BucketName", Reach::World),
    ("AWS::SNS::Topic", "TopicName", Reach::Region),
    ("AWS::SQS::Queue", "QueueName", Reach::Region),
];
const PARAMETER: (&str, &str, Reach) = ("AWS::SSM::Parameter", "Name", Reach::Region);

/// A resource of a form that has a name of its own.
#[derive(Debug, Clone)]
pub(in crate::policy) struct Named {
    pub(in crate::policy) resource: String,
    pub(in crate::policy) kind: &'static str,
    /// Property that holds the name.
    pub(in crate::policy) property: &'static str,
    pub(in crate::policy) reach: Reach,
}

/// The named resources of a template.
pub(in crate::policy) fn named(tree: &Value) -> Vec<Named> {
    let stack = Stack::of(tree);
    let kinds = NAMED.iter().chain([&PARAMETER]);
    kinds
        .flat_map(|&(kind, property, reach)| {
            let owners = stack.of_type(kind).filter(move |(_, properties)| properties.get(property).is_some());
            owners.map(move |(id, _)| Named { resource: id.to_owned(), kind, property, reach }).collect::<Vec<_>>()
        })
        .collect()
}

/// One name in use.
#[derive(Debug)]
pub(in crate::policy) struct Use<'a> {
    pub(in crate::policy) owner: usize,
    pub(in crate::policy) account: &'a str,
    pub(in crate::policy) region: &'a str,
    pub(in crate::policy) named: &'a Named,
    pub(in crate::policy) name: String,
}

/// Pairs of uses of one name by two owners: the first use, and each other one.
pub(in crate::policy) fn clashes<'a>(uses: &'a [Use<'a>]) -> Vec<(&'a Use<'a>, &'a Use<'a>)> {
    let mut first: HashMap<(&str, &str, &str, &str), &Use<'_>> = HashMap::with_capacity(uses.len());
    let mut clashes = Vec::new();
    for used in uses {
        let (account, region) = match used.named.reach {
            Reach::World => ("", ""),
            Reach::Account => (used.account, ""),
            Reach::Region => (used.account, used.region),
        };
        match first.entry((used.named.kind, account, region, &used.name)) {
            std::collections::hash_map::Entry::Vacant(place) => drop(place.insert(used)),
            std::collections::hash_map::Entry::Occupied(known) => {
                let other = known.get();
                if (other.owner, &other.named.resource) != (used.owner, &used.named.resource) {
                    clashes.push((*other, used));
                }
            }
        }
    }
    clashes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clash(kind: &'static str, reach: Reach, second: (&str, &str, &str)) -> usize {
        let named = Named { resource: "A".to_owned(), kind, property: "Name", reach };
        let one =
            |owner, account, region, name: &str| Use { owner, account, region, named: &named, name: name.to_owned() };
        let uses = [one(0, "1", "eu-west-1", "x"), one(1, second.0, second.1, second.2)];
        clashes(&uses).len()
    }

    #[test]
    fn a_name_is_taken_as_far_as_it_reaches() {
        for (reach, account, region, expected) in [
            (Reach::World, "2", "us-east-1", 1),
            (Reach::Account, "1", "us-east-1", 1),
            (Reach::Account, "2", "eu-west-1", 0),
            (Reach::Region, "1", "eu-west-1", 1),
            (Reach::Region, "1", "us-east-1", 0),
        ] {
            assert_eq!(clash("T", reach, (account, region, "x")), expected, "{reach:?} {account} {region}");
        }
        assert_eq!(clash("T", Reach::World, ("1", "eu-west-1", "y")), 0);
    }
}
