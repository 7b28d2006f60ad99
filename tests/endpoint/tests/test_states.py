"""Every status of a stack, reached by its own operations, and the operations that lead out of each."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import Any, Callable

import pytest
import yaml
from botocore.exceptions import ClientError

from test_stacks import change, deploy, fresh, settled  # noqa: F401

Client = Callable[..., Any]


def template(value: str) -> str:
    parameter = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}}
    queue = {"Type": "AWS::SQS::Queue", "DeletionPolicy": "Retain", "Properties": {"QueueName": "kept"}}
    return yaml.safe_dump({"Resources": {"First": parameter, "Second": parameter | {"DependsOn": "First"}, "Kept": queue}})


def rules(endpoint: str, *found: dict[str, Any]) -> None:
    data = json.dumps(list(found)).encode()
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/_tenantry/faults", data=data, method="POST"))


def fault(phase: str, logical: str, times: int = 1) -> dict[str, Any]:
    return {"kind": "resource", "phase": phase, "logical": logical, "times": times}


def held(cloud: Any, name: str, status: str) -> None:
    for _ in range(500):
        if cloud.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == status:
            return
        time.sleep(0.01)
    raise AssertionError(cloud.describe_stacks(StackName=name)["Stacks"][0])


def update(cloud: Any, **more: Any) -> str:
    cloud.update_stack(StackName="s", TemplateBody=template("2"), **more)
    return str(settled(cloud, "s")["StackStatus"])


def rows(cloud: Any) -> dict[str, str]:
    found = cloud.list_stack_resources(StackName="s")["StackResourceSummaries"]
    return {row["LogicalResourceId"]: row["ResourceStatus"] for row in found}


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS",
                                    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"])
def test_an_operation_is_held_in_a_status_until_the_rule_goes(endpoint: str, client: Client, status: str) -> None:
    cloud = client("cloudformation")
    deploy(cloud, "s", template("1"), "CREATE")
    rules(endpoint, fault("update", "Second"), {"kind": "hold", "stack": "s", "status": status})
    cloud.update_stack(StackName="s", TemplateBody=template("2"))
    held(cloud, "s", status)
    with pytest.raises(ClientError, match=status):
        cloud.update_stack(StackName="s", TemplateBody=template("3"))
    rules(endpoint)
    assert settled(cloud, "s")["StackStatus"] in ("UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")


@pytest.mark.parametrize("how", [{}, {"ResourcesToSkip": ["First"]}, {"ForceRollback": True}])
def test_a_rollback_that_failed_is_continued_or_forced(endpoint: str, client: Client, how: dict[str, Any]) -> None:
    cloud = client("cloudformation")
    deploy(cloud, "s", template("1"), "CREATE")
    rules(endpoint, fault("update", "Second"), fault("rollback", "First", 2 if how else 1))
    assert update(cloud) == "UPDATE_ROLLBACK_FAILED"
    assert rows(cloud) == {"First": "UPDATE_FAILED", "Second": "UPDATE_FAILED", "Kept": "CREATE_COMPLETE"}
    with pytest.raises(ClientError, match="cannot be skipped"):
        cloud.continue_update_rollback(StackName="s", ResourcesToSkip=["Second"])
    with pytest.raises(ClientError, match="mutually exclusive"):
        cloud.continue_update_rollback(StackName="s", ResourcesToSkip=["First"], ForceRollback=True)
    cloud.continue_update_rollback(StackName="s", **how)
    assert settled(cloud, "s")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert rows(cloud)["Second"] == "UPDATE_COMPLETE"
    value = {row["LogicalResourceId"]: row["PhysicalResourceId"]
             for row in cloud.list_stack_resources(StackName="s")["StackResourceSummaries"]}
    found = client("ssm").get_parameter(Name=value["First"])["Parameter"]["Value"]
    assert found == ("2" if how else "1"), "what was skipped stays as the update left it"
    cloud.detect_stack_drift(StackName="s")
    drifts = cloud.describe_stack_resource_drifts(StackName="s")["StackResourceDrifts"]
    told = {row["LogicalResourceId"]: row["StackResourceDriftStatus"] for row in drifts}
    assert told["First"] == ("NOT_CHECKED" if how else "IN_SYNC")
    rules(endpoint)
    assert update(cloud) == "UPDATE_COMPLETE"


def test_an_update_without_rollback_is_rolled_back_or_tried_again(endpoint: str, client: Client) -> None:
    cloud = client("cloudformation")
    deploy(cloud, "s", template("1"), "CREATE")
    rules(endpoint, fault("update", "Second"))
    assert update(cloud, DisableRollback=True) == "UPDATE_FAILED"
    with pytest.raises(ClientError, match="rollback-stack"):
        update(cloud)
    cloud.rollback_stack(StackName="s")
    assert settled(cloud, "s")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    rules(endpoint, fault("update", "Second"))
    assert update(cloud, DisableRollback=True) == "UPDATE_FAILED"
    assert update(cloud, DisableRollback=True) == "UPDATE_COMPLETE"


def test_a_failed_express_update_takes_express_only(endpoint: str, client: Client) -> None:
    cloud = client("cloudformation")
    deploy(cloud, "s", template("1"), "CREATE")
    rules(endpoint, fault("update", "Second"))
    express = {"DeploymentConfig": {"Mode": "EXPRESS"}}
    assert update(cloud, **express) == "UPDATE_FAILED"
    assert cloud.describe_stacks(StackName="s")["Stacks"][0]["DeploymentConfig"]["Mode"] == "EXPRESS"
    with pytest.raises(ClientError, match="EXPRESS"):
        cloud.rollback_stack(StackName="s")
    with pytest.raises(ClientError, match="EXPRESS"):
        change(cloud, "s", template("1"))
    assert deploy(cloud, "s", template("2"), **express)["StackStatus"] == "UPDATE_COMPLETE"
    assert deploy(cloud, "s", template("3"))["StackStatus"] == "UPDATE_COMPLETE"
    assert "DeploymentConfig" not in cloud.describe_stacks(StackName="s")["Stacks"][0]


@pytest.mark.parametrize(("faults", "status", "left"), [
    ([], "IMPORT_ROLLBACK_COMPLETE", {}),
    ([fault("import-rollback", "Kept")], "IMPORT_ROLLBACK_FAILED", {"Kept": "IMPORT_ROLLBACK_FAILED"})])
def test_an_import_that_fails_gives_back_what_it_took(
        endpoint: str, client: Client, faults: list[Any], status: str, left: dict[str, str]) -> None:
    cloud = client("cloudformation")
    queues = [client("sqs").create_queue(QueueName=name)["QueueUrl"] for name in ("kept", "more")]
    kept = yaml.safe_load(template("1"))["Resources"]["Kept"]
    more = kept | {"DependsOn": "Kept", "Properties": {"QueueName": "more"}}
    wanted = [{"ResourceType": "AWS::SQS::Queue", "LogicalResourceId": name, "ResourceIdentifier": {"QueueUrl": url}}
              for name, url in zip(("Kept", "More"), queues)]
    rules(endpoint, fault("import", "More"), *faults)
    stack = deploy(cloud, "s", yaml.safe_dump({"Resources": {"Kept": kept, "More": more}}), "IMPORT",
                   ResourcesToImport=wanted)
    assert stack["StackStatus"] == status
    assert {key: value for key, value in rows(cloud).items() if key in left or not left} == left
    cloud.delete_stack(StackName="s")
    assert settled(cloud, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE"
    assert len(client("sqs").list_queues()["QueueUrls"]) == 2


def test_a_deletion_that_failed_goes_on_without_what_is_retained(endpoint: str, client: Client) -> None:
    cloud = client("cloudformation")
    stack = deploy(cloud, "s", template("1"), "CREATE")
    rules(endpoint, fault("create", "Second"), fault("delete", "First", 9))
    deploy(cloud, "t", template("1").replace("kept", "other"), "CREATE")
    assert settled(cloud, "t")["StackStatus"] == "ROLLBACK_FAILED"
    cloud.delete_stack(StackName="s")
    assert settled(cloud, "s")["StackStatus"] == "DELETE_FAILED"
    cloud.delete_stack(StackName="s", RetainResources=["First"])
    assert settled(cloud, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE"


def test_an_alias_is_a_second_name_of_one_stack(client: Client) -> None:
    cloud = client("cloudformation")
    stack = deploy(cloud, "s", template("1"), "CREATE")
    cloud.set_alias(StackName="s", AliasName="t")
    found = cloud.describe_stacks(StackName="t")["Stacks"][0]
    assert (found["StackId"], found["StackName"], found["AliasName"]) == (stack["StackId"], "s", "t")
    assert [one["StackName"] for one in cloud.describe_stacks()["Stacks"]] == ["s"]


def test_validation_and_hooks_stop_a_change_set_only_in_fail_mode(endpoint: str, client: Client) -> None:
    cloud = client("cloudformation")
    warned = {"kind": "validation", "logical": "First", "mode": "WARN", "name": "A", "reason": "a remark"}
    skipped = warned | {"mode": "FAIL", "name": "B", "status": "SKIPPED", "reason": "the schema is unknown"}
    rules(endpoint, warned, skipped)
    shown = change(cloud, "s", template("1"), "CREATE")
    assert shown["Status"] == "CREATE_COMPLETE"
    events = cloud.describe_events(ChangeSetName=shown["ChangeSetId"])["OperationEvents"]
    assert [(one["ValidationName"], one["ValidationStatus"]) for one in events] == [("A", "FAILED"), ("B", "SKIPPED")]
    rules(endpoint, {"kind": "hook", "logical": "Kept", "name": "Org::Guard::Hook", "rule": "QUEUES_ENCRYPTED",
                     "reason": "not encrypted", "remedy": "set KmsMasterKeyId"})
    shown = change(cloud, "t", template("1"), "CREATE")
    assert (shown["Status"], shown["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    results = cloud.list_hook_results(TargetType="CHANGE_SET", TargetId=shown["ChangeSetId"])["HookResults"]
    notes = cloud.get_hook_result(HookResultId=results[0]["HookResultId"])["Annotations"]
    assert [(note["AnnotationName"], note["RemediationMessage"]) for note in notes] == [
        ("QUEUES_ENCRYPTED", "set KmsMasterKeyId")]
