"""Lambda: parts of a function's configuration that moto forgets: dead letters, logging, a key that is changed, and
whether a function may feed itself."""

from __future__ import annotations

from typing import Any

from ..operations import Answer, Call, operation
from ..state import store
from . import interfaces

KEPT = ("DeadLetterConfig", "LoggingConfig", "KMSKeyArn")


class Configurations:
    """What was set, by function."""

    def __init__(self) -> None:
        self.by_name: dict[str, dict[str, Any]] = {}


class Recursion:
    """What a function's loops meet, by function."""

    def __init__(self) -> None:
        self.by_name: dict[str, str] = {}


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
    interfaces.attach_function(call, _name(call), call.parameters)
    return _with(call, answer)


@operation("lambda", "UpdateFunctionConfiguration")
def update_function_configuration(call: Call) -> Answer:
    """UpdateFunctionConfiguration: what is not given stays; an empty target means no dead letters."""
    answer = call.inner()
    kept = store(Configurations, call.account, call.region).by_name.setdefault(_name(call), {})
    kept.update({key: call.parameters[key] for key in KEPT if call.get(key) is not None})
    if not (kept.get("DeadLetterConfig") or {}).get("TargetArn"):
        kept.pop("DeadLetterConfig", None)
    if call.get("VpcConfig") is not None:
        interfaces.attach_function(call, _name(call), {"Role": answer.get("Role")} | call.parameters)
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
    role = call.inner("GetFunctionConfiguration", FunctionName=call.parameters["FunctionName"])["Role"]
    answer = call.inner()
    store(Configurations, call.account, call.region).by_name.pop(_name(call), None)
    interfaces.detach_function(call, _name(call), role)
    return answer


@operation("lambda", "PutFunctionRecursionConfig")
def put_function_recursion_config(call: Call) -> Answer:
    """PutFunctionRecursionConfig."""
    call.inner("GetFunctionConfiguration", FunctionName=call.parameters["FunctionName"])
    store(Recursion, call.account, call.region).by_name[_name(call)] = call.parameters["RecursiveLoop"]
    return {"RecursiveLoop": call.parameters["RecursiveLoop"]}


@operation("lambda", "GetFunctionRecursionConfig")
def get_function_recursion_config(call: Call) -> Answer:
    """GetFunctionRecursionConfig: loops end unless they are allowed."""
    call.inner("GetFunctionConfiguration", FunctionName=call.parameters["FunctionName"])
    return {"RecursiveLoop": store(Recursion, call.account, call.region).by_name.get(_name(call), "Terminate")}
