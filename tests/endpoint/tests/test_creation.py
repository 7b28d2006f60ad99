"""What a creation that failed leaves, and names that are in use."""

from __future__ import annotations

import json
import urllib.request
from typing import Any, Callable

import pytest
import yaml

from test_stacks import change, deploy, failures, fresh, settled  # noqa: F401

Client = Callable[..., Any]


def template(policy: str, **more: Any) -> str:
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "kept"}} | (
        {"DeletionPolicy": policy} if policy else {})
    return yaml.safe_dump({"Resources": {"Queue": queue} | more})


LAST = {"Type": "AWS::SNS::Topic", "DependsOn": "Queue", "Properties": {"TopicName": "last"}}


def fail(endpoint: str, logical: str) -> None:
    rules = json.dumps([{"kind": "resource", "logical": logical, "times": 1}]).encode()
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/_tenantry/faults", data=rules, method="POST"))


def queues(client: Client) -> int:
    return len(client("sqs").list_queues().get("QueueUrls", []))


@pytest.mark.parametrize(("policy", "flag", "left"), [
    ("", False, 0), ("Retain", False, 1), ("RetainExceptOnCreate", False, 0), ("Retain", True, 0)])
def test_a_creation_that_failed_keeps_what_is_retained_but_not_except_on_create(
        endpoint: str, client: Client, policy: str, flag: bool, left: int) -> None:
    cloud = client("cloudformation")
    fail(endpoint, "Last")
    change(cloud, "s", template(policy, Last=LAST), "CREATE")
    cloud.execute_change_set(StackName="s", ChangeSetName="c", RetainExceptOnCreate=flag)
    assert settled(cloud, "s")["StackStatus"] == "ROLLBACK_COMPLETE"
    assert failures(cloud, "s")[0].startswith("Last: ")
    assert queues(client) == left
    assert "Topics" not in client("sns").list_topics() or client("sns").list_topics()["Topics"] == []
    cloud.delete_stack(StackName="s")
    again = change(cloud, "again", template(policy), "CREATE")
    assert again["Status"] == ("FAILED" if left else "CREATE_COMPLETE")


@pytest.mark.parametrize(("policy", "left"), [("Retain", 1), ("RetainExceptOnCreate", 0)])
def test_an_update_that_failed_keeps_what_it_created_only_if_it_is_retained(
        endpoint: str, client: Client, policy: str, left: int) -> None:
    cloud = client("cloudformation")
    first = yaml.safe_dump({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    deploy(cloud, "s", first, "CREATE")
    fail(endpoint, "Last")
    topic = {"Topic": {"Type": "AWS::SNS::Topic"}}
    stack = deploy(cloud, "s", template(policy, Last=LAST, **topic))
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert queues(client) == left


def test_retain_except_on_create_retains_when_the_stack_is_deleted(client: Client) -> None:
    cloud = client("cloudformation")
    stack = deploy(cloud, "s", template("RetainExceptOnCreate"), "CREATE")
    cloud.delete_stack(StackName="s")
    assert settled(cloud, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE"
    assert queues(client) == 1


def test_a_resource_that_is_half_made_is_deleted_with_the_rest(client: Client) -> None:
    cloud = client("cloudformation")
    body = yaml.safe_dump({"Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {
        "BucketName": "half", "NotificationConfiguration": {"Nonsense": []}, "AccelerateConfiguration": {}}}}})
    assert deploy(cloud, "s", body, "CREATE")["StackStatus"] == "ROLLBACK_COMPLETE"
    assert client("s3", s3={"addressing_style": "path"}).list_buckets()["Buckets"] == []


NAMED = {
    "AWS::CloudWatch::Alarm": {"AlarmName": "n", "MetricName": "m", "Namespace": "N", "Statistic": "Sum", "Period": 60,
                               "EvaluationPeriods": 1, "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold"},
    "AWS::CloudWatch::CompositeAlarm": {"AlarmName": "n", "AlarmRule": "FALSE"},
    "AWS::CloudWatch::Dashboard": {"DashboardName": "n", "DashboardBody": '{"widgets": []}'},
    "AWS::ECS::Cluster": {"ClusterName": "n"},
    "AWS::IAM::Role": {"RoleName": "n", "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}},
    "AWS::Logs::LogGroup": {"LogGroupName": "n"},
    "AWS::OpenSearchService::Domain": {"DomainName": "named", "EngineVersion": "OpenSearch_2.19"},
    "AWS::S3::Bucket": {"BucketName": "named"},
    "AWS::SNS::Topic": {"TopicName": "n"},
    "AWS::SQS::Queue": {"QueueName": "n"},
    "AWS::SSM::Parameter": {"Name": "n", "Type": "String", "Value": "1"},
}


@pytest.mark.parametrize("kind", NAMED)
def test_a_name_in_use_is_refused_by_validation_and_by_the_handler(client: Client, kind: str) -> None:
    cloud = client("cloudformation")
    body = yaml.safe_dump({"Resources": {"It": {"Type": kind, "Properties": NAMED[kind]}}})
    free = change(cloud, "late", body, "CREATE")
    assert free["Status"] == "CREATE_COMPLETE"
    assert deploy(cloud, "first", body, "CREATE")["StackStatus"] == "CREATE_COMPLETE", failures(cloud, "first")
    refused = change(cloud, "second", body, "CREATE")
    assert (refused["Status"], refused["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    [event] = cloud.describe_events(ChangeSetName=refused["ChangeSetId"])["OperationEvents"]
    assert "already exists" in event["ValidationStatusReason"]
    # Its change set was made when the name was free; the handler refuses it now.
    cloud.execute_change_set(StackName="late", ChangeSetName="c")
    assert settled(cloud, "late")["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "AlreadyExists" in failures(cloud, "late")[0]
