"""CloudFormation's validation of change sets, as DescribeEvents tells it: here, of three quotas and of names in use.

In: a change set and the table of quotas. Out: an event in WARN mode for each quota that the change set would exceed, and
one in FAIL mode for each name that is in use. It sees one stack at a time, as the service does.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from .. import faults
from ..errors import AwsError
from ..internal import call as ask
from ..operations import Answer, Call, operation
from ..services.quotas import value_of
from . import names
from .model import ChangeSet, Stack, change_set_of, stack_of

#: type → (quota's code, operation that lists what exists, field of the answer).
COUNTED = {
    "AWS::EC2::VPC": ("L-F678F1CE", "DescribeVpcs", "Vpcs"),
    "AWS::EC2::InternetGateway": ("L-A4707A72", "DescribeInternetGateways", "InternetGateways"),
    "AWS::EC2::EIP": ("L-0263D0A3", "DescribeAddresses", "Addresses"),
}


#: The reason of a change set with a name that is in use.
NAME_IN_USE = ("The following hook(s)/validation failed: [AWS::EarlyValidation::ResourceExistenceCheck]. To troubleshoot "
               "Early Validation errors, use the DescribeEvents API for detailed failure information.")


def names_in_use(stack: Stack, changes: list[Answer]) -> dict[str, tuple[str, str]]:
    """Type and name of each resource that a change set adds under a name that is in use, by logical id."""
    added = [item["ResourceChange"] for item in changes if item["ResourceChange"]["Action"] == "Add"]
    wanted = [(stack.place(change["LogicalResourceId"]), change["ResourceType"],
               json.loads(change.get("AfterContext", "{}")).get("Properties") or {}) for change in added]
    taken = zip(added, names.in_use(wanted))
    return {change["LogicalResourceId"]: (change["ResourceType"], name) for change, name in taken if name is not None}


def refused(stack: Stack) -> str | None:
    """Why a change set fails by what faults say of validation and Hooks; only what fails in FAIL mode stops it."""
    place = (stack.account, stack.region, stack.name)
    found = [rule.name for kind in ("validation", "hook") for rule in faults.objections(kind, *place)
             if rule.mode == "FAIL" and rule.status != "SKIPPED"]
    if not found:
        return None
    return (f"The following hook(s)/validation failed: [{', '.join(found)}]. To troubleshoot Early Validation errors, use "
            "the DescribeEvents API for detailed failure information.")


def _asked_for(stack: Stack, made: ChangeSet) -> list[Answer]:
    """Events of what faults say: of validation, and of Hooks."""
    place = (stack.account, stack.region, stack.name)
    events = []
    for rule in faults.objections("validation", *place):
        event = _event(stack, made, rule.logical, "", rule.name, rule.mode, rule.reason)
        events.append(event | {"ValidationStatus": rule.status or "FAILED"})
    for rule in faults.objections("hook", *place):
        events.append({"EventId": str(uuid.uuid4()), "StackId": stack.id, "OperationId": made.id.rsplit("/", 1)[-1],
                       "OperationType": "CREATE_CHANGESET", "EventType": "HOOK_INVOCATION_ERROR", "Timestamp": made.at,
                       "LogicalResourceId": rule.logical, "HookType": rule.name, "HookStatus": "HOOK_COMPLETE_FAILED",
                       "HookStatusReason": rule.reason, "HookFailureMode": rule.mode,
                       "HookInvocationPoint": "PRE_PROVISION"})
    return events


def _result(rule: faults.Rule) -> Answer:
    return {"HookResultId": str(uuid.uuid5(uuid.NAMESPACE_OID, rule.name + rule.logical)), "InvocationPoint": "PRE_PROVISION",
            "FailureMode": rule.mode, "TypeName": rule.name, "Status": "HOOK_COMPLETE_FAILED",
            "HookStatusReason": rule.reason}


@operation("cloudformation", "ListHookResults")
def list_hook_results(call: Call) -> Answer:
    """ListHookResults of a change set."""
    stack, _ = change_set_of(Call(call.caller, call.service, call.operation,
                                  {"ChangeSetName": call.parameters["TargetId"]}))
    rules = faults.objections("hook", stack.account, stack.region, stack.name)
    return {"TargetType": "CHANGE_SET", "TargetId": call.parameters["TargetId"],
            "HookResults": [_result(rule) | {"TargetType": "CHANGE_SET", "TargetId": call.parameters["TargetId"],
                                             "HookExecutionTarget": rule.logical} for rule in rules]}


@operation("cloudformation", "GetHookResult")
def get_hook_result(call: Call) -> Answer:
    """GetHookResult with the annotation of the rule."""
    for rule in faults.objections("hook", call.account, call.region, None):
        result = _result(rule)
        if result["HookResultId"] == call.parameters["HookResultId"]:
            note = {"AnnotationName": rule.rule, "Status": "FAILED", "StatusMessage": rule.reason,
                    "RemediationMessage": rule.remedy, "RemediationLink": rule.link, "SeverityLevel": rule.severity}
            return result | {"Target": {"TargetType": "RESOURCE", "Action": "CREATE", "TargetId": rule.logical,
                                        "TargetTypeName": "AWS::CloudFormation::Resource"},
                             "Annotations": [{key: value for key, value in note.items() if value}]}
    raise AwsError("HookResultNotFound", f"no result {call.parameters['HookResultId']}")


def _conflicts(stack: Stack, made: ChangeSet) -> list[Answer]:
    return [_event(stack, made, logical, kind, "NAME_CONFLICT_VALIDATION", "FAIL",
                   f"Resource of type '{kind}' with identifier '{name}' already exists.")
            for logical, (kind, name) in made.conflicts.items()]


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
            events.append(_event(stack, made, added[0]["LogicalResourceId"], kind, "SERVICE_QUOTA", "WARN", reason))
    return events


def _event(stack: Stack, made: ChangeSet, logical: str, kind: str, check: str, mode: str, reason: str) -> Answer:
    return {"EventId": str(uuid.uuid4()), "StackId": stack.id, "OperationId": made.id.rsplit("/", 1)[-1],
            "OperationType": "CREATE_CHANGESET", "EventType": "VALIDATION_ERROR", "LogicalResourceId": logical,
            "ResourceType": kind, "Timestamp": made.at, "ValidationFailureMode": mode,
            "ValidationName": check, "ValidationStatus": "FAILED", "ValidationStatusReason": reason,
            "ValidationPath": f"/Resources/{logical}"}


@operation("cloudformation", "DescribeEvents")
def describe_events(call: Call) -> Answer:
    """DescribeEvents: of a change set what its validation found, of a stack the events of its operations."""
    if call.get("ChangeSetName"):
        stack, made = change_set_of(call)
        return {"OperationEvents": _conflicts(stack, made) + _warnings(call, stack, made) + _asked_for(stack, made)}
    stack = stack_of(call.account, call.region, call.parameters["StackName"])
    failed = (call.get("Filters") or {}).get("FailedEvents")
    rows: list[dict[str, Any]] = [dict(event) | {"EventType": "STACK_EVENT"} for event in reversed(stack.events)]
    return {"OperationEvents": [row for row in rows if not failed or row["ResourceStatus"].endswith("_FAILED")]}
