//! What the adapters call, as IAM names it: the permissions of the roles under which Tenantry itself works. A test
//! compares the list with the calls in this folder.

/// An action that is called, and what for where the call does not say it.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    pub action: &'static str,
    /// Reading commands call it too; the others are for the deploy role only.
    pub reads: bool,
}

const fn read(action: &'static str) -> Call {
    Call { action, reads: true }
}

const fn change(action: &'static str) -> Call {
    Call { action, reads: false }
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
    // Drift detection asks for it.
    read("cloudformation:BatchDescribeTypeConfigurations"),
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
    read("cloudformation:GetResource"),
    read("cloudformation:GetTemplate"),
    read("cloudformation:ListChangeSets"),
    read("cloudformation:ListResources"),
    read("cloudformation:ListStackResources"),
    read("cloudformation:ListTypes"),
    change("cloudformation:SetStackPolicy"),
    // Change sets give stacks their tags.
    read("cloudformation:TagResource"),
    change("cloudformation:UpdateTerminationProtection"),
    read("cloudtrail:LookupEvents"),
    read("cloudwatch:DescribeAlarms"),
    read("cloudwatch:GetMetricData"),
    change("ec2:CreateTags"),
    change("ec2:DeleteNetworkAclEntry"),
    change("ec2:DeleteRoute"),
    change("ec2:DeleteTags"),
    read("ec2:DescribeAddresses"),
    read("ec2:DescribeAvailabilityZones"),
    read("ec2:DescribeEgressOnlyInternetGateways"),
    read("ec2:DescribeFlowLogs"),
    read("ec2:DescribeInstanceTypeOfferings"),
    read("ec2:DescribeInstances"),
    read("ec2:DescribeInternetGateways"),
    read("ec2:DescribeNatGateways"),
    read("ec2:DescribeNetworkAcls"),
    read("ec2:DescribeNetworkInterfaces"),
    read("ec2:DescribeRegions"),
    read("ec2:DescribeRouteTables"),
    read("ec2:DescribeSecurityGroups"),
    read("ec2:DescribeSubnets"),
    read("ec2:DescribeTags"),
    read("ec2:DescribeTransitGatewayVpcAttachments"),
    read("ec2:DescribeVpcEndpoints"),
    read("ec2:DescribeVpcPeeringConnections"),
    read("ec2:DescribeVpcs"),
    read("ec2:DescribeVpnGateways"),
    change("ec2:RevokeSecurityGroupEgress"),
    change("ec2:RevokeSecurityGroupIngress"),
    read("es:ListDomainNames"),
    read("es:ListInstanceTypeDetails"),
    // The first request for a higher quota makes the service's own role; bootstrap's calls run under another role.
    change("iam:CreateServiceLinkedRole"),
    read("iam:GetAccountAuthorizationDetails"),
    read("iam:GetAccountSummary"),
    // CloudFormation takes the stacks' role.
    read("iam:PassRole"),
    // Objects and messages are encrypted.
    read("kms:Decrypt"),
    read("kms:GenerateDataKey"),
    read("lambda:GetAccountSettings"),
    read("lambda:GetFunctionConcurrency"),
    read("lambda:ListEventSourceMappings"),
    read("lambda:ListFunctions"),
    change("s3:DeleteObject"),
    read("s3:GetBucketPublicAccessBlock"),
    read("s3:GetEncryptionConfiguration"),
    read("s3:GetObject"),
    read("s3:ListAllMyBuckets"),
    // Without it, an object that is not there is denied instead of missing.
    read("s3:ListBucket"),
    // A plan stores large templates.
    read("s3:PutObject"),
    read("servicequotas:ListAWSDefaultServiceQuotas"),
    read("servicequotas:ListRequestedServiceQuotaChangeHistory"),
    read("servicequotas:ListServiceQuotas"),
    change("servicequotas:RequestServiceQuotaIncrease"),
    change("sqs:ChangeMessageVisibility"),
    change("sqs:DeleteMessage"),
    read("sqs:GetQueueAttributes"),
    read("sqs:GetQueueUrl"),
    change("sqs:ReceiveMessage"),
    change("sqs:SendMessage"),
    read("tag:GetResources"),
];
