"""Faults on the wire, idempotency, Cloud Control, and the types that no tenant template holds."""

from __future__ import annotations

import json
import socket
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from tenantry_endpoint import cbor, internal
from test_stacks import SMALL, deploy, failures, fresh, settled  # noqa: F401

Client = Callable[..., Any]
#: An account of the calls within this process.
ACCOUNT = "222233334444"


@pytest.mark.parametrize("kind", ["reset", "cut"])
def test_faults_of_the_connection(endpoint: str, client: Client, kind: str) -> None:
    rule = f'[{{"service": "cloudformation", "kind": "{kind}"}}]'.encode()
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/_tenantry/faults", data=rule, method="POST"))
    with pytest.raises((BotoCoreError, ResponseParserError)):
        client("cloudformation", read_timeout=2).list_stacks()


def alarms_by_cbor(endpoint: str) -> tuple[int, Any]:
    """DescribeAlarms as the tool's SDK asks: RPC v2 CBOR."""
    scope = "AKIAEXAMPLE/20261129/eu-central-1/monitoring/aws4_request"
    request = urllib.request.Request(
        f"{endpoint}/service/GraniteServiceVersion20100801/operation/DescribeAlarms", data=cbor.dumps({}), method="POST",
        headers={"smithy-protocol": "rpc-v2-cbor", "Content-Type": "application/cbor",
                 "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none"})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, cbor.loads(answer.read())
    except urllib.error.HTTPError as refused:
        return refused.code, cbor.loads(refused.read())


@pytest.mark.parametrize(("account", "status"), [("444455556666", 200), ("*", 400)])
def test_a_fault_rule_leaves_other_calls_in_cbor_alone(endpoint: str, client: Client, account: str, status: int) -> None:
    rule = json.dumps([{"account": account, "service": "cloudwatch", "kind": "throttle"}]).encode()
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/_tenantry/faults", data=rule, method="POST"))
    seen, answer = alarms_by_cbor(endpoint)
    assert seen == status, answer
    assert ("MetricAlarms" in answer) == (status == 200), answer


def test_tokens_make_creation_idempotent(client: Client) -> None:
    cloud, body = client("cloudformation"), SMALL.format(timeout=30, name="a")
    first = cloud.create_stack(StackName="s", TemplateBody=body, ClientRequestToken="one")
    assert cloud.create_stack(StackName="s", TemplateBody=body, ClientRequestToken="one")["StackId"] == first["StackId"]
    settled(cloud, "s")
    with pytest.raises(ClientError, match="already exists"):
        cloud.create_stack(StackName="s", TemplateBody=body, ClientRequestToken="two")


def name_servers(endpoint: str, zone: str) -> list[str]:
    """What DNS at the endpoint's port answers for the name servers of a zone."""
    host, port = endpoint.removeprefix("http://").split(":")
    question = b"".join(bytes([len(label)]) + label.encode() for label in zone.split(".")) + b"\0\0\2\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(10)
        asking.sendto(b"\0\7\1\0\0\1\0\0\0\0\0\0" + question, (host, int(port)))
        answer = asking.recv(4096)
    assert answer[:2] == b"\0\7" and answer[3] & 15 == (0 if answer[7] else 3)
    at, found = 12 + len(question), []
    for _ in range(answer[7]):
        labels, at = [], at + 12
        while answer[at]:
            labels.append(answer[at + 1:at + 1 + answer[at]].decode())
            at += 1 + answer[at]
        found, at = [*found, ".".join(labels)], at + 1
    return found


def test_dns_finds_a_zone_by_its_own_servers_unless_it_is_told_otherwise(endpoint: str, client: Client) -> None:
    def say(**document: Any) -> None:
        body = json.dumps({"account": "123456789012", "id": "Z1EXAMPLE"} | document).encode()
        urllib.request.urlopen(urllib.request.Request(f"{endpoint}/_tenantry/zones", data=body, method="POST"))

    route53 = client("route53")
    say(name="one.example.com")
    own = route53.get_hosted_zone(Id="Z1EXAMPLE")["DelegationSet"]["NameServers"]
    assert len(own) == 4 and name_servers(endpoint, "one.example.com") == own
    assert name_servers(endpoint, "two.example.com") == []
    say(name="one.example.com", servers=["ns.former.example"])
    assert route53.get_hosted_zone(Id="Z1EXAMPLE")["DelegationSet"]["NameServers"] == own
    assert name_servers(endpoint, "one.example.com") == ["ns.former.example"]
    say()
    with pytest.raises(ClientError, match="NoSuchHostedZone"):
        route53.get_hosted_zone(Id="Z1EXAMPLE")


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


def make_bucket(s3: Any, name: str) -> None:
    """A bucket in the client's region, which us-east-1 does not name."""
    region = s3.meta.region_name
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=name, **where)


def test_logs_of_a_load_balancer_want_a_bucket_that_takes_them(client: Client) -> None:
    """Application Load Balancers guide, "Enable access logs": keys of S3 only, and a policy that lets the delivery in."""
    s3, ec2, elb = client("s3"), client("ec2"), client("elbv2")
    subnets = [one["SubnetId"] for one in ec2.describe_subnets()["Subnets"][:2]]
    balancer = elb.create_load_balancer(Name="logging", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    make_bucket(s3, "access-logs")
    attributes = [{"Key": "access_logs.s3.enabled", "Value": "true"},
                  {"Key": "access_logs.s3.bucket", "Value": "access-logs"}]

    def enable() -> None:
        elb.modify_load_balancer_attributes(LoadBalancerArn=balancer, Attributes=attributes)

    def encrypt(algorithm: str) -> None:
        s3.put_bucket_encryption(Bucket="access-logs", ServerSideEncryptionConfiguration={"Rules": [
            {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}}]})

    def admit(service: str) -> None:
        s3.put_bucket_policy(Bucket="access-logs", Policy=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": service}, "Action": "s3:PutObject",
             "Resource": "arn:aws:s3:::access-logs/*"}]}))

    encrypt("AES256")
    for service in ("delivery.logs.amazonaws.com", "logdelivery.elasticloadbalancing.amazonaws.com"):
        with pytest.raises(ClientError, match="Access Denied for bucket: access-logs"):
            enable()
        admit(service)
    enable()
    encrypt("aws:kms")
    with pytest.raises(ClientError, match="Access Denied for bucket: access-logs"):
        enable()


def test_revocation_lists_are_pem_and_belong_to_what_exists(client: Client) -> None:
    """IAM Roles Anywhere API Reference, ImportCrl; Elastic Load Balancing API Reference, AddTrustStoreRevocations."""
    crl = b"-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n"
    anywhere, elb, s3 = client("rolesanywhere"), client("elbv2"), client("s3")
    anchor = anywhere.create_trust_anchor(name="devices", source={
        "sourceType": "CERTIFICATE_BUNDLE", "sourceData": {"x509CertificateData": "x"}})["trustAnchor"]
    nowhere = anchor["trustAnchorArn"][:-4] + "0000"
    for data, arn in ((b"\x30\x82", anchor["trustAnchorArn"]), (crl, nowhere)):
        with pytest.raises(ClientError):
            anywhere.import_crl(name="devices", crlData=data, trustAnchorArn=arn)
    imported = [anywhere.import_crl(name="devices", crlData=crl, trustAnchorArn=anchor["trustAnchorArn"]) for _ in "ab"]
    with pytest.raises(ClientError, match="at most 2"):
        anywhere.import_crl(name="devices", crlData=crl, trustAnchorArn=anchor["trustAnchorArn"])
    for one in imported:
        anywhere.delete_crl(crlId=one["crl"]["crlId"])
    make_bucket(s3, "trust")
    s3.put_object(Bucket="trust", Key="ca.pem", Body=b"-----BEGIN CERTIFICATE-----")
    s3.put_object(Bucket="trust", Key="list.crl", Body=crl)
    store = elb.create_trust_store(Name="revoking", CaCertificatesBundleS3Bucket="trust",
                                   CaCertificatesBundleS3Key="ca.pem")["TrustStores"][0]["TrustStoreArn"]

    def add(key: str) -> int:
        answer = elb.add_trust_store_revocations(TrustStoreArn=store, RevocationContents=[
            {"S3Bucket": "trust", "S3Key": key, "RevocationType": "CRL"}])
        return int(answer["TrustStoreRevocations"][0]["RevocationId"])

    for key, code in (("none.crl", "RevocationContentNotFound"), ("ca.pem", "InvalidRevocationContent")):
        with pytest.raises(ClientError, match=code):
            add(key)
    first, second = add("list.crl"), add("list.crl")
    assert first != second
    elb.remove_trust_store_revocations(TrustStoreArn=store, RevocationIds=[first])
    left = elb.describe_trust_store_revocations(TrustStoreArn=store)["TrustStoreRevocations"]
    assert [one["RevocationId"] for one in left] == [second]


def test_tagged_resources_are_listed_while_others_are_made_and_deleted() -> None:
    # Without a socket between them, threads meet within moto's own loops, which are long enough for it.
    def make(name: str) -> str:
        made = internal.call(ACCOUNT, "eu-central-1", "ec2", "CreateSecurityGroup", GroupName=name, Description="one of many")
        return str(made["GroupId"])

    for number in range(200):
        make(f"kept-{number}")

    def make_and_delete(number: int) -> None:
        for turn in range(30):
            internal.call(ACCOUNT, "eu-central-1", "ec2", "DeleteSecurityGroup", GroupId=make(f"{number}-{turn}"))

    def look(_: int) -> None:
        for _ in range(30):
            internal.call(ACCOUNT, "eu-central-1", "resourcegroupstaggingapi", "GetResources")

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            done = [pool.submit(does, number) for number in range(2) for does in (make_and_delete, look)]
            for one in done:
                one.result()
    finally:
        sys.setswitchinterval(interval)
