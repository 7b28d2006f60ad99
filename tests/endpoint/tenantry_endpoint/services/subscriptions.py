"""Subscription filters to a CloudWatch Logs destination of another account ("Cross-account cross-Region subscriptions",
CloudWatch Logs User Guide): moto takes the ARN of such a destination for a log group."""

from __future__ import annotations

from typing import Any

from moto.firehose.models import firehose_backends
from moto.logs.models import LogStream, logs_backends

from ..errors import AwsError
from ..operations import Answer, Call, operation


@operation("logs", "PutSubscriptionFilter")
def put_subscription_filter(call: Call) -> Answer:
    """Logs: PutSubscriptionFilter; a destination must exist, else AWS's own refusal."""
    arn = str(call.parameters["destinationArn"])
    if ":destination:" not in arn:
        return call.inner()
    region, account = arn.split(":")[3:5]
    if arn not in logs_backends[account][region].destinations:
        raise AwsError("InvalidParameterException", "Could not deliver test message to specified destination. Check if "
                       "the destination is valid.")
    group = logs_backends[call.account][call.region].groups.get(call.parameters["logGroupName"])
    if group is None:
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
    group.put_subscription_filter(call.parameters["filterName"], call.parameters["filterPattern"], arn,
                                  call.get("roleArn", ""))
    return {}


_send = LogStream._send_log_events


def _send_on(stream: LogStream, service: str, destination_arn: str, filter_name: str, log_events: list[Any]) -> None:
    """What a log group takes in, on to the delivery stream behind a destination."""
    if ":destination:" not in destination_arn:
        _send(stream, service, destination_arn, filter_name, log_events)
        return
    region, account = destination_arn.split(":")[3:5]
    found = logs_backends[account][region].destinations.get(destination_arn)
    if found is not None and ":firehose:" in found.target_arn:
        region, account = found.target_arn.split(":")[3:5]
        firehose_backends[account][region].send_log_event(found.target_arn, filter_name, stream.log_group.name,
                                                          stream.log_stream_name, log_events)


LogStream._send_log_events = _send_on  # type: ignore[method-assign]
