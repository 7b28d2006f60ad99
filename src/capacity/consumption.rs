//! Which quotas a resource of each type takes one of. A type that takes none stands here too, so that a type nobody has
//! thought about is seen.

/// Over what the counts of a quota add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    Account,
    Region,
    /// Within one stack: the largest stack counts.
    Stack,
}

use Over::{Account, Region, Stack};

/// Type, and the quotas (ids of `policies/quotas.yaml`) that one resource of it takes one of. What depends on a
/// resource's properties is counted in [`super::demand`].
const TYPES: &[(&str, &[(&str, Over)])] = &[
    ("AWS::AppConfig::Application", &[("appconfig-applications", Region)]),
    ("AWS::AppConfig::ConfigurationProfile", &[("appconfig-profiles-per-application", Stack)]),
    ("AWS::AppConfig::Deployment", &[]),
    ("AWS::AppConfig::DeploymentStrategy", &[("appconfig-deployment-strategies", Region)]),
    ("AWS::AppConfig::Environment", &[("appconfig-environments-per-application", Stack)]),
    ("AWS::AppConfig::HostedConfigurationVersion", &[]),
    ("AWS::CertificateManager::Certificate", &[("acm-certificates", Region)]),
    ("AWS::CloudWatch::Alarm", &[]),
    ("AWS::CloudWatch::Dashboard", &[]),
    ("AWS::EC2::EIP", &[("ec2-elastic-ips", Region)]),
    ("AWS::EC2::FlowLog", &[]),
    ("AWS::EC2::InternetGateway", &[("vpc-internet-gateways", Region)]),
    ("AWS::EC2::NatGateway", &[]),
    ("AWS::EC2::NetworkAcl", &[("vpc-network-acls-per-vpc", Stack)]),
    ("AWS::EC2::NetworkAclEntry", &[]),
    ("AWS::EC2::Route", &[]),
    ("AWS::EC2::RouteTable", &[("vpc-route-tables-per-vpc", Stack)]),
    ("AWS::EC2::SecurityGroup", &[("vpc-security-groups", Region)]),
    ("AWS::EC2::SecurityGroupEgress", &[]),
    ("AWS::EC2::SecurityGroupIngress", &[]),
    ("AWS::EC2::Subnet", &[("vpc-subnets-per-vpc", Stack)]),
    ("AWS::EC2::SubnetNetworkAclAssociation", &[]),
    ("AWS::EC2::SubnetRouteTableAssociation", &[]),
    ("AWS::EC2::VPC", &[("vpc-vpcs", Region)]),
    ("AWS::EC2::VPCEndpoint", &[]),
    ("AWS::EC2::VPCGatewayAttachment", &[]),
    ("AWS::ECS::Cluster", &[("ecs-clusters", Region)]),
    ("AWS::ECS::Service", &[("ecs-services-per-cluster", Stack)]),
    ("AWS::ECS::TaskDefinition", &[]),
    ("AWS::ElasticLoadBalancingV2::Listener", &[("elb-listeners-per-load-balancer", Stack)]),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", &[("elb-application-load-balancers", Region)]),
    ("AWS::ElasticLoadBalancingV2::TargetGroup", &[("elb-target-groups", Region)]),
    ("AWS::ElasticLoadBalancingV2::TrustStore", &[("elb-trust-stores", Region)]),
    ("AWS::ElasticLoadBalancingV2::TrustStoreRevocation", &[]),
    ("AWS::IAM::ManagedPolicy", &[]),
    ("AWS::IAM::Role", &[("iam-roles", Account)]),
    ("AWS::KMS::Alias", &[("kms-aliases-per-key", Stack)]),
    ("AWS::KMS::Key", &[("kms-keys", Region)]),
    ("AWS::KinesisFirehose::DeliveryStream", &[]),
    ("AWS::Lambda::EventInvokeConfig", &[]),
    ("AWS::Lambda::EventSourceMapping", &[]),
    ("AWS::Lambda::Function", &[]),
    ("AWS::Lambda::Permission", &[]),
    ("AWS::Logs::Destination", &[]),
    ("AWS::Logs::LogGroup", &[("logs-groups", Region)]),
    ("AWS::Logs::ResourcePolicy", &[("logs-resource-policies", Region)]),
    ("AWS::Logs::SubscriptionFilter", &[]),
    ("AWS::Oam::Link", &[]),
    ("AWS::Oam::Sink", &[]),
    ("AWS::OpenSearchService::Domain", &[("es-domains", Region)]),
    ("AWS::RolesAnywhere::CRL", &[]),
    ("AWS::RolesAnywhere::Profile", &[("rolesanywhere-profiles", Region)]),
    ("AWS::RolesAnywhere::TrustAnchor", &[("rolesanywhere-trust-anchors", Region)]),
    ("AWS::Route53::RecordSet", &[]),
    ("AWS::S3::Bucket", &[("s3-buckets", Account)]),
    ("AWS::S3::BucketPolicy", &[]),
    ("AWS::SNS::Subscription", &[]),
    ("AWS::SNS::Topic", &[("sns-topics", Region)]),
    ("AWS::SNS::TopicPolicy", &[]),
    ("AWS::SQS::Queue", &[]),
    ("AWS::SQS::QueuePolicy", &[]),
    ("AWS::SSM::Parameter", &[("ssm-standard-parameters", Region)]),
];

/// A type's row of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Consumption {
    pub(super) kind: &'static str,
    pub(super) quotas: &'static [(&'static str, Over)],
}

impl Consumption {
    /// The service in a type's name: `EC2` of `AWS::EC2::VPC`.
    pub(super) fn service(&self) -> &'static str {
        self.kind.split("::").nth(1).unwrap_or(self.kind)
    }
}

/// The quotas that a resource of a type takes one of; None for a type that is not in the table.
pub(super) fn of(kind: &str) -> Option<Consumption> {
    let row = TYPES.binary_search_by_key(&kind, |(name, _)| name).ok()?;
    let (kind, quotas) = TYPES[row];
    Some(Consumption { kind, quotas })
}

/// The properties of a type that counting looks at; all others may be cut away before.
pub(super) fn seen(kind: &str) -> &'static [&'static str] {
    match kind {
        "AWS::EC2::NatGateway" => &["SubnetId"],
        "AWS::EC2::NetworkAclEntry" => &["NetworkAclId", "Egress"],
        "AWS::EC2::Route" => &["RouteTableId"],
        "AWS::EC2::Subnet" => &["CidrBlock", "AvailabilityZoneId"],
        "AWS::EC2::VPCEndpoint" => &["VpcEndpointType", "SubnetIds"],
        "AWS::ECS::Service" => &["DesiredCount", "NetworkConfiguration"],
        "AWS::ElasticLoadBalancingV2::LoadBalancer" => &["Subnets"],
        "AWS::Lambda::Function" => &["MemorySize", "ReservedConcurrentExecutions", "VpcConfig"],
        "AWS::OpenSearchService::Domain" => &["ClusterConfig", "EBSOptions", "EngineVersion", "VPCOptions"],
        _ => &[],
    }
}

/// Every quota of the table.
#[cfg(test)]
pub(super) fn quotas() -> impl Iterator<Item = &'static str> {
    TYPES.iter().flat_map(|(_, quotas)| quotas.iter().map(|(id, _)| *id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_found() {
        assert!(TYPES.is_sorted_by_key(|(name, _)| name), "the table is searched by halves");
        assert!(TYPES.iter().all(|(name, _)| of(name).is_some_and(|found| found.kind == *name)));
        assert_eq!(of("AWS::EC2::VPC").map(|found| found.service()), Some("EC2"));
        assert!(of("AWS::New::Thing").is_none());
    }
}
