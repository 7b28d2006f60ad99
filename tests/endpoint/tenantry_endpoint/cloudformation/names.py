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

#: type → what DescribeAlarms calls it.
ALARMS = {"AWS::CloudWatch::Alarm": "MetricAlarm", "AWS::CloudWatch::CompositeAlarm": "CompositeAlarm"}
#: "AlarmNames: Array Members: Maximum number of 100 items", DescribeAlarms, Amazon CloudWatch API Reference.
ALARMS_AT_ONCE = 100


def in_use(wanted: list[tuple[Place, str, Properties]]) -> list[str | None]:
    """The name that each of some resources' properties give and that something else of its type has; None when it is
    free, generated or not known yet. Alarms, most of what has a name, are asked for together."""
    named = [(place, kind, _name(kind, properties)) for place, kind, properties in wanted]
    alarms: dict[str, list[str]] = {}
    for _, kind, name in named:
        if kind in ALARMS and name is not None:
            alarms.setdefault(kind, []).append(name)
    taken = {kind: _alarms(wanted[0][0], kind, names) for kind, names in alarms.items()}
    return [name if name is not None and (name in taken[kind] if kind in taken else _exists(place, kind, name)) else None
            for place, kind, name in named]


def property_of(kind: str) -> str | None:
    """The property that names a resource of a type."""
    return "AlarmName" if kind in ALARMS else NAMED[kind][0] if kind in NAMED else None


def _name(kind: str, properties: Properties) -> str | None:
    member = property_of(kind)
    name = properties.get(member) if member else None
    return name if isinstance(name, str) and UNKNOWN not in name else None


def _alarms(place: Place, kind: str, names: list[str]) -> set[str]:
    """Those of the names that alarms of a type have."""
    found: set[str] = set()
    for start in range(0, len(names), ALARMS_AT_ONCE):
        asked = names[start : start + ALARMS_AT_ONCE]
        answer = place.call("cloudwatch", "DescribeAlarms", AlarmTypes=[ALARMS[kind]], AlarmNames=asked)
        found.update(alarm["AlarmName"] for alarm in answer.get(f"{ALARMS[kind]}s", []))
    return found


def need_free(place: Place, kind: str, properties: Properties) -> None:
    """Refuse the creation of a second resource of the same name, as the handlers do."""
    [name] = in_use([(place, kind, properties)])
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
