"""Calls from inside the endpoint to its own services, without a socket: how CloudFormation makes its resources.

The requests are real ones (botocore builds them and parses the answers), so a resource made by a stack is made exactly
as a caller of its service would make it. They skip fault injection and carry the account in moto's own header.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, partial
from typing import Any, Iterator

import botocore.session
from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.core.request import Request

from .errors import AwsError

_account: ContextVar[str] = ContextVar("account", default="123456789012")
_moto_only: ContextVar[bool] = ContextVar("moto_only", default=False)
#: True while the endpoint itself (a stack operation) is the caller: tags with the `aws:` prefix are then allowed.
system_caller: ContextVar[bool] = ContextVar("system_caller", default=False)
_lock = threading.RLock()


class _Raw:
    """The part of a urllib3 response that botocore reads."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        body, self._body = self._body, b""
        if body:
            yield body

    def read(self, *_: Any, **__: Any) -> bytes:
        body, self._body = self._body, b""
        return body


def _send(scope: str, request: Any, **_: Any) -> AWSResponse:
    from .application import application

    # Only the scope of a signature is read here: calculating one takes a tenth of a call.
    request.headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential=AKIAINTERNALCALLER00/20000101/{scope}/aws4_request"
    environ = Request.from_primitives(request.method, request.url, request.headers, request.body).environ
    environ["RAW_URI"] = request.url.split("://", 1)[1].split("/", 1)[-1].join(["/", ""])
    environ["HTTP_X_MOTO_ACCOUNT_ID"] = _account.get()
    status, headers, body = application().respond(environ, moto_only=_moto_only.get())
    return AWSResponse(request.url, status, headers, _Raw(body))


@lru_cache(maxsize=1)
def _session() -> botocore.session.Session:
    session = botocore.session.Session()
    session.set_credentials("AKIAINTERNALCALLER00", "none")
    return session


@lru_cache(maxsize=None)
def _client(service: str, region: str) -> BaseClient:
    with _lock:
        client = _session().create_client(
            service,
            region_name=region,
            endpoint_url="http://127.0.0.1",
            config=Config(
                parameter_validation=False, retries={"max_attempts": 0}, s3={"addressing_style": "path"},
                inject_host_prefix=False, signature_version=UNSIGNED, user_agent="tenantry_endpoint",
            ),
        )
    scope = f"{region}/{client.meta.service_model.signing_name}"
    client.meta.events.register_first("before-send.*.*", partial(_send, scope))
    return client


def load(service: str, region: str) -> None:
    """Make a service's client before it is needed."""
    _client(service, region)


def _invoke(account: str, region: str, service: str, operation: str, parameters: dict[str, Any],
            moto_only: bool) -> dict[str, Any]:
    with _lock:
        client = _client(service, region)
    tokens = _account.set(account), _moto_only.set(moto_only)
    try:
        result = client._make_api_call(operation, parameters)
    except ClientError as error:
        detail = error.response.get("Error", {})
        raise AwsError(str(detail.get("Code", "Unknown")), str(detail.get("Message", ""))) from None
    finally:
        _account.reset(tokens[0])
        _moto_only.reset(tokens[1])
    result.pop("ResponseMetadata", None)
    return dict(result)


def call(account: str, region: str, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
    """Call an operation of the endpoint as a caller in `account` would. Raises `AwsError` with the service's code."""
    given = {key: value for key, value in parameters.items() if value is not None}
    return _invoke(account, region, service, operation, given, moto_only=False)


def call_moto(account: str, region: str, service: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """As `call`, but past the endpoint's own operations: only moto answers."""
    return _invoke(account, region, service, operation, parameters, moto_only=True)


@contextmanager
def as_system() -> Iterator[None]:
    """Within, calls come from AWS itself, which may set what callers may not."""
    token = system_caller.set(True)
    try:
        yield
    finally:
        system_caller.reset(token)
