"""Types of Lambda, ELBv2, ECS, ACM and AppConfig through their APIs."""

from __future__ import annotations

import base64
import io
import zipfile
from typing import Callable

from ...clock import pause
from ...errors import AwsError
from ...services.hosted_zones import found_or_made
from .kind import Kind, Made, Place, Properties, Simple, having, is_gone, retag


def zipped(source: str) -> str:
    """Inline code (`ZipFile`) as the zip that the Lambda API takes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("index.py", (1980, 1, 1, 0, 0, 0)), source)
    return base64.b64encode(buffer.getvalue()).decode()


def _function(place: Place, properties: Properties) -> Properties:
    given = dict(properties)
    code = dict(given.get("Code") or {})
    if "ZipFile" in code:
        code["ZipFile"] = base64.b64decode(zipped(code["ZipFile"]))
    if code:
        given["Code"] = code
    return given


class Function(Simple):
    """AWS::Lambda::Function: code, configuration and reserved concurrency are three calls."""

    def _concurrency(self, place: Place, made: Made, properties: Properties) -> None:
        reserved = properties.get("ReservedConcurrentExecutions")
        if reserved is not None:
            place.call("lambda", "PutFunctionConcurrency", FunctionName=made.id,
                       ReservedConcurrentExecutions=int(reserved))

    def create(self, place: Place, properties: Properties) -> Made:
        made = super().create(place, properties)
        made.attributes["Arn"] = made.attributes["_answer"]["FunctionArn"]
        with having(made):
            self._concurrency(place, made, properties)
            self._recursion(place, made, properties)
        return made

    def _recursion(self, place: Place, made: Made, properties: Properties) -> None:
        if "RecursiveLoop" in properties:
            place.call("lambda", "PutFunctionRecursionConfig", FunctionName=made.id,
                       RecursiveLoop=properties["RecursiveLoop"])

    def update(self, place: Place, made: Made, old: Properties, new: Properties) -> Made:
        if old.get("Code") != new.get("Code"):
            place.call("lambda", "UpdateFunctionCode", FunctionName=made.id, **_function(place, new)["Code"])
        if old.get("RecursiveLoop") != new.get("RecursiveLoop"):
            self._recursion(place, made, {"RecursiveLoop": "Terminate"} | new)
        rest = ("Code", "ReservedConcurrentExecutions", "RecursiveLoop", "Tags", "Architectures", "FunctionName", "PackageType")
        before, after = ({k: v for k, v in p.items() if k not in rest} for p in (old, new))
        if before != after:
            helper = Simple("lambda", "UpdateFunctionConfiguration", "")
            parameters = helper._parameters(place, "UpdateFunctionConfiguration", after)
            place.call("lambda", "UpdateFunctionConfiguration", **parameters | {"FunctionName": made.id})
        if old.get("ReservedConcurrentExecutions") != new.get("ReservedConcurrentExecutions"):
            if "ReservedConcurrentExecutions" in new:
                self._concurrency(place, made, new)
            else:
                place.call("lambda", "DeleteFunctionConcurrency", FunctionName=made.id)
        if old.get("Tags") != new.get("Tags"):
            retag(place, made, "lambda", old, new)
        return made


class Permission(Kind):
    """AWS::Lambda::Permission."""

    def create(self, place: Place, properties: Properties) -> Made:
        ident = f"{place.stack}-{place.logical}-{place.suffix}"
        place.call("lambda", "AddPermission", StatementId=ident, **properties)
        return Made(ident, {"Id": ident})

    def delete(self, place: Place, made: Made, properties: Properties) -> None:
        try:
            place.call("lambda", "RemovePermission", FunctionName=properties["FunctionName"], StatementId=made.id)
        except AwsError as error:
            if not is_gone(error):
                raise

    def read(self, place: Place, made: Made, properties: Properties) -> Properties | None:
        import json

        try:
            text = place.call("lambda", "GetPolicy", FunctionName=properties["FunctionName"])["Policy"]
        except AwsError as error:
            if is_gone(error):
                return None
            raise
        found = [item for item in json.loads(text)["Statement"] if item["Sid"] == made.id]
        return {"Action": found[0]["Action"]} if found else None


def _load_balancer_after(place: Place, made: Made, properties: Properties) -> None:
    attributes = properties.get("LoadBalancerAttributes")
    if attributes:
        place.call("elbv2", "ModifyLoadBalancerAttributes", LoadBalancerArn=made.id, Attributes=[
            {"Key": item["Key"], "Value": str(item["Value"]).lower()} for item in attributes])
    made.attributes["LoadBalancerFullName"] = made.id.split(":loadbalancer/", 1)[1]


def _target_group_after(place: Place, made: Made, properties: Properties) -> None:
    if properties.get("TargetGroupAttributes"):
        place.call("elbv2", "ModifyTargetGroupAttributes", TargetGroupArn=made.id, Attributes=[
            {"Key": item["Key"], "Value": str(item["Value"]).lower()} for item in properties["TargetGroupAttributes"]])
    if properties.get("Targets"):
        place.call("elbv2", "RegisterTargets", TargetGroupArn=made.id, Targets=properties["Targets"])
    made.attributes["TargetGroupFullName"] = made.id.rsplit(":", 1)[1]


def _validate(place: Place, made: Made, properties: Properties) -> None:
    """The validation records, in the zones that `DomainValidationOptions` name, as CloudFormation lays them."""
    zones = {item["DomainName"]: item["HostedZoneId"] for item in properties.get("DomainValidationOptions") or []
             if "HostedZoneId" in item}
    if not zones:
        return
    told = place.call("acm", "DescribeCertificate", CertificateArn=made.id)["Certificate"]["DomainValidationOptions"]
    for option in told:
        zone, record = zones.get(option["DomainName"]), option.get("ResourceRecord")
        if zone and record:
            place.call("route53", "ChangeResourceRecordSets",
                       HostedZoneId=found_or_made(place.account, place.region, zone, option["DomainName"]),
                       ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": {
                           "Name": record["Name"], "Type": record["Type"], "TTL": 300,
                           "ResourceRecords": [{"Value": record["Value"]}]}}]})


def _domain(place: Place, properties: Properties) -> Properties:
    return {key: value for key, value in properties.items() if key != "DomainValidationOptions"}


def _arn(form: str) -> Callable[[Place, Made, Properties], None]:
    """An AppConfig type's ARN by its form, for its tags."""
    def after(place: Place, made: Made, properties: Properties) -> None:
        path = form.format(id=made.id, **{"ApplicationId": "", **properties})
        made.attributes["Arn"] = f"arn:{place.partition}:appconfig:{place.region}:{place.account}:{path}"
    return after


def _delivered(place: Place, made: Made, properties: Properties) -> None:
    """Wait until AppConfig has ended the deployment; one that it rolled back fails the resource."""
    while True:
        told = place.call("appconfig", "GetDeployment", ApplicationId=properties["ApplicationId"],
                          EnvironmentId=properties["EnvironmentId"], DeploymentNumber=int(made.id))
        if told["State"] == "COMPLETE":
            return
        if told["State"] not in ("DEPLOYING", "BAKING"):
            raise AwsError("NotStabilized", f"the deployment of the configuration is {told['State']}")
        pause()


APPLICATION = "ApplicationId=$ApplicationId"
PROFILE = f"{APPLICATION} ConfigurationProfileId=$ConfigurationProfileId"

KINDS: dict[str, Kind] = {
    "AWS::Lambda::Function": Function(
        "lambda", "CreateFunction", "FunctionName", "DeleteFunction FunctionName", "",
        "GetFunctionConfiguration FunctionName", name="FunctionName", before=_function,
        drop=("ReservedConcurrentExecutions", "RecursiveLoop")),
    "AWS::Lambda::Permission": Permission(),
    "AWS::Lambda::EventSourceMapping": Simple(
        "lambda", "CreateEventSourceMapping", "UUID", "DeleteEventSourceMapping UUID", "UpdateEventSourceMapping UUID",
        "GetEventSourceMapping UUID"),
    "AWS::Lambda::EventInvokeConfig": Simple(
        "lambda", "PutFunctionEventInvokeConfig", "$FunctionName",
        "DeleteFunctionEventInvokeConfig FunctionName Qualifier=$Qualifier",
        "PutFunctionEventInvokeConfig FunctionName", "GetFunctionEventInvokeConfig FunctionName"),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": Simple(
        "elbv2", "CreateLoadBalancer", "LoadBalancers[0].LoadBalancerArn", "DeleteLoadBalancer LoadBalancerArn",
        "SetSecurityGroups LoadBalancerArn",
        "DescribeLoadBalancers LoadBalancerArns[] -> LoadBalancers[0]", drop=("LoadBalancerAttributes",),
        after=_load_balancer_after),
    "AWS::ElasticLoadBalancingV2::Listener": Simple(
        "elbv2", "CreateListener", "Listeners[0].ListenerArn", "DeleteListener ListenerArn",
        "ModifyListener ListenerArn", "DescribeListeners ListenerArns[] -> Listeners[0]"),
    "AWS::ElasticLoadBalancingV2::TargetGroup": Simple(
        "elbv2", "CreateTargetGroup", "TargetGroups[0].TargetGroupArn", "DeleteTargetGroup TargetGroupArn",
        "ModifyTargetGroup TargetGroupArn", "DescribeTargetGroups TargetGroupArns[] -> TargetGroups[0]",
        drop=("TargetGroupAttributes", "Targets"), after=_target_group_after),
    "AWS::ElasticLoadBalancingV2::TrustStore": Simple(
        "elbv2", "CreateTrustStore", "TrustStores[0].TrustStoreArn", "DeleteTrustStore TrustStoreArn",
        "ModifyTrustStore TrustStoreArn", "DescribeTrustStores TrustStoreArns[] -> TrustStores[0]"),
    "AWS::ElasticLoadBalancingV2::TrustStoreRevocation": Simple(
        "elbv2", "AddTrustStoreRevocations", "TrustStoreRevocations[0].RevocationId",
        "RemoveTrustStoreRevocations RevocationIds[] TrustStoreArn=$TrustStoreArn", "",
        "DescribeTrustStoreRevocations RevocationIds[] TrustStoreArn=$TrustStoreArn -> TrustStoreRevocations[0]"),
    "AWS::CertificateManager::Certificate": Simple(
        "acm", "RequestCertificate", "CertificateArn", "DeleteCertificate CertificateArn", "",
        "DescribeCertificate CertificateArn -> Certificate", before=_domain, after=_validate),
    "AWS::ECS::Cluster": Simple("ecs", "CreateCluster", "cluster.clusterName", "DeleteCluster cluster",
                                "UpdateCluster cluster", "DescribeClusters clusters[] -> clusters[0]",
                                name="ClusterName"),
    "AWS::ECS::TaskDefinition": Simple(
        "ecs", "RegisterTaskDefinition", "taskDefinition.taskDefinitionArn", "DeregisterTaskDefinition taskDefinition",
        "", "DescribeTaskDefinition taskDefinition -> taskDefinition", name="Family"),
    "AWS::ECS::Service": Simple(
        "ecs", "CreateService", "service.serviceArn", "DeleteService service cluster=$Cluster force=true",
        "UpdateService service cluster=$Cluster", "DescribeServices services[] cluster=$Cluster -> services[0]",
        name="ServiceName"),
    "AWS::AppConfig::Application": Simple("appconfig", "CreateApplication", "Id", "DeleteApplication ApplicationId",
                                          "UpdateApplication ApplicationId", "GetApplication ApplicationId",
                                          after=_arn("application/{id}")),
    "AWS::AppConfig::Environment": Simple(
        "appconfig", "CreateEnvironment", "Id", f"DeleteEnvironment EnvironmentId {APPLICATION}",
        f"UpdateEnvironment EnvironmentId {APPLICATION}", f"GetEnvironment EnvironmentId {APPLICATION}",
        after=_arn("application/{ApplicationId}/environment/{id}")),
    "AWS::AppConfig::ConfigurationProfile": Simple(
        "appconfig", "CreateConfigurationProfile", "Id",
        f"DeleteConfigurationProfile ConfigurationProfileId {APPLICATION}",
        f"UpdateConfigurationProfile ConfigurationProfileId {APPLICATION}",
        f"GetConfigurationProfile ConfigurationProfileId {APPLICATION}",
        after=_arn("application/{ApplicationId}/configurationprofile/{id}")),
    "AWS::AppConfig::HostedConfigurationVersion": Simple(
        "appconfig", "CreateHostedConfigurationVersion", "VersionNumber",
        f"DeleteHostedConfigurationVersion VersionNumber {PROFILE}", "", ""),
    "AWS::AppConfig::DeploymentStrategy": Simple(
        "appconfig", "CreateDeploymentStrategy", "Id", "DeleteDeploymentStrategy DeploymentStrategyId",
        "UpdateDeploymentStrategy DeploymentStrategyId", "GetDeploymentStrategy DeploymentStrategyId",
        after=_arn("deploymentstrategy/{id}")),
    "AWS::AppConfig::Deployment": Simple("appconfig", "StartDeployment", "DeploymentNumber", "", after=_delivered),
}
