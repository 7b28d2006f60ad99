"""IAM on the endpoint: what policies decide, and what a stack, a caller and Cloud Control may do under a role."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Callable, Iterator

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tenantry_endpoint.identity import decide

ROOT = Path(__file__).parents[1]
ACCOUNT = "123456789012"
REGION = "eu-central-1"

Make = Callable[..., Any]


def statement(effect: str = "Allow", action: Any = "s3:GetObject", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


OBJECT = "arn:aws:s3:::landing/in/a"


@pytest.mark.parametrize(("statements", "context", "expected"), [
    ([statement()], {}, True),
    ([], {}, None),
    ([statement(), statement("Deny", "s3:*")], {}, False),
    ([statement(action="S3:get*")], {}, True),
    ([statement(resource="arn:aws:s3:::landing")], {}, None),
    ([statement(resource="arn:aws:s3:::landing/*")], {}, True),
    ([statement(resource="arn:aws:s3:::landing/${aws:PrincipalTag/dev}/*")], {"aws:PrincipalTag/dev": "in"}, True),
    ([statement(resource="arn:aws:s3:::landing/${aws:PrincipalTag/dev}/*")], {"aws:PrincipalTag/dev": "out"}, None),
    ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], {}, True),
    ([{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}], {}, None),
    ([statement(Condition={"StringEquals": {"aws:SourceAccount": "1"}})], {}, None),
    ([statement(Condition={"StringEqualsIfExists": {"aws:SourceAccount": "1"}})], {}, True),
    ([statement(Condition={"StringEqualsIfExists": {"aws:SourceAccount": "1"}})], {"aws:SourceAccount": "2"}, None),
    ([statement(Condition={"StringLike": {"kms:ViaService": "s3.*"}})], {"kms:viaservice": "s3.eu-west-1"}, True),
    ([statement(Condition={"StringNotEquals": {"k": "a"}})], {"k": "a"}, None),
    ([statement(Condition={"StringNotEquals": {"k": ["a", "b"]}})], {"k": "c"}, True),
    ([statement(Condition={"ForAllValues:StringEquals": {"k": ["a"]}})], {"k": ["a", "b"]}, None),
    ([statement(Condition={"ForAnyValue:StringEquals": {"k": ["a"]}})], {"k": ["a", "b"]}, True),
    ([statement(Condition={"Null": {"k": "true"}})], {}, True),
    ([statement(Condition={"Null": {"k": "false"}})], {}, None),
    ([statement(Condition={"ArnLike": {"k": "arn:aws:iam::*:role/x"}})], {"k": "arn:aws:iam::1:role/x"}, True),
    ([statement(Condition={"Bool": {"aws:SecureTransport": "false"}})], {"aws:SecureTransport": False}, True),
    ([statement(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})], {"aws:SourceIp": "10.0.0.1"}, None),
])
def test_policies_decide_as_documented(statements: Any, context: Any, expected: bool | None) -> None:
    assert decide([{"Statement": statements}], "s3:GetObject", OBJECT, context) is expected


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = tmp_path_factory.mktemp("strict") / "port"
    process = subprocess.Popen(
        [sys.executable, "-m", "tenantry_endpoint", "--port-file", str(port), "--enforce-iam",
         "--parent-pid", str(os.getpid())], env={**os.environ, "PYTHONPATH": str(ROOT)})
    while not port.exists():
        assert process.poll() is None, "the endpoint did not start"
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port.read_text().strip()}"
    process.terminate()
    process.wait()


@pytest.fixture
def client(strict: str) -> Make:
    def make(service: str, credentials: Any = None) -> Any:
        keys = credentials or {"AccessKeyId": "test", "SecretAccessKey": "test", "SessionToken": None}
        return boto3.client(service, region_name=REGION, endpoint_url=strict, aws_access_key_id=keys["AccessKeyId"],
                            aws_secret_access_key=keys["SecretAccessKey"], aws_session_token=keys["SessionToken"],
                            config=Config(retries={"max_attempts": 0}))
    return make


def role(client: Make, name: str, statements: list[Any], service: str = "cloudformation.amazonaws.com",
         boundary: str | None = None) -> str:
    iam = client("iam")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}]}
    more = {"PermissionsBoundary": boundary} if boundary else {}
    try:
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust), **more)["Role"]["Arn"]
    except iam.exceptions.EntityAlreadyExistsException:
        arn = iam.get_role(RoleName=name)["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}))
    return str(arn)


def session(client: Make, arn: str) -> Any:
    iam, name = client("iam"), arn.rsplit("/", 1)[-1]
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}]}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))
    return client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]


def deploy(client: Make, name: str, body: Any, arn: str) -> tuple[str, str]:
    cloud = client("cloudformation")
    cloud.create_stack(StackName=name, TemplateBody=json.dumps(body), RoleARN=arn, Capabilities=["CAPABILITY_NAMED_IAM"])
    while True:
        stack = cloud.describe_stacks(StackName=name)["Stacks"][0]
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            events = cloud.describe_stack_events(StackName=name)["StackEvents"]
            failed = [e.get("ResourceStatusReason", "") for e in events if e["ResourceStatus"].endswith("_FAILED")]
            return stack["StackStatus"], " ".join(failed)
        time.sleep(0.02)


TOPIC = {"Resources": {"T": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "org-pages"}}}}


def test_a_stack_may_do_what_its_role_may(client: Make) -> None:
    arn = role(client, "stacks", [statement(action="sns:*", resource=f"arn:aws:sns:*:{ACCOUNT}:org-*")])
    assert deploy(client, "good", TOPIC, arn)[0] == "CREATE_COMPLETE"
    other = {"Resources": {"T": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "theirs"}}}}
    status, why = deploy(client, "bad", other, arn)
    assert status == "ROLLBACK_COMPLETE" and "is not authorized to perform: sns:" in why


def test_an_action_without_resources_needs_all_of_them(client: Make) -> None:
    """`sns:Unsubscribe` takes no resource, so a role that may do everything with its topics cannot delete a subscription."""
    body = {"Resources": {**TOPIC["Resources"], "S": {"Type": "AWS::SNS::Subscription", "Properties": {
        "TopicArn": {"Ref": "T"}, "Protocol": "https", "Endpoint": "https://example.com/page"}}}}
    body["Resources"]["T"] = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "org-subscribed"}}
    arn = role(client, "topics", [statement(action="sns:*", resource=f"arn:aws:sns:*:{ACCOUNT}:org-*")])
    assert deploy(client, "subscribed", body, arn)[0] == "CREATE_COMPLETE"
    cloud = client("cloudformation")
    cloud.delete_stack(StackName="subscribed")
    while (stack := cloud.describe_stacks(StackName="subscribed")["Stacks"][0])["StackStatus"] == "DELETE_IN_PROGRESS":
        time.sleep(0.02)
    assert stack["StackStatus"] == "DELETE_FAILED"
    more = [statement(action=["sns:Unsubscribe", "sns:GetSubscriptionAttributes"])]
    role(client, "topics", [statement(action="sns:*", resource=f"arn:aws:sns:*:{ACCOUNT}:org-*"), *more])
    cloud.delete_stack(StackName="subscribed")
    for _ in range(500):
        try:
            cloud.describe_stacks(StackName="subscribed")
        except ClientError:
            return
        time.sleep(0.02)
    pytest.fail("the stack was not deleted")


def test_an_object_that_a_handler_reads_is_the_one_that_the_properties_name(client: Make) -> None:
    client("s3").create_bucket(Bucket="org-bundles", CreateBucketConfiguration={"LocationConstraint": REGION})
    client("s3").put_object(Bucket="org-bundles", Key="trust/ca.pem", Body=b"-----BEGIN CERTIFICATE-----")
    body = {"Resources": {"S": {"Type": "AWS::ElasticLoadBalancingV2::TrustStore", "Properties": {
        "Name": "org-store", "CaCertificatesBundleS3Bucket": "org-bundles", "CaCertificatesBundleS3Key": "trust/ca.pem"}}}}

    def reading(resource: str) -> str:
        return role(client, "reads", [statement(action="elasticloadbalancing:*"),
                                      statement(action=["s3:GetObject", "s3:GetObjectVersion"], resource=resource)])

    status, why = deploy(client, "theirs", body, reading("arn:aws:s3:::org-others/*"))
    assert status == "ROLLBACK_COMPLETE" and "s3:GetObject on resource: arn:aws:s3:::org-bundles/trust/ca.pem" in why
    status, why = deploy(client, "ours", body, reading("arn:aws:s3:::org-bundles/*"))
    assert status == "CREATE_COMPLETE", why


def test_roles_need_their_boundary_and_are_passed_to_named_services(client: Make) -> None:
    iam = client("iam")
    boundary = iam.create_policy(PolicyName="org-boundary", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [statement()]}))["Policy"]["Arn"]
    named = f"arn:aws:iam::{ACCOUNT}:role/org-*"
    arn = role(client, "bounded", [
        statement(action=["iam:CreateRole", "iam:PutRolePolicy"], resource=named,
                  Condition={"StringEquals": {"iam:PermissionsBoundary": boundary}}),
        statement(action=["iam:Get*", "iam:List*", "iam:Delete*", "iam:Detach*", "iam:TagRole", "iam:UntagRole"],
                  resource=named)])
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]}

    def body(**more: Any) -> Any:
        policy = {"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement()]}}
        return {"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": {
            "AssumeRolePolicyDocument": trust, "Policies": [policy], **more}}}}

    status, why = deploy(client, "org-free", body(), arn)
    assert status == "ROLLBACK_COMPLETE" and "iam:CreateRole" in why
    assert deploy(client, "org-held", body(PermissionsBoundary=boundary), arn)[0] == "CREATE_COMPLETE"


def test_a_boundary_bounds(client: Make) -> None:
    boundary = client("iam").create_policy(PolicyName="narrow", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [statement(action="sqs:*")]}))["Policy"]["Arn"]
    arn = role(client, "narrowed", [statement(action=["sns:*", "sqs:*"])], boundary=boundary)
    found = session(client, arn)
    client("sqs", found).list_queues()
    with pytest.raises(ClientError, match="not authorized to perform: sns:ListTopics"):
        client("sns", found).list_topics()


def test_a_caller_may_do_what_its_role_may(client: Make) -> None:
    arn = role(client, "reader", [
        statement(action=["cloudformation:DescribeStacks", "cloudformation:GetResource"]),
        statement(action="s3:GetObject", resource="arn:aws:s3:::org-artifacts/*")])
    found = session(client, arn)
    client("cloudformation", found).describe_stacks()
    with pytest.raises(ClientError, match="cloudformation:DeleteStack"):
        client("cloudformation", found).delete_stack(StackName="org-acme")
    client("s3").create_bucket(Bucket="org-artifacts", CreateBucketConfiguration={"LocationConstraint": REGION})
    client("s3").put_object(Bucket="org-artifacts", Key="a", Body=b"x")
    assert client("s3", found).get_object(Bucket="org-artifacts", Key="a")["Body"].read() == b"x"
    with pytest.raises(ClientError, match="AccessDenied"):
        client("s3", found).put_object(Bucket="org-artifacts", Key="b", Body=b"x")
    for operation, action in [("get_object", "GetObjectVersion"), ("delete_object", "DeleteObjectVersion")]:
        with pytest.raises(ClientError, match=f"s3:{action} on resource: arn:aws:s3:::org-artifacts/a"):
            getattr(client("s3", found), operation)(Bucket="org-artifacts", Key="a", VersionId="null")
    with pytest.raises(ClientError, match="s3:ListBucketVersions on resource: arn:aws:s3:::org-artifacts"):
        client("s3", found).list_object_versions(Bucket="org-artifacts")
    with pytest.raises(ClientError, match="sns:GetTopicAttributes|sns:GetDataProtection"):
        client("cloudcontrol", found).get_resource(TypeName="AWS::SNS::Topic", Identifier=f"arn:aws:sns:{REGION}:{ACCOUNT}:org-pages")


def test_a_managed_policy_is_attached_to_its_roles_and_changes_with_its_document(client: Make) -> None:
    arn = role(client, "everything", [statement(action="*")])
    named = role(client, "given-more", [statement(action="sqs:ListQueues")])

    def body(action: str, roles: list[str]) -> str:
        return json.dumps({"Resources": {"P": {"Type": "AWS::IAM::ManagedPolicy", "Properties": {
            "Roles": roles, "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement(action=action)]}}}}})

    cloud, found = client("cloudformation"), session(client, named)
    assert deploy(client, "given", json.loads(body("sns:ListTopics", ["given-more"])), arn)[0] == "CREATE_COMPLETE"
    client("sns", found).list_topics()
    for action, roles, allowed in [("s3:ListAllMyBuckets", ["given-more"], False), ("sns:ListTopics", ["given-more"], True),
                                   ("sns:ListTopics", [], False)]:
        cloud.update_stack(StackName="given", TemplateBody=body(action, roles), RoleARN=arn,
                           Capabilities=["CAPABILITY_NAMED_IAM"])
        while (status := cloud.describe_stacks(StackName="given")["Stacks"][0]["StackStatus"]).endswith("_IN_PROGRESS"):
            time.sleep(0.02)
        assert status == "UPDATE_COMPLETE"
        if allowed:
            client("sns", found).list_topics()
        else:
            with pytest.raises(ClientError, match="sns:ListTopics"):
                client("sns", found).list_topics()


def test_a_role_that_cloudformation_cannot_assume_is_refused(client: Make) -> None:
    arn = role(client, "someone", [statement(action="*")], service="lambda.amazonaws.com")
    with pytest.raises(ClientError, match="cannot be assumed"):
        deploy(client, "never", TOPIC, arn)


def test_a_fresh_account_has_no_service_linked_roles(client: Make) -> None:
    """A domain in a VPC needs its role before; ECS makes its own, where the stack's role lets it."""
    iam = client("iam")
    subnet = client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]

    def domain(name: str, **more: Any) -> Any:
        return {"Resources": {"D": {"Type": "AWS::OpenSearchService::Domain", "Properties": {
            "DomainName": name, "EngineVersion": "OpenSearch_2.19", **more}}}}

    arn = role(client, "everything", [statement(action="*")])
    inside = {"VPCOptions": {"SubnetIds": [subnet]}}
    assert deploy(client, "public", domain("public"), arn)[0] == "CREATE_COMPLETE"
    status, why = deploy(client, "early", domain("early", **inside), arn)
    assert status == "ROLLBACK_COMPLETE" and "service-linked role of opensearchservice.amazonaws.com" in why
    iam.create_service_linked_role(AWSServiceName="opensearchservice.amazonaws.com")
    assert deploy(client, "later", domain("later", **inside), arn)[0] == "CREATE_COMPLETE"

    cluster = {"Resources": {"C": {"Type": "AWS::ECS::Cluster", "Properties": {"ClusterName": "org-c"}}}}
    deny = statement("Deny", "iam:CreateServiceLinkedRole")
    status, why = deploy(client, "refused", cluster, role(client, "unlinked", [statement(action="*"), deny]))
    assert status == "ROLLBACK_COMPLETE" and "service-linked role of ecs.amazonaws.com" in why
    assert deploy(client, "allowed", cluster, arn)[0] == "CREATE_COMPLETE"
    assert len(iam.list_roles(PathPrefix="/aws-service-role/ecs.amazonaws.com/")["Roles"]) == 1
    assert deploy(client, "again", {"Resources": {"C": {"Type": "AWS::ECS::Cluster", "Properties": {
        "ClusterName": "org-again"}}}}, role(client, "unlinked", [statement(action="*"), deny]))[0] == "CREATE_COMPLETE"


@pytest.mark.parametrize(("kind", "properties", "service"), [
    ("AWS::RDS::DBInstance", {"DBInstanceClass": "db.t4g.medium", "Engine": "postgres", "AllocatedStorage": "20",
                              "MasterUsername": "app", "MasterUserPassword": "none-of-yours"}, "rds.amazonaws.com"),
    ("AWS::ElastiCache::ReplicationGroup", {"ReplicationGroupDescription": "d", "CacheNodeType": "cache.t4g.small"},
     "elasticache.amazonaws.com")])
def test_databases_and_caches_make_their_service_linked_role(client: Make, kind: str, properties: Any, service: str) -> None:
    body = {"Resources": {"S": {"Type": kind, "DeletionPolicy": "Delete", "Properties": properties}}}
    name = service.split(".")[0]
    deny = statement("Deny", "iam:CreateServiceLinkedRole")
    status, why = deploy(client, f"{name}-refused", body, role(client, f"{name}-unlinked", [statement(action="*"), deny]))
    assert status == "ROLLBACK_COMPLETE" and f"service-linked role of {service}" in why
    assert deploy(client, f"{name}-allowed", body, role(client, "everything", [statement(action="*")]))[0] == "CREATE_COMPLETE"
    assert len(client("iam").list_roles(PathPrefix=f"/aws-service-role/{service}/")["Roles"]) == 1


def test_a_secret_is_read_as_the_stacks_role_and_shown_to_nobody(client: Make) -> None:
    cloud = client("cloudformation")
    client("secretsmanager").create_secret(Name="org-token", SecretString=json.dumps({"token": "of-the-secret"}))
    body = {"Resources": {"P": {"Type": "AWS::SSM::Parameter", "Properties": {
        "Name": "/org/token", "Type": "String", "Value": "{{resolve:secretsmanager:org-token:SecretString:token}}"}}}}
    status, why = deploy(client, "blind-stack", body, role(client, "no-secrets", [statement(action="ssm:*")]))
    assert status == "ROLLBACK_COMPLETE" and "secretsmanager:GetSecretValue" in why
    arn = role(client, "secrets", [statement(action=["ssm:*", "secretsmanager:GetSecretValue"])])
    assert deploy(client, "seeing-stack", body, arn)[0] == "CREATE_COMPLETE"
    assert client("ssm").get_parameter(Name="/org/token")["Parameter"]["Value"] == "of-the-secret"
    body["Resources"]["P"]["Properties"]["Description"] = "d"
    cloud.create_change_set(StackName="seeing-stack", ChangeSetName="c", TemplateBody=json.dumps(body), RoleARN=arn)
    shown = cloud.describe_change_set(StackName="seeing-stack", ChangeSetName="c", IncludePropertyValues=True)
    told = json.dumps([shown, cloud.describe_stack_events(StackName="seeing-stack")], default=str)
    assert "of-the-secret" not in told and "resolve:secretsmanager:org-token" in told


def test_a_schedule_takes_a_role_that_trusts_the_scheduler(client: Make) -> None:
    arn = role(client, "everything", [statement(action="*")])

    def schedule(service: str) -> Any:
        return {"Resources": {"S": {"Type": "AWS::Scheduler::Schedule", "Properties": {
            "Name": f"org-{service[:5]}", "ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q",
                       "RoleArn": role(client, f"of-{service[:5]}", [statement(action="sqs:*")], service=service)}}}}}

    status, why = deploy(client, "lambdas", schedule("lambda.amazonaws.com"), arn)
    assert status == "ROLLBACK_COMPLETE" and "must allow AWS EventBridge Scheduler to assume" in why
    assert deploy(client, "schedulers", schedule("scheduler.amazonaws.com"), arn)[0] == "CREATE_COMPLETE"


def test_a_missing_object_is_403_without_the_permission_to_list(client: Make) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="org-hidden", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="org-hidden", Key="there", Body=b"x")
    read = statement(action="s3:GetObject", resource="arn:aws:s3:::org-hidden/*")
    blind = client("s3", session(client, role(client, "blind", [read])))
    sees = client("s3", session(client, role(client, "sees", [
        read, statement(action="s3:ListBucket", resource="arn:aws:s3:::org-hidden")])))
    for reader, status in [(blind, 403), (sees, 404)]:
        assert reader.get_object(Bucket="org-hidden", Key="there")["Body"].read() == b"x"
        for ask in (reader.get_object, reader.head_object):
            with pytest.raises(ClientError) as told:
                ask(Bucket="org-hidden", Key="missing")
            assert told.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_a_service_opens_sessions_of_roles_that_trust_it_and_of_no_other(strict: str, client: Make) -> None:
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    role = client("iam").create_role(RoleName="of-a-function", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]

    def assume(service: str) -> tuple[int, dict[str, Any]]:
        asked = json.dumps({"role": role, "service": service}).encode()
        try:
            with urllib.request.urlopen(
                urllib.request.Request(f"{strict}/_tenantry/assume", data=asked, method="POST")
            ) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read())

    status, session = assume("lambda.amazonaws.com")
    assert status == 200 and session["AccessKeyId"], session
    assert assume("ecs-tasks.amazonaws.com")[0] == 403


def test_a_device_writes_below_the_name_of_its_certificate_only(strict: str, client: Make) -> None:
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "rolesanywhere.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    iam = client("iam")
    role = iam.create_role(RoleName="of-devices", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    own = "arn:aws:s3:::org-landing/in/${aws:PrincipalTag/x509Subject/CN}/*"
    iam.put_role_policy(RoleName="of-devices", PolicyName="upload", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [statement(action="s3:PutObject", resource=own)]}))
    client("s3").create_bucket(Bucket="org-landing", CreateBucketConfiguration={"LocationConstraint": REGION})

    def device(**tags: str) -> Any:
        asked = json.dumps({"role": role, "service": "rolesanywhere.amazonaws.com", "tags": tags}).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{strict}/_tenantry/assume", data=asked, method="POST")) as answer:
            return client("s3", json.loads(answer.read()))

    named = device(**{"x509Subject/CN": "sensor-1"})
    named.put_object(Bucket="org-landing", Key="in/sensor-1/conn.log", Body=b"x")
    for writer, key in [(named, "in/sensor-2/conn.log"), (named, "parts/x"), (device(), "in/sensor-1/conn.log")]:
        with pytest.raises(ClientError, match="AccessDenied"):
            writer.put_object(Bucket="org-landing", Key=key, Body=b"x")
