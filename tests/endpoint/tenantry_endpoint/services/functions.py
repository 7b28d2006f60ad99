"""Lambda: parts of a function's configuration that moto forgets: dead letters, logging, and a key that is changed."""

from __future__ import annotations

from typing import Any

from ..operations import Answer, Call, operation
from ..state import store

KEPT = ("DeadLetterConfig", "LoggingConfig", "KMSKeyArn")


class Configurations:
    """What was set, by function."""

    def __init__(self) -> None:
        self.by_name: dict[str, dict[str, Any]] = {}


def _name(call: Call) -> str:
    return str(call.parameters["FunctionName"]).split(":function:")[-1].split(":")[0]


def _with(call: Call, configuration: Answer) -> Answer:
    kept = store(Configurations, call.account, call.region).by_name.get(configuration["FunctionName"], {})
    return configuration | kept


@operation("lambda", "CreateFunction")
def create_function(call: Call) -> Answer:
    """CreateFunction."""
    answer = call.inner()
    kept = {key: call.parameters[key] for key in KEPT if call.get(key) is not None}
    store(Configurations, call.account, call.region).by_name[_name(call)] = kept
    return _with(call, answer)


@operation("lambda", "UpdateFunctionConfiguration")
def update_function_configuration(call: Call) -> Answer:
    """UpdateFunctionConfiguration: what is not given stays; an empty target means no dead letters."""
    answer = call.inner()
    kept = store(Configurations, call.account, call.region).by_name.setdefault(_name(call), {})
    kept.update({key: call.parameters[key] for key in KEPT if call.get(key) is not None})
    if not (kept.get("DeadLetterConfig") or {}).get("TargetArn"):
        kept.pop("DeadLetterConfig", None)
    return _with(call, answer)


@operation("lambda", "GetFunctionConfiguration")
def get_function_configuration(call: Call) -> Answer:
    """GetFunctionConfiguration."""
    return _with(call, call.inner())


@operation("lambda", "GetFunction")
def get_function(call: Call) -> Answer:
    """GetFunction."""
    answer = call.inner()
    return answer | {"Configuration": _with(call, answer["Configuration"])}


@operation("lambda", "ListFunctions")
def list_functions(call: Call) -> Answer:
    """ListFunctions."""
    answer = call.inner()
    return answer | {"Functions": [_with(call, configuration) for configuration in answer["Functions"]]}


@operation("lambda", "DeleteFunction")
def delete_function(call: Call) -> Answer:
    """DeleteFunction."""
    answer = call.inner()
    store(Configurations, call.account, call.region).by_name.pop(_name(call), None)
    return answer
