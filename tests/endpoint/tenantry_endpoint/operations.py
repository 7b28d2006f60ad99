"""The register of operations that the endpoint answers itself, instead of moto or around it.

An operation is a function from a call (who, where, with which parameters) to a result dict. It may ask moto for the
same operation through `call.inner()` and change what comes back, so an addition never reaches into moto's responses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable

from moto.utilities.utils import get_partition

from .wire import Caller

Answer = dict[str, Any]


@dataclass
class Call:
    """One call of one operation."""

    caller: Caller
    service: str
    operation: str
    parameters: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def account(self) -> str:
        """The account that the caller acts in."""
        return self.caller.account

    @property
    def region(self) -> str:
        """The region that the call was signed for."""
        return self.caller.region

    @property
    def partition(self) -> str:
        """The partition of that region."""
        return str(get_partition(self.region))

    def get(self, name: str, default: Any = None) -> Any:
        """A parameter by its name in the model."""
        value = self.parameters.get(name)
        return default if value is None else value

    def inner(self, operation: str | None = None, **parameters: Any) -> Answer:
        """What moto answers to this operation (or another of the same service), with these or the same parameters."""
        from .internal import call_moto

        return call_moto(
            self.account, self.region, self.service, operation or self.operation,
            parameters if operation or parameters else self.parameters,
        )


Operation = Callable[[Call], Answer]

_operations: dict[str, dict[str, Operation]] = {}
#: Services that moto does not see at all: an operation that is missing here is "not implemented", never moto's.
_whole: set[str] = set()


def operation(service: str, name: str) -> Callable[[Operation], Operation]:
    """Register a function as the answer to one operation of a service (botocore's names)."""

    def register(function: Operation) -> Operation:
        _operations.setdefault(service, {})[name] = function
        return function

    return register


def whole_service(service: str) -> None:
    """Declare that every operation of a service is answered here."""
    _whole.add(service)
    _operations.setdefault(service, {})


def knows(service: str) -> bool:
    """Whether any operation of the service is answered here."""
    return service in _operations


def is_whole(service: str) -> bool:
    """Whether the service is answered here alone."""
    return service in _whole


def find(service: str, name: str) -> Operation | None:
    """The function for an operation, if it is answered here."""
    return _operations.get(service, {}).get(name)
