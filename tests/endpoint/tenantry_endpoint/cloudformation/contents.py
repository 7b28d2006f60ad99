"""What is inside a stack: its events and its resources."""

from __future__ import annotations

from ..operations import Answer, Call, operation
from .model import Stack, stack_of
from .template import invalid


@operation("cloudformation", "DescribeStackEvents")
def describe_stack_events(call: Call) -> Answer:
    """DescribeStackEvents: newest first, 100 a page; the token counts from the oldest, so new events do not shift."""
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
        raise invalid(f"Resource {call.parameters['LogicalResourceId']} does not exist for stack "
                      f"{call.get('StackName')}")
    return {"StackResourceDetail": rows[0]}
