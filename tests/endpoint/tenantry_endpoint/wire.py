"""Between bytes and values: requests become plain dicts and dicts become responses, both by botocore's service models.

Nothing here knows what an operation does. The protocols (query, ec2, json, rest-json, rest-xml) are moto's own parsers
and serializers, so a response can only hold members that the service's model declares.
"""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass
from typing import Any

from moto.core.model import OperationModel, ServiceModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import SerializationContext, get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound

#: Name in a signature's credential scope → name of the service in botocore.
SERVICE_OF_SIGNING_NAME = {
    "tagging": "resourcegroupstaggingapi",
    "cloudcontrolapi": "cloudcontrol",
    "servicequotas": "service-quotas",
    "elasticloadbalancing": "elbv2",
    "es": "opensearch",
    "monitoring": "cloudwatch",
}

#: Signing name of each botocore service where the two differ (the reverse of the table above).
SIGNING_NAME_OF_SERVICE = {value: key for key, value in SERVICE_OF_SIGNING_NAME.items()} | {
    "appconfigdata": "appconfig"
}


@dataclass(frozen=True)
class Caller:
    """Who calls and where: the access key, the account it leads to, and the region of the signature."""

    access_key: str
    account: str
    region: str
    service: str


@dataclass
class Incoming:
    """One recognised request: the operation's model, its parameters and what is needed to answer it."""

    service: str
    operation: OperationModel
    parameters: dict[str, Any]
    protocol: str


def credential_scope(authorization: str | None) -> tuple[str, str, str] | None:
    """Access key, region and signing name of a SigV4 header; None when the request is not signed that way."""
    if not authorization or "Credential=" not in authorization:
        return None
    parts = authorization.split("Credential=", 1)[1].split(",", 1)[0].strip().split("/")
    if len(parts) < 5:
        return None
    return "/".join(parts[:-4]), parts[-3], parts[-2].lower()


def service_of(signing_name: str, path: str) -> str:
    """The botocore service that a signing name and path mean."""
    if signing_name == "appconfig" and path.startswith(("/configuration", "/configurationsessions")):
        return "appconfigdata"
    if signing_name == "s3" and path.startswith("/v20180820/"):
        return "s3control"
    return SERVICE_OF_SIGNING_NAME.get(signing_name, signing_name)


_ROUTES = threading.Lock()


def recognise(service: str, request: Request) -> Incoming | None:
    """The operation that a request means and its parameters; None when the service has no such operation."""
    model: ServiceModel = get_service_model(service)
    try:
        protocol = determine_request_protocol(model, request.content_type)
        operation, labels = _matched(service, model, request)
    except (NotFound, NotImplementedError):
        return None
    if operation is None:
        return None
    parser = PROTOCOL_PARSERS[protocol](operation, map_type=dict)
    parameters = parser.parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.get_data(),
            "url_path": request.path,
            "url_params": labels,
        }
    )
    return Incoming(service, operation, dict(parameters or {}), protocol)


def _matched(service: str, model: ServiceModel, request: Request) -> tuple[OperationModel | None, Any]:
    """The operation and the labels of the path. SDKs differ in what stands before a target's last dot."""
    try:
        # moto builds a service's routes at its first request. Two threads at once would find botocore's own operations in
        # the cache that moto's are about to overwrite.
        with _ROUTES:
            return get_service_router(service).match(request)
    except NotFound:
        name = request.headers.get("X-Amz-Target", "").rsplit(".", 1)[-1]
        if name not in model.operation_names:
            raise
        return model.operation_model(name), {}


def answer(incoming: Incoming, result: Any) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body for a result (a dict, or an exception to be told to the caller)."""
    serializer = get_serializer_class(incoming.service, incoming.protocol)(
        incoming.operation, SerializationContext(str(uuid.uuid4()))
    )
    response = serializer.serialize(result)
    body = response["body"]
    headers = {key: str(value) for key, value in response["headers"].items()}
    headers.setdefault("x-amzn-RequestId", str(uuid.uuid4()))
    return response["status_code"], headers, body.encode() if isinstance(body, str) else bytes(body or b"")
