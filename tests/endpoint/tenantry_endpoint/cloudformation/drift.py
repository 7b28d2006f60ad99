"""Drift: what a stack expects beside what the services tell ("Detecting unmanaged configuration changes")."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

from .. import identity
from ..errors import AwsError
from ..operations import Answer, Call, operation
from .engine import kind_of
from .model import Resource, Stack, stack_of, stacks
from .permissions import is_readable
from .resources.kind import NotReadable, tag_list


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        text = value.strip()
        if text[:1] in "{[" and text:
            try:
                return _plain(json.loads(text))
            except ValueError:
                return value
        return {"True": "true", "False": "false"}.get(value, value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, (int, float)) else value


def _member(live: Any, key: str) -> Any:
    for name, value in live.items():
        if name.lower() == key.lower():
            return value
    return None


def differences(expected: Any, live: Any, path: str) -> list[Answer]:
    """The members of `expected` that differ in `live`; what the service does not tell is passed by."""
    expected, live = _plain(expected), _plain(live)
    if isinstance(expected, dict) and isinstance(live, dict):
        found = []
        for key, value in expected.items():
            told = _member(live, key)
            if told is not None:
                found += differences(value, told, f"{path}/{key}")
        return found
    if isinstance(expected, list) and isinstance(live, list):
        if path.endswith("/Tags") or (expected and isinstance(expected[0], dict) and "Key" in expected[0]):
            live = [tag for tag in live if not str(tag.get("Key", tag.get("key", ""))).startswith("aws:")]
        same = len(expected) == len(live) and all(
            any(not differences(item, other, "") for other in live) for item in expected)
        if same or all(isinstance(item, str) for item in expected) and live and isinstance(live[0], dict):
            return []
    elif type(expected) is not type(live) or expected == live:
        return []
    return [{"PropertyPath": path, "ExpectedValue": _text(expected), "ActualValue": _text(live),
             "DifferenceType": "NOT_EQUAL"}]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _need(call: Call, resource: Resource) -> None:
    """The caller reads each resource ("Detecting unmanaged configuration changes": required permissions)."""
    if identity.is_enforced():
        from ..callers import reads

        told = [resource.made.id, *(str(value) for value in resource.made.attributes.values())]
        reads(call, resource.type, "read", resource.properties, told)


def detect(call: Call, stack: Stack, resource: Resource) -> Answer:
    """The drift of one resource."""
    row: Answer = {"StackId": stack.id, "LogicalResourceId": resource.logical, "PhysicalResourceId": resource.made.id,
                   "ResourceType": resource.type, "Timestamp": time.time(), "PropertyDifferences": [],
                   "ExpectedProperties": json.dumps(resource.properties)}
    try:
        _need(call, resource)
        if resource.logical in stack.skipped or not is_readable(resource.type):
            raise NotReadable
        live = kind_of(resource.type).read(stack.place(resource.logical), resource.made, resource.properties)
    except NotReadable:
        return row | {"StackResourceDriftStatus": "NOT_CHECKED"}
    except Exception as error:  # a resource that cannot be read is unknown, never in sync
        return row | {"StackResourceDriftStatus": "UNKNOWN", "DriftStatusReason": str(error)}
    if live is None:
        return row | {"StackResourceDriftStatus": "DELETED"}
    found = []
    for key, value in resource.properties.items():
        told = _member(live, key)
        if told is not None:
            wanted = tag_list(value) if key == "Tags" and isinstance(told, list) else value
            found += differences(wanted, told, f"/{key}")
    actual = dict(resource.properties)
    for item in found:
        key = item["PropertyPath"].split("/")[1]
        actual[key] = _member(live, key)
    return row | {"StackResourceDriftStatus": "MODIFIED" if found else "IN_SYNC", "PropertyDifferences": found,
                  "ActualProperties": json.dumps(actual, default=str)}


@operation("cloudformation", "DetectStackDrift")
def detect_stack_drift(call: Call) -> Answer:
    """DetectStackDrift: done by the time it is asked about."""
    stack = stack_of(call.account, call.region, call.parameters["StackName"])
    if stack.busy or stack.status in ("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "DELETE_COMPLETE"):
        raise AwsError("ValidationError", f"Drift detection cannot be performed on stack [{stack.name}] "
                       f"in status {stack.status}")
    wanted = call.get("LogicalResourceIds")
    rows = [detect(call, stack, item) for item in list(stack.resources.values()) if not wanted or item.logical in wanted]
    drifted = sum(row["StackResourceDriftStatus"] in ("MODIFIED", "DELETED") for row in rows)
    unknown = any(row["StackResourceDriftStatus"] == "UNKNOWN" for row in rows)
    status = "DRIFTED" if drifted else "UNKNOWN" if unknown else "IN_SYNC"
    stack.drifts = rows
    stack.drift = {"StackDriftStatus": status, "LastCheckTimestamp": time.time()}
    ident = str(uuid.uuid4())
    stacks(call.account, call.region).detections[ident] = {
        "StackId": stack.id, "StackDriftDetectionId": ident, "StackDriftStatus": status, "Timestamp": time.time(),
        "DetectionStatus": "DETECTION_COMPLETE", "DriftedStackResourceCount": drifted}
    return {"StackDriftDetectionId": ident}


@operation("cloudformation", "DescribeStackDriftDetectionStatus")
def detection_status(call: Call) -> Answer:
    """DescribeStackDriftDetectionStatus."""
    found = stacks(call.account, call.region).detections.get(call.parameters["StackDriftDetectionId"])
    if found is None:
        raise AwsError("ValidationError", f"Drift detection {call.parameters['StackDriftDetectionId']} does not exist")
    return found


@operation("cloudformation", "DescribeStackResourceDrifts")
def resource_drifts(call: Call) -> Answer:
    """DescribeStackResourceDrifts: what the last detection found, 100 a page."""
    stack = stack_of(call.account, call.region, call.parameters["StackName"])
    wanted = call.get("StackResourceDriftStatusFilters")
    rows = [row for row in stack.drifts if not wanted or row["StackResourceDriftStatus"] in wanted]
    first = int(call.get("NextToken", "0"))
    return {"StackResourceDrifts": rows[first:first + 100]} | (
        {"NextToken": str(first + 100)} if len(rows) > first + 100 else {})


@operation("cloudformation", "DetectStackResourceDrift")
def detect_resource(call: Call) -> Answer:
    """DetectStackResourceDrift."""
    stack = stack_of(call.account, call.region, call.parameters["StackName"])
    resource = stack.resources.get(call.parameters["LogicalResourceId"])
    if resource is None:
        raise AwsError("ValidationError", f"Resource {call.parameters['LogicalResourceId']} does not exist")
    row = detect(call, stack, resource)
    stack.drifts = [other for other in stack.drifts if other["LogicalResourceId"] != resource.logical] + [row]
    return {"StackResourceDrift": row}
