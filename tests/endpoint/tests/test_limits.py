"""Limits of single resources: the last size that AWS takes is taken, the next is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import pytest
import yaml

from test_stacks import deploy, failures, fresh  # noqa: F401

from tenantry_endpoint.cloudformation.limits import Limit, limits, most, need_room
from tenantry_endpoint.errors import AwsError

Client = Callable[..., Any]

PEM = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
TRUST: dict[str, Any] = {"Version": "2012-10-17", "Statement": []}


def document(size: int) -> dict[str, Any]:
    """A policy of so many characters, white space left out."""
    empty = len(json.dumps({"Version": ""}, separators=(",", ":")))
    return {"Version": "x" * (size - empty)}


#: What counts as so much, by the way of counting.
OF_SIZE: dict[str, Callable[[int], Any]] = {
    "entries": lambda size: [{}] * size,
    "value": str,
    "characters": document,
    "bytes": lambda size: "é" * (size // 2) + "x" * (size % 2),
    "pairs": lambda size: {"K": "v" * (size - 1)},
    "certificates": lambda size: PEM * size,
}


def properties(limit: Limit, size: int) -> dict[str, Any]:
    """Properties of a resource that holds so much of a limit, at the limit's path."""
    size = (size - limit.plus) * (1024 if limit.unit == "KiB" and limit.counts != "value" else 1)
    value: Any = OF_SIZE[limit.counts](size)
    for step in reversed(limit.property.split(".")):
        value = {step.removesuffix("[]"): [value] if step.endswith("[]") else value}
    return dict(value)


@pytest.mark.parametrize("limit", limits(), ids=lambda limit: f"{limit.id}-{limit.property}")
def test_a_resource_holds_its_limit_and_not_one_more(limit: Limit) -> None:
    need_room(None, limit.kind, properties(limit, limit.most), creates=False)  # type: ignore[arg-type]
    with pytest.raises(AwsError, match=f"{limit.most + 1} of at most {limit.most}"):
        need_room(None, limit.kind, properties(limit, limit.most + 1), creates=False)  # type: ignore[arg-type]


def test_policies_of_a_role_add_up_and_a_dashboard_is_looked_into() -> None:
    policies = [{"PolicyDocument": document(4000)}, {"PolicyDocument": document(6241)}]
    with pytest.raises(AwsError, match="10241 of at most 10240"):
        need_room(None, "AWS::IAM::Role", {"Policies": policies}, creates=False)  # type: ignore[arg-type]
    body = json.dumps({"widgets": [{}] * 501})
    with pytest.raises(AwsError, match="501 of at most 500"):
        need_room(None, "AWS::CloudWatch::Dashboard", {"DashboardBody": body}, creates=False)  # type: ignore[arg-type]


def test_a_resource_beyond_its_limit_fails_its_stack_on_creation_and_update(client: Client) -> None:
    def body(timeout: int) -> str:
        return yaml.safe_dump({"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {
            "VisibilityTimeout": timeout}}}})

    cloud = client("cloudformation")
    assert deploy(cloud, "beyond", body(43201), "CREATE")["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "43201 of at most 43200 seconds" in failures(cloud, "beyond")[0]
    assert deploy(cloud, "within", body(43200), "CREATE")["StackStatus"] == "CREATE_COMPLETE"
    assert deploy(cloud, "within", body(43201))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


def test_a_region_has_ten_resource_policies_of_logs(client: Client) -> None:
    def body(many: int) -> str:
        return yaml.safe_dump({"Resources": {f"P{n}": {"Type": "AWS::Logs::ResourcePolicy", "Properties": {
            "PolicyName": f"p{n}", "PolicyDocument": json.dumps(TRUST)}} for n in range(many)}})

    cloud = client("cloudformation")
    assert deploy(cloud, "s", body(10), "CREATE")["StackStatus"] == "CREATE_COMPLETE", failures(cloud, "s")
    assert deploy(cloud, "s", body(11))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "at most 10 in a Region" in failures(cloud, "s")[0]


class FullTable:
    """A place whose route table holds so many routes beside the local one."""

    def __init__(self, routes: int) -> None:
        self.routes = routes

    def call(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {"RouteTables": [{"Routes": [{"GatewayId": "local"}] + [{"GatewayId": "igw-1"}] * self.routes}]}


def test_a_route_table_holds_its_routes_and_not_one_more() -> None:
    need_room(FullTable(most("vpc-routes-per-table") - 1), "AWS::EC2::Route", {"RouteTableId": "r"}, creates=True)  # type: ignore[arg-type]
    with pytest.raises(AwsError, match="at most 500 routes"):
        need_room(FullTable(most("vpc-routes-per-table")), "AWS::EC2::Route", {"RouteTableId": "r"}, creates=True)  # type: ignore[arg-type]


EXPECTED = Path(__file__).parents[2] / "templates" / "expected"


class Long(yaml.SafeLoader):
    """Reads a template's short forms as the text or value that they hold."""


def _short(loader: yaml.SafeLoader, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    return loader.construct_sequence(node, deep=True) if isinstance(node, yaml.SequenceNode) else (
        loader.construct_mapping(node, deep=True))


Long.add_multi_constructor("!", _short)
Long.add_constructor("tag:yaml.org,2002:timestamp", Long.construct_scalar)  # a policy's version stays text


@pytest.mark.parametrize("name", ["acme.yaml", "control-plane.yaml"])
def test_the_rendered_templates_are_within_every_limit(name: str) -> None:
    resources = yaml.load((EXPECTED / name).read_text(), Long)["Resources"]
    held = {limit.kind for limit in limits()} & {resource["Type"] for resource in resources.values()}
    assert len(held) >= 3, "the limits say something about the templates"
    for resource in resources.values():
        # What counts resources of a Region needs one; the sizes need none.
        need_room(None, resource["Type"], resource.get("Properties") or {}, creates=False)  # type: ignore[arg-type]
