"""EventBridge: events reach the targets of the rules that they match: another bus, or an API destination.

moto keeps rules, buses and connections; it delivers to no bus with its policy, and sends no body to an API destination. Sources:
Amazon EventBridge User Guide, "Events from AWS services", "Sending and receiving events between accounts", "API destinations",
"Using dead-letter queues to process undelivered events", "Input transformation". A delivery that fails is tried no further here:
it is in the dead-letter queue at once.
"""

from __future__ import annotations

import json
import re
import uuid
from datetime import datetime, timezone
from typing import Any

from moto.events.models import EventPattern, events_backends

from ..errors import AwsError
from ..identity import Role, decide, is_enforced
from ..internal import call as internal_call
from ..operations import Answer, Call, operation
from . import pager

#: Events may be passed on from bus to bus once.
_HOPS = 2


class Undelivered(Exception):
    """A target that took no event: the code is that of the dead-letter queue's message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def emit(account: str, region: str, source: str, detail_type: str, detail: dict[str, Any], bus: str = "default",
         resources: list[str] | None = None) -> str:
    """Put an event onto a bus of an account and Region."""
    event = {"version": "0", "id": str(uuid.uuid4()), "detail-type": detail_type, "source": source, "account": account,
             "time": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "region": region,
             "resources": resources or [], "detail": detail}
    _arrive(account, region, bus, event, _HOPS)
    return str(event["id"])


def _arrive(account: str, region: str, bus: str, event: dict[str, Any], hops: int) -> None:
    found = events_backends[account][region].event_buses.get(bus)
    for rule in list(found.rules.values()) if found else []:
        if rule.state != "ENABLED" or not EventPattern.load(rule.event_pattern.dump()).matches_event(event):
            continue
        for target in list(rule.targets):
            try:
                _deliver(account, region, target, event, hops)
            except (Undelivered, AwsError) as error:
                code = error.code if isinstance(error, Undelivered) else "NO_PERMISSIONS"
                _dead_letter(account, region, rule.arn, target, event, str(code), str(error))


def _deliver(account: str, region: str, target: dict[str, Any], event: dict[str, Any], hops: int) -> None:
    arn = str(target["Arn"])
    _, partition, service, to_region, to_account, resource = arn.split(":", 5)
    kind, _, name = resource.partition("/")
    if (service, kind) == ("events", "event-bus"):
        _may(target, "events:PutEvents", arn)
        there = events_backends[to_account][to_region].event_buses.get(name)
        if there is None:
            raise Undelivered("RESOURCE_NOT_FOUND", f"event bus {arn} does not exist")
        if to_account != account and not _is_let_in(there.policy, account, partition, arn):
            raise Undelivered("NO_PERMISSIONS", f"the policy of {arn} does not let account {account} in")
        if hops > 0:
            _arrive(to_account, to_region, name, event, hops - 1)
    elif (service, kind) == ("events", "api-destination"):
        _may(target, "events:InvokeApiDestination", arn)
        _call(events_backends[to_account][to_region], name.split("/")[0], target, event)
    else:
        raise Undelivered("SDK_CLIENT_ERROR", f"the local endpoint does not deliver to {arn}")


def _may(target: dict[str, Any], action: str, arn: str) -> None:
    if not is_enforced():
        return
    role = Role(str(target.get("RoleArn") or "arn:aws:iam::000000000000:role/none"))
    if not role.trusts("events.amazonaws.com") or role.may(action, arn, {"aws:PrincipalAccount": role.account}) is not True:
        raise Undelivered("NO_PERMISSIONS", f"{role.arn} may not {action} on {arn}")


def _is_let_in(policy: str | None, account: str, partition: str, arn: str) -> bool:
    whoever = (account, f"arn:{partition}:iam::{account}:root", "*")
    named = []
    for statement in json.loads(policy or '{"Statement": []}')["Statement"]:
        principal = statement.get("Principal")
        principals = principal.get("AWS") if isinstance(principal, dict) else principal
        if any(one in whoever for one in (principals if isinstance(principals, list) else [principals])):
            # Members of the organisation: every account here is one.
            named.append({key: value for key, value in statement.items() if key not in ("Principal", "Condition")})
    return decide([{"Statement": named}], "events:PutEvents", arn, {}) is True


def _call(backend: Any, name: str, target: dict[str, Any], event: dict[str, Any]) -> None:
    destination = backend.destinations.get(name)
    if destination is None:
        raise Undelivered("RESOURCE_NOT_FOUND", f"API destination {name} does not exist")
    connections = [one for one in backend.connections.values() if one.arn == destination.connection_arn]
    if not connections or connections[0].state != "AUTHORIZED":
        state = connections[0].state if connections else "gone"
        raise Undelivered("CONNECTION_FAILURE", f"the connection of {name} is {state}")
    given = connections[0].auth_parameters
    try:
        body = json.loads(transformed(target, event))
    except ValueError as error:
        raise Undelivered("INVALID_JSON", f"the input transformer gives no JSON: {error}") from None
    for parameter in (given.get("InvocationHttpParameters") or {}).get("BodyParameters") or []:
        body[parameter["Key"]] = parameter["Value"]
    key = given["ApiKeyAuthParameters"]
    status, answer = pager.enqueue(destination.invocation_endpoint, {key["ApiKeyName"]: key["ApiKeyValue"]}, body)
    if status >= 300:
        raise Undelivered("SDK_CLIENT_ERROR", f"HTTP {status}: {answer}")


def transformed(target: dict[str, Any], event: dict[str, Any]) -> str:
    """What a target gets: in quotes a variable is its text as it is, elsewhere its JSON; of a path that leads nowhere nothing."""
    transformer = target.get("InputTransformer")
    if not transformer:
        return json.dumps(event)
    text = str(transformer["InputTemplate"])
    for variable, path in (transformer.get("InputPathsMap") or {}).items():
        value: Any = event
        for step in path.removeprefix("$").strip(".").split("."):
            value = value.get(step) if isinstance(value, dict) else None
        bare = "" if value is None else json.dumps(value)
        quoted = value if isinstance(value, str) else bare
        inside = re.compile(r'("(?:[^"\\]|\\.)*")')
        text = "".join(part.replace(f"<{variable}>", quoted if part.startswith('"') else bare)
                       for part in inside.split(text))
    return text


def _dead_letter(account: str, region: str, rule: str, target: dict[str, Any], event: dict[str, Any], code: str,
                 message: str) -> None:
    queue = (target.get("DeadLetterConfig") or {}).get("Arn")
    if not queue:
        return
    *_, to_region, to_account, name = queue.split(":")
    attributes = {"ERROR_CODE": code, "ERROR_MESSAGE": message, "RULE_ARN": rule, "TARGET_ARN": target["Arn"]}
    try:
        url = internal_call(to_account, to_region, "sqs", "GetQueueUrl", QueueName=name)["QueueUrl"]
        internal_call(to_account, to_region, "sqs", "SendMessage", QueueUrl=url, MessageBody=json.dumps(event),
                      MessageAttributes={key: {"DataType": "String", "StringValue": value}
                                         for key, value in attributes.items()})
    except AwsError:
        return  # a queue that is gone takes nothing: the event is lost, as it is there


@operation("events", "PutEvents")
def put_events(call: Call) -> Answer:
    """PutEvents: to buses of the caller's account; sources of AWS are not for callers."""
    entries: list[Answer] = []
    for entry in call.parameters["Entries"]:
        if str(entry.get("Source", "")).startswith("aws."):
            entries.append({"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": "Not authorized for the source."})
            continue
        bus = str(entry.get("EventBusName") or "default").rsplit("/", 1)[-1]
        ident = emit(call.account, call.region, entry["Source"], entry["DetailType"], json.loads(entry["Detail"]), bus,
                     entry.get("Resources"))
        entries.append({"EventId": ident})
    return {"FailedEntryCount": sum("ErrorCode" in entry for entry in entries), "Entries": entries}


@operation("events", "DescribeConnection")
def describe_connection(call: Call) -> Answer:
    """DescribeConnection shows no secret."""
    answer = call.inner()
    given = answer.get("AuthParameters") or {}
    key = given.get("ApiKeyAuthParameters") or {}
    body = (given.get("InvocationHttpParameters") or {}).get("BodyParameters") or []
    shown = {"ApiKeyAuthParameters": {"ApiKeyName": key.get("ApiKeyName")}, "InvocationHttpParameters": {"BodyParameters": [
        {k: v for k, v in row.items() if k != "Value" or not row.get("IsValueSecret")} for row in body]}}
    return {key: value for key, value in answer.items() if key != "AuthParameters"} | {"AuthParameters": shown}


@operation("events", "DeauthorizeConnection")
def deauthorize_connection(call: Call) -> Answer:
    """DeauthorizeConnection: the connection has no secret until it is updated."""
    connection = events_backends[call.account][call.region].connections.get(call.parameters["Name"])
    if connection is None:
        raise AwsError("ResourceNotFoundException", f"Connection '{call.parameters['Name']}' does not exist.")
    connection.state = "DEAUTHORIZED"
    return {"ConnectionArn": connection.arn, "ConnectionState": connection.state}
