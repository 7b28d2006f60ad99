"""A paging service on loopback with PagerDuty's APIs, as far as Tenantry uses them: `/_pagerduty/v2/enqueue` takes events,
`/_pagerduty/incidents` and `/_pagerduty/oncalls` are read with a token. API destinations reach it whatever host they name.

`POST /_tenantry/pager` says what it is like: `{"routing_key", "token", "down", "deaf", "oncalls", "acknowledge", "created", "forget"}`. One that is
deaf answers and opens no incident. Sources: PagerDuty Developer Documentation, "Send an Alert Event" (Events API v2), "List
incidents", "List all of the on-calls" (REST API).
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any
from urllib.parse import parse_qs

from ..state import store

_SEVERITIES = ("critical", "error", "warning", "info")


class Pager:
    """The service: one for all accounts."""

    def __init__(self) -> None:
        self.routing_key, self.token = "", ""
        self.down = self.deaf = False
        self.oncalls: list[dict[str, Any]] = []
        self.incidents: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []


def _pager() -> Pager:
    return store(Pager, "", "")


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _faults(body: dict[str, Any]) -> list[str]:
    found = []
    action, payload = body.get("event_action"), body.get("payload") or {}
    if action not in ("trigger", "acknowledge", "resolve"):
        found.append("'event_action' is missing or invalid")
    if action != "trigger" and not body.get("dedup_key"):
        found.append("'dedup_key' is missing or blank")
    if len(str(body.get("dedup_key") or "")) > 255:
        found.append("'dedup_key' is too long")
    if action == "trigger":
        found += [f"'payload.{key}' is missing or blank" for key in ("summary", "source", "severity") if not payload.get(key)]
        if payload.get("severity") not in _SEVERITIES:
            found.append("'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')")
        if len(str(payload.get("summary") or "")) > 1024:
            found.append("'payload.summary' is too long")
    return found


def enqueue(url: str, headers: dict[str, str], body: dict[str, Any]) -> tuple[int, str]:
    """Take an event; the status and what is said."""
    pager = _pager()
    if pager.down:
        return 503, "service unavailable"
    if not url.endswith("/v2/enqueue"):
        return 404, "not found"
    if not pager.routing_key or body.get("routing_key") != pager.routing_key:
        return 400, "Event object is invalid: 'routing_key' is invalid"
    faults = _faults(body)
    if faults:
        return 400, "; ".join(faults)
    pager.events.append({key: value for key, value in body.items() if key != "routing_key"})
    if pager.deaf:
        return 202, "Event processed"
    key = body["dedup_key"]
    open_one = next((one for one in pager.incidents if one["incident_key"] == key and one["status"] != "resolved"), None)
    if body["event_action"] == "trigger" and open_one is None:
        payload = body["payload"]
        urgency = "high" if payload["severity"] in ("critical", "error") else "low"
        number = len(pager.incidents) + 1
        pager.incidents.append({
            "id": f"Q{number:013d}", "incident_number": number, "incident_key": key, "title": payload["summary"],
            "status": "triggered", "urgency": urgency, "created_at": _now(), "html_url": f"https://pager.example/incidents/{number}",
            "acknowledgements": [], "escalation_policy": {"id": "P1", "summary": "platform"}, "assignments": [{"assignee": {"summary": one["user"]["summary"]}} for one in pager.oncalls[:1]]})
    elif open_one is not None and body["event_action"] == "resolve":
        open_one["status"] = "resolved"
    elif open_one is not None and body["event_action"] == "acknowledge":
        acknowledge(key)
    return 202, "Event processed"


def acknowledge(key: str) -> None:
    """Acknowledge the open incident of a key, as whoever is on call would."""
    for one in _pager().incidents:
        if one["incident_key"] == key and one["status"] == "triggered":
            one["status"] = "acknowledged"
            one["acknowledgements"] = [{"at": _now(), "acknowledger": {"summary": "Ana"}}]


def say(document: dict[str, Any]) -> dict[str, Any]:
    """Set what the service is like; what it has."""
    pager = _pager()
    for key in ("routing_key", "token", "down", "deaf", "oncalls"):
        if key in document:
            setattr(pager, key, document[key])
    for key in document.get("acknowledge") or []:
        acknowledge(key)
    for one in pager.incidents:
        one["created_at"] = (document.get("created") or {}).get(one["incident_key"], one["created_at"])
    if document.get("forget"):
        pager.incidents.clear()
        pager.events.clear()
    return {"incidents": pager.incidents, "events": pager.events}


def respond(environ: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """Answer a request of the REST API, or an event."""
    def said(status: int, value: Any) -> tuple[int, dict[str, str], bytes]:
        return status, {"Content-Type": "application/json"}, json.dumps(value).encode()

    pager, path = _pager(), environ["PATH_INFO"].removeprefix("/_pagerduty")
    if pager.down:
        return said(503, {"error": "service unavailable"})
    if path == "/v2/enqueue" and environ["REQUEST_METHOD"] == "POST":
        body = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        status, text = enqueue(path, {}, body)
        return said(status, {"status": text})
    if environ.get("HTTP_AUTHORIZATION") != f"Token token={pager.token}" or not pager.token:
        return said(401, {"error": {"message": "Unauthorized", "code": 2006}})
    query = parse_qs(environ.get("QUERY_STRING") or "")
    offset, limit = int((query.get("offset") or ["0"])[0]), int((query.get("limit") or ["25"])[0])
    if path == "/incidents":
        statuses, since = query.get("statuses[]"), (query.get("since") or [""])[0]
        keys = query.get("incident_key")
        found = [one for one in pager.incidents
                 if (not statuses or one["status"] in statuses) and one["created_at"] >= since
                 and (not keys or one["incident_key"] in keys)]
        page = found[offset:offset + limit]
        return said(200, {"incidents": page, "limit": limit, "offset": offset, "more": offset + limit < len(found)})
    if path == "/oncalls":
        page = pager.oncalls[offset:offset + limit]
        return said(200, {"oncalls": page, "limit": limit, "offset": offset, "more": offset + limit < len(pager.oncalls)})
    return said(404, {"error": {"message": "Not Found", "code": 2100}})
