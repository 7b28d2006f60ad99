"""Resources that outlived a stack and are taken over by the next one."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from botocore.exceptions import ClientError

from test_stacks import change, deploy, drifted, failures, fresh, settled  # noqa: F401

Client = Callable[..., Any]
KEPT = """
Resources:
  Vpc: {Type: AWS::EC2::VPC, DeletionPolicy: Retain, Properties: {CidrBlock: 10.0.0.0/16}}
  Subnet: {Type: AWS::EC2::Subnet, DeletionPolicy: Retain, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24}}
  Bucket: {Type: AWS::S3::Bucket, DeletionPolicy: Retain, Properties: {BucketName: kept}}
"""
WHOLE = KEPT + "  Topic: {Type: AWS::SNS::Topic}\nOutputs: {Vpc: {Value: !Ref Vpc}}\n"


@pytest.fixture
def ids(client: Client) -> dict[str, str]:
    cloud = client("cloudformation")
    stack = deploy(cloud, "first", WHOLE, "CREATE")
    rows = cloud.list_stack_resources(StackName="first")["StackResourceSummaries"]
    cloud.delete_stack(StackName="first")
    assert settled(cloud, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE"
    return {row["LogicalResourceId"]: row["PhysicalResourceId"] for row in rows}


def wanted(ids: dict[str, str]) -> list[dict[str, Any]]:
    return [{"ResourceType": "AWS::EC2::VPC", "LogicalResourceId": "Vpc", "ResourceIdentifier": {"VpcId": ids["Vpc"]}},
            {"ResourceType": "AWS::EC2::Subnet", "LogicalResourceId": "Subnet",
             "ResourceIdentifier": {"SubnetId": ids["Subnet"]}},
            {"ResourceType": "AWS::S3::Bucket", "LogicalResourceId": "Bucket",
             "ResourceIdentifier": {"BucketName": "kept"}}]


def test_an_import_takes_resources_by_identifier_and_an_update_creates_the_rest(
        client: Client, ids: dict[str, str]) -> None:
    cloud = client("cloudformation")
    shown = change(cloud, "second", KEPT, "IMPORT", ResourcesToImport=wanted(ids))
    assert [row["ResourceChange"]["Action"] for row in shown["Changes"]] == ["Import"] * 3
    cloud.execute_change_set(StackName="second", ChangeSetName="c")
    assert settled(cloud, "second")["StackStatus"] == "IMPORT_COMPLETE", failures(cloud, "second")
    cloud.delete_change_set(StackName="second", ChangeSetName="c")
    rest = change(cloud, "second", WHOLE)
    assert [row["ResourceChange"]["Action"] for row in rest["Changes"]] == ["Add"]
    cloud.execute_change_set(StackName="second", ChangeSetName="c")
    stack = settled(cloud, "second")
    assert stack["StackStatus"] == "UPDATE_COMPLETE", failures(cloud, "second")
    assert stack["Outputs"][0]["OutputValue"] == ids["Vpc"]
    assert drifted(cloud, "second") == {}


@pytest.mark.parametrize(("body", "more", "why"), [
    (WHOLE, {}, "cannot modify or add"),
    (KEPT.replace("Bucket, DeletionPolicy: Retain,", "Bucket,"), {}, "missing DeletionPolicy"),
    (KEPT, {"VpcId": "vpc-0000"}, "was not found"),
    (KEPT, {"Id": "vpc-0000"}, "wrong keys"),
])
def test_an_import_does_nothing_else(client: Client, ids: dict[str, str], body: str, more: dict[str, str],
                                     why: str) -> None:
    rows = wanted(ids)
    if more:
        rows[0]["ResourceIdentifier"] = more
    with pytest.raises(ClientError, match=why):
        change(client("cloudformation"), "second", body, "IMPORT", ResourcesToImport=rows)


def test_what_a_stack_has_is_not_imported_into_another(client: Client, ids: dict[str, str]) -> None:
    cloud = client("cloudformation")
    assert deploy(cloud, "second", KEPT, "IMPORT", ResourcesToImport=wanted(ids))["StackStatus"] == "IMPORT_COMPLETE"
    with pytest.raises(ClientError, match="already belongs"):
        change(cloud, "third", KEPT, "IMPORT", ResourcesToImport=wanted(ids))


def test_existing_resources_are_taken_by_name_where_the_template_retains_them(
        client: Client, ids: dict[str, str]) -> None:
    cloud = client("cloudformation")
    body = "Resources: {Bucket: {Type: AWS::S3::Bucket, %s Properties: {BucketName: kept}}}"
    assert change(cloud, "without", body % "DeletionPolicy: Retain,", "CREATE")["Status"] == "FAILED"
    refused = change(cloud, "deletes", body % "", "CREATE", ImportExistingResources=True)
    assert refused["Status"] == "FAILED"
    shown = change(cloud, "with", body % "DeletionPolicy: Retain,", "CREATE", ImportExistingResources=True)
    assert shown["Changes"][0]["ResourceChange"]["Action"] == "Import"
    cloud.execute_change_set(StackName="with", ChangeSetName="c")
    assert settled(cloud, "with")["StackStatus"] == "CREATE_COMPLETE", failures(cloud, "with")
