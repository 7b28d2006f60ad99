"""Every call from outside against the policies of the role whose credentials sign it.

Credentials of no role may do everything, as an account's own administrator. The actions of operations are named as in the
Service Authorization Reference; the resource is filled into the ARN formats of policies/registry.json from the call's
parameters.
"""

from __future__ import annotations

import re
from typing import Any

from .cloudformation.model import stacks
from .cloudformation.permissions import UNKNOWN, permissions, types
from .errors import AwsError
from .identity import ADMINISTRATOR, Role, caller, decide
from .operations import Call

#: botocore's service → prefix of its actions, where the two differ.
PREFIXES = {"cloudcontrol": "cloudformation", "resourcegroupstaggingapi": "tag", "opensearch": "es",
            "elbv2": "elasticloadbalancing", "s3control": "s3", "service-quotas": "servicequotas", "appconfigdata": "appconfig"}

#: Operations whose action has another name.
ACTIONS = {
    "s3:GetBucketCors": "s3:GetBucketCORS",
    "s3:GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "s3:GetBucketReplication": "s3:GetReplicationConfiguration",
    "s3:ListBucketInventoryConfigurations": "s3:GetInventoryConfiguration",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "lambda:GetLayerVersionByArn": "lambda:GetLayerVersion",
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjects": "s3:ListBucket",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:UploadPart": "s3:PutObject",
    "s3:UploadPartCopy": "s3:PutObject",
    "s3:CompleteMultipartUpload": "s3:PutObject",
    "s3:CopyObject": "s3:PutObject",
    "s3:DeleteObjects": "s3:DeleteObject",
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "lambda:Invoke": "lambda:InvokeFunction",
}

#: Actions of calls about one version of an object ("GetObject", "DeleteObject", Amazon S3 API Reference).
OF_A_VERSION = {"s3:GetObject": "s3:GetObjectVersion", "s3:DeleteObject": "s3:DeleteObjectVersion"}

#: What no policy can refuse ("GetCallerIdentity": no permissions are required).
FREE = {"sts:GetCallerIdentity"}

#: Placeholder of an ARN format → parameters that fill it.
FILLED = {
    "BucketName": ("Bucket",), "ObjectName": ("Key",), "FunctionName": ("FunctionName",), "QueueName": ("QueueName",),
    "RoleNameWithPath": ("RoleName", "RoleArn"), "ApplicationId": ("ApplicationId", "Application"),
    "EnvironmentId": ("EnvironmentId", "Environment"), "ConfigurationProfileId": ("ConfigurationProfileId",),
    "DeploymentStrategyId": ("DeploymentStrategyId",), "KeyId": ("KeyId",), "DomainName": ("DomainName",),
    "RuleName": ("Rule", "Name"), "EventBusName": ("EventBusName", "Name"), "ConnectionName": ("Name",),
    "ApiDestinationName": ("Name",), "SecretId": ("SecretId",),
    "TopicName": ("TopicArn",), "AlarmName": ("AlarmName",), "UUID": ("UUID",), "LogGroupName": ("logGroupName",),
}


def action_of(service: str, operation: str) -> str:
    """The action of an operation."""
    action = f"{PREFIXES.get(service, service)}:{operation}"
    return ACTIONS.get(action, action)


def _stack(call: Call) -> str:
    wanted = str(call.get("StackName") or "")
    named = str(call.get("ChangeSetName") or "")
    for stack in list(stacks(call.account, call.region).by_id.values()):
        if wanted in (stack.name, stack.id) and stack.status != "DELETE_COMPLETE":
            return stack.id
        if not wanted and any(named in (made.id, made.name) for made in list(stack.change_sets.values())):
            return stack.id
    if wanted.startswith("arn:"):
        return wanted
    return f"arn:{call.partition}:cloudformation:{call.region}:{call.account}:stack/{wanted or UNKNOWN}/*"


def resources(call: Call, action: str) -> list[str]:
    """The ARNs that an action is asked for."""
    formats = types().actions.get(action.lower())
    if not formats:
        return ["*"]
    if action.startswith("cloudformation:"):
        return [_stack(call)] if call.get("StackName") or call.get("ChangeSetName") else ["*"]
    parameters: dict[str, Any] = dict(call.parameters)
    if call.get("QueueUrl"):
        parameters["QueueName"] = str(call.get("QueueUrl")).rsplit("/", 1)[-1]
    if call.service == "secretsmanager" and call.get("SecretId") and not str(call.get("SecretId")).startswith("arn:"):
        # The ARN of a secret ends in six characters of Secrets Manager's own ("What's in a Secrets Manager secret?").
        parameters["SecretId"] = f"{call.get('SecretId')}-000000"
    if action == "events:PutEvents":
        parameters["EventBusName"] = str(call.parameters["Entries"][0].get("EventBusName") or "default")
    if call.get("AlarmNames"):
        parameters["AlarmName"] = call.parameters["AlarmNames"][0]
    known = {"Partition": call.partition, "Region": call.region, "Account": call.account}
    whole = [str(value) for value in parameters.values() if str(value).startswith("arn:")]
    asked = []
    for form in formats:
        missing = False

        def fill(found: re.Match[str]) -> str:
            nonlocal missing
            if found[1] in known:
                return known[found[1]]
            value = next((str(parameters[name]) for name in FILLED.get(found[1], ()) if parameters.get(name)), None)
            missing = missing or value is None
            return value or UNKNOWN

        arn = re.sub(r"\$\{([^}]*)\}", fill, form)
        shape = re.compile(re.sub(r"\\\$\\\{[^}]*\\\}", ".+", re.escape(form)), re.I)
        asked += [text for text in whole if shape.fullmatch(text)]
        if not missing:
            asked.append(arn)
    # The most exact one: an object before its bucket.
    return sorted(asked, key=len, reverse=True)[:1] or [re.sub(r"\$\{([^}]*)\}", lambda found: known.get(found[1], UNKNOWN),
                                                               formats[0])]


def _tags(call: Call) -> dict[str, str]:
    """Tags of the EC2 resource that a call names."""
    names = ("GroupId", "NetworkAclId", "RouteTableId")
    ident = next((str(call.get(name)) for name in names if call.get(name)), "")
    ident = ident or next((str(one) for one in call.get("Resources") or []), "")
    if not ident:
        return {}
    from .internal import call_moto

    told = call_moto(call.account, call.region, "ec2", "DescribeTags",
                     {"Filters": [{"Name": "resource-id", "Values": [ident]}]})
    return {f"aws:ResourceTag/{tag['Key']}": tag["Value"] for tag in told.get("Tags", [])}


def _assumed(call: Call) -> None:
    """A role must exist, and its trust policy must take the external id. Who calls is not compared with the principal:
    the credentials of no role are those of every account's administrator here."""
    arn = str(call.parameters["RoleArn"])
    if arn.endswith(f"/{ADMINISTRATOR}"):
        return
    context = {"sts:ExternalId": call.get("ExternalId")} if call.get("ExternalId") else {}
    try:
        trust = Role(arn).trust
    except AwsError:
        trust = {}
    whoever = [{key: value for key, value in statement.items() if key != "Principal"} | {"Resource": "*"}
               for statement in trust.get("Statement", []) if "AWS" in (statement.get("Principal") or {})]
    if decide([{"Statement": whoever}], "sts:AssumeRole", arn, context) is not True:
        raise AwsError("AccessDenied", f"User: {call.caller.access_key} is not authorized to perform: sts:AssumeRole on "
                       f"resource: {arn}")


def need(call: Call) -> None:
    """Raise what the service would say if the caller's role may not do this."""
    if call.service == "sts" and call.operation == "AssumeRole":
        _assumed(call)
    role = caller(call.account, call.region, call.caller.access_key)
    action = action_of(call.service, call.operation)
    if call.get("VersionId"):
        action = OF_A_VERSION.get(action, action)
    if role is None or action in FREE:
        return
    context: dict[str, Any] = {"aws:RequestedRegion": call.region, "aws:PrincipalAccount": role.account} | role.tags
    if action.startswith("ec2:") and not call.operation.startswith("Describe"):
        context |= _tags(call)
    if action == "cloudwatch:PutMetricData":
        context["cloudwatch:namespace"] = call.get("Namespace")
    if action == "events:PutEvents":
        context["events:source"] = call.parameters["Entries"][0].get("Source")
    role.need(action, resources(call, action), context, "tenantry")
    if call.service == "cloudformation" and call.get("RoleARN"):
        role.need("iam:PassRole", [call.parameters["RoleARN"]], {"iam:PassedToService": "cloudformation.amazonaws.com"},
                  "tenantry")


def reads(call: Call, kind: str, handler: str, properties: dict[str, Any], told: list[str]) -> None:
    """Raise what a read or list handler would say: it reads as the role that is given, else as the caller."""
    given = call.get("RoleArn")
    role = Role(given) if given else caller(call.account, call.region, call.caller.access_key)
    if role is None:
        return
    for action in permissions(kind, handler, properties):
        formats = types().actions.get(action.lower())
        buckets = [str(value) for key, value in properties.items() if key.endswith("Bucket")]
        if action.startswith("s3:") and buckets and "Object" in action:
            asked = [f"arn:{call.partition}:s3:::{bucket}/{UNKNOWN}" for bucket in buckets]
        else:
            asked = [_named(form, call, told) for form in formats] if formats else ["*"]
        role.need(action, asked,
                  {"aws:PrincipalAccount": role.account,
                   "kms:ViaService": f"{kind.split('::')[1].lower()}.{call.region}.amazonaws.com"}, "tenantry")


def _named(form: str, call: Call, told: list[str]) -> str:
    whole = next((text for text in told if text.startswith("arn:") and text.split(":")[2] == form.split(":")[2]), None)
    plain = next((text.rsplit("/", 1)[-1] if text.startswith("http") else text for text in told
                  if not text.startswith("arn:")), UNKNOWN)
    known = {"Partition": call.partition, "Region": call.region, "Account": call.account}
    return whole or re.sub(r"\$\{([^}]*)\}", lambda found: known.get(found[1], plain.lstrip("/")), form)


def refusal(call: Call) -> AwsError | None:
    """The refusal of a call, or nothing."""
    try:
        need(call)
    except AwsError as error:
        return error
    return None


def hides(call: Call) -> bool:
    """Whether S3 says 403 of an object that does not exist: to a caller that may read it and not list its bucket
    ("GetObject", "HeadObject", Amazon S3 API Reference)."""
    if call.service != "s3" or call.operation not in ("GetObject", "HeadObject"):
        return False
    role = caller(call.account, call.region, call.caller.access_key)
    bucket = f"arn:{call.partition}:s3:::{call.get('Bucket')}"
    return role is not None and role.may("s3:ListBucket", bucket, {"aws:PrincipalAccount": role.account}) is not True
