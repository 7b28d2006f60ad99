"""AppConfig: documents of feature flags and their deployments."""

from __future__ import annotations

import json
from typing import Any, Callable

import pytest
from botocore.exceptions import ClientError

from test_stacks import deploy, failures, fresh  # noqa: F401

Client = Callable[..., Any]
GOOD = {"version": "1", "flags": {"a": {"name": "a"}}, "values": {"a": {"enabled": True}}}


@pytest.fixture
def ids(client: Client) -> dict[str, str]:
    config = client("appconfig")
    application = config.create_application(Name="app")["Id"]
    profile = config.create_configuration_profile(
        ApplicationId=application, Name="flags", LocationUri="hosted", Type="AWS.AppConfig.FeatureFlags")
    return {"ApplicationId": application, "ConfigurationProfileId": profile["Id"]}


def version(client: Client, ids: dict[str, str], document: Any) -> Any:
    return client("appconfig").create_hosted_configuration_version(
        **ids, Content=json.dumps(document).encode(), ContentType="application/json")


def test_a_document_comes_back_with_the_notes_of_appconfig(client: Client, ids: dict[str, str]) -> None:
    number = version(client, ids, GOOD)["VersionNumber"]
    told = client("appconfig").get_hosted_configuration_version(**ids, VersionNumber=number)
    document = json.loads(told["Content"].read())
    assert document["values"]["a"]["enabled"] is True
    assert "_updatedAt" in document["values"]["a"]


@pytest.mark.parametrize("wrong", [
    {"flags": {}},
    GOOD | {"values": {"A": {"enabled": True}}},
    GOOD | {"values": {"a": {"enabled": "yes"}}},
    GOOD | {"flags": {"a": {"name": "a", "attributes": {"v": {"constraints": {"type": "text"}}}}}},
])
def test_a_document_that_breaks_the_schema_is_refused(client: Client, ids: dict[str, str], wrong: Any) -> None:
    with pytest.raises(ClientError, match="BadRequestException"):
        version(client, ids, wrong)


@pytest.fixture
def place(client: Client, ids: dict[str, str]) -> dict[str, str]:
    environment = client("appconfig").create_environment(ApplicationId=ids["ApplicationId"], Name="tenant")["Id"]
    return {"ApplicationId": ids["ApplicationId"], "EnvironmentId": environment}


def start(client: Client, ids: dict[str, str], place: dict[str, str], strategy: str, **more: Any) -> Any:
    number = version(client, ids, GOOD)["VersionNumber"]
    return client("appconfig").start_deployment(
        **place, ConfigurationProfileId=ids["ConfigurationProfileId"], ConfigurationVersion=str(number),
        DeploymentStrategyId=strategy, **more)


def ended(client: Client, place: dict[str, str], number: int) -> str:
    while True:
        state = client("appconfig").get_deployment(**place, DeploymentNumber=number)["State"]
        if state not in ("DEPLOYING", "BAKING"):
            return str(state)


def alarm(client: Client, name: str) -> str:
    client("cloudwatch").put_metric_alarm(
        AlarmName=name, Namespace="N", MetricName="M", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1,
        ComparisonOperator="GreaterThanThreshold")
    return str(client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["AlarmArn"])


def test_deployments_are_listed_newest_first(client: Client, ids: dict[str, str], place: dict[str, str]) -> None:
    config = client("appconfig")
    for number in (1, 2):
        assert start(client, ids, place, "AppConfig.AllAtOnce")["State"] == "DEPLOYING"
        assert ended(client, place, number) == "COMPLETE"
    listed = config.list_deployments(**place)["Items"]
    assert [(one["DeploymentNumber"], one["ConfigurationVersion"], one["State"]) for one in listed] == [
        (2, "2", "COMPLETE"), (1, "1", "COMPLETE")]
    assert config.get_deployment(**place, DeploymentNumber=1)["ConfigurationVersion"] == "1"
    with pytest.raises(ClientError, match="ConflictException"):
        start(client, ids, place, "AppConfig.AllAtOnce", LatestDeploymentNumber=1)


def test_an_environment_takes_one_deployment_at_a_time(client: Client, ids: dict[str, str],
                                                       place: dict[str, str]) -> None:
    slow = client("appconfig").create_deployment_strategy(Name="slow", DeploymentDurationInMinutes=1440, GrowthFactor=10,
                                                          ReplicateTo="NONE")["Id"]
    assert start(client, ids, place, slow)["State"] == "DEPLOYING"
    with pytest.raises(ClientError, match="ConflictException"):
        start(client, ids, place, "AppConfig.AllAtOnce")
    assert ended(client, place, 1) == "COMPLETE"


def test_a_deployment_is_rolled_back_by_an_alarm_and_by_one_without_data(client: Client, ids: dict[str, str],
                                                                        place: dict[str, str]) -> None:
    watch = client("cloudwatch")
    arn = alarm(client, "monitor")
    assert watch.describe_alarms(StateValue="INSUFFICIENT_DATA")["MetricAlarms"][0]["AlarmName"] == "monitor"
    client("appconfig").update_environment(**place, Monitors=[{"AlarmArn": arn}])
    for number, state, expected in ((1, "", "ROLLED_BACK"), (2, "OK", "COMPLETE"), (3, "ALARM", "ROLLED_BACK")):
        if state:
            watch.set_alarm_state(AlarmName="monitor", StateValue=state, StateReason="test")
        start(client, ids, place, "AppConfig.AllAtOnce")
        assert ended(client, place, number) == expected
    client("appconfig").update_environment(**place, Monitors=[])
    start(client, ids, place, "AppConfig.AllAtOnce")
    assert ended(client, place, 4) == "COMPLETE"


def test_an_account_has_twenty_strategies_in_a_region(client: Client) -> None:
    config = client("appconfig")

    def make(number: int) -> None:
        config.create_deployment_strategy(Name=f"s{number}", DeploymentDurationInMinutes=0, GrowthFactor=100)

    for number in range(20):
        make(number)
    with pytest.raises(ClientError, match="20 max"):
        make(20)


GUARDED = """
Resources:
  Alarm: {Type: AWS::CloudWatch::Alarm, Properties: {AlarmName: guard, Namespace: N, MetricName: M, Statistic: Sum,
          Period: 60, EvaluationPeriods: 1, Threshold: 1, ComparisonOperator: GreaterThanThreshold}}
  App: {Type: AWS::AppConfig::Application, Properties: {Name: acme}}
  Env: {Type: AWS::AppConfig::Environment, Properties: {ApplicationId: !Ref App, Name: live,
        Monitors: [{AlarmArn: !GetAtt Alarm.Arn}]}}
  Profile: {Type: AWS::AppConfig::ConfigurationProfile, Properties: {ApplicationId: !Ref App, Name: flags,
            LocationUri: hosted, Type: AWS.AppConfig.FeatureFlags}}
  Version: {Type: AWS::AppConfig::HostedConfigurationVersion, Properties: {ApplicationId: !Ref App,
            ConfigurationProfileId: !Ref Profile, ContentType: application/json, Content: '{"version": "1"}'}}
  Domain: {Type: AWS::OpenSearchService::Domain, DependsOn: %s, Properties: {DomainName: slow-one}}
  Deployment: {Type: AWS::AppConfig::Deployment, %s Properties: {ApplicationId: !Ref App, EnvironmentId: !Ref Env,
               ConfigurationProfileId: !Ref Profile, ConfigurationVersion: !Ref Version,
               DeploymentStrategyId: AppConfig.Linear50PercentEvery30Seconds}}
"""


@pytest.mark.parametrize(("order", "status"), [
    (("Deployment", ""), "ROLLBACK_COMPLETE"), (("Alarm", "DependsOn: Domain,"), "CREATE_COMPLETE")])
def test_a_stacks_first_deployment_waits_for_its_alarm_to_have_data(client: Client, order: tuple[str, str], status: str) -> None:
    cloud = client("cloudformation")
    assert deploy(cloud, "s", GUARDED % order, "CREATE")["StackStatus"] == status, failures(cloud, "s")
    if status == "ROLLBACK_COMPLETE":
        assert "ROLLED_BACK" in failures(cloud, "s")[0]
