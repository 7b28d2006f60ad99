"""A stack of the blueprint web-app: created, updated, changed behind its back, destroyed; and the rules of AWS that its
services add."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import boto3
import pytest
import yaml
from botocore.config import Config
from botocore.exceptions import ClientError

from test_stacks import change, deploy, failures, fresh, settled  # noqa: F401

Client = Callable[..., Any]
TEMPLATE = (Path(__file__).parent / "web-app.yaml").read_text()
ACCOUNT = "123456789012"
LOGS = f"metanet-access-logs-{ACCOUNT}-eu-west-1"
TAGS = [{"Key": "tenant", "Value": "acme"}]
DELIVERS = {"Version": "2012-10-17", "Statement": [{
    "Effect": "Allow", "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
    "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{LOGS}/*"}]}
ANYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@pytest.fixture
def client(endpoint: str) -> Client:
    def make(service: str) -> Any:
        return boto3.client(service, region_name="eu-west-1", endpoint_url=endpoint, aws_access_key_id="AKIAEXAMPLE",
                            aws_secret_access_key="none",
                            config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}))
    return make


@pytest.fixture
def place(client: Client, fresh: None) -> None:  # noqa: F811
    """What the control plane has: a bucket for access logs, a destination for logs, the boundary."""
    s3 = client("s3")
    s3.create_bucket(Bucket=LOGS, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_encryption(Bucket=LOGS, ServerSideEncryptionConfiguration={
        "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]})
    s3.put_bucket_policy(Bucket=LOGS, Policy=json.dumps(DELIVERS))
    client("kinesis").create_stream(StreamName="logs", ShardCount=1)
    client("iam").create_role(RoleName="logs", AssumeRolePolicyDocument=json.dumps(ANYTHING))
    client("iam").create_policy(PolicyName="metanet-boundary", PolicyDocument=json.dumps(ANYTHING))
    client("logs").put_destination(destinationName="central", roleArn=f"arn:aws:iam::{ACCOUNT}:role/logs",
                                   targetArn=f"arn:aws:kinesis:eu-west-1:{ACCOUNT}:stream/logs")


class Long(yaml.SafeLoader):
    """YAML with CloudFormation's short functions in their long form."""


def _long(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix == "Ref" else f"Fn::{suffix}": value}


Long.add_multi_constructor("!", _long)


def document() -> dict[str, Any]:
    return dict(yaml.load(TEMPLATE, Loader=Long))


def without_cache() -> str:
    """The template of a tenant without the section `cache`."""
    told = document()
    resources = told["Resources"]
    for name in [name for name in resources if name.startswith("Cache") or name == "WebToCache"]:
        del resources[name]
    endpoint = resources["SecretsEndpoint"]["Properties"]["PolicyDocument"]["Statement"][0]
    start = resources["WebStartRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][1]
    for statement in (endpoint, start):
        statement["Resource"] = [one for one in statement["Resource"] if one != {"Ref": "CacheSecret"}]
    container = resources["WebTask"]["Properties"]["ContainerDefinitions"][0]
    for key in ("Environment", "Secrets"):
        container[key] = [one for one in container[key] if not one["Name"].startswith("CACHE_")]
    return json.dumps(told)


def ids(cloud: Any) -> dict[str, str]:
    pages = cloud.get_paginator("list_stack_resources").paginate(StackName="acme")
    return {row["LogicalResourceId"]: row["PhysicalResourceId"] for page in pages for row in page["StackResourceSummaries"]}


def drift(cloud: Any) -> dict[str, set[str]]:
    """What differs, by logical id: the properties, or `deleted`."""
    cloud.detect_stack_drift(StackName="acme")
    rows: list[dict[str, Any]] = []
    more: dict[str, str] = {}
    while True:
        page = cloud.describe_stack_resource_drifts(StackName="acme", **more)
        rows += page["StackResourceDrifts"]
        if "NextToken" not in page:
            break
        more = {"NextToken": page["NextToken"]}
    assert [row["LogicalResourceId"] for row in rows if row["StackResourceDriftStatus"] == "UNKNOWN"] == []
    return {row["LogicalResourceId"]: {item["PropertyPath"].split("/")[1] for item in row["PropertyDifferences"]}
            or {"deleted"} for row in rows if row["StackResourceDriftStatus"] in ("MODIFIED", "DELETED")}


def behind_its_back(client: Client, ids: dict[str, str]) -> dict[str, set[str]]:
    """Changes made through the services' own APIs, and what drift has to say of each."""
    s3, table, rds, cache, secrets = (client(name) for name in ("s3", "dynamodb", "rds", "elasticache", "secretsmanager"))
    function, ecs, balancer, alarms, ec2 = (client(name) for name in ("lambda", "ecs", "elbv2", "cloudwatch", "ec2"))
    s3.put_bucket_versioning(Bucket=ids["UploadsBucket"], VersioningConfiguration={"Status": "Suspended"})
    s3.put_public_access_block(Bucket=ids["UploadsBucket"], PublicAccessBlockConfiguration={
        "BlockPublicAcls": False, "BlockPublicPolicy": False, "IgnorePublicAcls": False, "RestrictPublicBuckets": False})
    s3.delete_bucket_policy(Bucket=ids["UploadsBucket"])
    table.update_continuous_backups(TableName=ids["SessionsTable"], PointInTimeRecoverySpecification={
        "PointInTimeRecoveryEnabled": False})
    table.update_time_to_live(TableName=ids["SessionsTable"], TimeToLiveSpecification={
        "AttributeName": "expires", "Enabled": False})
    rds.modify_db_instance(DBInstanceIdentifier=ids["Database"], BackupRetentionPeriod=1, MultiAZ=False,
                           DBInstanceClass="db.m7g.large", ApplyImmediately=True)
    rds.modify_db_parameter_group(DBParameterGroupName=ids["DatabaseParameters"], Parameters=[
        {"ParameterName": "rds.force_ssl", "ParameterValue": "0", "ApplyMethod": "pending-reboot"}])
    rds.modify_db_subnet_group(DBSubnetGroupName=ids["DatabaseSubnetGroup"], DBSubnetGroupDescription="another",
                               SubnetIds=[ids["DataSubnetA"], ids["DataSubnetB"]])
    secrets.update_secret(SecretId=ids["CacheSecret"], Description="another")
    cache.modify_replication_group(ReplicationGroupId=ids["Cache"], CacheNodeType="cache.m7g.large", ApplyImmediately=True)
    cache.increase_replica_count(ReplicationGroupId=ids["Cache"], NewReplicaCount=2, ApplyImmediately=True)
    cache.modify_cache_subnet_group(CacheSubnetGroupName=ids["CacheSubnetGroup"], CacheSubnetGroupDescription="another")
    function.update_function_configuration(FunctionName=ids["Job"], Timeout=3)
    schedule = client("scheduler").get_schedule(Name=ids["JobSchedule"])
    client("scheduler").update_schedule(
        Name=ids["JobSchedule"], ScheduleExpression="rate(7 days)", State="DISABLED", Target=schedule["Target"],
        FlexibleTimeWindow=schedule["FlexibleTimeWindow"], Description=schedule["Description"],
        ScheduleExpressionTimezone=schedule["ScheduleExpressionTimezone"])
    client("sqs").set_queue_attributes(QueueUrl=ids["JobDeadLetterQueue"], Attributes={"MessageRetentionPeriod": "60"})
    ecs.update_service(cluster=ids["Cluster"], service=ids["WebService"], desiredCount=0)
    balancer.modify_target_group(TargetGroupArn=ids["TargetGroup"], HealthCheckPath="/")
    balancer.modify_listener(ListenerArn=ids["Listener"], SslPolicy="ELBSecurityPolicy-2016-08")
    alarms.delete_alarms(AlarmNames=[ids["JobErrorsAlarm"]])
    storage = alarms.describe_alarms(AlarmNames=[ids["DatabaseStorageAlarm"]])["MetricAlarms"][0]
    kept = {key: storage[key] for key in ("AlarmName", "Namespace", "MetricName", "Dimensions", "Statistic", "Period",
                                          "EvaluationPeriods", "ComparisonOperator", "AlarmActions", "OKActions")}
    alarms.put_metric_alarm(**kept, Threshold=1.0, TreatMissingData="missing")
    alarms.put_composite_alarm(AlarmName=ids["TenantAlarm"], AlarmRule=f'ALARM("{ids["DatabaseStorageAlarm"]}")')
    ec2.authorize_security_group_ingress(GroupId=ids["LoadBalancerSecurityGroup"], IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    client("logs").put_retention_policy(logGroupName=ids["WebLogGroup"], retentionInDays=1)
    client("kms").disable_key_rotation(KeyId=ids["Key"])
    client("ssm").put_parameter(Name=ids["ReleaseRecord"], Value="another", Type="String", Overwrite=True)
    return {
        "UploadsBucket": {"VersioningConfiguration", "PublicAccessBlockConfiguration"}, "UploadsBucketPolicy": {"deleted"},
        "SessionsTable": {"PointInTimeRecoverySpecification", "TimeToLiveSpecification"},
        "Database": {"BackupRetentionPeriod", "MultiAZ", "DBInstanceClass"}, "DatabaseParameters": {"Parameters"},
        "DatabaseSubnetGroup": {"DBSubnetGroupDescription"}, "CacheSecret": {"Description"},
        "Cache": {"CacheNodeType", "ReplicasPerNodeGroup"}, "CacheSubnetGroup": {"Description"}, "Job": {"Timeout"},
        "JobSchedule": {"ScheduleExpression", "State"}, "JobDeadLetterQueue": {"MessageRetentionPeriod"},
        "WebService": {"DesiredCount"}, "TargetGroup": {"HealthCheckPath"}, "Listener": {"SslPolicy"},
        "JobErrorsAlarm": {"deleted"}, "DatabaseStorageAlarm": {"Threshold"}, "TenantAlarm": {"AlarmRule"},
        "LoadBalancerSecurityGroup": {"SecurityGroupIngress"}, "WebLogGroup": {"RetentionInDays"},
        "Key": {"EnableKeyRotation"}, "ReleaseRecord": {"Value"}}


def updated(cloud: Any, body: str, **more: Any) -> dict[str, str | None]:
    """Update the stack; what became of each resource."""
    shown = change(cloud, "acme", body, Tags=TAGS, **more)
    assert shown["Status"] == "CREATE_COMPLETE", shown.get("StatusReason")
    cloud.execute_change_set(StackName="acme", ChangeSetName="c")
    assert settled(cloud, "acme")["StackStatus"] == "UPDATE_COMPLETE", failures(cloud, "acme")
    cloud.delete_change_set(StackName="acme", ChangeSetName="c")
    rows = [row["ResourceChange"] for row in shown["Changes"]]
    return {row["LogicalResourceId"]: "Replace" if row.get("Replacement") == "True" else row["Action"] for row in rows}


def larger() -> str:
    told = document()
    resources = told["Resources"]
    resources["Cache"]["Properties"] |= {"NumNodeGroups": 2, "CacheNodeType": "cache.t4g.medium"}
    resources["Database"]["Properties"] |= {"DBInstanceClass": "db.m7g.xlarge", "AllocatedStorage": "100"}
    resources["DatabaseParameters"]["Properties"]["Parameters"]["log_min_duration_statement"] = "1000"
    resources["WebTask"]["Properties"] |= {"Cpu": "1024", "Memory": "2048"}
    resources["WebService"]["Properties"]["DesiredCount"] = 6
    resources["JobSchedule"]["Properties"]["ScheduleExpression"] = "rate(2 hours)"
    # What reaches the database, beside its password: the stack's template does without.
    resources["Attachment"] = {"Type": "AWS::SecretsManager::SecretTargetAttachment", "Properties": {
        "SecretId": {"Ref": "DatabaseSecret"}, "TargetId": {"Ref": "Database"}, "TargetType": "AWS::RDS::DBInstance"}}
    return json.dumps(told)


def secret(client: Client, ident: str) -> dict[str, Any]:
    return dict(json.loads(client("secretsmanager").get_secret_value(SecretId=ident)["SecretString"]))


def test_a_web_app_is_created_updated_changed_behind_its_back_and_destroyed(client: Client, place: None) -> None:
    cloud, ec2, secrets = client("cloudformation"), client("ec2"), client("secretsmanager")
    assert deploy(cloud, "acme", TEMPLATE, "CREATE", Tags=TAGS)["StackStatus"] == "CREATE_COMPLETE", failures(cloud, "acme")
    made = ids(cloud)
    known = secret(client, made["DatabaseSecret"])
    assert (sorted(known), len(known["password"])) == (["password", "username"], 40)

    # A tenant gives its cache up. The retained one keeps its name, by which the same template takes it back.
    assert updated(cloud, without_cache())["Cache"] == "Remove"
    shown = change(cloud, "acme", TEMPLATE, Tags=TAGS)
    assert shown["Status"] == "FAILED" and "ResourceExistenceCheck" in shown["StatusReason"]
    cloud.delete_change_set(StackName="acme", ChangeSetName="c")
    secrets.delete_secret(SecretId=made["CacheSecret"], ForceDeleteWithoutRecovery=True)
    taken = updated(cloud, TEMPLATE, ImportExistingResources=True)
    assert {name for name, action in taken.items() if action == "Import"} == {"Cache", "CacheSubnetGroup"}

    # It grows: only the task definition, of which each is another, is replaced.
    grown = updated(cloud, larger())
    assert {name for name, action in grown.items() if action == "Replace"} == {"WebTask"}
    made = ids(cloud)
    told = client("rds").describe_db_instances(DBInstanceIdentifier=made["Database"])["DBInstances"][0]
    attached = secret(client, made["DatabaseSecret"])
    assert attached["host"] == told["Endpoint"]["Address"] and attached["password"] == known["password"]
    assert len(client("elasticache").describe_replication_groups()["ReplicationGroups"][0]["MemberClusters"]) == 4
    interfaces = [row["Description"] for row in ec2.describe_network_interfaces()["NetworkInterfaces"]]
    assert sum(text == "task of metanet-acme-web" for text in interfaces) == 6
    assert sum(text == "RDSNetworkInterface" for text in interfaces) == 2
    # The cache has the group that was retained with it, beside which the update has made another.
    assert drift(cloud) == {"Cache": {"SecurityGroupIds"}}
    client("elasticache").modify_replication_group(
        ReplicationGroupId=made["Cache"], SecurityGroupIds=[made["CacheSecurityGroup"]], ApplyImmediately=True)
    assert drift(cloud) == {}

    expected = behind_its_back(client, made)
    assert sum(len(properties) for properties in expected.values()) >= 20
    assert drift(cloud) == expected
    seen = client("cloudcontrol").get_resource(TypeName="AWS::RDS::DBInstance", Identifier=made["Database"])
    assert json.loads(seen["ResourceDescription"]["Properties"])["DBInstanceClass"] == "db.m7g.large"

    cloud.delete_stack(StackName="acme")
    stack = cloud.list_stacks()["StackSummaries"][0]["StackId"]
    assert settled(cloud, stack)["StackStatus"] == "DELETE_COMPLETE", failures(cloud, stack)
    # What holds data stays, with the groups and subnets that its interfaces are in.
    assert [row["DBInstanceIdentifier"] for row in client("rds").describe_db_instances()["DBInstances"]] == ["metanet-acme"]
    assert len(client("elasticache").describe_replication_groups()["ReplicationGroups"]) == 1
    assert client("dynamodb").list_tables()["TableNames"] == ["metanet-acme-sessions"]
    with pytest.raises(ClientError, match="DependencyViolation"):
        ec2.delete_security_group(GroupId=made["DatabaseSecurityGroup"])
