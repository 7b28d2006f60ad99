"""EventBridge on the way of pages: buses, their policies, input transformers, API destinations and dead-letter queues."""

from __future__ import annotations

import json
import urllib.request
from typing import Any, Callable

import boto3

from tenantry_endpoint.services.events import transformed
from test_stacks import artifacts, fresh  # noqa: F401

Client = Callable[..., Any]


def test_an_input_transformer_puts_values_in_as_json_or_text() -> None:
    event = {"detail": {"name": "a", "said": 'it is "x"', "more": {"n": 1}}}
    target = {"InputTransformer": {
        "InputPathsMap": {"name": "$.detail.name", "said": "$.detail.said", "more": "$.detail.more", "none": "$.detail.none"},
        "InputTemplate": '{"name":"<name> fires","said":<said>,"more":<more>,"none":"<none>"}'}}
    assert json.loads(transformed(target, event)) == {
        "name": "a fires", "said": 'it is "x"', "more": {"n": 1}, "none": ""}


def test_an_event_passes_the_bus_policy_and_what_is_not_delivered_is_kept(
        client: Client, endpoint: str, fresh: None) -> None:  # noqa: F811
    def say(document: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(f"{endpoint}/_tenantry/pager", json.dumps(document).encode(), method="POST")
        return dict(json.loads(urllib.request.urlopen(request).read()))

    say({"routing_key": "S3CRET"})
    events, sqs = client("events"), client("sqs")
    key = {"ApiKeyName": "X", "ApiKeyValue": "S3CRET"}
    parameters = {"BodyParameters": [{"Key": "routing_key", "Value": "S3CRET", "IsValueSecret": True}]}
    connection = events.create_connection(Name="c", AuthorizationType="API_KEY", AuthParameters={
        "ApiKeyAuthParameters": key, "InvocationHttpParameters": parameters})["ConnectionArn"]
    shown = events.describe_connection(Name="c")["AuthParameters"]
    assert "S3CRET" not in json.dumps(shown)
    destination = events.create_api_destination(Name="d", ConnectionArn=connection, HttpMethod="POST",
                                                InvocationEndpoint="https://pager.example/v2/enqueue")["ApiDestinationArn"]
    url = sqs.create_queue(QueueName="dead")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.create_event_bus(Name="b")
    bus = events.describe_event_bus(Name="b")["Arn"]
    template = '{"event_action":"trigger","dedup_key":"<k>","payload":{"summary":"s","source":"s","severity":"critical"}}'
    events.put_rule(Name="page", EventBusName="b", EventPattern=json.dumps({"source": ["t"]}))
    events.put_targets(Rule="page", EventBusName="b", Targets=[{
        "Id": "1", "Arn": destination, "DeadLetterConfig": {"Arn": queue},
        "InputTransformer": {"InputPathsMap": {"k": "$.detail.k"}, "InputTemplate": template}}])
    events.put_rule(Name="forward", EventPattern=json.dumps({"source": ["t"]}))
    events.put_targets(Rule="forward", Targets=[{"Id": "1", "Arn": bus}])

    def put(k: str) -> None:
        entry = {"Source": "t", "DetailType": "d", "Detail": json.dumps({"k": k})}
        assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0

    put("one")
    assert [one["incident_key"] for one in say({})["incidents"]] == ["one"]
    # Another account: not before the policy of the bus lets it in.
    given = client("sts").assume_role(RoleArn="arn:aws:iam::444455556666:role/OrganizationAccountAccessRole",
                                      RoleSessionName="test")["Credentials"]
    other = boto3.client("events", region_name="eu-central-1", endpoint_url=endpoint, aws_access_key_id=given["AccessKeyId"],
                         aws_secret_access_key=given["SecretAccessKey"], aws_session_token=given["SessionToken"])
    other.put_rule(Name="forward", EventPattern=json.dumps({"source": ["t"]}))
    other.put_targets(Rule="forward", Targets=[{"Id": "1", "Arn": bus}])
    for let_in in (False, True):
        if let_in:
            events.put_permission(EventBusName="b", Action="events:PutEvents", Principal="444455556666", StatementId="s")
        other.put_events(Entries=[{"Source": "t", "DetailType": "d", "Detail": '{"k": "other"}'}])
        assert ("other" in [one["incident_key"] for one in say({})["incidents"]]) is let_in
    say({"routing_key": "another"})
    put("two")
    kept = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"][0]
    assert json.loads(kept["Body"])["detail"] == {"k": "two"}
    assert "routing_key" in kept["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]
    refused = events.put_events(Entries=[{"Source": "aws.cloudwatch", "DetailType": "d", "Detail": "{}"}])
    assert refused["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"
