"""Service-linked roles: a fresh account has none, and resources of some types need one.

In: a type, resolved properties, and the role of the stack. Out: an error where the service's role does not exist and the
service cannot make it in the caller's name. Held with `--enforce-iam` only: without it a caller may do everything, and
services that make their role on first use make it.

Sources: "Using service-linked roles" of the OpenSearch Service Developer Guide (a domain in a VPC needs it before it is
created with an API), of Elastic Load Balancing, Amazon ECS and IAM Roles Anywhere (made on first use, if the caller may
iam:CreateServiceLinkedRole).
"""

from __future__ import annotations

from functools import cache
from typing import Any

from moto.iam.models import iam_backends

from ..errors import AwsError
from ..identity import Role, is_enforced
from ..tables import resource_types
from .resources.kind import Place, Properties


@cache
def needed() -> dict[str, dict[str, Any]]:
    """Return the column `linked_role` of the table of resource types, by type."""
    return {kind: row["linked_role"] for kind, row in resource_types().items() if row.get("linked_role")}


def need(stack_role: str | None, place: Place, kind: str, properties: Properties) -> None:
    """Refuse a resource whose service-linked role does not exist and is not made on first use."""
    if not is_enforced() or kind not in needed():
        return
    row = needed()[kind]
    service, name = row["service"], row["role"]
    if "only_with" in row and not properties.get(row["only_with"]):
        return
    arn = f"arn:{place.partition}:iam::{place.account}:role/aws-service-role/{service}/{name}"
    roles = list(iam_backends[place.account][place.partition].roles.values())
    # The service's name decides: whatever made the role named it.
    if any(f"/aws-service-role/{service}/" in role.arn for role in roles):
        return
    may = not stack_role or Role(stack_role).may(
        "iam:CreateServiceLinkedRole", arn, {"iam:AWSServiceName": service}) is True
    if not (row.get("on_first_use") and may):
        raise AwsError("InvalidRequest", f"{kind}: the service-linked role of {service} does not exist; create it first")
    place.call("iam", "CreateServiceLinkedRole", AWSServiceName=service)
