"""Stacks: the operations that make, change, delete and tell them ("AWS CloudFormation API Reference")."""

from __future__ import annotations

from ..errors import AwsError
from ..operations import Answer, Call, operation, whole_service
from . import engine
from .beginning import begin_update, differs, done_before, lock, need_ready, new, note, take, without_rollback
from .model import Stack, Stacks, stack_of, stacks
from .plan import changes
from .template import invalid
from .templates import fetch, parameter_rows, target_of

whole_service("cloudformation")


@operation("cloudformation", "CreateStack")
def create_stack(call: Call) -> Answer:
    """CreateStack."""
    with lock:
        known = stacks(call.account, call.region)
        existing = known.find(call.parameters["StackName"])
        if existing and done_before(call, existing):
            return {"StackId": existing.id}
        if existing:
            raise AwsError("AlreadyExistsException", f"Stack [{existing.name}] already exists")
        stack = new(call, "CREATE_IN_PROGRESS")
        take(stack, call.get("RoleARN"))
        target = target_of(call, None)
        known.by_id[stack.id] = stack
        stack.retain_except_on_create = bool(call.get("RetainExceptOnCreate"))
        note(call, stack)
        stack.config = call.get("DeploymentConfig")
        stack.become("CREATE_IN_PROGRESS", "User Initiated")
    on_failure = "DO_NOTHING" if without_rollback(call, stack.config) else call.get("OnFailure", "ROLLBACK")
    engine.start(engine.create, stack, target, on_failure)
    return {"StackId": stack.id}


@operation("cloudformation", "UpdateStack")
def update_stack(call: Call) -> Answer:
    """UpdateStack."""
    with lock:
        stack = stack_of(call.account, call.region, call.parameters["StackName"])
        if done_before(call, stack):
            return {"StackId": stack.id}
        need_ready(stack, "updated", call, call.get("DeploymentConfig"))
        take(stack, call.get("RoleARN"))
        target = target_of(call, stack)
        if stack.status != "UPDATE_FAILED" and not differs(stack, target, changes(stack, target)):
            raise invalid("No updates are to be performed.")
        stack.rollback = call.get("RollbackConfiguration", stack.rollback)
        stack.retain_except_on_create = bool(call.get("RetainExceptOnCreate"))
        begin_update(call, stack, target, call.get("DeploymentConfig"))
    return {"StackId": stack.id}


@operation("cloudformation", "DeleteStack")
def delete_stack(call: Call) -> Answer:
    """DeleteStack; a stack that is gone is no error."""
    with lock:
        stack = stacks(call.account, call.region).find(call.parameters["StackName"])
        if stack is None or stack.status in ("DELETE_COMPLETE", "DELETE_IN_PROGRESS") or done_before(call, stack):
            return {}
        if stack.protected:
            raise invalid(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
        if stack.busy and not stack.status.startswith("CREATE"):
            raise invalid(f"Stack:{stack.id} is in {stack.status} state and can not be deleted.")
        retained = set(call.get("RetainResources", []))
        if retained and stack.status != "DELETE_FAILED":
            raise invalid("Invalid operation on stack [" + stack.id + "]. The specified resources can only be retained "
                          "when the stack is in the DELETE_FAILED state.")
        if retained - set(stack.resources):
            raise invalid(f"Stack [{stack.id}] has no resources {sorted(retained - set(stack.resources))}")
        take(stack, call.get("RoleARN"))
        note(call, stack)
        stack.become("DELETE_IN_PROGRESS", "User Initiated")
    engine.start(engine.delete, stack, retained)
    return {}


def describe(stack: Stack) -> Answer:
    """A stack as DescribeStacks tells it."""
    target = stack.target
    row = {"StackId": stack.id, "StackName": stack.name, "CreationTime": stack.created,
           "LastUpdatedTime": stack.updated, "DeletionTime": stack.deleted, "StackStatus": stack.status,
           "StackStatusReason": stack.reason, "Outputs": stack.outputs, "Parameters": parameter_rows(target),
           # A stack has its tags from the start of its creation on, and keeps them when that fails.
           "Tags": (target or stack.making).tags if target or stack.making else [],
           "Capabilities": target.capabilities if target else [], "EnableTerminationProtection": stack.protected,
           "Description": target.document.get("Description") if target else None, "RoleARN": stack.role, "DriftInformation": stack.drift,
           "RollbackConfiguration": stack.rollback or None, "DeploymentConfig": stack.config, "AliasName": stack.alias}
    return {key: value for key, value in row.items() if value is not None}


@operation("cloudformation", "DescribeStacks")
def describe_stacks(call: Call) -> Answer:
    """DescribeStacks."""
    if call.get("StackName"):
        return {"Stacks": [describe(stack_of(call.account, call.region, call.parameters["StackName"]))]}
    found = stacks(call.account, call.region).by_id.values()
    return {"Stacks": [describe(stack) for stack in list(found) if stack.status != "DELETE_COMPLETE"]}


@operation("cloudformation", "ListStacks")
def list_stacks(call: Call) -> Answer:
    """ListStacks."""
    wanted = call.get("StackStatusFilter")
    keys = ("StackId", "StackName", "CreationTime", "LastUpdatedTime", "DeletionTime", "StackStatus",
            "StackStatusReason")
    rows = [describe(stack) for stack in list(stacks(call.account, call.region).by_id.values())]
    return {"StackSummaries": [{key: row[key] for key in keys if key in row} for row in rows
                               if not wanted or row["StackStatus"] in wanted]}


@operation("cloudformation", "ContinueUpdateRollback")
def continue_update_rollback(call: Call) -> Answer:
    """ContinueUpdateRollback: what is skipped must have failed in the rollback; it is called complete, and stays as it
    is."""
    with lock:
        stack = stack_of(call.account, call.region, call.parameters["StackName"])
        if done_before(call, stack):
            return {}
        skipped, forced = set(call.get("ResourcesToSkip", [])), bool(call.get("ForceRollback"))
        if skipped and forced:
            raise invalid("ForceRollback and ResourcesToSkip are mutually exclusive")
        if stack.status != "UPDATE_ROLLBACK_FAILED":
            raise invalid(f"Stack:{stack.id} is in {stack.status} state and can not continue its rollback.")
        if skipped - stack.unrolled:
            raise invalid(f"The resources {sorted(skipped - stack.unrolled)} cannot be skipped: only resources in "
                          "UPDATE_FAILED state because a rollback failed can be")
        take(stack, call.get("RoleARN"))
        note(call, stack)
        stack.become("UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated")
    engine.start(engine.continue_rollback, stack, skipped, forced)
    return {}


@operation("cloudformation", "RollbackStack")
def rollback_stack(call: Call) -> Answer:
    """RollbackStack: from CREATE_FAILED and UPDATE_FAILED to the last stable state."""
    with lock:
        stack = stack_of(call.account, call.region, call.parameters["StackName"])
        if done_before(call, stack):
            return {"StackId": stack.id}
        if stack.status not in ("CREATE_FAILED", "UPDATE_FAILED"):
            raise invalid(f"Stack:{stack.id} is in {stack.status} state and can not be rolled back.")
        if stack.is_express:
            raise invalid("RollbackStack is not supported for stacks that were last updated using EXPRESS deployment mode "
                          "and are in a failed state")
        take(stack, call.get("RoleARN"))
        note(call, stack)
        stack.retain_except_on_create = bool(call.get("RetainExceptOnCreate"))
        creation = stack.status == "CREATE_FAILED"
        stack.become("ROLLBACK_IN_PROGRESS" if creation else "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated")
    engine.start(engine.undo_creation if creation else engine.roll_back, stack)
    return {"StackId": stack.id}


@operation("cloudformation", "SetAlias")
def set_alias(call: Call) -> Answer:
    """SetAlias: a second name, under which every call finds the stack."""
    stack_of(call.account, call.region, call.parameters["StackName"]).alias = call.parameters["AliasName"]
    return {}


@operation("cloudformation", "RemoveAlias")
def remove_alias(call: Call) -> Answer:
    """RemoveAlias."""
    stack_of(call.account, call.region, call.parameters["AliasName"]).alias = None
    return {}


@operation("cloudformation", "UpdateTerminationProtection")
def update_termination_protection(call: Call) -> Answer:
    """UpdateTerminationProtection."""
    stack = stack_of(call.account, call.region, call.parameters["StackName"])
    stack.protected = bool(call.parameters["EnableTerminationProtection"])
    return {"StackId": stack.id}


@operation("cloudformation", "SetStackPolicy")
def set_stack_policy(call: Call) -> Answer:
    """SetStackPolicy."""
    body = call.get("StackPolicyBody") or fetch(call, call.parameters["StackPolicyURL"])
    stack_of(call.account, call.region, call.parameters["StackName"]).policy = body
    return {}


@operation("cloudformation", "GetStackPolicy")
def get_stack_policy(call: Call) -> Answer:
    """GetStackPolicy."""
    policy = stack_of(call.account, call.region, call.parameters["StackName"]).policy
    return {"StackPolicyBody": policy} if policy else {}


@operation("cloudformation", "ListExports")
def list_exports(call: Call) -> Answer:
    """ListExports."""
    known: Stacks = stacks(call.account, call.region)
    return {"Exports": [{"ExportingStackId": stack.id, "Name": row["ExportName"], "Value": row["OutputValue"]}
                        for stack in list(known.by_id.values()) if stack.status != "DELETE_COMPLETE"
                        for row in stack.outputs if "ExportName" in row]}
