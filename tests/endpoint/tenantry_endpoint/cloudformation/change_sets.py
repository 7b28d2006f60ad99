"""Change sets."""

from __future__ import annotations

import uuid

from ..errors import AwsError
from ..operations import Answer, Call, operation
from . import engine, imports, revert, validation
from .beginning import begin_update, differs, done_before, lock, need_ready, new, note, take, without_rollback
from .model import ChangeSet, Stack, change_set_of, stack_of, stacks
from .plan import changes
from .template import invalid
from .templates import parameter_rows, target_of

NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."


@operation("cloudformation", "CreateChangeSet")
def create_change_set(call: Call) -> Answer:
    """CreateChangeSet: computed at once; one without changes, or with a name that is in use, FAILS."""
    kind, name = call.get("ChangeSetType", "UPDATE"), call.parameters["ChangeSetName"]
    with lock:
        known = stacks(call.account, call.region)
        stack = known.find(call.parameters["StackName"])
        existing = stack.change_sets.get(name) if stack else None
        token = call.get("ClientToken")
        if stack and existing:
            if token and existing.token == token:
                return {"Id": existing.id, "StackId": stack.id}
            raise AwsError("AlreadyExistsException", f"ChangeSet {name} cannot be created due to a mismatch with "
                           f"existing attribute")
        if kind == "CREATE" or kind == "IMPORT" and (stack is None or stack.status == "REVIEW_IN_PROGRESS"):
            if stack and stack.status != "REVIEW_IN_PROGRESS":
                raise invalid(f"Stack [{stack.name}] already exists and cannot be created again with the changeSet "
                              f"[{name}].")
        elif kind not in ("UPDATE", "IMPORT"):
            raise invalid(f"the local endpoint does not implement change sets of type {kind}")
        elif stack is None:
            raise invalid(f"Stack [{call.parameters['StackName']}] does not exist")
        else:
            need_ready(stack, "updated", call, call.get("DeploymentConfig"))
        target = target_of(call, stack)
        if stack is None:
            stack = new(call, "REVIEW_IN_PROGRESS")
            known.by_id[stack.id] = stack
            stack.become("REVIEW_IN_PROGRESS", "User Initiated")
        ident = f"arn:{call.partition}:cloudformation:{call.region}:{call.account}:changeSet/{name}/{uuid.uuid4()}"
        found = changes(stack, target)
        if kind == "IMPORT":
            target.imports = imports.asked(stack, target, call.get("ResourcesToImport", []))
        elif call.get("ImportExistingResources"):
            target.imports = imports.existing(stack, target, found)
        imports.shown(found, target.imports)
        actual = revert.wanted(call, stack)
        found += revert.changes(stack, actual, {row["ResourceChange"]["LogicalResourceId"] for row in found})
        made = ChangeSet(name, ident, kind, target, found, call.get("Description"), call.get("OnStackFailure"),
                         token=token, role=call.get("RoleARN"), rollback=call.get("RollbackConfiguration"), actual=actual,
                         config=call.get("DeploymentConfig"))
        if kind == "UPDATE" and not differs(stack, target, found):
            made.status, made.execution, made.reason = "FAILED", "UNAVAILABLE", NO_CHANGES
        made.conflicts = validation.names_in_use(stack, found)
        if made.conflicts:
            made.status, made.execution, made.reason = "FAILED", "UNAVAILABLE", validation.NAME_IN_USE
        refused = validation.refused(stack)
        if refused:
            made.status, made.execution, made.reason = "FAILED", "UNAVAILABLE", refused
        stack.change_sets[name] = made
    return {"Id": ident, "StackId": stack.id}


def _summary(stack: Stack, made: ChangeSet) -> Answer:
    row = {"StackId": stack.id, "StackName": stack.name, "ChangeSetId": made.id, "ChangeSetName": made.name,
           "ExecutionStatus": made.execution, "Status": made.status, "StatusReason": made.reason,
           "CreationTime": made.at, "Description": made.description}
    return {key: value for key, value in row.items() if value is not None}


@operation("cloudformation", "DescribeChangeSet")
def describe_change_set(call: Call) -> Answer:
    """DescribeChangeSet, 100 changes a page; before and after only when property values are asked for."""
    stack, made = change_set_of(call)
    first = int(call.get("NextToken", "0"))
    page = made.changes[first:first + 100]
    if not call.get("IncludePropertyValues"):
        page = [{"Type": "Resource", "ResourceChange": _bare(item["ResourceChange"])} for item in page]
    answer = _summary(stack, made) | {"Changes": page, "Parameters": parameter_rows(made.target),
                                      "Tags": made.target.tags, "Capabilities": made.target.capabilities}
    if made.rollback is not None:
        answer["RollbackConfiguration"] = made.rollback
    if made.on_failure:
        answer["OnStackFailure"] = made.on_failure
    return answer | ({"NextToken": str(first + 100)} if len(made.changes) > first + 100 else {})


def _bare(change: Answer) -> Answer:
    bare = {key: value for key, value in change.items() if key not in ("BeforeContext", "AfterContext")}
    hidden = ("BeforeValue", "AfterValue", "Path", "AttributeChangeType")
    bare["Details"] = [detail | {"Target": {key: value for key, value in detail["Target"].items() if key not in hidden}}
                       for detail in change["Details"]]
    return bare


@operation("cloudformation", "ExecuteChangeSet")
def execute_change_set(call: Call) -> Answer:
    """ExecuteChangeSet."""
    with lock:
        try:
            stack, made = change_set_of(call)
        except AwsError:
            stack = stacks(call.account, call.region).find(call.get("StackName", ""))  # executed sets are gone
            if done_before(call, stack):
                return {}
            raise
        if done_before(call, stack):
            return {}
        if made.execution != "AVAILABLE":
            raise AwsError("InvalidChangeSetStatus", f"ChangeSet [{made.id}] cannot be executed in its current "
                           f"status of [{made.status}]")
        if made.kind == "UPDATE" or made.kind == "IMPORT" and stack.status != "REVIEW_IN_PROGRESS":
            need_ready(stack, "updated", call, made.config)
        stack.retain_except_on_create = bool(call.get("RetainExceptOnCreate"))
        take(stack, made.role)
        made.execution = "EXECUTE_COMPLETE"
        for other in list(stack.change_sets.values()):
            if other is not made:
                other.execution = "OBSOLETE"
        if made.rollback is not None:
            stack.rollback = made.rollback
        if made.kind == "UPDATE":
            revert.take_up(stack, made.actual)
            begin_update(call, stack, made.target, made.config)
            return {}
        note(call, stack)
        stack.config = made.config
        if made.kind == "IMPORT":
            stack.become("IMPORT_IN_PROGRESS", "User Initiated")
            engine.start(engine.take_over, stack, made.target)
            return {}
        stack.become("CREATE_IN_PROGRESS", "User Initiated")
    default = "DO_NOTHING" if without_rollback(call, made.config) else "ROLLBACK"
    engine.start(engine.create, stack, made.target, made.on_failure or default)
    return {}


@operation("cloudformation", "DeleteChangeSet")
def delete_change_set(call: Call) -> Answer:
    """DeleteChangeSet."""
    try:
        stack, made = change_set_of(call)
    except AwsError:
        return {}
    stack.change_sets.pop(made.name)
    return {}


@operation("cloudformation", "ListChangeSets")
def list_change_sets(call: Call) -> Answer:
    """ListChangeSets."""
    stack = stack_of(call.account, call.region, call.parameters["StackName"])
    return {"Summaries": [_summary(stack, made) for made in list(stack.change_sets.values())]}
