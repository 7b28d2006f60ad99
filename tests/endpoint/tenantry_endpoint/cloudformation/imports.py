"""Resources that exist and that a stack takes over ("Import AWS resources into a CloudFormation stack" and "Import AWS
resources into a CloudFormation stack automatically", CloudFormation User Guide).

A change set of type IMPORT names each resource by the identifier of its type and does nothing else; one with
`ImportExistingResources` takes what has the name that the template gives. Either way the resource keeps what it is: the
stack remembers the template's properties, and drift tells the difference.
"""

from __future__ import annotations

from typing import Any, Callable

from ..errors import AwsError
from ..operations import Answer
from . import names
from .model import Imported, Stack, Target, stacks
from .resources import KINDS
from .resources.data import _domain_after
from .resources.kind import Made, NotReadable, Place
from .resources.network import _vpc_after
from .schemas import schema
from .template import invalid


def _vpc(place: Place, ident: str) -> Made:
    made = Made(ident)
    _vpc_after(place, made, {})
    return made


def _group(place: Place, ident: str) -> Made:
    return Made(ident, {"GroupId": ident})


def _key(place: Place, ident: str) -> Made:
    return Made(ident, {"KeyId": ident, "Arn": f"arn:{place.partition}:kms:{place.region}:{place.account}:key/{ident}"})


def _bucket(place: Place, ident: str) -> Made:
    return Made(ident, {"Arn": f"arn:{place.partition}:s3:::{ident}", "DomainName": f"{ident}.s3.amazonaws.com",
                        "RegionalDomainName": f"{ident}.s3.{place.region}.amazonaws.com"})


def _queue(place: Place, ident: str) -> Made:
    name = ident.rsplit("/", 1)[-1]
    arn = f"arn:{place.partition}:sqs:{place.region}:{place.account}:{name}"
    return Made(ident, {"Arn": arn, "QueueName": name, "QueueUrl": ident})


def _domain(place: Place, ident: str) -> Made:
    made = Made(ident)
    _domain_after(place, made, {})
    return made


def _log_group(place: Place, ident: str) -> Made:
    return Made(ident, {"Arn": f"arn:{place.partition}:logs:{place.region}:{place.account}:log-group:{ident}:*"})


def _learned(kind: str) -> Callable[[Place, str], Made]:
    """What a type of `stores` tells of its resource."""
    def found(place: Place, ident: str) -> Made:
        made = Made(ident)
        KINDS[kind].learn(place, made)  # type: ignore[attr-defined]
        return made
    return found


def _plain(place: Place, ident: str) -> Made:
    return Made(ident)


def _secret(place: Place, ident: str) -> Made:
    return Made(ident, {"Id": ident, "Arn": ident})


#: Types that can be imported here, with what is known of one by its identifier.
IMPORTED: dict[str, Callable[[Place, str], Made]] = {
    "AWS::EC2::SecurityGroup": _group, "AWS::EC2::Subnet": _plain, "AWS::EC2::VPC": _vpc,
    **{kind: _learned(kind) for kind in (
        "AWS::DynamoDB::Table", "AWS::ElastiCache::ReplicationGroup", "AWS::RDS::DBInstance")},
    **{kind: _plain for kind in (
        "AWS::ElastiCache::SubnetGroup", "AWS::RDS::DBParameterGroup", "AWS::RDS::DBSubnetGroup")},
    "AWS::SecretsManager::Secret": _secret,
    "AWS::KMS::Key": _key, "AWS::Logs::LogGroup": _log_group, "AWS::OpenSearchService::Domain": _domain,
    "AWS::S3::Bucket": _bucket, "AWS::SQS::Queue": _queue}
RETAINED = ("Retain", "RetainExceptOnCreate")


def _adopted(stack: Stack, logical: str, kind: str, ident: str) -> Made:
    """The resource of that identifier, if it exists and no stack has it."""
    if kind not in IMPORTED:
        raise invalid(f"the local endpoint cannot import resources of type {kind}")
    place = stack.place(logical)
    try:
        made = IMPORTED[kind](place, ident)
        live = KINDS[kind].read(place, made, {})
    except (AwsError, NotReadable):
        live = None
    if live is None:
        raise invalid(f"Resource of type '{kind}' with identifier '{ident}' was not found.")
    for other in list(stacks(stack.account, stack.region).by_id.values()):
        if other.status != "DELETE_COMPLETE":
            for one in list(other.resources.values()):
                if one.type == kind and one.made.id == made.id and one.status not in ("DELETE_COMPLETE", "DELETE_SKIPPED"):
                    raise invalid(f"Resource {ident} already belongs to stack [{other.id}]")
    return made


def asked(stack: Stack, target: Target, wanted: list[dict[str, Any]]) -> dict[str, Imported]:
    """What a change set of type IMPORT takes over, by logical id; it may do nothing else."""
    resources = target.document["Resources"]
    found: dict[str, Imported] = {}
    for one in wanted:
        logical, kind, identifier = one["LogicalResourceId"], one["ResourceType"], one["ResourceIdentifier"]
        definition = resources.get(logical)
        if definition is None or definition["Type"] != kind:
            raise invalid(f"Resource {logical} of type {kind} to import is not in the template")
        if "DeletionPolicy" not in definition:
            raise invalid(f"Resources [{logical}] is missing DeletionPolicy attribute to be imported")
        known = schema(kind, stack.region)
        if known is None or sorted(identifier) != sorted(known.identifier):
            raise invalid(f"Resource identifier of {logical} has the wrong keys: {sorted(identifier)}")
        found[logical] = Imported(kind, _adopted(stack, logical, kind, next(iter(identifier.values()))))
    others = set(resources) - set(found) - set(stack.resources)
    if others:
        raise invalid(f"As part of the import operation, you cannot modify or add [Resources {', '.join(sorted(others))}]")
    before = (stack.target.document.get("Outputs") if stack.target else None) or {}
    if (target.document.get("Outputs") or {}) != before:
        raise invalid("As part of the import operation, you cannot modify or add [Outputs]")
    return found


def existing(stack: Stack, target: Target, changes: list[Answer]) -> dict[str, Imported]:
    """What `ImportExistingResources` takes over: resources with a fixed name in the template that is their identifier,
    which exist and which the template retains."""
    found: dict[str, Imported] = {}
    for row in (item["ResourceChange"] for item in changes):
        logical, kind = row["LogicalResourceId"], row["ResourceType"]
        definition = target.document["Resources"].get(logical) or {}
        known = schema(kind, stack.region)
        if row["Action"] != "Add" or known is None or definition.get("DeletionPolicy") not in RETAINED:
            continue
        member = names.property_of(kind)
        name = (definition.get("Properties") or {}).get(member) if member else None
        if member is None or not isinstance(name, str) or known.identifier != [member]:
            continue
        if names.in_use([(stack.place(logical), kind, {member: name})]) != [None]:
            found[logical] = Imported(kind, _adopted(stack, logical, kind, name))
    return found


def shown(changes: list[Answer], found: dict[str, Imported]) -> None:
    """Let the rows of a change set say what is imported."""
    for row in (item["ResourceChange"] for item in changes):
        if row["LogicalResourceId"] in found:
            row["Action"], row["PhysicalResourceId"] = "Import", found[row["LogicalResourceId"]].made.id
