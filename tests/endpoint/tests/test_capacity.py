"""What the tool asks about capacity: quotas and requests, usage, offers, free addresses."""

from __future__ import annotations

import json
import urllib.request
from datetime import datetime, timedelta, timezone
from typing import Any, Callable

import pytest
from botocore.exceptions import ClientError

from test_stacks import fresh  # noqa: F401

Client = Callable[..., Any]
QUOTA = {"ServiceCode": "vpc", "QuotaCode": "L-F678F1CE"}


def control(endpoint: str, path: str, document: dict[str, Any]) -> None:
    body = json.dumps(document).encode()
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/_tenantry/{path}", data=body, method="POST"))


def test_a_request_is_made_once_and_granted_with_the_value(endpoint: str, client: Client) -> None:
    quotas = client("service-quotas")
    made = quotas.request_service_quota_increase(**QUOTA, DesiredValue=8.0)["RequestedQuota"]
    assert made["Status"] == "PENDING"
    with pytest.raises(ClientError, match="ResourceAlreadyExists"):
        quotas.request_service_quota_increase(**QUOTA, DesiredValue=9.0)
    account = client("sts").get_caller_identity()["Account"]
    control(endpoint, "quotas", {"account": account, "region": "eu-central-1", "code": "L-F678F1CE", "value": 8})
    assert quotas.get_service_quota(**QUOTA)["Quota"]["Value"] == 8
    assert quotas.get_aws_default_service_quota(**QUOTA)["Quota"]["Value"] == 5
    history = quotas.list_requested_service_quota_change_history()["RequestedQuotas"]
    assert [(one["Id"], one["Status"]) for one in history] == [(made["Id"], "APPROVED")]
    with pytest.raises(ClientError, match="greater than the current"):
        quotas.request_service_quota_increase(**QUOTA, DesiredValue=8.0)


def test_a_subnet_gives_its_addresses_and_not_one_more(client: Client) -> None:
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/24")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/28")["Subnet"]["SubnetId"]
    for left in range(11, 0, -1):
        assert ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["AvailableIpAddressCount"] == left
        ec2.create_network_interface(SubnetId=subnet)
    with pytest.raises(ClientError, match="InsufficientFreeAddressesInSubnet"):
        ec2.create_network_interface(SubnetId=subnet)


def test_types_are_offered_in_zones_but_where_they_were_taken_away(endpoint: str, client: Client) -> None:
    zones = client("ec2").describe_availability_zones()["AvailabilityZones"]
    kind, gone = "r6g.large.search", zones[0]
    account = client("sts").get_caller_identity()["Account"]
    document = {"account": account, "region": "eu-central-1", "type": kind, "zones": [gone["ZoneId"]]}
    control(endpoint, "offers", document)
    asked = client("opensearch").list_instance_type_details(EngineVersion="OpenSearch_2.19", RetrieveAZs=True)
    had = {detail["InstanceType"]: detail["AvailabilityZones"] for detail in asked["InstanceTypeDetails"]}
    assert gone["ZoneName"] not in had[kind] and len(had[kind]) == len(zones) - 1
    assert len(had["t3.small.search"]) == len(zones)
    pages = client("cloudformation").get_paginator("list_types").paginate(Visibility="PUBLIC", Type="RESOURCE")
    names = [one["TypeName"] for page in pages for one in page["TypeSummaries"]]
    assert "AWS::EC2::VPC" in names and len(names) == len(set(names))


def test_usage_is_published_of_what_stands(client: Client) -> None:
    dimensions = {"Service": "Elastic Load Balancing", "Resource": "TargetGroupsPerRegion", "Type": "Resource",
                  "Class": "None"}
    metric = {"Namespace": "AWS/Usage", "MetricName": "ResourceCount",
              "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()]}
    now = datetime.now(timezone.utc)

    def used() -> list[float]:
        query = {"Id": "m0", "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Maximum"}}
        answer = client("cloudwatch").get_metric_data(MetricDataQueries=[query], StartTime=now - timedelta(hours=1),
                                                      EndTime=now)
        return list(answer["MetricDataResults"][0]["Values"])

    assert used() == [0]
    vpc = client("ec2").create_vpc(CidrBlock="10.0.0.0/24")["Vpc"]["VpcId"]
    client("elbv2").create_target_group(Name="one", Protocol="HTTP", Port=80, VpcId=vpc)
    assert used() == [1]
