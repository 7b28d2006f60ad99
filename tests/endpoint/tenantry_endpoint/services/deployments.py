"""AppConfig: feature-flag documents are held against AWS's own schema, and deployments are complete at once.

Source: AWS AppConfig User Guide, "Understanding the type reference for AWS.AppConfig.FeatureFlags", and the
API Reference."""

from __future__ import annotations

import json
from typing import Any

import jsonschema

from ..errors import AwsError
from ..operations import Answer, Call, operation
from ..state import store
from .recorded import Records

FLAGS = "AWS.AppConfig.FeatureFlags"
STAMP = "2026-11-01T00:00:00Z"
KEY = r"^[a-z][a-zA-Z\d_-]{0,63}$"
TEXT = {"type": "string", "maxLength": 1024}


def _map(of: Answer, most: int = 1000, **own: Any) -> Answer:
    return {"type": "object", "properties": own, "patternProperties": {KEY: of}, "maxProperties": most,
            "additionalProperties": False}


def _constraints(kind: str, **own: Any) -> Answer:
    properties = {"type": {"const": kind}, "required": {"type": "boolean"}, **own}
    return {"type": "object", "properties": properties, "required": ["type"], "additionalProperties": False}


WHOLE = {"type": "integer"}
ATTRIBUTE = {"type": "object", "additionalProperties": False, "properties": {
    "description": TEXT,
    "constraints": {"oneOf": [
        _constraints("string", pattern=TEXT, enum={"type": "array", "maxItems": 100, "items": TEXT}),
        _constraints("number", minimum=WHOLE, maximum=WHOLE), _constraints("boolean")]}}}
STAMPS = {"_createdAt": {"type": "string"}, "_updatedAt": {"type": "string"}}
DEFINITION = {"type": "object", "additionalProperties": False, "properties": {
    "name": {"type": "string", "pattern": r"^[^\n]{1,64}$"}, "description": TEXT, "attributes": _map(ATTRIBUTE, 25),
    "_deprecation": {"type": "object"}, **STAMPS}}
VALUE = _map({"oneOf": [TEXT, {"type": "number"}, {"type": "boolean"}]}, enabled={"type": "boolean"}, **STAMPS)
DOCUMENT = {"type": "object", "required": ["version"], "additionalProperties": False,
            "properties": {"version": {"enum": ["1"]}, "flags": _map(DEFINITION), "values": _map(VALUE)}}


def _checked(content: bytes) -> bytes:
    """A document of feature flags with the notes that AppConfig adds to it."""
    try:
        document = json.loads(content)
        jsonschema.validate(document, DOCUMENT)
    except (ValueError, jsonschema.ValidationError) as error:
        raise AwsError("BadRequestException", f"Invalid feature flag data: {str(error).splitlines()[0]}") from None
    for part in (document.get("flags", {}), document.get("values", {})):
        for entry in part.values():
            entry.update(dict.fromkeys(STAMPS, STAMP))
    return json.dumps(document).encode()


@operation("appconfig", "CreateHostedConfigurationVersion")
def create_version(call: Call) -> Answer:
    """AppConfig: CreateHostedConfigurationVersion."""
    ids = {name: call.parameters[name] for name in ("ApplicationId", "ConfigurationProfileId")}
    profile = call.inner("GetConfigurationProfile", **ids)
    content = call.parameters["Content"]
    if profile.get("Type") == FLAGS:
        content = _checked(content if isinstance(content, bytes) else content.encode())
    made = call.inner(None, **{**call.parameters, "Content": content})
    return made | {"Content": content}


def _deployments(call: Call) -> tuple[dict[str, Answer], str]:
    table = store(Records, call.account, call.region).by_noun["appconfig.Deployment"]
    return table, f"{call.parameters['ApplicationId']}/{call.parameters['EnvironmentId']}/"


@operation("appconfig", "StartDeployment")
def start_deployment(call: Call) -> Answer:
    """AppConfig: StartDeployment; it is complete at once."""
    table, place = _deployments(call)
    number = 1 + sum(key.startswith(place) for key in table)
    if call.get("LatestDeploymentNumber", number - 1) != number - 1:
        raise AwsError("ConflictException", f"The latest deployment is {number - 1}")
    record = dict(call.parameters) | {"DeploymentNumber": number, "State": "COMPLETE", "PercentageComplete": 100.0}
    table[f"{place}{number}"] = record
    return record


@operation("appconfig", "GetDeployment")
def get_deployment(call: Call) -> Answer:
    """AppConfig: GetDeployment."""
    table, place = _deployments(call)
    key = f"{place}{call.parameters['DeploymentNumber']}"
    if key not in table:
        raise AwsError("ResourceNotFoundException", f"deployment {key} not found")
    return table[key]


@operation("appconfig", "ListDeployments")
def list_deployments(call: Call) -> Answer:
    """AppConfig: ListDeployments, newest first."""
    table, place = _deployments(call)
    shown = ("DeploymentNumber", "ConfigurationProfileId", "ConfigurationVersion", "State", "PercentageComplete")
    found = [record for key, record in table.items() if key.startswith(place)]
    return {"Items": [{name: record[name] for name in shown if name in record} for record in reversed(found)]}
