"""Faults on the wire, idempotency, Cloud Control, and the types that no tenant template holds."""

from __future__ import annotations

import urllib.request
from typing import Any, Callable

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from test_stacks import SMALL, deploy, failures, fresh, settled  # noqa: F401

Client = Callable[..., Any]


@pytest.mark.parametrize("kind", ["reset", "cut"])
def test_faults_of_the_connection(endpoint: str, client: Client, kind: str) -> None:
    rule = f'[{{"service": "cloudformation", "kind": "{kind}"}}]'.encode()
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/_tenantry/faults", data=rule, method="POST"))
    with pytest.raises((BotoCoreError, ResponseParserError)):
        client("cloudformation", read_timeout=2).list_stacks()


def test_tokens_make_creation_idempotent(client: Client) -> None:
    cloud, body = client("cloudformation"), SMALL.format(timeout=30, name="a")
    first = cloud.create_stack(StackName="s", TemplateBody=body, ClientRequestToken="one")
    assert cloud.create_stack(StackName="s", TemplateBody=body, ClientRequestToken="one")["StackId"] == first["StackId"]
    settled(cloud, "s")
    with pytest.raises(ClientError, match="already exists"):
        cloud.create_stack(StackName="s", TemplateBody=body, ClientRequestToken="two")


def test_cloud_control_reads_the_live_value(client: Client) -> None:
    cloud, sqs = client("cloudformation"), client("sqs")
    deploy(cloud, "s", SMALL.format(timeout=30, name="a"), "CREATE")
    url = sqs.get_queue_url(QueueName="a")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "99"})
    found = client("cloudcontrol").get_resource(TypeName="AWS::SQS::Queue", Identifier=url)
    assert '"VisibilityTimeout": "99"' in found["ResourceDescription"]["Properties"]


def test_other_types(client: Client) -> None:
    zone = client("route53").create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]["Id"]
    cloud = client("cloudformation")
    body = f"""
Resources:
  Linked: {{Type: "AWS::IAM::ServiceLinkedRole", Properties: {{AWSServiceName: opensearchservice.amazonaws.com}}}}
  Record: {{Type: "AWS::Route53::RecordSet", Properties: {{HostedZoneId: "{zone.split('/')[-1]}", Name: a.example.com,
    Type: CNAME, TTL: "60", ResourceRecords: [b.example.com]}}}}
"""
    stack = deploy(cloud, "s", body, "CREATE")
    assert stack["StackStatus"] == "CREATE_COMPLETE", failures(cloud, "s")
    cloud.delete_stack(StackName="s")
    assert settled(cloud, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE", failures(cloud, stack["StackId"])


def test_rollback_keeps_what_a_replacement_would_have_taken(client: Client) -> None:
    cloud = client("cloudformation")
    deploy(cloud, "s", SMALL.format(timeout=30, name="a"), "CREATE")
    bad = SMALL.format(timeout=30, name="b")[:-1] + ", X: {Type: 'AWS::Braket::Thing', DependsOn: Q}}"
    assert deploy(cloud, "s", bad)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE", failures(cloud, "s")
    assert [url.rsplit("/")[-1] for url in client("sqs").list_queues()["QueueUrls"]] == ["a"]


def test_tagged_resources_come_in_pages_by_arn(client: Client) -> None:
    sqs, tagging = client("sqs"), client("resourcegroupstaggingapi")
    for number in range(5):
        sqs.create_queue(QueueName=f"tagged-{number}", tags={"owner": "pages"})
    sqs.create_queue(QueueName="tagged-otherwise", tags={"owner": "nobody"})
    asked = {"TagFilters": [{"Key": "owner", "Values": ["pages"]}], "ResourcesPerPage": 2}
    first = tagging.get_resources(**asked)
    sqs.create_queue(QueueName="tagged-5", tags={"owner": "pages"})
    second = tagging.get_resources(**asked, PaginationToken=first["PaginationToken"])
    third = tagging.get_resources(**asked, PaginationToken=second["PaginationToken"])
    names = [row["ResourceARN"].rsplit(":", 1)[1] for page in (first, second, third)
             for row in page["ResourceTagMappingList"]]
    assert names == [f"tagged-{number}" for number in range(6)]
    assert third["PaginationToken"] == ""
