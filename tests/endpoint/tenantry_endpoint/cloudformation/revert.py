"""Drift-aware change sets (DeploymentMode REVERT_DRIFT, "Using drift-aware change sets", CloudFormation User Guide).

Such a change set starts from what the services tell instead of what the stack remembers, so that an update with the
same template brings every drifted resource back.
"""

from __future__ import annotations

import json
from typing import Any

from ..operations import Call
from .drift import detect
from .model import Stack
from .template import invalid

Actual = dict[str, dict[str, Any] | None]

_offered = True


def offer(offered: bool) -> None:
    """Whether the endpoint knows such change sets."""
    global _offered
    _offered = offered


def wanted(call: Call, stack: Stack) -> Actual:
    """What a change set starts from: nothing but drift when it is asked to revert that."""
    if call.get("DeploymentMode") != "REVERT_DRIFT":
        return {}
    if not _offered:
        raise invalid("Unknown parameter in input: DeploymentMode")
    return actual_of(call, stack)


def actual_of(call: Call, stack: Stack) -> Actual:
    """The live properties of each drifted resource, by logical id; None when it is gone."""
    found: Actual = {}
    for resource in list(stack.resources.values()):
        row = detect(call, stack, resource)
        if row["StackResourceDriftStatus"] == "DELETED":
            found[resource.logical] = None
        elif row["StackResourceDriftStatus"] == "MODIFIED":
            live = json.loads(row["ActualProperties"])
            if isinstance(live.get("Tags"), list):
                live["Tags"] = [tag for tag in live["Tags"] if not str(tag.get("Key", "")).startswith("aws:")]
            found[resource.logical] = live
    return found


def changes(stack: Stack, actual: Actual, already: set[str]) -> list[dict[str, Any]]:
    """What the change set shows for drifted resources that the template does not change by itself."""
    rows = []
    for logical, live in actual.items():
        if logical in already:
            continue
        resource = stack.resources[logical]
        row: dict[str, Any] = {
            "Action": "Add" if live is None else "Modify", "LogicalResourceId": logical, "ResourceType": resource.type,
            "PhysicalResourceId": resource.made.id, "ResourceDriftStatus": "DELETED" if live is None else "MODIFIED",
            "Scope": [] if live is None else ["Properties"], "Details": []}
        if live is not None:
            row["Replacement"] = "False"
            for key, value in resource.properties.items():
                if live.get(key) != value:
                    row["Details"].append({
                        "ChangeSource": "DirectModification", "Evaluation": "Static",
                        "Target": {"Attribute": "Properties", "Name": key, "Path": f"/Properties/{key}",
                                   "BeforeValue": json.dumps(live.get(key), default=str), "RequiresRecreation": "Never",
                                   "AfterValue": json.dumps(value, default=str), "AttributeChangeType": "Modify"}})
        rows.append({"Type": "Resource", "ResourceChange": row})
    return rows


def take_up(stack: Stack, actual: Actual) -> None:
    """Let the stack remember what is there, so that the update that follows undoes it; and what it remembered before."""
    stack.actual = {}
    for logical, live in actual.items():
        if live is None:
            stack.resources.pop(logical, None)
        elif logical in stack.resources:
            stack.actual[logical] = (live, stack.resources[logical].properties)
            stack.resources[logical].properties = live
