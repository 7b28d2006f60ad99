"""The one error type that operations of the endpoint raise; it is written to the wire by the operation's protocol."""

from __future__ import annotations

from moto.core.exceptions import ServiceException


class AwsError(ServiceException):
    """A service's error: its code as the service's API reference names it, and the message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
