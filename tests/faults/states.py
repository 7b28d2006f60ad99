"""Puts stacks into statuses by the operations of other hands; arguments: the endpoint's URL, and cases as JSON: stack,
status, cause."""

import json
import sys
import time
import urllib.request

import boto3

URL, CASES = sys.argv[1], json.loads(sys.argv[2])
MODEL = CASES["model"]


def client(name):
    return boto3.client(name, endpoint_url=URL, region_name="eu-west-1", aws_access_key_id="test",
                        aws_secret_access_key="test")


cfn, sqs = client("cloudformation"), client("sqs")
BODY = json.dumps(cfn.get_template(StackName=MODEL)["TemplateBody"])
TAGS = cfn.describe_stacks(StackName=MODEL)["Stacks"][0]["Tags"]
TENANT = MODEL.split("-", 1)[1]

#: What fails, by status: (phase, resource), as often as it takes.
FAILS = {
    "CREATE_FAILED": [("create", "Second")], "ROLLBACK_IN_PROGRESS": [("create", "Second")],
    "ROLLBACK_COMPLETE": [("create", "Second")], "ROLLBACK_FAILED": [("create", "Second"), ("delete", "Alert")],
    "UPDATE_FAILED": [("update", "Second")], "UPDATE_ROLLBACK_IN_PROGRESS": [("update", "Second")],
    "UPDATE_ROLLBACK_COMPLETE": [("update", "Second")],
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": [("update", "Second")],
    "UPDATE_ROLLBACK_FAILED": [("update", "Second"), ("rollback", "First")],
    "IMPORT_ROLLBACK_IN_PROGRESS": [("import", "More")], "IMPORT_ROLLBACK_COMPLETE": [("import", "More")],
    "IMPORT_ROLLBACK_FAILED": [("import", "More"), ("import-rollback", "Kept")], "DELETE_FAILED": [("delete", "Alert")],
}


def rules():
    """Each failure once, where the cause persists the last one for ever; what is in progress is held."""
    found = []
    for stack, status, cause in CASES["cases"]:
        failing = FAILS.get(status, [])
        for phase, logical in failing:
            forever = cause == "persists" and (phase, logical) == failing[-1]
            found.append({"kind": "resource", "stack": stack, "phase": phase, "logical": logical,
                          "times": 1000 if forever else 1})
        if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
            found.append({"kind": "hold", "stack": stack, "status": status})
    data = json.dumps(found).encode()
    urllib.request.urlopen(urllib.request.Request(f"{URL}/_tenantry/faults", data=data, method="POST"))


OWN = {}


def of(stack):
    """Template and tags of a stack; of one that does not exist, those of the model for another tenant."""
    if stack in OWN:
        return OWN[stack]
    tenant = stack.split("-", 1)[1]
    return BODY.replace(TENANT, tenant), [
        tag | {"Value": tag["Value"].replace(TENANT, tenant)} for tag in TAGS]


def changed(stack, logicals=("First", "Second")):
    document = json.loads(of(stack)[0])
    for logical in logicals:
        document["Resources"][logical]["Properties"]["Value"] += "0"
    return json.dumps(document)


def imported(stack):
    """A change set that imports what is left of a deleted stack."""
    queues = {}
    for logical in ("Kept", "More"):
        queues[logical] = sqs.get_queue_url(QueueName=f"{stack}-{logical.lower()}")["QueueUrl"]
    document = json.loads(of(stack)[0])
    resources = {key: value | {"DependsOn": []} for key, value in document["Resources"].items() if key in queues}
    resources["More"]["DependsOn"] = ["Kept"]
    made = cfn.create_change_set(
        StackName=stack, ChangeSetName="by-hand", ChangeSetType="IMPORT", TemplateBody=json.dumps({"Resources": resources}),
        Tags=of(stack)[1], Capabilities=["CAPABILITY_NAMED_IAM"], ResourcesToImport=[
            {"ResourceType": "AWS::SQS::Queue", "LogicalResourceId": logical, "ResourceIdentifier": {"QueueUrl": url}}
            for logical, url in queues.items()])
    cfn.execute_change_set(ChangeSetName=made["Id"])


def status_of(stack):
    found = cfn.describe_stacks(StackName=stack)["Stacks"]
    return found[0]["StackStatus"], found[0]["StackId"]


def settled(stack, until=None):
    for _ in range(3000):
        status = status_of(stack)[0]
        if status == until or not until and not status.endswith("_IN_PROGRESS"):
            return status
        time.sleep(0.01)
        if until and not status.endswith("_IN_PROGRESS") and status_of(stack)[0] == status:
            break
    for event in cfn.describe_stack_events(StackName=stack)["StackEvents"]:
        print(event["LogicalResourceId"], event["ResourceStatus"], event.get("ResourceStatusReason"), file=sys.stderr)
    raise AssertionError((stack, until, status_of(stack)))


def begin(stack, status, cause):
    body, tags = of(stack)
    capabilities = {"Capabilities": ["CAPABILITY_NAMED_IAM"]}
    if status == "REVIEW_IN_PROGRESS":
        cfn.create_change_set(StackName=stack, ChangeSetName="by-hand", ChangeSetType="CREATE", TemplateBody=body, Tags=tags,
                              **capabilities)
    elif status.startswith(("CREATE", "ROLLBACK")) and status != "CREATE_COMPLETE":
        cfn.create_stack(StackName=stack, TemplateBody=body, Tags=tags, DisableRollback=status == "CREATE_FAILED",
                         **capabilities)
    elif status.startswith("UPDATE") and status != "UPDATE_COMPLETE":
        express = {"DeploymentConfig": {"Mode": "EXPRESS"}} if cause.startswith("EXPRESS") else {}
        # Only what fails: every resource is as before, and a change set has nothing to do.
        alone = {"logicals": ("Second",)} if cause == "EXPRESS alone" else {}
        if status == "UPDATE_FAILED" and not express:
            express = {"DisableRollback": True}
        cfn.update_stack(StackName=stack, TemplateBody=changed(stack, **alone), Tags=tags, **capabilities, **express)
    elif status == "UPDATE_COMPLETE":
        cfn.update_stack(StackName=stack, TemplateBody=changed(stack), Tags=tags, **capabilities)
        settled(stack)
        cfn.update_stack(StackName=stack, TemplateBody=body, Tags=tags, **capabilities)
    elif status.startswith("DELETE"):
        cfn.delete_stack(StackName=stack)
    elif status.startswith("IMPORT"):
        ident = status_of(stack)[1]
        cfn.delete_stack(StackName=stack)
        settled(ident)
        imported(stack)


def absent(stack):
    """Deletes a stack that exists, and the queues that it retains."""
    cfn.update_termination_protection(StackName=stack, EnableTerminationProtection=False)
    ident = status_of(stack)[1]
    cfn.delete_stack(StackName=stack)
    settled(ident)
    for logical in ("kept", "more"):
        sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=f"{stack}-{logical}")["QueueUrl"])


idents = {}
for stack, status, cause in CASES["cases"]:
    # Of a stack that is its own model, which exists, the creation is made again.
    if stack == MODEL and status.startswith(("CREATE_FAILED", "ROLLBACK", "REVIEW")):
        absent(stack)
rules()
for stack, status, cause in CASES["cases"]:
    if status.startswith(("UPDATE", "DELETE", "IMPORT")) or status == "CREATE_COMPLETE":
        idents[stack] = status_of(stack)[1]
        OWN[stack] = (json.dumps(cfn.get_template(StackName=stack)["TemplateBody"]),
                      cfn.describe_stacks(StackName=stack)["Stacks"][0]["Tags"])
        # What is deleted was protected by nobody any more.
        if status.startswith(("DELETE", "IMPORT")):
            cfn.update_termination_protection(StackName=stack, EnableTerminationProtection=False)
    begin(stack, status, cause)
for stack, status, cause in CASES["cases"]:
    name = idents[stack] if status == "DELETE_COMPLETE" else stack
    settled(name, status)
