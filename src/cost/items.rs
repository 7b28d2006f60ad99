//! What AWS bills, and which resources are billed at all.

/// Items of the table of prices.
const ITEMS: &[&str] = &[
    "address-hour",
    "alarm-month",
    "alb-capacity-hour",
    "alb-hour",
    "alb-trust-store-hour",
    "appconfig-request",
    "dashboard-month",
    "endpoint-gib",
    "endpoint-hour",
    "fargate-gib-hour",
    "fargate-vcpu-hour",
    "firehose-gib",
    "kms-key-month",
    "kms-request",
    "lambda-gb-second-arm64",
    "lambda-gb-second-x86_64",
    "lambda-request",
    "logs-gib",
    "logs-stored-gib-month",
    "metric-month",
    "nat-gib",
    "nat-hour",
    "s3-get",
    "s3-gib-month",
    "s3-put",
    "search-gp3-gib-month",
    "sqs-request",
    "transfer-between-zones-gib",
];

/// The item of a search node is this and its instance type.
pub(super) const SEARCH_NODE: &str = "search-hour-";

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ITEMS.iter().copied()
}

pub(super) fn is_known(item: &str) -> bool {
    ITEMS.contains(&item) || item.strip_prefix(SEARCH_NODE).is_some_and(|kind| kind.ends_with(".search"))
}

/// How a resource of a type is billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Billing {
    /// By lines of the bill.
    Lines,
    Free,
    /// Not by this resource; says how.
    Elsewhere(&'static str),
}

use Billing::{Elsewhere, Free, Lines};

const TYPES: &[(&str, Billing)] = &[
    ("AWS::AppConfig::Application", Free),
    ("AWS::AppConfig::ConfigurationProfile", Free),
    ("AWS::AppConfig::Deployment", Free),
    ("AWS::AppConfig::DeploymentStrategy", Free),
    ("AWS::AppConfig::Environment", Elsewhere("by the functions' requests")),
    ("AWS::AppConfig::HostedConfigurationVersion", Free),
    ("AWS::CertificateManager::Certificate", Free),
    ("AWS::CloudWatch::Alarm", Lines),
    ("AWS::CloudWatch::Dashboard", Lines),
    ("AWS::EC2::EIP", Lines),
    ("AWS::EC2::FlowLog", Elsewhere("by its log group's ingestion")),
    ("AWS::EC2::InternetGateway", Free),
    ("AWS::EC2::NatGateway", Lines),
    ("AWS::EC2::NetworkAcl", Free),
    ("AWS::EC2::NetworkAclEntry", Free),
    ("AWS::EC2::Route", Free),
    ("AWS::EC2::RouteTable", Free),
    ("AWS::EC2::SecurityGroup", Free),
    ("AWS::EC2::SecurityGroupEgress", Free),
    ("AWS::EC2::SecurityGroupIngress", Free),
    ("AWS::EC2::Subnet", Free),
    ("AWS::EC2::SubnetNetworkAclAssociation", Free),
    ("AWS::EC2::SubnetRouteTableAssociation", Free),
    ("AWS::EC2::VPC", Free),
    ("AWS::EC2::VPCEndpoint", Lines),
    ("AWS::EC2::VPCGatewayAttachment", Free),
    ("AWS::ECS::Cluster", Free),
    ("AWS::ECS::Service", Lines),
    ("AWS::ECS::TaskDefinition", Elsewhere("by the service that runs it")),
    ("AWS::ElasticLoadBalancingV2::Listener", Free),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", Lines),
    ("AWS::ElasticLoadBalancingV2::TargetGroup", Free),
    ("AWS::ElasticLoadBalancingV2::TrustStore", Lines),
    ("AWS::ElasticLoadBalancingV2::TrustStoreRevocation", Free),
    ("AWS::IAM::ManagedPolicy", Free),
    ("AWS::IAM::Role", Free),
    ("AWS::KMS::Alias", Free),
    ("AWS::KMS::Key", Lines),
    ("AWS::KinesisFirehose::DeliveryStream", Elsewhere("by what tenants' subscription filters send")),
    ("AWS::Lambda::EventInvokeConfig", Free),
    ("AWS::Lambda::EventSourceMapping", Lines),
    ("AWS::Lambda::Function", Lines),
    ("AWS::Lambda::Permission", Free),
    ("AWS::Logs::Destination", Free),
    ("AWS::Logs::LogGroup", Lines),
    ("AWS::Logs::ResourcePolicy", Free),
    ("AWS::Logs::SubscriptionFilter", Lines),
    ("AWS::Oam::Link", Free),
    ("AWS::Oam::Sink", Free),
    ("AWS::OpenSearchService::Domain", Lines),
    ("AWS::RolesAnywhere::CRL", Free),
    ("AWS::RolesAnywhere::Profile", Free),
    ("AWS::RolesAnywhere::TrustAnchor", Free),
    ("AWS::Route53::RecordSet", Elsewhere("by the hosted zone; queries of aliases are free")),
    ("AWS::S3::Bucket", Lines),
    ("AWS::S3::BucketPolicy", Free),
    ("AWS::SNS::Subscription", Elsewhere("0.60 USD per million pages")),
    ("AWS::SNS::Topic", Elsewhere("by its subscriptions")),
    ("AWS::SNS::TopicPolicy", Free),
    ("AWS::SQS::Queue", Elsewhere("by the requests of its event source mapping")),
    ("AWS::SQS::QueuePolicy", Free),
    ("AWS::SSM::Parameter", Free),
];

/// How a type is billed; None for a type that nobody has thought about.
pub(super) fn billing(kind: &str) -> Option<Billing> {
    TYPES.iter().find(|(name, _)| *name == kind).map(|(_, billing)| *billing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_tables_are_sorted_and_say_each_thing_once() {
        assert!(ITEMS.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(TYPES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
