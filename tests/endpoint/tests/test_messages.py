"""What SQS, SNS and Lambda do with messages that nobody takes, confirms or ends."""

from __future__ import annotations

import json
import time
import urllib.request
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Callable

import pytest
from botocore.exceptions import ClientError

from test_stacks import artifacts, fresh  # noqa: F401

Client = Callable[..., Any]
ACCOUNT = "123456789012"
ROOT = Path(__file__).parents[3]


def age(client: Client, queue: str) -> float:
    """The age of the queue's oldest message, as an alarm reads it."""
    now = datetime.now(timezone.utc)
    metric = {"Namespace": "AWS/SQS", "MetricName": "ApproximateAgeOfOldestMessage",
              "Dimensions": [{"Name": "QueueName", "Value": queue}]}
    told = client("cloudwatch").get_metric_data(
        StartTime=now - timedelta(minutes=5), EndTime=now, MetricDataQueries=[
            {"Id": "age", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}}])
    return float(told["MetricDataResults"][0]["Values"][0])


def test_a_message_received_three_times_is_left_out_of_the_age(client: Client, fresh: None) -> None:  # noqa: F811
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="old")
    time.sleep(1.2)
    first = age(client, "q")
    assert first >= 1.2
    for _ in range(2):
        sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)
    assert age(client, "q") >= first
    sqs.send_message(QueueUrl=url, MessageBody="new")
    received = sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"]
    assert [message["Body"] for message in received] == ["old"]
    assert age(client, "q") < 1.2


#: Seconds after which a function has received a message a third time: the delays between its tries.
THIRD_RECEIVE = 300 + 1800


def test_an_alarm_on_age_tells_what_was_never_received() -> None:
    """An alarm whose threshold lies beyond the third receive would wait for a message that the metric leaves out."""
    source = (ROOT / "templates/tenant/alarms.yaml.tera").read_text()
    alarm = source[source.index("RetryAgeAlarm:"):]
    alarm = alarm[:alarm.index("OKActions")]
    assert "ApproximateAgeOfOldestMessage" in alarm and 'RETRY_DELAYS_SECONDS: "300,1800,10800"' in (
        ROOT / "templates/tenant/ingest.yaml.tera").read_text()
    # What is received at all is received three times before the threshold, so only an idle function reaches it.
    assert int(alarm.split("Threshold: ")[1].split()[0]) > THIRD_RECEIVE
    assert "the function does not poll its retry queue" in alarm


def test_functions_that_feed_themselves_allow_loops_and_pass_no_trace_on() -> None:
    """What is left of an object goes through the function's own queue, more often than 16 times."""
    for name in ("ingest", "splitter"):
        template = (ROOT / f"templates/tenant/{name}.yaml.tera").read_text()
        assert "RETRY_QUEUE_URL" in template and "RecursiveLoop: Allow" in template
    sends = (ROOT / "pipeline/src/cloud/sqs.rs").read_text().split("async fn send(")[1].split("async fn")[0]
    assert "remove(TRACE)" in sends


@pytest.fixture
def subscribed(client: Client, fresh: None) -> Callable[[str, str], str]:  # noqa: F811
    topic = client("sns").create_topic(Name="pages")["TopicArn"]

    def subscribe(protocol: str, endpoint: str) -> str:
        return str(client("sns").subscribe(TopicArn=topic, Protocol=protocol, Endpoint=endpoint,
                                           ReturnSubscriptionArn=True)["SubscriptionArn"])
    return subscribe


@pytest.mark.parametrize(("protocol", "address"), [
    ("https", "https://unconfirmed.example.com/acme"), ("email", "acme@example.com"), ("http", "http://example.com/")])
def test_a_subscription_is_pending_until_its_owner_confirms_it(client: Client, subscribed: Any, protocol: str,
                                                              address: str) -> None:
    sns, arn = client("sns"), subscribed(protocol, address)
    topic = arn.rsplit(":", 1)[0]
    assert sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["PendingConfirmation"] == "true"
    assert [row["SubscriptionArn"] for row in sns.list_subscriptions()["Subscriptions"]] == ["PendingConfirmation"]
    listed = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert [row["SubscriptionArn"] for row in listed] == ["PendingConfirmation"]
    with pytest.raises(ClientError, match="InvalidParameter"):
        sns.confirm_subscription(TopicArn=topic, Token="guessed")
    assert sns.confirm_subscription(TopicArn=topic, Token=arn)["SubscriptionArn"] == arn
    assert [row["SubscriptionArn"] for row in sns.list_subscriptions()["Subscriptions"]] == [arn]


def test_an_on_call_service_confirms_at_once(client: Client, subscribed: Any) -> None:
    arn = subscribed("https", "https://pages.example.com/acme")
    assert client("sns").get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["PendingConfirmation"] == "false"


@pytest.mark.parametrize(("loops", "trace", "invoked"), [
    ("Terminate", True, 16), ("Allow", True, 20), ("Terminate", False, 20)])
def test_lambda_ends_a_loop_through_sqs_after_sixteen_invocations(
        endpoint: str, client: Client, fresh: None, loops: str, trace: bool, invoked: int) -> None:  # noqa: F811
    """A function that sends each message on to its own queue, in the trace that it was invoked with or in none."""
    artifacts(client)
    sqs, function = client("sqs"), client("lambda")
    url, dead = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("own", "dead"))
    arn = "arn:aws:sqs:eu-central-1:" + ACCOUNT
    role = client("iam").create_role(RoleName="f", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    function.create_function(FunctionName="f", Runtime="provided.al2023", Role=role, Handler="bootstrap",
                             Code={"S3Bucket": "artifacts", "S3Key": "functions/f.zip"},
                             DeadLetterConfig={"TargetArn": f"{arn}:dead"})
    function.put_function_recursion_config(FunctionName="f", RecursiveLoop=loops)
    # moto's own poller, which runs nothing and deletes what it received, is off.
    mapping = function.create_event_source_mapping(FunctionName="f", EventSourceArn=f"{arn}:own", BatchSize=1,
                                                   Enabled=False)["UUID"]
    root = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"

    def send() -> None:
        def traced(request: Any, **_: Any) -> None:
            if trace:
                request.headers["X-Amzn-Trace-Id"] = root

        own = client("sqs")
        own.meta.events.register("before-sign.sqs.SendMessage", traced)
        own.send_message(QueueUrl=url, MessageBody="again")

    body = json.dumps({"account": ACCOUNT, "region": "eu-central-1", "mapping": mapping}).encode()
    send()
    times = 0
    while times < 20:
        with urllib.request.urlopen(urllib.request.Request(f"{endpoint}/_tenantry/poll", body, method="POST")) as answer:
            polled = json.loads(answer.read())
        if not polled["messages"]:
            break
        for message in polled["messages"]:
            times += 1
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            send()
    assert times == invoked
    assert len(sqs.receive_message(QueueUrl=dead).get("Messages", [])) == (times < 20)
