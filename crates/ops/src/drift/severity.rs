//! How bad a difference is, by what it is about.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Kind;
use tenantry_base::finding::Code;
use tenantry_checks::resources::{self, Concern};

/// Ordered: `Low < Medium < High < Critical`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Low,
    Medium,
    High,
    /// Someone can get in, data can get out, or data lies open.
    Critical,
}

pub(super) const RELEASE: Code = Code::TN5501;
pub(super) const TEMPLATE: Code = Code::TN5502;
pub(super) const STACK: Code = Code::TN5503;
pub(super) const NO_STACK: Code = Code::TN5504;
pub(super) const NOT_OURS: Code = Code::TN5505;
pub(super) const DELETED: Code = Code::TN5510;
pub(super) const MODIFIED: Code = Code::TN5511;
pub(super) const OPENED: Code = Code::TN5512;
pub(super) const ENCRYPTION: Code = Code::TN5513;
pub(super) const ROUTE_OUT: Code = Code::TN5514;
pub(super) const PUBLIC: Code = Code::TN5515;
pub(super) const PERMISSIONS: Code = Code::TN5516;
pub(super) const TAG: Code = Code::TN5517;
pub(super) const SILENCED: Code = Code::TN5518;
pub(super) const CODE: Code = Code::TN5519;
pub(super) const UNMANAGED: Code = Code::TN5520;

use Severity::{Critical, High, Low, Medium};

/// Types, words in a path, and what a change there means: data that leaves, is deleted or is opened, work that stops and
/// capacity that is cut. The first that fits decides, before [`BY_PATH`].
const BY_TYPE: [(&str, &str, Code, Severity); 39] = [
    ("AWS::AppConfig::Deployment", "/ConfigurationVersion", MODIFIED, High),
    ("AWS::AppConfig::Environment", "/Monitors", SILENCED, High),
    ("AWS::AppConfig::HostedConfigurationVersion", "/Content", MODIFIED, High),
    ("AWS::EC2::VPC", "/EnableDns", MODIFIED, High),
    ("AWS::EC2::VPCEndpoint", "/PolicyDocument", PERMISSIONS, Critical),
    ("AWS::EC2::VPCEndpoint", "/RouteTableIds", MODIFIED, High),
    ("AWS::EC2::VPCEndpoint", "/SubnetIds", MODIFIED, High),
    ("AWS::ECS::Service", "/DesiredCount", MODIFIED, High),
    ("AWS::ECS::Service", "/EnableExecuteCommand", PERMISSIONS, Critical),
    ("AWS::ECS::Service", "/LoadBalancers", MODIFIED, High),
    ("AWS::ECS::Service", "/TaskDefinition", CODE, Critical),
    ("AWS::ElasticLoadBalancingV2::Listener", "/Certificates", MODIFIED, High),
    ("AWS::ElasticLoadBalancingV2::Listener", "/DefaultActions", MODIFIED, Critical),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "/LoadBalancerAttributes", SILENCED, High),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "/Subnets", MODIFIED, High),
    ("AWS::IAM::Role", "/ManagedPolicyArns", PERMISSIONS, Critical),
    ("AWS::KMS::Key", "/Enabled", ENCRYPTION, Critical),
    ("AWS::Lambda::EventInvokeConfig", "/DestinationConfig", MODIFIED, Critical),
    ("AWS::Lambda::EventInvokeConfig", "/Maximum", MODIFIED, High),
    ("AWS::Lambda::EventSourceMapping", "/EventSourceArn", MODIFIED, Critical),
    ("AWS::Lambda::EventSourceMapping", "/FilterCriteria", MODIFIED, High),
    ("AWS::Lambda::EventSourceMapping", "/FunctionName", MODIFIED, Critical),
    ("AWS::Lambda::Function", "/DeadLetterConfig", MODIFIED, Critical),
    ("AWS::Lambda::Function", "/Environment", MODIFIED, High),
    ("AWS::Lambda::Function", "/FileSystemConfigs", MODIFIED, Critical),
    ("AWS::Lambda::Function", "/MemorySize", MODIFIED, High),
    ("AWS::Lambda::Function", "/ReservedConcurrentExecutions", MODIFIED, High),
    ("AWS::Lambda::Function", "/Timeout", MODIFIED, High),
    ("AWS::Lambda::Function", "/VpcConfig", MODIFIED, High),
    ("AWS::Logs::LogGroup", "/RetentionInDays", MODIFIED, High),
    ("AWS::Logs::SubscriptionFilter", "/DestinationArn", MODIFIED, Critical),
    ("AWS::OpenSearchService::Domain", "/ClusterConfig", MODIFIED, High),
    ("AWS::OpenSearchService::Domain", "/EBSOptions", MODIFIED, High),
    ("AWS::Route53::RecordSet", "/", MODIFIED, Critical),
    ("AWS::S3::Bucket", "/LifecycleConfiguration", MODIFIED, Critical),
    ("AWS::SNS::Subscription", "/Endpoint", SILENCED, Critical),
    ("AWS::SQS::Queue", "/MessageRetentionPeriod", MODIFIED, High),
    ("AWS::SQS::Queue", "/RedrivePolicy", MODIFIED, Critical),
    ("AWS::SQS::Queue", "/RedriveAllowPolicy", MODIFIED, High),
];

/// Words in a path, and what a change there means. The first that occurs decides.
const BY_PATH: [(&str, Code, Severity); 41] = [
    ("/Tags", TAG, Low),
    ("/AlarmDescription", MODIFIED, Low),
    ("/GroupDescription", MODIFIED, Low),
    ("/Description", MODIFIED, Low),
    ("/KeyPolicy", PERMISSIONS, Critical),
    ("/AccessPolicies", PERMISSIONS, Critical),
    ("/BucketEncryption", ENCRYPTION, Critical),
    ("/EncryptionAtRestOptions", ENCRYPTION, Critical),
    ("/NodeToNodeEncryptionOptions", ENCRYPTION, Critical),
    ("/DomainEndpointOptions", ENCRYPTION, Critical),
    ("/EnableKeyRotation", ENCRYPTION, Critical),
    ("/SqsManagedSseEnabled", ENCRYPTION, Critical),
    ("/Kms", ENCRYPTION, Critical),
    ("/KMS", ENCRYPTION, Critical),
    ("/SslPolicy", ENCRYPTION, Critical),
    ("/MutualAuthentication", PERMISSIONS, Critical),
    ("/Protocol", ENCRYPTION, High),
    ("/Source/SourceData", PERMISSIONS, Critical),
    ("/RoleArns", PERMISSIONS, Critical),
    ("/CaCertificatesBundle", PERMISSIONS, Critical),
    ("/NumberOfCaCertificates", PERMISSIONS, Critical),
    ("/PublicAccessBlockConfiguration", PUBLIC, Critical),
    ("/OwnershipControls", PUBLIC, High),
    ("/MapPublicIpOnLaunch", PUBLIC, High),
    ("/AssignPublicIp", PUBLIC, High),
    ("/Scheme", PUBLIC, High),
    ("/AssumeRolePolicyDocument", PERMISSIONS, Critical),
    ("/PermissionsBoundary", PERMISSIONS, Critical),
    ("/ManagedPolicyArns", PERMISSIONS, High),
    ("/Policies", PERMISSIONS, High),
    ("/PolicyDocument", PERMISSIONS, High),
    ("/Role", PERMISSIONS, High),
    ("/Code", CODE, Critical),
    ("/Layers", CODE, High),
    ("/SecurityGroupIngress", OPENED, Critical),
    ("/SecurityGroup", MODIFIED, High),
    ("/RedrivePolicy", MODIFIED, High),
    ("/DeadLetterConfig", MODIFIED, High),
    ("/NotificationConfiguration", MODIFIED, High),
    ("/VersioningConfiguration", MODIFIED, High),
    ("/Enabled", MODIFIED, High),
];

/// Code and severity of a property that has another value.
pub(super) fn of_property(resource_type: &str, path: &str) -> (Code, Severity) {
    let tag = path.contains("/Tags");
    let by_type = BY_TYPE.iter().find(|(kind, start, ..)| *kind == resource_type && path.starts_with(start) && !tag);
    if let Some((.., code, severity)) = by_type {
        return (*code, *severity);
    }
    let by_path =
        || BY_PATH.iter().find(|(word, ..)| path.contains(word)).map(|(_, code, severity)| (*code, *severity));
    match drift(resource_type).concern {
        // These deny what is not encrypted on its way.
        Some(Concern::Permissions) => (PERMISSIONS, Critical),
        Some(Concern::Monitoring) => match by_path() {
            // A subscription's protocol or role says where a page goes, not how it is encrypted.
            Some(found) if found.1 != High && resource_type != SUBSCRIPTION => found,
            _ => (SILENCED, High),
        },
        Some(Concern::Routing) => (MODIFIED, High),
        None => by_path().unwrap_or((MODIFIED, Medium)),
    }
}

const SUBSCRIPTION: &str = "AWS::SNS::Subscription";

fn drift(resource_type: &str) -> resources::Drift {
    resources::table().get(resource_type).map(|(_, row)| row.drift).unwrap_or_default()
}

/// Code and severity of a resource that is gone.
pub(super) fn of_deletion(resource_type: &str) -> (Code, Severity) {
    let drift = drift(resource_type);
    if drift.concern == Some(Concern::Permissions) || resources::table().is_stateful(resource_type) {
        (DELETED, Critical)
    } else if drift.is_minor {
        (DELETED, Medium)
    } else {
        (DELETED, High)
    }
}

/// Code and severity of a resource that a template edited by hand adds.
pub(super) fn of_addition(resource_type: &str) -> (Code, Severity) {
    match resource_type {
        "AWS::EC2::SecurityGroupIngress" => (OPENED, Critical),
        "AWS::EC2::Route" => (ROUTE_OUT, Critical),
        _ => (TEMPLATE, High),
    }
}

/// What must be done where the template does not say the property, so that no change set restores it.
pub(super) const BY_HAND: &str =
    "set it back by hand, or say it in the template: no change set restores what no template says";

/// As [`BY_HAND`], of what a direct call sets back.
pub(super) const BY_CALL: &str = "`tenantry drift --fix` sets it back by a direct call, shown first";

/// What can be done about a property of which the template says nothing.
pub(super) fn unsaid(resource_type: &str, path: &str) -> &'static str {
    match (resource_type, path) {
        ("AWS::CloudWatch::Alarm", "/ActionsEnabled")
        | ("AWS::IAM::Role", "/ManagedPolicyArns")
        | ("AWS::KMS::Key" | "AWS::Lambda::EventSourceMapping", "/Enabled") => BY_CALL,
        _ => BY_HAND,
    }
}

/// What a person can do about a difference.
pub(super) fn remedy(kind: Kind, code: Code) -> &'static str {
    match (kind, code) {
        (_, RELEASE) => "deploy this release, or check out the one that the stack runs",
        (_, NO_STACK) => "`tenantry deploy` creates it",
        (_, NOT_OURS) => "rename the tenant, or take the stack over with `tenantry deploy --adopt STACK`",
        (Kind::Unmanaged, _) => "delete it, bring it into the template, or accept it for a time",
        (Kind::Added, TAG) => "`tenantry drift --fix` removes it",
        (Kind::Added, _) => "`tenantry drift --fix` takes it out by a direct call, shown first",
        _ => "`tenantry drift --fix` restores it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opens_or_uncovers_is_critical_and_a_tag_is_low() {
        for (kind, path, expected) in [
            ("AWS::S3::Bucket", "/BucketEncryption/ServerSideEncryptionConfiguration", (ENCRYPTION, Critical)),
            ("AWS::S3::Bucket", "/PublicAccessBlockConfiguration/BlockPublicAcls", (PUBLIC, Critical)),
            ("AWS::S3::Bucket", "/Tags/0/Value", (TAG, Low)),
            ("AWS::KMS::Key", "/EnableKeyRotation", (ENCRYPTION, Critical)),
            ("AWS::SQS::Queue", "/KmsMasterKeyId", (ENCRYPTION, Critical)),
            ("AWS::SQS::QueuePolicy", "/PolicyDocument", (PERMISSIONS, Critical)),
            ("AWS::IAM::Role", "/Policies", (PERMISSIONS, High)),
            ("AWS::CloudWatch::Alarm", "/Threshold", (SILENCED, High)),
            ("AWS::CloudWatch::Alarm", "/AlarmDescription", (MODIFIED, Low)),
            ("AWS::Lambda::Function", "/MemorySize", (MODIFIED, High)),
            ("AWS::Lambda::Function", "/Architectures", (MODIFIED, Medium)),
            ("AWS::SQS::Queue", "/RedrivePolicy/deadLetterTargetArn", (MODIFIED, Critical)),
            ("AWS::S3::Bucket", "/LifecycleConfiguration/Rules", (MODIFIED, Critical)),
            ("AWS::ECS::Service", "/DesiredCount", (MODIFIED, High)),
            ("AWS::Route53::RecordSet", "/AliasTarget/DNSName", (MODIFIED, Critical)),
            ("AWS::Lambda::Function", "/Code", (CODE, Critical)),
            ("AWS::EC2::SecurityGroup", "/SecurityGroupIngress", (OPENED, Critical)),
        ] {
            assert_eq!(of_property(kind, path), expected, "{kind} {path}");
        }
    }

    #[test]
    fn losing_what_holds_state_or_denies_is_critical() {
        assert_eq!(of_deletion("AWS::S3::BucketPolicy").1, Critical);
        assert_eq!(of_deletion("AWS::S3::Bucket").1, Critical);
        assert_eq!(of_deletion("AWS::EC2::FlowLog").1, High);
        assert_eq!(of_deletion("AWS::SSM::Parameter").1, Medium);
    }
}
