"""The operations of CloudFormation ("AWS CloudFormation API Reference")."""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any
from urllib.parse import unquote, urlparse

from ..errors import AwsError
from ..internal import _invoke
from ..operations import Answer, Call, operation, whole_service
from . import engine
from .model import ChangeSet, Stack, Stacks, Target, stack_of, stacks
from .plan import changes
from .resources.kind import tag_list
from .template import parameter_values, parse

whole_service("cloudformation")
NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."
UPDATABLE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"}
_lock = threading.RLock()


def invalid(message: str) -> AwsError:
    """ValidationError."""
    return AwsError("ValidationError", message)


def _body(call: Call, stack: Stack | None) -> str:
    if call.get("UsePreviousTemplate"):
        if stack is None or stack.target is None:
            raise invalid("No previous template")
        return stack.target.body
    if call.get("TemplateBody"):
        if len(call.parameters["TemplateBody"].encode()) > 51200:
            raise invalid("1 validation error detected: Value at 'templateBody' failed to satisfy constraint: "
                          "Member must have length less than or equal to 51200")
        return str(call.parameters["TemplateBody"])
    if call.get("TemplateURL"):
        return _fetch(call, call.parameters["TemplateURL"])
    raise invalid("Either Template URL or Template Body must be specified.")


def _fetch(call: Call, url: str) -> str:
    parsed = urlparse(url)
    host, path = parsed.netloc.split(":")[0], unquote(parsed.path.lstrip("/"))
    bucket = host.split(".s3")[0] if ".s3" in host else ""
    key = path
    if not bucket:
        bucket, _, key = path.partition("/")
    try:
        answer = _invoke(call.account, call.region, "s3", "GetObject", {"Bucket": bucket, "Key": key}, False)
    except AwsError as error:
        raise invalid(f"S3 error: {error.message}") from None
    body = answer["Body"].read()
    if len(body) > 1_000_000:
        raise invalid("Template may not exceed 1000000 bytes in size.")
    return str(body.decode())


def _target(call: Call, stack: Stack | None) -> Target:
    body = _body(call, stack)
    document = parse(body)
    previous = stack.target.parameters if stack and stack.target else {}
    values = parameter_values(document, call.get("Parameters", []), previous)
    kinds = {resource["Type"] for resource in document["Resources"].values()}
    capabilities = call.get("Capabilities", [])
    named = any(r["Type"].startswith("AWS::IAM::") and {"RoleName", "PolicyName", "ManagedPolicyName"} &
                set(r.get("Properties") or {}) and r["Type"] != "AWS::IAM::Policy" for r in document["Resources"].values())
    if kinds & {"AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"}:
        if "CAPABILITY_NAMED_IAM" not in capabilities and (named or "CAPABILITY_IAM" not in capabilities):
            need = "CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM"
            raise AwsError("InsufficientCapabilitiesException", f"Requires capabilities : [{need}]")
    tags = call.get("Tags")
    if tags is None:
        tags = stack.target.tags if stack and stack.target else []
    return Target(body, document, values, tag_list(tags), capabilities)


def _new(call: Call, status: str) -> Stack:
    name = call.parameters["StackName"]
    ident = f"arn:{call.partition}:cloudformation:{call.region}:{call.account}:stack/{name}/{uuid.uuid4()}"
    stack = Stack(name, call.account, call.region, ident, status, token=call.get("ClientRequestToken"))
    stack.protected = bool(call.get("EnableTerminationProtection", False))
    stack.policy = call.get("StackPolicyBody")
    return stack


def _idempotent(call: Call, stack: Stack | None) -> bool:
    token = call.get("ClientRequestToken")
    return bool(token and stack and f"{call.operation}:{token}" in stack.tokens)


def _note(call: Call, stack: Stack) -> None:
    token = call.get("ClientRequestToken")
    stack.token = token
    if token:
        stack.tokens.add(f"{call.operation}:{token}")


def _ready(stack: Stack, verb: str) -> None:
    if stack.status not in UPDATABLE:
        raise invalid(f"Stack:{stack.id} is in {stack.status} state and can not be {verb}.")


@operation("cloudformation", "CreateStack")
def create_stack(call: Call) -> Answer:
    """CreateStack."""
    with _lock:
        known = stacks(call.account, call.region)
        existing = known.find(call.parameters["StackName"])
        if existing and _idempotent(call, existing):
            return {"StackId": existing.id}
        if existing:
            raise AwsError("AlreadyExistsException", f"Stack [{existing.name}] already exists")
        stack = _new(call, "CREATE_IN_PROGRESS")
        target = _target(call, None)
        known.by_id[stack.id] = stack
        _note(call, stack)
        stack.become("CREATE_IN_PROGRESS", "User Initiated")
    on_failure = "DO_NOTHING" if call.get("DisableRollback") else call.get("OnFailure", "ROLLBACK")
    engine.start(engine.create, stack, target, on_failure)
    return {"StackId": stack.id}


@operation("cloudformation", "UpdateStack")
def update_stack(call: Call) -> Answer:
    """UpdateStack."""
    with _lock:
        stack = stack_of(call.account, call.region, call.parameters["StackName"])
        if _idempotent(call, stack):
            return {"StackId": stack.id}
        _ready(stack, "updated")
        target = _target(call, stack)
        if not _differs(stack, target, changes(stack, target)):
            raise invalid("No updates are to be performed.")
        _begin_update(call, stack, target)
    return {"StackId": stack.id}


def _begin_update(call: Call, stack: Stack, target: Target) -> None:
    _note(call, stack)
    stack.updated = time.time()
    stack.become("UPDATE_IN_PROGRESS", "User Initiated")
    engine.start(engine.update, stack, target)


def _differs(stack: Stack, target: Target, found: list[Any]) -> bool:
    before = stack.target.document.get("Outputs") if stack.target else None
    return bool(found) or before != target.document.get("Outputs")


@operation("cloudformation", "DeleteStack")
def delete_stack(call: Call) -> Answer:
    """DeleteStack; a stack that is gone is no error."""
    with _lock:
        stack = stacks(call.account, call.region).find(call.parameters["StackName"])
        if stack is None or stack.status in ("DELETE_COMPLETE", "DELETE_IN_PROGRESS") or _idempotent(call, stack):
            return {}
        if stack.protected:
            raise invalid(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
        if stack.busy and not stack.status.startswith("CREATE"):
            raise invalid(f"Stack:{stack.id} is in {stack.status} state and can not be deleted.")
        _note(call, stack)
        stack.become("DELETE_IN_PROGRESS", "User Initiated")
    engine.start(engine.delete, stack, set(call.get("RetainResources", [])))
    return {}


@operation("cloudformation", "CreateChangeSet")
def create_change_set(call: Call) -> Answer:
    """CreateChangeSet: computed at once; a target without changes FAILS, as the service says it."""
    kind, name = call.get("ChangeSetType", "UPDATE"), call.parameters["ChangeSetName"]
    with _lock:
        known = stacks(call.account, call.region)
        stack = known.find(call.parameters["StackName"])
        existing = stack.change_sets.get(name) if stack else None
        token = call.get("ClientToken")
        if stack and existing:
            if token and existing.token == token:
                return {"Id": existing.id, "StackId": stack.id}
            raise AwsError("AlreadyExistsException", f"ChangeSet {name} cannot be created due to a mismatch with existing "
                           f"attribute")
        if kind == "CREATE":
            if stack and stack.status != "REVIEW_IN_PROGRESS":
                raise invalid(f"Stack [{stack.name}] already exists and cannot be created again with the changeSet [{name}].")
        elif kind != "UPDATE":
            raise invalid(f"the local endpoint does not implement change sets of type {kind}")
        elif stack is None:
            raise invalid(f"Stack [{call.parameters['StackName']}] does not exist")
        else:
            _ready(stack, "updated")
        target = _target(call, stack)
        if stack is None:
            stack = _new(call, "REVIEW_IN_PROGRESS")
            known.by_id[stack.id] = stack
            stack.become("REVIEW_IN_PROGRESS", "User Initiated")
        ident = f"arn:{call.partition}:cloudformation:{call.region}:{call.account}:changeSet/{name}/{uuid.uuid4()}"
        found = changes(stack, target)
        made = ChangeSet(name, ident, kind, target, found, call.get("Description"), call.get("OnStackFailure"), token=token)
        if kind == "UPDATE" and not _differs(stack, target, found):
            made.status, made.execution, made.reason = "FAILED", "UNAVAILABLE", NO_CHANGES
        stack.change_sets[name] = made
    return {"Id": ident, "StackId": stack.id}


def _change_set(call: Call) -> tuple[Stack, ChangeSet]:
    name = call.parameters["ChangeSetName"]
    for stack in stacks(call.account, call.region).by_id.values():
        if name.startswith("arn:") or call.get("StackName") in (stack.name, stack.id):
            for made in stack.change_sets.values():
                if name in (made.name, made.id) and stack.status != "DELETE_COMPLETE":
                    return stack, made
    raise AwsError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist")


def _parameters(target: Target | None) -> list[Answer]:
    values = target.parameters if target else {}
    return [{"ParameterKey": key, "ParameterValue": ",".join(v) if isinstance(v, list) else v} for key, v in values.items()]


def _summary(stack: Stack, made: ChangeSet) -> Answer:
    row = {"StackId": stack.id, "StackName": stack.name, "ChangeSetId": made.id, "ChangeSetName": made.name,
           "ExecutionStatus": made.execution, "Status": made.status, "StatusReason": made.reason,
           "CreationTime": made.at, "Description": made.description}
    return {key: value for key, value in row.items() if value is not None}


@operation("cloudformation", "DescribeChangeSet")
def describe_change_set(call: Call) -> Answer:
    """DescribeChangeSet, 100 changes a page; before and after only when property values are asked for."""
    stack, made = _change_set(call)
    first = int(call.get("NextToken", "0"))
    page = made.changes[first:first + 100]
    if not call.get("IncludePropertyValues"):
        page = [{"Type": "Resource", "ResourceChange": _bare(item["ResourceChange"])} for item in page]
    answer = _summary(stack, made) | {"Changes": page, "Parameters": _parameters(made.target), "Tags": made.target.tags,
                                      "Capabilities": made.target.capabilities}
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
    with _lock:
        try:
            stack, made = _change_set(call)
        except AwsError:
            stack = stacks(call.account, call.region).find(call.get("StackName", ""))  # executed sets are gone
            if _idempotent(call, stack):
                return {}
            raise
        if _idempotent(call, stack):
            return {}
        if made.execution != "AVAILABLE":
            raise AwsError("InvalidChangeSetStatus", f"ChangeSet [{made.id}] cannot be executed in its current status of "
                           f"[{made.status}]")
        if made.kind == "UPDATE":
            _ready(stack, "updated")
        made.execution = "EXECUTE_COMPLETE"
        for other in stack.change_sets.values():
            if other is not made:
                other.execution = "OBSOLETE"
        if made.kind == "UPDATE":
            _begin_update(call, stack, made.target)
            return {}
        _note(call, stack)
        stack.become("CREATE_IN_PROGRESS", "User Initiated")
    default = "DO_NOTHING" if call.get("DisableRollback") else "ROLLBACK"
    engine.start(engine.create, stack, made.target, made.on_failure or default)
    return {}


@operation("cloudformation", "DeleteChangeSet")
def delete_change_set(call: Call) -> Answer:
    """DeleteChangeSet."""
    try:
        stack, made = _change_set(call)
    except AwsError:
        return {}
    stack.change_sets.pop(made.name)
    return {}


@operation("cloudformation", "ListChangeSets")
def list_change_sets(call: Call) -> Answer:
    """ListChangeSets."""
    stack = stack_of(call.account, call.region, call.parameters["StackName"])
    return {"Summaries": [_summary(stack, made) for made in stack.change_sets.values()]}


def describe(stack: Stack) -> Answer:
    """A stack as DescribeStacks tells it."""
    target = stack.target
    row = {"StackId": stack.id, "StackName": stack.name, "CreationTime": stack.created, "LastUpdatedTime": stack.updated,
           "DeletionTime": stack.deleted, "StackStatus": stack.status, "StackStatusReason": stack.reason,
           "Outputs": stack.outputs, "Parameters": _parameters(target), "Tags": target.tags if target else [],
           "Capabilities": target.capabilities if target else [], "EnableTerminationProtection": stack.protected,
           "Description": target.document.get("Description") if target else None, "DriftInformation": stack.drift}
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
    keys = ("StackId", "StackName", "CreationTime", "LastUpdatedTime", "DeletionTime", "StackStatus", "StackStatusReason")
    rows = [describe(stack) for stack in list(stacks(call.account, call.region).by_id.values())]
    return {"StackSummaries": [{key: row[key] for key in keys if key in row} for row in rows
                               if not wanted or row["StackStatus"] in wanted]}


@operation("cloudformation", "DescribeStackEvents")
def describe_stack_events(call: Call) -> Answer:
    """DescribeStackEvents: newest first, 100 a page; the token is the count from the oldest, so new events do not shift."""
    stack = stack_of(call.account, call.region, call.parameters["StackName"])
    end = int(call.get("NextToken", str(len(stack.events))))
    page = list(reversed(stack.events[max(0, end - 100):end]))
    return {"StackEvents": page} | ({"NextToken": str(end - 100)} if end > 100 else {})


def _resources(stack: Stack) -> list[Answer]:
    rows = []
    for item in list(stack.resources.values()):
        row = {"LogicalResourceId": item.logical, "PhysicalResourceId": item.made.id, "ResourceType": item.type,
               "ResourceStatus": item.status, "ResourceStatusReason": item.reason, "Timestamp": item.at,
               "LastUpdatedTimestamp": item.at, "StackId": stack.id, "StackName": stack.name}
        rows.append({key: value for key, value in row.items() if value is not None})
    return rows


@operation("cloudformation", "ListStackResources")
def list_stack_resources(call: Call) -> Answer:
    """ListStackResources, 100 a page."""
    rows = _resources(stack_of(call.account, call.region, call.parameters["StackName"]))
    first = int(call.get("NextToken", "0"))
    page = {"StackResourceSummaries": [{k: v for k, v in row.items() if k not in ("Timestamp", "StackId", "StackName")}
                                       for row in rows[first:first + 100]]}
    return page | ({"NextToken": str(first + 100)} if len(rows) > first + 100 else {})


@operation("cloudformation", "DescribeStackResources")
def describe_stack_resources(call: Call) -> Answer:
    """DescribeStackResources: at most 100."""
    rows = _resources(stack_of(call.account, call.region, call.get("StackName", "")))
    wanted = call.get("LogicalResourceId")
    return {"StackResources": [row for row in rows if wanted in (None, row["LogicalResourceId"])][:100]}


@operation("cloudformation", "DescribeStackResource")
def describe_stack_resource(call: Call) -> Answer:
    """DescribeStackResource."""
    rows = describe_stack_resources(call)["StackResources"]
    if not rows:
        raise invalid(f"Resource {call.parameters['LogicalResourceId']} does not exist for stack {call.get('StackName')}")
    return {"StackResourceDetail": rows[0]}


@operation("cloudformation", "GetTemplate")
def get_template(call: Call) -> Answer:
    """GetTemplate."""
    if call.get("ChangeSetName"):
        return {"TemplateBody": _change_set(call)[1].target.body}
    stack = stack_of(call.account, call.region, call.parameters["StackName"])
    return {"TemplateBody": stack.target.body if stack.target else "", "StagesAvailable": ["Original", "Processed"]}


@operation("cloudformation", "ValidateTemplate")
def validate_template(call: Call) -> Answer:
    """ValidateTemplate: the form only."""
    document = parse(_body(call, None))
    rows = [{"ParameterKey": name, "NoEcho": False} for name in document.get("Parameters") or {}]
    return {"Parameters": rows, "Description": document.get("Description", "")}


@operation("cloudformation", "UpdateTerminationProtection")
def update_termination_protection(call: Call) -> Answer:
    """UpdateTerminationProtection."""
    stack = stack_of(call.account, call.region, call.parameters["StackName"])
    stack.protected = bool(call.parameters["EnableTerminationProtection"])
    return {"StackId": stack.id}


@operation("cloudformation", "SetStackPolicy")
def set_stack_policy(call: Call) -> Answer:
    """SetStackPolicy."""
    body = call.get("StackPolicyBody") or _fetch(call, call.parameters["StackPolicyURL"])
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
                        for stack in known.by_id.values() if stack.status != "DELETE_COMPLETE"
                        for row in stack.outputs if "ExportName" in row]}
