"""The endpoint's own control paths: `/_tenantry/health`, `/_tenantry/reset`, `/_tenantry/faults`,
`/_tenantry/quotas`, `/_tenantry/offers`, `/_tenantry/zones`, `/_tenantry/pager`, `/_tenantry/assume`, `/_tenantry/poll` and
`/_tenantry/copies`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from . import copies, faults, state
from .errors import AwsError
from .identity import Role, tag_session
from .internal import call_moto
from .services import hosted_zones, offers, pager, queues, quotas


def _json(status: int, value: Any) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()


def _set(path: str, environ: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """Set what holds in an account: the value of a quota, the zones without a type of machine, a hosted zone,
    the paging service."""
    try:
        document = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        if path == "/_tenantry/quotas":
            quotas.apply(document["account"], document["region"], document["code"], float(document["value"]))
        elif path == "/_tenantry/zones":
            hosted_zones.say(document)
        elif path == "/_tenantry/pager":
            return _json(200, pager.say(document))
        else:
            offers.take_away(document)
    except (ValueError, TypeError, KeyError) as error:
        return _json(400, {"error": repr(error)})
    return _json(200, document)


def _assume(environ: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """The session that a service opens for what it runs: `{"role": ARN, "service": "lambda.amazonaws.com"}`, with session
    `tags` where the service gives them, as Roles Anywhere does of a certificate's subject. The role must trust the service;
    no caller of STS could open it."""
    try:
        document = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        role, service = Role(document["role"]), str(document["service"])
        tags = {str(key): str(value) for key, value in (document.get("tags") or {}).items()}
        if not role.trusts(service):
            return _json(403, {"error": f"{role.arn} does not trust {service}"})
    except (ValueError, TypeError, KeyError, IndexError, AwsError) as error:
        return _json(400, {"error": repr(error)})
    session = call_moto(role.account, "us-east-1", "sts", "AssumeRole",
                        {"RoleArn": role.arn, "RoleSessionName": service.split(".")[0]})
    tag_session(session["Credentials"]["AccessKeyId"], tags)
    return _json(200, {key: session["Credentials"][key] for key in ("AccessKeyId", "SecretAccessKey", "SessionToken")})


def _poll(environ: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """What Lambda's poller does once for an event source mapping: `{"account", "region", "mapping"}`."""
    try:
        document = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        return _json(200, queues.poll(document["account"], document["region"], document["mapping"]))
    except (ValueError, TypeError, KeyError, IndexError, AwsError) as error:
        return _json(400, {"error": repr(error)})


def respond(environ: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """Answer a control request."""
    path, method = environ["PATH_INFO"].rstrip("/"), environ["REQUEST_METHOD"]
    if path == "/_tenantry/health":
        return _json(200, {"status": "ok"})
    if path == "/_tenantry/reset" and method == "POST":
        faults.clear()
        state.reset()
        return _json(200, {"status": "reset"})
    if path in ("/_tenantry/quotas", "/_tenantry/offers", "/_tenantry/zones", "/_tenantry/pager") and method == "POST":
        return _set(path, environ)
    if path == "/_tenantry/assume" and method == "POST":
        return _assume(environ)
    if path == "/_tenantry/poll" and method == "POST":
        return _poll(environ)
    if path == "/_tenantry/copies" and method == "POST":
        port_file = Path(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode())
        return _json(200, copies.make(port_file))
    if path == "/_tenantry/faults":
        if method == "GET":
            return _json(200, {"faults": faults.describe()})
        if method == "DELETE":
            faults.clear()
            return _json(200, {"faults": []})
        if method in ("POST", "PUT"):
            length = int(environ.get("CONTENT_LENGTH") or 0)
            try:
                faults.install(json.loads(environ["wsgi.input"].read(length) or b"[]"))
            except (ValueError, TypeError, KeyError) as error:
                return _json(400, {"error": str(error)})
            return _json(200, {"faults": faults.describe()})
    return _json(404, {"error": f"no control path {path}"})
