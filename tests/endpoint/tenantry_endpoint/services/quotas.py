"""Service Quotas from a table (`policies/quotas.yaml`): "Service Quotas API Reference".

Values hold per account and region. A request stays pending, or is granted after `--grant-seconds`.
"""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

from .. import tables
from ..errors import AwsError
from ..operations import Answer, Call, operation, whole_service
from ..state import store

whole_service("service-quotas")
_table: list[dict[str, Any]] = []
_rules: dict[str, Any] = {"enforce": False, "grant_seconds": None}

#: Quotas whose use services publish in AWS/Usage: the dimensions Service and Resource.
PUBLISHED = {
    "elb-application-load-balancers": ("Elastic Load Balancing", "ApplicationLoadBalancersPerRegion"),
    "elb-target-groups": ("Elastic Load Balancing", "TargetGroupsPerRegion"),
}


class Applied:
    """Increases asked for and values granted, of one account and region."""

    def __init__(self) -> None:
        self.made: list[Answer] = []
        self.values: dict[str, float] = {}


def load(path: Path) -> None:
    """Read the table; a file that does not exist means no quotas."""
    _table[:] = (tables.read(path) or {}).get("quotas", []) if path.is_file() else []


def value_of(account: str, region: str, code: str) -> float | None:
    """The value that a quota has in an account and region; None when the table does not know it."""
    row = next((row for row in _table if row.get("code") == code), None)
    return None if row is None else _value(account, region, row)


def enforce(wanted: bool) -> None:
    """Refuse what the quotas do not allow, for the calls in `enforcement`."""
    _rules["enforce"] = wanted


def grant_after(seconds: float | None) -> None:
    """Grant each request so many seconds after it was made; None leaves requests pending."""
    _rules["grant_seconds"] = seconds


def limit(account: str, region: str, name: str) -> float | None:
    """The value of a quota (by the table's id) that is enforced; None when none is."""
    if not _rules["enforce"]:
        return None
    row = next((row for row in _table if row.get("id") == name), None)
    return None if row is None else _value(account, region, row)


def apply(account: str, region: str, code: str, value: float) -> None:
    """Set what holds in an account and region; requests for no more than that are granted."""
    applied = store(Applied, account, region)
    applied.values[code] = value
    for record in applied.made:
        if record["Status"] == "PENDING" and record["QuotaCode"] == code and record["DesiredValue"] <= value:
            record["Status"] = "APPROVED"


def _settle(account: str, region: str) -> Applied:
    """The state of an account and region after everything that is due was granted."""
    applied = store(Applied, account, region)
    wait = _rules["grant_seconds"]
    for record in applied.made:
        if wait is not None and record["Status"] == "PENDING" and time.time() - record["Created"] >= wait:
            record["Status"] = "APPROVED"
            applied.values[record["QuotaCode"]] = record["DesiredValue"]
    return applied


def _value(account: str, region: str, row: dict[str, Any]) -> float:
    return float(_settle(account, region).values.get(str(row["code"]), row["default"]))


def _quota(call: Call, row: dict[str, Any], value: float) -> Answer:
    arn = f"arn:{call.partition}:servicequotas:{call.region}:{call.account}:{row['service']}/{row['code']}"
    answer = {
        "ServiceCode": row["service"], "ServiceName": row["service"], "QuotaArn": arn, "QuotaCode": row["code"],
        "QuotaName": row["name"], "Value": value, "Unit": row.get("unit", "None"),
        "Adjustable": bool(row.get("adjustable", False)), "GlobalQuota": row.get("scope") == "account",
        "QuotaAppliedAtLevel": "ACCOUNT",
    }
    if row.get("id") in PUBLISHED:
        service, resource = PUBLISHED[row["id"]]
        answer["UsageMetric"] = {
            "MetricNamespace": "AWS/Usage", "MetricName": "ResourceCount", "MetricStatisticRecommendation": "Maximum",
            "MetricDimensions": {"Service": service, "Resource": resource, "Type": "Resource", "Class": "None"}}
    return answer


def _rows(call: Call) -> list[dict[str, Any]]:
    service = call.parameters["ServiceCode"]
    rows = [row for row in _table if row["service"] == service and str(row.get("code") or "").startswith("L-")]
    if not rows:
        message = f"The request failed because the specified service {service} does not exist."
        raise AwsError("NoSuchResourceException", message)
    return rows


def _row(call: Call) -> dict[str, Any]:
    for row in _rows(call):
        if row["code"] == call.parameters["QuotaCode"]:
            return row
    raise AwsError("NoSuchResourceException", "The request failed because the specified quota does not exist.")


@operation("service-quotas", "GetServiceQuota")
def get_service_quota(call: Call) -> Answer:
    """The applied value."""
    row = _row(call)
    return {"Quota": _quota(call, row, _value(call.account, call.region, row))}


@operation("service-quotas", "GetAWSDefaultServiceQuota")
def get_default(call: Call) -> Answer:
    """The default value."""
    row = _row(call)
    return {"Quota": _quota(call, row, float(row["default"]))}


@operation("service-quotas", "ListServiceQuotas")
def list_quotas(call: Call) -> Answer:
    """Every applied quota of a service."""
    return {"Quotas": [_quota(call, row, _value(call.account, call.region, row)) for row in _rows(call)]}


@operation("service-quotas", "ListAWSDefaultServiceQuotas")
def list_defaults(call: Call) -> Answer:
    """Every default of a service."""
    return {"Quotas": [_quota(call, row, float(row["default"])) for row in _rows(call)]}


@operation("service-quotas", "RequestServiceQuotaIncrease")
def request_increase(call: Call) -> Answer:
    """Ask for more: one open request per quota."""
    row, applied = _row(call), _settle(call.account, call.region)
    if not row.get("adjustable"):
        raise AwsError("IllegalArgumentException", "The quota is not adjustable.")
    is_open = {(r["ServiceCode"], r["QuotaCode"]) for r in applied.made if r["Status"] in ("PENDING", "CASE_OPENED")}
    if (row["service"], row["code"]) in is_open:
        raise AwsError("ResourceAlreadyExistsException", "A request for this quota is open already.")
    if call.parameters["DesiredValue"] <= _value(call.account, call.region, row):
        raise AwsError("IllegalArgumentException", "The desired value must be greater than the current value.")
    record = {
        "Id": uuid.uuid4().hex, "ServiceCode": row["service"], "QuotaCode": row["code"], "QuotaName": row["name"],
        "DesiredValue": call.parameters["DesiredValue"], "Status": "PENDING", "Created": time.time()}
    applied.made.append(record)
    return {"RequestedQuota": record}


@operation("service-quotas", "ListRequestedServiceQuotaChangeHistory")
def history(call: Call) -> Answer:
    """Requests made so far."""
    wanted = call.get("ServiceCode")
    made = _settle(call.account, call.region).made
    return {"RequestedQuotas": [record for record in made if wanted in (None, record["ServiceCode"])]}


@operation("service-quotas", "ListRequestedServiceQuotaChangeHistoryByQuota")
def history_by_quota(call: Call) -> Answer:
    """Requests made for one quota."""
    return {"RequestedQuotas": [r for r in history(call)["RequestedQuotas"] if r["QuotaCode"] == call.get("QuotaCode")]}
