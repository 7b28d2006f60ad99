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
from . import recorded  # noqa: F401  (its answer holds the composite alarms)

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
    before = (told.get("MetricAlarms") or told.get("CompositeAlarms") or [{}])[0]
    answer = call.inner()
    _young(call).pop(name, None)
    state = call.parameters["StateValue"]
    if before.get("StateValue") not in (None, state):
        store(History, call.account, call.region).rows.append({
            "AlarmName": name, "AlarmType": "MetricAlarm", "Timestamp": datetime.now(timezone.utc),
            "HistoryItemType": "StateUpdate", "HistorySummary": f"Alarm updated from {before['StateValue']} to {state}"})
        seconds = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        events.emit(call.account, call.region, "aws.cloudwatch", "CloudWatch Alarm State Change", {
            "alarmName": name, "configuration": {"description": before.get("AlarmDescription", "")},
            "state": {"value": state, "reason": call.parameters["StateReason"], "timestamp": seconds},
            "previousState": {"value": before["StateValue"], "reason": before.get("StateReason", "")},
        }, resources=[f"arn:{call.partition}:cloudwatch:{call.region}:{call.account}:alarm:{name}"])
    return answer


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
        if wanted and kind in answer:
            answer[kind] = [alarm for alarm in answer[kind] if alarm["StateValue"] == wanted]
    return answer


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
