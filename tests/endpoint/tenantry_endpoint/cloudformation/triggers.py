"""Rollback triggers: alarms that undo an update ("Roll back your CloudFormation stack on alarm breach")."""

from __future__ import annotations

from typing import Callable

from ..internal import call
from .model import Stack
from .names import ALARMS


class Breached(Exception):
    """An alarm rings, or is missing."""


def watch(stack: Stack, pause: Callable[[], None]) -> None:
    """Look at the alarms once, and once more for each minute of the monitoring time; a minute lasts a step here."""
    triggers = [(trigger["Arn"], ALARMS[trigger["Type"]]) for trigger in stack.rollback.get("RollbackTriggers", [])]
    for look in range(1 + int(stack.rollback.get("MonitoringTimeInMinutes", 0))):
        if look:
            pause()
        for arn, kind in triggers:
            name = arn.split(":alarm:", 1)[1]
            found = call(stack.account, stack.region, "cloudwatch", "DescribeAlarms", AlarmNames=[name], AlarmTypes=[kind])
            alarms = found.get("MetricAlarms", []) + found.get("CompositeAlarms", [])
            if not alarms:
                raise Breached(f"The rollback trigger alarm {arn} does not exist")
            if alarms[0]["StateValue"] == "ALARM":
                raise Breached(f"The rollback trigger alarm {arn} went into ALARM state")
