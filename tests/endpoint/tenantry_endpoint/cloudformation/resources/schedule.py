"""Types of EventBridge and EventBridge Scheduler through their APIs."""

from __future__ import annotations

import json
from typing import Any

from ...errors import AwsError
from ...identity import Role, is_enforced
from .kind import Kind, Made, Place, Properties, Simple, is_gone, retag


class Schedule(Simple):
    """AWS::Scheduler::Schedule. The role of its target must trust the service ("Setting up Amazon EventBridge Scheduler",
    EventBridge Scheduler User Guide)."""

    def _need_trust(self, properties: Properties) -> None:
        arn = (properties.get("Target") or {}).get("RoleArn")
        if arn and is_enforced() and not Role(arn).trusts("scheduler.amazonaws.com"):
            raise AwsError("ValidationException", "The execution role you provide must allow AWS EventBridge Scheduler to "
                           "assume the role.")

    def create(self, place: Place, properties: Properties) -> Made:
        self._need_trust(properties)
        made = super().create(place, properties)
        made.attributes["Arn"] = made.attributes["_answer"]["ScheduleArn"]
        return made

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        self._need_trust(new)
        return super().update(place, made, old, new)


class Rule(Kind):
    """AWS::Events::Rule: the rule and its targets are two calls."""

    def _put(self, place: Place, name: str, properties: Properties) -> Made:
        pattern = properties.get("EventPattern")
        given = {key: properties[key] for key in ("Description", "EventBusName", "RoleArn", "ScheduleExpression", "State")
                 if key in properties}
        arn = place.call("events", "PutRule", Name=name, **given,
                         EventPattern=json.dumps(pattern) if isinstance(pattern, dict) else pattern)["RuleArn"]
        if properties.get("Targets"):
            told = place.call("events", "PutTargets", Rule=name, EventBusName=properties.get("EventBusName"),
                              Targets=properties["Targets"])
            if told.get("FailedEntryCount"):
                raise AwsError("ValidationException", str(told["FailedEntries"][0].get("ErrorMessage")))
        return Made(name, {"Arn": arn})

    def create(self, place: Place, properties: Properties) -> Made:
        return self._put(place, properties.get("Name") or place.name(64), properties)

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        gone = sorted({row["Id"] for row in old.get("Targets") or []} - {row["Id"] for row in new.get("Targets") or []})
        if gone:
            place.call("events", "RemoveTargets", Rule=made.id, EventBusName=old.get("EventBusName"), Ids=gone)
        again = self._put(place, made.id, new)
        if old.get("Tags") != new.get("Tags"):
            retag(place, again, "events", old, new)
        return again

    def _targets(self, place: Place, made: Made, properties: Properties) -> list[Any]:
        return list(place.call("events", "ListTargetsByRule", Rule=made.id,
                               EventBusName=properties.get("EventBusName"))["Targets"])

    def delete(self, place: Place, made: Made, properties: Properties) -> None:
        try:
            ids = [row["Id"] for row in self._targets(place, made, properties)]
            if ids:
                place.call("events", "RemoveTargets", Rule=made.id, EventBusName=properties.get("EventBusName"), Ids=ids)
            place.call("events", "DeleteRule", Name=made.id, EventBusName=properties.get("EventBusName"))
        except AwsError as error:
            if not is_gone(error):
                raise

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        try:
            live = place.call("events", "DescribeRule", Name=made.id, EventBusName=properties.get("EventBusName"))
            return dict(live) | {"Targets": self._targets(place, made, properties)}
        except AwsError as error:
            if is_gone(error):
                return None
            raise


class EventBus(Simple):
    """AWS::Events::EventBus: its policy is a call of its own, which replaces the one before."""

    def create(self, place: Place, properties: Properties) -> Made:
        made = super().create(place, {key: value for key, value in properties.items() if key != "Policy"})
        made.attributes |= {"Arn": made.attributes["_answer"]["EventBusArn"], "Name": made.id}
        self._allow(place, made, properties)
        return made

    def _allow(self, place: Place, made: Made, properties: Properties) -> None:
        policy = properties.get("Policy")
        if policy:
            place.call("events", "PutPermission", EventBusName=made.id,
                       Policy=policy if isinstance(policy, str) else json.dumps(policy))

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        if old.get("Policy"):
            place.call("events", "RemovePermission", EventBusName=made.id, RemoveAllPermissions=True)
        self._allow(place, made, new)
        if old.get("Tags") != new.get("Tags"):
            retag(place, made, "events", old, new)
        return made


def _destination_made(place: Place, made: Made, properties: Properties) -> None:
    answer = made.attributes["_answer"]
    made.attributes["Arn"] = answer.get("ApiDestinationArn") or answer.get("ConnectionArn")


KINDS: dict[str, Kind] = {
    "AWS::Events::EventBus": EventBus("events", "CreateEventBus", "$Name", "DeleteEventBus Name", "",
                                      "DescribeEventBus Name", name="Name"),
    "AWS::Events::Connection": Simple("events", "CreateConnection", "$Name", "DeleteConnection Name", "UpdateConnection Name",
                                      "DescribeConnection Name", name="Name", after=_destination_made),
    "AWS::Events::ApiDestination": Simple("events", "CreateApiDestination", "$Name", "DeleteApiDestination Name",
                                          "UpdateApiDestination Name", "DescribeApiDestination Name", name="Name",
                                          after=_destination_made),
    "AWS::Scheduler::Schedule": Schedule(
        "scheduler", "CreateSchedule", "$Name", "DeleteSchedule Name GroupName=$GroupName", "UpdateSchedule Name",
        "GetSchedule Name GroupName=$GroupName", name="Name"),
    "AWS::Events::Rule": Rule(),
}
