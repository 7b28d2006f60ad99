"""Stacks over real HTTP: what a change set shows, makes, refuses and undoes."""

from __future__ import annotations

import io
import time
import urllib.request
import zipfile
from pathlib import Path
from typing import Any, Callable

import pytest
import yaml
from botocore.exceptions import ClientError

Client = Callable[..., Any]
TENANT = (Path(__file__).parent / "tenant.yaml").read_text()
CAPABILITIES = ["CAPABILITY_NAMED_IAM"]
SMALL = "Resources: {{Q: {{Type: 'AWS::SQS::Queue', Properties: {{VisibilityTimeout: {timeout}, QueueName: {name}}}}}}}"


@pytest.fixture(autouse=True)
def fresh(endpoint: str) -> None:
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/_tenantry/reset", method="POST"))


def settled(cloud: Any, name: str) -> dict[str, Any]:
    while True:
        stack = cloud.describe_stacks(StackName=name)["Stacks"][0]
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            return dict(stack)
        time.sleep(0.02)


def failures(cloud: Any, name: str) -> list[str]:
    pages = cloud.get_paginator("describe_stack_events").paginate(StackName=name)
    events = [event for page in pages for event in page["StackEvents"]]
    return [f"{e['LogicalResourceId']}: {e.get('ResourceStatusReason')}" for e in events
            if e["ResourceStatus"].endswith("FAILED")]


def change(cloud: Any, name: str, body: str, kind: str = "UPDATE", **more: Any) -> dict[str, Any]:
    cloud.create_change_set(StackName=name, ChangeSetName="c", ChangeSetType=kind, TemplateBody=body,
                            Capabilities=CAPABILITIES, **more)
    return dict(cloud.describe_change_set(StackName=name, ChangeSetName="c", IncludePropertyValues=True))


def deploy(cloud: Any, name: str, body: str, kind: str = "UPDATE", **more: Any) -> dict[str, Any]:
    change(cloud, name, body, kind, **more)
    cloud.execute_change_set(StackName=name, ChangeSetName="c")
    stack = settled(cloud, name)
    try:
        cloud.delete_change_set(StackName=name, ChangeSetName="c")
    except ClientError:
        pass
    return stack


def artifacts(client: Client) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("bootstrap", "x")
    s3 = client("s3", s3={"addressing_style": "path"})
    s3.create_bucket(Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_object(Bucket="artifacts", Key="functions/f.zip", Body=buffer.getvalue())
    s3.put_object(Bucket="artifacts", Key="trust/ca.pem", Body=b"-----BEGIN CERTIFICATE-----")


def drifted(cloud: Any, name: str) -> dict[str, Any]:
    cloud.detect_stack_drift(StackName=name)
    rows = cloud.describe_stack_resource_drifts(StackName=name)["StackResourceDrifts"]
    return {r["LogicalResourceId"]: r["PropertyDifferences"] for r in rows
            if r["StackResourceDriftStatus"] not in ("IN_SYNC", "NOT_CHECKED")}


def test_a_bundle_or_code_that_is_missing_fails_its_resource(client: Client) -> None:
    cloud = client("cloudformation")
    body = yaml.dump({"Resources": {"T": {"Type": "AWS::ElasticLoadBalancingV2::TrustStore", "Properties": {
        "Name": "t", "CaCertificatesBundleS3Bucket": "artifacts", "CaCertificatesBundleS3Key": "trust/none.pem"}}}})
    artifacts(client)
    assert deploy(cloud, "s", body, "CREATE")["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "CaCertificatesBundleNotFound" in failures(cloud, "s")[0]


def test_tags_and_properties_change_in_place(client: Client) -> None:
    cloud = client("cloudformation")
    artifacts(client)
    first = deploy(cloud, "acme", TENANT, "CREATE", Tags=[{"Key": "tenant", "Value": "acme"}])
    assert first["StackStatus"] == "CREATE_COMPLETE", failures(cloud, "acme")
    pages = cloud.get_paginator("list_stack_resources")
    kept = {r["LogicalResourceId"]: r["PhysicalResourceId"] for page in pages.paginate(StackName="acme")
            for r in page["StackResourceSummaries"]}
    body = TENANT.replace("VisibilityTimeout: 120", "VisibilityTimeout: 240").replace(
        "ReservedConcurrentExecutions: 5", "ReservedConcurrentExecutions: 7").replace(
        "MaximumConcurrency: 2", "MaximumConcurrency: 3").replace("IntervalInSeconds: 300", "IntervalInSeconds: 60")
    stack = deploy(cloud, "acme", body, Tags=[{"Key": "ring", "Value": "canary"}])
    assert stack["StackStatus"] == "UPDATE_COMPLETE", failures(cloud, "acme")
    now = {r["LogicalResourceId"]: r["PhysicalResourceId"] for page in pages.paginate(StackName="acme")
           for r in page["StackResourceSummaries"]}
    # Deployments of AppConfig are the one thing that new tags replace.
    assert {name for name in kept if kept[name] != now[name]} == {"Deployment"}
    assert client("lambda").get_function_concurrency(FunctionName=now["Function"])["ReservedConcurrentExecutions"] == 7
    told = client("sqs").get_queue_attributes(QueueUrl=now["Queue"], AttributeNames=["All"])["Attributes"]
    assert told["VisibilityTimeout"] == "240" and "s3.amazonaws.com" in told["Policy"]
    tags = client("ec2").describe_vpcs(VpcIds=[now["Vpc"]])["Vpcs"][0]["Tags"]
    assert [tag for tag in tags if not tag["Key"].startswith("aws:")] == [{"Key": "ring", "Value": "canary"}]
    assert drifted(cloud, "acme") == {}


def test_every_type_of_the_tenant_stack(client: Client) -> None:
    cloud, ec2 = client("cloudformation"), client("ec2")
    artifacts(client)
    shown = change(cloud, "acme", TENANT, "CREATE", Tags=[{"Key": "tenant", "Value": "acme"}])
    assert shown["Status"] == "CREATE_COMPLETE"
    cloud.execute_change_set(StackName="acme", ChangeSetName="c")
    stack = settled(cloud, "acme")
    assert stack["StackStatus"] == "CREATE_COMPLETE", failures(cloud, "acme")
    assert {row["OutputKey"] for row in stack["Outputs"]} == {"VpcId", "BucketArn"}
    groups = ec2.describe_security_groups(Filters=[{"Name": "description", "Values": ["amber"]}])["SecurityGroups"]
    assert {rule["FromPort"] for rule in groups[0]["IpPermissionsEgress"]} == {443, 9200}
    assert {"Key": "tenant", "Value": "acme"} in ec2.describe_vpcs(VpcIds=[stack["Outputs"][0]["OutputValue"]])[
        "Vpcs"][0]["Tags"]
    cloud.delete_change_set(StackName="acme", ChangeSetName="c")
    again = change(cloud, "acme", TENANT, Tags=[{"Key": "tenant", "Value": "acme"}])
    assert (again["Status"], again["Changes"]) == ("FAILED", [])
    assert "didn't contain changes" in again["StatusReason"]
    assert drifted(cloud, "acme") == {}
    zone = client("route53").list_resource_record_sets(HostedZoneId="Z0111111111EXAMPLE")["ResourceRecordSets"]
    assert sorted(record["Type"] for record in zone) == ["A", "CNAME"]
    cloud.delete_stack(StackName="acme")
    last = settled(cloud, stack["StackId"])
    assert last["StackStatus"] == "DELETE_COMPLETE", failures(cloud, stack["StackId"])


def test_before_after_replacement_and_drift(client: Client) -> None:
    cloud, sqs = client("cloudformation"), client("sqs")
    assert deploy(cloud, "s", SMALL.format(timeout=30, name="a"), "CREATE")["StackStatus"] == "CREATE_COMPLETE"
    url = sqs.get_queue_url(QueueName="a")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "99"})
    cloud.detect_stack_drift(StackName="s")
    row = cloud.describe_stack_resource_drifts(StackName="s")["StackResourceDrifts"][0]
    assert row["PropertyDifferences"] == [{"PropertyPath": "/VisibilityTimeout", "ExpectedValue": "30",
                                           "ActualValue": "99", "DifferenceType": "NOT_EQUAL"}]
    shown = change(cloud, "s", SMALL.format(timeout=60, name="b"))["Changes"][0]["ResourceChange"]
    assert (shown["Action"], shown["Replacement"], shown["Scope"]) == ("Modify", "True", ["Properties"])
    targets = {d["Target"]["Name"]: d["Target"] for d in shown["Details"]}
    assert (targets["VisibilityTimeout"]["BeforeValue"], targets["VisibilityTimeout"]["AfterValue"]) == ("30", "60")
    cloud.execute_change_set(StackName="s", ChangeSetName="c")
    assert settled(cloud, "s")["StackStatus"] == "UPDATE_COMPLETE"
    assert [u.rsplit("/")[-1] for u in sqs.list_queues()["QueueUrls"]] == ["b"]


def test_a_type_without_implementation_rolls_back(client: Client) -> None:
    cloud, sqs = client("cloudformation"), client("sqs")
    body = SMALL.format(timeout=30, name="a")
    bad = body[:-1] + ", X: {Type: 'AWS::Braket::Thing', DependsOn: Q}}"
    assert deploy(cloud, "s", bad, "CREATE")["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "does not implement resource type AWS::Braket::Thing" in failures(cloud, "s")[0]
    assert "QueueUrls" not in sqs.list_queues()
    with pytest.raises(ClientError, match="ROLLBACK_COMPLETE"):
        change(cloud, "s", body)
    assert deploy(cloud, "t", body, "CREATE")["StackStatus"] == "CREATE_COMPLETE"
    worse = bad.replace("30", "60")
    assert deploy(cloud, "t", worse)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    url = sqs.get_queue_url(QueueName="a")["QueueUrl"]
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["VisibilityTimeout"] == "30"


def test_termination_protection_and_stack_policy(client: Client) -> None:
    cloud = client("cloudformation")
    deploy(cloud, "s", SMALL.format(timeout=30, name="a"), "CREATE")
    cloud.update_termination_protection(StackName="s", EnableTerminationProtection=True)
    with pytest.raises(ClientError, match="TerminationProtection is enabled"):
        cloud.delete_stack(StackName="s")
    cloud.set_stack_policy(StackName="s", StackPolicyBody='{"Statement": []}')
    assert cloud.get_stack_policy(StackName="s")["StackPolicyBody"] == '{"Statement": []}'


@pytest.mark.parametrize(("kind", "code"), [("throttle", "Throttling"), ("expired", "ExpiredToken"),
                                            ("denied", "AccessDenied")])
def test_faults_act(endpoint: str, client: Client, kind: str, code: str) -> None:
    rule = f'[{{"service": "cloudformation", "kind": "{kind}"}}]'.encode()
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/_tenantry/faults", data=rule, method="POST"))
    with pytest.raises(ClientError) as refused:
        client("cloudformation").list_stacks()
    assert refused.value.response["Error"]["Code"] == code


def test_quotas_and_account_settings(client: Client) -> None:
    quotas = client("service-quotas")
    assert quotas.get_service_quota(ServiceCode="vpc", QuotaCode="L-F678F1CE")["Quota"]["Value"] == 5
    quotas.request_service_quota_increase(ServiceCode="vpc", QuotaCode="L-F678F1CE", DesiredValue=10)
    history = quotas.list_requested_service_quota_change_history(ServiceCode="vpc")["RequestedQuotas"]
    assert [row["DesiredValue"] for row in history] == [10]
    limits = client("lambda").get_account_settings()["AccountLimit"]
    assert limits["UnreservedConcurrentExecutions"] == limits["ConcurrentExecutions"] == 1000


def test_template_url_and_conditional_put(client: Client, endpoint: str) -> None:
    s3, cloud = client("s3", s3={"addressing_style": "path"}), client("cloudformation")
    s3.create_bucket(Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    body = SMALL.format(timeout=30, name="a").encode()
    s3.put_object(Bucket="artifacts", Key="t.yaml", Body=body, IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket="artifacts", Key="t.yaml", Body=body, IfNoneMatch="*")
    cloud.create_change_set(StackName="s", ChangeSetName="c", ChangeSetType="CREATE",
                            TemplateURL="https://artifacts.s3.eu-central-1.amazonaws.com/t.yaml")
    first = cloud.describe_change_set(StackName="s", ChangeSetName="c")["Changes"][0]
    assert first["ResourceChange"]["Action"] == "Add"


ALARMED = """
Resources:
  Queue: {{Type: 'AWS::SQS::Queue', Properties: {{QueueName: guarded, VisibilityTimeout: {timeout}}}}}
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties: {{AlarmName: guard, Namespace: N, MetricName: M, Statistic: Sum, Period: 60, EvaluationPeriods: 1,
                  Threshold: 1, ComparisonOperator: GreaterThanThreshold}}
"""


def test_an_alarm_that_rings_undoes_an_update(client: Client) -> None:
    cloud, watch = client("cloudformation"), client("cloudwatch")
    assert deploy(cloud, "s", ALARMED.format(timeout=1), "CREATE")["StackStatus"] == "CREATE_COMPLETE"
    arn = watch.describe_alarms(AlarmNames=["guard"])["MetricAlarms"][0]["AlarmArn"]
    triggers = {"RollbackTriggers": [{"Arn": arn, "Type": "AWS::CloudWatch::Alarm"}], "MonitoringTimeInMinutes": 2}
    guarded = deploy(cloud, "s", ALARMED.format(timeout=2), RollbackConfiguration=triggers)
    assert guarded["StackStatus"] == "UPDATE_COMPLETE" and guarded["RollbackConfiguration"] == triggers
    watch.set_alarm_state(AlarmName="guard", StateValue="ALARM", StateReason="test")
    assert deploy(cloud, "s", ALARMED.format(timeout=3))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    url = client("sqs").get_queue_url(QueueName="guarded")["QueueUrl"]
    found = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    assert found["VisibilityTimeout"] == "2"
    unguarded = deploy(cloud, "s", ALARMED.format(timeout=4), RollbackConfiguration={"RollbackTriggers": []})
    assert unguarded["StackStatus"] == "UPDATE_COMPLETE"


def test_a_composite_alarm_undoes_an_update_when_its_rule_holds(client: Client) -> None:
    cloud, watch = client("cloudformation"), client("cloudwatch")
    assert deploy(cloud, "s", ALARMED.format(timeout=1), "CREATE")["StackStatus"] == "CREATE_COMPLETE"
    with pytest.raises(ClientError, match="do not exist"):
        watch.put_composite_alarm(AlarmName="whole", AlarmRule='ALARM("guard") OR ALARM("absent")')
    with pytest.raises(ClientError, match="AlarmRule"):
        watch.put_composite_alarm(AlarmName="whole", AlarmRule='ALARM("guard") OR')
    watch.put_composite_alarm(AlarmName="whole", AlarmRule='ALARM("guard") AND NOT (OK("guard") OR FALSE)')
    both = ["MetricAlarm", "CompositeAlarm"]
    assert watch.describe_alarms(AlarmNames=["whole"])["CompositeAlarms"] == []
    found = watch.describe_alarms(AlarmNames=["whole"], AlarmTypes=both)["CompositeAlarms"][0]
    assert found["StateValue"] == "OK"
    for kind, ends in (("AWS::CloudWatch::Alarm", "UPDATE_ROLLBACK_COMPLETE"), ("AWS::CloudWatch::CompositeAlarm", "UPDATE_COMPLETE")):
        triggers = {"RollbackTriggers": [{"Arn": found["AlarmArn"], "Type": kind}]}
        timeout = 2 if kind.endswith("::Alarm") else 3
        assert deploy(cloud, "s", ALARMED.format(timeout=timeout), RollbackConfiguration=triggers)["StackStatus"] == ends
    watch.set_alarm_state(AlarmName="guard", StateValue="ALARM", StateReason="test")
    assert watch.describe_alarms(AlarmNames=["whole"], AlarmTypes=both)["CompositeAlarms"][0]["StateValue"] == "ALARM"
    assert [row["AlarmName"] for row in watch.describe_alarm_history()["AlarmHistoryItems"]] == ["whole", "guard"]
    assert deploy(cloud, "s", ALARMED.format(timeout=4))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


def test_a_change_set_beyond_a_quota_is_warned_about(client: Client) -> None:
    cloud = client("cloudformation")
    few = "Resources: {V: {Type: 'AWS::EC2::VPC', Properties: {CidrBlock: 10.0.0.0/16}}}"
    many = {"Resources": {f"V{n}": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": f"10.{n}.0.0/16"}}
                          for n in range(9)}}
    change(cloud, "few", few, "CREATE")
    change(cloud, "many", yaml.safe_dump(many), "CREATE")
    for name, expected in (("few", []), ("many", ["WARN"])):
        ident = cloud.describe_change_set(StackName=name, ChangeSetName="c")["ChangeSetId"]
        events = cloud.describe_events(ChangeSetName=ident, Filters={"FailedEvents": True})["OperationEvents"]
        assert [event["ValidationFailureMode"] for event in events] == expected


def test_a_change_set_with_a_name_in_use_fails_and_says_which(client: Client) -> None:
    cloud = client("cloudformation")
    client("sqs").create_queue(QueueName="taken")
    body = "Resources: {Q: {Type: 'AWS::SQS::Queue', Properties: {QueueName: taken}}}"
    cloud.create_change_set(StackName="s", ChangeSetName="c", TemplateBody=body, ChangeSetType="CREATE")
    found = cloud.describe_change_set(StackName="s", ChangeSetName="c")
    assert (found["Status"], found["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert "EarlyValidation" in found["StatusReason"]
    [event] = cloud.describe_events(ChangeSetName=found["ChangeSetId"])["OperationEvents"]
    assert (event["ValidationFailureMode"], event["LogicalResourceId"]) == ("FAIL", "Q")
    assert event["ValidationStatusReason"] == "Resource of type 'AWS::SQS::Queue' with identifier 'taken' already exists."
    with pytest.raises(ClientError, match="InvalidChangeSetStatus"):
        cloud.execute_change_set(StackName="s", ChangeSetName="c")
