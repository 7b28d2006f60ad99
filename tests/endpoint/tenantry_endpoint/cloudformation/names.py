"""Names that a template gives to resources, and whether they are in use ("Name type", CloudFormation User Guide).

Two resources of one type cannot have the same name in a place: CloudFormation's validation refuses a change set that
would add such a resource, and its handlers answer AlreadyExists. In: a type and resolved properties. Out: the name that
is in use, if any.
"""

from __future__ import annotations

from typing import Any

import jmespath

from ..errors import AwsError
from .resources.kind import Place, Properties, is_gone, shape_of, shaped
from .template import UNKNOWN

#: type → (property, operation that finds one by its name, member that takes the name or its ARN, what is found).
NAMED: dict[str, tuple[str, str, str, str]] = {
    "AWS::CloudWatch::Alarm": ("AlarmName", "cloudwatch.DescribeAlarms", "AlarmNames", "MetricAlarms"),
    "AWS::CloudWatch::CompositeAlarm": ("AlarmName", "cloudwatch.DescribeAlarms", "AlarmNames", "CompositeAlarms"),
    "AWS::CloudWatch::Dashboard": ("DashboardName", "cloudwatch.GetDashboard", "DashboardName", "DashboardName"),
    "AWS::DynamoDB::Table": ("TableName", "dynamodb.DescribeTable", "TableName", "Table"),
    "AWS::ECS::Cluster": ("ClusterName", "ecs.DescribeClusters", "clusters", "clusters[?status=='ACTIVE']"),
    "AWS::ElastiCache::ReplicationGroup": (
        "ReplicationGroupId", "elasticache.DescribeReplicationGroups", "ReplicationGroupId", "ReplicationGroups"),
    "AWS::ElastiCache::SubnetGroup": (
        "CacheSubnetGroupName", "elasticache.DescribeCacheSubnetGroups", "CacheSubnetGroupName", "CacheSubnetGroups"),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": ("Name", "elbv2.DescribeLoadBalancers", "Names", "LoadBalancers"),
    "AWS::ElasticLoadBalancingV2::TargetGroup": ("Name", "elbv2.DescribeTargetGroups", "Names", "TargetGroups"),
    "AWS::ElasticLoadBalancingV2::TrustStore": ("Name", "elbv2.DescribeTrustStores", "Names", "TrustStores"),
    "AWS::IAM::Role": ("RoleName", "iam.GetRole", "RoleName", "Role"),
    "AWS::KMS::Alias": ("AliasName", "kms.ListAliases", "", "Aliases[?AliasName=='$name']"),
    "AWS::KinesisFirehose::DeliveryStream": (
        "DeliveryStreamName", "firehose.DescribeDeliveryStream", "DeliveryStreamName", "DeliveryStreamDescription"),
    "AWS::Lambda::Function": ("FunctionName", "lambda.GetFunctionConfiguration", "FunctionName", "FunctionName"),
    "AWS::Logs::LogGroup": (
        "LogGroupName", "logs.DescribeLogGroups", "logGroupNamePrefix", "logGroups[?logGroupName=='$name']"),
    "AWS::OpenSearchService::Domain": ("DomainName", "opensearch.DescribeDomain", "DomainName", "DomainStatus"),
    "AWS::RDS::DBInstance": (
        "DBInstanceIdentifier", "rds.DescribeDBInstances", "DBInstanceIdentifier", "DBInstances"),
    "AWS::RDS::DBParameterGroup": (
        "DBParameterGroupName", "rds.DescribeDBParameterGroups", "DBParameterGroupName", "DBParameterGroups"),
    "AWS::RDS::DBSubnetGroup": (
        "DBSubnetGroupName", "rds.DescribeDBSubnetGroups", "DBSubnetGroupName", "DBSubnetGroups"),
    "AWS::S3::Bucket": ("BucketName", "s3.HeadBucket", "Bucket", "@"),
    "AWS::SNS::Topic": ("TopicName", "sns.GetTopicAttributes", "TopicArn", "Attributes"),
    "AWS::SQS::Queue": ("QueueName", "sqs.GetQueueUrl", "QueueName", "QueueUrl"),
    "AWS::Scheduler::Schedule": ("Name", "scheduler.GetSchedule", "Name", "Arn"),
    "AWS::SecretsManager::Secret": ("Name", "secretsmanager.DescribeSecret", "SecretId", "ARN"),
    "AWS::SSM::Parameter": ("Name", "ssm.GetParameter", "Name", "Parameter"),
}


def in_use(place: Place, kind: str, properties: Properties) -> str | None:
    """The name that the properties give and that something else of this type has; None when it is free, generated or
    not known yet."""
    name = properties.get(NAMED[kind][0]) if kind in NAMED else None
    return name if isinstance(name, str) and UNKNOWN not in name and _exists(place, kind, name) else None


def need_free(place: Place, kind: str, properties: Properties) -> None:
    """Refuse the creation of a second resource of the same name, as the handlers do."""
    name = in_use(place, kind, properties)
    if name is not None:
        raise AwsError("AlreadyExists", f"Resource of type '{kind}' with identifier '{name}' already exists.")


def _exists(place: Place, kind: str, name: str) -> bool:
    _, asked, member, found = NAMED[kind]
    service, operation = asked.split(".")
    given: dict[str, Any] = {}
    if member == "TopicArn":
        given = {member: f"arn:{place.partition}:sns:{place.region}:{place.account}:{name}"}
    elif member:
        listed = shape_of(service, operation, place.region).members[member].type_name == "list"
        given = {member: [name] if listed else name}
    try:
        answer = place.call(service, operation, **shaped(shape_of(service, operation, place.region), given))
    except AwsError as error:
        # Of a bucket of another account S3 says that access is denied: the name is taken all the same.
        if is_gone(error) or str(error.code) == "404":
            return False
        if service == "s3":
            return True
        raise
    return found == "@" or bool(jmespath.search(found.replace("$name", name), answer))
