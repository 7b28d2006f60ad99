//! What the adapters call, as IAM names it: the permissions of the roles under which Tenantry itself works. A test
//! compares the list with the calls in this folder.

/// An action that is called, and what for where the call does not say it.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    pub action: &'static str,
    /// Reading commands call it, under the reading role.
    pub reads: bool,
    /// Commands that change something call it, under the deploy role.
    pub deploys: bool,
}

const fn read(action: &'static str) -> Call {
    Call { action, reads: true, deploys: true }
}

const fn change(action: &'static str) -> Call {
    Call { action, reads: false, deploys: true }
}

/// What `tenantry watch` alone calls, and `tenantry incident`, which both work under the reading role.
const fn watch(action: &'static str) -> Call {
    Call { action, reads: true, deploys: false }
}

/// Every action that the adapters need. Source of names: Service Authorization Reference.
pub const CALLS: &[Call] = &[
    change("appconfig:CreateDeploymentStrategy"),
    change("appconfig:CreateHostedConfigurationVersion"),
    change("appconfig:DeleteHostedConfigurationVersion"),
    read("appconfig:GetDeployment"),
    read("appconfig:GetEnvironment"),
    read("appconfig:GetHostedConfigurationVersion"),
    read("appconfig:ListDeploymentStrategies"),
    read("appconfig:ListDeployments"),
    change("appconfig:StartDeployment"),
    change("appconfig:UpdateEnvironment"),
    read("application-autoscaling:DescribeScalableTargets"),
    // Drift detection asks for it.
    read("cloudformation:BatchDescribeTypeConfigurations"),
    change("cloudformation:ContinueUpdateRollback"),
    // A change set that is not executed changes nothing.
    read("cloudformation:CreateChangeSet"),
    read("cloudformation:DeleteChangeSet"),
    change("cloudformation:DeleteStack"),
    read("cloudformation:DescribeChangeSet"),
    read("cloudformation:DescribeEvents"),
    read("cloudformation:DescribeStackDriftDetectionStatus"),
    read("cloudformation:DescribeStackEvents"),
    read("cloudformation:DescribeStackResourceDrifts"),
    read("cloudformation:DescribeStacks"),
    read("cloudformation:DetectStackDrift"),
    // Drift detection of named resources asks for it.
    read("cloudformation:DetectStackResourceDrift"),
    change("cloudformation:ExecuteChangeSet"),
    read("cloudformation:GetHookResult"),
    read("cloudformation:GetResource"),
    read("cloudformation:GetStackPolicy"),
    read("cloudformation:GetTemplate"),
    read("cloudformation:ListChangeSets"),
    read("cloudformation:ListHookResults"),
    read("cloudformation:ListResources"),
    read("cloudformation:ListStackResources"),
    read("cloudformation:ListTypes"),
    change("cloudformation:RollbackStack"),
    change("cloudformation:SetStackPolicy"),
    // Change sets give stacks their tags.
    read("cloudformation:TagResource"),
    // Only what has failed in EXPRESS mode is updated past a change set.
    change("cloudformation:UpdateStack"),
    change("cloudformation:UpdateTerminationProtection"),
    read("cloudtrail:LookupEvents"),
    watch("cloudwatch:DescribeAlarmHistory"),
    read("cloudwatch:DescribeAlarms"),
    change("cloudwatch:EnableAlarmActions"),
    read("cloudwatch:GetMetricData"),
    watch("cloudwatch:PutMetricData"),
    change("ec2:CreateTags"),
    change("ec2:DeleteNetworkAclEntry"),
    change("ec2:DeleteRoute"),
    change("ec2:DeleteTags"),
    read("ec2:DescribeAddresses"),
    read("ec2:DescribeAvailabilityZones"),
    read("ec2:DescribeClientVpnEndpoints"),
    read("ec2:DescribeDhcpOptions"),
    read("ec2:DescribeEgressOnlyInternetGateways"),
    read("ec2:DescribeFlowLogs"),
    read("ec2:DescribeInstanceConnectEndpoints"),
    read("ec2:DescribeInstanceTypeOfferings"),
    read("ec2:DescribeInstances"),
    read("ec2:DescribeInternetGateways"),
    read("ec2:DescribeManagedPrefixLists"),
    read("ec2:DescribeNatGateways"),
    read("ec2:DescribeNetworkAcls"),
    read("ec2:DescribeNetworkInterfaces"),
    read("ec2:DescribeRegions"),
    read("ec2:DescribeRouteTables"),
    read("ec2:DescribeSecurityGroups"),
    read("ec2:DescribeSubnets"),
    read("ec2:DescribeTags"),
    read("ec2:DescribeTrafficMirrorSessions"),
    read("ec2:DescribeTransitGatewayVpcAttachments"),
    read("ec2:DescribeVpcEndpoints"),
    read("ec2:DescribeVpcPeeringConnections"),
    read("ec2:DescribeVpcs"),
    read("ec2:DescribeVpnGateways"),
    change("ec2:RevokeSecurityGroupEgress"),
    change("ec2:RevokeSecurityGroupIngress"),
    read("ecs:DescribeServices"),
    read("ecs:ListServices"),
    read("elasticache:DescribeCacheClusters"),
    read("elasticloadbalancing:DescribeListeners"),
    read("elasticloadbalancing:DescribeLoadBalancers"),
    read("elasticloadbalancing:DescribeRules"),
    read("elasticloadbalancing:DescribeTargetHealth"),
    read("es:DescribeInboundConnections"),
    read("es:DescribeOutboundConnections"),
    read("es:ListDomainNames"),
    read("es:ListInstanceTypeDetails"),
    read("es:ListVpcEndpointAccess"),
    watch("events:DescribeApiDestination"),
    watch("events:DescribeConnection"),
    watch("events:DescribeEventBus"),
    watch("events:DescribeRule"),
    watch("events:ListTargetsByRule"),
    watch("events:PutEvents"),
    // The first request for a higher quota makes the service's own role; bootstrap's calls run under another role.
    change("iam:CreateServiceLinkedRole"),
    change("iam:DetachRolePolicy"),
    read("iam:GetAccountAuthorizationDetails"),
    read("iam:GetAccountSummary"),
    read("iam:ListInstanceProfiles"),
    read("iam:ListRoles"),
    // CloudFormation takes the stacks' role.
    read("iam:PassRole"),
    // Objects and messages are encrypted.
    read("kms:Decrypt"),
    change("kms:EnableKey"),
    read("kms:GenerateDataKey"),
    read("kms:ListAliases"),
    read("kms:ListGrants"),
    read("lambda:GetAccountSettings"),
    read("lambda:GetFunction"),
    read("lambda:GetFunctionEventInvokeConfig"),
    read("lambda:GetLayerVersion"),
    read("lambda:GetPolicy"),
    read("lambda:ListAliases"),
    read("lambda:ListEventSourceMappings"),
    read("lambda:ListFunctionUrlConfigs"),
    read("lambda:ListFunctions"),
    change("lambda:UpdateEventSourceMapping"),
    read("logs:DescribeAccountPolicies"),
    read("logs:DescribeMetricFilters"),
    read("logs:DescribeSubscriptionFilters"),
    read("ram:ListResources"),
    read("rolesanywhere:ListCrls"),
    read("rolesanywhere:ListProfiles"),
    read("rolesanywhere:ListTrustAnchors"),
    read("route53:GetHostedZone"),
    read("route53:ListHostedZonesByVPC"),
    read("route53:ListResourceRecordSets"),
    read("route53resolver:ListResolverRuleAssociations"),
    change("s3:DeleteObject"),
    // Rejected records are versions of objects.
    change("s3:DeleteObjectVersion"),
    read("s3:GetBucketAcl"),
    read("s3:GetBucketCORS"),
    read("s3:GetBucketLogging"),
    read("s3:GetBucketNotification"),
    read("s3:GetBucketPublicAccessBlock"),
    read("s3:GetBucketWebsite"),
    read("s3:GetEncryptionConfiguration"),
    read("s3:GetInventoryConfiguration"),
    read("s3:GetObject"),
    change("s3:GetObjectVersion"),
    read("s3:GetReplicationConfiguration"),
    read("s3:ListAccessPoints"),
    read("s3:ListAllMyBuckets"),
    // Without it, an object that is not there is denied instead of missing.
    read("s3:ListBucket"),
    change("s3:ListBucketVersions"),
    // A plan stores large templates.
    read("s3:PutObject"),
    watch("secretsmanager:GetSecretValue"),
    read("servicequotas:ListAWSDefaultServiceQuotas"),
    read("servicequotas:ListRequestedServiceQuotaChangeHistory"),
    read("servicequotas:ListServiceQuotas"),
    change("servicequotas:RequestServiceQuotaIncrease"),
    read("sns:GetTopicAttributes"),
    read("sns:ListSubscriptions"),
    change("sqs:ChangeMessageVisibility"),
    change("sqs:DeleteMessage"),
    read("sqs:GetQueueAttributes"),
    read("sqs:GetQueueUrl"),
    change("sqs:ReceiveMessage"),
    change("sqs:SendMessage"),
    read("tag:GetResources"),
];

/// Actions that `destroy --purge` calls under credentials of the operator's choice: no role of the control plane may delete
/// what a template retains. Beside them the caller needs what the services' own deletions take.
pub const OPERATOR: &[&str] = &[
    "cloudformation:DeleteResource",
    "cloudformation:GetResourceRequestStatus",
    "cloudformation:ListStacks",
    "kms:ScheduleKeyDeletion",
];
