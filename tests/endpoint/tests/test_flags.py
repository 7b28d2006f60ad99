"""AppConfig: documents of feature flags and their deployments."""

from __future__ import annotations

import json
from typing import Any, Callable

import pytest
from botocore.exceptions import ClientError

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


def test_deployments_are_listed_newest_first(client: Client, ids: dict[str, str]) -> None:
    config = client("appconfig")
    environment = config.create_environment(ApplicationId=ids["ApplicationId"], Name="tenant")["Id"]
    place = {"ApplicationId": ids["ApplicationId"], "EnvironmentId": environment}
    for _ in range(2):
        number = version(client, ids, GOOD)["VersionNumber"]
        config.start_deployment(**place, ConfigurationProfileId=ids["ConfigurationProfileId"],
                                ConfigurationVersion=str(number), DeploymentStrategyId="AppConfig.AllAtOnce")
    listed = config.list_deployments(**place)["Items"]
    assert [(one["DeploymentNumber"], one["ConfigurationVersion"], one["State"]) for one in listed] == [
        (2, "2", "COMPLETE"), (1, "1", "COMPLETE")]
    assert config.get_deployment(**place, DeploymentNumber=1)["ConfigurationVersion"] == "1"
    with pytest.raises(ClientError, match="ConflictException"):
        config.start_deployment(**place, ConfigurationProfileId=ids["ConfigurationProfileId"], ConfigurationVersion="1",
                                DeploymentStrategyId="AppConfig.AllAtOnce", LatestDeploymentNumber=1)
