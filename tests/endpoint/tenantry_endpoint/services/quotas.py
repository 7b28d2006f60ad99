"""Service Quotas from a table (`policies/quotas.yaml`): "Service Quotas API Reference"."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

import yaml

from ..errors import AwsError
from ..operations import Answer, Call, operation, whole_service
from ..state import store

whole_service("service-quotas")
_table: list[dict[str, Any]] = []


class Requests:
    """Increases asked for and values granted."""

    def __init__(self) -> None:
        self.made: list[Answer] = []


def load(path: Path) -> None:
    """Read the table; a file that does not exist means no quotas."""
    _table[:] = (yaml.safe_load(path.read_text()) or {}).get("quotas", []) if path.is_file() else []


def default_of(code: str) -> float | None:
    """The default of a quota by its code, if the table has it."""
    return next((float(row["default"]) for row in _table if row.get("code") == code), None)


def enforce(wanted: bool) -> None:
    """Refuse to start with enforcement, which the endpoint does not have."""
    if wanted:
        raise SystemExit("--enforce-quotas is not implemented")


def _quota(call: Call, row: dict[str, Any]) -> Answer:
    arn = f"arn:{call.partition}:servicequotas:{call.region}:{call.account}:{row['service']}/{row['code']}"
    return {"ServiceCode": row["service"], "ServiceName": row["service"], "QuotaArn": arn, "QuotaCode": row["code"],
            "QuotaName": row["name"], "Value": float(row["default"]), "Unit": row.get("unit", "None"),
            "Adjustable": bool(row.get("adjustable", False)), "GlobalQuota": False, "QuotaAppliedAtLevel": "ACCOUNT"}


def _rows(call: Call) -> list[dict[str, Any]]:
    service = call.parameters["ServiceCode"]
    rows = [row for row in _table if row["service"] == service and str(row.get("code") or "").startswith("L-")]
    if not rows:
        raise AwsError("NoSuchResourceException", f"The request failed because the specified service {service} does "
                       f"not exist.")
    return rows


def _row(call: Call) -> dict[str, Any]:
    for row in _rows(call):
        if row["code"] == call.parameters["QuotaCode"]:
            return row
    raise AwsError("NoSuchResourceException", "The request failed because the specified quota does not exist.")


@operation("service-quotas", "GetServiceQuota")
def get_service_quota(call: Call) -> Answer:
    """The applied value."""
    return {"Quota": _quota(call, _row(call))}


@operation("service-quotas", "GetAWSDefaultServiceQuota")
def get_default(call: Call) -> Answer:
    """The default value."""
    return {"Quota": _quota(call, _row(call))}


@operation("service-quotas", "ListServiceQuotas")
def list_quotas(call: Call) -> Answer:
    """Every quota of a service."""
    return {"Quotas": [_quota(call, row) for row in _rows(call)]}


operation("service-quotas", "ListAWSDefaultServiceQuotas")(list_quotas)


@operation("service-quotas", "RequestServiceQuotaIncrease")
def request_increase(call: Call) -> Answer:
    """Ask for more; the request stays pending, one open request per quota."""
    row, made = _row(call), store(Requests, call.account, call.region).made
    if not row.get("adjustable"):
        raise AwsError("IllegalArgumentException", "The quota is not adjustable.")
    if any(r["QuotaCode"] == row["code"] and r["ServiceCode"] == row["service"] for r in made):
        raise AwsError("ResourceAlreadyExistsException", "A request for this quota is open already.")
    if call.parameters["DesiredValue"] <= float(row["default"]):
        raise AwsError("IllegalArgumentException", "The desired value must be greater than the current value.")
    record = {"Id": uuid.uuid4().hex, "ServiceCode": row["service"], "QuotaCode": row["code"], "QuotaName": row["name"],
              "DesiredValue": call.parameters["DesiredValue"], "Status": "PENDING", "Created": time.time()}
    made.append(record)
    return {"RequestedQuota": record}


@operation("service-quotas", "ListRequestedServiceQuotaChangeHistory")
def history(call: Call) -> Answer:
    """Requests made so far."""
    wanted = call.get("ServiceCode")
    made = store(Requests, call.account, call.region).made
    return {"RequestedQuotas": [record for record in made if wanted in (None, record["ServiceCode"])]}


@operation("service-quotas", "ListRequestedServiceQuotaChangeHistoryByQuota")
def history_by_quota(call: Call) -> Answer:
    """Requests made for one quota."""
    return {"RequestedQuotas": [r for r in history(call)["RequestedQuotas"] if r["QuotaCode"] == call.get("QuotaCode")]}
