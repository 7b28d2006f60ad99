"""CloudWatch: a new alarm is INSUFFICIENT_DATA until its first evaluation, and OK from then on unless a caller sets its
state ("Using Amazon CloudWatch alarms", section "Alarm states", CloudWatch User Guide: "INSUFFICIENT_DATA: the alarm has
just started"). moto has every new alarm OK.
"""

from __future__ import annotations

from dataclasses import replace

from ..clock import Moment
from ..operations import Answer, Call, find, operation
from ..state import store
from . import recorded  # noqa: F401  (its answer holds the composite alarms)

#: Minutes until the first evaluation.
FIRST_EVALUATION = 3


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
    """CloudWatch: SetAlarmState."""
    answer = call.inner()
    _young(call).pop(call.parameters["AlarmName"], None)
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
