"""CloudFormation's validation of change sets, as DescribeEvents tells it: here, of three quotas.

In: a change set and the table of quotas. Out: an event in WARN mode for each quota that the change set would exceed.
It sees one stack at a time, as the service does.
"""

from __future__ import annotations

import uuid
from typing import Any

from ..internal import call as ask
from ..operations import Answer, Call, operation
from ..services.quotas import value_of
from .model import ChangeSet, Stack, change_set_of, stack_of

#: type → (quota's code, operation that lists what exists, field of the answer).
COUNTED = {
    "AWS::EC2::VPC": ("L-F678F1CE", "DescribeVpcs", "Vpcs"),
    "AWS::EC2::InternetGateway": ("L-A4707A72", "DescribeInternetGateways", "InternetGateways"),
    "AWS::EC2::EIP": ("L-0263D0A3", "DescribeAddresses", "Addresses"),
}


def _warnings(call: Call, stack: Stack, made: ChangeSet) -> list[Answer]:
    events = []
    for kind, (code, listing, field) in COUNTED.items():
        added = [item["ResourceChange"] for item in made.changes if item["ResourceChange"]["ResourceType"] == kind
                 and item["ResourceChange"]["Action"] == "Add"]
        most = value_of(call.account, call.region, code)
        if not added or most is None:
            continue
        used = len(ask(call.account, call.region, "ec2", listing)[field])
        if used + len(added) > most:
            reason = f"{kind}: {used} in use and {len(added)} more exceed the quota {code} of {most:g}"
            events.append(_event(stack, made, added[0]["LogicalResourceId"], kind, reason))
    return events


def _event(stack: Stack, made: ChangeSet, logical: str, kind: str, reason: str) -> Answer:
    return {"EventId": str(uuid.uuid4()), "StackId": stack.id, "OperationId": made.id.rsplit("/", 1)[-1],
            "OperationType": "CREATE_CHANGESET", "EventType": "VALIDATION_ERROR", "LogicalResourceId": logical,
            "ResourceType": kind, "Timestamp": made.at, "ValidationFailureMode": "WARN",
            "ValidationName": "SERVICE_QUOTA", "ValidationStatus": "FAILED", "ValidationStatusReason": reason,
            "ValidationPath": f"/Resources/{logical}"}


@operation("cloudformation", "DescribeEvents")
def describe_events(call: Call) -> Answer:
    """DescribeEvents: of a change set what its validation found, of a stack the events of its operations."""
    if call.get("ChangeSetName"):
        return {"OperationEvents": _warnings(call, *change_set_of(call))}
    stack = stack_of(call.account, call.region, call.parameters["StackName"])
    failed = (call.get("Filters") or {}).get("FailedEvents")
    rows: list[dict[str, Any]] = [dict(event) | {"EventType": "STACK_EVENT"} for event in reversed(stack.events)]
    return {"OperationEvents": [row for row in rows if not failed or row["ResourceStatus"].endswith("_FAILED")]}
