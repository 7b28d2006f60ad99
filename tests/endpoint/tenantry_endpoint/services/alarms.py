"""CloudWatch: a new alarm is INSUFFICIENT_DATA until its first evaluation, and OK from then on unless a caller sets its
state ("Using Amazon CloudWatch alarms", section "Alarm states", CloudWatch User Guide: "INSUFFICIENT_DATA: the alarm has
just started"). moto has every new alarm OK.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

from ..clock import Moment
from ..operations import Answer, Call, find, operation
from ..state import store
from . import events
from . import composite

#: Minutes until the first evaluation.
FIRST_EVALUATION = 3


class History:
    """Every change of an alarm's state that a caller made, the newest last."""

    def __init__(self) -> None:
        self.rows: list[Answer] = []


class Young:
    """When each alarm was made whose state nobody set."""

    def __init__(self) -> None:
        self.since: dict[str, Moment] = {}


def _young(call: Call) -> dict[str, Moment]:
    return store(Young, call.account, call.region).since


@operation("cloudwatch", "PutMetricAlarm")
def put_metric_alarm(call: Call) -> Answer:
    """CloudWatch: PutMetricAlarm."""
    name = call.parameters["AlarmName"]
    found = call.inner("DescribeAlarms", AlarmNames=[name])
    answer = call.inner()
    if not found.get("MetricAlarms"):
        _young(call)[name] = Moment()
    return answer


@operation("cloudwatch", "SetAlarmState")
def set_alarm_state(call: Call) -> Answer:
    """CloudWatch: SetAlarmState. A new state is an event ("Alarm events and EventBridge", CloudWatch User Guide)."""
    name = call.parameters["AlarmName"]
    told = describe_alarms(replace(call, operation="DescribeAlarms", parameters={"AlarmNames": [name]}))
    before, whole = (told.get("MetricAlarms") or [{}])[0], _composites(call, name)
    answer = call.inner()
    _young(call).pop(name, None)
    _changed(call, "MetricAlarm", before, {"StateValue": call.parameters["StateValue"], "StateReason": call.parameters["StateReason"]})
    for old, new in zip(whole, _composites(call, name)):
        _changed(call, "CompositeAlarm", old, new)
    return answer


def _composites(call: Call, name: str) -> list[Answer]:
    """The composite alarms, with their states, whose rules ask about an alarm."""
    told = describe_alarms(replace(call, operation="DescribeAlarms", parameters={"AlarmTypes": ["CompositeAlarm"]}))
    return [alarm for alarm in told.get("CompositeAlarms", []) if name in composite.alarms_of(alarm["AlarmRule"])]


def _changed(call: Call, kind: str, before: Answer, after: Answer) -> None:
    state = after["StateValue"]
    if before.get("StateValue") in (None, state):
        return
    name = before["AlarmName"]
    store(History, call.account, call.region).rows.append({
        "AlarmName": name, "AlarmType": kind, "Timestamp": datetime.now(timezone.utc),
        "HistoryItemType": "StateUpdate", "HistorySummary": f"Alarm updated from {before['StateValue']} to {state}"})
    seconds = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    rule = {"alarmRule": before["AlarmRule"]} if kind == "CompositeAlarm" else {}
    events.emit(call.account, call.region, "aws.cloudwatch", "CloudWatch Alarm State Change", {
        "alarmName": name, "configuration": {"description": before.get("AlarmDescription", "")} | rule,
        "state": {"value": state, "reason": after["StateReason"], "timestamp": seconds},
        "previousState": {"value": before["StateValue"], "reason": before.get("StateReason", "")},
    }, resources=[f"arn:{call.partition}:cloudwatch:{call.region}:{call.account}:alarm:{name}"])


_all = find("cloudwatch", "DescribeAlarms")


@operation("cloudwatch", "DescribeAlarms")
def describe_alarms(call: Call) -> Answer:
    """CloudWatch: DescribeAlarms."""
    wanted = call.get("StateValue")
    rest = {key: value for key, value in call.parameters.items() if key != "StateValue"}
    assert _all is not None
    answer = _all(replace(call, parameters=rest))
    young = _young(call)
    for kind in ("MetricAlarms", "CompositeAlarms"):
        for alarm in answer.get(kind, []):
            since = young.get(alarm["AlarmName"])
            if since is not None and not since.is_past(FIRST_EVALUATION):
                alarm["StateValue"], alarm["StateReason"] = "INSUFFICIENT_DATA", "Unchecked: Initial alarm creation"
        if kind == "CompositeAlarms" and kind in answer:
            answer[kind] = [_with_state(call, alarm) for alarm in answer[kind]]
        if wanted and kind in answer:
            answer[kind] = [alarm for alarm in answer[kind] if alarm["StateValue"] == wanted]
    return answer


def _with_state(call: Call, alarm: Answer) -> Answer:
    """A composite alarm with what its rule says now."""
    asked = {"AlarmNames": composite.alarms_of(alarm["AlarmRule"]), "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}
    told = describe_alarms(replace(call, operation="DescribeAlarms", parameters=asked)) if asked["AlarmNames"] else {}
    states = {one["AlarmName"]: one["StateValue"] for kind in ("MetricAlarms", "CompositeAlarms") for one in told.get(kind, [])}
    rings = composite.holds(alarm["AlarmRule"], states)
    return alarm | {"StateValue": "ALARM" if rings else "OK",
                    "StateReason": f"{alarm['AlarmRule']} {'holds' if rings else 'does not hold'}"}


@operation("cloudwatch", "DescribeAlarmHistory")
def describe_alarm_history(call: Call) -> Answer:
    """CloudWatch: DescribeAlarmHistory, the newest first."""
    def within(row: Answer) -> bool:
        return (call.get("AlarmName") in (None, row["AlarmName"])
                and _at(call.get("StartDate"), row) <= 0 <= _at(call.get("EndDate"), row))

    return {"AlarmHistoryItems": [row for row in reversed(store(History, call.account, call.region).rows) if within(row)]}


def _at(moment: object, row: Answer) -> float:
    """How much later a moment is than a row; nothing is at the row's."""
    if not isinstance(moment, datetime):
        return 0.0
    moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    # Moments are told in whole seconds.
    return float(int(moment.timestamp()) - int(row["Timestamp"].timestamp()))
