"""SQS: what its metrics leave out, traces of messages, and the loops that Lambda ends.

After a message of a standard queue was received three times, ApproximateAgeOfOldestMessage goes by the next oldest that was
not ("Available CloudWatch metrics for Amazon SQS", Amazon SQS Developer Guide). A message keeps the trace that its sender
passes on, in the system attribute AWSTraceHeader ("Message system attributes"). Lambda invokes a function about 16 times out
of its own queue by one trace and no more, unless its loops are allowed: the message goes to the function's dead-letter
queue ("Use Lambda recursive loop detection to prevent infinite loops", AWS Lambda Developer Guide).
"""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime, timezone
from typing import Any

from moto.sqs.models import sqs_backends

from ..internal import call as ask
from ..operations import Answer, Call, operation
from ..state import store
from .functions import Recursion

#: Receives after which a message is left out of the age.
RECEIVES = 3
#: Invocations of a function by one trace.
HOPS = 16
TRACE = "X-Amzn-Trace-Id"


def age_of_oldest(account: str, region: str, name: str) -> float | None:
    """ApproximateAgeOfOldestMessage in seconds; None for a queue that does not exist."""
    queue = sqs_backends[account][region].queues.get(name)
    if queue is None:
        return None
    sent = [float(message.sent_timestamp) for message in list(queue._messages)
            if message.sent_timestamp and message.approximate_receive_count < RECEIVES]
    return max(0.0, time.time() - min(sent) / 1000) if sent else 0.0


def published(account: str, region: str, metric: str, dimensions: dict[str, str]) -> list[float]:
    """The latest value of a metric of AWS/SQS; nothing for a queue that does not exist, or a metric that is not counted."""
    name = dimensions.get("QueueName", "")
    queue = sqs_backends[account][region].queues.get(name)
    if queue is None:
        return []
    if metric == "ApproximateAgeOfOldestMessage":
        age = age_of_oldest(account, region, name)
        return [] if age is None else [age]
    messages = list(queue._messages)
    counted = {"ApproximateNumberOfMessagesVisible": sum(one.visible and not one.delayed for one in messages),
               "ApproximateNumberOfMessagesNotVisible": sum(not one.visible for one in messages),
               "ApproximateNumberOfMessagesDelayed": sum(bool(one.delayed) for one in messages)}
    return [float(counted[metric])] if metric in counted else []


@operation("cloudwatch", "GetMetricStatistics")
def get_metric_statistics(call: Call) -> Answer:
    """GetMetricStatistics: of queues as they are."""
    if call.get("Namespace") != "AWS/SQS":
        return call.inner()
    dimensions = {row["Name"]: row["Value"] for row in call.get("Dimensions", [])}
    values = published(call.account, call.region, call.parameters["MetricName"], dimensions)
    return {"Label": call.parameters["MetricName"], "Datapoints": [
        {"Timestamp": datetime.now(timezone.utc), "Unit": "Seconds" if "Age" in call.parameters["MetricName"] else "Count"}
        | {name: value for name in call.get("Statistics", [])} for value in values]}


@operation("sqs", "SendMessage")
def send_message(call: Call) -> Answer:
    """SendMessage: a message keeps the trace of its sender."""
    trace = call.headers.get(TRACE)
    given = call.get("MessageSystemAttributes") or {}
    if trace and "AWSTraceHeader" not in given:
        kept = {"AWSTraceHeader": {"DataType": "String", "StringValue": trace}}
        return call.inner("SendMessage", **(call.parameters | {"MessageSystemAttributes": given | kept}))
    return call.inner()


@operation("sqs", "SendMessageBatch")
def send_message_batch(call: Call) -> Answer:
    """SendMessageBatch: each message keeps the trace of their sender."""
    trace = call.headers.get(TRACE)
    if not trace:
        return call.inner()
    kept = {"AWSTraceHeader": {"DataType": "String", "StringValue": trace}}
    entries = [entry | {"MessageSystemAttributes": kept | (entry.get("MessageSystemAttributes") or {})}
               for entry in call.parameters["Entries"]]
    return call.inner("SendMessageBatch", **(call.parameters | {"Entries": entries}))


class Hops:
    """Invocations of functions by trace."""

    def __init__(self) -> None:
        self.by_trace: Counter[tuple[str, str]] = Counter()


def poll(account: str, region: str, uuid: str) -> dict[str, Any]:
    """What Lambda's poller of an event source mapping does once: the messages with which it invokes the function, and how
    many it has put into the function's dead-letter queue because they go in a circle."""
    mapping = ask(account, region, "lambda", "GetEventSourceMapping", UUID=uuid)
    name = mapping["FunctionArn"].rsplit(":", 1)[-1]
    where = mapping["EventSourceArn"].split(":")
    url = ask(account, region, "sqs", "GetQueueUrl", QueueName=where[5])["QueueUrl"]
    received = ask(account, region, "sqs", "ReceiveMessage", QueueUrl=url, AttributeNames=["All"],
                   MaxNumberOfMessages=min(int(mapping.get("BatchSize", 10)), 10), MessageAttributeNames=["All"])
    allowed = store(Recursion, account, region).by_name.get(name) == "Allow"
    hops, taken, stopped = store(Hops, account, region).by_trace, [], 0
    for message in received.get("Messages", []):
        trace = message.get("Attributes", {}).get("AWSTraceHeader", "")
        root = next((part[5:] for part in trace.split(";") if part.startswith("Root=")), "")
        if root:
            hops[name, root] += 1
        if root and hops[name, root] > HOPS and not allowed:
            _stop(account, region, name, url, message)
            stopped += 1
        else:
            taken.append(message)
    return {"function": name, "queue": url, "messages": taken, "stopped": stopped}


def _stop(account: str, region: str, name: str, url: str, message: dict[str, Any]) -> None:
    told = ask(account, region, "lambda", "GetFunctionConfiguration", FunctionName=name)
    target = (told.get("DeadLetterConfig") or {}).get("TargetArn")
    if target:
        dead = ask(account, region, "sqs", "GetQueueUrl", QueueName=target.split(":")[5])["QueueUrl"]
        ask(account, region, "sqs", "SendMessage", QueueUrl=dead, MessageBody=message["Body"])
    ask(account, region, "sqs", "DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
