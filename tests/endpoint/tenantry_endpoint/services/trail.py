"""CloudTrail LookupEvents over the calls that changed something ("Viewing events with CloudTrail Event history").

Every successful call of a caller outside is remembered with the names that stand in its parameters and the ids in its
answer. Reads, data events and the calls that CloudFormation makes for its stacks are not.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from typing import Any, Iterator

from moto.core.request import Request
from moto.iam.models import get_account_id_from
from moto.sts.models import sts_backends

from .. import wire
from ..errors import AwsError
from ..operations import Answer, Call, operation
from ..state import store

READS = ("Describe", "List", "Get", "Head", "Lookup", "Assume", "Batch", "Detect", "Receive", "Send", "Select")
IDS = re.compile(rb"\b(?:vpc|subnet|sg|rtb|acl|igw|nat|vpce|eni|pcx|i|eipalloc|fl|eigw|vgw|tgw-attach)-[0-9a-f]{8,}\b")
#: CloudTrail keeps 90 days; here the newest of these.
MOST = 5000


class Trail:
    """The events of one account and region, oldest first."""

    def __init__(self) -> None:
        self.events: list[Answer] = []


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str) and 0 < len(value) < 300:
        yield value
        yield from (part for part in (value.rsplit("/", 1)[-1], value.rsplit(":", 1)[-1]) if part != value)


def _user(account: str, access_key: str) -> str:
    role = sts_backends[account]["global"].get_assumed_role_from_access_key(access_key)
    return str(role.session_name) if role else access_key


def recognised(environ: dict[str, Any]) -> Answer | None:
    """What a request would do, if it is one that changes something; reads the body and leaves it as it was."""
    from .. import application

    scope = wire.credential_scope(environ.get("HTTP_AUTHORIZATION"))
    method = environ.get("REQUEST_METHOD")
    name = environ.get("HTTP_X_AMZ_TARGET", "").rsplit(".", 1)[-1]
    if scope is None or method in ("GET", "HEAD") or name.startswith(READS):
        return None
    access_key, region, signing_name = scope
    service = wire.service_of(signing_name, environ.get("PATH_INFO", ""))
    if service == "s3" and environ.get("PATH_INFO", "").strip("/").count("/"):
        return None
    body = Request(environ).get_data(cache=True, parse_form_data=False)
    application.rewind(environ, body)
    if b"Action=Describe" in body or b"Action=List" in body or b"Action=Get" in body:
        return None
    try:
        incoming = application.recognised(environ, service)
    except Exception:  # what cannot be read is answered by the service, and is no event
        incoming = None
    if incoming is None or str(incoming.operation.name).startswith(READS):
        return None
    account = environ.get("HTTP_X_MOTO_ACCOUNT_ID") or get_account_id_from(access_key)
    return {"service": service, "name": str(incoming.operation.name), "parameters": incoming.parameters,
            "account": account, "region": region, "access_key": access_key}


def record(seen: Answer, status: int, body: bytes) -> None:
    """Remember a call that succeeded."""
    if status >= 300:
        return
    names = set(_texts(seen["parameters"])) | {found.decode() for found in IDS.findall(body[:100_000])}
    user = _user(seen["account"], seen["access_key"])
    ident = str(uuid.uuid4())
    detail = {"eventID": ident, "eventName": seen["name"], "eventSource": f"{seen['service']}.amazonaws.com",
              "awsRegion": seen["region"], "userIdentity": {"type": "AssumedRole", "accountId": seen["account"],
              "arn": f"arn:aws:sts::{seen['account']}:assumed-role/{user}/{user}"},
              "requestParameters": seen["parameters"]}
    events = store(Trail, seen["account"], seen["region"]).events
    events.append({
        "EventId": ident, "EventName": seen["name"], "EventSource": f"{seen['service']}.amazonaws.com",
        "EventTime": time.time(), "ReadOnly": "false", "Username": user, "AccessKeyId": seen["access_key"],
        "Resources": [{"ResourceName": name} for name in sorted(names)],
        "CloudTrailEvent": json.dumps(detail, default=str)})
    del events[:-MOST]


def _matches(event: Answer, attribute: Answer) -> bool:
    key, value = attribute["AttributeKey"], attribute["AttributeValue"]
    if key == "ResourceName":
        return any(resource["ResourceName"] == value for resource in event["Resources"])
    if key in ("EventName", "EventSource", "Username", "EventId", "ReadOnly", "AccessKeyId"):
        return bool(event[key] == value)
    raise AwsError("InvalidLookupAttributesException", f"the local endpoint does not look up by {key}")


@operation("cloudtrail", "LookupEvents")
def lookup_events(call: Call) -> Answer:
    """LookupEvents: newest first, 50 a page."""
    events = list(reversed(store(Trail, call.account, call.region).events))
    found = [event for event in events if all(_matches(event, one) for one in call.get("LookupAttributes", []))]
    first, most = int(call.get("NextToken", "0")), int(call.get("MaxResults", 50))
    return {"Events": found[first:first + most]} | (
        {"NextToken": str(first + most)} if len(found) > first + most else {})
