"""What a single resource may hold at most, as its service refuses it when the handler sends it.

In: a type and its resolved properties. Out: an error that names the limit. The limits are the rows of
`policies/quotas.yaml` with `of`, which says what they count; defaults of a new account: a limit that AWS raises on request
holds here as it is.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Callable, Iterator

from ..errors import AwsError
from ..tables import quotas
from .resources.kind import Place, Properties


def _compact(document: Any) -> str:
    """A text as it is, anything else as JSON without white space."""
    return document if isinstance(document, str) else json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def _policy(document: Any) -> str:
    """A policy as it is counted: JSON without white space."""
    try:
        return _compact(json.loads(document)) if isinstance(document, str) else _compact(document)
    except ValueError:
        return str(document)


#: How a property is counted (`as` of a row).
COUNTS: dict[str, Callable[[Any], int]] = {
    "entries": len,
    "value": int,
    "characters": lambda value: len(_policy(value)),
    "bytes": lambda value: len(_compact(value).encode()),
    "pairs": lambda value: sum(len(str(text).encode()) for pair in value.items() for text in pair),
    "certificates": lambda value: str(value).count("-----BEGIN CERTIFICATE-----"),
}


def _walk(value: Any, steps: list[str]) -> Iterator[Any]:
    """The values at a path; `A[]` takes every entry of a list, and JSON in a text is looked into."""
    if not steps:
        yield value
        return
    try:
        inner = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return
    key = steps[0].removesuffix("[]")
    if isinstance(inner, dict) and inner.get(key) is not None:
        for item in inner[key] if steps[0].endswith("[]") else [inner[key]]:
            yield from _walk(item, steps[1:])


@dataclass(frozen=True)
class Limit:
    """A limit of one resource: what one row counts in resources of one type."""

    id: str
    kind: str
    name: str
    most: int
    unit: str
    property: str
    counts: str
    plus: int

    def sizes(self, properties: Properties) -> Iterator[int]:
        """What a resource holds, in the row's unit."""
        found = [COUNTS[self.counts](value) for value in _walk(properties, self.property.split("."))]
        if found:
            size = sum(found) + self.plus
            yield math.ceil(size / 1024) if self.unit == "KiB" and self.counts != "value" else size


@lru_cache(maxsize=1)
def _rows() -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in quotas()}


@lru_cache(maxsize=1)
def limits() -> list[Limit]:
    """Every limit that the properties of one resource show."""
    return [Limit(row["id"], of["type"], row["name"], row["default"], row["unit"], of["property"],
                  of.get("as", "entries"), of.get("plus", 0))
            for row in _rows().values() for of in row.get("of", []) if "property" in of]


def most(quota: str) -> int:
    """The default of a quota."""
    return int(_rows()[quota]["default"])


#: type → operation that lists what a region has, member of the answer, and the quota. Routes count for each table.
COUNTED = {
    "AWS::Logs::ResourcePolicy": ("logs", "DescribeResourcePolicies", "resourcePolicies", "logs-resource-policies"),
}


def need_room(place: Place, kind: str, properties: Properties, creates: bool) -> None:
    """Refuse properties beyond a limit of one resource, and one more of what a region holds a fixed number of."""
    for limit in limits():
        if limit.kind == kind:
            for size in limit.sizes(properties):
                if size > limit.most:
                    raise AwsError("ServiceLimitExceeded", f"{limit.name}: {size} of at most {limit.most} {limit.unit}")
    if not creates:
        return
    if kind in COUNTED:
        service, operation, member, quota = COUNTED[kind]
        if len(place.call(service, operation).get(member, [])) >= most(quota):
            raise AwsError("ServiceLimitExceeded", f"{kind}: at most {most(quota)} in a Region")
    if kind == "AWS::EC2::Route":
        tables = place.call("ec2", "DescribeRouteTables", RouteTableIds=[properties["RouteTableId"]])["RouteTables"]
        # The local route of the VPC does not count.
        own = [route for table in tables for route in table.get("Routes", []) if route.get("GatewayId") != "local"]
        routes = most("vpc-routes-per-table")
        if len(own) >= routes:
            raise AwsError("ServiceLimitExceeded", f"route table {properties['RouteTableId']}: at most {routes} routes")
