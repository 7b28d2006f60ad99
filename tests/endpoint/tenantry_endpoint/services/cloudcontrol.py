"""Cloud Control GetResource and ListResources, for resources that a stack made, and GetResource and DeleteResource for those
that a stack could import ("Cloud Control API Reference")."""

from __future__ import annotations

import json
import uuid
from urllib.parse import urlparse

import jmespath

from .. import callers, identity
from ..cloudformation.drift import _member
from ..cloudformation.imports import IMPORTED
from ..cloudformation.model import Resource, Stack, stacks
from ..cloudformation.permissions import is_readable
from ..cloudformation.resources import KINDS
from ..cloudformation.resources.kind import Made, NotReadable, Place, Properties
from ..cloudformation.schemas import schema
from ..errors import AwsError
from ..internal import call as ask
from ..operations import Answer, Call, operation, whole_service
from ..state import store

whole_service("cloudcontrol")


def _known(call: Call) -> list[tuple[Stack, Resource]]:
    kind = call.parameters["TypeName"]
    if kind not in KINDS:
        raise AwsError("TypeNotFoundException", f"Type {kind} is not known to the local endpoint")
    return [(stack, item) for stack in list(stacks(call.account, call.region).by_id.values())
            if stack.status != "DELETE_COMPLETE" for item in list(stack.resources.values()) if item.type == kind]


def _describe(place: Place, kind: str, made: Made, properties: Properties) -> Answer | None:
    try:
        if not is_readable(kind):
            raise NotReadable
        live = KINDS[kind].read(place, made, properties)
    except NotReadable:
        raise AwsError("UnsupportedActionException", f"{kind} cannot be read on the local endpoint") from None
    if live is None:
        return None
    known = schema(kind, place.region)
    told = {key: live[key] for key in (known.properties if known else {}) if key in live}
    told |= {key: _member(live, key) for key in properties}
    shown = {key: value for key, value in told.items() if value is not None}
    return {"Identifier": made.id, "Properties": json.dumps(shown, default=str)}


def _of_stack(stack: Stack, item: Resource) -> Answer | None:
    return _describe(stack.place(item.logical), item.type, item.made, item.properties)


def _of_no_stack(call: Call) -> Answer | None:
    """A resource that a stack has left, of a type that can be imported."""
    kind, place = call.parameters["TypeName"], Place(call.account, call.region)
    if kind not in IMPORTED:
        return None
    _need(call, "read")
    try:
        return _describe(place, kind, IMPORTED[kind](place, call.parameters["Identifier"]), {})
    except AwsError as error:
        if error.code == "UnsupportedActionException":
            raise
        return None


def _plain(identifier: str) -> str:
    """An identifier without the host of a URL: a queue's differs between callers inside and outside the endpoint."""
    return urlparse(identifier).path if identifier.startswith("http") else identifier


def _need(call: Call, handler: str, item: Resource | None = None) -> None:
    """The handler's permissions: of the role that the call gives, else of the caller."""
    if identity.is_enforced():
        told = [item.made.id, *(str(value) for value in item.made.attributes.values())] if item else []
        callers.reads(call, call.parameters["TypeName"], handler, item.properties if item else {}, told)


@operation("cloudcontrol", "GetResource")
def get_resource(call: Call) -> Answer:
    """GetResource."""
    for stack, item in _known(call):
        if _plain(item.made.id) == _plain(call.parameters["Identifier"]):
            _need(call, "read", item)
            found = _of_stack(stack, item)
            if found:
                return {"TypeName": item.type, "ResourceDescription": found}
    found = _of_no_stack(call)
    if found:
        return {"TypeName": call.parameters["TypeName"], "ResourceDescription": found}
    wanted = f"{call.parameters['TypeName']} {call.parameters['Identifier']}"
    raise AwsError("ResourceNotFoundException", f"{wanted} not found")


#: Types of which all are listed, whatever made them: operation of the service, and where their identifiers are.
LISTED = {
    "AWS::DynamoDB::Table": ("dynamodb.ListTables", "TableNames"),
    "AWS::ElastiCache::ReplicationGroup": (
        "elasticache.DescribeReplicationGroups", "ReplicationGroups[].ReplicationGroupId"),
    "AWS::RDS::DBInstance": ("rds.DescribeDBInstances", "DBInstances[].DBInstanceIdentifier"),
    "AWS::SecretsManager::Secret": ("secretsmanager.ListSecrets", "SecretList[].ARN"),
}


@operation("cloudcontrol", "ListResources")
def list_resources(call: Call) -> Answer:
    """ListResources."""
    for _, item in _known(call):
        _need(call, "list", item)
    found = [row for stack, item in _known(call) if (row := _of_stack(stack, item))]
    kind = call.parameters["TypeName"]
    if kind in LISTED:
        asked, where = LISTED[kind]
        service, name = asked.split(".")
        every = jmespath.search(where, ask(call.account, call.region, service, name)) or []
        seen = {row["Identifier"] for row in found}
        found += [{"Identifier": ident, "Properties": "{}"} for ident in every if ident not in seen]
    return {"TypeName": kind, "ResourceDescriptions": found}


class Requests:
    """The deletions of an account and Region, by token."""

    def __init__(self) -> None:
        self.by_token: dict[str, Answer] = {}


#: Error codes of handlers, by those of the services ("Cloud Control API Reference", ProgressEvent).
HANDLER_CODES = {"AccessDenied": "AccessDenied", "AccessDeniedException": "AccessDenied", "UnauthorizedOperation": "AccessDenied",
                 "BucketNotEmpty": "GeneralServiceException", "DependencyViolation": "ResourceConflict"}


@operation("cloudcontrol", "DeleteResource")
def delete_resource(call: Call) -> Answer:
    """DeleteResource, of a resource that no stack has. What its handler says is told by the request's status."""
    kind, ident = call.parameters["TypeName"], call.parameters["Identifier"]
    if _of_no_stack(call) is None:
        raise AwsError("ResourceNotFoundException", f"{kind} {ident} not found")
    place = Place(call.account, call.region)
    event: Answer = {"TypeName": kind, "Identifier": ident, "RequestToken": str(uuid.uuid4()), "Operation": "DELETE"}
    try:
        _need(call, "delete")
        KINDS[kind].delete(place, IMPORTED[kind](place, ident), {})
        told = {"OperationStatus": "SUCCESS"}
    except AwsError as error:
        told = {"OperationStatus": "FAILED", "ErrorCode": HANDLER_CODES.get(error.code, "GeneralServiceException"),
                "StatusMessage": error.message}
    store(Requests, call.account, call.region).by_token[event["RequestToken"]] = event | told
    return {"ProgressEvent": event | {"OperationStatus": "IN_PROGRESS"}}


@operation("cloudcontrol", "GetResourceRequestStatus")
def get_resource_request_status(call: Call) -> Answer:
    """GetResourceRequestStatus."""
    found = store(Requests, call.account, call.region).by_token.get(call.parameters["RequestToken"])
    if found is None:
        raise AwsError("RequestTokenNotFoundException", f"Request token {call.parameters['RequestToken']} not found")
    return {"ProgressEvent": found}
