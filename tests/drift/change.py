"""Changes resources of stacks behind CloudFormation's back, through the services' own APIs, as `changes.yaml` lists.

Usage: `change.py changes.yaml organisation account region round [sample]` with AWS_ENDPOINT_URL set. A sample is JSON:
`{"names": [...], "instead": {"cedar": "birch"}}`, the changes that are made (all without it), and tenants that stand for others. A call's parameters may
hold `{Logical}`, the physical id of a resource of the tenant's stack, `{Logical:name}`, what follows its last `/`, and `{$.path}`, a part of the answer to the call
before it (JMESPath). Prints one line of JSON for each change: its number and the answer's `$` of its last call.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
import zipfile
from typing import Any

import boto3
import jmespath
import yaml

PLACEHOLDER = re.compile(r"\{(\$?[A-Za-z][\w.\[\]]*(?::name)?|\$\.[\w.\[\]]+)\}")


def session_of(account: str, region: str) -> boto3.Session:
    """Credentials of somebody in the account."""
    sts = boto3.client("sts", endpoint_url=os.environ["AWS_ENDPOINT_URL"], region_name=region)
    role = f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole"
    given = sts.assume_role(RoleArn=role, RoleSessionName="mallory")["Credentials"]
    return boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], region_name=region)


class Tenant:
    """One tenant's stack, with what its placeholders mean."""

    def __init__(self, session: boto3.Session, stack: str, known: dict[str, str]) -> None:
        self.session, self.known, self.answer = session, dict(known), {}
        pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
        for page in pages:
            for row in page["StackResourceSummaries"]:
                self.known[row["LogicalResourceId"]] = row.get("PhysicalResourceId", "")

    def client(self, service: str) -> Any:
        """A client of a service."""
        client = self.session.client(service, endpoint_url=os.environ["AWS_ENDPOINT_URL"])
        # S3 Control writes the account before the endpoint's only address.
        client.meta.events.register("before-sign.s3-control", self.without_account)
        return client

    def without_account(self, request: Any, **_: Any) -> None:
        """Send a request to the endpoint itself."""
        request.url = request.url.replace(f"//{self.known['account']}.", "//")

    def text(self, name: str) -> Any:
        """What a placeholder means."""
        if name.startswith("$."):
            return jmespath.search(name[2:], self.answer)
        if name.endswith(":name"):
            return self.known[name.removesuffix(":name")].rsplit("/", 1)[-1]
        return self.known[name]

    def filled(self, value: Any) -> Any:
        """A value with its placeholders filled."""
        if isinstance(value, dict):
            if set(value) == {"json"}:
                return json.dumps(self.filled(value["json"]))
            if set(value) == {"zip"}:
                return zipped(value["zip"])
            if set(value) == {"edited"}:
                return self.edited(value["edited"])
            base = jmespath.search(value["$"], self.answer) if "$" in value else {}
            return base | {key: self.filled(inner) for key, inner in value.items() if key != "$"}
        if isinstance(value, list):
            return [self.filled(inner) for inner in value]
        if isinstance(value, str):
            return PLACEHOLDER.sub(lambda match: str(self.text(match[1])), value)
        return value

    def edited(self, changes: dict[str, dict[str, Any]]) -> str:
        """The template of the call before, with properties of some resources changed."""
        document = self.answer["TemplateBody"]
        for logical, properties in changes.items():
            document["Resources"][logical]["Properties"].update(properties)
        return json.dumps(document, separators=(",", ":"))

    def call(self, call: list[Any]) -> None:
        """Make one call: service, operation, parameters; or wait for something."""
        service, operation, parameters = call
        if service == "wait":
            waiter = self.client("cloudformation").get_waiter(operation)
            waiter.wait(**self.filled(parameters), WaiterConfig={"Delay": 0.2, "MaxAttempts": 300})
            return
        self.answer = getattr(self.client(service), operation)(**self.filled(parameters))


def zipped(text: str) -> bytes:
    """A zip with one file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("bootstrap", text)
    return buffer.getvalue()


def main() -> None:
    """Make the changes of one round."""
    file, organisation, account, region, turn, *rest = sys.argv[1:]
    sample = json.loads(rest[0]) if rest else None
    with open(file, encoding="utf-8") as text:
        changes = yaml.safe_load(text)["changes"]
    session = session_of(account, region)
    tenants: dict[str, Tenant] = {}
    for number, change in enumerate(changes):
        if change.get("round", "first") != turn:
            continue
        if sample and change["name"] not in sample.get("names", [change["name"]]):
            continue
        name = change["tenant"]
        name = sample["instead"].get(name, name) if sample else name
        known = {"account": account, "region": region, "tenant": name, "stack": f"{organisation}-{name}",
                 "bucket": f"{organisation}-artifacts-{account}-{region}", "object": "templates/edited.json"}
        tenant = tenants.setdefault(name, Tenant(session, f"{organisation}-{name}", known))
        try:
            for call in change["calls"]:
                tenant.call(call)
        except Exception as error:
            raise SystemExit(f"change {number} ({change['name']}): {error}") from error
    print(len(changes))


if __name__ == "__main__":
    main()
