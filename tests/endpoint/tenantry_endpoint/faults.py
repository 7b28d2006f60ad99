"""Faults on demand: a share of calls is throttled, failed, delayed, cut, denied or refused; off until asked for.

Rules come as JSON to `/_tenantry/faults`: `{"seed": 1, "rules": [{"service": "cloudformation", "operation": "*",
"kind": "throttle", "share": 0.3, "times": 100, "account": "…", "seconds": 0.2}]}`. `times` bounds how often a rule
acts; the share is drawn from a seeded generator, so that a run can be repeated. These kinds spoil no call:

- `resource` fails what a stack operation does to the resource `logical` of the stack `stack` in the phase `phase`; a
  creation fails after its service has created the resource.
- `hold` keeps the operation of a stack in the status `status` for as long as the rule is there.
- `validation` is an answer of CloudFormation's validation about a change set: `status` FAILED or SKIPPED, `mode` FAIL or
  WARN, `name` and `reason`.
- `hook` is a Hook of the organisation that objects to a change set: `name` is its type, `mode` FAIL or WARN; `rule`,
  `severity`, `reason`, `remedy` and `link` are its annotation ("View details for Hooks invocation results", CloudFormation
  User Guide).
"""

from __future__ import annotations

import fnmatch
import random
import threading
import time
from dataclasses import dataclass
from typing import Any

from moto.core.request import Request
from moto.iam.models import get_account_id_from

from . import wire

#: kind → (HTTP status, code, message) as the services answer. "Common Error Types", API references of each service.
ANSWERS: dict[str, tuple[int, str, str]] = {
    "throttle": (400, "Throttling", "Rate exceeded"),
    "internal": (500, "InternalFailure", "The request processing has failed because of an unknown error."),
    "unavailable": (503, "ServiceUnavailable", "The request has failed due to a temporary failure of the server."),
    "expired": (403, "ExpiredToken", "The security token included in the request is expired"),
    "denied": (403, "AccessDenied", "User is not authorized to perform this operation"),
    "not-implemented": (501, "NotImplemented", "This operation is not implemented"),
}
#: Kinds that let the service act before the answer is spoilt.
AFTER = {"reset-after", "cut"}
#: Kinds that act inside stacks and spoil no call.
INSIDE = {"resource", "hold", "validation", "hook"}
KINDS = set(ANSWERS) | AFTER | INSIDE | {"delay", "reset"}
#: What a stack operation does to a resource.
PHASES = {"create", "update", "rollback", "delete", "import", "import-rollback"}
#: The longest delay that a rule may ask for, in seconds.
LONGEST_DELAY = 60.0

_lock = threading.Lock()
_rules: list["Rule"] = []
_random = random.Random(0)


@dataclass
class Rule:
    """One kind of fault for the calls that it matches."""

    kind: str
    service: str = "*"
    operation: str = "*"
    account: str = "*"
    region: str = "*"
    stack: str = "*"
    logical: str = "*"
    phase: str = "create"
    status: str = ""
    mode: str = "FAIL"
    name: str = ""
    reason: str = ""
    rule: str = ""
    severity: str = "HIGH"
    remedy: str = ""
    link: str = ""
    share: float = 1.0
    times: int = 1_000_000
    seconds: float = 0.1
    met: int = 0


def install(document: Any) -> None:
    """Replace the rules by those of a document. Raises ValueError for a kind or a value that makes no sense."""
    rules = document.get("rules", []) if isinstance(document, dict) else document
    made = []
    for rule in rules:
        found = Rule(**rule)
        if found.kind not in KINDS:
            raise ValueError(f"unknown fault kind {found.kind!r}, one of {sorted(KINDS)}")
        if found.phase not in PHASES:
            raise ValueError(f"unknown phase {found.phase!r}, one of {sorted(PHASES)}")
        if not 0 <= found.share <= 1 or not 0 <= found.seconds <= LONGEST_DELAY:
            raise ValueError("share is 0 to 1, seconds 0 to 60")
        made.append(found)
    with _lock:
        _rules[:] = made
        _random.seed(document.get("seed", 0) if isinstance(document, dict) else 0)


def clear() -> None:
    """Remove every rule."""
    with _lock:
        _rules.clear()


def describe() -> list[dict[str, Any]]:
    """The rules with how often each has acted."""
    with _lock:
        return [dict(vars(rule)) for rule in _rules]


def any_active() -> bool:
    """Whether any rule is installed that spoils calls."""
    return any(rule.kind not in INSIDE for rule in _rules)


def _concerns(rule: Rule, account: str, region: str, stack: str) -> bool:
    return all(fnmatch.fnmatchcase(value, pattern)
               for value, pattern in ((account, rule.account), (region, rule.region), (stack, rule.stack)))


def fails(account: str, region: str, stack: str, logical: str, phase: str = "create") -> bool:
    """Whether a rule fails this resource in this phase of a stack operation."""
    with _lock:
        for rule in _rules:
            if (rule.kind == "resource" and rule.phase == phase and rule.met < rule.times
                    and _concerns(rule, account, region, stack) and fnmatch.fnmatchcase(logical, rule.logical)):
                rule.met += 1
                return True
    return False


def holds(account: str, region: str, stack: str, status: str) -> bool:
    """Whether a rule keeps a stack in this status."""
    with _lock:
        return any(rule.kind == "hold" and rule.status == status and _concerns(rule, account, region, stack)
                   for rule in _rules)


def objections(kind: str, account: str, region: str, stack: str | None) -> list[Rule]:
    """What the rules of kind `validation` or `hook` say about change sets of a stack, or of any."""
    with _lock:
        return [rule for rule in _rules if rule.kind == kind
                and _concerns(rule, account, region, rule.stack if stack is None else stack)]


@dataclass
class Met:
    """A fault that is about to act on one request."""

    rule: Rule
    service: str
    request_protocol: str

    @property
    def acts_first(self) -> bool:
        """Whether the service handles the request before the fault shows."""
        return self.rule.kind in AFTER or self.rule.kind == "delay"

    def respond(self, environ: dict[str, Any],
                response: tuple[int, dict[str, str], bytes] | None = None) -> tuple[int, dict[str, str], bytes]:
        """The spoilt answer; a reset closes the connection under the caller."""
        kind = self.rule.kind
        if kind == "delay":
            time.sleep(self.rule.seconds)
            assert response is not None
            return response
        if kind in ("reset", "reset-after"):
            _close(environ)
            raise ConnectionAbortedError("fault: reset")
        if kind == "cut":
            assert response is not None
            status, headers, body = response
            headers = {key: value for key, value in headers.items() if key.lower() != "content-length"}
            return status, headers | {"Content-Length": str(len(body) + 1)}, body[: len(body) // 2]
        return _error(self.service, self.request_protocol, *ANSWERS[kind])


def _close(environ: dict[str, Any]) -> None:
    import socket
    import struct

    connection = environ.get("werkzeug.socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()


def _error(service: str, protocol: str, status: int, code: str, message: str) -> tuple[int, dict[str, str], bytes]:
    from . import cbor, rpc

    if service == "s3" and code == "Throttling":
        status, code, message = 503, "SlowDown", "Please reduce your request rate."
    if service == "ec2" and code == "Throttling":
        code = "RequestLimitExceeded"
    if protocol == "cbor":
        return status, dict(rpc.HEADERS), cbor.dumps({"__type": code, "message": message})
    if protocol in ("json", "rest-json"):
        code = {"Throttling": "ThrottlingException", "ExpiredToken": "ExpiredTokenException",
                "AccessDenied": "AccessDeniedException"}.get(code, code)
        body = f'{{"__type":"{code}","message":"{message}"}}'
        return status, {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": code}, body.encode()
    detail = f"<Code>{code}</Code><Message>{message}</Message>"
    if protocol == "ec2":
        body = f"<Response><Errors><Error>{detail}</Error></Errors><RequestID>fault</RequestID></Response>"
    elif service == "s3":
        body = f"<Error>{detail}<RequestId>fault</RequestId></Error>"
    else:
        body = f"<ErrorResponse><Error><Type>Sender</Type>{detail}</Error><RequestId>fault</RequestId></ErrorResponse>"
    return status, {"Content-Type": "text/xml"}, body.encode()


def meet(request: Request) -> Met | None:
    """The fault, if any, that acts on a request."""
    scope = wire.credential_scope(request.headers.get("Authorization"))
    if scope is None:
        return None
    access_key, region, signing_name = scope
    service = wire.service_of(signing_name, request.path)
    from . import rpc

    name, protocol = rpc.operation_of(request.environ) or "", "cbor"
    if not name:
        try:
            body = request.get_data()
            from .application import rewind

            rewind(request.environ, body)
            incoming = wire.recognise(service, Request(request.environ))
            rewind(request.environ, body)
        except Exception:
            return None
        name = str(incoming.operation.name) if incoming else ""
        protocol = incoming.protocol if incoming else "rest-json"
    account = get_account_id_from(access_key)
    with _lock:
        for rule in _rules:
            matches = rule.kind not in INSIDE and all(
                fnmatch.fnmatchcase(value, pattern)
                for value, pattern in ((service, rule.service), (name, rule.operation), (account, rule.account),
                                       (region, rule.region))
            )
            if matches and rule.met < rule.times and _random.random() < rule.share:
                rule.met += 1
                return Met(rule, service, protocol)
    return None


