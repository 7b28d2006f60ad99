"""The endpoint's own control paths: `/_tenantry/health`, `/_tenantry/reset`, `/_tenantry/faults`,
`/_tenantry/quotas` and `/_tenantry/offers`."""

from __future__ import annotations

import json
from typing import Any

from . import faults, state
from .services import offers, quotas


def _json(status: int, value: Any) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()


def _set(path: str, environ: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """Set what holds in an account and region: the value of a quota, the zones without a type of machine."""
    try:
        document = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        if path == "/_tenantry/quotas":
            quotas.apply(document["account"], document["region"], document["code"], float(document["value"]))
        else:
            offers.take_away(document)
    except (ValueError, TypeError, KeyError) as error:
        return _json(400, {"error": repr(error)})
    return _json(200, document)


def respond(environ: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """Answer a control request."""
    path, method = environ["PATH_INFO"].rstrip("/"), environ["REQUEST_METHOD"]
    if path == "/_tenantry/health":
        return _json(200, {"status": "ok"})
    if path == "/_tenantry/reset" and method == "POST":
        faults.clear()
        state.reset()
        return _json(200, {"status": "reset"})
    if path in ("/_tenantry/quotas", "/_tenantry/offers") and method == "POST":
        return _set(path, environ)
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
