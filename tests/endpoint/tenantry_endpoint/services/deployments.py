"""AppConfig: feature-flag documents are held against AWS's own schema; deployments take the time of their strategy, one
in an environment at a time, and are rolled back while an alarm of the environment is in ALARM or INSUFFICIENT_DATA.

Sources: AWS AppConfig User Guide, "Understanding the type reference for AWS.AppConfig.FeatureFlags", "Monitoring
deployments for automatic rollback" and "Using predefined deployment strategies"; API Reference, StartDeployment and
CreateDeploymentStrategy; AWS CLI Command Reference, start-deployment, "Examples" (a started deployment is DEPLOYING)."""

from __future__ import annotations

import json
from typing import Any

import jsonschema

from ..clock import Moment
from ..errors import AwsError
from ..internal import call as ask
from ..operations import Answer, Call, find, operation
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


#: Predefined strategies: minutes of the deployment, minutes of baking, growth.
PREDEFINED = {"AppConfig.AllAtOnce": (0, 10, 100.0), "AppConfig.Linear50PercentEvery30Seconds": (1, 1, 50.0),
              "AppConfig.Linear20PercentEvery6Minutes": (30, 30, 20.0), "AppConfig.Canary10Percent20Minutes": (20, 10, 10.0)}
MOST_STRATEGIES = 20


def _strategies(call: Call) -> dict[str, Answer]:
    return store(Records, call.account, call.region).by_noun["appconfig.DeploymentStrategy"]


def _minutes(call: Call, ident: str) -> tuple[float, float]:
    if ident in PREDEFINED:
        return PREDEFINED[ident][:2]
    if ident not in _strategies(call):
        raise AwsError("ResourceNotFoundException", f"deployment strategy {ident} not found")
    strategy = _strategies(call)[ident]
    return float(strategy["DeploymentDurationInMinutes"]), float(strategy.get("FinalBakeTimeInMinutes") or 0)


_create_strategy = find("appconfig", "CreateDeploymentStrategy")


@operation("appconfig", "CreateDeploymentStrategy")
def create_deployment_strategy(call: Call) -> Answer:
    """AppConfig: CreateDeploymentStrategy; an account has 20 in a region."""
    if len(_strategies(call)) >= MOST_STRATEGIES:
        raise AwsError("ServiceQuotaExceededException", f"Deployment strategies: {MOST_STRATEGIES} max")
    assert _create_strategy is not None
    return _create_strategy(call)


@operation("appconfig", "ListDeploymentStrategies")
def list_deployment_strategies(call: Call) -> Answer:
    """AppConfig: ListDeploymentStrategies, the predefined ones first."""
    own = [{"Id": name, "Name": name, "DeploymentDurationInMinutes": duration, "FinalBakeTimeInMinutes": bake,
            "GrowthFactor": growth} for name, (duration, bake, growth) in PREDEFINED.items()]
    return {"Items": own + list(_strategies(call).values())}


def _alarmed(call: Call) -> bool:
    """Whether an alarm of the environment is in ALARM or has no data."""
    environment = ask(call.account, call.region, "appconfig", "GetEnvironment",
                      ApplicationId=call.parameters["ApplicationId"], EnvironmentId=call.parameters["EnvironmentId"])
    names = [one["AlarmArn"].split(":alarm:", 1)[1] for one in environment.get("Monitors") or []]
    if not names:
        return False
    found = ask(call.account, call.region, "cloudwatch", "DescribeAlarms", AlarmNames=names)
    alarms = found.get("MetricAlarms", []) + found.get("CompositeAlarms", [])
    return len(alarms) < len(names) or any(alarm["StateValue"] != "OK" for alarm in alarms)


def _advance(call: Call, record: Answer) -> Answer:
    """A deployment as it is now."""
    since, duration, bake = record["_since"], record["_duration"], record["_bake"]
    if record["State"] in ("DEPLOYING", "BAKING"):
        if _alarmed(call):
            record["State"] = "ROLLED_BACK"
        elif since.steps() >= duration + bake:
            record["State"], record["PercentageComplete"] = "COMPLETE", 100.0
        else:
            record["State"] = "DEPLOYING" if since.steps() < duration else "BAKING"
    return _shown(record)


def _shown(record: Answer) -> Answer:
    return {key: value for key, value in record.items() if not key.startswith("_")}


@operation("appconfig", "StartDeployment")
def start_deployment(call: Call) -> Answer:
    """AppConfig: StartDeployment."""
    table, place = _deployments(call)
    number = 1 + sum(key.startswith(place) for key in table)
    if call.get("LatestDeploymentNumber", number - 1) != number - 1:
        raise AwsError("ConflictException", f"The latest deployment is {number - 1}")
    for key, one in table.items():
        if key.startswith(place) and _advance(call, one)["State"] in ("DEPLOYING", "BAKING"):
            raise AwsError("ConflictException", f"Deployment {one['DeploymentNumber']} is in progress")
    duration, bake = _minutes(call, call.parameters["DeploymentStrategyId"])
    record = dict(call.parameters) | {
        "DeploymentNumber": number, "State": "DEPLOYING", "PercentageComplete": 0.0, "_since": Moment(),
        "_duration": duration, "_bake": bake}
    table[f"{place}{number}"] = record
    return _shown(record)


@operation("appconfig", "GetDeployment")
def get_deployment(call: Call) -> Answer:
    """AppConfig: GetDeployment."""
    table, place = _deployments(call)
    key = f"{place}{call.parameters['DeploymentNumber']}"
    if key not in table:
        raise AwsError("ResourceNotFoundException", f"deployment {key} not found")
    return _advance(call, table[key])


@operation("appconfig", "ListDeployments")
def list_deployments(call: Call) -> Answer:
    """AppConfig: ListDeployments, newest first."""
    table, place = _deployments(call)
    shown = ("DeploymentNumber", "ConfigurationProfileId", "ConfigurationVersion", "State", "PercentageComplete")
    found = [_advance(call, record) for key, record in table.items() if key.startswith(place)]
    return {"Items": [{name: record[name] for name in shown if name in record} for record in reversed(found)]}
