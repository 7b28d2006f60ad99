"""What the handlers of a stack's resources may do: the role of the stack against policies/registry.json.

Each handler needs the permissions that the registry's schema of its type lists, less those of `only_with` in
policies/resources.yaml whose property is not set, and those of `permissions` there. An action is asked for the ARNs that it can be restricted to, filled in
with what is known of the resource; what is not known yet is a name that no policy can have meant.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Iterator

from ..errors import AwsError
from ..identity import Context, Role, is_enforced
from ..tables import POLICIES, resource_types
from .resources.kind import Made, Place

#: A name in place of one that is generated or not known.
UNKNOWN = "tenantry-endpoint-unknown"


@dataclass(frozen=True)
class Types:
    """The two tables."""

    registry: dict[str, Any]
    rows: dict[str, Any]
    #: Action in lower case → the ARN formats that it takes.
    actions: dict[str, list[str]]


@lru_cache(maxsize=1)
def types() -> Types:
    """The tables of this repository."""
    told = json.loads((POLICIES / "registry.json").read_text())
    return Types(told["types"], resource_types(), {action.lower(): formats for action, formats in told["actions"].items()})


def is_readable(kind: str) -> bool:
    """Whether CloudFormation and Cloud Control can read a type: its registry schema has a read handler. A type that the
    table lacks counts as one that can be read."""
    row = types().registry.get(kind)
    return row is None or "read" in row["handlers"]


def _values(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _values(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _values(inner)
    elif isinstance(value, str):
        yield value


def _has(properties: Any, name: str) -> bool:
    """Whether a property is set at any depth."""
    if isinstance(properties, dict):
        return name in properties or any(_has(inner, name) for inner in properties.values())
    return isinstance(properties, list) and any(_has(inner, name) for inner in properties)


def _matches(pattern: str, action: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), action, re.I) is not None


def permissions(kind: str, handler: str, properties: dict[str, Any]) -> list[str]:
    """The actions that a handler needs for these properties; none where the registry lists no handlers."""
    known = types()
    listed = (known.registry.get(kind, {}).get("handlers") or {}).get(handler, [])
    row = known.rows.get(kind) or {}
    only, added = row.get("only_with") or {}, (row.get("permissions") or {}).get(handler, [])
    left = [pattern for name, patterns in only.items() if not _has(properties, name) for pattern in patterns]
    # Some schemas name actions that IAM does not know, so that no policy could allow them.
    real = [action for action in listed if "*" in action or action.lower() in known.actions]
    return [action for action in real if not any(_matches(pattern, action) for pattern in left)] + added


def _objects(properties: Any, partition: str) -> Iterator[str]:
    """The ARNs of the objects that properties name by bucket and key (`S3Bucket`, `CaCertificatesBundleS3Key`)."""
    if isinstance(properties, dict):
        for name, bucket in properties.items():
            key = properties.get(name.removesuffix("Bucket") + "Key") if name.endswith("S3Bucket") else None
            if isinstance(bucket, str) and isinstance(key, str):
                yield f"arn:{partition}:s3:::{bucket}/{key}"
            yield from _objects(bucket, partition)
    elif isinstance(properties, list):
        for inner in properties:
            yield from _objects(inner, partition)


def _resources(place: Place, kind: str, action: str, physical: str, properties: dict[str, Any], told: Any) -> list[str]:
    """The ARNs that an action is asked for."""
    formats = types().actions.get(action.lower())
    if not formats:
        return ["*"]
    service = action.split(":")[0].lower()
    objects = list(_objects(properties, place.partition)) if service == "s3" else []
    if objects:
        return objects
    arns = [text for text in [physical, *_values(properties), *_values(told)]
            if text.startswith("arn:") and text.count(":") >= 5]
    shapes = [re.compile(re.sub(r"\\\$\\\{[^}]*\\\}", ".+", re.escape(form)), re.I) for form in formats]
    fitting = [arn for arn in arns if any(shape.fullmatch(arn) for shape in shapes)]
    if fitting and service != kind.split("::")[1].lower():
        return fitting
    naming = ((types().rows.get(kind) or {}).get("name") or {}).get("property")
    name = str(properties.get(naming) or "") if naming else ""
    plain = name or (physical if physical and not physical.startswith("arn:") else "")
    plain = plain.rsplit("/", 1)[-1] if plain.startswith("http") else plain
    generated = f"{place.stack}-{place.logical}-{place.suffix}" if place.stack else UNKNOWN
    known = {"Partition": place.partition, "Region": place.region, "Account": place.account}
    made = []
    for form in formats:
        def fill(found: re.Match[str]) -> str:
            return known.get(found[1]) or plain.lstrip("/" if "parameter" in form else "\0") or generated

        made.append(re.sub(r"\$\{([^}]*)\}", fill, form))
    return fitting + made


def _context(place: Place, kind: str, action: str, properties: dict[str, Any]) -> Context:
    service = kind.split("::")[1].lower()
    context: dict[str, Any] = {"aws:RequestedRegion": place.region, "aws:PrincipalAccount": place.account,
                               "aws:SourceAccount": place.account}
    for tag in properties.get("Tags") or []:
        if isinstance(tag, dict) and "Key" in tag:
            context[f"aws:RequestTag/{tag['Key']}"] = context[f"aws:ResourceTag/{tag['Key']}"] = str(tag.get("Value"))
    if action.startswith("iam:") and properties.get("PermissionsBoundary"):
        context["iam:PermissionsBoundary"] = properties["PermissionsBoundary"]
    if action.startswith("kms:") and service != "kms":
        context["kms:ViaService"] = f"{service}.{place.region}.amazonaws.com"
    return context


def need(role: str | None, place: Place, kind: str, handler: str, properties: dict[str, Any],
         made: Made | None = None) -> None:
    """Raise what the handler's service would say if the stack's role lacks a permission of the handler."""
    if not role or not is_enforced():
        return
    known = Role(role)
    physical, told = (made.id, made.attributes) if made else ("", {})
    for action in permissions(kind, handler, properties):
        if action.lower() == "iam:passrole":
            _pass_roles(known, place, properties)
        elif action.lower() == "iam:createservicelinkedrole":
            continue
        else:
            known.need(action, _resources(place, kind, action, physical, properties, told),
                       _context(place, kind, action, properties))


def _pass_roles(known: Role, place: Place, properties: dict[str, Any]) -> None:
    for arn in {text for text in _values(properties) if re.match(r"arn:[^:]+:iam::\d+:role/", text)}:
        try:
            services = Role(arn).services()
        except AwsError:
            services = []
        for service in services or [""]:
            known.need("iam:PassRole", [arn], {"iam:PassedToService": service, "aws:PrincipalAccount": place.account})


def assume(role: str | None) -> None:
    """CloudFormation takes a role, or says that it cannot."""
    if role and is_enforced() and not Role(role).trusts("cloudformation.amazonaws.com"):
        raise AwsError("ValidationError", f"Role {role} is invalid or cannot be assumed")
