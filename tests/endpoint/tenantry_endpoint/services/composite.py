"""CloudWatch: composite alarms, whose state is what their rule says of other alarms ("Creating a composite alarm",
CloudWatch User Guide; PutCompositeAlarm, API Reference, has the grammar of rules).
"""

from __future__ import annotations

import operator
import re
from typing import Callable, Iterator

from ..errors import AwsError
from ..operations import Answer, Call, operation
from ..state import store


class Composites:
    """Composite alarms by name: what made each, with its ARN."""

    def __init__(self) -> None:
        self.by_name: dict[str, Answer] = {}


def composites(call: Call) -> dict[str, Answer]:
    """Those of an account and Region."""
    return store(Composites, call.account, call.region).by_name


_TOKEN = re.compile(r'\s*(?:(ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"([^"]+)"|([^\s")]+))\s*\)|(AND|OR|NOT|TRUE|FALSE|[()]))')


def alarms_of(rule: str) -> list[str]:
    """Names of the alarms that a rule asks about; an ARN stands for its name."""
    return [(quoted or bare).rsplit(":", 1)[-1] for state, quoted, bare, _ in _TOKEN.findall(rule) if state]


def holds(rule: str, states: dict[str, str]) -> bool:
    """Whether a rule holds. AND binds more than OR, NOT more than both."""
    tokens = list(_tokens(rule))

    def value() -> bool:
        token = tokens.pop(0) if tokens else ("", "")
        if token == ("", "NOT"):
            return not value()
        if token == ("", "("):
            inside = either()
            if not tokens or tokens.pop(0) != ("", ")"):
                raise _invalid(rule)
            return inside
        if token[1] in ("TRUE", "FALSE") and not token[0]:
            return token[1] == "TRUE"
        if not token[0]:
            raise _invalid(rule)
        return states.get(token[1]) == token[0]

    def chain(word: str, part: Callable[[], bool], join: Callable[[bool, bool], bool]) -> bool:
        result = part()
        while tokens and tokens[0] == ("", word):
            tokens.pop(0)
            result = join(result, part())
        return result

    def either() -> bool:
        return chain("OR", lambda: chain("AND", value, operator.and_), operator.or_)

    result = either()
    if tokens:
        raise _invalid(rule)
    return result


def _tokens(rule: str) -> Iterator[tuple[str, str]]:
    at = 0
    while rule[at:].strip():
        found = _TOKEN.match(rule, at)
        if found is None:
            raise _invalid(rule)
        state, quoted, bare, word = found.groups()
        yield (state, (quoted or bare).rsplit(":", 1)[-1]) if state else ("", word)
        at = found.end()


def _invalid(rule: str) -> AwsError:
    return AwsError("ValidationError", f"AlarmRule must not be invalid: {rule}")


@operation("cloudwatch", "PutCompositeAlarm")
def put_composite_alarm(call: Call) -> Answer:
    """CloudWatch: PutCompositeAlarm. Every alarm that the rule names must exist."""
    name, rule = call.parameters["AlarmName"], call.parameters["AlarmRule"]
    holds(rule, {})
    known = composites(call)
    asked = [one for one in alarms_of(rule) if one not in known]
    found = {one["AlarmName"] for one in call.inner("DescribeAlarms", AlarmNames=asked)["MetricAlarms"]} if asked else set()
    if missing := [one for one in asked if one not in found]:
        raise AwsError("ValidationError", f"Could not save the composite alarm as alarms [{', '.join(missing)}] in the alarm rule do "
                                          "not exist")
    arn = f"arn:{call.partition}:cloudwatch:{call.region}:{call.account}:alarm:{name}"
    known[name] = dict(call.parameters) | {"AlarmArn": arn}
    return {}


@operation("cloudwatch", "DescribeAlarms")
def describe_alarms(call: Call) -> Answer:
    """CloudWatch: DescribeAlarms. Without AlarmTypes, "only metric alarms are returned"."""
    answer, names = call.inner(), call.get("AlarmNames")
    if "CompositeAlarm" in (call.get("AlarmTypes") or []):
        prefix = call.get("AlarmNamePrefix") or ""
        answer["CompositeAlarms"] = [dict(alarm) for name, alarm in composites(call).items()
                                     if (not names or name in names) and name.startswith(prefix)]
    return answer


@operation("cloudwatch", "DeleteAlarms")
def delete_alarms(call: Call) -> Answer:
    """CloudWatch: DeleteAlarms."""
    rest = [name for name in call.parameters["AlarmNames"] if composites(call).pop(name, None) is None]
    return call.inner(None, AlarmNames=rest) if rest else {}
