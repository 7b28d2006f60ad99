"""SNS: subscriptions that nobody has confirmed.

A subscription of an endpoint that is no resource of AWS is pending until its owner confirms it with the token that SNS sends
to it; until then it has no ARN in lists and hears nothing ("Subscribe" and "ConfirmSubscription", Amazon SNS API Reference).
moto confirms all of them. Here an HTTPS endpoint confirms at once, as on-call services do, but for hosts that begin with
`unconfirmed.`; e-mail and HTTP wait for somebody.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlparse

from moto.sns.models import Subscription, sns_backends

from ..errors import AwsError
from ..operations import Answer, Call, operation
from ..state import store

PENDING = "PendingConfirmation"


class Pending:
    """ARNs of subscriptions that wait, with their tokens."""

    def __init__(self) -> None:
        self.tokens: dict[str, str] = {}


def _waiting(call: Call) -> dict[str, str]:
    return store(Pending, call.account, call.region).tokens


def waits(protocol: str, endpoint: str) -> bool:
    """Whether a subscription is confirmed by nobody but its owner."""
    if protocol == "https":
        return (urlparse(endpoint).hostname or "").startswith("unconfirmed.")
    return protocol in ("email", "email-json", "http")


_publish = Subscription.publish


def _publish_to_confirmed(subscription: Subscription, *given: Any, **more: Any) -> None:
    """What is published, for those who confirmed."""
    if not subscription.attributes.get(PENDING):
        _publish(subscription, *given, **more)


Subscription.publish = _publish_to_confirmed  # type: ignore[method-assign]


@operation("sns", "Subscribe")
def subscribe(call: Call) -> Answer:
    """Subscribe."""
    answer = call.inner()
    arn = answer["SubscriptionArn"]
    if not waits(call.parameters["Protocol"], str(call.get("Endpoint", ""))):
        return answer
    held = sns_backends[call.account][call.region].subscriptions[arn]
    if held.attributes.get(PENDING) is False and arn not in _waiting(call):
        held.attributes |= {PENDING: True, "ConfirmationWasAuthenticated": False}
        _waiting(call)[arn] = arn
    if call.get("ReturnSubscriptionArn"):
        return answer
    return {"SubscriptionArn": "pending confirmation" if arn in _waiting(call) else arn}


@operation("sns", "ConfirmSubscription")
def confirm_subscription(call: Call) -> Answer:
    """ConfirmSubscription: with the token that the endpoint was sent, which here is the subscription's ARN."""
    for arn, token in list(_waiting(call).items()):
        if token == call.parameters["Token"] and arn.startswith(call.parameters["TopicArn"] + ":"):
            held = sns_backends[call.account][call.region].subscriptions[arn]
            held.attributes |= {PENDING: False, "ConfirmationWasAuthenticated": False}
            del _waiting(call)[arn]
            return {"SubscriptionArn": arn}
    raise AwsError("InvalidParameter", "Invalid parameter: Token")


def _shown(call: Call) -> Answer:
    answer = call.inner()
    for row in answer.get("Subscriptions", []):
        if row["SubscriptionArn"] in _waiting(call):
            row["SubscriptionArn"] = PENDING
    return answer


@operation("sns", "ListSubscriptions")
def list_subscriptions(call: Call) -> Answer:
    """ListSubscriptions."""
    return _shown(call)


@operation("sns", "ListSubscriptionsByTopic")
def list_subscriptions_by_topic(call: Call) -> Answer:
    """ListSubscriptionsByTopic."""
    return _shown(call)
