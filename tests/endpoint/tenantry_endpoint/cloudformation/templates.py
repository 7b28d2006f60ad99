"""Templates: what a call says that a stack shall become, and the operations on templates alone."""

from __future__ import annotations

from urllib.parse import unquote, urlparse

from ..errors import AwsError
from ..internal import _invoke
from ..operations import Answer, Call, operation
from .model import Stack, Target, change_set_of, stack_of
from .resources.kind import tag_list
from .template import invalid, parameter_values, parse


def body_of(call: Call, stack: Stack | None) -> str:
    """The text of the template that a call names."""
    if call.get("UsePreviousTemplate"):
        if stack is None or stack.target is None:
            raise invalid("No previous template")
        return stack.target.body
    if call.get("TemplateBody"):
        if len(call.parameters["TemplateBody"].encode()) > 51200:
            raise invalid("1 validation error detected: Value at 'templateBody' failed to satisfy constraint: "
                          "Member must have length less than or equal to 51200")
        return str(call.parameters["TemplateBody"])
    if call.get("TemplateURL"):
        return fetch(call, call.parameters["TemplateURL"])
    raise invalid("Either Template URL or Template Body must be specified.")


def fetch(call: Call, url: str) -> str:
    """A template in a bucket."""
    parsed = urlparse(url)
    host, path = parsed.netloc.split(":")[0], unquote(parsed.path.lstrip("/"))
    bucket = host.split(".s3")[0] if ".s3" in host else ""
    key = path
    if not bucket:
        bucket, _, key = path.partition("/")
    try:
        answer = _invoke(call.account, call.region, "s3", "GetObject", {"Bucket": bucket, "Key": key}, False)
    except AwsError as error:
        raise invalid(f"S3 error: {error.message}") from None
    body = answer["Body"].read()
    if len(body) > 1_000_000:
        raise invalid("Template may not exceed 1000000 bytes in size.")
    return str(body.decode())


def target_of(call: Call, stack: Stack | None) -> Target:
    """What a call wants the stack to become; `InsufficientCapabilitiesException` without what its roles need."""
    body = body_of(call, stack)
    document = parse(body)
    previous = stack.target.parameters if stack and stack.target else {}
    values = parameter_values(document, call.get("Parameters", []), previous)
    kinds = {resource["Type"] for resource in document["Resources"].values()}
    capabilities = call.get("Capabilities", [])
    names = {"RoleName", "PolicyName", "ManagedPolicyName"}
    named = any(r["Type"].startswith("AWS::IAM::") and names & set(r.get("Properties") or {})
                and r["Type"] != "AWS::IAM::Policy" for r in document["Resources"].values())
    if kinds & {"AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"}:
        if "CAPABILITY_NAMED_IAM" not in capabilities and (named or "CAPABILITY_IAM" not in capabilities):
            need = "CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM"
            raise AwsError("InsufficientCapabilitiesException", f"Requires capabilities : [{need}]")
    tags = call.get("Tags")
    if tags is None:
        tags = stack.target.tags if stack and stack.target else []
    return Target(body, document, values, tag_list(tags), capabilities)


def parameter_rows(target: Target | None) -> list[Answer]:
    """Parameters as the service tells them."""
    values = target.parameters if target else {}
    return [{"ParameterKey": key, "ParameterValue": ",".join(value) if isinstance(value, list) else value}
            for key, value in values.items()]


@operation("cloudformation", "GetTemplate")
def get_template(call: Call) -> Answer:
    """GetTemplate; of a stack that is being made or changed, what it will be."""
    if call.get("ChangeSetName"):
        return {"TemplateBody": change_set_of(call)[1].target.body}
    stack = stack_of(call.account, call.region, call.parameters["StackName"])
    target = stack.making if stack.status in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS") else stack.target
    target = target or stack.making
    return {"TemplateBody": target.body if target else "", "StagesAvailable": ["Original", "Processed"]}


@operation("cloudformation", "ValidateTemplate")
def validate_template(call: Call) -> Answer:
    """ValidateTemplate: the form only."""
    document = parse(body_of(call, None))
    rows = [{"ParameterKey": name, "NoEcho": False} for name in document.get("Parameters") or {}]
    return {"Parameters": rows, "Description": document.get("Description", "")}
