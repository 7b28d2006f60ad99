"""What a target changes in a stack: the changes that DescribeChangeSet shows ("ResourceChange", API Reference)."""

from __future__ import annotations

import json
from typing import Any, Callable

from moto.utilities.utils import get_partition

from ..errors import AwsError
from ..internal import call
from .model import Stack, Target, stacks
from .resources.kind import find, tag_list, tag_map
from .schemas import coerce, schema
from .template import UNKNOWN, Resolver

SHOWN = ("DeletionPolicy", "UpdateReplacePolicy", "Metadata")


def resolver(stack: Stack, target: Target, reference: Callable[[str], Any],
             attribute: Callable[[str, str], Any]) -> Resolver:
    """The meaning of references for a target."""
    partition = str(get_partition(stack.region))
    suffix = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    pseudo = {"AWS::AccountId": stack.account, "AWS::Region": stack.region, "AWS::Partition": partition,
              "AWS::StackName": stack.name, "AWS::StackId": stack.id, "AWS::URLSuffix": suffix,
              "AWS::NotificationARNs": []}

    def zones(region: str) -> list[str]:
        answer = call(stack.account, region or stack.region, "ec2", "DescribeAvailabilityZones")
        return [zone["ZoneName"] for zone in answer["AvailabilityZones"]]

    def exported(name: str) -> str:
        for other in list(stacks(stack.account, stack.region).by_id.values()):
            for output in other.outputs:
                if output.get("ExportName") == name and other.status != "DELETE_COMPLETE":
                    return str(output["OutputValue"])
        raise AwsError("ValidationError", f"No export named {name} found.")

    def dynamic(service: str, key: str) -> str:
        if service == "secretsmanager":  # a secret's value is for the handler alone
            return f"{{{{resolve:{service}:{key}}}}}"
        if service != "ssm":
            raise AwsError("ValidationError", f"the local endpoint does not resolve {service} references")
        name = key.split(":")[0]
        return str(call(stack.account, stack.region, "ssm", "GetParameter", Name=name)["Parameter"]["Value"])

    return Resolver(target.document, target.parameters, pseudo, reference, attribute, zones, exported, dynamic)


def properties_of(stack: Stack, target: Target, definition: dict[str, Any], how: Resolver) -> dict[str, Any]:
    """A resource's resolved properties, the stack's tags included (its own win)."""
    given = how.resolve(definition.get("Properties") or {})
    made = coerce(definition["Type"], stack.region, given)
    found = schema(definition["Type"], stack.region)
    if found and found.tag_property and target.tags:
        tags = tag_map(target.tags) | tag_map(made.get(found.tag_property))
        as_map = isinstance(made.get(found.tag_property), dict) or \
            (found.properties.get(found.tag_property) or {}).get("type") == "object"
        made[found.tag_property] = tags if as_map else tag_list(tags)
    return made


def _unknown(value: Any) -> bool:
    return UNKNOWN in json.dumps(value, default=str)


def recreation(kind: str, region: str, key: str, before: Any, after: Any) -> str:
    """Never, Conditionally or Always."""
    found = schema(kind, region)
    if found is None:
        return "Never"
    deeper = any(path[0] == key and _at(before, path[1:]) != _at(after, path[1:]) for path in found.create_only_paths)
    if key in found.create_only or deeper:
        return "Conditionally" if _unknown(after) else "Always"
    return "Conditionally" if key in found.conditional else "Never"


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        if step == "*":
            return [_at(item, path[path.index("*") + 1:]) for item in value or []]
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _modified(stack: Stack, logical: str, definition: dict[str, Any], after: dict[str, Any]) -> dict[str, Any] | None:
    old = stack.resources[logical]
    details: list[dict[str, Any]] = []
    scope: set[str] = set()
    worst = "Never"
    for key in sorted(set(old.properties) | set(after)):
        before_value, after_value = old.properties.get(key), after.get(key)
        if before_value == after_value:
            continue
        tags = key == "Tags"
        scope.add("Tags" if tags else "Properties")
        needs = recreation(old.type, stack.region, key, before_value, after_value)
        worst = max(worst, needs, key=("Never", "Conditionally", "Always").index)
        target: dict[str, Any] = {"Attribute": "Tags" if tags else "Properties", "Name": key,
                                  "Path": f"/Properties/{key}", "RequiresRecreation": needs,
                                  "AttributeChangeType": "Add" if before_value is None else
                                  "Remove" if after_value is None else "Modify"}
        target |= {} if before_value is None else {"BeforeValue": _text(before_value)}
        target |= {} if after_value is None else {"AfterValue": _text(after_value)}
        dynamic = _unknown(after_value)
        details.append({"Target": target, "Evaluation": "Dynamic" if dynamic else "Static",
                        "ChangeSource": "ResourceReference" if dynamic else "DirectModification"})
    for key in SHOWN:
        if old.definition.get(key) != definition.get(key):
            scope.add(key)
            details.append({"Target": {"Attribute": key, "RequiresRecreation": "Never"}, "Evaluation": "Static",
                            "ChangeSource": "DirectModification"})
    if not details:
        return None
    return {"Action": "Modify", "LogicalResourceId": logical, "PhysicalResourceId": old.made.id,
            "ResourceType": old.type,
            "Replacement": {"Never": "False", "Conditionally": "Conditional", "Always": "True"}[worst], "Scope": sorted(scope), "Details": details, "BeforeContext": json.dumps({"Properties": old.properties}),
            "AfterContext": json.dumps({"Properties": after})}


def changes(stack: Stack, target: Target) -> list[dict[str, Any]]:
    """The changes in the order of the template, removals last."""
    from .template import order

    unsettled: set[str] = set()

    def reference(name: str) -> Any:
        known = stack.resources.get(name)
        return UNKNOWN if known is None or name in unsettled else known.made.id

    def attribute(name: str, key: str) -> Any:
        known = stack.resources.get(name)
        if known is None or name in unsettled:
            return UNKNOWN
        value = look_up(known.made, key)
        return UNKNOWN if value is None else value

    how = resolver(stack, target, reference, attribute)
    found: list[dict[str, Any]] = []
    resources = target.document["Resources"]
    wanted = {name for name, definition in resources.items() if how.wanted(definition)}
    for logical in order(resources):
        if logical not in wanted:
            continue
        definition = resources[logical]
        after = properties_of(stack, target, definition, how)
        old = stack.resources.get(logical)
        if old is not None and old.type != definition["Type"]:
            raise AwsError("ValidationError", f"Update of resource type is not permitted. The new template modifies "
                           f"resource type of the following resources: [{logical}]")
        if old is None:
            found.append({"Action": "Add", "LogicalResourceId": logical, "ResourceType": definition["Type"],
                          "Scope": [], "Details": [], "AfterContext": json.dumps({"Properties": after})})
            continue
        change = _modified(stack, logical, definition, after)
        if change:
            found.append(change)
            if change["Replacement"] == "True":
                unsettled.add(logical)
    for logical, old in stack.resources.items():
        if logical not in wanted:
            policy = "Retain" if str(old.definition.get("DeletionPolicy")) == "Retain" else "Delete"
            found.append({"Action": "Remove", "LogicalResourceId": logical, "PhysicalResourceId": old.made.id,
                          "ResourceType": old.type, "Scope": [], "Details": [], "PolicyAction": policy,
                          "BeforeContext": json.dumps({"Properties": old.properties})})
    return [{"Type": "Resource", "ResourceChange": change} for change in found]


def look_up(made: Any, key: str) -> Any:
    """A `GetAtt` value: an attribute kept, or the member of that name in what the service answered."""
    value = made.attributes.get(key)
    if value is None:
        value = find(made.attributes, key.split(".")[-1])
    if value is None and key in ("Arn", "Id") and made.id.startswith("arn:"):
        value = made.id
    if value is None and key.lower() == "id":
        value = made.id
    if value is None:
        suffixed = [name for name in _names(made.attributes) if name.lower().endswith(key.lower())]
        value = find(made.attributes, suffixed[0]) if suffixed else None
    if value is None:
        value = made.id if key.endswith("Id") else None
    return value


def _names(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [str(key) for key in value] + [name for inner in value.values() for name in _names(inner)]
    return [name for inner in value for name in _names(inner)] if isinstance(value, list) else []
