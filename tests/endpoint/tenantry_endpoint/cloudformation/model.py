"""Stacks, their resources, events and change sets as values; no behaviour beyond looking up."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from ..errors import AwsError
from ..operations import Call
from ..state import store
from .resources.kind import Made, Place


@dataclass
class Resource:
    """One resource of a stack; `properties` are resolved and hold the stack's tags."""

    logical: str
    type: str
    made: Made
    properties: dict[str, Any]
    definition: dict[str, Any]
    status: str = "CREATE_COMPLETE"
    reason: str | None = None
    at: float = field(default_factory=time.time)


@dataclass
class Imported:
    """A resource that exists and that a stack takes over."""

    type: str
    made: Made


@dataclass
class Target:
    """What a stack shall become."""

    body: str
    document: dict[str, Any]
    parameters: dict[str, Any]
    tags: list[dict[str, str]]
    capabilities: list[str]
    #: What it takes over instead of creating, by logical id.
    imports: dict[str, Imported] = field(default_factory=dict)


@dataclass
class ChangeSet:
    """A change set: its target and the changes shown."""

    name: str
    id: str
    kind: str
    target: Target
    changes: list[dict[str, Any]]
    description: str | None = None
    on_failure: str | None = None
    status: str = "CREATE_COMPLETE"
    execution: str = "AVAILABLE"
    reason: str | None = None
    token: str | None = None
    role: str | None = None
    rollback: dict[str, Any] | None = None
    at: float = field(default_factory=time.time)
    #: Logical ids of what it would add under a name that is in use, with its type and that name.
    conflicts: dict[str, tuple[str, str]] = field(default_factory=dict)
    #: DeploymentConfig of the operation that executes it.
    config: dict[str, Any] | None = None
    #: What a drift-aware change set found of the resources that it brings back.
    actual: dict[str, dict[str, Any] | None] = field(default_factory=dict)


@dataclass
class Stack:
    """One stack of one account and region."""

    name: str
    account: str
    region: str
    id: str
    status: str
    target: Target | None = None
    #: What the last operation began to bring it to.
    making: Target | None = None
    reason: str | None = None
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)
    protected: bool = False
    #: ARN of the role that CloudFormation takes; without it the caller's permissions count.
    role: str | None = None
    policy: str | None = None
    created: float = field(default_factory=time.time)
    updated: float | None = None
    deleted: float | None = None
    tokens: set[str] = field(default_factory=set)
    rollback: dict[str, Any] = field(default_factory=dict)
    token: str | None = None
    #: The running operation was asked to delete what it created when it rolls back, retained or not.
    retain_except_on_create: bool = False
    drift: dict[str, Any] = field(default_factory=lambda: {"StackDriftStatus": "NOT_CHECKED"})
    drifts: list[dict[str, Any]] = field(default_factory=list)
    #: DeploymentConfig of the last operation.
    config: dict[str, Any] | None = None
    #: The second name (SetAlias).
    alias: str | None = None
    #: Where the rollback of an update goes: what the stack was, and what the update has replaced.
    unfinished: tuple[Target | None, list[Resource]] | None = None
    #: Logical ids of what a rollback has skipped: drift detection does not look at it.
    skipped: set[str] = field(default_factory=set)
    #: Logical ids of the resources at which a rollback has failed.
    unrolled: set[str] = field(default_factory=set)
    #: What a drift-aware change set started from: live and remembered properties, by logical id.
    actual: dict[str, tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=dict)

    @property
    def is_express(self) -> bool:
        """Whether the last operation was made in EXPRESS mode."""
        return (self.config or {}).get("Mode") == "EXPRESS"

    def place(self, logical: str) -> Place:
        """Where a resource of this stack is made."""
        return Place(self.account, self.region, self.name, logical, uuid.uuid4().hex[:12])

    @property
    def busy(self) -> bool:
        """Whether an operation runs."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"

    def event(self, logical: str, kind: str, physical: str, status: str, reason: str | None = None) -> None:
        """Append an event."""
        event = {"StackId": self.id, "StackName": self.name, "EventId": f"{logical}-{uuid.uuid4()}",
                 "LogicalResourceId": logical, "PhysicalResourceId": physical, "ResourceType": kind,
                 "Timestamp": time.time(), "ResourceStatus": status}
        self.events.append(event | ({"ResourceStatusReason": reason} if reason else {}) |
                           ({"ClientRequestToken": self.token} if self.token else {}))

    def become(self, status: str, reason: str | None = None) -> None:
        """Enter a status, with its event."""
        self.event(self.name, "AWS::CloudFormation::Stack", self.id, status, reason)
        self.reason = reason
        self.status = status

    def let_go(self) -> None:
        """End the rollback of a drift-aware change set: what it had undone is as it was before, so it has drifted
        ("Using drift-aware change sets", enhanced rollback capabilities)."""
        for logical, (_, remembered) in self.actual.items():
            if logical in self.resources:
                self.resources[logical].properties = remembered
        self.actual = {}


class Stacks:
    """The stacks of one account and region, deleted ones included."""

    def __init__(self) -> None:
        self.by_id: dict[str, Stack] = {}
        self.detections: dict[str, dict[str, Any]] = {}

    def find(self, name: str) -> Stack | None:
        """By id, or by name or alias among those that exist."""
        if name in self.by_id:
            return self.by_id[name]
        there = [stack for stack in list(self.by_id.values()) if stack.status != "DELETE_COMPLETE"]
        return (next((stack for stack in there if stack.name == name), None)
                or next((stack for stack in there if stack.alias == name), None))


def stacks(account: str, region: str) -> Stacks:
    """The stacks of an account and region."""
    return store(Stacks, account, region)


def stack_of(account: str, region: str, name: str) -> Stack:
    """The stack of that name or id; the service's own error when there is none."""
    found = stacks(account, region).find(name)
    if found is None:
        raise AwsError("ValidationError", f"Stack with id {name} does not exist")
    return found


def change_set_of(call: Call) -> tuple[Stack, ChangeSet]:
    """The change set that a call names; `ChangeSetNotFound` when there is none."""
    name = call.parameters["ChangeSetName"]
    for stack in list(stacks(call.account, call.region).by_id.values()):
        if name.startswith("arn:") or call.get("StackName") in (stack.name, stack.id):
            for made in list(stack.change_sets.values()):
                if name in (made.name, made.id) and stack.status != "DELETE_COMPLETE":
                    return stack, made
    raise AwsError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist")
