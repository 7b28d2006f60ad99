"""Lambda GetAccountSettings ("AWS Lambda API Reference")."""

from __future__ import annotations

from ..internal import call as internal_call
from ..operations import Answer, Call, operation


@operation("lambda", "GetAccountSettings")
def get_account_settings(call: Call) -> Answer:
    """Limits of the account; reserved concurrency lowers what is unreserved."""
    functions = internal_call(call.account, call.region, "lambda", "ListFunctions").get("Functions", [])
    reserved = 0
    for item in functions:
        answer = internal_call(call.account, call.region, "lambda", "GetFunctionConcurrency",
                               FunctionName=item["FunctionName"])
        reserved += int(answer.get("ReservedConcurrentExecutions") or 0)
    return {
        "AccountLimit": {"TotalCodeSize": 80530636800, "CodeSizeUnzipped": 262144000, "CodeSizeZipped": 52428800,
                         "ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000 - reserved},
        "AccountUsage": {"TotalCodeSize": sum(item.get("CodeSize", 0) for item in functions),
                         "FunctionCount": len(functions)}}
