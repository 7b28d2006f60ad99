"""Beginning to change a stack: idempotency by tokens, states that forbid it, the lock under which it is decided."""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any

from ..operations import Call
from . import engine, permissions
from .model import Stack, Target
from .template import invalid

UPDATABLE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE",
             "IMPORT_ROLLBACK_COMPLETE"}
lock = threading.RLock()


def new(call: Call, status: str) -> Stack:
    """A stack that does not exist yet."""
    name = call.parameters["StackName"]
    ident = f"arn:{call.partition}:cloudformation:{call.region}:{call.account}:stack/{name}/{uuid.uuid4()}"
    stack = Stack(name, call.account, call.region, ident, status, token=call.get("ClientRequestToken"))
    stack.protected = bool(call.get("EnableTerminationProtection", False))
    stack.policy = call.get("StackPolicyBody")
    return stack


def done_before(call: Call, stack: Stack | None) -> bool:
    """Whether the same call, by its token, was carried out already."""
    token = call.get("ClientRequestToken")
    return bool(token and stack and f"{call.operation}:{token}" in stack.tokens)


def note(call: Call, stack: Stack) -> None:
    """Keep the call's token."""
    token = call.get("ClientRequestToken")
    stack.token = token
    if token:
        stack.tokens.add(f"{call.operation}:{token}")


def take(stack: Stack, role: str | None) -> None:
    """The role of an operation: it stays the stack's until another one is given."""
    role = role or stack.role
    permissions.assume(role)
    stack.role = role


def without_rollback(call: Call, config: dict[str, Any] | None) -> bool:
    """Whether an operation does not roll back when it fails: EXPRESS mode does not unless it is told to."""
    config = config or {}
    express = config.get("Mode") == "EXPRESS"
    return bool(call.get("DisableRollback") or config.get("DisableRollback", express))


def need_ready(stack: Stack, verb: str, call: Call | None = None, config: dict[str, Any] | None = None) -> None:
    """Refuse a stack in which something else happens, and one whose update failed unless rollback is disabled again."""
    if stack.status == "UPDATE_FAILED" and call is not None:
        if stack.is_express and (config or {}).get("Mode") != "EXPRESS":
            raise invalid("This stack is in a UPDATE_FAILED state from a previous operation that used EXPRESS deployment "
                          "mode with disable-rollback. Follow-up operations must use the same DeploymentConfig "
                          "(mode=EXPRESS) until the stack reaches a *_COMPLETE state.")
        if not without_rollback(call, config):
            raise invalid("This stack is currently in a non-terminal [UPDATE_FAILED] state. To update the stack from this "
                          "state, please use the disable-rollback parameter with update-stack API. To rollback to the "
                          "last known good state, use the rollback-stack API")
        return
    imported = stack.status == "IMPORT_ROLLBACK_COMPLETE" and stack.target is None
    if stack.status not in UPDATABLE or imported:
        raise invalid(f"Stack:{stack.id} is in {stack.status} state and can not be {verb}.")


def differs(stack: Stack, target: Target, found: list[Any]) -> bool:
    """Whether anything changes, outputs included."""
    before = stack.target.document.get("Outputs") if stack.target else None
    return bool(found) or before != target.document.get("Outputs")


def begin_update(call: Call, stack: Stack, target: Target, config: dict[str, Any] | None) -> None:
    """Start an update."""
    note(call, stack)
    stack.config = config
    stack.updated = time.time()
    stack.become("UPDATE_IN_PROGRESS", "User Initiated")
    engine.start(engine.update, stack, target, not without_rollback(call, config))
