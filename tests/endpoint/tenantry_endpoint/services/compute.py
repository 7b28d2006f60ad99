"""ECS and Elastic Load Balancing: the interfaces of tasks and load balancers, and sizes of tasks.

A task of a service in a VPC has one interface ("Amazon ECS task networking options for Fargate"), a load balancer one or more
in each subnet ("Subnets for your load balancer", Application Load Balancers guide). Fargate takes certain pairs of CPU and
memory only ("Troubleshoot Amazon ECS task definition invalid CPU or memory errors", Amazon ECS Developer Guide).
"""

from __future__ import annotations

from ..errors import AwsError
from ..operations import Answer, Call, operation
from ..state import store
from .interfaces import hold, release

TASKS, BALANCERS = "amazon-ecs", "amazon-elb"

#: CPU units → MiB of memory that Fargate has with them.
MEMORY = {256: {512, 1024, 2048}, 512: set(range(1024, 4097, 1024)), 1024: set(range(2048, 8193, 1024)),
          2048: set(range(4096, 16385, 1024)), 4096: set(range(8192, 30721, 1024)),
          8192: set(range(16384, 61441, 4096)), 16384: set(range(32768, 122881, 8192))}


@operation("ecs", "RegisterTaskDefinition")
def register_task_definition(call: Call) -> Answer:
    """RegisterTaskDefinition: a size that Fargate has."""
    if "FARGATE" in (call.get("requiresCompatibilities") or []):
        cpu, memory = str(call.get("cpu", "")), str(call.get("memory", ""))
        if cpu.isdigit() and memory.isdigit() and int(memory) not in MEMORY.get(int(cpu), ()):
            raise AwsError("ClientException", "No Fargate configuration exists for given values: "
                           f"{cpu} CPU, {memory} memory.")
    return call.inner()


def _run(call: Call, told: Answer) -> None:
    where = (told.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    if where.get("subnets"):
        hold(call, TASKS, told["serviceArn"], where["subnets"], where.get("securityGroups") or [],
             int(told.get("desiredCount", 0)), f"task of {told['serviceName']}")


@operation("ecs", "CreateService")
def create_service(call: Call) -> Answer:
    """CreateService."""
    answer = call.inner()
    _run(call, answer["service"])
    return answer


class Commands:
    """The services of an account and Region in whose containers commands can be run, by ARN; moto forgets it."""

    def __init__(self) -> None:
        self.allowed: dict[str, bool] = {}


@operation("ecs", "UpdateService")
def update_service(call: Call) -> Answer:
    """UpdateService."""
    answer = call.inner()
    _run(call, answer["service"])
    if "enableExecuteCommand" in call.parameters:
        allowed = store(Commands, call.account, call.region).allowed
        allowed[answer["service"]["serviceArn"]] = bool(call.parameters["enableExecuteCommand"])
    return answer


@operation("ecs", "DescribeServices")
def describe_services(call: Call) -> Answer:
    """DescribeServices."""
    answer = call.inner()
    allowed = store(Commands, call.account, call.region).allowed
    for service in answer["services"]:
        service["enableExecuteCommand"] = allowed.get(service["serviceArn"], False)
    return answer


@operation("ecs", "DeleteService")
def delete_service(call: Call) -> Answer:
    """DeleteService."""
    answer = call.inner()
    release(call, TASKS, answer["service"]["serviceArn"])
    return answer


@operation("elbv2", "CreateLoadBalancer")
def create_load_balancer(call: Call) -> Answer:
    """CreateLoadBalancer."""
    answer = call.inner()
    for told in answer["LoadBalancers"]:
        subnets = [row["SubnetId"] for row in told.get("AvailabilityZones") or []]
        if subnets:
            hold(call, BALANCERS, told["LoadBalancerArn"], subnets, told.get("SecurityGroups") or [], len(subnets),
                 f"ELB {told['LoadBalancerArn'].split(':loadbalancer/')[-1]}")
    return answer


@operation("elbv2", "DeleteLoadBalancer")
def delete_load_balancer(call: Call) -> Answer:
    """DeleteLoadBalancer."""
    answer = call.inner()
    release(call, BALANCERS, call.parameters["LoadBalancerArn"])
    return answer
