"""Requests in the protocol "Smithy RPC v2 CBOR", which moto does not know and some SDKs prefer for CloudWatch.

They are called anew from inside, in the protocol that moto knows, and the answer is put into CBOR.
"""

from __future__ import annotations

import uuid
from typing import Any

from moto.core.request import Request
from moto.iam.models import get_account_id_from

from . import cbor, wire
from .errors import AwsError
from .internal import call

Response = tuple[int, dict[str, str], bytes]
HEADERS = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}


def operation_of(environ: dict[str, Any]) -> str | None:
    """The operation of such a request; None for every other request."""
    parts = environ.get("PATH_INFO", "").split("/")
    is_rpc = len(parts) == 5 and parts[1] == "service" and parts[3] == "operation"
    return parts[4] if is_rpc and environ.get("HTTP_SMITHY_PROTOCOL") == "rpc-v2-cbor" else None


def respond(environ: dict[str, Any], name: str) -> Response | None:
    """Answer such a request; None when nobody signed it."""
    scope = wire.credential_scope(environ.get("HTTP_AUTHORIZATION"))
    if scope is None:
        return None
    access_key, region, signing_name = scope
    account = environ.get("HTTP_X_MOTO_ACCOUNT_ID") or get_account_id_from(access_key)
    body = Request(environ).get_data(cache=True, parse_form_data=False)
    headers = HEADERS | {"x-amzn-RequestId": str(uuid.uuid4())}
    try:
        parameters = cbor.loads(body) if body else {}
        answer = call(account, region, wire.service_of(signing_name, ""), name, **parameters)
    except AwsError as error:
        return 400, headers, cbor.dumps({"__type": error.code, "message": error.message})
    except ValueError as error:
        return 400, headers, cbor.dumps({"__type": "SerializationException", "message": str(error)})
    return 200, headers, cbor.dumps(answer)
