"""The WSGI application: control paths, then faults, then the endpoint's own operations, then moto.

In: HTTP requests of AWS SDKs. Out: responses in the protocol of the service. It knows no service.
"""

from __future__ import annotations

import json
import logging
import time
import traceback
from contextlib import nullcontext
from functools import lru_cache
from typing import Any, Callable, Iterable

from moto.core.config import default_user_config
from botocore.exceptions import UnknownServiceError
from moto.core.request import Request
from moto.iam.models import get_account_id_from
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.http import HTTP_STATUS_CODES

from . import control, faults, identity, operations, rpc, wire
from .errors import AwsError
from .services import pager, trail
from .state import MOTO

log = logging.getLogger("tenantry_endpoint")

Response = tuple[int, dict[str, str], bytes]


class Application:
    """The endpoint as one WSGI callable."""

    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith("/_tenantry/"):
            status, headers, body = control.respond(environ)
        elif path.startswith("/_pagerduty/"):
            status, headers, body = pager.respond(environ)
        else:
            began = time.monotonic()
            seen = trail.recognised(environ)
            status, headers, body = self._respond_with_faults(environ)
            if seen is not None:
                trail.record(seen, status, body)
            log.debug("%s %s %s %s %.3fs", environ.get("REQUEST_METHOD"), path, status,
                      environ.get("tenantry.operation", ""), time.monotonic() - began)
        if not any(name.lower() == "content-length" for name in headers):
            headers["Content-Length"] = str(len(body))
        start_response(f"{status} {HTTP_STATUS_CODES.get(status, 'Unknown')}", list(headers.items()))
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [body]

    def _respond_with_faults(self, environ: dict[str, Any]) -> Response:
        if not faults.any_active():
            return self.respond(environ)
        body = Request(environ).get_data(cache=True, parse_form_data=False)
        rewind(environ, body)
        met = faults.meet(Request(environ))
        rewind(environ, body)
        if met is not None and not met.acts_first:
            return met.respond(environ)
        response = self.respond(environ)
        return response if met is None else met.respond(environ, response)

    def respond(self, environ: dict[str, Any], moto_only: bool = False) -> Response:
        """Answer a request; `moto_only` passes the endpoint's own operations by."""
        name = rpc.operation_of(environ)
        if name is not None:
            return rpc.respond(environ, name) or not_implemented("aws", name)
        scope = wire.credential_scope(environ.get("HTTP_AUTHORIZATION"))
        if scope is not None and not moto_only:
            access_key, region, signing_name = scope
            service = wire.service_of(signing_name, environ.get("PATH_INFO", ""))
            if identity.is_enforced() and "HTTP_X_MOTO_ACCOUNT_ID" not in environ:
                refused = self._refused(environ, service, access_key, region)
                if refused is not None:
                    return refused
            if operations.knows(service):
                own = self._own(environ, service, access_key, region)
                if own is not None:
                    return own
        answer = self._ask_moto(environ)
        if answer[0] == 404 and "tenantry.hides" in environ:
            return wire.answer(environ["tenantry.hides"], AwsError("AccessDenied", "Access Denied"))
        return answer

    def _refused(self, environ: dict[str, Any], service: str, access_key: str, region: str) -> Response | None:
        """The refusal of a caller whose role may not do this."""
        from . import callers

        try:
            incoming = recognised(environ, service)
        except UnknownServiceError:
            return None
        if incoming is None:
            return None
        account = get_account_id_from(access_key)
        name = str(incoming.operation.name)
        call = operations.Call(wire.Caller(access_key, account, region, service), service, name, incoming.parameters)
        refused = callers.refusal(call)
        if refused is None and callers.hides(call):
            environ["tenantry.hides"] = incoming
        return None if refused is None else wire.answer(incoming, refused)

    def _own(self, environ: dict[str, Any], service: str, access_key: str, region: str) -> Response | None:
        incoming = recognised(environ, service)
        if incoming is None:
            return not_implemented(service, "operation") if operations.is_whole(service) else None
        name = str(incoming.operation.name)
        environ["tenantry.operation"] = f"{service}.{name}"
        function = operations.find(service, name)
        if function is None:
            return not_implemented(service, name) if operations.is_whole(service) else None
        account = environ.get("HTTP_X_MOTO_ACCOUNT_ID") or get_account_id_from(access_key)
        trace = environ.get("HTTP_X_AMZN_TRACE_ID")
        call = operations.Call(wire.Caller(access_key, account, region, service), service, name, incoming.parameters,
                               {"X-Amzn-Trace-Id": trace} if trace else {})
        try:
            result: Any = function(call)
        except AwsError as error:
            result = error
        except Exception as error:  # a fault of the endpoint: told as the service's internal failure, never a hang
            log.error("%s.%s failed: %s", service, name, traceback.format_exc())
            result = AwsError("InternalFailure", f"{type(error).__name__}: {error}")
        return wire.answer(incoming, result)

    def _ask_moto(self, environ: dict[str, Any]) -> Response:
        captured: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Callable[[bytes], None]:
            captured[:] = [int(status.split(" ", 1)[0]), headers]
            return lambda _: None

        # One request at a time, but for those that wait for something.
        target, path = environ.get("HTTP_X_AMZ_TARGET", ""), environ.get("PATH_INFO", "")
        waits = target.endswith(".ReceiveMessage") or "/invocations" in path
        with nullcontext() if waits else MOTO:
            try:
                body = b"".join(self._moto(environ, start_response))
            except NotImplementedError as error:
                return not_implemented("aws", str(error))
        status, headers = captured
        return status, dict(headers), body


def recognised(environ: dict[str, Any], service: str) -> wire.Incoming | None:
    """What a request means, found out once; its body can still be read."""
    if "tenantry.incoming" not in environ:
        body = Request(environ).get_data(cache=True, parse_form_data=False)
        rewind(environ, body)
        try:
            environ["tenantry.incoming"] = wire.recognise(service, Request(environ))
        finally:
            rewind(environ, body)
    return environ["tenantry.incoming"]


def rewind(environ: dict[str, Any], body: bytes) -> None:
    """Let the body be read once more."""
    import io

    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    environ.pop("wsgi.input_terminated", None)
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    for key in [key for key in environ if key.startswith("werkzeug.")]:
        if key not in ("werkzeug.socket", "werkzeug.server.shutdown"):
            environ.pop(key)


def not_implemented(service: str, name: str) -> Response:
    """What an operation that nobody here implements answers: an error that is never mistaken for success."""
    message = f"the local endpoint does not implement {service} {name}"
    body = json.dumps({"__type": "NotImplemented", "message": message}).encode()
    return 501, {"Content-Type": "application/json", "x-amzn-ErrorType": "NotImplemented"}, body


@lru_cache(maxsize=1)
def application() -> Application:
    """The one application of this process, with every service registered."""
    from . import remembered, services

    # Events of buckets and queues start no function here: moto would ask Docker for it.
    default_user_config["lambda"] = {"use_docker": False}
    remembered.apply()
    services.register()
    return Application()
