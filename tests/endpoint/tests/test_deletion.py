"""What cannot be deleted while something holds it, and how a deletion that failed ends."""

from __future__ import annotations

import time
from typing import Any, Callable

import pytest
import yaml
from botocore.exceptions import ClientError

from test_stacks import artifacts, deploy, failures, fresh, settled  # noqa: F401

Client = Callable[..., Any]

NETWORK = """
Resources:
  Vpc: {Type: AWS::EC2::VPC, DeletionPolicy: Retain, Properties: {CidrBlock: 10.0.0.0/16}}
  Subnet: {Type: AWS::EC2::Subnet, DeletionPolicy: Retain, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24}}
  Group: {Type: AWS::EC2::SecurityGroup, %s Properties: {GroupDescription: held, VpcId: !Ref Vpc}}
"""
DOMAIN = """
  Domain: {Type: AWS::OpenSearchService::Domain, DeletionPolicy: Retain, Properties: {DomainName: held,
           ClusterConfig: {InstanceCount: 2}, VPCOptions: {SubnetIds: [!Ref Subnet], SecurityGroupIds: [!Ref Group]}}}
"""
FUNCTION = """
  Role: {Type: AWS::IAM::Role, %s Properties: {AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: []}}}
  Function: {Type: AWS::Lambda::Function, Properties: {Runtime: provided.al2023, Handler: bootstrap,
             Role: !GetAtt Role.Arn, Code: {S3Bucket: artifacts, S3Key: functions/f.zip},
             VpcConfig: {SubnetIds: [!Ref Subnet], SecurityGroupIds: [!Ref Group]}}}
"""


def gone(cloud: Any, stack: dict[str, Any], **more: Any) -> str:
    cloud.delete_stack(StackName=stack["StackId"], **more)
    return str(settled(cloud, stack["StackId"])["StackStatus"])


def test_a_group_that_anothers_rule_names_and_a_subnet_with_interfaces_stay(client: Client) -> None:
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/24")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/28")["Subnet"]["SubnetId"]
    held, other = (ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"] for name in "ab")
    rule = [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [{"GroupId": held}]}]
    ec2.authorize_security_group_ingress(GroupId=other, IpPermissions=rule)
    with pytest.raises(ClientError, match="DependencyViolation"):
        ec2.delete_security_group(GroupId=held)
    ec2.revoke_security_group_ingress(GroupId=other, IpPermissions=rule)
    interface = ec2.create_network_interface(SubnetId=subnet, Groups=[held])["NetworkInterface"]["NetworkInterfaceId"]
    for delete in (lambda: ec2.delete_security_group(GroupId=held), lambda: ec2.delete_subnet(SubnetId=subnet)):
        with pytest.raises(ClientError, match="DependencyViolation"):
            delete()
    ec2.delete_network_interface(NetworkInterfaceId=interface)
    ec2.delete_security_group(GroupId=held)
    ec2.delete_subnet(SubnetId=subnet)


def test_a_retained_domain_holds_its_group_until_the_group_is_retained_too(client: Client) -> None:
    cloud, ec2 = client("cloudformation"), client("ec2")
    stack = deploy(cloud, "s", NETWORK % "" + DOMAIN, "CREATE")
    assert stack["StackStatus"] == "CREATE_COMPLETE", failures(cloud, "s")
    told = ec2.describe_network_interfaces()["NetworkInterfaces"]
    assert [(row["Description"], row["RequesterId"]) for row in told] == [("ES held", "amazon-elasticsearch")] * 2
    with pytest.raises(ClientError, match="DELETE_FAILED"):
        cloud.delete_stack(StackName="s", RetainResources=["Group"])
    assert gone(cloud, stack) == "DELETE_FAILED"
    assert any("DependencyViolation" in reason for reason in failures(cloud, stack["StackId"]))
    assert gone(cloud, stack, RetainResources=["Group"]) == "DELETE_COMPLETE"
    kept = deploy(cloud, "t", (NETWORK % "DeletionPolicy: Retain," + DOMAIN).replace("held", "kept"), "CREATE")
    assert gone(cloud, kept) == "DELETE_COMPLETE"


@pytest.mark.parametrize(("order", "status"), [("DependsOn: Role,", "DELETE_COMPLETE"), ("", "DELETE_FAILED")])
def test_functions_interfaces_linger_and_are_removed_only_while_the_role_is_there(
        client: Client, order: str, status: str) -> None:
    cloud, ec2 = client("cloudformation"), client("ec2")
    artifacts(client)
    stack = deploy(cloud, "s", NETWORK % order + FUNCTION % "", "CREATE")
    assert stack["StackStatus"] == "CREATE_COMPLETE", failures(cloud, "s")
    [row] = ec2.describe_network_interfaces()["NetworkInterfaces"]
    assert (row["InterfaceType"], row["RequesterId"]) == ("lambda", "amazon-lambda")
    began = time.monotonic()
    # Without an order the role goes right after the function, as AWS may do it; with one the group waits before it.
    assert gone(cloud, stack) == status, failures(cloud, stack["StackId"])
    assert time.monotonic() - began >= 0.02, "the group waited for the interfaces"
    assert len(ec2.describe_network_interfaces()["NetworkInterfaces"]) == (0 if order else 1)


def test_a_bucket_with_objects_stays(client: Client) -> None:
    cloud, s3 = client("cloudformation"), client("s3", s3={"addressing_style": "path"})
    body = yaml.safe_dump({"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "full"}}}})
    stack = deploy(cloud, "s", body, "CREATE")
    s3.put_object(Bucket="full", Key="k", Body=b"x")
    assert gone(cloud, stack) == "DELETE_FAILED"
    assert any("BucketNotEmpty" in reason for reason in failures(cloud, stack["StackId"]))
    assert gone(cloud, stack, RetainResources=["B"]) == "DELETE_COMPLETE"


def test_a_role_with_policies_is_not_deleted_by_the_service(client: Client) -> None:
    iam = client("iam")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":[]}')
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=(
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"*"}]}'))
    with pytest.raises(ClientError, match="DeleteConflict"):
        iam.delete_role(RoleName="r")
