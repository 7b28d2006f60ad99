"""What a single resource may hold at most, as its service refuses it when the handler sends it.

In: a type and its resolved properties. Out: an error that names the limit. Defaults of a new account: a limit that AWS
raises on request holds here as it is. Each row has its source; sizes of IAM policies leave white space out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Callable, Iterator

from ..errors import AwsError
from .resources.kind import Place, Properties

#: Gives the sizes of a resource that the limit holds for, each for itself.
Sizes = Callable[[Properties], Iterator[int]]


def _compact(document: Any) -> str:
    """A policy as it is counted: JSON without white space."""
    return json.dumps(json.loads(document) if isinstance(document, str) else document, separators=(",", ":"),
                      ensure_ascii=False)


def _characters(name: str) -> Sizes:
    return lambda properties: iter([len(_compact(properties[name]))] if name in properties else [])


def _entries(*names: str) -> Sizes:
    return lambda properties: iter([len(properties[name]) for name in names if name in properties])


def _value(name: str) -> Sizes:
    return lambda properties: iter([int(properties[name])] if name in properties else [])


def _inline_policies(properties: Properties) -> Iterator[int]:
    yield sum(len(_compact(policy["PolicyDocument"])) for policy in properties.get("Policies", []))


def _destination_policy(properties: Properties) -> Iterator[int]:
    policy = properties.get("DestinationPolicy")
    if policy is not None:
        yield len((policy if isinstance(policy, str) else _compact(policy)).encode())


def _domain_name(properties: Properties) -> Iterator[int]:
    yield len(str(properties.get("DomainName", "")).encode())


def _certificates(properties: Properties) -> Iterator[int]:
    data = (properties.get("Source") or {}).get("SourceData") or {}
    yield str(data.get("X509CertificateData", "")).count("-----BEGIN CERTIFICATE-----")


def _environment(properties: Properties) -> Iterator[int]:
    variables = (properties.get("Environment") or {}).get("Variables") or {}
    yield sum(len(str(key).encode()) + len(str(value).encode()) for key, value in variables.items())


@dataclass(frozen=True)
class Limit:
    """A limit of one resource, and where AWS documents it."""

    kind: str
    name: str
    most: int
    unit: str
    sizes: Sizes
    source: str


_IAM = "IAM User Guide, IAM and AWS STS quotas"
_LAMBDA = "AWS Lambda Developer Guide, Lambda quotas"
_SQS = "Amazon SQS API Reference, SetQueueAttributes"
_VPC = "Amazon VPC User Guide, Amazon VPC quotas"

LIMITS = [
    Limit("AWS::IAM::Role", "trust policy", 2048, "characters", _characters("AssumeRolePolicyDocument"), _IAM),
    Limit("AWS::IAM::Role", "inline policies of a role together", 10240, "characters", _inline_policies, _IAM),
    Limit("AWS::IAM::Role", "managed policies of a role", 10, "policies", _entries("ManagedPolicyArns"), _IAM),
    Limit("AWS::IAM::ManagedPolicy", "managed policy", 6144, "characters", _characters("PolicyDocument"), _IAM),
    Limit("AWS::Logs::Destination", "access policy of a destination", 5120, "bytes", _destination_policy,
          "Amazon CloudWatch Logs API Reference, PutDestinationPolicy"),
    Limit("AWS::RolesAnywhere::TrustAnchor", "certificates of a trust anchor", 2, "certificates", _certificates,
          "AWS General Reference, IAM Roles Anywhere endpoints and quotas"),
    Limit("AWS::CertificateManager::Certificate", "domain name", 64, "octets", _domain_name,
          "AWS Certificate Manager API Reference, RequestCertificate"),
    Limit("AWS::EC2::SecurityGroup", "rules of a security group in one direction", 60, "rules",
          _entries("SecurityGroupIngress", "SecurityGroupEgress"), _VPC),
    Limit("AWS::CloudWatch::Alarm", "actions of an alarm for one state", 5, "actions",
          _entries("AlarmActions", "OKActions", "InsufficientDataActions"),
          "Amazon CloudWatch API Reference, PutMetricAlarm"),
    Limit("AWS::Lambda::Function", "timeout", 900, "seconds", _value("Timeout"), _LAMBDA),
    Limit("AWS::Lambda::Function", "memory", 10240, "MiB", _value("MemorySize"), _LAMBDA),
    Limit("AWS::Lambda::Function", "environment variables", 4096, "bytes", _environment, _LAMBDA),
    Limit("AWS::SQS::Queue", "retention", 1209600, "seconds", _value("MessageRetentionPeriod"), _SQS),
    Limit("AWS::SQS::Queue", "visibility timeout", 43200, "seconds", _value("VisibilityTimeout"), _SQS),
    Limit("AWS::SQS::Queue", "delay", 900, "seconds", _value("DelaySeconds"), _SQS),
]

#: type → operation that lists what a region has, member of the answer, and how many it may have. Routes count for each
#: table; they are counted by `_need_room_for_a_route`.
COUNTED = {
    # CloudWatch Logs User Guide, CloudWatch Logs quotas: 10 resource policies in a Region, not adjustable.
    "AWS::Logs::ResourcePolicy": ("logs", "DescribeResourcePolicies", "resourcePolicies", 10),
}

#: Routes of a route table (`policies/quotas.yaml`, vpc-routes-per-table; Amazon VPC User Guide, Amazon VPC quotas).
ROUTES = 500


def need_room(place: Place, kind: str, properties: Properties, creates: bool) -> None:
    """Refuse properties beyond a limit of one resource, and one more of what a region holds a fixed number of."""
    for limit in LIMITS:
        if limit.kind == kind:
            for size in limit.sizes(properties):
                if size > limit.most:
                    raise AwsError("ServiceLimitExceeded", f"{limit.name}: {size} of at most {limit.most} {limit.unit}")
    if not creates:
        return
    if kind in COUNTED:
        service, operation, member, most = COUNTED[kind]
        if len(place.call(service, operation).get(member, [])) >= most:
            raise AwsError("ServiceLimitExceeded", f"{kind}: at most {most} in a Region")
    if kind == "AWS::EC2::Route":
        tables = place.call("ec2", "DescribeRouteTables", RouteTableIds=[properties["RouteTableId"]])["RouteTables"]
        # The local route of the VPC does not count.
        own = [route for table in tables for route in table.get("Routes", []) if route.get("GatewayId") != "local"]
        if len(own) >= ROUTES:
            raise AwsError("ServiceLimitExceeded", f"route table {properties['RouteTableId']}: at most {ROUTES} routes")
