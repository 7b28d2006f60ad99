"""What services publish: CloudWatch GetMetricData of the namespaces AWS/Usage ("Amazon CloudWatch User Guide", AWS usage
metrics) and AWS/SQS (see `queues`); and the system tags of subnets that a stack made."""

from __future__ import annotations

from datetime import datetime, timezone

from moto.cloudwatch.models import Dimension

from ..cloudformation.model import stacks
from ..internal import call as internal_call
from ..operations import Answer, Call, operation
from . import queues

# moto compares the value of one with the name of the other, so that the same two dimensions differ by their order.
Dimension.__lt__ = lambda one, other: (one.name, one.value) < (other.name, other.value)  # type: ignore[method-assign]

_COUNTED = {
    "ApplicationLoadBalancersPerRegion": ("DescribeLoadBalancers", "LoadBalancers"),
    "TargetGroupsPerRegion": ("DescribeTargetGroups", "TargetGroups"),
}


@operation("cloudwatch", "GetMetricData")
def get_metric_data(call: Call) -> Answer:
    """AWS/Usage and AWS/SQS count what is there; every other metric is what was put."""
    queries = call.get("MetricDataQueries", [])
    usage = [q for q in queries if q.get("MetricStat", {}).get("Metric", {}).get("Namespace") in ("AWS/Usage", "AWS/SQS")]
    if not usage:
        return call.inner()
    others = [query for query in queries if query not in usage]
    answer = call.inner("GetMetricData", **(call.parameters | {"MetricDataQueries": others})) if others else {}
    results = list(answer.get("MetricDataResults", []))
    for query in usage:
        metric = query["MetricStat"]["Metric"]
        dimensions = {d["Name"]: d["Value"] for d in metric.get("Dimensions", [])}
        counted = _COUNTED.get(dimensions.get("Resource", ""))
        values: list[float] = []
        if metric["Namespace"] == "AWS/SQS":
            values = queues.published(call.account, call.region, metric["MetricName"], dimensions)
        if counted:
            listing, member = counted
            values = [float(len(internal_call(call.account, call.region, "elbv2", listing)[member]))]
        results.append({"Id": query["Id"], "Label": dimensions.get("Resource", metric["MetricName"]), "StatusCode": "Complete",
                        "Values": values, "Timestamps": [datetime.now(timezone.utc)] * len(values)})
    return {"MetricDataResults": results}


@operation("ec2", "DescribeSubnets")
def describe_subnets(call: Call) -> Answer:
    """Subnets with the tags that CloudFormation gives to what it makes ("Resource tags")."""
    answer = call.inner()
    made = {
        item.made.id: (stack, item.logical)
        for stack in list(stacks(call.account, call.region).by_id.values()) if stack.status != "DELETE_COMPLETE"
        for item in list(stack.resources.values()) if item.type == "AWS::EC2::Subnet"
    }
    for subnet in answer.get("Subnets", []):
        if subnet["SubnetId"] in made:
            stack, logical = made[subnet["SubnetId"]]
            system = {"stack-name": stack.name, "stack-id": stack.id, "logical-id": logical}
            named = [{"Key": f"aws:cloudformation:{key}", "Value": value} for key, value in system.items()]
            subnet["Tags"] = [*subnet.get("Tags", []), *named]
    return answer
